//! Percentile bootstrap (Efron 1979): clusters of rows drawn with replacement, the metric measured again.

use rand::RngExt;
use rand_pcg::Pcg64;
use rayon::prelude::*;
use tabgraft_table::threads::in_pool_or_alone;

use super::{Clusters, interval};

/// Resamples on tables of ordinary size.
const N_RESAMPLES: usize = 1000;

/// Least number of resamples, on large tables, where intervals are narrow anyway.
const N_RESAMPLES_LEAST: usize = 200;

/// Draws that bound the cost on large tables: beyond 50,000 rows resamples become fewer.
const N_DRAWS: usize = 50_000_000;

/// Measures `K` metrics on every resample of the clusters.
///
/// `measure` gets how often each row was drawn, and gives `None` where a metric is not defined on
/// the resample. Clusters are drawn whole, as many as there are. Resample `i` draws from its own stream of `seed`, so results do not depend on
/// the number of threads.
///
/// Returns, per metric, the defined values of all resamples.
pub(super) fn resample<const K: usize>(
    clusters: &Clusters,
    seed: u64,
    measure: impl Fn(&[u32]) -> [Option<f64>; K] + Sync,
) -> [Vec<f64>; K] {
    let (n, of_row) = (clusters.n_clusters(), clusters.of_row());
    let n_resamples = (N_DRAWS / of_row.len().max(1)).clamp(N_RESAMPLES_LEAST, N_RESAMPLES);
    let room = || (vec![0u32; n], vec![0u32; of_row.len()]);
    let draw = |(drawn, counts): &mut (Vec<u32>, Vec<u32>), i: usize| {
        drawn.fill(0);
        let mut rng = Pcg64::new(u128::from(seed), i as u128);
        (0..n).for_each(|_| drawn[rng.random_range(0..n as u32) as usize] += 1);
        counts.iter_mut().zip(of_row).for_each(|(count, c)| *count = drawn[*c as usize]);
        measure(counts)
    };
    let measured: Vec<[Option<f64>; K]> =
        in_pool_or_alone(|| (0..n_resamples).into_par_iter().map_init(room, draw).collect());
    std::array::from_fn(|k| measured.iter().filter_map(|values| values[k]).collect())
}

/// 95 % interval and two-sided p-value of a difference from its resampled values.
///
/// The p-value is twice the smaller share of resamples on one side of zero, counting one
/// resample more on each side, so it is never zero. Without values nothing is known.
pub(super) fn difference(values: Vec<f64>) -> Option<([f64; 2], f64)> {
    let n = values.len() as f64 + 1.0;
    let share = |side: fn(&f64) -> bool| (values.iter().filter(|v| side(v)).count() as f64 + 1.0) / n;
    let p_value = (2.0 * share(|v| *v <= 0.0).min(share(|v| *v >= 0.0))).min(1.0);
    interval::percentile(values).map(|interval| (interval, p_value))
}

/// Mean of `loss` with rows weighted by how often they were drawn: of clusters of unequal size, some
/// draws hold more rows than others.
pub(super) fn mean(loss: &[f64], counts: &[u32]) -> f64 {
    let n: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    loss.iter().zip(counts).map(|(loss, &count)| loss * f64::from(count)).sum::<f64>() / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_value_is_twice_the_smaller_side_with_one_resample_more_on_each() {
        let p_value = |n_below: usize, n_zero: usize, n_above: usize| {
            let values = [(n_below, -1.0), (n_zero, 0.0), (n_above, 1.0)];
            let values = values.iter().flat_map(|(n, value)| std::iter::repeat_n(*value, *n)).collect();
            (difference(values).unwrap().1 * 1e6).round() / 1e6
        };
        assert_eq!([p_value(0, 0, 99), p_value(99, 0, 0)], [0.02; 2]);
        assert_eq!([p_value(3, 0, 96), p_value(96, 0, 3)], [0.08; 2]);
        // A resample without a difference is on both sides.
        assert_eq!([p_value(3, 2, 94), p_value(0, 99, 0)], [0.12, 1.0]);
        assert!(difference(Vec::new()).is_none());
    }
}
