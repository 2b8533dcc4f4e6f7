//! `neighbours`: the rows of an index that are most similar to the rows of a table.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, StringArray, UInt32Array};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tabgraft_model::index::{SearchOptions, Similarity};
use tabgraft_model::space::ColumnReport;
use tabgraft_model::{EmbeddingSpace, RowIndex};

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, RowsArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::table_notes;
use crate::report::{Report, line};

/// Find the rows of an index that are most similar to each row of a table.
///
/// Every row of the index is looked at, so that what is found is exact; it does not depend on the rows beside a row. SPACE
/// is the version that made the index, or one that came from it by `frozen` grafts alone.
///
/// Reads INDEX, SPACE and TABLE; writes one line for each row that was found, the most similar first, with the columns
/// `rank` (from 1), `neighbour` (its key) and `similarity`, as CSV to stdout, or as CSV or Parquet to --out, and a
/// report to stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft neighbours customers.index v1.tabgraft new.csv --key customer_id -k 5")]
pub struct NeighboursArgs {
    /// The index
    index: PathBuf,
    /// The embedding space
    space: PathBuf,
    /// Most rows to find for each row, at least 1
    #[arg(long, short, value_name = "N", default_value_t = SearchOptions::default().k)]
    k: usize,
    /// What is near: the cosine of the angle between two vectors, or their dot product
    #[arg(long, value_enum, default_value_t)]
    similarity: SimilarityArg,
    /// The key of a row that may be found; may be repeated [default: all]
    #[arg(long, value_name = "KEY")]
    among: Vec<String>,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

/// The words of [`Similarity`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum SimilarityArg {
    /// -1 to 1, 1 for the same direction
    #[default]
    Cosine,
    /// Any number
    Dot,
}

/// What `neighbours` reports.
#[derive(Debug, Serialize)]
struct NeighboursReport {
    space: String,
    /// The space whose vectors the index holds, and the id of its version.
    index_space: String,
    index_version: String,
    similarity: &'static str,
    n_rows: usize,
    n_rows_index: usize,
    columns: ColumnReport,
}

impl NeighboursArgs {
    /// Searches, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let index = RowIndex::load(&self.index)?;
        let space = EmbeddingSpace::load(&self.space)?;
        let similarity = match self.similarity {
            SimilarityArg::Cosine => Similarity::Cosine,
            SimilarityArg::Dot => Similarity::Dot,
        };
        let among = (!self.among.is_empty()).then(|| self.among.clone());
        let options = SearchOptions { k: self.k, similarity, among };
        // Seen before the work.
        index.search(&space, &[], &options)?;
        let parts = self.rows.parts(&self.space, &space.read_options(), space.needs(), console)?;
        let mut stream = space.stream(self.errors.errors());
        self.rows.write_rows(parts, console, |part| {
            let found = index.search(&space, &stream.embed(part)?, &options)?;
            let rows: Vec<u32> = (0u32..).zip(&found).flat_map(|(i, found)| vec![i; found.len()]).collect();
            let ranks = found.iter().flat_map(|found| 1..=found.len() as u32);
            let all = || found.iter().flatten();
            let columns: Vec<(String, ArrayRef)> = vec![
                ("rank".to_owned(), Arc::new(UInt32Array::from_iter_values(ranks))),
                (
                    "neighbour".to_owned(),
                    Arc::new(all().map(|n| Some(&index.keys()[n.row])).collect::<StringArray>()),
                ),
                (
                    "similarity".to_owned(),
                    Arc::new(Float32Array::from_iter_values(all().map(|n| n.similarity))),
                ),
            ];
            Ok((part.take(&rows)?, columns))
        })?;
        let remarks = stream.finish();
        table_notes(&remarks, console);
        console.side_report(&NeighboursReport {
            space: space.name().to_owned(),
            index_space: index.space_name().to_owned(),
            index_version: index.version().to_owned(),
            similarity: similarity.name(),
            n_rows: remarks.n_rows,
            n_rows_index: index.n_rows(),
            columns: remarks.report,
        })?;
        Ok(Answer::Yes)
    }
}

impl Report for NeighboursReport {
    fn text(&self) -> String {
        line!(
            "{} rows looked for among {} by `{}`, in the coordinates of `{}` (version {})",
            self.n_rows,
            self.n_rows_index,
            self.space,
            self.index_space,
            self.index_version.get(..12).unwrap_or(&self.index_version)
        )
    }
}
