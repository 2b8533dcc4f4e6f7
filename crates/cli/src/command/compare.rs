//! `compare`: is the second model better than the first, on the same rows?

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::metric::{Drift, PairedDifference, Score, Verdict, drift};
use tabgraft_model::{EmbeddingSpace, Predictor};
use tabgraft_table::Table;

use crate::answer::Answer;
use crate::arguments::{PredictorArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::model_file::ModelFile;
use crate::report::{Report, difference_text, number, scores_text};
use crate::rows::{Scored, note_seen_rows};

/// Say whether the second model is better than the first, on the same rows.
///
/// A and B are two predictors of one target, or two embedding spaces; on spaces a predictor of
/// --target is fitted first, alike on both. The difference is paired (DeLong's test for ROC AUC,
/// bootstrap for log-loss and RMSE) and comes with a 95 % interval. For two spaces, the loss of the
/// columns that both have and the drift of old coordinates stand beside it.
///
/// By default only rows are scored that are test rows for both, which is right for the table that
/// was trained on. Prints the verdict; exits with 1 if B is worse.
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
    /// The rows to score; two spaces are always compared on test rows
    #[arg(long, value_enum, default_value_t)]
    rows: Scored,
    #[command(flatten)]
    predictor: PredictorArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `compare` reports.
#[derive(Debug, Serialize)]
struct CompareReport {
    target: String,
    task: &'static str,
    rows: &'static str,
    a: Side,
    b: Side,
    difference: PairedDifference,
    /// Only for two spaces.
    spaces: Option<SpacesReport>,
}

/// One of the two.
#[derive(Debug, Serialize)]
struct Side {
    file: PathBuf,
    name: String,
    scores: Vec<Score>,
}

/// What the spaces themselves say.
#[derive(Debug, Serialize)]
struct SpacesReport {
    /// Columns that both spaces have a validation loss of.
    n_common_columns: usize,
    /// Mean validation loss of these columns in the first space.
    common_loss_a: Option<f64>,
    /// The same in the second space.
    common_loss_b: Option<f64>,
    /// Movement of the scored rows' vectors; only if the second space descends from the first.
    drift: Option<Drift>,
}

impl CompareArgs {
    /// Compares, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let table = self.read.table(&self.table)?;
        let report = match (ModelFile::load(&self.a)?, ModelFile::load(&self.b)?) {
            (ModelFile::Predictor(a), ModelFile::Predictor(b)) => {
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
                let scored = self.rows.of(&table, &[a.split(), b.split()], console)?;
                for (predictor, file) in [(&a, &self.a), (&b, &self.b)] {
                    note_seen_rows(predictor, &file.display().to_string(), console);
                }
                self.judged(&a, &b, &scored, self.rows)?
            }
            (ModelFile::Space(a), ModelFile::Space(b)) => self.spaces(&a, &b, &table, console)?,
            _ => {
                return Err(Failure::new(format!(
                    "`{}` and `{}` are a space and a predictor",
                    self.a.display(),
                    self.b.display()
                ))
                .with_hint("give two predictors, or two spaces and `--target`"));
            }
        };
        console.report(&report)?;
        Ok(if report.difference.verdict == Verdict::Worse { Answer::No } else { Answer::Yes })
    }

    /// Fits alike on both spaces, then judges.
    fn spaces(
        &self,
        a: &EmbeddingSpace,
        b: &EmbeddingSpace,
        table: &Table,
        console: &Console,
    ) -> Result<CompareReport, Failure> {
        let Some(target) = &self.target else {
            return Err(Failure::new("two spaces compare by what can be predicted from them")
                .with_hint("name the column to predict with `--target`"));
        };
        if a.hashes().split != b.hashes().split {
            return Err(Failure::new(
                "the two spaces split their rows differently, what tests one trains the other",
            )
            .with_hint("fit a predictor on each and compare those, or extend one space from the other"));
        }
        let scored = Scored::Test.of(table, &[a.split(), b.split()], console)?;
        let options = self.predictor.options();
        let fit = |space: &EmbeddingSpace, title: &str| -> Result<Predictor, Failure> {
            let mut progress = console.progress(title);
            let fitted = Predictor::fit(space, table, target, &options, &mut |event| progress.on(event))?;
            if fitted.fit_info().interrupted {
                return Err(Failure::new(
                    "interrupted: predictors that were not fitted alike do not compare",
                )
                .with_hint("lower `--epochs` to be done sooner"));
            }
            Ok(fitted)
        };
        let (on_a, on_b) =
            (fit(a, "predictor on the first space")?, fit(b, "predictor on the second space")?);
        let mut report = self.judged(&on_a, &on_b, &scored, Scored::Test)?;
        (report.a.name, report.b.name) = (a.name().to_owned(), b.name().to_owned());
        report.spaces = Some(SpacesReport::of(a, b, &scored)?);
        Ok(report)
    }

    fn judged(
        &self,
        a: &Predictor,
        b: &Predictor,
        rows: &Table,
        kind: Scored,
    ) -> Result<CompareReport, Failure> {
        let side = |file: &Path, predictor: &Predictor| -> Result<Side, Failure> {
            let name = predictor.name().to_owned();
            Ok(Side { file: file.to_owned(), name, scores: predictor.evaluate(rows)? })
        };
        Ok(CompareReport {
            target: a.target().column().to_owned(),
            task: a.target().task().name(),
            rows: kind.name(),
            difference: a.compare(b, rows)?,
            a: side(&self.a, a)?,
            b: side(&self.b, b)?,
            spaces: None,
        })
    }
}

impl SpacesReport {
    fn of(a: &EmbeddingSpace, b: &EmbeddingSpace, rows: &Table) -> Result<Self, Failure> {
        let (of_a, of_b) = (&a.training_info().final_column_losses, &b.training_info().final_column_losses);
        let common: Vec<(f64, f64)> =
            of_a.iter().filter_map(|(name, loss)| Some((*loss, *of_b.get(name)?))).collect();
        let mean = |losses: &mut dyn Iterator<Item = f64>| {
            (!common.is_empty()).then(|| losses.sum::<f64>() / common.len() as f64)
        };
        let descends = b.extensions().iter().any(|graft| graft.parent == *a.hashes());
        let moved = if descends {
            let (before, after) = (a.embed(rows)?, b.embed(rows)?);
            Some(drift(&before.values, &after.values, before.d_model, after.d_model, 0)?)
        } else {
            None
        };
        Ok(SpacesReport {
            n_common_columns: common.len(),
            common_loss_a: mean(&mut common.iter().map(|c| c.0)),
            common_loss_b: mean(&mut common.iter().map(|c| c.1)),
            drift: moved,
        })
    }
}

impl Report for CompareReport {
    fn text(&self) -> String {
        let mut text = String::new();
        for (side, which) in [(&self.a, "first"), (&self.b, "second")] {
            text += &format!("{which}: `{}` ({})\n", side.name, side.file.display());
            text += &scores_text(&side.scores);
        }
        if let Some(spaces) = &self.spaces {
            text += &format!(
                "validation loss of the {} common columns: {}, then {}\n",
                spaces.n_common_columns,
                number(spaces.common_loss_a),
                number(spaces.common_loss_b)
            );
            if let Some(drift) = &spaces.drift {
                text += &format!(
                    "old coordinates moved by a cosine distance of {:.6} (largest {:.6}, {} rows)\n",
                    drift.mean_cosine_distance, drift.max_cosine_distance, drift.n_rows
                );
            }
        }
        text + &format!(
            "`{}` ({}), {} rows\n{}",
            self.target,
            self.task,
            self.rows,
            difference_text(&self.difference)
        )
    }
}
