//! `Explanation`: what each column gave to the predictions of a table.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyList};
use tabgraft_model::predictor::{LabelType, Method};

use crate::convert::to_python;
use crate::error::Raised;
use crate::html;
use crate::listing::{self, Listing};
use crate::predictions::class_list;

/// What each column gave to the predictions of a table: Shapley values by hiding columns, made by
/// `Predictor.explain`. With the base, the prediction of a row of which nothing is seen, a row's contributions sum to
/// its prediction.
///
/// >>> reasons = predictor.explain(early.head(2), n_evaluations=200)
/// >>> reasons
/// Explanation(2 rows, 17 columns, log_odds of 1)
/// >>> bool(np.allclose(reasons.base + reasons.contributions.sum(axis=1), reasons.predictions))
/// True
#[pyclass(frozen, module = "tabgraft")]
pub struct Explanation {
    pub made: tabgraft_model::predictor::Explanation,
    pub label_type: Option<LabelType>,
}

impl Explanation {
    /// An array with a place for each row, perhaps each column, and each output where there are several.
    fn array<'py>(&self, py: Python<'py>, values: &[f64], of_columns: bool) -> PyResult<Bound<'py, PyAny>> {
        let mut shape = vec![self.made.n_rows()];
        shape.extend(of_columns.then_some(self.made.columns.len()));
        shape.extend((self.made.outputs.len() > 1).then_some(self.made.outputs.len()));
        Ok(PyArray1::from_slice(py, values).reshape(shape)?.into_any())
    }

    fn frame<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyDict>> {
        let columns = PyDict::new(py);
        let k = self.made.outputs.len();
        if k > 1 {
            let rows = (0..self.made.n_rows()).flat_map(|row| vec![row as i64; k]);
            columns.set_item("row", PyArray1::from_iter(py, rows))?;
            columns.set_item("output", self.outputs(py)?.mul(self.made.n_rows())?)?;
        }
        for (name, values) in self.made.frame() {
            columns.set_item(name, PyArray1::from_slice(py, &values))?;
        }
        Ok(columns)
    }

    fn title(&self) -> String {
        format!(
            "Explanation({} rows, {} columns, {} of {})",
            self.made.n_rows(),
            self.made.columns.len(),
            self.made.scale.name(),
            self.made.outputs.join(", ")
        )
    }
}

#[pymethods]
impl Explanation {
    /// `[n_rows, n_columns]`, and `[n_rows, n_columns, n_outputs]` where several classes are explained: what each column
    /// gave.
    ///
    /// >>> reasons.contributions.shape
    /// (2, 17)
    #[getter]
    fn contributions<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(self.array(py, &self.made.contributions, true)?)
    }

    /// Standard errors of the contributions, in their shape: 0 where contributions are exact.
    ///
    /// >>> bool((reasons.standard_errors >= 0).all())
    /// True
    #[getter]
    fn standard_errors<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(self.array(py, &self.made.standard_errors, true)?)
    }

    /// The prediction of a row of which nothing is seen; an array, `[n_outputs]`, where several classes are explained.
    ///
    /// >>> isinstance(reasons.base, float)
    /// True
    #[getter]
    fn base<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        match self.made.base[..] {
            [base] => Ok(PyFloat::new(py, base).into_any()),
            _ => Ok(PyArray1::from_slice(py, &self.made.base).into_any()),
        }
    }

    /// `[n_rows]`, and `[n_rows, n_outputs]` where several classes are explained: the predictions, in the scale of the
    /// contributions.
    ///
    /// >>> reasons.predictions.shape
    /// (2,)
    #[getter]
    fn predictions<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(self.array(py, &self.made.predictions, false)?)
    }

    /// The columns, or groups of them, that contributions belong to.
    ///
    /// >>> reasons.columns[:2]
    /// ['duration', 'purpose']
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.made.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// What is explained: classes, of the type that they were learned with, or the target's name where it is a number.
    ///
    /// >>> reasons.outputs
    /// [1]
    #[getter]
    fn outputs<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyList>> {
        Ok(class_list(py, &self.made.outputs, self.label_type)?.cast_into().map_err(PyErr::from)?)
    }

    /// In what contributions count: "log_odds" or "probability" of a class, or the "number" in the target's unit.
    ///
    /// >>> reasons.scale
    /// 'log_odds'
    #[getter]
    fn scale(&self) -> &'static str {
        self.made.scale.name()
    }

    /// How contributions were found: "exact", by all combinations of columns, or by "orders" that were drawn.
    ///
    /// >>> reasons.method
    /// 'orders'
    #[getter]
    fn method(&self) -> &'static str {
        match self.made.method {
            Method::Exact => "exact",
            Method::Orders { .. } => "orders",
        }
    }

    /// Predictions that were made for each row.
    ///
    /// >>> reasons.n_evaluations
    /// 194
    #[getter]
    fn n_evaluations(&self) -> usize {
        self.made.n_evaluations
    }

    /// Columns by the mean size of their contributions over all rows, the greatest first, one dictionary each:
    /// `column`, `mean_absolute` and `interval`, its 95 % interval over tables like this one, to which rows that are
    /// equal, or of one group of the split, are one piece of evidence; None where there is but one.
    ///
    /// >>> [sorted(column) for column in reasons.importance[:1]]
    /// [['column', 'interval', 'mean_absolute']]
    #[getter]
    fn importance<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let all: Vec<_> = self.made.order().into_iter().map(|i| &self.made.importance[i]).collect();
        Ok(to_python(py, &all)?)
    }

    /// Why a row is predicted as it is: a dictionary of `row`, `prediction` and `reasons`, the greatest first, each
    /// with `column`, `cell` as text, `contribution` and `standard_error`; numbers are lists, one for each output.
    ///
    /// >>> why = reasons.row(0)
    /// >>> len(why["reasons"]), why["prediction"] == [float(reasons.predictions[0])]
    /// (17, True)
    fn row<'py>(&self, py: Python<'py>, row: usize) -> Raised<Bound<'py, PyAny>> {
        match self.made.reasons(row..row.saturating_add(1))?.first() {
            Some(reasons) => Ok(to_python(py, reasons)?),
            None => Err(tabgraft_model::Error::option(format!(
                "option `row` is {row}, but {} rows were explained",
                self.made.n_rows()
            ))
            .into()),
        }
    }

    /// A pandas frame with a line for each row: `base`, `prediction`, `contribution_COLUMN` of each column, and
    /// `standard_error_COLUMN` where contributions are not exact. Where several classes are explained, a line for each
    /// `row` and `output`.
    ///
    /// >>> reasons.to_pandas().shape
    /// (2, 36)
    fn to_pandas<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::pandas(py, self.frame(py)?)
    }

    /// The same as a polars frame.
    ///
    /// >>> reasons.to_polars().columns[:3]
    /// ['base', 'prediction', 'contribution_duration']
    fn to_polars<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::polars(py, self.frame(py)?)
    }

    /// A `shap.Explanation`, for the plots of the package shap, which has to be installed: `data` are the cells that
    /// are numbers, others are NaN there, and `display_data` are all cells as text.
    ///
    /// >>> plain = reasons.to_shap()  # doctest: +SKIP
    /// >>> plain.values.shape  # doctest: +SKIP
    /// (2, 17)
    fn to_shap<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let shap = py.import("shap").map_err(|error| match error.is_instance_of::<PyImportError>(py) {
            true => {
                PyImportError::new_err("Explanation.to_shap needs shap\nhint: pip install 'tabgraft[shap]'")
            }
            false => error,
        })?;
        let numpy = py.import("numpy")?;
        let mut numbers = Vec::new();
        let texts = PyList::empty(py);
        for column in 0..self.made.columns.len() {
            let cells = self.made.cells(column)?;
            let number =
                |cell: &Option<String>| cell.as_ref().and_then(|c| c.parse().ok()).unwrap_or(f64::NAN);
            numbers.push(PyArray1::from_iter(py, cells.iter().map(number)));
            texts.append(cells)?;
        }
        let as_objects = PyDict::new(py);
        as_objects.set_item("dtype", "object")?;
        let options = PyDict::new(py);
        let base = self.made.base.repeat(self.made.n_rows());
        options.set_item("base_values", self.array(py, &base, false)?)?;
        options.set_item("data", numpy.call_method1("column_stack", (numbers,))?)?;
        options.set_item(
            "display_data",
            numpy.call_method("array", (texts,), Some(&as_objects))?.getattr("T")?,
        )?;
        options.set_item("feature_names", self.columns())?;
        if self.made.outputs.len() > 1 {
            options.set_item("output_names", &self.made.outputs)?;
        }
        if self.made.standard_errors.iter().any(|error| *error > 0.0) {
            options.set_item("error_std", self.standard_errors(py)?)?;
        }
        Ok(shap.getattr("Explanation")?.call((self.contributions(py)?,), Some(&options))?)
    }

    fn __len__(&self) -> usize {
        self.made.n_rows()
    }

    fn __repr__(&self) -> String {
        self.title()
    }

    fn __str__(&self) -> String {
        let row = |i: usize| {
            let column = &self.made.importance[i];
            let interval = column.interval.map(|[low, high]| format!("{low:.4} to {high:.4}"));
            let mean = format!("{:.4}", column.mean_absolute);
            vec![column.column.clone(), mean, interval.unwrap_or_else(|| "-".to_owned())]
        };
        let rows = self.made.order().into_iter().map(row).collect();
        let head = &["column", "mean size of contribution", "95 % interval"];
        Listing { title: self.title(), head, rows, more: String::new() }.text()
    }

    fn _repr_html_(&self) -> Raised<String> {
        Ok(html::explanation(&self.title(), &self.made)?)
    }
}
