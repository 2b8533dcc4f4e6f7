//! `refresh`: go on learning from new rows of the same columns.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tabgraft_model::space::{ExtensionMetadata, Mode};
use tabgraft_model::{EmbeddingSpace, Keep, RefreshOptions};

use super::train::TrainingSummary;
use crate::answer::Answer;
use crate::arguments::{KeepArgs, OutArgs, ReadArgs, TrainingArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::{Report, line, number, outcome_text};
use crate::saved::{End, Saved};

/// Learn from new rows of the same columns: levels that are new get codes.
///
/// Levels of categories that SPACE takes for unseen, in enough training rows, get codes behind the old ones. In mode
/// `anchored` all weights go on learning, and vectors of rows without a new level move at most by --drift-bound; give
/// old rows and new ones where what was learned of the old ones shall stay. In mode `frozen` only new levels learn: a
/// row without one keeps its vector, bit by bit, and so do predictions. Bins of numbers and dates stay as they are. New columns
/// of the table are left alone, for `extend`.
///
/// Reads SPACE and TABLE; writes the child to --out, with its whole lineage, and a report to stdout. Rows that SPACE
/// knows keep their part, new ones are dealt by its split; one by time goes on: of rows after its last time the last ones
/// test, the others train. Ctrl-C, --keep and exit codes are as those of `extend`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft refresh v1.tabgraft this_year.csv -o v2.tabgraft
  tabgraft refresh v1.tabgraft this_year.csv --mode frozen -o v2.tabgraft
  tabgraft refresh v1.tabgraft both_years.csv --keep if-not-worse --target churned -o v2.tabgraft")]
pub struct RefreshArgs {
    /// The trained space, the parent
    space: PathBuf,
    /// The table with new rows, or old and new ones: a file, a folder of files, or a pattern in quotes
    table: PathBuf,
    #[command(flatten)]
    out: OutArgs,
    /// What happens to old weights
    #[arg(long, value_enum, default_value_t)]
    mode: RefreshMode,
    /// Most mean cosine distance that vectors of rows without a new level may move by in mode `anchored`, above 0 up to
    /// 2 [default: 0.05]
    #[arg(long, value_name = "DISTANCE")]
    drift_bound: Option<f64>,
    /// Epochs, 1 to 10000, of all rows [default: as many, of a sample of the rows, as there is to learn]
    #[arg(long = "epochs", value_name = "N")]
    n_epochs: Option<usize>,
    #[command(flatten)]
    training: TrainingArgs,
    /// Name of the child [default: the parent's and `_refreshed`]
    #[arg(long)]
    name: Option<String>,
    /// A table of validation rows, in place of the parent's split
    #[arg(long, value_name = "TABLE")]
    valid: Option<PathBuf>,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// The modes of a refresh.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum RefreshMode {
    /// All weights learn, within --drift-bound.
    #[default]
    Anchored,
    /// New levels alone learn.
    Frozen,
}

/// What `refresh` reports.
#[derive(Debug, Serialize)]
struct RefreshReport<'a> {
    #[serde(flatten)]
    saved: Saved,
    name: &'a str,
    d_model: usize,
    /// Whether the file holds the child; else it holds the parent.
    kept: bool,
    training: TrainingSummary,
    /// The refresh, kept or refused.
    extension: Option<&'a ExtensionMetadata>,
}

impl RefreshArgs {
    /// Refreshes, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let mut inputs: Vec<&Path> = vec![&self.space, &self.table];
        inputs.extend(self.valid.as_deref());
        check_out(&self.out.path, &inputs)?;
        let parent = EmbeddingSpace::load(&self.space)?;
        let options = RefreshOptions {
            mode: match self.mode {
                RefreshMode::Anchored => Mode::Anchored,
                RefreshMode::Frozen => Mode::Frozen,
            },
            drift_bound: self.drift_bound,
            training: self.training.options(self.n_epochs),
            name: self.name.clone(),
            keep: self.keep.keep(self.training.seed)?,
        };
        let mut how = options.read_options(&parent).shared(self.valid.is_some());
        let start = Instant::now();
        let table = self.read.table_like(&self.table, &how, console)?;
        how = how.continued(table.origin());
        let valid = self.valid.as_ref().map(|path| self.read.table_like(path, &how, console)).transpose()?;
        let reading = start.elapsed();
        let mut progress = console.progress("refresh");
        let n_refused = parent.refused_extensions().len();
        let child = parent.refresh(&table, valid.as_ref(), &options, &mut |event| progress.on(event))?;
        let refused = child.refused_extensions().get(n_refused);
        let extension = refused.map(|r| &r.extension).or(child.extension_metadata());
        let training = TrainingSummary::of(&child).after_reading(reading);
        let is_unjudged =
            extension.is_some_and(|step| step.judgement.is_none()) && options.keep != Keep::Always;
        let end = if is_unjudged { End::Unjudged } else { training.end(progress) };
        let report = RefreshReport {
            saved: Saved::new(&self.out, end, |path| child.save(path), console),
            name: child.name(),
            d_model: child.d_model(),
            kept: refused.is_none(),
            training,
            extension,
        };
        let told = console.report(&report);
        report.saved.answer(told, if report.kept { Answer::Yes } else { Answer::No })
    }
}

impl Report for RefreshReport<'_> {
    fn text(&self) -> String {
        let Some(step) = self.extension else { return String::new() };
        let mut text = line!("`{}` on new rows ({})", step.extended_from_es_name, step.mode.name());
        text += &line!("loss of these rows in the parent {}", number(step.parent_validation_loss));
        if self.kept {
            text += &self.training.text();
        }
        text += &outcome_text(step, "rows without a new level", self.kept);
        text + &self.saved.text(&format!("`{}`, a space of {} coordinates,", self.name, self.d_model))
    }
}
