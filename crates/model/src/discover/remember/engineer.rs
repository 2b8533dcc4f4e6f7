//! The features of a file, applied to one table after the other.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tabgraft_feature::{
    Feature, FeatureEngineer, FeatureSummary, Present, TransformOptions, Transformed, in_order, with_needs,
};
use tabgraft_table::Table;

use super::choice::FeatureFile;
use crate::error::Result;

/// Features of a list or of a suggestion history, for tables that have none, some or all of them.
///
/// What a history offers without a table is there at once; the first table then settles the run, because
/// an older one is taken where its columns do not suffice for the newest.
#[derive(Debug, Clone)]
pub struct RecalledEngineer {
    engineer: FeatureEngineer,
    source: FeatureFile,
    target: Option<String>,
    recommended_only: bool,
    is_settled: bool,
    recommended: Vec<String>,
    run_id: Option<String>,
    runs: BTreeMap<String, String>,
    /// What a person added behind the others.
    by_hand: Vec<Feature>,
}

/// What became of a table.
#[derive(Debug, Clone)]
pub struct Recalled {
    /// The features that were to be in it, those that were skipped as well.
    pub features: Vec<Feature>,
    /// The table with those that could be made.
    pub made: Transformed,
    /// Why a newer run was passed over, where this table settled the run and one was.
    pub passed_over: Option<String>,
}

/// A feature as a dictionary that says where it comes from and what it needs.
#[derive(Serialize)]
struct Suggested<'a> {
    #[serde(flatten)]
    feature: &'a Feature,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a String>,
    /// The features that it is made from, each behind those that it reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    made_of: Vec<Feature>,
}

impl RecalledEngineer {
    /// Takes the features of a file; `target` and `recommended_only` as for [`FeatureFile::choose`].
    ///
    /// # Errors
    /// As [`FeatureEngineer::new`]; an option error if only recommended features are wanted of a list.
    pub fn new(source: FeatureFile, target: Option<String>, recommended_only: bool) -> Result<Self> {
        let mut recalled = RecalledEngineer {
            engineer: FeatureEngineer::new(Vec::new())?,
            is_settled: matches!(source, FeatureFile::List(_)),
            source,
            target,
            recommended_only,
            recommended: Vec::new(),
            run_id: None,
            runs: BTreeMap::new(),
            by_hand: Vec::new(),
        };
        // A history without a run that fits says so when a table comes.
        match recalled.source.choose_for_any(recalled.target.as_deref(), recommended_only) {
            Ok(choice) => recalled.take(choice)?,
            Err(error) if recalled.is_settled => return Err(error),
            Err(_) => {}
        }
        Ok(recalled)
    }

    /// Takes suggestions, as [`RecalledEngineer::suggestions`] gives them or as written by hand: each with
    /// the features that it is made from (`made_of`), unless these are suggested themselves.
    ///
    /// # Errors
    /// As [`Feature::from_suggestion`] and [`FeatureEngineer::new`].
    pub fn from_suggestions(suggestions: &[Value]) -> Result<Self> {
        let mut features = suggestions.iter().map(Feature::from_suggestion).collect::<Result<Vec<_>>>()?;
        let mut needed = Vec::new();
        for suggestion in suggestions {
            for made_of in suggestion.get("made_of").and_then(Value::as_array).into_iter().flatten() {
                needed.push(Feature::from_suggestion(made_of)?);
            }
        }
        let is_suggested = |f: &Feature| features.iter().any(|own| own.name == f.name);
        needed.retain(|f| !is_suggested(f));
        if !needed.is_empty() {
            needed.append(&mut features);
            features = in_order(&needed);
        }
        Self::new(FeatureFile::List(features), None, false)
    }

    /// The features in order, with their states: for a history, before any table, those of the newest run.
    pub fn engineer(&self) -> &FeatureEngineer {
        &self.engineer
    }

    /// The run that the features come from, the newest of them; none for a list.
    pub fn run_id(&self) -> Option<&str> {
        self.run_id.as_deref()
    }

    /// Feature to the run that it comes from; empty for a list.
    pub fn runs(&self) -> &BTreeMap<String, String> {
        &self.runs
    }

    /// Names of the features that their run has proven.
    pub fn recommended(&self) -> &[String] {
        &self.recommended
    }

    /// The features as [`RecalledEngineer::from_suggestions`] takes them, any part of them.
    pub fn suggestions(&self) -> Vec<Value> {
        let features = self.engineer.features();
        let suggested = |(i, feature): (usize, &Feature)| {
            let reads = feature.inputs().unwrap_or_default();
            // What it reads stands before it.
            let made_of = with_needs(&features[..i], |name| reads.iter().any(|input| input == name));
            let suggested = Suggested { feature, run_id: self.runs.get(&feature.name), made_of };
            serde_json::to_value(suggested).unwrap_or_default()
        };
        features.iter().enumerate().map(suggested).collect()
    }

    /// Adds a formula behind the other features, which it may use.
    ///
    /// # Errors
    /// As [`FeatureEngineer::new`].
    pub fn add(&mut self, feature: Feature) -> Result<()> {
        self.engineer.add(feature.clone())?;
        self.by_hand.push(feature);
        Ok(())
    }

    /// Learns bins and group statistics from these rows, and adds what the table lacks. What it has is left
    /// as it is and compared: see [`Present`].
    ///
    /// # Errors
    /// As [`FeatureFile::choose`] for a history's first table, and [`FeatureEngineer::fit_transform_with`].
    pub fn fit_transform(&mut self, table: &Table, skip_missing: bool) -> Result<Recalled> {
        let passed_over = self.settle(table)?;
        let (features, options) = (self.engineer.features().to_vec(), self.options(skip_missing));
        Ok(Recalled { features, made: self.engineer.fit_transform_with(table, options)?, passed_over })
    }

    /// Adds what a table lacks, as it was fitted.
    ///
    /// # Errors
    /// As [`FeatureFile::choose`] for a history's first table, and [`FeatureEngineer::transform_with`].
    pub fn transform(&mut self, table: &Table, skip_missing: bool) -> Result<Recalled> {
        let passed_over = self.settle(table)?;
        let made = self.engineer.transform_with(table, self.options(skip_missing))?;
        Ok(Recalled { features: self.engineer.features().to_vec(), made, passed_over })
    }

    /// What was applied, as a table of text.
    ///
    /// # Errors
    /// As [`FeatureSummary::of`].
    pub fn applied(&self, Recalled { features, made, .. }: &Recalled) -> Result<String> {
        let summaries = FeatureSummary::of(features, made)?;
        let of_run = self.run_id.as_ref().map_or(String::new(), |run| format!(" of run {run}"));
        let status = |summary: &FeatureSummary| {
            let name = &summary.name;
            let run = self.runs.get(name).filter(|run| self.run_id.as_ref() != Some(run));
            let mut status = match &self.run_id {
                None => "by hand".to_owned(),
                Some(_) if self.by_hand.iter().any(|f| f.name == *name) => "by hand".to_owned(),
                Some(_) if !self.runs.contains_key(name) => "by hand, in an earlier space".to_owned(),
                Some(_) if self.recommended.contains(name) => "recommended".to_owned(),
                Some(_) => "suggested, not proven".to_owned(),
            };
            if let Some(run) = run {
                status += &format!(", of run {run}");
            }
            if made.already_there.contains(name) {
                status += ", already there";
            }
            status
        };
        Ok(format!("{} feature(s){of_run}:\n{}", summaries.len(), FeatureSummary::table(&summaries, status)))
    }

    fn options(&self, skip_missing: bool) -> TransformOptions {
        let present = match self.source {
            // Whoever wrote the list may not know that the table has a column of that name.
            FeatureFile::List(_) => Present::KeepEqual,
            FeatureFile::History(_) => Present::Keep,
        };
        TransformOptions { skip_missing, present }
    }

    /// The first table settles which run of a history is taken.
    fn settle(&mut self, table: &Table) -> Result<Option<String>> {
        if self.is_settled {
            return Ok(None);
        }
        let columns = table.column_names();
        let choice = self.source.choose(&columns, self.target.as_deref(), self.recommended_only)?;
        let passed_over = choice.passed_over.clone();
        self.take(choice)?;
        self.is_settled = true;
        Ok(passed_over)
    }

    fn take(&mut self, choice: super::FeatureChoice) -> Result<()> {
        let features = [choice.features, self.by_hand.clone()].concat();
        self.engineer = FeatureEngineer::new(features).map_err(|e| match &choice.run_id {
            Some(run) => e.at(format_args!("run `{run}`")),
            None => e,
        })?;
        (self.recommended, self.run_id, self.runs) = (choice.recommended, choice.run_id, choice.runs);
        Ok(())
    }
}
