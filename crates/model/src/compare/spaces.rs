//! What two spaces themselves say: losses, movement, cost, and which new columns hurt.

use serde::Serialize;

use super::judge::Judged;
use crate::error::Result;
use crate::metric::{self, Drift, drift, neighbour_overlap_at_10};
use crate::param::Params;
use crate::record::{ColumnEffect, Evidence};
use crate::space::EmbeddingSpace;

/// Losses, movement and cost of two spaces, on the judged rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpaceComparison {
    /// What the verdict rests on.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// The same in words.
    pub explanation: String,
    /// Columns that both spaces have a loss of on the judged rows.
    pub n_common_columns: usize,
    /// Mean loss of these columns in the first space, with the same cells hidden in both if one
    /// descends from the other.
    pub common_loss_a: Option<f64>,
    /// The same in the second space.
    pub common_loss_b: Option<f64>,
    /// Movement of the rows' vectors; only if the first coordinates of the second space are those of the
    /// first.
    pub drift: Option<Drift>,
    /// Mean share of a row's 10 nearest neighbours in the first space that are among those in the
    /// second, 0 to 1.
    pub neighbour_overlap_at_10: f64,
    /// Time and size of the first space.
    pub cost_a: SpaceCost,
    /// Time and size of the second space.
    pub cost_b: SpaceCost,
    /// The columns that only the second space has, the most harmful first.
    pub new_columns: Vec<ColumnEffect>,
}

/// What a space takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SpaceCost {
    /// Wall time of its last training, seconds: of the graft alone where it is one.
    pub seconds: f64,
    /// Numbers in its weight matrices.
    pub n_weights: usize,
    /// Size of its file.
    pub file_bytes: usize,
}

impl SpaceComparison {
    pub(super) fn of(
        [a, b]: [&EmbeddingSpace; 2],
        judged: &Judged,
        evidence: Evidence,
        seed: u64,
    ) -> Result<Self> {
        let rows = &judged.rows;
        let (of_a, of_b) = (a.column_losses(rows)?, b.column_losses(rows)?);
        let common: Vec<(f64, f64)> =
            of_a.iter().filter_map(|(name, loss)| Some((*loss, *of_b.get(name)?))).collect();
        let mean = |losses: &mut dyn Iterator<Item = f64>| {
            (!common.is_empty()).then(|| losses.sum::<f64>() / common.len() as f64)
        };
        let (before, after) = (a.embed(rows)?, b.embed(rows)?);
        let (values, widths) = ([&before.values[..], &after.values[..]], [before.d_model, after.d_model]);
        let moved = match b.continues(a) {
            true => Some(drift(values[0], values[1], widths[0], widths[1], seed)?),
            false => None,
        };
        let task = judged.target.task();
        let mut new_columns = Vec::with_capacity(judged.hidden.len());
        for (column, hidden) in &judged.hidden {
            let hiding = metric::compare(task, &judged.truth, &judged.b, hidden, &judged.clusters, seed)?;
            new_columns.push(ColumnEffect { column: column.clone(), hiding });
        }
        new_columns.sort_by(|x, y| y.hiding.difference.total_cmp(&x.hiding.difference));
        Ok(SpaceComparison {
            evidence,
            explanation: evidence.explanation(),
            n_common_columns: common.len(),
            common_loss_a: mean(&mut common.iter().map(|c| c.0)),
            common_loss_b: mean(&mut common.iter().map(|c| c.1)),
            neighbour_overlap_at_10: match &moved {
                Some(moved) => moved.neighbour_overlap_at_10,
                None => neighbour_overlap_at_10(values[0], values[1], widths[0], widths[1], seed)?,
            },
            drift: moved,
            cost_a: SpaceCost::of(a)?,
            cost_b: SpaceCost::of(b)?,
            new_columns,
        })
    }
}

impl SpaceCost {
    fn of(space: &EmbeddingSpace) -> Result<Self> {
        Ok(SpaceCost {
            seconds: space.training_info().seconds,
            n_weights: space.network.n_weights(),
            file_bytes: space.to_bytes()?.len(),
        })
    }
}
