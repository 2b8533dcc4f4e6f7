//! Flags of [`SpaceConfig`].

use clap::Args;
use tabgraft_model::SpaceConfig;
use tabgraft_table::codec::{CodecConfig, MIN_CATEGORY_ROWS};

use super::TrainingArgs;

/// Sizes, rates and epochs of a space.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Training")]
pub struct SpaceArgs {
    /// Epochs, 1 to 10000: a ceiling, unless `--exact-epochs` [default: about 1500 steps, 4 to 60 epochs,
    /// fewer where more than 2 million rows would be shown]
    #[arg(long = "epochs", value_name = "N")]
    n_epochs: Option<usize>,
    #[command(flatten)]
    training: TrainingArgs,
    /// Peak learning rate, above 0 up to 1
    #[arg(long, value_name = "RATE", default_value_t = SpaceConfig::default().learning_rate)]
    learning_rate: f32,
    /// Decoupled weight decay, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = SpaceConfig::default().weight_decay)]
    weight_decay: f32,
    /// Share of activations dropped in training, 0 up to 0.9
    #[arg(long, value_name = "SHARE", default_value_t = SpaceConfig::default().p_drop)]
    p_drop: f32,
    /// Length of a row's vector before any graft, 8 to 4096 in steps of 8
    #[arg(long, value_name = "N", default_value_t = SpaceConfig::default().d_model)]
    d_model: usize,
    /// Residual blocks of the trunk, 1 to 8
    #[arg(long, value_name = "N", default_value_t = SpaceConfig::default().n_blocks)]
    n_blocks: usize,
    /// Width inside a block in multiples of `--d-model`, 1 to 8
    #[arg(long, value_name = "N", default_value_t = SpaceConfig::default().expansion)]
    expansion: usize,
    /// Bins of a number or time, 1 to 4096
    #[arg(long, value_name = "N", default_value_t = CodecConfig::default().n_bins)]
    codec_bins: usize,
    /// Classes that a hidden number, time or text is predicted as, 2 to 4096
    #[arg(long, value_name = "N", default_value_t = CodecConfig::default().n_targets)]
    codec_targets: usize,
    /// Categories of a column that have a code of their own in any case, and most classes that a hidden one
    /// is predicted as, 2 to 60000
    #[arg(long, value_name = "N", default_value_t = CodecConfig::default().max_categories)]
    codec_categories: usize,
    /// Training rows that give a category beyond `--codec-categories` a code of its own, at least 1; those
    /// with fewer share one code
    #[arg(long, value_name = "N", default_value_t = MIN_CATEGORY_ROWS)]
    min_category_rows: u64,
    /// Hashed features of a text, 8 to 65536
    #[arg(long, value_name = "N", default_value_t = CodecConfig::default().text_slots)]
    codec_text_slots: usize,
}

impl SpaceArgs {
    /// As the core takes them; it checks the ranges.
    pub fn config(&self) -> SpaceConfig {
        SpaceConfig {
            d_model: self.d_model,
            n_blocks: self.n_blocks,
            expansion: self.expansion,
            p_drop: self.p_drop,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            training: self.training.options(self.n_epochs),
            codec: CodecConfig {
                n_bins: self.codec_bins,
                n_targets: self.codec_targets,
                max_categories: self.codec_categories,
                text_slots: self.codec_text_slots,
                ..CodecConfig::default()
            }
            .with_min_category_rows(self.min_category_rows),
        }
    }
}
