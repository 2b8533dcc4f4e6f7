//! Rows of encoded cells as learners see them: whole, or with some cells hidden.

use std::ops::Range;

use rayon::prelude::*;
use tabgraft_table::encoded::EncodedTable;

/// Rows that learners are asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    pub cells: &'a EncodedTable,
    /// Rows of the cells, each as often as it is asked about.
    pub rows: &'a [usize],
    /// `[rows.len(), n_columns]` of the cells' columns: cells that may not be seen. None where all may.
    pub hidden: Option<&'a [bool]>,
}

impl<'a> Sight<'a> {
    fn part(&self, rows: Range<usize>) -> Sight<'a> {
        let n_columns = self.cells.columns.len();
        let hidden = self.hidden.map(|hidden| &hidden[rows.start * n_columns..rows.end * n_columns]);
        Sight { cells: self.cells, rows: &self.rows[rows], hidden }
    }

    /// Blocks of so many rows, the last of which may be shorter.
    pub fn blocks(self, n_rows: usize) -> impl IndexedParallelIterator<Item = Sight<'a>> {
        let n = self.rows.len();
        (0..n.div_ceil(n_rows)).into_par_iter().map(move |i| self.part(i * n_rows..n.min((i + 1) * n_rows)))
    }

    /// Which columns are hidden from the `i`th of the rows.
    pub fn hidden_of(&self, i: usize) -> Option<&'a [bool]> {
        let n_columns = self.cells.columns.len();
        self.hidden.map(|hidden| &hidden[i * n_columns..(i + 1) * n_columns])
    }
}
