//! Bins of a number: the piecewise-linear input and the classes of the target.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stats::quantile::QuantileSketch;

/// Most bins or classes of one column.
pub const MAX_BINS: usize = 4096;
/// An equal share of the rows holds the smallest allowed class this often.
const SMALLEST_PER_SHARE: u64 = 4;
/// How far a position may fall below the first bin, in widths of that bin.
const POSITION_FLOOR: f64 = -3.0;
/// How far a position may rise in the last bin, in widths of that bin.
const POSITION_CEILING: f64 = 4.0;

/// Equal-count bins of the piecewise-linear encoding (Gorishniy et al. 2022, arXiv:2203.05556,
/// section 3.2.1).
///
/// Differs from the paper: repeated edges merge; a number outside the edges goes on linearly in
/// the outer bin down to position -3 and up to 4, where infinities are as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PiecewiseBins {
    edges: Vec<f64>,
}

impl PiecewiseBins {
    /// Cuts the counted values into at most `n_bins` bins.
    ///
    /// One single value gets one bin with the value in its middle; no value at all, the bin [0, 1].
    pub(crate) fn fit(quantiles: &QuantileSketch, n_bins: usize) -> Self {
        let Some(last) = quantiles.count().checked_sub(1) else {
            return PiecewiseBins { edges: vec![0.0, 1.0] };
        };
        let mut edges = quantiles.values_at((0..=n_bins).map(|i| rank(i, n_bins, last)));
        edges.dedup();
        if let [only] = edges[..] {
            let reach = (only.abs() / 2.0).max(0.5);
            edges = vec![(only - reach).max(f64::MIN), (only + reach).min(f64::MAX)];
        }
        PiecewiseBins { edges }
    }

    /// Number of bins, at least 1.
    pub fn n_bins(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// Where the bins begin and end, rising: one more than bins, at least 2 after [`PiecewiseBins::check`].
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Smallest and largest fitted value.
    pub fn range(&self) -> (f64, f64) {
        (self.edges.first().copied().unwrap_or(0.0), self.edges.last().copied().unwrap_or(1.0))
    }

    /// Bin of a number that is not NaN, and the position inside it: 0 at the lower edge, 1 at the
    /// upper. A larger number never has a smaller `bin + position`.
    pub fn place(&self, value: f64) -> (u16, f32) {
        let n_bins = self.n_bins();
        let inner = self.edges.get(1..n_bins).unwrap_or_default();
        let bin = inner.partition_point(|edge| *edge <= value);
        let (low, high) = (self.edges[bin], self.edges[bin + 1]);
        let width = high - low;
        // The width of two huge edges overflows; halves of them do not.
        let position = if width.is_finite() {
            (value - low) / width
        } else {
            (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        };
        let floor = if bin == 0 { POSITION_FLOOR } else { 0.0 };
        let ceiling = if bin + 1 == n_bins { POSITION_CEILING } else { 1.0 };
        (bin as u16, position.clamp(floor, ceiling) as f32)
    }

    /// Validates bins that came from a file.
    ///
    /// # Errors
    /// Malformed content: too few or too many edges, or edges that do not rise.
    pub fn check(&self) -> Result<()> {
        if !(2..=MAX_BINS + 1).contains(&self.edges.len()) {
            return Err(Error::malformed(format!(
                "{} bin edges, 2 to {} are allowed",
                self.edges.len(),
                MAX_BINS + 1
            )));
        }
        check_rising("bin edges", &self.edges)
    }
}

/// Classes of a number: what the network learns to predict.
///
/// Class `i` holds the values from cut `i - 1` up to below cut `i`. Up to as many distinct values
/// as classes are wanted, every value is a class of its own; above that, classes are filled from
/// below with an equal share of the rows that are left. So one value in most rows (often 0) is a
/// class, and the rest is still told apart; but no class has less than a quarter of an equal share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetClasses {
    /// Inner limits of the classes; one less than there are classes.
    cuts: Vec<f64>,
    /// The fitted values, if each is a class of its own; otherwise empty.
    values: Vec<f64>,
}

impl TargetClasses {
    /// Cuts the counted values into at most `n_classes` classes, at least one.
    pub(crate) fn fit(quantiles: &QuantileSketch, n_classes: usize) -> Self {
        if let Some(distinct) = quantiles.distinct().filter(|d| d.len() <= n_classes) {
            let values: Vec<f64> = distinct.into_iter().map(|(value, _)| value).collect();
            return TargetClasses { cuts: values.iter().skip(1).copied().collect(), values };
        }
        let mut left = quantiles.count();
        let smallest = (left / (SMALLEST_PER_SHARE * n_classes as u64)).max(1);
        let (mut cuts, mut n_in_class) = (Vec::new(), 0);
        for (value, count) in quantiles.buckets() {
            let n_open = (n_classes - cuts.len()) as u64;
            // Stopping here must miss the share by less than going on would exceed it.
            let is_full = (n_in_class + count / 2) as f64 >= left as f64 / n_open as f64;
            if n_open > 1 && is_full && n_in_class >= smallest && left - n_in_class >= smallest {
                cuts.push(value);
                left -= n_in_class;
                n_in_class = 0;
            }
            n_in_class += count;
        }
        if cuts.is_empty() {
            cuts.extend(quantiles.buckets().nth(1).map(|(value, _)| value));
        }
        TargetClasses { cuts, values: Vec::new() }
    }

    /// Number of classes, at least 1.
    pub fn n_classes(&self) -> usize {
        self.cuts.len() + 1
    }

    /// Class of a number that is not NaN.
    pub fn class(&self, value: f64) -> u16 {
        self.cuts.partition_point(|cut| *cut <= value) as u16
    }

    /// The class in words: a value, or an interval such as `[23.5, 31)`.
    pub fn describe(&self, class: u16, show: impl Fn(f64) -> String) -> String {
        self.describe_range(class, class, show)
    }

    /// Neighbouring classes in words: an interval, or values.
    pub fn describe_range(&self, low: u16, high: u16, show: impl Fn(f64) -> String) -> String {
        let value = |class: u16| self.values.get(usize::from(class)).map(|v| show(*v));
        match (value(low), value(high)) {
            (Some(only), Some(_)) if low == high => return only,
            (Some(first), Some(last)) => return format!("{first} to {last}"),
            _ => {}
        }
        let low = usize::from(low).checked_sub(1).and_then(|i| self.cuts.get(i)).map(|v| show(*v));
        match (low, self.cuts.get(usize::from(high)).map(|v| show(*v))) {
            (Some(low), Some(high)) => format!("[{low}, {high})"),
            (Some(low), None) => format!(">= {low}"),
            (None, Some(high)) => format!("< {high}"),
            (None, None) => "any value".to_owned(),
        }
    }

    /// Validates classes that came from a file.
    ///
    /// # Errors
    /// Malformed content: too many cuts, cuts that do not rise, or values that do not fit them.
    pub fn check(&self) -> Result<()> {
        if self.cuts.len() >= MAX_BINS {
            return Err(Error::malformed(format!(
                "{} class limits, at most {} are allowed",
                self.cuts.len(),
                MAX_BINS - 1
            )));
        }
        check_rising("class limits", &self.cuts)?;
        check_rising("class values", &self.values)?;
        match self.values.split_first() {
            Some((_, rest)) if rest != self.cuts => {
                Err(Error::malformed("the class values do not stand at the class limits"))
            }
            _ => Ok(()),
        }
    }
}

/// The values that a class stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassSpan {
    /// The lowest value; in the first class that of the training rows.
    pub low: f64,
    /// The highest value, likewise.
    pub high: f64,
    /// Their mean, as far as bins of equal counts tell it.
    pub mean: f64,
}

/// How far the mean of an outer bin lies inside it, as a share of its width: its outer end is one single row's, and most
/// of its rows lie near the inner one.
const OUTER_MEAN: f64 = 1.0 / 3.0;

impl TargetClasses {
    /// What each class stands for, by bins of the same training rows.
    pub(crate) fn spans(&self, bins: &PiecewiseBins) -> Vec<ClassSpan> {
        let (least, most) = bins.range();
        let span = |class: usize| {
            if let Some(value) = self.values.get(class) {
                return ClassSpan { low: *value, high: *value, mean: *value };
            }
            let low = class.checked_sub(1).and_then(|i| self.cuts.get(i)).copied().unwrap_or(least);
            let high = self.cuts.get(class).copied().unwrap_or(most).max(low);
            ClassSpan { low, high, mean: bins.mean_between(low, high) }
        };
        (0..self.n_classes()).map(span).collect()
    }
}

impl PiecewiseBins {
    /// The mean of the values between two ends, each bin holding as many as another, evenly but for the outer ones.
    fn mean_between(&self, low: f64, high: f64) -> f64 {
        let last = self.n_bins().saturating_sub(1);
        let (mut sum, mut weight) = (0.0, 0.0);
        for (bin, ends) in self.edges.windows(2).enumerate() {
            let (from, to) = (low.max(ends[0]), high.min(ends[1]));
            if from >= to {
                continue;
            }
            let inside = match bin {
                0 if last > 0 && from == ends[0] => 1.0 - OUTER_MEAN,
                _ if bin == last && last > 0 && to == ends[1] => OUTER_MEAN,
                _ => 0.5,
            };
            let share = (to / 2.0 - from / 2.0) / (ends[1] / 2.0 - ends[0] / 2.0);
            sum += share * (from * (1.0 - inside) + to * inside);
            weight += share;
        }
        if weight > 0.0 { sum / weight } else { low / 2.0 + high / 2.0 }
    }
}

/// Rank of quantile `i / n` among ranks 0 to `last`.
fn rank(i: usize, n: usize, last: u64) -> u64 {
    (i as u128 * u128::from(last) / n as u128) as u64
}

fn check_rising(what: &str, values: &[f64]) -> Result<()> {
    if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
        return Err(Error::malformed(format!("{what} must be finite, found {bad}")));
    }
    match values.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => {
            Err(Error::malformed(format!("{what} must rise, found {} before {}", pair[0], pair[1])))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(values: &[f64]) -> QuantileSketch {
        let mut sketch = QuantileSketch::new();
        sketch.update(values.iter().copied());
        sketch
    }

    #[test]
    fn bins_have_equal_counts_and_repeated_edges_merge() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(PiecewiseBins::fit(&sketch(&values), 4).edges, [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(PiecewiseBins::fit(&sketch(&[1.0, 1.0, 1.0, 1.0, 9.0]), 4).edges, [1.0, 9.0]);
    }

    #[test]
    fn outside_the_edges_positions_go_on_to_their_caps() {
        let bins = PiecewiseBins { edges: vec![0.0, 10.0, 30.0] };
        for (value, expected) in [
            (5.0, (0, 0.5)),
            (10.0, (1, 0.0)),
            (30.0, (1, 1.0)),
            (50.0, (1, 2.0)),
            (1e9, (1, 4.0)),
            (f64::INFINITY, (1, 4.0)),
            (-10.0, (0, -1.0)),
            (f64::NEG_INFINITY, (0, -3.0)),
        ] {
            assert_eq!(bins.place(value), expected, "{value}");
        }
        let huge = PiecewiseBins { edges: vec![f64::MIN, f64::MAX] };
        assert_eq!(huge.place(0.0), (0, 0.5));
    }

    #[test]
    fn one_value_and_no_value_still_have_a_bin() {
        assert_eq!(PiecewiseBins::fit(&sketch(&[7.0, 7.0]), 24).place(7.0), (0, 0.5));
        for values in [vec![f64::MAX], vec![0.0], vec![5e-324], vec![]] {
            let bins = PiecewiseBins::fit(&sketch(&values), 24);
            bins.check().unwrap();
            assert_eq!(TargetClasses::fit(&sketch(&values), 16).n_classes(), 1);
        }
    }

    #[test]
    fn one_value_in_most_rows_leaves_classes_for_the_rest() {
        let mostly_zero: Vec<f64> = (0..1000).map(|i| f64::from((i - 800).max(0))).collect();
        let classes = TargetClasses::fit(&sketch(&mostly_zero), 16);
        assert_eq!(classes.class(0.0), 0);
        assert!((8..=16).contains(&classes.n_classes()), "{}", classes.n_classes());
        let mut counts = vec![0; classes.n_classes()];
        mostly_zero.iter().for_each(|v| counts[usize::from(classes.class(*v))] += 1);
        assert!(counts.iter().all(|n| *n >= 1000 / 16 / 4), "{counts:?}");
        let nearly_all_zero: Vec<f64> = (0..10_000).map(|i| f64::from((i - 9980).max(0))).collect();
        assert_eq!(TargetClasses::fit(&sketch(&nearly_all_zero), 16).cuts, [1.0]);
        let even: Vec<f64> = (0..1600).map(f64::from).collect();
        let expected: Vec<f64> = (1..16).map(|i| f64::from(100 * i)).collect();
        assert_eq!(TargetClasses::fit(&sketch(&even), 16).cuts, expected);
    }

    #[test]
    fn few_distinct_values_are_classes_of_their_own() {
        let classes = TargetClasses::fit(&sketch(&[1.0, 4.0, 2.0, 4.0]), 3);
        assert_eq!([0.0, 1.0, 2.0, 3.0, 4.0, 9.0].map(|v| classes.class(v)), [0, 0, 1, 1, 2, 2]);
        assert_eq!(classes.describe(1, |v| v.to_string()), "2");
        let classes = TargetClasses::fit(&sketch(&[1.0, 4.0, 2.0, 5.0, 6.0, 7.0]), 3);
        assert_eq!(classes.n_classes(), 3);
        assert_eq!(classes.describe(1, |v| v.to_string()), "[4, 6)");
    }
}
