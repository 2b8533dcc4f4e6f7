//! Flags of [`PredictorOptions`].

use clap::{Args, ValueEnum};
use tabgraft_model::PredictorOptions;
use tabgraft_model::predictor::{ClassWeight, Effort, TargetKind, ThresholdFor};

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
    /// What the threshold is chosen for, on rows that were not learned from, in place of --threshold
    #[arg(long, value_enum, value_name = "METRIC", conflicts_with_all = ["cost_fp", "cost_fn"])]
    threshold_for: Option<ThresholdMetric>,
    /// What a false positive costs: the threshold is then chosen for the lowest costs; with --cost-fn
    #[arg(long, value_name = "COST", requires = "cost_fn")]
    cost_fp: Option<f64>,
    /// What a false negative costs; with --cost-fp
    #[arg(long, value_name = "COST", requires = "cost_fp")]
    cost_fn: Option<f64>,
    /// How much rows of a class count: `balanced`, or CLASS=WEIGHT; may be repeated; 1 for classes that are not named
    #[arg(long, value_name = "WEIGHT", value_parser = parse_weight)]
    class_weight: Vec<WeightFlag>,
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

/// Metrics of [`ThresholdFor`] as a flag.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ThresholdMetric {
    /// F1 of the positive class.
    F1,
    /// The mean share of each class that is predicted right.
    BalancedAccuracy,
    /// The share of rows that are predicted right.
    Accuracy,
}

/// A weight of classes as a flag.
#[derive(Debug, Clone, PartialEq)]
enum WeightFlag {
    Balanced,
    Of(String, f64),
}

fn parse_weight(text: &str) -> Result<WeightFlag, String> {
    let pair = || {
        let (class, weight) = text.rsplit_once('=')?;
        Some(WeightFlag::Of(class.to_owned(), weight.parse().ok()?))
    };
    match text {
        "balanced" => Ok(WeightFlag::Balanced),
        _ => pair().ok_or_else(|| "neither `balanced` nor CLASS=WEIGHT, such as yes=5".to_owned()),
    }
}

impl PredictorArgs {
    fn threshold_for(&self) -> Option<ThresholdFor> {
        match (self.threshold_for, self.cost_fp, self.cost_fn) {
            (Some(ThresholdMetric::F1), ..) => Some(ThresholdFor::F1),
            (Some(ThresholdMetric::BalancedAccuracy), ..) => Some(ThresholdFor::BalancedAccuracy),
            (Some(ThresholdMetric::Accuracy), ..) => Some(ThresholdFor::Accuracy),
            (None, Some(cost_fp), Some(cost_fn)) => Some(ThresholdFor::Costs { cost_fp, cost_fn }),
            _ => None,
        }
    }

    fn class_weight(&self) -> Option<ClassWeight> {
        let by_class = self.class_weight.iter().filter_map(|weight| match weight {
            WeightFlag::Balanced => None,
            WeightFlag::Of(class, weight) => Some((class.clone(), *weight)),
        });
        match &self.class_weight[..] {
            [] => None,
            [WeightFlag::Balanced] => Some(ClassWeight::Balanced),
            _ => Some(ClassWeight::Of(by_class.collect())),
        }
    }

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
            threshold_for: self.threshold_for(),
            class_weight: self.class_weight(),
            seed: self.seed,
            ..PredictorOptions::default()
        }
    }
}
