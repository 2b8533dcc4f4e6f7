//! `discover`, and what it found.

use std::path::PathBuf;

use pyo3::prelude::*;
use tabgraft_model::discover::remember::FeatureFile;
use tabgraft_model::discover::remember::history::Guide;
use tabgraft_model::{DiscoverOptions, Error, PredictorOptions};

use crate::convert::{Renames, fitting_options, to_python};
use crate::error::{Raise, Raised};
use crate::feature::FeatureEngineer;
use crate::frame::Given;
use crate::html;
use crate::run::{StopToken, run};
use crate::space::EmbeddingSpace;

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
    /// Names of the best few: recommended ones first, then unconfirmed ones, then by the ranking; none that was
    /// seen to hurt.
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

    /// Names of those that passed but that the budget left no time to confirm by fitting the predictor with and
    /// without them. A larger `budget_s` confirms them or not.
    ///
    /// >>> set(found.unconfirmed).isdisjoint(found.recommended)
    /// True
    #[getter]
    fn unconfirmed(&self) -> Vec<String> {
        self.found.run.unconfirmed()
    }

    /// An engineer with the suggested features, fitted on the discovery rows, and the features of the space
    /// that they are made from.
    ///
    /// >>> found.engineer().names == found.suggested
    /// True
    fn engineer(&self) -> Raised<FeatureEngineer> {
        FeatureEngineer::from_source(FeatureFile::List(self.found.suggested_whole()), None, false)
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
        let names = |names: Vec<String>| match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        };
        let unconfirmed = match self.unconfirmed() {
            names if names.is_empty() => String::new(),
            names => format!("; unconfirmed: {}", names.join(", ")),
        };
        format!(
            "Discovery({} tried; suggested: {}; recommended: {}{unconfirmed})",
            self.found.run.n_candidates,
            names(self.suggested()),
            names(self.recommended()),
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
///     Candidates that are suggested at most: recommended ones first, then unconfirmed ones, then by the
///     ranking; none that was seen to hurt.
/// n_judged : int, default 20; at least `n_suggested`
///     Candidates that are judged.
/// max_candidates : int, default 2,000
///     Most candidates that are proposed.
/// budget_s : float, default 30; above 0
///     Time for all of it, seconds; a third of it is kept to confirm what passes. Candidates not reached have
///     no judgement, and what passed but lacked the time to be confirmed is `unconfirmed`, not recommended.
/// level : float, default 0.05; above 0, below 1
///     Largest false discovery rate of a recommendation.
/// guide : {"predictor", "linear"}, default "predictor"
///     The model that is to be helped: its errors guide the search, and it is fitted with and without a
///     feature to judge. A linear or logistic model of the plain columns takes a second where the predictor
///     takes many.
/// predictor_options : dict, optional
///     Options of `Predictor.fit` for the predictor that guides and is refitted, its `target_kind` in any case.
///     Default: those of `Predictor.fit`.
/// seed : int, default 0; at least 0
///     Seed of rows, folds and networks.
/// rename, progress
///     As for `EmbeddingSpace.fit`.
///
/// Examples
/// --------
/// >>> found = tabgraft.discover(space, early, "target", n_suggested=1, n_judged=2, budget_s=1)
/// >>> len(found.suggested), set(found.recommended) <= {s["name"] for s in found.run["suggestions"]}
/// (1, True)
#[pyfunction]
#[pyo3(signature = (space, data, target, *, n_suggested = 3, n_judged = 20, max_candidates = 2000, budget_s = 30.0,
    level = 0.05, guide = "predictor", predictor_options = None, seed = 0, rename = None, progress = None))]
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
    guide: &str,
    predictor_options: Option<&Bound<'_, PyAny>>,
    seed: u64,
    rename: Option<Renames>,
    progress: Option<bool>,
) -> Raised<Discovery> {
    let space = space.get().core_trained()?;
    let table = Given::read(data, None, &space.read_options().with_names(rename))?.table;
    let options = DiscoverOptions {
        n_suggested,
        n_judged,
        max_candidates,
        ..options(budget_s, level, guide, seed, predictor_options)?
    };
    let found = run(py, "discovery", progress, &StopToken::default(), |sink| {
        tabgraft_model::discover(&space, &table, target, &options, sink)
    })?
    .whole()?;
    Ok(Discovery { found })
}

/// What searching and judging have in common.
pub fn options(
    budget_s: f64,
    level: f64,
    guide: &str,
    seed: u64,
    predictor_options: Option<&Bound<'_, PyAny>>,
) -> Raised<DiscoverOptions> {
    let known = [Guide::Predictor, Guide::Linear].into_iter().find(|known| known.name() == guide);
    let guide = known.ok_or_else(|| {
        Raise::Core(
            Error::option(format!("option `guide` is `{guide}`"))
                .with_hint("`predictor` and `linear` are allowed"),
        )
    })?;
    let predictor = PredictorOptions { seed, ..PredictorOptions::default() };
    let predictor = fitting_options(predictor_options, predictor, &["seed"])?;
    Ok(DiscoverOptions { budget_s, level, guide, seed, predictor, ..DiscoverOptions::default() })
}
