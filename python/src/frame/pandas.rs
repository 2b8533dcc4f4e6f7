//! Frames of pandas, with pyarrow or without it.

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySlice, PyString};
use tabgraft_table::Table;
use tabgraft_table::read::{Origin, ReadOptions, Renaming, Wanted, unreadable};

use super::arrow_stream::arrow_stream;
use super::cells::{column, nested_class};
use super::{from_columns, is_a};
use crate::error::{Raised, tolerated};

/// A pandas frame, of which no column is looked at that is not wanted. The index is no column.
pub(super) fn pandas(data: &Bound<'_, PyAny>, options: &ReadOptions) -> Raised<Table> {
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
        match nested(&values)? {
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
fn nested(values: &Bound<'_, PyAny>) -> Raised<Option<String>> {
    let kind: String = values.getattr("dtype")?.getattr("kind")?.extract()?;
    if kind == "O" { nested_class(&values.call_method0("tolist")?) } else { Ok(None) }
}
