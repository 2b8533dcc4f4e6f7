//! The court: what a feature adds to a model, on rows that did not choose it.
//!
//! For a linear guide the model is fitted again with and without the feature. For a predictor its
//! output is the offset of a small penalised model (logistic per class, or least squares) of the
//! feature's values: a fast stand-in, which `refit` confirms for the few that pass. Either learns from
//! the discovery rows, where a predictor's output is held out, and from four fifths of the judging
//! rows, and is scored on the last fifth, in turn and repeatedly. The differences go through the
//! corrected resampled t-test of Nadeau & Bengio (2003), which gives effect and interval. Copies of a row
//! are never on both sides, and count once in the p-value.
//!
//! The p-value is that of a score test on the scored rows: whether what the feature changes in a
//! prediction points to where the prediction was wrong, `(y - p) * change` summed over rows, by the same
//! corrected test. It uses every row where ROC AUC uses their order only, and does not grow less sure as
//! the effect grows, as a test of the loss's fall would; so a true effect is told from chance after
//! correction for thousands of candidates. Calibration is no merit of a feature: a predictor's own
//! output is calibrated on the rows learned from before.

use crate::discover::judge::corrected::{CorrectedTest, nadeau_bengio, nadeau_bengio_by_row};
use crate::discover::remember::history::Guide;
use arrow::array::ArrayRef;
use rayon::prelude::*;
use tabgraft_table::Table;
use tabgraft_table::deal::deal_rows;
use tabgraft_table::schema::{InferOptions, infer};
use tabgraft_table::threads::in_pool;

use crate::discover::guide::Guided;
use crate::error::{Error, Result};
use crate::linear::{Design, MOST_LEVELS};
use crate::linear::{Fit, Loss, mean};
use crate::metric::{self, Clusters, Task};
use crate::numbers::sigmoid;
use crate::objective::splitmix;
use crate::predictor::Target;

/// Parts of the judging rows that are scored in turn, and how often they are dealt anew where time suffices.
pub(in crate::discover) const N_FOLDS: usize = 5;
pub(in crate::discover) const N_REPEATS: usize = 4;
const TINY: f64 = 1e-6;
/// Errors of a number count up to so many widths of their middle half, about five standard deviations of a
/// normal distribution.
const MOST_DEVIATIONS: f64 = 4.0;

/// Rows to learn from and rows to score.
#[derive(Debug, Clone)]
pub(in crate::discover) struct Trial {
    pub learn: Vec<usize>,
    pub test: Vec<usize>,
}

impl Trial {
    /// Test rows over rows learned from.
    fn ratio(&self) -> f64 {
        self.test.len() as f64 / self.learn.len().max(1) as f64
    }
}

/// A model without the feature on trial, and the rows to judge on.
pub(in crate::discover) struct Court<'a> {
    rows: &'a Guided,
    trials: &'a [Trial],
    design: Design,
    /// For each trial the model without the feature; none where the metric is not defined.
    fits: Vec<Option<Without>>,
}

/// A trial's model without the feature.
struct Without {
    /// For each modelled output what the model starts from, `[n_rows]`.
    offsets: Vec<Vec<f64>>,
    /// One for each modelled output.
    fits: Vec<Fit>,
    score: f64,
    /// Mean over the test rows.
    loss: f64,
}

/// What a feature changes on the test rows of a trial.
struct Change {
    /// Of the metric: above 0 is better.
    metric: f64,
    /// Mean fall of the loss.
    loss: f64,
    /// For each row the prediction's error times its change.
    aim: Vec<f64>,
}

/// What the court found of a feature.
#[derive(Debug, Clone, Copy)]
pub(in crate::discover) struct Finding {
    /// Of the metric: above 0 is better.
    pub effect: CorrectedTest,
    /// Mean fall of the loss per row: above 0 is better.
    pub loss_gain: f64,
    /// Two-sided, of "the change has nothing to do with the errors".
    pub p_value: f64,
}

impl Finding {
    /// Whether the loss fell and the metric's interval is above 0; the p-value is another question.
    pub fn is_better(&self) -> bool {
        self.loss_gain > 0.0 && self.effect.interval[0] > 0.0
    }

    /// Whether loss and metric both became worse.
    pub fn is_worse(&self) -> bool {
        self.loss_gain < 0.0 && self.effect.mean < 0.0
    }
}

/// Deals the judging rows, which stand behind the discovery rows, `n_repeats` times into [`N_FOLDS`]
/// parts: copies of a row together, each class evenly.
pub(in crate::discover) fn trials(rows: &Guided, n_repeats: usize, seed: u64) -> Vec<Trial> {
    let (n_discovery, n_rows) = (rows.n_discovery, rows.table.n_rows());
    let classes: Vec<u32> = rows.targets[n_discovery..].iter().map(|t| rows.target.stratum(*t)).collect();
    let mut trials = Vec::with_capacity(n_repeats * N_FOLDS);
    for repeat in 0..n_repeats as u64 {
        let salt = splitmix(seed ^ splitmix(repeat));
        let fold = deal_rows(&rows.units[n_discovery..], &classes, N_FOLDS, salt);
        for k in 0..N_FOLDS {
            let (test, learn) = (0..n_rows).partition(|r| *r >= n_discovery && fold[*r - n_discovery] == k);
            trials.push(Trial { learn, test });
        }
    }
    trials
}

/// Whether and how much: the test of differences over trials of which each has so many test rows for
/// each row that was learned from.
pub(in crate::discover) fn corrected(differences: &[f64], test_train_ratio: f64) -> Result<CorrectedTest> {
    match differences {
        [_, _, ..] => nadeau_bengio(differences, test_train_ratio),
        // The metric is hardly defined: nothing is known.
        _ => nadeau_bengio(&[0.0, 0.0], 1.0),
    }
}

impl<'a> Court<'a> {
    /// The guide by itself.
    ///
    /// # Errors
    /// A value error if the metric is defined on no trial, as with one class only.
    pub fn new(rows: &'a Guided, trials: &'a [Trial]) -> Result<Self> {
        Self::with_design(rows, trials, rows.design.clone())
    }

    /// The guide and a feature, which the next ones must add to.
    ///
    /// # Errors
    /// As [`Court::new`].
    pub fn with(&self, feature: &Design) -> Result<Self> {
        Self::with_design(self.rows, self.trials, Design::beside(&[&self.design, feature]))
    }

    fn with_design(rows: &'a Guided, trials: &'a [Trial], design: Design) -> Result<Self> {
        let mut court = Court { rows, trials, design, fits: Vec::new() };
        let fit = |trial: &Trial| {
            let offsets: Vec<Vec<f64>> = match &rows.calibration {
                None => rows.offsets.clone(),
                Some(design) => (0..rows.offsets.len())
                    .map(|o| Some(rows.problem(o, design, &rows.offsets[o], &trial.learn).fit()?.eta))
                    .collect::<Option<_>>()?,
            };
            let fits: Vec<Fit> = offsets
                .iter()
                .enumerate()
                .map(|(o, offset)| rows.problem(o, &court.design, offset, &trial.learn).fit())
                .collect::<Option<_>>()?;
            let eta: Vec<Vec<f64>> =
                fits.iter().map(|fit| trial.test.iter().map(|r| fit.eta[*r]).collect()).collect();
            let (score, loss) = court.score(&trial.test, &eta)?;
            Some(Without { offsets, fits, score, loss })
        };
        court.fits = in_pool(|| trials.par_iter().map(fit).collect())?;
        if court.fits.iter().flatten().count() < 2 {
            return Err(Error::value("the judging rows hold one class only, or no spread")
                .with_hint("give more rows, or another seed"));
        }
        Ok(court)
    }

    /// Mean of the metric over the trials, without any feature.
    pub fn baseline(&self) -> f64 {
        let scores: Vec<f64> = self.fits.iter().flatten().map(|without| without.score).collect();
        mean(&scores)
    }

    /// What a feature adds.
    ///
    /// # Errors
    /// A value error if a difference is not finite.
    pub fn judge(&self, feature: &Design) -> Result<Finding> {
        let changes: Vec<Option<Change>> =
            in_pool(|| (0..self.trials.len()).into_par_iter().map(|i| self.change(feature, i)).collect())?;
        let mut by_row = vec![(0.0, 0.0); self.rows.table.n_rows()];
        let (mut metric, mut loss, mut aim) = (Vec::new(), Vec::new(), Vec::new());
        for (trial, change) in self.trials.iter().zip(changes) {
            let Some(change) = change else { continue };
            metric.push(change.metric);
            loss.push(change.loss);
            aim.push(mean(&change.aim));
            for (r, aim) in trial.test.iter().zip(change.aim) {
                by_row[*r].0 += aim;
                by_row[*r].1 += 1.0;
            }
        }
        // Copies of a row tell no more than the row.
        let scored: Vec<usize> = (0..by_row.len()).filter(|r| by_row[*r].1 > 0.0).collect();
        let clusters = self.rows.clusters.of_row();
        let own: Vec<u64> = scored.iter().map(|r| u64::from(clusters[r - self.rows.n_discovery])).collect();
        let by_row: Vec<f64> = scored.iter().map(|r| by_row[*r].0 / by_row[*r].1).collect();
        let by_cluster = Clusters::new(&own, &own).influences(&by_row);
        let p_value = match (&aim[..], &by_cluster[..], self.trials.first()) {
            ([_, _, ..], [_, _, ..], Some(trial)) => {
                nadeau_bengio_by_row(&by_cluster, &aim, N_FOLDS, trial.ratio())?.p_value
            }
            _ => 1.0,
        };
        let ratio = self.trials.first().map_or(1.0, Trial::ratio);
        Ok(Finding { effect: corrected(&metric, ratio)?, loss_gain: mean(&loss), p_value })
    }

    /// What a feature changes on one trial; `None` if the metric is not defined.
    fn change(&self, feature: &Design, i: usize) -> Option<Change> {
        let without = self.fits[i].as_ref()?;
        let Trial { learn, test } = &self.trials[i];
        let eta: Vec<Vec<f64>> = without
            .fits
            .iter()
            .zip(&without.offsets)
            .enumerate()
            .map(|(o, (fit, offset))| {
                self.rows.problem(o, &self.design, offset, learn).extended(fit, feature, test)
            })
            .collect::<Option<_>>()?;
        let (score, loss) = self.score(test, &eta)?;
        let mut aim = vec![0.0; test.len()];
        for ((with, fit), wanted) in eta.iter().zip(&without.fits).zip(&self.rows.wanted) {
            let loss = self.rows.loss();
            let error: Vec<f64> = test.iter().map(|r| wanted[*r] - loss.mean_of(fit.eta[*r])).collect();
            let change: Vec<f64> = test.iter().zip(with).map(|(r, with)| with - fit.eta[*r]).collect();
            // A handful of rows with huge errors must neither make nor hide a finding. Errors of
            // probabilities have their limits already.
            let (error, change) = match loss {
                Loss::Square => (tamed(&error), tamed(&change)),
                Loss::Logistic => (error, change),
            };
            for ((aim, error), change) in aim.iter_mut().zip(error).zip(change) {
                *aim += error * change;
            }
        }
        let metric = self.rows.target.task().primary_metric().gain(without.score, score);
        Some(Change { metric, loss: without.loss - loss, aim })
    }

    /// The metric, and the mean loss.
    fn score(&self, rows: &[usize], eta: &[Vec<f64>]) -> Option<(f64, f64)> {
        let y: Vec<f64> = rows.iter().map(|r| self.rows.targets[*r]).collect();
        let values = values(eta, self.rows.loss());
        Some((score(&self.rows.target, &y, &values)?, mean_loss(&self.rows.target, &y, &values)))
    }

    /// A computed column as the court's model takes it; none if there is nothing in it.
    ///
    /// # Errors
    /// A schema or value error for a column that has no kind.
    pub fn design_of(&self, name: &str, array: &ArrayRef) -> Result<Option<Design>> {
        let table = Table::from_columns([(name, array.clone())])?;
        let schema = infer(&table, &InferOptions::default())?;
        let Some(spec) = schema.column(name) else { return Ok(None) };
        let n_fit = self.rows.n_discovery;
        let design = match self.rows.guide {
            Guide::Linear => Design::linear(spec, array, n_fit, MOST_LEVELS)?,
            Guide::Predictor => Design::steps(spec, array, n_fit)?,
        };
        Ok(Some(design))
    }
}

/// Logits or numbers, `[output][row]`, as predictions `[row, output]`: of two classes the second one's
/// logit is given.
pub(in crate::discover) fn values(eta: &[Vec<f64>], loss: Loss) -> Vec<f64> {
    match (eta, loss) {
        ([one], Loss::Square) => one.clone(),
        ([one], Loss::Logistic) => one.iter().map(|e| sigmoid(*e)).flat_map(|p| [1.0 - p, p]).collect(),
        (many, _) => {
            let n_rows = many.first().map_or(0, Vec::len);
            let row = |r: usize| {
                let p: Vec<f64> = many.iter().map(|eta| sigmoid(eta[r])).collect();
                let total: f64 = p.iter().sum::<f64>().max(TINY);
                p.into_iter().map(move |p| p / total)
            };
            (0..n_rows).flat_map(row).collect()
        }
    }
}

/// The primary metric of predictions `[row, output]`; `None` if it is not defined.
pub(in crate::discover) fn score(target: &Target, y: &[f64], values: &[f64]) -> Option<f64> {
    match target.task() {
        Task::Binary => {
            let p: Vec<f64> = values.iter().skip(1).step_by(2).copied().collect();
            let y: Vec<bool> = y.iter().map(|v| *v == 1.0).collect();
            metric::roc_auc(&y, &p)
        }
        Task::Multiclass => Some(mean_loss(target, y, values)),
        Task::Regression => Some(mean_loss(target, y, values).sqrt()),
    }
}

/// Mean log-loss or squared error.
fn mean_loss(target: &Target, y: &[f64], values: &[f64]) -> f64 {
    let n = target.n_outputs();
    let losses: Vec<f64> = match target.task() {
        Task::Regression => y.iter().zip(values).map(|(y, v)| (y - v).powi(2)).collect(),
        _ => y.iter().enumerate().map(|(i, c)| -values[i * n + *c as usize].max(TINY).ln()).collect(),
    };
    mean(&losses)
}

/// The values with their median at 0, none farther from it than [`MOST_DEVIATIONS`] times the width of the
/// middle half.
fn tamed(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let (middle, most) = (at(0.5), MOST_DEVIATIONS * (at(0.75) - at(0.25)));
    // Most changes are 0 where a feature speaks of few rows: then nothing is tamed.
    let most = if most > 0.0 { most } else { f64::INFINITY };
    let tamed: Vec<f64> = values.iter().map(|v| (v - middle).clamp(-most, most)).collect();
    let centre = mean(&tamed);
    tamed.into_iter().map(|v| v - centre).collect()
}

/// The logit of a probability, kept finite.
pub(in crate::discover) fn logit(p: f64) -> f64 {
    let p = p.clamp(TINY, 1.0 - TINY);
    (p / (1.0 - p)).ln()
}
