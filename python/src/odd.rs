//! `Surprise`: how odd rows are, and which cells make them so.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tabgraft_model::odd::{OddCell, OddRows};
use tabgraft_model::space::TableRemarks;

use crate::convert::to_python;
use crate::error::Raised;
use crate::listing::{self, Listing};

/// Rows that a printed result shows.
const SHOWN: usize = 10;
/// What is shown of them.
const HEAD: [&str; 7] = ["row", "share less odd", "surprise", "column", "found", "expected", "p"];

/// How odd the rows of a table are, and which cells make them so: what `EmbeddingSpace.surprise` gives.
///
/// >>> found = space.surprise(early)
/// >>> len(found), found.cells.shape
/// (1000, (1000, 17))
#[pyclass(frozen, module = "tabgraft")]
pub struct Surprise {
    pub odd: OddRows,
    pub columns: Vec<String>,
    pub n_reasons: usize,
    pub n_known: Option<u64>,
    pub remarks: TableRemarks,
}

impl Surprise {
    fn columns_by_name<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyDict>> {
        let columns = PyDict::new(py);
        columns.set_item("surprise", self.scores(py))?;
        columns.set_item("share_less_odd", self.share_less_odd(py))?;
        for nth in 0..self.n_reasons {
            let name = |what: &str| format!("odd_{}_{what}", nth + 1);
            let cells = || self.odd.reasons.iter().map(move |reasons| reasons.get(nth));
            let text = |of: fn(&OddCell) -> Option<&str>| -> Vec<Option<&str>> {
                cells().map(|cell| cell.and_then(of)).collect()
            };
            let number = |of: fn(&OddCell) -> f64| {
                PyArray1::from_iter(py, cells().map(move |cell| cell.map_or(f64::NAN, of)))
            };
            columns.set_item(name("column"), text(|cell| Some(&cell.column)))?;
            columns.set_item(name("found"), text(|cell| cell.found.as_deref()))?;
            columns.set_item(name("p"), number(|cell| cell.p_found))?;
            columns.set_item(name("expected"), text(|cell| Some(&cell.expected)))?;
            columns.set_item(name("p_expected"), number(|cell| cell.p_expected))?;
        }
        Ok(columns)
    }

    /// The oddest rows, for print.
    fn head(&self) -> Vec<Vec<String>> {
        let mut rows: Vec<usize> = (0..self.odd.scores.len()).collect();
        rows.sort_by(|a, b| self.odd.scores[*b].total_cmp(&self.odd.scores[*a]));
        let shown = |row: usize| {
            let cell = self.odd.reasons[row].first();
            let text = |of: &dyn Fn(&OddCell) -> String| cell.map(of).unwrap_or_default();
            vec![
                row.to_string(),
                self.odd.shares.get(row).map_or("-".to_owned(), |share| format!("{share:.3}")),
                format!("{:.2}", self.odd.scores[row]),
                text(&|cell| cell.column.clone()),
                text(&|cell| cell.found.clone().unwrap_or_else(|| "nothing".to_owned())),
                text(&|cell| cell.expected.clone()),
                text(&|cell| format!("{:.4}", cell.p_found)),
            ]
        };
        rows.into_iter().take(SHOWN).map(shown).collect()
    }

    fn title(&self) -> String {
        let known = self.n_known.map_or("not calibrated".to_owned(), |n| format!("held against {n}"));
        format!("Surprise({} rows, {known})", self.odd.scores.len())
    }

    fn listing(&self) -> Listing<'static> {
        let more = listing::more(self.odd.scores.len(), SHOWN, "less odd");
        Listing { title: self.title(), head: &HEAD, rows: self.head(), more }
    }
}

#[pymethods]
impl Surprise {
    /// `[n_rows]`: how surprising the cells of each row are together: the sum of squares of what each surprises beyond the
    /// mean of its column, in the column's deviations; the sum of `cells` where the file does not say these.
    ///
    /// >>> space.surprise(early).scores.shape
    /// (1000,)
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.odd.scores)
    }

    /// `[n_rows]`, 0 to 1: the share of known rows that are less odd. None where none are known: in a file of before
    /// profiles, without `against`.
    ///
    /// >>> shares = space.surprise(early).share_less_odd
    /// >>> bool((shares >= 0).all() and (shares <= 1).all())
    /// True
    #[getter]
    fn share_less_odd<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.n_known.map(|_| PyArray1::from_slice(py, &self.odd.shares))
    }

    /// `[n_rows, n_columns]`, float32, in the order of `columns`: how surprising each cell is, in nats; NaN in columns
    /// that the data lacks.
    ///
    /// >>> found = space.surprise(early)
    /// >>> bool((found.cells >= 0).all())
    /// True
    #[getter]
    fn cells<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let values = PyArray1::from_slice(py, &self.odd.cells);
        Ok(values.reshape([self.odd.scores.len(), self.columns.len()])?.into_any())
    }

    /// Names of the space's columns.
    ///
    /// >>> space.surprise(early).columns == space.columns
    /// True
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    /// For each row the cells that make it odd, the oddest first, one dictionary each: `column`, `found` (None where
    /// nothing stands there), `oddity` ("value", "missing", "unseen" or "out_of_range"), `p_found`, its probability
    /// given the rest of the row, `expected`, `p_expected`, and `surprise`, in nats.
    ///
    /// >>> odd = early.head(1).assign(purpose="a yacht")
    /// >>> cells = space.surprise(odd).reasons[0]
    /// >>> [cell["oddity"] for cell in cells if cell["column"] == "purpose"]
    /// ['unseen']
    #[getter]
    fn reasons<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.odd.reasons)?)
    }

    /// Columns that the data lacks; their cells say nothing.
    ///
    /// >>> space.surprise(early.drop(columns="age")).missing_columns
    /// ['age']
    #[getter]
    fn missing_columns(&self) -> Vec<String> {
        self.remarks.report.missing_columns.clone()
    }

    /// A pandas frame with a line for each row: `surprise`, `share_less_odd` and, of each of the oddest cells,
    /// `odd_1_column`, `odd_1_found`, `odd_1_p`, `odd_1_expected`, `odd_1_p_expected` and so on.
    ///
    /// >>> space.surprise(early, n_reasons=1).to_pandas().columns.tolist()[:4]
    /// ['surprise', 'share_less_odd', 'odd_1_column', 'odd_1_found']
    fn to_pandas<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::pandas(py, self.columns_by_name(py)?)
    }

    /// The same as a polars frame.
    ///
    /// >>> space.surprise(early, n_reasons=2).to_polars().shape
    /// (1000, 12)
    fn to_polars<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::polars(py, self.columns_by_name(py)?)
    }

    fn __len__(&self) -> usize {
        self.odd.scores.len()
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
