//! `apply`: a table with features.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_feature::{FeatureSummary, Skipped};
use tabgraft_model::ModelFile;
use tabgraft_model::discover::remember::{Recalled, RecalledEngineer};
use tabgraft_model::train::HeldFor;
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, is_several, open_parts, read_table};
use tabgraft_table::table::quoted;

use crate::answer::Answer;
use crate::arguments::{FeaturesArgs, LimitArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::differing_notes;
use crate::output::{check_out, is_one_file, table_file, write_original, write_parts};
use crate::report::{Report, line, names};

/// Most bytes of the rows that a report on a large table is about.
const LOOKED_AT: u64 = 64 << 20;

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
/// A folder, a pattern and, with --memory-limit, any table is read and written part by part: it leaves as it was read, missing
/// tokens as empty cells and nulls. What --fit learns and the report says of the values is then of drawn rows, where not all fit.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft apply features/suggested_features.json german_credit.csv -o enriched.csv
  tabgraft apply features/feature_suggestion_history.json german_credit.csv > enriched.csv
  tabgraft apply v2.tabgraft german_credit.csv -o enriched.csv

A file of features by hand (bins and groups must be fitted once, with --fit):
  [{\"name\": \"monthly\", \"formula\": \"credit_amount / duration\"},
   {\"name\": \"age_bin\", \"definition\": {\"kind\": \"bins\", \"column\": \"age\", \"n_bins\": 5}}]")]
pub struct ApplyArgs {
    #[command(flatten)]
    features: FeaturesArgs,
    /// The table to enrich: a file, a folder of files, or a pattern in quotes such as 'part-*.parquet'
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
    limit: LimitArgs,
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
        let mut engineer = self.engineer(model.as_ref())?;
        let is_large = self.limit.most_bytes(HeldFor::Training).is_some() || is_several(&self.table);
        let (report, written) = match is_large {
            true => self.in_parts(&mut engineer, how.as_ref(), out, console)?,
            false => self.at_once(&mut engineer, how.as_ref(), out, console)?,
        };
        console.side_report(&report)?;
        written.map(|()| Answer::Yes)
    }

    /// The table as it came, with features.
    fn at_once(
        &self,
        engineer: &mut RecalledEngineer,
        how: Option<&ReadOptions>,
        out: Option<&Path>,
        console: &Console,
    ) -> Result<(ApplyReport, Result<(), Failure>), Failure> {
        let (original, table) = self.read.original(&self.table, how, console)?;
        let recalled = self.applied(engineer, &table, console)?;
        let report = ApplyReport::of(engineer, &recalled, &table)?;
        let added = recalled.made.table.without(&table.column_names())?;
        Ok((report, write_original(&original, &added, out)))
    }

    /// The table as it is read, part by part, with features; what there is to say of them is said of drawn rows.
    fn in_parts(
        &self,
        engineer: &mut RecalledEngineer,
        how: Option<&ReadOptions>,
        out: Option<&Path>,
        console: &Console,
    ) -> Result<(ApplyReport, Result<(), Failure>), Failure> {
        let how = self.read.options(how, console)?;
        let most_bytes = self.limit.most_bytes(HeldFor::Training).unwrap_or(LOOKED_AT).min(LOOKED_AT);
        let looked_at =
            read_table(&self.table, &ReadOptions { most_bytes: Some(most_bytes), ..how.clone() })?;
        let recalled = self.applied(engineer, &looked_at, console)?;
        let mut report = ApplyReport::of(engineer, &recalled, &looked_at)?;
        // Parts are read as the whole was.
        let mut parts = open_parts(&self.table, &how.continued(looked_at.origin()))?;
        drop((looked_at, recalled));
        report.n_rows = 0;
        let written = write_parts(out, |write| {
            while let Some(part) = parts.next().transpose()? {
                report.n_rows += part.n_rows();
                part.origin().notes.iter().for_each(|note| console.note(note));
                let made = engineer.transform(&part, self.skip_missing).map_err(|e| match parts.file() {
                    Some(file) => e.at(format!("`{file}`")),
                    None => e,
                })?;
                write(&made.made.table)?;
            }
            Ok(())
        });
        Ok((report, written))
    }

    /// A table with features, fitted to it where that is wanted, and what there is to say of them.
    fn applied(
        &self,
        engineer: &mut RecalledEngineer,
        table: &Table,
        console: &Console,
    ) -> Result<Recalled, Failure> {
        let recalled = match &self.fit {
            Some(path) => {
                let recalled = engineer.fit_transform(table, self.skip_missing)?;
                engineer.engineer().save(path)?;
                recalled
            }
            None => engineer.transform(table, self.skip_missing)?,
        };
        if self.features.recommended && recalled.features.is_empty() {
            return Err(Failure::new("no feature is recommended: none was proven")
                .with_hint("without `--recommended` the suggested ones are applied"));
        }
        if let Some(reason) = &recalled.passed_over {
            console.warn(&format!("an older run of features is taken: {reason}"));
        }
        differing_notes(&recalled.made.differing, console);
        Ok(recalled)
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

impl ApplyReport {
    fn of(engineer: &RecalledEngineer, recalled: &Recalled, table: &Table) -> Result<Self, Failure> {
        let enriched = &recalled.made;
        Ok(ApplyReport {
            n_rows: table.n_rows(),
            added: enriched.table.without(&table.column_names())?.column_names(),
            already_there: enriched.already_there.clone(),
            skipped: enriched.skipped.clone(),
            runs: engineer.runs().clone(),
            features: FeatureSummary::of(&recalled.features, enriched)?,
        })
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
