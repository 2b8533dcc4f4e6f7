//! The suggestion history: every run of discovery, its best candidates, the refused ones too.
//!
//! Two words are kept apart. *Suggested*: the best few of a run that were not seen to hurt, to be tried.
//! *Recommended*: proven on the judging rows after correction for the number of candidates; often none.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use tabgraft_feature::definition::{Definition, Feature};
use tabgraft_feature::fitted::FittedState;
use tabgraft_table::ledger::{self, Ledger};

/// Format version that this build writes, and the newest that it reads.
const FORMAT_VERSION: u32 = 2;
/// False discovery rate of runs of format version 1, which did not say it.
const FIRST_LEVEL: f64 = 0.05;

/// What the judging rows say about a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureVerdict {
    /// Better beyond chance, after correction; where a predictor guides the run, confirmed by
    /// refitting it.
    Proven,
    /// Better beyond chance, after correction, but not confirmed for lack of time: the predictor was not
    /// refitted with it, or on fewer rows than would tell.
    Unconfirmed,
    /// Not told from chance, or not confirmed by the refitted predictor.
    Unproven,
    /// Worse beyond chance: on the judging rows, corrected for the candidates that were judged, or in the
    /// refitted predictor.
    Harmful,
}

impl FeatureVerdict {
    /// The verdict as files and messages write it.
    pub fn word(self) -> &'static str {
        match self {
            FeatureVerdict::Proven => "proven",
            FeatureVerdict::Unconfirmed => "unconfirmed",
            FeatureVerdict::Unproven => "unproven",
            FeatureVerdict::Harmful => "harmful",
        }
    }

    /// By the effect's sign, if the adjusted p-value is at most `alpha` (usually .05).
    pub fn of(effect: f64, p_adjusted: f64, alpha: f64) -> Self {
        match p_adjusted <= alpha {
            true if effect > 0.0 => FeatureVerdict::Proven,
            true if effect < 0.0 => FeatureVerdict::Harmful,
            _ => FeatureVerdict::Unproven,
        }
    }
}

/// What a feature is worth on the judging rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureJudgement {
    /// Improvement of the run's metric, in points of the metric: above 0 is better, also where the
    /// metric itself is better when lower.
    pub effect: f64,
    /// 95 % interval of the effect, lower end first.
    pub interval: [f64; 2],
    /// Two-sided p-value of "no effect", 0 to 1.
    pub p_value: f64,
    /// The p-value after correction, 0 to 1: for all candidates that were judged, or, with the guide `linear`, for all
    /// that were tried.
    pub p_adjusted: f64,
    /// What follows.
    pub verdict: FeatureVerdict,
}

/// What the real model says: fitted anew with and without the feature, on repeated splits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refit {
    /// Improvement of the run's metric, in points of the metric: above 0 is better.
    pub effect: f64,
    /// 95 % interval of the effect, lower end first.
    pub interval: [f64; 2],
    /// Two-sided p-value of "no effect", 0 to 1.
    pub p_value: f64,
    /// Splits that the model was fitted on, each time with and without the feature.
    pub n_splits: usize,
}

/// Where a run's candidates come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A search proposed them.
    #[default]
    Search,
    /// A person gave them.
    Given,
}

/// The model whose errors a search starts from, and which is refitted to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guide {
    /// The predictor on the embedding space.
    #[default]
    Predictor,
    /// A penalised linear or logistic model of the plain columns: for features that such a model
    /// lacks, at a fraction of the time.
    Linear,
}

impl Guide {
    /// The guide as files, options and messages write it.
    pub fn name(self) -> &'static str {
        match self {
            Guide::Predictor => "predictor",
            Guide::Linear => "linear",
        }
    }
}

/// Features that cannot help, judged as the others were: copies of them with shuffled rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controls {
    /// Shuffled copies that were judged.
    pub n_judged: usize,
    /// Those that looked better at the run's level before correction: about a fortieth is expected at .05.
    pub n_below_level: usize,
    /// Those that would have counted as proven. If there is one, the run recommends nothing.
    pub n_passed: usize,
}

/// Something that tells the target nearly by itself: likely known only after the fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flagged {
    /// A column, or a feature.
    pub name: String,
    /// What tells, with its measure, in plain English.
    pub reason: String,
}

/// Whether an effect, its interval and its p-values are what they should be.
fn check_figures(effect: f64, interval: [f64; 2], p_values: &[f64]) -> Result<(), &'static str> {
    let [low, high] = interval;
    if ![effect, low, high].iter().all(|v| v.is_finite()) {
        return Err("its effect or interval is not finite");
    }
    if low > high {
        return Err("its interval ends before it starts");
    }
    if !p_values.iter().all(|p| (0.0..=1.0).contains(p)) {
        return Err("its p-values are not between 0 and 1");
    }
    Ok(())
}

/// One candidate, chosen to be judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suggestion {
    /// The feature's name.
    pub name: String,
    /// How it is made.
    pub definition: Definition,
    /// The columns that it reads.
    pub inputs: Vec<String>,
    /// Why it could help, in plain English.
    pub reason: String,
    /// What was fitted, so that it is applied exactly as it was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<FittedState>,
    /// Score on the discovery rows, in loss per row.
    pub gain: f64,
    /// Candidates of the search that order the rows alike, for which it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stands_for: Vec<String>,
    /// What the judging rows say; none if the run's time was spent before its turn came.
    pub judgement: Option<FeatureJudgement>,
    /// What the predictor says, fitted with and without the feature. None if the judgement left nothing
    /// to confirm, if time was short, or if the guide is linear, whose judgement is a refit already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refit: Option<Refit>,
    /// Recommended features beside which it adds nothing more, although it is proven alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redundant_with: Vec<String>,
    /// Whether it is among the best few of its run: recommended ones first, then unconfirmed ones, then by the
    /// ranking; none that was seen to hurt.
    pub suggested: bool,
    /// Whether it is proven and advised.
    pub recommended: bool,
}

impl Suggestion {
    /// Whether it passed and lacked the time to be confirmed.
    pub fn is_unconfirmed(&self) -> bool {
        self.judgement.is_some_and(|judgement| judgement.verdict == FeatureVerdict::Unconfirmed)
    }

    /// Whether the judging rows have proven it.
    pub fn is_proven(&self) -> bool {
        self.judgement.is_some_and(|judgement| judgement.verdict == FeatureVerdict::Proven)
    }

    /// Effect and interval of the best judge that it had: the refitted predictor, else the judgement.
    pub fn effect(&self) -> Option<(f64, [f64; 2])> {
        let refit = self.refit.map(|refit| (refit.effect, refit.interval));
        refit.or(self.judgement.map(|judgement| (judgement.effect, judgement.interval)))
    }

    fn check_figures(&self) -> Result<(), &'static str> {
        if let Some(j) = &self.judgement {
            check_figures(j.effect, j.interval, &[j.p_value, j.p_adjusted])?;
        }
        if let Some(r) = &self.refit {
            check_figures(r.effect, r.interval, &[r.p_value])?;
        }
        Ok(())
    }

    /// The feature as it was judged, with its state.
    pub fn feature(&self) -> Feature {
        Feature {
            name: self.name.clone(),
            definition: self.definition.clone(),
            reason: self.reason.clone(),
            state: self.state.clone(),
        }
    }
}

/// One run of discovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Unique in its file.
    pub run_id: String,
    /// When it ran, as the caller says it (ISO 8601).
    pub date: String,
    /// The column that was predicted.
    pub target: String,
    /// What kind of prediction: `binary`, `multiclass` or `regression`.
    pub task: String,
    /// The metric of effects, for example `roc_auc`.
    pub metric: String,
    /// The metric on the judging rows without any candidate.
    pub baseline: f64,
    /// Hash of the table.
    pub data_hash: String,
    /// Hash of the split into discovery and judging rows.
    pub split_hash: String,
    /// Rows that chose the candidates.
    pub n_discovery_rows: usize,
    /// Rows that judged them; none of the discovery rows.
    pub n_judging_rows: usize,
    /// Candidates that were tried; those in `suggestions` ranked best.
    pub n_candidates: usize,
    /// Columns that candidates could read.
    pub input_columns: Vec<String>,
    /// Seed of the run.
    pub seed: u64,
    /// Where the candidates come from.
    #[serde(default)]
    pub origin: Origin,
    /// The model that guided the search and was refitted.
    #[serde(default)]
    pub guide: Guide,
    /// Largest false discovery rate of a recommendation.
    #[serde(default = "first_level")]
    pub level: f64,
    /// What became of features that cannot help. None in runs of format version 1, which had none.
    #[serde(default)]
    pub controls: Option<Controls>,
    /// Columns and features that tell the target nearly by themselves; none of them is recommended.
    #[serde(default)]
    pub flagged: Vec<Flagged>,
    /// Features that the space had and that the candidates are made from, fitted: who added one by hand finds it
    /// here, for no run suggested it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_from: Vec<Feature>,
    /// The candidates that were chosen to be judged, best of the ranking first.
    pub suggestions: Vec<Suggestion>,
}

impl Run {
    /// The best few, with their states.
    pub fn suggested(&self) -> Vec<Feature> {
        self.suggestions.iter().filter(|s| s.suggested).map(Suggestion::feature).collect()
    }

    /// The proven ones, with their states.
    pub fn recommended(&self) -> Vec<Feature> {
        self.suggestions.iter().filter(|s| s.recommended).map(Suggestion::feature).collect()
    }

    /// Names of those that passed and lacked the time to be confirmed.
    pub fn unconfirmed(&self) -> Vec<String> {
        self.suggestions.iter().filter(|s| s.is_unconfirmed()).map(|s| s.name.clone()).collect()
    }

    /// Whether the run keeps its promises: finite numbers, ordered intervals, unique names, nothing
    /// read from the target, nothing recommended that is not proven.
    ///
    /// # Errors
    /// A value error that names the run, the feature and the broken promise.
    pub fn check(&self) -> Result<()> {
        self.check_content().map_err(|e| e.at(format!("run `{}`", self.run_id)))
    }

    fn check_content(&self) -> Result<()> {
        if self.run_id.is_empty() {
            return Err(Error::value("`run_id` is empty"));
        }
        if !self.baseline.is_finite() {
            return Err(Error::value(format!("`baseline` is {}, a finite one is needed", self.baseline)));
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::value(format!("`level` is {}, allowed is above 0 below 1", self.level)));
        }
        if self.controls.is_some_and(|c| c.n_passed > 0) && self.suggestions.iter().any(|s| s.recommended) {
            return Err(Error::value("a shuffled copy passed, but a feature is recommended"));
        }
        if self.suggestions.len() > self.n_candidates {
            return Err(Error::value(format!(
                "{} candidates were chosen of {} tried",
                self.suggestions.len(),
                self.n_candidates
            )));
        }
        for feature in &self.made_from {
            if feature.inputs()?.contains(&self.target) {
                return Err(Error::value(format!("feature `{}`: it reads the target", feature.name)));
            }
        }
        let mut names = HashSet::new();
        for suggestion in &self.suggestions {
            let broken = match suggestion {
                s if s.name.is_empty() => "its name is empty",
                s if !names.insert(&s.name) => "its name stands twice",
                s if s.inputs.contains(&self.target) => "it reads the target",
                s if !s.gain.is_finite() => "its gain is not finite",
                s if s.recommended && !s.is_proven() => "it is recommended but not proven",
                s if s.is_proven() && s.refit.is_some_and(|refit| refit.interval[0] <= 0.0) => {
                    "it is proven but the refitted predictor does not confirm it"
                }
                s if s.recommended && !s.redundant_with.is_empty() => "it is recommended but redundant",
                s if s.recommended && self.flagged.iter().any(|f| f.name == s.name) => {
                    "it is recommended but flagged"
                }
                s => match s.check_figures() {
                    Err(broken) => broken,
                    Ok(()) => {
                        s.feature().inputs()?;
                        continue;
                    }
                },
            };
            return Err(Error::value(format!("feature `{}`: {broken}", suggestion.name)));
        }
        Ok(())
    }
}

/// All runs of one file, oldest first: `feature_suggestion_history.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuggestionHistory {
    format_version: u32,
    /// The runs, in the order they were added.
    pub runs: Vec<Run>,
}

impl Default for SuggestionHistory {
    fn default() -> Self {
        SuggestionHistory { format_version: FORMAT_VERSION, runs: Vec::new() }
    }
}

impl SuggestionHistory {
    /// Reads a history.
    ///
    /// # Errors
    /// An I/O error if there is no such file; a malformed error if it is truncated, larger than
    /// 64 MiB, of a later format version, has unknown fields or breaks a promise of [`Run::check`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        ledger::read(path)?.ok_or_else(|| {
            Error::io(path, "open", std::io::ErrorKind::NotFound.into())
                .with_hint("run discovery first; it writes the suggestion history")
        })
    }

    /// Reads a history, or starts an empty one if there is no file.
    ///
    /// # Errors
    /// As [`SuggestionHistory::load`], but for a file that is not there.
    pub fn load_or_default(path: impl AsRef<Path>) -> Result<Self> {
        Ok(ledger::read(path.as_ref())?.unwrap_or_default())
    }

    /// Adds a run to the file, unless the very same one is there, and gives the history that it became.
    /// Safe beside other writers; if it fails, the file is as before.
    ///
    /// # Errors
    /// As [`SuggestionHistory::load_or_default`]; a value error if the run breaks a promise of
    /// [`Run::check`] or another has its id; an I/O error if the file cannot be written or stays locked.
    pub fn append(path: impl AsRef<Path>, run: Run) -> Result<Self> {
        run.check()?;
        ledger::update(path.as_ref(), |history: &mut SuggestionHistory| {
            history.format_version = FORMAT_VERSION;
            if !history.runs.contains(&run) {
                history.runs.push(run);
            }
            Ok(())
        })
    }
}

fn first_level() -> f64 {
    FIRST_LEVEL
}

impl Ledger for SuggestionHistory {
    const FORMAT_VERSION: u32 = FORMAT_VERSION;

    fn check(&self) -> Result<()> {
        let mut ids = HashSet::new();
        for run in &self.runs {
            if !ids.insert(&run.run_id) {
                return Err(Error::value(format!("run `{}` stands twice", run.run_id))
                    .with_hint("give every run its own `run_id`"));
            }
            run.check()?;
        }
        Ok(())
    }
}
