//! `grow`: take a predictor to a descendant of its space.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tabgraft_model::metric::PairedDifference;
use tabgraft_model::predictor::{FitInfo, GrowOptions, GrowthCard, JudgedOn, KeepGrown, Target};
use tabgraft_model::train::HeldFor;
use tabgraft_model::{EmbeddingSpace, Predictor};
use tabgraft_table::read::ReadOptions;

use super::train::stem;
use crate::answer::Answer;
use crate::arguments::{LimitArgs, OutArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::column_notes;
use crate::output::check_out;
use crate::report::{Report, difference_text, learners_text, line, names, test_scores_text};
use crate::saved::{End, Saved};

/// Take a predictor to a version of its space that has grown.
///
/// A predictor need not be fitted from nothing when columns were grafted onto its space: the old one stays as it
/// is, bit by bit, and forests and a linear model learn from all columns of SPACE what it does not say. Some forests
/// start from its predictions, so that few trees are enough. Their shares in a prediction are fitted on rows that they
/// did not learn from, and are 0 where they bring nothing. SPACE has to come from the predictor's space, by grafts, prunes or merges.
///
/// Reads PREDICTOR, SPACE and TABLE, which is the table of the fit with the new columns; rows may have come. Writes
/// the grown predictor, which needs no other file, to --out, and its scores to stdout. The files that it reads
/// are never changed. With --memory-limit, all rows that the predictor was fitted to have to be among those that are
/// drawn: give as much as the fit had, or more.
///
/// With --keep if-not-worse, old and grown predictor are compared on test rows, or, where there are none, on rows of
/// the fit by learners that did not learn from them. If the grown one does worse, the old one is written to --out,
/// with a record of what was refused, and the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft extend v1.tabgraft with_bureau.csv -o v2.tabgraft
  tabgraft grow churn_v1.tabgraft v2.tabgraft with_bureau.csv -o churn_v2.tabgraft
  tabgraft compare churn_v1.tabgraft churn_v2.tabgraft with_bureau.csv")]
pub struct GrowArgs {
    /// The predictor, on an ancestor of SPACE
    predictor: PathBuf,
    /// The space that has grown
    space: PathBuf,
    /// The table with old and new columns and the target
    table: PathBuf,
    #[command(flatten)]
    out: OutArgs,
    /// Name of the grown predictor [default: the output's file name without its ending]
    #[arg(long)]
    name: Option<String>,
    /// Seed of the new learners [default: the old predictor's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What is kept
    #[arg(long, value_enum, default_value_t)]
    keep: KeepFlag,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// [`KeepGrown`] as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum KeepFlag {
    /// The grown predictor, whatever it is worth.
    #[default]
    Always,
    /// The grown predictor, unless it predicts worse than the old one: then the old one.
    IfNotWorse,
}

/// What `grow` reports.
#[derive(Debug, Serialize)]
struct GrowReport {
    #[serde(flatten)]
    saved: Saved,
    name: String,
    space: String,
    space_hash: String,
    task: &'static str,
    target: Target,
    /// Whether the file holds the grown predictor; else it holds the old one.
    kept: bool,
    /// How much better the grown one predicts; none where rows are too few to say.
    difference: Option<PairedDifference>,
    judged_on: JudgedOn,
    growth: Option<GrowthCard>,
    learners: String,
    fit: FitInfo,
}

impl GrowArgs {
    fn options(&self) -> GrowOptions {
        GrowOptions {
            name: Some(self.name.clone().unwrap_or_else(|| stem(&self.out.path))),
            seed: self.seed,
            keep: match self.keep {
                KeepFlag::Always => KeepGrown::Always,
                KeepFlag::IfNotWorse => KeepGrown::IfNotWorse,
            },
        }
    }

    /// Grows, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        check_out(&self.out.path, &[&self.predictor, &self.space, &self.table])?;
        let old = Predictor::load(&self.predictor)?;
        let space = EmbeddingSpace::load(&self.space)?;
        let needs = old.needs_to_grow_on(&space);
        let (how, notes) = space.read_options().joined(&old.read_options());
        for note in notes {
            console.note(&note);
        }
        let most_bytes = self.limit.most_bytes(HeldFor::Growing);
        let how = ReadOptions { columns: needs, most_bytes, ..how };
        let table = self.read.table_like(&self.table, &how, console)?;
        let mut progress = console.progress("predictor");
        let made = old.extend(&space, &table, None, &self.options(), &mut |event| progress.on(event))?;
        drop(progress);
        let predictor = made.predictor;
        let fit = predictor.fit_info().clone();
        let end = if made.kept && fit.interrupted { End::Interrupted } else { End::Finished };
        let saved = Saved::new(&self.out, end, |path| predictor.save(path), console);
        column_notes(&fit.columns, console);
        let report = GrowReport {
            saved,
            name: predictor.name().to_owned(),
            space: predictor.space_name().to_owned(),
            space_hash: predictor.space_hash().to_owned(),
            task: predictor.target().task().name(),
            target: predictor.target().clone(),
            kept: made.kept,
            difference: made.difference,
            judged_on: made.judged_on,
            growth: predictor.card().growth,
            learners: predictor.learners(),
            fit,
        };
        let told = console.report(&report);
        report.saved.answer(told, if report.kept { Answer::Yes } else { Answer::No })
    }
}

impl Report for GrowReport {
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
        text += &learners_text(&self.learners);
        if let (true, Some(growth)) = (self.kept, &self.growth) {
            text += &line!("grew from `{}` on `{}`", growth.base, growth.base_space);
            if !growth.columns_added.is_empty() {
                text += &line!("columns that came: {}", names(&growth.columns_added));
            }
            if !growth.columns_removed.is_empty() {
                text += &line!("columns that left: {}", names(&growth.columns_removed));
            }
        }
        if let Some(difference) = &self.difference {
            text += match self.judged_on {
                JudgedOn::TestRows => "old and grown predictor on test rows\n",
                JudgedOn::HeldOutRows => {
                    "old and grown predictor on rows that their learners did not learn from\n"
                }
            };
            text += &difference_text(difference);
        }
        if !self.kept {
            text += "the grown predictor is worse and was not kept: the file holds the old one\n";
        }
        text += &test_scores_text(&fit.scores);
        text + &self.saved.text(&format!("`{}`", self.name))
    }
}
