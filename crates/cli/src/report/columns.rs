//! What became of a table's columns.

use serde::Serialize;
use tabgraft_feature::Differing;
use tabgraft_model::EmbeddingSpace;
use tabgraft_model::space::{ColumnReport, UnseenColumn};
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn, Kind};
use tabgraft_table::table::quoted;
use tabgraft_table::unreadable::UnreadableColumn;

use super::{Grid, line};
use crate::console::Console;

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

/// Says which columns of a table hold values that training has mostly not seen.
pub fn unseen_notes(unseen: &[UnseenColumn], console: &Console) {
    for column in unseen {
        console.warn(&column.to_string());
    }
}

/// Says which columns of a table have cells that cannot be read, and count as missing.
pub fn unreadable_notes(unreadable: &[UnreadableColumn], console: &Console) {
    for column in unreadable {
        console.warn(&column.to_string());
    }
}

/// Says which columns of a table are not what their features give.
pub fn differing_notes(differing: &[Differing], console: &Console) {
    for column in differing {
        console.warn(&format!("{column}; it is used as it is"));
    }
}

/// Says which columns of a table were not used and which were not there.
pub fn column_notes(report: &ColumnReport, console: &Console) {
    let (unknown, left_out): (Vec<_>, Vec<_>) = report.ignored_columns.iter().partition(|c| c.unknown);
    let names = |columns: &[&tabgraft_model::space::IgnoredColumn]| {
        quoted(&columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>())
    };
    if !unknown.is_empty() {
        console.note(&format!(
            "not used, the space has never seen them: {}; `tabgraft extend` adds them",
            names(&unknown)
        ));
    }
    if !left_out.is_empty() {
        console.note(&format!("not used, as when the space was trained: {}", names(&left_out)));
    }
    if !report.computed_columns.is_empty() {
        console.note(&format!("features computed: {}", quoted(&report.computed_columns)));
    }
    if !report.missing_columns.is_empty() {
        console.note(&format!(
            "not in the table, their cells count as missing: {}",
            quoted(&report.missing_columns)
        ));
    }
}

/// Names in backticks, or `none`.
pub fn names<S: AsRef<str>>(names: &[S]) -> String {
    if names.is_empty() { "none".to_owned() } else { quoted(names) }
}
