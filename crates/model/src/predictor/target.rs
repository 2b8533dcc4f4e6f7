//! The target column: what is predicted, and its values as numbers.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use tabgraft_table::Table;
use tabgraft_table::cell::{numbers, parse_number, texts};
use tabgraft_table::schema::{InferOptions, Kind, infer};
use tabgraft_table::table::quoted;

use crate::error::{Error, Result};
use crate::metric::{Task, Truth};

/// Classes that a message names.
const MOST_NAMED: usize = 10;
/// Most classes of a target.
const MOST_CLASSES: usize = 1000;

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
        /// Class names, numbers in order, else in alphabetical order.
        classes: Vec<String>,
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
    /// too many classes, or no number where numbers are asked for.
    pub fn fit(table: &Table, column: &str, kind: TargetKind) -> Result<Self> {
        let array = table.column(column)?;
        let scalar = match kind {
            TargetKind::Scalar => true,
            TargetKind::Set => false,
            TargetKind::Auto => {
                let schema = infer(&table.select(&[column.to_owned()])?, &InferOptions::default())?;
                schema.column(column).is_some_and(|c| c.kind == Kind::Numeric)
            }
        };
        if scalar {
            let values: Vec<f64> =
                numbers(column, array)?.iter().flatten().filter(|v| v.is_finite()).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n.max(1.0);
            let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n.max(1.0)).sqrt();
            if !(deviation > 0.0 && deviation.is_finite()) {
                return Err(Error::value(format!(
                    "target `{column}` has {n} finite value(s) without spread, nothing can be learned"
                )));
            }
            return Ok(Target::Number { column: column.to_owned(), mean, deviation });
        }
        let values = texts(column, array)?;
        let mut classes: Vec<String> = values.iter().flatten().map(str::to_owned).collect();
        classes.sort();
        classes.dedup();
        if classes.iter().all(|c| parse_number(c).is_some()) {
            classes.sort_by(|a, b| {
                parse_number(a).partial_cmp(&parse_number(b)).unwrap_or(std::cmp::Ordering::Equal)
            });
        }
        match classes.len() {
            0 | 1 => Err(Error::value(format!(
                "target `{column}` has {} class(es) ({}), at least 2 are needed",
                classes.len(),
                quoted(&classes)
            ))),
            n if n > MOST_CLASSES => Err(Error::value(format!(
                "target `{column}` has {n} classes, at most {MOST_CLASSES} are allowed"
            ))
            .with_hint("treat it as a number, or choose another target")),
            _ => Ok(Target::Classes { column: column.to_owned(), classes }),
        }
    }

    /// The target column.
    pub fn column(&self) -> &str {
        match self {
            Target::Classes { column, .. } | Target::Number { column, .. } => column,
        }
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
    /// A schema error if the column is absent or cannot be read.
    pub fn values(&self, table: &Table) -> Result<Vec<Option<f64>>> {
        let array = table.column(self.column())?;
        match self {
            Target::Number { column, .. } => {
                Ok(numbers(column, array)?.iter().map(|v| v.filter(|v| v.is_finite())).collect())
            }
            Target::Classes { column, classes } => {
                let values = texts(column, array)?;
                let place: HashMap<&str, usize> =
                    classes.iter().enumerate().map(|(i, class)| (class.as_str(), i)).collect();
                let class = |value: &str| place.get(value).copied().unwrap_or(classes.len()) as f64;
                Ok(values.iter().map(|value| value.map(class)).collect())
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
        let Target::Classes { column, classes } = self else { return Ok(None) };
        let values = texts(column, table.column(column)?)?;
        let known: BTreeSet<&str> = classes.iter().map(String::as_str).collect();
        let unseen: Vec<&str> = values.iter().flatten().filter(|value| !known.contains(value)).collect();
        if unseen.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = unseen.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let more = match names.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Ok(Some(format!(
            "{} row(s) have a class of `{column}` that no row to learn from has: {}{more}",
            unseen.len(),
            quoted(&names[..names.len().min(MOST_NAMED)])
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
