//! `consolidate`: train a chain of grafts into one plain space.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::space::ExtensionMetadata;
use tabgraft_model::{ConsolidateOptions, EmbeddingSpace};
use tabgraft_table::read::ReadOptions;

use super::train::TrainingSummary;
use crate::answer::Answer;
use crate::arguments::{OutArgs, ReadArgs, TrainingArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::{Report, line, number, phases_text};
use crate::saved::Saved;

/// Train a chain of grafts into one plain embedding space.
///
/// Every frozen graft makes vectors longer and embedding slower. The child has all columns of SPACE in one
/// network, as a single training would: its vectors are as short and as fast, and they are new ones, so
/// what stands on the old vectors has to be fitted again. Its lineage goes on.
///
/// Reads SPACE and TABLE; writes the child to --out.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft consolidate v11.tabgraft customers.csv -o line2.tabgraft")]
pub struct ConsolidateArgs {
    /// The space to consolidate
    space: PathBuf,
    /// The table with all columns of the space
    table: PathBuf,
    #[command(flatten)]
    out: OutArgs,
    /// Length of a row's vector, 8 to 4096 in steps of 8 [default: that of the first training]
    #[arg(long, value_name = "N")]
    d_model: Option<usize>,
    /// Epochs, 1 to 10000 [default: those of the first training]
    #[arg(long = "epochs", value_name = "N")]
    n_epochs: Option<usize>,
    #[command(flatten)]
    training: TrainingArgs,
    /// Name of the child [default: the parent's and `_consolidated`]
    #[arg(long)]
    name: Option<String>,
    /// A table of validation rows, in place of the space's split
    #[arg(long, value_name = "TABLE")]
    valid: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `consolidate` reports.
#[derive(Debug, Serialize)]
struct ConsolidateReport<'a> {
    #[serde(flatten)]
    saved: Saved,
    name: &'a str,
    d_model: usize,
    d_model_before: usize,
    n_columns: usize,
    training: TrainingSummary,
    extension: Option<&'a ExtensionMetadata>,
}

impl ConsolidateArgs {
    /// Trains, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let mut inputs: Vec<&Path> = vec![&self.space, &self.table];
        inputs.extend(self.valid.as_deref());
        check_out(&self.out.path, &inputs)?;
        let parent = EmbeddingSpace::load(&self.space)?;
        let options = ConsolidateOptions {
            d_model: self.d_model,
            training: self.training.options(self.n_epochs),
            name: self.name.clone(),
        };
        let how = ReadOptions { most_bytes: options.training.most_bytes(), ..parent.read_options() };
        let how = how.shared(self.valid.is_some());
        let read = |path: &PathBuf| self.read.table_like(path, &how, console);
        let (table, valid) = (read(&self.table)?, self.valid.as_ref().map(read).transpose()?);
        let mut progress = console.progress("consolidation");
        let child = parent.consolidate(&table, valid.as_ref(), &options, &mut |event| progress.on(event))?;
        let training = TrainingSummary::of(&child);
        let end = training.end(progress);
        let report = ConsolidateReport {
            saved: Saved::new(&self.out, end, |path| child.save(path), console),
            name: child.name(),
            d_model: child.d_model(),
            d_model_before: parent.d_model(),
            n_columns: child.columns().len(),
            training,
            extension: child.extension_metadata(),
        };
        let told = console.report(&report);
        report.saved.answer(told, Answer::Yes)
    }
}

impl Report for ConsolidateReport<'_> {
    fn text(&self) -> String {
        let Some(step) = self.extension else { return String::new() };
        let mut text = line!(
            "{} columns of `{}` in one network; their loss there was {}",
            self.n_columns,
            step.extended_from_es_name,
            number(step.parent_validation_loss)
        );
        text += &self.training.text();
        text += &phases_text(&step.phases, "");
        let (name, d_model, before) = (self.name, self.d_model, self.d_model_before);
        let what = format!("`{name}`, a space of {d_model} coordinates in place of {before},");
        text + &self.saved.text(&what)
    }
}
