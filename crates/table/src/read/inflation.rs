//! What a compressed file may become. A few kilobytes of gzip or Parquet can unpack to gigabytes; a reader
//! that goes on as long as there is more is ended by the system.

use std::io::{self, Read};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;

use super::ReadOptions;
use super::guard::guarded;
use crate::error::{Error, Result};

/// A file may become this many times as large as it is, or [`ReadOptions::max_inflated_bytes`], whichever is
/// more.
const MOST_INFLATION: u64 = 64;

/// What is left for a file to become.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    file: String,
    n_file_bytes: u64,
    most: u64,
    taken: u64,
}

impl Budget {
    /// For a file of `n_file_bytes`.
    pub(super) fn new(file: &str, n_file_bytes: u64, options: &ReadOptions) -> Self {
        let most = options.max_inflated_bytes.max(MOST_INFLATION.saturating_mul(n_file_bytes));
        Budget { file: file.to_owned(), n_file_bytes, most, taken: 0 }
    }

    /// Most bytes that the file may become.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// Takes what was read, or is about to be.
    ///
    /// # Errors
    /// A malformed error if that is more than is left.
    pub(super) fn take(&mut self, n_bytes: u64) -> Result<()> {
        self.taken = self.taken.saturating_add(n_bytes);
        match self.taken > self.most {
            true => Err(self.exceeded()),
            false => Ok(()),
        }
    }

    /// Takes a batch: the bytes of its cells, with each dictionary's texts written out.
    ///
    /// # Errors
    /// As [`Budget::take`].
    pub(super) fn take_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        batch.columns().iter().try_for_each(|column| self.take(n_bytes(column.as_ref())))
    }

    fn exceeded(&self) -> Error {
        Error::malformed(format!(
            "`{}` has {} bytes and claims to hold more than {}",
            self.file, self.n_file_bytes, self.most
        ))
        .with_hint(
            "if you trust the file, raise `max_inflated_bytes` (`--max-inflated-bytes`), or unpack it first",
        )
    }
}

/// Bytes of a column's cells, in the form in which tables keep them.
fn n_bytes(column: &dyn Array) -> u64 {
    let own = || column.to_data().get_slice_memory_size().unwrap_or(0) as u64;
    let Some(dictionary) = column.as_any_dictionary_opt() else { return own() };
    let values = dictionary.values();
    let length = |value: usize| -> u64 {
        match values.data_type() {
            DataType::Utf8 => values.as_string::<i32>().value_length(value) as u64,
            DataType::LargeUtf8 => values.as_string::<i64>().value_length(value) as u64,
            DataType::Utf8View => u64::from(values.as_string_view().views()[value] as u32),
            _ => 8,
        }
    };
    // A key beside its dictionary ends this with an error, and then the decoder.
    let written_out = || {
        let keys = cast(dictionary.keys(), &DataType::Int64)?;
        let keys = keys.as_primitive::<Int64Type>().iter().flatten();
        Ok::<_, ArrowError>(keys.map(|key| 4 + length(key as usize)).sum())
    };
    guarded(written_out).unwrap_or_else(|_| own())
}

/// A decompressed stream that ends in an error where the budget does.
pub(super) struct Inflated<R> {
    pub(super) input: R,
    pub(super) budget: Budget,
}

impl<R: Read> Read for Inflated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.input.read(buffer)?;
        self.budget.take(n_read as u64).map_err(io::Error::other)?;
        Ok(n_read)
    }
}
