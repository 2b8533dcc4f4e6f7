//! `compare`: is the second model better than the first, on the same rows?

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::compare::{Comparison, SpaceCost, compare_predictors};
use tabgraft_model::metric::Verdict;
use tabgraft_model::train::HeldFor;
use tabgraft_model::{CompareOptions, EmbeddingSpace, PredictorOptions};
use tabgraft_table::Table;
use tabgraft_table::read::ReadOptions;
use tabgraft_table::unreadable::UnreadableColumn;

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, LimitArgs, PredictorArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::unreadable_notes;
use crate::report::{Report, difference_text, effects_text, line, number, scores_text};
use crate::rows::{Scored, note_seen_rows};
use tabgraft_model::ModelFile;

/// Say whether the second model is better than the first, on the same rows.
///
/// A and B are two predictors of one target, or two embedding spaces; on spaces a predictor of
/// --target is fitted first, alike on both. The difference is paired (DeLong's test for ROC AUC,
/// bootstrap for log-loss and RMSE) and comes with a 95 % interval. For two spaces, the loss of the
/// columns that both have on these rows, drift, neighbours, time and size stand beside it, and what
/// each new column does to the predictions.
///
/// By default only rows are scored that are test rows for both, which is right for the table that
/// was trained on. Where too few of them are left, two spaces can be compared with --cross-fit. Prints the verdict; exits with 1 if B is worse.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft compare credit_v1.tabgraft credit_v2.tabgraft enriched.csv
  tabgraft compare v1.tabgraft v2.tabgraft enriched.csv --target default --format json")]
pub struct CompareArgs {
    /// The first model, for example the parent
    a: PathBuf,
    /// The second model, for example the child
    b: PathBuf,
    /// Rows with the target and with the columns of both
    table: PathBuf,
    /// The column to predict; only for two spaces
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// The rows to score two predictors on [default: test]; spaces are judged on test rows, or by --cross-fit
    #[arg(long, value_enum)]
    rows: Option<Scored>,
    /// Judge two spaces on all rows, each by predictors that did not learn from it
    #[arg(long)]
    cross_fit: bool,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    predictor: PredictorArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `compare` reports.
#[derive(Debug, Serialize)]
struct CompareReport<'a> {
    file_a: &'a Path,
    file_b: &'a Path,
    rows: &'static str,
    /// Columns with cells that cannot be read and count as missing.
    unreadable: Vec<UnreadableColumn>,
    #[serde(flatten)]
    comparison: Comparison,
}

impl CompareArgs {
    /// Compares, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let rows = self.rows.unwrap_or_default();
        let errors = self.errors.errors();
        let (comparison, rows, unreadable) = match (ModelFile::load(&self.a)?, ModelFile::load(&self.b)?) {
            (ModelFile::Predictor(a), ModelFile::Predictor(b)) => {
                let table = self.table((a.read_options(), b.read_options()), HeldFor::Scoring, console)?;
                if let Some(target) = &self.target
                    && target != a.target().column()
                {
                    return Err(Failure::new(format!(
                        "`{}` predicts `{}`, not `{target}`",
                        self.a.display(),
                        a.target().column()
                    ))
                    .with_hint("two predictors need no `--target`"));
                }
                if self.cross_fit {
                    return Err(Failure::new("`--cross-fit` fits predictors anew, and these two are fitted")
                        .with_hint("give the two spaces and `--target`, or leave it out"));
                }
                if self.predictor.options() != PredictorOptions::default() {
                    return Err(Failure::new("options of fitting are given, and these two are fitted").with_hint(
                        "give the two spaces and `--target`, or leave out what stands under `Fitting predictors`",
                    ));
                }
                let readable = a.readable_to_compare(&b, &table, errors)?;
                unreadable_notes(&readable.unreadable, console);
                let scored = rows.of(&readable.table, &[&a, &b], console)?;
                for (predictor, file) in [(&a, &self.a), (&b, &self.b)] {
                    note_seen_rows(predictor, &file.display().to_string(), console);
                }
                (compare_predictors(&a, &b, &scored)?, rows, readable.unreadable)
            }
            (ModelFile::Space(a), ModelFile::Space(b)) => {
                let table = self.table((a.read_options(), b.read_options()), HeldFor::Fitting, console)?;
                let judged = if self.cross_fit { Scored::All } else { Scored::Test };
                if self.rows.is_some_and(|rows| rows != judged) {
                    return Err(Failure::new(format!(
                        "`--rows {}` is for two predictors, two spaces would be judged on rows that they learned from",
                        rows.name()
                    ))
                    .with_hint("`--cross-fit` judges all rows, each by predictors that did not learn from it"));
                }
                let readable = a.readable_to_compare(&b, &table, errors)?;
                unreadable_notes(&readable.unreadable, console);
                (self.spaces(&a, &b, &readable.table, console)?, judged, readable.unreadable)
            }
            _ => {
                return Err(Failure::new(format!(
                    "`{}` and `{}` are a space and a predictor",
                    self.a.display(),
                    self.b.display()
                ))
                .with_hint("give two predictors, or two spaces and `--target`"));
            }
        };
        let verdict = comparison.difference.verdict;
        console.report(&CompareReport {
            file_a: &self.a,
            file_b: &self.b,
            rows: rows.name(),
            unreadable,
            comparison,
        })?;
        Ok(if verdict == Verdict::Worse { Answer::No } else { Answer::Yes })
    }

    /// Reads the table as that of both models; as that of the first where the two differ.
    fn table(
        &self,
        (a, b): (ReadOptions, ReadOptions),
        held_for: HeldFor,
        console: &Console,
    ) -> Result<Table, Failure> {
        let (how, notes) = a.joined(&b);
        notes.iter().for_each(|note| console.note(note));
        let how = ReadOptions { most_bytes: self.limit.most_bytes(held_for), ..how };
        self.read.table_like(&self.table, &how, console)
    }

    /// Fits alike on both spaces, then judges.
    fn spaces(
        &self,
        a: &EmbeddingSpace,
        b: &EmbeddingSpace,
        table: &Table,
        console: &Console,
    ) -> Result<Comparison, Failure> {
        let Some(target) = &self.target else {
            return Err(Failure::new("two spaces compare by what can be predicted from them")
                .with_hint("name the column to predict with `--target`"));
        };
        let mut progress = console.progress("compare");
        let options = CompareOptions { predictor: self.predictor.options(), cross_fit: self.cross_fit };
        Ok(a.compare(b, table, target, &options, &mut |event| progress.on(event))?)
    }
}

impl Report for CompareReport<'_> {
    fn text(&self) -> String {
        let Comparison { target, task, a, b, difference, spaces, .. } = &self.comparison;
        let mut text = String::new();
        for (side, file, which) in [(a, self.file_a, "first"), (b, self.file_b, "second")] {
            text += &line!("{which}: `{}` ({})", side.name, file.display());
            text += &scores_text(&side.scores);
        }
        if let Some(spaces) = spaces {
            text += &line!(
                "loss of the {} common columns on these rows: {}, then {}",
                spaces.n_common_columns,
                number(spaces.common_loss_a),
                number(spaces.common_loss_b)
            );
            if let Some(drift) = &spaces.drift {
                text += &line!(
                    "old coordinates moved by a cosine distance of {:.6} (largest {:.6}, {} rows)",
                    drift.mean_cosine_distance,
                    drift.max_cosine_distance,
                    drift.n_rows
                );
            }
            let cost = |c: &SpaceCost| {
                let megabytes = c.file_bytes as f64 / 1e6;
                format!("{:.1} s, {} weights, {megabytes:.1} MB", c.seconds, c.n_weights)
            };
            text += &line!("training and size: {}, then {}", cost(&spaces.cost_a), cost(&spaces.cost_b));
            text += &line!("of 10 neighbours {:.1} % are the same", 100.0 * spaces.neighbour_overlap_at_10);
            text += &effects_text(&spaces.new_columns);
            text += &line!("judged on {}", spaces.explanation);
        }
        let rows = self.rows;
        text + &line!("`{target}` ({}), {rows} rows", task.name()) + &difference_text(difference)
    }
}
