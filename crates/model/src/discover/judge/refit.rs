//! The last word on the few that passed: the predictor itself, fitted with and without the feature.
//!
//! "With" is what a user would do next: the feature is grafted onto the space, frozen, and the
//! predictor is fitted on the child. Where the time that is kept for it does not suffice, the fits are
//! fewer and on fewer rows: that shows a strong feature as well, and what it does not show stays
//! unconfirmed.

use std::time::Duration;

use crate::discover::remember::history::Refit;
use arrow::array::ArrayRef;
use tabgraft_table::Table;

use super::court::{N_FOLDS, Trial, corrected, score};
use super::plan::{Pace, Plan, Work};
use crate::discover::budget::Budget;
use crate::discover::guide::Guided;
use crate::error::Result;
use crate::extend::ExtendOptions;
use crate::metric::Task;
use crate::predictor::{Predictor, PredictorOptions};
use crate::space::EmbeddingSpace;
use crate::train::{Event, Flow, Sink, TrainingOptions};

/// Networks of a bag that is refitted: the comparison needs no more.
const N_NETWORKS: usize = 2;
/// Epochs and patience of a network where not everything can be done: trees learn the most of what so few tell, and
/// rows say more than epochs.
const SHORT_EPOCHS: usize = 6;
const SHORT_PATIENCE: usize = 2;
/// Most of a feature's time that its graft may take; of what is left, a fit that is measured.
const GRAFT_SHARE: f64 = 0.3;
const MEASURED_SHARE: f64 = 0.5;
/// Fits that are measured at most before it is decided.
const MOST_MEASURED: usize = 3;

/// What came of a feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::discover) enum Outcome {
    /// It was refitted; whether with everything that the trials offer, or with less for lack of time.
    Refitted { refit: Refit, is_whole: bool },
    /// The space can make nothing of the column.
    Useless,
    /// There was no time, or the user stopped it.
    NoTime,
}

/// Refits the guide without features once, and with each feature that is asked about.
pub(in crate::discover) struct Refitter<'a> {
    rows: &'a Guided,
    space: &'a EmbeddingSpace,
    trials: &'a [Trial],
    options: PredictorOptions,
    budget: &'a Budget,
}

/// Scores without a feature, trial by trial, of one plan.
struct Without {
    plan: Plan,
    scores: Vec<Option<f64>>,
}

impl<'a> Refitter<'a> {
    pub fn new(
        rows: &'a Guided,
        space: &'a EmbeddingSpace,
        trials: &'a [Trial],
        options: &PredictorOptions,
        budget: &'a Budget,
    ) -> Self {
        let options = PredictorOptions {
            n_networks: Some(options.n_networks.unwrap_or(N_NETWORKS)),
            hold_out_test: false,
            ..options.clone()
        };
        Refitter { rows, space, trials, options, budget }
    }

    fn class(&self, row: usize) -> u32 {
        self.rows.target.stratum(self.rows.targets[row])
    }

    /// What each feature adds to the refitted predictor, in the order given, the surest first: where the
    /// time does not suffice for all, the last ones have none.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::extend`] and [`Predictor::fit`].
    pub fn confirm(&self, features: &[(&str, &ArrayRef)], sink: &mut Sink<'_>) -> Result<Vec<Outcome>> {
        let mut outcomes = vec![Outcome::NoTime; features.len()];
        let mut stopped = false;
        let sink = &mut |event: &Event| {
            let flow = sink(event);
            stopped |= flow.is_break();
            flow
        };
        let Some((mut without, n_features)) = self.begin(features.len(), sink)? else { return Ok(outcomes) };
        for (i, (name, array)) in features.iter().enumerate().take(n_features) {
            let share = self.budget.until(self.budget.end()).div_f64((n_features - i) as f64);
            let end = self.budget.elapsed() + share;
            outcomes[i] = self.refit(name, array, &mut without, end, sink)?;
        }
        // What a stopped graft or fit says would say less than it seems.
        if stopped {
            let refitted = |o: &&mut Outcome| matches!(o, Outcome::Refitted { is_whole: false, .. });
            outcomes.iter_mut().filter(refitted).for_each(|o| *o = Outcome::NoTime);
        }
        Ok(outcomes)
    }

    /// Decides how many features, trials and rows fit into the time. If by the guide's pace not everything
    /// fits, the smallest fit is measured, and the plan made by that. The first fit of the plan is part of
    /// the result.
    fn begin(&self, n_features: usize, sink: &mut Sink<'_>) -> Result<Option<(Without, usize)>> {
        let is_ranked = self.rows.target.task() == Task::Binary;
        let work = Work::new(self.trials, |r| self.class(*r), is_ranked);
        let left = || self.budget.until(self.budget.end());
        let fitting = |pace: Pace| work.fitting(n_features, pace, left(), false);
        let _ = sink(&Event::Task { name: "refitting without features".to_owned() });
        let whole = work.fitting(n_features, self.rows.pace.unwrap_or_default(), left(), true);
        let whole = whole.filter(|(plan, _)| plan.is_whole);
        let mut next = whole.or_else(|| Some((work.least()?, n_features)));
        let mut begun = None;
        for _ in 0..MOST_MEASURED {
            let Some((plan, n)) = next else { break };
            let start = self.budget.elapsed();
            let most = start + self.budget.until(self.budget.end()).mul_f64(MEASURED_SHARE);
            let fitted = self.score(self.space, &self.rows.table, plan, 0, most, sink)?;
            let took = self.budget.elapsed().saturating_sub(start);
            let n_rows = plan.learned(&self.trials[0], |r| self.class(*r)).len();
            match fitted {
                Fitted::Stopped => return Ok(None),
                // Who knows how long it would have taken.
                Fitted::Late => next = fitting(Pace::of_fit(took.mul_f64(2.0), n_rows)),
                Fitted::Done(score) => {
                    begun = Some((Without { plan, scores: vec![score] }, n));
                    let pace = Pace::of_fit(took, n_rows);
                    next = match work.rest_fits(plan, n, pace, self.budget.until(self.budget.end())) {
                        true if plan.is_whole => Some((plan, n)),
                        _ => fitting(pace),
                    };
                    // Where not even that fits by measure, what time there is goes to the surest alone.
                    if let (None, Some((_, n))) = (next, &mut begun) {
                        *n = 1;
                    }
                }
            }
            if next == Some((plan, n)) {
                break;
            }
        }
        Ok(begun)
    }

    fn refit(
        &self,
        name: &str,
        array: &ArrayRef,
        without: &mut Without,
        end: Duration,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome> {
        let _ = sink(&Event::Task { name: format!("refitting with {name}") });
        let plan = without.plan;
        let table = self.rows.table.with_column(name, array.clone())?;
        let (mut cut, mut stopped) = (false, false);
        let graft_end = self.budget.elapsed()
            + self.budget.until(end).mul_f64(if plan.is_whole { 1.0 } else { GRAFT_SHARE });
        // What a graft or a fit tells of itself is none of the user's business here; stopping it is.
        let mut quiet = |_: &Event| {
            cut |= self.budget.is_past(graft_end);
            stopped |= sink(&Event::Progress { done: 0, total: plan.n_trials }).is_break();
            if cut || stopped { Flow::Break(()) } else { Flow::Continue(()) }
        };
        let child = match self.grafted(&table, plan, &mut quiet) {
            Ok(child) => child,
            Err(error) if error.is_no_new_columns() => return Ok(Outcome::Useless),
            Err(error) => return Err(error),
        };
        if stopped {
            return Ok(Outcome::NoTime);
        }
        let mut differences = Vec::with_capacity(plan.n_trials);
        let mut steps = self.budget.steps();
        let mut n_done = 0;
        while n_done < plan.n_trials && steps.fits(end) {
            if without.scores.len() <= n_done {
                match self.score(self.space, &self.rows.table, plan, n_done, end, sink)? {
                    Fitted::Done(score) => without.scores.push(score),
                    Fitted::Stopped | Fitted::Late => break,
                }
            }
            let with = match self.score(&child, &table, plan, n_done, end, sink)? {
                Fitted::Done(score) => score,
                Fitted::Stopped | Fitted::Late => break,
            };
            if let (Some(with), Some(without)) = (with, without.scores[n_done]) {
                differences.push(self.rows.target.task().primary_metric().gain(without, with));
            }
            n_done += 1;
            if sink(&Event::Progress { done: n_done, total: plan.n_trials }).is_break() {
                break;
            }
        }
        // One deal of the rows is the least.
        if n_done < N_FOLDS.min(plan.n_trials) {
            return Ok(Outcome::NoTime);
        }
        let ratio = self.trials.first().map_or(1.0, |trial| plan.ratio(trial));
        let test = corrected(&differences, ratio)?;
        let refit = Refit {
            effect: test.mean,
            interval: test.interval,
            p_value: test.p_value,
            n_splits: differences.len(),
        };
        Ok(Outcome::Refitted { refit, is_whole: plan.is_whole && n_done == plan.n_trials && !cut })
    }

    /// The space with the feature.
    fn grafted(&self, table: &Table, plan: Plan, sink: &mut Sink<'_>) -> Result<EmbeddingSpace> {
        // Without the target, which the space may not have heard of and would take for a new column.
        let table = table.without(&[self.rows.target.column().to_owned()])?;
        let table = match plan.is_whole {
            true => table,
            false => table.take(&plan.thinned(table.n_rows()))?,
        };
        let training = TrainingOptions { seed: self.options.seed, ..TrainingOptions::default() };
        let options = ExtendOptions { training, ..ExtendOptions::default() };
        self.space.extend(&table, None, &options, sink)
    }

    /// How the predictor is fitted: quickly where not everything can be done.
    fn options_of(&self, plan: Plan) -> PredictorOptions {
        let options = &self.options;
        match plan.is_whole {
            true => options.clone(),
            false => PredictorOptions {
                n_networks: Some(1),
                n_epochs: options.n_epochs.min(SHORT_EPOCHS),
                patience: options.patience.min(SHORT_PATIENCE),
                ..options.clone()
            },
        }
    }

    /// The metric on one trial; a fit that does not end in time counts for nothing.
    fn score(
        &self,
        space: &EmbeddingSpace,
        table: &Table,
        plan: Plan,
        i: usize,
        end: Duration,
        sink: &mut Sink<'_>,
    ) -> Result<Fitted> {
        let trial = &self.trials[i];
        let rows = |rows: &[usize]| rows.iter().map(|r| *r as u32).collect::<Vec<_>>();
        let target = self.rows.target.column();
        let (mut late, mut stopped) = (false, false);
        let mut quiet = |_: &Event| {
            late |= self.budget.is_past(end);
            stopped |= sink(&Event::Progress { done: i, total: plan.n_trials }).is_break();
            if late || stopped { Flow::Break(()) } else { Flow::Continue(()) }
        };
        let learn = table.take(&rows(&plan.learned(trial, |r| self.class(*r))))?;
        let fitted = Predictor::fit(space, &learn, target, &self.options_of(plan), &mut quiet)?;
        if stopped || late {
            return Ok(if stopped { Fitted::Stopped } else { Fitted::Late });
        }
        let predicted = fitted.predict(&table.take(&rows(&trial.test))?)?;
        let y: Vec<f64> = trial.test.iter().map(|r| self.rows.targets[*r]).collect();
        // The thinned rows may lack a rare class, which then has no probability.
        let values = predicted.of_classes(self.rows.target.classes());
        Ok(Fitted::Done(score(&self.rows.target, &y, &values)))
    }
}

/// How a fit ended.
enum Fitted {
    /// With the metric, if it is defined.
    Done(Option<f64>),
    /// The time is spent.
    Late,
    /// The user stopped it.
    Stopped,
}
