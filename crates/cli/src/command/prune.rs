//! `prune`: remove columns from a space.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::space::{ExtensionMetadata, Mode};
use tabgraft_model::{EmbeddingSpace, PruneOptions};
use tabgraft_table::read::ReadOptions;

use super::train::TrainingSummary;
use crate::answer::Answer;
use crate::arguments::{OutArgs, ReadArgs, TrainingArgs, column_names};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::{Report, line, names, number, phases_text};
use crate::saved::Saved;

/// Remove columns from an embedding space.
///
/// Where all columns of a frozen graft go, and no later graft that stays reads it, the graft is cut
/// off: everything else keeps its bits, and the version before it is back. That needs no table. Any other
/// column is masked, as if its cells were missing for ever, and a short healing run on TABLE trains what
/// read it; the report says what the loss of the other columns was before, masked and healed.
///
/// Reads SPACE and TABLE; writes the child to --out. A removed column stays out of later grafts, unless
/// `tabgraft extend --regraft` names it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft prune v2.tabgraft --columns checking_status -o v2_without.tabgraft
  tabgraft prune v2.tabgraft customers.csv --columns age,job --epochs 6 -o v2_without.tabgraft
  tabgraft rank v2.tabgraft customers.csv --target churned     # what may go")]
pub struct PruneArgs {
    /// The space to remove columns from
    space: PathBuf,
    /// The table that the space was trained on; not needed where grafts are cut off
    table: Option<PathBuf>,
    /// The columns to remove, separated by commas; may be repeated
    #[arg(long, required = true, value_name = "COLUMNS")]
    columns: Vec<String>,
    #[command(flatten)]
    out: OutArgs,
    /// Epochs of the healing run, 0 for none, at most 10000 [default: an eighth of the first training's, at least 4]
    #[arg(long = "epochs", value_name = "N")]
    n_epochs: Option<usize>,
    #[command(flatten)]
    training: TrainingArgs,
    /// Name of the child [default: the parent's and `_pruned`]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `prune` reports.
#[derive(Debug, Serialize)]
struct PruneReport<'a> {
    #[serde(flatten)]
    saved: Saved,
    name: &'a str,
    d_model: usize,
    n_columns: usize,
    extension: Option<&'a ExtensionMetadata>,
}

impl PruneArgs {
    /// Removes, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let mut inputs: Vec<&Path> = vec![&self.space];
        inputs.extend(self.table.as_deref());
        check_out(&self.out.path, &inputs)?;
        let parent = EmbeddingSpace::load(&self.space)?;
        let options =
            PruneOptions { training: self.training.options(self.n_epochs), name: self.name.clone() };
        let how = ReadOptions { most_bytes: options.training.most_bytes(), ..parent.read_options() };
        let read = |path: &PathBuf| self.read.table_like(path, &how, console);
        let table = self.table.as_ref().map(read).transpose()?;
        let columns = column_names(&self.columns, |name| parent.columns().iter().any(|c| c.name == name));
        let mut progress = console.progress("prune");
        let child = parent.prune(&columns, table.as_ref(), &options, &mut |event| progress.on(event))?;
        let end = TrainingSummary::of(&child).end(progress);
        let report = PruneReport {
            saved: Saved::new(&self.out, end, |path| child.save(path), console),
            name: child.name(),
            d_model: child.d_model(),
            n_columns: child.columns().len(),
            extension: child.extension_metadata(),
        };
        let told = console.report(&report);
        report.saved.answer(told, Answer::Yes)
    }
}

impl Report for PruneReport<'_> {
    fn text(&self) -> String {
        let Some(step) = self.extension else { return String::new() };
        let how = match step.mode {
            Mode::Frozen => "cut off, what is left keeps its bits",
            _ => "masked, their cells count as missing",
        };
        let mut text =
            line!("removed from `{}`: {} ({how})", step.extended_from_es_name, names(&step.columns_removed));
        // Without a table nothing is measured.
        if let Some(prune) = step.prune.filter(|prune| prune.loss_masked.is_some()) {
            text += &line!(
                "loss of the other columns: {} before, {} without{}",
                number(prune.loss_before),
                number(prune.loss_masked),
                prune.loss_healed.map(|loss| format!(", {loss:.4} healed")).unwrap_or_default()
            );
        }
        text += &phases_text(&step.phases, "");
        if let Some(drift) = &step.drift {
            text += &line!(
                "coordinates that are left moved by a cosine distance of {:.6} (largest {:.6}, {} rows)",
                drift.mean_cosine_distance,
                drift.max_cosine_distance,
                drift.n_rows
            );
        }
        let (name, n_columns, d_model) = (self.name, self.n_columns, self.d_model);
        let what = format!("`{name}`, a space of {n_columns} columns and {d_model} coordinates,");
        text + &self.saved.text(&what)
    }
}
