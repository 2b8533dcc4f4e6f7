//! Training a network on the pretext task: the loop, what it reports, when it stops.

mod event;
mod info;
mod prefix;
mod schedule;
mod step;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use event::{Event, Flow, Sink};
pub use info::{EpochInfo, StopReason, TrainingInfo};
use prefix::Prefix;
pub(crate) use schedule::{learning_rate, shuffled};
pub(crate) use step::step_params;
use step::{StepPlan, VALIDATION_SEED, run_step, validate};

use crate::embed::{CellTable, Masks};
use crate::encoder::Network;
use crate::encoder::param::Params;
use crate::error::{Error, Result};
use crate::kernel::{Cells, Dropout};
use crate::objective::{Objective, splitmix};

/// Least time between two batch events.
const EVENT_INTERVAL: Duration = Duration::from_millis(100);

/// Rows and classes that a network trains on.
pub(crate) struct TrainingData {
    /// One table per token group, in the order of the columns' arrival.
    pub groups: Vec<CellTable>,
    pub objective: Objective,
    pub train_rows: Vec<usize>,
    pub valid_rows: Vec<usize>,
    pub column_names: Vec<String>,
    /// Columns that were there before this training began; all of them in a first training.
    pub old_columns: Range<usize>,
}

impl TrainingData {
    /// The batch of each token group. Groups whose columns come before `first_column` stay empty.
    fn cells(
        &self,
        network: &Network,
        rows: &[usize],
        masks: &Masks,
        first_column: usize,
    ) -> Vec<Arc<Cells>> {
        self.groups
            .iter()
            .zip(network.token_groups())
            .map(|(table, group)| {
                let wanted = if group.columns.start < first_column { &[][..] } else { rows };
                table.batch(wanted, 0, Some((masks, group.columns.start)))
            })
            .collect()
    }
}

/// One stretch of training with one set of thawed weights.
pub(crate) struct Phase<'a> {
    pub name: &'static str,
    pub n_epochs: usize,
    pub batch_size: usize,
    /// Peak learning rate.
    pub learning_rate: f32,
    pub weight_decay: f32,
    pub p_drop: f32,
    /// Epochs without a better validation loss before it stops; `None` runs all of them.
    pub patience: Option<usize>,
    pub seed: u64,
    /// Thaws what this phase trains; everything is frozen before.
    pub thaw: &'a (dyn Fn(&mut Network) + Sync),
}

/// Losses on the validation rows.
struct Validation {
    per_column: Vec<f64>,
}

impl Validation {
    /// Mean over the columns of a range that have a loss.
    fn mean(&self, columns: Range<usize>) -> Option<f64> {
        let losses: Vec<f64> = self.per_column[columns].iter().copied().filter(|l| l.is_finite()).collect();
        (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
    }

    /// Mean over all columns that have a loss, weighted as they are trained: in a graft a new
    /// column counts more, or the old columns' noise would choose the epoch.
    fn weighted(&self, weights: &[f32]) -> Option<f64> {
        let pairs = self.per_column.iter().zip(weights).filter(|(l, _)| l.is_finite());
        let (sum, total) =
            pairs.fold((0.0, 0.0), |(s, t), (l, w)| (s + l * f64::from(*w), t + f64::from(*w)));
        (total > 0.0).then(|| sum / total)
    }
}

/// Runs the phases one after the other, keeps the best epoch's weights, and tells what happened.
///
/// The best epoch is the one with the least mean validation loss over all columns, weighted as they
/// are trained. When there are
/// no validation rows the last epoch is kept. If the sink says stop, training ends after the
/// running batch and the best state so far stays.
///
/// # Errors
/// A training error if no step of an epoch had a finite gradient.
pub(crate) fn train(
    network: &mut Network,
    data: &TrainingData,
    phases: &[Phase<'_>],
    sink: &mut Sink<'_>,
) -> Result<TrainingInfo> {
    // Inside the thread pool: from outside, each of the thousands of small parallel operations
    // would put the calling thread to sleep and wake it again.
    rayon::scope(|_| run_phases(network, data, phases, sink))
}

fn run_phases(
    network: &mut Network,
    data: &TrainingData,
    phases: &[Phase<'_>],
    sink: &mut Sink<'_>,
) -> Result<TrainingInfo> {
    let start = Instant::now();
    let mut info = TrainingInfo {
        n_rows_train: data.train_rows.len(),
        n_rows_valid: data.valid_rows.len(),
        n_weights: network.n_weights(),
        ..TrainingInfo::default()
    };
    let mut best: Option<(f64, Network)> = None;
    let mut rows_seen = 0usize;
    let n_epochs_total = phases.iter().map(|p| p.n_epochs).sum();
    let _ = sink(&Event::Started {
        n_epochs: n_epochs_total,
        n_rows: data.train_rows.len(),
        n_columns: data.objective.n_columns(),
    });
    info.stop_reason = StopReason::AllEpochs;
    'phases: for phase in phases {
        network.set_thawed(false);
        (phase.thaw)(network);
        let prefix = Prefix::of_training(network, data, phase.seed);
        let valid_prefix = Prefix::of_validation(network, data, VALIDATION_SEED);
        let mut worse_epochs = 0;
        let mut stopper = Stopper { sink, last: Instant::now(), stopped: false, n_epochs_total };
        for epoch_of_phase in 0..phase.n_epochs {
            let epoch = info.epochs.len();
            let epoch_start = Instant::now();
            let (train_loss, n_rows) = run_epoch(
                network,
                data,
                phase,
                prefix.as_ref(),
                [epoch, epoch_of_phase],
                &mut info,
                &mut stopper,
            )?;
            rows_seen += n_rows;
            let validation =
                validate(network, data, valid_prefix.as_ref()).map(|per_column| Validation { per_column });
            let all = validation.as_ref().and_then(|v| v.weighted(data.objective.column_weights()));
            info.epochs.push(EpochInfo {
                epoch: epoch + 1,
                phase: phase.name.to_owned(),
                train_loss,
                validation_loss: all,
                column_losses: column_losses(data, validation.as_ref()),
                seconds: epoch_start.elapsed().as_secs_f64(),
            });
            let is_best = match (&best, all) {
                (None, _) | (_, None) => true,
                (Some((least, _)), Some(loss)) => loss < *least,
            };
            if is_best {
                let mut snapshot = network.clone();
                snapshot.set_thawed(false);
                best = Some((all.unwrap_or(f64::INFINITY), snapshot));
                info.best_epoch = epoch + 1;
                worse_epochs = 0;
            } else {
                worse_epochs += 1;
            }
            stopper.emit(&Event::Epoch {
                info: info.epochs[epoch].clone(),
                n_epochs: n_epochs_total,
                is_best,
            });
            if stopper.stopped {
                info.stop_reason = StopReason::Interrupted;
                break 'phases;
            }
            if phase.patience.is_some_and(|p| worse_epochs >= p) {
                info.stop_reason = StopReason::NoImprovement;
                break;
            }
        }
    }
    match best {
        Some((_, snapshot)) => *network = snapshot,
        None => network.set_thawed(false),
    }
    if let Some(per_column) = validate(network, data, None) {
        let v = Validation { per_column };
        info.final_validation_loss = v.mean(data.old_columns.clone());
        info.new_columns_validation_loss = v.mean(data.old_columns.end..v.per_column.len());
        info.final_column_losses = column_losses(data, Some(&v));
    }
    info.seconds = start.elapsed().as_secs_f64();
    info.rows_per_second = rows_seen as f64 / info.seconds.max(1e-9);
    let _ = sink(&Event::Finished {
        seconds: info.seconds,
        best_epoch: info.best_epoch,
        stop_reason: info.stop_reason,
    });
    Ok(info)
}

/// Passes events on, batch events at most ten times a second, and remembers a request to stop.
struct Stopper<'s, 'f> {
    sink: &'s mut Sink<'f>,
    last: Instant,
    stopped: bool,
    n_epochs_total: usize,
}

impl Stopper<'_, '_> {
    fn emit(&mut self, event: &Event) {
        if (self.sink)(event) == Flow::Break(()) {
            self.stopped = true;
        }
    }

    fn batch(&mut self, epoch: usize, step: usize, n_steps: usize) {
        if self.last.elapsed() >= EVENT_INTERVAL {
            self.last = Instant::now();
            self.emit(&Event::Batch {
                epoch: epoch + 1,
                n_epochs: self.n_epochs_total,
                step: step + 1,
                n_steps,
            });
        }
    }
}

fn run_epoch(
    network: &mut Network,
    data: &TrainingData,
    phase: &Phase<'_>,
    prefix: Option<&Prefix>,
    [epoch, epoch_of_phase]: [usize; 2],
    info: &mut TrainingInfo,
    stopper: &mut Stopper<'_, '_>,
) -> Result<(f64, usize)> {
    let order = shuffled(&data.train_rows, phase.seed, epoch);
    // The last batch takes the rest, so that no row is left out of an epoch.
    let n_steps = (order.len() / phase.batch_size).max(1);
    let (mut loss_sum, mut weight_sum, mut n_rows, mut n_finite) = (0.0, 0.0, 0, 0);
    for step in 0..n_steps {
        let end = if step + 1 == n_steps { order.len() } else { (step + 1) * phase.batch_size };
        let rows = &order[step * phase.batch_size..end];
        let done = epoch_of_phase * n_steps + step;
        let rate = learning_rate(phase.learning_rate, done, phase.n_epochs * n_steps);
        let dropout = Dropout {
            p_drop: phase.p_drop,
            seed: splitmix(phase.seed ^ (epoch * n_steps + step) as u64) as u32,
        };
        let outcome = run_step(network, data, rows, &StepPlan { phase, epoch, rate, dropout, prefix });
        for (count, name) in outcome.contained.iter().zip(&data.column_names) {
            if *count > 0 {
                *info.contained.entry(name.clone()).or_default() += *count as u64;
                if info.contained[name] == *count as u64 {
                    stopper.emit(&Event::Contained { column: name.clone(), n_cells: *count as u64 });
                }
            }
        }
        if outcome.stepped {
            n_finite += 1;
            loss_sum += outcome.loss;
            weight_sum += outcome.weight;
        }
        n_rows += rows.len();
        stopper.batch(epoch, step, n_steps);
        if stopper.stopped {
            break;
        }
    }
    if n_finite == 0 {
        return Err(Error::training(format!(
            "no step of epoch {} had a finite gradient (learning rate {})",
            epoch + 1,
            phase.learning_rate
        ))
        .with_hint("lower the learning rate"));
    }
    Ok((loss_sum / weight_sum.max(1e-12), n_rows))
}

fn column_losses(data: &TrainingData, validation: Option<&Validation>) -> BTreeMap<String, f64> {
    let Some(validation) = validation else { return BTreeMap::new() };
    data.column_names
        .iter()
        .cloned()
        .zip(validation.per_column.iter().copied())
        .filter(|(_, loss)| loss.is_finite())
        .collect()
}
