//! Is the second model better than the first, on the same rows?
//!
//! Two predictors of one target compare directly. Two spaces compare by what can be predicted from
//! them: predictors are fitted alike on both. Rows that a model learned from do not count.
//!
//! ```text
//! table ─ rows.rs ─► rows to learn from, rows to judge on ─ judge.rs ─► predictions of both, alike
//!                                                              └─► paired difference, verdict
//! spaces.rs: losses, drift, neighbours, cost; which new columns hurt
//! ```

mod judge;
mod rows;
mod spaces;

use serde::Serialize;
use tabgraft_table::Table;

use crate::error::Result;
use crate::metric::{self, PairedDifference, Score, Task};
use crate::predictor::{Predictor, PredictorOptions};
pub use crate::record::{ColumnEffect, Evidence};
use crate::space::EmbeddingSpace;
use crate::train::{Sink, each_once};
use judge::judge;
pub(crate) use rows::folds;
pub use spaces::{SpaceComparison, SpaceCost};

/// How two spaces are compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CompareOptions {
    /// How predictors are fitted on both. All rows but those that are judged on are learned from,
    /// whatever `hold_out_test` says.
    pub predictor: PredictorOptions,
    /// Whether all rows are judged on, each by predictors that did not learn from it, instead of test
    /// rows alone. The spaces themselves have seen the rows, without the target. Default false.
    pub cross_fit: bool,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The column that is predicted.
    pub target: String,
    /// What kind of prediction.
    pub task: Task,
    /// Rows that were judged on, the same ones for both.
    pub n_rows: usize,
    /// The first model.
    pub a: Side,
    /// The second model.
    pub b: Side,
    /// How much better the second is, with interval and verdict.
    pub difference: PairedDifference,
    /// Only for two spaces: what they themselves say.
    pub spaces: Option<SpaceComparison>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Its scores on the compared rows.
    pub scores: Vec<Score>,
}

/// Compares two predictors of one target on these rows, which the caller vouches for.
///
/// # Errors
/// As [`Predictor::compare`].
pub fn compare_predictors(a: &Predictor, b: &Predictor, rows: &Table) -> Result<Comparison> {
    let side = |predictor: &Predictor| -> Result<Side> {
        Ok(Side { name: predictor.name().to_owned(), scores: predictor.evaluate(rows)? })
    };
    Ok(Comparison {
        target: a.target().column().to_owned(),
        task: a.target().task(),
        n_rows: rows.n_rows(),
        difference: a.compare(b, rows)?,
        a: side(a)?,
        b: side(b)?,
        spaces: None,
    })
}

impl EmbeddingSpace {
    /// Compares this space, usually the parent, with `other`, usually its child: fits predictors of
    /// `target` alike on both, on the same rows, and compares them on the same other rows.
    ///
    /// Judged on are the table's rows that are test rows for both spaces, or all rows if they are
    /// cross-fitted. Rows without a target are passed over.
    ///
    /// # Errors
    /// A value error if too few rows are left to judge on, or of [`Predictor::fit`]; a schema error
    /// if the table lacks the target or a column of a split; an interrupted error if the sink says
    /// stop.
    pub fn compare(
        &self,
        other: &EmbeddingSpace,
        table: &Table,
        target: &str,
        options: &CompareOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Comparison> {
        table.check_all_here("comparing spaces")?;
        // Predictors are fitted on both, fold by fold, and each would say the same.
        let sink = &mut each_once(sink);
        let table = &*self.completed(table, sink)?;
        let table = &*other.completed(table, sink)?;
        let folds = folds([self, other], table, target, options, sink)?;
        let judged = judge([self, other], table, &folds, &options.predictor, sink)?;
        let (task, seed) = (judged.target.task(), options.predictor.seed);
        let side = |space: &EmbeddingSpace, prediction| -> Result<Side> {
            let scores = metric::scores(task, &judged.truth, prediction, &judged.clusters, seed)?;
            let scores = scores.into_iter().map(|s| Score { n_unseen: judged.n_unseen, ..s }).collect();
            Ok(Side { name: space.name().to_owned(), scores })
        };
        Ok(Comparison {
            target: target.to_owned(),
            task,
            n_rows: judged.rows.n_rows(),
            a: side(self, &judged.a)?,
            b: side(other, &judged.b)?,
            difference: metric::compare(task, &judged.truth, &judged.a, &judged.b, &judged.clusters, seed)?,
            spaces: Some(SpaceComparison::of([self, other], &judged, folds.evidence, seed)?),
        })
    }
}
