//! `embed`: one vector per row of a table.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array};
use clap::Args;
use serde::Serialize;
use tabgraft_feature::Differing;
use tabgraft_model::EmbeddingSpace;
use tabgraft_model::space::{ColumnReport, UnseenColumn, vector_column};
use tabgraft_table::unreadable::UnreadableColumn;

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, RowsArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::table_notes;
use crate::report::{Report, line};

/// Embed each row of a table: columns z0, z1, ...
///
/// A row's vector has the same bits alone, in any batch and in any order. Columns that the space
/// does not know are named on stderr and not used; columns that the table lacks count as missing.
///
/// --vector-column writes each vector into one column, as a list of fixed size, which is what vector stores take.
///
/// Reads SPACE and TABLE; writes CSV to stdout, or CSV or Parquet to --out, and a report to stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft embed v1.tabgraft customers.csv --key customer_id -o vectors.parquet
  tabgraft embed v1.tabgraft customers.csv --key customer_id --vector-column z -o z.parquet")]
pub struct EmbedArgs {
    /// The embedding space
    space: PathBuf,
    /// Write the vectors as one column of this name in place of z0, z1, ...; to Parquet alone
    #[arg(long, value_name = "NAME")]
    vector_column: Option<String>,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

/// What `embed` reports.
#[derive(Debug, Serialize)]
struct EmbedReport {
    space: String,
    n_rows: usize,
    d_model: usize,
    columns: ColumnReport,
    /// Columns with cells that cannot be read and count as missing.
    unreadable: Vec<UnreadableColumn>,
    /// Columns whose cells are mostly values that training has not seen.
    unseen: Vec<UnseenColumn>,
    /// Features that the table had, with cells that are not what the feature gives.
    differing: Vec<Differing>,
}

impl EmbedArgs {
    /// Embeds, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        if self.vector_column.is_some() && !self.rows.are_parquet() {
            return Err(Failure::new(
                "`--vector-column` needs a file of Parquet: text has no column of vectors",
            )
            .with_hint("give a name with `-o` that ends in `.parquet`"));
        }
        let space = EmbeddingSpace::load(&self.space)?;
        let parts = self.rows.parts(&self.space, &space.read_options(), space.needs(), console)?;
        let (d_model, mut stream) = (space.d_model(), space.stream(self.errors.errors()));
        self.rows.write_parts(parts, console, |part| {
            let values = stream.embed(part)?;
            if let Some(name) = &self.vector_column {
                return Ok(vec![(name.clone(), vector_column(values, d_model)?)]);
            }
            let coordinate = |i: usize| {
                let values = values.iter().skip(i).step_by(d_model).copied();
                (format!("z{i}"), Arc::new(Float32Array::from_iter_values(values)) as ArrayRef)
            };
            Ok((0..d_model).map(coordinate).collect())
        })?;
        let remarks = stream.finish();
        table_notes(&remarks, console);
        console.side_report(&EmbedReport {
            space: space.name().to_owned(),
            n_rows: remarks.n_rows,
            d_model,
            columns: remarks.report,
            unreadable: remarks.unreadable,
            unseen: remarks.unseen,
            differing: remarks.differing,
        })?;
        Ok(Answer::Yes)
    }
}

impl Report for EmbedReport {
    fn text(&self) -> String {
        line!("{} rows embedded by `{}` in {} coordinates", self.n_rows, self.space, self.d_model)
    }
}
