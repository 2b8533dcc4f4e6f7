//! The rows that a model is applied to, and where their results go.

use std::path::{Path, PathBuf};

use arrow::array::ArrayRef;
use clap::Args;
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, TableParts, Wanted};

use super::ReadArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{check_out, is_parquet, table_file, write_parts};

/// A table, and its results beside some of its columns.
#[derive(Debug, Clone, Args)]
pub struct RowsArgs {
    /// The table with the rows: a file, a folder of files, or a pattern in quotes such as 'part-*.parquet'; `-` reads it
    /// from standard input
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
    /// Whether the rows are written as Parquet, which can hold more than text.
    pub fn are_parquet(&self) -> bool {
        is_parquet(self.out.as_deref())
    }

    /// Reads what a model needs of the table, as that of the model, part by part, unless its results would be written
    /// over it or over the model's file. That they can be written at all is seen before the work.
    pub fn parts(
        &self,
        model: &Path,
        how: &ReadOptions,
        needs: Wanted,
        console: &Console,
    ) -> Result<TableParts, Failure> {
        if let Some(out) = table_file(self.out.as_deref())? {
            check_out(out, &[model, &self.table])?;
        }
        let how = ReadOptions { columns: needs.and(&self.key), ..how.clone() };
        self.read.parts_like(&self.table, &how, console)
    }

    /// As [`RowsArgs::parts`], the whole table at once.
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
        self.keys(&table)?;
        Ok(table)
    }

    /// Reads another table, as that of the model.
    pub fn other(
        &self,
        path: &Path,
        how: &ReadOptions,
        needs: Wanted,
        console: &Console,
    ) -> Result<Table, Failure> {
        self.read.table_like(path, &ReadOptions { columns: needs, ..how.clone() }, console)
    }

    /// Writes the keys of `table` and, beside them, results.
    pub fn write(
        &self,
        table: &Table,
        results: impl IntoIterator<Item = (String, ArrayRef)>,
    ) -> Result<(), Failure> {
        let mut columns = self.keys(table)?;
        columns.extend(results);
        let table = Table::from_columns(columns)?;
        write_parts(table_file(self.out.as_deref())?, |write| write(&table))
    }

    fn keys(&self, table: &Table) -> Result<Vec<(String, ArrayRef)>, Failure> {
        self.key.iter().map(|name| Ok((name.clone(), table.column(name)?.clone()))).collect()
    }

    /// Writes the keys of each part and, beside them, the results that `work` makes of it.
    pub fn write_parts(
        &self,
        parts: TableParts,
        console: &Console,
        mut work: impl FnMut(&Table) -> tabgraft_model::Result<Vec<(String, ArrayRef)>>,
    ) -> Result<(), Failure> {
        self.write_rows(parts, console, |part| Ok((part.clone(), work(part)?)))
    }

    /// As [`RowsArgs::write_parts`], where `work` also says which rows the results belong to: those of a table with
    /// the part's columns.
    pub fn write_rows(
        &self,
        mut parts: TableParts,
        console: &Console,
        mut work: impl FnMut(&Table) -> tabgraft_model::Result<(Table, Vec<(String, ArrayRef)>)>,
    ) -> Result<(), Failure> {
        write_parts(table_file(self.out.as_deref())?, |write| {
            while let Some(part) = parts.next().transpose()? {
                part.origin().notes.iter().for_each(|note| console.note(note));
                self.keys(&part)?;
                let (rows, results) = work(&part).map_err(|e| match parts.file() {
                    Some(file) => e.at(format!("`{file}`")),
                    None => e,
                })?;
                let mut columns = self.keys(&rows)?;
                columns.extend(results);
                write(&Table::from_columns(columns)?)?;
            }
            Ok(())
        })
    }
}
