//! Documents between serde and Python's own dictionaries and lists, by way of JSON text.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Serialize;
use tabgraft_table::schema::{InferOptions, Kind};

use crate::error::{Raise, Raised};

/// A document as dictionaries, lists, text and numbers.
pub fn to_python<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(|e| PyValueError::new_err(e.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}

/// A document from dictionaries, lists, text and numbers.
pub fn from_python(value: &Bound<'_, PyAny>) -> PyResult<serde_json::Value> {
    let text: String = value.py().import("json")?.call_method1("dumps", (value,))?.extract()?;
    serde_json::from_str(&text).map_err(|e| PyValueError::new_err(e.to_string()))
}

/// One of serde's words: `"frozen"` to `Mode::Frozen`.
pub fn word<T: serde::de::DeserializeOwned>(option: &str, word: &str, allowed: &str) -> Raised<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| {
        Raise::Core(tabgraft_model::Error::option(format!(
            "option `{option}` is `{word}`, allowed is {allowed}"
        )))
    })
}

/// Names of columns: a list of them, or a single one.
#[derive(FromPyObject)]
pub enum Names {
    One(String),
    Many(Vec<String>),
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        match names {
            Names::One(name) => vec![name],
            Names::Many(names) => names,
        }
    }
}

/// Columns to ignore, and kinds and date formats given by the user.
pub fn infer_options(
    ignore: Option<Names>,
    kinds: Option<BTreeMap<String, String>>,
    date_formats: Option<BTreeMap<String, String>>,
) -> Raised<InferOptions> {
    let mut options = InferOptions {
        ignore: ignore.map(Vec::from).unwrap_or_default(),
        date_formats: date_formats.unwrap_or_default(),
        ..InferOptions::default()
    };
    for (column, kind) in kinds.unwrap_or_default() {
        let allowed = "`numeric`, `categorical`, `boolean`, `timestamp`, `text`";
        let kind: Kind = word(&format!("kinds[{column:?}]"), &kind, allowed)?;
        options.kinds.insert(column, kind);
    }
    Ok(options)
}

/// A path as Python gives it: text or `os.PathLike`.
pub fn path(value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    value.extract()
}

/// Weights of rows from a list, an array or a series of numbers.
pub fn weights(value: &Bound<'_, PyAny>) -> Raised<Vec<f64>> {
    let array = value.py().import("numpy")?.call_method1("asarray", (value, "float64"))?;
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    if shape.len() != 1 {
        return Err(Raise::Core(
            tabgraft_model::Error::value(format!(
                "the row weights have shape {shape:?}, one number per row is needed"
            ))
            .with_hint("flatten them: `sample_weight.ravel()`"),
        ));
    }
    Ok(array.call_method0("tolist")?.extract()?)
}
