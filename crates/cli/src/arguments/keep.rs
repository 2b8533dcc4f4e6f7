//! Flags of [`Keep`].

use clap::{Args, ValueEnum};
use tabgraft_model::Keep;

use crate::failure::Failure;

/// Whether a graft has to prove itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Judging the graft")]
pub struct KeepArgs {
    /// What is kept
    #[arg(long, value_enum, default_value_t)]
    keep: KeepFlag,
    /// The column that parent and child have to predict; it never becomes a column of the child
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Judge on all rows, each by predictors that did not learn from it, not on test rows alone
    #[arg(long)]
    cross_fit: bool,
}

/// [`Keep`] as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum KeepFlag {
    /// The child, whatever it is worth.
    #[default]
    Always,
    /// The child, unless --target is predicted worse from it: then the parent, with a record of that.
    IfNotWorse,
}

impl KeepArgs {
    /// As the core takes it; predictors get their defaults and this seed.
    pub fn keep(&self, seed: u64) -> Result<Keep, Failure> {
        let is_judged = self.keep == KeepFlag::IfNotWorse;
        Ok(Keep::of(is_judged, self.target.clone(), self.cross_fit, seed)?)
    }
}
