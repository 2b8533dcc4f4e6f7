//! Rows that trees learn from, as bins: made once for all trees of an inner part.

use tabgraft_table::encoded::EncodedTable;

use super::Loss;
use super::asking::Asking;
use super::borders::Borders;
use super::columns::{Columns, Plan, Targets};
use crate::objective::splitmix;

/// Rows of a table and their targets.
pub(crate) struct TreeRows<'a> {
    pub table: &'a EncodedTable,
    pub plan: &'a Plan,
    pub loss: Loss,
    /// `[n_rows]` of the table: class indices, or standardised numbers.
    pub targets: &'a [f32],
    /// `[n_rows]` of the table: 1 on average over the rows learned from.
    pub weights: &'a [f32],
    /// `[n_rows]` of the table: rows of one unit do not see each other's target.
    pub units: &'a [u64],
    pub learn_rows: &'a [usize],
    pub stop_rows: &'a [usize],
    pub seed: u64,
}

/// The rows in bins, and what can be asked of them.
pub(crate) struct Learned {
    pub(super) asking: Asking,
    /// `[n_columns][learn_rows.len()]`.
    pub(super) bins: Vec<Vec<u8>>,
    /// `[n_columns][stop_rows.len()]`.
    pub(super) stop_bins: Vec<Vec<u8>>,
    /// Columns that rows differ in.
    pub(super) asked: Vec<usize>,
    /// Shares of classes, or the mean.
    pub(super) prior: Vec<f32>,
    /// `[n_rows, n_outputs]` of the table: what statistics are of.
    indicators: Vec<f32>,
}

/// Parts of the rows learned from, each of which has the statistics of the others.
const N_PARTS: u64 = 5;

impl Learned {
    /// Statistics, borders and bins of the rows.
    pub fn new(rows: &TreeRows<'_>) -> Self {
        let (loss, plan, learn_rows) = (rows.loss, rows.plan, rows.learn_rows);
        // Shares of classes, or the mean; and the same per category.
        let indicators: Vec<f32> = match loss {
            Loss::Logistic | Loss::Squared => rows.targets.to_vec(),
            Loss::Softmax { n_classes } => {
                let of_row = |t: &f32| {
                    let class = *t as usize;
                    (0..n_classes).map(move |c| f32::from(u8::from(c == class)))
                };
                rows.targets.iter().flat_map(of_row).collect()
            }
        };
        let targets = Targets { values: &indicators, n: loss.n_outputs(), weights: rows.weights };
        let statistics = plan.statistics(rows.table, learn_rows, &targets);
        let learn = Columns::to_learn_from(plan, rows.table, learn_rows, rows.units, &targets, rows.seed);
        let borders = Borders::fit(&learn);
        let bins = borders.bins(&learn);
        drop(learn);
        let stop_bins = borders.bins(&Columns::of_rows(plan, rows.table, rows.stop_rows, &statistics));
        let differs = |c: &usize| borders.n_bins(*c) > 2 || has_missing(&bins[*c]);
        Learned {
            asked: (0..plan.n_columns()).filter(differs).collect(),
            prior: targets.prior(learn_rows),
            asking: Asking { plan: plan.clone(), statistics, borders },
            bins,
            stop_bins,
            indicators,
        }
    }

    /// The bins of the rows learned from, with statistics of the target per category that are made of four fifths of the
    /// rows, without those of a row's own unit. What boosted trees have, of rows that stand before a row, says more of
    /// late rows than of early ones: trees that go on to the last rows would learn that.
    ///
    /// # Shapes
    /// - returns: `[n_columns][learn_rows.len()]`
    pub(super) fn cross_fitted(&self, rows: &TreeRows<'_>) -> Vec<Vec<u8>> {
        let Asking { plan, borders, .. } = &self.asking;
        let statistics: Vec<usize> =
            self.asked.iter().copied().filter(|column| plan.is_statistic(*column)).collect();
        let mut bins = self.bins.clone();
        if statistics.is_empty() {
            return bins;
        }
        let targets = Targets { values: &self.indicators, n: rows.loss.n_outputs(), weights: rows.weights };
        let part = |r: usize| splitmix(rows.seed ^ splitmix(rows.units[r])) % N_PARTS;
        for own in 0..N_PARTS {
            let others: Vec<usize> = rows.learn_rows.iter().copied().filter(|r| part(*r) != own).collect();
            let places: Vec<usize> =
                (0..rows.learn_rows.len()).filter(|i| part(rows.learn_rows[*i]) == own).collect();
            let of_part: Vec<usize> = places.iter().map(|i| rows.learn_rows[*i]).collect();
            let of_others = plan.statistics(rows.table, &others, &targets);
            for column in &statistics {
                let values = Columns::one(plan, *column, rows.table, &of_part, &of_others);
                for (i, bin) in places.iter().zip(borders.bins_of(*column, &values)) {
                    bins[*column][*i] = bin;
                }
            }
        }
        bins
    }
}

fn has_missing(bins: &[u8]) -> bool {
    bins.contains(&0) && bins.iter().any(|bin| *bin > 0)
}
