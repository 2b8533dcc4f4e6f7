//! Scores on a table that has the target, of one predictor or of two on the same rows.

use tabgraft_table::Table;

use super::{Predictions, Predictor, Reliability};
use crate::error::{Error, Result};
use crate::metric::{self, PairedDifference, Prediction, Score};
use crate::space::clusters;

/// Rows that have a target: what is true, what is predicted, and what that comes to.
pub(crate) struct Assessed {
    /// `[n_rows]`: as [`super::Target::values`].
    pub values: Vec<f64>,
    pub predictions: Predictions,
    pub scores: Vec<Score>,
    pub reliability: Option<Reliability>,
}

impl Predictor {
    /// Scores predictions on a table that has the target, each with n and a 95 % interval.
    ///
    /// The caller vouches that these rows were not learned from; [`FitInfo::scores`](super::FitInfo::scores) are the
    /// scores on the space's own test rows. Rows without a target are passed over; those of a class
    /// that was not seen are scored as wrong and counted. Equal rows, and those of a group where the
    /// split goes by group, are one piece of evidence to the
    /// intervals ([`metric::Clusters`]).
    ///
    /// # Errors
    /// A schema error if the target column is absent or not one column is known, a value error for fewer
    /// than two rows with a target or a number beyond [`MOST_NUMBER`](super::MOST_NUMBER).
    pub fn evaluate(&self, table: &Table) -> Result<Vec<Score>> {
        Ok(self.assess(table)?.scores)
    }

    /// As [`Predictor::evaluate`], with all that the scores are made of.
    ///
    /// # Errors
    /// As [`Predictor::evaluate`].
    pub(crate) fn assess(&self, table: &Table) -> Result<Assessed> {
        let made = self.about.space.complete(table)?;
        let (rows, values) = self.with_target(&made.table)?;
        let (truth, predictions) = (self.about.target.truth(&values), self.predict(&rows)?);
        let prediction = Prediction::new(predictions.values.clone(), predictions.n_outputs)?
            .at_threshold(predictions.threshold);
        let clusters = clusters(&[&self.about.space], &rows)?;
        let (task, seed) = (self.about.target.task(), self.about.options.seed);
        Ok(Assessed {
            scores: metric::scores(task, &truth, &prediction, &clusters, seed)?,
            reliability: self.reliability_of(&predictions, &values),
            values,
            predictions,
        })
    }

    /// Whether `other` predicts these rows better than this predictor: paired, on the same rows.
    ///
    /// # Errors
    /// As [`Predictor::evaluate`]; and a schema error if the two have different targets.
    pub fn compare(&self, other: &Predictor, table: &Table) -> Result<PairedDifference> {
        if !self.about.target.is_same(&other.about.target) {
            return Err(Error::schema(format!(
                "one predictor is for `{}`, the other for `{}`; only predictors of one target compare",
                self.about.target.column(),
                other.about.target.column()
            )));
        }
        let made = self.about.space.complete(table)?;
        let made = other.about.space.complete(&made.table)?;
        let (rows, values) = self.with_target(&made.table)?;
        let truth = self.about.target.truth(&values);
        let (a, b) = (self.prediction(&rows)?, other.prediction(&rows)?);
        let clusters = clusters(&[&self.about.space, &other.about.space], &rows)?;
        metric::compare(self.about.target.task(), &truth, &a, &b, &clusters, self.about.options.seed)
    }

    /// The rows that have a target, and its values.
    pub(super) fn with_target(&self, table: &Table) -> Result<(Table, Vec<f64>)> {
        let targets = self.about.target.values(table)?;
        let rows: Vec<u32> =
            (0..table.n_rows()).filter(|r| targets[*r].is_some()).map(|r| r as u32).collect();
        Ok((table.take(&rows)?, targets.into_iter().flatten().collect()))
    }

    fn prediction(&self, table: &Table) -> Result<Prediction> {
        let predictions = self.predict(table)?;
        Ok(Prediction::new(predictions.values, predictions.n_outputs)?.at_threshold(predictions.threshold))
    }
}
