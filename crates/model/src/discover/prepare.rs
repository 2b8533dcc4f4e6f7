//! A table made ready for a predictor: it gets the features of the space and what earlier runs of discovery
//! suggest, and every column is accounted for.
//!
//! ```text
//! table ─ features of the space ─ suggestion history ─► features fitted on the rows that may be learned from
//!                                                            └─► enriched table; columns that the space has
//!                                                                no codec for: extend it first
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use tabgraft_feature::{Feature, FeatureEngineer, Present, TransformOptions};
use tabgraft_table::Table;
use tabgraft_table::split::Part;
use tabgraft_table::table::quoted;

use super::remember::FeatureFile;
use crate::error::{Error, Result};
use crate::space::{ColumnReport, EmbeddingSpace, now};
use crate::train::{Event, Sink};

/// A table with features, and how it came about.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// All rows, with features.
    pub table: Table,
    /// Rows that may be learned from: those that the space trains and validates on.
    pub learn_rows: Vec<u32>,
    /// Rows that scores come from: the space's test rows.
    pub held_out_rows: Vec<u32>,
    /// What the history comes to beside the space's own features, fitted on the rows that may be learned from: those
    /// that were applied, and those that the table had.
    pub features: Vec<Feature>,
    /// What became of the history, if there was one.
    pub loaded: Option<LoadedFeatures>,
    /// What the space makes of the columns.
    pub columns: ColumnReport,
}

/// What was taken from a suggestion history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadedFeatures {
    /// The history's file name.
    pub source: String,
    /// The newest run that the features come from; none if the history was refused.
    pub run_id: Option<String>,
    /// Feature to the run that it comes from, of all that the history comes to.
    pub runs: BTreeMap<String, String>,
    /// Features that were applied.
    pub applied_features: Vec<String>,
    /// Suggested features that the table had already, or the space gave it.
    pub already_there: Vec<String>,
    /// Those of them that were proven on judging rows; often none.
    pub recommended: Vec<String>,
    /// Why the history was not used.
    pub refused: Option<String>,
    /// When it was read: RFC 3339, UTC.
    pub load_date: String,
}

impl LoadedFeatures {
    /// As the lineage of a graft keeps it.
    pub fn metadata(&self) -> Value {
        let in_table = [&self.already_there[..], &self.applied_features[..]].concat();
        json!({
            "source": self.source,
            "applied_features": in_table,
            "run_id": self.run_id,
            "runs": self.runs,
            "recommended": self.recommended,
            "load_date": self.load_date,
        })
    }
}

/// Prepares a table for a predictor of `target` on `space`.
///
/// Features of the space that the table lacks are computed. If there is a file at `history`, the newest run
/// for this target that can be made of the table's columns is taken ([`FeatureFile::choose`]), and the features
/// that the table lacks are fitted and applied. A history that does not fit (of another target, of columns that
/// the table lacks, not readable) is refused with a warning. Columns that the space has no codec for are named
/// in a warning, which ends with `way_out`: how the caller's door grafts them.
///
/// # Errors
/// A schema error if the target is absent or a column of the split is; a value error if no row may
/// be learned from.
pub fn prepare(
    space: &EmbeddingSpace,
    table: &Table,
    target: &str,
    history: Option<&Path>,
    way_out: &str,
    sink: &mut Sink<'_>,
) -> Result<Prepared> {
    table.column(target)?;
    let table = &*space.completed(table, sink)?;
    let parts = space.told_parts(table, sink)?;
    let of = |test: bool| -> Vec<u32> {
        (0..table.n_rows()).filter(|r| (parts[*r] == Part::Test) == test).map(|r| r as u32).collect()
    };
    let (learn, held_out) = (of(false), of(true));
    if learn.is_empty() {
        return Err(Error::value(format!(
            "all {} rows are test rows of `{}`, none may be learned from",
            table.n_rows(),
            space.name()
        ))
        .with_hint("give the rows that the space was trained on, or new ones"));
    }
    let mut prepared = Prepared {
        table: table.clone(),
        learn_rows: learn,
        held_out_rows: held_out,
        features: Vec::new(),
        loaded: None,
        columns: ColumnReport::default(),
    };
    if let Some(path) = history
        && path.exists()
    {
        prepared.load(space, path, target, sink)?;
    }
    prepared.columns = space.column_report(&prepared.table);
    prepared.columns.ignored_columns.retain(|c| c.name != target);
    let unknown: Vec<&str> =
        prepared.columns.ignored_columns.iter().filter(|c| c.unknown).map(|c| c.name.as_str()).collect();
    if !unknown.is_empty() {
        let text = format!(
            "{} column(s) have no codec in `{}` and will NOT be used: {}; {way_out}",
            unknown.len(),
            space.name(),
            quoted(&unknown)
        );
        let _ = sink(&Event::Warning { text });
    }
    Ok(prepared)
}

impl Prepared {
    /// Applies what the history suggests, or notes why not.
    fn load(&mut self, space: &EmbeddingSpace, path: &Path, target: &str, sink: &mut Sink<'_>) -> Result<()> {
        let mut loaded = LoadedFeatures {
            source: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            run_id: None,
            runs: BTreeMap::new(),
            applied_features: Vec::new(),
            already_there: Vec::new(),
            recommended: Vec::new(),
            refused: None,
            load_date: now(),
        };
        // The target is no input: what it says may not reach a feature.
        let columns: Vec<String> =
            self.table.column_names().into_iter().filter(|name| name != target).collect();
        let chosen = FeatureFile::load(path).and_then(|file| file.choose(&columns, Some(target), false));
        match chosen {
            Err(error) => {
                let text = format!("features of `{}` are not used: {error}", path.display());
                let _ = sink(&Event::Warning { text });
                loaded.refused = Some(error.to_string());
            }
            Ok(choice) => {
                if let Some(reason) = &choice.passed_over {
                    let _ = sink(&Event::Warning {
                        text: format!("an older run of features is taken: {reason}"),
                    });
                }
                loaded.applied_features = choice.to_add().into_iter().map(|f| f.name).collect();
                let is_of_space = |f: &Feature| space.features().iter().any(|own| own.name == f.name);
                let others = choice.features.into_iter().filter(|f| !is_of_space(f)).collect();
                let mut engineer = FeatureEngineer::new(others)?;
                let options = TransformOptions { present: Present::Keep, ..Default::default() };
                engineer.fit_transform_with(&self.table.take(&self.learn_rows)?, options)?;
                let made = engineer.transform_with(&self.table, options)?;
                for differing in &made.differing {
                    let _ = sink(&Event::Warning { text: format!("{differing}; it is left as it is") });
                }
                self.table = made.table;
                // What the table has otherwise is no feature of ours.
                let is_made = |f: &&Feature| made.differing.iter().all(|d| d.name != f.name);
                self.features = engineer.features().iter().filter(is_made).cloned().collect();
                loaded.run_id = choice.run_id;
                loaded.runs = choice.runs;
                loaded.already_there = choice.already_there;
                loaded.recommended = choice.recommended;
                let n_proven = loaded.recommended.len();
                let text = format!(
                    "{} feature(s) of `{}` applied ({}), {} already there; {n_proven} of the run's are proven",
                    loaded.applied_features.len(),
                    path.display(),
                    quoted(&loaded.applied_features),
                    loaded.already_there.len(),
                );
                let _ = sink(&Event::Note { text });
            }
        }
        self.loaded = Some(loaded);
        Ok(())
    }
}
