//! Tables to files: CSV and Parquet.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

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
/// A schema error for nested or binary columns, a value error for text with a NUL byte, which CSV
/// cannot hold; an io error if `out` fails.
pub fn write_csv(table: &Table, out: impl Write) -> Result<()> {
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
    let mut out = BufWriter::with_capacity(64 << 10, out);
    let mut text = String::new();
    for (column_idx, name) in names.iter().enumerate() {
        separate(&mut out, column_idx).map_err(unwritten)?;
        put(&mut out, name, column_idx == 0 && looks_foreign(name)).map_err(unwritten)?;
    }
    out.write_all(b"\n").map_err(unwritten)?;
    for row_idx in 0..table.n_rows() {
        for (column_idx, (name, cells)) in names.iter().zip(&columns).enumerate() {
            separate(&mut out, column_idx).map_err(unwritten)?;
            text.clear();
            let is_missing = !cells
                .write(row_idx, &mut text)
                .map_err(|e| Error::value(format!("column `{name}`, row {}: {e}", row_idx)))?;
            if text.contains('\0') {
                return Err(Error::value(format!("column `{name}`, row {}: found a NUL byte", row_idx))
                    .with_hint("CSV cannot hold it; remove it, or write Parquet"));
            }
            let quoted = if is_missing { names.len() == 1 } else { text.is_empty() };
            put(&mut out, &text, quoted).map_err(unwritten)?;
        }
        out.write_all(b"\n").map_err(unwritten)?;
    }
    out.flush().map_err(unwritten)
}

/// Writes a table as Parquet, types kept, compressed with Snappy. The file appears whole or not at all.
///
/// # Errors
/// An io error if the file cannot be written; a schema error for types that Parquet does not know.
pub fn write_parquet(table: &Table, path: &Path) -> Result<()> {
    write_whole(path, |file| write_parquet_to(table, path, file))
}

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

fn write_parquet_to(table: &Table, path: &Path, file: &File) -> Result<()> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let written = guarded(|| -> Result<(), ParquetError> {
        let mut writer = ArrowWriter::try_new(file, table.batch().schema(), Some(properties))?;
        writer.write(table.batch())?;
        writer.close().map(drop)
    });
    written.map_err(|found| {
        Error::new(ErrorKind::Io, format!("cannot write `{}`: {found}", path.display()))
            .with_hint("check the space on the disk; nested columns may have to be left out")
    })
}
