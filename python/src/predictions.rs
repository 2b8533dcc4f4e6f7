//! `Predictions`: classes or numbers for the rows of a table, and what became of its columns.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList};
use tabgraft_model::metric::Task;
use tabgraft_model::predictor::LabelType;
use tabgraft_table::cell::canonical;
use tabgraft_table::grid::Grid;

use crate::convert::to_python;
use crate::error::{Raised, tolerated};
use crate::html;
use crate::listing;

/// Predictions for the rows of a table. `numpy.asarray(predictions)` gives `labels`, and so does iterating.
///
/// >>> predictions = predictor.predict(early)
/// >>> print(str(predictions).splitlines()[0])
/// Predictions(1000 rows, binary)
/// >>> list(predictions) == predictions.labels.tolist()
/// True
/// >>> np.asarray(predictions).shape
/// (1000,)
#[pyclass(frozen, module = "tabgraft")]
pub struct Predictions {
    pub made: tabgraft_model::predictor::Predictions,
}

/// Classes as an array of the type that they had when they were learned.
fn class_array<'py>(
    py: Python<'py>,
    classes: &[String],
    label_type: Option<LabelType>,
) -> PyResult<Bound<'py, PyAny>> {
    let text = || py.import("numpy")?.call_method1("array", (PyList::new(py, classes)?,));
    let of_type = |dtype: &str| tolerated(py, text()?.call_method1("astype", (dtype,)));
    let typed = match label_type {
        None | Some(LabelType::Text) => None,
        Some(LabelType::Integer) => match of_type("int64")? {
            Some(numbers) => Some(numbers),
            None => of_type("uint64")?,
        },
        Some(LabelType::Float) => of_type("float64")?,
        Some(LabelType::Float32) => of_type("float32")?,
        Some(LabelType::Boolean) => {
            let truths = classes.iter().map(|class| canonical(class) == "true");
            Some(PyArray1::from_iter(py, truths).into_any())
        }
        Some(LabelType::Date) => of_type("datetime64[D]")?,
        Some(LabelType::Timestamp) => of_type("datetime64[us]")?,
    };
    typed.map_or_else(text, Ok)
}

/// Classes as a list, each of the type that it had when it was learned.
pub fn class_list<'py>(
    py: Python<'py>,
    classes: &[String],
    label_type: Option<LabelType>,
) -> PyResult<Bound<'py, PyAny>> {
    class_array(py, classes, label_type)?.call_method0("tolist")
}

impl Predictions {
    /// With another threshold, if one is given.
    pub fn at(self, threshold: Option<f64>) -> Raised<Self> {
        match threshold {
            Some(threshold) => Ok(Predictions { made: self.made.at_threshold(threshold)? }),
            None => Ok(self),
        }
    }

    /// Columns by name, as NumPy arrays.
    fn columns<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyDict>> {
        let mut arrays = vec![self.labels(py)?];
        if let Some(confidence) = self.confidence(py) {
            arrays.push(confidence.into_any());
            for i in 0..self.made.n_outputs {
                let p = self.made.values.iter().skip(i).step_by(self.made.n_outputs).copied();
                arrays.push(PyArray1::from_iter(py, p).into_any());
            }
        }
        arrays.extend(self.lower(py).into_iter().chain(self.upper(py)).map(Bound::into_any));
        let columns = PyDict::new(py);
        for (name, array) in self.made.column_names().into_iter().zip(arrays) {
            columns.set_item(name, array)?;
        }
        Ok(columns)
    }

    fn title(&self) -> String {
        format!("Predictions({} rows, {})", self.made.n_rows(), self.made.task.name())
    }
}

#[pymethods]
impl Predictions {
    /// A pandas frame: `class`, `confidence` and one `p_CLASS` for each class, or `prediction` for numbers.
    ///
    /// >>> list(predictions.to_pandas().columns)
    /// ['class', 'confidence', 'p_0', 'p_1']
    fn to_pandas<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::pandas(py, self.columns(py)?)
    }

    /// The same as a polars frame.
    ///
    /// >>> predictions.to_polars().shape
    /// (1000, 4)
    fn to_polars<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::polars(py, self.columns(py)?)
    }

    /// `[n_rows]`: the class of each row, or the number in the target's unit. Classes have the type and the
    /// spelling that they were learned with. In a CSV file, which has no types, they are whole numbers, numbers,
    /// or true and false where all of them are written as such, else text.
    ///
    /// >>> predictions.labels.dtype
    /// dtype('int64')
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        if self.made.task == Task::Regression {
            return Ok(PyArray1::from_slice(py, &self.made.values).into_any());
        }
        let classes = class_array(py, &self.made.classes, self.made.label_type)?;
        let class_idx = PyArray1::from_iter(py, self.made.class_idx.iter().map(|i| *i as i64));
        Ok(classes.call_method1("take", (class_idx,))?)
    }

    /// `[n_rows, n_classes]` in the order of `classes`; None for numbers.
    ///
    /// >>> np.allclose(predictions.probabilities.sum(axis=1), 1)
    /// True
    #[getter]
    fn probabilities<'py>(&self, py: Python<'py>) -> Raised<Option<Bound<'py, PyAny>>> {
        if self.made.task == Task::Regression {
            return Ok(None);
        }
        let values = PyArray1::from_slice(py, &self.made.values);
        Ok(Some(values.reshape([self.made.n_rows(), self.made.n_outputs])?.into_any()))
    }

    /// The classes; of two, the second is the positive one. Empty for numbers.
    ///
    /// >>> predictions.classes
    /// [0, 1]
    #[getter]
    fn classes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(class_list(py, &self.made.classes, self.made.label_type)?)
    }

    /// `[n_rows]`, 0 to 1: how sure each class is; None for numbers. Of two classes, the distance to the
    /// threshold, of more the lead of the first.
    ///
    /// >>> bool((predictions.confidence >= 0).all() and (predictions.confidence <= 1).all())
    /// True
    #[getter]
    fn confidence<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        (self.made.task != Task::Regression).then(|| PyArray1::from_slice(py, &self.made.confidence))
    }

    /// `[n_rows]`: lower end of the interval around each number, in the target's unit; None where none was asked for.
    ///
    /// >>> predictions.lower is None
    /// True
    #[getter]
    fn lower<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.made.interval.as_ref().map(|ends| PyArray1::from_slice(py, &ends.lower))
    }

    /// `[n_rows]`: upper end of the interval around each number, in the target's unit; None where none was asked for.
    ///
    /// >>> predictions.upper is None
    /// True
    #[getter]
    fn upper<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.made.interval.as_ref().map(|ends| PyArray1::from_slice(py, &ends.upper))
    }

    /// Probability from which on the second of two classes is predicted.
    ///
    /// >>> predictions.threshold
    /// 0.5
    #[getter]
    fn threshold(&self) -> f64 {
        self.made.threshold
    }

    /// "binary", "multiclass" or "regression".
    ///
    /// >>> predictions.task
    /// 'binary'
    #[getter]
    fn task(&self) -> &'static str {
        self.made.task.name()
    }

    /// Columns of the data that were not used, each with its reason.
    ///
    /// >>> predictor.predict(early.assign(extra=1)).ignored_columns[-1]["name"]
    /// 'extra'
    #[getter]
    fn ignored_columns<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.made.report.ignored_columns)?)
    }

    /// Columns that the data lacks; their cells counted as missing.
    ///
    /// >>> predictor.predict(early.drop(columns="age")).missing_columns
    /// ['age']
    #[getter]
    fn missing_columns(&self) -> Vec<String> {
        self.made.report.missing_columns.clone()
    }

    /// Columns with cells that could not be read and counted as missing (`errors="missing"`), one dictionary each:
    /// `name`, `kind`, `n_unreadable`, `n_rows`, the first of them with `row_idx` and `example`, and `line` in a
    /// text file.
    ///
    /// >>> odd = early.head(1).assign(age="old")
    /// >>> predictor.predict(odd, errors="missing").unreadable_columns[0]["example"]
    /// 'old'
    #[getter]
    fn unreadable_columns<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.made.unreadable)?)
    }

    /// Columns whose cells are mostly values that training has not seen, one dictionary each: `name`, `n_unseen`,
    /// `n_present`, the first of them with `row_idx` and `example`, `known` values, and, where it can be told, the
    /// `cause`: "case", "spaces", "case_and_spaces", "leading_zeros", "number_spelling" or "codes".
    ///
    /// >>> shouted = early.assign(purpose=early["purpose"].str.upper())
    /// >>> predictor.predict(shouted).unseen_columns[0]["cause"]
    /// 'case'
    #[getter]
    fn unseen_columns<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.made.unseen)?)
    }

    fn __len__(&self) -> usize {
        self.made.n_rows()
    }

    #[pyo3(signature = (dtype = None, copy = None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> Raised<Bound<'py, PyAny>> {
        // The labels are made anew at each call, so they are a copy in any case.
        let _ = copy;
        let labels = self.labels(py)?;
        match dtype {
            Some(dtype) => Ok(labels.call_method1("astype", (dtype,))?),
            None => Ok(labels),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyIterator>> {
        Ok(self.labels(py)?.call_method0("tolist")?.try_iter()?)
    }

    fn __repr__(&self) -> String {
        let (head, rows, more) = self.made.preview();
        let mut grid = Grid::of(head);
        rows.into_iter().for_each(|row| grid.add(row));
        let more = if more.is_empty() { more } else { format!("  {more}") };
        format!("{}\n{}{more}", self.title(), grid.text()).trim_end().to_owned()
    }

    fn _repr_html_(&self) -> String {
        html::predictions(&self.title(), &self.made)
    }
}
