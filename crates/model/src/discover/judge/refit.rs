//! The last word on the few that passed: the predictor itself, fitted with and without the feature.
//!
//! "With" is what a user would do next: the feature is grafted onto the space, frozen, and the
//! predictor is fitted on the child. Where the time that is kept for it does not suffice, the fits are
//! *short*: of the predictor's trees and linear model alone, which ask nothing of the graft's training, fewer, and on
//! fewer rows. Both sides of a difference are fitted alike and on the same rows. That shows a strong feature as
//! well, and what it does not show stays unconfirmed.
//!
//! A fit has its own chance. So a row that is scored in several deals is predicted by the mean of its fits, with and
//! without the feature, and what two deals leave open is asked in up to four, as long as there is time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::discover::remember::history::Refit;
use arrow::array::ArrayRef;
use tabgraft_table::Table;

use super::corrected::{RowEvidence, nadeau_bengio_beside_rows};
use super::court::{N_FOLDS, Trial, corrected};
use super::plan::{Pace, Plan, Work};
use crate::discover::budget::Budget;
use crate::discover::guide::Guided;
use crate::error::Result;
use crate::extend::ExtendOptions;
use crate::metric::{self, Clusters, PairedDifference, Prediction, Task};
use crate::predictor::{Effort, Predictor, PredictorOptions};
use crate::space::EmbeddingSpace;
use crate::train::{Event, Flow, Sink, TrainingOptions};

/// Networks of a bag that is refitted: the comparison needs no more.
const N_NETWORKS: usize = 2;
/// Most of the time that is left which a fit that is measured may take.
const MEASURED_SHARE: f64 = 0.5;
/// Trials that are done at least of a feature that is judged.
const LEAST_TRIALS: usize = 3;
/// Times that a feature is refitted at most, each time with more.
const MOST_ROUNDS: usize = 2;
/// Fits that are measured at most before it is decided.
const MOST_MEASURED: usize = 4;
/// Most of the time that is left which a fit takes after which a larger one is measured, too.
const LOOK_SHARE: f64 = 0.1;
/// Width of a 95 % interval in standard errors.
const INTERVAL_WIDTH: f64 = 2.0 * 1.959_963_984_540_054;

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

impl Outcome {
    /// Whether more rows or more time could tell more.
    fn is_undecided(self) -> bool {
        match self {
            Outcome::NoTime => true,
            Outcome::Refitted { refit, is_whole } => {
                !is_whole && refit.interval[0] <= 0.0 && refit.interval[1] >= 0.0
            }
            Outcome::Useless => false,
        }
    }
}

/// Refits the guide without features once, and with each feature that is asked about.
pub(in crate::discover) struct Refitter<'a> {
    rows: &'a Guided,
    space: &'a EmbeddingSpace,
    trials: &'a [Trial],
    options: PredictorOptions,
    budget: &'a Budget,
}

/// Predictions without a feature, trial by trial, of one plan.
struct Without {
    plan: Plan,
    predicted: Vec<Prediction>,
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
        if features.is_empty() {
            return Ok(outcomes);
        }
        let mut stopped = false;
        let sink = &mut |event: &Event| {
            let flow = sink(event);
            stopped |= flow.is_break();
            flow
        };
        let Some((mut without, n_features, pace)) = self.begin(features.len(), sink)? else {
            return Ok(outcomes);
        };
        let mut asked: Vec<usize> = (0..n_features).collect();
        for round in 0..MOST_ROUNDS {
            for (place, i) in asked.iter().copied().enumerate() {
                let (name, array) = features[i];
                // The surest first, and whole: what is left of the time is the next one's.
                let n_behind = asked.len() - place - 1;
                let found = self.refit(name, array, &mut without, n_behind, sink)?;
                if round == 0 || found != Outcome::NoTime {
                    outcomes[i] = found;
                }
            }
            // What few rows did not decide, more may, as long as there is time for all of them.
            let undecided = |i: &usize| outcomes[*i].is_undecided();
            let open: Vec<usize> = (0..features.len()).filter(undecided).collect();
            let Some((plan, n)) = self.work().larger_fitting(without.plan, open.len(), pace, self.left())
            else {
                break;
            };
            asked = open.into_iter().take(n).collect();
            without = Without { plan, predicted: Vec::new() };
        }
        // What a stopped graft or fit says would say less than it seems.
        if stopped {
            let refitted = |o: &&mut Outcome| matches!(o, Outcome::Refitted { is_whole: false, .. });
            outcomes.iter_mut().filter(refitted).for_each(|o| *o = Outcome::NoTime);
        }
        Ok(outcomes)
    }

    /// Decides how many features, trials and rows fit into the time. If by the guide's pace not everything
    /// fits, short fits are measured, from few rows to as many as seem to fit, and the plan made by that. The first fit
    /// of the plan is part of the result.
    fn begin(&self, n_features: usize, sink: &mut Sink<'_>) -> Result<Option<(Without, usize, Pace)>> {
        let work = self.work();
        let left = || self.left();
        let _ = sink(&Event::Task { name: "refitting without features".to_owned() });
        let whole = work.fitting(n_features, self.rows.pace.unwrap_or_default(), left(), true);
        let whole = whole.filter(|(plan, _)| plan.is_whole);
        let mut next = whole.or_else(|| Some((work.least()?, n_features)));
        let mut begun: Vec<Without> = Vec::new();
        let mut measured: Vec<(Duration, usize)> = Vec::new();
        for _ in 0..MOST_MEASURED {
            let Some((plan, n)) = next else { break };
            if let Some(i) = begun.iter().position(|without| without.plan == plan) {
                return Ok(Some((begun.swap_remove(i), n, Pace::of_fits(&measured))));
            }
            let start = self.budget.elapsed();
            let most = start + left().mul_f64(MEASURED_SHARE);
            let fitted = self.predicted(self.space, &self.rows.table, plan, 0, most, sink)?;
            let took = self.budget.elapsed().saturating_sub(start);
            let n_rows = plan.cost(&self.trials[0], |r| self.class(*r));
            match fitted {
                Fitted::Stopped => return Ok(None),
                // Who knows how long it would have taken.
                Fitted::Late => {
                    next = work.fitting(n_features, Pace::of_fit(took.mul_f64(2.0), n_rows), left(), false);
                    continue;
                }
                Fitted::Done(predicted) => begun.push(Without { plan, predicted: vec![predicted] }),
            }
            measured.push((took, n_rows));
            let pace = Pace::of_fits(&measured);
            // One fit of few rows tells nothing of many: where it took little, a larger one is asked too.
            let larger = work.larger(plan).filter(|_| measured.len() == 1 && !plan.is_whole);
            next = match larger.filter(|_| took < left().mul_f64(LOOK_SHARE)) {
                Some(larger) => Some((larger, n)),
                None if plan.is_whole && work.rest_fits(plan, n, pace, left()) => Some((plan, n)),
                None => work.fitting(n_features, pace, left(), false),
            };
        }
        // What was measured last may be too much: the largest that fits is taken, or the least, for the surest alone.
        let pace = Pace::of_fits(&measured);
        begun
            .sort_by_key(|without| std::cmp::Reverse(without.plan.cost(&self.trials[0], |r| self.class(*r))));
        let fits = |n: usize| begun.iter().position(|without| work.rest_fits(without.plan, n, pace, left()));
        let chosen = (1..=n_features).rev().find_map(|n| Some((fits(n)?, n)));
        let (i, n) = chosen.unwrap_or((begun.len().saturating_sub(1), 1));
        Ok((i < begun.len()).then(|| (begun.swap_remove(i), n, pace)))
    }

    /// What may be refitted.
    fn work(&self) -> Work {
        Work::new(self.trials, |r| self.class(*r), self.rows.target.task() == Task::Binary)
    }

    /// Time until the end of all.
    fn left(&self) -> Duration {
        self.budget.until(self.budget.end())
    }

    /// One feature; `n_behind` others come after it.
    fn refit(
        &self,
        name: &str,
        array: &ArrayRef,
        without: &mut Without,
        n_behind: usize,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome> {
        let _ = sink(&Event::Task { name: format!("refitting with {name}") });
        let (plan, end) = (without.plan, self.budget.end());
        let table = self.rows.table.with_column(name, array.clone())?;
        let (mut cut, mut stopped) = (false, false);
        // What a graft or a fit tells of itself is none of the user's business here; stopping it is.
        let mut quiet = |_: &Event| {
            cut |= self.budget.is_past(end);
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
        let mut with: Vec<Prediction> = Vec::with_capacity(plan.n_trials);
        let mut steps = self.budget.steps();
        loop {
            let n_done = with.len();
            let end = match n_done < plan.n_trials {
                true => end,
                // More than was planned, in time that the features behind this one do not need.
                false if self.is_open(&without.predicted[..n_done], &with, plan)? => {
                    end.saturating_sub(steps.longest() * (plan.n_trials * n_behind) as u32)
                }
                false => break,
            };
            if n_done >= self.trials.len() || !steps.fits(end) {
                break;
            }
            if without.predicted.len() <= n_done {
                match self.predicted(self.space, &self.rows.table, plan, n_done, end, sink)? {
                    Fitted::Done(predicted) => without.predicted.push(predicted),
                    Fitted::Stopped | Fitted::Late => break,
                }
            }
            match self.predicted(&child, &table, plan, n_done, end, sink)? {
                Fitted::Done(predicted) => with.push(predicted),
                Fitted::Stopped | Fitted::Late => break,
            }
            let total = plan.n_trials.max(with.len());
            if sink(&Event::Progress { done: with.len(), total }).is_break() {
                break;
            }
        }
        // Most of one deal of the rows is the least.
        if with.len() < LEAST_TRIALS.min(plan.n_trials) {
            return Ok(Outcome::NoTime);
        }
        let refit = self.told_by(&without.predicted[..with.len()], &with, plan)?;
        Ok(Outcome::Refitted { refit, is_whole: plan.is_whole && with.len() >= plan.n_trials && !cut })
    }

    /// Whether the trials of a plan leave open if a feature that seems to help does. More deals of the rows may tell
    /// then, for single fits vary.
    fn is_open(&self, without: &[Prediction], with: &[Prediction], plan: Plan) -> Result<bool> {
        // Where only one deal is planned, more rows come first.
        let has_all_rows = plan.n_trials > N_FOLDS;
        if !has_all_rows || !with.len().is_multiple_of(N_FOLDS) {
            return Ok(has_all_rows);
        }
        let refit = self.told_by(without, with, plan)?;
        Ok(refit.effect > 0.0 && refit.interval[0] <= 0.0)
    }

    /// What the trials say that are done.
    fn told_by(&self, without: &[Prediction], with: &[Prediction], plan: Plan) -> Result<Refit> {
        let (n_done, ratio) = (with.len(), self.trials.first().map_or(1.0, |trial| plan.ratio(trial)));
        let (without, with) = (self.steadied(without)?, self.steadied(with)?);
        let differences: Vec<PairedDifference> =
            (0..n_done).filter_map(|i| self.difference(&without[i], &with[i], i)).collect();
        let gains: Vec<f64> = differences.iter().map(|d| d.difference).collect();
        let test = match &differences[..] {
            [_, _, ..] => {
                let variances = differences.iter().map(|d| ((d.high - d.low) / INTERVAL_WIDTH).powi(2));
                let row_variance = variances.sum::<f64>() / differences.len() as f64;
                let n_rows = self.rows.clusters.n_clusters();
                let rows = RowEvidence { row_variance, n_rows, n_parts: n_done.min(N_FOLDS) };
                nadeau_bengio_beside_rows(&gains, rows, ratio)?
            }
            _ => corrected(&gains, ratio)?,
        };
        Ok(Refit {
            effect: test.mean,
            interval: test.interval,
            p_value: test.p_value,
            n_splits: differences.len(),
        })
    }

    /// The predictions of each trial's test rows, where a row that several deals test is predicted by the mean of its
    /// fits: the chance of single fits is no part of what a feature brings, nor of how sure that is.
    fn steadied(&self, predicted: &[Prediction]) -> Result<Vec<Prediction>> {
        let n_outputs = self.rows.target.n_outputs();
        let mut sums: BTreeMap<usize, (Vec<f64>, f64)> = BTreeMap::new();
        for (trial, predicted) in self.trials.iter().zip(predicted) {
            for (r, values) in trial.test.iter().zip(predicted.values().chunks_exact(n_outputs)) {
                let (sum, n) = sums.entry(*r).or_insert_with(|| (vec![0.0; n_outputs], 0.0));
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                *n += 1.0;
            }
        }
        let mean = |r: &usize| {
            let of_row = sums.get(r).into_iter();
            of_row.flat_map(|(sum, n)| sum.iter().map(move |sum| sum / n)).collect::<Vec<f64>>()
        };
        let trials = self.trials.iter().take(predicted.len());
        trials.map(|trial| Prediction::new(trial.test.iter().flat_map(mean).collect(), n_outputs)).collect()
    }

    /// The space with the feature: trained with it, or for a short fit, whose learners read cells and not vectors, only
    /// told of it.
    fn grafted(&self, table: &Table, plan: Plan, sink: &mut Sink<'_>) -> Result<EmbeddingSpace> {
        // Without the target, which the space may not have heard of and would take for a new column.
        let table = table.without(&[self.rows.target.column().to_owned()])?;
        let training = TrainingOptions { seed: self.options.seed, ..TrainingOptions::default() };
        let options = ExtendOptions { training, ..ExtendOptions::default() };
        match plan.is_whole {
            true => self.space.extend(&table, None, &options, sink),
            false => self.space.preview_graft(&table, None, &options, sink),
        }
    }

    /// How the predictor is fitted: quickly where not everything can be done.
    fn options_of(&self, plan: Plan) -> PredictorOptions {
        let options = self.options.clone();
        match plan.is_whole {
            true => options,
            false => PredictorOptions { effort: Effort::Quick, n_networks: Some(plan.n_parts), ..options },
        }
    }

    /// How much better the test rows of a trial are predicted, on the same rows; none if the metric is not defined.
    fn difference(&self, without: &Prediction, with: &Prediction, i: usize) -> Option<PairedDifference> {
        let test = &self.trials[i].test;
        let y: Vec<f64> = test.iter().map(|r| self.rows.targets[*r]).collect();
        let of_row = self.rows.clusters.of_row();
        let own: Vec<u64> = test.iter().map(|r| u64::from(of_row[r - self.rows.n_discovery])).collect();
        let clusters = Clusters::new(&own, &own);
        let target = &self.rows.target;
        metric::compare(target.task(), &target.truth(&y), without, with, &clusters, self.options.seed).ok()
    }

    /// What is predicted of the test rows of one trial; a fit that does not end in time counts for nothing.
    fn predicted(
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
        // The thinned rows may lack a rare class, which then has no probability.
        let values = predicted.of_classes(self.rows.target.classes());
        Ok(Fitted::Done(Prediction::new(values, self.rows.target.n_outputs())?))
    }
}

/// How a fit ended.
enum Fitted {
    /// With what is predicted of the trial's test rows.
    Done(Prediction),
    /// The time is spent.
    Late,
    /// The user stopped it.
    Stopped,
}
