//! Drift as Prometheus reads it: of each model the verdict that was found last, and the columns that moved most.
//!
//! Nothing is found for it. Who reads the metrics waits for no verdict; that they are read asks for the next one.

use std::fmt::Write;
use std::sync::Arc;

use tabgraft_model::watch::Watched;

use super::Told;
use crate::metrics::{head, label};

/// Most columns of a model that have lines of their own: those that have changed in front, then those whose values moved
/// most.
const MOST_COLUMNS: usize = 100;

/// What is known of the current version of a model.
pub(crate) struct Known {
    pub model: String,
    pub n_passed_over: u64,
    /// None where nothing was found yet.
    pub told: Option<Arc<Told>>,
}

impl Known {
    fn found(&self) -> Option<&Watched> {
        self.told.as_ref()?.watched.as_ref()
    }
}

type OfModel = fn(&Known) -> Option<u64>;

/// The lines of all models.
pub(crate) fn text(known: &[Known]) -> String {
    let mut text = String::new();
    let of_models: [(&str, &str, OfModel); 5] = [
        (
            "tabgraft_drift_passed_over_rows",
            "Rows since the version is current that came faster than they could be remembered.",
            |known| Some(known.n_passed_over),
        ),
        ("tabgraft_drift_rows", "Rows that the last verdict is of.", |known| {
            Some(known.found()?.n_rows as u64)
        }),
        ("tabgraft_drift_changed", "Whether they are other than those of the training.", |known| {
            Some(u64::from(known.found()?.changed))
        }),
        ("tabgraft_drift_columns", "Columns that were looked at.", |known| {
            Some(known.found()?.columns.len() as u64)
        }),
        ("tabgraft_drift_changed_columns", "Columns of them that have changed.", |known| {
            Some(known.found()?.n_changed() as u64)
        }),
    ];
    for (name, help, value) in of_models {
        head(&mut text, name, "gauge", help);
        for known in known {
            if let Some(value) = value(known) {
                let _ = writeln!(text, "{name}{{model=\"{}\"}} {value}", label(&known.model));
            }
        }
    }
    let found = || known.iter().filter_map(|known| Some((label(&known.model), known.found()?)));
    let name = "tabgraft_drift_column_changed";
    head(&mut text, name, "gauge", "Whether a column has changed; of wide models those that moved most.");
    for (model, found) in found() {
        for (column, changed) in found.most_changed().into_iter().take(MOST_COLUMNS) {
            let (column, changed) = (label(&column.column), u8::from(changed));
            let _ = writeln!(text, "{name}{{model=\"{model}\",column=\"{column}\"}} {changed}");
        }
    }
    let name = "tabgraft_drift_psi";
    head(&mut text, name, "gauge", "Population stability index of a column's values.");
    for (model, found) in found() {
        for (column, _) in found.most_changed().into_iter().take(MOST_COLUMNS) {
            if let Some(psi) = column.psi {
                let column = label(&column.column);
                let _ = writeln!(text, "{name}{{model=\"{model}\",column=\"{column}\"}} {psi}");
            }
        }
    }
    text
}
