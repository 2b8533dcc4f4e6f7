//! The effectiveness file: what each feature was worth, by target and metric, over all runs.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::history::{FeatureVerdict, Run, SuggestionHistory};
use crate::error::{Error, Result, near_names};
use crate::metric::Metric;
use tabgraft_feature::definition::{Definition, Feature};
use tabgraft_table::ledger::{self, Ledger};
use tabgraft_table::table::quoted;

/// Format version that this build writes, and the newest that it reads.
const FORMAT_VERSION: u32 = 1;

/// What one run found about a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEffect {
    /// The run in the suggestion history.
    pub run_id: String,
    /// The metric without the feature.
    pub baseline: f64,
    /// Improvement in points of the metric, above 0 is better; by the refitted predictor where there
    /// is one, else by the run's judgement.
    pub effect_points: f64,
    /// 95 % interval of the improvement, in points.
    pub interval_points: [f64; 2],
    /// Judging rows.
    pub n_rows: usize,
    /// The run's verdict, after correction.
    pub verdict: FeatureVerdict,
}

/// What a feature was worth for one target and metric, pooled over its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureEffect {
    /// The feature's name.
    pub name: String,
    /// How it is made; a feature of the same name made otherwise has its own entry.
    pub definition: Definition,
    /// The column that was predicted.
    pub target: String,
    /// The metric, for example `roc_auc`.
    pub metric: String,
    /// Improvement in points of the metric, above 0 is better: .01 is an AUC of .78 instead of .77.
    pub effect_points: f64,
    /// 95 % interval of the improvement, in points.
    pub interval_points: [f64; 2],
    /// Improvement in percent of the baseline: 1.3 is an AUC of .78 instead of .77. None if the
    /// baseline is 0.
    pub effect_percent: Option<f64>,
    /// 95 % interval of the improvement, in percent of the baseline.
    pub interval_percent: Option<[f64; 2]>,
    /// Judging rows of all runs, counted again in each.
    pub n_rows: usize,
    /// The runs that judged it, oldest first; at least one.
    pub runs: Vec<RunEffect>,
}

impl FeatureEffect {
    /// Whether some run has proven it, none has found it harmful, and the pooled interval is above 0.
    pub fn is_proven(&self) -> bool {
        let any = |verdict| self.runs.iter().any(|run| run.verdict == verdict);
        any(FeatureVerdict::Proven) && !any(FeatureVerdict::Harmful) && self.interval_points[0] > 0.0
    }

    /// Weighs the runs by their judging rows. Runs mostly share rows, so their errors are taken as
    /// fully dependent: the interval is the mean of theirs and does not shrink with repetition.
    fn pool(&mut self) {
        self.n_rows = self.runs.iter().fold(0, |n, run| n.saturating_add(run.n_rows));
        let total: f64 = self.runs.iter().map(weight).sum();
        let mean = |of: &dyn Fn(&RunEffect) -> f64| {
            self.runs.iter().map(|run| weight(run) / total * of(run)).sum::<f64>()
        };
        let effect_points = mean(&|run| run.effect_points);
        let interval_points = [mean(&|run| run.interval_points[0]), mean(&|run| run.interval_points[1])];
        let baseline = mean(&|run| run.baseline).abs();
        let percent = |points: f64| Some(100.0 * points / baseline).filter(|p| p.is_finite());
        self.effect_percent = percent(effect_points);
        self.interval_percent = percent(interval_points[0]).zip(percent(interval_points[1])).map(Into::into);
        (self.effect_points, self.interval_points) = (effect_points, interval_points);
    }

    fn check(&self) -> Result<()> {
        if self.runs.is_empty() {
            return Err(Error::value("it has no run"));
        }
        Feature::new(&self.name, self.definition.clone(), "").inputs()?;
        let mut ids = HashSet::new();
        for run in &self.runs {
            let [low, high] = run.interval_points;
            if !ids.insert(&run.run_id) {
                return Err(Error::value(format!("run `{}` is recorded twice", run.run_id))
                    .with_hint("give every run its own `run_id`, and record it once"));
            }
            if ![run.baseline, run.effect_points, low, high].iter().all(|v| v.is_finite()) || low > high {
                return Err(Error::value(format!(
                    "run `{}` has an effect or interval that is no number",
                    run.run_id
                )));
            }
        }
        let mut pooled = self.clone();
        pooled.pool();
        if pooled != *self {
            return Err(Error::value("its pooled values are not those of its runs")
                .with_hint("the file was edited; remove the feature's entry"));
        }
        Ok(())
    }
}

fn weight(run: &RunEffect) -> f64 {
    run.n_rows.max(1) as f64
}

/// What all features of one file were worth: `feature_effectiveness.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effectiveness {
    format_version: u32,
    /// One entry per feature, target and metric, in the order they were first judged.
    pub features: Vec<FeatureEffect>,
}

impl Default for Effectiveness {
    fn default() -> Self {
        Effectiveness { format_version: FORMAT_VERSION, features: Vec::new() }
    }
}

impl Effectiveness {
    /// Reads what features were worth.
    ///
    /// # Errors
    /// An I/O error if there is no such file; a malformed error if it is truncated, larger than
    /// 64 MiB, of a later format version, has unknown fields, or pooled values that are not those of
    /// its runs.
    pub fn load_history(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        ledger::read(path)?.ok_or_else(|| {
            Error::io(path, "open", std::io::ErrorKind::NotFound.into())
                .with_hint("run discovery first; it writes what each feature was worth")
        })
    }

    /// Reads what features were worth, or starts empty if there is no file.
    ///
    /// # Errors
    /// As [`Effectiveness::load_history`], but for a file that is not there.
    pub fn load_or_default(path: impl AsRef<Path>) -> Result<Self> {
        Ok(ledger::read(path.as_ref())?.unwrap_or_default())
    }

    /// Adds everything that the runs of a history judged and the file does not say yet, in the order of
    /// the runs, and gives what it became. So a run that is in the history and could not be written here,
    /// for the disk was full, is made up for by the next one. What the file says of runs that the
    /// history does not have stays. Safe beside other writers; if it fails, the file is as before.
    ///
    /// # Errors
    /// As [`Effectiveness::load_or_default`]; a value error if a run breaks a promise of
    /// [`Run::check`]; an I/O error if the file cannot be written or stays locked.
    pub fn catch_up(path: impl AsRef<Path>, history: &SuggestionHistory) -> Result<Self> {
        history.runs.iter().try_for_each(Run::check)?;
        ledger::update(path.as_ref(), |effectiveness: &mut Effectiveness| {
            let runs = effectiveness.features.iter().flat_map(|feature| &feature.runs);
            let known: HashSet<String> = runs.map(|run| run.run_id.clone()).collect();
            let new = history.runs.iter().filter(|run| !known.contains(&run.run_id));
            new.for_each(|run| effectiveness.add(run));
            Ok(())
        })
    }

    /// Names of the features that are proven for this metric and improve it by at least
    /// `min_improvement_pct` percent of the baseline (1.0 is a ROC AUC of .7575 where it was .75), the best first. Where the baseline is 0, only a
    /// minimum of 0 or less lets a feature pass.
    ///
    /// # Errors
    /// An option error for a metric that there is not.
    pub fn get_recommended_features(&self, metric: &str, min_improvement_pct: f64) -> Result<Vec<String>> {
        self.check_metric(metric)?;
        let percent = |f: &FeatureEffect| f.effect_percent.unwrap_or(0.0);
        let mut recommended: Vec<&FeatureEffect> = self
            .features
            .iter()
            .filter(|f| f.metric == metric && f.is_proven() && percent(f) >= min_improvement_pct)
            .collect();
        recommended.sort_by(|a, b| percent(b).total_cmp(&percent(a)));
        let mut names: Vec<String> = Vec::new();
        for feature in recommended {
            if !names.contains(&feature.name) {
                names.push(feature.name.clone());
            }
        }
        Ok(names)
    }

    /// Checks that a metric is one of ours, or one that the file has.
    ///
    /// # Errors
    /// An option error with the metrics that there are.
    pub fn check_metric(&self, metric: &str) -> Result<()> {
        let known: Vec<&str> = Metric::ALL.iter().map(|m| m.name()).collect();
        if known.contains(&metric) || self.features.iter().any(|f| f.metric == metric) {
            return Ok(());
        }
        let mut found: Vec<&str> = self.features.iter().map(|f| f.metric.as_str()).collect();
        found.sort_unstable();
        found.dedup();
        let judged_by = match found.is_empty() {
            true => "nothing was judged yet".to_owned(),
            false => format!("features were judged by {}", quoted(&found)),
        };
        let near = near_names(metric, known.iter().copied());
        let error = Error::option(format!("metric `{metric}` is unknown, there are {}", quoted(&known)));
        Err(error.with_hint(match near.is_empty() {
            true => judged_by,
            false => format!("did you mean {}? {judged_by}", quoted(&near)),
        }))
    }

    /// Only what was found for this target.
    pub fn for_target(&self, target: &str) -> Self {
        let features = self.features.iter().filter(|f| f.target == target).cloned().collect();
        Effectiveness { format_version: FORMAT_VERSION, features }
    }

    fn add(&mut self, run: &Run) {
        for suggestion in &run.suggestions {
            // What was not judged is not known to be worth nothing.
            let (Some(judgement), Some((effect_points, interval_points))) =
                (&suggestion.judgement, suggestion.effect())
            else {
                continue;
            };
            let effect = RunEffect {
                run_id: run.run_id.clone(),
                baseline: run.baseline,
                effect_points,
                interval_points,
                n_rows: run.n_judging_rows,
                verdict: judgement.verdict,
            };
            let known = self.features.iter().position(|f| {
                f.name == suggestion.name
                    && f.definition == suggestion.definition
                    && f.target == run.target
                    && f.metric == run.metric
            });
            let at = known.unwrap_or_else(|| {
                self.features.push(FeatureEffect {
                    name: suggestion.name.clone(),
                    definition: suggestion.definition.clone(),
                    target: run.target.clone(),
                    metric: run.metric.clone(),
                    effect_points: 0.0,
                    interval_points: [0.0; 2],
                    effect_percent: None,
                    interval_percent: None,
                    n_rows: 0,
                    runs: Vec::new(),
                });
                self.features.len() - 1
            });
            self.features[at].runs.push(effect);
            self.features[at].pool();
        }
    }
}

impl Ledger for Effectiveness {
    const FORMAT_VERSION: u32 = FORMAT_VERSION;

    fn check(&self) -> Result<()> {
        for feature in &self.features {
            feature.check().map_err(|e| e.at(format!("feature `{}`", feature.name)))?;
        }
        Ok(())
    }
}
