//! `Registry`: a folder of versions of which one is current.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use tabgraft_model::ModelFile;

use crate::convert::{path, to_python};
use crate::error::Raised;
use crate::html;
use crate::predictor::Predictor;
use crate::space::EmbeddingSpace;

/// A folder of versions of models, spaces or predictors, of which one is current. Plain files: `registry.json`
/// says what was done when, and the versions lie beside it. Several processes may write at once.
///
/// Parameters
/// ----------
/// folder : path
/// create : bool, default False
///     Whether to make an empty registry where there is none.
///
/// Examples
/// --------
/// >>> registry = tabgraft.Registry("models", create=True)
/// >>> registry.add(space, note="first")["name"], registry.add(child)["name"]
/// ('v1', 'v2')
/// >>> registry.promote("v1")["name"], registry.promote("v2")["name"]
/// ('v1', 'v2')
/// >>> registry.rollback(note="scores fell")["name"]
/// 'v1'
/// >>> registry.current()
/// EmbeddingSpace(name="v1", columns=17, d_model=32, trained)
#[pyclass(frozen, module = "tabgraft")]
pub struct Registry {
    core: tabgraft_model::Registry,
}

/// A model, or the path of its file.
#[derive(FromPyObject)]
enum Given<'py> {
    Space(Bound<'py, EmbeddingSpace>),
    Predictor(Bound<'py, Predictor>),
    Path(PathBuf),
}

#[pymethods]
impl Registry {
    #[new]
    #[pyo3(signature = (folder, *, create = false))]
    fn new(py: Python<'_>, folder: &Bound<'_, PyAny>, create: bool) -> Raised<Self> {
        let folder = path(folder)?;
        let core = py.detach(|| match create {
            true => tabgraft_model::Registry::create(folder),
            false => tabgraft_model::Registry::open(&folder).map_err(|error| {
                match error.io_kind() == Some(std::io::ErrorKind::NotFound) {
                    true => error.with_hint("`create=True` makes an empty one"),
                    false => error,
                }
            }),
        })?;
        Ok(Registry { core })
    }

    /// Copies a model, or a model's file, in as a version, if that version is not there yet; the current one
    /// stays. Gives `id`, `name`, `kind`, `file` and the time when it was `added`.
    ///
    /// >>> registry = tabgraft.Registry("models", create=True)
    /// >>> predictor.save("risk.tabgraft")
    /// >>> registry.add("risk.tabgraft")["kind"]
    /// 'predictor'
    /// >>> registry.add(predictor)["id"] == predictor.id, len(registry.list())
    /// (True, 1)
    #[pyo3(signature = (model, *, note = ""))]
    fn add<'py>(&self, py: Python<'py>, model: Given<'py>, note: &str) -> Raised<Bound<'py, PyAny>> {
        let added = match model {
            Given::Path(file) => py.detach(|| self.core.add(&file, note))?,
            Given::Space(space) => {
                let space = space.get().core_trained()?;
                py.detach(|| self.core.add_bytes(&space.to_bytes()?, note))?
            }
            Given::Predictor(predictor) => {
                let predictor = predictor.get().core.clone();
                py.detach(|| self.core.add_bytes(&predictor.to_bytes()?, note))?
            }
        };
        Ok(to_python(py, &added.version)?)
    }

    /// Makes a version current, by name or by the first digits of its id, four at least. A version whose
    /// file is damaged is refused.
    ///
    /// >>> registry = tabgraft.Registry("models", create=True)
    /// >>> version = registry.add(space)
    /// >>> registry.promote(version["id"][:8], note="all checks passed") == version
    /// True
    #[pyo3(signature = (name_or_id, *, note = ""))]
    fn promote<'py>(&self, py: Python<'py>, name_or_id: &str, note: &str) -> Raised<Bound<'py, PyAny>> {
        let version = py.detach(|| self.core.promote(name_or_id, note))?;
        Ok(to_python(py, &version)?)
    }

    /// Makes the version current that was promoted before the current one.
    ///
    /// >>> registry = tabgraft.Registry("models", create=True)
    /// >>> registry.rollback()
    /// Traceback (most recent call last):
    ///     ...
    /// tabgraft.DataError: nothing to roll back: no version was promoted yet...
    #[pyo3(signature = (*, note = ""))]
    fn rollback<'py>(&self, py: Python<'py>, note: &str) -> Raised<Bound<'py, PyAny>> {
        let version = py.detach(|| self.core.rollback(note))?;
        Ok(to_python(py, &version)?)
    }

    /// What was done, oldest first: `date`, `action`, the ids of the version that was current before and of
    /// the one after it (`from`, `to`), `note`.
    ///
    /// >>> registry = tabgraft.Registry("models", create=True)
    /// >>> version = registry.add(space, note="first")
    /// >>> [event] = registry.history()
    /// >>> event["action"], event["to"] == version["id"], event["note"]
    /// ('add', True, 'first')
    fn history<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core.history()?)?)
    }

    /// All versions, in the order in which they were added.
    ///
    /// >>> tabgraft.Registry("models", create=True).list()
    /// []
    fn list<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core.versions()?)?)
    }

    /// The current version, loaded and verified: an `EmbeddingSpace` or a `Predictor`. None before the first
    /// promotion.
    ///
    /// >>> tabgraft.Registry("models", create=True).current() is None
    /// True
    fn current(&self, py: Python<'_>) -> Raised<Option<Py<PyAny>>> {
        let loaded = py.detach(|| self.core.current()?.map(|v| self.core.load(&v)).transpose())?;
        loaded.map(|model| wrapped(py, model)).transpose()
    }

    /// A version, loaded and verified, by name or by the first digits of its id.
    ///
    /// >>> registry = tabgraft.Registry("models", create=True)
    /// >>> version = registry.add(space)
    /// >>> np.array_equal(registry.load("v1").embed(early), space.embed(early))
    /// True
    fn load(&self, py: Python<'_>, name_or_id: &str) -> Raised<Py<PyAny>> {
        let model = py.detach(|| self.core.load(&self.core.find(name_or_id)?))?;
        wrapped(py, model)
    }

    /// Where a version's file lies. Read it, do not change it.
    ///
    /// >>> registry = tabgraft.Registry("models", create=True)
    /// >>> version = registry.add(space)
    /// >>> registry.path("v1").name == version["file"]
    /// True
    fn path(&self, name_or_id: &str) -> Raised<PathBuf> {
        Ok(self.core.path(&self.core.find(name_or_id)?))
    }

    fn _repr_html_(&self) -> Raised<String> {
        let current = self.core.current()?.map(|v| v.id);
        let rows = self.core.versions()?.into_iter().map(|v| {
            let is_current = if current.as_ref() == Some(&v.id) { "current" } else { "" };
            vec![v.name, v.kind.name().to_owned(), v.added, is_current.to_owned()]
        });
        Ok(html::rows(&self.__repr__()?, &["version", "kind", "added", ""], rows.collect(), ""))
    }

    fn __repr__(&self) -> Raised<String> {
        let current = self.core.current()?.map_or("none".to_owned(), |v| format!("{:?}", v.name));
        let n = self.core.versions()?.len();
        Ok(format!("Registry({:?}, versions={n}, current={current})", self.core.dir().display().to_string()))
    }
}

fn wrapped(py: Python<'_>, model: ModelFile) -> Raised<Py<PyAny>> {
    Ok(match model {
        ModelFile::Space(space) => Py::new(py, EmbeddingSpace::trained(*space))?.into_any(),
        ModelFile::Predictor(predictor) => Py::new(py, Predictor { core: Arc::new(*predictor) })?.into_any(),
    })
}
