//! Files to tables: CSV and TSV, JSON lines, Parquet and Arrow, by what is in them.
//!
//! ```text
//! path or bytes -> Source -> detect -> csv | json_lines | parquet | arrow_ipc -> TableReader -> Table
//! ```
//!
//! The content decides the format; a file's suffix only breaks ties. Text formats may be gzipped.
//! A reader holds about one batch of rows, whatever the size of the file.
//!
//! What comes out:
//! - **CSV and TSV**: every column is text, so that codes keep their leading zeros; a schema decides
//!   later what the text means. The first record is the header. An empty cell is missing, a quoted
//!   empty one (`""`) too. A quote inside an unquoted cell is an ordinary character.
//! - **JSON lines**: one flat object a line. Integers become `Int64`, other numbers `Float64`,
//!   `true` and `false` `Boolean`; a column of several kinds, or of numbers that these types cannot
//!   hold exactly, becomes text with the digits as written. An absent key is a missing cell.
//! - **Parquet and Arrow** (Feather), compressed or not: types are kept, apart from text variants (text),
//!   dictionaries (their values, [declared](Origin::declared_categories) as categories), decimals and half
//!   floats (`Float64`), durations (`Int64` in their unit) and times of day (text).
//!
//! Numbers in text may be written with a decimal comma or with grouped thousands: which mark stands for
//! the decimals is found from all columns together ([`numbers`](self)), and they are brought to one
//! spelling. Columns that hold lists or structs, and the index of a frame, are set aside
//! ([`Origin::set_aside`]).
//!
//! In all of them, text that equals one of [`ReadOptions::missing_tokens`] and the number NaN are
//! missing cells. Infinities stay: non-finite is not missing. Nothing is shortened or skipped: a row
//! that does not fit is an error that names the file, the line and, where there is one, the column.

mod arrow_ipc;
mod csv;
mod culprit;
mod draw;
mod format;
mod guard;
mod index;
mod inflation;
mod interval;
mod json_lines;
mod json_object;
mod missing;
mod normalize;
mod numbers;
mod options;
mod original;
mod parquet;
mod parquet_format;
mod parquet_headers;
mod reader;
mod records;
mod renaming;
mod reread;
mod sniff;
mod source;
mod stream;
mod validate;
mod write;

use std::io::Read;
use std::path::Path;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use rayon::prelude::*;

use crate::error::{Error, Result};
pub use crate::marks::DecimalMark;
pub use crate::origin::{KnownColumn, NumberStyle, Origin, Reading, Wanted};
use crate::table::Table;
use crate::threads::in_pool;
pub use format::Format;
use format::shown;
pub use guard::without_panic;
use normalize::Normalizer;
pub use normalize::unreadable;
pub use options::{GivenReading, ReadOptions};
pub use original::Original;
pub use reader::TableReader;
use reader::{Batches, MAX_BATCH_TEXT_BYTES, Opened, settled};
pub use renaming::Renaming;
pub use reread::{as_given, reread};
use source::Source;
pub use stream::{TableParts, is_several, open_parts, open_parts_from, table_files};
pub use write::{TableWriter, write_csv, write_parquet};

/// Opens a file, finds its format, header and column types, and reads the first batch.
///
/// JSON lines are read twice, first for their types. What is not a regular file (a pipe) is read
/// into memory first.
///
/// # Errors
/// An io error if the file cannot be read; a malformed or schema error that names the file, the line
/// and the column if it is not a table; an option error for options outside their range.
pub fn open(path: &Path, options: &ReadOptions) -> Result<TableReader> {
    options.check()?;
    open_source(&Source::from_path(path)?.within(options), options)
}

/// Reads a file, a folder of files, or files by a pattern such as `part-*.parquet`: all rows, or as many as
/// [`ReadOptions::most_bytes`] allows. What is not a regular file (a pipe) is read as a whole.
///
/// # Errors
/// As [`open`], [`open_parts`] and [`TableReader::into_table`]; an option error if not one row fits.
pub fn read_table(path: &Path, options: &ReadOptions) -> Result<Table> {
    // What can be read once, such as a pipe, is taken into memory first in any case.
    match is_several(path) || (options.most_bytes.is_some() && path.is_file()) {
        true => draw::draw_table(path, options),
        false => open(path, options)?.into_table(),
    }
}

/// Reads a whole table of any format from a stream of bytes, which is taken into memory first.
/// `name` stands for the file in messages, and its suffix breaks ties.
///
/// # Errors
/// As [`read_table`].
pub fn read_table_from(
    reader: impl Read + Send + 'static,
    name: &str,
    options: &ReadOptions,
) -> Result<Table> {
    options.check()?;
    open_source(&Source::from_reader(reader, name)?.within(options), options)?.into_table()
}

/// Reads a whole CSV table from memory; `name` stands for the file in messages.
///
/// # Errors
/// As [`read_table`].
pub fn read_csv_bytes(bytes: &[u8], name: &str, options: &ReadOptions) -> Result<Table> {
    options.check()?;
    let source = Source::from_bytes(bytes, name).within(options);
    let format = sniff::detect_csv(&source, options)?;
    TableReader::new(&source, format, options)?.into_table()
}

/// A table from Arrow batches that this process has made, by the rules of a Parquet file: types are kept or
/// widened, missing tokens and NaN become missing cells. `name` stands for the file in messages. A table
/// without rows is fine here.
///
/// # Errors
/// A schema error if no column is of a type that a table has, or for a doubled name; a malformed error
/// if a batch cannot be converted.
pub(crate) fn table_from_batches(
    name: &str,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    options: &ReadOptions,
) -> Result<Table> {
    options.check()?;
    let normalizer = Normalizer::new(name, schema, options)?;
    let batches = batches.iter().map(|batch| normalizer.apply(batch)).collect::<Result<Vec<_>>>()?;
    let table = Table::from_batches(&normalizer.schema(), &batches).map_err(|e| e.at(format!("`{name}`")))?;
    settled(name, table, normalizer.origin(), options, None)
}

/// As `table_from_batches`, from another library through Arrow's C interface. Every offset, text, key
/// of a dictionary and number of missing cells is looked at before it is believed.
///
/// # Errors
/// As `table_from_batches`; a value error that names column and row if the data break Arrow's rules, such
/// as text that is not UTF-8, or if the stream fails.
pub fn table_from_reader(name: &str, reader: impl RecordBatchReader, options: &ReadOptions) -> Result<Table> {
    let schema = reader.schema();
    let failed = |found: String| {
        Error::value(format!("`{name}`: {found}")).with_hint(
            "the program that made it is at fault; `pyarrow.Table.validate(full=True)` finds it too",
        )
    };
    let batches = guard::guarded(|| reader.collect::<Result<Vec<_>, _>>()).map_err(failed)?;
    // What is refused is told first, and what is not wanted is not looked into.
    let normalizer = Normalizer::new(name, &schema, options)?;
    let mut first_row = 0;
    let mut sound = Vec::with_capacity(batches.len());
    for batch in batches {
        let checked = |idx: &usize| {
            let fault = |fault: validate::Fault| fault.into_error(name, schema.field(*idx).name(), first_row);
            Ok((*idx, validate::validated(batch.column(*idx)).map_err(fault)?))
        };
        let checked = in_pool(|| normalizer.kept_idx().par_iter().map(checked).collect::<Result<Vec<_>>>())??;
        let mut columns = batch.columns().to_vec();
        for (idx, column) in checked {
            columns[idx] = column;
        }
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(|e| failed(e.to_string()))?;
        first_row += batch.num_rows();
        sound.push(batch);
    }
    table_from_batches(name, &schema, &sound, options)
}

fn open_source(source: &Source, options: &ReadOptions) -> Result<TableReader> {
    TableReader::new(source, sniff::detect(source, options)?, options)
}
