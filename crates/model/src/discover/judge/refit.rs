//! The last word on the few that passed: the predictor itself, fitted with and without the feature.
//!
//! "With" is what a user would do next: the feature is grafted onto the space, frozen, and the
//! predictor is fitted on the child.

use std::time::Instant;

use crate::discover::remember::history::Refit;
use arrow::array::ArrayRef;
use tabgraft_table::Table;

use super::court::{N_FOLDS, Trial, corrected, score};
use crate::discover::guide::Guided;
use crate::error::Result;
use crate::extend::ExtendOptions;
use crate::predictor::{Predictor, PredictorOptions};
use crate::space::EmbeddingSpace;
use crate::train::{Event, Sink, TrainingOptions};

/// Trials that are refitted, from the first: two deals of the judging rows, or one if time is short.
const N_TRIALS: usize = 2 * N_FOLDS;
/// Networks of a bag that is refitted: the comparison needs no more.
const N_NETWORKS: usize = 2;
/// Most rows that a refit learns from; of more, every second, third ... of the trial's rows is taken.
const MOST_ROWS: usize = 10_000;

/// Refits the guide without features once, and with each feature that is asked about.
pub(in crate::discover) struct Refitter<'a> {
    rows: &'a Guided,
    space: &'a EmbeddingSpace,
    trials: &'a [Trial],
    options: PredictorOptions,
    deadline: Instant,
    /// Scores without a feature, trial by trial; filled when they are first asked for.
    without: Vec<Option<f64>>,
}

impl<'a> Refitter<'a> {
    pub fn new(
        rows: &'a Guided,
        space: &'a EmbeddingSpace,
        trials: &'a [Trial],
        options: &PredictorOptions,
        deadline: Instant,
    ) -> Self {
        let options = PredictorOptions {
            n_networks: Some(options.n_networks.unwrap_or(N_NETWORKS)),
            hold_out_test: false,
            ..options.clone()
        };
        Refitter {
            rows,
            space,
            trials: &trials[..trials.len().min(N_TRIALS)],
            options,
            deadline,
            without: Vec::new(),
        }
    }

    /// What the feature adds to the refitted predictor; `None` if the time does not suffice, the user
    /// stops it, or a space can make nothing of the column.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::extend`] and [`Predictor::fit`].
    pub fn refit(&mut self, name: &str, array: &ArrayRef, sink: &mut Sink<'_>) -> Result<Option<Refit>> {
        let start = Instant::now();
        let _ = sink(&Event::Task { name: format!("refitting with {name}") });
        let table = self.rows.table.with_column(name, array.clone())?;
        // Without the target, which the space may not have heard of and would take for a new column.
        let enriched = table.without(&[self.rows.target.column().to_owned()])?;
        let options = ExtendOptions {
            training: TrainingOptions { seed: self.options.seed, ..TrainingOptions::default() },
            ..ExtendOptions::default()
        };
        // What a graft or a fit tells of itself is none of the user's business here; stopping it is.
        let total = self.trials.len();
        let mut quiet = |_: &Event| sink(&Event::Progress { done: 0, total });
        let child = match self.space.extend(&enriched, None, &options, &mut quiet) {
            Ok(child) => child,
            Err(error) if error.is_no_new_columns() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut differences = Vec::with_capacity(self.trials.len());
        let mut n_trials = self.trials.len();
        let mut i = 0;
        while i < n_trials {
            if self.without.len() <= i {
                let score = self.score(self.space, &self.rows.table, i, sink)?;
                self.without.push(score);
            }
            let with = self.score(&child, &table, i, sink)?;
            if let (Some(with), Some(without)) = (with, self.without[i]) {
                differences.push(self.rows.target.task().primary_metric().gain(without, with));
            }
            i += 1;
            if sink(&Event::Progress { done: i, total: n_trials }).is_break() {
                return Ok(None);
            }
            // What the trials so far took foretells the others; one deal of the rows is the least.
            let ends_in_time =
                |n: usize| start + start.elapsed().mul_f64(n as f64 / i as f64) <= self.deadline;
            if !ends_in_time(n_trials) {
                n_trials = n_trials.min(N_FOLDS.max(i));
                if i < n_trials && !ends_in_time(n_trials) {
                    return Ok(None);
                }
            }
        }
        let test = corrected(&differences, self.trials.first().map_or(1.0, ratio))?;
        Ok(Some(Refit {
            effect: test.mean,
            interval: test.interval,
            p_value: test.p_value,
            n_splits: differences.len(),
        }))
    }

    fn score(
        &self,
        space: &EmbeddingSpace,
        table: &Table,
        i: usize,
        sink: &mut Sink<'_>,
    ) -> Result<Option<f64>> {
        let trial = &self.trials[i];
        let rows = |rows: &[usize]| rows.iter().map(|r| *r as u32).collect::<Vec<_>>();
        let learn = learned(trial);
        let target = self.rows.target.column();
        let mut quiet = |_: &Event| sink(&Event::Progress { done: i, total: self.trials.len() });
        let fitted = Predictor::fit(space, &table.take(&rows(&learn))?, target, &self.options, &mut quiet)?;
        let predicted = fitted.predict(&table.take(&rows(&trial.test))?)?;
        let y: Vec<f64> = trial.test.iter().map(|r| self.rows.targets[*r]).collect();
        // The thinned rows may lack a rare class, which then has no probability.
        let values = predicted.of_classes(self.rows.target.classes());
        Ok(score(&self.rows.target, &y, &values))
    }
}

/// The rows of a trial that a refit learns from.
fn learned(trial: &Trial) -> Vec<usize> {
    let step = trial.learn.len().div_ceil(MOST_ROWS).max(1);
    trial.learn.iter().copied().step_by(step).collect()
}

/// Test rows over the rows that a refit learns from, which the interval of a refit rests on: thinned rows
/// are fewer, and what was learned from them varies more.
fn ratio(trial: &Trial) -> f64 {
    trial.test.len() as f64 / learned(trial).len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_of_a_refit_is_that_of_the_rows_it_learned_from() {
        let trial = |n_learn: usize| Trial { learn: (0..n_learn).collect(), test: (0..1000).collect() };
        assert_eq!(ratio(&trial(4000)), 0.25);
        // Of 24,000 rows every third is learned from.
        assert_eq!(learned(&trial(24_000)).len(), 8000);
        assert_eq!(ratio(&trial(24_000)), 0.125);
    }
}
