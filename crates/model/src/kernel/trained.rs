//! Which rows of a weight matrix train while the others keep their bits.

use std::ops::Range;
use std::sync::Arc;

/// The rows of a matrix that train, as ranges in order. The other rows are held: no gradient is
/// computed for them, and the optimizer passes them by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrainedRows(Arc<[Range<usize>]>);

impl TrainedRows {
    /// All `n_rows` rows.
    pub fn all(n_rows: usize) -> Self {
        TrainedRows(std::iter::once(0..n_rows).collect())
    }

    /// The rows that are not held: `[n_rows]`.
    pub fn beside(held: &[bool]) -> Self {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for row in (0..held.len()).filter(|row| !held[*row]) {
            match ranges.last_mut() {
                Some(last) if last.end == row => last.end += 1,
                _ => ranges.push(row..row + 1),
            }
        }
        TrainedRows(ranges.into())
    }

    /// The ranges, none of them empty, none of them touching another.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.0
    }

    /// Whether a row trains.
    pub fn contains(&self, row: usize) -> bool {
        self.0.iter().any(|range| range.contains(&row))
    }

    /// The same of a matrix that has one row where this one has `n`, which are held or train
    /// together.
    pub fn every(&self, n: usize) -> Self {
        TrainedRows(self.0.iter().map(|range| range.start / n..range.end / n).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beside_the_held_ones_are_merged_into_ranges() {
        let rows = TrainedRows::beside(&[false, false, true, true, false, true]);
        assert_eq!(rows.ranges(), [0..2, 4..5]);
        assert!((0..6).filter(|row| rows.contains(*row)).eq([0, 1, 4]));
        assert!(TrainedRows::beside(&[true; 3]).ranges().is_empty());
        let tokens = TrainedRows::beside(&[[true; 4], [false; 4], [false; 4]].concat());
        assert_eq!(tokens.every(4), TrainedRows::beside(&[true, false, false]));
        assert_eq!(TrainedRows::all(3), TrainedRows::beside(&[false; 3]));
    }
}
