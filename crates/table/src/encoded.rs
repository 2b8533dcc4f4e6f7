//! Columns as numbers: what codecs write and networks read.
//!
//! A column is one or more *parts*, each of which becomes one token of the network. All parts of a
//! column are missing together. Beside them stands the *target*: the class that the network learns
//! to predict for this cell when it cannot see it.

use serde::{Deserialize, Serialize};

/// The target of a cell that has nothing to predict: a missing one, or an unseen category.
pub const NO_TARGET: u16 = u16::MAX;

/// The form of one part, fixed when the codec is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
pub enum PartForm {
    /// Piecewise-linear number: a bin and the position inside it.
    Piecewise {
        /// Number of bins, at least 1.
        n_bins: usize,
    },
    /// One of `n_codes` codes. Missing is not a code; unseen is.
    Code {
        /// Number of codes, at least 2.
        n_codes: usize,
    },
    /// A sparse vector of `n_slots` real features.
    Bag {
        /// Length of the dense vector that the entries stand for, at least 1.
        n_slots: usize,
    },
}

/// The values of one part for all rows.
#[derive(Debug, Clone, PartialEq)]
pub enum PartValues {
    /// `[n_rows]` bins below `n_bins`, `[n_rows]` positions.
    ///
    /// Position 0 is the bin's lower edge and 1 its upper; the first bin goes down to -3 and the
    /// last one up to 4, where values outside the fitted range are capped. The vector that a cell
    /// stands for is 1 in every bin below, the position in its own, 0 above.
    Piecewise {
        /// Bin of each row; 0 for a missing cell.
        bin: Vec<u16>,
        /// Position of each row inside its bin; 0 for a missing cell.
        position: Vec<f32>,
    },
    /// `[n_rows]` codes below `n_codes`; 0 for a missing cell.
    Code {
        /// Code of each row.
        code: Vec<u32>,
    },
    /// Compressed sparse rows: the entries of row `i` are `offsets[i]..offsets[i + 1]`.
    Bag {
        /// `[n_rows + 1]` starts.
        offsets: Vec<u32>,
        /// Slot of each entry, below `n_slots`.
        slots: Vec<u32>,
        /// Value of each entry, finite.
        values: Vec<f32>,
    },
}

/// One column as numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedColumn {
    /// One entry per part, in the codec's order.
    pub parts: Vec<PartValues>,
    /// `[n_rows]`, true where the cell has no value.
    pub missing: Vec<bool>,
    /// `[n_rows]` classes below the codec's `n_targets`, or [`NO_TARGET`].
    pub target: Vec<u16>,
}

/// The columns of a table as numbers, in the order of the codecs that made them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EncodedTable {
    /// Number of rows in every column.
    pub n_rows: usize,
    /// The columns.
    pub columns: Vec<EncodedColumn>,
}

impl EncodedTable {
    /// The rows at `rows_idx`, in that order. Indices are below `n_rows`.
    pub fn take(&self, rows_idx: &[usize]) -> Self {
        let columns = self.columns.iter().map(|c| c.take(rows_idx)).collect();
        EncodedTable { n_rows: rows_idx.len(), columns }
    }

    /// The rows of several tables, one table after the other. All are of the same codecs.
    pub fn joined<'a>(tables: impl IntoIterator<Item = &'a EncodedTable>) -> Self {
        let mut tables = tables.into_iter();
        let mut all = tables.next().cloned().unwrap_or_default();
        tables.for_each(|table| all.append(table));
        all
    }

    /// Puts the rows of another table behind these. Both are of the same codecs.
    pub fn append(&mut self, more: &EncodedTable) {
        self.n_rows += more.n_rows;
        self.columns.iter_mut().zip(&more.columns).for_each(|(all, more)| all.append(more));
    }

    /// Bytes of the numbers.
    pub fn n_bytes(&self) -> usize {
        let column =
            |c: &EncodedColumn| 3 * self.n_rows + c.parts.iter().map(PartValues::n_bytes).sum::<usize>();
        self.columns.iter().map(column).sum()
    }
}

impl EncodedColumn {
    fn append(&mut self, more: &Self) {
        self.parts.iter_mut().zip(&more.parts).for_each(|(part, more)| part.append(more));
        self.missing.extend_from_slice(&more.missing);
        self.target.extend_from_slice(&more.target);
    }

    fn take(&self, rows_idx: &[usize]) -> Self {
        EncodedColumn {
            parts: self.parts.iter().map(|p| p.take(rows_idx)).collect(),
            missing: rows_idx.iter().map(|r| self.missing[*r]).collect(),
            target: rows_idx.iter().map(|r| self.target[*r]).collect(),
        }
    }
}

impl PartValues {
    fn n_bytes(&self) -> usize {
        match self {
            PartValues::Piecewise { bin, position } => 2 * bin.len() + 4 * position.len(),
            PartValues::Code { code } => 4 * code.len(),
            PartValues::Bag { offsets, slots, values } => 4 * (offsets.len() + slots.len() + values.len()),
        }
    }

    /// Parts of other forms, which no table of the same codecs has, stay apart.
    fn append(&mut self, more: &Self) {
        match (self, more) {
            (
                PartValues::Piecewise { bin, position },
                PartValues::Piecewise { bin: bins, position: positions },
            ) => {
                bin.extend_from_slice(bins);
                position.extend_from_slice(positions);
            }
            (PartValues::Code { code }, PartValues::Code { code: codes }) => code.extend_from_slice(codes),
            (
                PartValues::Bag { offsets, slots, values },
                PartValues::Bag { offsets: more, slots: more_slots, values: more_values },
            ) => {
                let n_before = slots.len() as u32;
                offsets.extend(more.iter().skip(1).map(|offset| n_before + offset));
                slots.extend_from_slice(more_slots);
                values.extend_from_slice(more_values);
            }
            _ => debug_assert!(false, "tables of different codecs"),
        }
    }

    fn take(&self, rows_idx: &[usize]) -> Self {
        match self {
            PartValues::Piecewise { bin, position } => PartValues::Piecewise {
                bin: rows_idx.iter().map(|r| bin[*r]).collect(),
                position: rows_idx.iter().map(|r| position[*r]).collect(),
            },
            PartValues::Code { code } => {
                PartValues::Code { code: rows_idx.iter().map(|r| code[*r]).collect() }
            }
            PartValues::Bag { offsets, slots, values } => {
                let mut taken = (vec![0], Vec::new(), Vec::new());
                for r in rows_idx {
                    let entries = offsets[*r] as usize..offsets[r + 1] as usize;
                    taken.1.extend_from_slice(&slots[entries.clone()]);
                    taken.2.extend_from_slice(&values[entries]);
                    taken.0.push(taken.1.len() as u32);
                }
                PartValues::Bag { offsets: taken.0, slots: taken.1, values: taken.2 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_tables_are_the_rows_of_the_whole() {
        let n = 7;
        let offsets = vec![0, 2, 2, 3, 3, 6, 7, 9];
        let entries = 0..9_u32;
        let parts = vec![
            PartValues::Piecewise {
                bin: (0..n).collect(),
                position: (0..n).map(|i| f32::from(i) / 8.0).collect(),
            },
            PartValues::Code { code: (0..u32::from(n)).map(|i| i % 3).collect() },
            PartValues::Bag {
                offsets,
                slots: entries.clone().map(|i| i * 5).collect(),
                values: entries.map(|i| i as f32).collect(),
            },
        ];
        let column = EncodedColumn {
            parts,
            missing: (0..n).map(|i| i % 2 == 0).collect(),
            target: (0..n).map(|i| i * 3).collect(),
        };
        let whole = EncodedTable { n_rows: usize::from(n), columns: vec![column.clone(), column] };
        let pieces = [0..2, 2..2, 2..3, 3..7].map(|rows| whole.take(&rows.collect::<Vec<_>>()));
        assert_eq!(EncodedTable::joined(&pieces), whole);
        assert_eq!(EncodedTable::joined(&[]), EncodedTable::default());
    }
}
