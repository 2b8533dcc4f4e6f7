//! One candidate against one gradient: bins, sums per bin, and the best few steps over the bins.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::values::CandidateValues;

/// Most bins of a candidate's values.
const MAX_BINS: usize = 32;
/// The slot of rows without a value, behind the bins.
const MISSING: usize = MAX_BINS;
/// Slots of a histogram.
pub(super) const N_SLOTS: usize = MAX_BINS + 1;
/// Most steps over the bins: the leaves of a tree of depth 2.
const MAX_STEPS: usize = 4;
/// Added to the hessian of each step, in rows of squared error.
const RIDGE: f64 = 1.0;
/// What each further step must bring, in units of the gain that one parameter of noise brings. Above
/// AIC's 2, because the place of the step is chosen too.
const STEP_COST: f64 = 4.0;
/// Fewest rows of a step.
const MIN_STEP_ROWS: f64 = 8.0;

/// The slot of each row.
pub(super) struct Binned {
    pub(super) slots: Vec<u8>,
    n_bins: usize,
    is_ordered: bool,
}

impl Binned {
    /// Bins the values: numbers by value if there are at most 32 distinct ones, otherwise at
    /// quantiles of the rows in `sample`; codes each alone, the rarest together in the last bin.
    pub(super) fn fit(values: &CandidateValues, sample: &[usize]) -> Self {
        match values {
            CandidateValues::Number(values) => {
                let uppers = upper_edges(values, sample);
                let slot = |v: f64| uppers.partition_point(|edge| *edge < v).min(MAX_BINS - 1);
                let slots = values.iter().map(|v| finite(*v).map_or(MISSING, slot) as u8).collect();
                Binned { slots, n_bins: uppers.len(), is_ordered: true }
            }
            CandidateValues::Code(codes) => {
                let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
                for code in codes.iter().flatten() {
                    *counts.entry(*code).or_default() += 1;
                }
                let mut common: Vec<(u32, usize)> = counts.into_iter().collect();
                common.sort_by_key(|(code, n)| (usize::MAX - n, *code));
                let n_bins = common.len().min(MAX_BINS);
                let slot_of: BTreeMap<u32, usize> =
                    common.iter().enumerate().map(|(i, (code, _))| (*code, i.min(MAX_BINS - 1))).collect();
                let slot = |code: &u32| slot_of.get(code).copied().unwrap_or(MISSING);
                let slots = codes.iter().map(|c| c.as_ref().map_or(MISSING, slot) as u8).collect();
                Binned { slots, n_bins, is_ordered: false }
            }
        }
    }

    /// Each row's slot among `n_bins` coarse ones, equal runs of ordered bins or the most common codes;
    /// missing is slot `n_bins`.
    pub(super) fn coarse_slots(&self, n_bins: usize) -> Vec<u8> {
        let coarse = |slot: usize| match slot {
            MISSING => n_bins,
            _ if self.is_ordered && self.n_bins > n_bins => slot * n_bins / self.n_bins,
            _ => slot.min(n_bins - 1),
        };
        self.slots.iter().map(|slot| coarse(usize::from(*slot)) as u8).collect()
    }

    /// Whether all rows share one slot.
    pub(super) fn is_constant(&self) -> bool {
        self.slots.windows(2).all(|w| w[0] == w[1])
    }
}

/// Largest value of each bin, ascending; values above the last belong to the last bin.
fn upper_edges(values: &[Option<f64>], sample: &[usize]) -> Vec<f64> {
    let mut distinct: Vec<f64> = Vec::with_capacity(MAX_BINS + 1);
    for value in values.iter().filter_map(|v| finite(*v)) {
        let place = distinct.partition_point(|d| *d < value);
        if distinct.get(place) != Some(&value) {
            distinct.insert(place, value);
            if distinct.len() > MAX_BINS {
                break;
            }
        }
    }
    if distinct.len() <= MAX_BINS {
        return distinct;
    }
    let mut sampled: Vec<f64> = sample.iter().filter_map(|i| finite(values[*i])).collect();
    sampled.sort_unstable_by(f64::total_cmp);
    let last = sampled.len().saturating_sub(1);
    let quantiles = (1..=MAX_BINS).filter_map(|i| sampled.get(i * last / MAX_BINS));
    let mut edges: Vec<f64> = quantiles.copied().collect();
    edges.dedup();
    edges
}

fn finite(value: Option<f64>) -> Option<f64> {
    // One zero: -0 and 0 are the same value.
    value.filter(|v| v.is_finite()).map(|v| v + 0.0)
}

/// Sums of gradient, hessian and rows per slot.
#[derive(Clone)]
pub(super) struct Histogram {
    gradient: [f64; N_SLOTS],
    hessian: [f64; N_SLOTS],
    n_rows: [f64; N_SLOTS],
}

impl Histogram {
    const EMPTY: Histogram =
        Histogram { gradient: [0.0; N_SLOTS], hessian: [0.0; N_SLOTS], n_rows: [0.0; N_SLOTS] };

    /// One histogram per fold.
    pub(super) fn per_fold(
        slots: &[u8],
        gradient: &[f64],
        hessian: &[f64],
        fold: &[u8],
        n_folds: usize,
    ) -> Vec<Histogram> {
        let mut folds = vec![Histogram::EMPTY; n_folds];
        for (((slot, g), h), k) in slots.iter().zip(gradient).zip(hessian).zip(fold) {
            let (histogram, slot) = (&mut folds[usize::from(*k)], usize::from(*slot));
            histogram.gradient[slot] += g;
            histogram.hessian[slot] += h;
            histogram.n_rows[slot] += 1.0;
        }
        folds
    }

    /// The sum of all folds but one.
    pub(super) fn without(folds: &[Histogram], left_out: usize) -> Histogram {
        let mut sum = Histogram::EMPTY;
        for (_, fold) in folds.iter().enumerate().filter(|(k, _)| *k != left_out) {
            for slot in 0..N_SLOTS {
                sum.gradient[slot] += fold.gradient[slot];
                sum.hessian[slot] += fold.hessian[slot];
                sum.n_rows[slot] += fold.n_rows[slot];
            }
        }
        sum
    }

    /// The Newton step of all rows together: what an intercept would bring is no merit of a column.
    fn intercept(&self) -> f64 {
        let (g, h): (f64, f64) = (self.gradient.iter().sum(), self.hessian.iter().sum());
        if h > 0.0 { -g / h } else { 0.0 }
    }

    /// The histogram after the prediction moved by `step` in every row (second order).
    fn moved(&self, step: f64) -> Histogram {
        let mut moved = self.clone();
        moved.gradient.iter_mut().zip(&self.hessian).for_each(|(g, h)| *g += h * step);
        moved
    }
}

/// A step function over the slots of a candidate, fitted by second-order loss.
pub(super) struct Steps {
    intercept: f64,
    /// `[N_SLOTS]` what to add to the prediction beyond the intercept.
    pub(super) weight: [f64; N_SLOTS],
}

impl Steps {
    /// The runs of bins (at most [`MAX_STEPS`]) that reduce the loss most, and missing by itself.
    ///
    /// The score of a run is `G^2 / (H + ridge)` (Chen & Guestrin 2016, arXiv:1603.02754, equation 6).
    /// Differs from the paper: the best partition of the line is found exactly, by dynamic programming
    /// over run ends, instead of by greedy splits. Codes are first ordered by `G / (H + ridge)`.
    ///
    /// `noise` is the gain per parameter of a gradient without signal: `sum(g^2) / sum(h)`.
    pub(super) fn fit(histogram: &Histogram, binned: &Binned, noise: f64) -> Steps {
        let intercept = histogram.intercept();
        let sums = histogram.moved(intercept);
        let mut steps = Steps { intercept, weight: [0.0; N_SLOTS] };
        let mut order: Vec<usize> = (0..binned.n_bins).collect();
        if !binned.is_ordered {
            let pull = |slot: usize| sums.gradient[slot] / (sums.hessian[slot] + RIDGE);
            order.retain(|slot| sums.n_rows[*slot] > 0.0);
            order.sort_by(|a, b| pull(*a).partial_cmp(&pull(*b)).unwrap_or(Ordering::Equal));
        }
        for (start, end) in best_runs(&sums, &order, STEP_COST * noise) {
            let run = &order[start..end];
            let g: f64 = run.iter().map(|slot| sums.gradient[*slot]).sum();
            let h: f64 = run.iter().map(|slot| sums.hessian[*slot]).sum();
            run.iter().for_each(|slot| steps.weight[*slot] = -g / (h + RIDGE));
        }
        let (g, h) = (sums.gradient[MISSING], sums.hessian[MISSING]);
        if sums.n_rows[MISSING] >= MIN_STEP_ROWS && g * g / (h + RIDGE) > STEP_COST * noise {
            steps.weight[MISSING] = -g / (h + RIDGE);
        }
        steps
    }

    /// By how much the steps reduce the summed loss of other rows (second order); the intercept,
    /// which any column would bring, is not counted.
    pub(super) fn gain_on(&self, histogram: &Histogram) -> f64 {
        let sums = histogram.moved(self.intercept);
        let slots = self.weight.iter().zip(sums.gradient.iter().zip(&sums.hessian));
        -slots.map(|(w, (g, h))| w * g + 0.5 * w * w * h).sum::<f64>()
    }
}

/// Starts and ends of the best runs over `order`; none if one run over all is best.
fn best_runs(sums: &Histogram, order: &[usize], cost: f64) -> Vec<(usize, usize)> {
    let n = order.len();
    let mut before = vec![(0.0, 0.0, 0.0); n + 1];
    for (i, slot) in order.iter().enumerate() {
        let (g, h, rows) = before[i];
        before[i + 1] = (g + sums.gradient[*slot], h + sums.hessian[*slot], rows + sums.n_rows[*slot]);
    }
    let score = |start: usize, end: usize| {
        let (g0, h0, n0) = before[start];
        let (g1, h1, n1) = before[end];
        if n1 - n0 < MIN_STEP_ROWS { f64::NEG_INFINITY } else { (g1 - g0).powi(2) / (h1 - h0 + RIDGE) }
    };
    // best[k][end]: the best score of `k + 1` runs over the first `end` bins, and where the last starts.
    let mut best: Vec<Vec<(f64, usize)>> = vec![(0..=n).map(|end| (score(0, end), 0)).collect()];
    for k in 1..MAX_STEPS.min(n) {
        let row = (0..=n).map(|end| {
            let starts = (k..end).map(|start| (best[k - 1][start].0 + score(start, end) - cost, start));
            starts.fold((f64::NEG_INFINITY, 0), |a, b| if b.0 > a.0 { b } else { a })
        });
        let row = row.collect();
        best.push(row);
    }
    let (mut k, mut top) = (0, best[0][n].0);
    for (more, row) in best.iter().enumerate().skip(1) {
        if row[n].0 > top {
            (k, top) = (more, row[n].0);
        }
    }
    if k == 0 {
        return Vec::new();
    }
    let (mut runs, mut end) = (Vec::new(), n);
    loop {
        let start = best[k][end].1;
        runs.push((start, end));
        if k == 0 {
            return runs;
        }
        (k, end) = (k - 1, start);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(cells: &[(f64, f64, f64)]) -> Histogram {
        let mut h = Histogram::EMPTY;
        for (i, (gradient, hessian, n_rows)) in cells.iter().enumerate() {
            (h.gradient[i], h.hessian[i], h.n_rows[i]) = (*gradient, *hessian, *n_rows);
        }
        h
    }

    /// All partitions of `n` bins into at most four runs, by brute force.
    fn brute_force(h: &Histogram, n: usize, cost: f64) -> f64 {
        let mut top = f64::NEG_INFINITY;
        for cuts in 0..1u32 << (n - 1) {
            let mut score = -cost * f64::from(cuts.count_ones());
            let mut start = 0;
            for end in 1..=n {
                if end == n || cuts >> (end - 1) & 1 == 1 {
                    let sum = |a: &[f64]| a[start..end].iter().sum::<f64>();
                    let enough = sum(&h.n_rows) >= MIN_STEP_ROWS;
                    let gain = sum(&h.gradient).powi(2) / (sum(&h.hessian) + RIDGE);
                    score += if enough { gain } else { f64::NEG_INFINITY };
                    start = end;
                }
            }
            if cuts.count_ones() < MAX_STEPS as u32 {
                top = top.max(score);
            }
        }
        top
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_runs_are_the_best_partition(
            cells in proptest::collection::vec((-20.0f64..20.0, 0.0f64..30.0, 0u8..30), 1..9),
            cost in 0.0f64..5.0,
        ) {
            let cells: Vec<_> = cells.into_iter().map(|(g, h, n)| (g, h, f64::from(n))).collect();
            let h = histogram(&cells);
            let n = cells.len();
            let mut runs = best_runs(&h, &(0..n).collect::<Vec<_>>(), cost);
            if runs.is_empty() {
                runs.push((0, n));
            }
            let mut score = -cost * (runs.len() - 1) as f64;
            for (start, end) in runs {
                let sum = |a: &[f64]| a[start..end].iter().sum::<f64>();
                let enough = sum(&h.n_rows) >= MIN_STEP_ROWS;
                let gain = sum(&h.gradient).powi(2) / (sum(&h.hessian) + RIDGE);
                score += if enough { gain } else { f64::NEG_INFINITY };
            }
            let best = brute_force(&h, n, cost);
            prop_assert!(score == best || (score - best).abs() < 1e-9, "{score} is not {best}");
        }

        #[test]
        fn bins_keep_the_order_of_numbers(values in proptest::collection::vec(-1e6f64..1e6, 2..200)) {
            let cells: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
            let sample: Vec<usize> = (0..values.len()).collect();
            let binned = Binned::fit(&CandidateValues::Number(cells), &sample);
            for (i, j) in (0..values.len()).zip(1..values.len()) {
                if values[i] < values[j] {
                    prop_assert!(binned.slots[i] <= binned.slots[j]);
                }
            }
        }
    }

    #[test]
    fn missing_and_non_finite_share_a_slot_of_their_own() {
        let values =
            vec![Some(1.0), None, Some(f64::NAN), Some(f64::INFINITY), Some(2.0), Some(-0.0), Some(0.0)];
        let binned = Binned::fit(&CandidateValues::Number(values), &[0, 4]);
        assert_eq!(binned.slots, [1, 32, 32, 32, 2, 0, 0]);
    }

    #[test]
    fn a_step_in_the_signal_is_found_and_its_weights_are_newton_steps() {
        // Squared error: gradient -1 in bins 0..3, +1 in bins 3..6, ten rows each.
        let cells: Vec<_> = (0..6).map(|i| (if i < 3 { -10.0 } else { 10.0 }, 10.0, 10.0)).collect();
        let binned = Binned { slots: vec![], n_bins: 6, is_ordered: true };
        let steps = Steps::fit(&histogram(&cells), &binned, 1.0);
        let expected = 30.0 / 31.0;
        for slot in 0..6 {
            let sign = if slot < 3 { 1.0 } else { -1.0 };
            assert!((steps.weight[slot] - sign * expected).abs() < 1e-12, "slot {slot}");
        }
        let gain = steps.gain_on(&histogram(&cells));
        assert!((gain - (60.0 * expected - 30.0 * expected * expected)).abs() < 1e-9);
    }
}
