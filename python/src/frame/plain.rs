//! Tables of plain Python: columns in a dictionary, rows as dictionaries, records of NumPy. They mean what they mean
//! to pandas, which need not be there.

use arrow::array::ArrayRef;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use tabgraft_model::Error;
use tabgraft_table::read::{Origin, unreadable};

use super::cells::{column, nested_class, objects};
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

/// What of such data is no column, for its cells are no single values.
pub fn origin(data: &Bound<'_, PyAny>) -> Raised<Origin> {
    let mut set_aside = Vec::new();
    let mut look = |name: String, cells: &Bound<'_, PyAny>| -> Raised<()> {
        set_aside.extend(class_of(cells)?.map(|class| unreadable(&name, &class)));
        Ok(())
    };
    if let Ok(columns) = data.cast::<PyDict>() {
        for (key, values) in columns.iter() {
            look(name(&key)?, &values)?;
        }
    } else if let Ok(rows) = data.cast::<PyList>() {
        for key in keys_of(rows)?.keys() {
            look(name(&key)?, &cells_of(rows, &key)?)?;
        }
    }
    Ok(Origin { set_aside, ..Origin::default() })
}

/// The class of the first of several cells that is no single value; none where all are, or one stands for all.
fn class_of(cells: &Bound<'_, PyAny>) -> Raised<Option<String>> {
    if cells.hasattr("dtype")? {
        let kind: String = cells.getattr("dtype")?.getattr("kind")?.extract()?;
        let has_objects = kind == "O" && cells.hasattr("tolist")?;
        return if has_objects { nested_class(&cells.call_method0("tolist")?) } else { Ok(None) };
    }
    let is_text = cells.is_instance_of::<PyString>();
    let are_several = !is_text && cells.hasattr("__iter__")? && cells.hasattr("__len__")?;
    if are_several { nested_class(cells) } else { Ok(None) }
}

/// The keys of all rows, in the order in which rows name them first.
fn keys_of<'py>(rows: &Bound<'py, PyList>) -> Raised<Bound<'py, PyDict>> {
    let keys = PyDict::new(rows.py());
    for row in rows.iter() {
        for key in row.cast::<PyDict>().map_err(PyErr::from)?.keys() {
            keys.set_item(key, rows.py().None())?;
        }
    }
    Ok(keys)
}

/// What each row has under a key.
fn cells_of<'py>(rows: &Bound<'py, PyList>, key: &Bound<'py, PyAny>) -> Raised<Bound<'py, PyAny>> {
    let cells = PyList::empty(rows.py());
    for row in rows.iter() {
        cells.append(row.call_method1("get", (key,))?)?;
    }
    Ok(cells.into_any())
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
    let mut nested = None;
    for (key, values) in columns.iter() {
        let name = name(&key)?;
        if class_of(&values)?.is_some() {
            nested.get_or_insert((name, values));
            continue;
        }
        let cells = cells(&name, values)?;
        found.push((name, cells));
    }
    if let Some((name, values)) = nested.filter(|_| found.is_empty()) {
        cells(&name, values)?;
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
    let keys = keys_of(rows)?;
    let mut columns = Vec::with_capacity(keys.len());
    let mut nested = None;
    for key in keys.keys() {
        let (name, cells) = (name(&key)?, cells_of(rows, &key)?);
        match class_of(&cells)? {
            Some(_) => drop(nested.get_or_insert((name, cells))),
            None => columns.push((name.clone(), objects(&name, &cells)?)),
        }
    }
    if let Some((name, cells)) = nested.filter(|_| columns.is_empty()) {
        objects(&name, &cells)?;
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
