//! Random forests (Breiman 2001, doi:10.1023/A:1010933404324): the mean of deep trees, each grown on a bootstrap of the
//! rows, asking about a few columns at every node.
//!
//! Where rows are few they know what boosted trees, which stop before they learn single rows, leave out: a row that
//! is much like one that was learned from has mostly its target.

mod deep;
mod file;
mod grow;

use tabgraft_table::encoded::EncodedTable;

use super::Loss;
use super::asking::{Asking, Shared};
use super::learned::{Learned, TreeRows};
use crate::objective::{splitmix, unit};
use deep::{DeepTree, SeenRows, Shares};
use grow::{Row, Sample, grow};

pub(crate) use deep::AskedNode;
pub(crate) use file::AskedForest;

/// Rows that walk down a tree after each other, before those of the next block: their bins stay in the cache.
const BLOCK_ROWS: usize = 256;
/// Most trees of one forest.
pub(crate) const N_TREES: usize = 40;

/// A fitted mean of deep trees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RandomForest {
    asking: Asking,
    /// Numbers of a leaf: of two classes the second one's share, of several each one's, or the mean.
    n_outputs: usize,
    trees: Vec<DeepTree>,
}

impl RandomForest {
    /// Fits a forest to the rows learned from; what it says of the stop rows, `[stop_rows.len(), n_outputs]`.
    ///
    /// `n_held_out` trees speak for it there, [`N_TREES`] or more: a predictor has several forests, and what they say
    /// together is as steady as what more trees say of rows that only one forest did not learn from.
    ///
    /// `is_stopped` is asked now and then.
    pub fn fit(
        data: &TreeRows<'_>,
        learned: &Learned,
        n_held_out: usize,
        is_stopped: &(dyn Fn() -> bool + Sync),
    ) -> (Self, Vec<f32>) {
        let n_rows = data.learn_rows.len();
        let targets: Vec<f32> = data.learn_rows.iter().map(|r| data.targets[*r]).collect();
        let bins = learned.cross_fitted(data);
        let mut forest = RandomForest {
            asking: learned.asking.clone(),
            n_outputs: data.loss.n_outputs(),
            trees: Vec::with_capacity(n_held_out),
        };
        while forest.trees.len() < n_held_out {
            if forest.trees.len().is_multiple_of(N_TREES) && is_stopped() {
                break;
            }
            let seed = splitmix(data.seed ^ splitmix(forest.trees.len() as u64 + 1));
            let weight = |i: usize| n_drawn(seed, i) * data.weights[data.learn_rows[i]];
            let rows = (0..n_rows).map(|i| Row::new(data.loss, targets[i], weight(i))).collect();
            let sample =
                Sample { bins: &bins, asked: &learned.asked, loss: data.loss, targets: &targets, rows };
            forest.trees.push(grow(&sample, seed));
        }
        let said = forest.means(&learned.stop_bins, None, data.stop_rows.len());
        forest.keep(N_TREES);
        (forest, said)
    }

    /// Keeps the first trees, at most so many.
    pub fn keep(&mut self, n_trees: usize) {
        self.trees.truncate(n_trees);
    }

    /// Number of trees.
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// What each of some forests of one plan says of rows of a table, as [`Loss::of_means`] reads it. Of rows with
    /// hidden cells it is what each tree says on average of the rows that it was learned from and that give the same
    /// answers about the other cells.
    ///
    /// # Shapes
    /// - `hidden`: `[rows.len(), n_columns]` of the table's columns
    /// - returns: `[forests.len()][rows.len(), n_outputs]`
    pub fn means_of_all(
        forests: &[RandomForest],
        table: &EncodedTable,
        rows: &[usize],
        hidden: Option<&[bool]>,
    ) -> Vec<Vec<f32>> {
        let Some(plan) = forests.first().map(|forest| &forest.asking.plan) else { return Vec::new() };
        let mut shared = Shared::new(plan);
        let of_forest = |forest: &RandomForest| {
            let asked = forest.asked();
            let bins = forest.asking.bins(&asked, table, rows, &mut shared);
            let hidden = hidden.map(|hidden| forest.asking.hidden_cells(&asked, hidden, table.columns.len()));
            forest.means(&bins, hidden.as_deref(), rows.len())
        };
        forests.iter().map(of_forest).collect()
    }

    /// # Shapes
    /// - `bins`, `hidden`: `[n_columns][n_rows]`, of the columns that are asked about
    fn means(&self, bins: &[Vec<u8>], hidden: Option<&[Vec<bool>]>, n_rows: usize) -> Vec<f32> {
        let mut means = vec![0.0; n_rows * self.n_outputs];
        match hidden {
            None => self.add(bins, &mut means),
            Some(hidden) => self.add_seen_in_part(bins, hidden, &mut means),
        }
        let n_trees = self.trees.len().max(1) as f32;
        means.iter_mut().for_each(|mean| *mean /= n_trees);
        means
    }

    fn add(&self, bins: &[Vec<u8>], sums: &mut [f32]) {
        // A tree of one leaf has a question of no meaning.
        let width = bins.len().max(1);
        let mut of_rows = vec![0; BLOCK_ROWS.min(sums.len() / self.n_outputs) * width];
        for (block, sums) in sums.chunks_mut(BLOCK_ROWS * self.n_outputs).enumerate() {
            let first = block * BLOCK_ROWS;
            let of_rows = &mut of_rows[..sums.len() / self.n_outputs * width];
            for (column, bins) in bins.iter().enumerate().filter(|(_, bins)| !bins.is_empty()) {
                for (row, bin) in of_rows.chunks_exact_mut(width).zip(&bins[first..]) {
                    row[column] = *bin;
                }
            }
            self.trees.iter().for_each(|tree| tree.add(of_rows, width, sums));
        }
    }

    fn add_seen_in_part(&self, bins: &[Vec<u8>], hidden: &[Vec<bool>], sums: &mut [f32]) {
        let mut shares = Shares::default();
        for (block, sums) in sums.chunks_mut(BLOCK_ROWS * self.n_outputs).enumerate() {
            let first = block * BLOCK_ROWS;
            let rows = SeenRows::of(bins, hidden, first..first + sums.len() / self.n_outputs);
            self.trees.iter().for_each(|tree| tree.add_seen_in_part(&rows, &mut shares, sums));
        }
    }

    /// Columns that its trees ask about.
    fn asked(&self) -> Vec<usize> {
        self.asking.asked(self.trees.iter().flat_map(DeepTree::questions))
    }
}

impl Loss {
    /// What the means of a random forest's leaves predict: probabilities of all classes, or the number.
    pub fn of_means(self, means: &[f32], predicted: &mut Vec<f64>) {
        match self {
            Loss::Logistic => {
                let p = f64::from(means[0]);
                predicted.extend([1.0 - p, p]);
            }
            Loss::Softmax { .. } | Loss::Squared => {
                predicted.extend(means.iter().map(|mean| f64::from(*mean)))
            }
        }
    }
}

/// How often a row is in a bootstrap: a Poisson number of mean 1, which is what drawing as many rows as there are, with
/// putting back, comes to.
fn n_drawn(seed: u64, row: usize) -> f32 {
    let u = unit(splitmix(seed ^ splitmix(row as u64)));
    let (mut n, mut p) = (0.0, (-1.0f32).exp());
    let mut below = p;
    while u >= below && n < 8.0 {
        n += 1.0;
        p /= n;
        below += p;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_drawn_as_often_as_poisson_says() {
        let drawn: Vec<f32> = (0..100_000).map(|row| n_drawn(5, row)).collect();
        let mean = drawn.iter().sum::<f32>() / 1e5;
        let share = |n: f32| drawn.iter().filter(|d| **d == n).count() as f32 / 1e5;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        for (n, p) in [(0.0, 0.3679), (1.0, 0.3679), (2.0, 0.1839), (3.0, 0.0613)] {
            assert!((share(n) - p).abs() < 0.01, "{n}: {}", share(n));
        }
    }
}
