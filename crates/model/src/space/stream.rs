//! Embedding a table that comes part by part: what there is to say of it is counted over all parts.

use std::collections::BTreeMap;

use tabgraft_feature::Differing;
use tabgraft_table::Table;
use tabgraft_table::unreadable::{CellErrors, Readable, UnreadableColumn};

use super::{ColumnReport, EmbeddingSpace, UnseenColumn, UnseenCounts};
use crate::error::Result;

/// What there is to say of a table, besides its vectors or predictions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableRemarks {
    /// Rows of all parts.
    pub n_rows: usize,
    /// What became of the table's columns.
    pub report: ColumnReport,
    /// Columns with cells that cannot be read and count as missing.
    pub unreadable: Vec<UnreadableColumn>,
    /// Columns whose cells are all or mostly values that no training row had.
    pub unseen: Vec<UnseenColumn>,
    /// Features that the table had, with cells that are not what the feature gives.
    pub differing: Vec<Differing>,
}

/// Embeds the parts of a table one after the other: each row's vector has the bits that it has in
/// [`EmbeddingSpace::embed`] of the whole, and memory is that of one part.
pub struct EmbeddingStream<'a> {
    space: &'a EmbeddingSpace,
    errors: CellErrors,
    remarks: TableRemarks,
    unseen: UnseenCounts,
}

impl EmbeddingSpace {
    /// Begins with a table that comes part by part; `errors` says what becomes of cells that cannot be read.
    pub fn stream(&self, errors: CellErrors) -> EmbeddingStream<'_> {
        EmbeddingStream {
            space: self,
            errors,
            remarks: TableRemarks::default(),
            unseen: UnseenCounts::default(),
        }
    }
}

impl EmbeddingStream<'_> {
    /// The vectors of the next part.
    ///
    /// # Shapes
    /// - returns: `[n_rows, d_model]`
    ///
    /// # Errors
    /// As [`EmbeddingSpace::embed`] and [`EmbeddingSpace::readable`]; rows are counted from the first part's first.
    pub fn embed(&mut self, part: &Table) -> Result<Vec<f32>> {
        let (space, n_before) = (self.space, self.remarks.n_rows);
        let readable = space.readable(part, self.errors)?;
        let made = space.complete(&readable.table)?;
        space.about.check_known(&made.table)?;
        if n_before == 0 {
            self.remarks.report = space.column_report(&readable.table);
        }
        let unseen = &mut self.unseen;
        let values = space.embed_rows(&made.table, &mut |encoded, chunk| {
            unseen.update_part(space.columns(), encoded, chunk)
        })?;
        self.remarks.add(&readable, made.differing);
        Ok(values)
    }

    /// What there is to say of all parts.
    pub fn finish(self) -> TableRemarks {
        let unseen = self.unseen.mostly_of_parts(self.space.columns(), self.space.codecs());
        TableRemarks { unseen, ..self.remarks }
    }
}

impl TableRemarks {
    /// Adds what there is to say of the next part.
    pub(crate) fn add(&mut self, part: &Readable, differing: Vec<Differing>) {
        self.n_rows += part.table.n_rows();
        let mut columns: BTreeMap<String, UnreadableColumn> =
            std::mem::take(&mut self.unreadable).into_iter().map(|c| (c.name.clone(), c)).collect();
        for column in &part.unreadable {
            let first = || UnreadableColumn { n_unreadable: 0, ..column.clone() };
            columns.entry(column.name.clone()).or_insert_with(first).n_unreadable += column.n_unreadable;
        }
        let all = columns.into_values().map(|column| UnreadableColumn { n_rows: self.n_rows, ..column });
        self.unreadable = all.collect();
        for column in differing {
            match self.differing.iter_mut().find(|known| known.name == column.name) {
                Some(known) => {
                    known.n_differing += column.n_differing;
                    known.n_compared += column.n_compared;
                }
                None => self.differing.push(column),
            }
        }
    }
}
