//! Whether the last rows that a version was asked about have changed, as the page shows it.

use serde::Serialize;
use tabgraft_model::watch::{Watched, WatchedColumn};

use super::answer::Told as Problem;
use crate::drift::{Drift, Told};
use crate::failure::Failure;

/// The section about it.
#[derive(Debug, Serialize)]
pub(crate) struct DriftView {
    problem: Option<Problem>,
    verdict: String,
    changed: bool,
    most_rows: usize,
    n_passed_over: u64,
    /// The space that told hidden cells.
    by: Option<String>,
    head: [&'static str; 6],
    /// Columns that have changed in front, then those whose values moved most.
    columns: Vec<DriftRow>,
}

#[derive(Debug, Serialize)]
struct DriftRow {
    name: String,
    changed: bool,
    cells: Vec<String>,
}

impl DriftView {
    /// What was told of a version, or why nothing could be.
    pub fn of(drift: &Drift, told: Result<&Told, &Failure>) -> Self {
        let (told, problem) = (told.ok(), told.err());
        let found = told.and_then(|told| told.watched.as_ref());
        DriftView {
            problem: problem.map(Problem::from),
            verdict: told.map(Told::verdict).unwrap_or_default(),
            changed: found.is_some_and(|found| found.changed),
            most_rows: drift.most_rows(),
            n_passed_over: told.map_or(0, |told| told.n_passed_over),
            by: told.and_then(|told| told.by.clone()),
            head: Watched::HEAD,
            columns: found.map(rows).unwrap_or_default(),
        }
    }
}

fn rows(found: &Watched) -> Vec<DriftRow> {
    let row = |(column, changed): (&WatchedColumn, bool)| DriftRow {
        name: column.column.clone(),
        changed,
        cells: column.row().into_iter().skip(1).collect(),
    };
    found.most_changed().into_iter().map(row).collect()
}
