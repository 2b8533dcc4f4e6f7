//! What a feature is: a name, a formula or a fitted statistic, and why it exists.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::expr::Formula;
use super::fitted::{self, FittedState};
use crate::error::{Error, Result};

/// Longest name of a feature, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 512;

/// How a feature's values come about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Definition {
    /// An expression over the columns of one row (see [`super::expr`]); needs no fit.
    Formula {
        /// The expression.
        formula: String,
    },
    /// The quantile bin that a number falls into, as text: `q1` for the lowest bin, and so on.
    ///
    /// Edges are quantiles of the training rows; repeated ones merge. Values beyond the training
    /// range fall into the outer bins.
    Bins {
        /// The column whose numbers are binned.
        column: String,
        /// Number of bins before merging, 2 to 256.
        n_bins: usize,
    },
    /// A statistic of the training rows that share the row's value of `by`.
    ///
    /// It is looked up, never computed anew; a group that training did not have is missing.
    Group {
        /// The column whose numbers the statistic is about; none for [`GroupStatistic::Frequency`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
        /// The column whose values are the groups.
        by: String,
        /// The statistic.
        statistic: GroupStatistic,
    },
}

/// In a line, for people.
impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Definition::Formula { formula } => f.write_str(formula),
            Definition::Bins { column, n_bins } => write!(f, "{n_bins} quantile bins of `{column}`"),
            Definition::Group { of: Some(of), by, statistic } => {
                write!(f, "{} of `{of}` by `{by}`", statistic.word())
            }
            Definition::Group { of: None, by, statistic } => write!(f, "{} of `{by}`", statistic.word()),
        }
    }
}

/// A statistic of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatistic {
    /// Mean of the group's values.
    Mean,
    /// Median of the group's values: the middle one, or the mean of the two middle ones.
    Median,
    /// Share of the group's values that are at most this row's, 0 to 1.
    Rank,
    /// This row's value minus the group's mean.
    Deviation,
    /// Share of all training rows that are in the group, 0 to 1.
    Frequency,
}

impl GroupStatistic {
    /// The statistic as files and messages write it.
    pub fn word(self) -> &'static str {
        match self {
            GroupStatistic::Mean => "mean",
            GroupStatistic::Median => "median",
            GroupStatistic::Rank => "rank",
            GroupStatistic::Deviation => "deviation",
            GroupStatistic::Frequency => "frequency",
        }
    }
}

/// A named new column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The name of the new column.
    pub name: String,
    /// How its values come about.
    pub definition: Definition,
    /// Why somebody wants it, in plain English.
    #[serde(default)]
    pub reason: String,
    /// What fitting found; none before the fit, and for formulas, which need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<FittedState>,
}

impl Feature {
    /// A feature that is not fitted yet.
    pub fn new(name: impl Into<String>, definition: Definition, reason: impl Into<String>) -> Self {
        Feature { name: name.into(), definition, reason: reason.into(), state: None }
    }

    /// A row-wise feature.
    pub fn formula(name: impl Into<String>, formula: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(name, Definition::Formula { formula: formula.into() }, reason)
    }

    /// A feature from a suggestion: an object with `name` and either `formula`, or `definition` (and
    /// perhaps `state`) as a suggestion history has them. Scores and the like are passed over.
    ///
    /// # Errors
    /// A malformed error that names the suggestion and what it lacks; as [`FeatureEngineer::new`](crate::FeatureEngineer::new).
    pub fn from_suggestion(suggestion: &serde_json::Value) -> Result<Self> {
        let Some(name) = suggestion.get("name").and_then(|n| n.as_str()) else {
            return Err(Error::malformed("a suggestion has no `name`"));
        };
        let mut feature = serde_json::Map::new();
        for key in ["name", "definition", "reason", "state"] {
            match suggestion.get(key) {
                None | Some(serde_json::Value::Null) => {}
                Some(value) => drop(feature.insert(key.to_owned(), value.clone())),
            }
        }
        if let Some(formula) = suggestion.get("formula") {
            let definition = serde_json::json!({"kind": "formula", "formula": formula});
            feature.insert("definition".to_owned(), definition);
        }
        if !feature.contains_key("definition") {
            return Err(Error::malformed(format!(
                "suggestion `{name}` has neither `formula` nor `definition`"
            ))
            .with_hint("take it from a suggestion history, or write `{\"name\": ..., \"formula\": ...}`"));
        }
        serde_json::from_value(serde_json::Value::Object(feature))
            .map_err(|e| Error::malformed(format!("suggestion `{name}`: {e}")).with_source(e))
    }

    /// Whether it can be applied: formulas always, the others once they are fitted.
    pub fn is_ready(&self) -> bool {
        self.state.is_some() || matches!(self.definition, Definition::Formula { .. })
    }

    /// The columns that it reads, each once.
    ///
    /// # Errors
    /// A formula error if the formula does not parse.
    pub fn inputs(&self) -> Result<Vec<String>> {
        Ok(self.check()?.inputs)
    }

    /// Checks name, formula, options and state, and gives what they say.
    pub(super) fn check(&self) -> Result<Checked> {
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES {
            return Err(Error::option(format!(
                "a feature's name has {} bytes, 1 to {MAX_NAME_BYTES} are allowed",
                self.name.len()
            )));
        }
        self.check_definition().map_err(|e| self.named(e))
    }

    /// `error` with this feature in front.
    pub fn named(&self, error: Error) -> Error {
        error.at(format_args!("feature `{}`", self.name))
    }

    fn check_definition(&self) -> Result<Checked> {
        if let Some(state) = &self.state {
            state.check(&self.definition)?;
        }
        match &self.definition {
            Definition::Formula { formula } => {
                let formula = Formula::parse(formula)?;
                Ok(Checked { inputs: formula.inputs(), formula: Some(formula) })
            }
            Definition::Bins { column, n_bins } => {
                if !(2..=fitted::MAX_BINS).contains(n_bins) {
                    return Err(Error::option(format!(
                        "`n_bins` is {n_bins}, 2 to {} are allowed",
                        fitted::MAX_BINS
                    )));
                }
                Ok(Checked { inputs: vec![column.clone()], formula: None })
            }
            Definition::Group { of, by, statistic } => {
                let inputs = match (of, statistic) {
                    (None, GroupStatistic::Frequency) => vec![by.clone()],
                    (Some(of), GroupStatistic::Frequency) => {
                        return Err(Error::option(format!("`frequency` counts rows, but `of` is `{of}`"))
                            .with_hint("leave `of` out"));
                    }
                    (None, _) => {
                        let message = format!("a group's {} needs a column `of`", statistic.word());
                        return Err(
                            Error::option(message).with_hint("name the column whose numbers it is about")
                        );
                    }
                    (Some(of), _) if of == by => vec![by.clone()],
                    (Some(of), _) => vec![of.clone(), by.clone()],
                };
                Ok(Checked { inputs, formula: None })
            }
        }
    }
}

/// A feature's definition after its check.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    /// The columns that it reads, each once.
    pub(super) inputs: Vec<String>,
    /// The parsed formula, if it is one.
    pub(super) formula: Option<Formula>,
}
