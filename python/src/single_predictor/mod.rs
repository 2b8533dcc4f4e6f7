//! `SinglePredictor`: prepare, train, discover, extend; what it then knows (`knowledge.rs`).

mod knowledge;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tabgraft_model::discover::HISTORY_FILE;
use tabgraft_model::discover::prepare::{Prepared, prepare};
use tabgraft_model::predictor::TargetKind;
use tabgraft_model::space::Mode;
use tabgraft_model::{DiscoverOptions, Error, ExtendOptions, PredictorOptions, discover};

use crate::comparison::Comparison;
use crate::convert::{Names, Renames, word};
use crate::error::{Raise, Raised};
use crate::explanation::Explanation;
use crate::frame::Given;
use crate::predictions::Predictions;
use crate::predictor::Predictor;
use crate::run::{StopToken, run};
use crate::simple_mlp::SimpleMLP;
use crate::space::{EmbeddingSpace, freeze_option, keep_option, training_options};

/// How columns without a codec become columns of a space, at this door.
const WAY_OUT: &str = "create_extended_embedding_space() grafts them onto it";

/// A predictor of one target: `prep_for_training`, `train`, `predict`, and the way to an extended
/// embedding space.
///
/// Parameters
/// ----------
/// embedding_space : EmbeddingSpace
///     A trained space that does not use the target as a column.
/// predictor : SimpleMLP, optional
///     The sizes of its head. Default: those of `Predictor.fit`.
/// name : str, default "single_predictor"
///     Name of the predictor.
/// qa_dir : path, default "qa.save"
///     Folder of the suggestion history and the effectiveness file.
/// seed : int, default 0; at least 0
///     Seed of the training and of the search.
///
/// Examples
/// --------
/// >>> from featrix.neural.single_predictor import SinglePredictor
/// >>> single = SinglePredictor(space, name="risk")
/// >>> single.prep_for_training(early, "target", "set")
/// >>> info = single.train_blocking(n_epochs=4, discovery_budget_s=1)
/// >>> single
/// SinglePredictor(name="risk", target="target", trained)
#[pyclass(frozen, subclass, module = "featrix.neural.single_predictor")]
pub struct SinglePredictor {
    space: Option<Py<EmbeddingSpace>>,
    head: Option<Py<SimpleMLP>>,
    name: String,
    qa_dir: PathBuf,
    seed: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    prepared: Option<Arc<Ready>>,
    core: Option<Arc<tabgraft_model::Predictor>>,
    found: Option<tabgraft_model::Discovery>,
}

/// What `prep_for_training` left.
struct Ready {
    prepared: Prepared,
    given: Given,
    target: String,
    target_kind: TargetKind,
    /// Names that the frame's columns were given.
    rename: Option<Renames>,
}

impl SinglePredictor {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn ready(&self) -> Raised<Arc<Ready>> {
        self.lock().prepared.clone().ok_or_else(|| {
            Raise::Core(
                Error::option(format!("predictor `{}` has no data yet", self.name))
                    .with_hint("call `prep_for_training(train_df, target, 'set')` first"),
            )
        })
    }

    fn core(&self) -> Raised<Arc<tabgraft_model::Predictor>> {
        self.lock().core.clone().ok_or_else(|| {
            Raise::Core(
                Error::option(format!("predictor `{}` is not trained yet", self.name))
                    .with_hint("call `await train()` first"),
            )
        })
    }

    fn space(&self) -> Raised<&Py<EmbeddingSpace>> {
        self.space.as_ref().ok_or_else(|| {
            Raise::Core(
                Error::option(format!("predictor `{}` was loaded without its embedding space", self.name))
                    .with_hint("load it with its space: `SinglePredictor.load(path, embedding_space=es)`"),
            )
        })
    }

    /// Rows of the prepared frame, with features, in the caller's frame type.
    fn frame<'py>(&self, py: Python<'py>, held_out: bool) -> Raised<Bound<'py, PyAny>> {
        let ready = self.ready()?;
        let rows = if held_out { &ready.prepared.held_out_rows } else { &ready.prepared.learn_rows };
        let part = ready.given.take(py, rows)?;
        part.with_new_columns(py, &ready.prepared.table.take(rows)?)
    }
}

#[pymethods]
impl SinglePredictor {
    // Documented with the class: Python does not show what stands at a constructor.
    #[new]
    #[pyo3(signature = (embedding_space, predictor = None, name = "single_predictor", *, qa_dir = None, seed = 0))]
    fn new(
        py: Python<'_>,
        embedding_space: Option<Py<EmbeddingSpace>>,
        predictor: Option<Py<SimpleMLP>>,
        name: &str,
        qa_dir: Option<PathBuf>,
        seed: u64,
    ) -> Raised<Self> {
        if let (Some(space), Some(head)) = (&embedding_space, &predictor) {
            head.bind(py).get().sizes.check_space(&space.get().core())?;
        }
        Ok(SinglePredictor {
            space: embedding_space,
            head: predictor,
            name: name.to_owned(),
            qa_dir: qa_dir.unwrap_or_else(|| PathBuf::from("qa.save")),
            seed,
            state: Mutex::default(),
        })
    }

    /// Takes the rows and the target: "set" for classes, "scalar" for a number, "auto" by the column's
    /// kind.
    ///
    /// If the suggestion history in `qa_dir` has a run for this target whose inputs the frame has,
    /// its suggested features are applied; `load_features=False` turns that off. Columns that the
    /// space has no codec for are named in a warning of the logger `tabgraft`. `rename` gives columns the names that
    /// the space knows.
    ///
    /// >>> fresh = SinglePredictor(space, qa_dir="nothing here")
    /// >>> fresh.prep_for_training(early, "target", "set")
    /// >>> fresh
    /// SinglePredictor(name="single_predictor", target="target", not trained)
    #[pyo3(signature = (train_df, target_column, target_type = "auto", *, load_features = true, rename = None))]
    fn prep_for_training(
        &self,
        py: Python<'_>,
        train_df: &Bound<'_, PyAny>,
        target_column: &str,
        target_type: &str,
        load_features: bool,
        rename: Option<Renames>,
    ) -> Raised<()> {
        let space = self.space()?.get().core_trained()?;
        let target_kind: TargetKind = word("target_type", target_type, "`set`, `scalar` or `auto`")?;
        let given = Given::read(train_df, None, &space.read_options().with_names(rename.clone()))?;
        let history = self.qa_dir.join(HISTORY_FILE);
        let history: Option<&Path> = load_features.then_some(history.as_path());
        let prepared = run(py, &self.name, Some(false), &StopToken::default(), |sink| {
            prepare(&space, &given.table, target_column, history, WAY_OUT, sink)
        })?
        .whole()?;
        let ready = Ready { prepared, given, target: target_column.to_owned(), target_kind, rename };
        *self.lock() = State { prepared: Some(Arc::new(ready)), core: None, found: None };
        Ok(())
    }

    /// Trains, scores on rows that no training has seen, searches features, and gives `training_info`.
    ///
    /// Blocks; `train` is the same for `await`. Ctrl-C, or `stop`, ends it after the running batch;
    /// the best state so far stays.
    ///
    /// Parameters
    /// ----------
    /// n_epochs : int, default 100; 1 to 10,000
    ///     Most epochs of a network.
    /// batch_size : int, optional; 1 to 65,536
    ///     Rows of a step. Default: as for `Predictor.fit`.
    /// discovery_budget_s : float, default 10
    ///     Time for searching and judging features, seconds, at least 0; both files of `qa_dir` are written.
    ///     0 leaves the search out.
    /// progress : bool, optional
    ///     As for `EmbeddingSpace.fit`.
    /// stop : StopToken, optional
    ///     Ends the work from another thread.
    ///
    /// Examples
    /// --------
    /// >>> fresh = SinglePredictor(space, name="quick")
    /// >>> fresh.prep_for_training(early, "target", "set")
    /// >>> info = fresh.train_blocking(n_epochs=2, discovery_budget_s=0)
    /// >>> info["n_rows"] + info["n_rows_test"]
    /// 1000
    #[pyo3(signature = (n_epochs = 100, *, batch_size = None, discovery_budget_s = 10.0, progress = None, stop = None))]
    fn train_blocking<'py>(
        slf: &Bound<'py, Self>,
        n_epochs: usize,
        batch_size: Option<usize>,
        discovery_budget_s: f64,
        progress: Option<bool>,
        stop: Option<StopToken>,
    ) -> Raised<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let ready = this.ready()?;
        let space = this.space()?.get().core_trained()?;
        let stop = stop.unwrap_or_default();
        let search = DiscoverOptions { budget_s: discovery_budget_s, seed: this.seed, ..Default::default() };
        if discovery_budget_s != 0.0 {
            search.check().map_err(|e| e.at("option `discovery_budget_s`"))?;
        }
        let options = PredictorOptions {
            name: this.name.clone(),
            target_kind: ready.target_kind,
            n_epochs,
            batch_size,
            seed: this.seed,
            ..Default::default()
        };
        let head = this.head.as_ref().map(|head| head.bind(py).get().sizes);
        if discovery_budget_s != 0.0 {
            discover::check_folder(&this.qa_dir)?;
        }
        let fitted = run(py, &this.name, progress, &stop, |sink| {
            let fitted = ready.prepared.fit(&space, &ready.target, head.as_ref(), options, sink)?;
            Ok(Arc::new(fitted))
        })?;
        this.lock().core = Some(fitted.value.clone());
        if let Some(interrupt) = fitted.interrupt {
            return Err(interrupt.into());
        }
        if discovery_budget_s != 0.0 && !stop.is_requested() {
            let found = run(py, "discovery", progress, &stop, |sink| {
                ready.prepared.search(&space, &ready.target, &this.qa_dir, &search, sink)
            })?;
            this.lock().found = found.value;
            if let Some(interrupt) = found.interrupt {
                return Err(interrupt.into());
            }
        }
        this.training_info(py)
    }

    /// Classes or numbers for each row, with probabilities, confidence and a column report; `threshold`, `interval`,
    /// `errors` and `rename` as for `Predictor.predict`.
    ///
    /// >>> len(single.predict(early))
    /// 1000
    #[pyo3(signature = (df, *, threshold = None, interval = None, errors = "error", rename = None))]
    fn predict(
        &self,
        py: Python<'_>,
        df: &Bound<'_, PyAny>,
        threshold: Option<f64>,
        interval: Option<f64>,
        errors: &str,
        rename: Option<Renames>,
    ) -> Raised<Predictions> {
        Predictor { core: self.core()? }.predict(py, df, threshold, interval, errors, rename, None)
    }

    /// What each column gave to each prediction: Shapley values, with standard errors; options as for
    /// `Predictor.explain`. What a feature of the history gives belongs to the columns that it is made of.
    ///
    /// >>> reasons = single.explain(early.head(3), groups={"person": ["age", "job", "own_telephone"]})
    /// >>> reasons.contributions.shape
    /// (3, 15)
    #[pyo3(signature = (df, *, scale = None, class_name = None, groups = None, features_apart = false,
        n_evaluations = None, seed = 0, errors = "error", rename = None, progress = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn explain(
        &self,
        py: Python<'_>,
        df: &Bound<'_, PyAny>,
        scale: Option<&str>,
        class_name: Option<&Bound<'_, PyAny>>,
        groups: Option<&Bound<'_, PyDict>>,
        features_apart: bool,
        n_evaluations: Option<usize>,
        seed: u64,
        errors: &str,
        rename: Option<Renames>,
        progress: Option<bool>,
    ) -> Raised<Explanation> {
        Predictor { core: self.core()? }.explain(
            py,
            df,
            scale,
            class_name,
            groups,
            features_apart,
            n_evaluations,
            seed,
            errors,
            rename,
            None,
            progress,
        )
    }

    /// Scores with intervals, a list that answers to a metric's name, too; `rows` is "test" or "all", and `errors`
    /// "error" or "missing", as for `Predictor.evaluate`, and so is `rename`.
    ///
    /// >>> single.evaluate(early)[0]["metric"]
    /// 'roc_auc'
    #[pyo3(signature = (df, *, rows = "test", errors = "error", rename = None))]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        df: &Bound<'py, PyAny>,
        rows: &str,
        errors: &str,
        rename: Option<Renames>,
    ) -> Raised<Bound<'py, PyAny>> {
        Predictor { core: self.core()? }.evaluate(py, df, rows, errors, None, rename)
    }

    /// Whether `other` predicts the same target better, on the same rows; `rows`, `errors` and `rename` as for `evaluate`.
    ///
    /// >>> single.compare(single, early).verdict
    /// 'no_difference'
    #[pyo3(signature = (other, df, *, rows = "test", errors = "error", rename = None))]
    fn compare(
        &self,
        py: Python<'_>,
        other: &Bound<'_, SinglePredictor>,
        df: &Bound<'_, PyAny>,
        rows: &str,
        errors: &str,
        rename: Option<Renames>,
    ) -> Raised<Comparison> {
        let other = Bound::new(py, Predictor { core: other.get().core()? })?;
        Predictor { core: self.core()? }.compare(py, &other, df, rows, errors, None, rename)
    }

    /// Prepares the graft of the columns that the space does not know, features that
    /// `prep_for_training` applied among them; the target stays out, and `train` trains it. Default frames:
    /// `train_df` and `val_df`. Other options as for `EmbeddingSpace.extend_from_existing`; what `keep` judges by is
    /// the target.
    ///
    /// >>> fresh = SinglePredictor(space, qa_dir="nothing here")
    /// >>> fresh.prep_for_training(credit, "target", "set")
    /// >>> grown = fresh.create_extended_embedding_space(n_epochs=2)
    /// >>> grown.train().columns[-3:]
    /// ['checking_status', 'credit_history', 'savings_status']
    #[pyo3(signature = (enriched_train_df = None, enriched_val_df = None, n_epochs = None, batch_size = None,
        output_dir = None, *, name = None, mode = "joint", drift_bound = None, freeze = None, prune = None,
        memory_limit = None, keep = "always", cross_fit = false, seed = 0, rename = None))]
    #[allow(clippy::too_many_arguments)]
    fn create_extended_embedding_space(
        &self,
        py: Python<'_>,
        enriched_train_df: Option<&Bound<'_, PyAny>>,
        enriched_val_df: Option<&Bound<'_, PyAny>>,
        n_epochs: Option<usize>,
        batch_size: Option<usize>,
        output_dir: Option<PathBuf>,
        name: Option<String>,
        mode: &str,
        drift_bound: Option<f64>,
        freeze: Option<&Bound<'_, PyAny>>,
        prune: Option<Names>,
        memory_limit: Option<u64>,
        keep: &str,
        cross_fit: bool,
        seed: u64,
        rename: Option<Renames>,
    ) -> Raised<EmbeddingSpace> {
        let ready = self.ready()?;
        let parent = self.space()?.get().core_trained()?;
        let how = parent.read_options().with_names(rename);
        let (train, valid) = match (enriched_train_df, enriched_val_df) {
            (None, None) => {
                let how = how.with_names(ready.rename.clone());
                let read = |held_out: bool| Given::read(&self.frame(py, held_out)?, None, &how);
                (read(false)?, Some(read(true)?))
            }
            (Some(train), valid) => {
                (Given::read(train, None, &how)?, valid.map(|v| Given::read(v, None, &how)).transpose()?)
            }
            (None, Some(_)) => {
                return Err(Raise::Core(
                    Error::option("`enriched_val_df` is given without `enriched_train_df`")
                        .with_hint("give both, or neither: then `train_df` and `val_df` are taken"),
                ));
            }
        };
        let judged_by = (keep != "always").then(|| ready.target.clone());
        let options = ExtendOptions {
            mode: word::<Mode>("mode", mode, crate::space::MODES)?,
            drift_bound,
            freeze: freeze.map(freeze_option).transpose()?.unwrap_or_default(),
            training: training_options(n_epochs, true, batch_size, memory_limit, "cpu", seed)?,
            name,
            prune: prune.map(Vec::from).unwrap_or_default(),
            keep: keep_option(keep, judged_by, cross_fit, seed)?,
            ..Default::default()
        };
        let options = ready.prepared.graft(&ready.target, &train.table, options);
        EmbeddingSpace::described_graft(py, &parent, &train, valid.as_ref(), options, output_dir)
    }
}
