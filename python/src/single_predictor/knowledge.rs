//! What a `SinglePredictor` knows: its rows, what training found, and its file.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::SinglePredictor;
use crate::convert::to_python;
use crate::discovery::Discovery;
use crate::error::Raised;
use crate::html;
use crate::predictor::Predictor;
use crate::space::EmbeddingSpace;

#[pymethods]
impl SinglePredictor {
    /// The embedding space; None for a predictor that was loaded.
    ///
    /// >>> single.embedding_space is space
    /// True
    #[getter]
    fn embedding_space(&self, py: Python<'_>) -> Option<Py<EmbeddingSpace>> {
        self.space.as_ref().map(|s| s.clone_ref(py))
    }

    /// Name of the predictor.
    ///
    /// >>> single.name
    /// 'risk'
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The prepared rows that are learned from, with features, in the caller's frame type.
    ///
    /// >>> len(single.train_df) == single.training_info["n_rows"]
    /// True
    #[getter]
    fn train_df<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        self.frame(py, false)
    }

    /// The prepared rows that scores come from, with features, in the caller's frame type.
    ///
    /// >>> len(single.train_df) + len(single.val_df)
    /// 1000
    #[getter]
    fn val_df<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        self.frame(py, true)
    }

    /// What was taken from the suggestion history, or why it was refused; None without a history.
    ///
    /// >>> single.loaded_features is None
    /// True
    #[getter]
    fn loaded_features<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.ready()?.prepared.loaded)?)
    }

    /// What becomes of the prepared frame's columns: ignored ones with reasons, missing ones.
    ///
    /// >>> single.column_report
    /// {'ignored_columns': [], 'missing_columns': []}
    #[getter]
    fn column_report<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.ready()?.prepared.columns)?)
    }

    /// Rows, epochs, seconds and scores of the training.
    ///
    /// >>> len(single.training_info["best_epochs"])
    /// 5
    #[getter]
    pub(super) fn training_info<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, self.core()?.fit_info())?)
    }

    /// Scores on rows that no training has seen: metric to value.
    ///
    /// >>> list(single.metrics)
    /// ['roc_auc', 'pr_auc', 'log_loss', 'accuracy', 'brier']
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyDict>> {
        Predictor { core: self.core()? }.metrics(py)
    }

    /// What the search after the training found; None before, or where it was left out.
    ///
    /// >>> len(single.discovery.suggested)
    /// 3
    #[getter]
    fn discovery(&self) -> Option<Discovery> {
        self.lock().found.clone().map(|found| Discovery { found })
    }

    /// The fitted predictor alone.
    ///
    /// >>> single.fitted
    /// Predictor(name="risk", target="target", binary)
    #[getter]
    fn fitted(&self) -> Raised<Predictor> {
        Ok(Predictor { core: self.core()? })
    }

    /// Writes the trained predictor to one file, whole or not at all. The path may end in anything.
    ///
    /// >>> single.save("risk.tabgraft")
    fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        Predictor { core: self.core()? }.save(py, path)
    }

    /// Reads a trained predictor: it predicts and evaluates, but has no space to train on.
    ///
    /// >>> single.save("risk.tabgraft")
    /// >>> SinglePredictor.load("risk.tabgraft").metrics == single.metrics
    /// True
    #[classmethod]
    fn load<'py>(class: &Bound<'py, PyType>, path: &Bound<'py, PyAny>) -> Raised<Bound<'py, PyAny>> {
        let py = class.py();
        let core = Predictor::load(py, path)?.core;
        let loaded = class.call1((py.None(), py.None(), core.name()))?;
        loaded.cast::<Self>().map_err(PyErr::from)?.get().lock().core = Some(core);
        Ok(loaded)
    }

    fn __repr__(&self) -> String {
        let state = self.lock();
        let what = match (&state.core, &state.prepared) {
            (Some(core), _) => format!("target={:?}, trained", core.target().column()),
            (None, Some(ready)) => format!("target={:?}, not trained", ready.target),
            (None, None) => "no data yet".to_owned(),
        };
        format!("SinglePredictor(name={:?}, {what})", self.name)
    }

    fn _repr_html_(&self) -> String {
        match self.core() {
            Ok(core) => html::predictor(&core.card()),
            Err(_) => html::line(&self.__repr__()),
        }
    }
}
