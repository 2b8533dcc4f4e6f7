//! Intervals around predicted numbers: how far held-out rows were off says how far new ones will be.
//!
//! Conformal prediction (Vovk et al. 2005; Lei et al. 2018, arXiv:1604.04173): of `n` rows that were not learned
//! from, the distance that `ceil((n + 1) * level)` of them do not exceed covers a new row with at least that
//! probability, whatever the numbers are like. Rows of low and of high predictions may be off by different
//! distances, so distances are kept by ranges of the prediction.

use serde::{Deserialize, Serialize};

use super::Target;
use crate::error::{Error, Result};

/// Fewest held-out rows of a range.
const LEAST_ROWS: usize = 200;
/// Most ranges.
const MOST_RANGES: usize = 8;
/// Most distances that are kept of a range.
const MOST_KEPT: usize = 400;

/// Distances between held-out rows and what was predicted of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Distances {
    /// Predictions at which one range ends and the next begins, rising; one fewer than ranges.
    pub edges: Vec<f64>,
    pub ranges: Vec<Range>,
}

/// Rows of a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    /// Rows.
    pub n: usize,
    /// Distances, rising: all, or those of evenly spaced ranks where there are many.
    pub kept: Vec<f64>,
}

/// Lower and upper ends of an interval for each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Probability that it covers the truth, above 0 and below 1.
    pub level: f64,
    /// `[n_rows]`, in the target's unit.
    pub lower: Vec<f64>,
    /// `[n_rows]`, in the target's unit.
    pub upper: Vec<f64>,
}

impl Distances {
    /// Of a target that is a number; none of classes.
    pub fn of_target(target: &Target, predicted: &[f64], truth: &[f64]) -> Option<Self> {
        (matches!(target, Target::Number { .. }) && !truth.is_empty()).then(|| Self::of(predicted, truth))
    }

    /// # Shapes
    /// - `predicted`, `truth`: `[n_rows]`, in the target's unit
    pub fn of(predicted: &[f64], truth: &[f64]) -> Self {
        let mut rows: Vec<(f64, f64)> =
            predicted.iter().zip(truth).map(|(p, y)| (*p, (y - p).abs())).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let n_ranges = (rows.len() / LEAST_ROWS).clamp(1, MOST_RANGES);
        let mut edges: Vec<f64> = (1..n_ranges).map(|i| rows[i * rows.len() / n_ranges].0).collect();
        edges.dedup();
        let mut of_range = vec![Vec::new(); edges.len() + 1];
        for (p, distance) in rows {
            of_range[edges.partition_point(|edge| *edge <= p)].push(distance);
        }
        // Where many predictions are equal, a range may be left without enough rows: it joins the next.
        let mut distances = Distances { edges: Vec::new(), ranges: Vec::new() };
        let mut waiting: Vec<f64> = Vec::new();
        let n = of_range.len();
        for (i, own) in of_range.into_iter().enumerate() {
            waiting.extend(own);
            let is_last = i + 1 == n;
            if is_last && waiting.len() < LEAST_ROWS && !distances.ranges.is_empty() {
                distances.edges.pop();
                let before = distances.ranges.pop().map(|range| range.kept).unwrap_or_default();
                waiting.extend(before);
            }
            if is_last || waiting.len() >= LEAST_ROWS {
                distances.ranges.push(Range { n: waiting.len(), kept: std::mem::take(&mut waiting) });
                distances.edges.extend(edges.get(i));
            }
        }
        distances.ranges.iter_mut().for_each(Range::thin);
        distances
    }

    /// Held-out rows.
    pub fn n_rows(&self) -> usize {
        self.ranges.iter().map(|range| range.n).sum()
    }

    /// Refuses what no fit writes.
    ///
    /// # Errors
    /// A malformed error.
    pub fn check(&self) -> Result<()> {
        let rises = |values: &[f64]| values.windows(2).all(|pair| pair[0] <= pair[1]);
        let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
        let sane = |range: &Range| {
            rises(&range.kept) && finite(&range.kept) && !range.kept.is_empty() && range.kept.len() <= range.n
        };
        match self.ranges.len() == self.edges.len() + 1
            && rises(&self.edges)
            && finite(&self.edges)
            && self.ranges.iter().all(sane)
        {
            true => Ok(()),
            false => Err(Error::malformed("distances of held-out rows that do not rise or are none")),
        }
    }

    /// The interval around predictions.
    ///
    /// # Errors
    /// An option error for a level that is not between 0 and 1, or for which there are too few held-out rows.
    pub fn around(&self, predicted: &[f64], level: f64) -> Result<Interval> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::option(format!(
                "option `interval` is {level}, allowed is above 0 and below 1"
            ))
            .with_hint("0.9 gives the interval that 9 of 10 rows are in"));
        }
        let of_range: Vec<f64> =
            self.ranges.iter().map(|range| range.distance(level)).collect::<Result<_>>()?;
        let distance = |p: &f64| of_range[self.edges.partition_point(|edge| edge <= p)];
        Ok(Interval {
            level,
            lower: predicted.iter().map(|p| p - distance(p)).collect(),
            upper: predicted.iter().map(|p| p + distance(p)).collect(),
        })
    }
}

impl Range {
    /// Keeps distances of evenly spaced ranks, the largest among them.
    fn thin(&mut self) {
        self.kept.sort_by(f64::total_cmp);
        let n = self.kept.len();
        if n > MOST_KEPT {
            self.kept = (1..=MOST_KEPT).map(|k| self.kept[(k * n).div_ceil(MOST_KEPT) - 1]).collect();
        }
    }

    /// The distance that covers a new row with this probability.
    fn distance(&self, level: f64) -> Result<f64> {
        // A rank that is a whole number but for rounding is that number.
        let rank = ((self.n + 1) as f64 * level - 1e-9).ceil() as usize;
        if rank > self.n {
            return Err(Error::option(format!(
                "option `interval` is {level}, which {} held-out rows cannot say: {} are needed",
                self.n,
                (level / (1.0 - level)).ceil()
            ))
            .with_hint("ask for a lower one"));
        }
        // The first kept distance whose rank is no lower.
        let place = (rank * self.kept.len()).div_ceil(self.n).max(1);
        let rank_of = |k: usize| (k * self.n).div_ceil(self.kept.len());
        let place = (place..=self.kept.len()).find(|k| rank_of(*k) >= rank).unwrap_or(self.kept.len());
        Ok(self.kept[place - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{splitmix, unit};

    fn chance(i: usize, purpose: u64) -> f64 {
        f64::from(unit(splitmix(i as u64 ^ purpose << 40)))
    }

    /// Predictions between 0 and 10, off by up to a tenth of themselves.
    fn rows(n: usize, purpose: u64) -> (Vec<f64>, Vec<f64>) {
        let p: Vec<f64> = (0..n).map(|i| 10.0 * chance(i, purpose)).collect();
        let y = (0..n).map(|i| p[i] * (1.0 + 0.2 * (chance(i, purpose + 1) - 0.5))).collect();
        (p, y)
    }

    #[test]
    fn new_rows_are_covered_as_often_as_the_level_says_in_all_ranges() {
        let (p, y) = rows(6000, 1);
        let distances = Distances::of(&p, &y);
        distances.check().unwrap();
        assert_eq!((distances.ranges.len(), distances.ranges[0].kept.len()), (8, 400));
        let (p, y) = rows(40_000, 7);
        for level in [0.5, 0.8, 0.9, 0.95] {
            let interval = distances.around(&p, level).unwrap();
            for low in [0.0, 5.0] {
                let inside: Vec<bool> = (0..p.len())
                    .filter(|i| p[*i] >= low && p[*i] < low + 5.0)
                    .map(|i| interval.lower[i] <= y[i] && y[i] <= interval.upper[i])
                    .collect();
                let share = inside.iter().filter(|i| **i).count() as f64 / inside.len() as f64;
                assert!((share - level).abs() < 0.03, "{level} from {low}: {share}");
            }
        }
    }

    #[test]
    fn few_rows_make_one_range_and_cannot_say_what_is_too_rare_for_them() {
        let (p, y) = rows(19, 3);
        let distances = Distances::of(&p, &y);
        assert_eq!((distances.ranges.len(), distances.ranges[0].n), (1, 19));
        // 19 of 20: the largest distance.
        let wide = distances.around(&[0.0], 0.95).unwrap();
        let most = p.iter().zip(&y).map(|(p, y)| (y - p).abs()).fold(0.0, f64::max);
        assert_eq!(wide.upper, [most]);
        let error = distances.around(&[0.0], 0.99).unwrap_err().to_string();
        assert!(error.contains("19 held-out rows") && error.contains("99 are needed"), "{error}");
        assert!(distances.around(&[0.0], 1.0).is_err() && distances.around(&[0.0], 0.0).is_err());
    }

    #[test]
    fn equal_predictions_are_one_range() {
        let y: Vec<f64> = (0..5000).map(|i| chance(i, 5)).collect();
        let distances = Distances::of(&vec![0.5; 5000], &y);
        distances.check().unwrap();
        assert_eq!(distances.ranges.len(), 1);
        let mut p = vec![0.5; 4000];
        p.extend((0..1000).map(|i| 1.0 + chance(i, 6)));
        let distances = Distances::of(&p, &y);
        distances.check().unwrap();
        assert_eq!(distances.ranges.iter().map(|r| r.n).sum::<usize>(), 5000);
    }
}
