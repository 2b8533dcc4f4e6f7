//! Do probabilities mean what they say? Of rows that get a probability, as many should be so.

use serde::Serialize;
use tabgraft_table::Table;

use super::{Predictions, Predictor, Target};
use crate::error::Result;
use crate::metric::Task;

/// Bins of a reliability table.
const N_BINS: usize = 10;
/// Levels of intervals that a table of coverage has.
const LEVELS: [f64; 4] = [0.5, 0.8, 0.9, 0.95];

/// What predictions claim of themselves, held against the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Reliability {
    /// Of probabilities: of the second of two classes, or of the predicted one of several.
    Probabilities {
        /// Bins of equal width that have rows, by rising probability.
        bins: Vec<ReliabilityBin>,
        /// Bins of equal width between 0 and 1, with those without rows.
        n_bins: usize,
        /// Expected calibration error: mean over the rows of the distance between their bin's mean probability and
        /// its share of rows that are so.
        ece: f64,
        /// Rows.
        n: usize,
    },
    /// Of intervals around numbers.
    Intervals {
        /// For each level how many rows were covered.
        levels: Vec<Coverage>,
        /// Rows.
        n: usize,
    },
}

/// Rows whose probabilities are alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Where the bin begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// Rows.
    pub n: usize,
    /// Their mean probability.
    pub predicted: f64,
    /// Share of them that is so.
    pub observed: f64,
}

/// How many rows an interval covered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// Share of rows that it should cover.
    pub level: f64,
    /// Share of rows that it covered.
    pub covered: f64,
    /// Mean distance between its ends, in the target's unit.
    pub mean_width: f64,
}

impl Predictor {
    /// Holds what predictions claim of themselves against a table that has the target, as [`Predictor::evaluate`]
    /// does with the predictions. None where nothing is claimed: of numbers in a file of format 1.3 or
    /// earlier.
    ///
    /// # Errors
    /// As [`Predictor::evaluate`].
    pub fn reliability(&self, table: &Table) -> Result<Option<Reliability>> {
        let made = self.about.space.complete(table)?;
        let (rows, truth) = self.with_target(&made.table)?;
        Ok(self.reliability_of(&self.predict(&rows)?, &truth))
    }

    /// The same of predictions that are there.
    ///
    /// # Shapes
    /// - `truth`: `[n_rows]`, as [`Target::values`]
    pub(super) fn reliability_of(&self, predictions: &Predictions, truth: &[f64]) -> Option<Reliability> {
        match &self.about.target {
            Target::Classes { classes, .. } => {
                let p = predictions.values.chunks_exact(classes.len());
                let claims = p.zip(truth).map(|(p, truth)| match p {
                    [_, second] if self.about.target.task() == Task::Binary => {
                        (*second, *truth as usize == 1)
                    }
                    p => {
                        let (class, most) = most_probable(p);
                        (most, *truth as usize == class)
                    }
                });
                Some(of_probabilities(&claims.collect::<Vec<_>>()))
            }
            Target::Number { .. } => {
                let distances = self.about.distances.as_ref()?;
                let mut levels = Vec::new();
                for level in LEVELS {
                    // A level for which there are too few held-out rows is left out.
                    let Ok(interval) = distances.around(&predictions.values, level) else { continue };
                    let ends = interval.lower.iter().zip(&interval.upper);
                    let inside = ends.clone().zip(truth).filter(|((low, high), y)| *low <= *y && *y <= *high);
                    let n = truth.len().max(1) as f64;
                    levels.push(Coverage {
                        level,
                        covered: inside.count() as f64 / n,
                        mean_width: ends.map(|(low, high)| high - low).sum::<f64>() / n,
                    });
                }
                Some(Reliability::Intervals { levels, n: truth.len() })
            }
        }
    }
}

fn most_probable(p: &[f64]) -> (usize, f64) {
    p.iter()
        .copied()
        .enumerate()
        .fold((0, f64::NEG_INFINITY), |best, one| if one.1 > best.1 { one } else { best })
}

/// Of pairs of a probability and whether it is so.
fn of_probabilities(claims: &[(f64, bool)]) -> Reliability {
    let mut bins = Vec::new();
    let mut ece = 0.0;
    for i in 0..N_BINS {
        let bin = |p: f64| ((p * N_BINS as f64) as usize).min(N_BINS - 1);
        let own: Vec<&(f64, bool)> = claims.iter().filter(|(p, _)| bin(*p) == i).collect();
        if own.is_empty() {
            continue;
        }
        let n = own.len() as f64;
        let predicted = own.iter().map(|(p, _)| p).sum::<f64>() / n;
        let observed = own.iter().filter(|(_, is)| *is).count() as f64 / n;
        ece += n / claims.len() as f64 * (predicted - observed).abs();
        let width = 1.0 / N_BINS as f64;
        bins.push(ReliabilityBin {
            low: i as f64 * width,
            high: (i + 1) as f64 * width,
            n: own.len(),
            predicted,
            observed,
        });
    }
    Reliability::Probabilities { bins, n_bins: N_BINS, ece, n: claims.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_mean_distance_between_what_is_said_and_what_is() {
        // 4 rows at .25 of which one is so, 6 at 1 of which 3 are.
        let claims: Vec<(f64, bool)> =
            (0..4).map(|i| (0.25, i == 0)).chain((0..6).map(|i| (1.0, i < 3))).collect();
        let Reliability::Probabilities { bins, ece, n, n_bins } = of_probabilities(&claims) else {
            panic!("not of probabilities")
        };
        assert_eq!((bins.len(), n, n_bins), (2, 10, 10));
        assert!((ece - 0.6 * 0.5).abs() < 1e-12, "{ece}");
        assert_eq!((bins[0].n, bins[0].predicted, bins[0].observed), (4, 0.25, 0.25));
        assert!((bins[1].low - 0.9).abs() < 1e-12 && bins[1].high == 1.0);
    }
}
