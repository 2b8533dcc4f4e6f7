//! `apply`: a table with features.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_table::feature::{Feature, FeatureEngineer, Skipped, SuggestionHistory, TransformOptions};
use tabgraft_table::table::quoted;

use crate::answer::Answer;
use crate::arguments::ReadArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{check_out, write_table};
use crate::report::{Report, names};

/// Add features to a table, exactly as they were fitted.
///
/// FEATURES is a file of features (suggested_features.json, or written by hand) or a suggestion
/// history, of which the newest run for --target is taken. Bins and group statistics are looked up
/// and never computed anew, so a row's features do not depend on the rows beside it.
///
/// Reads FEATURES and TABLE; writes the enriched table as CSV to stdout, or as CSV or Parquet to
/// --out, and a report to stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft apply features/suggested_features.json german_credit.csv -o enriched.csv
  tabgraft apply features/feature_suggestion_history.json german_credit.csv > enriched.csv

A file of features by hand (bins and groups must be fitted once, with --fit):
  {\"format_version\": 1, \"features\": [{\"name\": \"monthly\",
    \"definition\": {\"kind\": \"formula\", \"formula\": \"credit_amount / duration\"}}]}")]
pub struct ApplyArgs {
    /// A file of features, or a suggestion history
    features: PathBuf,
    /// The table to enrich
    table: PathBuf,
    /// Write here and not to stdout: Parquet if the name ends in `.parquet`, else CSV
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The target whose newest run is taken from a history [default: the only one in it]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Take only recommended features from a history; often there are none
    #[arg(long)]
    recommended: bool,
    /// Leave out features whose columns the table lacks, and do not fail
    #[arg(long)]
    skip_missing: bool,
    /// Learn bins and group statistics from this table, and write the fitted features to FILE
    #[arg(long, value_name = "FILE")]
    fit: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `apply` reports.
#[derive(Debug, Serialize)]
struct ApplyReport {
    n_rows: usize,
    added: Vec<String>,
    skipped: Vec<Skipped>,
}

impl ApplyArgs {
    /// Adds features, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        for out in [&self.out, &self.fit].into_iter().flatten() {
            check_out(out, &[&self.features, &self.table])?;
        }
        let table = self.read.table(&self.table)?;
        let mut engineer = match load_history(&self.features)? {
            Some(history) => FeatureEngineer::new(self.chosen(&history, &table.column_names())?)?,
            None => FeatureEngineer::from_json(&self.features)?,
        };
        if let Some(path) = &self.fit {
            engineer.fit(&table)?;
            engineer.save(path)?;
        } else if !engineer.is_fitted() {
            let unfitted: Vec<&str> =
                engineer.features().iter().filter(|f| !f.is_ready()).map(|f| f.name.as_str()).collect();
            return Err(Failure::new(format!("not fitted yet: {}", quoted(&unfitted))).with_hint(
                "give `--fit FILE` with the training rows first, then apply FILE to any other table",
            ));
        }
        let options = TransformOptions { skip_missing: self.skip_missing };
        let enriched = engineer.transform_with(&table, options)?;
        write_table(&enriched.table, self.out.as_deref())?;
        let is_skipped = |name: &String| enriched.skipped.iter().any(|s| s.name == *name);
        console.side_report(&ApplyReport {
            n_rows: table.n_rows(),
            added: engineer.names().into_iter().filter(|n| !is_skipped(n)).collect(),
            skipped: enriched.skipped.clone(),
        })?;
        Ok(Answer::Yes)
    }

    fn chosen(&self, history: &SuggestionHistory, columns: &[String]) -> Result<Vec<Feature>, Failure> {
        let mut targets: Vec<&str> = history.runs.iter().map(|run| run.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        let target = match (&self.target, targets.as_slice()) {
            (Some(target), _) => target,
            (None, [only]) => *only,
            (None, _) => {
                return Err(Failure::new(format!("the history has runs for {}", names(&targets)))
                    .with_hint("choose one with `--target`"));
            }
        };
        if !self.recommended {
            return Ok(history.for_target(target, columns)?);
        }
        let newest = history.runs.iter().rev().find(|run| run.target == target);
        match newest.map(|run| run.recommended()) {
            Some(features) if !features.is_empty() => Ok(features),
            _ => Err(Failure::new(format!("no feature for `{target}` is recommended: none was proven"))
                .with_hint("without `--recommended` the suggested ones are applied")),
        }
    }
}

/// The suggestion history in a file, or nothing if it is a file of features.
fn load_history(path: &Path) -> Result<Option<SuggestionHistory>, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Failure::io(path, "read", e))?;
    // What is no JSON at all is left to the reader of features, which says where.
    let is_history =
        serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|v| v.get("runs").is_some());
    Ok(if is_history { Some(SuggestionHistory::load(path)?) } else { None })
}

impl Report for ApplyReport {
    fn text(&self) -> String {
        let mut text =
            format!("{} features added to {} rows: {}\n", self.added.len(), self.n_rows, names(&self.added));
        for skipped in &self.skipped {
            text += &format!("skipped `{}`: {}\n", skipped.name, skipped.reason);
        }
        text
    }
}
