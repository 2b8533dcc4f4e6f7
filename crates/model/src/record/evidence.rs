//! What a verdict on two versions rests on, and what new columns did.

use serde::{Deserialize, Serialize};

use crate::metric::{PairedDifference, Verdict};

/// What a verdict on two spaces rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "evidence", rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// Rows that are test rows for both: no training of a space or predictor has seen them.
    HeldOut,
    /// All rows, each judged by predictors that did not learn from it. The predictors are honest;
    /// the spaces have seen the rows in their own training, without the target.
    CrossFitted {
        /// Parts; the predictors of each learned from the others.
        n_folds: usize,
    },
}

impl Evidence {
    /// The same in words.
    pub fn explanation(self) -> String {
        match self {
            Evidence::HeldOut => "rows that neither space nor predictor has seen in training".to_owned(),
            Evidence::CrossFitted { n_folds } => format!(
                "all rows in {n_folds} folds, each judged by predictors fitted on the others; the spaces have seen \
                 the rows, without the target"
            ),
        }
    }
}

/// What one new column does to the predictions from a child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnEffect {
    /// The column.
    pub column: String,
    /// How much better the child's predictor does on the same rows when the column's cells are
    /// hidden from it. Nothing is fitted anew.
    pub hiding: PairedDifference,
}

impl ColumnEffect {
    /// Whether predictions are better without the column, beyond chance.
    pub fn hurts(&self) -> bool {
        self.hiding.verdict == Verdict::Better
    }
}
