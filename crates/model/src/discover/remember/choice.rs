//! The features of a file for a table at hand: all of a list, or those that the newest fitting run
//! of a suggestion history suggests.

use std::fs::File;
use std::path::Path;

use serde::Deserialize;

use super::history::{Run, SuggestionHistory};
use crate::error::{Error, Result};
use tabgraft_feature::definition::Feature;
use tabgraft_feature::engineer::{FeatureEngineer, MAX_FILE_BYTES};
use tabgraft_table::read_whole;

/// What a file of features or a suggestion history offers.
#[derive(Debug, Clone)]
pub enum FeatureFile {
    /// A list: applied as a whole.
    List(Vec<Feature>),
    /// Runs of discovery: one of them is chosen by target and columns.
    History(SuggestionHistory),
}

/// Features chosen for a table.
#[derive(Debug, Clone)]
pub struct FeatureChoice {
    /// The features to apply, in order.
    pub features: Vec<Feature>,
    /// Names of those that the table has already: they are not applied again.
    pub already_there: Vec<String>,
    /// Names of the features, among all of these, that were proven on judging rows.
    pub recommended: Vec<String>,
    /// The run that they come from; none for a list.
    pub run_id: Option<String>,
}

/// Tells a history from a list without believing anything else in the file.
#[derive(Deserialize)]
struct Sniffed {
    runs: Option<serde::de::IgnoredAny>,
}

impl FeatureFile {
    /// Reads either kind of file.
    ///
    /// # Errors
    /// As [`FeatureEngineer::from_json`] or [`SuggestionHistory::load`].
    pub fn load(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, "read", e))?;
        let bytes = read_whole(path, file, MAX_FILE_BYTES)?;
        // What is no JSON at all is left to the reader of lists, which says where.
        match serde_json::from_slice::<Sniffed>(&bytes) {
            Ok(Sniffed { runs: Some(_) }) => Ok(FeatureFile::History(SuggestionHistory::load(path)?)),
            _ => Ok(FeatureFile::List(FeatureEngineer::from_json(path)?.features().to_vec())),
        }
    }

    /// The features for a table of these columns: the whole list, or what the newest run suggests
    /// whose inputs are all there. `target` limits a history to runs for it; `recommended_only`
    /// leaves out what a run has not proven, which is often everything.
    ///
    /// # Errors
    /// A schema error with the reason if no run fits; an option error if only recommended features
    /// are wanted of a list, which does not say what is.
    pub fn choose(
        &self,
        columns: &[String],
        target: Option<&str>,
        recommended_only: bool,
    ) -> Result<FeatureChoice> {
        let (mut features, recommended, run_id) = match self {
            FeatureFile::List(_) if recommended_only => {
                return Err(Error::option("a list of features does not say which are recommended")
                    .with_hint("give a suggestion history, or leave `recommended_only` out"));
            }
            FeatureFile::List(features) => (features.clone(), Vec::new(), None),
            FeatureFile::History(history) => {
                let run = history.newest_for(target, columns)?;
                let features = if recommended_only { run.recommended() } else { run.suggested() };
                (features, names(&run.recommended()), Some(run.run_id.clone()))
            }
        };
        let mut already_there = Vec::new();
        features.retain(|f| {
            let is_there = columns.contains(&f.name);
            if is_there {
                already_there.push(f.name.clone());
            }
            !is_there
        });
        Ok(FeatureChoice { features, already_there, recommended, run_id })
    }
}

impl SuggestionHistory {
    /// The newest run, for this target if one is given, whose suggestions can be made from these
    /// columns.
    ///
    /// # Errors
    /// A schema error with the reason: no run at all, none for this target (with the targets that
    /// there are), or none whose inputs are all there (with what is absent).
    pub fn newest_for(&self, target: Option<&str>, columns: &[String]) -> Result<&Run> {
        let mut reasons = Vec::new();
        for run in self.runs.iter().rev().filter(|run| target.is_none_or(|t| run.target == t)) {
            match run.unusable(columns) {
                None => return Ok(run),
                Some(reason) => reasons.push(reason),
            }
        }
        if let Some(newest) = reasons.first() {
            let others = match reasons.len() - 1 {
                0 => String::new(),
                n => format!(" (and {n} older run(s) cannot be used either)"),
            };
            return Err(Error::schema(format!("{newest}{others}"))
                .with_hint("add the absent columns, or run discovery on this table"));
        }
        let mut targets: Vec<&str> = self.runs.iter().map(|run| run.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        let found = match target {
            Some(target) if !targets.is_empty() => format!(
                "the history has no run for the target `{target}`, only for {}",
                tabgraft_table::table::quoted(&targets)
            ),
            _ => "the history is empty".to_owned(),
        };
        Err(Error::schema(found).with_hint("run discovery for this target first"))
    }
}

fn names(features: &[Feature]) -> Vec<String> {
    features.iter().map(|f| f.name.clone()).collect()
}
