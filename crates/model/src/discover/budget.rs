//! The time of a run: a clock that a test can set, and what each step may take of the budget.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;

use super::DiscoverOptions;
use super::remember::history::Guide;

/// A predictor that guides may train until this share of the time is spent.
const GUIDE_END: f64 = 0.35;
/// The search may take this share of the time that is left for search and judging.
const SEARCH_SHARE: f64 = 0.6;
/// From this share of the time on nothing is begun but confirming, where there is something to confirm.
const CONFIRM_FROM: f64 = 0.65;

/// Tells how much time has passed since a moment of its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// The clock on the wall.
    pub fn wall() -> Self {
        let start = Instant::now();
        Clock(Arc::new(move || start.elapsed()))
    }

    /// A clock that says what `time` says; it never goes back. A search then ends by counted steps, on
    /// every machine alike.
    pub fn by(time: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Clock(Arc::new(time))
    }
}

/// The budget of a run. Its moments are times since the run began.
pub(super) struct Budget {
    clock: Clock,
    start: Duration,
    whole: Duration,
    /// Whether time is kept for the refitted predictor.
    confirms: bool,
}

impl Budget {
    /// Begins now.
    ///
    /// # Errors
    /// As [`DiscoverOptions::check`].
    pub fn start(clock: &Clock, options: &DiscoverOptions) -> Result<Self> {
        options.check()?;
        Ok(Budget {
            start: (clock.0)(),
            clock: clock.clone(),
            whole: Duration::from_secs_f64(options.budget_s.min(1e9)),
            confirms: options.guide == Guide::Predictor,
        })
    }

    /// Time since the run began.
    pub fn elapsed(&self) -> Duration {
        (self.clock.0)().saturating_sub(self.start)
    }

    /// Whether the moment has come.
    pub fn is_past(&self, moment: Duration) -> bool {
        self.elapsed() >= moment
    }

    /// Time until the moment.
    pub fn until(&self, moment: Duration) -> Duration {
        moment.saturating_sub(self.elapsed())
    }

    /// When everything ends.
    pub fn end(&self) -> Duration {
        self.whole
    }

    /// When the guide's training ends.
    pub fn guide_end(&self) -> Duration {
        self.whole.mul_f64(GUIDE_END)
    }

    /// When a search that begins now ends.
    pub fn search_end(&self) -> Duration {
        self.elapsed() + self.until(self.judging_end()).mul_f64(SEARCH_SHARE)
    }

    /// When judging ends, if something is to be confirmed.
    pub fn judging_end(&self) -> Duration {
        if self.confirms { self.whole.mul_f64(CONFIRM_FROM) } else { self.whole }
    }

    /// Steps of about one length, none of which has begun.
    pub fn steps(&self) -> Steps<'_> {
        Steps { budget: self, begun: None, longest: Duration::ZERO }
    }
}

/// Foretells the next of many like steps by the longest so far, so that none is begun that will not fit.
pub(super) struct Steps<'a> {
    budget: &'a Budget,
    begun: Option<Duration>,
    longest: Duration,
}

impl Steps<'_> {
    /// What the longest took of those that have ended.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// Whether another step fits before `end`; asked when one is to begin, and the one before has ended.
    /// The first one fits as long as there is time at all.
    pub fn fits(&mut self, end: Duration) -> bool {
        let now = self.budget.elapsed();
        if let Some(begun) = self.begun {
            self.longest = self.longest.max(now.saturating_sub(begun));
        }
        self.begun = Some(now);
        now < end && now + self.longest <= end
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_step_that_will_not_fit_is_not_begun() {
        let seconds = Arc::new(AtomicU64::new(5));
        let told = Arc::clone(&seconds);
        let clock = Clock::by(move || Duration::from_secs(told.load(Ordering::Relaxed)));
        let options = DiscoverOptions { budget_s: 20.0, ..DiscoverOptions::default() };
        let budget = Budget::start(&clock, &options).unwrap();
        let mut steps = budget.steps();
        let mut n_steps = 0;
        while steps.fits(budget.end()) {
            seconds.fetch_add(3, Ordering::Relaxed);
            n_steps += 1;
        }
        assert_eq!((n_steps, budget.elapsed()), (6, Duration::from_secs(18)));
        // A third of the time is kept for confirming, unless nothing is confirmed by a refit.
        assert_eq!(budget.judging_end(), Duration::from_secs(13));
        let linear = DiscoverOptions { guide: Guide::Linear, ..options };
        let budget = Budget::start(&clock, &linear).unwrap();
        assert_eq!(budget.judging_end(), budget.end());
    }
}
