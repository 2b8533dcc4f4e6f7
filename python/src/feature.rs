//! `FeatureEngineer`: features onto frames.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use serde_json::Value;
use tabgraft_feature::Feature;
use tabgraft_model::discover::remember::{FeatureFile, RecalledEngineer};
use tabgraft_table::read::ReadOptions;

use crate::convert::{Renames, from_python, to_python, word};
use crate::discovery::{self, Discovery};
use crate::error::Raised;
use crate::frame::{Given, say};
use crate::html;
use crate::run::{StopToken, run};
use crate::space::EmbeddingSpace;

/// Features that engineers of this process have fitted or applied, oldest first: an extension remembers
/// those that give what a new column of its frames holds (docs/decisions/0027).
static APPLIED: Mutex<Vec<Feature>> = Mutex::new(Vec::new());
/// Most of them that are kept.
const MOST_APPLIED: usize = 1_000;

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
    core: Mutex<RecalledEngineer>,
}

impl FeatureEngineer {
    /// The features of a file; of a history those of its newest run, until a frame settles which one.
    pub fn from_source(source: FeatureFile, target: Option<String>, recommended_only: bool) -> Raised<Self> {
        Ok(FeatureEngineer { core: Mutex::new(RecalledEngineer::new(source, target, recommended_only)?) })
    }

    /// The features that a model carries.
    pub fn of_model(features: &[Feature]) -> Raised<Self> {
        Self::from_source(FeatureFile::List(tabgraft_feature::in_order(features)), None, false)
    }

    /// The features with their fitted state.
    pub fn features(&self) -> Vec<Feature> {
        self.lock().engineer().features().to_vec()
    }

    /// Features that engineers of this process have applied, oldest first.
    pub fn applied() -> Vec<Feature> {
        APPLIED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn lock(&self) -> MutexGuard<'_, RecalledEngineer> {
        self.core.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn enriched<'py>(
        &self,
        py: Python<'py>,
        given: &Given,
        fits: bool,
        skip_missing: bool,
        verbose: bool,
    ) -> Raised<Bound<'py, PyAny>> {
        let mut core = self.lock().clone();
        let recalled = py.detach(|| match fits {
            true => core.fit_transform(&given.table, skip_missing),
            false => core.transform(&given.table, skip_missing),
        })?;
        remember(core.engineer().features());
        let made = &recalled.made;
        let skipped = made.skipped.iter().map(|s| format!("feature `{}` is skipped: {}", s.name, s.reason));
        let differing = made.differing.iter().map(|d| format!("{d}; it is left as it is"));
        let older =
            recalled.passed_over.iter().map(|why| format!("an older run of features is taken: {why}"));
        say(py, &older.chain(skipped).chain(differing).collect::<Vec<_>>())?;
        if verbose {
            let text = core.applied(&recalled)?;
            py.import("sys")?.getattr("stdout")?.call_method1("write", (text,))?;
        }
        *self.lock() = core;
        given.with_new_columns(py, &recalled.made.table)
    }
}

/// Keeps features that were applied, each once, the newest behind.
fn remember(features: &[Feature]) {
    let mut applied = APPLIED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    applied.retain(|known| !features.contains(known));
    applied.extend(features.iter().filter(|f| f.is_ready()).cloned());
    let n_too_many = applied.len().saturating_sub(MOST_APPLIED);
    applied.drain(..n_too_many);
}

#[pymethods]
impl FeatureEngineer {
    // Documented with the class: Python does not show what stands at a constructor.
    #[new]
    #[pyo3(signature = (suggestions))]
    fn new(suggestions: &Bound<'_, PyAny>) -> Raised<Self> {
        let suggestions: PyResult<Vec<Value>> =
            suggestions.try_iter()?.map(|suggestion| from_python(&suggestion?)).collect();
        Ok(FeatureEngineer { core: Mutex::new(RecalledEngineer::from_suggestions(&suggestions?)?) })
    }

    /// Reads a file of features, or a suggestion history: then the newest run (for `target`, if given) is taken
    /// that can be made of the first frame's columns: what it suggests, everything that is made from, and what
    /// its own frame had of earlier runs. What the frame has already is left as it is and compared with what
    /// the feature gives; a column that differs is named in a warning. `recommended_only` leaves out what is not
    /// proven, which is often everything.
    ///
    /// >>> found.write("qa")
    /// >>> history = tabgraft.FeatureEngineer.from_json("qa/feature_suggestion_history.json")
    /// >>> history.names == found.suggested
    /// True
    /// >>> history.fit_transform(early).shape
    /// (1000, 21)
    #[staticmethod]
    #[pyo3(signature = (path, *, target = None, recommended_only = false))]
    fn from_json(path: &Bound<'_, PyAny>, target: Option<String>, recommended_only: bool) -> Raised<Self> {
        Self::from_source(FeatureFile::load(&crate::convert::path(path)?)?, target, recommended_only)
    }

    /// Adds a formula of your own behind the other features, which it may use.
    ///
    /// >>> mine = tabgraft.FeatureEngineer([])
    /// >>> mine.add("monthly", "credit_amount / duration", reason="what is paid each month")
    /// >>> mine.add("heavy", "monthly > 300")
    /// >>> mine.names
    /// ['monthly', 'heavy']
    #[pyo3(signature = (name, formula, *, reason = ""))]
    fn add(&self, name: &str, formula: &str, reason: &str) -> Raised<()> {
        Ok(self.lock().add(Feature::formula(name, formula, reason))?)
    }

    /// Learns bins and group statistics from these rows and adds the features. `skip_missing` leaves
    /// out features whose inputs are absent, with a warning of the logger `tabgraft`, and for good:
    /// there is nothing that they could be fitted on. `verbose` prints what was applied. Features read columns by
    /// the names that `rename` gives them; the frame keeps its own.
    ///
    /// The frame comes back in its own type with its index; a file or an array comes back as a `Frame`.
    ///
    /// >>> frame = engineer.fit_transform(early, verbose=True)
    /// 1 feature(s):
    ///   feature  made by                   missing  values                       status   because
    ///   monthly  credit_amount / duration  0.0 %    24.06 to 2483, median 130.3  by hand
    /// >>> list(frame.columns) == [*early.columns, "monthly"]
    /// True
    #[pyo3(signature = (df, verbose = false, *, skip_missing = false, rename = None))]
    fn fit_transform<'py>(
        &self,
        py: Python<'py>,
        df: &Bound<'py, PyAny>,
        verbose: bool,
        skip_missing: bool,
        rename: Option<Renames>,
    ) -> Raised<Bound<'py, PyAny>> {
        self.enriched(
            py,
            &Given::read(df, None, &ReadOptions::default().with_names(rename))?,
            true,
            skip_missing,
            verbose,
        )
    }

    /// Adds the features as they were fitted; the caller's columns, types and index are untouched. Options
    /// as for `fit_transform`.
    ///
    /// >>> engineer.transform(early.tail(10)).index.equals(early.tail(10).index)
    /// True
    #[pyo3(signature = (df, verbose = false, *, skip_missing = false, rename = None))]
    fn transform<'py>(
        &self,
        py: Python<'py>,
        df: &Bound<'py, PyAny>,
        verbose: bool,
        skip_missing: bool,
        rename: Option<Renames>,
    ) -> Raised<Bound<'py, PyAny>> {
        self.enriched(
            py,
            &Given::read(df, None, &ReadOptions::default().with_names(rename))?,
            false,
            skip_missing,
            verbose,
        )
    }

    /// Judges the features as those of a search are judged: the guide is fitted with and without each of
    /// them on rows that did not choose them, beside shuffled copies. Options as for `discover`. Features
    /// that are not fitted yet are fitted on the rows that do not judge.
    ///
    /// >>> verdict = engineer.judge(space, early, "target", guide="linear")
    /// >>> verdict.run["suggestions"][0]["judgement"]["verdict"], verdict.recommended
    /// ('unproven', [])
    #[pyo3(signature = (space, data, target, *, budget_s = 30.0, level = 0.05, guide = "predictor",
        predictor_options = None, seed = 0,
        rename = None, progress = None))]
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
        predictor_options: Option<&Bound<'_, PyAny>>,
        seed: u64,
        rename: Option<Renames>,
        progress: Option<bool>,
    ) -> Raised<Discovery> {
        let features = self.features();
        let options = discovery::options(budget_s, level, guide, seed, predictor_options)?;
        let space = space.get().core_trained()?;
        let table = Given::read(data, None, &space.read_options().with_names(rename))?.table;
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
        let engineer = self.lock().engineer().clone();
        Ok(py.detach(|| engineer.save(&path))?)
    }

    /// The features as one SQL query over the engine's table of this name, which gives its columns and one more per
    /// feature, as `transform` does: formulas as expressions, bins as a CASE, statistics of groups as a joined table of
    /// constants. What the dialect cannot say exactly is an error that names the feature.
    ///
    /// `dialect` is `duckdb`, `postgres`, `snowflake` or `bigquery`. `data` is a frame with the engine's columns in its
    /// types, whose rows do not matter; without it each column is taken for what its features read it as.
    ///
    /// >>> import duckdb
    /// >>> loans = early.head(5)
    /// >>> rows = duckdb.sql(engineer.sql(table="loans")).df()
    /// >>> np.array_equal(rows["monthly"], engineer.transform(loans)["monthly"])
    /// True
    #[pyo3(signature = (dialect = "duckdb", *, table = "rows", data = None))]
    fn sql(&self, dialect: &str, table: &str, data: Option<&Bound<'_, PyAny>>) -> Raised<String> {
        let dialect = word("dialect", dialect, "`duckdb`, `postgres`, `snowflake` or `bigquery`")?;
        let columns = data.map(|data| Given::read(data, None, &ReadOptions::default())).transpose()?;
        let engineer = self.lock().engineer().clone();
        Ok(engineer.sql(table, dialect, columns.as_ref().map(|given| &given.table))?)
    }

    /// Names of the features, each behind those that it reads; of a history, before a frame settles the run,
    /// those of its newest one.
    ///
    /// >>> engineer.names
    /// ['monthly']
    #[getter]
    fn names(&self) -> Vec<String> {
        self.features().into_iter().map(|f| f.name).collect()
    }

    /// The features as dictionaries, any of which the constructor takes: `name`, `definition`, `reason`, and where
    /// they are known `state`, `run_id` and `made_of`, the features that it is made from.
    ///
    /// >>> engineer.suggestions[0]["definition"]
    /// {'kind': 'formula', 'formula': 'credit_amount / duration'}
    #[getter]
    fn suggestions<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.lock().suggestions())?)
    }

    /// Feature to the run of the suggestion history that it comes from; empty for features that come from
    /// elsewhere.
    ///
    /// >>> found.write("qa")
    /// >>> history = tabgraft.FeatureEngineer.from_json("qa/feature_suggestion_history.json")
    /// >>> set(history.runs) == set(found.suggested)
    /// True
    #[getter]
    fn runs(&self) -> BTreeMap<String, String> {
        self.lock().runs().clone()
    }

    fn __len__(&self) -> usize {
        self.features().len()
    }

    fn __repr__(&self) -> String {
        format!("FeatureEngineer({})", self.names().join(", "))
    }

    fn _repr_html_(&self) -> String {
        let recommended = self.lock().recommended().to_vec();
        html::features("FeatureEngineer", &self.features(), &recommended)
    }
}
