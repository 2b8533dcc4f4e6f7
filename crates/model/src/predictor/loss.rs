//! What a network of a predictor learns, and how far it is from it.

use std::sync::Arc;

use crate::kernel::{ColumnTargets, Tensor, column_loss, squared_error, total};

/// What a head learns: class indices or standardised numbers, one per row of the cell tables.
#[derive(Debug, Clone)]
pub(crate) enum Labels {
    Classes { class: Vec<u16>, n_classes: usize },
    Numbers(Vec<f32>),
}

impl Labels {
    pub fn n_outputs(&self) -> usize {
        match self {
            Labels::Classes { n_classes, .. } => *n_classes,
            Labels::Numbers(_) => 1,
        }
    }

    /// Class indices or numbers, as learners other than networks take them.
    pub fn as_numbers(&self) -> Vec<f32> {
        match self {
            Labels::Classes { class, .. } => class.iter().map(|class| f32::from(*class)).collect(),
            Labels::Numbers(numbers) => numbers.clone(),
        }
    }

    /// Loss of the heads' raw outputs `[n_members * n_rows, n_outputs]`, each row with its weight.
    pub fn loss(&self, outputs: Tensor, rows: &[usize], row_weights: &[f32]) -> Tensor {
        let n_members = outputs.shape()[0] / rows.len();
        let weights: Vec<f32> = (0..n_members).flat_map(|_| rows.iter().map(|r| row_weights[*r])).collect();
        let share = 1.0 / (n_members * rows.len()) as f64;
        match self {
            Labels::Classes { class, n_classes } => {
                let classes: Vec<u16> = (0..n_members).flat_map(|_| rows.iter().map(|r| class[*r])).collect();
                let targets = ColumnTargets {
                    first: vec![0, *n_classes],
                    weight: weights,
                    class: classes,
                    scale: vec![1.0],
                };
                total([(column_loss(outputs, Arc::new(targets)), share)])
            }
            Labels::Numbers(numbers) => {
                let wanted: Vec<f32> =
                    (0..n_members).flat_map(|_| rows.iter().map(|r| numbers[*r])).collect();
                total([(squared_error(outputs, wanted, weights), share)])
            }
        }
    }

    /// Loss of the prediction `[n_outputs]` of row `r`: negative log-likelihood or squared error.
    pub fn row_loss(&self, prediction: &[f64], r: usize) -> f64 {
        match self {
            Labels::Classes { class, .. } => -prediction[usize::from(class[r])].max(1e-7).ln(),
            Labels::Numbers(numbers) => (prediction[0] - f64::from(numbers[r])).powi(2),
        }
    }

    /// Weighted mean loss of predictions `[n_rows, n_outputs]`. `None` if no row has a weight.
    pub fn held_out_loss(&self, predictions: &[f64], rows: &[usize], row_weights: &[f32]) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for (prediction, r) in predictions.chunks_exact(self.n_outputs()).zip(rows) {
            if row_weights[*r] > 0.0 {
                sum += f64::from(row_weights[*r]) * self.row_loss(prediction, *r);
                total += f64::from(row_weights[*r]);
            }
        }
        (total > 0.0).then(|| sum / total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_weight_have_no_loss() {
        let labels = Labels::Numbers(vec![1.0, 2.0, 3.0]);
        assert_eq!(
            labels.held_out_loss(&[0.0, 0.0], &[1, 2], &[1.0, 3.0, 1.0]),
            Some((3.0 * 4.0 + 9.0) / 4.0)
        );
        assert_eq!(labels.held_out_loss(&[0.0, 0.0], &[1, 2], &[1.0, 0.0, 0.0]), None);
        assert_eq!(labels.held_out_loss(&[], &[], &[1.0; 3]), None);
        let labels = Labels::Classes { class: vec![0, 1], n_classes: 2 };
        let loss = labels.held_out_loss(&[0.25, 0.75, 0.5, 0.5], &[0, 1], &[0.0, 1.0]);
        assert_eq!(loss, Some(-(0.5f64.ln())));
    }
}
