//! Cells of one column: NumPy arrays and Python objects to Arrow, and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array};
use arrow::compute::{cast, nullif};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use tabgraft_model::Error;

use super::is_a;
use crate::error::{Raise, Raised, tolerated};

/// What Python counts for 1970-01-01: the first of January of the year 1 is 1.
const ORDINAL_OF_1970: i32 = 719_163;

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
    use arrow::array::{Float32Array, Float64Array, Int64Array, TimestampMicrosecondArray, UInt64Array};
    let kind: String = values.getattr("dtype")?.getattr("kind")?.extract()?;
    let as_type = |dtype: &str| -> PyResult<Bound<'_, PyAny>> { values.call_method1("astype", (dtype,)) };
    Ok(match kind.as_str() {
        "f" if values.getattr("dtype")?.getattr("itemsize")?.extract::<usize>()? <= 4 => {
            Arc::new(Float32Array::from(numbers::<f32>(&as_type("float32")?)?))
        }
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
pub(super) fn values<'py>(py: Python<'py>, array: &ArrayRef) -> Raised<Bound<'py, PyAny>> {
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

/// The class of the first of these objects that is no single value, with its article: a list, bytes.
pub(super) fn nested_class(cells: &Bound<'_, PyAny>) -> Raised<Option<String>> {
    use pyo3::types::{PyByteArray, PyBytes, PyFrozenSet, PySet};
    for cell in cells.try_iter()? {
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

/// Python objects of one column: all booleans, all whole numbers, all numbers, all dates, else text.
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
    if let Some(times) = days(&present)? {
        return Ok(times);
    }
    if let Some(class) = nested_class(values)? {
        return Err(Raise::Core(
            Error::schema(format!(
                "column `{name}` holds {class}, a cell is a number, text, date or boolean"
            ))
            .with_hint("spread it over columns of its own, or leave it out; bytes are text once decoded"),
        ));
    }
    let text = |cell: &Bound<'_, PyAny>| -> PyResult<String> { Ok(cell.str()?.to_string()) };
    let cells = present.iter().map(|c| c.map(text).transpose());
    Ok(Arc::new(StringArray::from(cells.collect::<PyResult<Vec<Option<String>>>>()?)))
}

/// Objects that are dates, all of them; none if one is another thing, as a time is, or there are none.
fn days(present: &[Option<&Bound<'_, PyAny>>]) -> Raised<Option<ArrayRef>> {
    let Some(first) = present.iter().flatten().next() else { return Ok(None) };
    let datetime = first.py().import("datetime")?;
    let (date, time) = (datetime.getattr("date")?, datetime.getattr("datetime")?);
    for cell in present.iter().flatten() {
        if !cell.is_instance(&date)? || cell.is_instance(&time)? {
            return Ok(None);
        }
    }
    let day = |cell: &&Bound<'_, PyAny>| -> PyResult<i32> {
        Ok(cell.call_method0("toordinal")?.extract::<i32>()? - ORDINAL_OF_1970)
    };
    let days = present.iter().map(|cell| cell.as_ref().map(day).transpose());
    Ok(Some(Arc::new(Date32Array::from(days.collect::<PyResult<Vec<Option<i32>>>>()?))))
}
