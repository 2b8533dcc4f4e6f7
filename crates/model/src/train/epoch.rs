//! One epoch of steps, and the events that it sends.

use std::time::{Duration, Instant};

use super::anchor::Anchor;
use super::course::Course;
use super::prefix::Prefix;
use super::step::{StepPlan, run_step};
use super::{Event, Flow, Phase, Sink, TrainingData, TrainingInfo, shuffled};
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::kernel::Dropout;
use crate::objective::splitmix;

/// Least time between two batch events.
const EVENT_INTERVAL: Duration = Duration::from_millis(100);

/// Passes events on, batch events at most ten times a second, and remembers a request to stop.
pub(super) struct Stopper<'s, 'f> {
    pub sink: &'s mut Sink<'f>,
    pub last: Instant,
    pub stopped: bool,
    pub n_epochs_total: usize,
}

impl Stopper<'_, '_> {
    pub fn emit(&mut self, event: &Event) {
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

/// Trains on every row once; returns the mean loss and how many rows were seen.
///
/// # Errors
/// A training error if no step had a finite gradient.
pub(super) fn run_epoch(
    network: &mut Network,
    data: &TrainingData,
    (phase, course, prefix): (&Phase<'_>, &Course, Option<&Prefix>),
    mut anchor: Option<&mut Anchor<'_>>,
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
        let rate = course.rate(epoch_of_phase, step, n_steps);
        let dropout = Dropout {
            p_drop: phase.p_drop,
            seed: splitmix(phase.seed ^ (epoch * n_steps + step) as u64) as u32,
        };
        let plan = StepPlan { phase, epoch, rate, dropout, prefix };
        let outcome = run_step(network, data, rows, &plan, anchor.as_deref_mut())?;
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
