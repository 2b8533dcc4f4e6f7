//! What is true of rows and what is predicted of them, and whether the two belong together.

use super::{Clusters, Task};
use crate::error::{Error, Result};

/// What happened: one class or one number per row.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// Class indices.
    Class {
        /// One index per row, each below `n_classes`, or `n_classes` for a class that was not seen.
        class: Vec<u32>,
        /// Number of classes, at least 2.
        n_classes: usize,
    },
    /// Finite numbers in the target's unit.
    Number(Vec<f64>),
}

impl Truth {
    /// Rows whose class was not seen.
    pub fn n_unseen(&self) -> usize {
        match self {
            Truth::Class { class, n_classes } => class.iter().filter(|c| **c as usize == *n_classes).count(),
            Truth::Number(_) => 0,
        }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Truth::Class { class, .. } => class.len(),
            Truth::Number(values) => values.len(),
        }
    }
}

/// What was predicted: `[n_rows, n_outputs]`, row by row.
///
/// - binary: one output, the probability of class 1; or two, which sum to 1
/// - multiclass: `n_classes` probabilities that sum to 1
/// - regression: one output, in the target's unit
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    values: Vec<f64>,
    n_outputs: usize,
    pub(super) threshold: f64,
}

impl Prediction {
    /// Wraps row-major predictions.
    ///
    /// # Errors
    /// A schema error if `values` is no whole number of rows, a value error if one is not finite.
    pub fn new(values: Vec<f64>, n_outputs: usize) -> Result<Self> {
        if n_outputs == 0 || !values.len().is_multiple_of(n_outputs) {
            return Err(Error::schema(format!(
                "{} predicted values are no whole number of rows of {n_outputs} outputs",
                values.len()
            )));
        }
        check_finite("prediction", &values)?;
        Ok(Prediction { values, n_outputs, threshold: 0.5 })
    }

    /// The same with another probability from which on the second of two classes is predicted; 0.5 at first.
    #[must_use]
    pub fn at_threshold(self, threshold: f64) -> Self {
        Prediction { threshold, ..self }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_outputs
    }

    /// Number of outputs per row.
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// The values, `[n_rows, n_outputs]` row by row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Probability of class 1 per row, from one output or from two.
    pub(super) fn positive(&self) -> Result<Vec<f64>> {
        match self.n_outputs {
            1 => Ok(self.values.clone()),
            2 => Ok(self.values.iter().skip(1).step_by(2).copied().collect()),
            found => Err(outputs("binary", "1 or 2", found)),
        }
    }

    pub(super) fn number(&self) -> Result<&[f64]> {
        match self.n_outputs {
            1 => Ok(&self.values),
            found => Err(outputs("regression", "1", found)),
        }
    }

    pub(super) fn classes(&self, n_classes: usize) -> Result<&[f64]> {
        if self.n_outputs == n_classes {
            return Ok(&self.values);
        }
        Err(outputs("multiclass", &n_classes.to_string(), self.n_outputs))
    }
}

pub(super) fn check_clusters(truth: &Truth, clusters: &Clusters) -> Result<()> {
    match truth.n_rows() == clusters.n_rows() {
        true => Ok(()),
        false => Err(Error::schema(format!(
            "{} rows have a truth and {} a cluster; the numbers must be equal",
            truth.n_rows(),
            clusters.n_rows()
        ))),
    }
}

pub(super) fn truth_mismatch(task: Task, truth: &Truth) -> Error {
    let found = match truth {
        Truth::Class { n_classes, .. } => format!("{n_classes} classes"),
        Truth::Number(_) => "numbers".to_owned(),
    };
    let wanted = match task {
        Task::Binary => "2 classes",
        Task::Multiclass => "3 classes or more",
        Task::Regression => "numbers",
    };
    Error::schema(format!("a {} task needs a truth of {wanted}, found {found}", task.name()))
}

pub(super) fn outputs(task: &str, wanted: &str, found: usize) -> Error {
    Error::schema(format!("a {task} prediction has {wanted} output(s) per row, found {found}"))
}

pub(super) fn check_rows(n_truth: usize, n_predicted: usize) -> Result<()> {
    if n_truth != n_predicted {
        return Err(Error::schema(format!(
            "{n_truth} rows have a truth and {n_predicted} a prediction; the numbers must be equal"
        )));
    }
    if n_truth < 2 {
        return Err(Error::value(format!("found {n_truth} row(s) to score, at least 2 are needed"))
            .with_hint("give more rows, or a larger test share"));
    }
    Ok(())
}

pub(super) fn check_classes(class: &[u32], n_classes: usize) -> Result<()> {
    match class.iter().position(|&c| c as usize > n_classes) {
        Some(row) => Err(Error::value(format!(
            "row {row} has class index {}, the {n_classes} classes have the indices 0 to {}, and {n_classes} is \
             for a class that was not seen",
            class[row],
            n_classes.saturating_sub(1)
        ))),
        None => Ok(()),
    }
}

pub(super) fn check_finite(what: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(Error::value(format!("{what} value {i} is {}, all must be finite", values[i]))
            .with_hint("a training that diverged predicts such values; look at its warnings")),
        None => Ok(()),
    }
}
