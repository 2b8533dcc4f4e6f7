//! Tables of rows that were drawn from more than memory holds, and the way back to the others.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::Table;
use crate::error::Result;
use crate::row_place::RowPlaces;

/// What the rows of a table were drawn from: it can be gone through again, part by part.
pub trait Whole: Debug + Send + Sync {
    /// Rows that there are.
    fn n_rows(&self) -> u64;

    /// Shows every part to `work`, with those of these columns that there are, each cell as in the drawn rows.
    ///
    /// # Errors
    /// Those of reading and of `work`, with the file where there are several.
    fn each_part(&self, columns: &[String], work: &mut dyn FnMut(&Table) -> Result<()>) -> Result<()>;
}

impl Table {
    /// What the rows were drawn from, if they are not all that there are. Statistics of columns are taken from there.
    pub fn whole(&self) -> Option<&Arc<dyn Whole>> {
        self.whole.as_ref()
    }

    /// The same table, as rows that were drawn from `whole`.
    pub(crate) fn drawn_from(self, whole: Arc<dyn Whole>) -> Self {
        Table { whole: Some(whole), ..self }
    }

    /// The same rows, which stand at these places of several files in a row.
    pub(crate) fn at_rows(self, rows_idx: &[u32]) -> Self {
        Table { rows: RowPlaces::default().take(rows_idx), ..self }
    }

    /// The rows of tables with the same columns, end to end: as [`Table::append`], but each piece is let go of, so
    /// that no more than one column stands in memory twice. Read as the last of them was.
    ///
    /// # Errors
    /// A schema error if a piece lacks a column of the first.
    pub(crate) fn joined(pieces: Vec<Self>) -> Result<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut pieces = pieces.into_iter().peekable();
        while let Some(first) = pieces.next() {
            let schema = first.batch.schema();
            let mut group = vec![first];
            while let Some(next) = pieces.next_if(|next| next.batch.schema() == schema) {
                group.push(next);
            }
            groups.push(Self::of_one_schema(group)?);
        }
        let mut groups = groups.into_iter();
        let Some(mut all) = groups.next() else { return Self::empty() };
        for group in groups {
            all = Table { origin: group.origin.clone(), ..all.append(&group)? };
        }
        Ok(all)
    }

    fn empty() -> Result<Self> {
        Self::new(RecordBatch::new_empty(Arc::new(Schema::empty())))
    }

    fn of_one_schema(mut group: Vec<Self>) -> Result<Self> {
        let Some(last) = group.last() else { return Self::empty() };
        if group.len() == 1 {
            return Ok(group.remove(0));
        }
        let (schema, origin) = (last.batch.schema(), last.origin.clone());
        let rows = RowPlaces::joined(group.iter().map(|piece| (&piece.rows, piece.n_rows())));
        let mut untyped = (*group[0].untyped).clone();
        untyped.retain(|name| group.iter().all(|piece| piece.untyped.contains(name)));
        let batches = group.into_iter().map(|piece| piece.batch).collect();
        Ok(Table { origin, rows, untyped: Arc::new(untyped), ..Self::from_owned_batches(&schema, batches)? })
    }
}
