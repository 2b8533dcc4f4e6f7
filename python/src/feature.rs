//! `FeatureEngineer`: features onto frames.

use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use tabgraft_model::Error;
use tabgraft_table::feature::{Feature, FeatureFile, TransformOptions};

use crate::convert::{from_python, to_python};
use crate::error::{Raise, Raised};
use crate::frame::Given;
use crate::html;

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
    pub fn from_source(source: FeatureFile, target: Option<String>, recommended_only: bool) -> Raised<Self> {
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
