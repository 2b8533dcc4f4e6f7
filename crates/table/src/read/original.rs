//! A table's file with columns added: what nobody asked to change leaves as it came.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Cursor, Read, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayBuilder, ArrayRef, RecordBatch, RecordBatchReader, StringBuilder};
use arrow::compute::concat_batches;
use arrow::datatypes::Schema as ArrowSchema;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::guard::decoded;
use super::index::UNNAMED;
use super::json_object::{Scalar, parse_object};
use super::records::{Records, Span};
use super::sniff::UTF8_BOM;
use super::source::{Content, Source, read_failed};
use super::write::{Cells, put, refuse_nul, unwritten};
use super::{DecimalMark, Format, ReadOptions, Renaming, open_source, write_csv, write_parquet};
use crate::error::{Error, Result};
use crate::table::Table;

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// A file that a table was read from, to be written again with more columns.
///
/// A CSV file leaves as CSV byte by byte: quotes, delimiter, line ends, byte order mark and the spelling of
/// every cell stay, missing tokens as well, and new cells stand behind the last column of each row; new numbers
/// have a decimal comma where those of the file have. A
/// Parquet or Arrow file keeps its types and values, those that a [`Table`] holds in another form too. Of JSON lines
/// the digits stay as they are written where they become CSV. Text of a CSV file becomes Parquet as text, an empty
/// cell as a null.
pub struct Original {
    source: Source,
    format: Format,
    options: ReadOptions,
    /// Whether numbers in its text have a decimal comma.
    has_decimal_comma: bool,
}

impl Original {
    /// Reads a file as [`super::read_table`] does, and keeps hold of it.
    ///
    /// # Errors
    /// As [`super::read_table`].
    pub fn open(path: &Path, options: &ReadOptions) -> Result<(Self, Table)> {
        options.check()?;
        Self::of(Source::from_path(path)?, options)
    }

    /// As [`Original::open`], from a stream of bytes, which is kept in memory; `name` is as for
    /// [`super::read_table_from`].
    ///
    /// # Errors
    /// As [`super::read_table_from`].
    pub fn open_from(reader: impl Read, name: &str, options: &ReadOptions) -> Result<(Self, Table)> {
        options.check()?;
        Self::of(Source::from_reader(reader, name)?, options)
    }

    fn of(source: Source, options: &ReadOptions) -> Result<(Self, Table)> {
        let source = source.within(options);
        let reader = open_source(&source, options)?;
        let format = reader.format();
        let table = reader.into_table()?;
        let has_decimal_comma = table.origin().reading.decimal == Some(DecimalMark::Comma);
        // The file keeps the names that it has.
        let options = ReadOptions { renaming: Renaming::default(), ..options.clone() };
        Ok((Original { source, format, options, has_decimal_comma }, table))
    }

    /// Writes the file's table and `added` beside it as CSV.
    ///
    /// # Errors
    /// As [`write_csv`]; a value error if the file does not have the rows that it had; an io error.
    pub fn write_csv_with(&self, added: &Table, out: impl Write) -> Result<()> {
        match self.format {
            Format::Csv { delimiter, gzip } => self.copy_csv(delimiter, gzip, added, out),
            Format::JsonLines { gzip } => write_csv(&self.beside(&self.json_text(gzip)?, added)?, out),
            _ => write_csv(&self.with(added)?, out),
        }
    }

    /// Writes the file's table and `added` beside it as Parquet. The file appears whole or not at all.
    ///
    /// # Errors
    /// As [`write_parquet`]; a value error if the file does not have the rows that it had; an io error.
    pub fn write_parquet_with(&self, added: &Table, path: &Path) -> Result<()> {
        write_parquet(&self.with(added)?, path)
    }

    fn copy_csv(&self, delimiter: u8, gzip: bool, added: &Table, out: impl Write) -> Result<()> {
        let names = added.column_names();
        let cells = names
            .iter()
            .zip(added.batch().columns())
            .map(|(name, array)| Cells::new(name, array))
            .collect::<Result<Vec<_>>>()?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        let mut text = String::new();
        let mut put_all = |out: &mut BufWriter<_>, row: Option<usize>| -> Result<()> {
            for (name, cells) in names.iter().zip(&cells) {
                text.clear();
                let is_missing = match row {
                    None => {
                        text.push_str(name);
                        false
                    }
                    Some(row) => !cells
                        .write(row, &mut text)
                        .map_err(|e| Error::value(format!("column `{name}`, row {}: {e}", row)))?,
                };
                refuse_nul(&text, name, row)?;
                out.write_all(&[delimiter]).map_err(unwritten)?;
                if row.is_some() && self.has_decimal_comma && cells.are_floats() {
                    text = text.replace('.', ",");
                    // A mark that is no delimiter here needs no quotes: the file's own numbers have none.
                    if delimiter != b',' {
                        out.write_all(text.as_bytes()).map_err(unwritten)?;
                        continue;
                    }
                }
                let is_quoted = !is_missing && (text.is_empty() || text.as_bytes().contains(&delimiter));
                put(out, &text, is_quoted).map_err(unwritten)?;
            }
            Ok(())
        };
        let mut records = Records::new(self.source.reader(gzip)?, delimiter, self.options.max_row_bytes);
        records.skip_mark(UTF8_BOM).map_err(|_| self.changed())?;
        let (mut n_columns, mut n_rows) = (0, 0);
        while records.advance().map_err(|_| self.changed())? {
            let (record, spans) = (records.record(), records.spans());
            let row = match n_columns {
                0 => {
                    if records.offset() > 0 {
                        out.write_all(UTF8_BOM).map_err(unwritten)?;
                    }
                    n_columns = n_named(record, spans);
                    None
                }
                // Blank lines at the end are no rows, but of a table with one column.
                2.. if records.is_blank() => {
                    out.write_all(record).map_err(unwritten)?;
                    continue;
                }
                _ => {
                    n_rows += 1;
                    Some(n_rows - 1)
                }
            };
            let Some(last) = spans.get(n_columns.wrapping_sub(1)) else { return Err(self.changed()) };
            if n_rows > added.n_rows() {
                return Err(self.changed());
            }
            let (before, behind) = record.split_at(end_of(record, last));
            out.write_all(before).map_err(unwritten)?;
            put_all(&mut out, row)?;
            out.write_all(behind).map_err(unwritten)?;
        }
        if n_rows != added.n_rows() {
            return Err(self.changed());
        }
        out.flush().map_err(unwritten)
    }

    /// The file's own columns, in its own types, and `added` beside them.
    fn with(&self, added: &Table) -> Result<Table> {
        let own = match self.format {
            Format::Csv { delimiter, gzip } => self.text(delimiter, gzip)?,
            Format::JsonLines { gzip } => {
                let options = ReadOptions { missing_tokens: Vec::new(), ..self.options.clone() };
                let (table, origin) = open_source(&self.source, &options)?.into_written()?;
                // What no table can be made of leaves as the text that it is.
                let nested = match origin.set_aside.is_empty() {
                    true => None,
                    false => Some(self.json_text(gzip)?),
                };
                let names: Vec<&String> = origin.set_aside.iter().map(|column| &column.name).collect();
                let mut texts = names.iter().filter_map(|name| {
                    Some(((*name).clone(), nested.as_ref()?.column_by_name(name)?.clone()))
                });
                let table = texts.try_fold(table, |table, (name, text)| table.with_column(&name, text))?;
                table.batch().clone()
            }
            Format::Parquet | Format::ArrowFile | Format::ArrowStream => self.typed()?,
        };
        self.beside(&own, added)
    }

    fn beside(&self, own: &RecordBatch, added: &Table) -> Result<Table> {
        if own.num_rows() != added.n_rows() {
            return Err(self.changed());
        }
        let schema = own.schema();
        let new = added.batch();
        let new_schema = new.schema();
        let fields: Vec<_> = schema.fields().iter().chain(new_schema.fields()).cloned().collect();
        let columns: Vec<ArrayRef> = own.columns().iter().chain(new.columns()).cloned().collect();
        let schema = Arc::new(ArrowSchema::new_with_metadata(fields, schema.metadata().clone()));
        Table::new(RecordBatch::try_new(schema, columns).map_err(|e| self.unfit(&e))?)
    }

    /// A CSV file's cells as they are spelled; an empty one is a null.
    fn text(&self, delimiter: u8, gzip: bool) -> Result<RecordBatch> {
        let mut records = Records::new(self.source.reader(gzip)?, delimiter, self.options.max_row_bytes);
        records.skip_mark(UTF8_BOM).map_err(|_| self.changed())?;
        let (mut names, mut builders) = (Vec::new(), Vec::<StringBuilder>::new());
        while records.advance().map_err(|_| self.changed())? {
            let record = records.record();
            let cell = |span: &Span| {
                let text = String::from_utf8_lossy(&record[span.start..span.end]);
                if span.escaped { text.replace("\"\"", "\"") } else { text.into_owned() }
            };
            if names.is_empty() {
                names = records.spans()[..n_named(record, records.spans())].iter().map(cell).collect();
                if let Some(first) =
                    names.first_mut().filter(|name: &&mut String| name.trim_ascii().is_empty())
                {
                    *first = UNNAMED.to_owned();
                }
                builders = names.iter().map(|_| StringBuilder::new()).collect();
            } else if !records.is_blank() || names.len() == 1 {
                for (span, builder) in records.spans().iter().zip(&mut builders) {
                    builder.append_option(Some(cell(span)).filter(|text| !text.is_empty()));
                }
            }
        }
        let columns = names.into_iter().zip(builders.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef));
        Ok(Table::from_columns(columns)?.batch().clone())
    }

    /// The values of a file of JSON lines with the digits as they are written.
    fn json_text(&self, gzip: bool) -> Result<RecordBatch> {
        let name = self.source.name();
        let (mut columns, mut n_rows) = (Vec::<(String, StringBuilder)>::new(), 0);
        let mut places = HashMap::<String, usize>::new();
        for line in BufReader::new(self.source.reader(gzip)?).lines() {
            let line = line.map_err(|e| read_failed(name, e))?;
            let line = line.trim_start_matches('\u{feff}');
            if line.trim_ascii().is_empty() {
                continue;
            }
            let put = |key: &str, value: Scalar<'_>| {
                let place = *places.entry(key.to_owned()).or_insert_with(|| {
                    columns.push((key.to_owned(), StringBuilder::new()));
                    columns.len() - 1
                });
                let builder = &mut columns[place].1;
                while builder.len() < n_rows {
                    builder.append_null();
                }
                match value {
                    Scalar::Null => builder.append_null(),
                    Scalar::Bool(value) => builder.append_value(value.to_string()),
                    Scalar::Int(_, digits) | Scalar::WideInt(digits) | Scalar::Float(_, digits) => {
                        builder.append_value(digits);
                    }
                    Scalar::Text(text) => builder.append_value(text),
                    Scalar::Nested(_, text) => builder.append_value(text),
                }
                Ok(())
            };
            parse_object(line, put).map_err(|_| self.changed())?;
            n_rows += 1;
        }
        let columns = columns.into_iter().map(|(name, mut builder)| {
            while builder.len() < n_rows {
                builder.append_null();
            }
            (name, Arc::new(builder.finish()) as ArrayRef)
        });
        Ok(Table::from_columns(columns)?.batch().clone())
    }

    /// The columns of a file that has types, in these types.
    fn typed(&self) -> Result<RecordBatch> {
        let name = self.source.name();
        let opened = |path: &Path| File::open(path).map_err(|e| Error::io(path, "open", e));
        let parquet = |e: parquet::errors::ParquetError| ArrowError::from(e);
        match (self.format, self.source.content()) {
            (Format::Parquet, Content::File(path)) => {
                let file = opened(path)?;
                decoded(name, || {
                    joined(
                        ParquetRecordBatchReaderBuilder::try_new(file)
                            .and_then(|b| b.build())
                            .map_err(parquet)?,
                    )
                })
            }
            (Format::Parquet, Content::Memory(bytes)) => {
                let bytes = bytes.clone();
                decoded(name, || {
                    joined(
                        ParquetRecordBatchReaderBuilder::try_new(bytes)
                            .and_then(|b| b.build())
                            .map_err(parquet)?,
                    )
                })
            }
            (Format::ArrowFile, Content::File(path)) => {
                let file = opened(path)?;
                decoded(name, || joined(FileReader::try_new(file, None)?))
            }
            (Format::ArrowFile, Content::Memory(bytes)) => {
                decoded(name, || joined(FileReader::try_new(Cursor::new(bytes.clone()), None)?))
            }
            _ => {
                let input = self.source.reader(false)?;
                decoded(name, || joined(StreamReader::try_new(input, None)?))
            }
        }
    }

    fn changed(&self) -> Error {
        Error::value(format!("`{}` changed while it was read", self.source.name()))
            .with_hint("wait until nobody writes to it, and try again")
    }

    fn unfit(&self, error: &ArrowError) -> Error {
        Error::value(format!("`{}`: {error}", self.source.name()))
    }
}

fn joined(reader: impl RecordBatchReader) -> std::result::Result<RecordBatch, ArrowError> {
    let schema = reader.schema();
    concat_batches(&schema, &reader.collect::<std::result::Result<Vec<_>, _>>()?)
}

/// Columns of a header: the cells behind the last name are none.
fn n_named(record: &[u8], spans: &[Span]) -> usize {
    let is_blank = |span: &Span| record[span.start..span.end].trim_ascii().is_empty();
    spans.iter().rposition(|span| !is_blank(span)).map_or(spans.len(), |last| last + 1)
}

/// Where a cell ends in its record, its closing quote included.
fn end_of(record: &[u8], span: &Span) -> usize {
    let is_quoted = span.start > 0 && record[span.start - 1] == b'"';
    span.end + usize::from(is_quoted)
}
