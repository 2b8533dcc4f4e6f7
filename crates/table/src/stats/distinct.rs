//! How many distinct values there are, and how often they repeat, in bounded memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most hashes that are kept; the count is exact below it.
pub(crate) const MAX_HASHES: usize = 4096;

/// The smallest hashes that were seen (k minimum values, Bar-Yossef et al. 2002), each with its rows.
///
/// Exact below [`MAX_HASHES`] distinct values; beyond it the estimate has a standard error of
/// 1.6 %, and the values that are kept are an even sample of all, whose rows are counted in full: a hash
/// that is among the smallest at the end was so all the time. Order and partition of the rows do not
/// matter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DistinctSketch {
    smallest: BTreeMap<u64, u64>,
}

impl DistinctSketch {
    /// Counts one value by its hash.
    pub fn update(&mut self, hash: u64) {
        self.add(hash, 1);
    }

    /// Counts what the other counted.
    pub fn merge(&mut self, other: &Self) {
        other.smallest.iter().for_each(|(hash, n_rows)| self.add(*hash, *n_rows));
    }

    fn add(&mut self, hash: u64, n_rows: u64) {
        if let Some(known) = self.smallest.get_mut(&hash) {
            *known += n_rows;
            return;
        }
        let full = self.smallest.len() >= MAX_HASHES;
        if full && self.smallest.last_key_value().is_some_and(|(largest, _)| hash >= *largest) {
            return;
        }
        self.smallest.insert(hash, n_rows);
        if full {
            self.smallest.pop_last();
        }
    }

    /// Whether [`DistinctSketch::count`] is exact.
    pub fn is_exact(&self) -> bool {
        self.smallest.len() < MAX_HASHES
    }

    /// Number of distinct values.
    pub fn count(&self) -> u64 {
        match self.smallest.last_key_value() {
            Some((largest, _)) if !self.is_exact() => {
                let p_below = (*largest as f64 + 1.0) / 2f64.powi(64);
                ((MAX_HASHES - 1) as f64 / p_below).round() as u64
            }
            _ => self.smallest.len() as u64,
        }
    }

    /// Share of the distinct values that stand in at least so many rows; 0 where there is no value.
    pub(crate) fn share_of_values(&self, min_rows: u64) -> f64 {
        let n = self.smallest.values().filter(|n_rows| **n_rows >= min_rows).count();
        n as f64 / self.smallest.len().max(1) as f64
    }

    /// Share of the cells whose value stands in at least so many rows; 0 where there is no value.
    pub(crate) fn share_of_cells(&self, min_rows: u64) -> f64 {
        let all: u64 = self.smallest.values().sum();
        let often: u64 = self.smallest.values().filter(|n_rows| **n_rows >= min_rows).sum();
        often as f64 / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::hash::mix;

    #[test]
    fn exact_below_the_limit_and_close_above_it() {
        let mut sketch = DistinctSketch::default();
        (0..8000u64).for_each(|i| sketch.update(mix(i % 4000)));
        assert!(sketch.is_exact());
        assert_eq!(sketch.count(), 4000);
        let mut other = DistinctSketch::default();
        (2000..100_000u64).for_each(|i| other.update(mix(i)));
        sketch.merge(&other);
        let error = sketch.count() as f64 / 100_000.0 - 1.0;
        assert!(error.abs() < 0.05, "relative error {error}");
    }

    #[test]
    fn repetition_is_counted_in_full_whatever_the_order_and_the_parts() {
        // 30,000 values: a third in one row, a third in two, a third in six.
        let rows = || (0..30_000u64).flat_map(|i| std::iter::repeat_n(mix(i), [1, 2, 6][i as usize % 3]));
        let mut whole = DistinctSketch::default();
        rows().for_each(|hash| whole.update(hash));
        let mut parts = [DistinctSketch::default(), DistinctSketch::default()];
        rows().enumerate().for_each(|(r, hash)| parts[r % 2].update(hash));
        let [mut merged, other] = parts;
        merged.merge(&other);
        assert_eq!(merged, whole);
        for (min_rows, of_values, of_cells) in
            [(1, 1.0, 1.0), (2, 2.0 / 3.0, 8.0 / 9.0), (5, 1.0 / 3.0, 6.0 / 9.0)]
        {
            assert!((whole.share_of_values(min_rows) - of_values).abs() < 0.03, "{min_rows}");
            assert!((whole.share_of_cells(min_rows) - of_cells).abs() < 0.03, "{min_rows}");
        }
        assert_eq!(DistinctSketch::default().share_of_cells(1), 0.0);
    }
}
