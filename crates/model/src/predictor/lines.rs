//! The linear learner of a predictor: a penalised regression on the cells that the codecs make.
//!
//! Fitted on the same inner parts as the other learners, with the penalty that gives the rows of all parts the least
//! loss by a model that did not learn from them. What predicts is the mean of these models, which is a linear model,
//! too, and costs no more than one.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tabgraft_table::codec::Codec;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::threads::in_pool;

use super::bag::{BagData, in_order_of};
use super::told::Told;
use crate::error::{Error, Result};
use crate::linear::{CellPlan, Regression};
use crate::store::Blob;
use crate::tree::Loss;

/// Penalties that are tried, in rows, from the strongest: each starts where the one before stands.
const PENALTIES: [f64; 7] = [3000.0, 600.0, 120.0, 30.0, 8.0, 2.0, 0.5];
/// Penalties in a row without a better held-out loss of one part that end its path.
const PATIENCE: usize = 2;
/// Steps of the descent for each penalty.
const N_STEPS: usize = 15;
/// Most coefficients of a model.
const MOST_COEFFICIENTS: usize = 1 << 21;
/// Rows that are predicted at a time.
const BLOCK_ROWS: usize = 4096;

/// A linear model of encoded cells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lines {
    plan: CellPlan,
    /// `[n_features + 1, n_outputs]`, the constant last.
    coefficients: Vec<f32>,
    n_outputs: usize,
}

/// A fitted linear learner.
pub(super) struct Ruled {
    /// One for each part that it did not learn from.
    pub lines: Vec<Lines>,
    /// As [`super::bag::Bag::held_out`].
    pub held_out: Vec<f64>,
}

/// What one part found for each penalty: the loss of its stop rows, their predictions, and the coefficients.
struct Path {
    stop_rows: Vec<usize>,
    found: Vec<(f64, Vec<f64>, Vec<f64>)>,
}

/// Fits the linear learner; none where it would have too many coefficients, or the user stops.
pub(super) fn fit_lines(
    loss: Loss,
    codecs: &[Codec],
    table: &EncodedTable,
    data: &BagData,
    held_out_rows: &[usize],
    n_parts: usize,
    told: &Told<'_, '_>,
) -> Result<Option<Ruled>> {
    let plan = CellPlan::new(codecs);
    let n_outputs = loss.n_outputs();
    if plan.n_features().saturating_mul(n_outputs) > MOST_COEFFICIENTS {
        return Ok(None);
    }
    let targets = data.labels.as_numbers();
    let paths: Vec<Path> = in_pool(|| {
        (0..n_parts).into_par_iter().map(|i| path(loss, &plan, table, data, &targets, i, told)).collect()
    })?;
    if told.is_stopped() {
        return Ok(None);
    }
    let n_tried = paths.iter().map(|path| path.found.len()).min().unwrap_or(0);
    let total =
        |at: usize| -> f64 { paths.iter().map(|path| path.found[at].0 * path.stop_rows.len() as f64).sum() };
    let Some(best) = (0..n_tried).min_by(|a, b| total(*a).total_cmp(&total(*b))) else { return Ok(None) };
    let (mut lines, mut predicted) = (Vec::with_capacity(n_parts), Vec::with_capacity(n_parts));
    for mut path in paths {
        let (_, values, coefficients) = path.found.swap_remove(best);
        let coefficients = coefficients.into_iter().map(|c| c as f32).collect();
        lines.push(Lines { plan: plan.clone(), coefficients, n_outputs });
        predicted.push((path.stop_rows, values));
    }
    let held_out = in_order_of(held_out_rows, &predicted, data.labels.n_outputs());
    Ok(Some(Ruled { lines, held_out }))
}

fn path(
    loss: Loss,
    plan: &CellPlan,
    table: &EncodedTable,
    data: &BagData,
    targets: &[f32],
    part: usize,
    told: &Told<'_, '_>,
) -> Path {
    let (stop_rows, learn_rows) = data.stop_and_learn(part);
    let (rows, scales) = plan.standardised(table, &learn_rows, &data.weights);
    let stop = plan.scaled(table, &stop_rows, &scales);
    let own = |values: &[f32]| -> Vec<f32> { learn_rows.iter().map(|r| values[*r]).collect() };
    let (targets, weights) = (own(targets), own(&data.weights));
    let regression = Regression { rows: &rows, targets: &targets, weights: &weights, loss };
    let mut coefficients = regression.start();
    let mut found: Vec<(f64, Vec<f64>, Vec<f64>)> = Vec::new();
    let (mut least, mut worse) = (f64::INFINITY, 0);
    for penalty in PENALTIES {
        if told.is_stopped() {
            break;
        }
        regression.descend(&mut coefficients, penalty, N_STEPS);
        let margins = Regression::margins(&stop, &coefficients, loss.n_outputs());
        let values = predictions(loss, &margins);
        let now = data.labels.held_out_loss(&values, &stop_rows, &data.weights).unwrap_or(0.0);
        found.push((now, values, plan.of_plain(&coefficients, &scales, loss.n_outputs())));
        if now < least {
            (least, worse) = (now, 0);
        } else {
            worse += 1;
        }
        if worse >= PATIENCE {
            break;
        }
    }
    told.goes_on_after(1);
    Path { stop_rows, found }
}

fn predictions(loss: Loss, margins: &[f32]) -> Vec<f64> {
    let mut values = Vec::new();
    margins.chunks_exact(loss.n_outputs()).for_each(|row| loss.predict(row, &mut values));
    values
}

/// What the mean of some models predicts: probabilities, or the standardised number.
///
/// # Shapes
/// - returns: `[n_rows, n_outputs]`
pub(super) fn predict(lines: &[Lines], loss: Loss, table: &EncodedTable) -> Vec<f64> {
    let Some((first, mean)) = mean_of(lines) else { return Vec::new() };
    let rows: Vec<usize> = (0..table.n_rows).collect();
    let of_block = |rows: &[usize]| predictions(loss, &first.margins(&mean, table, rows));
    rows.par_chunks(BLOCK_ROWS).map(of_block).collect::<Vec<_>>().concat()
}

/// The first of some models, and the mean of the coefficients of all.
fn mean_of(lines: &[Lines]) -> Option<(&Lines, Vec<f64>)> {
    let first = lines.first()?;
    let mut mean = vec![0.0f64; first.coefficients.len()];
    for one in lines {
        mean.iter_mut().zip(&one.coefficients).for_each(|(m, c)| *m += f64::from(*c));
    }
    mean.iter_mut().for_each(|m| *m /= lines.len() as f64);
    Some((first, mean))
}

/// The model that the mean of some models is: which features it has, and `[n_features + 1, n_outputs]` coefficients,
/// the constant last.
pub(crate) fn mean_line(lines: &[Lines]) -> Option<(&CellPlan, Vec<f64>)> {
    mean_of(lines).map(|(first, mean)| (&first.plan, mean))
}

impl Lines {
    /// Log-odds, logits, or numbers by such coefficients.
    fn margins(&self, coefficients: &[f64], table: &EncodedTable, rows: &[usize]) -> Vec<f32> {
        let k = self.n_outputs;
        let constant = &coefficients[self.plan.n_features() * k..];
        let mut all = Vec::with_capacity(rows.len() * k);
        let mut margins = vec![0.0; k];
        for r in rows {
            margins.copy_from_slice(constant);
            self.plan.row(table, *r, |feature, value| {
                let own = &coefficients[feature * k..][..k];
                margins.iter_mut().zip(own).for_each(|(m, c)| *m += value * c);
            });
            all.extend(margins.iter().map(|m| *m as f32));
        }
        all
    }

    /// The name of the only tensor.
    pub fn tensor(prefix: &str) -> String {
        format!("{prefix}.coefficients")
    }

    /// The model as a tensor, named below `prefix`.
    pub fn to_blobs(&self, prefix: &str, blobs: &mut BTreeMap<String, Blob>) {
        let shape = vec![self.plan.n_features() + 1, self.n_outputs];
        blobs.insert(Self::tensor(prefix), Blob { shape, data: self.coefficients.clone() });
    }

    /// Reads a model from its tensor, which is taken out.
    ///
    /// # Errors
    /// Malformed content that names the tensor and what is wrong with it.
    pub fn from_blobs(
        plan: CellPlan,
        n_outputs: usize,
        prefix: &str,
        blobs: &mut BTreeMap<String, Blob>,
    ) -> Result<Self> {
        let name = Self::tensor(prefix);
        let blob =
            blobs.remove(&name).ok_or_else(|| Error::malformed(format!("there is no tensor `{name}`")))?;
        let wanted = [plan.n_features() + 1, n_outputs];
        if blob.shape != wanted {
            return Err(Error::malformed(format!(
                "tensor `{name}` has the shape {:?}, not {wanted:?}",
                blob.shape
            )));
        }
        Ok(Lines { plan, coefficients: blob.data, n_outputs })
    }
}
