//! How good predictions are: scores, calibration, which classes are mistaken for which, and what other thresholds give.

use serde::Serialize;
use tabgraft_table::Table;

use super::ReportOptions;
use super::rows::sampled;
use super::words::grouped;
use crate::error::Result;
use crate::metric::{Score, Task};
use crate::predictor::{Assessed, Predictor, Reliability, ThresholdFor};

/// Cells that are predicted at most: what a report takes depends on its table's width and not on its length.
const MOST_CELLS: usize = 400_000;
/// Most classes of a confusion table; others are counted together.
const MOST_CLASSES: usize = 12;
/// Thresholds of a curve.
const N_THRESHOLDS: usize = 39;

/// How good predictions are, on rows that were not learned from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows that were scored.
    pub n_rows: usize,
    /// Which rows these are, in words.
    pub rows: String,
    /// Scores, each with its 95 % interval; the most important first.
    pub scores: Vec<Score>,
    /// What predictions claim of themselves, held against the truth.
    pub reliability: Option<Reliability>,
    /// Of classes: which was predicted for which.
    pub confusion: Option<Confusion>,
    /// Of two classes: what other thresholds give.
    pub thresholds: Option<ThresholdCurve>,
}

/// Which class was predicted for which.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    /// Classes, the last of which may stand for several.
    pub classes: Vec<String>,
    /// `[classes.len()]` of the truth, each `[classes.len()]` of the prediction: rows.
    pub counts: Vec<Vec<usize>>,
    /// Rows of a class that was not seen in training; in none of the counts.
    pub n_unseen: usize,
}

/// What thresholds give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdCurve {
    /// The second of the two classes, which is predicted from the threshold on.
    pub class: String,
    /// The predictor's own threshold.
    pub chosen: f64,
    /// What mistakes cost, where the threshold was chosen by that.
    pub costs: Option<[f64; 2]>,
    /// By rising threshold.
    pub points: Vec<ThresholdPoint>,
}

/// What one threshold gives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ThresholdPoint {
    /// Probability from which on the second class is predicted.
    pub threshold: f64,
    /// Share of the rows that get it.
    pub share: f64,
    /// Share of these that are of it; none where there are none.
    pub precision: Option<f64>,
    /// Share of its rows that get it.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Mean of the two classes' shares of rows that are predicted right.
    pub balanced_accuracy: f64,
    /// Mean cost of a row, in the unit of the costs; none without costs.
    pub cost: Option<f64>,
}

/// Scores a predictor on rows of the table that it has not learned from; what there is to say of them as notes.
///
/// # Errors
/// As [`Predictor::fair_rows`] and [`Predictor::evaluate`].
pub(super) fn of(
    predictor: &Predictor,
    table: &Table,
    options: &ReportOptions,
) -> Result<(Evaluation, Vec<String>)> {
    let fair = Predictor::fair_rows(&[predictor], table)?;
    let width = predictor.columns().len().max(1);
    let rows = sampled(&fair.table, (MOST_CELLS / width).max(1000), options.seed)?;
    let assessed = predictor.assess(&rows)?;
    let n = assessed.values.len();
    let of = match n < fair.table.n_rows() {
        true => format!("{} of {}", grouped(n), grouped(fair.table.n_rows())),
        false => grouped(n),
    };
    let evaluation = Evaluation {
        n_rows: n,
        rows: format!("{of} rows of the table that it has not learned from and that have a target"),
        confusion: confusion(predictor, &assessed),
        thresholds: thresholds(predictor, &assessed),
        scores: assessed.scores,
        reliability: assessed.reliability,
    };
    Ok((evaluation, fair.warnings.into_iter().chain(fair.notes).collect()))
}

fn confusion(predictor: &Predictor, assessed: &Assessed) -> Option<Confusion> {
    let all = predictor.target().classes();
    if all.is_empty() {
        return None;
    }
    let n_shown = if all.len() > MOST_CLASSES { MOST_CLASSES - 1 } else { all.len() };
    let mut classes = all[..n_shown].to_vec();
    if n_shown < all.len() {
        classes.push(format!("{} others", all.len() - n_shown));
    }
    let mut counts = vec![vec![0; classes.len()]; classes.len()];
    let mut n_unseen = 0;
    let place = |class: usize| class.min(classes.len() - 1);
    for (value, predicted) in assessed.values.iter().zip(&assessed.predictions.class_idx) {
        match predictor.target().is_unseen(*value) {
            true => n_unseen += 1,
            false => counts[place(*value as usize)][place(*predicted)] += 1,
        }
    }
    Some(Confusion { classes, counts, n_unseen })
}

fn thresholds(predictor: &Predictor, assessed: &Assessed) -> Option<ThresholdCurve> {
    let target = predictor.target();
    if target.task() != Task::Binary {
        return None;
    }
    let chosen = predictor.threshold();
    let costs = match predictor.card().chosen_threshold.map(|chosen| chosen.chosen_for) {
        Some(ThresholdFor::Costs { cost_fp, cost_fn }) => Some([cost_fp, cost_fn]),
        _ => None,
    };
    let rows: Vec<(f64, bool)> = assessed
        .predictions
        .values
        .chunks_exact(2)
        .zip(&assessed.values)
        .filter(|(_, value)| !target.is_unseen(**value))
        .map(|(p, value)| (p[1], *value as usize == 1))
        .collect();
    let mut at: Vec<f64> = (1..=N_THRESHOLDS).map(|i| i as f64 / (N_THRESHOLDS + 1) as f64).collect();
    if at.iter().all(|threshold| (threshold - chosen).abs() > 1e-9) {
        at.push(chosen);
        at.sort_by(f64::total_cmp);
    }
    let point = |threshold: f64| {
        let (mut hit, mut alarm, mut missed, mut rejected) = (0.0, 0.0, 0.0, 0.0);
        for (p, is_positive) in &rows {
            *match (*is_positive, *p >= threshold) {
                (true, true) => &mut hit,
                (true, false) => &mut missed,
                (false, true) => &mut alarm,
                (false, false) => &mut rejected,
            } += 1.0;
        }
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let n = rows.len() as f64;
        ThresholdPoint {
            threshold,
            share: share(hit + alarm, n),
            precision: (hit + alarm > 0.0).then(|| hit / (hit + alarm)),
            recall: share(hit, hit + missed),
            f1: share(2.0 * hit, 2.0 * hit + alarm + missed),
            balanced_accuracy: (share(hit, hit + missed) + share(rejected, rejected + alarm)) / 2.0,
            cost: costs.map(|[of_alarm, of_missed]| share(of_alarm * alarm + of_missed * missed, n)),
        }
    };
    Some(ThresholdCurve {
        class: target.classes().get(1).cloned().unwrap_or_default(),
        chosen,
        costs,
        points: at.into_iter().map(point).collect(),
    })
}
