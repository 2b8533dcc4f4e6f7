//! Documents between serde and Python's own dictionaries and lists, by way of JSON text.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyFrozenSet, PySet, PyTuple};
use serde::Serialize;
use tabgraft_model::PredictorOptions;
use tabgraft_model::export::OnnxOptions;
use tabgraft_model::metric::Score;
use tabgraft_table::schema::{InferOptions, Kind};

use crate::error::{Raise, Raised, tolerated};

/// The words of [`TargetKind`].
pub const TARGET_KINDS: &str = "`auto`, `set` or `scalar`";

/// A document as dictionaries, lists, text and numbers.
pub fn to_python<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(|e| PyValueError::new_err(e.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}

/// Scores as a list that is a table and answers to a metric's name.
pub fn scores<'py>(py: Python<'py>, scores: &[Score]) -> PyResult<Bound<'py, PyAny>> {
    let documents = py.import("tabgraft.documents")?;
    let score = documents.getattr("Score")?;
    let made =
        to_python(py, &scores)?.try_iter()?.map(|s| score.call1((s?,))).collect::<PyResult<Vec<_>>>()?;
    documents.getattr("Scores")?.call1((made,))
}

/// A dictionary that is a table in a notebook; None for nothing.
pub fn document<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let value = to_python(py, value)?;
    match value.is_none() {
        true => Ok(value),
        false => py.import("tabgraft.documents")?.getattr("Document")?.call1((value,)),
    }
}

/// A document from dictionaries, lists, text and numbers; also from scalars and arrays of NumPy, which become
/// numbers and lists, and from dates, times and paths, which become text.
pub fn from_python(value: &Bound<'_, PyAny>) -> PyResult<serde_json::Value> {
    let py = value.py();
    let plain = |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<Py<PyAny>> {
        let value = args.get_item(0)?;
        // Arrays and scalars of NumPy; series of frames; sets; dates and times; paths.
        for (marker, method) in [("dtype", "tolist"), ("to_list", "to_list"), ("isoformat", "isoformat")] {
            if value.hasattr(marker)? && value.hasattr(method)? {
                return Ok(value.call_method0(method)?.unbind());
            }
        }
        if value.hasattr("__fspath__")? {
            return Ok(value.call_method0("__fspath__")?.unbind());
        }
        if value.is_instance_of::<PySet>() || value.is_instance_of::<PyFrozenSet>() {
            return Ok(value.py().import("builtins")?.call_method1("sorted", (value,))?.unbind());
        }
        let kind = value.get_type().fully_qualified_name()?.to_string();
        Err(PyTypeError::new_err(format!(
            "a document cannot hold {}, a {kind}\nhint: numbers, text, true and false, dates, lists and dictionaries \
             can be kept; make one of it, for instance by str()",
            value.repr()?
        )))
    };
    let plain = PyCFunction::new_closure(py, None, None, plain)?;
    let options = PyDict::new(py);
    options.set_item("default", plain)?;
    options.set_item("allow_nan", false)?;
    let text = py.import("json")?.call_method("dumps", (value,), Some(&options));
    let text: String = match text {
        Err(error) if error.is_instance_of::<PyValueError>(py) => {
            return Err(PyValueError::new_err(format!(
                "a document cannot hold it: {}\nhint: write None for a number that is not there",
                error.value(py)
            )));
        }
        text => text?.extract()?,
    };
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

/// What becomes of what ONNX cannot say.
pub fn onnx_options(texts: &str, rare: &str) -> Raised<OnnxOptions> {
    Ok(OnnxOptions {
        texts: word("texts", texts, "`error` or `missing`")?,
        rare: word("rare", rare, "`error` or `unseen`")?,
    })
}

/// Other names for columns, old name to new one.
pub type Renames = BTreeMap<String, String>;

/// Names: a list of them, or a single one.
#[derive(Clone, Default)]
pub struct Names(Vec<String>);

impl FromPyObject<'_, '_> for Names {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(name) = value.extract::<String>() {
            return Ok(Names(vec![name]));
        }
        value.extract().map(Names).map_err(|_| {
            let found =
                value.get_type().name().map_or_else(|_| "something else".to_owned(), |n| n.to_string());
            PyTypeError::new_err(format!("a name or a list of names is needed, found {found}"))
        })
    }
}

impl From<Vec<String>> for Names {
    fn from(names: Vec<String>) -> Self {
        Names(names)
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        names.0
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
    let array = value.py().import("numpy")?.call_method1("asarray", (value, "float64"));
    let Some(array) = tolerated(value.py(), array)? else {
        return Err(Raise::Core(
            tabgraft_model::Error::value("the row weights are no numbers")
                .with_hint("give one number of at least 0 per row, in a list, an array or a series"),
        ));
    };
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

/// Options of fitting predictors from a dictionary, on top of those that the caller takes one by one, which
/// are named in `own`.
pub fn fitting_options(
    given: Option<&Bound<'_, PyAny>>,
    options: PredictorOptions,
    own: &[&str],
) -> Raised<PredictorOptions> {
    let Some(given) = given else { return Ok(options) };
    let refused = |what: String| {
        let hint = "a dictionary of options of `Predictor.fit`, such as {\"patience\": 8, \"d_hidden\": 64}";
        Raise::Core(
            tabgraft_model::Error::option(format!("option `predictor_options`: {what}")).with_hint(hint),
        )
    };
    let mut whole = serde_json::to_value(&options).unwrap_or_default();
    match (whole.as_object_mut(), from_python(given)?) {
        (Some(whole), serde_json::Value::Object(given)) => {
            let is_elsewhere = |name: &&String| {
                own.contains(&name.as_str()) || ["name", "hold_out_test"].contains(&name.as_str())
            };
            if let Some(name) = given.keys().find(is_elsewhere) {
                return Err(refused(format!("`{name}` is none of them here")));
            }
            whole.extend(given);
        }
        (_, other) => return Err(refused(format!("{other} is no dictionary"))),
    }
    serde_json::from_value(whole).map_err(|e| refused(e.to_string()))
}
