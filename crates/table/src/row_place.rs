//! Where a row stands where it came from: people look for it there, not in what was chosen of the table.

use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Serialize;

/// A row as people find it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowPlace {
    /// The row of the table that the caller gave, from 0.
    pub row_idx: usize,
    /// Its first line in a text file, from 1; none where there are no lines, such as in a frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

impl RowPlace {
    /// A row of a table that has no lines.
    pub fn row(row_idx: usize) -> Self {
        RowPlace { row_idx, line: None }
    }
}

/// `line 7`, else `row 5`.
impl fmt::Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}"),
            None => write!(f, "row {}", self.row_idx),
        }
    }
}

/// What knows where its rows came from.
pub trait Rows {
    /// Where a row came from: as the caller's table counts it, and its line in a text file.
    fn place_of(&self, row_idx: usize) -> RowPlace;
}

/// The lines of a text file at which rows begin, told while they are read.
#[derive(Debug, Default)]
pub(crate) struct RowLines(Mutex<Vec<(usize, u64)>>);

impl RowLines {
    /// Says at which line a row begins. Only a row that does not follow the one before it at once is kept.
    pub fn tell(&self, row_idx: usize, line: u64) {
        let mut jumps = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if jumps.last().is_none_or(|(row, at)| at + (row_idx - row) as u64 != line) {
            jumps.push((row_idx, line));
        }
    }

    fn of(&self, row_idx: usize) -> Option<u64> {
        let jumps = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (row, line) = *jumps.get(jumps.partition_point(|(row, _)| *row <= row_idx).checked_sub(1)?)?;
        Some(line + (row_idx - row) as u64)
    }
}

/// Where the rows of a table stand, through every choice of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowPlaces {
    lines: Option<Arc<RowLines>>,
    /// The rows that were chosen, as they were counted before; none where all are there.
    chosen: Option<Arc<Vec<u32>>>,
    first: usize,
}

impl RowPlaces {
    /// Of a file whose rows begin at these lines.
    pub fn of_lines(lines: Arc<RowLines>) -> Self {
        RowPlaces { lines: Some(lines), ..RowPlaces::default() }
    }

    /// Of one row.
    pub fn of(&self, row_idx: usize) -> RowPlace {
        let at = self.first + row_idx;
        let row_idx = self.chosen.as_ref().and_then(|chosen| chosen.get(at)).map_or(at, |row| *row as usize);
        RowPlace { row_idx, line: self.lines.as_ref().and_then(|lines| lines.of(row_idx)) }
    }

    /// Of these rows.
    pub fn take(&self, rows_idx: &[u32]) -> Self {
        let chosen = rows_idx.iter().map(|row| self.of_u32(*row as usize)).collect();
        RowPlaces { lines: self.lines.clone(), chosen: Some(Arc::new(chosen)), first: 0 }
    }

    /// From a row on.
    pub fn slice(&self, start: usize) -> Self {
        RowPlaces { first: self.first + start, ..self.clone() }
    }

    /// Of these `n_rows` rows, and of others behind them: each where it came from.
    pub fn append(&self, n_rows: usize, other: &Self, n_others: usize) -> Self {
        let is_one_file = match (&self.lines, &other.lines) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let both = (0..n_rows).map(|row| self.of_u32(row)).chain((0..n_others).map(|row| other.of_u32(row)));
        let lines = self.lines.clone().filter(|_| is_one_file);
        RowPlaces { lines, chosen: Some(Arc::new(both.collect())), first: 0 }
    }

    /// Of the rows of several choices, each with how many there are: where they came from, and their lines as far as
    /// they are of one file.
    pub fn joined<'a>(pieces: impl Iterator<Item = (&'a Self, usize)>) -> Self {
        let (mut chosen, mut lines) = (Vec::new(), None);
        for (piece, n_rows) in pieces {
            chosen.extend((0..n_rows).map(|row| piece.of_u32(row)));
            let of_one_file = |known: Option<Arc<RowLines>>| {
                known.filter(|known| piece.lines.as_ref().is_some_and(|lines| Arc::ptr_eq(known, lines)))
            };
            lines = Some(lines.map_or(piece.lines.clone(), of_one_file));
        }
        RowPlaces { lines: lines.flatten(), chosen: Some(Arc::new(chosen)), first: 0 }
    }

    fn of_u32(&self, row_idx: usize) -> u32 {
        let at = self.first + row_idx;
        let row = self.chosen.as_ref().and_then(|chosen| chosen.get(at)).copied();
        row.unwrap_or(u32::try_from(at).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_again_through_every_choice() {
        let lines = RowLines::default();
        // The row 2 has a cell of three lines.
        [(0, 2), (1, 3), (2, 4), (3, 7), (4, 8)].into_iter().for_each(|(row, line)| lines.tell(row, line));
        assert_eq!(*lines.0.lock().unwrap(), [(0, 2), (3, 7)]);
        let whole = RowPlaces::of_lines(Arc::new(lines));
        assert_eq!(whole.of(2).to_string(), "line 4");
        let chosen = whole.slice(1).take(&[3, 0, 2]);
        assert_eq!([0, 1, 2].map(|row| chosen.of(row).line), [Some(8), Some(3), Some(7)]);
        let both = chosen.append(3, &whole, 5);
        assert_eq!((both.of(0).row_idx, both.of(3).row_idx, both.of(5).line), (4, 0, Some(4)));
        let frame = RowPlaces::default();
        assert_eq!(frame.take(&[7, 5]).slice(1).of(0).to_string(), "row 5");
        assert_eq!(frame.append(2, &whole, 5).of(6), RowPlace::row(4));
    }
}
