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
//! - **Parquet and Arrow** (Feather), compressed or not: types are kept, apart from text variants and dictionaries (text),
//!   decimals and half floats (`Float64`), durations (`Int64` in their unit) and times of day (text).
//!
//! In all of them, text that equals one of [`ReadOptions::missing_tokens`] and the number NaN are
//! missing cells. Infinities stay: non-finite is not missing. Nothing is shortened or skipped: a row
//! that does not fit is an error that names the file, the line and, where there is one, the column.

mod arrow_ipc;
mod csv;
mod culprit;
mod guard;
mod inflation;
mod json_lines;
mod json_object;
mod missing;
mod normalize;
mod original;
mod parquet;
mod records;
mod sniff;
mod source;
mod validate;
mod write;

use std::fmt;
use std::io::Read;
use std::path::Path;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use arrow::datatypes::{DataType, SchemaRef};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::table::Table;
use missing::MissingTokens;
use normalize::Normalizer;
use source::Source;

pub use guard::without_panic;
pub use original::Original;
pub use write::{write_csv, write_parquet};

/// Batches end early at this much text, so that a batch of long texts stays small.
const MAX_BATCH_TEXT_BYTES: usize = 64 << 20;

/// Upper end of [`ReadOptions::max_row_bytes`]: a batch and one more row stay below the 2 GiB that
/// an Arrow text column takes.
const MAX_ROW_BYTES: usize = 1 << 30;

/// How to read a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Text that stands for a missing cell, compared after trimming ASCII space. `NA`, `N/A`,
    /// `null` and `NaN` match in upper and lower case, every other token exactly as given.
    /// Default: the empty text, `NA`, `N/A`, `null`, `NaN`, `?`.
    pub missing_tokens: Vec<String>,
    /// The byte between two cells of a CSV file: any ASCII character but a quote, a line end or
    /// NUL. Default `None`: the one of `,` tab `;` `|` that cuts the first rows into equally many cells.
    pub delimiter: Option<u8>,
    /// Rows in a batch, at least 1. Default 8192. Batches of long texts end earlier.
    pub batch_rows: usize,
    /// Longest row of a text file in bytes, 1 to 1 GiB. Default 64 MiB. Bounds what an unclosed
    /// quote or a file without line ends can cost.
    pub max_row_bytes: usize,
    /// Most bytes that a compressed file (gzip, Parquet, compressed Arrow) may become, at least 1; one of
    /// which this is not 64 times its own size may become that. Default 1 GiB. Bounds what a small
    /// hostile file can cost.
    pub max_inflated_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            missing_tokens: ["", "NA", "N/A", "null", "NaN", "?"].map(String::from).to_vec(),
            delimiter: None,
            batch_rows: 8192,
            max_row_bytes: 64 << 20,
            max_inflated_bytes: 1 << 30,
        }
    }
}

impl ReadOptions {
    /// Validates the ranges.
    ///
    /// # Errors
    /// An option error that names the option, the value and the range.
    pub fn check(&self) -> Result<()> {
        let (rows, bytes) = (self.batch_rows as u64, self.max_row_bytes as u64);
        for (name, value) in
            [("batch_rows", rows), ("max_row_bytes", bytes), ("max_inflated_bytes", self.max_inflated_bytes)]
        {
            if value == 0 {
                return Err(Error::option(format!("`{name}` must be at least 1, found 0")));
            }
        }
        if self.max_row_bytes > MAX_ROW_BYTES {
            return Err(Error::option(format!(
                "`max_row_bytes` must be at most {MAX_ROW_BYTES}, found {}",
                self.max_row_bytes
            )));
        }
        match self.delimiter {
            Some(byte) if !byte.is_ascii() || matches!(byte, b'"' | b'\n' | b'\r' | 0) => {
                Err(Error::option(format!(
                    "`delimiter` must be an ASCII character that is not a quote, a line end or NUL, found byte {byte:#04x}"
                ))
                .with_hint("common delimiters are `,`, `;`, `|` and tab"))
            }
            _ => Ok(()),
        }
    }
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Delimited text with a header.
    Csv {
        /// The byte between two cells, given or found.
        delimiter: u8,
        /// Whether the file is gzipped.
        gzip: bool,
    },
    /// One JSON object a line.
    JsonLines {
        /// Whether the file is gzipped.
        gzip: bool,
    },
    /// Apache Parquet.
    Parquet,
    /// The Arrow IPC file format, also known as Feather version 2.
    ArrowFile,
    /// The Arrow IPC stream format.
    ArrowStream,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gzip = match self {
            Format::Csv { delimiter, gzip } => {
                write!(f, "CSV with {}", shown(*delimiter))?;
                *gzip
            }
            Format::JsonLines { gzip } => {
                f.write_str("JSON lines")?;
                *gzip
            }
            Format::Parquet => return f.write_str("Parquet"),
            Format::ArrowFile => return f.write_str("Arrow"),
            Format::ArrowStream => return f.write_str("Arrow stream"),
        };
        if gzip { f.write_str(", gzipped") } else { Ok(()) }
    }
}

/// The batches of one format, before empty ones are left out.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The rows of a file, batch by batch. Ends after the first error.
pub struct TableReader {
    file: String,
    format: Format,
    schema: SchemaRef,
    first: Option<RecordBatch>,
    batches: Option<Batches>,
}

impl TableReader {
    fn new(source: &Source, format: Format, options: &ReadOptions) -> Result<Self> {
        let (schema, batches) = match format {
            Format::Csv { delimiter, gzip } => csv::open(source, delimiter, gzip, options)?,
            Format::JsonLines { gzip } => json_lines::open(source, gzip, options)?,
            Format::Parquet => parquet::open(source, options)?,
            Format::ArrowFile => arrow_ipc::open_file(source, options)?,
            Format::ArrowStream => arrow_ipc::open_stream(source, options)?,
        };
        let file = source.name().to_owned();
        let mut reader = TableReader { file, format, schema, first: None, batches: Some(batches) };
        // The first batch is read at once: a table without rows is an error of opening it.
        reader.first = reader.next().transpose()?;
        if reader.first.is_none() {
            let n_columns = reader.schema.fields().len();
            return Err(Error::malformed(format!("`{}` has {n_columns} column(s) but no rows", reader.file))
                .with_hint("a table needs at least one row"));
        }
        Ok(reader)
    }

    /// Names and types of the columns; every batch has this schema.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// What the file turned out to be.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Reads the rest and joins it.
    ///
    /// # Errors
    /// The first error of a batch; a value error if a text column outgrows 2 GiB.
    pub fn into_table(self) -> Result<Table> {
        let (file, schema) = (self.file.clone(), self.schema());
        let batches = self.collect::<Result<Vec<_>>>()?;
        for (column_idx, field) in schema.fields().iter().enumerate() {
            if field.data_type() != &DataType::Utf8 {
                continue;
            }
            let n_bytes: usize = batches.iter().map(|b| text_bytes(b.column(column_idx))).sum();
            if n_bytes > i32::MAX as usize {
                return Err(Error::value(format!(
                    "`{file}`: column `{}` holds {n_bytes} bytes of text, a table in memory takes {} a column",
                    field.name(),
                    i32::MAX
                ))
                .with_hint("leave the column out, or read the file batch by batch"));
            }
        }
        Table::from_batches(&schema, &batches).map_err(|e| e.at(format!("`{file}`")))
    }
}

impl Iterator for TableReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        loop {
            match self.batches.as_mut()?.next() {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => return Some(Ok(batch)),
                end => {
                    self.batches = None;
                    return end;
                }
            }
        }
    }
}

impl fmt::Debug for TableReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableReader")
            .field("file", &self.file)
            .field("format", &self.format)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

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

/// Reads a whole file.
///
/// # Errors
/// As [`open`] and [`TableReader::into_table`].
pub fn read_table(path: &Path, options: &ReadOptions) -> Result<Table> {
    open(path, options)?.into_table()
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
/// A schema error that names every column of a type that no table has, or a doubled name; a
/// malformed error if a batch cannot be converted.
pub fn table_from_batches(
    name: &str,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    options: &ReadOptions,
) -> Result<Table> {
    let normalizer = Normalizer::new(name, schema, MissingTokens::new(&options.missing_tokens))?;
    let batches = batches.iter().map(|batch| normalizer.apply(batch)).collect::<Result<Vec<_>>>()?;
    Table::from_batches(&normalizer.schema(), &batches).map_err(|e| e.at(format!("`{name}`")))
}

/// As [`table_from_batches`], from another library through Arrow's C interface. Every offset, text, key
/// of a dictionary and number of missing cells is looked at before it is believed.
///
/// # Errors
/// As [`table_from_batches`]; a value error that names column and row if the data break Arrow's rules, such
/// as text that is not UTF-8, or if the stream fails.
pub fn table_from_reader(name: &str, reader: impl RecordBatchReader, options: &ReadOptions) -> Result<Table> {
    let schema = reader.schema();
    let failed = |found: String| {
        Error::value(format!("`{name}`: {found}")).with_hint(
            "the program that made it is at fault; `pyarrow.Table.validate(full=True)` finds it too",
        )
    };
    let batches = guard::guarded(|| reader.collect::<Result<Vec<_>, _>>()).map_err(failed)?;
    // Refused columns are told first: they are not looked into.
    Normalizer::new(name, &schema, MissingTokens::new(&options.missing_tokens))?;
    let mut first_row = 0;
    let mut sound = Vec::with_capacity(batches.len());
    for batch in batches {
        let fields: Vec<_> = schema.fields().iter().zip(batch.columns()).collect();
        let columns = fields.into_par_iter().map(|(field, array)| {
            validate::validated(array).map_err(|fault| fault.into_error(name, field.name(), first_row))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(|e| failed(e.to_string()))?;
        first_row += batch.num_rows();
        sound.push(batch);
    }
    table_from_batches(name, &schema, &sound, options)
}

fn open_source(source: &Source, options: &ReadOptions) -> Result<TableReader> {
    TableReader::new(source, sniff::detect(source, options)?, options)
}

/// Bytes of text in a `Utf8` column; a slice shares its buffer with rows that are not its own.
fn text_bytes(column: &ArrayRef) -> usize {
    let offsets = column.as_string::<i32>().value_offsets();
    offsets.last().zip(offsets.first()).map_or(0, |(end, start)| (end - start) as usize)
}

/// A byte as the messages show it.
fn shown(byte: u8) -> String {
    match byte {
        b'\t' => "a tab".to_owned(),
        byte => format!("`{}`", byte.escape_ascii()),
    }
}
