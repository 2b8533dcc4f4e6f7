//! `surprise`: how odd each row of a table is, and which cells make it so.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use clap::Args;
use serde::Serialize;
use tabgraft_model::EmbeddingSpace;
use tabgraft_model::odd::{OddCell, OddRows, SurpriseOptions};
use tabgraft_model::space::{ColumnReport, UnseenColumn};
use tabgraft_table::unreadable::UnreadableColumn;

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, RowsArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::table_notes;
use crate::report::{Report, line};

/// Share of known rows below a row's score from which on the report counts it.
const COUNTED: f64 = 0.99;

/// Say how odd each row is, which cells make it so, and what was expected there.
///
/// Each column is hidden in turn, and the space says how probable its cell is, given the rest of the row. So values that are
/// usual by themselves are found where they do not go together. A row's score sums up, over its cells,
/// by how many deviations -ln(probability) is above the mean of its column, squared; `share_less_odd` is the share of rows with a lower score among the validation rows of the training, which the file
/// remembers in numbers, or among those of --against. Columns that the table lacks say nothing.
///
/// Reads SPACE and TABLE; writes one line for each row, with the columns `surprise`, `share_less_odd` and, for each of the
/// --n-reasons oddest cells, `odd_1_column`, `odd_1_found`, `odd_1_p`, `odd_1_expected`, `odd_1_p_expected` and so on, as
/// CSV to stdout, or as CSV or Parquet to --out, and a report to stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft surprise v1.tabgraft customers.csv --key customer_id -o odd.csv")]
pub struct SurpriseArgs {
    /// The embedding space
    space: PathBuf,
    /// Most cells of each row that are told as what makes it odd, 0 to 100
    #[arg(long, value_name = "N", default_value_t = SurpriseOptions::default().n_reasons)]
    n_reasons: usize,
    /// A table whose rows are held to be usual [default: those of the training, as the file remembers them]
    #[arg(long, value_name = "TABLE")]
    against: Option<PathBuf>,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

/// What `surprise` reports.
#[derive(Debug, Serialize)]
struct SurpriseReport {
    space: String,
    n_rows: usize,
    /// Rows that the scores are held against; none where the file has no profile with scores.
    n_rows_known: Option<u64>,
    /// Rows that are odder than 99 of 100 known ones; none where no rows are known.
    n_rows_odd: Option<usize>,
    columns: ColumnReport,
    /// Columns with cells that cannot be read and count as missing.
    unreadable: Vec<UnreadableColumn>,
    /// Columns whose cells are mostly values that training has not seen.
    unseen: Vec<UnseenColumn>,
}

impl SurpriseArgs {
    /// Scores, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let space = EmbeddingSpace::load(&self.space)?;
        let mut options = SurpriseOptions {
            n_reasons: self.n_reasons,
            errors: self.errors.errors(),
            ..SurpriseOptions::default()
        };
        options.check()?;
        let parts = self.rows.parts(&self.space, &space.read_options(), space.needs(), console)?;
        if let Some(against) = &self.against {
            let table = self.rows.other(against, &space.read_options(), space.needs(), console)?;
            let usual = space.readable(&table, options.errors)?;
            options.against = Some(space.profile_of(&usual.table)?);
        }
        let mut stream = space.surprise_stream(options)?;
        let n_rows_known = stream.surprises().map(|surprises| surprises.n_rows);
        if n_rows_known.is_none() {
            console.warn(
                "the file does not remember how odd the rows of its training were: `share_less_odd` is empty; give \
                 a table of usual rows with `--against`",
            );
        }
        let mut n_odd = 0;
        self.rows.write_parts(parts, console, |part| {
            let odd = stream.score(part)?;
            n_odd += odd.shares.iter().filter(|share| **share >= COUNTED).count();
            Ok(columns(&odd, self.n_reasons))
        })?;
        let remarks = stream.finish();
        table_notes(&remarks, console);
        console.side_report(&SurpriseReport {
            space: space.name().to_owned(),
            n_rows: remarks.n_rows,
            n_rows_known,
            n_rows_odd: n_rows_known.map(|_| n_odd),
            columns: remarks.report,
            unreadable: remarks.unreadable,
            unseen: remarks.unseen,
        })?;
        Ok(Answer::Yes)
    }
}

/// What is written of each row.
fn columns(odd: &OddRows, n_reasons: usize) -> Vec<(String, ArrayRef)> {
    let number =
        |name: String, values: Vec<Option<f64>>| (name, Arc::new(Float64Array::from(values)) as ArrayRef);
    let text =
        |name: String, values: Vec<Option<&str>>| (name, Arc::new(StringArray::from(values)) as ArrayRef);
    let scores = odd.scores.iter().map(|score| Some(*score).filter(|score| score.is_finite()));
    let shares = (0..odd.scores.len()).map(|row| odd.shares.get(row).copied());
    let mut columns = vec![
        number("surprise".to_owned(), scores.collect()),
        number("share_less_odd".to_owned(), shares.collect()),
    ];
    for nth in 0..n_reasons {
        let name = |what: &str| format!("odd_{}_{what}", nth + 1);
        let cells = || odd.reasons.iter().map(move |reasons| reasons.get(nth));
        let numbers = |of: fn(&OddCell) -> f64| cells().map(|cell| cell.map(of)).collect();
        columns.push(text(name("column"), cells().map(|cell| Some(cell?.column.as_str())).collect()));
        columns.push(text(name("found"), cells().map(|cell| cell?.found.as_deref()).collect()));
        columns.push(number(name("p"), numbers(|cell| cell.p_found)));
        columns.push(text(name("expected"), cells().map(|cell| Some(cell?.expected.as_str())).collect()));
        columns.push(number(name("p_expected"), numbers(|cell| cell.p_expected)));
    }
    columns
}

impl Report for SurpriseReport {
    fn text(&self) -> String {
        match (self.n_rows_odd, self.n_rows_known) {
            (Some(odd), Some(known)) => line!(
                "{} rows held against {} by `{}`: {} are odder than 99 of 100",
                self.n_rows,
                known,
                self.space,
                odd
            ),
            _ => line!("{} rows scored by `{}`", self.n_rows, self.space),
        }
    }
}
