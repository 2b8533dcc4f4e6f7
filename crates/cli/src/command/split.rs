//! `split`: the part of each row of a table, and whether a model has seen it.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use clap::Args;
use serde::Serialize;
use tabgraft_model::ModelFile;
use tabgraft_table::split::Part;
use tabgraft_table::unreadable::UnreadableColumn;

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, RowsArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::unreadable_notes;
use crate::report::{Report, line};

/// Tell the part of each row of a table: train, valid or test.
///
/// The column `known` says how the model knows the row: `whole`; `changed`, where half of its columns are as
/// they were; `new`; empty where the model remembers no rows. A changed row keeps the part that it had. New rows
/// get the part that they would have in a training.
///
/// Reads MODEL, a space or a predictor, and TABLE; writes the columns `part` and `known` as CSV to stdout, or as CSV
/// or Parquet to --out, and the counts to stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft split v1.tabgraft customers.csv --key customer_id -o parts.csv")]
pub struct SplitArgs {
    /// The embedding space or the predictor
    model: PathBuf,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

/// What `split` reports.
#[derive(Debug, Serialize)]
struct SplitReport {
    model: String,
    n_rows: usize,
    n_rows_train: usize,
    n_rows_valid: usize,
    n_rows_test: usize,
    /// Rows known as they are, changed rows, new rows; null where the model remembers none.
    n_rows_known: Option<usize>,
    n_rows_changed: Option<usize>,
    n_rows_new: Option<usize>,
    /// Columns with cells that cannot be read and count as missing.
    unreadable: Vec<UnreadableColumn>,
}

impl SplitArgs {
    /// Tells, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let model = ModelFile::load(&self.model)?;
        let (how, needs, name) = match &model {
            ModelFile::Space(space) => (space.read_options(), space.needs_to_split(), space.name()),
            ModelFile::Predictor(p) => (p.read_options(), p.needs_to_split(), p.name()),
        };
        let table = self.rows.table(&self.model, &how, needs, console)?;
        let errors = self.errors.errors();
        let readable = match &model {
            ModelFile::Space(space) => space.readable_to_split(&table, errors)?,
            ModelFile::Predictor(predictor) => predictor.readable_to_split(&table, errors)?,
        };
        unreadable_notes(&readable.unreadable, console);
        let rows = match &model {
            ModelFile::Space(space) => space.row_parts(&readable.table)?,
            ModelFile::Predictor(predictor) => predictor.row_parts(&readable.table)?,
        };
        let part = StringArray::from_iter_values(rows.parts.iter().map(|part| part.word()));
        let known: StringArray = match &rows.known {
            Some(known) => known.iter().map(|known| Some(known.word())).collect(),
            None => StringArray::new_null(table.n_rows()),
        };
        let columns = [
            ("part".to_owned(), Arc::new(part) as ArrayRef),
            ("known".to_owned(), Arc::new(known) as ArrayRef),
        ];
        let written = self.rows.write(&table, columns);
        let n = |wanted: Part| rows.parts.iter().filter(|part| **part == wanted).count();
        rows.warning(name).into_iter().for_each(|text| console.warn(&text));
        let [n_rows_known, n_rows_changed, n_rows_new] =
            rows.counts().map_or([None; 3], |counts| counts.map(Some));
        console.side_report(&SplitReport {
            model: name.to_owned(),
            n_rows: table.n_rows(),
            n_rows_train: n(Part::Train),
            n_rows_valid: n(Part::Valid),
            n_rows_test: n(Part::Test),
            n_rows_known,
            n_rows_changed,
            n_rows_new,
            unreadable: readable.unreadable,
        })?;
        written.map(|()| Answer::Yes)
    }
}

impl Report for SplitReport {
    fn text(&self) -> String {
        let known = match (self.n_rows_known, self.n_rows_changed, self.n_rows_new) {
            (Some(known), Some(changed), Some(new)) => {
                format!("{known} known as they are, {changed} changed, {new} new")
            }
            _ => "it remembers no rows".to_owned(),
        };
        line!(
            "{} rows as `{}` splits them: {} to train, {} to validate, {} to test; {known}",
            self.n_rows,
            self.model,
            self.n_rows_train,
            self.n_rows_valid,
            self.n_rows_test
        )
    }
}
