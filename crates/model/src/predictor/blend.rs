//! How much of a prediction comes from which learner.

use super::loss::Labels;
use super::search::least;

/// Rows that speak for equal shares: what few rows say of learners is chance.
const ROWS_FOR_EQUAL: f64 = 2.0;
/// A learner with a smaller share than this is left out.
const LEAST_SHARE: f64 = 0.05;
/// Rounds over the learners, and the change of a share below which no other follows.
const N_ROUNDS: usize = 12;
const ENOUGH: f64 = 1e-3;
/// Rows that shares are chosen on; more say the same.
const SAMPLE: usize = 20_000;

/// The shares of learners, which sum to 1, that give held-out rows the least loss; pulled towards equal shares where
/// rows are few. A learner that brings nothing has 0.
///
/// # Shapes
/// - `learners`: each `[rows.len(), n_outputs]`; `weights` as the labels are: `[n_rows]` of the table
/// - returns: one for each learner
pub(super) fn shares(learners: &[&[f64]], labels: &Labels, rows: &[usize], weights: &[f32]) -> Vec<f64> {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    let n_outputs = learners[0].len() / rows.len().max(1);
    let sampled: Vec<usize> = rows.iter().copied().step_by(step).collect();
    let sample = |values: &&[f64]| -> Vec<f64> {
        values.chunks_exact(n_outputs.max(1)).step_by(step).flatten().copied().collect()
    };
    let learners: Vec<Vec<f64>> = learners.iter().map(sample).collect();
    let loss = |mixed: &[f64]| labels.held_out_loss(mixed, &sampled, weights).unwrap_or(0.0);
    let mut in_it: Vec<bool> = vec![true; learners.len()];
    loop {
        let shares = best(&learners, &in_it, ROWS_FOR_EQUAL / rows.len().max(1) as f64, &loss);
        // One at a time, from the smallest: what is left has the others' part.
        let small = (0..shares.len()).filter(|i| in_it[*i] && shares[*i] < LEAST_SHARE);
        match small.min_by(|a, b| shares[*a].total_cmp(&shares[*b])) {
            Some(i) => in_it[i] = false,
            None => return shares,
        }
    }
}

/// One share after the other, the others keeping their ratio: the loss is convex, and so has no other minimum.
fn best(learners: &[Vec<f64>], in_it: &[bool], pull: f64, loss: &impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let n = in_it.iter().filter(|is_in| **is_in).count();
    let equal = 1.0 / n as f64;
    let mut shares: Vec<f64> = in_it.iter().map(|is_in| if *is_in { equal } else { 0.0 }).collect();
    for _ in 0..if n > 1 { N_ROUNDS } else { 0 } {
        let mut moved: f64 = 0.0;
        for i in (0..learners.len()).filter(|i| in_it[*i]) {
            let rest = 1.0 - shares[i];
            let of_rest = |j: usize| match (in_it[j] && j != i, rest > 1e-9) {
                (false, _) => 0.0,
                (true, true) => shares[j] / rest,
                (true, false) => 1.0 / (n - 1) as f64,
            };
            let ratios: Vec<f64> = (0..learners.len()).map(of_rest).collect();
            let others = mixed(learners, &ratios);
            let with = |share: f64| -> Vec<f64> {
                ratios
                    .iter()
                    .enumerate()
                    .map(|(j, r)| if j == i { share } else { (1.0 - share) * r })
                    .collect()
            };
            let of_share = |share: f64| {
                let values: Vec<f64> =
                    others.iter().zip(&learners[i]).map(|(a, b)| (1.0 - share) * a + share * b).collect();
                let away: f64 = with(share)
                    .iter()
                    .zip(in_it)
                    .filter(|(_, is_in)| **is_in)
                    .map(|(s, _)| (s - equal).powi(2))
                    .sum();
                loss(&values) + pull * away / 2.0
            };
            let share = least(0.0, 1.0, of_share);
            moved = moved.max((share - shares[i]).abs());
            shares = with(share);
        }
        if moved < ENOUGH {
            break;
        }
    }
    shares
}

/// The convex combination of learners' predictions.
pub(super) fn mixed<T: AsRef<[f64]>>(learners: &[T], shares: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; learners.first().map_or(0, |first| first.as_ref().len())];
    for (values, share) in learners.iter().zip(shares).filter(|(_, share)| **share > 0.0) {
        sum.iter_mut().zip(values.as_ref()).for_each(|(s, v)| *s += share * v);
    }
    sum
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

    fn found(learners: &[&[f64]]) -> Vec<f64> {
        let n_rows = learners[0].len();
        let rows: Vec<usize> = (0..n_rows).collect();
        shares(learners, &Labels::Numbers(vec![0.0; n_rows]), &rows, &vec![1.0; n_rows])
    }

    #[test]
    fn shares_are_those_with_the_least_loss_and_few_rows_pull_them_to_equal_ones() {
        let [a, b, _] = errors(10_000);
        // (1 - s) * 1 - s * .5 is 0 at two thirds.
        assert!((found(&[&a, &b])[1] - 2.0 / 3.0).abs() < 1e-3);
        assert!((found(&[&b, &a])[1] - 1.0 / 3.0).abs() < 1e-3);
        let [a, b, _] = errors(6);
        let few = found(&[&a, &b])[1];
        assert!(few > 0.52 && few < 0.66, "{few}");
    }

    #[test]
    fn a_learner_that_brings_nothing_has_no_share() {
        let [a, b, wrong] = errors(1000);
        assert_eq!(found(&[&a, &wrong]), [1.0, 0.0]);
        assert_eq!(found(&[&wrong, &a]), [0.0, 1.0]);
        let three = found(&[&a, &wrong, &b]);
        assert!(three[1] == 0.0 && (three[2] - 2.0 / 3.0).abs() < 1e-3, "{three:?}");
        assert!((three.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(mixed(&[[1.0, 2.0], [3.0, 6.0]], &[0.75, 0.25]), [1.5, 3.0]);
    }

    #[test]
    fn three_learners_that_each_know_another_part_share() {
        // Each is right up to its own noise: the mean of all three has the least.
        let noise = |k: usize| -> Vec<f64> {
            (0..3000).map(|i| if i % 3 == k { if i % 2 == 0 { 1.0 } else { -1.0 } } else { 0.0 }).collect()
        };
        let three = found(&[&noise(0), &noise(1), &noise(2)]);
        assert!(three.iter().all(|s| (s - 1.0 / 3.0).abs() < 5e-3), "{three:?}");
    }
}
