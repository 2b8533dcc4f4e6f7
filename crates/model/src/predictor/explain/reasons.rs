//! An explanation for those who read it: reasons of single rows, and contributions as columns of a table.

use std::ops::Range;

use serde::Serialize;
use tabgraft_table::cell::categories;

use super::{Explanation, Method};
use crate::error::Result;

/// Why a row is predicted as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReasonsOfRow {
    /// The row, from 0.
    pub row: usize,
    /// `[outputs.len()]`.
    pub prediction: Vec<f64>,
    /// The output that reasons are sorted for: the one with the greatest prediction.
    pub output: usize,
    /// The greatest contribution first, whatever its sign.
    pub reasons: Vec<Reason>,
}

/// What a column gave to a row's prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// The column, or the group.
    pub column: String,
    /// The cell as text; none where it is missing, and for a group of columns.
    pub cell: Option<String>,
    /// `[outputs.len()]`.
    pub contribution: Vec<f64>,
    /// `[outputs.len()]`: 0 where contributions are exact.
    pub standard_error: Vec<f64>,
}

impl Explanation {
    /// The reasons of some rows; those beyond the last are passed over.
    ///
    /// # Errors
    /// As [`Explanation::cells`].
    pub fn reasons(&self, rows: Range<usize>) -> Result<Vec<ReasonsOfRow>> {
        let (n, k) = (self.columns.len(), self.outputs.len());
        let rows = rows.start.min(self.n_rows())..rows.end.min(self.n_rows());
        let cells: Vec<Vec<Option<String>>> =
            (0..n).map(|i| self.cells_of(i, rows.clone())).collect::<Result<_>>()?;
        let of_row = |row: usize| {
            let prediction = self.predictions[row * k..(row + 1) * k].to_vec();
            let greater = |a: &usize, b: &usize| prediction[*a].total_cmp(&prediction[*b]).then(b.cmp(a));
            let output = (0..k).max_by(greater).unwrap_or(0);
            let given: Vec<f64> = self.of_row(row, output).collect();
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|a, b| given[*b].abs().total_cmp(&given[*a].abs()).then(a.cmp(b)));
            let own = |values: &[f64], column: usize| values[(row * n + column) * k..][..k].to_vec();
            let reason = |column: usize| Reason {
                column: self.columns[column].name.clone(),
                cell: cells[column][row - rows.start].clone(),
                contribution: own(&self.contributions, column),
                standard_error: own(&self.standard_errors, column),
            };
            ReasonsOfRow { row, output, reasons: order.into_iter().map(reason).collect(), prediction }
        };
        Ok(rows.clone().map(of_row).collect())
    }

    /// The cells of the column that contributions belong to, as text; none where one is missing, and for a group of
    /// several columns.
    ///
    /// # Shapes
    /// - returns: `[n_rows]`
    ///
    /// # Errors
    /// A schema error for a column of a type that cannot be read.
    pub fn cells(&self, column: usize) -> Result<Vec<Option<String>>> {
        self.cells_of(column, 0..self.n_rows())
    }

    fn cells_of(&self, column: usize, rows: Range<usize>) -> Result<Vec<Option<String>>> {
        match &self.columns[column].columns[..] {
            [name] if self.table.has_column(name) => {
                let cells = categories(name, &self.table.column(name)?.slice(rows.start, rows.len()))?;
                Ok(cells.iter().map(|cell| cell.map(str::to_owned)).collect())
            }
            _ => Ok(vec![None; rows.len()]),
        }
    }

    /// The contributions as columns with a line for each row and output: `base`, `prediction`, `contribution_COLUMN` of
    /// each column, and `standard_error_COLUMN` where orders were drawn.
    ///
    /// # Shapes
    /// - returns: each column `[n_rows * outputs.len()]`
    pub fn frame(&self) -> Vec<(String, Vec<f64>)> {
        let (n, k) = (self.columns.len(), self.outputs.len());
        let mut frame = vec![
            ("base".to_owned(), self.base.repeat(self.n_rows())),
            ("prediction".to_owned(), self.predictions.clone()),
        ];
        let mut add = |kind: &str, values: &[f64]| {
            for (i, column) in self.columns.iter().enumerate() {
                let own = values.chunks_exact(n * k).flat_map(|row| &row[i * k..(i + 1) * k]);
                frame.push((format!("{kind}_{}", column.name), own.copied().collect()));
            }
        };
        add("contribution", &self.contributions);
        if self.method != Method::Exact {
            add("standard_error", &self.standard_errors);
        }
        frame
    }
}
