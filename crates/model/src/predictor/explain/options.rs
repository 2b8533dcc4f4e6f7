//! How predictions are explained.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::predictor::Target;

/// Columns whose contribution is one number: hidden and seen together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnGroup {
    /// What the group is called; the column's name where it is alone.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// In what contributions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Natural logarithm of the odds of a class, `ln(p / (1 - p))`: any number, 0 where the class is as likely as not.
    LogOdds,
    /// Probability of a class, 0 to 1.
    Probability,
    /// The number that is predicted, in the target's unit.
    Number,
}

impl Scale {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Scale::LogOdds => "log_odds",
            Scale::Probability => "probability",
            Scale::Number => "number",
        }
    }
}

/// How predictions are explained.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExplainOptions {
    /// In what contributions count; none for log-odds of classes, and the number of numbers.
    pub scale: Option<Scale>,
    /// The class whose prediction is explained; none for the second of two classes, and all of more.
    pub class: Option<String>,
    /// Columns that belong together. Each other column stands alone.
    pub groups: Vec<ColumnGroup>,
    /// Whether a feature that is computed has a contribution of its own; else what it gives belongs to the columns that it is
    /// made of.
    pub features_apart: bool,
    /// Most predictions for each row; none for 512, or as many as two pairs of orders need where columns are so many.
    pub n_evaluations: Option<usize>,
    /// Seed of the orders that are drawn.
    pub seed: u64,
}

/// What is explained of each prediction.
pub(super) struct Outputs {
    pub names: Vec<String>,
    /// Places of the outputs among those of the predictor.
    pub indices: Vec<usize>,
    pub scale: Scale,
}

impl ExplainOptions {
    /// In what contributions to a target count.
    ///
    /// # Errors
    /// An option error for a scale that the target does not have.
    pub(super) fn scale_of(&self, target: &Target) -> Result<Scale> {
        let is_number = target.classes().is_empty();
        match (self.scale, is_number) {
            (None, true) => Ok(Scale::Number),
            (None, false) => Ok(Scale::LogOdds),
            (Some(scale), _) if (scale == Scale::Number) == is_number => Ok(scale),
            (Some(scale), _) => {
                let allowed = if is_number { "`number`" } else { "`log_odds` and `probability`" };
                let what = if is_number { "a number" } else { "a class" };
                Err(Error::option(format!(
                    "option `scale` is `{}`, but `{}` is {what}: allowed is {allowed}",
                    scale.name(),
                    target.column()
                ))
                .with_hint("leave it out for the usual scale"))
            }
        }
    }

    /// What is explained of a target.
    ///
    /// # Errors
    /// An option error for a class that the target does not have, and as [`ExplainOptions::scale_of`].
    pub(super) fn outputs(&self, target: &Target) -> Result<Outputs> {
        let (classes, scale) = (target.classes(), self.scale_of(target)?);
        let Some(class) = &self.class else {
            let (names, indices) = match classes {
                [] => (vec![target.column().to_owned()], vec![0]),
                [_, second] => (vec![second.clone()], vec![1]),
                all => (all.to_vec(), (0..all.len()).collect()),
            };
            return Ok(Outputs { names, indices, scale });
        };
        match classes.iter().position(|known| known == class) {
            Some(index) => Ok(Outputs { names: vec![class.clone()], indices: vec![index], scale }),
            None if classes.is_empty() => Err(Error::option(format!(
                "option `class` is `{class}`, but `{}` is a number",
                target.column()
            ))
            .with_hint("leave it out")),
            None => Err(Error::option(format!(
                "option `class` is `{class}`, but `{}` has the classes {}",
                target.column(),
                tabgraft_table::table::quoted(classes)
            ))),
        }
    }
}
