//! One epoch of steps, and the events that it sends.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::anchor::Anchor;
use super::course::Course;
use super::crew::Crew;
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
    (seed, phase, course, prefix, crew): (u64, &Phase<'_>, &Course, Option<&Prefix>, &Crew<'_>),
    mut anchor: Option<&mut Anchor<'_>>,
    [epoch, epoch_of_phase]: [usize; 2],
    info: &mut TrainingInfo,
    stopper: &mut Stopper<'_, '_>,
) -> Result<(f64, usize)> {
    let order = shuffled(phase.rows.unwrap_or(&data.train_rows), seed, epoch);
    // Every row is in one step, and no step has more rows than the limit of memory was reckoned with.
    let n_steps = match phase.rows {
        None => crew.n_steps(data.allowance.batch_size),
        Some(rows) => rows.len().div_ceil(data.allowance.batch_size).max(1),
    };
    let (mut loss_sum, mut weight_sum, mut n_rows, mut n_finite) = (0.0, 0.0, 0, 0);
    for step in 0..n_steps {
        let rows = &order[rows_of_step(order.len(), step, n_steps)];
        let rate = course.rate(epoch_of_phase, step, n_steps);
        let dropout_seed = splitmix(seed ^ (epoch * n_steps + step) as u64 ^ crew.salt()) as u32;
        let dropout = Dropout { p_drop: phase.p_drop, seed: dropout_seed };
        let wants_stop = stopper.stopped;
        let plan = StepPlan { seed, phase, epoch, rate, dropout, prefix, crew, wants_stop };
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
        stopper.stopped |= outcome.is_last;
        // Of several workers, all take the step after which one wants to stop, and one more, in which they tell it.
        if outcome.is_last || (stopper.stopped && crew.n_workers() == 1) {
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

/// The rows of a step of an epoch: steps differ by at most one row.
fn rows_of_step(n_rows: usize, step: usize, n_steps: usize) -> Range<usize> {
    n_rows * step / n_steps..n_rows * (step + 1) / n_steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_share_the_rows_evenly_and_leave_none_out() {
        for (n_rows, batch_size) in [(1, 256), (255, 256), (257, 256), (511, 256), (8192, 256), (1000, 33)] {
            let n_steps = usize::div_ceil(n_rows, batch_size);
            let steps: Vec<Range<usize>> =
                (0..n_steps).map(|step| rows_of_step(n_rows, step, n_steps)).collect();
            assert!(steps.iter().cloned().flatten().eq(0..n_rows));
            assert!(steps.iter().all(|rows| rows.len() <= batch_size && rows.len() + 1 >= steps[0].len()));
        }
    }
}
