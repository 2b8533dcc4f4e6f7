//! `Comparison`: is the second model better than the first?

use pyo3::prelude::*;
use tabgraft_model::metric::Verdict;

use crate::convert::to_python;
use crate::error::Raised;
use crate::html;

/// Two models on the same rows: scores of both, the paired difference with its 95 % interval, and
/// a verdict.
///
/// >>> better = tabgraft.Predictor.fit(child, credit, "target", n_epochs=5, n_networks=2)
/// >>> comparison = predictor.compare(better, credit)
/// >>> comparison.n_rows == predictor.scores[0]["n"]
/// True
#[pyclass(frozen, module = "tabgraft")]
pub struct Comparison {
    pub found: tabgraft_model::compare::Comparison,
}

#[pymethods]
impl Comparison {
    /// "better", "no_difference" or "worse": what the second model is.
    ///
    /// >>> comparison.verdict in {"better", "no_difference", "worse"}
    /// True
    #[getter]
    fn verdict(&self) -> &'static str {
        match self.found.difference.verdict {
            Verdict::Better => "better",
            Verdict::NoDifference => "no_difference",
            Verdict::Worse => "worse",
        }
    }

    /// How much better the second model is, in points of the metric; above 0 is better.
    ///
    /// >>> -1 < comparison.difference < 1
    /// True
    #[getter]
    fn difference(&self) -> f64 {
        self.found.difference.difference
    }

    /// 95 % interval of the difference.
    ///
    /// >>> low, high = comparison.interval
    /// >>> low <= comparison.difference <= high
    /// True
    #[getter]
    fn interval(&self) -> (f64, f64) {
        (self.found.difference.low, self.found.difference.high)
    }

    /// The metric of the difference, such as "roc_auc".
    ///
    /// >>> comparison.metric
    /// 'roc_auc'
    #[getter]
    fn metric(&self) -> &'static str {
        self.found.difference.metric.name()
    }

    /// Two-sided p-value of "no difference".
    ///
    /// >>> 0 <= comparison.p_value <= 1
    /// True
    #[getter]
    fn p_value(&self) -> f64 {
        self.found.difference.p_value
    }

    /// Rows compared.
    ///
    /// >>> 100 < comparison.n_rows < len(credit)
    /// True
    #[getter]
    fn n_rows(&self) -> usize {
        self.found.n_rows
    }

    /// Everything as dictionaries and lists.
    ///
    /// >>> list(comparison.to_dict())
    /// ['target', 'task', 'n_rows', 'a', 'b', 'difference', 'spaces']
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
