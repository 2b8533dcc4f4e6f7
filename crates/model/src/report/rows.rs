//! The rows of a table that a report looks at: all, or a sample that is spread over the table.

use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::unreadable::{Readable, UnreadableColumn};

use crate::error::{Error, Result};
use crate::objective::splitmix;

/// Fewest rows of a sample.
const LEAST_ROWS: usize = 10;

/// A table, and how much of it was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampledTable {
    /// Rows of the table.
    pub n_rows: usize,
    /// Its columns, as far as they were read.
    pub n_columns: usize,
    /// Rows that were looked at.
    pub n_rows_looked_at: usize,
    /// The same in words.
    pub explanation: String,
    /// Columns with cells that cannot be read and count as missing.
    pub unreadable: Vec<UnreadableColumn>,
    /// Columns of the table that the model does not use, each with its reason.
    pub unused: Vec<(String, String)>,
    /// Columns that the model asks for and the table lacks.
    pub missing: Vec<String>,
}

/// At most so many rows: one from each of as many equal stretches of the table, in its order.
///
/// # Errors
/// An option error for too small a sample.
pub(super) fn sampled(table: &Table, most: usize, seed: u64) -> Result<Table> {
    if most < LEAST_ROWS {
        return Err(Error::option(format!("option `max_rows` is {most}, allowed is {LEAST_ROWS} or more")));
    }
    let n = table.n_rows();
    if n <= most {
        return Ok(table.clone());
    }
    let start = |i: usize| (i as u128 * n as u128 / most as u128) as usize;
    let rows = (0..most).map(|i| {
        let (from, to) = (start(i), start(i + 1));
        (from + (splitmix(seed ^ splitmix(i as u64)) % (to - from).max(1) as u64) as usize) as u32
    });
    table.take(&rows.collect::<Vec<_>>())
}

impl SampledTable {
    /// Of a table of which these rows were looked at.
    pub(super) fn of(table: &Table, looked_at: &Readable) -> Self {
        let (n, of) = (looked_at.table.n_rows(), table.n_rows());
        SampledTable {
            n_rows: of,
            n_columns: table.n_columns(),
            n_rows_looked_at: n,
            explanation: match n < of {
                true => format!(
                    "{} of {} rows were looked at, one from each of as many equal stretches of the table",
                    super::words::grouped(n),
                    super::words::grouped(of)
                ),
                false => format!("all {} rows were looked at", super::words::grouped(n)),
            },
            unreadable: looked_at.unreadable.clone(),
            unused: Vec::new(),
            missing: Vec::new(),
        }
    }
}
