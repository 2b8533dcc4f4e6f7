//! `rank`: what each column is worth to a space.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_model::extend::ColumnRanking;
use tabgraft_model::train::HeldFor;
use tabgraft_model::{EmbeddingSpace, RankColumnsOptions};
use tabgraft_table::read::ReadOptions;

use crate::answer::Answer;
use crate::arguments::{LimitArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::report::{Grid, Report, line, number};

/// Rank the columns of an embedding space by what their removal costs, the cheapest first.
///
/// Each column in turn counts as missing in all rows. Its cost is the rise of the other columns' loss on
/// validation rows, and with --target the fall of a linear probe's score on test rows, with its 95 %
/// interval. Nothing is trained but the probe. Two columns that say the same are cheap one by one and
/// not together: after `tabgraft prune`, rank again.
///
/// Reads SPACE and TABLE; writes the ranking to stdout.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft rank v2.tabgraft customers.csv --target churned
  tabgraft rank v2.tabgraft customers.csv --format json")]
pub struct RankArgs {
    /// The space whose columns are ranked
    space: PathBuf,
    /// The table that the space was trained on
    table: PathBuf,
    /// A column that the space has ignored, and that is predicted from its vectors
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Most rows to measure on, at least 10
    #[arg(long, value_name = "N", default_value_t = RankColumnsOptions::default().max_rows)]
    max_rows: usize,
    /// Seed of resampled intervals
    #[arg(long, value_name = "N", default_value_t = RankColumnsOptions::default().seed)]
    seed: u64,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `rank` reports.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct RankReport(ColumnRanking);

impl RankArgs {
    /// Ranks, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let space = EmbeddingSpace::load(&self.space)?;
        let most_bytes = self.limit.most_bytes(HeldFor::Training);
        let how = ReadOptions { most_bytes, ..space.read_options() };
        let table = self.read.table_like(&self.table, &how, console)?;
        let options = RankColumnsOptions { max_rows: self.max_rows, seed: self.seed };
        let mut progress = console.progress("ranking");
        let ranking =
            space.rank_columns(&table, self.target.as_deref(), &options, &mut |event| progress.on(event))?;
        drop(progress);
        console.report(&RankReport(ranking))?;
        Ok(Answer::Yes)
    }
}

impl Report for RankReport {
    fn text(&self) -> String {
        let ranking = &self.0;
        let mut text = line!(
            "columns of `{}`, the cheapest to remove first; mean loss {} on {} rows",
            ranking.space,
            number(ranking.loss),
            ranking.n_rows_loss
        );
        if let Some(probe) = &ranking.probe {
            text += &line!(
                "a probe of `{}` on all columns: {} {:.4}, 95 % interval {:.4} to {:.4}, {} rows",
                probe.target,
                probe.score.metric.words(),
                probe.score.value,
                probe.score.low,
                probe.score.high,
                probe.score.n
            );
        }
        let mut grid = Grid::new(["column", "loss of the others", "score", "95 % interval"]);
        for column in &ranking.columns {
            let drop = column.score_drop.as_ref();
            grid.row([
                column.name.clone(),
                column.loss_rise.map_or_else(|| "-".to_owned(), |rise| format!("{rise:+.4}")),
                drop.map_or_else(|| "-".to_owned(), |d| format!("{:+.4}", -d.difference)),
                drop.map_or_else(|| "-".to_owned(), |d| format!("{:+.4} to {:+.4}", -d.high, -d.low)),
            ]);
        }
        text + &grid.text()
    }
}
