//! Results as text for people and as JSON with stable keys for programs.

mod columns;
mod grid;
mod lineage;
mod scores;

use serde::Serialize;

pub use columns::{SchemaReport, column_notes, names};
pub use grid::Grid;
pub use lineage::{lineage_text, phases_text};
pub use scores::{difference_text, effects_text, scores_text};

/// What a command found out. Its JSON is its serde form.
pub trait Report: Serialize {
    /// For people: whole lines.
    fn text(&self) -> String;
}

/// A loss, score or distance with four digits; a dash where there is none.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"))
}
