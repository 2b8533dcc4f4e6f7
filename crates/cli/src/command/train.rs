//! `train`: an embedding space from a table.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::train::StopReason;
use tabgraft_model::{EmbeddingSpace, FitOptions};
use tabgraft_table::split::Part;

use crate::answer::Answer;
use crate::arguments::{OutArgs, ReadArgs, SchemaArgs, SpaceArgs, SplitArgs, table as read_table};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::progress::Progress;
use crate::report::{Report, SchemaReport, line, number};
use crate::saved::{End, Saved};

/// Train an embedding space on a table, without a target.
///
/// Learns one vector per row from mixed numbers, categories, dates and text; missing values are
/// welcome. Ignore every column that you will predict: what the space has seen it cannot predict
/// honestly, and ignored columns stay out of every descendant.
///
/// Reads TABLE; writes the space to --out and a report of columns, losses and seconds to stdout.
/// Test rows are chosen by a hash of each row's cells, and nothing is learned from them; only what a
/// column is (numbers, dates of which form, constant) is told from all rows. They stay test rows in
/// every descendant. Ctrl-C or SIGTERM stops the training and saves the best state so far; the exit code is
/// then 3, and an older file at --out stays: the state goes to a file beside it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft train german_credit.csv --ignore default -o v1.tabgraft
  tabgraft train sales.parquet --kind store=categorical --date-format day=%d/%m/%Y \\
    --split-time day -o v1.tabgraft")]
pub struct TrainArgs {
    /// The table to learn from
    table: PathBuf,
    #[command(flatten)]
    out: OutArgs,
    /// Name of the space in lineages [default: the output's file name without its ending]
    #[arg(long)]
    name: Option<String>,
    /// A table of validation rows, in place of --p-valid
    #[arg(long, value_name = "TABLE")]
    valid: Option<PathBuf>,
    #[command(flatten)]
    pub schema: SchemaArgs,
    #[command(flatten)]
    pub space: SpaceArgs,
    #[command(flatten)]
    pub split: SplitArgs,
    #[command(flatten)]
    pub read: ReadArgs,
}

/// What `train` reports.
#[derive(Debug, Serialize)]
struct TrainReport {
    #[serde(flatten)]
    saved: Saved,
    name: String,
    d_model: usize,
    schema: SchemaReport,
    training: TrainingSummary,
    n_rows_test: usize,
    weights_hash: String,
}

/// The end of a training; `inspect` shows every epoch.
#[derive(Debug, Serialize)]
pub struct TrainingSummary {
    n_epochs: usize,
    best_epoch: usize,
    pub stop_reason: StopReason,
    pub final_validation_loss: Option<f64>,
    new_columns_validation_loss: Option<f64>,
    n_rows_train: usize,
    n_rows_valid: usize,
    n_weights: usize,
    device: String,
    seconds: f64,
    rows_per_second: f64,
}

impl TrainArgs {
    /// Trains, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let inputs: Vec<&Path> =
            [Some(&self.table), self.valid.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
        check_out(&self.out.path, &inputs)?;
        let options = FitOptions {
            name: self.name.clone().unwrap_or_else(|| stem(&self.out.path)),
            config: self.space.config(),
            infer: self.schema.options(),
            split: self.split.options(self.valid.is_some()),
            features: Vec::new(),
            private: self.split.private,
        };
        let how = options.read_options(&self.read.given());
        let table = read_table(&self.table, &how, console)?;
        let alike = how.continued(table.origin());
        let valid = self.valid.as_ref().map(|path| read_table(path, &alike, console)).transpose()?;
        let mut progress = console.progress("embedding space");
        let space = EmbeddingSpace::fit(&table, valid.as_ref(), &options, &mut |event| progress.on(event))?;
        let training = TrainingSummary::of(&space);
        let end = training.end(progress);
        let saved = Saved::new(&self.out, end, |path| space.save(path), console);
        let n_rows_test = space.split().assign(&table)?.iter().filter(|p| **p == Part::Test).count();
        let report = TrainReport {
            saved,
            name: space.name().to_owned(),
            d_model: space.d_model(),
            schema: SchemaReport::of(&space),
            training,
            n_rows_test,
            weights_hash: space.hashes().weights.clone(),
        };
        let told = console.report(&report);
        report.saved.answer(told, Answer::Yes)
    }
}

impl Report for TrainReport {
    fn text(&self) -> String {
        let t = &self.training;
        let rows = line!(
            "{} rows learned from, {} to validate, {} to test",
            t.n_rows_train,
            t.n_rows_valid,
            self.n_rows_test
        );
        let what = format!("`{}`, a space of {} coordinates,", self.name, self.d_model);
        self.schema.text() + &t.text() + &rows + &self.saved.text(&what)
    }
}

impl TrainingSummary {
    /// The end of a space's last training.
    pub fn of(space: &EmbeddingSpace) -> Self {
        let info = space.training_info();
        TrainingSummary {
            n_epochs: info.epochs.len(),
            best_epoch: info.best_epoch,
            stop_reason: info.stop_reason,
            final_validation_loss: info.final_validation_loss,
            new_columns_validation_loss: info.new_columns_validation_loss,
            n_rows_train: info.n_rows_train,
            n_rows_valid: info.n_rows_valid,
            n_weights: info.n_weights,
            device: info.device.clone(),
            seconds: info.seconds,
            rows_per_second: info.rows_per_second,
        }
    }

    /// How the training that `progress` showed ended. Where nothing was trained, the summary is that of an
    /// earlier training, whose end does not count.
    pub fn end(&self, progress: Progress) -> End {
        match self.stop_reason == StopReason::Interrupted && progress.was_stopped() {
            true => End::Interrupted,
            false => End::Finished,
        }
    }

    /// Losses and times in two lines.
    pub fn text(&self) -> String {
        let new = match self.new_columns_validation_loss {
            Some(loss) => format!(", of the new columns {loss:.4}"),
            None => String::new(),
        };
        let device = if self.device.is_empty() { String::new() } else { format!(" on {}", self.device) };
        line!(
            "validation loss {}{new} (1 is a uniform guess), epoch {} of {}",
            number(self.final_validation_loss),
            self.best_epoch,
            self.n_epochs
        ) + &line!(
            "trained in {:.1} s{device}, {:.0} rows a second, {} weights",
            self.seconds,
            self.rows_per_second,
            self.n_weights
        )
    }
}

/// A file's name without its ending.
pub fn stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}
