//! The part of each row of a table: by the rule of the split, by what is remembered of the row, and what a user
//! should hear of it.

use tabgraft_table::Table;
use tabgraft_table::cell;
use tabgraft_table::split::{Part, SplitBy};
use tabgraft_table::table::quoted;

use super::{About, EmbeddingSpace, Known, KnownRows};
use crate::error::{Error, Result};
use crate::train::{Event, Sink};

/// Share of the rows that has to be known as they are, or else it is told.
const FEW: f64 = 0.5;

/// The rows of a table as a version sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct RowParts {
    /// The part of each row, `[n_rows]`.
    pub parts: Vec<Part>,
    /// How each row is known, `[n_rows]`; none where the version remembers no rows: it is of format 1.3 or earlier,
    /// or was trained to remember none.
    pub known: Option<Vec<Known>>,
    /// Columns that the split goes by and the table lacks, or has no value in.
    pub absent: Vec<String>,
    /// The key or group by which rows are known, if the split goes by one and the table has it: what happened to
    /// other cells then makes no row another one.
    pub identity: Option<String>,
    /// Columns of the halves by which rows are known that are not what they were.
    suspects: Vec<String>,
}

impl EmbeddingSpace {
    /// The part of each row: training, validation or test, and whether the space has seen it.
    ///
    /// The split's rule decides, from the row's cells, its group or its time. A row that was changed since, or whose
    /// table lacks a column that the rule needs, keeps the part that it had as long as one half of its columns
    /// is as it was. A new row whose table lacks such a column is dealt by the cells that there are.
    ///
    /// # Errors
    /// A schema error if the table lacks a column of the split and the space remembers no rows; a value error
    /// if a time cannot be read.
    pub fn row_parts(&self, table: &Table) -> Result<RowParts> {
        self.about.row_parts(table)
    }

    /// The part of each row, with a warning where few rows are known as they are.
    pub(crate) fn told_parts(&self, table: &Table, sink: &mut Sink<'_>) -> Result<Vec<Part>> {
        let rows = self.row_parts(table)?;
        if let Some(text) = rows.warning(self.name()) {
            let _ = sink(&Event::Warning { text });
        }
        Ok(rows.parts)
    }
}

impl About {
    /// As [`EmbeddingSpace::row_parts`].
    pub(crate) fn row_parts(&self, table: &Table) -> Result<RowParts> {
        // The split may go by features, which the space computes itself.
        let made = self.complete(table)?;
        let table = &*made.table;
        let columns = self.split.columns();
        let mut absent = Vec::new();
        for name in columns {
            if !table.has_column(name) || !cell::has_value(name, table.column(name)?)? {
                absent.push(name.clone());
            }
        }
        let lacks = columns.iter().any(|name| !table.has_column(name));
        // A group without a value in any row would hold all rows.
        let is_ruled = !lacks && (absent.is_empty() || matches!(self.split.by, SplitBy::Rows { .. }));
        let known = match (&self.rows, is_ruled) {
            (None, _) => None,
            (Some(rows), true) => Some(rows.find(table)?),
            (Some(rows), false) => Some(rows.find(&table.without(&absent)?)?),
        };
        let mut parts = match (is_ruled, &known) {
            (true, _) => self.split.assign(table)?,
            (false, Some(_)) => self.parts_of_new(table)?,
            (false, None) => {
                return self.split.assign(table).map(|parts| RowParts {
                    parts,
                    known: None,
                    absent: absent.clone(),
                    identity: None,
                    suspects: Vec::new(),
                }).map_err(|e| {
                    let text = format!("{e}; `{}` remembers no rows to go by", self.name);
                    Error::schema(text).with_hint(
                        "give a table with this column, or train anew: with a key column, or without `private`",
                    )
                });
            }
        };
        let is_kept = !is_ruled || matches!(self.split.by, SplitBy::Rows { .. });
        for (part, known) in parts.iter_mut().zip(known.iter().flatten()).filter(|_| is_kept) {
            match known {
                Known::Changed(had) => *part = *had,
                Known::Whole(had) if !is_ruled => *part = *had,
                _ => (),
            }
        }
        let suspects = match (&self.rows, &known) {
            (Some(rows), Some(known)) if known.iter().any(|k| matches!(k, Known::Changed(_))) => {
                suspects(rows, table)?
            }
            _ => Vec::new(),
        };
        let identity = match &self.split.by {
            SplitBy::Group { column, .. } if is_ruled => Some(column.clone()),
            _ => None,
        };
        Ok(RowParts { parts, known, absent, identity, suspects })
    }

    /// The part of each row by the rule of the split alone, whatever is remembered of it.
    ///
    /// # Errors
    /// A value error if a time cannot be read.
    pub(crate) fn parts_by_rule(&self, table: &Table) -> Result<Vec<Part>> {
        let made = self.complete(table)?;
        match self.split.columns().iter().all(|name| made.table.has_column(name)) {
            true => self.split.assign(&made.table),
            false => self.parts_of_new(&made.table),
        }
    }

    /// The columns that [`About::parts_by_rule`] may need.
    pub(crate) fn columns_of_rule(&self) -> Vec<String> {
        let own = self.split.columns().iter().chain(&self.key_columns).cloned();
        own.chain(self.feature_inputs()).collect()
    }

    /// Parts of new rows, whose table lacks what the split goes by: by a hash of the cells that there are.
    fn parts_of_new(&self, table: &Table) -> Result<Vec<Part>> {
        let is_present = |name: &&String| table.has_column(name);
        let present: Vec<String> = self.key_columns.iter().filter(is_present).cloned().collect();
        Ok(self.split.parts_of(&self.split.row_hashes(table, &present)?))
    }
}

/// The columns of those halves that know fewer rows than the other one.
fn suspects(rows: &KnownRows, table: &Table) -> Result<Vec<String>> {
    let mut counted = Vec::new();
    for half in &rows.halves {
        let alone = KnownRows { whole: half.clone(), halves: Vec::new() };
        let n_known = alone.find(table)?.iter().filter(|k| **k != Known::New).count();
        counted.push((n_known, &half.columns));
    }
    let most = counted.iter().map(|(n, _)| *n).max().unwrap_or_default();
    Ok(counted.into_iter().filter(|(n, _)| *n < most).flat_map(|(_, columns)| columns.clone()).collect())
}

impl RowParts {
    /// How each row is known.
    ///
    /// # Errors
    /// A value error where the version, `name`, remembers no rows.
    pub fn known_or_none(&self, name: &str) -> Result<&[Known]> {
        self.known.as_deref().ok_or_else(|| {
            Error::value(format!(
                "`{name}` remembers no rows: it was trained to, or comes from format 1.3 or earlier"
            ))
            .with_hint("the parts of rows can be told, which rows are known cannot")
        })
    }

    /// Rows that are known as they are, changed ones, new ones; none where no rows are remembered.
    pub fn counts(&self) -> Option<[usize; 3]> {
        let known = self.known.as_ref()?;
        let n = |wanted: fn(&Known) -> bool| known.iter().filter(|known| wanted(known)).count();
        Some([
            n(|k| matches!(k, Known::Whole(_))),
            n(|k| matches!(k, Known::Changed(_))),
            n(|k| matches!(k, Known::New)),
        ])
    }

    /// What a user should hear before something rests on these parts: that few rows are known as they are.
    pub fn warning(&self, name: &str) -> Option<String> {
        let [n_whole, n_changed, n_new] = self.counts()?;
        let n_rows = self.parts.len();
        if n_changed > 0 && n_changed as f64 >= (1.0 - FEW) * n_new.max(1) as f64 {
            return Some(format!("{}; they keep their parts", self.changes(name, n_changed)));
        }
        if n_whole as f64 >= FEW * n_rows as f64 || self.identity.is_some() {
            return None;
        }
        let few = match n_whole + n_changed {
            0 => format!("none of the {n_rows} rows is"),
            n => format!("only {n} of {n_rows} rows are"),
        };
        Some(format!(
            "{few} known to `{name}`: the others are new, or cells of them were changed since (spelling, rounding, \
             units); rows that it has learned from may then be tested on. A key column keeps rows apart whatever \
             happens to their cells"
        ))
    }

    /// That rows were changed, and where.
    pub(crate) fn changes(&self, name: &str, n_changed: usize) -> String {
        let n_rows = self.parts.len();
        let whose = match (&self.absent[..], &self.suspects[..]) {
            ([_, ..], _) => format!("the table has no values in {}", quoted(&self.absent)),
            (_, [_, ..]) => format!("cells differ in one or more of {}", quoted(&self.suspects)),
            _ => "cells of the others differ".to_owned(),
        };
        format!("{n_changed} of {n_rows} rows are known to `{name}` by half of their columns only: {whose}")
    }
}
