//! How many distinct values there are, in bounded memory.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Most hashes that are kept; the count is exact below it.
pub const MAX_HASHES: usize = 4096;

/// The smallest hashes that were seen (k minimum values, Bar-Yossef et al. 2002).
///
/// Exact below [`MAX_HASHES`] distinct values; beyond it the estimate has a standard error of
/// 1.6 %. Order and partition of the rows do not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistinctSketch {
    smallest: BTreeSet<u64>,
}

impl DistinctSketch {
    /// Counts one value by its hash.
    pub fn update(&mut self, hash: u64) {
        let full = self.smallest.len() >= MAX_HASHES;
        if full && self.smallest.last().is_some_and(|largest| hash >= *largest) {
            return;
        }
        if self.smallest.insert(hash) && full {
            self.smallest.pop_last();
        }
    }

    /// Counts what the other counted.
    pub fn merge(&mut self, other: &Self) {
        other.smallest.iter().for_each(|hash| self.update(*hash));
    }

    /// Whether [`DistinctSketch::count`] is exact.
    pub fn is_exact(&self) -> bool {
        self.smallest.len() < MAX_HASHES
    }

    /// Number of distinct values.
    pub fn count(&self) -> u64 {
        match self.smallest.last() {
            Some(largest) if !self.is_exact() => {
                let p_below = (*largest as f64 + 1.0) / 2f64.powi(64);
                ((MAX_HASHES - 1) as f64 / p_below).round() as u64
            }
            _ => self.smallest.len() as u64,
        }
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
}
