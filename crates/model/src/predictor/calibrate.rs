//! Temperature: one exponent that makes probabilities mean what they say.
//!
//! Guo et al. 2017 (arXiv:1706.04599, section 4.2), on probabilities instead of logits:
//! `p ∝ p^sharpness`, with the sharpness that gives held-out rows the least log-loss.

use super::Target;
use super::search::least;

/// Range searched, as a logarithm.
const LOG_RANGE: (f64, f64) = (-1.5, 1.5);
pub(crate) const TINY: f64 = 1e-12;
/// The smallest probability of a class, but for rounding.
pub(crate) const LEAST_PROBABILITY: f64 = 1e-9;

/// Raises probabilities to a power and makes them sum to 1 again.
pub(crate) fn sharpen(p: &mut [f64], sharpness: f64) {
    p.iter_mut().for_each(|v| *v = v.max(TINY).powf(sharpness));
    let total: f64 = p.iter().sum();
    p.iter_mut().for_each(|v| *v /= total);
}

/// Brings probabilities that are 0 or 1, or so near that nobody could know, to the nearest that can be told apart from
/// them. Rows without such probabilities keep their bits.
pub(super) fn keep_off_the_ends(p: &mut [f64]) {
    if p.iter().any(|v| *v < LEAST_PROBABILITY) {
        p.iter_mut().for_each(|v| *v = v.max(LEAST_PROBABILITY));
        let total: f64 = p.iter().sum();
        p.iter_mut().for_each(|v| *v /= total);
    }
}

/// The sharpness with the least weighted log-loss on held-out rows.
///
/// # Shapes
/// - `p`: `[n_rows, n_classes]`; `class`, `weights`: `[n_rows]`
pub(crate) fn fit_sharpness(p: &[f64], class: &[usize], weights: &[f32], n_classes: usize) -> f64 {
    // Logarithms once: a power of `p` is the exponential of a multiple.
    let logs: Vec<f64> = p.iter().map(|p| p.max(TINY).ln()).collect();
    let loss = |log_sharpness: f64| -> f64 {
        let sharpness = log_sharpness.exp();
        logs.chunks_exact(n_classes)
            .zip(class.iter().zip(weights))
            .map(|(row, (class, weight))| {
                let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = row.iter().map(|log| ((log - highest) * sharpness).exp()).sum();
                f64::from(*weight) * (total.ln() - (row[*class] - highest) * sharpness)
            })
            .sum()
    };
    least(LOG_RANGE.0, LOG_RANGE.1, loss).exp()
}

/// The sharpness, and held-out predictions in the target's unit.
pub(super) fn calibrated(
    target: &Target,
    mut held_out: Vec<f64>,
    targets: &[f64],
    weights: &[f32],
) -> (f64, Vec<f64>) {
    match target {
        Target::Classes { classes, .. } => {
            let class: Vec<usize> = targets.iter().map(|v| *v as usize).collect();
            let sharpness = fit_sharpness(&held_out, &class, weights, classes.len());
            held_out.chunks_exact_mut(classes.len()).for_each(|row| sharpen(row, sharpness));
            (sharpness, held_out)
        }
        Target::Number { mean, deviation, .. } => {
            held_out.iter_mut().for_each(|v| *v = *v * deviation + mean);
            (1.0, held_out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfident_probabilities_are_softened_to_their_true_share() {
        // Says .95, right in 75 of 100.
        let p: Vec<f64> = (0..100).flat_map(|_| [0.05, 0.95]).collect();
        let class: Vec<usize> = (0..100).map(|i| usize::from(i % 4 != 0)).collect();
        let sharpness = fit_sharpness(&p, &class, &[1.0; 100], 2);
        let mut row = [0.05, 0.95];
        sharpen(&mut row, sharpness);
        assert!((row[1] - 0.75).abs() < 1e-3, "{row:?}");
    }

    #[test]
    fn probabilities_are_never_0_or_1_and_others_keep_their_bits() {
        let mut rows = [[0.0, 1.0], [1.0, 0.0], [1e-300, 1.0], [0.25, 0.75]];
        rows.iter_mut().for_each(|row| keep_off_the_ends(row));
        assert!(rows.iter().flatten().all(|p| *p > 0.0 && *p < 1.0), "{rows:?}");
        assert!(rows.iter().all(|row| (row[0] + row[1] - 1.0).abs() < 1e-12));
        assert_eq!(rows[3], [0.25, 0.75]);
        let mut many = [0.0; 1000];
        many[0] = 1.0;
        keep_off_the_ends(&mut many);
        assert!(many[0] < 1.0 && many.iter().all(|p| *p > 0.0));
    }

    #[test]
    fn sharpening_keeps_order_and_sum() {
        let mut row = [0.2, 0.5, 0.3, 0.0];
        sharpen(&mut row, 2.0);
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(row[1] > row[2] && row[2] > row[0] && row[0] > row[3]);
    }
}
