//! Which rows of a table are scored: by default only those that no training has seen.

use clap::ValueEnum;
use tabgraft_model::Predictor;
use tabgraft_table::Table;

use crate::console::Console;
use crate::failure::Failure;

/// The rows that scores are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Scored {
    /// Rows that were not learned from: the test part of the model's split, and rows that the model does not know.
    #[default]
    Test,
    /// Every row, those that were learned from too.
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

    /// The rows of `table` that it is fair to score all of `predictors` on, or all rows; and what there is to say.
    ///
    /// All rows come with a note if the predictors have learned from some.
    pub fn of(self, table: &Table, predictors: &[&Predictor], console: &Console) -> Result<Table, Failure> {
        let fair = Predictor::fair_rows(predictors, table);
        if self == Scored::All {
            if let Some(fair) = fair.ok().filter(|fair| fair.n_learned > 0) {
                console.note(&format!(
                    "{} of {} rows were learned from, or fall into the training and validation parts of the split: \
                     if this table was trained on, these scores are too good; `--rows test` leaves those rows out",
                    fair.n_learned,
                    table.n_rows()
                ));
            }
            return Ok(table.clone());
        }
        let fair = fair.map_err(|error| {
            let hint = "for a table that was never trained on, give `--rows all`";
            Failure::new(format!("the rows to score cannot be told: {error}"))
                .with_hint(error.hint().unwrap_or(hint).to_owned())
        })?;
        fair.warnings.iter().for_each(|text| console.warn(text));
        fair.notes.iter().for_each(|text| console.note(text));
        Ok(fair.table)
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
