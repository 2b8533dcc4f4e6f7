//! The one place where Arrow cells become values.
//!
//! The same value reads the same whether it came as text from a CSV file or typed from Parquet.
//! Null, blank text and NaN are missing; infinities are values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Date64Type, Float32Type, Float64Type, Int64Type, TimeUnit};
use chrono::DateTime;
use serde::{Deserialize, Serialize};

use crate::dates::{DateFormat, DateParser, iso_micros, swapped};
use crate::error::{Error, Result};
use crate::marks;
use crate::spelling::category;
pub use crate::spelling::{
    canonical, long_whole, number_text, parse_number, parse_truth, rounded_whole, short_text, truth_like,
    truth_words,
};
use crate::visible::quoted;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Rows that are read at a time where the first value ends the search.
const FEW_ROWS: usize = 256;
/// Rows whose cells are read at a time where nothing needs more of them.
const PIECE_ROWS: usize = 16_384;

/// What the cells of an Arrow column hold, as far as the type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// Text, which may mean anything.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Float,
    /// True and false.
    Boolean,
    /// Dates or points in time.
    Time,
    /// Nothing but missing cells.
    Null,
}

impl Storage {
    /// What the cells of this Arrow type hold.
    ///
    /// # Errors
    /// A schema error if cells of the type are no single values, or none that can be read.
    pub fn of(column: &str, data_type: &DataType) -> Result<Self> {
        match data_type {
            DataType::Dictionary(_, values) => Self::of(column, values),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(Storage::Text),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Ok(Storage::Float),
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Ok(Storage::Float),
            DataType::Boolean => Ok(Storage::Boolean),
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Ok(Storage::Time),
            DataType::Null => Ok(Storage::Null),
            integer if integer.is_integer() => Ok(Storage::Integer),
            other => Err(Error::schema(format!("column `{column}` has the Arrow type `{other}`"))
                .with_hint("text, numbers, booleans, dates and timestamps can be used; ignore the column")),
        }
    }
}

/// Numbers, `[n_rows]`; NaN is missing, infinities stay.
///
/// Booleans give 0 and 1; text is parsed. A 32-bit number is the decimal that people see, 0.1 and not
/// 0.10000000149011612, as the same column of a CSV file is read.
///
/// # Errors
/// A value error that names column, row and value if text is not a number; a schema
/// error if the column holds times or a type that cannot be read.
pub fn numbers(column: &str, array: &ArrayRef) -> Result<Float64Array> {
    let (storage, array) = plain(column, array)?;
    let numbers: Float64Array = match storage {
        Storage::Text => {
            let texts = array.as_string::<i32>();
            let parse = |(row, text): (usize, Option<&str>)| match text.and_then(present) {
                None => Ok(None),
                Some(text) => parse_number(text).map(Some).ok_or_else(|| {
                    let error = unfit(column, row, text, "a number");
                    marks::hint_of(text).into_iter().fold(error, Error::with_hint)
                }),
            };
            texts.iter().enumerate().map(parse).collect::<Result<_>>()?
        }
        Storage::Time => {
            return Err(Error::schema(format!("column `{column}` holds times, not numbers"))
                .with_hint("use it as a timestamp"));
        }
        Storage::Float if *array.data_type() == DataType::Float32 => {
            array.as_primitive::<Float32Type>().unary(shortest_decimal)
        }
        _ => convert(column, &array, &DataType::Float64)?.as_primitive::<Float64Type>().clone(),
    };
    if numbers.iter().flatten().any(f64::is_nan) {
        return Ok(numbers.iter().map(|v| v.filter(|v| !v.is_nan())).collect());
    }
    Ok(numbers)
}

/// The 64-bit number nearest to the shortest decimal that reads back as this 32-bit one.
fn shortest_decimal(value: f32) -> f64 {
    let wide = f64::from(value);
    // Of a larger one even the last digits before the point may be none that anybody wrote.
    if wide.abs() < f64::from(1 << f32::MANTISSA_DIGITS) {
        if wide.fract() == 0.0 {
            return wide;
        }
        // Few decimals are tried first: the product is exact, so the rounded one is the nearest of them.
        for scale in [1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9] {
            let scaled = wide * scale;
            if scaled.fract().abs() == 0.5 {
                break;
            }
            let decimal = scaled.round() / scale;
            if decimal as f32 == value {
                return decimal;
            }
        }
    }
    value.to_string().parse().unwrap_or(wide)
}

/// Canonical text, `[n_rows]`: whole numbers without a point, other numbers as short as they read
/// back, `true` and `false`, times in ISO 8601. Text is taken as it is; blank text is missing.
///
/// # Errors
/// A schema error if the column has a type that cannot be read.
pub fn texts(column: &str, array: &ArrayRef) -> Result<StringArray> {
    let (storage, array) = plain(column, array)?;
    Ok(match storage {
        Storage::Text => {
            let texts = array.as_string::<i32>();
            if texts.iter().flatten().all(|t| present(t).is_some()) {
                return Ok(texts.clone());
            }
            texts.iter().map(|t| t.filter(|t| present(t).is_some())).collect()
        }
        Storage::Float if *array.data_type() == DataType::Float32 => {
            // Through its own shortest text, or 0.1 would become 0.10000000149011612.
            let floats = array.as_primitive::<Float32Type>();
            floats.iter().map(|v| v.and_then(|v| number_text(shortest_decimal(v)))).collect()
        }
        Storage::Float if array.data_type().is_decimal() => {
            let (values, written) = (numbers(column, &array)?, convert(column, &array, &DataType::Utf8)?);
            let text = |(value, text): (Option<f64>, Option<&str>)| {
                let value = value?;
                let whole = text.and_then(|text| rounded_whole(text, value));
                whole.map(str::to_owned).or_else(|| number_text(value))
            };
            values.iter().zip(written.as_string::<i32>()).map(text).collect()
        }
        Storage::Float => numbers(column, &array)?.iter().map(|v| number_text(v?)).collect(),
        Storage::Time => {
            let is_date = matches!(array.data_type(), DataType::Date32 | DataType::Date64);
            typed_micros(column, &array)?.iter().map(|t| Some(time_text(t?, is_date))).collect()
        }
        _ => convert(column, &array, &DataType::Utf8)?.as_string::<i32>().clone(),
    })
}

/// Does some work on the cells of a column piece by piece, in their order: what reading cells makes of them is never
/// there for all rows at once.
///
/// # Errors
/// The first error of `work`, its row counted over the whole column.
pub(crate) fn each_piece(array: &ArrayRef, mut work: impl FnMut(&ArrayRef) -> Result<()>) -> Result<()> {
    // A column without rows has a type all the same, which may be wrong.
    for first in (0..array.len().max(1)).step_by(PIECE_ROWS) {
        let piece = array.slice(first, PIECE_ROWS.min(array.len() - first));
        work(&piece).map_err(|e| e.behind(first))?;
    }
    Ok(())
}

/// Whether any cell has a value, as [`texts`] tells it. Reads no further than to the first few rows that do.
///
/// # Errors
/// A schema error if the column has a type that cannot be read.
pub fn has_value(column: &str, array: &ArrayRef) -> Result<bool> {
    if array.null_count() == array.len() {
        return Ok(false);
    }
    for start in (0..array.len()).step_by(FEW_ROWS) {
        let rows = array.slice(start, FEW_ROWS.min(array.len() - start));
        if texts(column, &rows)?.null_count() < rows.len() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Names of categories, `[n_rows]`: [`texts`] without blanks around them, and whole numbers without
/// the `.0` that some programs write.
///
/// # Errors
/// A schema error if the column has a type that cannot be read.
pub fn categories(column: &str, array: &ArrayRef) -> Result<StringArray> {
    let texts = texts(column, array)?;
    if texts.iter().flatten().all(|text| category(text).len() == text.len()) {
        return Ok(texts);
    }
    Ok(texts.iter().map(|text| text.map(category)).collect())
}

/// True and false, `[n_rows]`; text and numbers are read by the usual spellings (`yes`, `N`, `1`).
///
/// # Errors
/// A value error that names column, row and value if a cell says neither yes nor no.
pub fn truths(column: &str, array: &ArrayRef) -> Result<BooleanArray> {
    let texts = texts(column, array)?;
    let parse = |(row, text): (usize, Option<&str>)| {
        let Some(text) = text else { return Ok(None) };
        parse_truth(text).map(Some).ok_or_else(|| unfit(column, row, text, "yes or no"))
    };
    texts.iter().enumerate().map(parse).collect()
}

/// Points in time, `[n_rows]`, in microseconds since 1970-01-01; without a zone taken as UTC.
///
/// Typed columns need no format. Text in a column that was typed when it was fitted is read as
/// ISO 8601.
///
/// # Errors
/// A value error that names column, row and value if a cell does not fit the format or
/// lies outside +-292,000 years.
pub fn timestamps_us(column: &str, array: &ArrayRef, format: &DateFormat) -> Result<Int64Array> {
    let (storage, array) = plain(column, array)?;
    if storage == Storage::Time {
        return typed_micros(column, &array);
    }
    let texts = texts(column, &array)?;
    let parsers = format.formats().iter().map(|f| DateParser::new(f)).collect::<Result<Vec<_>>>()?;
    let parse = |(row, text): (usize, Option<&str>)| {
        let Some(text) = text.map(str::trim) else { return Ok(None) };
        let micros = match &parsers[..] {
            [] => iso_micros(text),
            parsers => parsers.iter().find_map(|parser| parser.micros(text)),
        };
        micros.map(Some).ok_or_else(|| no_date(column, row, text, format))
    };
    texts.iter().enumerate().map(parse).collect()
}

fn no_date(column: &str, row: usize, text: &str, format: &DateFormat) -> Error {
    let formats = format.formats();
    let rule = match formats {
        [] => "a date in ISO 8601".to_owned(),
        formats => format!("a date of the form {}", quoted(formats).replace(", ", " or ")),
    };
    let error = unfit(column, row, text, &rule);
    let fits = |format: &&String| {
        let other = swapped(format);
        other != **format && DateParser::new(&other).is_ok_and(|parser| parser.micros(text).is_some())
    };
    match formats.iter().find(fits) {
        None => error,
        Some(_) => {
            let other = formats.iter().map(|format| swapped(format)).collect::<Vec<_>>().join("|");
            error.with_hint(format!(
                "it is one with day and month swapped: if the column is written so, train with `{other}` as its date \
                 format; if the cell alone is, correct it or leave it empty"
            ))
        }
    }
}

/// Seconds of microseconds.
pub fn seconds(micros: i64) -> f64 {
    micros as f64 / MICROS_PER_SECOND as f64
}

/// A point in time as [`texts`] writes it, from any spelling of ISO 8601; a day alone at midnight.
pub fn iso_text(text: &str) -> Option<String> {
    iso_micros(text.trim()).map(|micros| time_text(micros, true))
}

/// Microseconds since 1970-01-01 UTC in ISO 8601; with `is_date` midnight is a day alone.
pub fn time_text(micros: i64, is_date: bool) -> String {
    // Years that the calendar does not know (beyond +-262,000) stay a number.
    let Some(time) = DateTime::from_timestamp_micros(micros) else { return format!("{micros} us") };
    let is_midnight = micros.rem_euclid(MICROS_PER_DAY) == 0;
    time.format(if is_date && is_midnight { "%Y-%m-%d" } else { "%Y-%m-%dT%H:%M:%S%.f" }).to_string()
}

fn present(text: &str) -> Option<&str> {
    if text.trim().is_empty() { None } else { Some(text) }
}

/// The column without dictionaries and with one text type.
pub(crate) fn plain(column: &str, array: &ArrayRef) -> Result<(Storage, ArrayRef)> {
    let storage = Storage::of(column, array.data_type())?;
    let array = match array.data_type() {
        DataType::Utf8 => array.clone(),
        DataType::Null => Arc::new(StringArray::new_null(array.len())),
        _ if storage == Storage::Text => convert(column, array, &DataType::Utf8)?,
        DataType::Dictionary(_, values) => convert(column, array, values)?,
        _ => array.clone(),
    };
    Ok((if storage == Storage::Null { Storage::Text } else { storage }, array))
}

fn convert(column: &str, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    cast(array, to)
        .map_err(|e| Error::schema(format!("column `{column}` cannot be read as `{to}`: {e}")).with_source(e))
}

fn typed_micros(column: &str, array: &ArrayRef) -> Result<Int64Array> {
    let scaled = |values: Int64Array, scale: i64| {
        let scale = |(row, value): (usize, Option<i64>)| match value {
            None => Ok(None),
            Some(value) => value
                .checked_mul(scale)
                .map(Some)
                .ok_or_else(|| unfit(column, row, &value.to_string(), "a time within 292,000 years of 1970")),
        };
        values.iter().enumerate().map(scale).collect()
    };
    match array.data_type() {
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().unary(i64::from);
            scaled(days, MICROS_PER_DAY)
        }
        DataType::Date64 => scaled(array.as_primitive::<Date64Type>().unary(|ms| ms), 1000),
        DataType::Timestamp(unit, _) => {
            let ticks = convert(column, array, &DataType::Int64)?.as_primitive::<Int64Type>().clone();
            match unit {
                TimeUnit::Second => scaled(ticks, MICROS_PER_SECOND),
                TimeUnit::Millisecond => scaled(ticks, 1000),
                TimeUnit::Microsecond => Ok(ticks),
                TimeUnit::Nanosecond => Ok(ticks.unary(|ns| ns.div_euclid(1000))),
            }
        }
        other => Err(Error::schema(format!("column `{column}` has the Arrow type `{other}`, not a time"))),
    }
}

fn unfit(column: &str, row: usize, value: &str, rule: &str) -> Error {
    let shown: String = value.chars().take(80).collect();
    Error::value(format!(": `{shown}` is not {rule}"))
        .in_row(format!("column `{column}`, "), row)
        .with_hint("correct the cell, leave it empty, or give the column another kind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BooleanArray, Date32Array, Date64Array, DictionaryArray, Float32Array, NullArray,
        TimestampNanosecondArray, TimestampSecondArray,
    };
    use arrow::datatypes::Int8Type;

    fn text(cells: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(cells.to_vec()))
    }

    #[test]
    fn numbers_of_32_bits_are_those_that_people_see() {
        let shown = |value: f32| value.to_string().parse::<f64>().unwrap();
        let mut state = 1_u32;
        let mut values = vec![0.0, -0.0, 0.1, 1e-40, f32::MAX, f32::MIN_POSITIVE, 16_777_218.0, 2_097_152.2];
        for _ in 0..200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            values.push(f32::from_bits(state));
            values.push((state >> 8) as f32 / 1000.0);
        }
        for value in values.into_iter().filter(|value| value.is_finite()) {
            assert_eq!(shortest_decimal(value).to_bits(), shown(value).to_bits(), "{value:?}");
        }
        let column: ArrayRef =
            Arc::new(Float32Array::from(vec![Some(0.1), None, Some(f32::INFINITY), Some(f32::NAN)]));
        let read: Vec<Option<f64>> = numbers("x", &column).unwrap().iter().collect();
        assert_eq!(read, [Some(0.1), None, Some(f64::INFINITY), None]);
    }

    #[test]
    fn missing_and_non_finite_are_different() {
        let found = numbers("x", &text(&["1", " 2.5 ", "", "nan", "inf", "-Infinity"])).unwrap();
        let expected = [Some(1.0), Some(2.5), None, None, Some(f64::INFINITY), Some(f64::NEG_INFINITY)];
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY]));
        assert_eq!(numbers("x", &floats).unwrap().iter().collect::<Vec<_>>(), [None, Some(f64::INFINITY)]);
    }

    #[test]
    fn unfit_text_names_column_row_and_value() {
        let error = numbers("age", &text(&["1", "abc"])).unwrap_err();
        assert_eq!(error.to_string(), "column `age`, row 1: `abc` is not a number");
        assert!(truths("x", &text(&["yes", "maybe"])).unwrap_err().to_string().contains("row 1"));
    }

    #[test]
    fn typed_cells_have_the_text_of_a_csv_file() {
        let cells = |array: ArrayRef| -> Vec<Option<String>> {
            texts("x", &array).unwrap().iter().map(|t| t.map(str::to_owned)).collect()
        };
        let one = |t: &str| Some(t.to_owned());
        assert_eq!(cells(Arc::new(Int64Array::from(vec![Some(-7), None]))), [one("-7"), None]);
        let floats = Float64Array::from(vec![1.0, 0.1, -0.0, 1e300, f64::NAN]);
        assert_eq!(cells(Arc::new(floats)), [one("1"), one("0.1"), one("0"), one("1e300"), None]);
        assert_eq!(cells(Arc::new(Float32Array::from(vec![0.1]))), [one("0.1")]);
        assert_eq!(cells(Arc::new(BooleanArray::from(vec![true, false]))), [one("true"), one("false")]);
        let dictionary: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
        assert_eq!(cells(Arc::new(dictionary)), [one("a"), None, one("a")]);
        assert_eq!(cells(Arc::new(Date32Array::from(vec![19_723]))), [one("2024-01-01")]);
        assert_eq!(cells(Arc::new(NullArray::new(1))), [None]);
        let zoned = TimestampSecondArray::from(vec![1]).with_timezone("Europe/Rome");
        assert_eq!(cells(Arc::new(zoned)), [one("1970-01-01T00:00:01")]);
    }

    #[test]
    fn categories_lose_blanks_and_the_point_of_whole_numbers() {
        let cells = [" a ", "1.0", "-3.00", "-0.0", "1.10", "01.0", ".0", "1.", "1.0.0"];
        let found = categories("x", &text(&cells)).unwrap();
        let expected = ["a", "1", "-3", "0", "1.10", "01.0", ".0", "1.", "1.0.0"];
        assert_eq!(found.iter().flatten().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn times_of_every_type_meet() {
        let expected = 1_704_067_200_000_000;
        let micros =
            |array: ArrayRef, format: &DateFormat| timestamps_us("t", &array, format).unwrap().value(0);
        let iso = DateFormat::Text("%Y-%m-%d".into());
        assert_eq!(micros(Arc::new(Date32Array::from(vec![19_723])), &DateFormat::Typed), expected);
        assert_eq!(micros(Arc::new(Date64Array::from(vec![expected / 1000])), &iso), expected);
        let seconds = TimestampSecondArray::from(vec![expected / MICROS_PER_SECOND]);
        assert_eq!(micros(Arc::new(seconds), &DateFormat::Typed), expected);
        let nanos = TimestampNanosecondArray::from(vec![expected * 1000]);
        assert_eq!(micros(Arc::new(nanos), &DateFormat::Typed), expected);
        assert_eq!(micros(text(&["2024-01-01"]), &iso), expected);
        assert_eq!(micros(text(&["2024-01-01"]), &DateFormat::Typed), expected);
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![20_240_101]));
        assert_eq!(micros(whole, &DateFormat::Text("%Y%m%d".into())), expected);
        let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX]));
        assert!(timestamps_us("t", &far, &DateFormat::Typed).unwrap_err().is_value());
    }
}
