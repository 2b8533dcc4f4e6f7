//! `embed`: one vector per row of a table.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array};
use clap::Args;
use serde::Serialize;
use tabgraft_model::EmbeddingSpace;
use tabgraft_model::space::ColumnReport;
use tabgraft_table::Table;

use crate::answer::Answer;
use crate::arguments::ReadArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{check_out, write_table};
use crate::report::{Report, column_notes};

/// Embed each row of a table: columns z0, z1, ...
///
/// A row's vector has the same bits alone, in any batch and in any order. Columns that the space
/// does not know are named on stderr and not used; columns that the table lacks count as missing.
///
/// Reads SPACE and TABLE; writes CSV to stdout, or CSV or Parquet to --out, and a report to stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft embed v1.tabgraft customers.csv --key customer_id -o vectors.parquet")]
pub struct EmbedArgs {
    /// The embedding space
    space: PathBuf,
    /// The rows to embed
    table: PathBuf,
    /// Write here and not to stdout: Parquet if the name ends in `.parquet`, else CSV
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A column of the table to put in front; may be repeated
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `embed` reports.
#[derive(Debug, Serialize)]
struct EmbedReport {
    space: String,
    n_rows: usize,
    d_model: usize,
    columns: ColumnReport,
}

impl EmbedArgs {
    /// Embeds, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        if let Some(out) = &self.out {
            check_out(out, &[&self.space, &self.table])?;
        }
        let space = EmbeddingSpace::load(&self.space)?;
        let table = self.read.table(&self.table)?;
        let embeddings = space.embed(&table)?;
        let d_model = embeddings.d_model;
        let mut columns = key_columns(&table, &self.key)?;
        for i in 0..d_model {
            let values = embeddings.values.iter().skip(i).step_by(d_model).copied();
            columns.push((format!("z{i}"), Arc::new(Float32Array::from_iter_values(values)) as ArrayRef));
        }
        write_table(&Table::from_columns(columns)?, self.out.as_deref())?;
        column_notes(&embeddings.report, console);
        console.side_report(&EmbedReport {
            space: space.name().to_owned(),
            n_rows: embeddings.n_rows,
            d_model,
            columns: embeddings.report,
        })?;
        Ok(Answer::Yes)
    }
}

/// Columns of the table that go in front of the results.
pub fn key_columns(table: &Table, names: &[String]) -> Result<Vec<(String, ArrayRef)>, Failure> {
    names.iter().map(|name| Ok((name.clone(), table.column(name)?.clone()))).collect()
}

impl Report for EmbedReport {
    fn text(&self) -> String {
        format!("{} rows embedded by `{}` in {} coordinates\n", self.n_rows, self.space, self.d_model)
    }
}
