//! What became of a table's columns.

use serde::Serialize;
use tabgraft_model::EmbeddingSpace;
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn, Kind};
use tabgraft_table::table::quoted;

use super::{Grid, line};

/// The columns of a space, each with its reason.
#[derive(Debug, Clone, Serialize)]
pub struct SchemaReport {
    /// Used columns: name, kind, reason, date format.
    pub columns: Vec<ColumnSpec>,
    /// Columns that are left out.
    pub excluded: Vec<ExcludedColumn>,
    /// Things that the user should hear about the data.
    pub notes: Vec<String>,
}

impl SchemaReport {
    /// The columns of a space.
    pub fn of(space: &EmbeddingSpace) -> Self {
        SchemaReport {
            columns: space.columns().to_vec(),
            excluded: space.excluded().to_vec(),
            notes: space.notes().to_vec(),
        }
    }

    /// Used columns by kind, then those left out; notes are said while training.
    pub fn text(&self) -> String {
        let mut text = line!("{} column(s) used", self.columns.len());
        let mut grid = Grid::new(["kind", "column", "because"]);
        for kind in [Kind::Numeric, Kind::Categorical, Kind::Boolean, Kind::Timestamp, Kind::Text] {
            for column in self.columns.iter().filter(|c| c.kind == kind) {
                grid.row([kind.word().to_owned(), column.name.clone(), column.reason.clone()]);
            }
        }
        text += &grid.text();
        if !self.excluded.is_empty() {
            text += &line!("{} column(s) left out", self.excluded.len());
            let mut grid = Grid::new(["column", "because"]);
            for column in &self.excluded {
                grid.row([column.name.clone(), column.reason.clone()]);
            }
            text += &grid.text();
        }
        text
    }
}

/// Names in backticks, or `none`.
pub fn names<S: AsRef<str>>(names: &[S]) -> String {
    if names.is_empty() { "none".to_owned() } else { quoted(names) }
}
