//! Whether later rows are other than those that a predictor's space was trained on.

use pyo3::prelude::*;
use tabgraft_model::watch::WatchOptions;

use super::Predictor;
use crate::convert::{Names, Renames};
use crate::error::Raised;
use crate::warnings::{cell_errors, warn_of_columns, warn_of_unreadable, warn_of_unseen};
use crate::watched::Watched;

#[pymethods]
impl Predictor {
    /// Whether the rows of `data` are other than those that the predictor's space was trained on, column by column. That
    /// columns no longer go together is not seen: a predictor does not tell hidden cells, its space does
    /// (`EmbeddingSpace.watch`).
    ///
    /// Parameters
    /// ----------
    /// data, alpha, min_psi, against
    ///     As for `EmbeddingSpace.watch`.
    /// errors, rename, columns
    ///     As for `predict`.
    ///
    /// >>> predictor.watch(early)
    /// Watched(1000 rows: nothing has changed, columns taken one by one)
    /// >>> {"column": "age", "what": "values"} in predictor.watch(early.assign(age=early["age"] + 40)).changes
    /// True
    #[pyo3(signature = (data, *, alpha = 0.01, min_psi = 0.005, against = None, errors = "error", rename = None,
        columns = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn watch(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        alpha: f64,
        min_psi: f64,
        against: Option<&Bound<'_, PyAny>>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Watched> {
        let mut options = WatchOptions { alpha, min_psi, errors: cell_errors(errors)?, against: None };
        options.check()?;
        let table = self.read(data, rename.clone(), columns, self.core.needs())?;
        if let Some(data) = against {
            let usual = self.read(data, rename, None, self.core.needs())?;
            let usual = py.detach(|| self.core.readable(&usual, options.errors))?;
            warn_of_unreadable(py, self.core.name(), &usual.unreadable)?;
            options.against = Some(py.detach(|| self.core.profile_of(&usual.table))?);
        }
        let found = py.detach(|| self.core.watch(&table, &options))?;
        warn_of_unreadable(py, self.core.name(), &found.unreadable)?;
        warn_of_columns(py, self.core.name(), &found.report)?;
        warn_of_unseen(py, self.core.name(), &found.unseen)?;
        Ok(Watched { found })
    }
}
