//! Results that are lists: a title, a line for each of the first entries and how many more there are, as text and for
//! notebooks; and all of their columns as a frame.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tabgraft_table::grid::Grid;

use crate::error::Raised;
use crate::html;

/// What is shown of a result.
pub struct Listing<'a> {
    pub title: String,
    pub head: &'a [&'a str],
    pub rows: Vec<Vec<String>>,
    /// How many more there are, in words; empty if there are none.
    pub more: String,
}

impl Listing<'_> {
    /// As `str` gives it.
    pub fn text(self) -> String {
        let mut grid = Grid::of(self.head.iter().copied());
        self.rows.into_iter().for_each(|row| grid.add(row));
        let more = if self.more.is_empty() { self.more } else { format!("  {}", self.more) };
        format!("{}\n{}{more}", self.title, grid.text()).trim_end().to_owned()
    }

    /// As a notebook shows it.
    pub fn html(self) -> String {
        html::rows(&self.title, self.head, self.rows, &self.more)
    }
}

/// How many of `n` entries there are beyond those that are shown, followed by `what` they are; empty if none.
pub fn more(n: usize, shown: usize, what: &str) -> String {
    match n.saturating_sub(shown) {
        0 => String::new(),
        more => format!("{more} {what}"),
    }
}

/// A pandas frame of columns by name.
pub fn pandas<'py>(py: Python<'py>, columns: Bound<'py, PyDict>) -> Raised<Bound<'py, PyAny>> {
    Ok(py.import("pandas")?.call_method1("DataFrame", (columns,))?)
}

/// A polars frame of columns by name.
pub fn polars<'py>(py: Python<'py>, columns: Bound<'py, PyDict>) -> Raised<Bound<'py, PyAny>> {
    Ok(py.import("polars")?.call_method1("DataFrame", (columns,))?)
}
