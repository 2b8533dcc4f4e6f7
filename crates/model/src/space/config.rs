//! The options of an embedding space, each once: name, default, range, purpose.

use serde::{Deserialize, Serialize};
use tabgraft_table::codec::CodecConfig;

use crate::error::{Error, Result};
use crate::train::TrainingOptions;

/// Steps of training that the automatic number of epochs aims at.
const AUTO_STEPS: usize = 1500;
/// Range of the automatic number of epochs.
const AUTO_EPOCHS: std::ops::RangeInclusive<usize> = 4..=60;
/// Most rows that the automatic number of epochs shows, beyond the first epoch: a million rows need no four of them.
const MOST_ROWS_SHOWN: usize = 2_000_000;

/// How to build and train an embedding space.
///
/// A file holds it as one list of options, the device left out: which one trained is in the training's record,
/// and is no part of what a space is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Filed", into = "Filed")]
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
    /// How it is trained. Default: as many epochs as make about 1,500 steps of 128 rows, 4 to 60, but
    /// not so many that more than 2 million rows are shown, and steps of
    /// 128 rows below 8,000 training rows, 256 below 100,000, else 512. With `auto_epochs` the training stops
    /// when the validation loss has not fallen for a fifth of the epochs.
    pub training: TrainingOptions,
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
            training: TrainingOptions::DEFAULT,
            codec: CodecConfig::default(),
        }
    }
}

/// [`SpaceConfig`] as files hold it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filed {
    d_model: usize,
    n_blocks: usize,
    expansion: usize,
    p_drop: f32,
    learning_rate: f32,
    weight_decay: f32,
    batch_size: Option<usize>,
    memory_limit: Option<u64>,
    n_epochs: Option<usize>,
    auto_epochs: bool,
    seed: u64,
    codec: CodecConfig,
}

impl Default for Filed {
    fn default() -> Self {
        SpaceConfig::default().into()
    }
}

impl From<SpaceConfig> for Filed {
    fn from(config: SpaceConfig) -> Self {
        let SpaceConfig {
            d_model,
            n_blocks,
            expansion,
            p_drop,
            learning_rate,
            weight_decay,
            training,
            codec,
        } = config;
        let TrainingOptions { n_epochs, auto_epochs, batch_size, memory_limit, device: _, seed } = training;
        Filed {
            d_model,
            n_blocks,
            expansion,
            p_drop,
            learning_rate,
            weight_decay,
            batch_size,
            memory_limit,
            n_epochs,
            auto_epochs,
            seed,
            codec,
        }
    }
}

impl From<Filed> for SpaceConfig {
    fn from(filed: Filed) -> Self {
        let Filed {
            d_model,
            n_blocks,
            expansion,
            p_drop,
            learning_rate,
            weight_decay,
            batch_size,
            memory_limit,
            n_epochs,
            auto_epochs,
            seed,
            codec,
        } = filed;
        let device = TrainingOptions::DEFAULT.device;
        let training = TrainingOptions { n_epochs, auto_epochs, batch_size, memory_limit, device, seed };
        SpaceConfig { d_model, n_blocks, expansion, p_drop, learning_rate, weight_decay, training, codec }
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
        self.training.check()?;
        self.codec.check()
    }

    /// Rows of a step for this many training rows.
    pub fn batch_size_for(&self, n_rows: usize) -> usize {
        self.training.batch_size.unwrap_or(match n_rows {
            0..8_000 => 128,
            8_000..100_000 => 256,
            _ => 512,
        })
    }

    /// Epochs for this many training rows.
    pub fn n_epochs_for(&self, n_rows: usize) -> usize {
        let auto = AUTO_STEPS * 128 / n_rows.max(1);
        let most = (MOST_ROWS_SHOWN / n_rows.max(1)).max(1);
        self.training.n_epochs.unwrap_or(auto.clamp(*AUTO_EPOCHS.start(), *AUTO_EPOCHS.end()).min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Device;

    #[test]
    fn large_tables_are_not_shown_more_often_than_helps() {
        let config = SpaceConfig::default();
        let epochs = [500, 10_000, 65_000, 500_000, 833_000, 5_000_000].map(|n| config.n_epochs_for(n));
        assert_eq!(epochs, [60, 19, 4, 4, 2, 1]);
        let given = SpaceConfig { training: TrainingOptions::of_epochs(7), ..config };
        assert_eq!(given.n_epochs_for(5_000_000), 7);
    }

    #[test]
    fn a_file_holds_one_list_of_options_without_the_device() {
        let training = TrainingOptions { device: Device::Auto, seed: 7, ..TrainingOptions::of_epochs(3) };
        let config = SpaceConfig { d_model: 16, training, ..SpaceConfig::default() };
        let filed = serde_json::to_value(&config).unwrap();
        assert_eq!(
            (&filed["n_epochs"], &filed["seed"], &filed["auto_epochs"]),
            (&3.into(), &7.into(), &true.into())
        );
        assert_eq!((filed.get("training"), filed.get("device")), (None, None));
        let back: SpaceConfig = serde_json::from_value(filed).unwrap();
        let training = TrainingOptions { device: Device::Cpu, ..training };
        assert_eq!(back, SpaceConfig { training, ..config });
    }
}
