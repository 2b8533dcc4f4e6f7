//! What a user says of a training, whatever is trained, and what every training takes: both once.

use super::{Allowance, Computer, Device, Footprint, HeldFor, Sink, table_within};
use crate::error::{Error, Result};

/// Most epochs of a training.
const MOST_EPOCHS: usize = 10_000;
/// Most rows of a step.
const MOST_BATCH: usize = 65_536;

/// How to train: of a first training, a graft, a healing run after a prune, a trained merge and a
/// consolidation alike. Each of these says what it takes where nothing is said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingOptions {
    /// Epochs, 1 to 10,000; 0 as well for a healing run, which is then left out. Default: by what is trained.
    pub n_epochs: Option<usize>,
    /// Whether `n_epochs` is a ceiling: the training then ends before where the validation loss stops
    /// falling. Default true.
    pub auto_epochs: bool,
    /// Rows of a step, 1 to 65,536. Default: by the number of rows for a first training, else the parent's.
    pub batch_size: Option<usize>,
    /// Most bytes that the training may take, by the estimate of `train/memory.rs`; at least 1. Where it
    /// would take more, the cache of a frozen graft is left out and steps are halved, down to 16 rows,
    /// with notes. Default: no limit.
    pub memory_limit: Option<u64>,
    /// What trains. Default [`Device::Cpu`].
    pub device: Device,
    /// Seed of new weights, order, masks and dropout. Default 0.
    pub seed: u64,
}

impl TrainingOptions {
    /// The options of somebody who says nothing.
    pub const DEFAULT: TrainingOptions = TrainingOptions {
        n_epochs: None,
        auto_epochs: true,
        batch_size: None,
        memory_limit: None,
        device: Device::Cpu,
        seed: 0,
    };

    /// Most bytes of cells that the table of such a training may hold, if its memory is limited.
    pub fn most_bytes(&self) -> Option<u64> {
        self.memory_limit.map(|limit| table_within(limit, HeldFor::Training))
    }

    /// The defaults, with so many epochs.
    pub const fn of_epochs(n_epochs: usize) -> Self {
        TrainingOptions { n_epochs: Some(n_epochs), ..Self::DEFAULT }
    }

    /// Checks every range, of a training that has at least one epoch.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.check_from(1)
    }

    /// As [`TrainingOptions::check`], of a training that may be left out by 0 epochs.
    pub(crate) fn check_or_none(&self) -> Result<()> {
        self.check_from(0)
    }

    fn check_from(&self, least_epochs: usize) -> Result<()> {
        check_epochs(self.n_epochs, least_epochs)?;
        check_batch_size(self.batch_size)?;
        match self.memory_limit {
            Some(0) => Err(Error::option("option `memory_limit` is 0 bytes, allowed is 1 or more")),
            _ => Ok(()),
        }
    }
}

impl Default for TrainingOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Checks a number of epochs, which a user or a file gave.
pub(crate) fn check_epochs(n_epochs: Option<usize>, least: usize) -> Result<()> {
    match n_epochs {
        Some(n) if !(least..=MOST_EPOCHS).contains(&n) => {
            Err(Error::option(format!("option `n_epochs` is {n}, allowed is {least} to {MOST_EPOCHS}")))
        }
        _ => Ok(()),
    }
}

/// Checks the rows of a step, which a user or a file gave.
pub(crate) fn check_batch_size(batch_size: Option<usize>) -> Result<()> {
    match batch_size {
        Some(n) if !(1..=MOST_BATCH).contains(&n) => {
            Err(Error::option(format!("option `batch_size` is {n}, allowed is 1 to {MOST_BATCH}")))
        }
        _ => Ok(()),
    }
}

/// Options that were checked, and the device that was found for them: [`super::train`] takes nothing else.
#[derive(Debug, Clone)]
pub(crate) struct TrainingPlan {
    options: TrainingOptions,
    computer: Computer,
}

impl TrainingPlan {
    /// Checks the ranges and finds the device.
    ///
    /// # Errors
    /// As [`TrainingOptions::check`]; an option error if a GPU is asked for and none answers.
    pub fn new(options: &TrainingOptions, sink: &mut Sink<'_>) -> Result<Self> {
        options.check()?;
        Ok(TrainingPlan { options: *options, computer: options.device.find(sink)? })
    }

    /// Epochs, `usual` where the user says nothing.
    pub fn n_epochs(&self, usual: usize) -> usize {
        self.options.n_epochs.unwrap_or(usual)
    }

    /// Whether the epochs are a ceiling.
    pub fn auto_epochs(&self) -> bool {
        self.options.auto_epochs
    }

    /// Seed of order, masks and dropout.
    pub fn seed(&self) -> u64 {
        self.options.seed
    }

    /// What trains.
    pub(super) fn computer(&self) -> &Computer {
        &self.computer
    }

    /// How to train within the limit of memory, from steps of `batch_size` rows down, with notes.
    ///
    /// # Errors
    /// As [`Footprint::within`].
    pub fn allow(&self, footprint: &Footprint, batch_size: usize, sink: &mut Sink<'_>) -> Result<Allowance> {
        footprint.within(self.options.memory_limit, batch_size, sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is refused of these options.
    fn refusal(options: TrainingOptions) -> String {
        options.check().err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn ranges_are_told_with_the_option_and_its_value() {
        let usual = TrainingOptions::DEFAULT;
        assert_eq!(refusal(usual), "");
        for (options, expected) in [
            (TrainingOptions { n_epochs: Some(0), ..usual }, "option `n_epochs` is 0, allowed is 1 to 10000"),
            (
                TrainingOptions { n_epochs: Some(10_001), ..usual },
                "option `n_epochs` is 10001, allowed is 1 to 10000",
            ),
            (
                TrainingOptions { batch_size: Some(65_537), ..usual },
                "option `batch_size` is 65537, allowed is 1 to 65536",
            ),
            (
                TrainingOptions { memory_limit: Some(0), ..usual },
                "option `memory_limit` is 0 bytes, allowed is 1 or more",
            ),
        ] {
            assert_eq!(refusal(options), expected);
        }
        assert!(TrainingOptions { n_epochs: Some(0), ..usual }.check_or_none().is_ok());
        assert!(TrainingOptions { batch_size: Some(0), ..usual }.check_or_none().is_err());
    }

    #[test]
    fn nothing_out_of_range_becomes_a_plan() {
        let options = TrainingOptions { batch_size: Some(0), ..TrainingOptions::DEFAULT };
        assert!(TrainingPlan::new(&options, &mut |_| crate::train::Flow::Continue(())).is_err());
    }
}
