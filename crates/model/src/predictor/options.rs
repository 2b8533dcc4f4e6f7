//! The options of a predictor, each once: name, default, range, purpose.

use serde::{Deserialize, Serialize};

use super::{ClassWeight, TargetKind, ThresholdFor};
use crate::error::{Error, Result};
use crate::train::{check_batch_size, check_epochs};

/// How much a fit may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Trees and the linear model on three inner parts, no networks.
    Quick,
    /// All kinds of learner; networks learn while they add to the others.
    #[default]
    Default,
    /// Ten inner parts, and networks that wait three times as long for something better.
    Best,
}

/// How to fit a predictor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PredictorOptions {
    /// Name of the predictor. Default `predictor`.
    pub name: String,
    /// Whether the target is a set of classes or a number. Default: by its column's kind.
    pub target_kind: TargetKind,
    /// How much the fit may cost: `quick`, `default` or `best`.
    pub effort: Effort,
    /// Most epochs of a network; of many rows an epoch is 256 steps. Default 100; 1 to 10,000.
    pub n_epochs: usize,
    /// Epochs without a held-out loss that is better by a thousandth which end a network's training; with
    /// [`Effort::Best`] three times as many. The loss is that of the mixture with the other learners. Default 2; at
    /// least 1.
    pub patience: usize,
    /// Rows of a step. Default: a sixteenth of the rows, 32 to 128, below 2,000 rows; 128 below
    /// 8,000; else 256.
    pub batch_size: Option<usize>,
    /// Networks, and forests, of the bag, each stopping on its own share of the rows. Default: 5 below 4,000
    /// rows, 3 below 100,000, else 2; with [`Effort::Best`] 10, with [`Effort::Quick`] 3 forests. 1 to 20; one alone
    /// stops on a fifth of the rows and learns from the others. Of several, there are no networks where the first takes less
    /// than a hundredth and one standard error off the loss of the other learners, but with [`Effort::Best`].
    pub n_networks: Option<usize>,
    /// Width of the hidden layer that a head's members share. Default 64; 8 to 4,096.
    pub d_hidden: usize,
    /// Learning rate of the members. Default 1e-3.
    pub learning_rate: f32,
    /// Learning rate of the copy of the space's weights. Default 1e-3.
    pub learning_rate_space: f32,
    /// Learning rate of the wide path. Default 5e-3.
    pub learning_rate_wide: f32,
    /// Decoupled weight decay of everything but the wide path. Default 1e-2.
    pub weight_decay: f32,
    /// Decoupled weight decay of the wide path. Default 0.1.
    pub weight_decay_wide: f32,
    /// Share of cells hidden in training. Default 0.1; below 1.
    pub p_mask: f32,
    /// Share of the members' activations dropped in training. Default 0.2; below 0.9.
    pub p_drop: f32,
    /// Share of the space's activations dropped in training. Default 0.1; below 0.9.
    pub p_drop_space: f32,
    /// Whether the space's test rows are kept out of the fit and scored. Default true; with false
    /// every row is learned from, and nothing is scored.
    pub hold_out_test: bool,
    /// Probability above which the positive class is predicted (two classes). Default 0.5.
    pub threshold: f64,
    /// What the threshold is chosen for, on held-out rows, in place of the one above. Default: none.
    pub threshold_for: Option<ThresholdFor>,
    /// How much rows of each class count. Default: all rows alike.
    pub class_weight: Option<ClassWeight>,
    /// Seed of weights, order, masks and dropout. Default 0.
    pub seed: u64,
}

impl Default for PredictorOptions {
    fn default() -> Self {
        PredictorOptions {
            name: "predictor".to_owned(),
            target_kind: TargetKind::Auto,
            effort: Effort::Default,
            n_epochs: 100,
            patience: 2,
            batch_size: None,
            n_networks: None,
            d_hidden: 64,
            learning_rate: 1e-3,
            learning_rate_space: 1e-3,
            learning_rate_wide: 5e-3,
            weight_decay: 1e-2,
            weight_decay_wide: 0.1,
            p_mask: 0.1,
            p_drop: 0.2,
            p_drop_space: 0.1,
            hold_out_test: true,
            threshold: 0.5,
            threshold_for: None,
            class_weight: None,
            seed: 0,
        }
    }
}

impl PredictorOptions {
    /// Checks every range.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        check_epochs(Some(self.n_epochs), 1)?;
        check_batch_size(self.batch_size)?;
        self.threshold_for.as_ref().map_or(Ok(()), ThresholdFor::check)?;
        self.class_weight.as_ref().map_or(Ok(()), ClassWeight::check)?;
        let counts = [
            ("patience", self.patience, 1..=10_000),
            ("n_networks", self.n_networks.unwrap_or(5), 1..=20),
            ("d_hidden", self.d_hidden, 8..=4096),
        ];
        for (name, value, range) in counts {
            if !range.contains(&value) {
                return Err(Error::option(format!(
                    "option `{name}` is {value}, allowed is {} to {}",
                    range.start(),
                    range.end()
                )));
            }
        }
        let shares = [
            ("learning_rate", f64::from(self.learning_rate), 1.0),
            ("learning_rate_space", f64::from(self.learning_rate_space), 1.0),
            ("learning_rate_wide", f64::from(self.learning_rate_wide), 1.0),
            ("weight_decay", f64::from(self.weight_decay), 1.0),
            ("weight_decay_wide", f64::from(self.weight_decay_wide), 1.0),
            ("p_mask", f64::from(self.p_mask), 0.99),
            ("p_drop", f64::from(self.p_drop), 0.9),
            ("p_drop_space", f64::from(self.p_drop_space), 0.9),
            ("threshold", self.threshold, 1.0),
        ];
        for (name, value, most) in shares {
            if !(0.0..=most).contains(&value) {
                return Err(Error::option(format!("option `{name}` is {value}, allowed is 0 to {most}")));
            }
        }
        Ok(())
    }

    /// Rows of a step for this many rows.
    pub(crate) fn batch_size_for(&self, n_rows: usize) -> usize {
        self.batch_size.unwrap_or(match n_rows {
            0..2_000 => (n_rows / 16).clamp(32, 128),
            2_000..8_000 => 128,
            _ => 256,
        })
    }

    /// Inner parts that learners stop on, for this many rows.
    pub(crate) fn n_parts_for(&self, n_rows: usize) -> usize {
        self.n_networks.unwrap_or(match (self.effort, n_rows) {
            (Effort::Quick, _) => 3,
            (Effort::Best, _) => 10,
            (Effort::Default, 0..4_000) => 5,
            (Effort::Default, 4_000..100_000) => 3,
            (Effort::Default, _) => 2,
        })
    }

    /// Networks of the bag for this many rows.
    pub(crate) fn n_networks_for(&self, n_rows: usize) -> usize {
        if self.effort == Effort::Quick { 0 } else { self.n_parts_for(n_rows) }
    }

    /// Epochs without a better loss that a network waits.
    pub(crate) fn patience_for_effort(&self) -> usize {
        self.patience * if self.effort == Effort::Best { 3 } else { 1 }
    }
}
