//! Batches of a table that is being read, and the table of all of them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};

use super::normalize::unreadable_note;
use super::source::Source;
use super::{Format, Origin, ReadOptions};
use super::{arrow_ipc, csv, index, json_lines, numbers, parquet};
use crate::column::Exclusion;
use crate::error::{Error, Result};
use crate::row_place::RowLines;
use crate::table::Table;

/// Batches end early at this much text, so that a batch of long texts stays small.
pub(super) const MAX_BATCH_TEXT_BYTES: usize = 64 << 20;

/// The batches of one format, before empty ones are left out.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// A file whose columns are known and whose rows are still to be read.
pub(super) struct Opened {
    pub(super) schema: SchemaRef,
    pub(super) batches: Batches,
    pub(super) origin: Origin,
    /// What turns out while the rows are read.
    pub(super) remark: Arc<OnceLock<String>>,
    /// Where they begin, in a text file.
    pub(super) lines: Option<Arc<RowLines>>,
}

impl Opened {
    pub(super) fn new(schema: SchemaRef, batches: Batches, origin: Origin) -> Self {
        Opened { schema, batches, origin, remark: Arc::default(), lines: None }
    }
}

/// The rows of a file, batch by batch, their texts as they are written. Ends after the first error.
pub struct TableReader {
    pub(super) file: String,
    pub(super) format: Format,
    pub(super) schema: SchemaRef,
    pub(super) options: ReadOptions,
    pub(super) origin: Origin,
    pub(super) remark: Arc<OnceLock<String>>,
    pub(super) lines: Option<Arc<RowLines>>,
    pub(super) first: Option<RecordBatch>,
    pub(super) batches: Option<Batches>,
}

impl TableReader {
    pub(super) fn new(source: &Source, format: Format, options: &ReadOptions) -> Result<Self> {
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
            // Those that nobody wants or that cannot be read are columns of the file, too.
            let read: BTreeSet<&str> = reader.schema.fields().iter().map(|f| f.name().as_str()).collect();
            let unread = reader.origin.unread.iter().map(String::as_str);
            let set_aside = reader.origin.set_aside.iter().map(|column| column.name.as_str());
            let n_columns = read.into_iter().chain(unread).chain(set_aside).collect::<BTreeSet<_>>().len();
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
    pub(super) fn into_written(mut self) -> Result<(Table, Origin)> {
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
pub(super) fn check_text<'a>(
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
pub(super) fn settled(
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

/// Bytes of text in a `Utf8` column; a slice shares its buffer with rows that are not its own.
pub(super) fn text_bytes(column: &ArrayRef) -> usize {
    let offsets = column.as_string::<i32>().value_offsets();
    offsets.last().zip(offsets.first()).map_or(0, |(end, start)| (end - start) as usize)
}
