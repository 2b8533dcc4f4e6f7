//! Flags of [`DiscoverOptions`] that searching and judging share.

use clap::{Args, ValueEnum};
use tabgraft_model::DiscoverOptions;
use tabgraft_model::discover::remember::history::Guide;

use super::PredictorArgs;

/// How features are judged.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Judging features")]
pub struct CourtArgs {
    /// The model that is to be helped: its errors guide, and it is refitted to judge
    #[arg(long, value_enum, value_name = "MODEL", default_value_t)]
    guide: GuideFlag,
    /// Seconds for all of it; what is not reached stays unjudged or unconfirmed
    #[arg(long, value_name = "SECONDS", default_value_t = DiscoverOptions::default().budget_s)]
    pub budget: f64,
    /// Largest false discovery rate of a recommendation, above 0 below 1
    #[arg(long, value_name = "RATE", default_value_t = DiscoverOptions::default().level)]
    level: f64,
    #[command(flatten)]
    predictor: PredictorArgs,
}

/// [`Guide`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum GuideFlag {
    /// The predictor on the space.
    #[default]
    Predictor,
    /// A linear or logistic model of the plain columns; takes a second where the predictor takes many.
    Linear,
}

impl CourtArgs {
    /// As the core takes them; the seed is the predictor's.
    pub fn options(&self) -> DiscoverOptions {
        let predictor = self.predictor.options();
        DiscoverOptions {
            budget_s: self.budget,
            level: self.level,
            guide: match self.guide {
                GuideFlag::Predictor => Guide::Predictor,
                GuideFlag::Linear => Guide::Linear,
            },
            seed: predictor.seed,
            predictor,
            ..DiscoverOptions::default()
        }
    }
}
