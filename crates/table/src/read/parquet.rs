//! Parquet files, row group by row group.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use super::culprit;
use super::guard::{decoded, guarded};
use super::inflation::Budget;
use super::normalize::Normalizer;
use super::parquet_headers::{Checked, TRAILER_BYTES, check_footer};
use super::source::{Content, Source};
use super::{MAX_BATCH_TEXT_BYTES, Opened, ReadOptions};
use crate::error::{Error, Result};

/// Reads the footer and prepares the batches.
pub(super) fn open(source: &Source, options: &ReadOptions) -> Result<Opened> {
    match source.content() {
        Content::File(path) => {
            let file = File::open(path).map_err(|e| Error::io(Path::new(source.name()), "open", e))?;
            let path = path.clone();
            open_chunks(Checked(file), move || File::open(&path).ok().map(Checked), source, options)
        }
        Content::Memory(bytes) => {
            let again = Checked(bytes.clone());
            open_chunks(again.clone(), move || Some(again.clone()), source, options)
        }
    }
}

fn open_chunks<R: ChunkReader + 'static>(
    input: R,
    again: impl Fn() -> Option<R> + Send + 'static,
    source: &Source,
    options: &ReadOptions,
) -> Result<Opened> {
    let (file, n_bytes, mut budget) = (source.name(), input.len(), source.budget());
    decoded(file, || check_footer(&input))?;
    let builder = decoded(file, || ParquetRecordBatchReaderBuilder::try_new(input))?;
    decoded(file, || check_extent(builder.metadata(), n_bytes))?;
    let chunks = builder.metadata().row_groups().iter().flat_map(|group| group.columns());
    budget.take(chunks.map(|chunk| u64::try_from(chunk.uncompressed_size()).unwrap_or(0)).sum())?;
    let n_rows = builder.metadata().file_metadata().num_rows();
    let mut normalizer = Normalizer::new(file, builder.schema(), options)?;
    // What is not wanted is not decoded either.
    let kept = ProjectionMask::roots(builder.parquet_schema(), normalizer.kept_idx().iter().copied());
    // Of no more text than a file of text in a batch, nor than the whole file may hold.
    let most_text = MAX_BATCH_TEXT_BYTES.min(usize::try_from(budget.most()).unwrap_or(usize::MAX));
    let batch_rows = match again() {
        // What a dictionary page that cannot be read holds, its decoder will say.
        Some(input) => guarded(|| longest_row(builder.metadata(), Arc::new(input)))
            .map_or(options.batch_rows, |longest| options.batch_rows.min(most_text / longest.max(1))),
        None => options.batch_rows,
    };
    let reader = decoded(file, || builder.with_projection(kept).with_batch_size(batch_rows.max(1)).build())?;
    normalizer.expect_kept_alone();
    let (schema, origin) = (normalizer.schema(), normalizer.origin());
    let (file, budget) = (file.to_owned(), source.budget());
    let batches = ParquetBatches { file, reader, again, budget, normalizer, n_rows, n_read: 0 };
    Ok(Opened::new(schema, Box::new(batches), origin))
}

/// The reader allocates what a column chunk claims, so no claim may pass what lies before the end of the file's footer.
fn check_extent(metadata: &ParquetMetaData, n_bytes: u64) -> Result<(), String> {
    for row_group in metadata.row_groups() {
        for column in row_group.columns() {
            let (start, length) = column.byte_range();
            if start.checked_add(length).is_none_or(|end| end > n_bytes.saturating_sub(TRAILER_BYTES)) {
                return Err(format!(
                    "column `{}` claims {length} bytes at {start}, the file has {n_bytes}",
                    column.column_path().string()
                ));
            }
        }
    }
    Ok(())
}

/// Bytes of a row in which every column has the longest text of its dictionary, of which a few bytes of the
/// file may make millions of rows.
fn longest_row<R: ChunkReader + 'static>(
    metadata: &ParquetMetaData,
    input: Arc<R>,
) -> Result<usize, ParquetError> {
    let mut longest = 0;
    for group in metadata.row_groups() {
        let mut row: usize = 0;
        let texts = group.columns().iter().filter(|column| culprit::is_text(column.column_descr()));
        for column in texts.filter(|column| column.dictionary_page_offset().is_some()) {
            let n_rows = usize::try_from(group.num_rows()).unwrap_or(0);
            let mut pages = SerializedPageReader::new(input.clone(), column, n_rows, None)?;
            if let Some(Page::DictionaryPage { buf, .. }) = pages.get_next_page()? {
                row = row.saturating_add(longest_text(&buf));
            }
        }
        longest = longest.max(row);
    }
    Ok(longest)
}

/// The longest of texts that follow each other, each behind its length.
fn longest_text(mut texts: &[u8]) -> usize {
    let mut longest = 0;
    while let Some((length, rest)) = texts.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        longest = longest.max(length.min(rest.len()));
        texts = rest.get(length..).unwrap_or_default();
    }
    longest
}

struct ParquetBatches<F> {
    file: String,
    reader: ParquetRecordBatchReader,
    /// Opens the file once more.
    again: F,
    budget: Budget,
    normalizer: Normalizer,
    /// Rows that the footer promises.
    n_rows: i64,
    n_read: i64,
}

impl<R: ChunkReader + 'static, F: Fn() -> Option<R>> ParquetBatches<F> {
    fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        let batch = guarded(|| self.reader.next().transpose());
        let Some(batch) = batch.map_err(|found| culprit::of_parquet(&self.file, &found, &self.again))? else {
            if self.n_read != self.n_rows {
                let found = format!("{} rows, its footer promises {}", self.n_read, self.n_rows);
                return Err(Error::malformed(format!("`{}` holds {found}", self.file))
                    .with_hint("the file is damaged; copy or write it again"));
            }
            return Ok(None);
        };
        self.n_read += batch.num_rows() as i64;
        self.budget.take_batch(&batch)?;
        self.normalizer.apply(&batch).map(Some)
    }
}

impl<R: ChunkReader + 'static, F: Fn() -> Option<R>> Iterator for ParquetBatches<F> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_batch().transpose()
    }
}
