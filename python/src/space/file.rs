//! A space as a file, as bytes, as a pickle.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tabgraft_model::Error;
use tabgraft_model::card::ModelCard;

use super::{Core, EmbeddingSpace};
use crate::convert::{Names, document, onnx_options, to_python};
use crate::error::{Raise, Raised};

#[pymethods]
impl EmbeddingSpace {
    /// Writes the space to one file, whole or not at all. The path may end in anything.
    ///
    /// >>> space.save("v1.tabgraft")
    fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let (space, path) = (self.core_trained()?, crate::convert::path(path)?);
        Ok(py.detach(|| space.save(&path))?)
    }

    /// What there is to know of the model on one page: data, columns, training, lineage, limits. As Markdown
    /// with the metadata in front that model hubs read, or, with `format="json"`, as JSON, whose schema is
    /// `docs/schema/model_card.schema.json`. `base_model` is what the hub calls the model that this one came from, or a
    /// list of them; by default its own name. A card that contradicts itself is an error.
    ///
    /// >>> print(child.card().splitlines()[1])
    /// library_name: tabgraft
    /// >>> import json
    /// >>> json.loads(child.card(format="json"))["kind"]
    /// 'embedding_space'
    #[pyo3(signature = (*, format = "markdown", base_model = None))]
    fn card(&self, format: &str, base_model: Option<Names>) -> Raised<String> {
        let core = self.core_trained()?;
        crate::card::card(|| ModelCard::of_space(&core), format, base_model)
    }

    /// Writes the space as one self-contained file of ONNX (opset 20, `ai.onnx.ml` 3), whole or not at all, and says
    /// what is in it: a dictionary with `inputs`, `outputs`, `columns`, `opset`, `notes` and more, which the file's
    /// metadata hold, too.
    ///
    /// Each input is a raw column, a vector of one value per row: text for categories and booleans, empty where
    /// missing, without blanks around it; `float64` for numbers, NaN where missing; seconds since 1970 in UTC for
    /// times. Features that the model carries are computed in the graph. `z` is a vector per row,
    /// `missing` and `unseen` say of each cell of `columns` whether it has no value, or a category that no training
    /// row had.
    ///
    /// ONNX cannot hash texts. `texts="missing"` lets cells of text columns count as missing; by default a model that
    /// has such columns is an error that names them. `rare="unseen"` does the same for categories that were too rare to
    /// have a code of their own, which the model knows by their hashes.
    ///
    /// >>> summary = space.to_onnx("v1.onnx")
    /// >>> [output["name"] for output in summary["outputs"]]
    /// ['z', 'missing', 'unseen']
    #[pyo3(signature = (path, *, texts = "error", rare = "error"))]
    fn to_onnx<'py>(
        &self,
        py: Python<'py>,
        path: &Bound<'py, PyAny>,
        texts: &str,
        rare: &str,
    ) -> Raised<Bound<'py, PyAny>> {
        let (space, path) = (self.core_trained()?, crate::convert::path(path)?);
        let options = onnx_options(texts, rare)?;
        document(py, &py.detach(|| space.to_onnx(&path, &options))?).map_err(Raise::from)
    }

    /// Reads a space from its file. Runs no code of the file.
    ///
    /// >>> space.save("v1.tabgraft")
    /// >>> tabgraft.EmbeddingSpace.load("v1.tabgraft").hashes == space.hashes
    /// True
    #[staticmethod]
    fn load(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Self> {
        let path = crate::convert::path(path)?;
        Ok(Self::trained(py.detach(|| Core::load(&path))?))
    }

    /// The bytes of the file that `save` writes.
    ///
    /// >>> isinstance(space.to_bytes(), bytes)
    /// True
    fn to_bytes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyBytes>> {
        let space = self.core();
        Ok(PyBytes::new(py, &py.detach(|| space.to_bytes())?))
    }

    /// A trained space from the bytes of its file.
    ///
    /// >>> tabgraft.EmbeddingSpace.from_bytes(space.to_bytes()).name
    /// 'v1'
    #[staticmethod]
    fn from_bytes(py: Python<'_>, content: &[u8]) -> Raised<Self> {
        Ok(Self::trained(py.detach(|| Core::from_bytes(content))?))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Raised<Bound<'py, PyTuple>> {
        slf.get().core_trained()?;
        let py = slf.py();
        let load = slf.get_type().getattr("from_bytes")?;
        Ok(PyTuple::new(py, [load, PyTuple::new(py, [slf.get().to_bytes(py)?])?.into_any()])?)
    }
}

/// Recomputes every hash of a saved space or predictor and reports what the file holds. Whatever is wrong
/// with it is raised as `VerificationError`.
///
/// With `parent`, the path of a space, the file must come from that space too, in one step or in many: columns
/// and codecs, and weight for weight where all steps froze them.
///
/// With `deep=True` the path may be a folder: all models below it are read in full and held against their
/// parents, as far as those are there. The report says whether all is `ok` and lists `files` and `links`,
/// each with its `problems`; none of them is raised.
///
/// >>> space.save("v1.tabgraft")
/// >>> tabgraft.verify("v1.tabgraft")["kind"]
/// 'embedding_space'
/// >>> child.save("v2.tabgraft")
/// >>> tabgraft.verify("v2.tabgraft", parent="v1.tabgraft")["kind"]
/// 'embedding_space'
/// >>> found = tabgraft.verify(folder, deep=True)
/// >>> found["ok"], [(link["parent"], link["child"], link["is_checked"]) for link in found["links"]]
/// (True, [('v1', 'v2', True)])
#[pyfunction]
#[pyo3(signature = (path, *, parent = None, deep = false))]
pub fn verify<'py>(
    py: Python<'py>,
    path: &Bound<'py, PyAny>,
    parent: Option<&Bound<'py, PyAny>>,
    deep: bool,
) -> Raised<Bound<'py, PyAny>> {
    let file = crate::convert::path(path)?;
    let parent = parent.map(crate::convert::path).transpose()?;
    if deep && parent.is_some() {
        return Err(Raise::Core(
            Error::option("options `parent` and `deep` are both given")
                .with_hint("with `deep` every parent that is there is checked"),
        ));
    }
    if deep {
        let report = py.detach(|| tabgraft_model::lineage::verify(&file))?;
        return Ok(to_python(py, &report)?);
    }
    let report = py.detach(|| tabgraft_model::lineage::verify_file(&file, parent.as_deref()))?;
    Ok(to_python(py, &report)?)
}
