//! Missing cells, filled with what the rest of their row lets expect.
//!
//! All missing cells of a row are hidden together, and each gets a value from its column's distribution. Nothing is
//! overwritten: a column with filled cells is another one, behind the table's own.

mod values;

use arrow::array::{ArrayRef, Float64Array};
use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::codec::Codec;
use tabgraft_table::error::near_names;
use tabgraft_table::unreadable::CellErrors;

use crate::EmbeddingSpace;
use crate::error::{Error, Result};
use crate::space::{TableRemarks, cell_tables, hidden_logits, probabilities};
use values::{Told, column_with, told};

/// What a column with filled cells is called, behind its own name, and the one with their probabilities.
const FILLED: &str = "_filled";
const P: &str = "_p";
/// Rows that are numbers at a time.
const CHUNK_ROWS: usize = 4096;
/// Rows that go through the network together.
const TILE_ROWS: usize = 512;

/// Which cells to fill.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FillOptions {
    /// Columns whose missing cells are filled; empty, the default, for all that have some.
    pub fill: Vec<String>,
    /// Least probability of a filled cell, 0 to 1; default 0. Cells that are less sure stay missing.
    pub min_p: f64,
    /// What becomes of cells that cannot be read; default an error.
    pub errors: CellErrors,
}

impl FillOptions {
    /// Checks the range.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        match (0.0..=1.0).contains(&self.min_p) {
            true => Ok(()),
            false => Err(Error::option(format!("`min_p` is {}", self.min_p)).with_hint("0 to 1 is allowed")),
        }
    }
}

/// A table's missing cells, filled.
#[derive(Debug, Clone)]
pub struct Filled {
    /// Two columns for each that has filled cells, one row for each of the table's: `NAME_filled`, the column with values
    /// in its missing cells, and `NAME_p`, the probability of each of these, missing where the cell was there.
    pub added: Table,
    /// Every filled cell, column by column.
    pub cells: Vec<FilledCell>,
    /// Columns with missing cells that stay so, each with the reason.
    pub left: Vec<LeftColumn>,
    /// What there is to say of the table.
    pub remarks: TableRemarks,
}

/// One filled cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilledCell {
    /// From 0.
    pub row: usize,
    /// The column.
    pub column: String,
    /// The value, as text: the most probable category; the mean of the distribution of a number or time.
    pub value: String,
    /// The probability of the class that it lies in.
    pub p: f64,
    /// Of a number or time: the values that are above a tenth and below a tenth of the distribution.
    pub low: Option<String>,
    /// See `low`.
    pub high: Option<String>,
}

/// A column whose missing cells stay missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftColumn {
    /// The column.
    pub column: String,
    /// Its missing cells that stay so.
    pub n_missing: usize,
    /// Why.
    pub reason: String,
}

impl EmbeddingSpace {
    /// Fills missing cells with what the rest of their row lets expect. A row's values have the same bits alone and in any
    /// batch. Texts cannot be told, and a column that the table lacks stays away.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::embed`]; an option error if an option is out of range, names a column that the space does not
    /// know or the table lacks, or if the table has a column of the name that a filled one would get.
    pub fn fill(&self, table: &Table, options: &FillOptions) -> Result<Filled> {
        options.check()?;
        let readable = self.readable(table, options.errors)?;
        let mut remarks =
            TableRemarks { report: self.column_report(&readable.table), ..TableRemarks::default() };
        let made = self.complete(&readable.table)?;
        self.about.check_known(&made.table)?;
        let table = made.table.into_owned();
        let wanted = self.columns_to_fill(&table, options)?;
        let found = self.told_cells(&table, &wanted)?;
        let (mut added, mut cells, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (column, told) in wanted.iter().zip(found) {
            let (spec, codec) = (&self.columns()[*column], &self.codecs()[*column]);
            let name = &spec.name;
            let n_missing = told.len();
            if n_missing == 0 {
                continue;
            }
            if matches!(codec, Codec::Text(_)) || codec.n_targets() < 2 {
                let reason = match codec {
                    Codec::Text(_) => "of a text only single words can be told",
                    _ => "the training's rows had one value or none",
                };
                left.push(LeftColumn { column: name.clone(), n_missing, reason: reason.to_owned() });
                continue;
            }
            let (sure, unsure): (Vec<_>, Vec<_>) =
                told.into_iter().partition(|(_, told)| f64::from(told.p) >= options.min_p);
            if !unsure.is_empty() {
                let reason = format!("less probable than `min_p` {}", options.min_p);
                left.push(LeftColumn { column: name.clone(), n_missing: unsure.len(), reason });
            }
            if sure.is_empty() {
                continue;
            }
            let (array, texts) = column_with(spec, codec, table.column(name)?, &sure)?;
            let mut p = vec![None; table.n_rows()];
            for ((row, told), text) in sure.iter().zip(texts) {
                p[*row] = Some(f64::from(told.p));
                cells.push(FilledCell {
                    row: *row,
                    column: name.clone(),
                    value: text.value,
                    p: f64::from(told.p),
                    low: text.low,
                    high: text.high,
                });
            }
            let p = std::sync::Arc::new(Float64Array::from(p)) as ArrayRef;
            for (suffix, array) in [(FILLED, array), (P, p)] {
                let new = format!("{name}{suffix}");
                if table.all_column_names().contains(&new) {
                    return Err(Error::option(format!("the table has a column `{new}` already"))
                        .with_hint(format!("rename it, or fill other columns than `{name}`")));
                }
                added.push((new, array));
            }
        }
        remarks.add(&readable, made.differing);
        let added = match added.is_empty() {
            true => table.slice(0, table.n_rows()).select(&[])?,
            false => Table::from_columns(added)?,
        };
        Ok(Filled { added, cells, left, remarks })
    }

    /// Which columns to fill, by their places.
    fn columns_to_fill(&self, table: &Table, options: &FillOptions) -> Result<Vec<usize>> {
        let place = |name: &String| {
            let known = self.columns().iter().position(|column| column.name == *name);
            match known.filter(|_| table.has_column(name)) {
                Some(place) => Ok(place),
                None => {
                    let near = near_names(name, self.columns().iter().map(|column| column.name.as_str()));
                    let error = Error::option(match known {
                        Some(_) => format!("option `fill` names column `{name}`, which the table lacks"),
                        None => format!("option `fill` names column `{name}`, which the space does not know"),
                    });
                    Err(match (known, near.first()) {
                        (None, Some(near)) => error.with_hint(format!("did you mean `{near}`?")),
                        _ => error.with_hint("cells of columns that both know can be filled"),
                    })
                }
            }
        };
        if !options.fill.is_empty() {
            return options.fill.iter().map(place).collect();
        }
        let is_there = |c: &usize| table.has_column(&self.columns()[*c].name);
        Ok((0..self.columns().len()).filter(is_there).collect())
    }

    /// What is told of the missing cells of these columns, by row.
    fn told_cells(&self, table: &Table, wanted: &[usize]) -> Result<Vec<Vec<(usize, Told)>>> {
        let n_columns = self.columns().len();
        let mut is_wanted = vec![false; n_columns];
        wanted.iter().for_each(|c| is_wanted[*c] = true);
        let mut found: Vec<Vec<(usize, Told)>> = vec![Vec::new(); wanted.len()];
        let mut p = Vec::new();
        for first in (0..table.n_rows()).step_by(CHUNK_ROWS) {
            let chunk = table.slice(first, CHUNK_ROWS);
            let encoded = self.encode(&chunk)?;
            let groups = cell_tables(&self.network, &encoded);
            let is_missing = |row: usize, c: usize| is_wanted[c] && encoded.columns[c].missing[row];
            let rows: Vec<usize> =
                (0..encoded.n_rows).filter(|row| (0..n_columns).any(|c| is_missing(*row, c))).collect();
            for rows in rows.chunks(TILE_ROWS) {
                let hidden =
                    rows.iter().flat_map(|row| (0..n_columns).map(|c| is_missing(*row, c))).collect();
                let logits = hidden_logits(&self.network, &groups, rows, hidden);
                for (row, logits) in rows.iter().zip(logits.chunks_exact(self.network.n_logits())) {
                    for (found, c) in found.iter_mut().zip(wanted).filter(|(_, c)| is_missing(*row, **c)) {
                        let at = self.network.first_logit[*c]..self.network.first_logit[c + 1];
                        probabilities(&logits[at], &mut p);
                        found.push((first + row, told(&self.codecs()[*c], &p)));
                    }
                }
            }
        }
        Ok(found)
    }
}
