//! The rows that a model is applied to, and where their results go.

use std::path::{Path, PathBuf};

use arrow::array::ArrayRef;
use clap::Args;
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, Wanted};

use super::ReadArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{check_out, table_file, write_table};

/// A table, and its results beside some of its columns.
#[derive(Debug, Clone, Args)]
pub struct RowsArgs {
    /// The table with the rows; `-` reads it from standard input
    table: PathBuf,
    /// Write here and not to stdout, which is `-`: Parquet if the name ends in `.parquet`, else CSV,
    /// compressed if it ends in `.gz`
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A column of the table to put in front; may be repeated
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    #[command(flatten)]
    read: ReadArgs,
}

impl RowsArgs {
    /// Reads what a model needs of the table, as that of the model, unless its results would be written
    /// over it or over the model's file. That they can be written at all, and that the keys are there, is
    /// seen before the work.
    pub fn table(
        &self,
        model: &Path,
        how: &ReadOptions,
        needs: Wanted,
        console: &Console,
    ) -> Result<Table, Failure> {
        if let Some(out) = table_file(self.out.as_deref())? {
            check_out(out, &[model, &self.table])?;
        }
        let how = ReadOptions { columns: needs.and(&self.key), ..how.clone() };
        let table = self.read.table_like(&self.table, &how, console)?;
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
        write_table(&Table::from_columns(columns)?, table_file(self.out.as_deref())?)
    }
}
