//! How much memory a command may take that trains nothing by steps.

use clap::Args;
use tabgraft_model::train::{HeldFor, table_within};

use super::training::parse_bytes;

/// A limit of memory, within which rows of a table are drawn.
#[derive(Debug, Clone, Copy, Args)]
pub struct LimitArgs {
    /// Most memory of the command, such as 800MB or 2GB: of a table that does not fit, rows are drawn evenly, and told
    /// [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    memory_limit: Option<u64>,
}

impl LimitArgs {
    /// Most bytes of a table that is held for this.
    pub fn most_bytes(self, held_for: HeldFor) -> Option<u64> {
        self.memory_limit.map(|limit| table_within(limit, held_for))
    }
}
