//! Rows as a network of a predictor sees them.

use std::iter::successors;

use tabgraft_table::Table;

use super::Predictor;
use crate::error::Result;
use crate::space::{UnseenCounts, embed_encoded};

/// Rows by the vectors of a network.
pub(crate) struct RowVectors {
    /// The predictor whose network it is.
    pub name: String,
    /// `[n_rows, d_model]`, row-major.
    pub values: Vec<f32>,
    /// Length of a vector.
    pub d_model: usize,
}

impl Predictor {
    /// The vectors of a table's rows by the copy of the space that the first of its networks holds, tuned to the target; or,
    /// where a predictor grew without networks, by that of the one that it grew from. None where it has no network.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub(crate) fn row_vectors(&self, table: &Table) -> Result<Option<RowVectors>> {
        // Cells are not coded for predictors that have no network to see them.
        let ancestry = successors(Some(self), |own| own.grown.as_ref().map(|grown| grown.base.as_ref()));
        let with_network = ancestry
            .enumerate()
            .find_map(|(depth, own)| Some((depth, own.predicting_heads().first()?, own.name())));
        let Some((depth, head, name)) = with_network else { return Ok(None) };
        let made = self.about.space.complete(table)?;
        self.about.space.check_known(&made.table)?;
        let layers = self.cells(&made.table, &mut UnseenCounts::default())?;
        let values = embed_encoded(&head.space, &layers[depth]);
        Ok(Some(RowVectors { name: name.to_owned(), values, d_model: head.space.d_model() }))
    }
}
