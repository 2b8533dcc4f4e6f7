//! What each column is worth: to the predictions, or to the other columns of a space. Within a budget.

use serde::Serialize;
use tabgraft_table::Table;

use super::ReportOptions;
use super::rows::sampled;
use crate::error::Result;
use crate::extend::RankColumnsOptions;
use crate::predictor::{ExplainOptions, Explanation, Scale};
use crate::train::Sink;
use crate::{EmbeddingSpace, Predictor};

/// Cells that are computed at most to explain predictions, or to rank columns.
const MOST_CELLS: usize = 2_500_000;
/// Fewest and most rows that importance is a mean over.
const ROWS_EXPLAINED: (usize, usize) = (24, 400);
/// Fewest and most rows that a loss is measured on.
const ROWS_RANKED: (usize, usize) = (60, 1000);
/// Validation rows are a part of the rows that are ranked by.
const RANKED_PER_VALID: usize = 8;
/// Predictions a row where all columns are many, and where few.
const EVALUATIONS: usize = 256;

/// What each column is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worth {
    /// What the figures are.
    pub by: WorthBy,
    /// The same in words.
    pub explanation: String,
    /// Rows that were looked at.
    pub n_rows: usize,
    /// Columns, the greatest first.
    pub columns: Vec<ColumnWorth>,
}

/// In what a column's worth counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorthBy {
    /// Mean size of what the column gave to a prediction, in log-odds of a class.
    ContributionLogOdds,
    /// The same in the target's unit.
    ContributionNumber,
    /// Rise of the other columns' mean loss when the column is missing everywhere; 1 is a uniform guess.
    LossOfOthers,
    /// Fall of a linear model's score for a target, in points of its metric, when the column is missing everywhere.
    Score,
}

/// What one column is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnWorth {
    /// The column.
    pub column: String,
    /// Its worth.
    pub value: f64,
    /// 95 % interval; none where it is not known.
    pub interval: Option<[f64; 2]>,
}

/// A few rows of a table, and what each column gave to their predictions.
pub(super) struct ExplainedRows {
    pub rows: Table,
    pub explanation: Explanation,
}

/// Explains a few rows of a table.
///
/// # Errors
/// As [`Predictor::explain`].
pub(super) fn explained(
    predictor: &Predictor,
    table: &Table,
    options: &ReportOptions,
    sink: &mut Sink<'_>,
) -> Result<ExplainedRows> {
    let n = predictor.columns().len().max(1);
    // Two pairs of orders are the least that a standard error is known of.
    let n_evaluations = EVALUATIONS.max(2 + 4 * n.saturating_sub(1));
    let most = (MOST_CELLS / (n_evaluations * n)).clamp(ROWS_EXPLAINED.0, ROWS_EXPLAINED.1);
    let rows = sampled(table, most, options.seed)?;
    let asked = ExplainOptions {
        n_evaluations: Some(n_evaluations),
        seed: options.seed,
        ..ExplainOptions::default()
    };
    let explanation = predictor.explain(&rows, &asked, sink)?;
    Ok(ExplainedRows { rows, explanation })
}

/// What columns gave to predictions of a few rows.
pub(super) fn of_predictor(predictor: &Predictor, explanation: &Explanation) -> Worth {
    let columns = explanation.order().into_iter().map(|i| {
        let found = &explanation.importance[i];
        ColumnWorth { column: found.column.clone(), value: found.mean_absolute, interval: found.interval }
    });
    let target = predictor.target().column();
    let (by, words) = match explanation.scale {
        Scale::Number => (
            WorthBy::ContributionNumber,
            format!("mean size of what a column gave to a prediction of {target}, in its unit"),
        ),
        _ => (
            WorthBy::ContributionLogOdds,
            format!("mean size of what a column gave to a prediction of {target}, in log-odds"),
        ),
    };
    Worth { by, explanation: words, n_rows: explanation.n_rows(), columns: columns.collect() }
}

/// What columns are worth to the others of a space.
///
/// # Errors
/// As [`EmbeddingSpace::rank_columns`].
pub(super) fn of_space(
    space: &EmbeddingSpace,
    table: &Table,
    options: &ReportOptions,
    sink: &mut Sink<'_>,
) -> Result<Worth> {
    let n = space.columns().len().max(1);
    let max_rows = (MOST_CELLS / (n * n)).clamp(ROWS_RANKED.0, ROWS_RANKED.1);
    let rows = sampled(table, max_rows * RANKED_PER_VALID, options.seed)?;
    let asked = RankColumnsOptions { max_rows, seed: options.seed };
    let ranking = space.rank_columns(&rows, options.target.as_deref(), &asked, sink)?;
    let dearest_first = ranking.columns.iter().rev();
    if let Some(probe) = &ranking.probe {
        let columns = dearest_first.filter_map(|column| {
            let drop = column.score_drop?;
            let interval = Some([drop.low, drop.high]);
            Some(ColumnWorth { column: column.name.clone(), value: drop.difference, interval })
        });
        return Ok(Worth {
            by: WorthBy::Score,
            explanation: format!(
                "what a linear model of {} on the vectors loses when a column is missing everywhere, in points of its {} \
                 ({:.3} with all columns)",
                probe.target,
                probe.score.metric.words(),
                probe.score.value
            ),
            n_rows: probe.score.n,
            columns: columns.collect(),
        });
    }
    let columns = dearest_first.filter_map(|column| {
        Some(ColumnWorth { column: column.name.clone(), value: column.loss_rise?, interval: None })
    });
    Ok(Worth {
        by: WorthBy::LossOfOthers,
        explanation:
            "rise of the other columns' mean loss when a column is missing everywhere; 1 is a uniform guess"
                .to_owned(),
        n_rows: ranking.n_rows_loss,
        columns: columns.collect(),
    })
}
