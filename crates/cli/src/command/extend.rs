//! `extend`: graft new columns onto a trained space.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tabgraft_model::discover::remember::FeatureFile;
use tabgraft_model::space::{ExtensionMetadata, IgnoredColumn, Mode};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, Keep};

use super::train::TrainingSummary;
use crate::answer::Answer;
use crate::arguments::{FreezeArgs, KeepArgs, OutArgs, ReadArgs, SchemaArgs, TrainingArgs, column_names};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::{Report, SchemaReport, line, names, number, outcome_text};
use crate::saved::{End, Saved};

/// Graft the new columns of a table onto a trained embedding space.
///
/// New are all columns that the space neither uses nor has left out: engineered features, or a
/// source that arrived after training. A table without any is an error. In mode `frozen` old weights
/// never change: the child appends coordinates, and the parent's keep their bits. In mode `joint`
/// new weights train first and then all of them, and the drift of old vectors is measured; mode
/// `anchored` does the same within a bound of that drift.
///
/// Reads SPACE and TABLE, the old columns included and enriched or raw: features that the parent carries or
/// --features gives are computed where the table lacks them. Writes the child to --out, with
/// its whole lineage, and a report to stdout. The parent's file is never changed.
///
/// With --keep if-not-worse, predictors of --target are fitted alike on parent and child and compared
/// on rows that no training has seen. If the child does worse, the parent is written to --out, with a
/// record of what was refused and which new columns hurt, and the exit code is 1.
///
/// Ctrl-C or SIGTERM stops the training and saves the best state so far; the exit code is then 3. An older
/// file at --out stays: the state goes to a file beside it. So does, with --keep if-not-worse, every child
/// that was not judged.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft extend v1.tabgraft enriched.csv --features suggested_features.json -o v2.tabgraft
  tabgraft extend v2.tabgraft with_bureau.csv --mode joint --epochs 12 -o v3.tabgraft
  tabgraft extend v2.tabgraft with_bureau.csv --keep if-not-worse --target churned -o v3.tabgraft
  tabgraft extend v2.tabgraft bureau.csv --mode anchored --drift-bound 0.01 -o v3.tabgraft")]
pub struct ExtendArgs {
    /// The trained space, the parent
    space: PathBuf,
    /// The table with old and new columns: a file, a folder of files, or a pattern in quotes such as 'part-*.parquet'
    table: PathBuf,
    #[command(flatten)]
    out: OutArgs,
    /// What happens to old weights
    #[arg(long, value_enum, default_value_t)]
    mode: ModeFlag,
    /// Most mean cosine distance that old vectors may move by in mode `anchored`, above 0 up to 2 [default: 0.05]
    #[arg(long, value_name = "DISTANCE")]
    drift_bound: Option<f64>,
    #[command(flatten)]
    freeze: FreezeArgs,
    /// Epochs, 1 to 10000, of all rows [default: as many, of a sample of the rows, as the new columns need; with
    /// --exact-epochs a quarter of the parent's, at least 10, at most half]
    #[arg(long = "epochs", value_name = "N")]
    n_epochs: Option<usize>,
    #[command(flatten)]
    training: TrainingArgs,
    /// Name of the child [default: the parent's and `_extended`]
    #[arg(long)]
    name: Option<String>,
    /// Coordinates that a frozen graft appends, 8 to 1024 in steps of 8 [default: 32 per new column, at most 96]
    #[arg(long, value_name = "N")]
    d_side: Option<usize>,
    /// A table of validation rows, in place of the parent's split
    #[arg(long, value_name = "TABLE")]
    valid: Option<PathBuf>,
    /// Fitted features, or a suggestion history: the child remembers those that make new columns, and computes what
    /// a table lacks of them, this one included
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// A JSON file with anything you want to say of the new columns; kept in the lineage
    #[arg(long, value_name = "FILE")]
    feature_metadata: Option<PathBuf>,
    /// Columns of the parent to remove first, separated by commas; may be repeated; see `tabgraft help prune`
    #[arg(long, value_name = "COLUMNS")]
    prune: Vec<String>,
    /// Pruned columns to take back, separated by commas; may be repeated; other new columns come by themselves
    #[arg(long, value_name = "COLUMNS")]
    regraft: Vec<String>,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    schema: SchemaArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// [`Mode`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum ModeFlag {
    /// Old weights never change.
    #[default]
    Frozen,
    /// As joint, but old vectors move at most by --drift-bound.
    Anchored,
    /// New weights first, then all.
    Joint,
}

impl ModeFlag {
    /// The mode that it stands for.
    pub fn mode(self) -> Mode {
        match self {
            ModeFlag::Frozen => Mode::Frozen,
            ModeFlag::Anchored => Mode::Anchored,
            ModeFlag::Joint => Mode::Joint,
        }
    }
}

/// What `extend` reports.
#[derive(Debug, Serialize)]
struct ExtendReport<'a> {
    #[serde(flatten)]
    saved: Saved,
    name: &'a str,
    d_model: usize,
    schema: SchemaReport,
    /// Columns of the table that the child does not use, each with its reason.
    left_out: Vec<IgnoredColumn>,
    /// Whether the file holds the child; else it holds the parent.
    kept: bool,
    training: TrainingSummary,
    /// The graft, kept or refused.
    extension: Option<&'a ExtensionMetadata>,
}

impl ExtendArgs {
    /// Grafts, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let mut inputs: Vec<&Path> = vec![&self.space, &self.table];
        inputs.extend(
            [&self.valid, &self.features, &self.feature_metadata].into_iter().flatten().map(PathBuf::as_path),
        );
        check_out(&self.out.path, &inputs)?;
        let parent = EmbeddingSpace::load(&self.space)?;
        let options = self.options(&parent)?;
        let mut how = options.read_options(&parent).shared(self.valid.is_some());
        let start = Instant::now();
        let table = self.read.table_like(&self.table, &how, console)?;
        how = how.continued(table.origin());
        let read = |path: &PathBuf| self.read.table_like(path, &how, console);
        let valid = self.valid.as_ref().map(read).transpose()?;
        let reading = start.elapsed();
        let mut progress = console.progress("graft");
        let n_refused = parent.refused_extensions().len();
        let child = parent.extend(&table, valid.as_ref(), &options, &mut |event| progress.on(event))?;
        // A child begins without refusals, a parent that is kept has one more.
        let refused = child.refused_extensions().get(n_refused);
        let extension = refused.map(|r| &r.extension).or(child.extension_metadata());
        let training = TrainingSummary::of(&child).after_reading(reading);
        let end =
            match extension.is_some_and(|graft| graft.judgement.is_none()) && options.keep != Keep::Always {
                true => End::Unjudged,
                false => training.end(progress),
            };
        let saved = Saved::new(&self.out, end, |path| child.save(path), console);
        let report = ExtendReport {
            saved,
            name: child.name(),
            d_model: child.d_model(),
            schema: SchemaReport::of(&child),
            left_out: child.column_report(&table).ignored_columns,
            kept: refused.is_none(),
            training,
            extension,
        };
        let told = console.report(&report);
        report.saved.answer(told, if report.kept { Answer::Yes } else { Answer::No })
    }

    fn options(&self, parent: &EmbeddingSpace) -> Result<ExtendOptions, Failure> {
        let keep = self.keep.keep(self.training.seed)?;
        let features = match &self.features {
            Some(path) => FeatureFile::load(path)?.choose_for_any(keep.target(), false)?.features,
            None => Vec::new(),
        };
        let feature_metadata = match &self.feature_metadata {
            Some(path) => {
                let bytes = std::fs::read(path).map_err(|e| Failure::io(path, "read", e))?;
                let value = serde_json::from_slice(&bytes)
                    .map_err(|e| Failure::new(format!("`{}` is no JSON: {e}", path.display())))?;
                Some(value)
            }
            None => None,
        };
        Ok(ExtendOptions {
            mode: self.mode.mode(),
            drift_bound: self.drift_bound,
            freeze: self.freeze.freeze(parent),
            training: self.training.options(self.n_epochs),
            name: self.name.clone(),
            d_side: self.d_side,
            prune: column_names(&self.prune, |name| parent.columns().iter().any(|c| c.name == name)),
            regraft: column_names(&self.regraft, |name| parent.excluded().iter().any(|e| e.name == name)),
            infer: self.schema.options()?,
            features,
            candidates: Vec::new(),
            feature_metadata,
            keep,
        })
    }
}

impl Report for ExtendReport<'_> {
    fn text(&self) -> String {
        let Some(graft) = self.extension else { return String::new() };
        let mut text = line!(
            "{} columns of `{}` and {} new ones ({}): {}",
            graft.original_column_count,
            graft.extended_from_es_name,
            graft.new_columns_added.len(),
            graft.mode.name(),
            names(&graft.new_columns_added)
        );
        for column in self.schema.columns.iter().skip(graft.original_column_count) {
            text += &line!("  {}: {}", column.name, column.reason);
        }
        if !self.left_out.is_empty() {
            text += &line!("{} column(s) of the table left out", self.left_out.len());
            for column in &self.left_out {
                text += &line!("  {}: {}", column.name, column.reason);
            }
        }
        text += &line!("loss of the old columns in the parent {}", number(graft.parent_validation_loss));
        if self.kept {
            text += &self.training.text();
        }
        text += &outcome_text(graft, "old coordinates", self.kept);
        text + &self.saved.text(&format!("`{}`, a space of {} coordinates,", self.name, self.d_model))
    }
}
