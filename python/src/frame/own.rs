//! `Frame`: the table that Python gets where its own data had no frame type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeListArray, StringArray, StructArray};
use arrow::datatypes::Field;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};
use tabgraft_model::Error;
use tabgraft_table::{Table, cell};

use crate::error::Raised;
use crate::html;

/// A table of Arrow columns: what comes back where the caller's data had no frame type of its own,
/// such as a file. Any Arrow library reads it (`polars.DataFrame(frame)`, `pyarrow.table(frame)`).
///
/// >>> frame = engineer.transform("credit.csv")
/// >>> frame
/// Frame(1000 rows, 22 columns)
#[pyclass(frozen, module = "tabgraft", name = "Frame")]
pub struct Frame {
    pub table: Table,
    /// Whether the caller said how it is read, so that no model says otherwise.
    pub is_as_read: bool,
}

impl Frame {
    /// A table as a frame.
    pub fn of(table: Table) -> Self {
        Frame { table, is_as_read: false }
    }
}

#[pymethods]
impl Frame {
    /// Names of the columns in their order.
    ///
    /// >>> frame.columns[-1]
    /// 'monthly'
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.table.column_names()
    }

    /// Number of rows.
    fn __len__(&self) -> usize {
        self.table.n_rows()
    }

    /// The Arrow PyCapsule interface.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let batch = self.table.batch().clone();
        let field = Field::new_struct("", batch.schema().fields().clone(), false);
        let rows: ArrayRef = Arc::new(StructArray::from(batch));
        let stream = ArrayIterator::new(vec![Ok(rows)], Arc::new(field));
        Ok(to_stream_pycapsule(py, Box::new(stream), requested_schema)?.into_any())
    }

    /// The same rows as a pandas frame; needs pyarrow.
    ///
    /// >>> frame.to_pandas().shape
    /// (1000, 22)
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyarrow")?.call_method1("table", (slf,))?.call_method0("to_pandas")
    }

    fn _repr_html_(&self) -> Raised<String> {
        let names = self.table.column_names();
        let shown = &names[..names.len().min(MOST_COLUMNS_SHOWN)];
        let head = self.table.slice(0, self.table.n_rows().min(ROWS_SHOWN));
        let columns = shown.iter().map(|name| texts(name, head.column(name)?));
        let columns = columns.collect::<Result<Vec<_>, Error>>()?;
        let cell = |column: &StringArray, r: usize| match column.is_valid(r) {
            true => column.value(r).chars().take(MOST_CHARS_SHOWN).collect(),
            false => String::new(),
        };
        let rows = (0..head.n_rows()).map(|r| columns.iter().map(|column| cell(column, r)).collect());
        let header: Vec<&str> = shown.iter().map(String::as_str).collect();
        let left_out = |n: usize, what: &str| (n > 0).then(|| format!("{n} more {what}"));
        let more = [
            left_out(self.table.n_rows() - head.n_rows(), "row(s)"),
            left_out(names.len() - shown.len(), "column(s)"),
        ];
        let more: Vec<String> = more.into_iter().flatten().collect();
        Ok(html::rows(&self.__repr__(), &header, rows.collect(), &more.join(", ")))
    }

    fn __repr__(&self) -> String {
        format!("Frame({} rows, {} columns)", self.table.n_rows(), self.table.n_columns())
    }
}

/// The cells of a column as text; vectors, which no model reads, by their numbers.
fn texts(name: &str, column: &ArrayRef) -> Result<StringArray, Error> {
    let Some(vectors) = column.as_any().downcast_ref::<FixedSizeListArray>() else {
        return cell::texts(name, column);
    };
    let text = |vector: Option<ArrayRef>| {
        let vector = vector?;
        let numbers = cell::texts(name, &vector).ok()?;
        let numbers: Vec<&str> = numbers.iter().map(Option::unwrap_or_default).collect();
        Some(format!("[{}]", numbers.join(", ")))
    };
    Ok(vectors.iter().map(text).collect())
}

/// Rows, columns and characters of a cell that a picture of a frame shows.
const ROWS_SHOWN: usize = 5;

const MOST_COLUMNS_SHOWN: usize = 20;

const MOST_CHARS_SHOWN: usize = 60;
