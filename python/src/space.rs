//! `EmbeddingSpace`: trained in one call (`fit`, `extend`) or in two (the constructor or
//! `extend_from_existing`, then `train`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple, PyType};
use tabgraft_model::space::Mode;
use tabgraft_model::{Error, ExtendOptions, FitOptions, PredictorOptions, SpaceConfig};
use tabgraft_table::Table;
use tabgraft_table::split::{SplitKey, SplitOptions};

use crate::comparison::Comparison;
use crate::convert::{from_python, infer_options, to_python, word};
use crate::data_set::FeatrixInputDataSet;
use crate::error::{Raise, Raised};
use crate::feature::FeatureEngineer;
use crate::frame::Given;
use crate::html;
use crate::run::{StopToken, run};

/// The core's space; this module's class wraps it.
pub type Core = tabgraft_model::EmbeddingSpace;

/// Share of rows that neither train nor validate a space built from two data sets of different
/// origin, so that predictors have rows to be scored on.
const P_TEST_OF_SEPARATE_SETS: f64 = 0.1;

/// One vector per row of a table, learned without a target.
///
/// `EmbeddingSpace.fit(data)` trains one in one call. The constructor takes data sets and leaves the
/// training to `train`.
#[pyclass(frozen, subclass, module = "tabgraft")]
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
    /// Prepares a space from the two parts of a data set; `train` trains it.
    ///
    /// `n_epochs` is exact. Where both parts come from one `split`, half of the validation rows
    /// decide which epoch is kept, the other half is looked at by no training and scores predictors.
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

    /// Trains the space that the constructor or `extend_from_existing` prepared, from the start if
    /// it was trained before. Numbers given here win over those given there.
    ///
    /// Ctrl-C raises `KeyboardInterrupt` after the running batch; the best state so far stays, and
    /// the space can be used.
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

    /// Trains a space on a table in one call; see the guide for each option.
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
        ignore: Option<Vec<String>>,
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
    #[pyo3(signature = (data, *, valid = None, mode = "frozen", n_epochs = None, auto_epochs = true, batch_size = None,
        name = None, d_side = None, ignore = None, kinds = None, features = None, feature_metadata = None, seed = 0,
        columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn extend(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        valid: Option<&Bound<'_, PyAny>>,
        mode: &str,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        name: Option<String>,
        d_side: Option<usize>,
        ignore: Option<Vec<String>>,
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
            mode: word::<Mode>("mode", mode, "`frozen` or `joint`")?,
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
    /// Mode `joint`: new weights first, then all of them. Rows keep the part (training, validation,
    /// test) that they have in `existing_es`.
    #[classmethod]
    #[pyo3(signature = (existing_es, enriched_train_df, enriched_val_df = None, n_epochs = None, batch_size = None,
        output_dir = None, name = None, feature_metadata = None, *, mode = "joint", seed = 0))]
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
        seed: u64,
    ) -> Raised<Self> {
        let parent = existing_es.get().core_trained()?;
        let train = Given::new(enriched_train_df, None)?;
        let valid = enriched_val_df.map(|v| Given::new(v, None)).transpose()?;
        let options = ExtendOptions {
            mode: word::<Mode>("mode", mode, "`frozen` or `joint`")?,
            n_epochs,
            batch_size,
            name,
            feature_metadata: feature_metadata.map(from_python).transpose()?,
            seed,
            ..Default::default()
        };
        Self::described_graft(py, &parent, &train, valid.as_ref(), options, output_dir)
    }

    /// One vector per row: a float32 array `[n_rows, d_model]`. Columns that the space does not know
    /// are named in a warning, columns that the data lacks count as missing cells.
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

    /// What became of the columns of a table: `ignored_columns`, each with its reason, and
    /// `missing_columns`.
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

    /// Whether `other`, usually a child of this space, is better: predictors of `target` fitted
    /// alike on both, compared on rows that neither space was trained on.
    #[pyo3(signature = (other, data, target, *, n_epochs = 100, seed = 0, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn compare(
        &self,
        py: Python<'_>,
        other: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        target: &str,
        n_epochs: usize,
        seed: u64,
        progress: Option<bool>,
    ) -> Raised<Comparison> {
        let (a, b) = (self.core_trained()?, other.get().core_trained()?);
        let table = Given::new(data, None)?.table;
        let options = PredictorOptions { n_epochs, seed, ..Default::default() };
        let found = run(py, "compare", progress, &StopToken::default(), |sink| {
            a.compare(&b, &table, target, &options, sink)
        })?
        .whole()?;
        Ok(Comparison { found })
    }

    /// Everything there is to say about the space: columns with kinds and reasons, hashes, losses,
    /// lineage.
    fn inspect<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core().card())?)
    }

    /// Writes the space to one file, whole or not at all. The path may end in anything.
    fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let (space, path) = (self.core_trained()?, crate::convert::path(path)?);
        Ok(py.detach(|| space.save(&path))?)
    }

    /// Reads a space from its file. Runs no code of the file.
    #[staticmethod]
    fn load(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Self> {
        let path = crate::convert::path(path)?;
        Ok(Self::trained(py.detach(|| Core::load(&path))?))
    }

    /// Name of the space.
    #[getter]
    fn name(&self) -> String {
        self.core().name().to_owned()
    }

    /// Length of a row's vector.
    #[getter]
    fn d_model(&self) -> usize {
        self.core().d_model()
    }

    /// Rows of a training step.
    #[getter]
    fn batch_size(&self) -> usize {
        self.core().batch_size()
    }

    /// Whether it can embed.
    #[getter]
    fn is_trained(&self) -> bool {
        self.lock().is_trained
    }

    /// Names of the used columns, in the order of their arrival.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.core().columns().iter().map(|c| c.name.clone()).collect()
    }

    /// Things to hear about the data.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.core().notes().to_vec()
    }

    /// The record of the last training: losses by epoch and column, `final_validation_loss`, the best
    /// epoch, seconds.
    #[getter]
    fn training_info<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, self.core().training_info())?)
    }

    /// The last graft: parent, new columns, epochs, hashes, drift. None for a first training.
    #[getter]
    fn extension_metadata<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core().extension_metadata())?)
    }

    /// All grafts, oldest first.
    #[getter]
    fn lineage<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core().extensions())?)
    }

    /// Content hashes of weights, schema, data, split and features.
    #[getter]
    fn hashes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, self.core().hashes())?)
    }

    /// The bytes of the file that `save` writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyBytes>> {
        let space = self.core();
        Ok(PyBytes::new(py, &py.detach(|| space.to_bytes())?))
    }

    /// A trained space from the bytes of its file.
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

fn save_in(folder: &Path, file: &Path, space: &Core) -> tabgraft_model::Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", e))?;
    space.save(file)
}
