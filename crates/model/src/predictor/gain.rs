//! What a network adds to the other learners of a predictor, and how surely.

use super::bag::BagData;

/// Smallest part of the other learners' loss that the first network has to take off in a mixture with them, more surely than
/// by one standard error, for others to be fitted beside it.
const LEAST_GAIN: f64 = 0.01;

/// What the best mixture of a network with the other learners takes off their loss of the rows that it stops on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gain {
    /// As a part of that loss.
    part: f64,
    /// Its standard error over the rows.
    error: f64,
}

impl Gain {
    /// From the predictions `[rows.len(), n_outputs]` of the mixture, and of the other learners.
    pub fn of(data: &BagData, rows: &[usize], with: &[f64], without: &[f64]) -> Option<Self> {
        let BagData { labels, weights, .. } = data;
        let total: f64 = rows.iter().map(|r| f64::from(weights[*r])).sum();
        let loss = labels.held_out_loss(without, rows, weights)?;
        let mean = loss - labels.held_out_loss(with, rows, weights)?;
        let n_outputs = labels.n_outputs();
        let both = with.chunks_exact(n_outputs).zip(without.chunks_exact(n_outputs));
        let off = |((with, without), r): ((&[f64], &[f64]), &usize)| {
            let gain = labels.row_loss(without, *r) - labels.row_loss(with, *r);
            (f64::from(weights[*r]) * (gain - mean)).powi(2)
        };
        let error = both.zip(rows).map(off).sum::<f64>().sqrt() / total;
        Some(Gain { part: mean / loss.abs(), error: error / loss.abs() })
    }

    /// Whether others are to be fitted beside the network.
    pub fn is_worth_it(&self) -> bool {
        self.part - self.error >= LEAST_GAIN
    }
}

#[cfg(test)]
mod tests {
    use super::super::loss::Labels;
    use super::*;

    #[test]
    fn a_gain_that_chance_may_give_has_an_error_as_large() {
        let data = |weights: Vec<f32>| BagData {
            groups: Vec::new(),
            labels: Labels::Numbers(vec![0.0; 4]),
            weights,
            rows: Vec::new(),
            fold: Vec::new(),
        };
        let rows = [0, 1, 2, 3];
        let without = [2.0f64.sqrt(); 4];
        // Losses fall from 2 by 1 on every row: that is half, and sure.
        let sure = Gain::of(&data(vec![1.0; 4]), &rows, &[1.0; 4], &without).expect("rows count");
        assert!((sure.part - 0.5).abs() < 1e-12 && sure.error < 1e-12, "{sure:?}");
        // By 2 on every second row: the same mean, of four numbers with a deviation of 1.
        let chance = Gain::of(&data(vec![1.0; 4]), &rows, &[0.0, without[0], 0.0, without[0]], &without);
        let chance = chance.expect("rows count");
        assert!((chance.part - 0.5).abs() < 1e-12 && (chance.error - 0.25).abs() < 1e-12, "{chance:?}");
        assert!(sure.is_worth_it() && chance.is_worth_it());
        assert!(!Gain { part: 0.02, error: 0.015 }.is_worth_it(), "chance may give it");
        // A row that counts for nothing has no say.
        let counted = Gain::of(&data(vec![1.0, 0.0, 1.0, 0.0]), &rows, &[1.0, 9.0, 1.0, 9.0], &without);
        assert!(counted.is_some_and(|gain| (gain.part - 0.5).abs() < 1e-12 && gain.error < 1e-12));
        assert_eq!(Gain::of(&data(vec![0.0; 4]), &rows, &[1.0; 4], &without), None);
    }
}
