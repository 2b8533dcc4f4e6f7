//! Cells of one Arrow column as numbers, texts or times.
//!
//! Text is parsed, typed columns are converted; a cell that does not fit is an error that names
//! column, row (counted from 1) and value.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType};

use super::time::{self, NoTime};
use crate::error::{Error, Result};

/// The cells as numbers, `[n_rows]`; what the text `inf` or a typed NaN says is kept as it is.
///
/// # Errors
/// A value error for a text that is no number, or a column of a type that holds none.
pub fn numbers(column: &str, array: &ArrayRef) -> Result<Vec<Option<f64>>> {
    if is_text(array.data_type()) {
        let parse = |text: &str| text.trim().parse::<f64>().ok();
        return parsed(column, array, "a number", "CAST(... AS DOUBLE)", parse);
    }
    let array = converted(column, array, &DataType::Float64, "numbers")?;
    Ok(array.as_primitive::<Float64Type>().iter().collect())
}

/// The cells as texts, `[n_rows]`.
///
/// # Errors
/// A value error for a column of a type that has no text, such as a list.
pub fn texts(column: &str, array: &ArrayRef) -> Result<StringArray> {
    let array = converted(column, array, &DataType::Utf8, "texts")?;
    Ok(array.as_string::<i32>().clone())
}

/// The cells as microseconds since 1970-01-01 UTC, `[n_rows]`.
///
/// # Errors
/// A value error for a text that is no date or whose day and month could be swapped, or a column of
/// a type that holds no times.
pub fn timestamps_us(column: &str, array: &ArrayRef) -> Result<Vec<Option<i64>>> {
    if !is_text(array.data_type()) {
        let target = DataType::Timestamp(TimeUnit::Microsecond, None);
        let array = converted(column, array, &target, "times")?;
        return Ok(array.as_primitive::<TimestampMicrosecondType>().iter().collect());
    }
    let ambiguous = texts(column, array)?.iter().enumerate().find_map(|(i, text)| {
        text.filter(|t| time::parse(t) == Err(NoTime::Ambiguous)).map(|t| (i, t.to_owned()))
    });
    if let Some((i, text)) = ambiguous {
        return Err(Error::value(format!(
            "column `{column}`, row {}: day and month of `{}` could be swapped",
            i + 1,
            shortened(&text)
        ))
        .with_hint("write the dates as YYYY-MM-DD"));
    }
    parsed(column, array, "a date or time", "CAST(... AS TIMESTAMP)", |text| time::parse(text).ok())
}

/// The cells as booleans, `[n_rows]`.
///
/// # Errors
/// A value error for a text that is no boolean, or a column of a type that holds none.
pub fn bools(column: &str, array: &ArrayRef) -> Result<Vec<Option<bool>>> {
    if is_text(array.data_type()) {
        return parsed(column, array, "a boolean", "CAST(... AS BOOLEAN)", super::cast::parse_bool);
    }
    let array = converted(column, array, &DataType::Boolean, "booleans")?;
    Ok(array.as_boolean().iter().collect())
}

/// Whether a column holds text, plain or as a dictionary.
pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn parsed<T>(
    column: &str,
    array: &ArrayRef,
    wanted: &str,
    cast: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let cell = |(i, text): (usize, Option<&str>)| match text {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| {
            Error::value(format!("column `{column}`, row {}: `{}` is not {wanted}", i + 1, shortened(text)))
                .with_hint(format!("in a formula, `{cast}` makes such cells missing"))
        }),
    };
    texts(column, array)?.iter().enumerate().map(cell).collect()
}

fn converted(column: &str, array: &ArrayRef, target: &DataType, wanted: &str) -> Result<ArrayRef> {
    cast(array, target).map_err(|e| {
        Error::value(format!("column `{column}` of type {} cannot be read as {wanted}", array.data_type()))
            .with_source(e)
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
