//! A table made ready for a predictor: what earlier runs of discovery suggest is applied, and every
//! column is accounted for.
//!
//! ```text
//! table ─ suggestion history ─► features fitted on the rows that may be learned from ─► enriched table
//!                                       └─► columns that the space has no codec for: extend it first
//! ```

use std::path::Path;

use crate::discover::remember::FeatureFile;
use serde::Serialize;
use serde_json::{Value, json};
use tabgraft_feature::{Feature, FeatureEngineer};
use tabgraft_table::Table;
use tabgraft_table::split::Part;
use tabgraft_table::table::quoted;

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
    /// The features that were applied, fitted on the rows that may be learned from.
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
    /// The run that the features come from; none if the history was refused.
    pub run_id: Option<String>,
    /// Features that were applied.
    pub applied_features: Vec<String>,
    /// Suggested features that the table had already.
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
            "recommended": self.recommended,
            "load_date": self.load_date,
        })
    }
}

/// Prepares a table for a predictor of `target` on `space`.
///
/// If there is a file at `history`, the newest run for this target whose inputs the table has is
/// taken, and its suggested features are fitted and applied. A history that does not fit (of
/// another target, of columns that the table lacks, not readable) is refused with a warning.
/// Columns that the space has no codec for are named in a warning.
///
/// # Errors
/// A schema error if the target is absent or a column of the split is; a value error if no row may
/// be learned from.
pub fn prepare(
    space: &EmbeddingSpace,
    table: &Table,
    target: &str,
    history: Option<&Path>,
    sink: &mut Sink<'_>,
) -> Result<Prepared> {
    table.column(target)?;
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
        prepared.load(path, target, sink)?;
    }
    prepared.columns = space.column_report(&prepared.table);
    prepared.columns.ignored_columns.retain(|c| c.name != target);
    let unknown: Vec<&str> =
        prepared.columns.ignored_columns.iter().filter(|c| c.unknown).map(|c| c.name.as_str()).collect();
    if !unknown.is_empty() {
        let text = format!(
            "{} column(s) have no codec in `{}` and will NOT be used: {}; create_extended_embedding_space() \
             grafts them onto it",
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
    fn load(&mut self, path: &Path, target: &str, sink: &mut Sink<'_>) -> Result<()> {
        let mut loaded = LoadedFeatures {
            source: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            run_id: None,
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
                let mut engineer = FeatureEngineer::new(choice.features)?;
                engineer.fit(&self.table.take(&self.learn_rows)?)?;
                self.table = engineer.transform(&self.table)?;
                self.features = engineer.features().to_vec();
                loaded.run_id = choice.run_id;
                loaded.applied_features = engineer.names();
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
