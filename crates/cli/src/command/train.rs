//! `train`: an embedding space from a table.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tabgraft_model::train::{Stages, StopReason};
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
    /// The table to learn from: a file, a folder of files, or a pattern in quotes such as 'part-*.parquet'
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
    /// Training rows of each epoch, validation rows that it is measured on, and those of the final losses.
    n_rows_epoch: usize,
    n_rows_watched: usize,
    n_rows_measured: usize,
    /// Seconds that reading the table took, null where they were not taken, and where those of the work on it went.
    seconds_reading: Option<f64>,
    stages: Stages,
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
            infer: self.schema.options()?,
            split: self.split.options(self.valid.is_some())?,
            features: Vec::new(),
            private: self.split.private,
        };
        let how = options.read_options(&self.read.given()?).shared(self.valid.is_some());
        let start = Instant::now();
        let table = read_table(&self.table, &how, console)?;
        let alike = how.continued(table.origin());
        let valid = self.valid.as_ref().map(|path| read_table(path, &alike, console)).transpose()?;
        let reading = start.elapsed();
        let mut progress = console.progress("embedding space");
        let space = EmbeddingSpace::fit(&table, valid.as_ref(), &options, &mut |event| progress.on(event))?;
        let training = TrainingSummary::of(&space).after_reading(reading);
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
            n_rows_epoch: info.n_rows_epoch,
            n_rows_watched: info.n_rows_watched,
            n_rows_measured: info.n_rows_measured,
            seconds_reading: None,
            stages: info.stages,
        }
    }

    /// The same, after a table that was read in so long.
    pub fn after_reading(self, reading: Duration) -> Self {
        TrainingSummary { seconds_reading: Some(reading.as_secs_f64()), ..self }
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
        ) + &self.rows_text()
            + &self.stages_text()
    }

    /// Which rows were taken where not all were.
    fn rows_text(&self) -> String {
        let mut parts = Vec::new();
        if self.n_rows_epoch < self.n_rows_train {
            parts.push(format!("{} of {} training rows in each epoch", self.n_rows_epoch, self.n_rows_train));
        }
        if self.n_rows_watched < self.n_rows_valid {
            parts.push(format!(
                "each measured on {} of {} validation rows",
                self.n_rows_watched, self.n_rows_valid
            ));
        }
        if self.n_rows_measured < self.n_rows_valid {
            parts.push(format!("losses at the end on {}", self.n_rows_measured));
        }
        if parts.is_empty() { String::new() } else { line!("{}", parts.join(", ")) }
    }

    /// Where the time went.
    fn stages_text(&self) -> String {
        let Stages { coding, parent, training, validation } = self.stages;
        // What rounds to nothing is not worth a word.
        let parent =
            if parent >= 0.005 { format!(", the parent's vectors {parent:.2}") } else { String::new() };
        let reading =
            self.seconds_reading.map(|seconds| format!("reading {seconds:.2}, ")).unwrap_or_default();
        line!(
            "seconds: {reading}coding {coding:.2}{parent}, training {training:.2}, validation {validation:.2}"
        )
    }
}

/// A file's name without its ending.
pub fn stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}
