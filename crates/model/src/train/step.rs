//! One step of training, and one pass over the validation rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::anchor::Anchor;
use super::crew::{Crew, Sums};
use super::prefix::Prefix;
use super::{Ending, Phase, TrainingData, Watch};
use crate::embed::Masks;
use crate::encoder::Network;
use crate::error::Result;
use crate::kernel::{AdamStep, Cells, Dropout, Gradients, Tensor, column_loss, square_sum, total};
use crate::objective::{splitmix, unit};
use crate::param::{Param, Params};

/// Global norm that a step's gradient is clipped to.
const CLIP_NORM: f64 = 1.0;
/// Share of present category cells that a training batch shows as unseen, so that the slot of
/// unseen values learns something.
const UNSEEN_RATE: f32 = 0.01;
/// Rows of one validation batch, where no limit of memory asks for fewer.
pub(super) const VALIDATION_ROWS: usize = 1024;
/// Seed of the validation masks: one for every training, so that parent and child compare.
pub(super) const VALIDATION_SEED: u64 = 0x5eed;

/// What one step did.
pub(super) struct StepOutcome {
    /// Weighted loss, summed over cells.
    pub loss: f64,
    /// Sum of the weights.
    pub weight: f64,
    /// For each column the cells whose loss was not finite.
    pub contained: Vec<usize>,
    /// Whether the gradient was finite and the weights moved.
    pub stepped: bool,
    /// Whether another worker wants to stop after this step, or this one did before it.
    pub is_last: bool,
}

/// Where a step stands, and what is known beforehand.
pub(super) struct StepPlan<'a> {
    /// Seed of the training.
    pub seed: u64,
    pub phase: &'a Phase<'a>,
    pub epoch: usize,
    pub rate: f32,
    pub dropout: Dropout,
    pub prefix: Option<&'a Prefix>,
    pub crew: &'a Crew<'a>,
    /// Whether this worker wants to stop.
    pub wants_stop: bool,
}

/// One step on a batch of rows, and on those of the other workers.
///
/// # Errors
/// As [`Tensor::read`] and [`Crew::sum`].
pub(super) fn run_step(
    network: &mut Network,
    data: &TrainingData,
    rows: &[usize],
    plan: &StepPlan<'_>,
    anchor: Option<&mut Anchor<'_>>,
) -> Result<StepOutcome> {
    let StepPlan { phase, epoch, prefix, crew, .. } = *plan;
    let mut masks = data.objective.training_masks(rows, plan.seed, epoch);
    let known = prefix.map(|p| (p, p.variant(epoch)));
    if let Some((_, variant)) = known {
        let shown = data.objective.training_masks(rows, plan.seed, variant);
        masks.take_columns(&shown, first_new_column(network));
    }
    let (targets, weight) = data.objective.training_targets(rows, &masks);
    let weight = crew.sum_of(weight)?;
    let mut cells = batch_cells(network, data, rows, &masks, known.is_some());
    let seed = splitmix(plan.seed ^ ((epoch as u64) << 20) ^ rows[0] as u64 ^ crew.salt());
    for (g, group) in cells.iter_mut().enumerate() {
        hide_levels(Arc::make_mut(group), splitmix(seed ^ g as u64));
    }
    let pieces = match known {
        Some((prefix, variant)) => {
            let known = prefix.pieces(rows, variant);
            network.continue_pieces(known, &cells, 1 + network.sides.len(), plan.dropout)
        }
        None => network.pieces(&cells, plan.dropout),
    };
    let losses = column_loss(network.logits(&pieces), Arc::new(targets));
    let n_columns = data.objective.n_columns();
    let values = losses.clone().read()?;
    let contained: Vec<usize> = values[n_columns..].iter().map(|v| *v as usize).collect();
    let share = 1.0 / f64::from(weight.max(1e-6));
    let sum: f64 = values[..n_columns].iter().map(|v| f64::from(*v)).sum();
    let (loss, distance) = match &anchor {
        None => (total([(losses, share)]), 0.0),
        Some(anchor) => {
            let distance = anchor.distance(network, data, rows);
            let value = distance.clone().read()?.iter().copied().map(f64::from).sum();
            (total([(losses, share), (distance, anchor.weight / crew.n_workers() as f64)]), value)
        }
    };
    let mut found = gradients_of(network, loss.backward());
    let mut sums = Sums { loss: sum, distance, n_stops: u8::from(plan.wants_stop).into(), contained };
    crew.sum_step(&mut found, &mut sums)?;
    if let Some(anchor) = anchor {
        anchor.adapt(sums.distance / crew.n_workers() as f64);
    }
    let stepped = step_by(network, found, |_| (plan.rate, phase.weight_decay))?;
    Ok(StepOutcome {
        loss: sums.loss,
        weight: f64::from(weight),
        contained: sums.contained,
        stepped,
        is_last: sums.n_stops > 0,
    })
}

/// The `nth` step of a training that nothing else is known of, for what times steps: the loss of its rows.
///
/// # Errors
/// As [`Tensor::read`].
pub(crate) fn lone_step(
    network: &mut Network,
    data: &TrainingData,
    rows: &[usize],
    nth: u32,
    p_drop: f32,
) -> Result<f64> {
    let phase = Phase {
        name: "alone",
        n_epochs: 1,
        rows: None,
        learning_rate: 1e-4,
        weight_decay: 1e-4,
        p_drop,
        watch: Watch::AllColumns,
        ending: Ending::AllEpochs,
        thaw: &|network| network.set_thawed(true),
    };
    let dropout = Dropout { p_drop, seed: nth };
    let rate = phase.learning_rate;
    let (crew, epoch) = (Crew::of(data)?, nth as usize);
    let plan = StepPlan {
        seed: 0,
        phase: &phase,
        epoch,
        rate,
        dropout,
        prefix: None,
        crew: &crew,
        wants_stop: false,
    };
    run_step(network, data, rows, &plan, None).map(|outcome| outcome.loss)
}

/// Mean loss of each column on its hidden cells of these validation rows that have a finite one, NaN where none has;
/// `None` without rows.
///
/// # Errors
/// As [`Tensor::read`].
pub(super) fn validate(
    network: &Network,
    data: &TrainingData,
    rows: &[usize],
    prefix: Option<&Prefix>,
    crew: &Crew<'_>,
) -> Result<Option<Vec<f64>>> {
    if !crew.any(!rows.is_empty())? {
        return Ok(None);
    }
    let mut frozen = network.clone();
    frozen.set_thawed(false);
    let n_columns = data.objective.n_columns();
    let (mut sums, mut counts) = (vec![0.0; n_columns], vec![0usize; n_columns]);
    for rows in rows.chunks(data.allowance.pass_rows) {
        let masks = data.objective.validation_masks(rows, VALIDATION_SEED);
        let (targets, cells_per_column) = data.objective.validation_targets(rows, &masks);
        let cells = batch_cells(&frozen, data, rows, &masks, prefix.is_some());
        let pieces = match prefix {
            Some(prefix) => {
                frozen.continue_pieces(prefix.pieces(rows, 0), &cells, 1 + frozen.sides.len(), Dropout::OFF)
            }
            None => frozen.pieces(&cells, Dropout::OFF),
        };
        let losses = column_loss(frozen.logits(&pieces), Arc::new(targets));
        let losses = losses.read()?;
        for c in 0..n_columns {
            sums[c] += f64::from(losses[c]);
            // A cell that was contained has no loss: it is none of those that the mean is of.
            counts[c] += cells_per_column[c] - losses[n_columns + c] as usize;
        }
    }
    crew.sum_losses(&mut sums, &mut counts)?;
    Ok(Some(sums.iter().zip(&counts).map(|(s, n)| if *n == 0 { f64::NAN } else { s / *n as f64 }).collect()))
}

/// The first column of the last side.
fn first_new_column(network: &Network) -> usize {
    network.sides.last().map_or(0, |side| side.tokens.columns.start)
}

/// The batch of each token group; groups before the last side stay empty if they are known.
fn batch_cells(
    network: &Network,
    data: &TrainingData,
    rows: &[usize],
    masks: &Masks,
    old_are_known: bool,
) -> Vec<Arc<Cells>> {
    let first_column = if old_are_known { first_new_column(network) } else { 0 };
    data.cells(network, rows, Some(masks), first_column)
}

/// Updates every thawed weight by its gradient, clipped to [`CLIP_NORM`] over all of them.
///
/// `plan` gives a matrix's learning rate and weight decay by its name. Returns false, and changes
/// nothing, if a gradient is not finite.
///
/// # Errors
/// As [`Tensor::read`].
pub(crate) fn step_params(
    params: &mut dyn ParamsObject,
    gradients: Gradients,
    plan: impl Fn(&str) -> (f32, f32),
) -> Result<bool> {
    let found = gradients_of(params, gradients);
    step_by(params, found, plan)
}

/// The gradients of the thawed weights that were reached, by name.
fn gradients_of(params: &dyn ParamsObject, mut gradients: Gradients) -> BTreeMap<String, Tensor> {
    let mut found = BTreeMap::new();
    params.each_object(&mut |name, param| {
        if let Some(gradient) = param.take_gradient(&mut gradients) {
            found.insert(name, gradient);
        }
    });
    found
}

/// As [`step_params`], by these gradients.
fn step_by(
    params: &mut dyn ParamsObject,
    mut found: BTreeMap<String, Tensor>,
    plan: impl Fn(&str) -> (f32, f32),
) -> Result<bool> {
    let square = square_sum(found.values())?;
    if !square.is_finite() {
        return Ok(false);
    }
    let gradient_scale = (CLIP_NORM / square.sqrt().max(1e-12)).min(1.0) as f32;
    params.each_object_mut(&mut |name, param| {
        if let Some(gradient) = found.remove(&name) {
            let (learning_rate, weight_decay) = plan(&name);
            param.update(gradient, AdamStep { learning_rate, weight_decay, gradient_scale, n_steps: 0 });
        }
    });
    Ok(true)
}

/// [`Params`] as an object, so that one step can serve networks and predictors alike.
pub(crate) trait ParamsObject {
    fn each_object(&self, f: &mut dyn FnMut(String, &Param));
    fn each_object_mut(&mut self, f: &mut dyn FnMut(String, &mut Param));
}

impl<P: Params> ParamsObject for P {
    fn each_object(&self, f: &mut dyn FnMut(String, &Param)) {
        self.each("", f);
    }

    fn each_object_mut(&mut self, f: &mut dyn FnMut(String, &mut Param)) {
        self.each_mut("", f);
    }
}

/// Shows a few present category cells as unseen.
fn hide_levels(cells: &mut Cells, seed: u64) {
    for (i, code) in cells.code.iter_mut().enumerate() {
        if unit(splitmix(seed ^ (i as u64) << 24)) < UNSEEN_RATE {
            *code = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Float64Array, RecordBatch};
    use tabgraft_table::Table;

    use super::*;
    use crate::embed::D_TOKEN;
    use crate::objective::Role;
    use crate::space::{EmbeddingSpace, FitOptions, Rows, SpaceConfig, training_data};
    use crate::train::Flow;
    use crate::train::TrainingOptions;

    const N_ROWS: usize = 60;

    /// The loss of column `a` on the hidden cells of these rows.
    fn loss(space: &EmbeddingSpace, network: &Network, table: &Table, valid: Vec<usize>) -> f64 {
        let encoded = space.encode(table).expect("cells");
        let rows = Rows::alone(Vec::new(), valid, (0..N_ROWS as u64).collect());
        let data = training_data(space, &encoded, &rows, vec![Role::OLD; 2], 0..2);
        let crew = Crew::of(&data).expect("one worker");
        validate(network, &data, &data.valid_rows, None, &crew).expect("no GPU").expect("validation rows")[0]
    }

    #[test]
    fn a_contained_validation_cell_is_left_out_of_the_mean() {
        let a = Float64Array::from_iter_values((0..N_ROWS).map(|i| (i * 7 % 23) as f64));
        let b: Float64Array = (0..N_ROWS).map(|i| (i % 3 > 0).then_some((i * 5 % 19) as f64)).collect();
        let columns: [(&str, ArrayRef); 2] = [("a", Arc::new(a)), ("b", Arc::new(b))];
        let table = Table::new(RecordBatch::try_from_iter(columns).expect("two columns")).expect("a table");
        let config =
            SpaceConfig { training: TrainingOptions::of_epochs(1), d_model: 16, ..SpaceConfig::default() };
        let options = FitOptions { config, ..FitOptions::default() };
        let space =
            EmbeddingSpace::fit(&table, None, &options, &mut |_| Flow::Continue(())).expect("a space");
        // Where `b` is missing, the row has no finite vector, and no cell of it a loss.
        let mut broken = space.network.clone();
        let group = &mut broken.groups[0];
        let (part, mut values) = (group.parts_of(1).start, group.tables.special.values());
        values[2 * part * D_TOKEN..(2 * part + 1) * D_TOKEN].fill(1e30);
        group.tables.special = Param::new(values, group.tables.special.shape());
        let finite = |network: &Network| -> Vec<f64> {
            let of_rows = (0..N_ROWS).map(|r| loss(&space, network, &table, vec![r]));
            of_rows.filter(|loss| loss.is_finite()).collect()
        };
        let left = finite(&broken);
        assert!(
            left.len() > 2 && left.len() < finite(&space.network).len(),
            "some rows are broken: {left:?}"
        );
        let mean = left.iter().sum::<f64>() / left.len() as f64;
        let found = loss(&space, &broken, &table, (0..N_ROWS).collect());
        assert!((found / mean - 1.0).abs() < 1e-5, "{found} instead of {mean}");
    }
}
