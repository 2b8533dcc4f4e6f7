//! Rows sorted by score once, so that every resample is measured in one pass.

/// Rows in ascending order of score, cut into groups of equal scores.
pub(super) struct Ranking {
    order_idx: Vec<u32>,
    group_ends: Vec<u32>,
}

impl Ranking {
    /// Sorts rows by `score`; scores must not be NaN.
    pub(super) fn new(score: &[f64]) -> Self {
        let mut order_idx: Vec<u32> = (0..score.len() as u32).collect();
        // Adding 0.0 turns -0.0 into 0.0, which `total_cmp` would tell apart.
        order_idx.sort_by(|&i, &j| (score[i as usize] + 0.0).total_cmp(&(score[j as usize] + 0.0)));
        let group_ends = (1..=order_idx.len())
            .filter(|&i| {
                i == order_idx.len() || score[order_idx[i] as usize] != score[order_idx[i - 1] as usize]
            })
            .map(|i| i as u32)
            .collect();
        Ranking { order_idx, group_ends }
    }

    /// Midranks: a row's 1-based rank, averaged over its group. Sun and Xu (2014), algorithm 1.
    pub(super) fn midranks(&self) -> Vec<f64> {
        let mut ranks = vec![0.0; self.order_idx.len()];
        for (start, group) in self.groups() {
            let rank = start as f64 + (group.len() as f64 + 1.0) / 2.0;
            group.iter().for_each(|&row| ranks[row as usize] = rank);
        }
        ranks
    }

    /// ROC AUC with row weights; `None` if a class has no weight.
    pub(super) fn roc_auc(
        &self,
        positive: impl Fn(usize) -> bool,
        weight: impl Fn(usize) -> u32,
    ) -> Option<f64> {
        let (mut below, mut n_positive, mut twice_area) = (0u64, 0u64, 0u128);
        for (_, group) in self.groups() {
            let (pos, neg) = weigh(group, &positive, &weight);
            twice_area += u128::from(pos) * u128::from(2 * below + neg);
            below += neg;
            n_positive += pos;
        }
        let pairs = n_positive as f64 * below as f64;
        (pairs > 0.0).then(|| twice_area as f64 / (2.0 * pairs))
    }

    /// Average precision with row weights; `None` if the positive class has no weight.
    pub(super) fn pr_auc(
        &self,
        positive: impl Fn(usize) -> bool,
        weight: impl Fn(usize) -> u32,
    ) -> Option<f64> {
        let (mut n_positive, mut n_chosen, mut sum) = (0u64, 0u64, 0.0);
        for (_, group) in self.groups().rev() {
            let (pos, neg) = weigh(group, &positive, &weight);
            n_positive += pos;
            n_chosen += pos + neg;
            if pos > 0 {
                sum += pos as f64 * n_positive as f64 / n_chosen as f64;
            }
        }
        (n_positive > 0).then(|| sum / n_positive as f64)
    }

    /// The groups in ascending order, each with the number of rows before it.
    fn groups(&self) -> impl DoubleEndedIterator<Item = (usize, &[u32])> {
        (0..self.group_ends.len()).map(|g| {
            let start = if g == 0 { 0 } else { self.group_ends[g - 1] as usize };
            (start, &self.order_idx[start..self.group_ends[g] as usize])
        })
    }
}

/// Area under the ROC curve: the chance that a positive row's score is above a negative row's,
/// ties counting half.
///
/// `None` if a class is absent, the lengths differ or a score is NaN.
pub fn roc_auc(y: &[bool], score: &[f64]) -> Option<f64> {
    usable(y, score).then(|| Ranking::new(score).roc_auc(|i| y[i], |_| 1))?
}

/// Average precision: precision at each positive row's score, averaged over the positive rows;
/// no interpolation.
///
/// `None` if no row is positive, the lengths differ or a score is NaN.
pub fn pr_auc(y: &[bool], score: &[f64]) -> Option<f64> {
    usable(y, score).then(|| Ranking::new(score).pr_auc(|i| y[i], |_| 1))?
}

fn usable(y: &[bool], score: &[f64]) -> bool {
    y.len() == score.len() && !score.iter().any(|s| s.is_nan())
}

fn weigh(group: &[u32], positive: impl Fn(usize) -> bool, weight: impl Fn(usize) -> u32) -> (u64, u64) {
    group.iter().map(|&row| row as usize).fold((0, 0), |(pos, neg), row| {
        let weight = u64::from(weight(row));
        if positive(row) { (pos + weight, neg) } else { (pos, neg + weight) }
    })
}
