//! `Comparison`: is the second model better than the first?

use pyo3::prelude::*;
use tabgraft_model::metric::Verdict;

use crate::convert::to_python;
use crate::error::Raised;
use crate::html;

/// Two models on the same rows: scores of both, the paired difference with its 95 % interval, and
/// a verdict.
#[pyclass(frozen, module = "tabgraft")]
pub struct Comparison {
    pub found: tabgraft_model::compare::Comparison,
}

#[pymethods]
impl Comparison {
    /// `better`, `no_difference` or `worse`: what the second model is.
    #[getter]
    fn verdict(&self) -> &'static str {
        match self.found.difference.verdict {
            Verdict::Better => "better",
            Verdict::NoDifference => "no_difference",
            Verdict::Worse => "worse",
        }
    }

    /// How much better the second model is, in points of the metric; above 0 is better.
    #[getter]
    fn difference(&self) -> f64 {
        self.found.difference.difference
    }

    /// 95 % interval of the difference.
    #[getter]
    fn interval(&self) -> (f64, f64) {
        (self.found.difference.low, self.found.difference.high)
    }

    /// The metric of the difference, such as `roc_auc`.
    #[getter]
    fn metric(&self) -> &'static str {
        self.found.difference.metric.name()
    }

    /// Two-sided p-value of "no difference".
    #[getter]
    fn p_value(&self) -> f64 {
        self.found.difference.p_value
    }

    /// Rows compared.
    #[getter]
    fn n_rows(&self) -> usize {
        self.found.n_rows
    }

    /// Everything as dictionaries and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.found)?)
    }

    fn __repr__(&self) -> String {
        let d = &self.found.difference;
        format!(
            "Comparison({}: {:+.4} [{:+.4}, {:+.4}] on {} rows, {})",
            d.metric.name(),
            d.difference,
            d.low,
            d.high,
            self.found.n_rows,
            self.verdict()
        )
    }

    fn _repr_html_(&self) -> String {
        html::comparison(&self.found)
    }
}
