//! `evaluate`: score a predictor on a table that has the target.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_model::Predictor;
use tabgraft_model::metric::Score;
use tabgraft_model::predictor::Reliability;
use tabgraft_model::train::HeldFor;
use tabgraft_table::read::ReadOptions;
use tabgraft_table::unreadable::UnreadableColumn;

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, LimitArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::{column_notes, differing_notes, unreadable_notes, unseen_notes};
use crate::report::{Report, line, reliability_text, scores_text};
use crate::rows::{Scored, note_seen_rows};

/// Score a predictor on a table that has the target.
///
/// Classes get ROC AUC, PR AUC, log-loss, accuracy, Brier score and, of two, balanced accuracy and F1 at the predictor's
/// threshold, numbers RMSE, MAE and R2, each with its number of rows and 95 % interval. A table of reliability says
/// whether probabilities, or intervals around numbers, mean what they say. Rows that repeat another one in every column count once in
/// intervals; rows of a class that was not seen in training are scored as wrong. Scored are the rows that were not learned from:
/// test rows of the table that was trained on, and every row that the model does not know, such as next month's. What is
/// scored, and why, stands on stderr. Rows without a target are passed over.
///
/// Reads PREDICTOR and TABLE; writes the scores to stdout.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft evaluate credit.tabgraft german_credit.csv
  tabgraft evaluate credit.tabgraft next_year.csv --format json")]
pub struct EvaluateArgs {
    /// The predictor
    predictor: PathBuf,
    /// Rows with the target: a file, a folder of files, or a pattern in quotes such as 'part-*.parquet'
    table: PathBuf,
    /// The rows to score
    #[arg(long, value_enum, default_value_t)]
    rows: Scored,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `evaluate` reports.
#[derive(Debug, Serialize)]
struct EvaluateReport {
    predictor: String,
    target: String,
    task: &'static str,
    rows: &'static str,
    n_rows_table: usize,
    n_rows_scored: usize,
    /// Columns with cells that cannot be read and count as missing.
    unreadable: Vec<UnreadableColumn>,
    scores: Vec<Score>,
    /// Probability from which on the second of two classes is predicted: accuracy, balanced accuracy and F1 are there.
    threshold: Option<f64>,
    /// What predictions claim of themselves, held against the truth.
    reliability: Option<Reliability>,
}

impl EvaluateArgs {
    /// Scores, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let predictor = Predictor::load(&self.predictor)?;
        let columns = predictor.needs_to_score();
        let most_bytes = self.limit.most_bytes(HeldFor::Scoring);
        let how = ReadOptions { columns, most_bytes, ..predictor.read_options() };
        let table = self.read.table_like(&self.table, &how, console)?;
        let readable = predictor.readable_to_score(&table, self.errors.errors())?;
        unreadable_notes(&readable.unreadable, console);
        let table = readable.table;
        let scored = self.rows.of(&table, &[&predictor], console)?;
        column_notes(&predictor.column_report(&scored), console);
        unseen_notes(&predictor.unseen_columns(&scored)?, console);
        differing_notes(&predictor.differing_columns(&scored)?, console);
        note_seen_rows(&predictor, predictor.name(), console);
        if let Some(passed_over) = predictor.target().passed_over_in_words(&scored)? {
            console.note(&passed_over);
        }
        console.report(&EvaluateReport {
            predictor: predictor.name().to_owned(),
            target: predictor.target().column().to_owned(),
            task: predictor.target().task().name(),
            rows: self.rows.name(),
            n_rows_table: table.n_rows(),
            n_rows_scored: scored.n_rows(),
            unreadable: readable.unreadable,
            scores: predictor.evaluate(&scored)?,
            threshold: (predictor.target().classes().len() == 2).then(|| predictor.threshold()),
            reliability: predictor.reliability(&scored)?,
        })?;
        Ok(Answer::Yes)
    }
}

impl Report for EvaluateReport {
    fn text(&self) -> String {
        let head = line!(
            "`{}` on {} of {} rows{}: `{}` ({})",
            self.predictor,
            self.n_rows_scored,
            self.n_rows_table,
            if self.rows == "all" { "" } else { ", which it has not learned from" },
            self.target,
            self.task
        );
        let threshold = self
            .threshold
            .map(|at| line!("classes are predicted from a threshold of {at:.4}"))
            .unwrap_or_default();
        let reliability = self.reliability.as_ref().map(reliability_text).unwrap_or_default();
        head + &scores_text(&self.scores) + &threshold + &reliability
    }
}
