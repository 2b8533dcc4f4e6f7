//! What predictions are worth: scores, comparisons, and whether probabilities mean what they say.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tabgraft_model::compare::compare_predictors;
use tabgraft_model::train::{HeldFor, table_within};
use tabgraft_table::Table;
use tabgraft_table::read::ReadOptions;
use tabgraft_table::unreadable::Readable;

use super::Predictor;
use crate::comparison::Comparison;
use crate::convert::{Renames, to_python, word};
use crate::error::Raised;
use crate::frame::{Given, say};
use crate::warnings::{cell_errors, warn_of_columns, warn_of_differing, warn_of_unreadable, warn_of_unseen};

/// Which rows of a table are scored.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scored {
    Test,
    All,
}

impl Predictor {
    /// The rows that a score is about.
    pub fn scored_rows(
        py: Python<'_>,
        table: Table,
        predictors: &[&tabgraft_model::Predictor],
        rows: &str,
    ) -> Raised<Table> {
        let all: Scored = word("rows", rows, "`test` or `all`")?;
        if matches!(all, Scored::All) {
            return Ok(table);
        }
        let fair = py.detach(|| tabgraft_model::Predictor::fair_rows(predictors, &table))?;
        say(py, &fair.warnings)?;
        let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
        for note in &fair.notes {
            logger.call_method1("info", ("%s", tabgraft_table::visible(note)))?;
        }
        Ok(fair.table)
    }
}

#[pymethods]
impl Predictor {
    /// What predictions claim of themselves, held against the truth; rows and `errors` as for `evaluate`. Of classes
    /// a table of reliability, `bins`, and the expected calibration error over `n_bins` bins of equal width, `ece`: of the
    /// probability of the second of two classes, or of the predicted one of several. Of numbers the share of rows that
    /// intervals `covered` at some `levels`. None where nothing is claimed.
    ///
    /// >>> found = predictor.reliability(early)
    /// >>> found["n_bins"], 0 <= found["ece"] <= 1
    /// (10, True)
    /// >>> sum(bin["n"] for bin in found["bins"]) == found["n"]
    /// True
    #[pyo3(signature = (data, *, rows = "test", errors = "error", rename = None))]
    fn reliability<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        rows: &str,
        errors: &str,
        rename: Option<Renames>,
    ) -> Raised<Option<Bound<'py, PyAny>>> {
        let errors = cell_errors(errors)?;
        let table = self.read(data, rename, None, self.core.needs_to_score())?;
        let Readable { table, unreadable } = py.detach(|| self.core.readable_to_score(&table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let table = Self::scored_rows(py, table, &[&self.core], rows)?;
        let found = py.detach(|| self.core.reliability(&table))?;
        Ok(found.map(|found| to_python(py, &found)).transpose()?)
    }

    /// Scores with 95 % intervals: a list that answers to a metric's name, too. Of the `n` rows, the `n_copies` that repeat
    /// another one in every column count once in the intervals, and the `n_unseen` of a class that was not
    /// seen in training are scored as wrong. `rows="test"`: only rows that were not
    /// learned from, test rows and those that the model does not know; `"all"`: every row.
    ///
    /// >>> score = predictor.evaluate(early)[0]
    /// >>> score["metric"], score["low"] <= score["value"] <= score["high"]
    /// ('roc_auc', True)
    ///
    /// `errors` and `rename` as for `predict`; a row whose target cannot be read is then passed over. `memory_limit` as for
    /// `fit`.
    #[pyo3(signature = (data, *, rows = "test", errors = "error", memory_limit = None, rename = None))]
    pub fn evaluate<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        rows: &str,
        errors: &str,
        memory_limit: Option<u64>,
        rename: Option<Renames>,
    ) -> Raised<Bound<'py, PyAny>> {
        let errors = cell_errors(errors)?;
        let (columns, most_bytes) =
            (self.core.needs_to_score(), memory_limit.map(|limit| table_within(limit, HeldFor::Scoring)));
        let how = ReadOptions { columns, most_bytes, ..self.core.read_options().with_names(rename) };
        let table = Given::read(data, None, &how)?.table;
        let Readable { table, unreadable } = py.detach(|| self.core.readable_to_score(&table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let table = Self::scored_rows(py, table, &[&self.core], rows)?;
        if let Some(passed_over) = self.core.target().passed_over_in_words(&table)? {
            let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
            logger.call_method1("info", ("%s: %s", self.core.name(), passed_over))?;
        }
        let scores = py.detach(|| self.core.evaluate(&table))?;
        warn_of_columns(py, self.core.name(), &self.core.column_report(&table))?;
        warn_of_unseen(py, self.core.name(), &self.core.unseen_columns(&table)?)?;
        warn_of_differing(py, self.core.name(), &self.core.differing_columns(&table)?)?;
        Ok(crate::convert::scores(py, &scores)?)
    }

    /// Whether `other` predicts the same target better, on the same rows; `rows`, `errors`, `memory_limit` and
    /// `rename` as for `evaluate`, but a test row must be one for both.
    ///
    /// >>> predictor.compare(predictor, early).verdict
    /// 'no_difference'
    #[pyo3(signature = (other, data, *, rows = "test", errors = "error", memory_limit = None, rename = None))]
    #[allow(clippy::too_many_arguments)]
    pub fn compare(
        &self,
        py: Python<'_>,
        other: &Bound<'_, Predictor>,
        data: &Bound<'_, PyAny>,
        rows: &str,
        errors: &str,
        memory_limit: Option<u64>,
        rename: Option<Renames>,
    ) -> Raised<Comparison> {
        let other = other.get().core.clone();
        let (how, notes) = self.core.read_options().joined(&other.read_options());
        say(py, &notes)?;
        let errors = cell_errors(errors)?;
        let most_bytes = memory_limit.map(|limit| table_within(limit, HeldFor::Scoring));
        let table = Given::read(data, None, &ReadOptions { most_bytes, ..how.with_names(rename) })?.table;
        let Readable { table, unreadable } =
            py.detach(|| self.core.readable_to_compare(&other, &table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let table = Self::scored_rows(py, table, &[&self.core, &other], rows)?;
        let found = py.detach(|| compare_predictors(&self.core, &other, &table))?;
        Ok(Comparison { found })
    }

    /// Scores on the test rows of the fit: a list with `value`, `n`, `low` and `high` of each metric, which answers
    /// to a metric's name, too, and shows itself as a table. Empty where no rows were held out.
    ///
    /// >>> predictor.scores["roc_auc"].low < predictor.scores["roc_auc"].value
    /// True
    /// >>> [score["metric"] for score in predictor.scores]
    /// ['roc_auc', 'pr_auc', 'log_loss', 'accuracy', 'balanced_accuracy', 'f1', 'brier']
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(crate::convert::scores(py, &self.core.fit_info().scores)?)
    }

    /// Scores on the test rows of the fit without their intervals: metric to value.
    ///
    /// >>> 0.5 < predictor.metrics["roc_auc"] < 1
    /// True
    #[getter]
    pub fn metrics<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyDict>> {
        let metrics = PyDict::new(py);
        for score in &self.core.fit_info().scores {
            metrics.set_item(score.metric.name(), score.value)?;
        }
        Ok(metrics)
    }
}
