//! What a `SinglePredictor` knows: its rows, what training found, and its file.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::sync::Mutex;

use super::{SinglePredictor, State};
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
    /// >>> sorted(single.training_info["seconds_spent"])
    /// ['linear', 'networks', 'trees']
    #[getter]
    pub(super) fn training_info<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, self.core()?.fit_info())?)
    }

    /// Scores on rows that no training has seen: metric to value.
    ///
    /// >>> list(single.metrics)
    /// ['roc_auc', 'pr_auc', 'log_loss', 'accuracy', 'balanced_accuracy', 'f1', 'brier']
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

    /// Reads a trained predictor: it predicts and evaluates. With `embedding_space` it can be prepared and trained
    /// again, too, which a file alone cannot: it holds the space as the training left it.
    ///
    /// >>> single.save("risk.tabgraft")
    /// >>> SinglePredictor.load("risk.tabgraft").metrics == single.metrics
    /// True
    /// >>> again = SinglePredictor.load("risk.tabgraft", embedding_space=space)
    /// >>> again.prep_for_training(early, "target", "set")
    #[classmethod]
    #[pyo3(signature = (path, *, embedding_space = None))]
    fn load<'py>(
        class: &Bound<'py, PyType>,
        path: &Bound<'py, PyAny>,
        embedding_space: Option<Py<EmbeddingSpace>>,
    ) -> Raised<Bound<'py, PyAny>> {
        let py = class.py();
        let core = Predictor::load(py, path)?.core;
        let loaded = class.call1((embedding_space, py.None(), core.name()))?;
        loaded.cast::<Self>().map_err(PyErr::from)?.get().lock().core = Some(core);
        Ok(loaded)
    }

    /// A copy that shares the space and the prepared rows, and is trained on its own from here on.
    fn __copy__(&self, py: Python<'_>) -> Self {
        let state = self.lock();
        SinglePredictor {
            space: self.space.as_ref().map(|space| space.clone_ref(py)),
            head: self.head.as_ref().map(|head| head.clone_ref(py)),
            name: self.name.clone(),
            qa_dir: self.qa_dir.clone(),
            seed: self.seed,
            state: Mutex::new(State {
                prepared: state.prepared.clone(),
                core: state.core.clone(),
                found: state.found.clone(),
            }),
        }
    }

    /// As `copy.copy`: nothing of what is shared ever changes.
    fn __deepcopy__(&self, py: Python<'_>, _memo: &Bound<'_, PyAny>) -> Self {
        self.__copy__(py)
    }

    /// A pickle holds the space, the head's sizes and the trained predictor; the rows are prepared again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Raised<Bound<'py, PyTuple>> {
        let (py, this) = (slf.py(), slf.get());
        let class = slf.get_type();
        let keywords = PyDict::new(py);
        keywords.set_item("qa_dir", &this.qa_dir)?;
        keywords.set_item("seed", this.seed)?;
        let make = py.import("functools")?.getattr("partial")?.call((class,), Some(&keywords))?;
        let arguments = (
            this.space.as_ref().map(|space| space.clone_ref(py)),
            this.head.as_ref().map(|head| head.clone_ref(py)),
            &this.name,
        )
            .into_pyobject(py)?;
        let core = this.lock().core.clone().map(|core| Predictor { core });
        let core = core.map(|core| Bound::new(py, core)).transpose()?;
        Ok((make, arguments, core).into_pyobject(py)?)
    }

    /// What a pickle says of the training.
    fn __setstate__(&self, core: &Bound<'_, Predictor>) {
        self.lock().core = Some(core.get().core.clone());
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
