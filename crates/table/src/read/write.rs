//! Tables to files: CSV and Parquet.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::guard::guarded;
use super::sniff::{DELIMITERS, looks_foreign};
use crate::error::{Error, ErrorKind, Result};
use crate::table::Table;
use crate::whole_file::write_whole;

/// Writes a table as CSV: a header, commas, line feeds, UTF-8 without a mark.
///
/// A missing cell is empty (`""` where the table has one column, so that the line is not blank).
/// Floats are written with the fewest digits that read back as the same number, NaN as a missing
/// cell, times in ISO 8601. Reading the file gives the same cells as text, but for empty text and
/// text that equals a missing token, which read back as missing.
///
/// # Errors
/// A schema error for nested or binary columns, a value error for a text or a name with a NUL byte, which CSV
/// cannot hold; an io error if `out` fails.
pub fn write_csv(table: &Table, out: impl Write) -> Result<()> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    write_csv_part(table, 0, &mut out)?;
    out.flush().map_err(unwritten)
}

/// Writes a table as Parquet, types kept, compressed with Snappy. The file appears whole or not at all.
///
/// # Errors
/// An io error if the file cannot be written; a schema error for types that Parquet does not know.
pub fn write_parquet(table: &Table, path: &Path) -> Result<()> {
    write_whole(path, |file| {
        let mut writer = TableWriter::parquet(file, path);
        writer.write(table)?;
        writer.finish()
    })
}

/// Writes a table that comes in parts, each with the columns of the first.
pub struct TableWriter<W: Write + Send> {
    format: OutFormat<W>,
    n_rows: usize,
}

enum OutFormat<W: Write + Send> {
    Csv(BufWriter<W>),
    /// Opened with the first part, which has the types.
    Parquet {
        out: Option<W>,
        path: PathBuf,
        writer: Option<Box<ArrowWriter<W>>>,
    },
}

impl<W: Write + Send> TableWriter<W> {
    /// As [`write_csv`] writes.
    pub fn csv(out: W) -> Self {
        TableWriter { format: OutFormat::Csv(BufWriter::with_capacity(64 << 10, out)), n_rows: 0 }
    }

    /// As [`write_parquet`] writes; `path` is for messages. Row groups end at 16 MiB, which is what has to be kept.
    pub fn parquet(out: W, path: &Path) -> Self {
        TableWriter {
            format: OutFormat::Parquet { out: Some(out), path: path.to_owned(), writer: None },
            n_rows: 0,
        }
    }

    /// Writes the next rows.
    ///
    /// # Errors
    /// As [`write_csv`] and [`write_parquet`].
    pub fn write(&mut self, part: &Table) -> Result<()> {
        match &mut self.format {
            OutFormat::Csv(out) => write_csv_part(part, self.n_rows, out)?,
            OutFormat::Parquet { out, path, writer } => {
                let written = guarded(|| -> Result<(), ParquetError> {
                    if let Some(out) = out.take() {
                        let schema = part.batch().schema();
                        let properties = Some(properties(&schema));
                        *writer = Some(Box::new(ArrowWriter::try_new(out, schema, properties)?));
                    }
                    let Some(writer) = writer else { return Ok(()) };
                    for start in (0..part.n_rows()).step_by(PART_ROWS) {
                        writer.write(part.slice(start, PART_ROWS).batch())?;
                        if writer.in_progress_size() > ROW_GROUP_BYTES {
                            writer.flush()?;
                        }
                    }
                    Ok(())
                });
                written.map_err(|found| no_parquet(path, &found))?;
            }
        }
        self.n_rows += part.n_rows();
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`TableWriter::write`].
    pub fn finish(self) -> Result<()> {
        match self.format {
            OutFormat::Csv(mut out) => out.flush().map_err(unwritten),
            OutFormat::Parquet { path, writer, .. } => {
                let Some(writer) = writer else { return Ok(()) };
                guarded(|| writer.close().map(drop)).map_err(|found| no_parquet(&path, &found))
            }
        }
    }
}

/// Rows of a table, the header before the first.
fn write_csv_part(table: &Table, n_before: usize, out: &mut impl Write) -> Result<()> {
    let names = table.column_names();
    if names.is_empty() {
        return Err(Error::schema("a table without columns cannot be written as CSV")
            .with_hint("keep at least one column"));
    }
    let columns = names
        .iter()
        .zip(table.batch().columns())
        .map(|(name, array)| Cells::new(name, array))
        .collect::<Result<Vec<_>>>()?;
    let mut text = String::new();
    if n_before == 0 {
        for (column_idx, name) in names.iter().enumerate() {
            refuse_nul(name, name, None)?;
            separate(out, column_idx).map_err(unwritten)?;
            put(out, name, column_idx == 0 && looks_foreign(name)).map_err(unwritten)?;
        }
        out.write_all(b"\n").map_err(unwritten)?;
    }
    for row_idx in 0..table.n_rows() {
        let number = n_before + row_idx;
        for (column_idx, (name, cells)) in names.iter().zip(&columns).enumerate() {
            separate(out, column_idx).map_err(unwritten)?;
            text.clear();
            let is_missing = !cells
                .write(row_idx, &mut text)
                .map_err(|e| Error::value(format!("column `{name}`, row {number}: {e}")))?;
            refuse_nul(&text, name, Some(number))?;
            let quoted = if is_missing { names.len() == 1 } else { text.is_empty() };
            put(out, &text, quoted).map_err(unwritten)?;
        }
        out.write_all(b"\n").map_err(unwritten)?;
    }
    Ok(())
}

/// Refuses a cell, or the name of a column where there is no row, that nobody could read back.
pub(super) fn refuse_nul(text: &str, column: &str, row: Option<usize>) -> Result<()> {
    if !text.contains('\0') {
        return Ok(());
    }
    let place = row.map_or_else(|| "in its name".to_owned(), |row| format!("row {row}"));
    Err(Error::value(format!("column `{column}`, {place}: found a NUL byte"))
        .with_hint("CSV cannot hold it; remove it, or write Parquet"))
}

/// Bytes of rows that are kept until they are written as a row group.
const ROW_GROUP_BYTES: usize = 16 << 20;
/// Rows between two looks at how many bytes are kept.
const PART_ROWS: usize = 4096;

/// How the cells of one column become text.
pub(super) enum Cells<'a> {
    Text(&'a ArrayRef),
    F32(&'a ArrayRef),
    F64(&'a ArrayRef),
    Other(&'a ArrayRef, ArrayFormatter<'a>),
}

impl<'a> Cells<'a> {
    pub(super) fn new(name: &str, array: &'a ArrayRef) -> Result<Self> {
        let refused = |what: String| {
            Error::schema(format!(
                "column `{name}` of type {} cannot be written as CSV{what}",
                array.data_type()
            ))
            .with_hint("leave it out, or turn it into columns of numbers or text")
        };
        match array.data_type() {
            DataType::Utf8 => Ok(Cells::Text(array)),
            DataType::Float32 => Ok(Cells::F32(array)),
            DataType::Float64 => Ok(Cells::F64(array)),
            other if other.is_nested() || other.is_binary() => Err(refused(String::new())),
            _ => {
                let formatter =
                    ArrayFormatter::try_new(array, &CSV_FORMAT).map_err(|e| refused(format!(": {e}")))?;
                Ok(Cells::Other(array, formatter))
            }
        }
    }

    /// Whether the cells are numbers that may have decimals.
    pub(super) fn are_floats(&self) -> bool {
        matches!(self, Cells::F32(_) | Cells::F64(_))
    }

    /// Writes one cell to `text`; false if it is missing.
    pub(super) fn write(&self, row_idx: usize, text: &mut String) -> Result<bool, arrow::error::ArrowError> {
        let (Cells::Text(array) | Cells::F32(array) | Cells::F64(array) | Cells::Other(array, _)) = self;
        if array.is_null(row_idx) {
            return Ok(false);
        }
        match self {
            Cells::Text(array) => text.push_str(array.as_string::<i32>().value(row_idx)),
            // `Debug` gives the shortest digits, with an exponent where plain digits would be long.
            Cells::F32(array) => match array.as_primitive::<Float32Type>().value(row_idx) {
                value if value.is_nan() => return Ok(false),
                value => text.push_str(&format!("{value:?}")),
            },
            Cells::F64(array) => match array.as_primitive::<Float64Type>().value(row_idx) {
                value if value.is_nan() => return Ok(false),
                value => text.push_str(&format!("{value:?}")),
            },
            Cells::Other(_, formatter) => text.push_str(&formatter.value(row_idx).try_to_string()?),
        }
        Ok(true)
    }
}

const CSV_FORMAT: FormatOptions<'static> = FormatOptions::new();

fn separate(out: &mut impl Write, column_idx: usize) -> io::Result<()> {
    if column_idx > 0 { out.write_all(b",") } else { Ok(()) }
}

/// Writes one cell, in quotes where it could be read as something else. Every delimiter that a
/// reader may guess counts, not only the comma.
pub(super) fn put(out: &mut impl Write, text: &str, quoted: bool) -> io::Result<()> {
    let special = |b: u8| matches!(b, b'"' | b'\n' | b'\r') || DELIMITERS.contains(&b);
    if !quoted && !text.bytes().any(special) {
        return out.write_all(text.as_bytes());
    }
    write!(out, "\"{}\"", text.replace('"', "\"\""))
}

pub(super) fn unwritten(error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write CSV: {error}")).with_source(error)
}

/// Decimals hardly ever repeat: a dictionary of them costs twice the time and memory of writing them as they are.
fn properties(schema: &SchemaRef) -> WriterProperties {
    let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    for field in schema.fields().iter().filter(|field| field.data_type().is_floating()) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        properties = properties.set_column_dictionary_enabled(path, false);
    }
    properties.build()
}

fn no_parquet(path: &Path, found: &str) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write `{}`: {found}", path.display()))
        .with_hint("check the space on the disk; nested columns may have to be left out")
}
