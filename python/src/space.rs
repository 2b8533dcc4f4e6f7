//! `EmbeddingSpace`: trained in one call (`fit`, `extend`) or in two (the constructor or
//! `extend_from_existing`, then `train`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple, PyType};
use tabgraft_model::space::Mode;
use tabgraft_model::{Error, ExtendOptions, FitOptions, Freeze, PredictorOptions, SpaceConfig};
use tabgraft_table::Table;
use tabgraft_table::split::{SplitKey, SplitOptions};

use crate::comparison::Comparison;
use crate::convert::{Names, from_python, infer_options, to_python, word};
use crate::data_set::FeatrixInputDataSet;
use crate::error::{Raise, Raised};
use crate::feature::FeatureEngineer;
use crate::frame::Given;
use crate::html;
use crate::run::{StopToken, run};

/// The core's space; this module's class wraps it.
pub type Core = tabgraft_model::EmbeddingSpace;

/// The words of [`Mode`].
pub const MODES: &str = "`frozen`, `anchored` or `joint`";

/// Share of rows that neither train nor validate a space built from two data sets of different
/// origin, so that predictors have rows to be scored on.
const P_TEST_OF_SEPARATE_SETS: f64 = 0.1;

/// One vector per row of a table, learned without a target.
///
/// `EmbeddingSpace.fit(data)` trains a space in one call. The constructor takes the parts of a
/// `FeatrixInputDataSet` and leaves the training to `train`.
///
/// Parameters
/// ----------
/// train_data : FeatrixInputDataSet
///     Rows to train on.
/// val_data : FeatrixInputDataSet, optional
///     Rows to validate on. Where both parts come from one `split`, half of the validation rows decide
///     which epoch is kept; the other half is looked at by no training and scores predictors. Of parts
///     from elsewhere, a tenth of all rows is kept for scores. Default: 15 % of `train_data`
///     validate, 15 % are kept for scores.
/// n_epochs : int, default 50; 1 to 10,000
///     Epochs, exactly.
/// name : str, default "embedding_space"
///     Goes into the lineage of descendants.
/// batch_size, d_model, learning_rate, seed
///     As for `fit`.
/// output_dir : path, optional
///     Folder that `train` saves to, as `NAME.tabgraft`.
///
/// Examples
/// --------
/// Here and elsewhere `credit` is German Credit, a table whose target is named `target`, and `early` is
/// the same table without three columns that come later.
///
/// >>> space = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], name="v1", n_epochs=6, d_model=32)
/// >>> space
/// EmbeddingSpace(name="v1", columns=17, d_model=32, trained)
/// >>> space.embed(early).shape
/// (1000, 32)
#[pyclass(frozen, module = "tabgraft")]
pub struct EmbeddingSpace {
    state: Mutex<State>,
}

struct State {
    space: Arc<Core>,
    /// What `train` starts from; none for a space that was loaded, fitted or extended in one call.
    source: Option<Arc<Source>>,
    is_trained: bool,
    /// Where `train` saves to, besides.
    output_dir: Option<PathBuf>,
}

enum Source {
    First { table: Table, valid: Option<Table>, options: FitOptions },
    Graft { parent: Arc<Core>, table: Table, valid: Option<Table>, options: ExtendOptions },
}

impl EmbeddingSpace {
    /// A trained space.
    pub fn trained(space: Core) -> Self {
        EmbeddingSpace {
            state: Mutex::new(State {
                space: Arc::new(space),
                source: None,
                is_trained: true,
                output_dir: None,
            }),
        }
    }

    /// The core's space, trained or not.
    pub fn core(&self) -> Arc<Core> {
        self.lock().space.clone()
    }

    /// The core's space, if it is trained.
    pub fn core_trained(&self) -> Raised<Arc<Core>> {
        let state = self.lock();
        if state.is_trained {
            return Ok(state.space.clone());
        }
        Err(Raise::Core(
            Error::option(format!("embedding space `{}` is not trained yet", state.space.name()))
                .with_hint("call `train()` first"),
        ))
    }

    // No Python code runs while the lock is held, so it cannot deadlock with the interpreter's.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A graft that is yet to be trained.
    #[allow(clippy::too_many_arguments)]
    pub fn graft(
        py: Python<'_>,
        parent: &Arc<Core>,
        table: Table,
        valid: Option<Table>,
        options: ExtendOptions,
        output_dir: Option<PathBuf>,
    ) -> Raised<Self> {
        let untrained = run(py, "graft", Some(false), &StopToken::default(), |sink| {
            Ok(parent.graft(&table, valid.as_ref(), &options, sink)?.untrained().clone())
        })?
        .whole()?;
        let source = Source::Graft { parent: parent.clone(), table, valid, options };
        Ok(EmbeddingSpace {
            state: Mutex::new(State {
                space: Arc::new(untrained),
                source: Some(Arc::new(source)),
                is_trained: false,
                output_dir,
            }),
        })
    }

    /// The described two-frame extension. Rows keep the parts that the parent's split gives them, so
    /// that parent and child are validated on the same rows: where the parent has a split, the two
    /// frames are taken as one.
    #[allow(clippy::too_many_arguments)]
    pub fn described_graft(
        py: Python<'_>,
        parent: &Arc<Core>,
        train: &Given,
        valid: Option<&Given>,
        mut options: ExtendOptions,
        output_dir: Option<PathBuf>,
    ) -> Raised<Self> {
        let keeps_parts = parent.split().p_valid > 0.0;
        options.auto_epochs = false;
        let (table, valid) = match valid {
            Some(valid) if keeps_parts => (train.table.append(&valid.table)?, None),
            Some(valid) => (train.table.clone(), Some(valid.table.clone())),
            None => (train.table.clone(), None),
        };
        Self::graft(py, parent, table, valid, options, output_dir)
    }
}

#[pymethods]
impl EmbeddingSpace {
    // Documented with the class: Python does not show what stands at a constructor.
    #[new]
    #[pyo3(signature = (train_data, val_data = None, n_epochs = 50, *, name = "embedding_space", batch_size = None,
        d_model = 128, learning_rate = 2e-3, output_dir = None, seed = 0))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        train_data: &Bound<'_, FeatrixInputDataSet>,
        val_data: Option<&Bound<'_, FeatrixInputDataSet>>,
        n_epochs: usize,
        name: &str,
        batch_size: Option<usize>,
        d_model: usize,
        learning_rate: f32,
        output_dir: Option<PathBuf>,
        seed: u64,
    ) -> Raised<Self> {
        let train = train_data.get();
        let mut split =
            SplitOptions { p_valid: 0.0, p_test: P_TEST_OF_SEPARATE_SETS, seed, ..Default::default() };
        let (table, valid) = match val_data.map(|d| d.get()) {
            None => {
                split = SplitOptions { seed, ..Default::default() };
                (train.table().clone(), None)
            }
            Some(valid) => match train.common_split(valid) {
                Some(common) => {
                    split = common;
                    (train.table().append(valid.table())?, None)
                }
                None => (train.table().clone(), Some(valid.table().clone())),
            },
        };
        let config = SpaceConfig {
            d_model,
            learning_rate,
            batch_size,
            n_epochs: Some(n_epochs),
            auto_epochs: false,
            seed,
            ..Default::default()
        };
        let options =
            FitOptions { name: name.to_owned(), config, infer: train.infer()?, split, features: Vec::new() };
        let space = run(py, name, Some(false), &StopToken::default(), |sink| {
            Core::untrained(&table, valid.as_ref(), &options, sink)
        })?
        .whole()?;
        let source = Source::First { table, valid, options };
        Ok(EmbeddingSpace {
            state: Mutex::new(State {
                space: Arc::new(space),
                source: Some(Arc::new(source)),
                is_trained: false,
                output_dir,
            }),
        })
    }

    /// Trains the space that the constructor or `extend_from_existing` prepared, from the start if it was
    /// trained before, and gives it back. Numbers given here win over those given there.
    ///
    /// Ctrl-C raises `KeyboardInterrupt` after the running batch; the best state so far stays, and the
    /// space can be used.
    ///
    /// >>> from featrix.neural.input_data_set import FeatrixInputDataSet
    /// >>> train, valid = FeatrixInputDataSet(early, ignore_cols=["target"]).split(fraction=0.2)
    /// >>> es = tabgraft.EmbeddingSpace(train, valid, n_epochs=50)
    /// >>> es.train(batch_size=128, n_epochs=2).is_trained
    /// True
    #[pyo3(signature = (batch_size = None, n_epochs = None, *, progress = None))]
    fn train<'py>(
        slf: &Bound<'py, Self>,
        batch_size: Option<usize>,
        n_epochs: Option<usize>,
        progress: Option<bool>,
    ) -> Raised<Bound<'py, Self>> {
        let py = slf.py();
        let this = slf.get();
        let (source, output_dir, name) = {
            let state = this.lock();
            (state.source.clone(), state.output_dir.clone(), state.space.name().to_owned())
        };
        let Some(source) = source else {
            return Err(Raise::Core(
                Error::option(format!(
                    "embedding space `{name}` is trained and keeps no data to train on again"
                ))
                .with_hint("extend it, or build a new one from a data set"),
            ));
        };
        let outcome = run(py, &name, progress, &StopToken::default(), |sink| {
            // The notes of the preparation were told when it was made.
            let mut heard = |event: &tabgraft_model::train::Event| match event {
                tabgraft_model::train::Event::Note { .. } | tabgraft_model::train::Event::Warning { .. } => {
                    std::ops::ControlFlow::Continue(())
                }
                event => sink(event),
            };
            match &*source {
                Source::First { table, valid, options } => {
                    let mut options = options.clone();
                    options.config.batch_size = batch_size.or(options.config.batch_size);
                    options.config.n_epochs = n_epochs.or(options.config.n_epochs);
                    Core::fit(table, valid.as_ref(), &options, &mut heard)
                }
                Source::Graft { parent, table, valid, options } => {
                    let mut options = options.clone();
                    options.batch_size = batch_size.or(options.batch_size);
                    options.n_epochs = n_epochs.or(options.n_epochs);
                    parent.extend(table, valid.as_ref(), &options, &mut heard)
                }
            }
        })?;
        let space = Arc::new(outcome.value);
        {
            let mut state = this.lock();
            (state.space, state.is_trained) = (space.clone(), true);
        }
        if let Some(folder) = output_dir {
            let file = folder.join(format!("{name}.tabgraft"));
            py.detach(|| save_in(&folder, &file, &space))?;
        }
        match outcome.interrupt {
            Some(interrupt) => Err(interrupt.into()),
            None => Ok(slf.clone()),
        }
    }

    /// Trains a space on a table in one call. The same rows, options and seed give the same bits.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    ///     A frame of pandas, polars, pyarrow, duckdb or any library with the Arrow PyCapsule interface; a
    ///     two-dimensional NumPy array; or the path of a file of CSV, TSV, JSON lines, Parquet or Arrow.
    /// valid : frame, array or path, optional
    ///     Rows to validate on, with the columns of `data`. All rows but the split's test rows are then
    ///     trained and validated on. Default: `p_valid` of the rows of `data`.
    /// ignore : list of str, optional
    ///     Columns that the space must not see, the target above all. Default: none.
    /// kinds : dict, optional
    ///     Column to kind: "numeric", "categorical", "boolean", "timestamp" or "text". Default: by name and
    ///     values of the column; `inspect` gives the reason.
    /// name : str, default "embedding_space"
    ///     Goes into the lineage of descendants.
    /// n_epochs : int, optional; 1 to 10,000
    ///     Epochs. Default: as many as make about 1,500 steps of 128 rows, 4 to 60.
    /// auto_epochs : bool, default True
    ///     Whether `n_epochs` is a ceiling: training then stops when the validation loss has not fallen for
    ///     a fifth of it, at least 3 epochs.
    /// batch_size : int, optional; 1 to 65,536
    ///     Rows of a step. Default: 128 below 8,000 training rows, 256 below 100,000, else 512.
    /// d_model : int, default 128; 8 to 4,096 in steps of 8
    ///     Length of a row's vector.
    /// learning_rate : float, default 0.002; above 0, at most 1
    ///     Peak learning rate.
    /// p_valid, p_test : float, default 0.15 each; at least 0, together below 1
    ///     Shares of the rows that decide which epoch is kept, and that no training looks at: predictors are
    ///     scored on these. A row keeps its part in every later version.
    /// group : str, optional
    ///     Column whose rows of equal value stay in one part.
    /// time : str, optional
    ///     Column of times or numbers: the latest rows test, those before them validate. Not with `group`.
    ///     Default of both: a row's part follows from a hash of its cells.
    /// seed : int, default 0; at least 0
    ///     Seed of split, weights, order, masks and dropout.
    /// columns : list of str, optional
    ///     Names of an array's columns. Default: `x0`, `x1` and so on. A frame has its own.
    /// progress : bool, optional
    ///     Whether a bar is drawn on standard error. Default: on a terminal and in a notebook.
    ///
    /// Examples
    /// --------
    /// >>> made = tabgraft.EmbeddingSpace.fit("credit.csv", ignore=["target"], n_epochs=2, d_model=16)
    /// >>> made.embed("credit.csv").shape
    /// (1000, 16)
    #[classmethod]
    #[pyo3(signature = (data, *, valid = None, ignore = None, kinds = None, name = "embedding_space", n_epochs = None,
        auto_epochs = true, batch_size = None, d_model = 128, learning_rate = 2e-3, p_valid = 0.15, p_test = 0.15,
        group = None, time = None, seed = 0, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn fit(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        valid: Option<&Bound<'_, PyAny>>,
        ignore: Option<Names>,
        kinds: Option<BTreeMap<String, String>>,
        name: &str,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        d_model: usize,
        learning_rate: f32,
        p_valid: f64,
        p_test: f64,
        group: Option<String>,
        time: Option<String>,
        seed: u64,
        columns: Option<Vec<String>>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let table = Given::new(data, columns.clone())?.table;
        let valid = valid.map(|v| Given::new(v, columns)).transpose()?.map(|g| g.table);
        let by = match (group, time) {
            (None, None) => SplitKey::Rows,
            (Some(column), None) => SplitKey::Group { column },
            (None, Some(column)) => SplitKey::Time { column },
            (Some(_), Some(_)) => {
                return Err(Raise::Core(
                    Error::option("options `group` and `time` are both given")
                        .with_hint("rows are split by one"),
                ));
            }
        };
        let options = FitOptions {
            name: name.to_owned(),
            config: SpaceConfig {
                d_model,
                learning_rate,
                batch_size,
                n_epochs,
                auto_epochs,
                seed,
                ..Default::default()
            },
            infer: infer_options(ignore, kinds)?,
            split: SplitOptions { by, p_valid, p_test, seed },
            features: Vec::new(),
        };
        let space = run(py, name, progress, &StopToken::default(), |sink| {
            Core::fit(&table, valid.as_ref(), &options, sink)
        })?
        .whole()?;
        Ok(Self::trained(space))
    }

    /// Grafts the new columns of a table onto this space and trains them; this space stays as it is.
    ///
    /// New are the columns that this space neither uses nor left out: what it ignored stays ignored.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    ///     As for `fit`: old and new columns. Old ones that it lacks count as missing cells.
    /// valid : frame, array or path, optional
    ///     Rows to validate on. Default: those that this space validates on.
    /// mode : "frozen", "anchored" or "joint", default "frozen"
    ///     "frozen": old weights never change, and new coordinates stand behind the old ones, which keep
    ///     their bits. "joint": new weights train for half of the epochs, then all of them; the number of
    ///     coordinates stays, they drift, and the drift is measured. "anchored": as "joint", but the drift
    ///     stays below `drift_bound`.
    /// drift_bound : float, optional; above 0 up to 2
    ///     Mode "anchored" only: most that old vectors may move, as their mean cosine distance on validation
    ///     rows. Default: 0.05.
    /// freeze : dict, optional
    ///     Modes "joint" and "anchored" only: which old weights stay frozen. `tokens`, `trunk`, `heads`: bool;
    ///     `columns`: names of old columns; `schedule`: when the others are thawed, "at_once", "by_epoch" or
    ///     "when_flat". Default: none stays frozen, all are thawed at once after half of the epochs.
    /// n_epochs : int, optional; 1 to 10,000
    ///     Epochs. Default: a quarter of the parent's, at least 10.
    /// auto_epochs : bool, default True
    ///     Whether `n_epochs` is a ceiling: each phase then stops when the validation loss has not fallen for
    ///     a fifth of the phase, at least 3 epochs.
    /// batch_size : int, optional; 1 to 65,536
    ///     Rows of a step. Default: the parent's.
    /// name : str, optional
    ///     Name of the child. Default: the parent's and `_extended`.
    /// d_side : int, optional; 8 to 1,024 in steps of 8
    ///     New coordinates of a frozen graft; a joint one has none. Default: 32 per new column, 32 to 96.
    /// ignore : list of str, optional
    ///     New columns to leave out. Default: none.
    /// kinds : dict, optional
    ///     New column to kind, as for `fit`.
    /// features : FeatureEngineer, optional
    ///     The engineer that made some of the new columns: the child remembers them with their fitted state.
    /// feature_metadata : optional
    ///     What there is to say about the new columns, anything that JSON can hold; kept in the lineage.
    /// seed : int, default 0; at least 0
    ///     Seed of new weights, order, masks and dropout.
    /// columns, progress
    ///     As for `fit`.
    ///
    /// Examples
    /// --------
    /// >>> child = space.extend(credit, n_epochs=10, name="v2")
    /// >>> child.extension_metadata["new_columns_added"]
    /// ['checking_status', 'credit_history', 'savings_status']
    /// >>> np.array_equal(child.embed(credit)[:, :32], space.embed(early))
    /// True
    #[pyo3(signature = (data, *, valid = None, mode = "frozen", drift_bound = None, freeze = None, n_epochs = None, auto_epochs = true, batch_size = None,
        name = None, d_side = None, ignore = None, kinds = None, features = None, feature_metadata = None, seed = 0,
        columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn extend(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        valid: Option<&Bound<'_, PyAny>>,
        mode: &str,
        drift_bound: Option<f64>,
        freeze: Option<&Bound<'_, PyAny>>,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        name: Option<String>,
        d_side: Option<usize>,
        ignore: Option<Names>,
        kinds: Option<BTreeMap<String, String>>,
        features: Option<&Bound<'_, FeatureEngineer>>,
        feature_metadata: Option<&Bound<'_, PyAny>>,
        seed: u64,
        columns: Option<Vec<String>>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let parent = self.core_trained()?;
        let table = Given::new(data, columns.clone())?.table;
        let valid = valid.map(|v| Given::new(v, columns)).transpose()?.map(|g| g.table);
        let options = ExtendOptions {
            mode: word::<Mode>("mode", mode, MODES)?,
            drift_bound,
            freeze: freeze.map(freeze_option).transpose()?.unwrap_or_default(),
            n_epochs,
            auto_epochs,
            batch_size,
            name,
            d_side,
            infer: infer_options(ignore, kinds)?,
            features: features.map(|f| f.get().features()).unwrap_or_default(),
            feature_metadata: feature_metadata.map(from_python).transpose()?,
            seed,
        };
        let space = run(py, "graft", progress, &StopToken::default(), |sink| {
            parent.extend(&table, valid.as_ref(), &options, sink)
        })?
        .whole()?;
        Ok(Self::trained(space))
    }

    /// Prepares the graft of the columns that `existing_es` does not know; `train` trains it.
    ///
    /// `n_epochs` is exact; its default, and that of `batch_size` and `name`, is that of `extend`. Mode
    /// "joint": new weights first, then all of them. Where `existing_es` was split, its rows keep the part
    /// (training, validation, test) that they have there, in whichever of the two frames they stand.
    /// `output_dir` is the folder that `train` saves to.
    ///
    /// >>> child = tabgraft.EmbeddingSpace.extend_from_existing(space, credit, n_epochs=2)
    /// >>> child.name, child.is_trained
    /// ('v1_extended', False)
    /// >>> child.train().is_trained
    /// True
    #[classmethod]
    #[pyo3(signature = (existing_es, enriched_train_df, enriched_val_df = None, n_epochs = None, batch_size = None,
        output_dir = None, name = None, feature_metadata = None, *, mode = "joint", drift_bound = None, seed = 0))]
    #[allow(clippy::too_many_arguments)]
    fn extend_from_existing(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        existing_es: &Bound<'_, EmbeddingSpace>,
        enriched_train_df: &Bound<'_, PyAny>,
        enriched_val_df: Option<&Bound<'_, PyAny>>,
        n_epochs: Option<usize>,
        batch_size: Option<usize>,
        output_dir: Option<PathBuf>,
        name: Option<String>,
        feature_metadata: Option<&Bound<'_, PyAny>>,
        mode: &str,
        drift_bound: Option<f64>,
        seed: u64,
    ) -> Raised<Self> {
        let parent = existing_es.get().core_trained()?;
        let train = Given::new(enriched_train_df, None)?;
        let valid = enriched_val_df.map(|v| Given::new(v, None)).transpose()?;
        let options = ExtendOptions {
            mode: word::<Mode>("mode", mode, MODES)?,
            drift_bound,
            n_epochs,
            batch_size,
            name,
            feature_metadata: feature_metadata.map(from_python).transpose()?,
            seed,
            ..Default::default()
        };
        Self::described_graft(py, &parent, &train, valid.as_ref(), options, output_dir)
    }

    /// One vector per row: a float32 array `[n_rows, d_model]`. A row's vector has the same bits alone and in
    /// any batch. Columns that the space does not know are named in a warning of the logger `tabgraft`,
    /// columns that the data lacks count as missing cells. `columns` names the columns of an array.
    ///
    /// >>> vectors = space.embed(early)
    /// >>> vectors.shape, vectors.dtype
    /// ((1000, 32), dtype('float32'))
    /// >>> np.array_equal(space.embed(early.tail(1)), vectors[-1:])
    /// True
    #[pyo3(signature = (data, *, columns = None))]
    fn embed<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        columns: Option<Vec<String>>,
    ) -> Raised<Bound<'py, PyAny>> {
        let space = self.core_trained()?;
        let table = Given::new(data, columns)?.table;
        let embeddings = py.detach(|| space.embed(&table))?;
        warn_of_columns(py, space.name(), &embeddings.report)?;
        let values = PyArray1::from_vec(py, embeddings.values);
        Ok(values.reshape([embeddings.n_rows, embeddings.d_model])?.into_any())
    }

    /// What becomes of the columns of a table: `ignored_columns`, each with its reason and whether it is
    /// `unknown`, and `missing_columns`.
    ///
    /// >>> report = space.column_report(credit.drop(columns="age"))
    /// >>> [column["name"] for column in report["ignored_columns"] if column["unknown"]]
    /// ['checking_status', 'credit_history', 'savings_status']
    /// >>> report["missing_columns"]
    /// ['age']
    #[pyo3(signature = (data, *, columns = None))]
    fn column_report<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        columns: Option<Vec<String>>,
    ) -> Raised<Bound<'py, PyAny>> {
        let table = Given::new(data, columns)?.table;
        Ok(to_python(py, &self.core().column_report(&table))?)
    }

    /// Whether `other`, usually a child of this space, is better: predictors of `target` fitted alike on both
    /// (`n_epochs` and `seed` as for `Predictor.fit`), compared on rows that neither space was trained on.
    ///
    /// >>> found = space.compare(child, credit, "target", n_epochs=5)
    /// >>> found.verdict in {"better", "no_difference", "worse"}
    /// True
    #[pyo3(signature = (other, data, target, *, n_epochs = 100, n_networks = None, seed = 0, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn compare(
        &self,
        py: Python<'_>,
        other: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        target: &str,
        n_epochs: usize,
        n_networks: Option<usize>,
        seed: u64,
        progress: Option<bool>,
    ) -> Raised<Comparison> {
        let (a, b) = (self.core_trained()?, other.get().core_trained()?);
        let table = Given::new(data, None)?.table;
        let options = PredictorOptions { n_epochs, n_networks, seed, ..Default::default() };
        let found = run(py, "compare", progress, &StopToken::default(), |sink| {
            a.compare(&b, &table, target, &options, sink)
        })?
        .whole()?;
        Ok(Comparison { found })
    }

    /// Everything there is to say about the space: columns with kinds and reasons, hashes, losses,
    /// lineage.
    ///
    /// >>> column = space.inspect()["columns"][0]
    /// >>> column["name"], column["kind"]
    /// ('duration', 'numeric')
    fn inspect<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core().card())?)
    }

    /// Writes the space to one file, whole or not at all. The path may end in anything.
    ///
    /// >>> space.save("v1.tabgraft")
    fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let (space, path) = (self.core_trained()?, crate::convert::path(path)?);
        Ok(py.detach(|| space.save(&path))?)
    }

    /// Reads a space from its file. Runs no code of the file.
    ///
    /// >>> space.save("v1.tabgraft")
    /// >>> tabgraft.EmbeddingSpace.load("v1.tabgraft").hashes == space.hashes
    /// True
    #[staticmethod]
    fn load(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Self> {
        let path = crate::convert::path(path)?;
        Ok(Self::trained(py.detach(|| Core::load(&path))?))
    }

    /// Name of the space.
    ///
    /// >>> space.name
    /// 'v1'
    #[getter]
    fn name(&self) -> String {
        self.core().name().to_owned()
    }

    /// Length of a row's vector. A frozen graft adds to it.
    ///
    /// >>> space.d_model
    /// 32
    #[getter]
    fn d_model(&self) -> usize {
        self.core().d_model()
    }

    /// Rows of a training step.
    ///
    /// >>> space.batch_size
    /// 128
    #[getter]
    fn batch_size(&self) -> usize {
        self.core().batch_size()
    }

    /// Whether it can embed.
    ///
    /// >>> space.is_trained
    /// True
    #[getter]
    fn is_trained(&self) -> bool {
        self.lock().is_trained
    }

    /// Names of the used columns, in the order of their arrival.
    ///
    /// >>> child.columns[0], child.columns[-1]
    /// ('duration', 'savings_status')
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.core().columns().iter().map(|c| c.name.clone()).collect()
    }

    /// Things to hear about the data; often none.
    ///
    /// >>> space.notes
    /// []
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.core().notes().to_vec()
    }

    /// The record of the last training: losses by epoch and column, `final_validation_loss`, the best
    /// epoch, seconds.
    ///
    /// >>> len(space.training_info["epochs"]), space.training_info["stop_reason"]
    /// (6, 'all_epochs')
    #[getter]
    fn training_info<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, self.core().training_info())?)
    }

    /// The last graft: parent, new columns, epochs, hashes, drift. None for a first training.
    ///
    /// >>> child.extension_metadata["extended_from_es_name"], child.extension_metadata["mode"]
    /// ('v1', 'frozen')
    /// >>> space.extension_metadata is None
    /// True
    #[getter]
    fn extension_metadata<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core().extension_metadata())?)
    }

    /// All grafts, oldest first.
    ///
    /// >>> [graft["extended_from_es_name"] for graft in child.lineage]
    /// ['v1']
    #[getter]
    fn lineage<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core().extensions())?)
    }

    /// Content hashes of weights, schema, data, split and features.
    ///
    /// >>> child.hashes["split"] == space.hashes["split"]
    /// True
    #[getter]
    fn hashes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, self.core().hashes())?)
    }

    /// The bytes of the file that `save` writes.
    ///
    /// >>> isinstance(space.to_bytes(), bytes)
    /// True
    fn to_bytes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyBytes>> {
        let space = self.core();
        Ok(PyBytes::new(py, &py.detach(|| space.to_bytes())?))
    }

    /// A trained space from the bytes of its file.
    ///
    /// >>> tabgraft.EmbeddingSpace.from_bytes(space.to_bytes()).name
    /// 'v1'
    #[staticmethod]
    fn from_bytes(py: Python<'_>, content: &[u8]) -> Raised<Self> {
        Ok(Self::trained(py.detach(|| Core::from_bytes(content))?))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Raised<Bound<'py, PyTuple>> {
        slf.get().core_trained()?;
        let py = slf.py();
        let load = slf.get_type().getattr("from_bytes")?;
        Ok(PyTuple::new(py, [load, PyTuple::new(py, [slf.get().to_bytes(py)?])?.into_any()])?)
    }

    fn __repr__(&self) -> String {
        let (space, is_trained) = {
            let state = self.lock();
            (state.space.clone(), state.is_trained)
        };
        format!(
            "EmbeddingSpace(name={:?}, columns={}, d_model={}, {})",
            space.name(),
            space.columns().len(),
            space.d_model(),
            if is_trained { "trained" } else { "not trained" }
        )
    }

    fn _repr_html_(&self) -> String {
        let state = self.lock();
        html::space(&state.space.card(), state.is_trained)
    }
}

/// Recomputes every hash of a saved space or predictor and reports what the file holds.
///
/// >>> space.save("v1.tabgraft")
/// >>> tabgraft.verify("v1.tabgraft")["kind"]
/// 'embedding_space'
#[pyfunction]
#[pyo3(signature = (path))]
pub fn verify<'py>(py: Python<'py>, path: &Bound<'py, PyAny>) -> Raised<Bound<'py, PyAny>> {
    let file = crate::convert::path(path)?;
    let report = py.detach(|| tabgraft_model::store::verify(&file))?;
    Ok(to_python(py, &report)?)
}

/// Columns that are not used, or that are missing, in a log record of level warning.
pub fn warn_of_columns(
    py: Python<'_>,
    name: &str,
    report: &tabgraft_model::space::ColumnReport,
) -> PyResult<()> {
    let unknown: Vec<&str> =
        report.ignored_columns.iter().filter(|c| c.unknown).map(|c| c.name.as_str()).collect();
    let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
    for (columns, what) in [
        (unknown, "not used, it has no codec for"),
        (report.missing_columns.iter().map(String::as_str).collect(), "missing, counted as missing cells"),
    ] {
        if !columns.is_empty() {
            let columns = tabgraft_table::table::quoted(&columns);
            logger.call_method1("warning", ("%s: %s: %s", name, what, columns))?;
        }
    }
    Ok(())
}

/// What stays frozen, from a dictionary.
fn freeze_option(freeze: &Bound<'_, PyAny>) -> Raised<Freeze> {
    let mut whole = serde_json::to_value(Freeze::default()).unwrap_or_default();
    if let (Some(whole), Some(given)) = (whole.as_object_mut(), from_python(freeze)?.as_object()) {
        whole.extend(given.clone());
    }
    serde_json::from_value(whole).map_err(|e| {
        let hint = "a dictionary of `tokens`, `trunk`, `heads` (true or false), `columns` (names), and `schedule` \
                    (`at_once`, `by_epoch` or `when_flat`)";
        Raise::Core(Error::option(format!("option `freeze`: {e}")).with_hint(hint))
    })
}

fn save_in(folder: &Path, file: &Path, space: &Core) -> tabgraft_model::Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", e))?;
    space.save(file)
}
