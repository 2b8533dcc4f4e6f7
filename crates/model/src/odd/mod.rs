//! Odd rows: how surprising each cell is to a space that sees the rest of its row.
//!
//! ```text
//! row ─ each column hidden in turn ─► p(cell | rest) ─ -ln ─► nats of each cell ─ beyond its column's ─► score of the row
//!                                     score ─ the profile in the file ─► share of rows that are less odd
//! ```
//!
//! Of a cell's probability the network says one part, p(class | rest of the row); the profile of the training's rows
//! says the others, for which there are no classes: that a cell has no value, that a category is one that no training
//! row has, that a number lies outside the range of the training's rows. See `docs/decisions/0040-odd-rows.md`.

mod expected;
mod stream;

use tabgraft_table::Table;
use tabgraft_table::unreadable::CellErrors;

use crate::EmbeddingSpace;
use crate::error::{Error, Result};
use crate::space::{Profile, TableRemarks};

pub use stream::SurpriseStream;

/// Most cells of a row that are told.
pub const MOST_REASONS: usize = 100;

/// What to tell of odd rows.
#[derive(Debug, Clone, PartialEq)]
pub struct SurpriseOptions {
    /// Most cells of each row that are told as what makes it odd, 0 to 100; default 3.
    pub n_reasons: usize,
    /// What becomes of cells that cannot be read; default an error.
    pub errors: CellErrors,
    /// The rows that are usual ([`EmbeddingSpace::profile_of`]); default: those of the training, as the file has them.
    pub against: Option<Profile>,
}

impl Default for SurpriseOptions {
    fn default() -> Self {
        SurpriseOptions { n_reasons: 3, errors: CellErrors::default(), against: None }
    }
}

impl SurpriseOptions {
    /// Checks the range.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        match self.n_reasons {
            0..=MOST_REASONS => Ok(()),
            n => Err(Error::option(format!("`n_reasons` is {n}"))
                .with_hint(format!("0 to {MOST_REASONS} are allowed"))),
        }
    }
}

/// How odd the rows of a table are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OddRows {
    /// `[n_rows]`: how surprising the cells of each row are together: the sum of squares of what each surprises beyond the
    /// mean of its column, in the column's deviations; the sum of nats where no profile says these. NaN where no cell says
    /// anything.
    pub scores: Vec<f64>,
    /// `[n_rows]`, 0 to 1: the share of known rows with a lower score. Empty where no profile has scores.
    pub shares: Vec<f64>,
    /// `[n_rows, n_columns]`: how surprising each cell is, in nats; NaN in columns that the table lacks.
    pub cells: Vec<f32>,
    /// `[n_rows]`: the cells that make each row odd, the oddest first.
    pub reasons: Vec<Vec<OddCell>>,
}

/// One cell of an odd row.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OddCell {
    /// The column.
    pub column: String,
    /// What stands there, cut off where it is long; none where nothing does.
    pub found: Option<String>,
    /// What is odd about it.
    pub oddity: Oddity,
    /// Its probability, given the rest of the row: of its class, and of all that the class does not tell.
    pub p_found: f64,
    /// What the rest of the row lets expect: a category, a word of a text, or the values in which half of the
    /// probability or more lies.
    pub expected: String,
    /// The probability of that.
    pub p_expected: f64,
    /// How surprising it is, in nats: -ln `p_found`.
    pub surprise: f64,
}

/// In which way a cell surprises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// It has a value, which the rest of the row does not let expect.
    Value,
    /// It has no value.
    Missing,
    /// It is a category that no training row has.
    Unseen,
    /// It is a number or time outside the range of the training's rows.
    OutOfRange,
}

impl Oddity {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Oddity::Value => "value",
            Oddity::Missing => "missing",
            Oddity::Unseen => "unseen",
            Oddity::OutOfRange => "out_of_range",
        }
    }
}

impl EmbeddingSpace {
    /// How odd each row is, which cells make it so, and what was expected there. A row's numbers have the same bits
    /// alone and in any batch. Columns that the table lacks say nothing.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::embed`]; an option error if an option is out of range.
    pub fn surprise(&self, table: &Table, options: &SurpriseOptions) -> Result<(OddRows, TableRemarks)> {
        let mut stream = self.surprise_stream(options.clone())?;
        let found = stream.score(table)?;
        Ok((found, stream.finish()))
    }
}
