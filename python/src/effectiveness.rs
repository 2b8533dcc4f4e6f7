//! What features were worth over all runs.

use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use tabgraft_model::discover::remember::{Effectiveness, Standing};

use crate::convert::to_python;
use crate::error::Raised;
use crate::html;

/// What each feature was worth, pooled over the runs of discovery that judged it.
///
/// >>> found.write("qa")
/// >>> tracker = tabgraft.FeatureEffectivenessTracker()
/// >>> tracker.load_history("qa/feature_effectiveness.json")
/// >>> len(tracker)
/// 4
#[pyclass(frozen, module = "tabgraft")]
pub struct FeatureEffectivenessTracker {
    history: Mutex<Effectiveness>,
}

impl FeatureEffectivenessTracker {
    fn lock(&self) -> MutexGuard<'_, Effectiveness> {
        self.history.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[pymethods]
impl FeatureEffectivenessTracker {
    #[new]
    fn new() -> Self {
        FeatureEffectivenessTracker { history: Mutex::new(Effectiveness::default()) }
    }

    /// Reads `feature_effectiveness.json`, in place of what was read before.
    ///
    /// >>> found.write("qa")
    /// >>> tracker.load_history("qa/feature_effectiveness.json")
    fn load_history(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let path = crate::convert::path(path)?;
        let history = py.detach(|| Effectiveness::load_history(&path))?;
        *self.lock() = history;
        Ok(())
    }

    /// Names of the features that are proven for `metric` and improve it by at least
    /// `min_improvement_pct`, the best first; often none. Its unit is percent of the baseline, not points of the
    /// metric: 1.0 asks for a ROC AUC of .7575 where it was .75, 2.0 for .765. An unknown metric is an error.
    ///
    /// >>> tracker.get_recommended_features("roc_auc", min_improvement_pct=50.0)
    /// []
    #[pyo3(signature = (metric = "roc_auc", min_improvement_pct = 0.0))]
    fn get_recommended_features(&self, metric: &str, min_improvement_pct: f64) -> Raised<Vec<String>> {
        Ok(self.lock().get_recommended_features(metric, min_improvement_pct)?)
    }

    /// Every feature that was judged: effect, interval, runs.
    ///
    /// >>> tracker.features[0]["metric"], len(tracker.features[0]["runs"])
    /// ('roc_auc', 1)
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let features = self.lock().features.clone();
        Ok(to_python(py, &features)?)
    }

    /// Where each feature stands over all runs, recommended ones first, then by falling effect. `record`
    /// is `proven` (in every run), `mixed` (in some), `unconfirmed` (for lack of time), `unproven` or `harmful`; `verdicts` are
    /// those of its runs, oldest first.
    ///
    /// >>> standing = tracker.standings[0]
    /// >>> standing["record"] in {"proven", "mixed", "unconfirmed", "unproven", "harmful"}, len(standing["verdicts"])
    /// (True, 1)
    #[getter]
    fn standings<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let standings = self.lock().standings();
        Ok(to_python(py, &standings)?)
    }

    /// The standings as a table of text.
    ///
    /// >>> print(tracker.summary().splitlines()[0])
    /// ROC AUC of `target`
    fn summary(&self) -> String {
        Standing::table(&self.lock().standings())
    }

    fn __len__(&self) -> usize {
        self.lock().features.len()
    }

    fn __repr__(&self) -> String {
        let standings = self.lock().standings();
        let n_recommended = standings.iter().filter(|s| s.recommended).count();
        format!("FeatureEffectivenessTracker({} features, {n_recommended} recommended)", standings.len())
    }

    fn _repr_html_(&self) -> String {
        html::standings(&self.__repr__(), &self.lock().standings())
    }
}
