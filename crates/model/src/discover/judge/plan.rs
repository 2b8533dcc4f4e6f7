//! How much of a refit fits into the time that is left.

use std::collections::BTreeMap;
use std::time::Duration;

use super::court::{N_FOLDS, Trial};

/// Trials that are refitted, from the first: two deals of the judging rows, or one if time is short.
const N_TRIALS: usize = 2 * N_FOLDS;
/// Most rows that a whole refit learns from; of more, every second, third ... of the trial's rows is taken.
const WHOLE_ROWS: usize = 10_000;
/// Those of short ones, which cost less: as many as there is time for, and fewer than [`LEAST_ROWS_EACH`] only for one
/// feature alone.
const SHORT_ROWS: [usize; 7] = [40_000, 20_000, 10_000, 5000, 2500, 1250, 625];
const LEAST_ROWS_EACH: usize = 2500;
/// Rows that a class has at least among thinned rows.
const LEAST_OF_A_CLASS: usize = 30;
/// Epochs that a network is taken to need where its training was cut short before.
const USUAL_EPOCHS: f64 = 30.0;
/// Part of the time that is planned: fits differ, and the grafts come on top.
const PLANNED_SHARE: f64 = 0.9;

/// Least part of what a fit took that its rows took: of fits of few rows, most goes to what is done once.
const LEAST_ROW_SHARE: f64 = 0.6;

/// Parts of a short fit that is to be steady.
const STEADY_PARTS: usize = 3;
/// Rows of a second fit that is measured, over those of the first.
const TIMES_MORE: usize = 4;

/// What a fit takes: seconds whatever it learns from, and seconds for each row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::discover) struct Pace {
    once: f64,
    each: f64,
}

impl Pace {
    /// By a fit that was measured.
    pub fn of_fit(took: Duration, n_rows: usize) -> Self {
        Pace { once: 0.0, each: took.as_secs_f64() / n_rows.max(1) as f64 }
    }

    /// By fits that were measured, with the rows of each: the last two tell what is done once from what each row takes.
    pub fn of_fits(fits: &[(Duration, usize)]) -> Self {
        let [.., (before, n_before), (took, n_rows)] = *fits else {
            return fits.first().map_or_else(Pace::default, |(took, n_rows)| Pace::of_fit(*took, *n_rows));
        };
        let (took, n_rows) = (took.as_secs_f64(), n_rows.max(1) as f64);
        let (more_time, more_rows) = (took - before.as_secs_f64(), n_rows - n_before as f64);
        let slope = if more_rows == 0.0 { 0.0 } else { more_time / more_rows };
        let each = slope.clamp(LEAST_ROW_SHARE * took / n_rows, took / n_rows);
        Pace { once: (took - each * n_rows).max(0.0), each }
    }

    /// By the guide's training, which was cut short after `n_epochs` if a number is given.
    pub fn of_guide(took: Duration, n_rows: usize, n_epochs: Option<f64>) -> Self {
        let pace = Self::of_fit(took, n_rows);
        Pace { each: pace.each * n_epochs.map_or(1.0, |n| (USUAL_EPOCHS / n.max(1.0)).max(1.0)), ..pace }
    }
}

/// What every feature is refitted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub n_trials: usize,
    /// Every so many-th row of a trial is learned from.
    step: usize,
    /// Parts that a short fit stops on, each with learners of its own: more of them are steadier.
    pub n_parts: usize,
    /// Whether of two classes the rarer one keeps its rows, up to half of those that are left: a ranking does not
    /// depend on how many there are of each, and how well it can be told does.
    is_balanced: bool,
    /// Whether nothing is left out for lack of time.
    pub is_whole: bool,
}

impl Plan {
    /// The rows of a trial that a refit learns from, by the class of each row.
    pub fn learned(self, trial: &Trial, class: impl Fn(&usize) -> u32) -> Vec<usize> {
        let n_learned = trial.learn.len().div_ceil(self.step);
        if !self.is_balanced || self.step == 1 {
            return trial.learn.iter().copied().step_by(self.step).collect();
        }
        let first = trial.learn.first().map(&class);
        let (a, b): (Vec<usize>, Vec<usize>) = trial.learn.iter().partition(|r| Some(class(r)) == first);
        let n_rarer = a.len().min(b.len()).min(n_learned / 2);
        let n_a = if a.len() <= b.len() { n_rarer } else { n_learned - n_rarer };
        let mut learned = [evenly(&a, n_a), evenly(&b, n_learned - n_a)].concat();
        learned.sort_unstable();
        learned
    }

    /// Rows that a fit goes through, each as often as there are parts.
    pub fn cost(self, trial: &Trial, class: impl Fn(&usize) -> u32) -> usize {
        self.learned(trial, class).len() * self.n_parts
    }

    /// Test rows over the rows that a refit learns from, which the interval of a refit rests on: thinned
    /// rows are fewer, and what was learned from them varies more.
    pub fn ratio(self, trial: &Trial) -> f64 {
        trial.test.len() as f64 / trial.learn.len().div_ceil(self.step).max(1) as f64
    }
}

/// So many of these rows, evenly over all of them.
fn evenly(rows: &[usize], n: usize) -> Vec<usize> {
    (0..n).map(|i| rows[i * rows.len() / n]).collect()
}

/// The plans for some trials, from whole to least.
pub(super) struct Work {
    /// With the rows that a fit goes through.
    plans: Vec<(Plan, usize)>,
}

impl Work {
    /// `class` of a row; rows of numbers are all of few classes. `is_ranked`: there are two, and what counts is how
    /// well one is ranked above the other.
    pub fn new(trials: &[Trial], class: impl Fn(&usize) -> u32, is_ranked: bool) -> Self {
        let Some(trial) = trials.first() else { return Work { plans: Vec::new() } };
        let n_trials = trials.len().min(N_TRIALS);
        let of = |most: usize, is_whole: bool| {
            let step = trial.learn.len().div_ceil(most).max(1);
            let n_trials = if is_whole { n_trials } else { n_trials.min(N_FOLDS) };
            let plan = Plan { n_trials, step, n_parts: 1, is_balanced: is_ranked, is_whole };
            (plan, plan.learned(trial, &class))
        };
        let (whole, learned) = of(WHOLE_ROWS, true);
        let mut plans = vec![(whole, learned.len())];
        // Of few rows, all trials and steadier fits take little.
        if whole.step == 1 {
            let steady = Plan { n_parts: STEADY_PARTS, is_whole: false, ..whole };
            plans.push((steady, STEADY_PARTS * learned.len()));
        }
        let n_before = plans.len();
        for most in SHORT_ROWS {
            let (short, learned) = of(most, false);
            let is_known = plans.iter().any(|(plan, _)| *plan == short);
            // The first has all rows that there may be.
            let is_enough = plans.len() == n_before || has_enough_of_each_class(&learned, trial, &class);
            if !is_known && is_enough {
                plans.push((short, learned.len()));
            }
        }
        Work { plans }
    }

    /// The plan, and for how many of the features, that fits into the time: more features before more rows
    /// where each has enough of them. What a quick fit took says nothing of whole ones, which then may not be
    /// `or_whole`.
    pub fn fitting(
        &self,
        n_features: usize,
        pace: Pace,
        left: Duration,
        or_whole: bool,
    ) -> Option<(Plan, usize)> {
        let most_rows = self.plans.first().map_or(0, |(_, n_rows)| *n_rows);
        let enough = LEAST_ROWS_EACH.min(most_rows);
        (1..=n_features).rev().find_map(|n| {
            let mut plans = self
                .plans
                .iter()
                .filter(|(plan, n_rows)| (or_whole || !plan.is_whole) && (n == 1 || 2 * n_rows > enough));
            let fits = |(plan, n_rows): &&(Plan, usize)| takes(plan.n_trials * (n + 1), *n_rows, pace, left);
            plans.find(fits).map(|(plan, _)| (*plan, n))
        })
    }

    /// The plan of short fits of more rows than `plan` that fits into the time, and for how many of the features: more
    /// features before more rows.
    pub fn larger_fitting(
        &self,
        plan: Plan,
        n_features: usize,
        pace: Pace,
        left: Duration,
    ) -> Option<(Plan, usize)> {
        let i = self.plans.iter().position(|(p, _)| *p == plan)?;
        (1..=n_features).rev().find_map(|n| {
            let fits = |(plan, n_rows): &&(Plan, usize)| {
                !plan.is_whole && takes(plan.n_trials * (n + 1), *n_rows, pace, left)
            };
            self.plans[..i].iter().find(fits).map(|(plan, _)| (*plan, n))
        })
    }

    /// The plan of the fewest trials and rows.
    pub fn least(&self) -> Option<Plan> {
        self.plans.last().map(|(plan, _)| *plan)
    }

    /// The plan of short fits of some times as many rows: far enough to tell what a row takes.
    pub fn larger(&self, plan: Plan) -> Option<Plan> {
        let n_rows = self.plans.iter().find(|(p, _)| *p == plan)?.1;
        let short = self.plans.iter().rev().filter(|(p, _)| !p.is_whole);
        short.map(|(p, n)| (*p, *n)).find(|(_, n)| *n >= TIMES_MORE * n_rows).map(|(p, _)| p)
    }

    /// Whether what is left of a plan after its first fit fits into the time, or nothing less could be done.
    pub fn rest_fits(&self, plan: Plan, n_features: usize, pace: Pace, left: Duration) -> bool {
        let n_rows = self.plans.iter().find(|(p, _)| *p == plan).map_or(0, |(_, n_rows)| *n_rows);
        takes(plan.n_trials * (n_features + 1) - 1, n_rows, pace, left)
    }
}

/// Whether so many fits fit into the time.
fn takes(n_fits: usize, n_rows: usize, pace: Pace, left: Duration) -> bool {
    (pace.once + pace.each * n_rows as f64) * n_fits as f64 <= PLANNED_SHARE * left.as_secs_f64()
        && !left.is_zero()
}

/// Whether each class that a trial has enough of has enough of it left.
fn has_enough_of_each_class(learned: &[usize], trial: &Trial, class: &impl Fn(&usize) -> u32) -> bool {
    let count = |rows: &[usize]| {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        rows.iter().for_each(|r| *counts.entry(class(r)).or_default() += 1);
        counts
    };
    let left = count(learned);
    let all = count(&trial.learn);
    all.iter().all(|(c, n)| left.get(c).copied().unwrap_or(0) >= LEAST_OF_A_CLASS.min(*n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(n_learn: usize) -> Trial {
        Trial { learn: (0..n_learn).collect(), test: (0..1000).collect() }
    }

    fn seconds(s: f64) -> Duration {
        Duration::from_secs_f64(s)
    }

    #[test]
    fn the_ratio_of_a_refit_is_that_of_the_rows_it_learned_from() {
        let whole = |n_learn: usize| Work::new(&vec![trial(n_learn); 20], |_| 0, false).plans[0];
        let (plan, n_rows) = whole(4000);
        assert_eq!((n_rows, plan.ratio(&trial(4000))), (4000, 0.25));
        // Of 24,000 rows every third is learned from.
        let (plan, n_rows) = whole(24_000);
        assert_eq!((n_rows, plan.ratio(&trial(24_000))), (8000, 0.125));
        assert!(plan.is_whole && plan.n_trials == 10);
    }

    #[test]
    fn the_less_time_the_fewer_trials_rows_and_features() {
        let work = Work::new(&vec![trial(8000); 20], |r| (*r / 16 % 2) as u32, false);
        // A fit of all rows takes 8 seconds: the ten of a feature and those without take 160.
        let pace = Pace::of_fit(seconds(8.0), 8000);
        let of = |n_features, time| {
            let (plan, n) = work.fitting(n_features, pace, seconds(time), true)?;
            Some((n, plan.n_trials, plan.learned(&trial(8000), |_| 0).len(), plan.is_whole))
        };
        assert_eq!(of(2, 1000.0), Some((2, 10, 8000, true)));
        assert_eq!(of(2, 200.0), Some((2, 5, 8000, false)));
        assert_eq!(of(2, 100.0), Some((2, 5, 4000, false)));
        assert_eq!(of(2, 30.0), Some((1, 5, 2000, false)));
        assert_eq!(of(1, 9.0), Some((1, 5, 616, false)));
        assert_eq!(of(1, 1.0), None);
        // Of few rows there is time for all trials and for fits that are steadier.
        let few = Work::new(&vec![trial(1500); 20], |r| (*r / 16 % 2) as u32, false);
        let (steady, n) = few.fitting(1, pace, seconds(200.0), false).unwrap();
        assert_eq!((steady.n_parts, steady.n_trials, n), (STEADY_PARTS, 10, 1));
        // What the plan of 2000 rows did not decide goes on with more, where there is time for that.
        let (small, _) = work.fitting(1, pace, seconds(30.0), true).unwrap();
        let more =
            |n, time| work.larger_fitting(small, n, pace, seconds(time)).map(|(plan, n)| (n, plan.step));
        assert_eq!(
            (more(2, 200.0), more(2, 100.0), more(2, 60.0), more(2, 40.0)),
            (Some((2, 1)), Some((2, 2)), Some((1, 2)), None)
        );
        assert_eq!(of(1, 0.0), None);
    }

    #[test]
    fn what_a_fit_does_once_is_not_taken_for_what_its_rows_take() {
        let of = |fits: &[(f64, usize)]| {
            Pace::of_fits(&fits.iter().map(|(s, n)| (seconds(*s), *n)).collect::<Vec<_>>())
        };
        assert_eq!(of(&[(1.0, 500)]), Pace::of_fit(seconds(1.0), 500));
        let both = of(&[(1.0, 500), (2.0, 1500)]);
        assert!((both.each - 0.001).abs() < 1e-9 && (both.once - 0.5).abs() < 1e-9, "{both:?}");
        // A noisy clock does not make rows cost nothing, nor less than nothing the rest.
        assert!(of(&[(1.0, 500), (0.8, 1500)]).each > 0.0);
        assert!(of(&[(0.1, 500), (3.0, 1500)]).once >= 0.0);
    }

    #[test]
    fn rows_are_thinned_only_as_far_as_every_class_stays() {
        let rare = Work::new(&vec![trial(8000); 20], |r| u32::from(r % 101 == 0), false);
        let fewest = rare.plans.iter().map(|(_, n_rows)| *n_rows).min();
        assert_eq!(fewest, Some(4000), "80 rows of the rare class become 40, not 20");
    }

    #[test]
    fn where_ranks_count_a_rare_class_keeps_its_rows() {
        let class = |r: &usize| u32::from(r.is_multiple_of(20));
        let work = Work::new(&vec![trial(36_000); 20], class, true);
        let counts = |plan: Plan| {
            let learned = plan.learned(&trial(36_000), class);
            assert!(learned.windows(2).all(|pair| pair[0] < pair[1]), "each row once");
            (learned.len(), learned.iter().filter(|r| class(r) == 1).count())
        };
        assert_eq!(counts(work.plans[0].0), (9000, 1800), "all 1800 rows of the rare class");
        assert_eq!(counts(work.least().unwrap()), (621, 310));
        assert_eq!(counts(Plan { step: 1, ..work.plans[0].0 }), (36_000, 1800));
    }

    #[test]
    fn a_guide_that_was_cut_short_is_taken_to_need_the_usual_epochs() {
        let whole = Pace::of_guide(seconds(9.0), 1000, None);
        assert_eq!(Pace::of_guide(seconds(9.0), 1000, Some(10.0)).each, 3.0 * whole.each);
        assert_eq!(Pace::of_guide(seconds(9.0), 1000, Some(60.0)), whole);
    }
}
