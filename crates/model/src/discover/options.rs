//! The options of a search, each once: name, default, range, purpose.

use crate::discover::remember::history::Guide;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::predictor::PredictorOptions;

/// How to search and judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscoverOptions {
    /// Candidates that are suggested, proven or not. Default 3; at least 1.
    pub n_suggested: usize,
    /// Candidates that are judged, the best of the ranking. Default 20; at least `n_suggested`.
    pub n_judged: usize,
    /// Most candidates that are computed. Default 2000. Many more are looked at: pairs of columns
    /// that say nothing together are left out first.
    pub max_candidates: usize,
    /// Time for all of it, seconds. Default 30. A third of it is kept to confirm what passes; no step is
    /// begun that would not fit. Of a wide and long table so many rows are used as there is time for;
    /// candidates not reached stay without judgement, and what passed but lacked the time to be confirmed
    /// is called unconfirmed and not recommended. Results depend on the seed and the budget alone while
    /// the time is not spent.
    pub budget_s: f64,
    /// Largest false discovery rate of a recommendation. Default .05.
    pub level: f64,
    /// The model that is to be helped: its errors guide the search, and it is refitted to judge.
    /// Default: the predictor.
    pub guide: Guide,
    /// Seed of rows, folds and networks. Default 0.
    pub seed: u64,
    /// The predictor, if it is the guide; its target's kind in any case.
    pub predictor: PredictorOptions,
}

impl Default for DiscoverOptions {
    fn default() -> Self {
        DiscoverOptions {
            n_suggested: 3,
            n_judged: 20,
            max_candidates: 2000,
            budget_s: 30.0,
            level: 0.05,
            guide: Guide::Predictor,
            seed: 0,
            predictor: PredictorOptions::default(),
        }
    }
}

impl DiscoverOptions {
    /// Checks every range.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        if self.n_suggested == 0 || self.n_judged < self.n_suggested {
            return Err(Error::option(format!(
                "options `n_suggested` and `n_judged` are {} and {}, allowed is 1 <= n_suggested <= n_judged",
                self.n_suggested, self.n_judged
            )));
        }
        if self.max_candidates == 0 {
            return Err(Error::option("option `max_candidates` is 0, allowed is 1 or more"));
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::option(format!(
                "option `level` is {}, allowed is above 0 below 1",
                self.level
            )));
        }
        if self.budget_s.is_nan() || self.budget_s <= 0.0 {
            return Err(Error::option(format!("option `budget_s` is {}, allowed is above 0", self.budget_s)));
        }
        self.predictor.check()
    }
}
