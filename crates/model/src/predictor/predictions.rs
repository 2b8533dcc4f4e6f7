//! What a predictor says of the rows of a table.

use serde::Serialize;
use tabgraft_feature::Differing;
use tabgraft_table::codec::CellFlag;

use super::{Interval, LabelType};
use crate::error::{Error, Result};
use crate::metric::Task;
use crate::space::{ColumnReport, UnseenColumn};
use tabgraft_table::unreadable::UnreadableColumn;

/// Predictions for the rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// What kind of prediction this is.
    pub task: Task,
    /// Class names; none for a number.
    pub classes: Vec<String>,
    /// What class labels were before they became text; none for a number.
    pub label_type: Option<LabelType>,
    /// `[n_rows, n_outputs]`, row-major: probabilities, or the number in the target's unit.
    pub values: Vec<f64>,
    /// Numbers per row.
    pub n_outputs: usize,
    /// Index of each row's class; empty for numbers.
    pub class_idx: Vec<usize>,
    /// Probability above which the second of two classes is predicted.
    pub threshold: f64,
    /// How sure each class is, 0 to 1; empty for numbers. With two classes
    /// `(p - t) / (1 - t)` above the threshold `t` and `(t - p) / t` below; else the margin between
    /// the two most probable classes.
    pub confidence: Vec<f64>,
    /// The interval around each number, if one was asked for.
    pub interval: Option<Interval>,
    /// What became of the table's columns.
    pub report: ColumnReport,
    /// Columns whose cells are all or mostly values that no training row had.
    pub unseen: Vec<UnseenColumn>,
    /// Columns with cells that could not be read and counted as missing, where the caller asked for that.
    pub unreadable: Vec<UnreadableColumn>,
    /// Features that the table had, with cells that are not what the feature gives.
    pub differing: Vec<Differing>,
}

/// One cell that is unlike the training rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guardrail {
    /// Row, from 0.
    pub row_idx: usize,
    /// Column.
    pub column: String,
    /// What is unusual.
    pub flag: CellFlag,
    /// In one word, as reports count it: "unseen", or how bad a number is, from "outlier" to "error".
    pub word: &'static str,
}

/// Rows that a picture of predictions shows.
const N_SHOWN: usize = 5;

impl Predictions {
    /// The same probabilities with another threshold: the second of two classes is predicted from there on.
    ///
    /// # Errors
    /// An option error for a threshold outside of 0 to 1, and for anything but two classes.
    pub fn at_threshold(mut self, threshold: f64) -> Result<Self> {
        if self.task != Task::Binary {
            return Err(Error::option(format!(
                "option `threshold` is for two classes, the task is {}",
                self.task.name()
            ))
            .with_hint("leave it out; `probabilities` has what every class got"));
        }
        if !(0.0..=1.0).contains(&threshold) {
            return Err(Error::option(format!("option `threshold` is {threshold}, allowed is 0 to 1")));
        }
        self.threshold = threshold;
        (self.class_idx, self.confidence) =
            self.values.chunks_exact(self.n_outputs).map(|row| decide(row, threshold)).unzip();
        Ok(self)
    }

    /// Names of the columns that a frame of the predictions has: `class`, `confidence` and one `p_CLASS` for each
    /// class, or `prediction` for a number, with `lower` and `upper` where an interval was asked for.
    pub fn column_names(&self) -> Vec<String> {
        if self.task == Task::Regression {
            let ends = self.interval.iter().flat_map(|_| ["lower", "upper"]);
            return std::iter::once("prediction").chain(ends).map(str::to_owned).collect();
        }
        let first = ["class", "confidence"].map(str::to_owned).into_iter();
        first.chain(self.classes.iter().map(|class| format!("p_{class}"))).collect()
    }

    /// The first few rows for a picture: a header and the cells, and how many rows there are in words.
    pub fn preview(&self) -> (Vec<&'static str>, Vec<Vec<String>>, String) {
        let n_rows = self.n_rows();
        let shown = 0..n_rows.min(N_SHOWN);
        let (head, rows) = match self.task {
            Task::Regression => {
                let mut head = vec!["row", "prediction"];
                head.extend(self.interval.iter().flat_map(|_| ["lower", "upper"]));
                let row = |r: usize| {
                    let ends = self.interval.iter().flat_map(|ends| [ends.lower[r], ends.upper[r]]);
                    let numbers = std::iter::once(self.values[r]).chain(ends).map(|v| format!("{v:.6}"));
                    std::iter::once(r.to_string()).chain(numbers).collect()
                };
                (head, shown.map(row).collect())
            }
            _ => {
                let row = |r: usize| {
                    let class = self.class_idx[r];
                    let p = self.values[r * self.n_outputs + class];
                    let sure = format!("{:.3}", self.confidence[r]);
                    vec![r.to_string(), self.classes[class].clone(), format!("{p:.3}"), sure]
                };
                (vec!["row", "class", "probability", "confidence"], shown.map(row).collect())
            }
        };
        let more = match n_rows.saturating_sub(N_SHOWN) {
            0 => String::new(),
            n => format!("and {n} more row(s)"),
        };
        (head, rows, more)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_outputs
    }

    /// The values for classes among which there may be some that these rows' predictor has not seen: it
    /// gives those a probability of 0. Numbers as they are.
    ///
    /// # Shapes
    /// - returns: `[n_rows, classes.len()]`
    pub(crate) fn of_classes(self, classes: &[String]) -> Vec<f64> {
        if self.task == Task::Regression || self.classes == classes {
            return self.values;
        }
        let place: Vec<Option<usize>> =
            classes.iter().map(|class| self.classes.iter().position(|own| own == class)).collect();
        let rows = self.values.chunks_exact(self.n_outputs);
        rows.flat_map(|row| place.iter().map(|i| i.map_or(0.0, |i| row[i]))).collect()
    }
}

/// The class and how sure it is.
pub(super) fn decide(p: &[f64], threshold: f64) -> (usize, f64) {
    if let [_, p] = p {
        return if *p >= threshold {
            (1, if threshold < 1.0 { (p - threshold) / (1.0 - threshold) } else { 1.0 })
        } else {
            (0, (threshold - p) / threshold)
        };
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]).then(a.cmp(b)));
    (order[0], p[order[0]] - p[order[1]])
}
