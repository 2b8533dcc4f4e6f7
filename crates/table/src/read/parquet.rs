//! Parquet files, row group by row group.

use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;

use super::guard::decoded;
use super::normalize::Normalizer;
use super::source::{Content, Source};
use super::{Opened, ReadOptions};
use crate::error::{Error, Result};

/// Reads the footer and prepares the batches.
pub(super) fn open(source: &Source, options: &ReadOptions) -> Result<Opened> {
    match source.content() {
        Content::File(path) => {
            let file = File::open(path).map_err(|e| Error::io(Path::new(source.name()), "open", e))?;
            open_chunks(file, source.name(), options)
        }
        Content::Memory(bytes) => open_chunks(bytes.clone(), source.name(), options),
    }
}

fn open_chunks<R: ChunkReader + 'static>(input: R, file: &str, options: &ReadOptions) -> Result<Opened> {
    let n_bytes = input.len();
    let builder = decoded(file, || ParquetRecordBatchReaderBuilder::try_new(input))?;
    decoded(file, || check_extent(builder.metadata(), n_bytes))?;
    let n_rows = builder.metadata().file_metadata().num_rows();
    let mut normalizer = Normalizer::new(file, builder.schema(), options)?;
    // What is not wanted is not decoded either.
    let kept = ProjectionMask::roots(builder.parquet_schema(), normalizer.kept_idx().iter().copied());
    let reader = decoded(file, || builder.with_projection(kept).with_batch_size(options.batch_rows).build())?;
    normalizer.expect_kept_alone();
    let (schema, origin) = (normalizer.schema(), normalizer.origin());
    let batches = ParquetBatches { file: file.to_owned(), reader, normalizer, n_rows, n_read: 0 };
    Ok(Opened::new(schema, Box::new(batches), origin))
}

/// The reader allocates what a column chunk claims, so no claim may pass the end of the file.
fn check_extent(metadata: &ParquetMetaData, n_bytes: u64) -> Result<(), String> {
    for row_group in metadata.row_groups() {
        for column in row_group.columns() {
            let (start, length) = column.byte_range();
            if start.checked_add(length).is_none_or(|end| end > n_bytes) {
                return Err(format!(
                    "column `{}` claims {length} bytes at {start}, the file has {n_bytes}",
                    column.column_path().string()
                ));
            }
        }
    }
    Ok(())
}

struct ParquetBatches {
    file: String,
    reader: ParquetRecordBatchReader,
    normalizer: Normalizer,
    /// Rows that the footer promises.
    n_rows: i64,
    n_read: i64,
}

impl ParquetBatches {
    fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = decoded(&self.file, || self.reader.next().transpose())? else {
            if self.n_read != self.n_rows {
                let found = format!("{} rows, its footer promises {}", self.n_read, self.n_rows);
                return Err(Error::malformed(format!("`{}` holds {found}", self.file))
                    .with_hint("the file is damaged; copy or write it again"));
            }
            return Ok(None);
        };
        self.n_read += batch.num_rows() as i64;
        self.normalizer.apply(&batch).map(Some)
    }
}

impl Iterator for ParquetBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_batch().transpose()
    }
}
