//! Boosting: every tree takes a step down the loss that the trees before it left.

use super::columns::Plan;
use super::grow::{Ground, grow};
use super::learned::{Learned, TreeRows};
use super::{Forest, MAX_TREES, N_LEAVES, Tree};
use crate::numbers::{sigmoid, softplus};
use crate::objective::{splitmix, unit};

/// What is added to a leaf's sum of second derivatives.
const LAMBDA: f64 = 3.0;
/// Trees without a better held-out loss that end the fit.
const PATIENCE: usize = 40;
/// Trees between two looks at whether the user wants to stop.
const TREES_PER_LOOK: usize = 32;
/// Smallest second derivative of a row.
const LEAST_CURVATURE: f32 = 1e-6;
/// Smallest improvement of the held-out loss that counts.
const LEAST_IMPROVEMENT: f64 = 1e-6;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Log-loss of two classes, by one number: the log-odds of the second.
    Logistic,
    /// Log-loss of several classes, by a number each.
    Softmax { n_classes: usize },
    /// Squared error.
    Squared,
}

impl Loss {
    /// Numbers that a tree's leaf has.
    pub fn n_outputs(self) -> usize {
        match self {
            Loss::Logistic | Loss::Squared => 1,
            Loss::Softmax { n_classes } => n_classes,
        }
    }

    /// Statistics of the target per category: its mean, or the share of each class where these are few.
    fn n_per_category(self) -> usize {
        match self {
            Loss::Logistic | Loss::Squared => 1,
            Loss::Softmax { n_classes: n @ ..=8 } => n,
            Loss::Softmax { .. } => 0,
        }
    }

    /// The columns that trees of this loss have.
    pub fn plan(self, parts: &[Vec<tabgraft_table::encoded::PartForm>]) -> Plan {
        Plan::new(parts, self.n_per_category())
    }

    /// What the outputs of one row predict: probabilities of all classes, or the number.
    pub fn predict(self, margins: &[f32], predicted: &mut Vec<f64>) {
        match self {
            Loss::Logistic => {
                let p = sigmoid(f64::from(margins[0]));
                predicted.extend([1.0 - p, p]);
            }
            Loss::Softmax { .. } => {
                let highest = margins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let exps: Vec<f64> = margins.iter().map(|m| f64::from(m - highest).exp()).collect();
                let total: f64 = exps.iter().sum();
                predicted.extend(exps.iter().map(|e| e / total));
            }
            Loss::Squared => predicted.push(f64::from(margins[0])),
        }
    }

    /// First and second derivative of a row's loss, times its weight.
    fn derive(self, margins: &[f32], target: f32, weight: f32, out: &mut [[f32; 2]]) {
        let pair = |p: f32, is: bool| {
            [weight * (p - f32::from(u8::from(is))), weight * (p * (1.0 - p)).max(LEAST_CURVATURE)]
        };
        match self {
            Loss::Logistic => out[0] = pair(sigmoid(f64::from(margins[0])) as f32, target > 0.5),
            Loss::Softmax { .. } => {
                let highest = margins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let total: f32 = margins.iter().map(|m| (m - highest).exp()).sum();
                for (class, (out, m)) in out.iter_mut().zip(margins).enumerate() {
                    *out = pair((m - highest).exp() / total, class == target as usize);
                }
            }
            Loss::Squared => out[0] = [weight * (margins[0] - target), weight],
        }
    }

    /// The loss of a row.
    fn of_row(self, margins: &[f32], target: f32) -> f64 {
        match self {
            Loss::Logistic => {
                let m = f64::from(margins[0]) * if target > 0.5 { 1.0 } else { -1.0 };
                softplus(-m)
            }
            Loss::Softmax { .. } => {
                let highest = f64::from(margins.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                let total: f64 = margins.iter().map(|m| (f64::from(*m) - highest).exp()).sum();
                highest + total.ln() - f64::from(margins[target as usize])
            }
            Loss::Squared => f64::from(margins[0] - target).powi(2),
        }
    }

    /// The loss of a row, and its first derivative by each output.
    pub fn value_and_slope(self, margins: &[f64], target: f32, slopes: &mut [f64]) -> f64 {
        match self {
            Loss::Logistic => {
                let is = target > 0.5;
                slopes[0] = sigmoid(margins[0]) - f64::from(u8::from(is));
                softplus(if is { -margins[0] } else { margins[0] })
            }
            Loss::Softmax { .. } => {
                let highest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                slopes.iter_mut().zip(margins).for_each(|(s, m)| *s = (m - highest).exp());
                let total: f64 = slopes.iter().sum();
                slopes.iter_mut().for_each(|s| *s /= total);
                slopes[target as usize] -= 1.0;
                highest + total.ln() - margins[target as usize]
            }
            Loss::Squared => {
                let error = margins[0] - f64::from(target);
                slopes[0] = error;
                error * error / 2.0
            }
        }
    }

    /// The second derivative by each output of a row that is predicted so.
    pub fn mean_curvature(self, margins: &[f64]) -> Vec<f64> {
        match self {
            Loss::Squared => vec![1.0],
            Loss::Logistic | Loss::Softmax { .. } => {
                let margins: Vec<f32> = margins.iter().map(|m| *m as f32).collect();
                let mut p = Vec::new();
                self.predict(&margins, &mut p);
                let of = |p: &f64| (p * (1.0 - p)).max(1e-3);
                if self == Loss::Logistic { vec![of(&p[1])] } else { p.iter().map(of).collect() }
            }
        }
    }

    /// What is predicted of shares of classes, or a mean, alone.
    pub fn start(self, shares: &[f32]) -> Vec<f32> {
        let safe = |p: f32| p.clamp(1e-4, 1.0 - 1e-4);
        match self {
            Loss::Logistic => vec![(safe(shares[0]) / (1.0 - safe(shares[0]))).ln()],
            Loss::Softmax { .. } => shares.iter().map(|p| safe(*p).ln()).collect(),
            Loss::Squared => shares.to_vec(),
        }
    }
}

/// How a forest is fitted.
pub(crate) struct BoostOptions<'a> {
    /// `[n_rows, n_outputs]` of the table: margins that the trees start from, where something predicts before them.
    pub offsets: Option<&'a [f32]>,
    /// How much larger steps are than usual, and by how much fewer trees are waited for a better loss; 1 or more.
    pub haste: f64,
}

/// Fits a forest that stops on the stop rows; its margins for them, `[stop_rows.len(), n_outputs]`.
///
/// `is_stopped` is asked now and then.
pub(crate) fn boost(
    data: &TreeRows<'_>,
    learned: &Learned,
    options: &BoostOptions<'_>,
    is_stopped: &(dyn Fn() -> bool + Sync),
) -> (Forest, Vec<f32>) {
    let (loss, rows) = (data.loss, data.learn_rows);
    let n_outputs = loss.n_outputs();
    let start = match options.offsets {
        None => loss.start(&learned.prior),
        Some(_) => vec![0.0; n_outputs],
    };
    let Learned { asking, bins, stop_bins, asked, .. } = learned;
    let n_bins: Vec<usize> = (0..bins.len()).map(|c| asking.borders.n_bins(c)).collect();
    let ground = Ground { bins, n_bins: &n_bins, n_outputs, lambda: LAMBDA };
    let rate = learning_rate(rows.len()) * options.haste;
    let patience = (PATIENCE as f64 / options.haste) as usize;
    let before = |rows: &[usize]| -> Vec<f32> {
        let of_row = |r: &usize| match options.offsets {
            None => &start[..],
            Some(offsets) => &offsets[r * n_outputs..(r + 1) * n_outputs],
        };
        rows.iter().flat_map(of_row).copied().collect()
    };
    let (mut sums, mut stop_sums) = (before(rows), before(data.stop_rows));
    let held_out = |sums: &[f32]| -> f64 {
        let (mut total, mut weight) = (0.0, 0.0);
        for (r, margins) in data.stop_rows.iter().zip(sums.chunks_exact(n_outputs)) {
            let w = f64::from(data.weights[*r]);
            total += w * loss.of_row(margins, data.targets[*r]);
            weight += w;
        }
        if weight > 0.0 { total / weight } else { 0.0 }
    };
    let mut best = (held_out(&stop_sums), 0, stop_sums.clone());
    let mut trees: Vec<Tree> = Vec::new();
    let mut derivatives = vec![[0.0f32; 2]; rows.len() * n_outputs];
    let mut bootstrapped = derivatives.clone();
    while trees.len() < MAX_TREES && trees.len() < best.1 + patience && !asked.is_empty() {
        if trees.len().is_multiple_of(TREES_PER_LOOK) && is_stopped() {
            break;
        }
        for (i, r) in rows.iter().enumerate() {
            let own = i * n_outputs..(i + 1) * n_outputs;
            let out = &mut derivatives[own.clone()];
            loss.derive(&sums[own.clone()], data.targets[*r], data.weights[*r], out);
            // Bayesian bootstrap (Rubin 1981): weights of an exponential distribution, of the row and the tree.
            let u = unit(splitmix(data.seed ^ splitmix((trees.len() * rows.len() + i) as u64)));
            let w = -(1.0 - u).ln();
            for (to, from) in bootstrapped[own].iter_mut().zip(&*out) {
                *to = [w * from[0], w * from[1]];
            }
        }
        let grown = grow(&ground, &bootstrapped, asked);
        let mut leaf_sums = vec![[0.0f64; 2]; N_LEAVES * n_outputs];
        let mut covers = vec![0.0f64; N_LEAVES];
        grown.leaf.iter().zip(rows).for_each(|(leaf, r)| {
            covers[usize::from(*leaf)] += f64::from(data.weights[*r]);
        });
        for (leaf, row) in grown.leaf.iter().zip(derivatives.chunks_exact(n_outputs)) {
            let own = &mut leaf_sums[usize::from(*leaf) * n_outputs..][..n_outputs];
            for (sum, d) in own.iter_mut().zip(row) {
                *sum = [sum[0] + f64::from(d[0]), sum[1] + f64::from(d[1])];
            }
        }
        let leaves = leaf_sums.iter().map(|[g, h]| (-rate * g / (h + LAMBDA)) as f32).collect();
        let covers = Some(covers.into_iter().map(|cover| cover as f32).collect());
        let tree = Tree { questions: grown.questions, leaves, covers };
        for (leaf, sums) in grown.leaf.iter().zip(sums.chunks_exact_mut(n_outputs)) {
            for (sum, value) in sums.iter_mut().zip(&tree.leaves[usize::from(*leaf) * n_outputs..]) {
                *sum += value;
            }
        }
        tree.add(stop_bins, &mut stop_sums, n_outputs);
        trees.push(tree);
        let now = held_out(&stop_sums);
        if now < best.0 - LEAST_IMPROVEMENT {
            best = (now, trees.len(), stop_sums.clone());
        }
    }
    trees.truncate(best.1);
    (Forest { asking: asking.clone(), start, trees }, best.2)
}

/// Smaller steps where rows are few: they need more trees, which are cheap there.
fn learning_rate(n_rows: usize) -> f64 {
    match n_rows {
        0..5_000 => 0.05,
        5_000..50_000 => 0.08,
        _ => 0.12,
    }
}
