//! Which rows of a table are scored: by default only those that no training has seen.

use clap::ValueEnum;
use tabgraft_model::Predictor;
use tabgraft_model::compare::unseen_rows;
use tabgraft_table::Table;
use tabgraft_table::split::Split;

use crate::console::Console;
use crate::failure::Failure;

/// The rows that scores are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Scored {
    /// The test part of the model's own split: right for the table that was trained on.
    #[default]
    Test,
    /// Every row: right for a table that was never trained on.
    All,
}

impl Scored {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Scored::Test => "test",
            Scored::All => "all",
        }
    }

    /// The rows of `table` that are test rows in all of `splits`, or all rows.
    ///
    /// All rows come with a note if most of them look as if they had been trained on.
    pub fn of(self, table: &Table, splits: &[&Split], console: &Console) -> Result<Table, Failure> {
        let unseen = unseen_rows(table, splits);
        if self == Scored::Test {
            return unseen.map_err(|error| {
                Failure::new(format!("the test rows cannot be told: {error}"))
                    .with_hint("for a table that was never trained on, give `--rows all`")
            });
        }
        if let Ok(unseen) = unseen {
            console.note(&format!(
                "{} of {} rows fall into the training and validation parts of the split: if this table was \
                 trained on, these scores are too good; `--rows test` leaves those rows out",
                table.n_rows() - unseen.n_rows(),
                table.n_rows()
            ));
        }
        Ok(table.clone())
    }
}

/// Notes that the test rows of a predictor are no test if it learned from them.
pub fn note_seen_rows(predictor: &Predictor, file: &str, console: &Console) {
    if !predictor.options().hold_out_test {
        console.note(&format!(
            "`{file}` was fitted on every row of its table, test rows too: scores on that table are too good"
        ));
    }
}
