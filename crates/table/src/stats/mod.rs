//! What codecs are fitted from: statistics that grow by batches and merge.
//!
//! [`ColumnStats`] of the parts of a table, merged in any order, fit the same codec as the whole
//! table. Numbers and times: always exactly so. Categories and text: exactly so up to
//! `counts::MAX_VALUES` distinct texts, beyond it within the error that [`counts`] states.

pub mod calendar;
pub mod counts;
pub mod distinct;
pub mod hash;
pub mod quantile;
pub mod words;

use arrow::array::{Array, ArrayRef};
use serde::{Deserialize, Serialize};

use crate::cell;
use crate::column::{ColumnSpec, Kind};
use crate::error::{Error, Result};
use calendar::CalendarValues;
use counts::ValueCounts;
use quantile::QuantileSketch;

/// Statistics of one column, by what the codec of its kind needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnStats {
    /// Number of rows.
    pub n_rows: u64,
    /// Number of rows without a value.
    pub n_missing: u64,
    /// Number of infinite values; they are neither missing nor part of the quantiles.
    pub n_non_finite: u64,
    /// The values.
    pub(crate) values: ValueStats,
}

/// Statistics of the values that are there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stats", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ValueStats {
    /// Of numbers.
    Numeric {
        /// The finite values.
        quantiles: QuantileSketch,
    },
    /// Of categories.
    Categorical {
        /// Rows by category.
        counts: ValueCounts,
    },
    /// Of yes and no; every spelling counts as `true` or `false`.
    Boolean {
        /// Rows by `true` and `false`.
        counts: ValueCounts,
    },
    /// Of points in time.
    Timestamp {
        /// Seconds since 1970-01-01 UTC.
        quantiles: QuantileSketch,
        /// Which months, weekdays, ... occur.
        calendar: CalendarValues,
    },
    /// Of text.
    Text {
        /// Rows by word that stands in them.
        counts: ValueCounts,
    },
}

impl ColumnStats {
    /// Empty statistics for a column of this kind.
    pub fn new(kind: Kind) -> Self {
        let counts = ValueCounts::new();
        let quantiles = QuantileSketch::new();
        let values = match kind {
            Kind::Numeric => ValueStats::Numeric { quantiles },
            Kind::Categorical => ValueStats::Categorical { counts },
            Kind::Boolean => ValueStats::Boolean { counts },
            Kind::Timestamp => ValueStats::Timestamp { quantiles, calendar: CalendarValues::default() },
            Kind::Text => ValueStats::Text { counts },
        };
        ColumnStats { n_rows: 0, n_missing: 0, n_non_finite: 0, values }
    }

    /// Counts the rows of one batch of the column.
    ///
    /// # Errors
    /// A value error that names the row if a cell does not fit the column's kind.
    pub fn update(&mut self, spec: &ColumnSpec, array: &ArrayRef) -> Result<()> {
        let name = spec.name.as_str();
        let n_missing = match &mut self.values {
            ValueStats::Numeric { quantiles } => {
                let (mut n_missing, mut n_infinite) = (0, 0);
                cell::each_piece(array, |piece| {
                    let numbers = cell::numbers(name, piece)?;
                    n_infinite += numbers.iter().flatten().filter(|v| v.is_infinite()).count() as u64;
                    quantiles.update(numbers.iter().flatten());
                    n_missing += numbers.null_count();
                    Ok(())
                })?;
                self.n_non_finite += n_infinite;
                n_missing
            }
            ValueStats::Categorical { counts } => {
                let texts = cell::categories(name, array)?;
                counts.update_all(texts.iter().flatten());
                texts.null_count()
            }
            ValueStats::Boolean { counts } => {
                let truths = cell::truths(name, array)?;
                truths.iter().flatten().for_each(|truth| counts.update(if truth { "true" } else { "false" }));
                truths.null_count()
            }
            ValueStats::Timestamp { quantiles, calendar } => {
                let mut n_missing = 0;
                cell::each_piece(array, |piece| {
                    let times = cell::timestamps_us(name, piece, spec.date_format()?)?;
                    quantiles.update(times.iter().flatten().map(cell::seconds));
                    times.iter().flatten().for_each(|time| calendar.update(time));
                    n_missing += times.null_count();
                    Ok(())
                })?;
                n_missing
            }
            ValueStats::Text { counts } => {
                let texts = cell::texts(name, array)?;
                for text in texts.iter().flatten() {
                    let mut words = words::words(text);
                    words.sort_unstable();
                    words.dedup();
                    words.iter().for_each(|word| counts.update(word));
                }
                texts.null_count()
            }
        };
        self.n_rows += array.len() as u64;
        self.n_missing += n_missing as u64;
        Ok(())
    }

    /// Counts what the other counted.
    ///
    /// # Errors
    /// A schema error if the two are statistics of different kinds.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        match (&mut self.values, &other.values) {
            (ValueStats::Numeric { quantiles: a }, ValueStats::Numeric { quantiles: b }) => a.merge(b),
            (ValueStats::Categorical { counts: a }, ValueStats::Categorical { counts: b })
            | (ValueStats::Boolean { counts: a }, ValueStats::Boolean { counts: b })
            | (ValueStats::Text { counts: a }, ValueStats::Text { counts: b }) => a.merge(b),
            (
                ValueStats::Timestamp { quantiles, calendar },
                ValueStats::Timestamp { quantiles: other_quantiles, calendar: other_calendar },
            ) => {
                quantiles.merge(other_quantiles);
                calendar.merge(other_calendar);
            }
            _ => {
                return Err(Error::schema("statistics of different kinds of columns cannot be merged")
                    .with_hint("infer the schema once and use it for every part of the table"));
            }
        }
        self.n_rows += other.n_rows;
        self.n_missing += other.n_missing;
        self.n_non_finite += other.n_non_finite;
        Ok(())
    }
}
