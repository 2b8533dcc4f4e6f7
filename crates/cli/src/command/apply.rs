//! `apply`: a table with features.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_feature::{FeatureSummary, Skipped};
use tabgraft_model::ModelFile;
use tabgraft_model::discover::remember::RecalledEngineer;
use tabgraft_table::table::quoted;

use crate::answer::Answer;
use crate::arguments::{FeaturesArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::differing_notes;
use crate::output::{check_out, is_one_file, table_file, write_original};
use crate::report::{Report, line, names};

/// Add features to a table, exactly as they were fitted.
///
/// FEATURES is a file of features (suggested_features.json, or written by hand), a space or predictor that was
/// grafted with features, or a suggestion history, of which the newest run for --target is taken: what it suggests, everything that is made from, and
/// what its table had of earlier runs. Features that the table has are left as they are, and compared with what
/// they would be. Bins and group statistics are looked up
/// and never computed anew, so a row's features do not depend on the rows beside it.
///
/// Reads FEATURES and TABLE; writes the enriched table as CSV to stdout, or as CSV or Parquet to
/// --out, and a report to stderr. What the table had leaves as it came: a CSV file byte by byte, the
/// spelling of each cell and its missing tokens included, new numbers with the decimal mark of the others, Parquet and Arrow in their types and values.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft apply features/suggested_features.json german_credit.csv -o enriched.csv
  tabgraft apply features/feature_suggestion_history.json german_credit.csv > enriched.csv
  tabgraft apply v2.tabgraft german_credit.csv -o enriched.csv

A file of features by hand (bins and groups must be fitted once, with --fit):
  {\"format_version\": 1, \"features\": [{\"name\": \"monthly\",
    \"definition\": {\"kind\": \"formula\", \"formula\": \"credit_amount / duration\"}}]}")]
pub struct ApplyArgs {
    #[command(flatten)]
    features: FeaturesArgs,
    /// The table to enrich
    table: PathBuf,
    /// Write here and not to stdout, which is `-`: Parquet if the name ends in `.parquet`, else CSV,
    /// compressed if it ends in `.gz`
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
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
    /// Features that the table had; they are left as they are.
    already_there: Vec<String>,
    skipped: Vec<Skipped>,
    /// Feature to the run of the history that it comes from.
    runs: BTreeMap<String, String>,
    features: Vec<FeatureSummary>,
}

impl ApplyArgs {
    /// Adds features, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let out = table_file(self.out.as_deref())?;
        for out in [out, self.fit.as_deref()].into_iter().flatten() {
            check_out(out, &[&self.features.features, &self.table])?;
        }
        if let (Some(out), Some(fit)) = (out, &self.fit)
            && is_one_file(out, fit)
        {
            return Err(Failure::new(format!(
                "the table and the fitted features would both be written to `{}`",
                out.display()
            ))
            .with_hint("give `--out` and `--fit` different names"));
        }
        let model = self.features.model()?;
        let how = model.as_ref().map(ModelFile::read_options);
        let (original, table) = self.read.original(&self.table, how.as_ref(), console)?;
        let mut engineer = self.engineer(model.as_ref())?;
        let recalled = match &self.fit {
            Some(path) => {
                let recalled = engineer.fit_transform(&table, self.skip_missing)?;
                engineer.engineer().save(path)?;
                recalled
            }
            None => engineer.transform(&table, self.skip_missing)?,
        };
        if self.features.recommended && recalled.features.is_empty() {
            return Err(Failure::new("no feature is recommended: none was proven")
                .with_hint("without `--recommended` the suggested ones are applied"));
        }
        if let Some(reason) = &recalled.passed_over {
            console.warn(&format!("an older run of features is taken: {reason}"));
        }
        let enriched = &recalled.made;
        differing_notes(&enriched.differing, console);
        let features = FeatureSummary::of(&recalled.features, enriched)?;
        let added = enriched.table.without(&table.column_names())?;
        let written = write_original(&original, &added, out);
        console.side_report(&ApplyReport {
            n_rows: table.n_rows(),
            added: added.column_names(),
            already_there: enriched.already_there.clone(),
            skipped: enriched.skipped.clone(),
            runs: engineer.runs().clone(),
            features,
        })?;
        written.map(|()| Answer::Yes)
    }

    /// What applies the features of the file, or of the model.
    fn engineer(&self, model: Option<&ModelFile>) -> Result<RecalledEngineer, Failure> {
        let engineer = self.features.engineer(model)?;
        let features = engineer.engineer().features();
        let unfitted: Vec<&str> =
            features.iter().filter(|f| !f.is_ready()).map(|f| f.name.as_str()).collect();
        if self.fit.is_none() && !unfitted.is_empty() {
            return Err(Failure::new(format!("not fitted yet: {}", quoted(&unfitted))).with_hint(
                "give `--fit FILE` with the training rows first, then apply FILE to any other table",
            ));
        }
        Ok(engineer)
    }
}

impl Report for ApplyReport {
    fn text(&self) -> String {
        let status = |summary: &FeatureSummary| match self.already_there.contains(&summary.name) {
            true => "already there".to_owned(),
            false => "added".to_owned(),
        };
        line!("{} features added to {} rows: {}", self.added.len(), self.n_rows, names(&self.added))
            + &FeatureSummary::table(&self.features, status)
    }
}
