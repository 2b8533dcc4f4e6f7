//! `FeatureEngineer`, `FeatureEffectivenessTracker` and `discover`.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use tabgraft_model::{DiscoverOptions, Error, PredictorOptions};
use tabgraft_table::feature::effectiveness::Effectiveness;
use tabgraft_table::feature::{Feature, FeatureFile, TransformOptions};

use crate::convert::{from_python, to_python};
use crate::error::{Raise, Raised};
use crate::frame::Given;
use crate::html;
use crate::run::{StopToken, run};
use crate::space::EmbeddingSpace;

type Core = tabgraft_table::feature::FeatureEngineer;

/// Adds features, new columns made from old ones, to a frame, exactly as they were fitted.
///
/// Bins and group statistics are learned by `fit_transform` and looked up by `transform`.
///
/// Parameters
/// ----------
/// suggestions : list of dict
///     Each with `name` and `formula`, or with `name` and `definition` as a suggestion history has them.
///
/// Examples
/// --------
/// >>> engineer = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
/// >>> engineer.fit_transform(early).columns[-1]
/// 'monthly'
#[pyclass(frozen, module = "tabgraft")]
pub struct FeatureEngineer {
    state: Mutex<State>,
}

struct State {
    /// What is applied; not yet settled for a history until the first frame comes.
    engineer: Option<Core>,
    source: FeatureFile,
    target: Option<String>,
    recommended_only: bool,
    /// Names of features that were proven on judging rows.
    recommended: Vec<String>,
    run_id: Option<String>,
}

impl FeatureEngineer {
    fn from_source(source: FeatureFile, target: Option<String>, recommended_only: bool) -> Raised<Self> {
        let engineer = match &source {
            FeatureFile::List(features) => Some(Core::new(features.clone())?),
            FeatureFile::History(_) => None,
        };
        let state =
            State { engineer, source, target, recommended_only, recommended: Vec::new(), run_id: None };
        Ok(FeatureEngineer { state: Mutex::new(state) })
    }

    /// Features that are settled, with their fitted state.
    pub fn features(&self) -> Vec<Feature> {
        self.lock().engineer.as_ref().map(|e| e.features().to_vec()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The features for a frame of these columns.
    fn settled(&self, columns: &[String]) -> Raised<Core> {
        let mut state = self.lock();
        if let Some(engineer) = &state.engineer {
            return Ok(engineer.clone());
        }
        let choice = state.source.choose(columns, state.target.as_deref(), state.recommended_only)?;
        let engineer = Core::new(choice.features)?;
        state.engineer = Some(engineer.clone());
        (state.recommended, state.run_id) = (choice.recommended, choice.run_id);
        Ok(engineer)
    }

    fn enriched<'py>(
        &self,
        py: Python<'py>,
        given: &Given,
        fits: bool,
        skip_missing: bool,
        verbose: bool,
    ) -> Raised<Bound<'py, PyAny>> {
        let mut engineer = self.settled(&given.table.column_names())?;
        let (table, skipped) = py.detach(|| -> tabgraft_model::Result<_> {
            if fits && !skip_missing {
                return Ok((engineer.fit_transform(&given.table)?, Vec::new()));
            }
            if fits {
                engineer = engineer.with_inputs_in(&given.table.column_names())?;
                engineer.fit(&given.table)?;
            }
            let made = engineer.transform_with(&given.table, TransformOptions { skip_missing })?;
            Ok((made.table, made.skipped))
        })?;
        if fits {
            self.lock().engineer = Some(engineer.clone());
        }
        let (recommended, run_id) = {
            let state = self.lock();
            (state.recommended.clone(), state.run_id.clone())
        };
        if verbose {
            let mut text = match &run_id {
                Some(run) => format!("{} feature(s) of run {run}:\n", engineer.names().len()),
                None => format!("{} feature(s):\n", engineer.names().len()),
            };
            for feature in engineer.features() {
                let status = match &run_id {
                    Some(_) if recommended.contains(&feature.name) => "recommended",
                    Some(_) => "suggested, not proven",
                    None => "by hand",
                };
                let skipped = skipped.iter().find(|s| s.name == feature.name);
                let status = skipped.map_or(status.to_owned(), |s| format!("skipped: {}", s.reason));
                text +=
                    &format!("  {} = {} ({status})\n", feature.name, html::definition(&feature.definition));
            }
            py.import("sys")?.getattr("stdout")?.call_method1("write", (text,))?;
        }
        given.with_new_columns(py, &table)
    }
}

#[pymethods]
impl FeatureEngineer {
    // Documented with the class: Python does not show what stands at a constructor.
    #[new]
    #[pyo3(signature = (suggestions))]
    fn new(suggestions: &Bound<'_, PyAny>) -> Raised<Self> {
        let mut features = Vec::new();
        for suggestion in suggestions.try_iter()? {
            features.push(Feature::from_suggestion(&from_python(&suggestion?)?)?);
        }
        Self::from_source(FeatureFile::List(features), None, false)
    }

    /// Reads a file of features, or a suggestion history: then the newest run (for `target`, if
    /// given) is taken whose inputs the first frame has, without the features that the frame has already.
    /// `recommended_only` leaves out what is not proven, which is often everything.
    ///
    /// >>> found.write("qa")
    /// >>> history = tabgraft.FeatureEngineer.from_json("qa/feature_suggestion_history.json")
    /// >>> history
    /// FeatureEngineer(a suggestion history, chosen by the first frame)
    /// >>> history.fit_transform(early).shape
    /// (1000, 21)
    #[staticmethod]
    #[pyo3(signature = (path, *, target = None, recommended_only = false))]
    fn from_json(path: &Bound<'_, PyAny>, target: Option<String>, recommended_only: bool) -> Raised<Self> {
        let source = FeatureFile::load(&crate::convert::path(path)?)?;
        if recommended_only && matches!(source, FeatureFile::List(_)) {
            return Err(Raise::Core(
                Error::option("a list of features does not say which are recommended")
                    .with_hint("give a suggestion history, or leave `recommended_only` out"),
            ));
        }
        Self::from_source(source, target, recommended_only)
    }

    /// Learns bins and group statistics from these rows and adds the features. `skip_missing`
    /// leaves out features whose inputs are absent; `verbose` prints what was applied.
    ///
    /// The frame comes back in its own type with its index; a file or an array comes back as a `Frame`.
    ///
    /// >>> frame = engineer.fit_transform(early, verbose=True)
    /// 1 feature(s):
    ///   monthly = credit_amount / duration (by hand)
    /// >>> list(frame.columns) == [*early.columns, "monthly"]
    /// True
    #[pyo3(signature = (df, verbose = false, *, skip_missing = false))]
    fn fit_transform<'py>(
        &self,
        py: Python<'py>,
        df: &Bound<'py, PyAny>,
        verbose: bool,
        skip_missing: bool,
    ) -> Raised<Bound<'py, PyAny>> {
        self.enriched(py, &Given::new(df, None)?, true, skip_missing, verbose)
    }

    /// Adds the features as they were fitted; the caller's columns, types and index are untouched. Options
    /// as for `fit_transform`.
    ///
    /// >>> engineer.transform(early.tail(10)).index.equals(early.tail(10).index)
    /// True
    #[pyo3(signature = (df, verbose = false, *, skip_missing = false))]
    fn transform<'py>(
        &self,
        py: Python<'py>,
        df: &Bound<'py, PyAny>,
        verbose: bool,
        skip_missing: bool,
    ) -> Raised<Bound<'py, PyAny>> {
        self.enriched(py, &Given::new(df, None)?, false, skip_missing, verbose)
    }

    /// Writes the features with their fitted state; `from_json` reads them.
    ///
    /// >>> engineer.save("features.json")
    /// >>> tabgraft.FeatureEngineer.from_json("features.json").names
    /// ['monthly']
    fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let path = crate::convert::path(path)?;
        let Some(engineer) = self.lock().engineer.clone() else {
            return Err(Raise::Core(
                Error::option("no run of the history is chosen yet").with_hint("call `fit_transform` first"),
            ));
        };
        Ok(py.detach(|| engineer.save(&path))?)
    }

    /// Names of the features; empty for a history until its first frame.
    ///
    /// >>> engineer.names
    /// ['monthly']
    #[getter]
    fn names(&self) -> Vec<String> {
        self.features().into_iter().map(|f| f.name).collect()
    }

    /// The features as dictionaries, as the constructor takes them.
    ///
    /// >>> engineer.suggestions[0]["definition"]
    /// {'kind': 'formula', 'formula': 'credit_amount / duration'}
    #[getter]
    fn suggestions<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.features())?)
    }

    fn __len__(&self) -> usize {
        self.features().len()
    }

    fn __repr__(&self) -> String {
        match self.lock().engineer {
            Some(ref engineer) => format!("FeatureEngineer({})", engineer.names().join(", ")),
            None => "FeatureEngineer(a suggestion history, chosen by the first frame)".to_owned(),
        }
    }

    fn _repr_html_(&self) -> String {
        let recommended = self.lock().recommended.clone();
        html::features("FeatureEngineer", &self.features(), &recommended)
    }
}

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
    /// `min_improvement_pct` percent of the baseline, the best first; often none.
    ///
    /// >>> tracker.get_recommended_features("roc_auc", min_improvement_pct=50.0)
    /// []
    #[pyo3(signature = (metric = "roc_auc", min_improvement_pct = 0.0))]
    fn get_recommended_features(&self, metric: &str, min_improvement_pct: f64) -> Vec<String> {
        self.lock().get_recommended_features(metric, min_improvement_pct)
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

    fn __len__(&self) -> usize {
        self.lock().features.len()
    }

    fn __repr__(&self) -> String {
        format!("FeatureEffectivenessTracker({} features)", self.lock().features.len())
    }
}

/// What one run of discovery found.
///
/// >>> found = tabgraft.discover(space, early, "target", n_judged=4, budget_s=1)
/// >>> len(found.suggested)
/// 3
#[pyclass(frozen, module = "tabgraft")]
pub struct Discovery {
    pub found: tabgraft_model::Discovery,
}

#[pymethods]
impl Discovery {
    /// Names of the best few, proven or not.
    ///
    /// >>> len(found.suggested)
    /// 3
    #[getter]
    fn suggested(&self) -> Vec<String> {
        self.found.suggested().into_iter().map(|f| f.name).collect()
    }

    /// Names of those that were better on the judging rows beyond chance; often none.
    ///
    /// >>> isinstance(found.recommended, list)
    /// True
    #[getter]
    fn recommended(&self) -> Vec<String> {
        self.found.recommended().into_iter().map(|f| f.name).collect()
    }

    /// An engineer with the suggested features, fitted on the discovery rows.
    ///
    /// >>> found.engineer().names == found.suggested
    /// True
    fn engineer(&self) -> Raised<FeatureEngineer> {
        FeatureEngineer::from_source(FeatureFile::List(self.found.suggested()), None, false)
    }

    /// The whole run: every candidate that was judged, with figures.
    ///
    /// >>> len(found.run["suggestions"]), found.run["metric"]
    /// (4, 'roc_auc')
    #[getter]
    fn run<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.found.run)?)
    }

    /// Wall time, seconds.
    ///
    /// >>> found.seconds > 0
    /// True
    #[getter]
    fn seconds(&self) -> f64 {
        self.found.seconds
    }

    /// Adds the run to the suggestion history and the effectiveness file of a folder, which is made if need
    /// be, and writes the suggested features as a file that `FeatureEngineer.from_json` reads.
    ///
    /// >>> found.write("discovered")
    /// >>> sorted(path.name for path in (folder / "discovered").glob("*.json"))
    /// ['feature_effectiveness.json', 'feature_suggestion_history.json', 'suggested_features.json']
    fn write(&self, py: Python<'_>, folder: PathBuf) -> Raised<()> {
        Ok(py.detach(|| self.found.write(&folder))?)
    }

    fn __repr__(&self) -> String {
        format!(
            "Discovery({} tried; suggested: {}; recommended: {})",
            self.found.run.n_candidates,
            self.suggested().join(", "),
            match self.recommended() {
                names if names.is_empty() => "none".to_owned(),
                names => names.join(", "),
            }
        )
    }

    fn _repr_html_(&self) -> String {
        html::features(&self.__repr__(), &self.found.suggested(), &self.recommended())
    }
}

/// Searches features, new columns made from old ones, that help to predict `target`.
///
/// Some of the rows choose candidates, the others judge them; test rows of the space are not looked at.
///
/// Parameters
/// ----------
/// space : EmbeddingSpace
///     A trained space that does not use the target as a column. Features are made from its columns.
/// data : frame, array or path
///     As for `EmbeddingSpace.fit`; at least 60 rows that are not for testing.
/// target : str
///     The column to predict.
/// n_suggested : int, default 3; at least 1
///     Candidates that are suggested, the best of the ranking, proven or not.
/// n_judged : int, default 20; at least `n_suggested`
///     Candidates that are judged.
/// max_candidates : int, default 2,000
///     Most candidates that are proposed.
/// budget_s : float, default 10; above 0
///     Time for judging, seconds; the search before it is not counted. When it is spent, candidates not
///     yet judged count as unproven.
/// level : float, default 0.05; above 0, below 1
///     Largest false discovery rate of a recommendation.
/// seed : int, default 0; at least 0
///     Seed of rows, folds and networks.
/// progress : bool, optional
///     As for `EmbeddingSpace.fit`.
///
/// Examples
/// --------
/// >>> found = tabgraft.discover(space, early, "target", n_suggested=1, n_judged=2, budget_s=1)
/// >>> len(found.suggested), set(found.recommended) <= {s["name"] for s in found.run["suggestions"]}
/// (1, True)
#[pyfunction]
#[pyo3(signature = (space, data, target, *, n_suggested = 3, n_judged = 20, max_candidates = 2000, budget_s = 10.0,
    level = 0.05, seed = 0, progress = None))]
#[allow(clippy::too_many_arguments)]
pub fn discover(
    py: Python<'_>,
    space: &Bound<'_, EmbeddingSpace>,
    data: &Bound<'_, PyAny>,
    target: &str,
    n_suggested: usize,
    n_judged: usize,
    max_candidates: usize,
    budget_s: f64,
    level: f64,
    seed: u64,
    progress: Option<bool>,
) -> Raised<Discovery> {
    let space = space.get().core_trained()?;
    let table = Given::new(data, None)?.table;
    let options = DiscoverOptions {
        n_suggested,
        n_judged,
        max_candidates,
        budget_s,
        level,
        seed,
        predictor: PredictorOptions { seed, ..Default::default() },
    };
    let found = run(py, "discovery", progress, &StopToken::default(), |sink| {
        tabgraft_model::discover(&space, &table, target, &options, sink)
    })?
    .whole()?;
    Ok(Discovery { found })
}
