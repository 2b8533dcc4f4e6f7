//! What a feature is: a name, a definition, a reason and, once fitted, a state.

use serde::{Deserialize, Serialize};

/// State that a fitted feature replays.
pub type FittedState = serde_json::Value;

/// How a feature is made from other columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Definition {
    /// A scalar expression over one row.
    Formula {
        /// The expression.
        formula: String,
    },
    /// The quantile bin of a number.
    Bins {
        /// The column to cut.
        column: String,
        /// Number of bins.
        n_bins: usize,
    },
    /// A statistic of a number within the groups of a category.
    Group {
        /// The number; none for [`GroupStatistic::Frequency`].
        of: Option<String>,
        /// The category.
        by: String,
        /// What is told about the group.
        statistic: GroupStatistic,
    },
}

/// What a group feature tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatistic {
    /// Mean of the number in the row's group.
    Mean,
    /// Median of the number in the row's group.
    Median,
    /// Rank of the row's number in its group.
    Rank,
    /// The row's number less its group's mean.
    Deviation,
    /// Share of the group in all rows.
    Frequency,
}

/// A new column made from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The new column's name.
    pub name: String,
    /// How it is made.
    pub definition: Definition,
    /// Why it could help, in plain English.
    pub reason: String,
    /// What was fitted, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<FittedState>,
}
