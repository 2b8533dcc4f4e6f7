//! Flags of [`SplitOptions`].

use clap::Args;
use tabgraft_table::split::{SplitKey, SplitOptions};

use crate::failure::Failure;

/// Which rows train, which stop the training and which judge.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Split")]
pub struct SplitArgs {
    /// Share of rows that decide when to stop, 0 up to 1
    #[arg(long, value_name = "SHARE", default_value_t = SplitOptions::default().p_valid)]
    p_valid: f64,
    /// Share of rows that nothing is learned from, for honest scores, 0 up to 1
    #[arg(long, value_name = "SHARE", default_value_t = SplitOptions::default().p_test)]
    p_test: f64,
    /// Keep rows of equal value in this column together
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["split_time", "key"])]
    split_group: Option<String>,
    /// Test on the latest rows by this column, validate on those before
    #[arg(long, value_name = "COLUMN")]
    split_time: Option<String>,
    /// A column that says which row is which, such as the number of a customer: rows are split by it and keep
    /// their parts whatever happens to their other cells; it is no feature
    #[arg(long, value_name = "COLUMN", conflicts_with = "split_time")]
    key: Option<String>,
    /// Keep nothing of single rows in the file: no row by a hash, no category or word of fewer than 10 rows, no notes.
    /// What comes of the space is private, too. Rare categories are then unseen ones, rows that are changed later are
    /// not recognised, and tables need every column that the split goes by
    #[arg(long)]
    pub private: bool,
    /// Another seed gives another split
    #[arg(long, value_name = "N", default_value_t = SplitOptions::default().seed)]
    split_seed: u64,
}

impl SplitArgs {
    /// As the core takes them; with validation rows of its own a table gives none.
    pub fn options(&self, has_valid_table: bool) -> Result<SplitOptions, Failure> {
        let by = SplitKey::of(self.key.clone(), self.split_group.clone(), self.split_time.clone())?;
        let p_valid = if has_valid_table { 0.0 } else { self.p_valid };
        Ok(SplitOptions { by, p_valid, p_test: self.p_test, seed: self.split_seed })
    }
}
