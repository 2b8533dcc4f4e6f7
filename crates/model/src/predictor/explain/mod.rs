//! Reasons: what each column gave to a prediction.
//!
//! Columns are the players of a game whose worth is the prediction with only some of them seen, and a column's
//! contribution is its Shapley value (Shapley 1953; Lundberg & Lee 2017, arXiv:1705.07874): what it adds to those seen
//! before it, as a mean over all orders. What a learner does with a hidden column is its own: networks know "hidden" as a
//! state that they were trained with, trees answer a question about it by the rows that they were learned from
//! (`tree/hidden.rs`), a linear model adds what the column adds on average. So no rows are needed to compare with.
//!
//! ```text
//! table ─ codecs ─► cells ─┐
//! players ─ orders ─► coalitions ─► worth of each ─► contributions, standard errors
//! ```

mod game;
mod importance;
mod options;
mod orders;
mod players;
mod reasons;

use tabgraft_feature::Differing;
use tabgraft_table::Table;

use super::Predictor;
use crate::error::{Error, Result};
use crate::space::{ColumnReport, UnseenCounts, clusters};
use crate::train::{Event, Sink};
use game::Game;
pub use importance::Importance;
pub use options::{ColumnGroup, ExplainOptions, Scale};
pub use orders::Method;
use orders::Orders;
use players::Players;
pub use reasons::{Reason, ReasonsOfRow};

/// Rows times coalitions whose worth is asked for at a time.
const EVALUATIONS_AT_ONCE: usize = 1 << 15;

/// What each column gave to each prediction of a table.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Columns, or groups of them, that contributions belong to.
    pub columns: Vec<ColumnGroup>,
    /// What is explained: classes, or the target's name where it is a number.
    pub outputs: Vec<String>,
    /// In what contributions count.
    pub scale: Scale,
    /// `[outputs.len()]`: the prediction of a row of which nothing is seen.
    pub base: Vec<f64>,
    /// `[n_rows, outputs.len()]`.
    pub predictions: Vec<f64>,
    /// `[n_rows, columns.len(), outputs.len()]`: with the base they sum to the prediction.
    pub contributions: Vec<f64>,
    /// `[n_rows, columns.len(), outputs.len()]`: of the contributions, by which orders were drawn; 0 where all were.
    pub standard_errors: Vec<f64>,
    /// How contributions were found.
    pub method: Method,
    /// Predictions that were made for each row.
    pub n_evaluations: usize,
    /// `[columns.len()]`: of all rows together.
    pub importance: Vec<Importance>,
    /// Pieces of evidence among the rows: equal rows, and those of a group where the split goes by group, are one.
    pub n_clusters: usize,
    /// What became of the table's columns.
    pub report: ColumnReport,
    /// Features that the table had, with cells that are not what the feature gives.
    pub differing: Vec<Differing>,
    /// The columns of the table that contributions belong to.
    table: Table,
}

impl Predictor {
    /// What each column of a table gave to each of its predictions.
    ///
    /// Contributions and base sum to the prediction. A row's contributions have the same bits in any batch. With few
    /// columns all coalitions are asked about and contributions are exact; else orders are drawn, each with its reverse
    /// (Mitchell et al. 2022, arXiv:2104.12199, section 4.1), the same for all rows.
    ///
    /// A feature that the predictor computes is hidden as soon as one of the columns that it is made of is, so that
    /// contributions belong to columns of the table ([`ExplainOptions::features_apart`]).
    ///
    /// # Errors
    /// As [`Predictor::predict`]; an option error for a class, a group or a budget that cannot be, and for a
    /// predictor of an older version, which does not remember what its learners say of hidden columns; a value error
    /// for a table without rows; an interruption where the sink asks for it.
    pub fn explain(
        &self,
        table: &Table,
        options: &ExplainOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Explanation> {
        let n_rows = table.n_rows();
        if n_rows == 0 {
            return Err(Error::value("the table has no rows, so that there is nothing to explain"));
        }
        let outputs = options.outputs(&self.about.target)?;
        let players = Players::new(&self.about, &options.groups, options.features_apart)?;
        let orders = Orders::new(players.n(), options.n_evaluations, options.seed)?;
        let made = self.about.space.complete(table)?;
        self.about.space.check_known(&made.table)?;
        let game =
            self.game(&made.table, &players, options.scale_of(&self.about.target)?, &outputs.indices)?;
        let base = game.worth(&[0], &[vec![true; players.n()]])?;
        let (n, k) = (players.n(), outputs.indices.len());
        let n_numbers = n_rows * n * k;
        let mut predictions = Vec::with_capacity(n_rows * k);
        let (mut contributions, mut standard_errors) =
            (Vec::with_capacity(n_numbers), Vec::with_capacity(n_numbers));
        let coalitions = orders.hidden();
        let n_at_once = (EVALUATIONS_AT_ONCE / coalitions.len()).max(1);
        for first in (0..n_rows).step_by(n_at_once) {
            let rows: Vec<usize> = (first..n_rows.min(first + n_at_once)).collect();
            let worth = game.worth(&rows, &coalitions)?;
            for worth in worth.chunks_exact(coalitions.len() * k) {
                let own = orders.contributions(worth, k);
                predictions.extend(own.prediction);
                contributions.extend(own.contributions);
                standard_errors.extend(own.standard_errors);
            }
            let done = first + rows.len();
            if sink(&Event::Progress { done, total: n_rows }).is_break() {
                return Err(Error::interrupted(format!(
                    "stopped after {done} of {n_rows} rows were explained"
                )));
            }
        }
        let clusters = clusters(&[&self.about.space], &made.table)?;
        let importance = importance::of(&players.groups, &contributions, k, &clusters);
        let own: Vec<String> = players
            .groups
            .iter()
            .flat_map(|group| &group.columns)
            .filter(|c| made.table.has_column(c))
            .cloned()
            .collect();
        Ok(Explanation {
            columns: players.groups,
            outputs: outputs.names,
            scale: outputs.scale,
            base,
            predictions,
            contributions,
            standard_errors,
            method: orders.method(),
            n_evaluations: coalitions.len(),
            importance,
            n_clusters: clusters.n_clusters(),
            report: self.column_report(table),
            differing: made.differing,
            table: made.table.select(&own)?,
        })
    }

    /// Predicts a table as if these columns could not be seen, which is not the same as cells without a value: it is
    /// what [`Predictor::explain`] asks about. Features and groups as there; a feature may be named itself.
    ///
    /// # Shapes
    /// - returns: `[n_rows, n_outputs]`, as [`super::Predictions::values`]
    ///
    /// # Errors
    /// As [`Predictor::explain`]; a schema error for a column that the predictor does not have.
    pub fn predict_hiding(&self, table: &Table, columns: &[String]) -> Result<Vec<f64>> {
        let players = Players::of_names(&self.about, columns)?;
        let made = self.about.space.complete(table)?;
        self.about.space.check_known(&made.table)?;
        let indices: Vec<usize> = (0..self.about.target.n_outputs()).collect();
        let scale = if self.about.target.classes().is_empty() { Scale::Number } else { Scale::Probability };
        let game = self.game(&made.table, &players, scale, &indices)?;
        let rows: Vec<usize> = (0..table.n_rows()).collect();
        let mut worth = Vec::with_capacity(rows.len() * indices.len());
        for rows in rows.chunks(EVALUATIONS_AT_ONCE) {
            worth.extend(game.worth(rows, &[vec![true; players.n()]])?);
        }
        Ok(worth)
    }

    fn game<'a>(
        &'a self,
        table: &Table,
        players: &'a Players,
        scale: Scale,
        outputs: &'a [usize],
    ) -> Result<Game<'a>> {
        self.check_knows_hidden()?;
        let layers = self.cells(table, &mut UnseenCounts::default())?;
        Ok(Game { predictor: self, layers, players, scale, outputs })
    }

    /// Checks that all learners know what to say of a hidden column.
    fn check_knows_hidden(&self) -> Result<()> {
        let mut forests = self.forests.iter();
        let mut knows = self.lines.iter().all(super::lines::Lines::has_centres);
        knows &= forests.all(crate::tree::Forest::has_covers);
        if let Some(grown) = &self.grown {
            knows &= grown.onward.iter().chain(&grown.anew).all(crate::tree::Forest::has_covers);
            grown.base.check_knows_hidden()?;
        }
        if knows {
            return Ok(());
        }
        Err(Error::option(format!(
            "predictor `{}` is of an older version and does not remember the rows behind its trees and its linear \
             model: what they would say without a column is not known",
            self.name()
        ))
        .with_hint("fit it again"))
    }
}

impl Explanation {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.predictions.len() / self.outputs.len()
    }

    /// What each column gave to one output of a row.
    pub fn of_row(&self, row: usize, output: usize) -> impl Iterator<Item = f64> {
        let (n, k) = (self.columns.len(), self.outputs.len());
        (0..n).map(move |column| self.contributions[(row * n + column) * k + output])
    }

    /// Columns by their importance, the greatest first.
    pub fn order(&self) -> Vec<usize> {
        let mean = |i: &usize| self.importance[*i].mean_absolute;
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by(|a, b| mean(b).total_cmp(&mean(a)).then(a.cmp(b)));
        order
    }
}
