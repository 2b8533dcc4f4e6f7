//! Growing a deep tree: at every node the best question about a few columns that are drawn.

use super::super::borders::MOST_BINS;
use super::super::{Loss, Question};
use super::deep::{DeepTree, MAX_DEPTH};
use crate::objective::splitmix;

/// Fewest rows of a leaf.
const LEAST_ROWS: usize = 2;
/// Smallest gain of a question, as a share of what the node explains already.
const LEAST_GAIN: f64 = 1e-9;
/// Sums that rows add to in turn: those that stand after each other are often of one bin, and would wait for a sum.
const N_TURNS: usize = 2;

/// The rows that a tree is grown on.
pub(super) struct Sample<'a> {
    /// `[n_columns][n_rows]`.
    pub bins: &'a [Vec<u8>],
    /// Columns that can be asked about.
    pub asked: &'a [usize],
    pub loss: Loss,
    /// `[n_rows]`: class indices, or numbers.
    pub targets: &'a [f32],
    /// `[n_rows]`.
    pub rows: Vec<Row>,
}

/// What a row adds to sums of rows; see [`Search`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// 0 of a row that is not in the sample.
    weight: f32,
    /// Which sum it adds to, beside that of weights, and how much.
    sum: u32,
    value: f32,
}

impl Row {
    pub fn new(loss: Loss, target: f32, weight: f32) -> Self {
        match loss {
            Loss::Logistic | Loss::Squared => Row { weight, sum: 1, value: weight * target },
            Loss::Softmax { .. } => Row { weight, sum: 1 + target as u32, value: weight },
        }
    }

    /// Adds to sums of which there are so many.
    #[inline(always)]
    fn add_to(self, n_sums: usize, sums: &mut [f64]) {
        let sums = &mut sums[..n_sums];
        sums[0] += f64::from(self.weight);
        // Of two sums it is the second.
        sums[if n_sums == 2 { 1 } else { self.sum as usize }] += f64::from(self.value);
    }
}

// A search remembers bins in the bits of a number.
const _: () = assert!(MOST_BINS <= u128::BITS as usize);

/// Numbers that follow from a seed, one after the other.
struct Draws(u64);

impl Draws {
    /// Below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 = splitmix(self.0);
        (self.0 % n as u64) as usize
    }
}

/// Grows a tree on the rows of a sample.
pub(super) fn grow(sample: &Sample<'_>, seed: u64) -> DeepTree {
    let Sample { loss, asked, .. } = sample;
    let is_in = |r: &u32| sample.rows[*r as usize].weight > 0.0;
    let mut order: Vec<u32> = (0..sample.rows.len() as u32).filter(is_in).collect();
    let mut right = vec![0; order.len()];
    let n_wanted = match loss {
        Loss::Squared => asked.len().div_ceil(3),
        Loss::Logistic | Loss::Softmax { .. } => (asked.len() as f64).sqrt().ceil() as usize,
    };
    let mut draws = Draws(seed);
    let mut candidates = asked.to_vec();
    let mut search = Search::new(*loss);
    let (mut nodes, mut leaves, mut covers) = (Vec::new(), Vec::new(), Vec::new());
    let mut waiting = vec![(0, order.len(), 0)];
    while let Some((start, end, depth)) = waiting.pop() {
        let rows = &mut order[start..end];
        search.enter(sample, rows);
        let mut best: Option<(f64, Question)> = None;
        if rows.len() >= 2 * LEAST_ROWS && depth < MAX_DEPTH && search.differ(sample, rows) {
            // Columns are drawn until enough were asked about and one of them parts the rows.
            for n in 0..candidates.len() {
                if n >= n_wanted && best.is_some() {
                    break;
                }
                let drawn = n + draws.below(candidates.len() - n);
                candidates.swap(n, drawn);
                let found = search.best(sample, candidates[n], rows);
                if let Some((gain, bin)) = found
                    && best.is_none_or(|(before, _)| gain > before)
                {
                    best = Some((gain, Question { column: candidates[n] as u16, bin }));
                }
            }
        }
        match best {
            Some((_, question)) => {
                let bins = &sample.bins[usize::from(question.column)];
                let middle = start + part(rows, &mut right, |r| bins[r as usize] > question.bin);
                nodes.push(Some(question));
                waiting.push((middle, end, depth + 1));
                waiting.push((start, middle, depth + 1));
            }
            None => {
                nodes.push(None);
                leaves.extend(search.leaf());
                covers.push(search.all[0] as f32);
            }
        }
    }
    debug_assert_eq!(sample.targets.len(), sample.rows.len());
    let tree = DeepTree::new(&nodes, leaves, &covers);
    tree.unwrap_or_else(|| unreachable!("a node is followed by its left and its right child"))
}

/// Puts rows for which `is_right` holds behind the others, each in the order that they had; the number of the others.
/// `right` holds them on the way.
fn part(rows: &mut [u32], right: &mut [u32], is_right: impl Fn(u32) -> bool) -> usize {
    // Each row is written to both sides, and the side that it belongs to moves on: nothing is guessed.
    let (mut n_left, mut n_right) = (0, 0);
    for i in 0..rows.len() {
        let row = rows[i];
        let is_right = usize::from(is_right(row));
        rows[n_left] = row;
        right[n_right] = row;
        n_left += 1 - is_right;
        n_right += is_right;
    }
    rows[n_left..].copy_from_slice(&right[..n_right]);
    n_left
}

/// The search for the best question of a node, and what it needs again and again.
///
/// What some rows have of the target is their weight and the weighted sum of the number, of the second class, or of each
/// of several classes: `[n_sums]`.
struct Search {
    n_sums: usize,
    /// Of the node's rows.
    all: Vec<f64>,
    left: Vec<f64>,
    /// `[N_TURNS, MOST_BINS, n_sums]`, zeros between searches.
    by_bin: Vec<f64>,
    n_by_bin: [[u32; MOST_BINS]; N_TURNS],
}

impl Search {
    fn new(loss: Loss) -> Self {
        let n_sums = 1 + loss.n_outputs();
        Search {
            n_sums,
            all: vec![0.0; n_sums],
            left: vec![0.0; n_sums],
            by_bin: vec![0.0; N_TURNS * MOST_BINS * n_sums],
            n_by_bin: [[0; MOST_BINS]; N_TURNS],
        }
    }

    /// Sums of a node's rows.
    fn enter(&mut self, sample: &Sample<'_>, rows: &[u32]) {
        self.all.fill(0.0);
        rows.iter().for_each(|r| sample.rows[*r as usize].add_to(self.n_sums, &mut self.all));
    }

    /// Whether the rows have more than one target.
    fn differ(&self, sample: &Sample<'_>, rows: &[u32]) -> bool {
        let first = sample.targets[rows[0] as usize];
        rows.iter().any(|r| sample.targets[*r as usize] != first)
    }

    /// Gain and bin of the best question about a column; none where none parts the rows.
    fn best(&mut self, sample: &Sample<'_>, column: usize, rows: &[u32]) -> Option<(f64, u8)> {
        // Loops over a number of sums that the compiler knows are no loops.
        match self.n_sums {
            2 => self.best_of(2, sample, column, rows),
            n_sums => self.best_of(n_sums, sample, column, rows),
        }
    }

    #[inline(always)]
    fn best_of(
        &mut self,
        n_sums: usize,
        sample: &Sample<'_>,
        column: usize,
        rows: &[u32],
    ) -> Option<(f64, u8)> {
        let bins = &sample.bins[column];
        let mut used = 0u128;
        for (i, r) in rows.iter().enumerate() {
            let (turn, bin) = (i % N_TURNS, usize::from(bins[*r as usize]));
            used |= 1 << bin;
            self.n_by_bin[turn][bin] += 1;
            let of_bin = &mut self.by_bin[(turn * MOST_BINS + bin) * n_sums..];
            sample.rows[*r as usize].add_to(n_sums, of_bin);
        }
        self.left.fill(0.0);
        let (mut n_left, before) = (0, explained(self.all.iter().copied()));
        let mut best: Option<(f64, u8)> = None;
        while used != 0 {
            let bin = used.trailing_zeros() as usize;
            used &= used - 1;
            for turn in 0..N_TURNS {
                n_left += std::mem::take(&mut self.n_by_bin[turn][bin]) as usize;
                let of_bin = &mut self.by_bin[(turn * MOST_BINS + bin) * n_sums..][..n_sums];
                self.left.iter_mut().zip(of_bin).for_each(|(left, own)| *left += std::mem::take(own));
            }
            if n_left < LEAST_ROWS || rows.len() - n_left < LEAST_ROWS {
                continue;
            }
            let right = self.all.iter().zip(&self.left).map(|(all, left)| all - left);
            let gain = explained(self.left.iter().copied()) + explained(right) - before;
            if gain > before.abs() * LEAST_GAIN && best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, bin as u8));
            }
        }
        best
    }

    /// Numbers of a leaf of the node's rows.
    fn leaf(&self) -> impl Iterator<Item = f32> {
        let weight = self.all[0].max(f64::MIN_POSITIVE);
        self.all[1..].iter().map(move |sum| (sum / weight) as f32)
    }
}

/// What a mean of rows with these sums explains: of a number what it takes off the squared error, of classes what it takes off
/// Gini's impurity (Breiman et al. 1984, section 4.3), of two of them the half of it; times the weight.
fn explained(mut sums: impl Iterator<Item = f64>) -> f64 {
    let weight = sums.next().unwrap_or_default();
    let squares: f64 = sums.map(|sum| sum * sum).sum();
    if weight > 0.0 { squares / weight } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tree: &DeepTree, bins: &[Vec<u8>], row: usize, n_outputs: usize) -> Vec<f32> {
        let mut sums = vec![0.0; n_outputs];
        let bins: Vec<u8> = bins.iter().map(|column| column[row]).collect();
        tree.add(&bins, bins.len(), &mut sums);
        sums
    }

    #[test]
    fn a_tree_tells_classes_apart_by_two_columns_together() {
        // Class 1 where exactly one of two columns is above 2; no column says anything alone.
        let n = 400;
        let bins: Vec<Vec<u8>> =
            (0..2).map(|c| (0..n).map(|r| 1 + (splitmix(r as u64 * 2 + c) % 4) as u8).collect()).collect();
        let targets: Vec<f32> =
            (0..n).map(|r| f32::from(u8::from((bins[0][r] > 2) != (bins[1][r] > 2)))).collect();
        let weights: Vec<f32> = (0..n).map(|r| f32::from(u8::from(r % 3 > 0))).collect();
        for (loss, n_outputs) in
            [(Loss::Logistic, 1), (Loss::Squared, 1), (Loss::Softmax { n_classes: 2 }, 2)]
        {
            let rows = targets.iter().zip(&weights).map(|(t, w)| Row::new(loss, *t, *w)).collect();
            let sample = Sample { bins: &bins, asked: &[0, 1], loss, targets: &targets, rows };
            let tree = grow(&sample, 3);
            for (r, target) in targets.iter().enumerate() {
                let found = said(&tree, &bins, r, n_outputs);
                assert_eq!(found[n_outputs - 1], *target, "{loss:?}, row {r}");
            }
            let rows: f32 = tree.leaf_covers().sum();
            assert_eq!(rows, weights.iter().sum::<f32>(), "each row of the sample is in one leaf");
        }
    }

    #[test]
    fn leaves_are_weighted_means_and_have_two_rows_or_more() {
        let bins = vec![vec![1, 1, 2, 2, 3]];
        let grown = |targets: &[f32; 5]| -> DeepTree {
            let weights = [1.0, 3.0, 1.0, 1.0, 2.0];
            let rows = targets.iter().zip(weights).map(|(t, w)| Row::new(Loss::Squared, *t, w)).collect();
            grow(&Sample { bins: &bins, asked: &[0], loss: Loss::Squared, targets, rows }, 1)
        };
        let tree = grown(&[1.0, 3.0, 10.0, 20.0, 90.0]);
        assert_eq!(said(&tree, &bins, 0, 1), [2.5]);
        assert_eq!(said(&tree, &bins, 4, 1), [52.5], "one row of its own would be no leaf");
        assert_eq!(grown(&[4.0; 5]).leaf_covers().collect::<Vec<_>>(), [8.0], "nothing is left to tell");
    }
}
