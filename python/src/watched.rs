//! `Watched`: whether later rows are other than those of a training.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tabgraft_model::watch::WatchedColumn;

use crate::convert::to_python;
use crate::error::Raised;
use crate::listing::{self, Listing};

/// Columns of a printed result.
const SHOWN: usize = 60;

/// Whether later rows are other than those of a training, column by column: what `EmbeddingSpace.watch` and
/// `Predictor.watch` give.
///
/// >>> found = space.watch(early)
/// >>> found.changed, len(found)
/// (False, 17)
#[pyclass(frozen, module = "tabgraft")]
pub struct Watched {
    pub found: tabgraft_model::watch::Watched,
}

impl Watched {
    fn columns_by_name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = &self.found.columns;
        let columns = PyDict::new(py);
        let number = |of: &dyn Fn(&WatchedColumn) -> Option<f64>| -> Vec<f64> {
            all.iter().map(|column| of(column).unwrap_or(f64::NAN)).collect()
        };
        columns.set_item("column", all.iter().map(|column| &column.column).collect::<Vec<_>>())?;
        let is_changed =
            |column: &WatchedColumn| self.found.changes.iter().any(|c| c.column == column.column);
        columns.set_item("changed", all.iter().map(is_changed).collect::<Vec<_>>())?;
        columns.set_item("psi", number(&|c| c.psi))?;
        columns.set_item("jensen_shannon", number(&|c| c.jensen_shannon))?;
        columns.set_item("p_values", number(&|c| Some(c.values?.p_value)))?;
        for (name, of) in [
            ("missing", (|c| c.missing) as fn(&WatchedColumn) -> _),
            ("unseen", |c| c.unseen),
            ("surprise", |c| c.surprise),
        ] {
            columns.set_item(format!("{name}_before"), number(&|c| Some(of(c)?.before)))?;
            columns.set_item(name, number(&|c| Some(of(c)?.now)))?;
            columns.set_item(format!("p_{name}"), number(&|c| Some(of(c)?.test.p_value)))?;
        }
        Ok(columns)
    }

    fn title(&self) -> String {
        format!("Watched({})", self.found.verdict())
    }

    fn listing(&self) -> Listing<'static> {
        let more = listing::more(self.found.columns.len(), SHOWN, "more");
        Listing { title: self.title(), head: &tabgraft_model::watch::Watched::HEAD, rows: self.head(), more }
    }

    fn head(&self) -> Vec<Vec<String>> {
        self.found.rows().into_iter().take(SHOWN).collect()
    }
}

#[pymethods]
impl Watched {
    /// Whether anything has changed.
    ///
    /// >>> space.watch(early.assign(age=early["age"] + 40)).changed
    /// True
    #[getter]
    fn changed(&self) -> bool {
        self.found.changed
    }

    /// What has, one dictionary each: `column`, and `what`: "values" (how often each occurs), "missing", "unseen" (values
    /// that no training row has) or "surprise" (how well the rest of a row tells the cell).
    ///
    /// >>> {"column": "age", "what": "values"} in space.watch(early.assign(age=early["age"] + 40)).changes
    /// True
    #[getter]
    fn changes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.found.changes)?)
    }

    /// Everything as a dictionary, as the command's `--format json` has it.
    ///
    /// >>> sorted(space.watch(early).to_dict())[:4]
    /// ['alpha', 'changed', 'changes', 'columns']
    fn to_dict<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.found)?)
    }

    /// A pandas frame with a line for each column of the space: `column`, `changed`, `psi`, `jensen_shannon`, `p_values`;
    /// of `missing`, `unseen` and `surprise` what it was, what it is and the p-value. P-values are corrected for their
    /// number.
    ///
    /// >>> frame = space.watch(early).to_pandas()
    /// >>> frame.columns.tolist()[:5]
    /// ['column', 'changed', 'psi', 'jensen_shannon', 'p_values']
    fn to_pandas<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::pandas(py, self.columns_by_name(py)?)
    }

    /// The same as a polars frame.
    ///
    /// >>> space.watch(early).to_polars().shape
    /// (17, 14)
    fn to_polars<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::polars(py, self.columns_by_name(py)?)
    }

    fn __len__(&self) -> usize {
        self.found.columns.len()
    }

    fn __repr__(&self) -> String {
        self.title()
    }

    fn __str__(&self) -> String {
        self.listing().text()
    }

    fn _repr_html_(&self) -> String {
        self.listing().html()
    }
}
