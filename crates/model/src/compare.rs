//! Is the second model better than the first, on the same rows?
//!
//! Two predictors of one target compare directly. Two spaces compare by what can be predicted from
//! them: a predictor is fitted alike on both. Rows that a model learned from do not count.

use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::schema::ColumnSpec;
use tabgraft_table::split::{Part, Split};

use crate::error::{Error, Result};
use crate::metric::{Drift, PairedDifference, Score, Task, drift};
use crate::predictor::{Predictor, PredictorOptions};
use crate::space::EmbeddingSpace;
use crate::train::{Event, Sink};

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The column that is predicted.
    pub target: String,
    /// What kind of prediction.
    pub task: Task,
    /// Rows of the table that were scored: those that are test rows for both.
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

/// Losses and drift of two spaces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpaceComparison {
    /// Columns that both spaces have a validation loss of.
    pub n_common_columns: usize,
    /// Mean validation loss of these columns in the first space.
    pub common_loss_a: Option<f64>,
    /// The same in the second space.
    pub common_loss_b: Option<f64>,
    /// Movement of the compared rows' vectors; only if the first coordinates of the second space are
    /// those of the first.
    pub drift: Option<Drift>,
}

/// The rows of `table` that are test rows in all of `splits`.
///
/// # Errors
/// A schema error if a column of a split is absent; a value error with fewer than two such rows.
pub fn unseen_rows(table: &Table, splits: &[&Split]) -> Result<Table> {
    let mut is_test = vec![true; table.n_rows()];
    for split in splits {
        for (row, part) in is_test.iter_mut().zip(split.assign(table)?) {
            *row &= part == Part::Test;
        }
    }
    let rows: Vec<u32> = (0..table.n_rows()).filter(|r| is_test[*r]).map(|r| r as u32).collect();
    if rows.len() < 2 {
        return Err(Error::value(format!(
            "{} of {} rows are test rows for all that is compared, at least 2 are needed",
            rows.len(),
            table.n_rows()
        ))
        .with_hint("score a table that was never trained on, and say that it is one"));
    }
    table.take(&rows)
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
    /// Compares this space, usually the parent, with `other`, usually its child: fits a predictor of
    /// `target` alike on both and compares them on the table's rows that are test rows for both.
    ///
    /// # Errors
    /// An option error if the two split their rows differently; an error of [`unseen_rows`] or
    /// [`Predictor::fit`]; an interrupted error if the sink says stop.
    pub fn compare(
        &self,
        other: &EmbeddingSpace,
        table: &Table,
        target: &str,
        options: &PredictorOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Comparison> {
        if self.hashes().split != other.hashes().split {
            return Err(Error::option(
                "the two spaces split their rows differently, what tests one trains the other",
            )
            .with_hint("fit a predictor on each and compare those, or extend one space from the other"));
        }
        let rows = unseen_rows(table, &[self.split()])?;
        let mut fit = |space: &EmbeddingSpace| -> Result<Predictor> {
            let _ = sink(&Event::Task { name: format!("predictor on {}", space.name()) });
            // That one space lacks columns of the other is what is compared, and no news.
            let lacks = |c: &&ColumnSpec| space.columns().iter().all(|own| own.name != c.name);
            let others = self.columns().iter().chain(other.columns()).filter(lacks);
            let table = table.without(&others.map(|c| c.name.clone()).collect::<Vec<_>>())?;
            let fitted = Predictor::fit(space, &table, target, options, sink)?;
            if fitted.fit_info().interrupted {
                return Err(Error::interrupted(
                    "interrupted: predictors that were not fitted alike do not compare",
                ));
            }
            Ok(fitted)
        };
        let (on_a, on_b) = (fit(self)?, fit(other)?);
        let mut comparison = compare_predictors(&on_a, &on_b, &rows)?;
        (comparison.a.name, comparison.b.name) = (self.name().to_owned(), other.name().to_owned());
        comparison.spaces = Some(SpaceComparison::of(self, other, &rows)?);
        Ok(comparison)
    }
}

impl SpaceComparison {
    fn of(a: &EmbeddingSpace, b: &EmbeddingSpace, rows: &Table) -> Result<Self> {
        let (of_a, of_b) = (&a.training_info().final_column_losses, &b.training_info().final_column_losses);
        let common: Vec<(f64, f64)> =
            of_a.iter().filter_map(|(name, loss)| Some((*loss, *of_b.get(name)?))).collect();
        let mean = |losses: &mut dyn Iterator<Item = f64>| {
            (!common.is_empty()).then(|| losses.sum::<f64>() / common.len() as f64)
        };
        let moved = if b.continues(a) {
            let (before, after) = (a.embed(rows)?, b.embed(rows)?);
            Some(drift(&before.values, &after.values, before.d_model, after.d_model, 0)?)
        } else {
            None
        };
        Ok(SpaceComparison {
            n_common_columns: common.len(),
            common_loss_a: mean(&mut common.iter().map(|c| c.0)),
            common_loss_b: mean(&mut common.iter().map(|c| c.1)),
            drift: moved,
        })
    }
}
