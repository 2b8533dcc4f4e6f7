//! `Lineage`: the family of a folder of models.

use pyo3::prelude::*;

use crate::convert::to_python;
use crate::error::Raised;

/// The family of a folder of models: which version came from which, which predictor stands on which.
/// `lineage` reads it; a notebook shows it as a drawing, `repr` as a tree.
///
/// >>> space.save("v1.tabgraft")
/// >>> child.save("v2.tabgraft")
/// >>> tabgraft.lineage(folder)
/// v1     first training, 17 columns ... v1.tabgraft
/// └─ v2  graft, frozen, + checking_status, credit_history, savings_status ... v2.tabgraft
#[pyclass(frozen, module = "tabgraft")]
pub struct Lineage {
    core: tabgraft_model::Lineage,
}

#[pymethods]
impl Lineage {
    /// Which predictor was trained on which version of a space, with which engineered columns: a row each.
    ///
    /// >>> space.save("v1.tabgraft")
    /// >>> predictor.save("risk.tabgraft")
    /// >>> [row] = tabgraft.lineage(folder).predictors()
    /// >>> row["name"], row["target"], row["space"], row["features"]
    /// ('predictor', 'target', 'v1', [])
    /// >>> row["space_id"] == space.id
    /// True
    fn predictors<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core.predictors())?)
    }

    /// The drawing, as text of an SVG file; light or dark as the screen is on which it is shown.
    ///
    /// >>> tabgraft.lineage(folder).svg()[:4]
    /// '<svg'
    fn svg(&self) -> String {
        self.core.svg()
    }

    /// Everything as dictionaries and lists: `nodes`, parents before their children, `edges` and
    /// `unreadable` files.
    ///
    /// >>> child.save("renamed.bin")
    /// >>> found = tabgraft.lineage(folder).to_dict()
    /// >>> [(node["name"], node["paths"]) for node in found["nodes"]]
    /// [('v1', []), ('v2', ['renamed.bin'])]
    /// >>> found["edges"][0]["step"], found["edges"][0]["mode"]
    /// ('graft', 'frozen')
    fn to_dict<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core)?)
    }

    fn __repr__(&self) -> String {
        match self.core.nodes.is_empty() && self.core.unreadable.is_empty() {
            true => "no models here".to_owned(),
            false => self.core.tree().trim_end().to_owned(),
        }
    }

    fn _repr_html_(&self) -> String {
        format!("<div>{}</div>", self.core.svg_for_notebook().trim_end())
    }
}

/// The family of the models below a folder, or of one file. Reads headers only, and tells versions by their
/// content, so that files may be renamed, moved and copied; ancestors whose files are elsewhere are shown
/// as far as their descendants remember them.
///
/// >>> child.save("v2.tabgraft")
/// >>> print(tabgraft.lineage("v2.tabgraft"))
/// v1     17 columns ... (its file is not here)
/// └─ v2  graft, frozen, + ... v2.tabgraft
#[pyfunction]
#[pyo3(signature = (path))]
pub fn lineage(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Lineage> {
    let path = crate::convert::path(path)?;
    Ok(Lineage { core: py.detach(|| tabgraft_model::Lineage::read(&path))? })
}
