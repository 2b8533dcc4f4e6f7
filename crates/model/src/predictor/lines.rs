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
use super::sight::Sight;
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
    /// `[n_columns, n_outputs]`: what each column adds on average over the rows learned from, which stands for it where
    /// it is hidden. None in a file that does not say.
    centres: Option<Vec<f32>>,
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
    learn_rows: Vec<usize>,
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
        let mut line = Lines { plan: plan.clone(), coefficients, centres: None, n_outputs };
        line.centres = Some(line.means(table, &path.learn_rows, &data.weights));
        lines.push(line);
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
    Path { stop_rows, learn_rows, found }
}

fn predictions(loss: Loss, margins: &[f32]) -> Vec<f64> {
    let mut values = Vec::new();
    margins.chunks_exact(loss.n_outputs()).for_each(|row| loss.predict(row, &mut values));
    values
}

/// What the mean of some models predicts: probabilities, or the standardised number. Cells may be hidden where every
/// model [remembers its rows](Lines::has_centres).
///
/// # Shapes
/// - returns: `[rows.len(), n_outputs]`
pub(super) fn predict(lines: &[Lines], loss: Loss, sight: Sight<'_>) -> Vec<f64> {
    let Some((first, mean)) = mean_of(lines) else { return Vec::new() };
    let centres = match sight.hidden {
        Some(_) => mean_over(lines.iter().filter_map(|line| line.centres.as_deref())),
        None => Vec::new(),
    };
    let of_block = |block: Sight<'_>| predictions(loss, &first.margins(&mean, &centres, block));
    sight.blocks(BLOCK_ROWS).map(of_block).collect::<Vec<_>>().concat()
}

/// What the tensors of the model of a part are named below.
fn prefix(part: usize) -> String {
    format!("linear.{part}")
}

/// The models of all parts as tensors.
pub(super) fn to_blobs(lines: &[Lines], blobs: &mut BTreeMap<String, Blob>) {
    lines.iter().enumerate().for_each(|(i, line)| line.to_blobs(&prefix(i), blobs));
}

/// Whether there are tensors of linear models.
pub(super) fn has_blobs(blobs: &BTreeMap<String, Blob>) -> bool {
    blobs.contains_key(&Lines::tensor(&prefix(0)))
}

/// Reads the models of all parts from their tensors, which are taken out.
///
/// # Errors
/// As [`Lines::from_blobs`].
pub(super) fn from_blobs(
    codecs: &[Codec],
    n_outputs: usize,
    blobs: &mut BTreeMap<String, Blob>,
) -> Result<Vec<Lines>> {
    let plan = CellPlan::new(codecs);
    let mut lines = Vec::new();
    while blobs.contains_key(&Lines::tensor(&prefix(lines.len()))) {
        lines.push(Lines::from_blobs(plan.clone(), n_outputs, &prefix(lines.len()), blobs)?);
    }
    Ok(lines)
}

/// The mean of some models' numbers, one for each place.
fn mean_over<'a>(all: impl Iterator<Item = &'a [f32]>) -> Vec<f64> {
    let (mut mean, mut n) = (Vec::new(), 0.0);
    for one in all {
        mean.resize(one.len(), 0.0);
        mean.iter_mut().zip(one).for_each(|(m, c)| *m += f64::from(*c));
        n += 1.0;
    }
    mean.iter_mut().for_each(|m| *m /= n);
    mean
}

/// The first of some models, and the mean of the coefficients of all.
fn mean_of(lines: &[Lines]) -> Option<(&Lines, Vec<f64>)> {
    lines.first().map(|first| (first, mean_over(lines.iter().map(|one| &one.coefficients[..]))))
}

/// The model that the mean of some models is: which features it has, and `[n_features + 1, n_outputs]` coefficients,
/// the constant last.
pub(crate) fn mean_line(lines: &[Lines]) -> Option<(&CellPlan, Vec<f64>)> {
    mean_of(lines).map(|(first, mean)| (&first.plan, mean))
}

impl Lines {
    /// Log-odds, logits, or numbers by such coefficients, and by what stands for hidden columns.
    ///
    /// # Shapes
    /// - `coefficients`: as the model's; `centres`: `[n_columns, n_outputs]`, read where cells are hidden
    fn margins(&self, coefficients: &[f64], centres: &[f64], sight: Sight<'_>) -> Vec<f32> {
        let k = self.n_outputs;
        let constant = &coefficients[self.plan.n_features() * k..];
        let mut all = Vec::with_capacity(sight.rows.len() * k);
        let mut margins = vec![0.0; k];
        for (i, r) in sight.rows.iter().enumerate() {
            margins.copy_from_slice(constant);
            let hidden = sight.hidden_of(i);
            for column in 0..self.plan.columns().len() {
                if hidden.is_some_and(|hidden| hidden[column]) {
                    let own = &centres[column * k..][..k];
                    margins.iter_mut().zip(own).for_each(|(m, c)| *m += c);
                    continue;
                }
                self.plan.cell(sight.cells, column, *r, |feature, value| {
                    let own = &coefficients[feature * k..][..k];
                    margins.iter_mut().zip(own).for_each(|(m, c)| *m += value * c);
                });
            }
            all.extend(margins.iter().map(|m| *m as f32));
        }
        all
    }

    /// What each column adds on average over some rows.
    ///
    /// # Shapes
    /// - returns: `[n_columns, n_outputs]`
    fn means(&self, table: &EncodedTable, rows: &[usize], weights: &[f32]) -> Vec<f32> {
        let k = self.n_outputs;
        let total: f64 = rows.iter().map(|r| f64::from(weights[*r])).sum();
        let mut means = vec![0.0; self.plan.columns().len() * k];
        for r in rows {
            let share = f64::from(weights[*r]) / total.max(f64::MIN_POSITIVE);
            for (column, mean) in means.chunks_exact_mut(k).enumerate() {
                self.plan.cell(table, column, *r, |feature, value| {
                    let own = &self.coefficients[feature * k..][..k];
                    mean.iter_mut().zip(own).for_each(|(m, c)| *m += share * value * f64::from(*c));
                });
            }
        }
        means.into_iter().map(|mean| mean as f32).collect()
    }

    /// Whether it remembers what its columns add on average.
    pub fn has_centres(&self) -> bool {
        self.centres.is_some()
    }

    /// The name of the tensor that every model has.
    fn tensor(prefix: &str) -> String {
        format!("{prefix}.coefficients")
    }

    /// The model as tensors, named below `prefix`.
    fn to_blobs(&self, prefix: &str, blobs: &mut BTreeMap<String, Blob>) {
        let shape = vec![self.plan.n_features() + 1, self.n_outputs];
        blobs.insert(Self::tensor(prefix), Blob { shape, data: self.coefficients.clone() });
        if let Some(centres) = &self.centres {
            let shape = vec![self.plan.columns().len(), self.n_outputs];
            blobs.insert(format!("{prefix}.centres"), Blob { shape, data: centres.clone() });
        }
    }

    /// Reads a model from its tensors, which are taken out.
    ///
    /// # Errors
    /// Malformed content that names the tensor and what is wrong with it.
    fn from_blobs(
        plan: CellPlan,
        n_outputs: usize,
        prefix: &str,
        blobs: &mut BTreeMap<String, Blob>,
    ) -> Result<Self> {
        let mut take = |name: &str, wanted: [usize; 2]| match blobs.remove(name) {
            Some(blob) if blob.shape == wanted => Ok(Some(blob.data)),
            Some(blob) => Err(Error::malformed(format!(
                "tensor `{name}` has the shape {:?}, not {wanted:?}",
                blob.shape
            ))),
            None => Ok(None),
        };
        let name = Self::tensor(prefix);
        let coefficients = take(&name, [plan.n_features() + 1, n_outputs])?
            .ok_or_else(|| Error::malformed(format!("there is no tensor `{name}`")))?;
        let centres = take(&format!("{prefix}.centres"), [plan.columns().len(), n_outputs])?;
        Ok(Lines { plan, coefficients, centres, n_outputs })
    }
}
