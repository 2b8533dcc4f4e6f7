//! `Predictor`: one target on top of an embedding space.

mod explain;
mod fit;
mod options;
mod score;
mod watch;

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tabgraft_model::card::ModelCard;
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, Wanted};
use tabgraft_table::unreadable::Readable;

use crate::convert::{Names, Renames, document, onnx_options, to_python};
use crate::error::{Raise, Raised};
use crate::frame::Given;
use crate::html;
use crate::predictions::{Predictions, class_list};
use crate::warnings::{cell_errors, warn_of_columns, warn_of_differing, warn_of_unreadable, warn_of_unseen};
pub use options::{n_weighted_rows, spelling_note};

/// A fitted predictor of one target. It needs no other file, and the space that it was fitted on never
/// changes.
///
/// >>> predictor = tabgraft.Predictor.fit(space, early, "target", n_epochs=5, n_networks=2)
/// >>> predictor
/// Predictor(name="predictor", target="target", binary)
/// >>> predictor.predict(early).probabilities.shape
/// (1000, 2)
#[pyclass(frozen, module = "tabgraft")]
pub struct Predictor {
    pub core: Arc<tabgraft_model::Predictor>,
}

impl Predictor {
    /// Predicts, and warns of columns that are not used or missing, and of cells that cannot be read.
    pub fn predictions(
        py: Python<'_>,
        core: &tabgraft_model::Predictor,
        table: &Table,
        errors: &str,
    ) -> Raised<Predictions> {
        let errors = cell_errors(errors)?;
        let made = py.detach(|| core.predict_readable(table, errors))?;
        warn_of_unreadable(py, core.name(), &made.unreadable)?;
        warn_of_columns(py, core.name(), &made.report)?;
        warn_of_unseen(py, core.name(), &made.unseen)?;
        warn_of_differing(py, core.name(), &made.differing)?;
        Ok(Predictions { made })
    }

    /// Reads data as that of the predictor's fit, as far as it is needed.
    fn read(
        &self,
        data: &Bound<'_, PyAny>,
        rename: Option<Renames>,
        columns: Option<Names>,
        needs: Wanted,
    ) -> Raised<Table> {
        let how = ReadOptions { columns: needs, ..self.core.read_options().with_names(rename) };
        Ok(Given::read(data, columns, &how)?.table)
    }
}

#[pymethods]
impl Predictor {
    /// Classes or numbers for each row, with probabilities, confidence and a column report. Features of the space
    /// that the data lacks are computed. Columns that are not known or that are missing are named in a warning of
    /// the logger `tabgraft`, as are features of the data that hold something else than would be computed.
    ///
    /// >>> predictor.predict(early.head(3)).labels.shape
    /// (3,)
    ///
    /// `threshold`, 0 to 1, stands for that of the fit: the probability from which on the second of two classes
    /// is predicted.
    ///
    /// >>> bool(predictor.predict(early, threshold=0.0).labels.all())
    /// True
    ///
    /// `interval`, above 0 and below 1, gives each number an interval that covers the truth with this probability:
    /// `lower` and `upper` of the predictions, and columns of their frames.
    ///
    /// `errors` and `rename` as for `EmbeddingSpace.embed`: with "missing", a cell that cannot be read counts as missing.
    ///
    /// >>> odd = early.head(1).assign(age="old")
    /// >>> predictor.predict(odd, errors="missing").labels.shape
    /// (1,)
    #[pyo3(signature = (data, *, threshold = None, interval = None, errors = "error", rename = None, columns = None))]
    #[allow(clippy::too_many_arguments)]
    pub fn predict(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        threshold: Option<f64>,
        interval: Option<f64>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Predictions> {
        let table = self.read(data, rename, columns, self.core.needs())?;
        let Predictions { made } = Self::predictions(py, &self.core, &table, errors)?.at(threshold)?;
        Ok(Predictions {
            made: match interval {
                Some(level) => self.core.with_interval(made, level)?,
                None => made,
            },
        })
    }

    /// Probability from which on the second of two classes is predicted.
    ///
    /// >>> predictor.threshold
    /// 0.5
    #[getter]
    fn threshold(&self) -> f64 {
        self.core.threshold()
    }

    /// Cells unlike the training rows, one dictionary each: unseen categories, infinite numbers, and numbers
    /// from 3 standard deviations off the mean. The `word` is "unseen", or how bad a number is: "outlier" from 3 of
    /// them, "extrapolation" from 4, "severe" from 20, "error" from 100 and where it is infinite. `errors` and `rename`
    /// as for `predict`.
    ///
    /// >>> predictor.guardrails(early.head(1).assign(purpose="a rocket"))
    /// [{'row_idx': 0, 'column': 'purpose', 'flag': {'flag': 'unseen'}, 'word': 'unseen'}]
    #[pyo3(signature = (data, *, errors = "error", rename = None, columns = None))]
    fn guardrails<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Bound<'py, PyAny>> {
        let errors = cell_errors(errors)?;
        let table = self.read(data, rename, columns, self.core.needs())?;
        let Readable { table, unreadable } = py.detach(|| self.core.readable(&table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let found = py.detach(|| self.core.guardrails(&table))?;
        Ok(to_python(py, &found)?)
    }

    /// What it grew from, and by: the old predictor's name, id, space and learners, the columns that came and left,
    /// trees and shares. None where it was fitted from nothing.
    ///
    /// >>> predictor.growth is None
    /// True
    #[getter]
    fn growth<'py>(&self, py: Python<'py>) -> Raised<Option<Bound<'py, PyAny>>> {
        Ok(self.core.card().growth.map(|growth| to_python(py, &growth)).transpose()?)
    }

    /// What grew from it and was judged worse than it, with `keep="if_not_worse"`: its name, id and space, the columns
    /// that came, the difference and the rows that it was judged on.
    ///
    /// >>> predictor.refused_growths
    /// []
    #[getter]
    fn refused_growths<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core.refused_growths())?)
    }

    /// What there is to know of the model on one page: data, columns, training, lineage, scores, limits. As Markdown
    /// with the metadata in front that model hubs read, or, with `format="json"`, as JSON, whose schema is
    /// `docs/schema/model_card.schema.json`. `base_model` is what the hub calls the model that this one came from, or a
    /// list of them; by default its own name. A card that contradicts itself is an error.
    ///
    /// >>> print(predictor.card().splitlines()[1])
    /// library_name: tabgraft
    /// >>> import json
    /// >>> json.loads(predictor.card(format="json"))["kind"]
    /// 'predictor'
    #[pyo3(signature = (*, format = "markdown", base_model = None))]
    fn card(&self, format: &str, base_model: Option<Names>) -> Raised<String> {
        crate::card::card(|| ModelCard::of_predictor(&self.core), format, base_model)
    }

    /// Everything there is to say about the predictor and the space under it.
    ///
    /// >>> predictor.inspect()["space"]["name"]
    /// 'v1'
    fn inspect<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core.card())?)
    }

    /// Name of the predictor.
    ///
    /// >>> predictor.name
    /// 'predictor'
    #[getter]
    fn name(&self) -> &str {
        self.core.name()
    }

    /// Names this predictor in lineages and registries. A new name or a new file does not change it.
    ///
    /// >>> len(predictor.id)
    /// 64
    #[getter]
    fn id(&self) -> String {
        self.core.id().as_str().to_owned()
    }

    /// The column that is predicted.
    ///
    /// >>> predictor.target
    /// 'target'
    #[getter]
    fn target(&self) -> &str {
        self.core.target().column()
    }

    /// "binary", "multiclass" or "regression".
    ///
    /// >>> predictor.task
    /// 'binary'
    #[getter]
    fn task(&self) -> &'static str {
        self.core.target().task().name()
    }

    /// The classes, in the order of probabilities, of the type and spelling that they were learned with. Empty
    /// for numbers.
    ///
    /// >>> predictor.classes
    /// [0, 1]
    #[getter]
    fn classes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let target = self.core.target();
        Ok(class_list(py, target.classes(), target.label_type())?)
    }

    /// Writes the predictor to one file, whole or not at all. The path may end in anything.
    ///
    /// >>> predictor.save("p1.tabgraft")
    pub fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let path = crate::convert::path(path)?;
        Ok(py.detach(|| self.core.save(&path))?)
    }

    /// Writes the predictor as one self-contained file of ONNX (opset 20, `ai.onnx.ml` 3), whole or not at all, and says
    /// what is in it: a dictionary with `inputs`, `outputs`, `columns`, `opset`, `notes` and more, which the file's
    /// metadata hold, too.
    ///
    /// Each input is a raw column, a vector of one value per row: text for categories and booleans, empty where
    /// missing, without blanks around it; `float64` for numbers, NaN where missing; seconds since 1970 in UTC for
    /// times. Features that the model carries are computed in the graph. `probabilities`, `class`,
    /// `class_idx` and `confidence` are of classes, `prediction` of a number;
    /// `missing` and `unseen` say of each cell of `columns` whether it has no value, or a category that no training
    /// row had.
    ///
    /// ONNX cannot hash texts. `texts="missing"` lets cells of text columns count as missing; by default a model that
    /// has such columns is an error that names them. `rare="unseen"` does the same for categories that were too rare to
    /// have a code of their own, which the model knows by their hashes.
    ///
    /// >>> summary = predictor.to_onnx("p1.onnx")
    /// >>> [output["name"] for output in summary["outputs"]]
    /// ['probabilities', 'class', 'class_idx', 'confidence', 'missing', 'unseen']
    #[pyo3(signature = (path, *, texts = "error", rare = "error"))]
    fn to_onnx<'py>(
        &self,
        py: Python<'py>,
        path: &Bound<'py, PyAny>,
        texts: &str,
        rare: &str,
    ) -> Raised<Bound<'py, PyAny>> {
        let (path, options) = (crate::convert::path(path)?, onnx_options(texts, rare)?);
        document(py, &py.detach(|| self.core.to_onnx(&path, &options))?).map_err(Raise::from)
    }

    /// Reads a predictor from its file. Runs no code of the file.
    ///
    /// >>> predictor.save("p1.tabgraft")
    /// >>> tabgraft.Predictor.load("p1.tabgraft").target
    /// 'target'
    #[staticmethod]
    pub fn load(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Self> {
        let path = crate::convert::path(path)?;
        Ok(Predictor { core: Arc::new(py.detach(|| tabgraft_model::Predictor::load(&path))?) })
    }

    /// The bytes of the file that `save` writes.
    ///
    /// >>> isinstance(predictor.to_bytes(), bytes)
    /// True
    fn to_bytes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &py.detach(|| self.core.to_bytes())?))
    }

    /// A predictor from the bytes of its file.
    ///
    /// >>> tabgraft.Predictor.from_bytes(predictor.to_bytes()).target
    /// 'target'
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
