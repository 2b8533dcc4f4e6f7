//! How much of a prediction comes from which learner.

use super::bag::Labels;
use super::search::least;

/// Rows that speak for equal shares: what few rows say of two learners is chance.
const ROWS_FOR_EQUAL: f64 = 2.0;
/// A learner with a smaller share than this is left out.
const LEAST_SHARE: f64 = 0.05;

/// The share of the second learner that gives held-out rows the least loss, between 0 and 1; pulled towards a
/// half where rows are few.
///
/// # Shapes
/// - `first`, `second`: `[rows.len(), n_outputs]`; `weights` as the labels are: `[n_rows]` of the table
pub(super) fn share_of_second(
    first: &[f64],
    second: &[f64],
    labels: &Labels,
    rows: &[usize],
    weights: &[f32],
) -> f64 {
    let pull = ROWS_FOR_EQUAL / rows.len().max(1) as f64;
    let loss = |share: f64| {
        let mixed: Vec<f64> = mixed(first, second, share);
        let loss = labels.held_out_loss(&mixed, rows, weights).unwrap_or(0.0);
        loss + pull * (share - 0.5).powi(2)
    };
    match least(0.0, 1.0, loss) {
        share if share < LEAST_SHARE => 0.0,
        share if share > 1.0 - LEAST_SHARE => 1.0,
        share => share,
    }
}

/// The convex combination of two learners' predictions.
pub(super) fn mixed(first: &[f64], second: &[f64], share: f64) -> Vec<f64> {
    first.iter().zip(second).map(|(a, b)| (1.0 - share) * a + share * b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two learners whose errors are each other's opposite, and one that is wrong by chance.
    fn errors(n_rows: usize) -> [Vec<f64>; 3] {
        let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let error = |size: f64| (0..n_rows).map(|i| size * sign(i)).collect();
        [error(1.0), error(-0.5), error(9.0)]
    }

    fn share(first: &[f64], second: &[f64]) -> f64 {
        let rows: Vec<usize> = (0..first.len()).collect();
        let labels = Labels::Numbers(vec![0.0; first.len()]);
        share_of_second(first, second, &labels, &rows, &vec![1.0; first.len()])
    }

    #[test]
    fn the_share_is_the_one_with_the_least_loss_and_few_rows_pull_it_to_a_half() {
        let [a, b, _] = errors(10_000);
        // (1 - s) * 1 - s * .5 is 0 at two thirds.
        assert!((share(&a, &b) - 2.0 / 3.0).abs() < 1e-3);
        assert!((share(&b, &a) - 1.0 / 3.0).abs() < 1e-3);
        let [a, b, _] = errors(6);
        let few = share(&a, &b);
        assert!(few > 0.52 && few < 0.66, "{few}");
    }

    #[test]
    fn a_learner_that_brings_nothing_has_no_share() {
        let [a, _, chance] = errors(1000);
        assert_eq!((share(&a, &chance), share(&chance, &a)), (0.0, 1.0));
        assert_eq!(mixed(&[1.0, 2.0], &[3.0, 6.0], 0.25), [1.5, 3.0]);
    }
}
