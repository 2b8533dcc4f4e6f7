//! How much of a prediction comes from which learner.

use super::bag::Labels;

const GOLDEN: f64 = 0.618_033_988_749_895;
const N_SHRINKS: usize = 30;
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
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..N_SHRINKS {
        let (a, b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    match (low + high) / 2.0 {
        share if share < LEAST_SHARE => 0.0,
        share if share > 1.0 - LEAST_SHARE => 1.0,
        share => share,
    }
}

/// The convex combination of two learners' predictions.
pub(super) fn mixed(first: &[f64], second: &[f64], share: f64) -> Vec<f64> {
    first.iter().zip(second).map(|(a, b)| (1.0 - share) * a + share * b).collect()
}
