//! Which rows a version has seen: a few bytes of each, in the file.
//!
//! A row's part follows from a hash of its cells, so a row of which one cell is written otherwise is another row
//! to the split, and might be tested on though it was learned from. Here rows are remembered: whole, by what
//! the split goes by, and by *halves* of their columns. A row that is not known whole but by a half is the same
//! row, changed; its part is the one that it had.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tabgraft_table::Table;
use tabgraft_table::row_filter::{OpenFilter, RowFilter};
use tabgraft_table::row_hash::row_hashes;
use tabgraft_table::schema::{ColumnSpec, Kind};
use tabgraft_table::split::{Part, Split, SplitBy};
use tabgraft_table::stats::hash::mix;
use tabgraft_table::workers::Shard;

use crate::error::{Error, Result};
use crate::store::{ContentHash, json_hash};

/// Rows by which columns are dealt to halves: those of the smallest hashes, whatever the table's order.
const SAMPLE_ROWS: usize = 4096;
/// Share of the different rows that a half must tell apart, or else it is not remembered: it would take new
/// rows for known ones.
const LEAST_TOLD_APART: f64 = 0.95;
/// Fewest columns of a half: one alone changes hands between tables too easily.
const LEAST_COLUMNS: usize = 2;

/// The rows of the tables that a version and its ancestors were trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownRows {
    /// Rows by the cells that the split goes by, or, of a split by time, by the columns of the first training.
    pub whole: KnownBy,
    /// Rows by the cells of half of the columns of the first training: two halves or none.
    pub halves: Vec<KnownBy>,
}

/// Rows by the cells of some columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownBy {
    pub columns: Vec<String>,
    /// Each row together with its part.
    pub rows: RowFilter,
}

/// How a version knows a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Not at all: no training of the version or its ancestors had it.
    New,
    /// By a half of its columns: cells of the others are not what they were.
    Changed(Part),
    /// As it is.
    Whole(Part),
}

impl Known {
    /// The word that files and messages write.
    pub fn word(self) -> &'static str {
        match self {
            Known::New => "new",
            Known::Changed(_) => "changed",
            Known::Whole(_) => "whole",
        }
    }

    /// The part that it had.
    pub fn part(self) -> Option<Part> {
        match self {
            Known::New => None,
            Known::Changed(part) | Known::Whole(part) => Some(part),
        }
    }
}

impl KnownRows {
    /// Remembers the rows of `table`, of these parts. `keys` are hashes of the cells in `key_columns`, the used
    /// columns of the first training.
    ///
    /// # Errors
    /// A schema error for a column of a type that cannot be read.
    pub fn of(
        table: &Table,
        parts: &[Part],
        split: &Split,
        columns: &[ColumnSpec],
        keys: &[u64],
    ) -> Result<Self> {
        if let Some(shard) = table.shard() {
            // By what rows are known is decided once.
            let own = Self::of(&table.slice(0, table.n_rows()), parts, split, columns, keys)?;
            let mut known: KnownRows = shard.first_of(&own.emptied())?;
            known.add(table, parts, |_| true)?;
            known.join_workers(Some(shard))?;
            return Ok(known);
        }
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let whole = match &split.by {
            SplitBy::Group { column, .. } => {
                KnownBy::of(vec![column.clone()], &row_hashes(table, std::slice::from_ref(column))?, parts)
            }
            SplitBy::Rows { .. } | SplitBy::Time { .. } => KnownBy::of(names, keys, parts),
        };
        Ok(KnownRows { whole, halves: halves(table, parts, columns, keys)? })
    }

    /// Says which rows there are, and by what they are known.
    pub fn hash(&self) -> ContentHash {
        json_hash(&serde_json::to_value(self).unwrap_or_default())
    }

    /// How each row of a table is known, `[n_rows]`. What would take a column that the table lacks is passed
    /// over, and so are halves where the table has a key or group: that alone says which row is which. Where a row is known in several parts, the one that more was learned from counts.
    ///
    /// # Errors
    /// A schema error for a column of a type that cannot be read.
    pub fn find(&self, table: &Table) -> Result<Vec<Known>> {
        let mut known = vec![Known::New; table.n_rows()];
        for (i, by) in std::iter::once(&self.whole).chain(&self.halves).enumerate() {
            if by.columns.iter().any(|name| !table.has_column(name)) {
                continue;
            }
            if i > 0 && known.iter().all(|known| matches!(known, Known::Whole(_))) {
                break;
            }
            let open = by.rows.opened();
            for (known, key) in known.iter_mut().zip(row_hashes(table, &by.columns)?) {
                let Some(part) = part_of(&open, key) else { continue };
                *known = match *known {
                    _ if i == 0 => Known::Whole(part),
                    Known::New => Known::Changed(part),
                    Known::Changed(other) => Known::Changed(part.min(other)),
                    whole @ Known::Whole(_) => whole,
                };
            }
            if i == 0 && self.is_by_identity() {
                break;
            }
        }
        Ok(known)
    }

    /// Whether rows are told apart by something else than their features: a key or a group.
    fn is_by_identity(&self) -> bool {
        let is_other = |half: &KnownBy| half.columns.iter().any(|name| !self.whole.columns.contains(name));
        self.halves.iter().any(is_other)
    }

    /// Remembers rows of another table too: those of which `is_added` says so. What would take a column that the
    /// table lacks is passed over.
    ///
    /// # Errors
    /// A schema error for a column of a type that cannot be read.
    pub fn add(&mut self, table: &Table, parts: &[Part], is_added: impl Fn(usize) -> bool) -> Result<()> {
        if !(0..table.n_rows()).any(&is_added) {
            return Ok(());
        }
        for by in std::iter::once(&mut self.whole).chain(&mut self.halves) {
            if by.columns.iter().all(|name| table.has_column(name)) {
                let keys = row_hashes(table, &by.columns)?;
                let added = (0..keys.len()).filter(|row| is_added(*row));
                by.rows = by.rows.joined(&RowFilter::of(added.map(|row| tagged(keys[row], parts[row]))));
            }
        }
        Ok(())
    }

    /// Remembers the rows of another version too, by what both know rows by.
    pub fn join(&mut self, other: &Self) {
        let ours = std::iter::once(&mut self.whole).chain(&mut self.halves);
        for by in ours {
            let mut theirs = std::iter::once(&other.whole).chain(&other.halves);
            if let Some(theirs) = theirs.find(|theirs| theirs.columns == by.columns) {
                by.rows = by.rows.joined(&theirs.rows);
            }
        }
    }

    /// Remembers the rows of all workers, where there are several.
    ///
    /// # Errors
    /// If a worker does not answer.
    pub fn join_workers(&mut self, shard: Option<&Shard>) -> Result<()> {
        if let Some(shard) = shard {
            for other in shard.gather_of(self)? {
                self.join(&other);
            }
        }
        Ok(())
    }

    /// The same without a row: what another set of rows is known by.
    pub fn emptied(&self) -> Self {
        let empty = |by: &KnownBy| KnownBy { columns: by.columns.clone(), rows: RowFilter::default() };
        KnownRows { whole: empty(&self.whole), halves: self.halves.iter().map(empty).collect() }
    }

    /// Different rows that are remembered.
    pub fn n_rows(&self) -> u64 {
        self.whole.rows.n_hashes()
    }

    /// Whether no row is remembered.
    pub fn is_empty(&self) -> bool {
        std::iter::once(&self.whole).chain(&self.halves).all(|by| by.rows.n_hashes() == 0)
    }

    /// Refuses what no training writes.
    ///
    /// # Errors
    /// A malformed error.
    pub fn check(&self, most_columns: usize) -> Result<()> {
        let n_columns = |by: &KnownBy| by.columns.len();
        if self.halves.len() > 2
            || std::iter::once(&self.whole).chain(&self.halves).map(n_columns).any(|n| n > most_columns)
        {
            return Err(Error::malformed(format!(
                "rows are remembered by {} halves of {} columns",
                self.halves.len(),
                self.halves.iter().map(n_columns).sum::<usize>()
            )));
        }
        Ok(())
    }
}

impl KnownBy {
    fn of(columns: Vec<String>, keys: &[u64], parts: &[Part]) -> Self {
        let rows = RowFilter::of(keys.iter().zip(parts).map(|(key, part)| tagged(*key, *part)));
        KnownBy { columns, rows }
    }
}

/// A row's hash together with its part.
fn tagged(key: u64, part: Part) -> u64 {
    mix(key ^ mix(part as u64))
}

fn part_of(open: &OpenFilter, key: u64) -> Option<Part> {
    [Part::Train, Part::Valid, Part::Test].into_iter().find(|part| open.has(tagged(key, *part)))
}

/// Rows by two halves of the columns. Numbers and times against the others, so that rows stay known whose texts
/// are all written otherwise, or whose numbers are all rounded; where that does not tell rows apart, columns of
/// many values are dealt evenly; where that does not either, none.
fn halves(table: &Table, parts: &[Part], columns: &[ColumnSpec], keys: &[u64]) -> Result<Vec<KnownBy>> {
    let n_different = |keys: &[u64]| keys.iter().collect::<HashSet<_>>().len();
    let n_rows = n_different(keys);
    let is_measured = |column: &&ColumnSpec| matches!(column.kind, Kind::Numeric | Kind::Timestamp);
    let (measured, others): (Vec<&ColumnSpec>, Vec<&ColumnSpec>) = columns.iter().partition(is_measured);
    let name = |columns: Vec<&ColumnSpec>| columns.into_iter().map(|column| column.name.clone()).collect();
    let by_kind: [Vec<String>; 2] = [name(measured), name(others)];
    for [a, b] in [by_kind, dealt(table, columns, keys)?] {
        if a.len().min(b.len()) < LEAST_COLUMNS {
            continue;
        }
        let keys = [row_hashes(table, &a)?, row_hashes(table, &b)?];
        let tells_apart = |keys: &Vec<u64>| n_different(keys) as f64 >= LEAST_TOLD_APART * n_rows as f64;
        if keys.iter().all(tells_apart) {
            let [of_a, of_b] = keys;
            return Ok(vec![KnownBy::of(a, &of_a, parts), KnownBy::of(b, &of_b, parts)]);
        }
    }
    Ok(Vec::new())
}

/// Columns in two halves, each with about as many different values; by the same sample of rows in any order.
fn dealt(table: &Table, columns: &[ColumnSpec], keys: &[u64]) -> Result<[Vec<String>; 2]> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|row| keys[*row]);
    let sample: Vec<u32> = order.iter().take(SAMPLE_ROWS).map(|row| *row as u32).collect();
    let sample = table.take(&sample)?;
    let mut by_values = Vec::with_capacity(columns.len());
    for column in columns {
        let cells = row_hashes(&sample, std::slice::from_ref(&column.name))?;
        by_values.push((cells.iter().collect::<HashSet<_>>().len(), &column.name));
    }
    by_values.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let mut halves = [Vec::new(), Vec::new()];
    for (i, (_, name)) in by_values.into_iter().enumerate() {
        // First and last of four go to one half.
        halves[usize::from(matches!(i % 4, 1 | 2))].push(name.clone());
    }
    Ok(halves)
}
