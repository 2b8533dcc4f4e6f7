//! What a user should hear of the columns of a table that a model reads.

use tabgraft_feature::Differing;
use tabgraft_model::space::{ColumnReport, IgnoredColumn, TableRemarks, UnseenColumn};
use tabgraft_table::table::quoted;
use tabgraft_table::unreadable::UnreadableColumn;

use crate::console::Console;

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

/// Says all that is to be said of the columns of a table that was read.
pub fn table_notes(remarks: &TableRemarks, console: &Console) {
    column_notes(&remarks.report, console);
    unreadable_notes(&remarks.unreadable, console);
    unseen_notes(&remarks.unseen, console);
    differing_notes(&remarks.differing, console);
}

/// Says which columns of a table were not used and which were not there.
pub fn column_notes(report: &ColumnReport, console: &Console) {
    let (unknown, left_out): (Vec<_>, Vec<_>) = report.ignored_columns.iter().partition(|c| c.unknown);
    let names =
        |columns: &[&IgnoredColumn]| quoted(&columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>());
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
