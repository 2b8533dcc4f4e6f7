//! Promises of the metrics: the reference's numbers, intervals that cover, verdicts that hold, and
//! an error or an absent score where a metric is not defined.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use proptest::prelude::*;
use rand::RngExt;
use rand_pcg::Pcg64;
use tabgraft_model::Result;
use tabgraft_model::metric::{
    self, Clusters, Metric, PairedDifference, Prediction, Score, Task, Truth, Verdict, drift, pr_auc, roc_auc,
};

// Reference values: scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6, by
//
//   def stream(x):
//       while True:
//           x = (x * 6364136223846793005 + 1442695040888963407) % 2**64
//           yield (x >> 11) / 2**53
//   r = stream(7)
//   y = np.array([next(r) < .35 for _ in range(200)])
//   a = np.array([round(.25 + .3*t + .45*(next(r) - .5), 2) for t in y]).clip(0, 1)
//   b = np.array([round(.25 + .4*t + .45*(next(r) - .5), 2) for t in y]).clip(0, 1)
//   roc_auc_score(y, a), average_precision_score(y, a), log_loss(y, a), accuracy_score(y, a >= .5),
//   brier_score_loss(y, a)
//   # DeLong by its definition, logit interval
//   def place(s):
//       P, N = s[y], s[~y]; w = (P[:, None] > N) + .5*(P[:, None] == N); return w.mean(1), w.mean(0)
//   (pa, na), (pb, nb) = place(a), place(b)
//   A = pa.mean(); var = pa.var(ddof=1)/len(pa) + na.var(ddof=1)/len(na)
//   l = log(A/(1-A)); e = var**.5/(A*(1-A)); expit(l -+ norm.ppf(.975)*e)
//   d = pb.mean() - A; vd = (pb-pa).var(ddof=1)/len(pa) + (nb-na).var(ddof=1)/len(na)
//   d -+ norm.ppf(.975)*vd**.5, 2*norm.sf(abs(d)/vd**.5)
//   # bootstrap: np.percentile of 4000 resamples, [2.5, 97.5]
//   r = stream(11); c = np.array([int(next(r)*3) for _ in range(150)])
//   p = np.array([[.05 + next(r) + (.8 if j == t else 0) for j in range(3)] for t in c])
//   p /= p.sum(1, keepdims=True)
//   roc_auc_score(c, p, multi_class="ovr", average="macro"), log_loss(c, p),
//   accuracy_score(c, p.argmax(1)), ((p - np.eye(3)[c])**2).sum(1).mean()
//   r = stream(13); t = np.array([1000 + 10*next(r) for _ in range(120)])
//   q = np.array([v + 4*(next(r) - .5) for v in t]); q2 = np.array([v + 3*(next(r) - .5) for v in t])
//   mean_squared_error(t, q)**.5, mean_absolute_error(t, q), r2_score(t, q)

struct Stream(u64);

impl Stream {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn binary_case() -> (Vec<bool>, Vec<f64>, Vec<f64>) {
    let mut r = Stream(7);
    let y: Vec<bool> = (0..200).map(|_| r.next() < 0.35).collect();
    let mut noisy = |gap: f64| -> Vec<f64> {
        y.iter()
            .map(|&y| {
                let p = 0.25 + gap * f64::from(y) + 0.45 * (r.next() - 0.5);
                ((p * 100.0).round_ties_even() / 100.0).clamp(0.0, 1.0)
            })
            .collect()
    };
    let (a, b) = (noisy(0.3), noisy(0.4));
    (y, a, b)
}

/// Of rows that stand for themselves.
fn scores(task: Task, truth: &Truth, prediction: &Prediction, seed: u64) -> Result<Vec<Score>> {
    metric::scores(task, truth, prediction, &Clusters::of_single_rows(truth.n_rows()), seed)
}

fn compare(task: Task, truth: &Truth, a: &Prediction, b: &Prediction, seed: u64) -> Result<PairedDifference> {
    metric::compare(task, truth, a, b, &Clusters::of_single_rows(truth.n_rows()), seed)
}

fn binary_scores(y: &[bool], p: &[f64], seed: u64) -> Result<Vec<Score>> {
    scores(Task::Binary, &truth_of(y), &Prediction::new(p.to_vec(), 1)?, seed)
}

fn multiclass_scores(y: &[u32], p: &[f64], n_classes: usize, seed: u64) -> Result<Vec<Score>> {
    let truth = Truth::Class { class: y.to_vec(), n_classes };
    scores(Task::Multiclass, &truth, &Prediction::new(p.to_vec(), n_classes)?, seed)
}

fn regression_scores(y: &[f64], prediction: &[f64], seed: u64) -> Result<Vec<Score>> {
    scores(Task::Regression, &Truth::Number(y.to_vec()), &Prediction::new(prediction.to_vec(), 1)?, seed)
}

fn truth_of(y: &[bool]) -> Truth {
    Truth::Class { class: y.iter().map(|&y| u32::from(y)).collect(), n_classes: 2 }
}

fn found(scores: &[Score], metric: Metric) -> Score {
    *scores.iter().find(|s| s.metric == metric).unwrap_or_else(|| panic!("no {}", metric.name()))
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected} +- {tolerance}");
}

#[test]
fn binary_values_are_scikit_learns() {
    let (y, a, _) = binary_case();
    let all = binary_scores(&y, &a, 1).unwrap();
    for (metric, expected) in [
        (Metric::RocAuc, 0.9634277134277134),
        (Metric::PrAuc, 0.9397998624337583),
        (Metric::LogLoss, 0.4129778821227085),
        (Metric::Accuracy, 0.855),
        (Metric::Brier, 0.1266325),
    ] {
        near(found(&all, metric).value, expected, 1e-12);
        assert_eq!(found(&all, metric).n, 200);
    }
    near(roc_auc(&y, &a).unwrap(), 0.9634277134277134, 1e-12);
    near(pr_auc(&y, &a).unwrap(), 0.9397998624337583, 1e-12);
}

#[test]
fn binary_intervals_are_the_references() {
    let (y, a, _) = binary_case();
    let all = binary_scores(&y, &a, 1).unwrap();
    // Closed forms to rounding, resampled ends to resampling noise.
    for (metric, low, high, tolerance) in [
        (Metric::RocAuc, 0.9363152328045061, 0.9792533702295928, 1e-9),
        (Metric::PrAuc, 0.90096702, 0.9686517, 0.006),
        (Metric::LogLoss, 0.37952425, 0.44968219, 0.006),
        (Metric::Brier, 0.11243008, 0.14250623, 0.003),
    ] {
        near(found(&all, metric).low, low, tolerance);
        near(found(&all, metric).high, high, tolerance);
    }
}

#[test]
fn paired_delong_is_the_definition() {
    let (y, a, b) = binary_case();
    let [a, b] = [a, b].map(|p| Prediction::new(p, 1).unwrap());
    let better = compare(Task::Binary, &truth_of(&y), &a, &b, 0).unwrap();
    near(better.difference, 0.030190905190905504, 1e-12);
    near(better.low, 0.00926386877597906, 1e-12);
    near(better.high, 0.05111794160583195, 1e-12);
    near(better.p_value, 0.004689977462097624, 1e-12);
    assert_eq!((better.verdict, better.n, better.metric), (Verdict::Better, 200, Metric::RocAuc));

    let worse = compare(Task::Binary, &truth_of(&y), &b, &a, 0).unwrap();
    assert_eq!(worse.verdict, Verdict::Worse);
    near(worse.low, -better.high, 1e-12);
    near(worse.p_value, better.p_value, 1e-12);
}

#[test]
fn multiclass_values_are_scikit_learns() {
    let mut r = Stream(11);
    let y: Vec<u32> = (0..150).map(|_| (r.next() * 3.0) as u32).collect();
    let mut p: Vec<f64> = Vec::new();
    for &class in &y {
        let row: Vec<f64> = (0..3).map(|k| 0.05 + r.next() + if k == class { 0.8 } else { 0.0 }).collect();
        let sum: f64 = row.iter().sum();
        p.extend(row.iter().map(|v| v / sum));
    }
    let all = multiclass_scores(&y, &p, 3, 1).unwrap();
    near(found(&all, Metric::RocAuc).value, 0.9972050353293577, 1e-12);
    near(found(&all, Metric::LogLoss).value, 0.6095846239036828, 1e-12);
    near(found(&all, Metric::Accuracy).value, 0.98, 1e-12);
    near(found(&all, Metric::Brier).value, 0.32892262322256577, 1e-12);
}

fn regression_case() -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut r = Stream(13);
    let t: Vec<f64> = (0..120).map(|_| 1000.0 + 10.0 * r.next()).collect();
    let q = t.iter().map(|v| v + 4.0 * (r.next() - 0.5)).collect();
    let q2 = t.iter().map(|v| v + 3.0 * (r.next() - 0.5)).collect();
    (t, q, q2)
}

#[test]
fn regression_values_are_scikit_learns() {
    let (t, q, q2) = regression_case();
    let all = regression_scores(&t, &q, 1).unwrap();
    for (metric, value, low, high, tolerance) in [
        (Metric::Rmse, 1.1459873118576684, 1.04987921, 1.23475881, 0.015),
        (Metric::Mae, 0.9795906632552677, 0.8735956, 1.08331415, 0.015),
        (Metric::R2, 0.8153120433463366, 0.76563656, 0.85211567, 0.008),
    ] {
        near(found(&all, metric).value, value, 1e-9);
        near(found(&all, metric).low, low, tolerance);
        near(found(&all, metric).high, high, tolerance);
    }
    let [q, q2] = [q, q2].map(|p| Prediction::new(p, 1).unwrap());
    let better = compare(Task::Regression, &Truth::Number(t), &q, &q2, 3).unwrap();
    near(better.difference, 1.1459873118576684 - 0.8407780946857273, 1e-9);
    near(better.low, 0.18392371, 0.02);
    near(better.high, 0.42507991, 0.02);
    assert_eq!(better.verdict, Verdict::Better);
}

/// Times in seconds and prices in small coins are far from 0 for what they vary by.
#[test]
fn an_offset_costs_r2_no_digits() {
    let (t, q, _) = regression_case();
    let moved = |values: &[f64]| values.iter().map(|v| v + 1e9).collect::<Vec<f64>>();
    let all = regression_scores(&moved(&t), &moved(&q), 1).unwrap();
    near(found(&all, Metric::R2).value, 0.8153120433463366, 1e-6);
    near(found(&all, Metric::Rmse).value, 1.1459873118576684, 1e-6);
}

/// 95 % intervals on 300 samples hold the truth in 95 % of them; three standard errors of that
/// share are .038, and percentile intervals of a small sample are known to be a little narrow.
#[test]
fn intervals_cover_the_truth() {
    let (mut brier, mut auc, mut rmse) = (0, 0, 0);
    let n_samples = 300;
    for sample in 0..n_samples {
        let mut rng = Pcg64::new(99, sample);
        // p uniform and y ~ p: E (p - y)^2 = E p(1 - p) = 1/6, and the AUC is 5/6.
        let p: Vec<f64> = (0..80).map(|_| rng.random::<f64>()).collect();
        let y: Vec<bool> = p.iter().map(|&p| rng.random::<f64>() < p).collect();
        let all = binary_scores(&y, &p, sample as u64).unwrap();
        let covers = |s: Score, truth: f64| usize::from(s.low <= truth && truth <= s.high);
        brier += covers(found(&all, Metric::Brier), 1.0 / 6.0);
        auc += covers(found(&all, Metric::RocAuc), 5.0 / 6.0);
        // An error uniform on -1..1 has RMSE 1/sqrt(3).
        let t = vec![0.5; 80];
        let q: Vec<f64> = t.iter().map(|t| t + 2.0 * rng.random::<f64>() - 1.0).collect();
        let all = regression_scores(&t, &q, sample as u64).unwrap();
        rmse += covers(found(&all, Metric::Rmse), 1.0 / 3f64.sqrt());
    }
    for (name, covered) in [("brier", brier), ("roc_auc", auc), ("rmse", rmse)] {
        let share = covered as f64 / n_samples as f64;
        assert!((0.90..=0.985).contains(&share), "{name} covers {share}");
    }
}

/// Under the null a test at the 5 % level says "better" or "worse" in about 5 % of samples.
#[test]
fn verdicts_are_rarely_wrong_under_the_null() {
    let (mut n_binary, mut n_multiclass) = (0, 0);
    let n_samples = 200;
    for sample in 0..n_samples {
        let mut rng = Pcg64::new(5, sample);
        let class: Vec<u32> = (0..90).map(|_| u32::from(rng.random::<f64>() < 0.4)).collect();
        let mut predict = || {
            let p = class.iter().flat_map(|&y| {
                let p = 0.2 + 0.2 * f64::from(y) + 0.4 * rng.random::<f64>();
                [1.0 - p, p]
            });
            Prediction::new(p.collect(), 2).unwrap()
        };
        let (a, b) = (predict(), predict());
        let truth = Truth::Class { class, n_classes: 2 };
        let differs =
            |task| compare(task, &truth, &a, &b, sample as u64).unwrap().verdict != Verdict::NoDifference;
        n_binary += usize::from(differs(Task::Binary));
        n_multiclass += usize::from(differs(Task::Multiclass));
    }
    for (name, n) in [("DeLong", n_binary), ("bootstrap", n_multiclass)] {
        let share = n as f64 / n_samples as f64;
        assert!((0.005..=0.11).contains(&share), "{name} rejects {share}");
    }
}

/// Each row so many times as `n` says, all copies in one cluster.
fn copied<T: Copy>(values: &[T], n: impl Fn(usize) -> usize) -> Vec<T> {
    values.iter().enumerate().flat_map(|(i, value)| std::iter::repeat_n(*value, n(i))).collect()
}

fn copies_of(n_rows: usize, n: impl Fn(usize) -> usize) -> Clusters {
    let keys = copied(&(0..n_rows as u64).collect::<Vec<_>>(), n);
    Clusters::new(&keys, &keys)
}

#[test]
fn ten_copies_of_each_row_have_the_intervals_and_verdicts_of_the_rows() {
    let (y, a, b) = binary_case();
    let (y, a, b) = (&y[..40], &a[..40], &b[..40]);
    let class: Vec<u32> = y.iter().map(|y| u32::from(*y)).collect();
    let ten = |values: &[f64]| Prediction::new(copied(values, |_| 10), 1).unwrap();
    let once = |values: &[f64]| Prediction::new(values.to_vec(), 1).unwrap();
    let (few, many) = (truth_of(y), Truth::Class { class: copied(&class, |_| 10), n_classes: 2 });
    let clusters = copies_of(40, |_| 10);
    let rows = scores(Task::Binary, &few, &once(a), 3).unwrap();
    let copies = metric::scores(Task::Binary, &many, &ten(a), &clusters, 3).unwrap();
    for (row, copy) in rows.iter().zip(&copies) {
        assert_eq!((copy.n, copy.n_copies, row.n, row.n_copies), (400, 360, 40, 0));
        near(copy.value, row.value, 1e-12);
        // Wilson's interval goes by an estimated number of rows.
        let tolerance = if row.metric == Metric::Accuracy { 0.005 } else { 1e-9 };
        near(copy.low, row.low, tolerance);
        near(copy.high, row.high, tolerance);
    }
    let rows = compare(Task::Binary, &few, &once(a), &once(b), 3).unwrap();
    let copies = metric::compare(Task::Binary, &many, &ten(a), &ten(b), &clusters, 3).unwrap();
    near(copies.low, rows.low, 1e-9);
    near(copies.p_value, rows.p_value, 1e-9);
    assert_eq!((copies.n_copies, copies.verdict), (360, rows.verdict));
    let numbers = Truth::Number(y.iter().map(|y| f64::from(u8::from(*y))).collect());
    let many = Truth::Number(copied(y, |_| 10).iter().map(|y| f64::from(u8::from(*y))).collect());
    let rows = compare(Task::Regression, &numbers, &once(a), &once(b), 3).unwrap();
    let copies = metric::compare(Task::Regression, &many, &ten(a), &ten(b), &clusters, 3).unwrap();
    near(copies.high, rows.high, 1e-9);
    near(copies.p_value, rows.p_value, 1e-9);
}

/// 60 rows, row `i` 1 to 9 times, some of both classes in one cluster: the truth lies in nearly all of the
/// intervals of clusters, and in far too few of those that take every copy for a row.
#[test]
fn intervals_of_clusters_cover_the_truth_where_copies_are_not_independent() {
    let (mut of_clusters, mut of_rows) = ([0; 3], [0; 3]);
    let n_samples = 300;
    for sample in 0..n_samples {
        let mut rng = Pcg64::new(77, sample);
        let times: Vec<usize> = (0..60).map(|_| 1 + (rng.random::<f64>() * 9.0) as usize).collect();
        let p: Vec<f64> = (0..60).map(|_| rng.random::<f64>()).collect();
        let y: Vec<u32> = p.iter().map(|p| u32::from(rng.random::<f64>() < *p)).collect();
        let clusters = copies_of(60, |i| times[i]);
        let truth = Truth::Class { class: copied(&y, |i| times[i]), n_classes: 2 };
        let p = Prediction::new(copied(&p, |i| times[i]), 1).unwrap();
        let found_by = |scores: Vec<Score>| {
            // Right with probability max(p, 1 - p): 3/4 on average.
            [(Metric::Brier, 1.0 / 6.0), (Metric::RocAuc, 5.0 / 6.0), (Metric::Accuracy, 0.75)].map(
                |(metric, truth)| {
                    let score = found(&scores, metric);
                    usize::from(score.low <= truth && truth <= score.high)
                },
            )
        };
        let honest = found_by(metric::scores(Task::Binary, &truth, &p, &clusters, sample as u64).unwrap());
        let naive = found_by(scores(Task::Binary, &truth, &p, sample as u64).unwrap());
        for k in 0..3 {
            of_clusters[k] += honest[k];
            of_rows[k] += naive[k];
        }
    }
    for k in 0..3 {
        let [honest, naive] = [of_clusters[k], of_rows[k]].map(|n| n as f64 / n_samples as f64);
        // Percentiles of resampled clusters of unequal size cover a little less than 95 %.
        assert!((0.88..=0.985).contains(&honest) && naive < 0.75, "{k}: {honest}, without clusters {naive}");
    }
}

/// Rows of one group, with rows of both classes in each.
#[test]
fn intervals_of_groups_that_hold_both_classes_cover_the_truth() {
    // In each of 30 groups all scores move together: a positive and a negative row tell of each other.
    let mut covered = 0;
    for sample in 0..200u64 {
        let mut rng = Pcg64::new(31, u128::from(sample));
        let (mut score, mut class) = (Vec::new(), Vec::new());
        for _ in 0..30 {
            let shift = rng.random::<f64>();
            for y in [0, 0, 1, 1] {
                class.push(y);
                score.push((shift + rng.random::<f64>() + 0.5 * f64::from(y)) / 3.0);
            }
        }
        let groups: Vec<u64> = (0..120).map(|r| r / 4).collect();
        let clusters = Clusters::new(&(0..120).collect::<Vec<_>>(), &groups);
        let truth = Truth::Class { class, n_classes: 2 };
        let p = Prediction::new(score, 1).unwrap();
        let auc = found(&metric::scores(Task::Binary, &truth, &p, &clusters, 0).unwrap(), Metric::RocAuc);
        covered += usize::from(auc.low <= TRUE_AUC && TRUE_AUC <= auc.high);
    }
    assert!((180..=198).contains(&covered), "{covered} of 200");
}

/// P(D < 1/2) for the difference D of two sums of two uniform numbers on 0..1, as of rows of two groups: 1/2
/// plus the integral of the cubic B-spline over 0..1/2, which is 1/3 - 1/24 + 1/128.
const TRUE_AUC: f64 = 0.5 + 1.0 / 3.0 - 1.0 / 24.0 + 1.0 / 128.0;

#[test]
fn an_unseen_class_is_scored_as_wrong() {
    // Three rows of two classes, all right, and one of a class that no model has seen.
    let truth = Truth::Class { class: vec![0, 1, 1, 2], n_classes: 2 };
    let p = Prediction::new(vec![0.1, 0.9, 0.8, 0.3], 1).unwrap();
    let all = scores(Task::Binary, &truth, &p, 0).unwrap();
    assert!(all.iter().all(|s| (s.n, s.n_unseen) == (4, 1)));
    near(found(&all, Metric::Accuracy).value, 0.75, 1e-12);
    // Its probability is 0, cut off at the smallest number that changes 1.
    let loss = -(0.9f64.ln() + 0.9f64.ln() + 0.8f64.ln() + f64::EPSILON.ln()) / 4.0;
    near(found(&all, Metric::LogLoss).value, loss, 1e-12);
    let brier = (0.01 + 0.01 + 0.04 + (0.09 + 0.49 + 1.0) / 2.0) / 4.0;
    near(found(&all, Metric::Brier).value, brier, 1e-12);
    // One of the rest, as far as the positive class goes.
    near(found(&all, Metric::RocAuc).value, 1.0, 1e-12);
    let p = Prediction::new(vec![0.1, 0.9, 0.8, 0.95], 1).unwrap();
    near(found(&scores(Task::Binary, &truth, &p, 0).unwrap(), Metric::RocAuc).value, 0.5, 1e-12);

    let truth = Truth::Class { class: vec![0, 1, 2, 3], n_classes: 3 };
    let p = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.5, 0.3, 0.2]].concat();
    let all = scores(Task::Multiclass, &truth, &Prediction::new(p, 3).unwrap(), 0).unwrap();
    near(found(&all, Metric::Accuracy).value, 0.75, 1e-12);
    near(found(&all, Metric::Brier).value, (3.0 * 0.06 + 0.38 + 1.0) / 4.0, 1e-12);
    assert!(found(&all, Metric::LogLoss).value > 9.0 && found(&all, Metric::RocAuc).value < 1.0 + 1e-12);
}

#[test]
fn a_perfect_ranking_still_has_an_interval() {
    let y = [false, false, false, true, true, true, true, true];
    let p = [0.1, 0.1, 0.2, 0.7, 0.8, 0.9, 0.9, 0.9];
    let all = binary_scores(&y, &p, 0).unwrap();
    for metric in [Metric::RocAuc, Metric::PrAuc, Metric::Accuracy] {
        let score = found(&all, metric);
        near(score.value, 1.0, 1e-12);
        assert!(score.low < 0.8, "{} of 8 rows cannot be so sure: {score:?}", metric.name());
    }
    // Three disjoint pairs: .025^(1/3).
    near(found(&all, Metric::RocAuc).low, 0.025f64.powf(1.0 / 3.0), 1e-9);
}

#[test]
fn what_the_rows_cannot_define_is_left_out() {
    let one_class = binary_scores(&[true; 5], &[0.1, 0.2, 0.3, 0.9, 0.9], 0).unwrap();
    let metrics: Vec<Metric> = one_class.iter().map(|s| s.metric).collect();
    assert_eq!(metrics, [Metric::LogLoss, Metric::Accuracy, Metric::Brier]);
    assert!(roc_auc(&[true; 3], &[0.1, 0.2, 0.3]).is_none());

    let one_of_three = multiclass_scores(&[1, 1], &[0.2, 0.5, 0.3, 0.1, 0.8, 0.1], 3, 0).unwrap();
    assert!(!one_of_three.iter().any(|s| s.metric == Metric::RocAuc));

    let constant = regression_scores(&[0.1; 6], &[0.1, 0.2, 0.1, 0.0, 0.1, 0.1], 0).unwrap();
    assert!(!constant.iter().any(|s| s.metric == Metric::R2));
    assert_eq!(constant.len(), 2);
}

#[test]
fn a_single_positive_row_leaves_the_auc_unknown() {
    let all = binary_scores(&[false, false, true], &[0.1, 0.6, 0.5], 0).unwrap();
    let auc = found(&all, Metric::RocAuc);
    assert_eq!((auc.value, auc.low, auc.high), (0.5, 0.0, 1.0));
}

#[test]
fn predictions_and_what_there_is_to_know_of_their_rows_are_told() {
    let prediction = Prediction::new(vec![0.1, 0.9, 0.4, 0.6, 0.8, 0.2], 2).unwrap();
    assert_eq!((prediction.n_rows(), prediction.n_outputs()), (3, 2));
    assert_eq!(prediction.values(), [0.1, 0.9, 0.4, 0.6, 0.8, 0.2]);
    let p = || Prediction::new(vec![0.1, 0.9, 0.9, 0.2, 0.3, 0.7], 1).unwrap();
    // The third row repeats the second, and the last is of a class that was not seen.
    let of_class = |class: [u32; 6]| Truth::Class { class: class.to_vec(), n_classes: 2 };
    let (unseen, seen) = (of_class([0, 1, 1, 0, 0, 2]), of_class([0, 1, 1, 0, 0, 1]));
    let keys = [0, 1, 1, 3, 4, 5];
    let clusters = Clusters::new(&keys, &keys);
    let notes = |truth: &Truth, clusters: &Clusters| {
        metric::scores(Task::Binary, truth, &p(), clusters, 0).unwrap()[0].notes()
    };
    let copies = "1 of 6 rows repeat another row in every column: copies count once in intervals";
    let new = "1 of 6 rows have a class that was not seen in training: scored as wrong";
    let single = Clusters::of_single_rows(6);
    assert_eq!(notes(&unseen, &clusters), [new, copies]);
    assert_eq!((notes(&unseen, &single), notes(&seen, &clusters)), (vec![new.into()], vec![copies.into()]));
    assert_eq!(notes(&seen, &single), [""; 0]);
    let note =
        |clusters: &Clusters| metric::compare(Task::Binary, &seen, &p(), &p(), clusters, 0).unwrap().note();
    assert_eq!((note(&clusters).as_deref(), note(&single)), (Some(copies), None));
}

#[test]
fn identical_predictions_do_not_differ() {
    let (y, a, _) = binary_case();
    let a = Prediction::new(a, 1).unwrap();
    let none = compare(Task::Binary, &truth_of(&y), &a, &a, 0).unwrap();
    assert_eq!((none.difference, none.low, none.high, none.p_value), (0.0, 0.0, 0.0, 1.0));
    let (t, q, _) = regression_case();
    let q = Prediction::new(q, 1).unwrap();
    let none = compare(Task::Regression, &Truth::Number(t), &q, &q, 0).unwrap();
    assert_eq!((none.verdict, none.p_value), (Verdict::NoDifference, 1.0));
}

#[test]
fn a_reversed_ranking_of_four_rows_proves_nothing_and_of_forty_does() {
    let reversed = |n: usize| {
        let y: Vec<bool> = (0..n).map(|i| i % 2 == 0).collect();
        let p = |right: bool| y.iter().map(|&y| if y == right { 0.9 } else { 0.1 }).collect();
        let [a, b] = [p(true), p(false)].map(|p| Prediction::new(p, 1).unwrap());
        compare(Task::Binary, &truth_of(&y), &a, &b, 0).unwrap()
    };
    assert_eq!(reversed(4).verdict, Verdict::NoDifference);
    assert_eq!(reversed(40).verdict, Verdict::Worse);
}

#[test]
fn unusable_input_is_an_error_that_says_what_was_found() {
    let y = [true, false];
    let cases = [
        (binary_scores(&y, &[0.5, f64::NAN], 0).unwrap_err(), "value 1 is NaN"),
        (binary_scores(&y, &[0.5, 1.5], 0).unwrap_err(), "1.5"),
        (binary_scores(&y, &[0.5], 0).unwrap_err(), "2 rows have a truth and 1 a prediction"),
        (binary_scores(&[], &[], 0).unwrap_err(), "0 row(s)"),
        (multiclass_scores(&[0, 4], &[0.3; 6], 3, 0).unwrap_err(), "class index 4"),
        (multiclass_scores(&[0, 2], &[0.3; 6], 3, 0).unwrap_err(), "sum to 0.8"),
        (regression_scores(&[1.0, f64::INFINITY], &[1.0, 1.0], 0).unwrap_err(), "truth value 1 is inf"),
        (regression_scores(&[1.0, 1e200], &[1.0, 1.0], 0).unwrap_err(), "1e200"),
        (Prediction::new(vec![0.5; 3], 2).unwrap_err(), "3 predicted values"),
        (Prediction::new(vec![f64::NAN], 1).unwrap_err(), "NaN"),
    ];
    for (error, part) in cases {
        assert!(error.to_string().contains(part), "`{error}` lacks `{part}`");
    }
    let p = Prediction::new(vec![0.2, 0.7, 0.1, 0.1], 1).unwrap();
    let truth = Truth::Class { class: vec![0, 1, 0, 0], n_classes: 2 };
    let error = compare(Task::Binary, &truth, &p, &p, 0).unwrap_err();
    assert!(error.to_string().contains("3 row(s) of class 0 and 1 of class 1"), "{error}");
    let error = scores(Task::Regression, &truth, &p, 0).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("found 2 classes"), "{error}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (y, a, _) = binary_case();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| binary_scores(&y, &a, 7).unwrap())
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn drift_of_unchanged_and_of_appended_coordinates_is_zero() {
    let mut rng = Pcg64::new(1, 1);
    let (n, d) = (200, 12);
    let a: Vec<f32> = (0..n * d).map(|_| rng.random::<f32>() - 0.5).collect();
    let same = drift(&a, &a, d, d, 0).unwrap();
    assert_eq!((same.mean_cosine_distance, same.max_cosine_distance), (0.0, 0.0));
    assert_eq!((same.neighbour_overlap_at_10, same.n_rows), (1.0, n));

    let appended: Vec<f32> =
        a.chunks(d).flat_map(|row| row.iter().copied().chain([0.0, 0.0]).collect::<Vec<_>>()).collect();
    assert_eq!(drift(&a, &appended, d, d + 2, 0).unwrap(), same);

    let negated: Vec<f32> = a.iter().map(|v| -v).collect();
    let opposite = drift(&a, &negated, d, d, 0).unwrap();
    near(opposite.mean_cosine_distance, 2.0, 1e-9);
    near(opposite.neighbour_overlap_at_10, 1.0, 1e-9);

    let unrelated: Vec<f32> = (0..n * d).map(|_| rng.random::<f32>() - 0.5).collect();
    let far = drift(&a, &unrelated, d, d, 0).unwrap();
    near(far.mean_cosine_distance, 1.0, 0.1);
    near(far.neighbour_overlap_at_10, 10.0 / 199.0, 0.03);
    assert!(drift(&a, &unrelated[..24], d, d, 0).is_err());
    assert!(drift(&[1.0, f32::NAN], &[1.0, 1.0], 1, 1, 0).unwrap_err().to_string().contains("NaN"));
}

/// Reference: numpy 2.4, by the definitions, of `a = next(r) - .5` in `[40, 4]` and `b = a + .4 * (next(r) - .5)` with two
/// coordinates more, `r = stream(17)`.
#[test]
fn drift_has_the_figures_of_its_definition() {
    let mut r = Stream(17);
    let mut draw = |n: usize| (0..n).map(|_| r.next() - 0.5).collect::<Vec<f64>>();
    let a: Vec<f32> = draw(40 * 4).into_iter().map(|v| v as f32).collect();
    let noise = draw(40 * 6);
    let moved = |(i, noise): (usize, &f64)| match i % 6 {
        c @ 0..4 => (f64::from(a[i / 6 * 4 + c]) + 0.4 * noise) as f32,
        _ => *noise as f32,
    };
    let b: Vec<f32> = noise.iter().enumerate().map(moved).collect();
    for (a, b, d_a, d_b) in [(&a, &b, 4, 6), (&b, &a, 6, 4)] {
        let found = drift(a, b, d_a, d_b, 0).unwrap();
        near(found.mean_cosine_distance, 0.075_394_773_258_873, 1e-12);
        near(found.max_cosine_distance, 0.242_846_972_222_108, 1e-12);
        near(found.neighbour_overlap_at_10, 248.0 / 400.0, 1e-12);
        assert_eq!(
            metric::neighbour_overlap_at_10(a, b, d_a, d_b, 0).unwrap(),
            found.neighbour_overlap_at_10
        );
    }
    // Fewer rows than neighbours: all others are.
    near(drift(&a[..12], &b[..18], 4, 6, 0).unwrap().neighbour_overlap_at_10, 1.0, 0.0);
}

#[test]
fn a_zero_vector_is_at_distance_1_and_what_cannot_be_measured_is_named() {
    let a = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let b = [1.0, 0.0, 3.0, 4.0, 0.0, 1.0];
    assert_eq!(drift(&a, &b, 2, 2, 0).unwrap().max_cosine_distance, 1.0);
    let told = |a: &[f32], b: &[f32], d: usize| drift(a, b, d, d, 0).unwrap_err().to_string();
    let broken = [1.0, 0.0, 3.0, f32::NAN, 0.0, 1.0];
    assert_eq!(
        told(&a, &broken, 2),
        "coordinate 1 of row 1 is NaN in the second embedding, all must be finite"
    );
    assert_eq!(
        told(&broken, &a, 3),
        "coordinate 0 of row 1 is NaN in the first embedding, all must be finite"
    );
    assert!(told(&a[..2], &b[..2], 2).starts_with("found 1 row(s) to measure drift on"));
    for (a, b, d) in [(&a[..], &b[..4], 2), (&a[..4], &b[..], 2), (&a[..], &b[..], 4), (&[], &[], 0)] {
        assert!(told(a, b, d).ends_with("are not embeddings of the same rows"), "{}", told(a, b, d));
    }
}

#[test]
fn one_turned_row_is_the_largest_drift() {
    let a: Vec<f32> = vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
    let mut b = a.clone();
    b[..2].copy_from_slice(&[0.0, 2.0]);
    let found = drift(&a, &b, 2, 2, 0).unwrap();
    near(found.max_cosine_distance, 1.0, 1e-12);
    near(found.mean_cosine_distance, 1.0 / 3.0, 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_score_lies_in_its_interval_and_its_range(
        rows in prop::collection::vec((any::<bool>(), 0u8..=20), 2..40),
        seed in any::<u64>(),
    ) {
        let y: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let p: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 20.0).collect();
        for s in binary_scores(&y, &p, seed).unwrap() {
            prop_assert!(s.low <= s.value && s.value <= s.high, "{s:?}");
            prop_assert!(s.low >= 0.0 && s.high.is_finite(), "{s:?}");
            prop_assert!(s.metric == Metric::LogLoss || s.high <= 1.0, "{s:?}");
        }
    }

    #[test]
    fn two_classes_score_alike_as_binary_and_as_multiclass(
        rows in prop::collection::vec((any::<bool>(), 0u8..=20), 2..40),
    ) {
        let truth = truth_of(&rows.iter().map(|r| r.0).collect::<Vec<_>>());
        let p = rows.iter().map(|r| f64::from(r.1) / 20.0);
        let p = Prediction::new(p.flat_map(|p| [1.0 - p, p]).collect(), 2).unwrap();
        let binary = scores(Task::Binary, &truth, &p, 3).unwrap();
        let multiclass = scores(Task::Multiclass, &truth, &p, 3).unwrap();
        for metric in [Metric::RocAuc, Metric::LogLoss] {
            let value = |all: &[Score]| all.iter().find(|s| s.metric == metric).map(|s| s.value);
            let (b, m) = (value(&binary), value(&multiclass));
            prop_assert_eq!(b.is_some(), m.is_some());
            if let (Some(b), Some(m)) = (b, m) {
                prop_assert!((b - m).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn swapping_the_sets_mirrors_the_comparison(
        rows in prop::collection::vec((-9i8..9, -9i8..9, -9i8..9), 2..30),
    ) {
        let truth = Truth::Number(rows.iter().map(|r| f64::from(r.0)).collect());
        let a = Prediction::new(rows.iter().map(|r| f64::from(r.1)).collect(), 1).unwrap();
        let b = Prediction::new(rows.iter().map(|r| f64::from(r.2)).collect(), 1).unwrap();
        let ab = compare(Task::Regression, &truth, &a, &b, 3).unwrap();
        let ba = compare(Task::Regression, &truth, &b, &a, 3).unwrap();
        prop_assert!((ab.low + ba.high).abs() < 1e-9 && (ab.difference + ba.difference).abs() < 1e-9);
        prop_assert_eq!(ab.p_value, ba.p_value);
    }

    #[test]
    fn a_monotone_change_of_scores_keeps_the_auc(
        rows in prop::collection::vec((any::<bool>(), -50i32..50), 2..60),
    ) {
        let y: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let score: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 8.0).collect();
        let changed: Vec<f64> = score.iter().map(|s| s.exp() * 3.0).collect();
        prop_assert_eq!(roc_auc(&y, &score), roc_auc(&y, &changed));
        if let Some(auc) = roc_auc(&y, &score) {
            let reversed: Vec<f64> = score.iter().map(|s| -s).collect();
            prop_assert!((roc_auc(&y, &reversed).unwrap() - (1.0 - auc)).abs() < 1e-12);
        }
    }
}

#[test]
fn tasks_and_metrics_have_the_names_that_files_and_people_know() {
    let tasks = [Task::Binary, Task::Multiclass, Task::Regression];
    assert_eq!(tasks.map(Task::name), ["binary", "multiclass", "regression"]);
    let words = [
        "ROC AUC",
        "PR AUC",
        "log loss",
        "accuracy",
        "balanced accuracy",
        "F1",
        "Brier score",
        "RMSE",
        "MAE",
        "R\u{b2}",
    ];
    assert_eq!(Metric::ALL.map(Metric::words), words);
}

#[test]
fn balanced_accuracy_and_f1_count_each_kind_of_row_once() {
    // Two hits, one miss; one alarm, three that were rejected.
    let y = [true, true, true, false, false, false, false];
    let p = [0.9, 0.8, 0.2, 0.7, 0.1, 0.3, 0.4];
    let scores = binary_scores(&y, &p, 1).unwrap();
    near(found(&scores, Metric::BalancedAccuracy).value, f64::midpoint(2.0 / 3.0, 3.0 / 4.0), 1e-12);
    near(found(&scores, Metric::F1).value, 4.0 / 6.0, 1e-12);
}

#[test]
fn scores_that_do_not_fit_the_rows_are_none_or_an_error() {
    for (y, score) in [(&[true, false][..], &[0.1][..]), (&[true, false], &[0.1, f64::NAN])] {
        assert_eq!((roc_auc(y, score), pr_auc(y, score)), (None, None), "{score:?}");
    }
    let (truth, p) = (Truth::Number(vec![1.0, 2.0, 3.0]), Prediction::new(vec![1.0, 2.0, 4.0], 1).unwrap());
    let two = Clusters::of_single_rows(2);
    let errors = [
        metric::scores(Task::Regression, &truth, &p, &two, 1).unwrap_err(),
        metric::compare(Task::Regression, &truth, &p, &p, &two, 1).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("3 rows have a truth and 2 a cluster"), "{error}");
    }
}

#[test]
fn classes_are_those_at_the_threshold() {
    let truth = truth_of(&[false, false, false, true, true]);
    let p = Prediction::new(vec![0.6, 0.6, 0.2, 0.95, 0.97], 1).unwrap();
    let accuracy =
        |p: &Prediction| found(&scores(Task::Binary, &truth, p, 1).unwrap(), Metric::Accuracy).value;
    near(accuracy(&p), 0.6, 1e-12);
    near(accuracy(&p.at_threshold(0.9)), 1.0, 1e-12);
}

#[test]
fn r2_is_of_what_varies_in_each_resample_and_of_any_unit() {
    let r2 = |y: &[f64], p: &[f64]| found(&regression_scores(y, p, 1).unwrap(), Metric::R2);
    // Who predicts the mean of all is nowhere better than the mean of those drawn.
    let mean = r2(&[0.0, 1.0, 2.0, 5.0, 9.0], &[3.4; 5]);
    assert!(mean.value.abs() < 1e-12 && mean.low < -0.01 && mean.high < 1e-9, "{mean:?}");
    // One draw in 27 is of the middle row alone.
    let same = r2(&[0.0, 1.0, 2.0], &[0.5, 1.5, 2.5]);
    assert!(
        same.low.is_finite() && same.low < 0.0,
        "two rows that lie near each other are hard to tell: {same:?}"
    );
    let (y, p) = ([0.0, 1.0, 2.0, 5.0, 9.0], [0.5, 1.5, 2.0, 5.5, 8.0]);
    let in_another_unit = r2(&y.map(|v| v * 1e-9), &p.map(|v| v * 1e-9));
    near(in_another_unit.value, r2(&y, &p).value, 1e-9);
}

#[test]
fn neighbours_are_by_direction_and_not_by_length() {
    let mut r = Stream(3);
    let a: Vec<f32> = (0..60 * 4).map(|_| (r.next() - 0.5) as f32).collect();
    let b: Vec<f32> =
        a.chunks(4).enumerate().flat_map(|(i, row)| row.iter().map(move |v| v * (1 + i) as f32)).collect();
    let found = drift(&a, &b, 4, 4, 1).unwrap();
    assert!(found.max_cosine_distance < 1e-6 && found.neighbour_overlap_at_10 > 0.99, "{found:?}");
}
