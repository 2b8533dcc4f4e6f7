//! The rows that a model is applied to, and where their results go.

use std::path::{Path, PathBuf};

use arrow::array::ArrayRef;
use clap::Args;
use tabgraft_table::Table;

use super::ReadArgs;
use crate::failure::Failure;
use crate::output::{check_out, table_file, write_table};

/// A table, and its results beside some of its columns.
#[derive(Debug, Clone, Args)]
pub struct RowsArgs {
    /// The table with the rows
    table: PathBuf,
    /// Write here and not to stdout, which is `-`: Parquet if the name ends in `.parquet`, else CSV
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A column of the table to put in front; may be repeated
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    #[command(flatten)]
    read: ReadArgs,
}

impl RowsArgs {
    /// Reads the table, unless its results would be written over it or over the model. That they can be
    /// written at all, and that the keys are there, is seen before the work.
    pub fn table(&self, model: &Path) -> Result<Table, Failure> {
        if let Some(out) = table_file(self.out.as_deref()) {
            check_out(out, &[model, &self.table])?;
        }
        let table = self.read.table(&self.table)?;
        for name in &self.key {
            table.column(name)?;
        }
        Ok(table)
    }

    /// Writes the keys of `table` and, beside them, results.
    pub fn write(
        &self,
        table: &Table,
        results: impl IntoIterator<Item = (String, ArrayRef)>,
    ) -> Result<(), Failure> {
        let mut columns = Vec::new();
        for name in &self.key {
            columns.push((name.clone(), table.column(name)?.clone()));
        }
        columns.extend(results);
        write_table(&Table::from_columns(columns)?, table_file(self.out.as_deref()))
    }
}
