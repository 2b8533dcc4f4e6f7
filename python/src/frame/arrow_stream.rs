//! Frames of Arrow columns: pyarrow, polars, and whatever else hands over a stream.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_arrow::PyRecordBatchReader;
use tabgraft_model::Error;
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, table_from_reader, without_panic};

use crate::error::Raised;

pub(super) fn arrow_stream(data: &Bound<'_, PyAny>, options: &ReadOptions) -> Raised<Table> {
    // A schema is pointers too: the Arrow crate panics on a column's name that is not UTF-8.
    let reader = without_panic(|| data.extract::<PyRecordBatchReader>());
    let reader = reader.map_err(|found| {
        Error::value(format!("`the frame`: its schema cannot be read: {found}"))
            .with_hint("names and types of its columns must follow Arrow's rules")
    })?;
    Ok(table_from_reader("the frame", reader?.into_reader()?, options)?)
}

/// The polars frame with its columns of the type `Null` as texts without a value, within lists and structs too:
/// polars hands them over with a buffer that Arrow's C interface does not allow them, and the whole frame would be
/// refused. So would it for whole numbers of 128 bits, which Arrow does not have: they are the text of their digits.
pub(super) fn without_null_type<'py>(data: &Bound<'py, PyAny>) -> Raised<Bound<'py, PyAny>> {
    let polars = data.py().import("polars")?;
    let changed = PyDict::new(data.py());
    for item in data.getattr("schema")?.call_method0("items")?.try_iter()? {
        let (name, dtype): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
        if let Some(dtype) = typed_as_text(&polars, &dtype)? {
            changed.set_item(name, dtype)?;
        }
    }
    match changed.is_empty() {
        true => Ok(data.clone()),
        false => Ok(data.call_method1("cast", (changed,))?),
    }
}

/// The type of polars with text in place of each `Null` in it, if there is one.
fn typed_as_text<'py>(
    polars: &Bound<'py, PyModule>,
    dtype: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let is = |class: &str| dtype.is_instance(&polars.getattr(class)?);
    for class in ["Null", "Int128", "UInt128"] {
        if polars.hasattr(class)? && dtype.eq(polars.getattr(class)?)? {
            return Ok(Some(polars.getattr("String")?));
        }
    }
    if is("List")? {
        let inner = typed_as_text(polars, &dtype.getattr("inner")?)?;
        return inner.map(|inner| polars.call_method1("List", (inner,))).transpose();
    }
    if is("Array")? {
        let inner = typed_as_text(polars, &dtype.getattr("inner")?)?;
        return inner.map(|inner| polars.call_method1("Array", (inner, dtype.getattr("size")?))).transpose();
    }
    if is("Struct")? {
        let (fields, mut is_changed) = (PyDict::new(polars.py()), false);
        for field in dtype.getattr("fields")?.try_iter()? {
            let field = field?;
            let own = field.getattr("dtype")?;
            let other = typed_as_text(polars, &own)?;
            is_changed |= other.is_some();
            fields.set_item(field.getattr("name")?, other.unwrap_or(own))?;
        }
        return is_changed.then(|| polars.call_method1("Struct", (fields,))).transpose();
    }
    Ok(None)
}
