//! How much a graft trains where nobody says it: by what it has to learn, not by its parent's epochs.
//!
//! A first training has to learn every column from nothing. A graft has a few columns to learn, beside a network
//! that knows the others, and what that takes does not grow with the table: a sample of the rows, a few times.
//! `docs/decisions/0032-grafts-by-need.md` has what was measured.

use crate::space::{EmbeddingSpace, Mode, Rows, Sample};
use crate::train::{Purpose, Sink, TrainingOptions, drawn, quiet};

/// Rows of an epoch: so many, and so many for each new column.
const ROWS: usize = 2048;
const ROWS_PER_NEW_COLUMN: usize = 1024;
/// Where old weights train too, so many more for each old column.
const ROWS_PER_OLD_COLUMN: usize = 256;
const MOST_ROWS: usize = 16_384;
/// Epochs of a graft whose epochs have all of their rows: of side networks, and of two phases.
const EPOCHS_OF_SIDES: usize = 5;
const EPOCHS_OF_ALL: usize = 6;
/// Most epochs where the table has fewer rows.
const MOST_EPOCHS: usize = 10;
/// Most validation rows that every epoch is measured on: enough to see that a loss is flat.
const WATCHED_ROWS: usize = 1024;
/// Most rows of a step: a graft has few steps, and learns more of them than of large ones.
const BATCH_ROWS: usize = 128;
/// Epochs of tokens of new levels whose epochs have all of their rows: tokens that learn alone need steps, and cost little.
const EPOCHS_OF_LEVELS: usize = 20;
/// Most epochs where new levels stand in few rows.
const MOST_EPOCHS_OF_LEVELS: usize = 60;
/// Ways of hiding old cells that a frozen parent is computed for; more cost more than they teach.
const VARIANTS: usize = 2;

/// How much a graft trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dose {
    /// Most epochs.
    pub n_epochs: usize,
    /// Rows of a step.
    pub batch_size: usize,
    /// Most rows of an epoch; none where it takes all.
    pub sample: Option<Sample>,
    /// Most ways of hiding old cells that a frozen parent is computed for.
    pub n_variants: usize,
}

impl Dose {
    /// The training rows of each epoch, and how many validation rows it is measured on at most.
    pub fn rows_of(&self, rows: &Rows) -> (Vec<usize>, usize) {
        let (n_train, n_valid) = self.sample.map_or((usize::MAX, usize::MAX), |s| (s.n_train, s.n_valid));
        (drawn(&rows.train, &rows.key, rows.share(n_train), Purpose::Training), n_valid)
    }

    /// Epochs in which the tokens of new levels learn alone, from so many rows; none where the user says how many epochs
    /// there are.
    pub fn epochs_of_levels(&self, n_rows: usize) -> Option<usize> {
        let n_train = self.sample?.n_train;
        let shown = EPOCHS_OF_LEVELS.saturating_mul(n_train);
        Some(shown.div_ceil(n_rows.clamp(1, n_train)).min(MOST_EPOCHS_OF_LEVELS))
    }
}

impl EmbeddingSpace {
    /// The dose of a graft of `n_new` columns onto this space, with `n_rows` rows to train on: as the user says, or
    /// else by need.
    pub(super) fn dose(
        &self,
        options: &TrainingOptions,
        mode: Mode,
        [n_new, n_rows]: [usize; 2],
        sink: &mut Sink<'_>,
    ) -> Dose {
        if options.n_epochs.is_some() || !options.auto_epochs {
            return self.dose_in_epochs(options, sink);
        }
        let [n_epochs, n_train] = by_need(mode, self.columns().len(), n_new, n_rows);
        Dose {
            n_epochs,
            batch_size: options.batch_size.unwrap_or(self.batch_size().min(BATCH_ROWS)),
            sample: Some(Sample { n_train, n_valid: WATCHED_ROWS }),
            n_variants: VARIANTS,
        }
    }

    /// The dose of a refresh with new levels in `n_new` columns and `n_rows` rows to train on: in mode `frozen` those
    /// that have one. New levels are to a refresh what new columns are to a graft.
    pub(super) fn dose_of_refresh(
        &self,
        options: &TrainingOptions,
        mode: Mode,
        [n_new, n_rows]: [usize; 2],
    ) -> Dose {
        let dose = self.dose(options, mode, [n_new, n_rows], &mut quiet);
        match dose.epochs_of_levels(n_rows) {
            Some(n_epochs) if mode == Mode::Frozen => Dose { n_epochs, ..dose },
            _ => dose,
        }
    }

    /// The dose of a graft of which the user says how many epochs it has, or that all are run: of all rows.
    pub(super) fn dose_in_epochs(&self, options: &TrainingOptions, sink: &mut Sink<'_>) -> Dose {
        Dose {
            n_epochs: self.graft_epochs(options, sink),
            batch_size: options.batch_size.unwrap_or(self.batch_size()),
            sample: None,
            n_variants: usize::MAX,
        }
    }
}

/// Most epochs, and most training rows of each.
fn by_need(mode: Mode, n_old: usize, n_new: usize, n_rows: usize) -> [usize; 2] {
    let (moved, n_epochs) = match mode {
        Mode::Frozen => (0, EPOCHS_OF_SIDES),
        Mode::Joint | Mode::Anchored => (n_old, EPOCHS_OF_ALL),
    };
    let wanted = ROWS
        .saturating_add(ROWS_PER_NEW_COLUMN.saturating_mul(n_new))
        .saturating_add(ROWS_PER_OLD_COLUMN.saturating_mul(moved))
        .min(MOST_ROWS);
    // A small table is shown more often.
    let n_epochs = (n_epochs * wanted).div_ceil(n_rows.clamp(1, wanted)).min(MOST_EPOCHS);
    [n_epochs, wanted]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dose_grows_with_what_is_to_be_learned_and_not_with_the_table() {
        assert_eq!(by_need(Mode::Frozen, 13, 2, 10_000), [5, 4096]);
        assert_eq!(by_need(Mode::Frozen, 13, 2, 10_000_000), [5, 4096]);
        assert_eq!(by_need(Mode::Frozen, 300, 2, 10_000), [5, 4096]);
        assert_eq!(by_need(Mode::Frozen, 13, 5, 10_000), [5, 7168]);
        assert_eq!(by_need(Mode::Joint, 13, 2, 10_000), [6, 7424]);
        assert_eq!(by_need(Mode::Anchored, 30, 2, 1_000_000), [6, 11_776]);
        assert_eq!(by_need(Mode::Joint, 90_000, 9_000, 1_000_000), [6, 16_384]);
    }

    #[test]
    fn a_small_table_is_shown_more_often_but_not_without_end() {
        assert_eq!(by_need(Mode::Frozen, 13, 2, 3000), [7, 4096]);
        assert_eq!(by_need(Mode::Frozen, 13, 2, 500), [10, 4096]);
        assert_eq!(by_need(Mode::Frozen, 13, 2, 0), [10, 4096]);
    }

    #[test]
    fn new_levels_in_few_rows_are_shown_more_often() {
        let sample = Some(Sample { n_train: 4096, n_valid: 1024 });
        let dose = Dose { n_epochs: 6, batch_size: 128, sample, n_variants: 2 };
        assert_eq!(
            [10_000, 4096, 2048, 100, 0].map(|n| dose.epochs_of_levels(n).unwrap()),
            [20, 20, 40, 60, 60]
        );
        assert_eq!(Dose { sample: None, ..dose }.epochs_of_levels(100), None);
    }
}
