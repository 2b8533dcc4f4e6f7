//! What searches for features found.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tabgraft_feature::{Definition, FeatureEngineer};

use super::words::{counted, few};
use super::{Report, ReportKind};
use crate::discover::remember::effectiveness::Effectiveness;
use crate::discover::remember::history::{self, SuggestionHistory};
use crate::discover::remember::standing::Standing;
use crate::discover::remember::written::WrittenKind;
use crate::error::{Error, Result};
use crate::metric::metric_words;

/// What a search leaves in its folder.
const HISTORY: &str = "feature_suggestion_history.json";
const EFFECTS: &str = "feature_effectiveness.json";
/// Names that a sentence gives.
const MOST_NAMED: usize = 5;

/// What searches for features found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Searches {
    /// Runs of discovery, the newest first.
    pub runs: Vec<FeatureSearch>,
    /// What each feature comes to over all runs.
    pub standings: Vec<Standing>,
    /// Features of a list, of which nothing is known but how they are made.
    pub listed: Vec<FoundFeature>,
}

/// What the search for features found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSearch {
    /// When it ran, as the caller says it; may be empty.
    #[serde(default)]
    pub date: String,
    /// The column that was predicted; may be empty.
    #[serde(default)]
    pub target: String,
    /// Candidates that were tried.
    pub n_candidates: usize,
    /// Rows that judged the best of them; they took no part in the search.
    pub n_judging_rows: usize,
    /// The metric of effects, such as `roc_auc`.
    pub metric: String,
    /// Wall time, seconds; none where it is not known.
    pub seconds: Option<f64>,
    /// The best features of the search, best first.
    pub features: Vec<FoundFeature>,
}

/// One feature and what it was worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundFeature {
    /// Its name.
    pub name: String,
    /// How it is computed.
    pub formula: String,
    /// Why it was tried.
    pub reason: String,
    /// Whether it is one of the best few of the run that were not seen to hurt, proven or not.
    pub is_suggested: bool,
    /// Whether it is proven on the judging rows.
    pub is_recommended: bool,
    /// What the judging rows say; none if there was no time for it.
    pub judgement: Option<history::FeatureJudgement>,
}

impl FeatureSearch {
    /// What a run of discovery says, and how long it took, if that is known.
    pub fn of(run: &history::Run, seconds: Option<f64>) -> Self {
        let feature = |s: &history::Suggestion| FoundFeature {
            name: s.name.clone(),
            formula: formula(&s.definition),
            reason: s.reason.clone(),
            is_suggested: s.suggested,
            is_recommended: s.recommended,
            judgement: s.judgement,
        };
        FeatureSearch {
            date: run.date.clone(),
            target: run.target.clone(),
            n_candidates: run.n_candidates,
            n_judging_rows: run.n_judging_rows,
            metric: run.metric.clone(),
            seconds,
            features: run.suggestions.iter().map(feature).collect(),
        }
    }
}

/// A definition as a reader would write it down.
fn formula(definition: &Definition) -> String {
    match definition {
        Definition::Formula { formula } => formula.clone(),
        Definition::Bins { column, n_bins } => format!("{n_bins} quantile bins of {column}"),
        Definition::Group { of, by, statistic } => match of {
            Some(of) => format!("{} of {of} by {by}", statistic.word()),
            None => format!("{} of {by}", statistic.word()),
        },
    }
}

pub(super) fn of(path: &Path) -> Result<Report> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut found = Searches::default();
    let files: Vec<PathBuf> = match path.is_dir() {
        true => [HISTORY, EFFECTS].iter().map(|file| path.join(file)).filter(|file| file.is_file()).collect(),
        false => vec![path.to_owned()],
    };
    if files.is_empty() {
        return Err(Error::value(format!("there is no search for features in `{}`", path.display()))
            .with_hint(format!("`tabgraft discover` writes {HISTORY} and {EFFECTS}")));
    }
    for file in &files {
        found.read(file)?;
    }
    let mut report = Report::new(ReportKind::Features, format!("Features of {name}"));
    report.headline = found.headline();
    report.searches = Some(found);
    Ok(report)
}

impl Searches {
    fn read(&mut self, path: &Path) -> Result<()> {
        match WrittenKind::at(path)? {
            WrittenKind::History => {
                let history = SuggestionHistory::load(path)?;
                self.runs.extend(history.runs.iter().rev().map(|run| FeatureSearch::of(run, None)));
            }
            WrittenKind::Effectiveness => {
                self.standings = Effectiveness::load_history(path)?.standings();
            }
            WrittenKind::Features => {
                let listed = FeatureEngineer::from_json(path)?;
                self.listed.extend(listed.features().iter().map(|feature| FoundFeature {
                    name: feature.name.clone(),
                    formula: formula(&feature.definition),
                    reason: feature.reason.clone(),
                    is_suggested: false,
                    is_recommended: false,
                    judgement: None,
                }));
            }
        }
        Ok(())
    }

    fn headline(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(run) = self.runs.first() {
            let of = |wanted: &dyn Fn(&FoundFeature) -> bool| -> Vec<String> {
                run.features.iter().filter(|f| wanted(f)).map(|f| f.name.clone()).collect()
            };
            let (proven, suggested) = (of(&|f| f.is_recommended), of(&|f| f.is_suggested));
            said.push(match proven.len() {
                0 => format!(
                    "The newest search, for {}, could prove no feature; {} worth a try.",
                    run.target,
                    match suggested.len() {
                        1 => "1 is".to_owned(),
                        n => format!("{n} are"),
                    }
                ),
                n => format!(
                    "The newest search, for {}, proved {}: {}.",
                    run.target,
                    counted(n, "feature"),
                    few(&proven, MOST_NAMED)
                ),
            });
            said.push(format!(
                "{} tried, effects in {} on {} that took no part in the search.",
                counted(run.n_candidates, "candidate"),
                metric_words(&run.metric),
                counted(run.n_judging_rows, "row")
            ));
        }
        if !self.standings.is_empty() {
            let advised: Vec<String> =
                self.standings.iter().filter(|s| s.recommended).map(|s| s.name.clone()).collect();
            said.push(match advised.len() {
                0 => format!(
                    "Over all runs none of {} is recommended.",
                    counted(self.standings.len(), "judged feature")
                ),
                n => format!(
                    "Over all runs {} recommended: {}.",
                    if n == 1 { "1 feature is".to_owned() } else { format!("{n} features are") },
                    few(&advised, MOST_NAMED)
                ),
            });
        }
        if !self.listed.is_empty() {
            said.push(format!("{} listed, not judged.", counted(self.listed.len(), "feature")));
        }
        if said.is_empty() {
            said.push("No feature was judged.".to_owned());
        }
        said
    }
}
