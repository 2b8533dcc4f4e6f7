//! Copies are not evidence: which of the scored rows stand for themselves.
//!
//! A row that equals another is predicted alike and is right or wrong with it. Ten copies of twenty rows
//! tell as much as twenty rows, and a split that keeps equal rows together has drawn twenty times, not
//! two hundred. So values are means over all rows, and intervals and p-values are those of *clusters*:
//! equal rows, and rows of one group where the split goes by group. Without copies nothing changes.
//!
//! - resampled metrics: whole clusters are drawn (Davison & Hinkley 1997, section 3.8; Cameron, Gelbach
//!   & Miller 2008, Review of Economics and Statistics 90(3))
//! - ROC AUC: Obuchowski (1997), Biometrics 53(2), which is `DeLong`'s test where clusters are rows
//! - accuracy: Wilson's interval of [`Clusters::effective_n`] rows

use std::collections::{HashMap, HashSet};

/// Which rows are one piece of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// `[n_rows]`, numbered in the order in which they first occur.
    of_row: Vec<u32>,
    n: usize,
    n_copies: usize,
}

impl Clusters {
    /// Every row stands for itself.
    pub fn of_single_rows(n_rows: usize) -> Self {
        Clusters { of_row: (0..n_rows as u32).collect(), n: n_rows, n_copies: 0 }
    }

    /// Rows with the same number in `units` are one cluster; those with the same one in `keys`, which
    /// also lie in one cluster, are copies of each other.
    ///
    /// # Shapes
    /// - `keys`, `units`: `[n_rows]`
    pub fn new(keys: &[u64], units: &[u64]) -> Self {
        let mut number: HashMap<u64, u32> = HashMap::new();
        let of_row = units
            .iter()
            .map(|unit| {
                let next = number.len() as u32;
                *number.entry(*unit).or_insert(next)
            })
            .collect();
        let n_different = keys.iter().collect::<HashSet<_>>().len();
        Clusters { of_row, n: number.len(), n_copies: keys.len() - n_different }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.of_row.len()
    }

    /// Number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.n
    }

    /// Rows that repeat another one: all but the first of those that are equal.
    pub fn n_copies(&self) -> usize {
        self.n_copies
    }

    /// `[n_rows]`, below [`Clusters::n_clusters`].
    pub(crate) fn of_row(&self) -> &[u32] {
        &self.of_row
    }

    /// Clusters that some of the rows for which `wanted` holds lie in.
    pub(super) fn n_with(&self, wanted: impl Fn(usize) -> bool) -> usize {
        let mut holds = vec![false; self.n];
        self.of_row.iter().enumerate().filter(|(row, _)| wanted(*row)).for_each(|(_, c)| {
            holds[*c as usize] = true;
        });
        holds.into_iter().filter(|h| *h).count()
    }

    /// For each cluster the sum of its rows' deviations from `mean`.
    fn sums(&self, values: impl Iterator<Item = f64>, mean: f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.n];
        self.of_row.iter().zip(values).for_each(|(c, value)| sums[*c as usize] += value - mean);
        sums
    }

    /// Rows that stand for themselves and would tell a share as exactly as these do: `n` over the design
    /// effect, which is how many times larger the share's variance is than that of single rows (Korn &
    /// Graubard 1998, Survey Methodology 24(2)). A share of 0 or 1 has no variance; its design effect is
    /// that of clusters whose rows are all alike (Kish 1965), the sum of their squared sizes over `n`.
    pub(super) fn effective_n(&self, holds: &[bool]) -> f64 {
        let n = self.n_rows() as f64;
        let values = || holds.iter().map(|holds| f64::from(u8::from(*holds)));
        let share = values().sum::<f64>() / n;
        let squares = |sums: Vec<f64>| sums.into_iter().map(|sum| sum * sum).sum::<f64>();
        let of_clusters = squares(self.sums(values(), share));
        let of_rows: f64 = values().map(|value| (value - share).powi(2)).sum();
        let effect = match of_rows > 0.0 && self.n > 1 {
            // The factor is 1 where clusters are rows, and makes up for few clusters.
            true => of_clusters / of_rows * (self.n as f64 / (self.n as f64 - 1.0)) * ((n - 1.0) / n),
            false => squares(self.sums(values().map(|_| 1.0), 0.0)) / n,
        };
        n / effect.max(1.0)
    }

    /// One number for each cluster: their mean is that of all rows, and the variance of their mean is the
    /// variance of a mean over rows of these clusters (Liang & Zeger 1986, Biometrika 73).
    ///
    /// # Shapes
    /// - `values`: `[n_rows]`
    /// - returns: `[n_clusters]`
    pub(crate) fn influences(&self, values: &[f64]) -> Vec<f64> {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let scale = self.n as f64 / n;
        self.sums(values.iter().copied(), mean).into_iter().map(|sum| mean + scale * sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_counted_and_clusters_numbered() {
        let clusters = Clusters::new(&[9, 4, 9, 5, 9], &[1, 2, 1, 2, 1]);
        assert_eq!((clusters.n_rows(), clusters.n_clusters(), clusters.n_copies()), (5, 2, 2));
        assert_eq!(clusters.of_row(), [0, 1, 0, 1, 0]);
        assert_eq!(clusters.n_with(|row| row % 2 == 1), 1);
    }

    #[test]
    fn ten_copies_of_each_row_tell_as_much_as_the_rows() {
        let once: Vec<bool> = (0..20).map(|r| r % 3 == 0).collect();
        let copied: Vec<bool> = once.iter().flat_map(|h| [*h; 10]).collect();
        let keys: Vec<u64> = (0..20).flat_map(|r| [r; 10]).collect();
        let clusters = Clusters::new(&keys, &keys);
        assert!((Clusters::of_single_rows(20).effective_n(&once) - 20.0).abs() < 1e-9);
        // Up to the factor for few clusters, (20 / 19) * (199 / 200).
        assert!((clusters.effective_n(&copied) - 19.0 * 200.0 / 199.0).abs() < 1e-9);
        assert!((clusters.effective_n(&[true; 200]) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn influences_keep_the_mean_and_are_the_values_of_single_rows() {
        let values = [1.0, 4.0, 2.5, -3.0];
        assert_eq!(Clusters::of_single_rows(4).influences(&values), values);
        let found = Clusters::new(&[7, 7, 7, 8], &[7, 7, 7, 8]).influences(&values);
        let mean = found.iter().sum::<f64>() / 2.0;
        assert!((mean - 1.125).abs() < 1e-12 && found[0] > found[1], "{found:?}");
    }

    /// Reference: the definitions in Python, with numpy.
    #[test]
    fn clusters_that_are_no_copies_have_the_figures_of_the_definitions() {
        let units = [1, 2, 1, 3, 2, 1, 4, 3];
        let holds = [1, 0, 1, 1, 0, 0, 1, 1].map(|h| h == 1);
        let clusters = Clusters::new(&[0, 1, 2, 3, 4, 5, 6, 7], &units);
        assert_eq!((clusters.n_copies(), clusters.n_clusters()), (0, 4));
        let near =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}, {expected}");
        near(clusters.effective_n(&holds), 5.63600782778865);
        near(clusters.effective_n(&[true; 8]), 3.5555555555555554);
        near(Clusters::new(&[0; 8], &[5; 8]).effective_n(&holds), 1.0);
        let found = clusters.influences(&[1.0, 4.0, 2.5, -3.0, 0.5, 2.0, 7.0, -1.5]);
        found
            .iter()
            .zip([1.96875, 2.25, -2.25, 4.28125])
            .for_each(|(found, expected)| near(*found, expected));
        assert_eq!(clusters.influences(&[]), [0.0; 4]);
    }
}
