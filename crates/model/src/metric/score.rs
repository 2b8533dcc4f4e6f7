//! Scores and differences of scores, each with its interval.

use serde::{Deserialize, Serialize};

use super::{Clusters, Metric};

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

    /// The rows are put in by [`scores`](super::scores).
    pub(super) fn new(metric: Metric, value: f64, [low, high]: [f64; 2]) -> Self {
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

    pub(super) fn new(
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
