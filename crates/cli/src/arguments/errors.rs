//! Flag of [`CellErrors`].

use clap::{Args, ValueEnum};
use tabgraft_table::unreadable::CellErrors;

/// What becomes of cells that cannot be read.
#[derive(Debug, Clone, Copy, Args)]
pub struct ErrorsArgs {
    /// What becomes of a cell that cannot be read as its column's kind, such as a word among numbers
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    errors: ErrorsFlag,
}

/// [`CellErrors`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ErrorsFlag {
    /// It is an error that names column, row and cell.
    #[default]
    Error,
    /// It counts as missing; how many there are, and the first, is told for each column.
    Missing,
}

impl ErrorsArgs {
    /// As the core takes it.
    pub fn errors(self) -> CellErrors {
        match self.errors {
            ErrorsFlag::Error => CellErrors::Error,
            ErrorsFlag::Missing => CellErrors::Missing,
        }
    }
}
