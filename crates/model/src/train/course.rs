//! How a phase goes: the learning rate of each step, and the epoch that ends it.

use serde::{Deserialize, Serialize};

use super::StopReason;

/// Tenths of a phase's planned epochs in which the rate of [`Ending::WhenFlat`] falls, rounded down: of
/// five epochs one is enough.
const DESCENT_TENTHS: usize = 3;
/// A loss that has not fallen by this share of itself within an epoch is flat.
const FLAT: f64 = 0.02;
/// Share of the planned steps that the learning rate rises first.
const WARM_UP: f64 = 0.1;

/// When a phase ends, and how its learning rate falls to 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// After all planned epochs; the rate falls along half a cosine over them.
    AllEpochs,
    /// The same, or after so many epochs without a better loss.
    AfterWorse(usize),
    /// The rate stays at its peak until the loss is flat, or until the last three tenths of the planned
    /// epochs begin, and then falls in a straight line for as long as those. A cosine would go on
    /// winning a little in every epoch until its end, so that patience saves nothing (Hu et al. 2024,
    /// arXiv:2404.06395, section 4, has this course).
    WhenFlat,
    /// The rate stays at its peak until the loss is flat or all planned epochs are done: another phase
    /// follows, whose rate rises again, so that a descent would be lost on this one.
    HandOver,
}

impl Ending {
    /// How a training of all weights ends, whose epochs are a ceiling or not: after a fifth of them without a
    /// better loss.
    pub fn of_all_weights(auto_epochs: bool, n_epochs: usize) -> Self {
        match auto_epochs {
            true => Ending::AfterWorse((n_epochs / 5).max(3)),
            false => Ending::AllEpochs,
        }
    }

    /// Epochs without a better loss that end the phase, or let the rate fall; `None` if nothing does.
    pub fn patience(self) -> Option<usize> {
        match self {
            Ending::AllEpochs => None,
            Ending::AfterWorse(n) => Some(n),
            Ending::WhenFlat | Ending::HandOver => Some(1),
        }
    }
}

/// The course of one phase.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Course {
    ending: Ending,
    peak: f32,
    n_planned: usize,
    /// Epochs that it will run, as far as is known.
    n_epochs: usize,
    /// Least loss so far.
    least: Option<f64>,
    worse_epochs: usize,
}

impl Course {
    pub fn new(ending: Ending, peak: f32, n_planned: usize) -> Self {
        Course { ending, peak, n_planned, n_epochs: n_planned, least: None, worse_epochs: 0 }
    }

    /// The learning rate of a step of an epoch of `n_steps`, both from 0.
    ///
    /// Linear warm-up over a tenth of the steps, then down to 0: along half a cosine (Loshchilov &
    /// Hutter 2017, arXiv:1608.03983, one period), late and in a straight line, or not at all.
    pub fn rate(&self, epoch: usize, step: usize, n_steps: usize) -> f32 {
        let (step, n_planned) = (epoch * n_steps + step, self.n_planned * n_steps);
        let warm = ((n_planned as f64 * WARM_UP) as usize).max(1);
        let share = if step < warm {
            (step + 1) as f64 / warm as f64
        } else if self.ending == Ending::HandOver {
            1.0
        } else if self.ending == Ending::WhenFlat {
            let left = (self.n_epochs * n_steps).saturating_sub(step);
            (left as f64 / (self.descent() * n_steps) as f64).min(1.0)
        } else {
            let t = (step - warm) as f64 / (n_planned - warm).max(1) as f64;
            0.5 * (1.0 + (std::f64::consts::PI * t).cos())
        };
        (f64::from(self.peak) * share) as f32
    }

    /// Takes note of an epoch's loss, if there are validation rows; says why the phase ends here, if it
    /// does.
    pub fn end(&mut self, epoch: usize, loss: Option<f64>) -> Option<StopReason> {
        // Without validation rows there never is a loss; one that is gone is none that fell.
        let falls_by = |share: f64| match (loss, self.least) {
            (Some(loss), Some(least)) => loss < least * (1.0 - share),
            (loss, least) => loss.is_some() || least.is_none(),
        };
        let is_flat = !falls_by(FLAT);
        self.worse_epochs = if falls_by(0.0) { 0 } else { self.worse_epochs + 1 };
        if falls_by(0.0) {
            self.least = loss;
        }
        let n_done = epoch + 1;
        match self.ending {
            Ending::AfterWorse(n) if self.worse_epochs >= n => return Some(StopReason::NoImprovement),
            Ending::HandOver if is_flat => return Some(StopReason::NoImprovement),
            Ending::WhenFlat if is_flat => self.n_epochs = self.n_epochs.min(n_done + self.descent()),
            _ => {}
        }
        (n_done >= self.n_epochs).then_some(match self.n_epochs < self.n_planned {
            true => StopReason::NoImprovement,
            false => StopReason::AllEpochs,
        })
    }

    /// Epochs in which the rate falls, at least 1.
    fn descent(&self) -> usize {
        (self.n_planned * DESCENT_TENTHS / 10).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(course: &Course) -> Vec<f32> {
        (0..course.n_epochs)
            .flat_map(|e| (0..10).map(move |s| (e, s)))
            .map(|(e, s)| course.rate(e, s, 10))
            .collect()
    }

    /// Runs a course over these losses: the epochs that were run, and why it ended.
    fn run(ending: Ending, n_planned: usize, losses: &[f64]) -> (usize, Option<StopReason>) {
        let mut course = Course::new(ending, 1.0, n_planned);
        let ends = losses.iter().enumerate().map(|(e, loss)| (e + 1, course.end(e, Some(*loss))));
        ends.into_iter().find(|(_, reason)| reason.is_some()).unwrap_or((losses.len(), None))
    }

    #[test]
    fn a_cosine_rises_to_its_peak_and_falls_to_nothing() {
        for ending in [Ending::AllEpochs, Ending::AfterWorse(3)] {
            let rates = rates(&Course::new(ending, 1.0, 10));
            assert!(rates[..10].is_sorted() && rates[9] == 1.0);
            assert!(rates[10..].is_sorted_by(|a, b| a >= b) && rates[99] < 0.01);
        }
        assert!(Course::new(Ending::AllEpochs, 1.0, 1).rate(0, 0, 1) > 0.0);
    }

    #[test]
    fn a_rate_that_waits_falls_once_the_loss_is_flat() {
        let mut course = Course::new(Ending::WhenFlat, 1.0, 10);
        assert!(rates(&course)[9..70].iter().all(|r| *r == 1.0) && rates(&course)[99] < 0.04);
        for (epoch, loss) in [1.0, 0.9, 0.8].into_iter().enumerate() {
            assert_eq!(course.end(epoch, Some(loss)), None);
        }
        assert_eq!((course.end(3, Some(0.795)), course.n_epochs), (None, 7));
        let rates = rates(&course);
        assert!(rates[9..41].iter().all(|r| *r == 1.0));
        assert!(rates[41..].is_sorted_by(|a, b| a > b) && rates[69] < 0.04);
        // A fall on the way down does not make it longer.
        assert_eq!(course.end(4, Some(0.7)), None);
        assert_eq!(course.end(5, Some(0.7)), None);
        assert_eq!(course.end(6, Some(0.7)), Some(StopReason::NoImprovement));
    }

    #[test]
    fn a_rate_that_is_handed_over_never_falls() {
        let course = Course::new(Ending::HandOver, 1.0, 10);
        assert!(rates(&course)[9..].iter().all(|r| *r == 1.0));
    }

    #[test]
    fn a_short_phase_has_a_short_descent() {
        let course = Course::new(Ending::WhenFlat, 1.0, 5);
        assert!(rates(&course)[4..40].iter().all(|r| *r == 1.0) && rates(&course)[49] < 0.11);
    }

    #[test]
    fn a_phase_ends_for_the_reason_that_it_gives() {
        let (falling, flat): (Vec<f64>, Vec<f64>) =
            ((1..11).map(|e| 1.0 / f64::from(e)).collect(), vec![1.0; 10]);
        assert_eq!(run(Ending::AllEpochs, 10, &flat), (10, Some(StopReason::AllEpochs)));
        assert_eq!(run(Ending::AfterWorse(3), 10, &flat), (4, Some(StopReason::NoImprovement)));
        assert_eq!(run(Ending::WhenFlat, 10, &flat), (5, Some(StopReason::NoImprovement)));
        assert_eq!(run(Ending::WhenFlat, 5, &flat), (3, Some(StopReason::NoImprovement)));
        assert_eq!(run(Ending::HandOver, 10, &flat), (2, Some(StopReason::NoImprovement)));
        for ending in [Ending::AllEpochs, Ending::AfterWorse(3), Ending::WhenFlat, Ending::HandOver] {
            assert_eq!(run(ending, 10, &falling), (10, Some(StopReason::AllEpochs)));
        }
        assert_eq!(run(Ending::WhenFlat, 1, &flat), (1, Some(StopReason::AllEpochs)));
        let mut lost = Course::new(Ending::AfterWorse(2), 1.0, 9);
        assert_eq!(
            [Some(1.0), None, Some(1.5)].map(|loss| lost.end(0, loss).is_some()),
            [false, false, true]
        );
        let mut blind = Course::new(Ending::WhenFlat, 1.0, 4);
        assert!((0..3).all(|e| blind.end(e, None).is_none()));
        assert_eq!(blind.end(3, None), Some(StopReason::AllEpochs));
    }
}
