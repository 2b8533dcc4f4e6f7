//! How good predictions are, how sure that is, and whether one set is better than another.
//!
//! Two doors serve every task: [`scores`] for one set of predictions, [`compare`] for two sets on
//! the same rows. Every score carries its number of rows and a 95 % interval.
//!
//! ```text
//! truth + prediction + clusters -> scores  -> [Score]           one value, interval, n per metric
//! truth + a, b       + clusters -> compare -> PairedDifference  b - a on the task's primary metric, verdict
//! ```
//!
//! Clusters say which rows are copies of each other: those are one piece of evidence. A class that no
//! model has seen is scored as wrong. A metric that the rows cannot define (ROC AUC with one class, R2
//! of a constant) is left out of the list; a prediction that is no number is an error. No result is ever
//! NaN.

mod bootstrap;
mod classification;
mod clusters;
mod delong;
mod drift;
mod interval;
mod ranking;
mod regression;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

use classification::{binary_scores, compare_binary, compare_multiclass, multiclass_scores};
pub use clusters::Clusters;
pub(crate) use drift::mean_cosine_distance;
pub use drift::{Drift, drift, neighbour_overlap_at_10};
pub use ranking::{pr_auc, roc_auc};
use regression::{compare_regression, regression_scores};

/// What a predictor predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes; the second one is the positive one.
    Binary,
    /// One of three classes or more.
    Multiclass,
    /// A number.
    Regression,
}

impl Task {
    /// The metric that ranks predictors of this task and that [`compare`] tests.
    pub fn primary_metric(self) -> Metric {
        match self {
            Task::Binary => Metric::RocAuc,
            Task::Multiclass => Metric::LogLoss,
            Task::Regression => Metric::Rmse,
        }
    }

    /// The task's name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Task::Binary => "binary",
            Task::Multiclass => "multiclass",
            Task::Regression => "regression",
        }
    }
}

/// A measure of predictions against the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Area under the ROC curve, 0 to 1; ties count half. Multiclass: mean over one-vs-rest.
    RocAuc,
    /// Average precision, 0 to 1: the step-wise area under the precision-recall curve.
    PrAuc,
    /// Mean negative log-likelihood in nats, at least 0.
    LogLoss,
    /// Share of rows whose most probable class is the true one, 0 to 1.
    Accuracy,
    /// Mean over both classes of the share of rows that are predicted right, 0 to 1. Two classes, at a threshold.
    BalancedAccuracy,
    /// Harmonic mean of precision and recall of the second class, 0 to 1. Two classes, at a threshold.
    F1,
    /// Mean squared error of probabilities: 0 to 1 for two classes, 0 to 2 (summed) for more.
    Brier,
    /// Root of the mean squared error, in the target's unit.
    Rmse,
    /// Mean absolute error, in the target's unit.
    Mae,
    /// Share of the target's variance that is explained, at most 1.
    R2,
}

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 10] = [
        Metric::RocAuc,
        Metric::PrAuc,
        Metric::LogLoss,
        Metric::Accuracy,
        Metric::BalancedAccuracy,
        Metric::F1,
        Metric::Brier,
        Metric::Rmse,
        Metric::Mae,
        Metric::R2,
    ];

    /// The metric's name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Metric::RocAuc => "roc_auc",
            Metric::PrAuc => "pr_auc",
            Metric::LogLoss => "log_loss",
            Metric::Accuracy => "accuracy",
            Metric::BalancedAccuracy => "balanced_accuracy",
            Metric::F1 => "f1",
            Metric::Brier => "brier",
            Metric::Rmse => "rmse",
            Metric::Mae => "mae",
            Metric::R2 => "r2",
        }
    }

    /// Whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        matches!(
            self,
            Metric::RocAuc
                | Metric::PrAuc
                | Metric::Accuracy
                | Metric::BalancedAccuracy
                | Metric::F1
                | Metric::R2
        )
    }

    /// By how much `after` is better than `before`; below 0 if it is worse.
    pub fn gain(self, before: f64, after: f64) -> f64 {
        if self.higher_is_better() { after - before } else { before - after }
    }
}

/// One metric's value on `n` rows, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// What was measured.
    pub metric: Metric,
    /// The value on the rows given.
    pub value: f64,
    /// Lower end of the 95 % interval, at most `value`.
    pub low: f64,
    /// Upper end of the 95 % interval, at least `value`.
    pub high: f64,
    /// Number of rows scored.
    pub n: usize,
    /// Rows among them that repeat another one: they count in the value, and are no evidence of their
    /// own in the interval.
    pub n_copies: usize,
    /// Rows among them whose class was not seen in training; scored as wrong.
    pub n_unseen: usize,
}

impl Score {
    /// What there is to know of the scored rows, in words; nothing where each is of a class that was seen
    /// and none repeats another.
    pub fn notes(&self) -> Vec<String> {
        let unseen = (self.n_unseen > 0).then(|| {
            let Score { n, n_unseen, .. } = self;
            format!("{n_unseen} of {n} rows have a class that was not seen in training: scored as wrong")
        });
        unseen.into_iter().chain(copies_note(self.n_copies, self.n)).collect()
    }

    /// The rows are put in by [`scores`].
    fn new(metric: Metric, value: f64, [low, high]: [f64; 2]) -> Self {
        Score { metric, value, low: low.min(value), high: high.max(value), n: 0, n_copies: 0, n_unseen: 0 }
    }
}

/// What a paired comparison concludes at the 5 % level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The second set of predictions is better.
    Better,
    /// The interval of the difference holds zero.
    NoDifference,
    /// The second set of predictions is worse.
    Worse,
}

/// Two sets of predictions for the same rows, compared on one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairedDifference {
    /// What was compared.
    pub metric: Metric,
    /// The metric of the first set.
    pub a: f64,
    /// The metric of the second set.
    pub b: f64,
    /// How much better the second set is: `b - a`, or `a - b` where a lower metric is better.
    pub difference: f64,
    /// Lower end of the difference's 95 % interval.
    pub low: f64,
    /// Upper end of the difference's 95 % interval.
    pub high: f64,
    /// Two-sided p-value of "no difference", above 0 and at most 1.
    pub p_value: f64,
    /// Number of rows compared.
    pub n: usize,
    /// Rows among them that repeat another one, which are no evidence of their own.
    pub n_copies: usize,
    /// The conclusion: by the interval, so it never contradicts `low` and `high`.
    pub verdict: Verdict,
}

fn copies_note(n_copies: usize, n: usize) -> Option<String> {
    (n_copies > 0).then(|| {
        format!("{n_copies} of {n} rows repeat another row in every column: copies count once in intervals")
    })
}

impl PairedDifference {
    /// What there is to know of the compared rows, in words; nothing where none repeats another.
    pub fn note(&self) -> Option<String> {
        copies_note(self.n_copies, self.n)
    }

    fn new(
        metric: Metric,
        [a, b]: [f64; 2],
        [low, high]: [f64; 2],
        p_value: f64,
        clusters: &Clusters,
    ) -> Self {
        let difference = metric.gain(a, b);
        let (low, high) = (low.min(difference), high.max(difference));
        let verdict = match (low > 0.0, high < 0.0) {
            (true, _) => Verdict::Better,
            (_, true) => Verdict::Worse,
            _ => Verdict::NoDifference,
        };
        let (n, n_copies) = (clusters.n_rows(), clusters.n_copies());
        PairedDifference { metric, a, b, difference, low, high, p_value, n, n_copies, verdict }
    }
}

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
    threshold: f64,
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
    fn positive(&self) -> Result<Vec<f64>> {
        match self.n_outputs {
            1 => Ok(self.values.clone()),
            2 => Ok(self.values.iter().skip(1).step_by(2).copied().collect()),
            found => Err(outputs("binary", "1 or 2", found)),
        }
    }

    fn number(&self) -> Result<&[f64]> {
        match self.n_outputs {
            1 => Ok(&self.values),
            found => Err(outputs("regression", "1", found)),
        }
    }

    fn classes(&self, n_classes: usize) -> Result<&[f64]> {
        if self.n_outputs == n_classes {
            return Ok(&self.values);
        }
        Err(outputs("multiclass", &n_classes.to_string(), self.n_outputs))
    }
}

/// All metrics of a task, each with its 95 % interval.
///
/// The intervals of resampled metrics depend on `seed` alone, not on the number of threads.
///
/// # Errors
/// A schema error if truth, prediction and clusters do not fit the task or each other; a value error if
/// there are fewer than two rows, or a value is not finite or no probability.
pub fn scores(
    task: Task,
    truth: &Truth,
    prediction: &Prediction,
    clusters: &Clusters,
    seed: u64,
) -> Result<Vec<Score>> {
    check_clusters(truth, clusters)?;
    let scores = match (task, truth) {
        (Task::Binary, Truth::Class { class, n_classes: 2 }) => {
            binary_scores(class, &prediction.positive()?, prediction.threshold, clusters, seed)
        }
        (Task::Multiclass, Truth::Class { class, n_classes }) => {
            multiclass_scores(class, prediction.classes(*n_classes)?, *n_classes, clusters, seed)
        }
        (Task::Regression, Truth::Number(y)) => regression_scores(y, prediction.number()?, clusters, seed),
        _ => Err(truth_mismatch(task, truth)),
    };
    let (n, n_copies, n_unseen) = (truth.n_rows(), clusters.n_copies(), truth.n_unseen());
    Ok(scores?.into_iter().map(|score| Score { n, n_copies, n_unseen, ..score }).collect())
}

/// Whether predictions `b` are better than predictions `a` of the same rows, on the task's
/// primary metric: paired DeLong for ROC AUC, paired bootstrap for log-loss and RMSE.
///
/// # Errors
/// As [`scores`]; and a value error for a binary task with fewer than two different rows of a class.
pub fn compare(
    task: Task,
    truth: &Truth,
    a: &Prediction,
    b: &Prediction,
    clusters: &Clusters,
    seed: u64,
) -> Result<PairedDifference> {
    check_clusters(truth, clusters)?;
    match (task, truth) {
        (Task::Binary, Truth::Class { class, n_classes: 2 }) => {
            compare_binary(class, &a.positive()?, &b.positive()?, clusters)
        }
        (Task::Multiclass, Truth::Class { class, n_classes }) => {
            let (a, b) = (a.classes(*n_classes)?, b.classes(*n_classes)?);
            compare_multiclass(class, a, b, *n_classes, clusters, seed)
        }
        (Task::Regression, Truth::Number(y)) => {
            compare_regression(y, a.number()?, b.number()?, clusters, seed)
        }
        _ => Err(truth_mismatch(task, truth)),
    }
}

fn check_clusters(truth: &Truth, clusters: &Clusters) -> Result<()> {
    match truth.n_rows() == clusters.n_rows() {
        true => Ok(()),
        false => Err(Error::schema(format!(
            "{} rows have a truth and {} a cluster; the numbers must be equal",
            truth.n_rows(),
            clusters.n_rows()
        ))),
    }
}

fn truth_mismatch(task: Task, truth: &Truth) -> Error {
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

fn outputs(task: &str, wanted: &str, found: usize) -> Error {
    Error::schema(format!("a {task} prediction has {wanted} output(s) per row, found {found}"))
}

fn check_rows(n_truth: usize, n_predicted: usize) -> Result<()> {
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

fn check_classes(class: &[u32], n_classes: usize) -> Result<()> {
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

fn check_finite(what: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(Error::value(format!("{what} value {i} is {}, all must be finite", values[i]))
            .with_hint("a training that diverged predicts such values; look at its warnings")),
        None => Ok(()),
    }
}
