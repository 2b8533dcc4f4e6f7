//! How odd rows are to a space, whether they have changed, and what is missing in them.

use pyo3::prelude::*;
use tabgraft_model::fill::FillOptions;
use tabgraft_model::odd::SurpriseOptions;
use tabgraft_model::space::Profile;
use tabgraft_model::watch::WatchOptions;
use tabgraft_table::read::ReadOptions;

use super::{Core, EmbeddingSpace};
use crate::convert::{Names, Renames};
use crate::error::Raised;
use crate::filled::Filled;
use crate::frame::Given;
use crate::odd::Surprise;
use crate::warnings::{cell_errors, warn_of_columns, warn_of_differing, warn_of_unreadable, warn_of_unseen};
use crate::watched::Watched;

/// The profile of rows that are held to be usual.
pub fn profile_of(
    py: Python<'_>,
    space: &Core,
    data: &Bound<'_, PyAny>,
    how: &ReadOptions,
    errors: &str,
) -> Raised<Profile> {
    let errors = cell_errors(errors)?;
    let table = Given::read(data, None, how)?.table;
    let usual = py.detach(|| space.readable(&table, errors))?;
    warn_of_unreadable(py, space.name(), &usual.unreadable)?;
    Ok(py.detach(|| space.profile_of(&usual.table))?)
}

#[pymethods]
impl EmbeddingSpace {
    /// How odd each row is, which cells make it so, and what was expected there.
    ///
    /// Each column is hidden in turn, and the space says how probable its cell is, given the rest of the row: values that
    /// are usual by themselves are found where they do not go together. A row's score sums up, over its cells, by
    /// how many deviations -ln(probability) is above the mean of its column, squared. A row's numbers have the same bits alone and in any batch. Columns that the data lacks say nothing.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    /// n_reasons : int, default 3; 0 to 100
    ///     Most cells of each row that are told as what makes it odd.
    /// against : frame or path, optional
    ///     Rows that are held to be usual. Default: those of the training, of which the file remembers what is needed.
    /// errors, rename, columns
    ///     As for `embed`.
    ///
    /// >>> found = space.surprise(early)
    /// >>> found
    /// Surprise(1000 rows, held against 64)
    /// >>> bool(found.to_pandas()["share_less_odd"].between(0, 1).all())
    /// True
    #[pyo3(signature = (data, *, n_reasons = 3, against = None, errors = "error", rename = None, columns = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn surprise(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        n_reasons: usize,
        against: Option<&Bound<'_, PyAny>>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Surprise> {
        let space = self.core_trained()?;
        let how = ReadOptions { columns: space.needs(), ..space.read_options().with_names(rename) };
        let mut options =
            SurpriseOptions { n_reasons, errors: cell_errors(errors)?, ..SurpriseOptions::default() };
        options.check()?;
        let table = Given::read(data, columns, &how)?.table;
        options.against = against.map(|data| profile_of(py, &space, data, &how, errors)).transpose()?;
        let (odd, n_known, remarks) = py.detach(|| {
            let mut stream = space.surprise_stream(options)?;
            let n_known = stream.surprises().map(|surprises| surprises.n_rows);
            let odd = stream.score(&table)?;
            Ok::<_, tabgraft_model::Error>((odd, n_known, stream.finish()))
        })?;
        warn_of_unreadable(py, space.name(), &remarks.unreadable)?;
        warn_of_columns(py, space.name(), &remarks.report)?;
        warn_of_unseen(py, space.name(), &remarks.unseen)?;
        warn_of_differing(py, space.name(), &remarks.differing)?;
        let columns = space.columns().iter().map(|column| column.name.clone()).collect();
        Ok(Surprise { odd, columns, n_reasons, n_known, remarks })
    }

    /// Whether the rows of `data` are other than those that the space was trained on, column by column and in how columns
    /// go together. No training data is needed: the file remembers what its rows were like.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    /// alpha : float, default 0.01; above 0 and below 1
    ///     Probability of calling anything changed where nothing has. It is kept over all tests of all columns (Holm).
    /// min_psi : float, default 0.005; at least 0
    ///     Least population stability index of a change in values, missing or unseen cells that is called one.
    /// against : frame or path, optional
    ///     Rows to compare with. Default: those of the training.
    /// errors, rename, columns
    ///     As for `embed`.
    ///
    /// >>> space.watch(early).changes
    /// []
    /// >>> {"column": "age", "what": "values"} in space.watch(early.assign(age=early["age"] + 40)).changes
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
        let space = self.core_trained()?;
        let how = ReadOptions { columns: space.needs(), ..space.read_options().with_names(rename) };
        let mut options = WatchOptions { alpha, min_psi, errors: cell_errors(errors)?, against: None };
        options.check()?;
        let table = Given::read(data, columns, &how)?.table;
        options.against = against.map(|data| profile_of(py, &space, data, &how, errors)).transpose()?;
        let found = py.detach(|| space.watch(&table, &options))?;
        warn_of_unreadable(py, space.name(), &found.unreadable)?;
        warn_of_columns(py, space.name(), &found.report)?;
        warn_of_unseen(py, space.name(), &found.unseen)?;
        Ok(Watched { found })
    }

    /// Fills missing cells with what the rest of their row lets expect. Nothing is overwritten: see `Filled.frame`.
    ///
    /// A category is the most probable one, a number or date the mean of its distribution, rounded where the column has
    /// whole numbers or days. Texts cannot be told. A row's values have the same bits alone and in any batch.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    /// fill : list of str, optional
    ///     Columns whose missing cells are filled. Default: all that have some.
    /// min_p : float, default 0; 0 to 1
    ///     Least probability of a filled cell; of a number, that of the class its value lies in. Others stay missing.
    /// errors, rename, columns
    ///     As for `embed`.
    ///
    /// >>> gaps = early.assign(purpose=early["purpose"].where(early.index % 4 > 0))
    /// >>> space.fill(gaps, fill=["purpose"])
    /// Filled(250 cells of 1000 rows)
    #[pyo3(signature = (data, *, fill = None, min_p = 0.0, errors = "error", rename = None, columns = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn fill(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        fill: Option<Names>,
        min_p: f64,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Filled> {
        let space = self.core_trained()?;
        let options =
            FillOptions { fill: fill.unwrap_or_default().into(), min_p, errors: cell_errors(errors)? };
        options.check()?;
        let given = Given::read(data, columns, &space.read_options().with_names(rename))?;
        let filled = py.detach(|| space.fill(&given.table, &options))?;
        warn_of_unreadable(py, space.name(), &filled.remarks.unreadable)?;
        warn_of_columns(py, space.name(), &filled.remarks.report)?;
        warn_of_differing(py, space.name(), &filled.remarks.differing)?;
        let frame = given.with_new_columns(py, &given.table.beside(&filled.added)?)?.unbind();
        Ok(Filled { filled, frame })
    }
}
