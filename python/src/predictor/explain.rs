//! Reasons: what columns gave to predictions.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tabgraft_model::predictor::{ColumnGroup, ExplainOptions};
use tabgraft_table::unreadable::Readable;

use super::Predictor;
use crate::convert::{Names, Renames, word};
use crate::error::Raised;
use crate::explanation::Explanation;
use crate::predictions::class_list;
use crate::run::{StopToken, run};
use crate::warnings::{cell_errors, warn_of_columns, warn_of_differing, warn_of_unreadable};

impl Predictor {
    /// The class that a value stands for, as the predictor spells it.
    fn class_of(&self, py: Python<'_>, given: &Bound<'_, PyAny>) -> Raised<String> {
        let target = self.core.target();
        let known = class_list(py, target.classes(), target.label_type())?;
        for (class, value) in target.classes().iter().zip(known.try_iter()?) {
            if value?.eq(given)? {
                return Ok(class.clone());
            }
        }
        Ok(given.str()?.to_string())
    }
}

#[pymethods]
impl Predictor {
    /// What each column gave to each prediction: Shapley values, with standard errors.
    ///
    /// A column is hidden, not replaced, so that no rows to compare with are needed: networks know a hidden cell as a state
    /// of its own, trees and the linear model go by the rows that they were learned from. What a computed feature gives
    /// belongs to the columns that it is made of. A row's contributions are the same alone and among others.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    /// scale : str, optional
    ///     In what contributions count: "log_odds" of a class, which is usual, its "probability", or the "number" in
    ///     the target's unit.
    /// class_name : optional
    ///     The class whose prediction is explained. By default the second of two classes, and each of more.
    /// groups : dict of str to list of str, optional
    ///     Columns that belong together and have one contribution: name of the group to its columns.
    /// features_apart : bool, default False
    ///     Whether computed features have contributions of their own.
    /// n_evaluations : int, optional
    ///     Most predictions for each row. By default 512, or as many as two pairs of orders need where columns are so
    ///     many. Where all combinations of columns are as many or fewer, contributions are exact.
    /// seed : int, default 0
    ///     Of the orders of columns that are drawn.
    /// errors, rename, columns
    ///     As for `predict`.
    /// progress : bool, optional
    ///     Whether a bar shows how far it is; by default in a terminal and in a notebook.
    ///
    /// >>> reasons = predictor.explain(early.head(3), groups={"person": ["age", "job", "own_telephone"]})
    /// >>> reasons.contributions.shape
    /// (3, 15)
    /// >>> reasons.row(0)["reasons"][0]["column"] in reasons.columns
    /// True
    #[pyo3(signature = (data, *, scale = None, class_name = None, groups = None, features_apart = false,
        n_evaluations = None, seed = 0, errors = "error", rename = None, columns = None, progress = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    pub fn explain(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        scale: Option<&str>,
        class_name: Option<&Bound<'_, PyAny>>,
        groups: Option<&Bound<'_, PyDict>>,
        features_apart: bool,
        n_evaluations: Option<usize>,
        seed: u64,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Explanation> {
        let errors = cell_errors(errors)?;
        let mut own_groups = Vec::new();
        for (name, columns) in groups.into_iter().flatten() {
            own_groups.push(ColumnGroup { name: name.extract()?, columns: columns.extract()? });
        }
        let options = ExplainOptions {
            scale: scale
                .map(|scale| word("scale", scale, "`log_odds`, `probability` or `number`"))
                .transpose()?,
            class: class_name.map(|class| self.class_of(py, class)).transpose()?,
            groups: own_groups,
            features_apart,
            n_evaluations,
            seed,
        };
        let table = self.read(data, rename, columns, self.core.needs())?;
        let Readable { table, unreadable } = py.detach(|| self.core.readable(&table, errors))?;
        let made = run(py, "reasons", progress, &StopToken::default(), |sink| {
            self.core.explain(&table, &options, sink)
        })?
        .whole()?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        warn_of_columns(py, self.core.name(), &made.report)?;
        warn_of_differing(py, self.core.name(), &made.differing)?;
        Ok(Explanation { made, label_type: self.core.target().label_type() })
    }

    /// Predictions as if some columns could not be seen, which is not the same as cells without a value: what `explain`
    /// asks about. A feature is hidden with each column that it is made of, and may be named itself.
    ///
    /// Gives probabilities, `[n_rows, n_classes]`, or numbers, `[n_rows]`. `errors`, `rename` and `columns` as for
    /// `predict`.
    ///
    /// >>> predictor.predict_hiding(early.head(2), ["age", "purpose"]).shape
    /// (2, 2)
    #[pyo3(signature = (data, hidden, *, errors = "error", rename = None, columns = None))]
    fn predict_hiding<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        hidden: Names,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Bound<'py, PyAny>> {
        let errors = cell_errors(errors)?;
        let table = self.read(data, rename, columns, self.core.needs())?;
        let Readable { table, unreadable } = py.detach(|| self.core.readable(&table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let hidden = Vec::from(hidden);
        let values = py.detach(|| self.core.predict_hiding(&table, &hidden))?;
        let values = PyArray1::from_vec(py, values);
        match self.core.target().classes().len() {
            0 => Ok(values.into_any()),
            n_classes => Ok(values.reshape([table.n_rows(), n_classes])?.into_any()),
        }
    }
}
