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
    use super::super::label::LabelType;
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

    /// Of two classes, one gets `p`: then `p^s / (p^s + (1 - p)^s)` is its share where `s = logit(share) / logit(p)`.
    #[test]
    fn sharpness_is_where_weighted_shares_are_what_is_predicted() {
        let logit = |p: f64| (p / (1.0 - p)).ln();
        for (p, share) in [(0.7, 0.6), (0.6, 0.8), (0.2, 0.3), (0.9, 0.95)] {
            // A row of each class: their weights are the shares.
            let weights = [share as f32, 1.0 - share as f32];
            let found = fit_sharpness(&[p, 1.0 - p, p, 1.0 - p], &[0, 1], &weights, 2);
            let expected = logit(share) / logit(p);
            assert!((found - expected).abs() < 1e-4, "{p}, {share}: {found}, expected {expected}");
        }
        // As often wrong as right, and sure: as flat as it may become, though the logarithm of 0 is none.
        let flat = fit_sharpness(&[0.0, 1.0, 0.0, 1.0], &[0, 1], &[1.0; 2], 2);
        assert!((flat.ln() - LOG_RANGE.0).abs() < 1e-4, "{flat}");
    }

    #[test]
    fn powers_and_ends_have_the_figures_of_their_definitions() {
        let near = |found: &[f64], expected: &[f64]| {
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15),
                "{found:?}, {expected:?}"
            );
        };
        let mut row = [0.2, 0.5, 0.3];
        sharpen(&mut row, 2.0);
        near(&row, &[0.04 / 0.38, 0.25 / 0.38, 0.09 / 0.38]);
        let mut row = [0.0, 1.0];
        keep_off_the_ends(&mut row);
        near(&row, &[1e-9 / (1.0 + 1e-9), 1.0 / (1.0 + 1e-9)]);
    }

    #[test]
    fn held_out_predictions_come_back_in_the_targets_unit() {
        let classes = ["a", "b"].map(str::to_owned).to_vec();
        let target = Target::Classes { column: "y".to_owned(), classes, label_type: LabelType::Text };
        let p = vec![0.7, 0.3, 0.7, 0.3, 0.7, 0.3];
        let (sharpness, found) = calibrated(&target, p.clone(), &[0.0, 0.0, 1.0], &[1.0; 3]);
        assert_eq!(sharpness, fit_sharpness(&p, &[0, 0, 1], &[1.0; 3], 2));
        assert!(found.chunks_exact(2).all(|row| (row[0] - 2.0 / 3.0).abs() < 1e-4), "{found:?}");
        let target = Target::Number { column: "y".to_owned(), mean: 10.0, deviation: 3.0 };
        assert_eq!(calibrated(&target, vec![0.5, -2.0], &[0.0; 2], &[1.0; 2]), (1.0, vec![11.5, 4.0]));
    }

    #[test]
    fn rows_that_are_off_the_ends_keep_their_bits() {
        // They need not sum to 1.
        for row in [[0.3, 0.3, 0.3], [LEAST_PROBABILITY, 0.5, 0.1]] {
            let mut kept = row;
            keep_off_the_ends(&mut kept);
            assert_eq!(kept, row);
        }
    }
}
