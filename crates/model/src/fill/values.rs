//! Distributions over classes as values, and columns with such values in them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use tabgraft_table::cell::{self, Storage};
use tabgraft_table::codec::Codec;
use tabgraft_table::schema::ColumnSpec;

use crate::error::Result;

/// Shares of the distribution of a number or time below and above the ends that are told.
const TAIL: f64 = 0.1;
const DAY_S: f64 = 86_400.0;

/// What is told of one missing cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    /// The probability of the class that the value lies in.
    pub p: f32,
    /// The most probable class of those that are one category.
    class: u16,
    /// Of a number or time: mean of the distribution, and where a tenth of it ends and begins.
    value: f64,
    low: f64,
    high: f64,
}

/// A value as text.
pub(super) struct Text {
    pub value: String,
    pub low: Option<String>,
    pub high: Option<String>,
}

/// What a distribution over a column's classes tells.
pub(super) fn told(codec: &Codec, p: &[f32]) -> Told {
    let spans = match codec {
        Codec::Numeric(codec) => Some(codec.class_spans()),
        Codec::Timestamp(codec) => Some(codec.class_spans()),
        Codec::Categorical(_) | Codec::Text(_) => None,
    };
    if let Some(spans) = spans {
        let sum: f64 = p.iter().map(|p| f64::from(*p)).sum();
        let value = spans.iter().zip(p).map(|(span, p)| span.mean * f64::from(*p)).sum::<f64>() / sum;
        let class = match codec {
            Codec::Numeric(codec) => codec.class(value),
            Codec::Timestamp(codec) => codec.class(value),
            _ => 0,
        };
        let quantile = |share: f64| {
            let mut below = 0.0;
            for (span, p) in spans.iter().zip(p) {
                let p = f64::from(*p) / sum;
                if below + p >= share && p > 0.0 {
                    return span.low + (span.high - span.low) * ((share - below) / p).clamp(0.0, 1.0);
                }
                below += p;
            }
            spans.last().map_or(value, |span| span.high)
        };
        let p = p.get(usize::from(class)).copied().unwrap_or_default();
        return Told { p, class, value, low: quantile(TAIL), high: quantile(1.0 - TAIL) };
    }
    let is_one = |class: usize| match codec {
        Codec::Categorical(codec) => codec.category(class as u16).is_some(),
        _ => true,
    };
    let better = |best: Option<usize>, class: usize| match best {
        Some(best) if p[best] >= p[class] => Some(best),
        _ => Some(class),
    };
    let class = (0..p.len()).filter(|class| is_one(*class)).fold(None, better).unwrap_or_default();
    let p = p.get(class).copied().unwrap_or_default();
    Told { p, class: class as u16, value: f64::NAN, low: f64::NAN, high: f64::NAN }
}

/// The column with values in the cells that are told, and these values as text. Cells that were there stay as they are; a
/// text column of numbers becomes numbers.
pub(super) fn column_with(
    spec: &ColumnSpec,
    codec: &Codec,
    array: &ArrayRef,
    told: &[(usize, Told)],
) -> Result<(ArrayRef, Vec<Text>)> {
    let name = spec.name.as_str();
    match codec {
        Codec::Numeric(codec) => {
            let mut numbers: Vec<Option<f64>> = cell::numbers(name, array)?.iter().collect();
            // Whether values are whole is what the training says: a row is filled alike in any table.
            let is_whole = codec.edges().iter().all(|edge| edge.fract() == 0.0);
            let rounded = |value: f64| if is_whole { value.round() } else { six_digits(value) };
            let shown = |value: f64| cell::short_text(rounded(value));
            let texts = told
                .iter()
                .map(|(row, told)| {
                    numbers[*row] = Some(rounded(told.value));
                    Text {
                        value: shown(told.value),
                        low: Some(shown(told.low)),
                        high: Some(shown(told.high)),
                    }
                })
                .collect();
            let is_short = |value: &f64| value.fract() == 0.0 && value.abs() < 9.0e15;
            let column: ArrayRef = match is_whole && numbers.iter().flatten().all(is_short) {
                true => Arc::new(numbers.iter().map(|v| v.map(|v| v as i64)).collect::<Int64Array>()),
                false => Arc::new(Float64Array::from(numbers)),
            };
            let column = match Storage::of(name, array.data_type())? {
                Storage::Integer | Storage::Float => typed(&column, array)?,
                _ => column,
            };
            Ok((column, texts))
        }
        Codec::Timestamp(codec) => {
            let mut micros: Vec<Option<i64>> =
                cell::timestamps_us(name, array, spec.date_format()?)?.iter().collect();
            let are_days = codec.edges().iter().all(|edge| edge % DAY_S == 0.0);
            let placed =
                |seconds: f64| if are_days { (seconds / DAY_S).round() * DAY_S } else { seconds.round() };
            let as_micros = |seconds: f64| (placed(seconds) * 1e6) as i64;
            let shown = |seconds: f64| codec.time_text(placed(seconds));
            let mut texts = Vec::with_capacity(told.len());
            for (row, told) in told {
                micros[*row] = Some(as_micros(told.value));
                texts.push(Text {
                    value: shown(told.value),
                    low: Some(shown(told.low)),
                    high: Some(shown(told.high)),
                });
            }
            if Storage::of(name, array.data_type())? == Storage::Time {
                let column: ArrayRef = Arc::new(TimestampMicrosecondArray::from(micros));
                return Ok((typed(&column, array)?, texts));
            }
            let mut written: Vec<Option<String>> = owned(&cell::texts(name, array)?);
            for ((row, _), text) in told.iter().zip(&texts) {
                written[*row] = Some(text.value.clone());
            }
            Ok((Arc::new(StringArray::from(written)), texts))
        }
        Codec::Categorical(codec) => {
            let mut written: Vec<Option<String>> = owned(&cell::texts(name, array)?);
            let spelled = spellings(codec.is_boolean(), &written);
            let mut texts = Vec::with_capacity(told.len());
            for (row, told) in told {
                let level = codec.category(told.class).unwrap_or_default();
                let as_written = cell::parse_truth(level).and_then(|truth| spelled.get(&truth));
                let value = as_written.map_or_else(|| level.to_owned(), String::clone);
                written[*row] = Some(value.clone());
                texts.push(Text { value, low: None, high: None });
            }
            let storage = Storage::of(name, array.data_type())?;
            if storage == Storage::Boolean {
                let truths = written.iter().map(|text| cell::parse_truth(text.as_deref()?));
                return Ok((Arc::new(truths.collect::<BooleanArray>()), texts));
            }
            let column: ArrayRef = Arc::new(StringArray::from(written));
            if matches!(storage, Storage::Integer | Storage::Float) {
                let same = typed(&column, array)?;
                // A category that is no such number stays a text, and all with it.
                if same.null_count() == column.null_count() {
                    return Ok((same, texts));
                }
            }
            Ok((column, texts))
        }
        Codec::Text(_) => Ok((array.clone(), Vec::new())),
    }
}

/// How each truth is mostly written in the column, one that no cell has as the other one is; nothing for other categories.
fn spellings(is_boolean: bool, written: &[Option<String>]) -> HashMap<bool, String> {
    let mut counts: HashMap<(bool, &str), usize> = HashMap::new();
    for text in written.iter().flatten().filter(|_| is_boolean) {
        if let Some(truth) = cell::parse_truth(text) {
            *counts.entry((truth, text)).or_default() += 1;
        }
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|((_, a), n), ((_, b), m)| n.cmp(m).then(b.cmp(a)));
    let mut spelled: HashMap<_, _> =
        ranked.iter().map(|((truth, text), _)| (*truth, (*text).to_owned())).collect();
    if let Some(((truth, like), _)) = ranked.last()
        && let Some(other) = cell::truth_like(!truth, like)
    {
        spelled.entry(!truth).or_insert(other);
    }
    spelled
}

fn owned(texts: &StringArray) -> Vec<Option<String>> {
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

/// In the type of another column; what does not fit is missing.
fn typed(column: &ArrayRef, like: &ArrayRef) -> Result<ArrayRef> {
    cast(column, like.data_type())
        .map_err(|e| crate::error::Error::value(format!("filled cells cannot have the column's type: {e}")))
}

/// A value of a distribution is no more exact than that.
fn six_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    format!("{value:.5e}").parse().unwrap_or(value)
}
