//! `judge`: a person's own features before the court of the search.

use std::path::PathBuf;

use clap::Args;
use tabgraft_feature::Feature;
use tabgraft_model::discover::remember::FeatureFile;
use tabgraft_model::discover::{check_folder, judge};
use tabgraft_model::{DiscoverOptions, EmbeddingSpace};

use super::discover::conclude;
use crate::answer::Answer;
use crate::arguments::{CourtArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;

/// Judge your own features as those of a search are judged.
///
/// The guide is fitted with and without each feature on rows that the features were not chosen on,
/// beside shuffled copies; verdicts are corrected for the number of features given. *Recommended*
/// are those that proved better and add to each other; often there are none.
///
/// Reads SPACE and TABLE, which must have the columns that the features read. With --out-dir the run
/// is added to feature_suggestion_history.json and feature_effectiveness.json of that folder. Exits
/// with 1 if nothing is recommended.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft judge v1.tabgraft german_credit.csv --target default \\
    --formula 'young = age < 26' --formula 'monthly = credit_amount / duration'")]
pub struct JudgeArgs {
    /// The embedding space
    space: PathBuf,
    /// The table with the target
    table: PathBuf,
    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    target: String,
    /// A feature: its name and its formula; may be repeated
    #[arg(long = "formula", value_name = "NAME = FORMULA", value_parser = parse_formula)]
    formulas: Vec<(String, String)>,
    /// Features from a file: a list of features, or the newest run of a suggestion history
    #[arg(long, value_name = "FILE", required_unless_present = "formulas")]
    features: Option<PathBuf>,
    /// The folder to write to; it is made if need be
    #[arg(long, value_name = "FOLDER")]
    out_dir: Option<PathBuf>,
    #[command(flatten)]
    court: CourtArgs,
    #[command(flatten)]
    read: ReadArgs,
}

impl JudgeArgs {
    /// Judges, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        if let Some(folder) = &self.out_dir {
            check_folder(folder)?;
        }
        let space = EmbeddingSpace::load(&self.space)?;
        let table = self.read.table_like(&self.table, &space.read_options(), console)?;
        let mut features: Vec<Feature> =
            self.formulas.iter().map(|(name, formula)| Feature::formula(name, formula, "")).collect();
        if let Some(path) = &self.features {
            let columns: Vec<String> =
                table.column_names().into_iter().filter(|name| *name != self.target).collect();
            features.extend(FeatureFile::load(path)?.choose(&columns, Some(&self.target), false)?.to_add());
        }
        let options: DiscoverOptions = self.court.options();
        let mut progress = console.progress("judging");
        let found =
            judge(&space, &table, &self.target, &features, &options, &mut |event| progress.on(event))?;
        drop(progress);
        let answer = if found.recommended().is_empty() { Answer::No } else { Answer::Yes };
        conclude(&found, self.out_dir.as_deref(), self.court.budget, answer, console)
    }
}

fn parse_formula(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, formula)) if !name.trim().is_empty() && !formula.trim().is_empty() => {
            Ok((name.trim().to_owned(), formula.trim().to_owned()))
        }
        _ => {
            Err("a name, `=` and a formula are needed, such as `monthly = credit_amount / duration`"
                .to_owned())
        }
    }
}
