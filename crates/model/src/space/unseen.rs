//! Columns whose cells the space has mostly never seen: rarely a new world, mostly another spelling.

use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::cell;
use tabgraft_table::codec::{Codec, UNSEEN};
use tabgraft_table::encoded::{EncodedTable, PartValues};
use tabgraft_table::schema::ColumnSpec;

use crate::error::Result;

/// Share of a column's cells with a value from which on unseen ones are told.
const MOSTLY: f64 = 0.5;
/// Known categories that are shown beside an unseen one.
const N_KNOWN: usize = 3;

/// A column of categories of which most cells were in no training row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnseenColumn {
    /// The column.
    pub name: String,
    /// Cells whose value no training row had.
    pub n_unseen: usize,
    /// Cells with a value.
    pub n_present: usize,
    /// The first row with such a cell, from 0.
    pub row_idx: usize,
    /// That cell.
    pub example: String,
    /// The most frequent categories of the training rows.
    pub known: Vec<String>,
}

/// One line for people.
impl std::fmt::Display for UnseenColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known: Vec<String> = self.known.iter().map(|text| format!("`{text}`")).collect();
        write!(
            f,
            "column `{}`: {} of {} cells hold values that training has not seen, such as `{}` in row {}; it knows {}",
            self.name,
            self.n_unseen,
            self.n_present,
            self.example,
            self.row_idx + 1,
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        )
    }
}

/// Counts unseen cells over the chunks of a table.
#[derive(Debug, Default)]
pub(crate) struct UnseenCounts {
    /// For each column cells with a value, unseen ones, and the first row with one.
    columns: Vec<(usize, usize, Option<usize>)>,
    /// For each column the first unseen cell, as far as it was asked for.
    examples: Vec<Option<String>>,
    n_rows: usize,
}

impl UnseenCounts {
    /// Of one whole table.
    pub fn of(encoded: &EncodedTable) -> Self {
        let mut counts = UnseenCounts::default();
        counts.update(encoded);
        counts
    }

    /// Counts the next rows.
    pub fn update(&mut self, encoded: &EncodedTable) {
        self.columns.resize(encoded.columns.len(), (0, 0, None));
        for ((n_present, n_unseen, first), column) in self.columns.iter_mut().zip(&encoded.columns) {
            let [PartValues::Code { code }] = &column.parts[..] else { continue };
            for (r, code) in code.iter().enumerate().filter(|(r, _)| !column.missing[*r]) {
                *n_present += 1;
                if *code == UNSEEN {
                    *n_unseen += 1;
                    first.get_or_insert(self.n_rows + r);
                }
            }
        }
        self.n_rows += encoded.n_rows;
    }

    /// Counts the next part of a table, of which only the counts are kept.
    ///
    /// # Errors
    /// None that encoding the part has not shown before.
    pub fn update_part(&mut self, specs: &[ColumnSpec], encoded: &EncodedTable, part: &Table) -> Result<()> {
        let n_before = self.n_rows;
        self.update(encoded);
        self.remember_examples(specs, part, n_before)
    }

    /// Keeps the first unseen cell of each column, of those in the rows of `part`.
    fn remember_examples(&mut self, specs: &[ColumnSpec], part: &Table, n_before: usize) -> Result<()> {
        self.examples.resize(self.columns.len(), None);
        for ((spec, example), (.., first)) in specs.iter().zip(&mut self.examples).zip(&self.columns) {
            if let (Some(row_idx), None) = (first, &example) {
                let cells = part.column(&spec.name)?.slice(row_idx - n_before, 1);
                let text = cell::categories(&spec.name, &cells)?.value(0).chars().take(80).collect();
                *example = Some(text);
            }
        }
        Ok(())
    }

    /// The columns whose cells are mostly unseen; `table` is the one that was counted.
    ///
    /// # Errors
    /// None that encoding the table has not shown before.
    pub fn mostly(
        mut self,
        specs: &[ColumnSpec],
        codecs: &[Codec],
        table: &Table,
    ) -> Result<Vec<UnseenColumn>> {
        self.remember_examples(specs, table, 0)?;
        Ok(self.mostly_of_parts(specs, codecs))
    }

    /// The same of a table that was counted part by part.
    pub fn mostly_of_parts(self, specs: &[ColumnSpec], codecs: &[Codec]) -> Vec<UnseenColumn> {
        let mut found = Vec::new();
        let counted = self.columns.into_iter().zip(self.examples);
        for ((spec, codec), ((n_present, n_unseen, first), example)) in specs.iter().zip(codecs).zip(counted)
        {
            let (Codec::Categorical(codec), Some(row_idx)) = (codec, first) else { continue };
            if (n_unseen as f64) < MOSTLY * n_present as f64 {
                continue;
            }
            found.push(UnseenColumn {
                name: spec.name.clone(),
                n_unseen,
                n_present,
                row_idx,
                example: example.unwrap_or_default(),
                known: codec.vocabulary().iter().take(N_KNOWN).cloned().collect(),
            });
        }
        found
    }
}
