//! Quantiles of a stream of numbers in bounded memory, the same in whatever order the rows come.
//!
//! A sorted list of buckets `(count, min, max)`. At first every distinct value has its own bucket,
//! and everything is exact. When there are more than `MAX_BUCKETS` of them, values whose binary
//! forms agree in all but the lowest `k` bits share a bucket, with the smallest `k` that brings the
//! list back under the limit. Since that `k` depends only on the set of values, **order and
//! partition do not matter at all**: the sketch of the parts, merged in any order, is bit for bit
//! the sketch of the whole. (KLL sketches bound the rank error beforehand but depend on the order.)
//!
//! The price is that the rank error depends on the data. It is known afterwards:
//! `QuantileSketch::rank_error` is the share of rows in the fullest bucket with several values.
//! Buckets are equally wide between two powers of two, so smooth data, wherever it lies, stays
//! below 1 %.

use serde::{Deserialize, Serialize};

/// Most buckets that are kept, hence the number of distinct values up to which all is exact.
pub(crate) const MAX_BUCKETS: usize = 16_384;

/// Values that are sorted at once; bounds the memory of one update.
const CHUNK_ROWS: usize = 16_384;

/// Neighbouring values that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bucket {
    count: u64,
    min: f64,
    max: f64,
}

/// Counts of finite values; see the module's page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuantileSketch {
    max_buckets: usize,
    n_dropped_bits: u32,
    buckets: Vec<Bucket>,
}

impl QuantileSketch {
    /// An empty sketch that is exact up to `MAX_BUCKETS` distinct values.
    pub fn new() -> Self {
        Self::with_max_buckets(MAX_BUCKETS)
    }

    /// An empty sketch with another limit, at least 4096: one per sign and power of two.
    pub(crate) fn with_max_buckets(max_buckets: usize) -> Self {
        QuantileSketch { max_buckets: max_buckets.max(4096), n_dropped_bits: 0, buckets: Vec::new() }
    }

    /// Counts the finite ones of these values; the others are passed over.
    pub fn update(&mut self, values: impl IntoIterator<Item = f64>) {
        let mut chunk = Vec::new();
        // Adding 0 turns -0 into 0: the two are one value.
        for value in values.into_iter().filter(|v| v.is_finite()).map(|v| v + 0.0) {
            chunk.push(value);
            if chunk.len() == CHUNK_ROWS {
                self.absorb_values(&mut chunk);
            }
        }
        self.absorb_values(&mut chunk);
    }

    /// Counts what the other sketch counted. The smaller of the two limits holds afterwards.
    pub fn merge(&mut self, other: &Self) {
        self.max_buckets = self.max_buckets.min(other.max_buckets);
        self.n_dropped_bits = self.n_dropped_bits.max(other.n_dropped_bits);
        self.absorb(other.buckets.clone());
    }

    /// Number of values counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|b| b.count).sum()
    }

    /// Smallest value.
    pub fn min(&self) -> Option<f64> {
        self.buckets.first().map(|b| b.min)
    }

    /// Largest value.
    pub fn max(&self) -> Option<f64> {
        self.buckets.last().map(|b| b.max)
    }

    /// All distinct values in rising order with their counts, while the sketch is exact.
    pub fn distinct(&self) -> Option<Vec<(f64, u64)>> {
        let exact = self.buckets.iter().all(|b| b.min == b.max);
        exact.then(|| self.buckets.iter().map(|b| (b.min, b.count)).collect())
    }

    /// Smallest value and count of each bucket, in rising order: the distinct values, or ranges.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.buckets.iter().map(|b| (b.min, b.count))
    }

    /// The values from `low` up to below `high` alone, by the smallest value of their bucket.
    #[must_use]
    pub fn between(&self, low: f64, high: f64) -> Self {
        let buckets = self.buckets.iter().filter(|b| (low..high).contains(&b.min)).copied().collect();
        QuantileSketch { buckets, ..*self }
    }

    /// Largest possible error of a rank as a share of all values; 0 while the sketch is exact.
    #[cfg(test)]
    pub(crate) fn rank_error(&self) -> f64 {
        let fullest = self.buckets.iter().filter(|b| b.min < b.max).map(|b| b.count).max();
        fullest.map_or(0.0, |count| count as f64 / self.count() as f64)
    }

    /// The values at these ranks (0 is the smallest value), which must not fall.
    ///
    /// Each answer is a counted value; its true ranks lie within `QuantileSketch::rank_error` of
    /// the wanted one. Ranks past the end give the largest value; an empty sketch gives nothing.
    pub(crate) fn values_at(&self, ranks: impl IntoIterator<Item = u64>) -> Vec<f64> {
        let Some(max) = self.max() else { return Vec::new() };
        let last = self.count() - 1;
        let (mut bucket_idx, mut n_before) = (0, 0);
        let mut value_at = |rank: u64| {
            if rank >= last {
                return max;
            }
            while n_before + self.buckets[bucket_idx].count <= rank {
                n_before += self.buckets[bucket_idx].count;
                bucket_idx += 1;
            }
            self.buckets[bucket_idx].min
        };
        ranks.into_iter().map(&mut value_at).collect()
    }

    /// Mean and standard deviation (divided by n), from the middle of each bucket.
    ///
    /// Exact up to rounding while the sketch is exact. `None` without values.
    pub(crate) fn mean_std(&self) -> Option<(f64, f64)> {
        let n = self.count() as f64;
        // Values are scaled into [-1, 1], or squares of very large ones would overflow.
        let scale = self.min()?.abs().max(self.max()?.abs());
        if scale == 0.0 {
            return Some((0.0, 0.0));
        }
        let middles = || self.buckets.iter().map(|b| ((b.min / 2.0 + b.max / 2.0) / scale, b.count as f64));
        let mean = middles().map(|(v, w)| v * w).sum::<f64>() / n;
        let variance = middles().map(|(v, w)| (v - mean) * (v - mean) * w).sum::<f64>() / n;
        Some((mean * scale, variance.sqrt() * scale))
    }

    fn absorb_values(&mut self, values: &mut Vec<f64>) {
        values.sort_unstable_by(f64::total_cmp);
        let mut buckets: Vec<Bucket> = Vec::new();
        for value in values.drain(..) {
            match buckets.last_mut() {
                Some(last) if last.min == value => last.count += 1,
                _ => buckets.push(Bucket { count: 1, min: value, max: value }),
            }
        }
        self.absorb(buckets);
    }

    fn absorb(&mut self, buckets: Vec<Bucket>) {
        self.buckets.extend(buckets);
        self.buckets.sort_by(|a, b| a.min.total_cmp(&b.min));
        self.join_neighbours();
        while self.buckets.len() > self.max_buckets {
            self.n_dropped_bits += 1;
            self.join_neighbours();
        }
    }

    fn join_neighbours(&mut self) {
        let n_dropped_bits = self.n_dropped_bits;
        self.buckets.dedup_by(|next, kept| {
            let same = order_bits(next.min) >> n_dropped_bits == order_bits(kept.min) >> n_dropped_bits;
            if same {
                kept.count += next.count;
                kept.max = kept.max.max(next.max);
            }
            same
        });
    }
}

impl Default for QuantileSketch {
    fn default() -> Self {
        Self::new()
    }
}

/// Bits that order as the numbers do.
fn order_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers in [0, 1) without a random generator's crate.
    fn uniform(n: u64) -> impl Iterator<Item = f64> {
        (0..n).map(|i| crate::stats::hash::mix(i) as f64 / 2f64.powi(64))
    }

    fn sketch(values: &[f64]) -> QuantileSketch {
        let mut sketch = QuantileSketch::with_max_buckets(4096);
        sketch.update(values.iter().copied());
        sketch
    }

    #[test]
    fn rank_error_holds_and_is_small_on_smooth_data_anywhere() {
        type Shape = (&'static str, fn(f64) -> f64);
        let shapes: [Shape; 5] = [
            ("uniform", |u| u),
            ("far from zero", |u| 1.7e9 + u * 1e6),
            ("around zero", |u| (u - 0.5) * 1e3),
            ("exponential", |u| -(1.0 - u).ln()),
            ("heavy tail", |u| (1.0 - u).powi(-2)),
        ];
        for (shape, value) in shapes {
            let mut values: Vec<f64> = uniform(200_000).map(value).collect();
            let sketch = sketch(&values);
            assert!(sketch.distinct().is_none(), "{shape} must not be exact");
            values.sort_by(f64::total_cmp);
            let error = sketch.rank_error();
            assert!(error > 0.0 && error < 0.01, "{shape}: stated error {error}");
            let ranks: Vec<u64> = (0..100).map(|i| i * 2000).collect();
            for (rank, found) in ranks.iter().zip(sketch.values_at(ranks.clone())) {
                let true_rank = values.partition_point(|v| *v < found) as f64;
                assert!((true_rank - *rank as f64).abs() <= error * 200_000.0, "{shape}: rank {rank}");
            }
        }
    }

    #[test]
    fn exact_sketch_gives_exact_ranks_and_moments() {
        let sketch = sketch(&[3.0, 1.0, 2.0, 2.0, f64::NAN, f64::INFINITY, -0.0]);
        assert_eq!(sketch.count(), 5);
        assert_eq!(sketch.distinct().unwrap(), [(0.0, 1), (1.0, 1), (2.0, 2), (3.0, 1)]);
        assert_eq!(sketch.values_at([0, 1, 2, 3, 4, 99]), [0.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        let (mean, std) = sketch.mean_std().unwrap();
        assert!((mean - 1.6).abs() < 1e-12 && (std - 1.04f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn moments_of_huge_values_stay_finite() {
        let (mean, std) = sketch(&[-f64::MAX, f64::MAX]).mean_std().unwrap();
        assert_eq!((mean, std), (0.0, f64::MAX));
    }

    #[test]
    fn order_and_partition_do_not_matter_beyond_the_exact_range() {
        let values: Vec<f64> = uniform(30_000).map(|u| (u - 0.3) * 10f64.powf(u * 9.0)).collect();
        let whole = sketch(&values);
        let mut backwards = values.clone();
        backwards.reverse();
        assert_eq!(sketch(&backwards), whole);
        // The first part is exact, the second is not: their levels must meet.
        let mut merged = sketch(&values[..100]);
        merged.merge(&sketch(&values[100..]));
        assert_eq!(merged, whole);
        let mut merged = sketch(&values[20_000..]);
        merged.merge(&sketch(&values[..20_000]));
        assert_eq!(merged, whole);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn merged_parts_equal_the_whole(values in prop::collection::vec(any::<f64>(), 0..60), cut in 0usize..60) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = sketch(right);
            merged.merge(&sketch(left));
            prop_assert_eq!(merged, sketch(&values));
        }
    }
}
