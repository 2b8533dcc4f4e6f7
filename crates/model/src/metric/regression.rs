//! Scores and paired comparison of predicted numbers.

use super::{Clusters, Metric, PairedDifference, Score, bootstrap, check_finite, check_rows, interval};
use crate::error::{Error, Result};

/// Larger numbers are refused: their squares leave no room for sums in 64 bits.
const MAGNITUDE_MAX: f64 = 1e140;

/// A resample whose variance is below this share of the mean square is constant but for rounding.
const VARIANCE_SHARE_MIN: f64 = 1e-12;

/// RMSE, MAE and R2, with percentile bootstrap intervals. R2 is left out where `y` is constant.
///
/// # Shapes
/// - `y`, `prediction`: `[n]`, in the target's unit
///
/// # Errors
/// A schema error if lengths differ; a value error for fewer than two rows, or a value that is
/// not finite or beyond 1e140.
pub(super) fn regression_scores(
    y: &[f64],
    prediction: &[f64],
    clusters: &Clusters,
    seed: u64,
) -> Result<Vec<Score>> {
    check(y, prediction)?;
    // Deviations are taken from the mean, so that a large offset costs no digits in R2.
    let mean = mean(y);
    let deviation: Vec<f64> = y.iter().map(|y| y - mean).collect();
    let squared_deviation: Vec<f64> = deviation.iter().map(|d| d * d).collect();
    let squared = squared_errors(y, prediction);
    let absolute: Vec<f64> = y.iter().zip(prediction).map(|(y, p)| (y - p).abs()).collect();
    let constant = y.iter().all(|v| *v == y[0]);
    let measure = |counts: &[u32]| {
        let squared = bootstrap::mean(&squared, counts);
        let square = bootstrap::mean(&squared_deviation, counts);
        let variance = square - bootstrap::mean(&deviation, counts).powi(2);
        let varies = !constant && variance > VARIANCE_SHARE_MIN * square;
        let r2 = varies.then(|| 1.0 - squared / variance);
        [Some(squared.sqrt()), Some(bootstrap::mean(&absolute, counts)), r2]
    };
    let values = measure(&vec![1; y.len()]);
    let resampled = bootstrap::resample(clusters, seed, measure);
    let scores = [Metric::Rmse, Metric::Mae, Metric::R2].into_iter().zip(values).zip(resampled);
    Ok(scores
        .filter_map(|((metric, value), resampled)| {
            Some(Score::new(metric, value?, interval::percentile(resampled)?))
        })
        .collect())
}

/// Paired bootstrap of the RMSE on the same rows.
///
/// # Errors
/// As [`regression_scores`].
pub(super) fn compare_regression(
    y: &[f64],
    prediction_a: &[f64],
    prediction_b: &[f64],
    clusters: &Clusters,
    seed: u64,
) -> Result<PairedDifference> {
    check(y, prediction_a)?;
    check(y, prediction_b)?;
    let (a, b) = (squared_errors(y, prediction_a), squared_errors(y, prediction_b));
    let [gains] = bootstrap::resample(clusters, seed, |counts| {
        [Some(bootstrap::mean(&a, counts).sqrt() - bootstrap::mean(&b, counts).sqrt())]
    });
    let (interval, p_value) = bootstrap::difference(gains).unwrap_or(([0.0, 0.0], 1.0));
    let values = [mean(&a).sqrt(), mean(&b).sqrt()];
    Ok(PairedDifference::new(Metric::Rmse, values, interval, p_value, clusters))
}

fn check(y: &[f64], prediction: &[f64]) -> Result<()> {
    check_rows(y.len(), prediction.len())?;
    check_magnitude("truth", y)?;
    check_magnitude("prediction", prediction)
}

fn check_magnitude(what: &str, values: &[f64]) -> Result<()> {
    check_finite(what, values)?;
    match values.iter().position(|v| v.abs() > MAGNITUDE_MAX) {
        Some(i) => Err(Error::value(format!(
            "{what} value {i} is {:e}, at most {MAGNITUDE_MAX:e} can be scored",
            values[i]
        ))
        .with_hint("scale the target")),
        None => Ok(()),
    }
}

fn squared_errors(y: &[f64], prediction: &[f64]) -> Vec<f64> {
    y.iter().zip(prediction).map(|(y, p)| (y - p) * (y - p)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
