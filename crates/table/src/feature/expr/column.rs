//! Cells of one Arrow column as numbers, texts, times or truths.
//!
//! To be replaced by `crate::cell`, which has the same functions: null, blank text and NaN are missing;
//! a cell that does not fit is an error that names column, row (counted from 1) and value.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType};

use super::time::{self, NoTime};
use crate::error::{Error, Result};

/// Spellings of yes and no.
const TRUE_WORDS: [&str; 6] = ["true", "yes", "t", "y", "1", "on"];
const FALSE_WORDS: [&str; 6] = ["false", "no", "f", "n", "0", "off"];

/// The cells as numbers, `[n_rows]`; NaN is missing, infinities stay.
///
/// # Errors
/// A value error for a text that is no number, a schema error for a type that holds none.
pub(super) fn numbers(column: &str, array: &ArrayRef) -> Result<Float64Array> {
    let numbers: Float64Array = if is_text(array.data_type()) {
        parsed(column, array, "a number", "DOUBLE", parse_number)?.into_iter().collect()
    } else {
        converted(column, array, &DataType::Float64)?.as_primitive::<Float64Type>().clone()
    };
    Ok(numbers.iter().map(|x| x.filter(|x| !x.is_nan())).collect())
}

/// The cells as texts, `[n_rows]`; blank text is missing.
///
/// # Errors
/// A schema error for a type that has no text, such as a list.
pub(super) fn texts(column: &str, array: &ArrayRef) -> Result<StringArray> {
    let texts = converted(column, array, &DataType::Utf8)?.as_string::<i32>().clone();
    let is_blank = |text: &str| text.trim().is_empty();
    if texts.iter().flatten().any(is_blank) {
        return Ok(texts.iter().map(|t| t.filter(|t| !is_blank(t))).collect());
    }
    Ok(texts)
}

/// The cells as true and false, `[n_rows]`.
///
/// # Errors
/// A value error for a text that says neither yes nor no, a schema error for a type that holds none.
pub(super) fn truths(column: &str, array: &ArrayRef) -> Result<BooleanArray> {
    if is_text(array.data_type()) {
        return Ok(parsed(column, array, "yes or no", "BOOLEAN", parse_truth)?.into_iter().collect());
    }
    Ok(converted(column, array, &DataType::Boolean)?.as_boolean().clone())
}

/// The cells as microseconds since 1970-01-01 UTC, `[n_rows]`.
///
/// # Errors
/// A value error for a text that is no date or whose day and month could be swapped, a schema error
/// for a type that holds no times.
pub(super) fn timestamps_us(column: &str, array: &ArrayRef) -> Result<Vec<Option<i64>>> {
    if !is_text(array.data_type()) {
        let target = DataType::Timestamp(TimeUnit::Microsecond, None);
        let array = converted(column, array, &target)?;
        return Ok(array.as_primitive::<TimestampMicrosecondType>().iter().collect());
    }
    let ambiguous = |text: &str| time::parse(text) == Err(NoTime::Ambiguous);
    let texts = texts(column, array)?;
    if let Some((i, Some(text))) = texts.iter().enumerate().find(|(_, text)| text.is_some_and(ambiguous)) {
        let shown = shortened(text);
        let message =
            format!("column `{column}`, row {}: day and month of `{shown}` could be swapped", i + 1);
        return Err(Error::value(message).with_hint("write the dates as YYYY-MM-DD"));
    }
    parsed(column, array, "a date or time", "TIMESTAMP", |text| time::parse(text).ok())
}

/// A number from text, which may be `inf` or `nan`.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// Yes or no from text, by the usual spellings in any case.
pub(super) fn parse_truth(text: &str) -> Option<bool> {
    let is_one_of = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(text.trim()));
    match text {
        _ if is_one_of(&TRUE_WORDS) => Some(true),
        _ if is_one_of(&FALSE_WORDS) => Some(false),
        _ => None,
    }
}

/// The shortest text that reads back as this number; none for NaN.
pub(super) fn number_text(value: f64) -> Option<String> {
    match value {
        v if v.is_nan() => None,
        // Adding zero turns -0 into 0: both are one number and must be one text.
        v if v.trunc() == v && v.abs() < 1e15 => Some(format!("{}", v + 0.0)),
        v => Some(format!("{v:?}")),
    }
}

/// Whether a column holds text, plain or as a dictionary.
pub(super) fn is_text(data_type: &DataType) -> bool {
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
    sql_type: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let cell = |(i, text): (usize, Option<&str>)| match text {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| {
            let shown = shortened(text);
            Error::value(format!("column `{column}`, row {}: `{shown}` is not {wanted}", i + 1))
                .with_hint(format!("in a formula, `CAST(x AS {sql_type})` makes such cells missing"))
        }),
    };
    texts(column, array)?.iter().enumerate().map(cell).collect()
}

fn converted(column: &str, array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    cast(array, target).map_err(|e| {
        let found = array.data_type();
        Error::schema(format!("column `{column}` of type {found} cannot be read as {target}")).with_source(e)
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
