//! The target column: what is predicted, and its values as numbers.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use arrow::array::Array;
use serde::{Deserialize, Serialize};
use tabgraft_table::Table;
use tabgraft_table::cell::{canonical, number_text, numbers, parse_number, texts};
use tabgraft_table::schema::{InferOptions, Kind, infer};
use tabgraft_table::table::quoted;

use super::label::{LabelType, Reading, spelling_note};
use crate::error::{Error, Result};
use crate::metric::{Task, Truth};

/// Classes that a message names.
const MOST_NAMED: usize = 10;
/// Most classes of a target.
const MOST_CLASSES: usize = 1000;
/// The largest number that can be a target, up or down: the square of a larger one has no place in a float.
pub const MOST_NUMBER: f64 = 1e100;
/// How many times the spread of the middle half of the numbers the farthest one may be off before it is told.
const FAR: f64 = 1e6;

/// What the user says of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Decided by the column's kind: numbers are regressed, everything else is classified.
    #[default]
    Auto,
    /// One of a set of classes.
    Set,
    /// A number.
    Scalar,
}

/// A fitted target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// One of these classes; of two, the second is the positive one.
    Classes {
        /// The target column.
        column: String,
        /// Class names as they were spelled, numbers in order, else in alphabetical order.
        classes: Vec<String>,
        /// What the labels were before they became text.
        label_type: LabelType,
    },
    /// A number, standardised for training.
    Number {
        /// The target column.
        column: String,
        /// Mean of the training rows.
        mean: f64,
        /// Standard deviation of the training rows, above 0.
        deviation: f64,
    },
}

impl Target {
    /// Learns classes, or mean and deviation, from the rows that have a value.
    ///
    /// # Errors
    /// A schema error if the column is absent; a value error if it has one class or value only,
    /// too many classes, a number beyond [`MOST_NUMBER`], or no number where numbers are asked for.
    pub fn fit(table: &Table, column: &str, kind: TargetKind) -> Result<Self> {
        let rows: Vec<usize> = (0..table.n_rows()).collect();
        Self::fit_rows(table, column, kind, &rows, None)
    }

    /// As [`Target::fit`], from some rows of the table; `weights`, one for each row of the table and above
    /// 0, say how much a row counts in mean and deviation.
    ///
    /// # Errors
    /// As [`Target::fit`].
    pub(crate) fn fit_rows(
        table: &Table,
        column: &str,
        kind: TargetKind,
        rows: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let array = table.column(column)?;
        let scalar = match kind {
            TargetKind::Scalar => true,
            TargetKind::Set => false,
            TargetKind::Auto => {
                let rows: Vec<u32> = rows.iter().map(|r| *r as u32).collect();
                let cells = table.select(&[column.to_owned()])?.take(&rows)?;
                let schema = infer(&cells, &InferOptions::default())?;
                schema.column(column).is_some_and(|c| c.kind == Kind::Numeric)
            }
        };
        if scalar {
            let numbers: Vec<Option<f64>> = in_rows(table, numbers(column, array))?.iter().collect();
            in_rows(table, check_bounds(column, &numbers, rows.iter().copied()))?;
            let values = rows.iter().filter_map(|r| Some((numbers[*r].filter(|v| v.is_finite())?, *r)));
            let values: Vec<(f64, f64)> = values.map(|(v, r)| (v, weights.map_or(1.0, |w| w[r]))).collect();
            let total = values.iter().map(|(_, w)| w).sum::<f64>().max(f64::MIN_POSITIVE);
            let mean = values.iter().map(|(v, w)| v * w).sum::<f64>() / total;
            let variance = values.iter().map(|(v, w)| w * (v - mean).powi(2)).sum::<f64>() / total;
            let deviation = variance.sqrt();
            if !(deviation > 0.0 && deviation.is_finite()) {
                return Err(Error::value(format!(
                    "target `{column}` has {} finite value(s) without spread, nothing can be learned",
                    values.len()
                )));
            }
            return Ok(Target::Number { column: column.to_owned(), mean, deviation });
        }
        let values = texts(column, array)?;
        let present = rows.iter().filter(|r| values.is_valid(**r)).map(|r| values.value(*r).to_owned());
        let mut classes: Vec<String> = present.collect();
        classes.sort();
        classes.dedup();
        if classes.iter().all(|c| parse_number(c).is_some()) {
            classes.sort_by(|a, b| by_number(a, b));
        }
        match classes.len() {
            0 => Err(Error::value(format!("target `{column}` has no value in any row to learn from"))
                .with_hint("check the column, and what counts as a missing cell")),
            // One value only is no column of numbers, whatever it is.
            1 if parse_number(&classes[0]).is_some_and(f64::is_infinite) => Err(Error::value(format!(
                "target `{column}` is infinite (`{}`) in every row to learn from, nothing can be learned",
                classes[0]
            ))
            .with_hint("check how it was computed: an infinity is often a division by zero")),
            1 => Err(Error::value(format!(
                "target `{column}` has 1 class(es) ({}), at least 2 are needed",
                quoted(&classes)
            ))),
            n if n > MOST_CLASSES => Err(Error::value(format!(
                "target `{column}` has {n} classes, at most {MOST_CLASSES} are allowed"
            ))
            .with_hint("treat it as a number, or choose another target")),
            _ => {
                let label_type = LabelType::of(table, column, &classes)?;
                Ok(Target::Classes { column: column.to_owned(), classes, label_type })
            }
        }
    }

    /// What there is to say of the cells of the rows learned from: classes that are spelled alike, infinite
    /// numbers, numbers far from all others. One sentence each.
    ///
    /// # Errors
    /// As [`Target::values`].
    pub(crate) fn notes(&self, table: &Table, rows: &[usize]) -> Result<Vec<String>> {
        let array = table.column(self.column())?;
        Ok(match self {
            Target::Classes { column, classes, label_type } => {
                let mut n_rows = vec![0; classes.len()];
                let reading = Reading::new(column, array, classes, *label_type)?;
                let found = rows.iter().filter_map(|r| reading.class(reading.text(*r)?));
                found.for_each(|class| n_rows[class] += 1);
                spelling_note(column, classes, &n_rows).into_iter().collect()
            }
            Target::Number { column, .. } => {
                let numbers: Vec<Option<f64>> = in_rows(table, numbers(column, array))?.iter().collect();
                let infinite: Vec<usize> =
                    rows.iter().copied().filter(|r| numbers[*r].is_some_and(f64::is_infinite)).collect();
                let infinite = infinite.first().map(|first| {
                    format!(
                        "target `{column}` is infinite in {} row(s), the first of them {}: they are left out",
                        infinite.len(),
                        table.row_place(*first)
                    )
                });
                infinite.into_iter().chain(far_note(column, &numbers, rows, table)).collect()
            }
        })
    }

    /// Of these rows, those without a target that can be learned from.
    ///
    /// # Errors
    /// A schema error if the column is absent or has a type that cannot be read.
    pub(crate) fn n_missing(&self, table: &Table, rows: &[usize]) -> Result<usize> {
        let array = table.column(self.column())?;
        Ok(match self {
            Target::Number { column, .. } => {
                let numbers = in_rows(table, numbers(column, array))?;
                rows.iter().filter(|r| numbers.is_null(**r) || !numbers.value(**r).is_finite()).count()
            }
            Target::Classes { column, .. } => {
                let texts = texts(column, array)?;
                rows.iter().filter(|r| texts.is_null(**r)).count()
            }
        })
    }

    /// The rows of a table that cannot be scored, in words; `None` if there are none.
    ///
    /// # Errors
    /// A schema error if the column is absent or has a type that cannot be read.
    pub fn passed_over_in_words(&self, table: &Table) -> Result<Option<String>> {
        let rows: Vec<usize> = (0..table.n_rows()).collect();
        let (n_missing, n_infinite) = (self.n_missing(table, &rows)?, self.n_infinite(table)?);
        let infinite =
            if n_infinite > 0 { format!(", {n_infinite} of them an infinite one") } else { String::new() };
        Ok((n_missing > 0).then(|| {
            format!(
                "{n_missing} of {} row(s) have no target `{}` to score{infinite}: they are passed over",
                table.n_rows(),
                self.column()
            )
        }))
    }

    /// Rows of a table whose target is infinite: they are neither learned from nor scored.
    ///
    /// # Errors
    /// As [`Target::values`].
    pub fn n_infinite(&self, table: &Table) -> Result<usize> {
        match self {
            Target::Classes { .. } => Ok(0),
            Target::Number { column, .. } => {
                let numbers = in_rows(table, numbers(column, table.column(column)?))?;
                Ok(numbers.iter().flatten().filter(|v| v.is_infinite()).count())
            }
        }
    }

    /// The target column.
    pub fn column(&self) -> &str {
        match self {
            Target::Classes { column, .. } | Target::Number { column, .. } => column,
        }
    }

    /// What class labels were before they became text; none for a number.
    pub fn label_type(&self) -> Option<LabelType> {
        match self {
            Target::Classes { label_type, .. } => Some(*label_type),
            Target::Number { .. } => None,
        }
    }

    /// Whether both are the same column with the same classes, however these are spelled.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let canonical = |target: &Self| target.classes().iter().map(|c| canonical(c)).collect::<Vec<_>>();
        self.column() == other.column() && canonical(self) == canonical(other)
    }

    /// What kind of prediction this is.
    pub fn task(&self) -> Task {
        match self {
            Target::Classes { classes, .. } if classes.len() == 2 => Task::Binary,
            Target::Classes { .. } => Task::Multiclass,
            Target::Number { .. } => Task::Regression,
        }
    }

    /// Class names; none for a number.
    pub fn classes(&self) -> &[String] {
        match self {
            Target::Classes { classes, .. } => classes,
            Target::Number { .. } => &[],
        }
    }

    /// Numbers that the network puts out for a row.
    pub fn n_outputs(&self) -> usize {
        self.classes().len().max(1)
    }

    /// Each row's class index, or its number; `None` where the target is missing. A class that was not
    /// seen has the index after the last one, [`Target::n_outputs`]: no prediction is right there, and
    /// nothing can be learned from it.
    ///
    /// # Errors
    /// A schema error if the column is absent or cannot be read; a value error for a number beyond
    /// [`MOST_NUMBER`].
    pub fn values(&self, table: &Table) -> Result<Vec<Option<f64>>> {
        let array = table.column(self.column())?;
        match self {
            Target::Number { column, .. } => {
                let numbers: Vec<Option<f64>> = in_rows(table, numbers(column, array))?.iter().collect();
                in_rows(table, check_bounds(column, &numbers, 0..numbers.len()))?;
                Ok(numbers.into_iter().map(|v| v.filter(|v| v.is_finite())).collect())
            }
            Target::Classes { column, classes, label_type } => {
                let reading = Reading::new(column, array, classes, *label_type)?;
                let class = |text| reading.class(text).unwrap_or(classes.len()) as f64;
                Ok((0..array.len()).map(|r| reading.text(r).map(class)).collect())
            }
        }
    }

    /// The class of a row with this value, for dealing each class evenly; all numbers are one.
    pub(crate) fn stratum(&self, value: f64) -> u32 {
        match self {
            Target::Classes { .. } => value as u32,
            Target::Number { .. } => 0,
        }
    }

    /// Whether one of [`Target::values`] is a class that was not seen.
    pub fn is_unseen(&self, value: f64) -> bool {
        matches!(self, Target::Classes { classes, .. } if value as usize >= classes.len())
    }

    /// The classes of `table` that were not seen, in words and with their numbers of rows; none if there
    /// is none.
    ///
    /// # Errors
    /// As [`Target::values`].
    pub fn unseen_in_words(&self, table: &Table) -> Result<Option<String>> {
        let Target::Classes { column, classes, label_type } = self else { return Ok(None) };
        let array = table.column(column)?;
        let reading = Reading::new(column, array, classes, *label_type)?;
        let unseen: Vec<&str> = (0..array.len())
            .filter_map(|r| reading.text(r).filter(|text| reading.class(text).is_none()))
            .collect();
        if unseen.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = unseen.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let named = names.iter().take(MOST_NAMED).map(|name| {
            let lower = |text: &str| canonical(text).to_lowercase();
            match classes.iter().find(|class| lower(class) == lower(name)) {
                Some(class) => format!("`{name}` (learned was `{class}`)"),
                None => format!("`{name}`"),
            }
        });
        let more = match names.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Ok(Some(format!(
            "{} row(s) have a class of `{column}` that no row to learn from has: {}{more}",
            unseen.len(),
            named.collect::<Vec<_>>().join(", ")
        )))
    }

    /// Values as the truth that scores compare with.
    pub fn truth(&self, values: &[f64]) -> Truth {
        match self {
            Target::Number { .. } => Truth::Number(values.to_vec()),
            Target::Classes { classes, .. } => {
                Truth::Class { class: values.iter().map(|v| *v as u32).collect(), n_classes: classes.len() }
            }
        }
    }
}

/// An error names its row as it is found where the table came from.
fn in_rows<T>(table: &Table, result: Result<T>) -> Result<T> {
    result.map_err(|e| e.in_rows_of(table))
}

/// # Errors
/// A value error that names the first row whose number is finite and beyond [`MOST_NUMBER`].
fn check_bounds(column: &str, numbers: &[Option<f64>], mut rows: impl Iterator<Item = usize>) -> Result<()> {
    let beyond = |r: usize| numbers[r].filter(|v| v.is_finite() && v.abs() > MOST_NUMBER).map(|v| (r, v));
    match rows.find_map(beyond) {
        None => Ok(()),
        Some((row, value)) => Err(Error::value(format!(": {value:e} is beyond {MOST_NUMBER:e}"))
            .in_row(format!("target `{column}`, "), row)
        .with_hint(
            "leave the cell empty if the number stands for a missing value; else divide the target, or take its \
             logarithm",
        )),
    }
}

/// What there is to say of a number that is so far off that all others are one beside it.
fn far_note(column: &str, numbers: &[Option<f64>], rows: &[usize], table: &Table) -> Option<String> {
    let finite = |r: &usize| numbers[*r].filter(|v| v.is_finite()).map(|v| (v, *r));
    let mut sorted: Vec<(f64, usize)> = rows.iter().filter_map(finite).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize].0;
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let (middle, spread) = (at(0.5), at(0.75) - at(0.25));
    let (value, row) = if high.0 - middle > middle - low.0 { high } else { low };
    (spread > 0.0 && (value - middle).abs() > FAR * spread).then(|| {
        format!(
            "target `{column}`, {}: {} is {:.0e} times as far from the median as the middle half of the rows are \
             from each other; the rows beside it will hardly count. Leave it empty if it stands for a missing value",
            table.row_place(row),
            number_text(value).unwrap_or_default(),
            (value - middle).abs() / spread
        )
    })
}

/// Whole numbers by all of their digits, others as floats.
fn by_number(a: &str, b: &str) -> Ordering {
    match (a.trim().parse::<i128>(), b.trim().parse::<i128>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => parse_number(a).partial_cmp(&parse_number(b)).unwrap_or(Ordering::Equal),
    }
}
