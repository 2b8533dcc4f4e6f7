//! Frames in and out: what Python hands over becomes a `Table`, and new columns go back in the
//! caller's own frame type, with its index.

mod arrow_stream;
mod cells;
mod own;
mod pandas;
mod plain;
mod reading;

use std::path::PathBuf;

use arrow::array::ArrayRef;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySlice, PyString};
use tabgraft_model::Error;
use tabgraft_table::Table;
use tabgraft_table::read::{Origin, ReadOptions, as_given, read_table, reread};

use crate::convert::Names;
use crate::data_set::FeatrixInputDataSet;
use crate::error::{Raise, Raised};
use arrow_stream::{arrow_stream, without_null_type};
pub use cells::column;
use cells::values;
pub use own::Frame;
use pandas::pandas;
pub use reading::{given_reading, read_table_as};

/// The frame type that data came in.
#[derive(Clone, Copy)]
enum Home {
    Pandas,
    Polars,
    PyArrow,
    /// A file, an array, another Arrow library: new frames are [`Frame`]s.
    None,
}

/// Data as Python gave it, and as a table.
pub struct Given {
    pub table: Table,
    object: Py<PyAny>,
    home: Home,
}

impl Given {
    /// Reads a frame of pandas, polars, pyarrow or any other library with the Arrow PyCapsule
    /// interface, a data set, a NumPy array (`columns` names its columns), a dictionary of columns, a list of rows
    /// that are dictionaries, or the path of a file, by options of reading, such as those of a model. What was found out on the
    /// way is said in warnings of the logger `tabgraft`.
    pub fn read(data: &Bound<'_, PyAny>, columns: Option<Names>, options: &ReadOptions) -> Raised<Self> {
        let py = data.py();
        if let Ok(set) = data.cast::<FeatrixInputDataSet>() {
            return set.get().given(py, options);
        }
        let given = Self::unheard(data, columns, options)?;
        say(py, &given.table.origin().notes)?;
        Ok(given)
    }

    fn unheard(data: &Bound<'_, PyAny>, columns: Option<Names>, options: &ReadOptions) -> Raised<Self> {
        let py = data.py();
        let given = |table: Table, home: Home| Given { table, object: data.clone().unbind(), home };
        if columns.is_some() && !is_a(data, "numpy", "ndarray")? {
            return Err(named_already());
        }
        if data.is_instance_of::<PyString>() || data.hasattr("__fspath__")? {
            let path: PathBuf = data.extract()?;
            let table = py.detach(|| read_table(&path, options))?;
            return Ok(given(table, Home::None));
        }
        if let Ok(frame) = data.cast::<Frame>() {
            let Frame { table, is_as_read } = frame.get();
            let table = match is_as_read {
                true => as_given(table, options)?,
                false => reread(table, options)?,
            };
            return Ok(given(table, Home::None));
        }
        if is_a(data, "pandas", "DataFrame")? {
            return Ok(given(pandas(data, options)?, Home::Pandas));
        }
        if is_a(data, "pandas", "Series")? {
            return Err(refused(
                "a pandas Series",
                "a single row is `df.iloc[[0]]`, a single column `df[['name']]`",
            ));
        }
        if is_a(data, "polars", "LazyFrame")? {
            return Err(refused("a polars LazyFrame", "call `.collect()` on it first"));
        }
        if let Some(found) = plain::columns(data)? {
            let names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
            if columns
                .map(Vec::from)
                .is_some_and(|columns: Vec<String>| names != columns.iter().collect::<Vec<_>>())
            {
                return Err(named_already());
            }
            return Ok(given(from_columns(found, plain::origin(data)?, options)?, Home::None));
        }
        if is_a(data, "numpy", "ndarray")? {
            return Ok(given(array(data, columns, options)?, Home::None));
        }
        if data.hasattr("__arrow_c_stream__")? {
            let home = match () {
                () if is_a(data, "polars", "DataFrame")? => Home::Polars,
                () if is_a(data, "pyarrow", "Table")? || is_a(data, "pyarrow", "RecordBatch")? => {
                    Home::PyArrow
                }
                () => Home::None,
            };
            let data = match home {
                Home::Polars => without_null_type(data)?,
                _ => data.clone(),
            };
            return Ok(given(arrow_stream(&data, options)?, home));
        }
        let name = data.get_type().fully_qualified_name()?.to_string();
        Err(refused(
            &format!("a {name}"),
            "give a frame of pandas, polars, pyarrow or duckdb, a two-dimensional NumPy array, a dictionary of columns, a \
             list of rows that are dictionaries, or a file's path",
        ))
    }

    /// The caller's own object.
    pub fn object<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.object.bind(py).clone()
    }

    /// The same rows with new columns, in the caller's frame type; its own columns, types and index
    /// are untouched. `enriched` is the table with its new columns at the end.
    pub fn with_new_columns<'py>(&self, py: Python<'py>, enriched: &Table) -> Raised<Bound<'py, PyAny>> {
        let new = enriched.without(&self.table.column_names())?;
        let object = self.object(py);
        if matches!(self.home, Home::None) {
            return Ok(Bound::new(py, Frame::of(enriched.clone()))?.into_any());
        }
        if new.n_columns() == 0 {
            return Ok(object);
        }
        let frame = Bound::new(py, Frame::of(new.clone()))?;
        match self.home {
            Home::Pandas => {
                let columns = PyDict::new(py);
                for name in new.column_names() {
                    columns.set_item(&name, values(py, new.column(&name)?)?)?;
                }
                Ok(object.call_method("assign", (), Some(&columns))?)
            }
            Home::Polars => {
                let converted = py.import("polars")?.call_method1("DataFrame", (frame,))?;
                Ok(object.call_method1("with_columns", (converted.call_method0("get_columns")?,))?)
            }
            Home::PyArrow | Home::None => {
                let pyarrow = py.import("pyarrow")?;
                let converted = pyarrow.call_method1("table", (frame,))?;
                let mut object = pyarrow.call_method1("table", (object,))?;
                for name in new.column_names() {
                    let column = converted.call_method1("column", (&name,))?;
                    object = object.call_method1("append_column", (name, column))?;
                }
                Ok(object)
            }
        }
    }

    /// Some of the rows, in the caller's frame type.
    pub fn take<'py>(&self, py: Python<'py>, rows_idx: &[u32]) -> Raised<Self> {
        let object = self.object(py);
        let list = PyList::new(py, rows_idx)?;
        let table = self.table.take(rows_idx)?;
        let (object, home) = match self.home {
            Home::Pandas => (object.getattr("iloc")?.get_item(list)?, Home::Pandas),
            Home::Polars => (object.get_item(list)?, Home::Polars),
            Home::PyArrow => (object.call_method1("take", (list,))?, Home::PyArrow),
            Home::None => (Bound::new(py, Frame::of(table.clone()))?.into_any(), Home::None),
        };
        Ok(Given { table, object: object.unbind(), home })
    }

    /// The same data, read by these options: again only if they would read it otherwise.
    pub fn as_by(&self, py: Python<'_>, options: &ReadOptions) -> Raised<Self> {
        let reading = &self.table.origin().reading;
        if options.would_read_as(reading) && !options.renaming.changes(self.table.column_names()) {
            return Ok(self.share(py));
        }
        let object = self.object(py);
        let columns = is_a(&object, "numpy", "ndarray")?.then(|| Names::from(self.table.column_names()));
        Self::read(&object, columns, options)
    }

    /// A copy that shares everything.
    pub fn share(&self, py: Python<'_>) -> Self {
        Given { table: self.table.clone(), object: self.object.clone_ref(py), home: self.home }
    }
}

/// Says notes in warnings of the logger `tabgraft`.
pub fn say(py: Python<'_>, notes: &[String]) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
    for note in notes {
        logger.call_method1("warning", ("%s", tabgraft_table::visible(note)))?;
    }
    Ok(())
}

fn named_already() -> Raise {
    Raise::Core(
        Error::option("option `columns` names the columns of an array, but the data has names of its own")
            .with_hint("leave it out, or rename the frame's columns"),
    )
}

/// Whether an object is of a class, without importing the module that has it.
fn is_a(object: &Bound<'_, PyAny>, module: &str, class: &str) -> PyResult<bool> {
    let modules = object.py().import("sys")?.getattr("modules")?;
    let module = modules.call_method1("get", (module,))?;
    if module.is_none() || !module.hasattr(class)? {
        return Ok(false);
    }
    object.is_instance(&module.getattr(class)?)
}

fn refused(what: &str, hint: &str) -> Raise {
    Raise::Core(Error::schema(format!("cannot read {what} as a table")).with_hint(hint))
}

/// A two-dimensional array; `columns` names its columns, else they are `x0`, `x1`, and so on.
fn array(data: &Bound<'_, PyAny>, columns: Option<Names>, options: &ReadOptions) -> Raised<Table> {
    let shape: Vec<usize> = data.getattr("shape")?.extract()?;
    let [_, n_columns] = shape[..] else {
        return Err(refused(
            &format!("an array of shape {shape:?}"),
            "a table has two dimensions; reshape it to [rows, columns]",
        ));
    };
    let names = columns.map_or_else(|| (0..n_columns).map(|i| format!("x{i}")).collect(), Vec::from);
    if names.len() != n_columns {
        return Err(Raise::Core(Error::option(format!(
            "option `columns` has {} names, the array has {n_columns} columns",
            names.len()
        ))));
    }
    let columns = names.into_iter().enumerate().map(|(i, name)| {
        let values = data.get_item((PySlice::full(data.py()), i))?;
        Ok((name.clone(), column(&name, &values)?))
    });
    from_columns(columns.collect::<Raised<Vec<_>>>()?, Origin::default(), options)
}

/// A table of columns; `origin` says which others there were.
fn from_columns(columns: Vec<(String, ArrayRef)>, origin: Origin, options: &ReadOptions) -> Raised<Table> {
    Ok(reread(&Table::from_columns(columns)?.with_origin(origin), options)?)
}
