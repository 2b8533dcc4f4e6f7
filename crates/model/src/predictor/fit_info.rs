//! What a fit remembers of itself.

use serde::{Deserialize, Serialize};

use super::as_one::Thrift;
use crate::metric::Score;
use crate::space::ColumnReport;

/// The record of one fit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitInfo {
    /// Rows learned from, by all networks of the bag together; of whole weights each as often as it counts.
    pub n_rows: usize,
    /// Rows left out because their target is missing.
    pub n_rows_without_target: usize,
    /// Those of them whose target is infinite.
    pub n_rows_infinite_target: usize,
    /// Rows left out because their weight is 0.
    pub n_rows_without_weight: usize,
    /// Rows of the test part: neither learned from nor stopped on.
    pub n_rows_test: usize,
    /// Rows of the test part whose class no row to learn from has; scored as wrong.
    pub n_rows_unseen: usize,
    /// Rows learned from that repeat another one in every column of the space. Equal rows are in one
    /// inner part.
    pub n_copies: usize,
    /// Kept epoch of each network.
    pub best_epochs: Vec<usize>,
    /// Trees of each forest.
    pub n_trees: Vec<usize>,
    /// Trees of each random forest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub n_random_trees: Vec<usize>,
    /// Share of the boosted trees in a prediction, 0 to 1. A learner without a share is not in the predictor.
    pub share_of_trees: f64,
    /// Share of the random forests, 0 to 1.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub share_of_random_forests: f64,
    /// Share of the linear model, 0 to 1; what is left is the networks'.
    pub share_of_linear: f64,
    /// Whether the networks predict as one whose weights are the mean of theirs.
    pub networks_as_one: bool,
    /// Whether the first member of each network predicts in the place of all.
    #[serde(default, skip_serializing_if = "is_false")]
    pub one_member: bool,
    /// Scores on the test part; empty where there is none.
    pub scores: Vec<Score>,
    /// What became of the table's columns.
    pub columns: ColumnReport,
    /// Whether the user stopped it early.
    pub interrupted: bool,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Those of them that each kind of learner took.
    pub seconds_spent: SecondsSpent,
}

/// Wall time of the learners of a fit, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondsSpent {
    /// The linear models.
    pub linear: f64,
    /// The forests, boosted and random.
    pub trees: f64,
    /// The networks.
    pub networks: f64,
}

/// What rounding may leave of shares that sum to 1; the least share of a learner is far above.
const SHARE_ROUNDING: f64 = 1e-9;

/// Older files have no such share, and hashes of theirs stay as they were.
fn is_nothing(share: &f64) -> bool {
    *share == 0.0
}

/// As with [`is_nothing`].
fn is_false(value: &bool) -> bool {
    !value
}

impl FitInfo {
    /// What predicts in the place of all networks.
    pub(super) fn thrift(&self) -> Thrift {
        Thrift { networks_as_one: self.networks_as_one, one_member: self.one_member }
    }

    /// Share of the networks in a prediction, 0 to 1; exactly 0 where the others predict alone.
    pub fn share_of_networks(&self) -> f64 {
        let rest = 1.0 - self.share_of_trees - self.share_of_random_forests - self.share_of_linear;
        // Shares sum to 1 up to rounding.
        if rest < SHARE_ROUNDING { 0.0 } else { rest }
    }

    /// Whether shares are shares: none is below 0, and together they are 1.
    pub(super) fn has_shares(&self) -> bool {
        let others = [self.share_of_trees, self.share_of_random_forests, self.share_of_linear];
        others.iter().all(|share| (0.0..=1.0).contains(share))
            && others.iter().sum::<f64>() <= 1.0 + SHARE_ROUNDING
    }

    /// What predicts, in words: the learners, and the share of each where there are several.
    pub fn learners(&self) -> String {
        let n_trees: usize = self.n_trees.iter().sum();
        let as_one = if self.networks_as_one { " as one" } else { "" };
        let learners = [
            (format!("{} networks{as_one}", self.best_epochs.len()), self.share_of_networks()),
            (format!("{} forests of {n_trees} trees", self.n_trees.len()), self.share_of_trees),
            (
                format!(
                    "{} random forests of {} trees",
                    self.n_random_trees.len(),
                    self.n_random_trees.iter().sum::<usize>()
                ),
                self.share_of_random_forests,
            ),
            ("a linear model".to_owned(), self.share_of_linear),
        ];
        let words: Vec<String> = learners
            .into_iter()
            .filter(|(_, share)| *share > 0.0)
            .map(|(words, share)| if share < 1.0 { format!("{words} (share {share:.2})") } else { words })
            .collect();
        words.join(", ")
    }
}
