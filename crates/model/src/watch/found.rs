//! What was found: a verdict, and what became of each column.

use std::collections::HashSet;

use serde::Serialize;
use tabgraft_table::unreadable::UnreadableColumn;

use crate::space::{ColumnReport, UnseenColumn};

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watched {
    /// Whether anything has changed.
    pub changed: bool,
    /// Columns that have, with their words: `values`, `missing`, `unseen`, `surprise`.
    pub changes: Vec<Change>,
    /// Probability of calling anything changed where nothing has.
    pub alpha: f64,
    /// Least population stability index that is called a change.
    pub min_psi: f64,
    /// Rows of the table.
    pub n_rows: usize,
    /// As many different rows would tell as much: copies tell nothing new.
    pub n_effective: f64,
    /// Rows whose cells were hidden; 0 where a predictor watched, which sees its columns one by one.
    pub n_rows_hidden: usize,
    /// Tests that were made; p-values are corrected for their number.
    pub n_tests: usize,
    /// Each column of the space, in its order.
    pub columns: Vec<WatchedColumn>,
    /// What became of the table's columns.
    pub report: ColumnReport,
    /// Columns with cells that cannot be read and count as missing.
    pub unreadable: Vec<UnreadableColumn>,
    /// Columns whose cells are mostly values that training has not seen.
    pub unseen: Vec<UnseenColumn>,
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The column.
    pub column: String,
    /// What of it.
    pub what: What,
}

/// What of a column was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// How often each of its values occurs.
    Values,
    /// The share of rows without a value.
    Missing,
    /// The share of values that no training row has.
    Unseen,
    /// How well the rest of a row tells its cell.
    Surprise,
}

impl What {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            What::Values => "values",
            What::Missing => "missing",
            What::Unseen => "unseen",
            What::Surprise => "surprise",
        }
    }
}

/// One column, before and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchedColumn {
    /// The column.
    pub column: String,
    /// Population stability index of its values: the sum of `(now - before) ln(now / before)` over up to 16 groups of
    /// classes. None where there are no values to compare.
    pub psi: Option<f64>,
    /// Jensen-Shannon divergence of the same shares, in bits, 0 to 1.
    pub jensen_shannon: Option<f64>,
    /// Of the values: chi-square test.
    pub values: Option<Tested>,
    /// Share of rows without a value: Fisher's exact test, two-sided.
    pub missing: Option<Shift>,
    /// Share of values that no training row has, against that of the validation rows: Fisher's exact test of a rise.
    pub unseen: Option<Shift>,
    /// Mean surprise of its cells, in nats, each hidden: Welch's test of a rise. None where too few rows tell it, or the
    /// profile does not say what it was.
    pub surprise: Option<Shift>,
}

/// What a test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tested {
    /// P-value, corrected for the number of tests (Holm).
    pub p_value: f64,
    /// Whether it is called changed.
    pub changed: bool,
}

/// A number before and now, and what the test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shift {
    /// In the rows of the training.
    pub before: f64,
    /// In these.
    pub now: f64,
    /// The test.
    #[serde(flatten)]
    pub test: Tested,
}

impl Watched {
    /// What the cells of [`Watched::rows`] are.
    pub const HEAD: [&'static str; 6] = ["column", "changed", "PSI", "missing", "unseen", "surprise"];

    /// Columns that have changed.
    pub fn n_changed(&self) -> usize {
        self.changed_columns().len()
    }

    /// All columns, each with whether it has changed: those that have in front, then those whose values moved most.
    pub fn most_changed(&self) -> Vec<(&WatchedColumn, bool)> {
        let changed = self.changed_columns();
        let mut columns: Vec<(&WatchedColumn, bool)> =
            self.columns.iter().map(|column| (column, changed.contains(column.column.as_str()))).collect();
        let moved = |column: &WatchedColumn| column.psi.unwrap_or(-1.0);
        columns.sort_by(|a, b| b.1.cmp(&a.1).then(moved(b.0).total_cmp(&moved(a.0))));
        columns
    }

    fn changed_columns(&self) -> HashSet<&str> {
        self.changes.iter().map(|change| change.column.as_str()).collect()
    }

    /// The verdict in words.
    pub fn verdict(&self) -> String {
        // A predictor hides no cells; a space hides those of one row at least.
        let alone = if self.n_rows_hidden == 0 { ", columns taken one by one" } else { "" };
        match self.n_changed() {
            0 => format!("{} rows: nothing has changed{alone}", self.n_rows),
            n => format!("{} rows: {n} of {} columns have changed{alone}", self.n_rows, self.columns.len()),
        }
    }

    /// One line of text for each column, before and now.
    pub fn rows(&self) -> Vec<Vec<String>> {
        self.columns.iter().map(WatchedColumn::row).collect()
    }
}

impl WatchedColumn {
    /// Its line of text: what the columns of [`Watched::HEAD`] are.
    pub fn row(&self) -> Vec<String> {
        let percent = |shift: &Option<Shift>| {
            shift.map_or("-".to_owned(), |s| format!("{:.2} % -> {:.2} %", 100.0 * s.before, 100.0 * s.now))
        };
        let tests = [
            (What::Values, self.values),
            (What::Missing, self.missing.map(|shift| shift.test)),
            (What::Unseen, self.unseen.map(|shift| shift.test)),
            (What::Surprise, self.surprise.map(|shift| shift.test)),
        ];
        let changed = tests.iter().filter(|(_, test)| test.is_some_and(|test| test.changed));
        let words: Vec<&str> = changed.map(|(what, _)| what.name()).collect();
        vec![
            self.column.clone(),
            if words.is_empty() { "-".to_owned() } else { words.join(", ") },
            self.psi.map_or("-".to_owned(), |psi| format!("{psi:.4}")),
            percent(&self.missing),
            percent(&self.unseen),
            self.surprise.map_or("-".to_owned(), |s| format!("{:.3} -> {:.3}", s.before, s.now)),
        ]
    }
}
