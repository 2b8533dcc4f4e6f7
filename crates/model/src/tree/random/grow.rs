//! Growing a deep tree: at every node the best question about a few columns that are drawn.

use super::super::borders::MOST_BINS;
use super::super::{Loss, Question};
use super::deep::{DeepTree, MAX_DEPTH};
use crate::objective::splitmix;

/// Fewest rows of a leaf.
const LEAST_ROWS: usize = 2;
/// Smallest gain of a question, as a share of what the node explains already.
const LEAST_GAIN: f64 = 1e-9;

/// The rows that a tree is grown on.
pub(super) struct Sample<'a> {
    /// `[n_columns][n_rows]`.
    pub bins: &'a [Vec<u8>],
    /// Columns that can be asked about.
    pub asked: &'a [usize],
    pub loss: Loss,
    /// `[n_rows]`: class indices, or numbers.
    pub targets: &'a [f32],
    /// `[n_rows]`; rows of 0 are not in it.
    pub weights: Vec<f32>,
}

/// What some rows have of the target: weight, and weighted sum of the number or of each class.
struct Side {
    weight: f64,
    sums: Vec<f64>,
    /// Sum of the squares of the sums.
    squares: f64,
}

impl Side {
    fn new(loss: Loss) -> Self {
        let n = match loss {
            Loss::Squared => 1,
            Loss::Logistic => 2,
            Loss::Softmax { n_classes } => n_classes,
        };
        Side { weight: 0.0, sums: vec![0.0; n], squares: 0.0 }
    }

    /// Takes a row of this weight in, or, with a weight below 0, out.
    fn add(&mut self, loss: Loss, target: f32, weight: f64) {
        let (i, value) = match loss {
            Loss::Squared => (0, weight * f64::from(target)),
            Loss::Logistic | Loss::Softmax { .. } => (target as usize, weight),
        };
        let before = self.sums[i];
        self.squares += value * (2.0 * before + value);
        self.sums[i] = before + value;
        self.weight += weight;
    }

    fn copy(&mut self, other: &Side) {
        (self.weight, self.squares) = (other.weight, other.squares);
        self.sums.copy_from_slice(&other.sums);
    }

    fn clear(&mut self) {
        (self.weight, self.squares) = (0.0, 0.0);
        self.sums.fill(0.0);
    }

    /// What a mean of these rows explains: of a number what it takes off the squared error, of classes what it takes
    /// off Gini's impurity (Breiman et al. 1984, section 4.3), times the weight.
    fn explained(&self) -> f64 {
        if self.weight > 0.0 { self.squares / self.weight } else { 0.0 }
    }

    /// Numbers of a leaf.
    fn leaf(&self, loss: Loss) -> impl Iterator<Item = f32> {
        let all = if loss == Loss::Logistic { &self.sums[1..] } else { &self.sums };
        let weight = self.weight.max(f64::MIN_POSITIVE);
        all.iter().map(move |sum| (sum / weight) as f32)
    }
}

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
    let Sample { loss, targets, weights, asked, .. } = sample;
    let mut order: Vec<u32> = (0..weights.len()).filter(|r| weights[*r] > 0.0).map(|r| r as u32).collect();
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
                let middle = start + part(rows, |r| bins[r as usize] > question.bin);
                nodes.push(Some(question));
                waiting.push((middle, end, depth + 1));
                waiting.push((start, middle, depth + 1));
            }
            None => {
                nodes.push(None);
                leaves.extend(search.all.leaf(*loss));
                covers.push(search.all.weight as f32);
            }
        }
    }
    debug_assert_eq!(targets.len(), weights.len());
    let tree = DeepTree::new(&nodes, leaves, &covers);
    tree.unwrap_or_else(|| unreachable!("a node is followed by its left and its right child"))
}

/// Puts rows for which `is_right` holds behind the others, each in the order that they had; the number of the others.
fn part(rows: &mut [u32], is_right: impl Fn(u32) -> bool) -> usize {
    let right: Vec<u32> = rows.iter().copied().filter(|r| is_right(*r)).collect();
    let mut n_left = 0;
    for i in 0..rows.len() {
        if !is_right(rows[i]) {
            rows[n_left] = rows[i];
            n_left += 1;
        }
    }
    rows[n_left..].copy_from_slice(&right);
    n_left
}

/// The search for the best question of a node, and what it needs again and again.
struct Search {
    all: Side,
    left: Side,
    right: Side,
    by_bin: Vec<u32>,
}

impl Search {
    fn new(loss: Loss) -> Self {
        Search { all: Side::new(loss), left: Side::new(loss), right: Side::new(loss), by_bin: Vec::new() }
    }

    /// Sums of a node's rows.
    fn enter(&mut self, sample: &Sample<'_>, rows: &[u32]) {
        self.all.clear();
        for r in rows {
            let r = *r as usize;
            self.all.add(sample.loss, sample.targets[r], f64::from(sample.weights[r]));
        }
    }

    /// Whether the rows have more than one target.
    fn differ(&self, sample: &Sample<'_>, rows: &[u32]) -> bool {
        let first = sample.targets[rows[0] as usize];
        rows.iter().any(|r| sample.targets[*r as usize] != first)
    }

    /// Gain and bin of the best question about a column; none where none parts the rows.
    fn best(&mut self, sample: &Sample<'_>, column: usize, rows: &[u32]) -> Option<(f64, u8)> {
        let bins = &sample.bins[column];
        let mut ends = [0u32; MOST_BINS + 1];
        for r in rows {
            ends[usize::from(bins[*r as usize]) + 1] += 1;
        }
        if ends.contains(&(rows.len() as u32)) {
            return None;
        }
        for bin in 0..MOST_BINS {
            ends[bin + 1] += ends[bin];
        }
        // Rows by bin; where the next row of each bin goes is where the bin begins.
        let mut next = ends;
        self.by_bin.resize(rows.len(), 0);
        for r in rows {
            let place = &mut next[usize::from(bins[*r as usize])];
            self.by_bin[*place as usize] = *r;
            *place += 1;
        }
        self.left.clear();
        self.right.copy(&self.all);
        let before = self.all.explained();
        let mut best: Option<(f64, u8)> = None;
        for (i, r) in self.by_bin[..rows.len() - LEAST_ROWS].iter().enumerate() {
            let r = *r as usize;
            let (target, weight) = (sample.targets[r], f64::from(sample.weights[r]));
            self.left.add(sample.loss, target, weight);
            self.right.add(sample.loss, target, -weight);
            let bin = bins[r];
            if i + 1 < LEAST_ROWS || bins[self.by_bin[i + 1] as usize] == bin {
                continue;
            }
            let gain = self.left.explained() + self.right.explained() - before;
            if gain > before.abs() * LEAST_GAIN && best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, bin));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tree: &DeepTree, bins: &[Vec<u8>], row: usize, n_outputs: usize) -> Vec<f32> {
        let mut sums = vec![0.0; n_outputs];
        tree.add(bins, row, &mut sums);
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
            let sample =
                Sample { bins: &bins, asked: &[0, 1], loss, targets: &targets, weights: weights.clone() };
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
        let sample = Sample {
            bins: &bins,
            asked: &[0],
            loss: Loss::Squared,
            targets: &[1.0, 3.0, 10.0, 20.0, 90.0],
            weights: vec![1.0, 3.0, 1.0, 1.0, 2.0],
        };
        let tree = grow(&sample, 1);
        assert_eq!(said(&tree, &bins, 0, 1), [2.5]);
        assert_eq!(said(&tree, &bins, 4, 1), [52.5], "one row of its own would be no leaf");
        let same = Sample { targets: &[4.0; 5], ..sample };
        assert_eq!(grow(&same, 1).leaf_covers().collect::<Vec<_>>(), [8.0], "nothing is left to tell");
    }
}
