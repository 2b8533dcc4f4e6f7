//! The options of an embedding space, each once: name, default, range, purpose.

use serde::{Deserialize, Serialize};
use tabgraft_table::codec::CodecConfig;

use crate::error::{Error, Result};
use crate::train::Ending;

/// Steps of training that the automatic number of epochs aims at.
const AUTO_STEPS: usize = 1500;
/// Range of the automatic number of epochs.
const AUTO_EPOCHS: std::ops::RangeInclusive<usize> = 4..=60;

/// How to build and train an embedding space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpaceConfig {
    /// Length of a row's vector before any graft. Default 128; 8 to 4096, a multiple of 8.
    pub d_model: usize,
    /// Residual blocks of the trunk. Default 2; 1 to 8.
    pub n_blocks: usize,
    /// Width inside a block, in multiples of `d_model`. Default 2; 1 to 8.
    pub expansion: usize,
    /// Share of activations dropped in training. Default 0.1; below 0.9.
    pub p_drop: f32,
    /// Peak learning rate. Default 2e-3; above 0, at most 1.
    pub learning_rate: f32,
    /// Decoupled weight decay. Default 1e-4; 0 to 1.
    pub weight_decay: f32,
    /// Rows of a step. Default: 128 below 8,000 training rows, 256 below 100,000, else 512.
    pub batch_size: Option<usize>,
    /// Most bytes that the training may take, by the estimate of `train/memory.rs`; at least 1. Where it
    /// would take more, steps are halved, down to 16 rows, with notes. Default: no limit.
    pub memory_limit: Option<u64>,
    /// Epochs. Default: as many as make about 1,500 steps of 128 rows, 4 to 60.
    pub n_epochs: Option<usize>,
    /// Whether `n_epochs` is a ceiling: training then stops when the validation loss has not
    /// fallen for a fifth of it. Default true.
    pub auto_epochs: bool,
    /// Seed of weights, order, masks and dropout. Default 0.
    pub seed: u64,
    /// How columns become numbers.
    pub codec: CodecConfig,
}

impl Default for SpaceConfig {
    fn default() -> Self {
        SpaceConfig {
            d_model: 128,
            n_blocks: 2,
            expansion: 2,
            p_drop: 0.1,
            learning_rate: 2e-3,
            weight_decay: 1e-4,
            batch_size: None,
            memory_limit: None,
            n_epochs: None,
            auto_epochs: true,
            seed: 0,
            codec: CodecConfig::default(),
        }
    }
}

impl SpaceConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        let refuse = |name: &str, value: String, range: &str| {
            Err(Error::option(format!("option `{name}` is {value}, allowed is {range}")))
        };
        if !(8..=4096).contains(&self.d_model) || !self.d_model.is_multiple_of(8) {
            return refuse("d_model", self.d_model.to_string(), "8 to 4096 in steps of 8");
        }
        if !(1..=8).contains(&self.n_blocks) {
            return refuse("n_blocks", self.n_blocks.to_string(), "1 to 8");
        }
        if !(1..=8).contains(&self.expansion) {
            return refuse("expansion", self.expansion.to_string(), "1 to 8");
        }
        if !(0.0..0.9).contains(&self.p_drop) {
            return refuse("p_drop", self.p_drop.to_string(), "0 up to 0.9");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return refuse("learning_rate", self.learning_rate.to_string(), "above 0 up to 1");
        }
        if !(0.0..=1.0).contains(&self.weight_decay) {
            return refuse("weight_decay", self.weight_decay.to_string(), "0 to 1");
        }
        check_batch_size(self.batch_size)?;
        check_memory_limit(self.memory_limit)?;
        check_epochs(self.n_epochs)?;
        self.codec.check()
    }

    /// Rows of a step for this many training rows.
    pub fn batch_size_for(&self, n_rows: usize) -> usize {
        self.batch_size.unwrap_or(match n_rows {
            0..8_000 => 128,
            8_000..100_000 => 256,
            _ => 512,
        })
    }

    /// Epochs for this many training rows.
    pub fn n_epochs_for(&self, n_rows: usize) -> usize {
        let auto = AUTO_STEPS * 128 / n_rows.max(1);
        self.n_epochs.unwrap_or(auto.clamp(*AUTO_EPOCHS.start(), *AUTO_EPOCHS.end()))
    }

    /// How a training of all weights ends.
    pub(crate) fn ending(&self, n_epochs: usize) -> Ending {
        match self.auto_epochs {
            true => Ending::AfterWorse((n_epochs / 5).max(3)),
            false => Ending::AllEpochs,
        }
    }
}

/// Checks a number of epochs given by the user.
pub(crate) fn check_epochs(n_epochs: Option<usize>) -> Result<()> {
    match n_epochs {
        Some(n) if !(1..=10_000).contains(&n) => {
            Err(Error::option(format!("option `n_epochs` is {n}, allowed is 1 to 10000")))
        }
        _ => Ok(()),
    }
}

/// Checks a limit of memory given by the user.
pub(crate) fn check_memory_limit(memory_limit: Option<u64>) -> Result<()> {
    match memory_limit {
        Some(0) => Err(Error::option("option `memory_limit` is 0 bytes, allowed is 1 or more")),
        _ => Ok(()),
    }
}

/// Checks a batch size given by the user.
pub(crate) fn check_batch_size(batch_size: Option<usize>) -> Result<()> {
    match batch_size {
        Some(n) if !(1..=65_536).contains(&n) => {
            Err(Error::option(format!("option `batch_size` is {n}, allowed is 1 to 65536")))
        }
        _ => Ok(()),
    }
}
