//! Where a model goes.

use std::path::PathBuf;

use clap::Args;

/// The file of a model.
#[derive(Debug, Clone, Args)]
pub struct OutArgs {
    /// The file to write to
    #[arg(long = "out", short = 'o', value_name = "FILE")]
    pub path: PathBuf,
    /// Let a training that is stopped early replace an older file at --out too [default: its best state goes
    /// to a new file beside it]
    #[arg(long)]
    pub replace_if_interrupted: bool,
}
