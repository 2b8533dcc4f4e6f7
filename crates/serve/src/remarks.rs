//! What is said of rows besides their answers, as the commands' JSON says it.

use serde::Serialize;
use tabgraft_feature::Differing;
use tabgraft_model::space::{ColumnReport, TableRemarks, UnseenColumn};
use tabgraft_table::unreadable::UnreadableColumn;

use crate::served::Version;

/// Who answered, and what there is to say of the rows.
#[derive(Debug, Serialize)]
pub(crate) struct Remarks<'a> {
    model: &'a str,
    version: &'a str,
    name: &'a str,
    n_rows: usize,
    columns: &'a ColumnReport,
    unreadable: &'a [UnreadableColumn],
    unseen: &'a [UnseenColumn],
    differing: &'a [Differing],
}

impl<'a> Remarks<'a> {
    pub fn new(model: &'a str, version: &'a Version, remarks: &'a TableRemarks) -> Self {
        Remarks {
            model,
            version: &version.id,
            name: &version.name,
            n_rows: remarks.n_rows,
            columns: &remarks.report,
            unreadable: &remarks.unreadable,
            unseen: &remarks.unseen,
            differing: &remarks.differing,
        }
    }
}
