//! Flags of [`PredictorOptions`].

use clap::{Args, ValueEnum};
use tabgraft_model::PredictorOptions;
use tabgraft_model::predictor::{Effort, TargetKind};

/// How predictors are fitted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fitting predictors")]
pub struct PredictorArgs {
    /// Whether the target is a set of classes or a number
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    target_kind: Target,
    /// How much the fit may cost
    #[arg(long, value_enum, value_name = "EFFORT", default_value_t)]
    effort: HowMuch,
    /// Most epochs of a network, 1 to 10000; of many rows an epoch is 256 steps
    #[arg(long = "epochs", value_name = "N", default_value_t = PredictorOptions::default().n_epochs)]
    n_epochs: usize,
    /// Epochs without a clearly better held-out loss that end a network's training, at least 1; three times as
    /// many with `--effort best`
    #[arg(long, value_name = "N", default_value_t = PredictorOptions::default().patience)]
    patience: usize,
    /// Rows of a step, 1 to 65536 [default: by the number of rows, 32 to 256]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Networks, and forests, whose mean predicts, 1 to 20 [default: 5 below 4000 rows, 3 below 100000, else 2;
    /// 10 with `--effort best`, 3 forests with `--effort quick`]
    #[arg(long, value_name = "N")]
    n_networks: Option<usize>,
    /// Width of the hidden layer that a head's members share, 8 to 4096
    #[arg(long, value_name = "N", default_value_t = PredictorOptions::default().d_hidden)]
    d_hidden: usize,
    /// Seed of weights, order, masks and dropout
    #[arg(long, value_name = "N", default_value_t = PredictorOptions::default().seed)]
    seed: u64,
    /// Probability above which the positive one of two classes is predicted, 0 to 1
    #[arg(long, value_name = "P", default_value_t = PredictorOptions::default().threshold)]
    threshold: f64,
    /// Learning rate of the members, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = PredictorOptions::default().learning_rate)]
    learning_rate: f32,
    /// Learning rate of the copy of the space, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = PredictorOptions::default().learning_rate_space)]
    learning_rate_space: f32,
    /// Learning rate of the wide path, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = PredictorOptions::default().learning_rate_wide)]
    learning_rate_wide: f32,
    /// Decoupled weight decay of everything but the wide path, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = PredictorOptions::default().weight_decay)]
    weight_decay: f32,
    /// Decoupled weight decay of the wide path, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = PredictorOptions::default().weight_decay_wide)]
    weight_decay_wide: f32,
    /// Share of cells hidden in training, 0 to 0.99
    #[arg(long, value_name = "SHARE", default_value_t = PredictorOptions::default().p_mask)]
    p_mask: f32,
    /// Share of the members' activations dropped in training, 0 to 0.9
    #[arg(long, value_name = "SHARE", default_value_t = PredictorOptions::default().p_drop)]
    p_drop: f32,
    /// Share of the space's activations dropped in training, 0 to 0.9
    #[arg(long, value_name = "SHARE", default_value_t = PredictorOptions::default().p_drop_space)]
    p_drop_space: f32,
}

/// [`Effort`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum HowMuch {
    /// Trees and a linear model, no networks: the least time, and predictions at the most rows a second.
    Quick,
    /// Networks too, as long as they add to the others.
    #[default]
    Default,
    /// More learners of each kind, and networks that wait longer for something better.
    Best,
}

/// [`TargetKind`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Target {
    /// By the column's kind: numbers are regressed, everything else is classified.
    #[default]
    Auto,
    /// One of a set of classes.
    Set,
    /// A number.
    Scalar,
}

impl PredictorArgs {
    /// As the core takes them; it checks the ranges.
    pub fn options(&self) -> PredictorOptions {
        PredictorOptions {
            target_kind: match self.target_kind {
                Target::Auto => TargetKind::Auto,
                Target::Set => TargetKind::Set,
                Target::Scalar => TargetKind::Scalar,
            },
            effort: match self.effort {
                HowMuch::Quick => Effort::Quick,
                HowMuch::Default => Effort::Default,
                HowMuch::Best => Effort::Best,
            },
            n_epochs: self.n_epochs,
            patience: self.patience,
            batch_size: self.batch_size,
            n_networks: self.n_networks,
            d_hidden: self.d_hidden,
            learning_rate: self.learning_rate,
            learning_rate_space: self.learning_rate_space,
            learning_rate_wide: self.learning_rate_wide,
            weight_decay: self.weight_decay,
            weight_decay_wide: self.weight_decay_wide,
            p_mask: self.p_mask,
            p_drop: self.p_drop,
            p_drop_space: self.p_drop_space,
            threshold: self.threshold,
            seed: self.seed,
            ..PredictorOptions::default()
        }
    }
}
