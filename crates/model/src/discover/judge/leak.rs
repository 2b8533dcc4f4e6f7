//! Leakage watch: does something tell the target nearly by itself?
//!
//! A column that does is rarely a good predictor; mostly it became known after the target, or is the
//! target in other words. It is flagged, and neither it nor what is made of it is recommended.

use std::collections::BTreeMap;

use tabgraft_table::deal::deal_rows;

use crate::discover::rank::CandidateValues;

use crate::discover::guide::Guided;
use crate::metric::{Task, roc_auc};
use crate::objective::splitmix;

/// ROC AUC of one column from which on it is flagged, for each class against the others.
const LEAKING_AUC: f64 = 0.99;
/// Rank correlation with a number, and share of its variance explained by a category's levels, from
/// which on a column is flagged.
const LEAKING_SHARE: f64 = 0.999;
/// Fewest rows with a value that can tell.
const LEAST_ROWS: usize = 30;
const N_FOLDS: usize = 5;

/// Why the values look like the target itself, if they do. They are those of the discovery rows.
pub(in crate::discover) fn leak(values: &CandidateValues, rows: &Guided, seed: u64) -> Option<String> {
    let y = &rows.targets[..rows.n_discovery];
    let present: Vec<usize> = match values {
        CandidateValues::Number(v) => (0..v.len()).filter(|r| v[*r].is_some_and(f64::is_finite)).collect(),
        CandidateValues::Code(c) => (0..c.len()).filter(|r| c[*r].is_some()).collect(),
    };
    if present.len() < LEAST_ROWS {
        return None;
    }
    // A copy of a row in another fold would tell the row's target by any column that tells rows apart.
    let classes: Vec<u32> = y.iter().map(|t| rows.target.stratum(*t)).collect();
    let fold = deal_rows(&rows.units[..rows.n_discovery], &classes, N_FOLDS, splitmix(seed));
    match rows.target.task() {
        Task::Binary | Task::Multiclass => {
            let n_classes = rows.target.n_outputs();
            let classes = if n_classes == 2 { 1..2 } else { 0..n_classes };
            let aucs: Vec<f64> = classes
                .filter_map(|class| {
                    let is_class: Vec<bool> = present.iter().map(|r| y[*r] as usize == class).collect();
                    let auc = roc_auc(&is_class, &scores(values, &present, &is_class, &fold))?;
                    Some(auc.max(1.0 - auc))
                })
                .collect();
            let least = aucs.iter().copied().fold(f64::INFINITY, f64::min);
            (!aucs.is_empty() && least > LEAKING_AUC).then(|| {
                format!("it tells the classes by itself: ROC AUC {least:.3} on {} rows", present.len())
            })
        }
        Task::Regression => {
            let y: Vec<f64> = present.iter().map(|r| y[*r]).collect();
            let (share, what) = match values {
                CandidateValues::Number(v) => {
                    let v: Vec<f64> = present.iter().filter_map(|r| v[*r]).collect();
                    (correlation(&ranks(&v), &ranks(&y)).abs(), "rank correlation")
                }
                CandidateValues::Code(codes) => {
                    let codes: Vec<u32> = present.iter().filter_map(|r| codes[*r]).collect();
                    (
                        explained(&held_out_means(&codes, &y, &present, &fold), &y),
                        "share of variance explained",
                    )
                }
            };
            (share > LEAKING_SHARE).then(|| {
                format!("it tells the target by itself: {what} {share:.4} on {} rows", present.len())
            })
        }
    }
}

/// What the values say of a class: a number itself, a level's share of the class in other rows.
fn scores(values: &CandidateValues, present: &[usize], is_class: &[bool], fold: &[usize]) -> Vec<f64> {
    match values {
        CandidateValues::Number(v) => present.iter().filter_map(|r| v[*r]).collect(),
        CandidateValues::Code(codes) => {
            let codes: Vec<u32> = present.iter().filter_map(|r| codes[*r]).collect();
            let y: Vec<f64> = is_class.iter().map(|y| f64::from(u8::from(*y))).collect();
            held_out_means(&codes, &y, present, fold)
        }
    }
}

/// The mean of `y` over the rows of the same code in the other folds; of all rows for a code that they
/// lack.
fn held_out_means(codes: &[u32], y: &[f64], rows: &[usize], fold: &[usize]) -> Vec<f64> {
    let mut whole: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    let mut part: BTreeMap<(u32, usize), (f64, f64)> = BTreeMap::new();
    for ((code, y), r) in codes.iter().zip(y).zip(rows) {
        for sum in [whole.entry(*code).or_default(), part.entry((*code, fold[*r])).or_default()] {
            sum.0 += y;
            sum.1 += 1.0;
        }
    }
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let other = |(code, r): (&u32, &usize)| {
        let ((sum, n), (own, n_own)) = (whole[code], part[&(*code, fold[*r])]);
        if n > n_own { (sum - own) / (n - n_own) } else { mean }
    };
    codes.iter().zip(rows).map(other).collect()
}

fn explained(prediction: &[f64], y: &[f64]) -> f64 {
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let total: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    let left: f64 = y.iter().zip(prediction).map(|(y, p)| (y - p).powi(2)).sum();
    if total > 0.0 { 1.0 - left / total } else { 0.0 }
}

/// Ranks from 0, ties at their mean.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        tied.iter().for_each(|i| ranks[*i] = start as f64 + (tied.len() as f64 - 1.0) / 2.0);
        start += tied.len();
    }
    ranks
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let cross: f64 = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum();
    let spread = |v: &[f64], mean: f64| v.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let spread = (spread(a, mean_a) * spread(b, mean_b)).sqrt();
    if spread > 0.0 { cross / spread } else { 0.0 }
}
