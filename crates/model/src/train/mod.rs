//! Training a network on the pretext task: the loop, what it reports, when it stops.

mod anchor;
mod course;
mod crew;
mod device;
mod epoch;
mod event;
mod keep;
mod memory;
mod options;
mod order;
mod prefix;
mod resume;
mod sample;
mod step;
mod validation;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

pub(crate) use anchor::Anchor;
use course::Course;
pub(crate) use course::Ending;
use crew::Crew;
pub(crate) use device::Computer;
pub use device::Device;
use epoch::{Stopper, run_epoch};

pub use crate::record::{EpochInfo, PhaseInfo, Stages, StopReason, TrainingInfo, Watch};
pub(crate) use event::each_once;
pub use event::{Event, Flow, Sink, quiet};
use keep::Keeper;
pub(crate) use memory::{Allowance, Footprint};
pub use memory::{HeldFor, table_within};
pub use options::TrainingOptions;
pub(crate) use options::{TrainingPlan, check_batch_size, check_epochs};
pub(crate) use order::shuffled;
use prefix::Prefix;
use resume::{Resumable, Standing};
pub(crate) use sample::{Purpose, VALIDATION_MOST, drawn};
use step::{VALIDATION_SEED, validate};
pub(crate) use step::{lone_step, step_params};
use validation::{Validation, column_losses};

use tabgraft_table::threads::in_pool;
use tabgraft_table::workers::Shard;

use crate::embed::{CellTable, Masks};
use crate::encoder::Network;
use crate::error::Result;
use crate::kernel::{Cells, Place};
use crate::objective::Objective;
use crate::param::Params;

/// Rows and classes that a network trains on.
pub(crate) struct TrainingData {
    /// One table per token group, in the order of the columns' arrival.
    pub groups: Vec<CellTable>,
    pub objective: Objective,
    pub train_rows: Vec<usize>,
    /// The rows that the losses of the kept weights are measured on.
    pub valid_rows: Vec<usize>,
    /// Those among them that every epoch is measured on.
    pub watched_rows: Vec<usize>,
    /// Training and validation rows that there are; those above may be samples of them.
    pub n_rows: [usize; 2],
    pub column_names: Vec<String>,
    /// Columns that were there before this training began; all of them in a first training.
    pub old_columns: Range<usize>,
    /// How many rows are computed at a time.
    pub allowance: Allowance,
    /// The worker whose rows these are, if others train on the other rows at the same time.
    pub shard: Option<Shard>,
}

impl TrainingData {
    /// The batch of each token group. Groups whose columns come before `first_column` stay empty.
    pub(crate) fn cells(
        &self,
        network: &Network,
        rows: &[usize],
        masks: Option<&Masks>,
        first_column: usize,
    ) -> Vec<Arc<Cells>> {
        self.groups
            .iter()
            .zip(network.token_groups())
            .map(|(table, group)| {
                let wanted = if group.columns.start < first_column { &[][..] } else { rows };
                table.batch(wanted, 0, masks.map(|m| (m, group.columns.start)))
            })
            .collect()
    }
}

/// The loss of each column on hidden cells of the validation rows, by name; of those that have one.
///
/// # Errors
/// If no threads can be started.
pub(crate) fn losses(network: &Network, data: &TrainingData) -> Result<BTreeMap<String, f64>> {
    let validation = validation_losses(network, data)?.map(|per_column| Validation { per_column });
    Ok(column_losses(data, validation.as_ref()))
}

/// One stretch of training with one set of thawed weights.
pub(crate) struct Phase<'a> {
    pub name: &'static str,
    pub n_epochs: usize,
    /// The rows that it trains on, of one worker alone; none where they are all.
    pub rows: Option<&'a [usize]>,
    /// Peak learning rate.
    pub learning_rate: f32,
    pub weight_decay: f32,
    pub p_drop: f32,
    /// The loss that may end it.
    pub watch: Watch,
    pub ending: Ending,
    /// Thaws what this phase trains; everything is frozen before.
    pub thaw: &'a (dyn Fn(&mut Network) + Sync),
}

/// Runs the phases one after the other, keeps the best epoch's weights, and tells what happened.
///
/// The best epoch is the one of the last phase with the least mean validation loss over all columns,
/// weighted as they are trained: an earlier phase only prepares what the last one finishes, and its
/// loss, on new columns that are easy to overfit, says little of the vectors. When there are no
/// validation rows the last epoch is kept. If the sink says stop, training ends after the running
/// batch and the best state so far, of any phase, stays. An `anchor` keeps old vectors near the
/// parent's, and only weights that meet its bound are kept.
///
/// The network is on the processor before and after, wherever it trains.
///
/// Where `data` is that of one worker, every step is taken on a batch of all of them, and each has the same weights
/// after it: they are compared at the end of every epoch. Where their states are kept, a training that failed goes on after
/// the last epoch that was.
///
/// # Errors
/// A training error if workers come to different weights, or one of them ends; if no step of an epoch had a finite gradient, or if a GPU failed and nothing may
/// take over.
pub(crate) fn train(
    network: &mut Network,
    data: &TrainingData,
    plan: &TrainingPlan,
    phases: &[Phase<'_>],
    mut anchor: Option<&mut Anchor<'_>>,
    sink: &mut Sink<'_>,
) -> Result<TrainingInfo> {
    // All of it inside the thread pool: from outside, each of the thousands of small parallel operations
    // would put the calling thread to sleep and wake it again.
    in_pool(|| {
        let tried = plan.computer().attempt(network, sink, |network, sink| {
            run_phases(network, data, (plan, plan.computer()), phases, anchor.as_deref_mut(), sink)
        });
        match tried {
            Some(result) => result,
            None => run_phases(network, data, (plan, &Computer::default()), phases, anchor, sink),
        }
    })?
}

/// Mean loss of each column on its hidden validation cells, NaN where it has none; `None` without
/// validation rows. The same cells are hidden for every network.
///
/// # Errors
/// If no threads can be started.
pub(crate) fn validation_losses(network: &Network, data: &TrainingData) -> Result<Option<Vec<f64>>> {
    in_pool(|| validate(network, data, &data.valid_rows, None, &Crew::of(data)?))?
}

fn run_phases(
    network: &mut Network,
    data: &TrainingData,
    (plan, computer): (&TrainingPlan, &Computer),
    phases: &[Phase<'_>],
    mut anchor: Option<&mut Anchor<'_>>,
    sink: &mut Sink<'_>,
) -> Result<TrainingInfo> {
    let start = Instant::now();
    network.move_to(&computer.place)?;
    if let Some(anchor) = anchor.as_deref_mut() {
        anchor.begin(&computer.place)?;
    }
    let mut info = TrainingInfo {
        n_rows_train: data.n_rows[0],
        n_rows_valid: data.n_rows[1],
        n_rows_epoch: data.train_rows.len(),
        n_rows_watched: data.watched_rows.len(),
        n_rows_measured: data.valid_rows.len(),
        n_weights: network.n_weights(),
        device: computer.name.clone(),
        ..TrainingInfo::default()
    };
    let mut keeper = Keeper::default();
    let crew = Crew::of(data)?;
    info.worker_rows = crew.rows_of_each();
    let (mut rows_seen, mut seconds_before) = (0usize, 0.0);
    let bound = anchor.as_ref().map(|a| a.bound);
    let resumable = Resumable::of(network, data, (plan, computer), phases, bound, &crew)?;
    let n_epochs_total = phases.iter().map(|p| p.n_epochs).sum();
    let _ = sink(&Event::Started {
        n_epochs: n_epochs_total,
        n_rows: data.train_rows.len(),
        n_columns: data.objective.n_columns(),
    });
    let mut resumed = match &resumable {
        Some(resumable) => resumable.kept(network, sink)?,
        None => None,
    };
    let first_phase = resumed.as_ref().map_or(0, |resumed| resumed.standing.phase);
    for (nth, phase) in phases.iter().enumerate().skip(first_phase) {
        network.set_thawed(false);
        (phase.thaw)(network);
        keeper.begin_phase();
        let mut course = Course::new(phase.ending, phase.learning_rate, phase.n_epochs);
        let mut n_done = 0;
        if let Some(mut resumed) = resumed.take() {
            resumed.restore_moments(network);
            let standing = resumed.standing;
            let text = format!("goes on after epoch {} of {n_epochs_total}", standing.info.epochs.len());
            let _ = sink(&Event::Note { text });
            if let (Some(anchor), Some(weight)) = (anchor.as_deref_mut(), standing.anchor_weight) {
                anchor.weight = weight;
            }
            (keeper, course, info) = (resumed.keeper, standing.course, standing.info);
            (n_done, rows_seen, seconds_before) = (standing.n_epochs, standing.rows_seen, standing.seconds);
        }
        let first_epoch = info.epochs.len() - n_done;
        let parent_start = Instant::now();
        let prefix = Prefix::of_training(network, data, plan.seed())?;
        let valid_prefix = Prefix::of_validation(network, data, VALIDATION_SEED)?;
        info.stages.parent += parent_start.elapsed().as_secs_f64();
        let mut stopper = Stopper { sink, last: Instant::now(), stopped: false, n_epochs_total };
        for epoch_of_phase in n_done..phase.n_epochs {
            let epoch = info.epochs.len();
            let epoch_start = Instant::now();
            let (train_loss, n_rows) = run_epoch(
                network,
                data,
                (plan.seed(), phase, &course, prefix.as_ref(), &crew),
                anchor.as_deref_mut(),
                [epoch, epoch_of_phase],
                &mut info,
                &mut stopper,
            )?;
            rows_seen += n_rows;
            info.stages.training += epoch_start.elapsed().as_secs_f64();
            let validation_start = Instant::now();
            let validation = validate(network, data, &data.watched_rows, valid_prefix.as_ref(), &crew)?
                .map(|per_column| Validation { per_column });
            let all = validation.as_ref().and_then(|v| v.weighted(data.objective.roles()));
            info.epochs.push(EpochInfo {
                epoch: epoch + 1,
                phase: phase.name.to_owned(),
                train_loss,
                validation_loss: all,
                column_losses: column_losses(data, validation.as_ref()),
                seconds: epoch_start.elapsed().as_secs_f64(),
            });
            let watched = match phase.watch {
                Watch::AllColumns => all,
                Watch::NewColumns => {
                    validation.as_ref().and_then(|v| v.mean(data.old_columns.end..v.per_column.len()))
                }
            };
            let is_near = anchor.as_ref().map_or(Ok(true), |a| a.is_near(network))?;
            let is_best = keeper.offer(network, epoch + 1, all, is_near);
            info.stages.validation += validation_start.elapsed().as_secs_f64();
            crew.check_weights(network)?;
            stopper.emit(&Event::Epoch {
                info: info.epochs[epoch].clone(),
                n_epochs: n_epochs_total,
                is_best,
            });
            if crew.any(stopper.stopped)? {
                info.stop_reason = StopReason::Interrupted;
                break;
            }
            if let Some(reason) = course.end(epoch_of_phase, watched) {
                info.stop_reason = reason;
                break;
            }
            if let Some(resumable) = &resumable {
                let standing = Standing {
                    phase: nth,
                    n_epochs: epoch_of_phase + 1,
                    course: course.clone(),
                    anchor_weight: anchor.as_ref().map(|a| a.weight),
                    rows_seen,
                    seconds: seconds_before + start.elapsed().as_secs_f64(),
                    info: info.clone(),
                };
                resumable.keep(standing, network, &keeper)?;
            }
        }
        info.phases.push(PhaseInfo {
            name: phase.name.to_owned(),
            n_epochs_planned: phase.n_epochs,
            n_epochs: info.epochs.len() - first_epoch,
            patience: phase.ending.patience(),
            watched: phase.watch,
            stop_reason: info.stop_reason,
        });
        if info.stop_reason == StopReason::Interrupted {
            break;
        }
    }
    network.set_thawed(false);
    let is_interrupted = info.stop_reason == StopReason::Interrupted;
    if let Some(kept) = keeper.best(is_interrupted) {
        info.best_epoch = kept.epoch;
        *network = kept.network;
    }
    network.move_to(&Place::Processor)?;
    let validation_start = Instant::now();
    if let Some(anchor) = anchor {
        anchor.hold(network)?;
    }
    if let Some(per_column) = validate(network, data, &data.valid_rows, None, &crew)? {
        let v = Validation { per_column };
        info.final_validation_loss = v.mean(data.old_columns.clone());
        info.new_columns_validation_loss = v.mean(data.old_columns.end..v.per_column.len());
        info.final_column_losses = column_losses(data, Some(&v));
    }
    info.stages.validation += validation_start.elapsed().as_secs_f64();
    info.seconds = seconds_before + start.elapsed().as_secs_f64();
    info.rows_per_second = rows_seen as f64 / info.seconds.max(1e-9);
    if let Some(resumable) = resumable {
        resumable.end()?;
    }
    let _ = sink(&Event::Finished {
        seconds: info.seconds,
        best_epoch: info.best_epoch,
        stop_reason: info.stop_reason,
    });
    Ok(info)
}
