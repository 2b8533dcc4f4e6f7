//! The features of a file for a table at hand: all of a list, or what the newest fitting run of a
//! suggestion history comes to.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::accumulate::Accumulated;
use super::history::{Run, SuggestionHistory};
use super::written::WrittenKind;
use crate::ModelFile;
use crate::error::{Error, Result};
use tabgraft_feature::definition::Feature;
use tabgraft_feature::engineer::FeatureEngineer;
use tabgraft_feature::in_order;

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
    /// The features, each behind those that it reads; those that the table has as well.
    pub features: Vec<Feature>,
    /// Names of those that the table has already: they are not applied again.
    pub already_there: Vec<String>,
    /// Names of the features, among all of these, that were proven on judging rows.
    pub recommended: Vec<String>,
    /// The newest run of them; none for a list.
    pub run_id: Option<String>,
    /// Feature to the run that it comes from; empty for a list.
    pub runs: BTreeMap<String, String>,
    /// Why a newer run than this one was passed over, if one was.
    pub passed_over: Option<String>,
}

impl FeatureChoice {
    /// The features that the table does not have yet.
    pub fn to_add(&self) -> Vec<Feature> {
        self.features.iter().filter(|f| !self.already_there.contains(&f.name)).cloned().collect()
    }
}

impl FeatureFile {
    /// Reads either kind of file, or the features that a model carries: a space, or a predictor.
    ///
    /// # Errors
    /// As [`FeatureEngineer::from_json`], [`SuggestionHistory::load`] or [`ModelFile::load`]; a schema error if the
    /// model carries none.
    pub fn load(path: &Path) -> Result<Self> {
        if ModelFile::is_at(path) {
            return Self::of_model(&ModelFile::load(path)?);
        }
        match WrittenKind::at(path)? {
            WrittenKind::History => Ok(FeatureFile::History(SuggestionHistory::load(path)?)),
            _ => Ok(FeatureFile::List(FeatureEngineer::from_json(path)?.features().to_vec())),
        }
    }

    /// The features that a model carries, each behind those that it reads.
    ///
    /// # Errors
    /// A schema error if it carries none.
    pub fn of_model(model: &ModelFile) -> Result<Self> {
        let features = model.features();
        if features.is_empty() {
            return Err(Error::schema(format!("`{}` carries no features", model.name()))
                .with_hint("features come into a model where it is grafted with them"));
        }
        Ok(FeatureFile::List(in_order(features)))
    }

    /// The features for a table of these columns: the whole list, or what the newest run comes to that can
    /// be made of them: what it suggests, everything that is made from, and what its own table had of
    /// earlier runs. `target` limits a history to runs for it; `recommended_only` leaves out what a run has not
    /// proven, which is often everything, unless something proven is made from it.
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
        self.choice(Some(columns), target, recommended_only)
    }

    /// As [`FeatureFile::choose`], before any table is there: what no run makes is taken for a column.
    ///
    /// # Errors
    /// As [`FeatureFile::choose`].
    pub fn choose_for_any(&self, target: Option<&str>, recommended_only: bool) -> Result<FeatureChoice> {
        self.choice(None, target, recommended_only)
    }

    fn choice(
        &self,
        columns: Option<&[String]>,
        target: Option<&str>,
        recommended_only: bool,
    ) -> Result<FeatureChoice> {
        let mut passed_over = None;
        let (run_id, Accumulated { features, runs, recommended }) = match self {
            FeatureFile::List(_) if recommended_only => {
                return Err(Error::option("a list of features does not say which are recommended")
                    .with_hint("give a suggestion history, or leave `recommended_only` out"));
            }
            FeatureFile::List(features) => {
                (None, Accumulated { features: features.clone(), ..Default::default() })
            }
            FeatureFile::History(history) => {
                let (at, reason) = history.newest_at(target, columns)?;
                passed_over = reason;
                let columns = columns.map(name_set);
                let all = history.accumulated(at, columns.as_ref(), recommended_only);
                (Some(history.runs[at].run_id.clone()), all.map_err(Error::schema)?)
            }
        };
        let is_there = |f: &&Feature| columns.is_some_and(|columns| columns.contains(&f.name));
        let already_there = features.iter().filter(is_there).map(|f| f.name.clone()).collect();
        Ok(FeatureChoice { features, already_there, recommended, run_id, runs, passed_over })
    }
}

impl SuggestionHistory {
    /// The newest run, for this target if one is given, whose suggestions can be made from these
    /// columns, directly or by way of features that earlier runs suggested.
    ///
    /// # Errors
    /// A schema error with the reason: no run at all, none for this target (with the targets that
    /// there are), or none whose inputs are all there (with what is absent).
    pub fn newest_for(&self, target: Option<&str>, columns: &[String]) -> Result<&Run> {
        self.newest_at(target, Some(columns)).map(|(at, _)| &self.runs[at])
    }

    /// The place of that run, and why the newest of all was not taken, if it was not.
    fn newest_at(&self, target: Option<&str>, columns: Option<&[String]>) -> Result<(usize, Option<String>)> {
        let columns = columns.map(name_set);
        let mut reasons = Vec::new();
        for (at, run) in self.runs.iter().enumerate().rev() {
            if target.is_some_and(|t| run.target != t) {
                continue;
            }
            match self.accumulated(at, columns.as_ref(), false) {
                Ok(_) => return Ok((at, reasons.into_iter().next())),
                Err(reason) => reasons.push(reason),
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

fn name_set(names: &[String]) -> HashSet<&str> {
    names.iter().map(String::as_str).collect()
}
