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
mod prediction;
mod ranking;
mod regression;
mod score;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use classification::{binary_scores, compare_binary, compare_multiclass, multiclass_scores};
pub use clusters::Clusters;
pub(crate) use drift::mean_cosine_distance;
pub use drift::{Drift, drift, neighbour_overlap_at_10};
pub(crate) use interval::normal as normal_interval;
pub use prediction::{Prediction, Truth};
use prediction::{check_classes, check_clusters, check_finite, check_rows, truth_mismatch};
pub use ranking::{pr_auc, roc_auc};
use regression::{compare_regression, regression_scores};
pub use score::{PairedDifference, Score, Verdict};

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

/// The metric of this name as people write it; a name that is none, as it is.
pub fn metric_words(name: &str) -> &str {
    match Metric::of_name(name) {
        Some(metric) => metric.words(),
        None => name,
    }
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

    /// The metric of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// The metric as people write it, for what people read.
    pub fn words(self) -> &'static str {
        match self {
            Metric::RocAuc => "ROC AUC",
            Metric::PrAuc => "PR AUC",
            Metric::LogLoss => "log loss",
            Metric::Accuracy => "accuracy",
            Metric::BalancedAccuracy => "balanced accuracy",
            Metric::F1 => "F1",
            Metric::Brier => "Brier score",
            Metric::Rmse => "RMSE",
            Metric::Mae => "MAE",
            Metric::R2 => "R\u{b2}",
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
