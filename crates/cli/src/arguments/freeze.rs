//! Flags of [`Freeze`].

use clap::{Args, ValueEnum};
use tabgraft_model::{EmbeddingSpace, Freeze, Schedule};

use super::column_names;

/// Which old weights stay frozen in modes `joint` and `anchored`, and when the others are thawed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Freezing, in modes joint and anchored")]
pub struct FreezeArgs {
    /// Parts of the parent that stay frozen, separated by commas
    #[arg(long, value_enum, value_name = "PARTS", value_delimiter = ',')]
    freeze: Vec<PartFlag>,
    /// Old columns whose tokens stay frozen, separated by commas; may be repeated
    #[arg(long = "freeze-column", value_name = "COLUMN")]
    columns: Vec<String>,
    /// When the parts that do not stay frozen are thawed
    #[arg(long, value_enum, default_value_t)]
    thaw: ScheduleFlag,
}

/// One part of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PartFlag {
    /// Tables of old columns and their way into the trunk.
    Tokens,
    /// The blocks that turn tokens into a vector.
    Trunk,
    /// What predicts old columns from a vector.
    Heads,
}

/// [`Schedule`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ScheduleFlag {
    /// All at once, after half of the epochs.
    #[default]
    AtOnce,
    /// Trunk and heads after a third of the epochs, old tokens after two thirds.
    ByEpoch,
    /// The same, but each as soon as the validation loss stops falling.
    WhenFlat,
}

impl FreezeArgs {
    /// As the core takes them; it checks the names, which are columns of `parent`.
    pub fn freeze(&self, parent: &EmbeddingSpace) -> Freeze {
        Freeze {
            tokens: self.freeze.contains(&PartFlag::Tokens),
            trunk: self.freeze.contains(&PartFlag::Trunk),
            heads: self.freeze.contains(&PartFlag::Heads),
            columns: column_names(&self.columns, |name| parent.columns().iter().any(|c| c.name == name)),
            schedule: match self.thaw {
                ScheduleFlag::AtOnce => Schedule::AtOnce,
                ScheduleFlag::ByEpoch => Schedule::ByEpoch,
                ScheduleFlag::WhenFlat => Schedule::WhenFlat,
            },
        }
    }
}
