//! The suggestion history: every run of discovery, its best candidates, the refused ones too.
//!
//! Two words are kept apart. *Suggested*: the best few of a run, always there to be tried.
//! *Recommended*: proven on the judging rows after correction for the number of candidates; often none.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::definition::{Definition, Feature};
use super::fitted::FittedState;
use crate::error::{Error, Result};
use crate::ledger::{self, Ledger};
use crate::table::quoted;

/// Format version that this build writes, and the newest that it reads.
const FORMAT_VERSION: u32 = 1;

/// What the judging rows say about a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better beyond chance, after correction.
    Proven,
    /// Not told from chance.
    Unproven,
    /// Worse beyond chance, after correction.
    Harmful,
}

impl Verdict {
    /// By the effect's sign, if the adjusted p-value is at most `alpha` (usually .05).
    pub fn of(effect: f64, p_adjusted: f64, alpha: f64) -> Self {
        match p_adjusted <= alpha {
            true if effect > 0.0 => Verdict::Proven,
            true if effect < 0.0 => Verdict::Harmful,
            _ => Verdict::Unproven,
        }
    }
}

/// What a feature is worth on the judging rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// Improvement of the run's metric, in points of the metric: above 0 is better, also where the
    /// metric itself is better when lower.
    pub effect: f64,
    /// 95 % interval of the effect, lower end first.
    pub interval: [f64; 2],
    /// Two-sided p-value of "no effect", 0 to 1.
    pub p_value: f64,
    /// The p-value after correction for all candidates tried, 0 to 1.
    pub p_adjusted: f64,
    /// What follows.
    pub verdict: Verdict,
}

impl Judgement {
    fn check(&self) -> Result<(), &'static str> {
        let [low, high] = self.interval;
        match self {
            _ if ![self.effect, low, high].iter().all(|v| v.is_finite()) => {
                Err("its effect or interval is not finite")
            }
            _ if low > high => Err("its interval ends before it starts"),
            _ if ![self.p_value, self.p_adjusted].iter().all(|p| (0.0..=1.0).contains(p)) => {
                Err("its p-values are not between 0 and 1")
            }
            _ => Ok(()),
        }
    }
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
    /// What the judging rows say; none if the run's time was spent before its turn came.
    pub judgement: Option<Judgement>,
    /// Whether it is among the best few of its run.
    pub suggested: bool,
    /// Whether it is proven and advised.
    pub recommended: bool,
}

impl Suggestion {
    /// Whether the judging rows have proven it.
    pub fn is_proven(&self) -> bool {
        self.judgement.is_some_and(|judgement| judgement.verdict == Verdict::Proven)
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
        if self.suggestions.len() > self.n_candidates {
            return Err(Error::value(format!(
                "{} candidates were chosen of {} tried",
                self.suggestions.len(),
                self.n_candidates
            )));
        }
        let mut names = HashSet::new();
        for suggestion in &self.suggestions {
            let broken = match suggestion {
                s if s.name.is_empty() => "its name is empty",
                s if !names.insert(&s.name) => "its name stands twice",
                s if s.inputs.contains(&self.target) => "it reads the target",
                s if !s.gain.is_finite() => "its gain is not finite",
                s if s.recommended && !s.is_proven() => "it is recommended but not proven",
                s => match s.judgement.map_or(Ok(()), |judgement| judgement.check()) {
                    Err(broken) => broken,
                    Ok(()) => continue,
                },
            };
            return Err(Error::value(format!("feature `{}`: {broken}", suggestion.name)));
        }
        Ok(())
    }

    /// Why its suggestions cannot be used on these columns, if they cannot.
    pub(super) fn unusable(&self, columns: &[String]) -> Option<String> {
        let available: HashSet<&str> = columns.iter().map(String::as_str).collect();
        let suggested: Vec<&Suggestion> = self.suggestions.iter().filter(|s| s.suggested).collect();
        if suggested.is_empty() {
            return Some(format!("run `{}` suggests nothing", self.run_id));
        }
        // A feature may read one that stands before it.
        let mut made: HashSet<&str> = HashSet::new();
        for suggestion in suggested {
            let reads = suggestion.inputs.iter().map(String::as_str);
            let absent: Vec<&str> = reads.filter(|c| !available.contains(c) && !made.contains(c)).collect();
            if !absent.is_empty() {
                return Some(format!(
                    "run `{}` suggests `{}`, which reads {}, not among the columns",
                    self.run_id,
                    suggestion.name,
                    quoted(&absent)
                ));
            }
            made.insert(&suggestion.name);
        }
        None
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

    /// Adds a run to the file and gives the history that it became. Safe beside other writers; if
    /// it fails, the file is as before.
    ///
    /// # Errors
    /// As [`SuggestionHistory::load_or_default`]; a value error if the run breaks a promise of
    /// [`Run::check`] or its id is taken; an I/O error if the file cannot be written or stays locked.
    pub fn append(path: impl AsRef<Path>, run: Run) -> Result<Self> {
        run.check()?;
        ledger::update(path.as_ref(), |history: &mut SuggestionHistory| {
            history.runs.push(run);
            Ok(())
        })
    }
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
