//! Failures as exceptions: one class per kind, each with the hint in its message.

use pyo3::PyTypeInfo;
use pyo3::exceptions::{
    PyException, PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use tabgraft_table::visible;

/// A failure of the core, or an exception of Python, on its way to Python.
pub enum Raise {
    Core(tabgraft_model::Error),
    Python(PyErr),
}

/// Result of a method of the binding.
pub type Raised<T> = Result<T, Raise>;

impl From<tabgraft_model::Error> for Raise {
    fn from(error: tabgraft_model::Error) -> Self {
        Raise::Core(error)
    }
}

impl From<PyErr> for Raise {
    fn from(error: PyErr) -> Self {
        Raise::Python(error)
    }
}

impl From<Raise> for PyErr {
    fn from(raise: Raise) -> Self {
        match raise {
            Raise::Python(error) => error,
            Raise::Core(error) => Python::attach(|py| exception(py, &error)),
        }
    }
}

/// The value of a call that may fail without harm. Ctrl-C and other requests to end are no failures: they
/// are raised.
pub fn tolerated<T>(py: Python<'_>, result: PyResult<T>) -> PyResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// One kind of failure: class name, documentation, the built-in class that it also is, and when.
struct Class {
    name: &'static str,
    doc: &'static str,
    also: fn(Python<'_>) -> Bound<'_, PyType>,
    /// Another class of the list that it is a case of; else it stands below the root alone.
    under: Option<&'static str>,
    is: fn(&tabgraft_model::Error) -> bool,
}

/// Every class but the root; the last whose predicate holds is raised. A class stands below the one
/// that it is a case of.
const CLASSES: &[Class] = &[
    Class {
        name: "NoNewColumnsError",
        doc: r#"An extension was given no column that the space does not know.

>>> space.extend(early)
Traceback (most recent call last):
    ...
tabgraft.NoNewColumnsError: no new columns found: ..."#,
        also: value_error,
        under: None,
        is: tabgraft_model::Error::is_no_new_columns,
    },
    Class {
        name: "FileError",
        doc: r#"A file could not be read or written.

>>> tabgraft.verify("absent.tabgraft")
Traceback (most recent call last):
    ...
tabgraft.MissingFileError: cannot read `absent.tabgraft`: ..."#,
        also: |py| PyOSError::type_object(py),
        under: None,
        is: tabgraft_model::Error::is_io,
    },
    Class {
        name: "MissingFileError",
        doc: r#"A file is not there.

>>> try:
...     tabgraft.EmbeddingSpace.load("absent.tabgraft")
... except FileNotFoundError as error:
...     type(error).__name__
'MissingFileError'"#,
        also: |py| PyFileNotFoundError::type_object(py),
        under: Some("FileError"),
        is: is_missing_file,
    },
    Class {
        name: "MalformedFileError",
        doc: r#"A file's content breaks its format.

>>> tabgraft.EmbeddingSpace.from_bytes(b"hello")
Traceback (most recent call last):
    ...
tabgraft.MalformedFileError: not a tabgraft file, or cut off: ..."#,
        also: value_error,
        under: None,
        is: tabgraft_model::Error::is_malformed,
    },
    Class {
        name: "SchemaError",
        doc: r#"A column or target is absent, doubled or of the wrong kind.

>>> tabgraft.Predictor.fit(space, early, "income")
Traceback (most recent call last):
    ...
tabgraft.SchemaError: there is no column `income`..."#,
        also: value_error,
        under: None,
        is: tabgraft_model::Error::is_schema,
    },
    Class {
        name: "DataError",
        doc: r#"A value cannot be used where it stands.

>>> tabgraft.Predictor.fit(space, early, "target", sample_weight=[1.0])
Traceback (most recent call last):
    ...
tabgraft.DataError: 1 row weights for 1000 rows, one for each is needed"#,
        also: value_error,
        under: None,
        is: tabgraft_model::Error::is_value,
    },
    Class {
        name: "FormulaError",
        doc: r#"A feature's formula does not parse, does not type-check or is too large.

>>> tabgraft.FeatureEngineer([{"name": "older", "formula": "age +"}])
Traceback (most recent call last):
    ...
tabgraft.FormulaError: feature `older`: expected a column, a value or `(`, ..."#,
        also: value_error,
        under: None,
        is: tabgraft_model::Error::is_formula,
    },
    Class {
        name: "OptionError",
        doc: r#"An option is outside its range, or a step is called too early.

>>> space.extend(credit, mode="soft")
Traceback (most recent call last):
    ...
tabgraft.OptionError: option `mode` is `soft`, allowed is `frozen`, `anchored` or `joint`"#,
        also: value_error,
        under: None,
        is: tabgraft_model::Error::is_option,
    },
    Class {
        name: "VersionError",
        doc: r#"A file is of a format that this version of tabgraft cannot read: mostly a newer one.

>>> newer = space.to_bytes().replace(b'oldest_reader\\":\\"1', b'oldest_reader\\":\\"9')
>>> tabgraft.EmbeddingSpace.from_bytes(newer)
Traceback (most recent call last):
    ...
tabgraft.VersionError: format ... needs a reader of format 9... or newer, ..."#,
        also: value_error,
        under: None,
        is: tabgraft_model::Error::is_version,
    },
    Class {
        name: "VerificationError",
        doc: r#"Content differs from the hash recorded for it.

>>> content = space.to_bytes()
>>> tabgraft.EmbeddingSpace.from_bytes(content[:-1] + bytes([content[-1] ^ 1]))
Traceback (most recent call last):
    ...
tabgraft.VerificationError: weights hash is ..."#,
        also: value_error,
        under: None,
        is: tabgraft_model::Error::is_verification,
    },
    Class {
        name: "TrainingError",
        doc: r#"Training diverged or had nothing to learn from.

>>> issubclass(tabgraft.TrainingError, RuntimeError)
True"#,
        also: |py| PyRuntimeError::type_object(py),
        under: None,
        is: tabgraft_model::Error::is_training,
    },
];

fn is_missing_file(error: &tabgraft_model::Error) -> bool {
    error.io_kind() == Some(std::io::ErrorKind::NotFound)
}

fn value_error(py: Python<'_>) -> Bound<'_, PyType> {
    PyValueError::type_object(py)
}

static TYPES: PyOnceLock<Vec<Py<PyType>>> = PyOnceLock::new();

/// The root class, then one class per entry of [`CLASSES`].
fn types(py: Python<'_>) -> PyResult<&Vec<Py<PyType>>> {
    TYPES.get_or_try_init(py, || {
        let class = |name: &str, doc: &str, bases: Vec<Bound<'_, PyType>>| -> PyResult<Py<PyType>> {
            let fields = PyDict::new(py);
            fields.set_item("__doc__", doc)?;
            fields.set_item("__module__", "tabgraft")?;
            let made = py.get_type::<PyType>().call1((name, PyTuple::new(py, bases)?, fields))?;
            Ok(made.cast_into::<PyType>()?.unbind())
        };
        let root = class(
            "TabgraftError",
            r#"Any failure of tabgraft. The message names the culprit, and ends with a hint where one is known.

>>> try:
...     tabgraft.EmbeddingSpace.fit(early, d_model=7)
... except tabgraft.TabgraftError as error:
...     print(error)
option `d_model` is 7, allowed is 8 to 4096 in steps of 8"#,
            vec![PyException::type_object(py)],
        )?;
        let mut types = vec![root.clone_ref(py)];
        for entry in CLASSES {
            let above = CLASSES.iter().position(|c| Some(c.name) == entry.under).map_or(0, |i| i + 1);
            let bases = vec![types[above].bind(py).clone(), (entry.also)(py)];
            types.push(class(entry.name, entry.doc, bases)?);
        }
        Ok(types)
    })
}

/// Adds every exception class to the module.
pub fn add_exceptions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let names = std::iter::once("TabgraftError").chain(CLASSES.iter().map(|c| c.name));
    for (name, class) in names.zip(types(py)?) {
        module.add(name, class.bind(py))?;
    }
    Ok(())
}

fn exception(py: Python<'_>, error: &tabgraft_model::Error) -> PyErr {
    // Tracebacks go to terminals, and names in messages may hold anything.
    let text = error.to_string();
    let message = match error.hint() {
        Some(hint) => format!("{}\nhint: {}", visible(&text), visible(hint)),
        None => visible(&text).into_owned(),
    };
    if error.is_interrupted() {
        return PyKeyboardInterrupt::new_err(message);
    }
    let which = CLASSES.iter().rposition(|c| (c.is)(error)).map_or(0, |i| i + 1);
    match types(py) {
        Ok(types) => PyErr::from_type(types[which].bind(py).clone(), message),
        Err(error) => error,
    }
}
