//! `index`: the vectors of known rows, to search among.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::index::Keys;
use tabgraft_model::space::ColumnReport;
use tabgraft_model::{EmbeddingSpace, RowIndex};

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::table_notes;
use crate::output::check_out;
use crate::report::{Report, line};

/// Keep the vectors of a table's rows in a file, to find similar rows with `neighbours`.
///
/// An index belongs to the version of the space that made its vectors. A `frozen` graft keeps that version's coordinates, so
/// that its descendants use the index, too; any other version is refused.
///
/// Reads SPACE and TABLE; writes the index to --out and a report to stdout.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft index v1.tabgraft customers.csv --key customer_id -o customers.index
  tabgraft index v2.tabgraft november.csv --key customer_id --into customers.index -o new.index
  tabgraft index v2.tabgraft left.csv --key customer_id --into new.index --remove -o less.index")]
pub struct IndexArgs {
    /// The embedding space
    space: PathBuf,
    /// The table with the rows
    table: PathBuf,
    /// The file to write to
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// The column that says which row is which [default: the row's number, from 0]
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// An index whose rows are taken over; rows of TABLE with a key that it has replace its rows
    #[arg(long, value_name = "INDEX")]
    into: Option<PathBuf>,
    /// Take the rows of TABLE out of the index given with --into, by their keys
    #[arg(long, requires = "into", requires = "key")]
    remove: bool,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `index` reports.
#[derive(Debug, Serialize)]
struct IndexReport {
    out: PathBuf,
    space: String,
    /// Id of the version whose vectors it holds.
    version: String,
    d_model: usize,
    n_rows: usize,
    n_rows_before: usize,
    columns: ColumnReport,
}

impl IndexArgs {
    /// Embeds, saves, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let mut inputs: Vec<&Path> = vec![&self.space, &self.table];
        inputs.extend(self.into.as_deref());
        check_out(&self.out, &inputs)?;
        let space = EmbeddingSpace::load(&self.space)?;
        let old = self.into.as_deref().map(RowIndex::load).transpose()?;
        if let Some(old) = &old {
            old.check_space(&space)?;
        }
        let table = self.read.table_like(&self.table, &space.read_options(), console)?;
        let n_before = old.as_ref().map_or(0, RowIndex::n_rows);
        let keys = self.key.as_deref().map_or(Keys::NumbersFrom(n_before), Keys::Column).of(&table)?;
        let mut stream = space.stream(self.errors.errors());
        let index = match &old {
            Some(old) if self.remove => old.without(&keys)?,
            Some(old) => old.with(&space, keys, &stream.embed(&table)?)?,
            None => RowIndex::new(&space, keys, &stream.embed(&table)?)?,
        };
        let remarks = stream.finish();
        table_notes(&remarks, console);
        index.save(&self.out)?;
        console.report(&IndexReport {
            out: self.out.clone(),
            space: index.space_name().to_owned(),
            version: index.version().to_owned(),
            d_model: index.d_model(),
            n_rows: index.n_rows(),
            n_rows_before: n_before,
            columns: remarks.report,
        })?;
        Ok(Answer::Yes)
    }
}

impl Report for IndexReport {
    fn text(&self) -> String {
        line!(
            "{} rows in {} coordinates of `{}` (version {}), {} before: {}",
            self.n_rows,
            self.d_model,
            self.space,
            self.version.get(..12).unwrap_or(&self.version),
            self.n_rows_before,
            self.out.display()
        )
    }
}
