//! What is said of a table that a model is given, in warnings of the logger `tabgraft`.

use pyo3::prelude::*;
use tabgraft_table::unreadable::{CellErrors, UnreadableColumn};

use crate::convert::word;
use crate::error::Raised;
use crate::frame::say;

/// What becomes of cells that cannot be read.
pub fn cell_errors(errors: &str) -> Raised<CellErrors> {
    word("errors", errors, "`error` or `missing`")
}

/// Columns with cells that cannot be read, each in a log record of level warning.
pub fn warn_of_unreadable(py: Python<'_>, name: &str, unreadable: &[UnreadableColumn]) -> PyResult<()> {
    say(py, &unreadable.iter().map(|column| format!("{name}: {column}")).collect::<Vec<_>>())
}

/// Columns whose cells training has mostly not seen, each in a log record of level warning.
pub fn warn_of_unseen(
    py: Python<'_>,
    name: &str,
    unseen: &[tabgraft_model::space::UnseenColumn],
) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
    for column in unseen {
        logger.call_method1(
            "warning",
            ("%s: %s", tabgraft_table::visible(name), tabgraft_table::visible(&column.to_string())),
        )?;
    }
    Ok(())
}

/// Columns that are not what their feature gives, each in a log record of level warning.
pub fn warn_of_differing(
    py: Python<'_>,
    name: &str,
    differing: &[tabgraft_feature::Differing],
) -> PyResult<()> {
    say(py, &differing.iter().map(|d| format!("{name}: {d}; it is used as it is")).collect::<Vec<_>>())
}

/// Columns that are not used, or that are missing, in a log record of level warning.
pub fn warn_of_columns(
    py: Python<'_>,
    name: &str,
    report: &tabgraft_model::space::ColumnReport,
) -> PyResult<()> {
    let unknown: Vec<&str> =
        report.ignored_columns.iter().filter(|c| c.unknown).map(|c| c.name.as_str()).collect();
    let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
    for (columns, what) in [
        (unknown, "not used, it has no codec for"),
        (report.missing_columns.iter().map(String::as_str).collect(), "missing, counted as missing cells"),
    ] {
        if !columns.is_empty() {
            let columns = tabgraft_table::table::quoted(&columns);
            logger.call_method1(
                "warning",
                ("%s: %s: %s", tabgraft_table::visible(name), what, tabgraft_table::visible(&columns)),
            )?;
        }
    }
    Ok(())
}
