//! What the validation rows say of a network.

use std::collections::BTreeMap;
use std::ops::Range;

use super::TrainingData;
use crate::objective::Role;

/// Losses on the validation rows.
pub(super) struct Validation {
    pub per_column: Vec<f64>,
}

impl Validation {
    /// Mean over the columns of a range that have a loss.
    pub fn mean(&self, columns: Range<usize>) -> Option<f64> {
        let losses: Vec<f64> = self.per_column[columns].iter().copied().filter(|l| l.is_finite()).collect();
        (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
    }

    /// Mean over all columns that have a loss, weighted as they are trained: in a graft a new
    /// column counts more, or the old columns' noise would choose the epoch.
    pub fn weighted(&self, roles: &[Role]) -> Option<f64> {
        let pairs = self.per_column.iter().zip(roles).filter(|(l, _)| l.is_finite());
        let (sum, total) = pairs.fold((0.0, 0.0), |(sum, total), (loss, role)| {
            let weight = f64::from(role.weight);
            (sum + loss * weight, total + weight)
        });
        (total > 0.0).then(|| sum / total)
    }
}

/// The loss of each column that has one, by name.
pub(super) fn column_losses(data: &TrainingData, validation: Option<&Validation>) -> BTreeMap<String, f64> {
    let Some(validation) = validation else { return BTreeMap::new() };
    data.column_names
        .iter()
        .cloned()
        .zip(validation.per_column.iter().copied())
        .filter(|(_, loss)| loss.is_finite())
        .collect()
}
