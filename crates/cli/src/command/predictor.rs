//! `predictor`: fit a predictor of one target on an embedding space.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_model::predictor::{ChosenThreshold, FitInfo, Target};
use tabgraft_model::train::HeldFor;
use tabgraft_model::{EmbeddingSpace, Predictor, PredictorOptions};
use tabgraft_table::read::ReadOptions;

use super::train::stem;
use crate::answer::Answer;
use crate::arguments::{LimitArgs, OutArgs, PredictorArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::column_notes;
use crate::output::check_out;
use crate::report::{Report, learners_text, line, test_scores_text, threshold_text};
use crate::saved::{End, Saved};

/// Fit a predictor of one target on an embedding space.
///
/// The target may be two classes, more classes or a number. Several networks, forests and linear models are
/// fitted, each on its own share of the rows, and mixed as held-out rows ask for. The networks start from
/// a copy of the space, which itself never changes. The space's test rows are kept out and scored, each score with its rows and 95 % interval.
///
/// Reads SPACE and TABLE; writes the predictor, which needs no other file, to --out and its scores
/// to stdout. Ctrl-C or SIGTERM stops the fit and saves the best state so far; the exit code is then 3, and
/// an older file at --out stays: the state goes to a file beside it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft predictor v1.tabgraft german_credit.csv --target default -o credit.tabgraft")]
pub struct FitArgs {
    /// The embedding space
    space: PathBuf,
    /// The table with the target, mostly the one that the space was trained on: a file, a folder of files, or a pattern
    /// in quotes such as 'part-*.parquet'
    table: PathBuf,
    /// The column to predict; the space must have ignored it
    #[arg(long, value_name = "COLUMN")]
    target: String,
    #[command(flatten)]
    out: OutArgs,
    /// Name of the predictor [default: the output's file name without its ending]
    #[arg(long)]
    name: Option<String>,
    /// Learn from the space's test rows too; nothing is scored then
    #[arg(long)]
    fit_on_test_rows: bool,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    predictor: PredictorArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `predictor` reports.
#[derive(Debug, Serialize)]
struct FitReport {
    #[serde(flatten)]
    saved: Saved,
    name: String,
    space: String,
    space_hash: String,
    task: &'static str,
    target: Target,
    /// Probability from which on the second of two classes is predicted.
    threshold: Option<f64>,
    /// How it was chosen, if it was.
    chosen_threshold: Option<ChosenThreshold>,
    fit: FitInfo,
}

impl FitArgs {
    /// As the core takes them.
    pub fn options(&self) -> PredictorOptions {
        PredictorOptions {
            name: self.name.clone().unwrap_or_else(|| stem(&self.out.path)),
            hold_out_test: !self.fit_on_test_rows,
            ..self.predictor.options()
        }
    }

    /// Fits, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        check_out(&self.out.path, &[&self.space, &self.table])?;
        let space = EmbeddingSpace::load(&self.space)?;
        let needs = space.needs_to_split().and([&self.target]);
        let most_bytes = self.limit.most_bytes(HeldFor::Fitting);
        let how = ReadOptions { columns: needs, most_bytes, ..space.read_options() };
        let table = self.read.table_like(&self.table, &how, console)?;
        let mut progress = console.progress("predictor");
        let predictor =
            Predictor::fit(&space, &table, &self.target, &self.options(), &mut |event| progress.on(event))?;
        drop(progress);
        let fit = predictor.fit_info().clone();
        let end = if fit.interrupted { End::Interrupted } else { End::Finished };
        let saved = Saved::new(&self.out, end, |path| predictor.save(path), console);
        column_notes(&fit.columns, console);
        let report = FitReport {
            saved,
            name: predictor.name().to_owned(),
            space: predictor.space_name().to_owned(),
            space_hash: predictor.space_hash().to_owned(),
            task: predictor.target().task().name(),
            target: predictor.target().clone(),
            threshold: predictor.card().threshold,
            chosen_threshold: predictor.card().chosen_threshold,
            fit,
        };
        let told = console.report(&report);
        report.saved.answer(told, Answer::Yes)
    }
}

impl Report for FitReport {
    fn text(&self) -> String {
        let fit = &self.fit;
        let mut text = line!(
            "predictor of `{}` ({}) on `{}`, {} rows learned from in {:.1} s",
            self.target.column(),
            self.task,
            self.space,
            fit.n_rows,
            fit.seconds
        );
        text += &learners_text(&fit.learners());
        let spent = fit.seconds_spent;
        text += &line!(
            "of these {:.1} s for linear models, {:.1} s for trees, {:.1} s for networks",
            spent.linear,
            spent.trees,
            spent.networks
        );
        if let [negative, positive] = self.target.classes() {
            text += &line!("positive class `{positive}`, negative class `{negative}`");
        }
        if let Some(chosen) = &self.chosen_threshold {
            text += &line!("threshold {}", threshold_text(chosen));
        }
        if fit.n_rows_without_target > 0 {
            text += &line!("{} rows without a target left out", fit.n_rows_without_target);
        }
        if fit.n_rows_infinite_target > 0 {
            text += &format!("{} of them have an infinite target\n", fit.n_rows_infinite_target);
        }
        text += &test_scores_text(&fit.scores);
        text + &self.saved.text(&format!("`{}`", self.name))
    }
}
