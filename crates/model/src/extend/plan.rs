//! In which phases a graft trains.

use super::thaw::Parts;
use crate::space::{Freeze, Mode, Schedule};
use crate::train::{Ending, Watch};

/// Epochs without improvement after which a schedule by validation loss thaws the next part.
const FLAT_EPOCHS: usize = 2;
/// Learning rate while new weights alone train, against the space's own: few weights move, and from
/// nothing.
const NEW_WEIGHTS_FACTOR: f32 = 2.0;
/// Learning rate while old weights of a joint graft train, against the space's own: new weights go
/// on from little.
const ALL_WEIGHTS_FACTOR: f32 = 2.0;

/// One phase of a graft.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    pub name: &'static str,
    pub n_epochs: usize,
    /// Old weights that train beside the new ones.
    pub thawed: Parts,
    pub rate_factor: f32,
    pub decays: bool,
    pub watch: Watch,
    pub ending: Ending,
}

/// The phases of `n_epochs` epochs. A phase that would thaw nothing more than the one before it is
/// left out, and its epochs go to the others.
pub(super) fn stages(mode: Mode, freeze: &Freeze, n_epochs: usize, auto_epochs: bool) -> Vec<Stage> {
    let (new, all) = (Parts::NONE, Parts { tokens: true, trunk: true, heads: true });
    let wanted = match (mode, freeze.schedule) {
        (Mode::Frozen, _) => vec![("graft", new)],
        (_, Schedule::AtOnce) => vec![("new columns", new), ("all columns", all)],
        (_, Schedule::ByEpoch | Schedule::WhenFlat) => {
            vec![("new columns", new), ("trunk", Parts { tokens: false, ..all }), ("all columns", all)]
        }
    };
    let mut stages: Vec<(&'static str, Parts)> = Vec::new();
    for (name, parts) in wanted {
        let thawed = parts.without(freeze);
        if stages.last().is_none_or(|(_, before)| *before != thawed) {
            stages.push((name, thawed));
        }
    }
    let n = stages.len();
    let stages = stages.into_iter().enumerate().map(|(i, (name, thawed))| {
        let n_epochs = n_epochs * (i + 1) / n - n_epochs * i / n;
        let is_alone = thawed == Parts::NONE && mode != Mode::Frozen;
        Stage {
            name,
            n_epochs,
            thawed,
            rate_factor: if thawed == Parts::NONE { NEW_WEIGHTS_FACTOR } else { ALL_WEIGHTS_FACTOR },
            decays: !is_alone,
            watch: if is_alone { Watch::NewColumns } else { Watch::AllColumns },
            ending: match freeze.schedule {
                Schedule::ByEpoch if i + 1 < n => Ending::AllEpochs,
                Schedule::WhenFlat if i + 1 < n => Ending::AfterWorse(FLAT_EPOCHS),
                _ if auto_epochs && i + 1 < n => Ending::HandOver,
                _ if auto_epochs => Ending::WhenFlat,
                _ => Ending::AllEpochs,
            },
        }
    });
    stages.filter(|stage| stage.n_epochs > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(freeze: &Freeze, n_epochs: usize) -> Vec<(&'static str, usize)> {
        stages(Mode::Joint, freeze, n_epochs, true).iter().map(|s| (s.name, s.n_epochs)).collect()
    }

    #[test]
    fn epochs_are_dealt_without_rest() {
        for schedule in [Schedule::AtOnce, Schedule::ByEpoch, Schedule::WhenFlat] {
            let freeze = Freeze { schedule, ..Freeze::default() };
            for n in 1..40 {
                assert_eq!(names(&freeze, n).iter().map(|s| s.1).sum::<usize>(), n);
            }
        }
        assert_eq!(names(&Freeze::default(), 11), [("new columns", 5), ("all columns", 6)]);
        let gradual = Freeze { schedule: Schedule::ByEpoch, ..Freeze::default() };
        assert_eq!(names(&gradual, 12), [("new columns", 4), ("trunk", 4), ("all columns", 4)]);
    }

    #[test]
    fn only_the_last_phase_lets_the_rate_fall() {
        let endings = |mode, auto_epochs| {
            let stages = stages(mode, &Freeze::default(), 10, auto_epochs);
            stages.iter().map(|s| s.ending).collect::<Vec<_>>()
        };
        assert_eq!(endings(Mode::Joint, true), [Ending::HandOver, Ending::WhenFlat]);
        assert_eq!(endings(Mode::Anchored, true), [Ending::HandOver, Ending::WhenFlat]);
        assert_eq!(endings(Mode::Frozen, true), [Ending::WhenFlat]);
        assert_eq!(endings(Mode::Joint, false), [Ending::AllEpochs; 2]);
    }

    #[test]
    fn a_phase_that_thaws_nothing_more_is_left_out() {
        let everything = Freeze { tokens: true, trunk: true, heads: true, ..Freeze::default() };
        assert_eq!(names(&everything, 10), [("new columns", 10)]);
        let tokens = Freeze { tokens: true, schedule: Schedule::WhenFlat, ..Freeze::default() };
        assert_eq!(names(&tokens, 10), [("new columns", 5), ("trunk", 5)]);
    }
}
