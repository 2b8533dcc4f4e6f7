//! Scores and paired comparison of class probabilities.
//!
//! A row may have a class that no model has seen, by the index after the last class. No prediction can be
//! right there: accuracy counts it as wrong; log-loss takes the probability that it got, which is 0, cut
//! off like any other 0; the Brier score compares with 0 for every class and 1 for the one that is not
//! there; for ROC AUC and PR AUC, which ask of one class against the rest, it is one of the rest.

use std::collections::HashSet;

use super::delong::Placements;
use super::ranking::Ranking;
use super::{
    Clusters, Metric, PairedDifference, Score, bootstrap, check_classes, check_finite, check_rows, interval,
};
use crate::error::{Error, Result};

/// Probabilities are cut off here in the log-loss, as scikit-learn does for 64-bit numbers.
const P_MIN: f64 = f64::EPSILON;

/// How far a row's probabilities may sum from 1: 32-bit softmax outputs pass.
const SUM_TOLERANCE: f64 = 1e-3;

/// ROC AUC, PR AUC, log-loss, Brier score and, at a threshold, accuracy, balanced accuracy and F1 of two classes.
///
/// Intervals: DeLong on the logit scale for ROC AUC, Wilson for accuracy, percentile bootstrap
/// for the rest. ROC AUC, PR AUC, balanced accuracy and F1 are left out where a class is absent.
///
/// # Shapes
/// - `class`: `[n]`, 0, 1, or 2 for a class that was not seen
/// - `p`: `[n]`, probability of class 1
///
/// # Errors
/// A schema error if lengths differ; a value error for fewer than two rows or a value of `p`
/// outside 0 to 1.
pub(super) fn binary_scores(
    class: &[u32],
    p: &[f64],
    threshold: f64,
    clusters: &Clusters,
    seed: u64,
) -> Result<Vec<Score>> {
    check_binary(class, p)?;
    let y = &is_positive(class);
    let rows = || class.iter().zip(p);
    let log_loss: Vec<f64> = rows()
        .map(|(class, p)| match class {
            0 => -ln(1.0 - p),
            1 => -ln(*p),
            _ => -ln(0.0),
        })
        .collect();
    let brier: Vec<f64> = rows()
        .map(|(class, p)| match class {
            0 => p.powi(2),
            1 => (1.0 - p).powi(2),
            // Half the sum over the classes, as the others are.
            _ => (p.powi(2) + (1.0 - p).powi(2) + 1.0) / 2.0,
        })
        .collect();
    let right: Vec<bool> = rows().map(|(class, p)| *class == u32::from(*p >= threshold)).collect();
    let accepted: Vec<bool> = p.iter().map(|p| *p >= threshold).collect();
    let ranking = Ranking::new(p);
    let placements = Placements::new(y, p, clusters);

    let [pr_aucs, log_losses, briers, balanced, f1s] = bootstrap::resample(clusters, seed, |counts| {
        let pr_auc = placements.as_ref().and_then(|_| ranking.pr_auc(|i| y[i], |i| counts[i]));
        let [balanced, f1] = at_threshold(y, &accepted, |i| f64::from(counts[i]));
        let means = [&log_loss, &brier].map(|values| Some(bootstrap::mean(values, counts)));
        [pr_auc, means[0], means[1], balanced, f1]
    });

    let mut scores = Vec::with_capacity(7);
    if let Some(placements) = &placements
        && let Some(pr_auc) = ranking.pr_auc(|i| y[i], |_| 1)
    {
        scores.push(score(Metric::RocAuc, placements.auc, Some(placements.interval())));
        let floor = floor_of_perfect(pr_auc, clusters.n_with(|row| y[row]));
        scores.push(score(Metric::PrAuc, pr_auc, interval::percentile(pr_aucs).map(floor)));
    }
    scores.push(score(Metric::LogLoss, mean(&log_loss), interval::percentile(log_losses)));
    scores.push(accuracy(&right, clusters));
    if placements.is_some()
        && let [Some(balanced_accuracy), Some(f1)] = at_threshold(y, &accepted, |_| 1.0)
    {
        scores.push(score(Metric::BalancedAccuracy, balanced_accuracy, interval::percentile(balanced)));
        scores.push(score(Metric::F1, f1, interval::percentile(f1s)));
    }
    scores.push(score(Metric::Brier, mean(&brier), interval::percentile(briers)));
    Ok(scores)
}

/// ROC AUC (mean over one-vs-rest of the classes that occur), log-loss, accuracy and Brier score
/// (summed over classes, 0 to 2) of several classes.
///
/// Intervals: Wilson for accuracy, percentile bootstrap for the rest. ROC AUC is left out where
/// only one class occurs.
///
/// # Shapes
/// - `y`: `[n]`, class indices below `n_classes`, or `n_classes` for a class that was not seen
/// - `p`: `[n, n_classes]` row by row; each row sums to 1 within 0.001
///
/// # Errors
/// A schema error if lengths differ; a value error for fewer than two rows, a class index out of
/// range or a row of `p` that is no distribution.
pub(super) fn multiclass_scores(
    y: &[u32],
    p: &[f64],
    n_classes: usize,
    clusters: &Clusters,
    seed: u64,
) -> Result<Vec<Score>> {
    check_multiclass(y, p, n_classes)?;
    let log_loss = class_log_loss(y, p, n_classes);
    let rows = || y.iter().map(|&class| class as usize).zip(p.chunks_exact(n_classes));
    let brier: Vec<f64> = rows()
        .map(|(class, p)| {
            let seen: f64 =
                p.iter().enumerate().map(|(k, p)| (p - f64::from(u8::from(k == class))).powi(2)).sum();
            seen + f64::from(u8::from(class == n_classes))
        })
        .collect();
    let right: Vec<bool> = rows().map(|(class, p)| most_probable(p) == class).collect();

    let rankings: Vec<Ranking> = (0..n_classes)
        .map(|k| Ranking::new(&p.iter().skip(k).step_by(n_classes).copied().collect::<Vec<_>>()))
        .collect();
    let macro_auc = |counts: Option<&[u32]>| {
        let weight = |i: usize| counts.map_or(1, |counts| counts[i]);
        let aucs: Vec<f64> = rankings
            .iter()
            .zip(0u32..)
            .filter_map(|(ranking, k)| ranking.roc_auc(|i| y[i] == k, weight))
            .collect();
        (!aucs.is_empty()).then(|| mean(&aucs))
    };

    let [aucs, log_losses, briers] = bootstrap::resample(clusters, seed, |counts| {
        [
            macro_auc(Some(counts)),
            Some(bootstrap::mean(&log_loss, counts)),
            Some(bootstrap::mean(&brier, counts)),
        ]
    });

    let mut scores = Vec::with_capacity(4);
    if let Some(auc) = macro_auc(None) {
        let floor = floor_of_perfect(auc, rarest(y, n_classes, clusters));
        scores.push(score(Metric::RocAuc, auc, interval::percentile(aucs).map(floor)));
    }
    scores.push(score(Metric::LogLoss, mean(&log_loss), interval::percentile(log_losses)));
    scores.push(accuracy(&right, clusters));
    scores.push(score(Metric::Brier, mean(&brier), interval::percentile(briers)));
    Ok(scores)
}

/// Balanced accuracy, where both classes are there, and F1 of the second one, where it is there or predicted.
fn at_threshold(y: &[bool], accepted: &[bool], weight: impl Fn(usize) -> f64) -> [Option<f64>; 2] {
    // By truth, then by prediction.
    let mut counts = [[0.0; 2]; 2];
    for (i, (y, accepted)) in y.iter().zip(accepted).enumerate() {
        counts[usize::from(*y)][usize::from(*accepted)] += weight(i);
    }
    let [[rejected, alarm], [missed, hit]] = counts;
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let balanced = share(hit, hit + missed).zip(share(rejected, rejected + alarm));
    [balanced.map(|(a, b)| (a + b) / 2.0), share(2.0 * hit, 2.0 * hit + alarm + missed)]
}

/// Paired DeLong test of ROC AUC on the same rows.
///
/// Two rankings that differ by the same amount in every row have no estimated variance: the
/// p-value is then the sign test's over pairs that share no row, and the interval is the single
/// point if that test rejects, -1 to 1 if not.
///
/// # Errors
/// As [`binary_scores`]; and a value error with fewer than two different rows of a class.
pub(super) fn compare_binary(
    class: &[u32],
    p_a: &[f64],
    p_b: &[f64],
    clusters: &Clusters,
) -> Result<PairedDifference> {
    check_binary(class, p_a)?;
    check_binary(class, p_b)?;
    let y = &is_positive(class);
    let too_few = || {
        let n = |positive: bool| clusters.n_with(|row| y[row] == positive);
        Error::value(format!(
            "found {} row(s) of class 0 and {} of class 1 beside copies, comparing ROC AUC needs 2 of each",
            n(false),
            n(true)
        ))
        .with_hint("compare on more rows")
    };
    let a = Placements::new(y, p_a, clusters).ok_or_else(too_few)?;
    let b = Placements::new(y, p_b, clusters).ok_or_else(too_few)?;
    let error = b.variance_of_difference(&a).ok_or_else(too_few)?.sqrt();
    let difference = b.auc - a.auc;
    let (interval, p_value) = if error > 0.0 {
        (interval::normal(difference, error), interval::two_sided_p(difference / error))
    } else if difference == 0.0 {
        ([0.0, 0.0], 1.0)
    } else {
        let p_value = (2.0 * 0.5f64.powf(a.n_rarer() as f64)).min(1.0);
        (if p_value < 0.05 { [difference, difference] } else { [-1.0, 1.0] }, p_value)
    };
    Ok(PairedDifference::new(
        Metric::RocAuc,
        [a.auc, b.auc],
        interval,
        p_value.max(f64::MIN_POSITIVE),
        clusters,
    ))
}

/// Paired bootstrap of the log-loss on the same rows.
///
/// # Errors
/// As [`multiclass_scores`].
pub(super) fn compare_multiclass(
    y: &[u32],
    p_a: &[f64],
    p_b: &[f64],
    n_classes: usize,
    clusters: &Clusters,
    seed: u64,
) -> Result<PairedDifference> {
    check_multiclass(y, p_a, n_classes)?;
    check_multiclass(y, p_b, n_classes)?;
    let (a, b) = (class_log_loss(y, p_a, n_classes), class_log_loss(y, p_b, n_classes));
    let gain: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    let [gains] = bootstrap::resample(clusters, seed, |counts| [Some(bootstrap::mean(&gain, counts))]);
    let (interval, p_value) = bootstrap::difference(gains).unwrap_or(([0.0, 0.0], 1.0));
    Ok(PairedDifference::new(Metric::LogLoss, [mean(&a), mean(&b)], interval, p_value, clusters))
}

fn check_binary(class: &[u32], p: &[f64]) -> Result<()> {
    check_rows(class.len(), p.len())?;
    check_classes(class, 2)?;
    check_probabilities(p)
}

fn check_multiclass(y: &[u32], p: &[f64], n_classes: usize) -> Result<()> {
    if n_classes < 2 {
        return Err(Error::option(format!("found {n_classes} class(es), at least 2 are needed")));
    }
    if !p.len().is_multiple_of(n_classes) {
        return Err(Error::schema(format!(
            "{} probabilities are no whole number of rows of {n_classes} classes",
            p.len()
        )));
    }
    check_rows(y.len(), p.len() / n_classes)?;
    check_classes(y, n_classes)?;
    check_probabilities(p)?;
    for (row, p) in p.chunks_exact(n_classes).enumerate() {
        let sum: f64 = p.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(Error::value(format!("row {row} has probabilities that sum to {sum}, not to 1"))
                .with_hint("give one probability per class, in the order of the classes"));
        }
    }
    Ok(())
}

fn check_probabilities(p: &[f64]) -> Result<()> {
    check_finite("prediction", p)?;
    match p.iter().position(|p| !(-1e-6..=1.0 + 1e-6).contains(p)) {
        Some(i) => Err(Error::value(format!("prediction value {i} is {}, a probability is 0 to 1", p[i]))
            .with_hint("apply the sigmoid or the softmax first")),
        None => Ok(()),
    }
}

fn class_log_loss(y: &[u32], p: &[f64], n_classes: usize) -> Vec<f64> {
    let of_class = |class: u32, p: &[f64]| p.get(class as usize).copied().unwrap_or(0.0);
    y.iter().zip(p.chunks_exact(n_classes)).map(|(class, p)| -ln(of_class(*class, p))).collect()
}

/// What is not the positive class is the rest, unseen classes too.
fn is_positive(class: &[u32]) -> Vec<bool> {
    class.iter().map(|class| *class == 1).collect()
}

fn accuracy(right: &[bool], clusters: &Clusters) -> Score {
    let share = right.iter().filter(|right| **right).count() as f64 / right.len() as f64;
    score(Metric::Accuracy, share, Some(interval::wilson(share, clusters.effective_n(right))))
}

fn ln(p: f64) -> f64 {
    p.clamp(P_MIN, 1.0 - P_MIN).ln()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Index of the largest probability, the first of equal ones.
fn most_probable(p: &[f64]) -> usize {
    p.iter().enumerate().fold(0, |best, (k, value)| if *value > p[best] { k } else { best })
}

/// Clusters that hold rows of the rarest class that occurs.
fn rarest(y: &[u32], n_classes: usize, clusters: &Clusters) -> usize {
    let held: HashSet<(u32, u32)> = y.iter().copied().zip(clusters.of_row().iter().copied()).collect();
    let mut counts = vec![0usize; n_classes + 1];
    held.into_iter().for_each(|(class, _)| counts[class as usize] += 1);
    counts[..n_classes].iter().copied().filter(|&count| count > 0).min().unwrap_or(0)
}

/// A perfect ranking stays perfect in every resample, which would give an interval of no width.
/// Its lower end becomes the exact bound of `n` trials that all succeeded.
fn floor_of_perfect(value: f64, n: usize) -> impl Fn([f64; 2]) -> [f64; 2] {
    move |[low, high]| [if value >= 1.0 { interval::all_succeeded(n) } else { low }, high]
}

/// Only areas can be without an interval, where no resample defines them: then it is 0 to 1.
fn score(metric: Metric, value: f64, interval: Option<[f64; 2]>) -> Score {
    Score::new(metric, value, interval.unwrap_or([0.0, 1.0]))
}
