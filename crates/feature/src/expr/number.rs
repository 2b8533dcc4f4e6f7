//! Numbers of formulas: of 64 bits, IEEE 754, and beside them the whole numbers from 2^53 on, which these round.
//!
//! Whole numbers count exactly from -2^63 to 2^64 - 1, which is what columns of whole numbers hold. Below 2^53 every
//! number without a fraction is one; a larger one has to come from a column of whole numbers, from digits or from
//! `+ - * %` of such. A result out of that range, and what any other operation gives, is a number of 64 bits.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, UInt64Array};
use tabgraft_table::cell::{self, Storage, number_text};

use super::column;
use crate::error::Result;

/// Below here numbers of 64 bits, IEEE 754, hold every whole number: 2^53.
const LARGE: f64 = 9_007_199_254_740_992.0;
/// Whole numbers that count exactly.
const WHOLE: std::ops::RangeInclusive<i128> = i64::MIN as i128..=u64::MAX as i128;

/// One number, or a missing one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    /// Finite, or NaN for missing.
    value: f64,
    /// The number itself where it is whole and not below 2^53.
    whole: Option<i128>,
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Number { value: if value.is_finite() { value } else { f64::NAN }, whole: None }
    }
}

impl Number {
    pub(super) const MISSING: Number = Number { value: f64::NAN, whole: None };

    fn of_whole(whole: i128) -> Option<Self> {
        let value = whole as f64;
        let is_large = whole.unsigned_abs() >= LARGE as u128;
        WHOLE.contains(&whole).then(|| Number { value, whole: is_large.then_some(whole) })
    }

    /// The number that a text says, missing if it says none.
    pub(super) fn of_text(text: &str) -> Self {
        let value = cell::parse_number(text).unwrap_or(f64::NAN);
        is_large(value)
            .then(|| cell::long_whole(text)?.parse().ok())
            .flatten()
            .and_then(Number::of_whole)
            .unwrap_or(value.into())
    }

    /// Rounded to 64 bits, IEEE 754; NaN for missing.
    pub fn value(self) -> f64 {
        self.value
    }

    pub(super) fn is_missing(self) -> bool {
        self.value.is_nan()
    }

    /// As a whole number that counts exactly, if it is one.
    fn exact(self) -> Option<i128> {
        let is_small = self.value.abs() < LARGE && self.value.fract() == 0.0;
        self.whole.or(is_small.then_some(self.value as i128))
    }

    /// How it stands to another; none if one is missing. Never rounds.
    pub(super) fn order(self, other: Self) -> Option<Ordering> {
        match self.value.partial_cmp(&other.value) {
            // What lies further apart than rounding goes keeps its order when rounded.
            Some(Ordering::Equal) if self.whole.is_some() || other.whole.is_some() => {
                Some(self.digits().cmp(&other.digits()))
            }
            order => order,
        }
    }

    /// Of a number of at least 2^53, all of which are whole.
    fn digits(self) -> i128 {
        self.whole.unwrap_or(self.value as i128)
    }

    pub(super) fn negated(self) -> Self {
        self.map(|x| -x, i128::checked_neg)
    }

    /// Without the part behind the point, which makes a whole number of it.
    pub(super) fn truncated(self) -> Self {
        let value = self.value.trunc();
        self.whole
            .or((!value.is_nan()).then_some(value as i128))
            .and_then(Number::of_whole)
            .unwrap_or(value.into())
    }

    /// `f` of it; where it is whole and of at least 2^53, `f_whole` of that.
    pub(super) fn map(self, f: impl Fn(f64) -> f64, f_whole: impl Fn(i128) -> Option<i128>) -> Self {
        self.whole.and_then(f_whole).and_then(Number::of_whole).unwrap_or_else(|| f(self.value).into())
    }

    /// `f` of it and another; where both are whole, and one or the result is of at least 2^53, `f_whole` of
    /// them. Missing if one is: some functions give a number for that, as power(NaN, 0) is 1 by IEEE 754.
    pub(super) fn with(
        self,
        other: Self,
        f: impl Fn(f64, f64) -> f64,
        f_whole: impl Fn(i128, i128) -> Option<i128>,
    ) -> Self {
        if self.is_missing() || other.is_missing() {
            return Number::MISSING;
        }
        let value = f(self.value, other.value);
        if value.abs() < LARGE && self.whole.is_none() && other.whole.is_none() {
            return value.into();
        }
        let whole = self.exact().zip(other.exact()).and_then(|(a, b)| f_whole(a, b));
        whole.and_then(Number::of_whole).unwrap_or(value.into())
    }

    /// All digits of a whole number that counts exactly, else the shortest text that reads back; none if missing.
    pub fn text(self) -> Option<String> {
        self.whole.map(|whole| whole.to_string()).or_else(|| number_text(self.value))
    }
}

/// Numbers of some rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    /// Finite, or NaN for missing; whole numbers of at least 2^53 rounded.
    values: Vec<f64>,
    /// Whole numbers from 2^53 on, by row; most columns have none.
    wholes: Option<Vec<Option<i128>>>,
}

impl From<Vec<f64>> for Numbers {
    fn from(values: Vec<f64>) -> Self {
        Numbers { values, wholes: None }
    }
}

impl FromIterator<Number> for Numbers {
    fn from_iter<I: IntoIterator<Item = Number>>(numbers: I) -> Self {
        let mut all = Numbers::from(Vec::new());
        for number in numbers {
            if number.whole.is_some() && all.wholes.is_none() {
                all.wholes = Some(vec![None; all.values.len()]);
            }
            all.values.push(number.value);
            all.wholes.iter_mut().for_each(|wholes| wholes.push(number.whole));
        }
        all
    }
}

impl Numbers {
    /// The cells of a column; those that are not finite are missing.
    ///
    /// # Errors
    /// As [`column::numbers`].
    pub(super) fn of_column(name: &str, array: &ArrayRef) -> Result<Self> {
        let cells = column::numbers(name, array)?;
        let finite = |x: Option<f64>| x.filter(|x| x.is_finite()).unwrap_or(f64::NAN);
        let values: Vec<f64> = cells.iter().map(finite).collect();
        let is_decimal = array.data_type().is_decimal();
        let may_be_whole = is_decimal || Storage::of(name, array.data_type())? != Storage::Float;
        if !may_be_whole || !values.iter().any(|x| is_large(*x)) {
            return Ok(values.into());
        }
        let texts = column::texts(name, array)?;
        let cell = |(value, text): (f64, Option<&str>)| match text {
            Some(text) if is_large(value) => Number::of_text(text),
            _ => value.into(),
        };
        Ok(values.into_iter().zip(&texts).map(cell).collect())
    }

    /// The rows of several, one after the other.
    pub(super) fn joined(parts: Vec<Self>) -> Self {
        if parts.iter().any(|part| part.wholes.is_some()) {
            return parts.iter().flat_map(Numbers::iter).collect();
        }
        parts.into_iter().flat_map(|part| part.values).collect::<Vec<f64>>().into()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Rounded to 64 bits, IEEE 754; NaN for missing.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn get(&self, row: usize) -> Number {
        Number { value: self.values[row], whole: self.wholes.as_ref().and_then(|wholes| wholes[row]) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Number> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Rows `start..start + n_rows`.
    pub(super) fn slice(&self, start: usize, n_rows: usize) -> Self {
        let rows = start..start + n_rows;
        Numbers {
            values: self.values[rows.clone()].to_vec(),
            wholes: self.wholes.as_ref().map(|wholes| wholes[rows].to_vec()),
        }
    }

    /// `f` of each, and `f_whole` as [`Number::map`] has it.
    pub(super) fn map(self, f: impl Fn(f64) -> f64, f_whole: impl Fn(i128) -> Option<i128>) -> Self {
        self.iter().map(|x| x.map(&f, &f_whole)).collect()
    }

    /// As an Arrow column; missing becomes null. Numbers of 64 bits; where some of them are whole numbers beyond
    /// 2^53 and none has a fraction, whole numbers of 64 bits.
    pub(super) fn into_array(self) -> ArrayRef {
        if self.wholes.is_some() {
            let cells = || self.iter().map(|x| if x.is_missing() { Some(None) } else { x.exact().map(Some) });
            if let Some(wholes) = cells().collect::<Option<Vec<Option<i128>>>>() {
                let signed = |x: &Option<i128>| x.map(|x| i64::try_from(x).ok());
                let unsigned = |x: &Option<i128>| x.map(|x| u64::try_from(x).ok());
                let is_all = |fits: &dyn Fn(&i128) -> bool| wholes.iter().flatten().all(fits);
                if is_all(&|x| i64::try_from(*x).is_ok()) {
                    return Arc::new(wholes.iter().map(|x| signed(x).flatten()).collect::<Int64Array>());
                }
                if is_all(&|x| u64::try_from(*x).is_ok()) {
                    return Arc::new(wholes.iter().map(|x| unsigned(x).flatten()).collect::<UInt64Array>());
                }
            }
        }
        let cells = self.values.into_iter().map(|x| (!x.is_nan()).then_some(x));
        Arc::new(cells.collect::<Float64Array>())
    }
}

/// Whether whole numbers of this size may be rounded.
fn is_large(value: f64) -> bool {
    value.abs() >= LARGE
}
