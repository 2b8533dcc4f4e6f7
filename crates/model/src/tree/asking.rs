//! What trees ask of a row: columns of numbers, cut into bins.

use std::collections::BTreeMap;

use tabgraft_table::encoded::EncodedTable;

use super::Question;
use super::asked::AskedColumn;
use super::borders::Borders;
use super::columns::{Columns, Plan};
use crate::error::{Error, Result};
use crate::store::Blob;

/// Which columns of numbers there are, what they say of categories, and where they are cut.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asking {
    pub plan: Plan,
    /// `[plan.n_statistics()]`.
    pub statistics: Vec<f32>,
    pub borders: Borders,
}

/// Columns of some rows that are the same for all trees of one plan, as soon as one of them asks about them.
pub(super) struct Shared(Vec<Option<Vec<f32>>>);

impl Shared {
    pub fn new(plan: &Plan) -> Self {
        Shared(vec![None; plan.n_columns()])
    }
}

impl Asking {
    /// Bins of some rows of a table in the columns `asked`; the other columns are empty.
    ///
    /// # Shapes
    /// - returns: `[plan.n_columns()][rows.len()]`
    pub fn bins(
        &self,
        asked: &[usize],
        table: &EncodedTable,
        rows: &[usize],
        shared: &mut Shared,
    ) -> Vec<Vec<u8>> {
        let mut bins = vec![Vec::new(); self.plan.n_columns()];
        for column in asked {
            let make = || Columns::one(&self.plan, *column, table, rows, &self.statistics);
            bins[*column] = if self.plan.is_statistic(*column) {
                self.borders.bins_of(*column, &make())
            } else {
                self.borders.bins_of(*column, shared.0[*column].get_or_insert_with(make))
            };
        }
        bins
    }

    /// Columns that questions ask about, in order.
    pub fn asked(&self, questions: impl Iterator<Item = Question>) -> Vec<usize> {
        let mut is_asked = vec![false; self.plan.n_columns()];
        questions.for_each(|question| is_asked[usize::from(question.column)] = true);
        (0..is_asked.len()).filter(|column| is_asked[*column]).collect()
    }

    /// Which cells of the columns `asked` are hidden from a row.
    ///
    /// # Shapes
    /// - `hidden`: `[n_rows, n_columns]` of an encoded table's columns; returns: as [`Asking::bins`]
    pub fn hidden_cells(&self, asked: &[usize], hidden: &[bool], n_columns: usize) -> Vec<Vec<bool>> {
        let mut cells = vec![Vec::new(); self.plan.n_columns()];
        for column in asked {
            let own = hidden.iter().skip(self.plan.encoded_column(*column)).step_by(n_columns);
            cells[*column] = own.copied().collect();
        }
        cells
    }

    /// Columns of questions, for those who write them in another language.
    pub fn columns(&self, asked: &[usize]) -> Vec<AskedColumn> {
        let column = |column: &usize| AskedColumn {
            source: self.plan.source(*column).in_words(&self.statistics),
            absent: self.borders.number_of_missing(*column),
        };
        asked.iter().map(column).collect()
    }

    /// As tensors, named below `prefix`.
    pub fn to_blobs(&self, prefix: &str, blobs: &mut BTreeMap<String, Blob>) {
        let [missing, ends, borders] = self.borders.flat();
        let statistics = self.statistics.clone();
        for (name, data) in
            [("statistics", statistics), ("missing", missing), ("border_ends", ends), ("borders", borders)]
        {
            blobs.insert(format!("{prefix}.{name}"), Blob { shape: vec![data.len()], data });
        }
    }

    /// Reads it from its tensors, which are taken out.
    ///
    /// # Errors
    /// Malformed content that names the tensor and what is wrong with it.
    pub fn from_blobs(plan: Plan, prefix: &str, blobs: &mut BTreeMap<String, Blob>) -> Result<Self> {
        let statistics = take(prefix, "statistics", blobs)?;
        if statistics.data.len() != plan.n_statistics() {
            return Err(wrong_shape(prefix, "statistics", &statistics, format!("[{}]", plan.n_statistics())));
        }
        let [missing, ends, edges] = [
            take(prefix, "missing", blobs)?,
            take(prefix, "border_ends", blobs)?,
            take(prefix, "borders", blobs)?,
        ];
        let borders = Borders::from_flat([&missing.data, &ends.data, &edges.data], plan.n_columns())
            .ok_or_else(|| Error::malformed(format!("the borders of `{prefix}` do not rise")))?;
        Ok(Asking { plan, statistics: statistics.data, borders })
    }
}

/// Takes a tensor out.
///
/// # Errors
/// Malformed content where there is none of this name.
pub(super) fn take(prefix: &str, name: &str, blobs: &mut BTreeMap<String, Blob>) -> Result<Blob> {
    let name = format!("{prefix}.{name}");
    blobs.remove(&name).ok_or_else(|| Error::malformed(format!("there is no tensor `{name}`")))
}

/// A tensor has not the shape that it must have.
pub(super) fn wrong_shape(prefix: &str, name: &str, found: &Blob, wanted: String) -> Error {
    Error::malformed(format!("tensor `{prefix}.{name}` has the shape {:?}, not {wanted}", found.shape))
}
