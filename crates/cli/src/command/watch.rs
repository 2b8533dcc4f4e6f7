//! `watch`: whether the rows of a table are other than those that a model was trained on.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_model::ModelFile;
use tabgraft_model::watch::{WatchOptions, Watched};
use tabgraft_table::grid::Grid;
use tabgraft_table::read::ReadOptions;

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::{column_notes, unreadable_notes, unseen_notes};
use crate::report::{Report, line};

/// Say whether the rows of a table are other than those that a model was trained on.
///
/// Each column's values, missing cells and unseen categories are compared with what the file remembers of the training's
/// rows; no training data is needed. Besides, each column is hidden in turn: where its cells surprise more than they did,
/// columns no longer go together as they used to, which no column shows alone. P-values are corrected for all tests of all
/// columns (Holm); rows that repeat others make nothing more certain. A predictor has no heads for hidden cells: it looks
/// at the columns of its space one by one, and the space sees more.
///
/// Exit code 0: nothing has changed; 1: something has; 2: failed.
///
/// Reads MODEL and TABLE; writes the verdict and a line for each column to stdout.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft watch v1.tabgraft november.csv --format json > november.json || echo changed
  tabgraft watch risk.tabgraft november.csv")]
pub struct WatchArgs {
    /// The embedding space, or a predictor
    model: PathBuf,
    /// The table with the rows
    table: PathBuf,
    /// Probability of calling anything changed where nothing has, above 0 and below 1
    #[arg(long, value_name = "P", default_value_t = WatchOptions::default().alpha)]
    alpha: f64,
    /// Least population stability index of a change in values, missing or unseen cells that is called one; 0.1 is often
    /// called a change worth a look, 0.25 a large one
    #[arg(long, value_name = "PSI", default_value_t = WatchOptions::default().min_psi)]
    min_psi: f64,
    /// A table to compare with [default: the rows of the training, as the file remembers them]
    #[arg(long, value_name = "TABLE")]
    against: Option<PathBuf>,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `watch` reports.
#[derive(Debug, Serialize)]
struct WatchReport {
    /// Whose training the rows are held against.
    space: String,
    #[serde(flatten)]
    found: Watched,
}

impl WatchArgs {
    /// Compares, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let model = ModelFile::load(&self.model)?;
        let mut options = WatchOptions {
            alpha: self.alpha,
            min_psi: self.min_psi,
            errors: self.errors.errors(),
            against: None,
        };
        options.check()?;
        let how = ReadOptions { columns: model.needs(), ..model.read_options() };
        if let Some(against) = &self.against {
            let usual = self.read.table_like(against, &how, console)?;
            options.against = Some(match &model {
                ModelFile::Space(space) => {
                    space.profile_of(&space.readable(&usual, options.errors)?.table)?
                }
                ModelFile::Predictor(predictor) => {
                    predictor.profile_of(&predictor.readable(&usual, options.errors)?.table)?
                }
            });
        }
        let table = self.read.table_like(&self.table, &how, console)?;
        let (found, space) = match &model {
            ModelFile::Space(space) => (space.watch(&table, &options)?, space.name()),
            ModelFile::Predictor(predictor) => (predictor.watch(&table, &options)?, predictor.space_name()),
        };
        column_notes(&found.report, console);
        unreadable_notes(&found.unreadable, console);
        unseen_notes(&found.unseen, console);
        let answer = if found.changed { Answer::No } else { Answer::Yes };
        console.report(&WatchReport { space: space.to_owned(), found })?;
        Ok(answer)
    }
}

impl Report for WatchReport {
    fn text(&self) -> String {
        let mut grid = Grid::new(Watched::HEAD);
        self.found.rows().into_iter().for_each(|row| grid.add(row));
        line!("{}, held against `{}`", self.found.verdict(), self.space) + &grid.text()
    }
}
