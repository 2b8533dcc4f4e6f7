//! `FeatureEngineer`: features onto frames.

use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use tabgraft_feature::{Feature, FeatureSummary, TransformOptions};
use tabgraft_model::Error;
use tabgraft_model::discover::remember::FeatureFile;

use crate::convert::{from_python, to_python};
use crate::discovery::{self, Discovery};
use crate::error::{Raise, Raised};
use crate::frame::Given;
use crate::html;
use crate::run::{StopToken, run};
use crate::space::EmbeddingSpace;

type Core = tabgraft_feature::FeatureEngineer;

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
    /// Names of features that a person added.
    by_hand: Vec<String>,
}

impl FeatureEngineer {
    pub fn from_source(source: FeatureFile, target: Option<String>, recommended_only: bool) -> Raised<Self> {
        let engineer = match &source {
            FeatureFile::List(features) => Some(Core::new(features.clone())?),
            FeatureFile::History(_) => None,
        };
        let state = State {
            engineer,
            source,
            target,
            recommended_only,
            recommended: Vec::new(),
            run_id: None,
            by_hand: Vec::new(),
        };
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
        let features = engineer.features().to_vec();
        let options = TransformOptions { skip_missing };
        let made = py.detach(|| match fits {
            true => engineer.fit_transform_with(&given.table, options),
            false => engineer.transform_with(&given.table, options),
        })?;
        if fits {
            self.lock().engineer = Some(engineer);
        }
        for skipped in &made.skipped {
            let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
            logger.call_method1(
                "warning",
                (
                    "feature `%s` is skipped: %s",
                    tabgraft_table::visible(&skipped.name),
                    tabgraft_table::visible(&skipped.reason),
                ),
            )?;
        }
        if verbose {
            let text = self.applied(&FeatureSummary::of(&features, &made)?);
            py.import("sys")?.getattr("stdout")?.call_method1("write", (text,))?;
        }
        given.with_new_columns(py, &made.table)
    }

    /// What was applied, as a table of text.
    fn applied(&self, summaries: &[FeatureSummary]) -> String {
        let state = self.lock();
        let of_run = state.run_id.as_ref().map_or(String::new(), |run| format!(" of run {run}"));
        let status = |summary: &FeatureSummary| {
            let status = match &state.run_id {
                None => "by hand",
                Some(_) if state.by_hand.contains(&summary.name) => "by hand",
                Some(_) if state.recommended.contains(&summary.name) => "recommended",
                Some(_) => "suggested, not proven",
            };
            status.to_owned()
        };
        format!("{} feature(s){of_run}:\n{}", summaries.len(), FeatureSummary::table(summaries, status))
    }
}

/// The error of a history whose run is still open.
fn unsettled() -> Raise {
    Raise::Core(Error::option("no run of the history is chosen yet").with_hint("call `fit_transform` first"))
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

    /// Adds a formula of your own behind the other features, which it may use. Of a history, the first
    /// frame must have chosen the run.
    ///
    /// >>> mine = tabgraft.FeatureEngineer([])
    /// >>> mine.add("monthly", "credit_amount / duration", reason="what is paid each month")
    /// >>> mine.add("heavy", "monthly > 300")
    /// >>> mine.names
    /// ['monthly', 'heavy']
    #[pyo3(signature = (name, formula, *, reason = ""))]
    fn add(&self, name: &str, formula: &str, reason: &str) -> Raised<()> {
        let mut state = self.lock();
        let engineer = state.engineer.as_mut().ok_or_else(unsettled)?;
        engineer.add(Feature::formula(name, formula, reason))?;
        state.by_hand.push(name.to_owned());
        Ok(())
    }

    /// Learns bins and group statistics from these rows and adds the features. `skip_missing` leaves
    /// out features whose inputs are absent, with a warning of the logger `tabgraft`, and for good:
    /// there is nothing that they could be fitted on. `verbose` prints what was applied.
    ///
    /// The frame comes back in its own type with its index; a file or an array comes back as a `Frame`.
    ///
    /// >>> frame = engineer.fit_transform(early, verbose=True)
    /// 1 feature(s):
    ///   feature  made by                   missing  values                       status   because
    ///   monthly  credit_amount / duration  0.0 %    24.06 to 2483, median 130.3  by hand
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

    /// Judges the features as those of a search are judged: the guide is fitted with and without each of
    /// them on rows that did not choose them, beside shuffled copies. Options as for `discover`. Features
    /// that are not fitted yet are fitted on the rows that do not judge.
    ///
    /// >>> verdict = engineer.judge(space, early, "target", guide="linear")
    /// >>> verdict.run["suggestions"][0]["judgement"]["verdict"], verdict.recommended
    /// ('unproven', [])
    #[pyo3(signature = (space, data, target, *, budget_s = 30.0, level = 0.05, guide = "predictor", seed = 0,
        progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn judge(
        &self,
        py: Python<'_>,
        space: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        target: &str,
        budget_s: f64,
        level: f64,
        guide: &str,
        seed: u64,
        progress: Option<bool>,
    ) -> Raised<Discovery> {
        let features = self.lock().engineer.as_ref().ok_or_else(unsettled)?.features().to_vec();
        let options = discovery::options(budget_s, level, guide, seed)?;
        let space = space.get().core_trained()?;
        let table = Given::read(data, None, &space.read_options())?.table;
        let found = run(py, "judging", progress, &StopToken::default(), |sink| {
            tabgraft_model::discover::judge(&space, &table, target, &features, &options, sink)
        })?
        .whole()?;
        Ok(Discovery { found })
    }

    /// Writes the features with their fitted state; `from_json` reads them.
    ///
    /// >>> engineer.save("features.json")
    /// >>> tabgraft.FeatureEngineer.from_json("features.json").names
    /// ['monthly']
    fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let path = crate::convert::path(path)?;
        let Some(engineer) = self.lock().engineer.clone() else {
            return Err(unsettled());
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
