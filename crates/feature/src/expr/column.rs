//! Cells of one Arrow column as numbers, texts, times or truths, as a formula reads them.
//!
//! [`tabgraft_table::cell`] does the reading; here a cell that does not fit gains the hint that a formula has
//! a way around it, and times are read without a format.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};

use super::time::{self, NoTime};
use crate::error::{Error, Result};
use tabgraft_table::cell::{self, Storage};
use tabgraft_table::schema::DateFormat;

/// The cells as numbers, `[n_rows]`; NaN is missing, infinities stay.
///
/// # Errors
/// A value error for a text that is no number, a schema error for a type that holds none.
pub(super) fn numbers(column: &str, array: &ArrayRef) -> Result<Float64Array> {
    cell::numbers(column, array).map_err(|e| with_cast_hint(e, "DOUBLE"))
}

/// The cells as texts, `[n_rows]`; blank text is missing.
///
/// # Errors
/// A schema error for a type that has no text, such as a list.
pub(super) fn texts(column: &str, array: &ArrayRef) -> Result<StringArray> {
    cell::texts(column, array)
}

/// The cells as true and false, `[n_rows]`.
///
/// # Errors
/// A value error for a cell that says neither yes nor no, a schema error for a type that holds none.
pub(super) fn truths(column: &str, array: &ArrayRef) -> Result<BooleanArray> {
    cell::truths(column, array).map_err(|e| with_cast_hint(e, "BOOLEAN"))
}

/// The cells as microseconds since 1970-01-01 UTC, `[n_rows]`.
///
/// # Errors
/// A value error for a text that is no date or whose day and month could be swapped, a schema error
/// for a type that holds no times.
pub fn timestamps_us(column: &str, array: &ArrayRef) -> Result<Vec<Option<i64>>> {
    if Storage::of(column, array.data_type()).is_ok_and(|storage| storage == Storage::Time) {
        return Ok(cell::timestamps_us(column, array, &DateFormat::Typed)?.iter().collect());
    }
    if !is_text(array.data_type()) {
        let target = DataType::Timestamp(TimeUnit::Microsecond, None);
        let array = cast(array, &target).map_err(|e| {
            let found = array.data_type();
            Error::schema(format!("column `{column}` of type {found} cannot be read as {target}"))
                .with_source(e)
        })?;
        return Ok(array.as_primitive::<TimestampMicrosecondType>().iter().collect());
    }
    let ambiguous = |text: &str| time::parse(text) == Err(NoTime::Ambiguous);
    let texts = texts(column, array)?;
    if let Some((i, Some(text))) = texts.iter().enumerate().find(|(_, text)| text.is_some_and(ambiguous)) {
        let shown: String = text.chars().take(80).collect();
        return Err(Error::value(format!(": day and month of `{shown}` could be swapped"))
            .in_row(format!("column `{column}`, "), i)
            .with_hint("write the dates as YYYY-MM-DD"));
    }
    let parse = |(i, text): (usize, Option<&str>)| match text {
        None => Ok(None),
        Some(text) => time::parse(text).map(Some).map_err(|_| {
            let shown: String = text.chars().take(80).collect();
            Error::value(format!(": `{shown}` is not a date or time"))
                .in_row(format!("column `{column}`, "), i)
                .with_hint(cast_hint("TIMESTAMP"))
        }),
    };
    texts.iter().enumerate().map(parse).collect()
}

/// Whether a column holds text, plain or as a dictionary.
pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn with_cast_hint(error: Error, sql_type: &str) -> Error {
    if error.is_value() { error.with_hint(cast_hint(sql_type)) } else { error }
}

fn cast_hint(sql_type: &str) -> String {
    format!("in a formula, `CAST(x AS {sql_type})` makes such cells missing")
}
