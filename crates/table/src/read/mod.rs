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
mod records;
mod renaming;
mod sniff;
mod source;
mod stream;
mod validate;
mod write;

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchReader};
use arrow::datatypes::{DataType, SchemaRef};

use rayon::prelude::*;

use crate::column::Exclusion;
use crate::error::{Error, Result};
use crate::row_place::RowLines;
use crate::table::Table;
use crate::threads::in_pool;
pub use normalize::unreadable;
use normalize::{Normalizer, unreadable_note};
use source::Source;

pub use crate::marks::DecimalMark;
pub use crate::origin::{KnownColumn, NumberStyle, Origin, Reading, Wanted};
pub use guard::without_panic;
pub use options::{GivenReading, ReadOptions};
pub use original::Original;
pub use renaming::Renaming;
pub use stream::{TableParts, is_several, open_parts, open_parts_from, table_files};
pub use write::{TableWriter, write_csv, write_parquet};

/// Batches end early at this much text, so that a batch of long texts stays small.
const MAX_BATCH_TEXT_BYTES: usize = 64 << 20;

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

impl Format {
    /// The byte between two cells, in a text format that has one.
    pub fn delimiter(self) -> Option<u8> {
        match self {
            Format::Csv { delimiter, .. } => Some(delimiter),
            _ => None,
        }
    }
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

/// A file whose columns are known and whose rows are still to be read.
struct Opened {
    schema: SchemaRef,
    batches: Batches,
    origin: Origin,
    /// What turns out while the rows are read.
    remark: Arc<OnceLock<String>>,
    /// Where they begin, in a text file.
    lines: Option<Arc<RowLines>>,
}

impl Opened {
    fn new(schema: SchemaRef, batches: Batches, origin: Origin) -> Self {
        Opened { schema, batches, origin, remark: Arc::default(), lines: None }
    }
}

/// The rows of a file, batch by batch, their texts as they are written. Ends after the first error.
pub struct TableReader {
    file: String,
    format: Format,
    schema: SchemaRef,
    options: ReadOptions,
    origin: Origin,
    remark: Arc<OnceLock<String>>,
    lines: Option<Arc<RowLines>>,
    first: Option<RecordBatch>,
    batches: Option<Batches>,
}

impl TableReader {
    fn new(source: &Source, format: Format, options: &ReadOptions) -> Result<Self> {
        let opened = match format {
            Format::Csv { delimiter, gzip } => csv::open(source, delimiter, gzip, options)?,
            Format::JsonLines { gzip } => json_lines::open(source, gzip, options)?,
            Format::Parquet => parquet::open(source, options)?,
            Format::ArrowFile => arrow_ipc::open_file(source, options)?,
            Format::ArrowStream => arrow_ipc::open_stream(source, options)?,
        };
        let file = source.name().to_owned();
        let Opened { schema, batches, origin, remark, lines } = opened;
        let options = options.clone();
        let batches = Some(batches);
        let mut reader =
            TableReader { file, format, schema, options, origin, remark, lines, first: None, batches };
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

    /// Reads the rest, joins it, and brings numbers in text to one spelling.
    ///
    /// # Errors
    /// The first error of a batch; a value error if a text column outgrows 2 GiB, or for a number that
    /// is written otherwise than a model knows it.
    pub fn into_table(self) -> Result<Table> {
        let (file, options, delimiter) = (self.file.clone(), self.options.clone(), self.format.delimiter());
        let is_untyped = matches!(self.format, Format::Csv { .. });
        let (table, origin) = self.into_written()?;
        let table = settled(&file, table, origin, &options, delimiter)?;
        Ok(if is_untyped { table.of_untyped_texts() } else { table })
    }

    /// Reads the rest and joins it, texts as they are written.
    fn into_written(mut self) -> Result<(Table, Origin)> {
        let (file, schema) = (self.file.clone(), self.schema());
        let mut origin = std::mem::take(&mut self.origin);
        let (remark, lines) = (self.remark.clone(), self.lines.clone());
        let batches = self.collect::<Result<Vec<_>>>()?;
        check_text(&file, &schema, batches.iter())?;
        origin.notes.extend(remark.get().map(|remark| format!("`{file}`: {remark}")));
        let table = Table::from_owned_batches(&schema, batches).map_err(|e| e.at(format!("`{file}`")))?;
        Ok((lines.into_iter().fold(table, Table::of_lines), origin))
    }
}

/// Refuses more text in a column than a table in memory takes.
fn check_text<'a>(
    file: &str,
    schema: &SchemaRef,
    batches: impl Iterator<Item = &'a RecordBatch> + Clone,
) -> Result<()> {
    for (column_idx, field) in schema.fields().iter().enumerate() {
        if field.data_type() != &DataType::Utf8 {
            continue;
        }
        let n_bytes: usize = batches.clone().map(|b| text_bytes(b.column(column_idx))).sum();
        if n_bytes > i32::MAX as usize {
            return Err(Error::value(format!(
                "`{file}`: column `{}` holds {n_bytes} bytes of text, a table in memory takes {} a column",
                field.name(),
                i32::MAX
            ))
            .with_hint("leave the column out, or give a limit of memory, for which rows are drawn"));
        }
    }
    Ok(())
}

/// The table with its numbers in one spelling, and with what is known of where it comes from.
fn settled(
    name: &str,
    table: Table,
    mut origin: Origin,
    options: &ReadOptions,
    delimiter: Option<u8>,
) -> Result<Table> {
    origin.reading.missing_tokens.clone_from(&options.missing_tokens);
    // What somebody knows is a column, whatever the file says of it.
    let is_known = |name: &str| options.known.contains_key(name);
    origin.set_aside.retain(|column| column.exclusion != Exclusion::Index || !is_known(&column.name));
    origin.notes.extend(index::note(&origin));
    origin.notes.extend(unreadable_note(&origin.set_aside));
    let written = table.clone();
    let table = numbers::settle(table, &mut origin, options, delimiter)
        .map_err(|e| e.in_rows_of(&written).at(format!("`{name}`")))?;
    Ok(table.with_origin(origin))
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

/// Reads a file, a folder of files, or files by a pattern such as `part-*.parquet`: all rows, or as many as
/// [`ReadOptions::most_bytes`] allows.
///
/// # Errors
/// As [`open`], [`open_parts`] and [`TableReader::into_table`]; an option error if not one row fits.
pub fn read_table(path: &Path, options: &ReadOptions) -> Result<Table> {
    match options.most_bytes.is_none() && !is_several(path) {
        true => open(path, options)?.into_table(),
        false => draw::draw_table(path, options),
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

/// A table that was read before, as `options` would have read it where that is still to be told: missing
/// tokens become missing cells, columns that are not wanted go. Numbers that are in the common spelling
/// already stay as they are.
///
/// # Errors
/// As [`table_from_batches`].
pub fn reread(table: &Table, options: &ReadOptions) -> Result<Table> {
    let before = table.origin();
    let is_settled = before.reading.decimal.is_some();
    let mut how = options.clone();
    how.renaming = options.renaming.beyond(&before.reading.renamed);
    if is_settled {
        how.decimal = Some(DecimalMark::Point);
        for known in how.known.values_mut() {
            if let KnownColumn::Number(style) = known {
                *style = NumberStyle::default();
            }
        }
    }
    // Their texts were left as they are written, and still are names.
    for name in &before.declared_categories {
        how.known.entry(name.clone()).or_insert(KnownColumn::AsWritten);
    }
    let batch = table.batch();
    let read = table_from_batches("the frame", &batch.schema(), std::slice::from_ref(batch), &how)?;
    let mut origin = read.origin().clone();
    let renamed = std::mem::take(&mut origin.reading.renamed);
    if is_settled {
        origin.reading = Reading { missing_tokens: origin.reading.missing_tokens, ..before.reading.clone() };
    }
    origin.reading.renamed = before.reading.renamed.clone().into_iter().chain(renamed).collect();
    let set_aside = before.set_aside.iter().filter(|column| options.columns.has(&column.name));
    let set_aside: Vec<_> = set_aside.cloned().collect();
    origin.notes.extend(before.notes.iter().cloned());
    origin.notes.extend(unreadable_note(&set_aside).filter(|note| !before.notes.contains(note)));
    origin.set_aside.extend(set_aside);
    let declared = before.declared_categories.iter().filter(|name| read.has_column(name));
    origin.declared_categories.extend(declared.cloned());
    origin.unread.extend(before.unread.iter().cloned());
    if before.reading.decimal.zip(options.decimal).is_some_and(|(here, there)| here != there) {
        origin.notes.extend(differences(before, options));
    }
    Ok(read.with_origin(origin))
}

/// A table that the caller had read in a way of his own, under the names that `options` give its columns, with
/// notes of where a model would have read it otherwise.
///
/// # Errors
/// A schema error if a column to be renamed is absent, or if two meet under one name.
pub fn as_given(table: &Table, options: &ReadOptions) -> Result<Table> {
    let origin = table.origin();
    let is_of_model = !options.known.is_empty();
    let notes = if is_of_model { differences(origin, options) } else { origin.notes.clone() };
    let old = table.column_names();
    let new = options.renaming.beyond(&origin.reading.renamed).names("the frame", &old)?;
    Ok(table.renamed(&new, Renaming::changed(&old, &new))?.with_notes(notes))
}

/// Where a table was read otherwise than by these options.
fn differences(origin: &Origin, options: &ReadOptions) -> Vec<String> {
    let given = GivenReading {
        missing_tokens: Some(origin.reading.missing_tokens.clone()),
        decimal: origin.reading.decimal,
        ..GivenReading::default()
    };
    given.options_like(options).1
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
