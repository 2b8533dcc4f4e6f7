//! What was applied: each feature's definition and reason, and what its values look like.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use serde::Serialize;

use super::definition::Feature;
use super::engineer::Transformed;
use crate::error::{Error, Result};
use tabgraft_table::cell::number_text;
use tabgraft_table::grid::Grid;

/// Most characters of a definition and of a reason in a line.
const MAX_LINE_CHARS: usize = 72;
/// Digits of a number that are shown.
const N_DIGITS: i32 = 4;

/// One feature of a transformed table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureSummary {
    /// The feature's name.
    pub name: String,
    /// How it is made, in a line.
    pub made_by: String,
    /// Why somebody wants it.
    pub reason: String,
    /// Why it was left out, if it was; then there are no values.
    pub skipped: Option<String>,
    /// Share of the rows without a value, 0 to 1; none without rows.
    pub missing_share: Option<f64>,
    /// The values that there are.
    pub values: ValueSummary,
}

/// What values look like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ValueSummary {
    /// Numbers.
    Numbers {
        /// Smallest value.
        min: f64,
        /// The middle one, or the mean of the two middle ones.
        median: f64,
        /// Largest value.
        max: f64,
    },
    /// Texts, times, yes and no.
    Levels {
        /// Distinct values.
        n_levels: usize,
    },
    /// No value at all.
    Nothing,
}

impl FeatureSummary {
    /// One summary per feature, in order; `made` is the table that they were applied to.
    ///
    /// # Errors
    /// A schema error if `made` lacks the column of a feature that was not skipped.
    pub fn of(features: &[Feature], made: &Transformed) -> Result<Vec<Self>> {
        let reasons: HashMap<&str, &String> =
            made.skipped.iter().rev().map(|s| (s.name.as_str(), &s.reason)).collect();
        let summary = |feature: &Feature| {
            let skipped = reasons.get(feature.name.as_str()).map(|reason| (*reason).clone());
            let (missing_share, values) = match &skipped {
                Some(_) => (None, ValueSummary::Nothing),
                None => {
                    let column = made.table.column(&feature.name)?;
                    let share = column.null_count() as f64 / column.len() as f64;
                    (Some(share).filter(|s| s.is_finite()), ValueSummary::of(column)?)
                }
            };
            Ok(FeatureSummary {
                name: feature.name.clone(),
                made_by: feature.definition.to_string(),
                reason: feature.reason.clone(),
                skipped,
                missing_share,
                values,
            })
        };
        features.iter().map(summary).collect()
    }

    /// The summaries as a table of text, with what `status` says of each feature.
    pub fn table(summaries: &[Self], status: impl Fn(&Self) -> String) -> String {
        let mut grid = Grid::new(["feature", "made by", "missing", "values", "status", "because"]);
        for summary in summaries {
            let missing = summary.missing_share.map_or("-".to_owned(), |s| format!("{:.1} %", 100.0 * s));
            let skipped = summary.skipped.as_ref().map(|reason| format!("skipped: {reason}"));
            grid.row([
                summary.name.clone(),
                line(&summary.made_by),
                missing,
                summary.values.text(),
                skipped.unwrap_or_else(|| status(summary)),
                line(&summary.reason),
            ]);
        }
        grid.text()
    }
}

impl ValueSummary {
    fn of(column: &ArrayRef) -> Result<Self> {
        let unfit = |e| Error::schema(format!("a feature of type {}", column.data_type())).with_source(e);
        if column.null_count() == column.len() {
            return Ok(ValueSummary::Nothing);
        }
        if column.data_type() == &DataType::Float64 {
            let mut values: Vec<f64> = column.as_primitive::<Float64Type>().iter().flatten().collect();
            values.sort_unstable_by(f64::total_cmp);
            let (n, last) = (values.len(), values.len() - 1);
            let median = values[last / 2] / 2.0 + values[n / 2] / 2.0;
            return Ok(ValueSummary::Numbers { min: values[0], median, max: values[last] });
        }
        let texts = cast(column, &DataType::Utf8).map_err(unfit)?;
        let n_levels = texts.as_string::<i32>().iter().flatten().collect::<HashSet<_>>().len();
        Ok(ValueSummary::Levels { n_levels })
    }

    fn text(self) -> String {
        match self {
            ValueSummary::Numbers { min, median, max } => {
                format!("{} to {}, median {}", short(min), short(max), short(median))
            }
            ValueSummary::Levels { n_levels: 1 } => "1 level".to_owned(),
            ValueSummary::Levels { n_levels } => format!("{n_levels} levels"),
            ValueSummary::Nothing => "-".to_owned(),
        }
    }
}

/// A number with four digits, or all of a larger whole part.
fn short(value: f64) -> String {
    let magnitude = value.abs().log10().floor();
    if value != 0.0 && !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let n_decimals = (N_DIGITS - 1 - magnitude.clamp(-5.0, 15.0) as i32).max(0);
    let scale = 10f64.powi(n_decimals);
    number_text((value * scale).round() / scale).unwrap_or_default()
}

/// The beginning of a text, in one line.
fn line(text: &str) -> String {
    let flat: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_LINE_CHARS + 1).collect();
    match flat.chars().count() > MAX_LINE_CHARS {
        true => flat.chars().take(MAX_LINE_CHARS - 3).chain("...".chars()).collect(),
        false => flat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_long_lines_end_in_dots() {
        let shown = [0.0, 1234567.8, 130.3333, 0.0012345, -2.5, 3.0, 1e-9, 1e20].map(short);
        assert_eq!(shown, ["0", "1234568", "130.3", "0.001235", "-2.5", "3", "1.000e-9", "1.000e20"]);
        assert_eq!(line("a\nb"), "a b");
        assert_eq!(line(&"x".repeat(80)), format!("{}...", "x".repeat(69)));
        assert_eq!(line(&"x".repeat(72)), "x".repeat(72));
    }
}
