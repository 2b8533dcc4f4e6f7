//! The tests of one column: its cells, counted before and now.
//!
//! Rows that repeat others are counted as they are, and count as fewer: each sample's size in a test is its rows times
//! the share that stands for itself.

use tabgraft_table::codec::Codec;
use tabgraft_table::encoded::{EncodedColumn, NO_TARGET};

use crate::numbers::{chi_square_tail, hypergeometric_tail, t_cdf};
use crate::record::{ProfiledColumn, Surprises};
use crate::space::{group_of, n_groups};

/// Least number of rows to expect in each group of a chi-square test; smaller ones are put together.
const LEAST_EXPECTED: f64 = 5.0;
/// A mean in a profile is rounded, by so much at most.
const ROUNDING: f64 = 0.0005;
/// What each group is taken to hold besides its rows, so that no share is 0.
const SMOOTHING: f64 = 0.5;

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counted {
    /// Rows by group of classes.
    pub by_group: Vec<f64>,
    pub n_missing: f64,
    /// Values that no training row has, and rows that may have some.
    pub n_unseen: f64,
    /// Where it is not all rows: those among which unseen values were looked for.
    n_looked_at: Option<f64>,
    is_category: bool,
}

/// `before`, `now`, p-value and population stability index.
type Found = Option<(f64, f64, f64, f64)>;

impl Counted {
    /// No cell of a column of this codec.
    pub fn none(codec: &Codec) -> Self {
        Counted {
            by_group: vec![0.0; n_groups(codec)],
            n_missing: 0.0,
            n_unseen: 0.0,
            n_looked_at: None,
            is_category: matches!(codec, Codec::Categorical(_)),
        }
    }

    /// Counts further cells.
    pub fn add(&mut self, codec: &Codec, column: &EncodedColumn) {
        for (class, is_missing) in column.target.iter().zip(&column.missing) {
            match *class {
                NO_TARGET if *is_missing => self.n_missing += 1.0,
                NO_TARGET => self.n_unseen += 1.0,
                class => self.by_group[group_of(codec, class)] += 1.0,
            }
        }
    }

    /// Those of a training.
    pub fn of_profile(profile: &ProfiledColumn) -> Self {
        Counted {
            by_group: profile.counts.iter().map(|n| *n as f64).collect(),
            n_missing: profile.n_missing as f64,
            n_unseen: profile.n_unseen as f64,
            n_looked_at: Some(profile.n_held_out as f64),
            is_category: false,
        }
    }

    /// What a profile keeps of them, all of them rows that the codec was not fitted to.
    pub fn profiled(&self) -> ProfiledColumn {
        ProfiledColumn {
            counts: self.by_group.iter().map(|n| *n as u64).collect(),
            n_missing: self.n_missing as u64,
            n_held_out: self.n_rows() as u64,
            n_unseen: if self.is_category { self.n_unseen as u64 } else { 0 },
        }
    }

    fn n_known(&self) -> f64 {
        self.by_group.iter().sum()
    }

    /// Shares of the groups, before and now; none where one of the two has no value.
    pub fn compared(&self, now: &Counted) -> Option<(Vec<f64>, Vec<f64>)> {
        let shares = |counted: &Counted| {
            let n = counted.n_known() + SMOOTHING * counted.by_group.len() as f64;
            counted.by_group.iter().map(|count| (count + SMOOTHING) / n).collect::<Vec<_>>()
        };
        (self.n_known() > 0.0 && now.n_known() > 0.0 && self.by_group.len() == now.by_group.len())
            .then(|| (shares(self), shares(now)))
    }

    /// Chi-square test of homogeneity, groups with few rows put together with their neighbours.
    pub fn test_of_values(&self, now: &Counted, evidence: (f64, f64)) -> Found {
        let (p, q) = self.compared(now)?;
        let (n_before, n_now) = (self.n_known() * evidence.0, now.n_known() * evidence.1);
        let n = n_before + n_now;
        // In every group as many are expected as its share of both makes.
        let mut merged: Vec<[f64; 2]> = vec![[0.0; 2]];
        let least = |pair: &[f64; 2]| (pair[0] + pair[1]) / n * n_before.min(n_now);
        for (before, now) in self.by_group.iter().zip(&now.by_group) {
            if merged.last().is_some_and(|last| least(last) >= LEAST_EXPECTED) {
                merged.push([0.0; 2]);
            }
            if let Some(last) = merged.last_mut() {
                last[0] += before * evidence.0;
                last[1] += now * evidence.1;
            }
        }
        // What is left over belongs to the group before it.
        if merged.len() > 1 && merged.last().is_some_and(|last| least(last) < LEAST_EXPECTED) {
            let rest = merged.pop().unwrap_or_default();
            if let Some(last) = merged.last_mut() {
                last[0] += rest[0];
                last[1] += rest[1];
            }
        }
        if merged.len() < 2 {
            return None;
        }
        let statistic: f64 = merged
            .iter()
            .flat_map(|pair| {
                let share = (pair[0] + pair[1]) / n;
                [(pair[0], share * n_before), (pair[1], share * n_now)]
            })
            .map(|(found, expected)| (found - expected).powi(2) / expected)
            .sum();
        Some((0.0, 0.0, chi_square_tail(statistic, merged.len() as f64 - 1.0), psi(&p, &q)))
    }

    /// Whether more or fewer rows have no value.
    pub fn test_of_missing(&self, now: &Counted, evidence: (f64, f64)) -> Found {
        let (n_before, n_now) = (self.n_known() + self.n_missing, now.n_rows());
        let before = Share { k: self.n_missing, n: n_before, evidence: evidence.0 };
        let now = Share { k: now.n_missing, n: n_now, evidence: evidence.1 };
        before.test(&now, false)
    }

    /// Whether more values are such as no training row has.
    pub fn test_of_unseen(&self, now: &Counted, evidence: (f64, f64)) -> Found {
        if !now.is_category {
            return None;
        }
        let before = Share { k: self.n_unseen, n: self.n_looked_at?, evidence: evidence.0 };
        let now = Share { k: now.n_unseen, n: now.n_rows() - now.n_missing, evidence: evidence.1 };
        before.test(&now, true)
    }

    fn n_rows(&self) -> f64 {
        self.n_known() + self.n_unseen + self.n_missing
    }
}

/// `k` of `n` rows.
struct Share {
    k: f64,
    n: f64,
    evidence: f64,
}

impl Share {
    /// Fisher's exact test against a later share: of a rise, or of any change.
    fn test(&self, now: &Share, of_a_rise: bool) -> Found {
        if self.n == 0.0 || now.n == 0.0 {
            return None;
        }
        let counts = |share: &Share| {
            let n = (share.n * share.evidence).round().max(1.0);
            let k = (share.k / share.n * n).round();
            (k as u64, n as u64)
        };
        let ((k_before, n_before), (k, n)) = (counts(self), counts(now));
        let tail = |is_most| hypergeometric_tail(k, n, k + k_before, n + n_before, is_most);
        let p_value = match of_a_rise {
            true => tail(false),
            false => (2.0 * tail(false).min(tail(true))).min(1.0),
        };
        let smooth = |share: &Share| {
            let p = (share.k + SMOOTHING) / (share.n + 2.0 * SMOOTHING);
            [p, 1.0 - p]
        };
        Some((self.k / self.n, now.k / now.n, p_value, psi(&smooth(self), &smooth(now))))
    }
}

/// Surprises of a column's cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub mean: f64,
    deviation: f64,
    /// Rows that stand for themselves.
    pub n: f64,
}

impl Sample {
    /// Of these cells; those without a number are left out.
    pub fn of<'a>(nats: impl Iterator<Item = &'a f32> + Clone) -> Self {
        let values = nats.filter(|nats| nats.is_finite()).map(|nats| f64::from(*nats));
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n.max(1.0);
        let square = values.map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        Sample { mean, deviation: square.sqrt(), n }
    }

    /// Those of a training.
    pub fn of_profile(surprises: &Surprises, column: usize, evidence: f64) -> Self {
        let [mean, deviation] = surprises.cells[column];
        Sample { mean, deviation, n: surprises.n_rows as f64 * evidence }
    }

    /// With so large a share of its rows counting.
    pub fn counting(self, evidence: f64) -> Self {
        Sample { n: self.n * evidence, ..self }
    }

    /// Welch's t-test (1947, Biometrika 34) of a mean above that before, one-sided.
    ///
    /// Differs from it: the deviation is the larger of both samples'. A few rows may by chance all be
    /// unsurprising, for surprises are skewed, and then look far more certain than they are.
    pub fn p_of_rise(&self, before: &Sample) -> f64 {
        let rise = self.mean - before.mean - ROUNDING;
        let deviation = self.deviation.max(before.deviation);
        let (a, b) = (before.deviation.powi(2) / before.n, deviation.powi(2) / self.n);
        if a + b == 0.0 {
            return if rise > 0.0 { 0.0 } else { 1.0 };
        }
        let df = (a + b).powi(2) / (a.powi(2) / (before.n - 1.0) + b.powi(2) / (self.n - 1.0));
        t_cdf(-rise / (a + b).sqrt(), df)
    }
}

/// Population stability index of two lists of shares, none of them 0.
pub(super) fn psi(before: &[f64], now: &[f64]) -> f64 {
    before.iter().zip(now).map(|(p, q)| (q - p) * (q / p).ln()).sum()
}

/// Jensen-Shannon divergence of two lists of shares (Lin 1991, IEEE Transactions on Information Theory 37), in bits.
pub(super) fn jensen_shannon(before: &[f64], now: &[f64]) -> f64 {
    let half = |p: f64, q: f64| if p > 0.0 { p * (2.0 * p / (p + q)).log2() / 2.0 } else { 0.0 };
    before.iter().zip(now).map(|(p, q)| half(*p, *q) + half(*q, *p)).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(by_group: &[f64]) -> Counted {
        Counted {
            by_group: by_group.to_vec(),
            n_missing: 0.0,
            n_unseen: 0.0,
            n_looked_at: None,
            is_category: true,
        }
    }

    /// References: `scipy.stats.chi2_contingency` without correction, and
    /// `scipy.spatial.distance.jensenshannon(base=2) ** 2`, scipy 1.17.1.
    #[test]
    fn tests_of_values_match_scipy() {
        let (before, now) = (counted(&[50.0, 30.0, 20.0]), counted(&[60.0, 20.0, 40.0]));
        let p = before.test_of_values(&now, (1.0, 1.0)).unwrap().2;
        assert!((p - 0.020018246).abs() < 1e-8, "{p}");
        let js = jensen_shannon(&[0.5, 0.3, 0.2], &[0.2, 0.3, 0.5]);
        assert!((js - 0.095815602).abs() < 1e-8, "{js}");
        assert!((psi(&[0.5, 0.5], &[0.4, 0.6]) - 0.04054651).abs() < 1e-6);
    }

    #[test]
    fn copies_make_nothing_more_certain() {
        let (before, now) = (counted(&[500.0, 300.0, 200.0]), counted(&[600.0, 200.0, 400.0]));
        let once =
            counted(&[50.0, 30.0, 20.0]).test_of_values(&counted(&[60.0, 20.0, 40.0]), (1.0, 1.0)).unwrap();
        let copied = before.test_of_values(&now, (0.1, 0.1)).unwrap();
        assert!((once.2 - copied.2).abs() < 1e-9);
    }

    #[test]
    fn few_rows_are_put_together_or_say_nothing() {
        let few = counted(&[1.0, 0.0, 1.0]);
        assert_eq!(counted(&[500.0, 300.0, 200.0]).test_of_values(&few, (1.0, 1.0)), None);
        let some = counted(&[10.0, 3.0, 2.0]);
        let p = counted(&[500.0, 300.0, 200.0]).test_of_values(&some, (1.0, 1.0)).unwrap().2;
        assert!(p > 0.1 && p <= 1.0);
    }

    #[test]
    fn a_rise_of_surprise_is_seen_and_a_fall_is_none() {
        let before = Sample { mean: 1.0, deviation: 1.0, n: 500.0 };
        let later = |mean| Sample { mean, deviation: 0.2, n: 400.0 };
        assert!(later(1.5).p_of_rise(&before) < 1e-9);
        assert!(later(0.5).p_of_rise(&before) > 0.999);
        assert!((later(1.0 + ROUNDING).p_of_rise(&before) - 0.5).abs() < 1e-9);
    }
}
