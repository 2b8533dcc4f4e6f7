//! Variance of ROC AUC and of a difference of two (DeLong, DeLong and Clarke-Pearson 1988), in
//! O(n log n) by midranks (Sun and Xu 2014, IEEE Signal Processing Letters 21(11)); of rows that come
//! in clusters, by Obuchowski (1997, Biometrics 53(2)), which is the same where clusters are rows.

use std::collections::{BTreeMap, HashSet};

use super::ranking::Ranking;
use super::{Clusters, interval};

/// ROC AUC with the share of the other class that each row beats.
pub(super) struct Placements {
    /// ROC AUC, 0 to 1, ties counting half.
    pub(super) auc: f64,
    /// Per positive row: share of negative rows below it.
    positive: Vec<f64>,
    /// Per negative row: share of positive rows above it.
    negative: Vec<f64>,
    /// The clusters of the positive and of the negative rows.
    cluster: [Vec<u32>; 2],
    n_clusters: usize,
}

impl Placements {
    /// `None` if a class is absent. Scores must not be NaN.
    pub(super) fn new(y: &[bool], score: &[f64], clusters: &Clusters) -> Option<Self> {
        let all = Ranking::new(score).midranks();
        let rows_of = |class: bool| (0..y.len()).filter(|&i| y[i] == class).collect::<Vec<usize>>();
        let own_class = |class: bool| {
            let rows = rows_of(class);
            let own = Ranking::new(&rows.iter().map(|&i| score[i]).collect::<Vec<_>>()).midranks();
            // A row's rank among all rows less its rank in its class counts the other class below it.
            rows.iter().zip(own).map(|(&i, own)| all[i] - own).collect::<Vec<f64>>()
        };
        let (positive, negative) = (own_class(true), own_class(false));
        let (n_positive, n_negative) = (positive.len() as f64, negative.len() as f64);
        if positive.is_empty() || negative.is_empty() {
            return None;
        }
        let auc = positive.iter().sum::<f64>() / (n_positive * n_negative);
        let positive = positive.into_iter().map(|below| below / n_negative).collect();
        let negative = negative.into_iter().map(|below| 1.0 - below / n_positive).collect();
        let cluster =
            [true, false].map(|class| rows_of(class).iter().map(|i| clusters.of_row()[*i]).collect());
        Some(Placements { auc, positive, negative, cluster, n_clusters: clusters.n_clusters() })
    }

    /// Clusters with rows of the class that fewer have, at most half of all. So many positive-negative
    /// pairs share no cluster: they are independent trials, each won with probability AUC.
    pub(super) fn n_rarer(&self) -> usize {
        let n = |of: &[u32]| of.iter().collect::<HashSet<_>>().len();
        n(&self.cluster[0]).min(n(&self.cluster[1])).min(self.n_clusters / 2).max(1)
    }

    /// Variance of the AUC; `None` with fewer than two clusters that hold rows of a class.
    pub(super) fn variance(&self) -> Option<f64> {
        self.variance_of(&self.positive, &self.negative)
    }

    /// Variance of this AUC minus `other`'s on the same rows; `None` as [`Placements::variance`].
    pub(super) fn variance_of_difference(&self, other: &Self) -> Option<f64> {
        let differences = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        self.variance_of(
            &differences(&self.positive, &other.positive),
            &differences(&self.negative, &other.negative),
        )
    }

    /// Of the mean of placements, or of their differences (Obuchowski 1997, equations 3 to 5).
    fn variance_of(&self, positive: &[f64], negative: &[f64]) -> Option<f64> {
        let [(of_positive, m), (of_negative, n)] =
            [(positive, &self.cluster[0]), (negative, &self.cluster[1])].map(|(values, cluster)| {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
                for (value, cluster) in values.iter().zip(cluster) {
                    *sums.entry(*cluster).or_insert(0.0) += value - mean;
                }
                (sums, values.len() as f64)
            });
        // Of a sum over clusters that hold rows of the class; `None` with fewer than two of them.
        let spread = |sums: &BTreeMap<u32, f64>| {
            let n = sums.len() as f64;
            (n >= 2.0).then(|| n / (n - 1.0) * sums.values().map(|sum| sum * sum).sum::<f64>())
        };
        // Clusters with rows of both classes tie the two parts together.
        let n_all = self.n_clusters as f64;
        let both = of_positive.iter().filter_map(|(c, p)| Some(p * of_negative.get(c)?)).sum::<f64>();
        let both = n_all / (n_all - 1.0) * both;
        let variance =
            spread(&of_positive)? / (m * m) + spread(&of_negative)? / (n * n) + 2.0 * both / (m * n);
        Some(variance.max(0.0))
    }

    /// 95 % interval of the AUC, normal on the logit scale.
    ///
    /// An AUC of exactly 1 (or 0) has no estimated variance; its other end is the exact bound of
    /// [`Placements::n_rarer`] trials that all succeeded (or failed). With fewer than two clusters
    /// that hold a class nothing is known, and the interval is 0 to 1.
    pub(super) fn interval(&self) -> [f64; 2] {
        match self.variance() {
            None => [0.0, 1.0],
            Some(_) if self.auc >= 1.0 => [interval::all_succeeded(self.n_rarer()), 1.0],
            Some(_) if self.auc <= 0.0 => [0.0, 1.0 - interval::all_succeeded(self.n_rarer())],
            Some(variance) => interval::logit_normal(self.auc, variance.sqrt()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of 1988, pair by pair: O(n^2).
    fn brute_force(y: &[bool], a: &[f64], b: &[f64]) -> Option<(f64, f64, f64)> {
        let wins = |x: f64, z: f64| {
            if x > z {
                1.0
            } else if x == z {
                0.5
            } else {
                0.0
            }
        };
        let rows = |class| (0..y.len()).filter(move |&i| y[i] == class).collect::<Vec<_>>();
        let (positive, negative) = (rows(true), rows(false));
        let (m, n) = (positive.len() as f64, negative.len() as f64);
        if m < 2.0 || n < 2.0 {
            return None;
        }
        let place = |s: &[f64]| {
            let v10: Vec<f64> = positive
                .iter()
                .map(|&i| negative.iter().map(|&j| wins(s[i], s[j])).sum::<f64>() / n)
                .collect();
            let v01: Vec<f64> = negative
                .iter()
                .map(|&j| positive.iter().map(|&i| wins(s[i], s[j])).sum::<f64>() / m)
                .collect();
            (v10.iter().sum::<f64>() / m, v10, v01)
        };
        let ((auc_a, a10, a01), (auc_b, b10, b01)) = (place(a), place(b));
        let cov = |x: &[f64], mx: f64, z: &[f64], mz: f64| {
            let n = x.len() as f64;
            x.iter().zip(z).map(|(x, z)| (x - mx) * (z - mz)).sum::<f64>() / (n - 1.0) / n
        };
        let s = |p: (&[f64], &[f64], f64), q: (&[f64], &[f64], f64)| {
            cov(p.0, p.2, q.0, q.2) + cov(p.1, p.2, q.1, q.2)
        };
        let (a, b) = ((&a10[..], &a01[..], auc_a), (&b10[..], &b01[..], auc_b));
        Some((auc_a, s(a, a), s(a, a) + s(b, b) - 2.0 * s(a, b)))
    }

    /// Obuchowski (1997), by hand: placements 1, 1, 1/2, 1 of the positive rows and 1, 3/4, 3/4, 1 of the negative ones.
    #[test]
    fn rows_of_both_classes_in_one_cluster_tie_their_placements() {
        let y = [true, false].repeat(4);
        let score = [0.9, 0.2, 0.6, 0.4, 0.3, 0.5, 0.8, 0.1];
        let clusters = Clusters::new(&[0, 1, 2, 3, 4, 5, 6, 7], &[0, 0, 1, 1, 2, 2, 3, 3]);
        let found = Placements::new(&y, &score, &clusters).unwrap();
        assert_eq!(found.auc, 0.875);
        let [of_positive, of_negative, both] =
            [0.1875, 0.0625, 0.0625].map(|sum: f64| 4.0 / 3.0 * sum / 16.0);
        assert!((found.variance().unwrap() - (of_positive + of_negative + 2.0 * both)).abs() < 1e-12);
        // Four clusters of both classes are no more than two of each.
        let (apart, alone) = ([0.9, 0.1].repeat(4), Clusters::of_single_rows(4));
        let perfect = Placements::new(&y, &apart, &clusters).unwrap().interval();
        let two = Placements::new(&[true, false, true, false], &apart[..4], &alone).unwrap();
        assert_eq!(perfect, two.interval());
        let wrong = Placements::new(&y, &[0.1, 0.9].repeat(4), &clusters).unwrap();
        assert_eq!(wrong.interval(), [0.0, 1.0 - perfect[0]]);
    }

    proptest! {
        #[test]
        fn midranks_give_the_definition(
            rows in prop::collection::vec((any::<bool>(), -4i32..4, -20i32..20), 2..40)
        ) {
            let y: Vec<bool> = rows.iter().map(|r| r.0).collect();
            let a: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 3.0).collect();
            let b: Vec<f64> = rows.iter().map(|r| f64::from(r.2)).collect();
            let expected = brute_force(&y, &a, &b);
            let single = Clusters::of_single_rows(y.len());
            let of = |score: &[f64]| Placements::new(&y, score, &single);
            let found = of(&a).zip(of(&b)).and_then(|(a, b)| {
                Some((a.auc, a.variance()?, a.variance_of_difference(&b)?))
            });
            prop_assert_eq!(expected.is_some(), found.is_some());
            if let (Some(e), Some(f)) = (expected, found) {
                prop_assert!((e.0 - f.0).abs() < 1e-12, "auc {} {}", e.0, f.0);
                prop_assert!((e.1 - f.1).abs() < 1e-12, "variance {} {}", e.1, f.1);
                prop_assert!((e.2 - f.2).abs() < 1e-12, "difference {} {}", e.2, f.2);
            }
        }
    }
}
