//! Frames in and out: what Python hands over becomes a `Table`, and new columns go back in the
//! caller's own frame type, with its index.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, StructArray};
use arrow::compute::{cast, nullif};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList, PySlice, PyString, PyTuple};
use pyo3_arrow::PyRecordBatchReader;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};
use tabgraft_model::Error;
use tabgraft_table::Table;
use tabgraft_table::cell;
use tabgraft_table::read::{
    GivenReading, Origin, ReadOptions, Renaming, Wanted, as_given, read_table, reread, table_from_reader,
    unreadable, without_panic,
};

use crate::convert::Renames;
use crate::data_set::FeatrixInputDataSet;
use crate::error::{Raise, Raised, tolerated};
use crate::html;
use crate::plain;

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
        let columns = shown.iter().map(|name| cell::texts(name, head.column(name)?));
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

/// Rows, columns and characters of a cell that a picture of a frame shows.
const ROWS_SHOWN: usize = 5;
const MOST_COLUMNS_SHOWN: usize = 20;
const MOST_CHARS_SHOWN: usize = 60;

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
    pub fn read(
        data: &Bound<'_, PyAny>,
        columns: Option<Vec<String>>,
        options: &ReadOptions,
    ) -> Raised<Self> {
        let py = data.py();
        if let Ok(set) = data.cast::<FeatrixInputDataSet>() {
            return set.get().given(py, options);
        }
        let given = Self::unheard(data, columns, options)?;
        say(py, &given.table.origin().notes)?;
        Ok(given)
    }

    fn unheard(data: &Bound<'_, PyAny>, columns: Option<Vec<String>>, options: &ReadOptions) -> Raised<Self> {
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
            if columns.is_some_and(|columns| names != columns.iter().collect::<Vec<_>>()) {
                return Err(named_already());
            }
            return Ok(given(from_columns(found, Origin::default(), options)?, Home::None));
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
        let columns = is_a(&object, "numpy", "ndarray")?.then(|| self.table.column_names());
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
pub fn is_a(object: &Bound<'_, PyAny>, module: &str, class: &str) -> PyResult<bool> {
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

fn arrow_stream(data: &Bound<'_, PyAny>, options: &ReadOptions) -> Raised<Table> {
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
/// refused.
fn without_null_type<'py>(data: &Bound<'py, PyAny>) -> Raised<Bound<'py, PyAny>> {
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
    if dtype.eq(polars.getattr("Null")?)? {
        return Ok(Some(polars.getattr("String")?));
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

/// A pandas frame, of which no column is looked at that is not wanted. The index is no column.
fn pandas(data: &Bound<'_, PyAny>, options: &ReadOptions) -> Raised<Table> {
    let py = data.py();
    let names: Vec<String> = (data.getattr("columns")?.call_method0("tolist")?.try_iter()?)
        .map(|name| Ok(name?.str()?.to_string()))
        .collect::<PyResult<_>>()?;
    let new_names = options.renaming.names("the frame", &names)?;
    if new_names != names {
        let renamed = Renaming::changed(&names, &new_names);
        let axis = PyDict::new(py);
        axis.set_item("axis", 1)?;
        let data = data.call_method("set_axis", (new_names,), Some(&axis))?;
        let options = ReadOptions { renaming: Renaming::default(), ..options.clone() };
        let table = pandas(&data, &options)?;
        let mut origin = table.origin().clone();
        origin.reading.renamed = renamed;
        return Ok(table.with_origin(origin));
    }
    let (wanted, others): (Vec<usize>, Vec<usize>) =
        (0..names.len()).partition(|i| options.columns.has(&names[*i]));
    let is_narrowed = !wanted.is_empty() && !others.is_empty();
    let narrowed = match is_narrowed {
        true => data.getattr("iloc")?.get_item((PySlice::full(py), PyList::new(py, wanted)?))?,
        false => data.clone(),
    };
    let table = pandas_columns(&of_single_values(&narrowed)?, options)?;
    let mut origin = table.origin().clone();
    if is_narrowed {
        origin.unread.extend(others.into_iter().map(|i| names[i].clone()));
    }
    // What has a name was meant; a count of rows was not.
    let index = data.getattr("index")?;
    let named: Vec<String> = (index.getattr("names")?.try_iter()?)
        .filter_map(|name| name.and_then(|n| Ok((!n.is_none()).then_some(n.str()?.to_string()))).transpose())
        .collect::<PyResult<_>>()?;
    if !matches!(options.columns, Wanted::Only(_)) && !named.is_empty() {
        origin.notes.push(format!(
            "left out as the index of the frame: {}; `reset_index()` makes it a column",
            tabgraft_table::table::quoted(&named)
        ));
    }
    Ok(table.with_origin(origin))
}

/// The frame with its intervals, as `pandas.cut` makes them, as categories named by their text, `(0, 10]`, and its
/// periods, such as months, as the times when they begin.
fn of_single_values<'py>(data: &Bound<'py, PyAny>) -> Raised<Bound<'py, PyAny>> {
    let py = data.py();
    let mut frame = data.clone();
    for (i, dtype) in data.getattr("dtypes")?.call_method0("tolist")?.try_iter()?.enumerate() {
        let dtype = dtype?;
        let of_cells = match is_a(&dtype, "pandas", "CategoricalDtype")? {
            true => dtype.getattr("categories")?.getattr("dtype")?,
            false => dtype,
        };
        let column = || data.getattr("iloc")?.get_item((PySlice::full(py), i));
        let cells = if is_a(&of_cells, "pandas", "PeriodDtype")? {
            let periods = column()?.call_method1("astype", (of_cells,))?;
            periods.getattr("dt")?.call_method0("to_timestamp")?
        } else if is_a(&of_cells, "pandas", "IntervalDtype")? {
            let options = PyDict::new(py);
            options.set_item("na_action", "ignore")?;
            let categories = column()?.call_method1("astype", ("category",))?;
            categories.call_method("map", (py.get_type::<PyString>(),), Some(&options))?
        } else {
            continue;
        };
        if frame.is(data) {
            let options = PyDict::new(py);
            options.set_item("deep", false)?;
            frame = data.call_method("copy", (), Some(&options))?;
        }
        frame.call_method1("isetitem", (i, cells))?;
    }
    Ok(frame)
}

/// By pyarrow, which shares most columns without copying; column by column where it is absent or
/// refuses a column of mixed values.
fn pandas_columns(data: &Bound<'_, PyAny>, options: &ReadOptions) -> Raised<Table> {
    let py = data.py();
    let read = options;
    if let Some(pyarrow) = tolerated(py, py.import("pyarrow"))? {
        let options = PyDict::new(py);
        options.set_item("preserve_index", false)?;
        let table = pyarrow.getattr("Table")?.call_method("from_pandas", (data,), Some(&options));
        if let Some(table) = tolerated(py, table)? {
            return arrow_stream(&table, read);
        }
    }
    let names = data.getattr("columns")?.call_method0("tolist")?;
    let (mut columns, mut set_aside) = (Vec::new(), Vec::new());
    for (i, name) in names.try_iter()?.enumerate() {
        let series = data.getattr("iloc")?.get_item((PySlice::full(py), i))?;
        let is_declared = is_a(&series.getattr("dtype")?, "pandas", "CategoricalDtype")?;
        let values = series.call_method0("to_numpy")?;
        let name = name?.str()?.to_string();
        match nested_class(&values)? {
            Some(class) => set_aside.push(unreadable(&name, &class)),
            None => {
                let cells = column(&name, &values)?;
                let cells = if is_declared { as_dictionary(cells) } else { cells };
                columns.push((name, cells));
            }
        }
    }
    from_columns(columns, Origin { set_aside, ..Origin::default() }, read)
}

/// The column as what declares categories in Arrow; one of a type that has no dictionaries, such as
/// booleans, stays what it is.
fn as_dictionary(cells: ArrayRef) -> ArrayRef {
    let of_dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(cells.data_type().clone()));
    cast(&cells, &of_dictionary).unwrap_or(cells)
}

/// The class of the first object of a column that holds several values, or none that a cell may be.
fn nested_class(values: &Bound<'_, PyAny>) -> Raised<Option<String>> {
    use pyo3::types::{PyByteArray, PyBytes, PyFrozenSet, PySet};
    let kind: String = values.getattr("dtype")?.getattr("kind")?.extract()?;
    if kind != "O" {
        return Ok(None);
    }
    for cell in values.call_method0("tolist")?.try_iter()? {
        let cell = cell?;
        let is_nested = cell.is_instance_of::<PyList>()
            || cell.is_instance_of::<PyTuple>()
            || cell.is_instance_of::<PyDict>()
            || cell.is_instance_of::<PySet>()
            || cell.is_instance_of::<PyFrozenSet>()
            || cell.is_instance_of::<PyBytes>()
            || cell.is_instance_of::<PyByteArray>()
            || is_a(&cell, "numpy", "ndarray")?;
        if is_nested {
            return Ok(Some(format!("a {}", cell.get_type().name()?)));
        }
    }
    Ok(None)
}

/// A two-dimensional array; `columns` names its columns, else they are `x0`, `x1`, and so on.
fn array(data: &Bound<'_, PyAny>, columns: Option<Vec<String>>, options: &ReadOptions) -> Raised<Table> {
    let shape: Vec<usize> = data.getattr("shape")?.extract()?;
    let [_, n_columns] = shape[..] else {
        return Err(refused(
            &format!("an array of shape {shape:?}"),
            "a table has two dimensions; reshape it to [rows, columns]",
        ));
    };
    let names = columns.unwrap_or_else(|| (0..n_columns).map(|i| format!("x{i}")).collect());
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

/// Reads a table, so that the caller says how and no model does.
///
/// What takes data reads it by itself: a new space by what the cells say, and a model as the table that it
/// was trained on. This is for tables that are written otherwise.
///
/// Parameters
/// ----------
/// data : frame, array or path
///     As for `EmbeddingSpace.fit`.
/// missing : list of str, optional
///     Texts that stand for a missing cell. Default: empty, "NA", "N/A", "null", "NaN" and "?".
/// decimal : "." or ",", optional
///     What marks the decimals of numbers in text. Default: found in the table.
/// thousands : str, optional
///     The only character that may group the digits of numbers in text. Default: any that does.
/// delimiter : str, optional
///     The character between two cells of a CSV file. Default: found in the file.
/// max_inflated_bytes : int, optional; at least 1
///     Most that a compressed file may become; 64 times its own size is allowed in any case. Default: 1 GiB.
/// rename : dict, optional
///     Column to the name that it gets before anything else. Default: none.
/// columns : list of str, optional
///     Names of an array's columns.
///
/// Examples
/// --------
/// >>> tabgraft.read_table("credit.csv", missing=["", "-999"])
/// Frame(1000 rows, 21 columns)
#[pyfunction]
#[pyo3(name = "read_table", signature = (data, *, missing = None, decimal = None, thousands = None, delimiter = None,
    max_inflated_bytes = None, rename = None, columns = None))]
#[allow(clippy::too_many_arguments)]
pub fn read_table_as(
    data: &Bound<'_, PyAny>,
    missing: Option<Vec<String>>,
    decimal: Option<&str>,
    thousands: Option<char>,
    delimiter: Option<char>,
    max_inflated_bytes: Option<u64>,
    rename: Option<Renames>,
    columns: Option<Vec<String>>,
) -> Raised<Frame> {
    let given = given_reading(missing, decimal, thousands, delimiter, max_inflated_bytes, rename)?;
    let options = given.options();
    Ok(Frame { table: Given::read(data, columns, &options)?.table, is_as_read: true })
}

/// The options of reading, as Python gives them.
pub fn given_reading(
    missing_tokens: Option<Vec<String>>,
    decimal: Option<&str>,
    thousands: Option<char>,
    delimiter: Option<char>,
    max_inflated_bytes: Option<u64>,
    rename: Option<Renames>,
) -> Raised<GivenReading> {
    let refused = |what: String| Raise::Core(Error::option(what));
    let decimal =
        decimal.map(str::parse).transpose().map_err(|e| refused(format!("option `decimal`: {e}")))?;
    let delimiter = delimiter.map(u8::try_from).transpose().map_err(|_| {
        refused("option `delimiter` must be an ASCII character that is not a quote or a line end".to_owned())
    })?;
    if max_inflated_bytes == Some(0) {
        return Err(refused("option `max_inflated_bytes` is 0, allowed is 1 or more".to_owned()));
    }
    let rename = rename.unwrap_or_default();
    Ok(GivenReading { missing_tokens, delimiter, decimal, thousands, max_inflated_bytes, rename })
}

/// One NumPy column as Arrow; masked cells are missing.
pub fn column(name: &str, values: &Bound<'_, PyAny>) -> Raised<ArrayRef> {
    if !is_a(values, "numpy.ma", "MaskedArray")? {
        return unmasked(name, values);
    }
    let ma = values.py().import("numpy.ma")?;
    let mask = BooleanArray::from(numbers::<bool>(&ma.call_method1("getmaskarray", (values,))?)?);
    let cells = unmasked(name, &ma.call_method1("getdata", (values,))?)?;
    nullif(&cells, &mask).map_err(|e| Raise::Core(Error::value(format!("column `{name}`: {e}"))))
}

fn unmasked(name: &str, values: &Bound<'_, PyAny>) -> Raised<ArrayRef> {
    use arrow::array::{Float64Array, Int64Array, TimestampMicrosecondArray, UInt64Array};
    let kind: String = values.getattr("dtype")?.getattr("kind")?.extract()?;
    let as_type = |dtype: &str| -> PyResult<Bound<'_, PyAny>> { values.call_method1("astype", (dtype,)) };
    Ok(match kind.as_str() {
        "f" => Arc::new(Float64Array::from(numbers::<f64>(&as_type("float64")?)?)),
        "i" => Arc::new(Int64Array::from(numbers::<i64>(&as_type("int64")?)?)),
        "u" => Arc::new(UInt64Array::from(numbers::<u64>(&as_type("uint64")?)?)),
        "b" => Arc::new(BooleanArray::from(numbers::<bool>(values)?)),
        "M" => {
            let micros = numbers::<i64>(&as_type("datetime64[us]")?.call_method1("astype", ("int64",))?)?;
            let cells = micros.into_iter().map(|v| (v != i64::MIN).then_some(v));
            Arc::new(TimestampMicrosecondArray::from_iter(cells))
        }
        "m" => Arc::new(Int64Array::from(numbers::<i64>(&as_type("int64")?)?)),
        "c" => {
            return Err(Raise::Core(
                Error::value(format!("Complex data not supported: column `{name}` holds complex numbers"))
                    .with_hint("split it into a real and an imaginary column"),
            ));
        }
        _ => objects(name, &values.call_method0("tolist")?)?,
    })
}

fn numbers<T: numpy::Element + Copy>(values: &Bound<'_, PyAny>) -> PyResult<Vec<T>> {
    let values: numpy::PyReadonlyArray1<'_, T> = values.extract()?;
    Ok(values.as_array().iter().copied().collect())
}

/// One Arrow column as pandas takes it: numbers with NaN for missing cells, else values with None.
fn values<'py>(py: Python<'py>, array: &ArrayRef) -> Raised<Bound<'py, PyAny>> {
    let is_number =
        array.data_type().is_numeric() && (array.null_count() > 0 || array.data_type().is_floating());
    let failed = |e: arrow::error::ArrowError| Raise::Core(Error::value(format!("a new column: {e}")));
    if is_number {
        let numbers = cast(array, &DataType::Float64).map_err(failed)?;
        let numbers = numbers.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN));
        return Ok(PyArray1::from_iter(py, numbers).into_any());
    }
    if array.data_type().is_integer() {
        let numbers = cast(array, &DataType::Int64).map_err(failed)?;
        return Ok(PyArray1::from_slice(py, numbers.as_primitive::<Int64Type>().values()).into_any());
    }
    if let Some(flags) = array.as_boolean_opt() {
        return match array.null_count() {
            0 => Ok(PyArray1::from_iter(py, flags.values().iter()).into_any()),
            _ => Ok(PyList::new(py, flags.iter())?.into_any()),
        };
    }
    let text = cast(array, &DataType::Utf8).map_err(failed)?;
    let cells = PyList::new(py, text.as_string::<i32>().iter())?.into_any();
    match array.data_type().is_temporal() {
        true => Ok(py.import("numpy")?.call_method1("array", (cells, "datetime64[us]"))?),
        // A list, for which pandas chooses its own kind of text.
        false => Ok(cells),
    }
}

/// Python objects of one column: all booleans, all whole numbers, all numbers, else text.
pub fn objects(name: &str, values: &Bound<'_, PyAny>) -> Raised<ArrayRef> {
    use arrow::array::{Float64Array, Int64Array, StringArray, UInt64Array};
    use pyo3::types::{PyBool, PyFloat, PyInt};
    let cells: Vec<Bound<'_, PyAny>> = values.try_iter()?.collect::<PyResult<_>>()?;
    // None, NaN, NaT and pandas.NA are the values that do not equal themselves, or are None.
    let is_missing = |cell: &Bound<'_, PyAny>| -> PyResult<bool> {
        Ok(cell.is_none() || !tolerated(cell.py(), cell.eq(cell))?.unwrap_or(false))
    };
    let present: Vec<Option<&Bound<'_, PyAny>>> =
        cells.iter().map(|cell| Ok((!is_missing(cell)?).then_some(cell))).collect::<PyResult<_>>()?;
    let all = |test: &dyn Fn(&Bound<'_, PyAny>) -> bool| present.iter().flatten().all(|cell| test(cell));
    if all(&|c| c.is_instance_of::<PyBool>()) {
        let cells = present.iter().map(|c| c.map(|c| c.extract()).transpose());
        return Ok(Arc::new(BooleanArray::from(cells.collect::<PyResult<Vec<Option<bool>>>>()?)));
    }
    let is_int = |c: &Bound<'_, PyAny>| c.is_instance_of::<PyInt>() && !c.is_instance_of::<PyBool>();
    if all(&|c| is_int(c) && c.extract::<i64>().is_ok()) {
        let cells = present.iter().map(|c| c.map(|c| c.extract()).transpose());
        return Ok(Arc::new(Int64Array::from(cells.collect::<PyResult<Vec<Option<i64>>>>()?)));
    }
    if all(&|c| is_int(c) && c.extract::<u64>().is_ok()) {
        let cells = present.iter().map(|c| c.map(|c| c.extract()).transpose());
        return Ok(Arc::new(UInt64Array::from(cells.collect::<PyResult<Vec<Option<u64>>>>()?)));
    }
    if all(&|c| is_int(c) || c.is_instance_of::<PyFloat>()) {
        let cells = present.iter().map(|c| c.map(|c| c.extract()).transpose());
        return Ok(Arc::new(Float64Array::from(cells.collect::<PyResult<Vec<Option<f64>>>>()?)));
    }
    let text = |cell: &Bound<'_, PyAny>| -> Raised<String> {
        if cell.is_instance_of::<PyList>()
            || cell.is_instance_of::<PyTuple>()
            || cell.is_instance_of::<PyDict>()
        {
            let class = cell.get_type().name()?.to_string();
            return Err(Raise::Core(
                Error::schema(format!(
                    "column `{name}` holds a {class}, a cell is a number, text, date or boolean"
                ))
                .with_hint("spread it over columns of its own, or leave it out"),
            ));
        }
        Ok(cell.str()?.to_string())
    };
    let cells = present.iter().map(|c| c.map(text).transpose());
    Ok(Arc::new(StringArray::from(cells.collect::<Raised<Vec<Option<String>>>>()?)))
}
