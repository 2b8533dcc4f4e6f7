//! A cheap test of whether two columns together say more than each of them: it orders the pairs
//! whose candidates are worth computing.

use super::histogram::Binned;
use super::residuals::Output;

/// Bins of each of the two columns; missing is one more.
const N_BINS: usize = 6;
const N_SIDE: usize = N_BINS + 1;
/// Added to the hessian of each cell, in rows of squared error.
const RIDGE: f64 = 8.0;

/// Each row's coarse bin.
pub(super) struct Coarse(Vec<u8>);

impl Coarse {
    pub(super) fn new(binned: &Binned) -> Self {
        Coarse(binned.coarse_slots(N_BINS))
    }
}

/// What a table of the two columns' bins explains of the gradient beyond its rows and columns: the
/// reduction of the summed loss on folds that the table was not fitted on, less that of either
/// column's own bins. About 0 by chance.
///
/// As the FAST test (Lou et al. 2013, "Accurate intelligible models with pairwise interactions",
/// section 4). Differs from the paper: all cells of a coarse grid instead of the best four
/// quadrants, held-out folds instead of the fitted rows, so that chance does not order the pairs.
pub(super) fn strength(a: &Coarse, b: &Coarse, outputs: &[Output], fold: &[u8], n_folds: usize) -> f64 {
    outputs.iter().map(|output| output.weight * of_output(a, b, output, fold, n_folds)).sum()
}

fn of_output(a: &Coarse, b: &Coarse, output: &Output, fold: &[u8], n_folds: usize) -> f64 {
    let n_cells = N_SIDE * N_SIDE;
    let mut cells = vec![(0.0, 0.0); n_folds * n_cells];
    let rows = a.0.iter().zip(&b.0).zip(fold).zip(output.gradient.iter().zip(&output.hessian));
    for (((a, b), k), (g, h)) in rows {
        let cell = &mut cells[usize::from(*k) * n_cells + usize::from(*a) * N_SIDE + usize::from(*b)];
        cell.0 += g;
        cell.1 += h;
    }
    let mut total = vec![(0.0, 0.0); n_cells];
    for (i, (g, h)) in cells.iter().enumerate() {
        total[i % n_cells].0 += g;
        total[i % n_cells].1 += h;
    }
    let mut strength = 0.0;
    for held_out in cells.chunks_exact(n_cells) {
        let learn: Vec<(f64, f64)> =
            total.iter().zip(held_out).map(|(t, c)| (t.0 - c.0, t.1 - c.1)).collect();
        let joint = gain(&learn, held_out, |i| i, n_cells);
        let own_a = gain(&learn, held_out, |i| i / N_SIDE, N_SIDE);
        let own_b = gain(&learn, held_out, |i| i % N_SIDE, N_SIDE);
        // What all rows share is in each of the three, so it is taken off once too often.
        let shared = gain(&learn, held_out, |_| 0, 1);
        strength += joint - own_a - own_b + shared;
    }
    strength
}

/// The gain on `held_out` of one weight per group of cells, fitted on `learn`.
fn gain(
    learn: &[(f64, f64)],
    held_out: &[(f64, f64)],
    group: impl Fn(usize) -> usize,
    n_groups: usize,
) -> f64 {
    let sum = |cells: &[(f64, f64)]| {
        let mut sums = vec![(0.0, 0.0); n_groups];
        for (i, (g, h)) in cells.iter().enumerate() {
            let s = &mut sums[group(i)];
            s.0 += g;
            s.1 += h;
        }
        sums
    };
    let of = |((gl, hl), (g, h)): (&(f64, f64), &(f64, f64))| {
        let weight = -gl / (hl + RIDGE);
        -(weight * g + 0.5 * weight * weight * h)
    };
    sum(learn).iter().zip(&sum(held_out)).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::super::residuals::Residuals;
    use super::super::values::CandidateValues;
    use super::*;

    #[test]
    fn a_product_is_seen_and_two_sums_are_not() {
        let n = 2000;
        let at = |i: usize, salt: u64| {
            let x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (salt << 17));
            ((x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let column = |salt| (0..n).map(|i| Some(at(i, salt))).collect::<Vec<_>>();
        let sample: Vec<usize> = (0..n).collect();
        let coarse = |salt| Coarse::new(&Binned::fit(&CandidateValues::Number(column(salt)), &sample));
        let fold: Vec<u8> = (0..n).map(|i| (i % 5) as u8).collect();
        let strength_of = |f: &dyn Fn(f64, f64) -> f64| {
            let gradient = (0..n).map(|i| -f(at(i, 1), at(i, 2))).collect();
            let residuals = Residuals::new(gradient, vec![1.0; n]).unwrap();
            let squares = residuals.outputs[0].gradient.iter().map(|g| g * g).sum::<f64>();
            strength(&coarse(1), &coarse(2), &residuals.outputs, &fold, 5) / (0.5 * squares)
        };
        assert!(strength_of(&|a, b| a * b) > 0.6);
        assert!(strength_of(&|a, b| a + b).abs() < 0.05);
        assert!(strength_of(&|a, _| a).abs() < 0.05);
    }
}
