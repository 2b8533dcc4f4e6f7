//! `effectiveness`: what features were worth, over all runs.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_model::discover::remember::{Effectiveness, Standing};

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;
use crate::report::{Report, line, names};

/// Show what features were worth, pooled over all runs of discovery.
///
/// A feature that was proven in one run and not in the next is shown so. *Recommended* are those
/// that were proven in some run and found harmful in none, and whose pooled interval is above 0;
/// often there are none. Features are listed recommended ones first, then by effect.
///
/// Reads FILE, the feature_effectiveness.json that `discover` writes; prints a table. Exits with 0 if
/// a feature is recommended, with 1 if none is.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft effectiveness features/feature_effectiveness.json --metric roc_auc --min-improvement 1")]
pub struct EffectivenessArgs {
    /// The effectiveness file
    file: PathBuf,
    /// Show only what was found for this target
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Show only effects on this metric
    #[arg(long)]
    metric: Option<String>,
    /// Least improvement of a recommended feature, in percent of the baseline
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, allow_negative_numbers = true)]
    min_improvement: f64,
}

/// What `effectiveness` reports.
#[derive(Debug, Serialize)]
struct EffectivenessReport {
    recommended: Vec<String>,
    features: Vec<Standing>,
}

impl EffectivenessArgs {
    /// Loads, chooses, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let mut found = Effectiveness::load_history(&self.file)?;
        if let Some(target) = &self.target {
            found = found.for_target(target);
        }
        if let Some(metric) = &self.metric {
            found.check_metric(metric)?;
        }
        let mut features = found.standings();
        features.retain(|f| self.metric.as_ref().is_none_or(|metric| f.metric == *metric));
        let mut metrics: Vec<&str> = features.iter().map(|f| f.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        let mut recommended: Vec<String> = Vec::new();
        for metric in metrics {
            for name in found.get_recommended_features(metric, self.min_improvement)? {
                if !recommended.contains(&name) {
                    recommended.push(name);
                }
            }
        }
        let answer = if recommended.is_empty() { Answer::No } else { Answer::Yes };
        console.report(&EffectivenessReport { recommended, features })?;
        Ok(answer)
    }
}

impl Report for EffectivenessReport {
    fn text(&self) -> String {
        let table = match self.features.is_empty() {
            true => "no feature was judged\n".to_owned(),
            false => Standing::table(&self.features),
        };
        table + &line!("recommended: {}", names(&self.recommended))
    }
}
