//! Tables with cells that cannot be read, as models take them.

use tabgraft_table::Table;
use tabgraft_table::schema::{ColumnSpec, Kind};
use tabgraft_table::split::SplitBy;
use tabgraft_table::unreadable::{CellErrors, Readable};

use super::{About, EmbeddingSpace};
use crate::error::Result;

impl EmbeddingSpace {
    /// The table to embed: with [`CellErrors::Missing`], cells that cannot be read as their column's kind are
    /// missing and counted.
    ///
    /// # Errors
    /// As [`CellErrors::treat`].
    pub fn readable(&self, table: &Table, errors: CellErrors) -> Result<Readable> {
        errors.treat(&self.about.columns, table)
    }

    /// The table to compare two spaces on, as [`EmbeddingSpace::readable_to_split`] of both.
    ///
    /// # Errors
    /// As [`CellErrors::treat`].
    pub fn readable_to_compare(&self, other: &Self, table: &Table, errors: CellErrors) -> Result<Readable> {
        let first = self.readable_to_split(table, errors)?;
        Ok(other.readable_to_split(&first.table, errors)?.after(first.unreadable))
    }

    /// The table whose rows are told apart, as [`EmbeddingSpace::readable`]: cells of the times that the split goes
    /// by are told as well.
    ///
    /// # Errors
    /// As [`CellErrors::treat`].
    pub fn readable_to_split(&self, table: &Table, errors: CellErrors) -> Result<Readable> {
        let mut specs = self.about.columns.clone();
        specs.extend(self.about.time_beside());
        errors.treat(&specs, table)
    }
}

impl About {
    /// The column of times that the split goes by, if it is none of the space's.
    pub(crate) fn time_beside(&self) -> Option<ColumnSpec> {
        let SplitBy::Time { column, date_format, .. } = &self.split.by else { return None };
        let kind = if date_format.is_some() { Kind::Timestamp } else { Kind::Numeric };
        let is_own = self.columns.iter().any(|own| own.name == *column);
        (!is_own).then(|| ColumnSpec { date_format: date_format.clone(), ..unnamed(column, kind) })
    }
}

/// A column that no schema describes.
pub(crate) fn unnamed(name: &str, kind: Kind) -> ColumnSpec {
    ColumnSpec { name: name.to_owned(), kind, reason: String::new(), date_format: None }
}
