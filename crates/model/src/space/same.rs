//! Columns that say the same.

use std::collections::HashMap;

use tabgraft_table::Table;
use tabgraft_table::cell;

use crate::error::Result;

/// Rows per value from which on a column whose values stand for those of another says the same; below
/// it, values that are all different would stand for any others.
const ROWS_PER_VALUE: usize = 2;

/// What a column's cells look like from far: equal for two columns of which one can be read off the other.
///
/// Few values, as they come first: `b a b` and `no yes no` are alike. Many values, as they are: any two
/// columns that never repeat would be alike.
pub(crate) fn pattern(table: &Table, column: &str) -> Result<blake3::Hash> {
    let cells = cell::categories(column, table.column(column)?)?;
    let mut place: HashMap<Option<&str>, u32> = HashMap::new();
    let mut places = blake3::Hasher::new();
    for cell in &cells {
        let next = place.len() as u32;
        places.update(&place.entry(cell).or_insert(next).to_le_bytes());
    }
    if place.len() * ROWS_PER_VALUE <= table.n_rows() {
        return Ok(places.finalize());
    }
    let mut values = blake3::Hasher::new();
    for cell in &cells {
        let text = cell.unwrap_or_default();
        values.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    Ok(values.finalize())
}

/// In words, that a column says what another one says in all rows of a table, if it does.
pub(crate) fn says_the_same(table: &Table, column: &str, other: &str) -> Result<Option<String>> {
    if pattern(table, column)? != pattern(table, other)? {
        return Ok(None);
    }
    let cells = |name: &str| cell::categories(name, table.column(name)?);
    let n_rows = table.n_rows();
    Ok(Some(if cells(column)? == cells(other)? {
        format!("column `{column}` equals `{other}` in all {n_rows} rows")
    } else {
        format!("column `{column}` says what `{other}` says in all {n_rows} rows, in other words")
    }))
}
