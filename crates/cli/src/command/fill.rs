//! `fill`: missing cells, filled with what the rest of their row lets expect.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_model::EmbeddingSpace;
use tabgraft_model::fill::{FillOptions, LeftColumn};
use tabgraft_model::space::ColumnReport;
use tabgraft_table::unreadable::UnreadableColumn;

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::table_notes;
use crate::output::{check_out, table_file, write_original};
use crate::report::{Report, line};

/// Fill missing cells with what the rest of their row lets expect.
///
/// Nothing is overwritten: for each column with missing cells, `NAME_filled` has its cells with values in those that were
/// missing, and `NAME_p` the probability of each of these, empty where the cell was there. A category is the most probable
/// one, a number or date the mean of its distribution, rounded where the column has whole numbers or days. Texts cannot be
/// told.
///
/// Reads SPACE and TABLE; writes the table as it came, byte for byte, with these columns behind its own, as CSV to stdout,
/// or as CSV or Parquet to --out, and a report to stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft fill v1.tabgraft customers.csv --fill age --min-p 0.2 -o filled.csv")]
pub struct FillArgs {
    /// The embedding space
    space: PathBuf,
    /// The table with the rows
    table: PathBuf,
    /// Write here and not to stdout, which is `-`: Parquet if the name ends in `.parquet`, else CSV,
    /// compressed if it ends in `.gz`
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A column whose missing cells are filled; may be repeated [default: all that have some]
    #[arg(long, value_name = "COLUMN")]
    fill: Vec<String>,
    /// Least probability of a filled cell, 0 to 1; of a number, that of the class its value lies in. Others stay missing
    #[arg(long, value_name = "P", default_value_t = FillOptions::default().min_p)]
    min_p: f64,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `fill` reports.
#[derive(Debug, Serialize)]
struct FillReport {
    space: String,
    n_rows: usize,
    n_filled: usize,
    /// Columns that were added.
    added: Vec<String>,
    /// Columns with missing cells that stay so.
    left: Vec<LeftColumn>,
    columns: ColumnReport,
    /// Columns with cells that cannot be read and count as missing.
    unreadable: Vec<UnreadableColumn>,
}

impl FillArgs {
    /// Fills, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let options =
            FillOptions { fill: self.fill.clone(), min_p: self.min_p, errors: self.errors.errors() };
        options.check()?;
        let out = table_file(self.out.as_deref())?;
        if let Some(out) = out {
            check_out(out, &[&self.space, &self.table])?;
        }
        let space = EmbeddingSpace::load(&self.space)?;
        let (original, table) = self.read.original(&self.table, Some(&space.read_options()), console)?;
        let filled = space.fill(&table, &options)?;
        table_notes(&filled.remarks, console);
        for column in &filled.left {
            console.note(&format!(
                "column `{}`: {} cells stay missing: {}",
                column.column, column.n_missing, column.reason
            ));
        }
        let written = write_original(&original, &filled.added, out);
        console.side_report(&FillReport {
            space: space.name().to_owned(),
            n_rows: filled.remarks.n_rows,
            n_filled: filled.cells.len(),
            added: filled.added.column_names(),
            left: filled.left,
            columns: filled.remarks.report,
            unreadable: filled.remarks.unreadable,
        })?;
        written.map(|()| Answer::Yes)
    }
}

impl Report for FillReport {
    fn text(&self) -> String {
        line!("{} cells of {} rows filled by `{}`", self.n_filled, self.n_rows, self.space)
    }
}
