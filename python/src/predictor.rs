//! `Predictor`: one target on top of an embedding space.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple, PyType};
use tabgraft_model::PredictorOptions;
use tabgraft_model::compare::{compare_predictors, unseen_rows};
use tabgraft_model::predictor::TargetKind;
use tabgraft_table::Table;

use crate::comparison::Comparison;
use crate::convert::{to_python, word};
use crate::error::Raised;
use crate::frame::{Given, column};
use crate::html;
use crate::predictions::Predictions;
use crate::run::{StopToken, run};
use crate::space::{EmbeddingSpace, warn_of_columns};

/// A fitted predictor. It needs no other file, and the space that it was fitted on never changes.
#[pyclass(frozen, module = "tabgraft")]
pub struct Predictor {
    pub core: Arc<tabgraft_model::Predictor>,
}

impl Predictor {
    /// Predicts, and warns of columns that are not used or missing.
    pub fn predictions(
        py: Python<'_>,
        core: &tabgraft_model::Predictor,
        table: &Table,
    ) -> Raised<Predictions> {
        let made = py.detach(|| core.predict(table))?;
        warn_of_columns(py, core.name(), &made.report)?;
        Ok(Predictions { made })
    }

    /// The rows that a score is about.
    pub fn scored_rows(table: Table, splits: &[&tabgraft_table::split::Split], rows: &str) -> Raised<Table> {
        let all: Scored = word("rows", rows, "`test` or `all`")?;
        Ok(match all {
            Scored::Test => unseen_rows(&table, splits)?,
            Scored::All => table,
        })
    }
}

/// The table with its target, and the target's name: a target that is no column is made one.
fn with_target(table: Table, target: &Bound<'_, PyAny>) -> Raised<(Table, String)> {
    if let Ok(name) = target.extract::<String>() {
        return Ok((table, name));
    }
    let mut name = "target".to_owned();
    while table.has_column(&name) {
        name.push('_');
    }
    let values = target.py().import("numpy")?.call_method1("asarray", (target,))?;
    let table = table.with_column(&name, column(&name, &values)?)?;
    Ok((table, name))
}

/// Which rows of a table are scored.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scored {
    Test,
    All,
}

#[pymethods]
impl Predictor {
    /// Fits a predictor on a space. `target` is a column of the data, or an array with one value per
    /// row. See the guide for each option.
    #[classmethod]
    #[pyo3(signature = (space, data, target, *, target_kind = "auto", sample_weight = None, name = "predictor",
        n_epochs = 100, patience = 14, batch_size = None, n_networks = None, d_hidden = 128, hold_out_test = true,
        threshold = 0.5, seed = 0, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn fit(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        space: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        target: &Bound<'_, PyAny>,
        target_kind: &str,
        sample_weight: Option<Vec<f64>>,
        name: &str,
        n_epochs: usize,
        patience: usize,
        batch_size: Option<usize>,
        n_networks: Option<usize>,
        d_hidden: usize,
        hold_out_test: bool,
        threshold: f64,
        seed: u64,
        columns: Option<Vec<String>>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let space = space.get().core_trained()?;
        let table = Given::new(data, columns)?.table;
        let (table, target) = with_target(table, target)?;
        let options = PredictorOptions {
            name: name.to_owned(),
            target_kind: word::<TargetKind>("target_kind", target_kind, "`auto`, `set` or `scalar`")?,
            n_epochs,
            patience,
            batch_size,
            n_networks,
            d_hidden,
            hold_out_test,
            threshold,
            seed,
            ..Default::default()
        };
        let core = run(py, name, progress, &StopToken::default(), |sink| match &sample_weight {
            None => tabgraft_model::Predictor::fit(&space, &table, &target, &options, sink),
            Some(weights) => {
                tabgraft_model::Predictor::fit_weighted(&space, &table, &target, weights, &options, sink)
            }
        })?
        .whole()?;
        Ok(Predictor { core: Arc::new(core) })
    }

    /// Classes or numbers for each row, with probabilities, confidence and a column report.
    #[pyo3(signature = (data, *, columns = None))]
    fn predict(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        columns: Option<Vec<String>>,
    ) -> Raised<Predictions> {
        let table = Given::new(data, columns)?.table;
        Self::predictions(py, &self.core, &table)
    }

    /// Cells unlike the training rows: unseen categories, numbers far outside. One dictionary each.
    #[pyo3(signature = (data, *, columns = None))]
    fn guardrails<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        columns: Option<Vec<String>>,
    ) -> Raised<Bound<'py, PyAny>> {
        let table = Given::new(data, columns)?.table;
        let found = py.detach(|| self.core.guardrails(&table))?;
        Ok(to_python(py, &found)?)
    }

    /// Scores with intervals, one dictionary per metric. `rows="test"`: only rows that the split
    /// keeps for testing, right for the table that was trained on; `"all"`: every row, right for a
    /// table that was never trained on.
    #[pyo3(signature = (data, *, rows = "test"))]
    pub fn evaluate<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        rows: &str,
    ) -> Raised<Bound<'py, PyAny>> {
        let table = Self::scored_rows(Given::new(data, None)?.table, &[self.core.split()], rows)?;
        let scores = py.detach(|| self.core.evaluate(&table))?;
        Ok(to_python(py, &scores)?)
    }

    /// Whether `other` predicts better, on the same rows.
    #[pyo3(signature = (other, data, *, rows = "test"))]
    pub fn compare(
        &self,
        py: Python<'_>,
        other: &Bound<'_, Predictor>,
        data: &Bound<'_, PyAny>,
        rows: &str,
    ) -> Raised<Comparison> {
        let other = other.get().core.clone();
        let table =
            Self::scored_rows(Given::new(data, None)?.table, &[self.core.split(), other.split()], rows)?;
        let found = py.detach(|| compare_predictors(&self.core, &other, &table))?;
        Ok(Comparison { found })
    }

    /// Scores on the test rows of the fit, one dictionary per metric with `n`, `low` and `high`.
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core.fit_info().scores)?)
    }

    /// Everything there is to say about the predictor and the space under it.
    fn inspect<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core.card())?)
    }

    /// Name of the predictor.
    #[getter]
    fn name(&self) -> &str {
        self.core.name()
    }

    /// The column that is predicted.
    #[getter]
    fn target(&self) -> &str {
        self.core.target().column()
    }

    /// `binary`, `multiclass` or `regression`.
    #[getter]
    fn task(&self) -> &'static str {
        self.core.target().task().name()
    }

    /// Class names as text, in the order of probabilities; empty for numbers.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.core.target().classes().to_vec()
    }

    /// Writes the predictor to one file, whole or not at all.
    pub fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let path = crate::convert::path(path)?;
        Ok(py.detach(|| self.core.save(&path))?)
    }

    /// Reads a predictor from its file. Runs no code of the file.
    #[staticmethod]
    pub fn load(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Self> {
        let path = crate::convert::path(path)?;
        Ok(Predictor { core: Arc::new(py.detach(|| tabgraft_model::Predictor::load(&path))?) })
    }

    /// The bytes of the file that `save` writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &py.detach(|| self.core.to_bytes())?))
    }

    /// A predictor from the bytes of its file.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, content: &[u8]) -> Raised<Self> {
        Ok(Predictor { core: Arc::new(py.detach(|| tabgraft_model::Predictor::from_bytes(content))?) })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Raised<Bound<'py, PyTuple>> {
        let py = slf.py();
        let load = slf.get_type().getattr("from_bytes")?;
        Ok(PyTuple::new(py, [load, PyTuple::new(py, [slf.get().to_bytes(py)?])?.into_any()])?)
    }

    fn __repr__(&self) -> String {
        format!("Predictor(name={:?}, target={:?}, {})", self.name(), self.target(), self.task())
    }

    fn _repr_html_(&self) -> String {
        html::predictor(&self.core.card())
    }
}
