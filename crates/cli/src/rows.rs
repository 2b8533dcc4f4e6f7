//! Which rows of a table are scored: by default only those that no training has seen.

use clap::ValueEnum;
use tabgraft_model::Predictor;
use tabgraft_table::Table;
use tabgraft_table::split::{Part, Split};

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
        let mut is_test = vec![true; table.n_rows()];
        let assigned = splits.iter().try_for_each(|split| {
            for (row, part) in is_test.iter_mut().zip(split.assign(table)?) {
                *row &= part == Part::Test;
            }
            Ok::<(), tabgraft_table::Error>(())
        });
        let rows: Vec<u32> = (0..table.n_rows()).filter(|r| is_test[*r]).map(|r| r as u32).collect();
        match (self, assigned) {
            (Scored::Test, Err(error)) => Err(Failure::new(format!("the test rows cannot be told: {error}"))
                .with_hint("for a table that was never trained on, give `--rows all`")),
            (Scored::Test, Ok(())) if rows.len() < 2 => {
                Err(Failure::new(format!("{} of {} rows are test rows", rows.len(), table.n_rows()))
                    .with_hint("for a table that was never trained on, give `--rows all`"))
            }
            (Scored::Test, Ok(())) => Ok(table.take(&rows)?),
            (Scored::All, Ok(())) => {
                let n = table.n_rows() - rows.len();
                console.note(&format!(
                    "{n} of {} rows fall into the training and validation parts of the split: if this table was \
                     trained on, these scores are too good; `--rows test` leaves those rows out",
                    table.n_rows()
                ));
                Ok(table.clone())
            }
            (Scored::All, Err(_)) => Ok(table.clone()),
        }
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
