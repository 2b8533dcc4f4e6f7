//! Cross-entropy of many columns at once, each on its own range of one wide row of logits.

use rayon::prelude::*;

use super::elementwise::exp;
use super::matrix::ROW_BLOCK;
use super::simd::vectorised;
use tabgraft_table::encoded::NO_TARGET;

/// What the columns of a batch should have been.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnTargets {
    /// `[n_columns + 1]`: column `c` owns the logits `first[c]..first[c + 1]`.
    pub first: Vec<usize>,
    /// `[n_rows, n_columns]` classes; [`NO_TARGET`] counts for nothing.
    pub class: Vec<u16>,
    /// `[n_rows, n_columns]` weights; 0 counts for nothing.
    pub weight: Vec<f32>,
    /// `[n_columns]` factor of the column's loss, such as `1 / ln(n_classes)`.
    pub scale: Vec<f32>,
}

impl ColumnTargets {
    fn n_columns(&self) -> usize {
        self.scale.len()
    }

    fn width(&self) -> usize {
        self.first.last().copied().unwrap_or(0)
    }
}

/// Weighted loss of each column, summed over rows, and how many cells were contained.
///
/// A cell whose loss is not finite is left out, here and in [`backward`], and counted: one broken
/// column must not poison the others.
///
/// # Shapes
/// - `logits`: `[n_rows, first[n_columns]]`; returns `[2, n_columns]`: losses, then counts
pub fn forward(logits: &[f32], targets: &ColumnTargets) -> Vec<f32> {
    let (n_columns, width) = (targets.n_columns(), targets.width());
    let blocks: Vec<Vec<f64>> = logits
        .par_chunks(ROW_BLOCK * width)
        .enumerate()
        .map(|(block, logits)| {
            let mut sums = vec![0.0; 2 * n_columns];
            vectorised(
                #[inline(always)]
                || {
                    for (i, row) in logits.chunks_exact(width).enumerate() {
                        for (c, class, weight) in cells(targets, block * ROW_BLOCK + i) {
                            let scores = &row[targets.first[c]..targets.first[c + 1]];
                            let loss = f64::from(log_sum_exp(scores)) - f64::from(scores[class]);
                            if loss.is_finite() {
                                sums[c] += f64::from(weight * targets.scale[c]) * loss;
                            } else {
                                sums[n_columns + c] += 1.0;
                            }
                        }
                    }
                },
            );
            sums
        })
        .collect();
    let mut total = vec![0.0; 2 * n_columns];
    for sums in blocks {
        for (t, s) in total.iter_mut().zip(sums) {
            *t += s;
        }
    }
    total.into_iter().map(|v| v as f32).collect()
}

/// Gradient of [`forward`] for the logits.
///
/// # Shapes
/// - `dloss`: `[n_columns]`; returns `[n_rows, first[n_columns]]`
pub fn backward(logits: &[f32], targets: &ColumnTargets, dloss: &[f32]) -> Vec<f32> {
    let width = targets.width();
    let mut dlogits = vec![0.0; logits.len()];
    dlogits.par_chunks_mut(ROW_BLOCK * width).zip(logits.par_chunks(ROW_BLOCK * width)).enumerate().for_each(
        |(block, (dlogits, logits))| {
            vectorised(
                #[inline(always)]
                || {
                    for (i, (drow, row)) in
                        dlogits.chunks_exact_mut(width).zip(logits.chunks_exact(width)).enumerate()
                    {
                        for (c, class, weight) in cells(targets, block * ROW_BLOCK + i) {
                            let range = targets.first[c]..targets.first[c + 1];
                            cell_gradient(
                                &row[range.clone()],
                                class,
                                weight * targets.scale[c] * dloss[c],
                                &mut drow[range],
                            );
                        }
                    }
                },
            );
        },
    );
    dlogits
}

#[inline(always)]
fn cell_gradient(scores: &[f32], class: usize, factor: f32, out: &mut [f32]) {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (o, s) in out.iter_mut().zip(scores) {
        *o = exp(s - highest);
        sum += *o;
    }
    if !(highest.is_finite() && sum.is_finite() && scores[class].is_finite()) {
        out.fill(0.0);
        return;
    }
    let scale = factor / sum;
    out.iter_mut().for_each(|o| *o *= scale);
    out[class] -= factor;
}

/// The cells of one row that count: column, class, weight.
#[inline(always)]
fn cells(targets: &ColumnTargets, r: usize) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
    let n = targets.n_columns();
    let range = r * n..(r + 1) * n;
    targets.class[range.clone()]
        .iter()
        .zip(&targets.weight[range])
        .enumerate()
        .filter(|(_, (class, weight))| **class != NO_TARGET && **weight != 0.0)
        .map(|(c, (class, weight))| (c, usize::from(*class), *weight))
}

#[inline(always)]
fn log_sum_exp(scores: &[f32]) -> f32 {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !highest.is_finite() || scores.iter().any(|s| s.is_nan()) {
        return f32::NAN;
    }
    let sum: f32 = scores.iter().map(|s| exp(s - highest)).sum();
    highest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> ColumnTargets {
        ColumnTargets {
            first: vec![0, 3, 5],
            class: vec![2, 1, 0, NO_TARGET],
            weight: vec![1.0, 0.5, 2.0, 1.0],
            scale: vec![1.0 / 3.0_f32.ln(), 1.0],
        }
    }

    #[test]
    fn uniform_logits_cost_the_logarithm_of_the_number_of_classes() {
        let loss = forward(&[0.0; 10], &targets());
        assert!((loss[0] - 3.0).abs() < 1e-5 && (loss[1] - 0.5 * 2.0_f32.ln()).abs() < 1e-5);
        assert_eq!(&loss[2..], [0.0, 0.0]);
    }

    #[test]
    fn gradient_is_the_derivative() {
        let t = targets();
        let logits: Vec<f32> = (0..10).map(|i| (i as f32 * 0.7).sin()).collect();
        let weights = [0.7, -1.3];
        let total =
            |l: &[f32]| -> f64 { forward(l, &t).iter().zip(weights).map(|(a, b)| f64::from(*a) * b).sum() };
        let gradient = backward(&logits, &t, &weights.map(|w| w as f32));
        for i in 0..logits.len() {
            let (mut up, mut down) = (logits.clone(), logits.clone());
            up[i] += 1e-2;
            down[i] -= 1e-2;
            let numeric = (total(&up) - total(&down)) / 2e-2;
            assert!((numeric - f64::from(gradient[i])).abs() < 2e-3, "{i}: {numeric} {}", gradient[i]);
        }
    }

    #[test]
    fn a_broken_column_is_contained_and_counted() {
        let mut logits = vec![0.5; 10];
        logits[3] = f32::NAN;
        let loss = forward(&logits, &targets());
        assert!(loss.iter().all(|v| v.is_finite()));
        assert_eq!(&loss[2..], [0.0, 1.0]);
        let gradient = backward(&logits, &targets(), &[1.0, 1.0]);
        assert!(gradient.iter().all(|v| v.is_finite()));
        assert_eq!(&gradient[3..5], [0.0, 0.0]);
    }
}
