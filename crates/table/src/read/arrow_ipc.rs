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

use super::guard::decoded;
use super::normalize::Normalizer;
use super::source::{Content, Source, read_failed};
use super::{Batches, Opened, ReadOptions};
use crate::error::{Error, Result};

/// What begins a message, but in files of the first versions.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Length of the footer's length and the closing magic.
const TRAILER_BYTES: u64 = 10;

/// A compressed batch may become this large, or [`MOST_INFLATION`] times as large as it is, whichever
/// is more.
const MOST_INFLATED_BYTES: u64 = 1 << 30;
const MOST_INFLATION: u64 = 64;

/// Reads the footer and prepares the batches.
pub(super) fn open_file(source: &Source, options: &ReadOptions) -> Result<Opened> {
    match source.content() {
        Content::File(path) => {
            let file = File::open(path).map_err(|e| Error::io(Path::new(source.name()), "open", e))?;
            open_seekable(BufReader::new(file), source.name(), options)
        }
        Content::Memory(bytes) => open_seekable(Cursor::new(bytes.clone()), source.name(), options),
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
    Ok(Opened::new(schema, sliced(whole, normalizer, options.batch_rows), origin))
}

fn open_seekable<R: Read + Seek + Send + 'static>(
    mut input: R,
    file: &str,
    options: &ReadOptions,
) -> Result<Opened> {
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
        let message = decoded(file, || read_block(&mut input, block))?;
        decoded(file, || decoder.read_dictionary(block, &message))?;
    }
    let normalizer = Normalizer::new(file, &schema, options)?;
    let (schema, origin, file) = (normalizer.schema(), normalizer.origin(), file.to_owned());
    let whole = footer.batches.into_iter().filter_map(move |block| {
        let message = decoded(&file, || read_block(&mut input, &block));
        let batch =
            message.and_then(|message| decoded(&file, || decoder.read_record_batch(&block, &message)));
        batch.transpose()
    });
    Ok(Opened::new(schema, sliced(whole, normalizer, options.batch_rows), origin))
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
fn read_block(input: &mut (impl Read + Seek), block: &Block) -> Result<Buffer, String> {
    let text = |e: io::Error| e.to_string();
    // `read_footer` has seen that both lengths fit.
    let (n_header, n_body) = (block.metaDataLength() as usize, block.bodyLength() as usize);
    let mut message = MutableBuffer::from_len_zeroed(n_header + n_body);
    input.seek(SeekFrom::Start(block.offset() as u64)).map_err(text)?;
    input.read_exact(&mut message).map_err(text)?;
    let (header, body) = message.split_at(n_header);
    let n_prefix = if header.starts_with(&CONTINUATION) { 8 } else { 4 };
    check_claims(header.get(n_prefix..).ok_or("a batch has no header")?, body)?;
    Ok(message.into())
}

/// Refuses a message whose compressed buffers claim to become too large: the decoder allocates what
/// they claim before it looks at them.
fn check_claims(header: &[u8], body: &[u8]) -> Result<(), String> {
    let message = root_as_message(header).map_err(|e| format!("a batch's header is broken: {e}"))?;
    let batch = match message.header_as_dictionary_batch() {
        Some(dictionary) => dictionary.data(),
        None => message.header_as_record_batch(),
    };
    let Some(batch) = batch.filter(|batch| batch.compression().is_some()) else { return Ok(()) };
    let allowed = MOST_INFLATED_BYTES.max(MOST_INFLATION.saturating_mul(body.len() as u64));
    let mut claimed = 0_u64;
    for buffer in batch.buffers().into_iter().flatten().filter(|buffer| buffer.length() != 0) {
        let start = usize::try_from(buffer.offset()).ok();
        let prefix = start.and_then(|start| body.get(start..)?.first_chunk::<8>());
        let size = i64::from_le_bytes(*prefix.ok_or("a compressed buffer lies outside its batch")?);
        // Below 0 it is stored as it is.
        claimed = claimed.saturating_add(u64::try_from(size).unwrap_or(0));
    }
    match claimed > allowed {
        true => Err(format!(
            "a batch of {} compressed bytes claims to hold {claimed}, at most {allowed} are read",
            body.len()
        )),
        false => Ok(()),
    }
}

/// Batches of the file's own size, cut to `batch_rows` and normalised piece by piece.
fn sliced(
    mut whole: impl Iterator<Item = Result<RecordBatch>> + Send + 'static,
    normalizer: Normalizer,
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
        Some(normalizer.apply(&batch.slice(0, n_rows)))
    }))
}

struct Stream {
    file: String,
    input: Box<dyn Read + Send>,
    decoder: StreamDecoder,
    /// What the decoder has not taken yet.
    message: Buffer,
}

impl Stream {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let (decoder, message) = (&mut self.decoder, &mut self.message);
            if let Some(batch) = decoded(&self.file, || decoder.decode(message))? {
                return Ok(Some(batch));
            }
            let message = self.read_message()?;
            if message.is_empty() {
                self.check_end()?;
                return Ok(None);
            }
            self.message = Buffer::from_vec(message);
        }
    }

    /// The next message, or as much of it as there is: the decoder says what is wrong with it.
    fn read_message(&mut self) -> Result<Vec<u8>> {
        let mut message = Vec::new();
        self.read_more(&mut message, 4)?;
        if message == CONTINUATION {
            self.read_more(&mut message, 4)?;
        }
        let n_prefix = message.len();
        let Some(n_header) = message.last_chunk().map(|bytes| u32::from_le_bytes(*bytes)) else {
            return Ok(message);
        };
        self.read_more(&mut message, u64::from(n_header))?;
        if let Ok(header) = root_as_message(&message[n_prefix..])
            && let Ok(n_body) = u64::try_from(header.bodyLength())
        {
            let n_header = message.len();
            self.read_more(&mut message, n_body)?;
            let (header, body) = message.split_at(n_header);
            if body.len() as u64 == n_body {
                decoded(&self.file, || check_claims(&header[n_prefix..], body))?;
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
