//! Which rows choose and which judge.

use arrow::array::Array;
use tabgraft_table::Table;
use tabgraft_table::cell::texts;
use tabgraft_table::split::{Part, row_hashes};

use crate::error::{Error, Result};
use crate::objective::{splitmix, unit};
use crate::space::EmbeddingSpace;
use crate::train::Sink;

/// Share of the rows that choose; the others judge.
const DISCOVERY_SHARE: f32 = 0.6;
/// Most rows of either; more cost time and change little.
const MOST_ROWS: usize = 20_000;
/// Fewest rows that discovery is tried on.
const LEAST_ROWS: usize = 60;

/// The rows of a table that are not for testing, in two parts.
pub(super) struct Dealt {
    pub discovery: Table,
    pub judging: Table,
    /// The space's columns that the table has.
    pub names: Vec<String>,
    /// Hash of all of the table's rows.
    pub data_hash: String,
}

impl Dealt {
    /// Deals the rows that have a target by a hash of their cells; equal rows, and those that the split keeps together, go to
    /// one side. Of more rows than a side takes, a sample by the same hash: neither depends on the
    /// table's order. Only the space's columns, the target, what the split reads and `others` are kept:
    /// a candidate may have the name of another column.
    ///
    /// # Errors
    /// A schema error if a column is absent; a value error for fewer than 60 rows.
    pub fn new(
        space: &EmbeddingSpace,
        table: &Table,
        target: &str,
        others: &[String],
        seed: u64,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let names: Vec<String> =
            space.columns().iter().map(|c| c.name.clone()).filter(|c| table.has_column(c)).collect();
        let is_wanted = |name: &String| {
            name == target || [&names[..], others, space.split().columns()].iter().any(|l| l.contains(name))
        };
        let wanted: Vec<String> = table.column_names().into_iter().filter(is_wanted).collect();
        // Before columns go: rows may be known by any of them.
        let parts = space.told_parts(table, sink)?;
        let table = table.select(&wanted)?;
        let keys = row_hashes(&table, &names)?;
        let units = space.split().units(&table, &keys)?;
        let whole = row_hashes(&table, &wanted)?;
        // A sample by the rows' cells, in an order of its own: the table's may be by class or by time.
        let targets = texts(target, table.column(target)?)?;
        let is_wanted = |r: &usize| parts[*r] != Part::Test && targets.is_valid(*r);
        let mut order: Vec<usize> = (0..table.n_rows()).filter(is_wanted).collect();
        order.sort_by_cached_key(|r| (splitmix(keys[*r] ^ splitmix(!seed)), keys[*r], whole[*r]));
        let (mut discovery, mut judging) = (Vec::new(), Vec::new());
        for r in order {
            let chooses = unit(splitmix(units[r] ^ splitmix(seed))) < DISCOVERY_SHARE;
            let part = if chooses { &mut discovery } else { &mut judging };
            if part.len() < MOST_ROWS {
                part.push(r as u32);
            }
        }
        if discovery.len() + judging.len() < LEAST_ROWS || judging.len() < LEAST_ROWS / 3 {
            return Err(Error::value(format!(
                "{} discovery and {} judging rows, at least {LEAST_ROWS} in all are needed to search features",
                discovery.len(),
                judging.len()
            )));
        }
        let mut data = blake3::Hasher::new();
        keys.iter().for_each(|k| {
            data.update(&k.to_le_bytes());
        });
        Ok(Dealt {
            discovery: table.take(&discovery)?,
            judging: table.take(&judging)?,
            names,
            data_hash: data.finalize().to_hex().to_string(),
        })
    }
}
