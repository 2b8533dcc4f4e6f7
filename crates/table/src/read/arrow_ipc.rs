//! Arrow IPC: the file format, which has a footer, and the stream format, which has an end marker.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::{FileReader, StreamDecoder, read_footer_length};
use arrow::ipc::{Block, root_as_footer};

use super::guard::decoded;
use super::missing::MissingTokens;
use super::normalize::Normalizer;
use super::source::{Content, Source, fill, read_failed};
use super::{Batches, ReadOptions};
use crate::error::{Error, Result};

/// The stream is read in pieces of this size, so that a claimed length costs nothing by itself.
const CHUNK_BYTES: usize = 1 << 20;

/// Length of the footer's length and the closing magic.
const TRAILER_BYTES: u64 = 10;

/// Reads the footer and prepares the batches.
pub(super) fn open_file(source: &Source, options: &ReadOptions) -> Result<(SchemaRef, Batches)> {
    match source.content() {
        Content::File(path) => {
            let file = File::open(path).map_err(|e| Error::io(Path::new(source.name()), "open", e))?;
            open_seekable(BufReader::new(file), source.name(), options)
        }
        Content::Memory(bytes) => open_seekable(Cursor::new(bytes.clone()), source.name(), options),
    }
}

/// Reads up to the schema and prepares the batches.
pub(super) fn open_stream(source: &Source, options: &ReadOptions) -> Result<(SchemaRef, Batches)> {
    let file = source.name().to_owned();
    let mut stream = Stream {
        file: file.clone(),
        input: source.reader(false)?,
        decoder: StreamDecoder::new(),
        chunk: Buffer::from_vec(Vec::<u8>::new()),
    };
    let mut first = stream.next_batch()?;
    let Some(schema) = stream.decoder.schema() else {
        return Err(Error::malformed(format!("`{file}` is an Arrow stream without a schema"))
            .with_hint("the file is damaged or cut short; copy or write it again"));
    };
    let normalizer = Normalizer::new(&file, &schema, MissingTokens::new(&options.missing_tokens))?;
    let schema = normalizer.schema();
    let whole = std::iter::from_fn(move || match first.take() {
        Some(batch) => Some(Ok(batch)),
        None => stream.next_batch().transpose(),
    });
    Ok((schema, sliced(whole, normalizer, options.batch_rows)))
}

fn open_seekable<R: Read + Seek + Send + 'static>(
    mut input: R,
    file: &str,
    options: &ReadOptions,
) -> Result<(SchemaRef, Batches)> {
    decoded(file, || check_extent(&mut input))?;
    let mut reader = decoded(file, || FileReader::try_new(input, None))?;
    let normalizer = Normalizer::new(file, &reader.schema(), MissingTokens::new(&options.missing_tokens))?;
    let (schema, file) = (normalizer.schema(), file.to_owned());
    let whole = std::iter::from_fn(move || decoded(&file, || reader.next().transpose()).transpose());
    Ok((schema, sliced(whole, normalizer, options.batch_rows)))
}

/// The reader allocates what the footer claims, so no claim may pass the end of the file.
fn check_extent(input: &mut (impl Read + Seek)) -> Result<(), String> {
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
    let mut footer = vec![0; footer_bytes];
    input.seek(SeekFrom::Start(footer_start)).map_err(text)?;
    input.read_exact(&mut footer).map_err(text)?;
    let footer = root_as_footer(&footer).map_err(|e| format!("the footer is broken: {e}"))?;
    let fits = |block: &Block| {
        let parts = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let end = parts.iter().try_fold(0_u64, |end, &part| end.checked_add(u64::try_from(part).ok()?));
        end.is_some_and(|end| end <= footer_start)
    };
    let blocks = [footer.dictionaries(), footer.recordBatches()].into_iter().flatten().flatten();
    match blocks.into_iter().find(|block| !fits(block)) {
        Some(block) => Err(format!(
            "a batch claims {} bytes at {}, the file has {n_bytes}",
            block.bodyLength(),
            block.offset()
        )),
        None => input.rewind().map_err(text),
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
    chunk: Buffer,
}

impl Stream {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let (decoder, chunk) = (&mut self.decoder, &mut self.chunk);
            if let Some(batch) = decoded(&self.file, || decoder.decode(chunk))? {
                return Ok(Some(batch));
            }
            let mut bytes = vec![0; CHUNK_BYTES];
            let n_read = fill(&mut self.input, &mut bytes).map_err(|e| read_failed(&self.file, e))?;
            if n_read == 0 {
                self.check_end()?;
                return Ok(None);
            }
            bytes.truncate(n_read);
            self.chunk = Buffer::from_vec(bytes);
        }
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
