//! Which rows of a table are one piece of evidence to the spaces that read it.

use std::collections::BTreeSet;

use tabgraft_table::Table;

use super::About;
use crate::error::Result;
use crate::metric::Clusters;

/// Rows that are equal in every column that one of the spaces reads, and rows of one group where the
/// first one's split goes by group. Where the table has none of the columns, each row stands for itself.
///
/// # Errors
/// A schema error for a column of a type that cannot be read.
pub(crate) fn clusters(spaces: &[&About], table: &Table) -> Result<Clusters> {
    let names: BTreeSet<&String> = spaces.iter().flat_map(|s| &s.columns).map(|c| &c.name).collect();
    let present: Vec<String> = names.into_iter().filter(|n| table.has_column(n)).cloned().collect();
    match (&present[..], spaces) {
        ([_, ..], [first, ..]) => {
            let keys = first.split.row_hashes(table, &present)?;
            Ok(Clusters::new(&keys, &first.split.clusters(table, &keys)?))
        }
        _ => Ok(Clusters::of_single_rows(table.n_rows())),
    }
}
