//! `merge`: make one space of several descendants of one ancestor.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::space::{ExtensionMetadata, Mode};
use tabgraft_model::{EmbeddingSpace, MergeOptions};
use tabgraft_table::read::ReadOptions;

use super::extend::ModeFlag;
use super::train::TrainingSummary;
use crate::answer::Answer;
use crate::arguments::{OutArgs, ReadArgs, TrainingArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::{Report, SchemaReport, line, names, phases_text};
use crate::saved::Saved;

/// Make one embedding space of several descendants of one ancestor.
///
/// Where all of them differ from the ancestor by frozen grafts alone, the merge is exact: the ancestor's
/// coordinates stand first, the extra coordinates of all behind them, with all their bits, and nothing
/// is trained. Where old weights diverged, --table is needed: the columns of the others are grafted onto
/// the first parent by --mode and trained. The order of SPACES does not matter.
///
/// One column name with two definitions, a column that was trained twice, spaces of different splits or
/// without a common ancestor are errors that name both sides.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft merge v2_bureau.tabgraft v2_web.tabgraft -o v3.tabgraft
  tabgraft merge v2_bureau.tabgraft v2_web.tabgraft --table all.csv --mode joint -o v3.tabgraft")]
pub struct MergeArgs {
    /// Two or more spaces that were extended from one
    #[arg(required = true, num_args = 2..)]
    spaces: Vec<PathBuf>,
    /// A table with the columns of all: for a merge that has to be trained, and to measure losses
    #[arg(long, value_name = "TABLE")]
    table: Option<PathBuf>,
    #[command(flatten)]
    out: OutArgs,
    /// How old weights are treated where the merge has to be trained
    #[arg(long, value_enum, default_value_t = ModeFlag::Joint)]
    mode: ModeFlag,
    /// As for `extend`, in mode `anchored`
    #[arg(long, value_name = "DISTANCE")]
    drift_bound: Option<f64>,
    /// Epochs of a trained merge, 1 to 10000 [default: as for `extend`]
    #[arg(long = "epochs", value_name = "N")]
    n_epochs: Option<usize>,
    #[command(flatten)]
    training: TrainingArgs,
    /// Name of the child [default: the parents' names with `+` between them]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `merge` reports.
#[derive(Debug, Serialize)]
struct MergeReport<'a> {
    #[serde(flatten)]
    saved: Saved,
    name: &'a str,
    d_model: usize,
    schema: SchemaReport,
    training: TrainingSummary,
    extension: Option<&'a ExtensionMetadata>,
}

impl MergeArgs {
    /// Merges, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let mut inputs: Vec<&Path> = self.spaces.iter().map(PathBuf::as_path).collect();
        inputs.extend(self.table.as_deref());
        check_out(&self.out.path, &inputs)?;
        let spaces =
            self.spaces.iter().map(|path| EmbeddingSpace::load(path)).collect::<Result<Vec<_>, _>>()?;
        let options = MergeOptions {
            name: self.name.clone(),
            mode: self.mode.mode(),
            drift_bound: self.drift_bound,
            training: self.training.options(self.n_epochs),
        };
        let how = EmbeddingSpace::read_options_of(&spaces);
        let how = ReadOptions { most_bytes: options.training.most_bytes(), ..how };
        let read = |path: &PathBuf| self.read.table_like(path, &how, console);
        let table = self.table.as_ref().map(read).transpose()?;
        let spaces: Vec<&EmbeddingSpace> = spaces.iter().collect();
        let mut progress = console.progress("merge");
        let child =
            EmbeddingSpace::merge(&spaces, table.as_ref(), &options, &mut |event| progress.on(event))?;
        let training = TrainingSummary::of(&child);
        let end = training.end(progress);
        let report = MergeReport {
            saved: Saved::new(&self.out, end, |path| child.save(path), console),
            name: child.name(),
            d_model: child.d_model(),
            schema: SchemaReport::of(&child),
            training,
            extension: child.extension_metadata(),
        };
        let told = console.report(&report);
        report.saved.answer(told, Answer::Yes)
    }
}

impl Report for MergeReport<'_> {
    fn text(&self) -> String {
        let Some(step) = self.extension else { return String::new() };
        let parents: Vec<&str> = std::iter::once(step.extended_from_es_name.as_str())
            .chain(step.other_parents.iter().map(|p| p.name.as_str()))
            .collect();
        let how = match (step.mode, step.phases.is_empty()) {
            (Mode::Frozen, true) => "exactly: every coordinate keeps its bits".to_owned(),
            (mode, _) => format!("by training, {}", mode.name()),
        };
        let mut text = line!("merged {}, {how}", names(&parents));
        text += &line!(
            "{} columns of `{}` and {} of the others: {}",
            step.original_column_count,
            step.extended_from_es_name,
            step.new_columns_added.len(),
            names(&step.new_columns_added)
        );
        if self.training.final_validation_loss.is_some() {
            text += &self.training.text();
        }
        text += &phases_text(&step.phases, "");
        text + &self.saved.text(&format!("`{}`, a space of {} coordinates,", self.name, self.d_model))
    }
}
