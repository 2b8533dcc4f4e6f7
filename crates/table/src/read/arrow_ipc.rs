//! Arrow IPC: the file format, which has a footer, and the stream format, which has an end marker.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::{FileDecoder, StreamDecoder, read_footer_length};
use arrow::ipc::{Block, root_as_footer, root_as_message};

use super::culprit;
use super::guard::{damaged, decoded, guarded};
use super::inflation::Budget;
use super::normalize::Normalizer;
use super::source::{Content, Source, read_failed};
use super::{Batches, Opened, ReadOptions};
use crate::error::{Error, Result};

/// What begins a message, but in files of the first versions.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Length of the footer's length and the closing magic.
const TRAILER_BYTES: u64 = 10;

/// Reads the footer and prepares the batches.
pub(super) fn open_file(source: &Source, options: &ReadOptions) -> Result<Opened> {
    match source.content() {
        Content::File(path) => {
            let file = File::open(path).map_err(|e| Error::io(Path::new(source.name()), "open", e))?;
            open_seekable(BufReader::new(file), source, options)
        }
        Content::Memory(bytes) => open_seekable(Cursor::new(bytes.clone()), source, options),
    }
}

/// Reads up to the schema and prepares the batches.
pub(super) fn open_stream(source: &Source, options: &ReadOptions) -> Result<Opened> {
    let file = source.name().to_owned();
    let mut stream = Stream {
        file: file.clone(),
        input: source.reader(false)?,
        decoder: StreamDecoder::new(),
        message: Buffer::from_vec(Vec::<u8>::new()),
        n_header: 0,
        is_whole: false,
        n_rows: 0,
        budget: source.budget(),
    };
    let mut first = stream.next_batch()?;
    let Some(schema) = stream.decoder.schema() else {
        return Err(Error::malformed(format!("`{file}` is an Arrow stream without a schema"))
            .with_hint("the file is damaged or cut short; copy or write it again"));
    };
    let normalizer = Normalizer::new(&file, &schema, options)?;
    let (schema, origin) = (normalizer.schema(), normalizer.origin());
    let whole = std::iter::from_fn(move || match first.take() {
        Some(batch) => Some(Ok(batch)),
        None => stream.next_batch().transpose(),
    });
    Ok(Opened::new(schema, sliced(whole, normalizer, source.budget(), options.batch_rows), origin))
}

fn open_seekable<R: Read + Seek + Send + 'static>(
    mut input: R,
    source: &Source,
    options: &ReadOptions,
) -> Result<Opened> {
    let (file, mut budget) = (source.name(), source.budget());
    let footer = decoded(file, || read_footer(&mut input))?;
    let (schema, mut decoder) = decoded(file, || {
        let footer = root_as_footer(&footer.bytes).map_err(|e| format!("the footer is broken: {e}"))?;
        let schema = footer.schema().ok_or("the footer has no schema")?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err("its numbers have another byte order than this machine's".to_owned());
        }
        let schema = Arc::new(fb_to_schema(schema));
        let decoder = FileDecoder::new(schema.clone(), footer.version());
        Ok((schema, decoder))
    })?;
    for block in &footer.dictionaries {
        let message = read_block(file, &mut input, block, &mut budget)?;
        guarded(|| decoder.read_dictionary(block, &message)).map_err(|found| {
            let later = footer.batches.iter().map_while(|block| {
                let message = read_block(file, &mut input, block, &mut budget).ok()?;
                let (prefix, n_header) = (n_prefix(&message), block.metaDataLength() as usize);
                Some((message.slice_with_length(prefix, n_header - prefix), message.slice(n_header)))
            });
            culprit::of_arrow(file, &found, &schema, parts(&message, block), 0, later)
        })?;
    }
    let normalizer = Normalizer::new(file, &schema, options)?;
    let (kept, origin, file) = (normalizer.schema(), normalizer.origin(), file.to_owned());
    let mut n_rows = 0;
    let whole = footer.batches.into_iter().filter_map(move |block| {
        let message = match read_block(&file, &mut input, &block, &mut budget) {
            Ok(message) => message,
            Err(e) => return Some(Err(e)),
        };
        let batch = guarded(|| decoder.read_record_batch(&block, &message)).map_err(|found| {
            let parts = parts(&message, &block);
            culprit::of_arrow(&file, &found, &schema, parts, n_rows, std::iter::empty())
        });
        n_rows += batch.as_ref().ok().and_then(Option::as_ref).map_or(0, RecordBatch::num_rows);
        batch.transpose()
    });
    Ok(Opened::new(kept, sliced(whole, normalizer, source.budget(), options.batch_rows), origin))
}

/// A message's header, without what precedes it, and its body.
fn parts<'a>(message: &'a Buffer, block: &Block) -> (&'a [u8], Buffer) {
    let n_header = block.metaDataLength() as usize;
    (&message[n_prefix(message)..n_header], message.slice(n_header))
}

/// The end of a file: its schema, and where its messages are.
struct Footer {
    bytes: Vec<u8>,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
}

/// Reads the footer. What it claims will be allocated, so no claim may pass the end of the file.
fn read_footer(input: &mut (impl Read + Seek)) -> Result<Footer, String> {
    let text = |e: io::Error| e.to_string();
    let n_bytes = input.seek(SeekFrom::End(0)).map_err(text)?;
    let trailer_start = n_bytes.checked_sub(TRAILER_BYTES).ok_or("the footer is missing")?;
    let mut trailer = [0; TRAILER_BYTES as usize];
    input.seek(SeekFrom::Start(trailer_start)).map_err(text)?;
    input.read_exact(&mut trailer).map_err(text)?;
    let footer_bytes = read_footer_length(trailer).map_err(|e| e.to_string())?;
    let footer_start = trailer_start
        .checked_sub(footer_bytes as u64)
        .ok_or_else(|| format!("the footer claims {footer_bytes} bytes, the file has {n_bytes}"))?;
    let mut bytes = vec![0; footer_bytes];
    input.seek(SeekFrom::Start(footer_start)).map_err(text)?;
    input.read_exact(&mut bytes).map_err(text)?;
    let footer = root_as_footer(&bytes).map_err(|e| format!("the footer is broken: {e}"))?;
    let fits = |block: &Block| {
        let parts = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let end = parts.iter().try_fold(0_u64, |end, &part| end.checked_add(u64::try_from(part).ok()?));
        end.is_some_and(|end| end <= footer_start)
    };
    let dictionaries: Vec<Block> = footer.dictionaries().into_iter().flatten().copied().collect();
    let batches: Vec<Block> =
        footer.recordBatches().ok_or("the footer lists no batches")?.iter().copied().collect();
    match dictionaries.iter().chain(&batches).find(|block| !fits(block)) {
        Some(block) => Err(format!(
            "a batch claims {} bytes at {}, the file has {n_bytes}",
            block.bodyLength(),
            block.offset()
        )),
        None => Ok(Footer { bytes, dictionaries, batches }),
    }
}

/// Reads a message that the footer lists.
fn read_block(
    file: &str,
    input: &mut (impl Read + Seek),
    block: &Block,
    budget: &mut Budget,
) -> Result<Buffer> {
    // `read_footer` has seen that both lengths fit.
    let (n_header, n_body) = (block.metaDataLength() as usize, block.bodyLength() as usize);
    let mut message = MutableBuffer::from_len_zeroed(n_header + n_body);
    decoded(file, || {
        input.seek(SeekFrom::Start(block.offset() as u64))?;
        input.read_exact(&mut message)
    })?;
    let (header, body) = message.split_at(n_header);
    budget.take(decoded(file, || {
        claimed(header.get(n_prefix(header)..).ok_or("a batch has no header")?, body)
    })?)?;
    Ok(message.into())
}

/// Bytes before a message's header: its length, and the marker before that.
fn n_prefix(message: &[u8]) -> usize {
    if message.starts_with(&CONTINUATION) { 8 } else { 4 }
}

/// Bytes that a message's compressed buffers claim to become: the decoder allocates what they claim before
/// it looks at them.
fn claimed(header: &[u8], body: &[u8]) -> Result<u64, String> {
    let message = root_as_message(header).map_err(|e| format!("a batch's header is broken: {e}"))?;
    let batch = match message.header_as_dictionary_batch() {
        Some(dictionary) => dictionary.data(),
        None => message.header_as_record_batch(),
    };
    let Some(batch) = batch.filter(|batch| batch.compression().is_some()) else { return Ok(0) };
    let mut claimed = 0_u64;
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() != 0) {
        let start = usize::try_from(buffer.offset()).ok();
        let prefix = start.and_then(|start| body.get(start..)?.first_chunk::<8>());
        let size = i64::from_le_bytes(*prefix.ok_or("a compressed buffer lies outside its batch")?);
        // Below 0 it is stored as it is.
        claimed = claimed.saturating_add(u64::try_from(size).unwrap_or(0));
    }
    Ok(claimed)
}

/// Batches of the file's own size, cut to `batch_rows` and normalised piece by piece.
fn sliced(
    mut whole: impl Iterator<Item = Result<RecordBatch>> + Send + 'static,
    normalizer: Normalizer,
    mut budget: Budget,
    batch_rows: usize,
) -> Batches {
    let mut rest: Option<RecordBatch> = None;
    Box::new(std::iter::from_fn(move || {
        let batch = match rest.take() {
            Some(batch) => batch,
            None => match whole.next()? {
                Ok(batch) => batch,
                Err(e) => return Some(Err(e)),
            },
        };
        let n_rows = batch.num_rows().min(batch_rows);
        if n_rows < batch.num_rows() {
            rest = Some(batch.slice(n_rows, batch.num_rows() - n_rows));
        }
        let piece = batch.slice(0, n_rows);
        Some(budget.take_batch(&piece).and_then(|()| normalizer.apply(&piece)))
    }))
}

struct Stream {
    file: String,
    input: Box<dyn Read + Send>,
    decoder: StreamDecoder,
    /// What the decoder has not taken yet.
    message: Buffer,
    /// Bytes of the last message before its body.
    n_header: usize,
    /// Whether all of its body is there, so that what it claims to become was taken from the budget.
    is_whole: bool,
    /// Rows of the batches before it.
    n_rows: usize,
    budget: Budget,
}

impl Stream {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let whole = self.message.clone();
            let (decoder, message) = (&mut self.decoder, &mut self.message);
            match guarded(|| decoder.decode(message)) {
                Ok(Some(batch)) => {
                    self.n_rows += batch.num_rows();
                    return Ok(Some(batch));
                }
                Ok(None) => {}
                Err(found) => return Err(self.refused(&found, &whole)),
            }
            let message = self.read_message()?;
            if message.is_empty() {
                self.check_end()?;
                return Ok(None);
            }
            self.message = Buffer::from_vec(message);
        }
    }

    /// The error of a message that the decoder refused. Nothing is decoded of a message that was cut.
    fn refused(&mut self, found: &str, message: &Buffer) -> Error {
        match (self.decoder.schema(), message.get(n_prefix(message)..self.n_header)) {
            (Some(schema), Some(header)) if self.is_whole => {
                let (body, file, n_rows) = (message.slice(self.n_header), self.file.clone(), self.n_rows);
                let later = std::iter::from_fn(|| {
                    let message = Buffer::from_vec(self.read_message().ok().filter(|_| self.is_whole)?);
                    let header = n_prefix(&message)..self.n_header;
                    message.get(header.clone())?;
                    Some((message.slice_with_length(header.start, header.len()), message.slice(header.end)))
                });
                culprit::of_arrow(&file, found, &schema, (header, body), n_rows, later)
            }
            _ => damaged(&self.file, found),
        }
    }

    /// The next message, or as much of it as there is: the decoder says what is wrong with it.
    fn read_message(&mut self) -> Result<Vec<u8>> {
        let mut message = Vec::new();
        self.is_whole = false;
        self.read_more(&mut message, 4)?;
        if message == CONTINUATION {
            self.read_more(&mut message, 4)?;
        }
        let n_prefix = message.len();
        let Some(n_header) = message.last_chunk().map(|bytes| u32::from_le_bytes(*bytes)) else {
            return Ok(message);
        };
        self.read_more(&mut message, u64::from(n_header))?;
        self.n_header = message.len();
        if let Ok(header) = root_as_message(&message[n_prefix..])
            && let Ok(n_body) = u64::try_from(header.bodyLength())
        {
            self.read_more(&mut message, n_body)?;
            let (header, body) = message.split_at(self.n_header);
            self.is_whole = body.len() as u64 == n_body;
            if self.is_whole {
                self.budget.take(decoded(&self.file, || claimed(&header[n_prefix..], body))?)?;
            }
        }
        Ok(message)
    }

    /// Appends up to `n_bytes`. Memory grows with what is there, not with what is claimed.
    fn read_more(&mut self, message: &mut Vec<u8>, n_bytes: u64) -> Result<()> {
        let read = self.input.by_ref().take(n_bytes).read_to_end(message);
        read.map(drop).map_err(|e| read_failed(&self.file, e))
    }

    /// The end marker is the only sign that a stream was not cut between two batches. A decoder
    /// that has seen it refuses every further byte; one that waits for a message takes it.
    fn check_end(&mut self) -> Result<()> {
        let decoder = &mut self.decoder;
        decoded(&self.file, || decoder.finish())?;
        match decoder.decode(&mut Buffer::from([0_u8])) {
            Err(_) => Ok(()),
            Ok(_) => Err(Error::malformed(format!("`{}` is an Arrow stream without end marker", self.file))
                .with_hint(
                    "it may be cut short; copy it again, or close its writer so that it ends the stream",
                )),
        }
    }
}
