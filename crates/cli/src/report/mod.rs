//! Results as text for people and as JSON with stable keys for programs.

mod columns;
mod lineage;
mod run;
mod scores;

use serde::Serialize;
use tabgraft_table::visible;

pub use columns::{SchemaReport, names};
pub use lineage::{lineage_text, outcome_text, phases_text};
pub use run::RunReport;
pub use scores::{
    difference_text, effects_text, learners_text, reliability_text, scores_text, test_scores_text,
    threshold_text,
};
pub use tabgraft_table::grid::Grid;

/// A line of a report: as `format!`, but one line, whatever the names in it hold.
macro_rules! line {
    ($($what:tt)*) => {
        $crate::report::as_line(&format!($($what)*))
    };
}
pub(crate) use line;

/// What [`line!`] makes of its text.
pub fn as_line(text: &str) -> String {
    visible(text).into_owned() + "\n"
}

/// What a command found out. Its JSON is its serde form.
pub trait Report: Serialize {
    /// For people: whole lines, each made by [`line!`] or a [`Grid`].
    fn text(&self) -> String;
}

/// A loss, score or distance with four digits; a dash where there is none.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"))
}
