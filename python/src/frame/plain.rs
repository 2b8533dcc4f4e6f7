//! Tables of plain Python: columns in a dictionary, rows as dictionaries, records of NumPy. They mean what they mean
//! to pandas, which need not be there.

use arrow::array::ArrayRef;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use tabgraft_model::Error;

use super::cells::{column, objects};
use super::is_a;
use crate::error::{Raise, Raised};

/// The columns of a dictionary of columns, of a list of dictionaries or of a structured array; none if it is something
/// else.
pub fn columns(data: &Bound<'_, PyAny>) -> Raised<Option<Vec<(String, ArrayRef)>>> {
    if let Ok(columns) = data.cast::<PyDict>() {
        return of_dictionary(columns).map(Some);
    }
    if let Ok(rows) = data.cast::<PyList>()
        && !rows.is_empty()
        && rows.iter().all(|row| row.is_instance_of::<PyDict>())
    {
        return of_rows(rows).map(Some);
    }
    if is_a(data, "numpy", "ndarray")? {
        return of_records(data);
    }
    Ok(None)
}

/// A name of a column: text, or a number that pandas would count columns by.
fn name(key: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(key.str()?.to_string())
}

/// What a dictionary has for a column: several cells, or one that stands in every row.
enum Cells<'py> {
    Many(ArrayRef),
    One(Bound<'py, PyAny>),
}

fn of_dictionary(columns: &Bound<'_, PyDict>) -> Raised<Vec<(String, ArrayRef)>> {
    let py = columns.py();
    let mut found = Vec::with_capacity(columns.len());
    for (key, values) in columns.iter() {
        let name = name(&key)?;
        let cells = cells(&name, values)?;
        found.push((name, cells));
    }
    let lengths = || {
        found.iter().filter_map(|(name, cells)| match cells {
            Cells::Many(cells) => Some((name, cells.len())),
            Cells::One(_) => None,
        })
    };
    let Some((first, n_rows)) = lengths().next() else {
        return Err(Raise::Core(
            Error::schema("a dictionary without a column of cells is no table")
                .with_hint("a single row is a list of one dictionary: `[row]`"),
        ));
    };
    if let Some((other, n)) = lengths().find(|(_, n)| *n != n_rows) {
        return Err(Raise::Core(
            Error::schema(format!("column `{first}` has {n_rows} cells, column `{other}` has {n}"))
                .with_hint("all columns of a table have as many"),
        ));
    }
    let mut columns = Vec::with_capacity(found.len());
    for (name, cells) in found {
        let cells = match cells {
            Cells::Many(cells) => cells,
            Cells::One(cell) => objects(&name, PyList::new(py, vec![cell; n_rows])?.as_any())?,
        };
        columns.push((name, cells));
    }
    Ok(columns)
}

fn cells<'py>(name: &str, values: Bound<'py, PyAny>) -> Raised<Cells<'py>> {
    if values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>() {
        return objects(name, &values).map(Cells::Many);
    }
    // Arrays have a shape, and so have series, whose own arrays may be of other kinds than NumPy's.
    if values.hasattr("shape")? && values.hasattr("dtype")? {
        let values = if values.hasattr("to_numpy")? { values.call_method0("to_numpy")? } else { values };
        let shape: Vec<usize> = values.getattr("shape")?.extract()?;
        return match shape[..] {
            [] => Ok(Cells::One(values.call_method0("item")?)),
            [_] => column(name, &values).map(Cells::Many),
            _ => Err(Raise::Core(
                Error::schema(format!("column `{name}` has shape {shape:?}, a column has one dimension"))
                    .with_hint("give each of its columns a name of its own"),
            )),
        };
    }
    let is_text = values.is_instance_of::<PyString>();
    match !is_text && values.hasattr("__iter__")? && values.hasattr("__len__")? {
        true => objects(
            name,
            PyList::new(values.py(), values.try_iter()?.collect::<PyResult<Vec<_>>>()?)?.as_any(),
        )
        .map(Cells::Many),
        false => Ok(Cells::One(values)),
    }
}

/// What a row lacks is missing; columns stand in the order in which rows name them first.
fn of_rows(rows: &Bound<'_, PyList>) -> Raised<Vec<(String, ArrayRef)>> {
    let py = rows.py();
    let keys = PyDict::new(py);
    for row in rows.iter() {
        for key in row.cast::<PyDict>().map_err(PyErr::from)?.keys() {
            keys.set_item(key, py.None())?;
        }
    }
    let mut columns = Vec::with_capacity(keys.len());
    for key in keys.keys() {
        let cells = PyList::empty(py);
        for row in rows.iter() {
            cells.append(row.call_method1("get", (&key,))?)?;
        }
        let name = name(&key)?;
        let cells = objects(&name, cells.as_any())?;
        columns.push((name, cells));
    }
    Ok(columns)
}

/// Each field of a structured array is a column; none for another array.
fn of_records(data: &Bound<'_, PyAny>) -> Raised<Option<Vec<(String, ArrayRef)>>> {
    let names = data.getattr("dtype")?.getattr("names")?;
    if names.is_none() {
        return Ok(None);
    }
    let shape: Vec<usize> = data.getattr("shape")?.extract()?;
    if shape.len() != 1 {
        return Err(Raise::Core(
            Error::schema(format!("a structured array of shape {shape:?} is no table"))
                .with_hint("its rows stand in one dimension; flatten it: `array.ravel()`"),
        ));
    }
    let mut columns = Vec::new();
    for field in names.try_iter()? {
        let name = name(&field?)?;
        let values = data.get_item(&name)?;
        let inner: Vec<usize> = values.getattr("shape")?.extract()?;
        if inner.len() != 1 {
            return Err(Raise::Core(
                Error::schema(format!(
                    "field `{name}` holds arrays of shape {:?}, a cell is one value",
                    &inner[1..]
                ))
                .with_hint("spread it over fields of its own"),
            ));
        }
        let cells = column(&name, &values)?;
        columns.push((name, cells));
    }
    Ok(Some(columns))
}
