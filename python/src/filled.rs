//! `Filled`: missing cells with what the rest of their row lets expect.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tabgraft_model::fill::FilledCell;

use crate::convert::to_python;
use crate::error::Raised;
use crate::listing::{self, Listing};

/// Cells that a printed result shows.
const SHOWN: usize = 10;
const HEAD: [&str; 6] = ["row", "column", "value", "p", "low", "high"];

/// Missing cells, filled with what the rest of their row lets expect: what `EmbeddingSpace.fill` gives.
///
/// >>> gaps = early.assign(age=early["age"].where(early.index % 10 > 0))
/// >>> filled = space.fill(gaps)
/// >>> filled, bool(filled.frame["age_filled"].notna().all())
/// (Filled(100 cells of 1000 rows), True)
#[pyclass(frozen, module = "tabgraft")]
pub struct Filled {
    pub filled: tabgraft_model::fill::Filled,
    pub frame: Py<PyAny>,
}

impl Filled {
    fn columns_by_name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let cells = &self.filled.cells;
        let text = |of: fn(&FilledCell) -> Option<&str>| cells.iter().map(of).collect::<Vec<_>>();
        let columns = PyDict::new(py);
        columns.set_item("row", PyArray1::from_iter(py, cells.iter().map(|cell| cell.row as i64)))?;
        columns.set_item("column", text(|cell| Some(&cell.column)))?;
        columns.set_item("value", text(|cell| Some(&cell.value)))?;
        columns.set_item("p", PyArray1::from_iter(py, cells.iter().map(|cell| cell.p)))?;
        columns.set_item("low", text(|cell| cell.low.as_deref()))?;
        columns.set_item("high", text(|cell| cell.high.as_deref()))?;
        Ok(columns)
    }

    fn head(&self) -> Vec<Vec<String>> {
        let shown = |cell: &FilledCell| {
            let end = |end: &Option<String>| end.clone().unwrap_or_default();
            vec![
                cell.row.to_string(),
                cell.column.clone(),
                cell.value.clone(),
                format!("{:.3}", cell.p),
                end(&cell.low),
                end(&cell.high),
            ]
        };
        self.filled.cells.iter().take(SHOWN).map(shown).collect()
    }

    fn title(&self) -> String {
        format!("Filled({} cells of {} rows)", self.filled.cells.len(), self.filled.remarks.n_rows)
    }

    fn listing(&self) -> Listing<'static> {
        let more = listing::more(self.filled.cells.len(), SHOWN, "more");
        Listing { title: self.title(), head: &HEAD, rows: self.head(), more }
    }
}

#[pymethods]
impl Filled {
    /// The data with two more columns for each that has filled cells, as a frame of its own library: `NAME_filled`, its
    /// cells with values in those that were missing, and `NAME_p`, the probability of each of these, missing where the cell
    /// was there. Its own columns are as they were.
    ///
    /// >>> gaps = early.assign(age=early["age"].where(early.index % 10 > 0))
    /// >>> frame = space.fill(gaps).frame
    /// >>> frame.columns[-2:].tolist(), int(frame["age"].isna().sum()), int(frame["age_p"].notna().sum())
    /// (['age_filled', 'age_p'], 100, 100)
    #[getter]
    fn frame<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.frame.bind(py).clone()
    }

    /// Columns with missing cells that stay so, one dictionary each: `column`, `n_missing`, `reason`.
    ///
    /// >>> gaps = early.assign(age=early["age"].where(early.index % 10 > 0))
    /// >>> space.fill(gaps, min_p=1.0).left[0]["n_missing"]
    /// 100
    #[getter]
    fn left<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.filled.left)?)
    }

    /// A pandas frame with a line for each filled cell: `row`, from 0, `column`, `value`, as text, `p`, the probability of
    /// the class that it lies in, and, of numbers and dates, `low` and `high`, between which eight tenths of the
    /// distribution lie.
    ///
    /// >>> gaps = early.assign(age=early["age"].where(early.index % 10 > 0))
    /// >>> space.fill(gaps).to_pandas().columns.tolist()
    /// ['row', 'column', 'value', 'p', 'low', 'high']
    fn to_pandas<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::pandas(py, self.columns_by_name(py)?)
    }

    /// The same as a polars frame.
    ///
    /// >>> gaps = early.assign(age=early["age"].where(early.index % 10 > 0))
    /// >>> space.fill(gaps).to_polars().shape
    /// (100, 6)
    fn to_polars<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::polars(py, self.columns_by_name(py)?)
    }

    fn __len__(&self) -> usize {
        self.filled.cells.len()
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
