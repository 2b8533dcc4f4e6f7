//! The described way: the constructor or `extend_from_existing` prepares, `train` trains.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use tabgraft_model::space::Mode;
use tabgraft_model::train::{Event, Sink};
use tabgraft_model::{Device, Error, ExtendOptions, FitOptions};
use tabgraft_table::split::{SplitKey, SplitOptions};
use tabgraft_table::{Table, check_folder, check_place};

use super::{
    Core, DEVICES, EmbeddingSpace, MODES, Source, State, freeze_option, keep_option, space_config,
    training_options,
};
use crate::convert::{Names, Renames, from_python, word};
use crate::data_set::FeatrixInputDataSet;
use crate::error::{Raise, Raised};
use crate::feature::FeatureEngineer;
use crate::frame::Given;
use crate::run::{StopToken, run};

/// Share of rows that neither train nor validate a space built from two data sets of different
/// origin, so that predictors have rows to be scored on.
const P_TEST_OF_SEPARATE_SETS: f64 = 0.1;

impl EmbeddingSpace {
    /// A graft that is yet to be trained.
    pub fn graft(
        py: Python<'_>,
        parent: &Arc<Core>,
        table: Table,
        valid: Option<Table>,
        options: ExtendOptions,
        output_dir: Option<PathBuf>,
    ) -> Raised<Self> {
        let mut told = Vec::new();
        let untrained = run(py, "graft", Some(false), &StopToken::default(), |sink| {
            parent.preview_graft(&table, valid.as_ref(), &options, &mut remembering(&mut told, sink))
        })?
        .whole()?;
        let source = Source::Graft { parent: parent.clone(), table, valid, options: Box::new(options), told };
        Ok(EmbeddingSpace {
            state: Mutex::new(State {
                space: Arc::new(untrained),
                source: Some(Arc::new(source)),
                is_trained: false,
                output_dir,
            }),
        })
    }

    /// The described two-frame extension.
    pub fn described_graft(
        py: Python<'_>,
        parent: &Arc<Core>,
        train: &Given,
        valid: Option<&Given>,
        mut options: ExtendOptions,
        output_dir: Option<PathBuf>,
    ) -> Raised<Self> {
        options.training.auto_epochs = false;
        options.candidates.extend(FeatureEngineer::applied());
        let (table, valid) = parent.joined_frames(&train.table, valid.map(|v| &v.table), &options)?;
        Self::graft(py, parent, table, valid, options, output_dir)
    }
}

/// The data set, or what to do with something else.
fn data_set<'a, 'py>(
    argument: &str,
    data: &'a Bound<'py, PyAny>,
) -> Raised<&'a Bound<'py, FeatrixInputDataSet>> {
    let Ok(set) = data.cast::<FeatrixInputDataSet>() else {
        let kind = data.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "EmbeddingSpace: `{argument}` is a {kind}, a FeatrixInputDataSet is needed\nhint: `EmbeddingSpace.fit(df)` \
             takes a frame and trains at once; or wrap it: `EmbeddingSpace(FeatrixInputDataSet(df))`"
        ))
        .into());
    };
    Ok(set)
}

#[pymethods]
impl EmbeddingSpace {
    // Documented with the class: Python does not show what stands at a constructor.
    #[new]
    #[pyo3(signature = (train_data, val_data = None, n_epochs = 50, *, name = "embedding_space", batch_size = None,
        d_model = 128, learning_rate = 2e-3, weight_decay = 1e-4, p_drop = 0.1, n_blocks = 2, expansion = 2,
        codec_bins = 24, codec_targets = 16, codec_categories = 256, codec_text_slots = 128, memory_limit = None,
        min_category_rows = 2, key = None, private = false, output_dir = None, seed = 0))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        train_data: &Bound<'_, PyAny>,
        val_data: Option<&Bound<'_, PyAny>>,
        n_epochs: usize,
        name: &str,
        batch_size: Option<usize>,
        d_model: usize,
        learning_rate: f32,
        weight_decay: f32,
        p_drop: f32,
        n_blocks: usize,
        expansion: usize,
        codec_bins: usize,
        codec_targets: usize,
        codec_categories: usize,
        codec_text_slots: usize,
        memory_limit: Option<u64>,
        min_category_rows: u64,
        key: Option<String>,
        private: bool,
        output_dir: Option<PathBuf>,
        seed: u64,
    ) -> Raised<Self> {
        let train = data_set("train_data", train_data)?.get();
        let val_data = val_data.filter(|v| !v.is_none()).map(|v| data_set("val_data", v)).transpose()?;
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
        if let Some(column) = key.or_else(|| train.key().map(str::to_owned)) {
            split.by = SplitKey::Key { column };
        }
        let config = space_config(
            [d_model, n_blocks, expansion],
            p_drop,
            [learning_rate, weight_decay],
            [codec_bins, codec_targets, codec_categories, codec_text_slots],
            min_category_rows,
            training_options(Some(n_epochs), false, batch_size, memory_limit, "cpu", seed)?,
        );
        let options = FitOptions {
            name: name.to_owned(),
            config,
            infer: train.infer().clone(),
            split,
            private,
            ..FitOptions::default()
        };
        let mut told = Vec::new();
        let space = run(py, name, Some(false), &StopToken::default(), |sink| {
            Core::untrained(&table, valid.as_ref(), &options, &mut remembering(&mut told, sink))
        })?
        .whole()?;
        let source = Source::First { table, valid, options: Box::new(options), told };
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
    /// trained before, and gives it back. Numbers given here win over those given there. `device` is what
    /// trains, as for `fit`.
    ///
    /// Ctrl-C raises `KeyboardInterrupt` after the running batch; the best state so far stays, and the
    /// space can be used. In `output_dir` it replaces no older file. That a file can be written there is
    /// checked before the training.
    ///
    /// >>> from featrix.neural.input_data_set import FeatrixInputDataSet
    /// >>> train, valid = FeatrixInputDataSet(early, ignore_cols=["target"]).split(fraction=0.2)
    /// >>> es = tabgraft.EmbeddingSpace(train, valid, n_epochs=50)
    /// >>> es.train(batch_size=128, n_epochs=2).is_trained
    /// True
    #[pyo3(signature = (batch_size = None, n_epochs = None, *, device = "cpu", progress = None))]
    fn train<'py>(
        slf: &Bound<'py, Self>,
        batch_size: Option<usize>,
        n_epochs: Option<usize>,
        device: &str,
        progress: Option<bool>,
    ) -> Raised<Bound<'py, Self>> {
        let py = slf.py();
        let device = word::<Device>("device", device, DEVICES)?;
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
        let file = output_dir.as_ref().map(|folder| folder.join(format!("{name}.tabgraft")));
        if let (Some(folder), Some(file)) = (&output_dir, &file) {
            check_folder(folder)?;
            if folder.is_dir() {
                check_place(file)?;
            }
        }
        let outcome = run(py, &name, progress, &StopToken::default(), |sink| {
            // The notes of the preparation were told when it was made.
            let (Source::First { told, .. } | Source::Graft { told, .. }) = &*source;
            let mut heard = |event: &Event| match event {
                Event::Note { text } | Event::Warning { text } if told.contains(text) => {
                    ControlFlow::Continue(())
                }
                event => sink(event),
            };
            match &*source {
                Source::First { table, valid, options, .. } => {
                    let mut options = options.clone();
                    options.config.training.batch_size = batch_size.or(options.config.training.batch_size);
                    options.config.training.n_epochs = n_epochs.or(options.config.training.n_epochs);
                    options.config.training.device = device;
                    Core::fit(table, valid.as_ref(), &options, &mut heard)
                }
                Source::Graft { parent, table, valid, options, .. } => {
                    let mut options = options.clone();
                    options.training.batch_size = batch_size.or(options.training.batch_size);
                    options.training.n_epochs = n_epochs.or(options.training.n_epochs);
                    options.training.device = device;
                    parent.extend(table, valid.as_ref(), &options, &mut heard)
                }
            }
        })?;
        let space = Arc::new(outcome.value);
        {
            let mut state = this.lock();
            (state.space, state.is_trained) = (space.clone(), true);
        }
        if let (Some(folder), Some(file)) = (output_dir, file)
            && (outcome.interrupt.is_none() || !file.exists())
        {
            py.detach(|| save_in(&folder, &file, &space))?;
        }
        match outcome.interrupt {
            Some(interrupt) => Err(interrupt.into()),
            None => Ok(slf.clone()),
        }
    }

    /// Prepares the graft of the columns that `existing_es` does not know; `train` trains it.
    ///
    /// `n_epochs` is exact; its default, and that of `batch_size` and `name`, is that of `extend`. Mode
    /// "joint": new weights first, then all of them. Where `existing_es` was split, its rows keep the part
    /// (training, validation, test) that they have there, in whichever of the two frames they stand.
    /// `output_dir` is the folder that `train` saves to.
    ///
    /// `freeze`, `prune`, `memory_limit`, `features`, `keep`, `target`, `cross_fit` and `rename` are those of `extend`. With
    /// `keep="if_not_worse"` it is `train` that judges, and what it leaves may be `existing_es` again.
    ///
    /// >>> child = tabgraft.EmbeddingSpace.extend_from_existing(space, credit, n_epochs=2)
    /// >>> child.name, child.is_trained
    /// ('v1_extended', False)
    /// >>> child.train().is_trained
    /// True
    #[classmethod]
    #[pyo3(signature = (existing_es, enriched_train_df, enriched_val_df = None, n_epochs = None, batch_size = None,
        output_dir = None, name = None, feature_metadata = None, *, mode = "joint", drift_bound = None, freeze = None,
        prune = None, memory_limit = None, features = None, keep = "always", target = None, cross_fit = false,
        seed = 0, rename = None))]
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
        freeze: Option<&Bound<'_, PyAny>>,
        prune: Option<Names>,
        memory_limit: Option<u64>,
        features: Option<&Bound<'_, FeatureEngineer>>,
        keep: &str,
        target: Option<String>,
        cross_fit: bool,
        seed: u64,
        rename: Option<Renames>,
    ) -> Raised<Self> {
        let parent = existing_es.get().core_trained()?;
        let how = parent.read_options().with_names(rename);
        let train = Given::read(enriched_train_df, None, &how)?;
        let valid = enriched_val_df.map(|v| Given::read(v, None, &how)).transpose()?;
        let options = ExtendOptions {
            mode: word::<Mode>("mode", mode, MODES)?,
            drift_bound,
            freeze: freeze.map(freeze_option).transpose()?.unwrap_or_default(),
            training: training_options(n_epochs, true, batch_size, memory_limit, "cpu", seed)?,
            name,
            prune: prune.map(Vec::from).unwrap_or_default(),
            features: features.map(|f| f.get().features()).unwrap_or_default(),
            feature_metadata: feature_metadata.map(from_python).transpose()?,
            keep: keep_option(keep, target, cross_fit, seed)?,
            ..Default::default()
        };
        Self::described_graft(py, &parent, &train, valid.as_ref(), options, output_dir)
    }
}

/// A sink that passes events on and remembers the texts of notes and warnings.
fn remembering<'a, 's>(
    told: &'a mut Vec<String>,
    sink: &'a mut Sink<'s>,
) -> impl FnMut(&Event) -> ControlFlow<()> + use<'a, 's> {
    move |event| {
        if let Event::Note { text } | Event::Warning { text } = event {
            told.push(text.clone());
        }
        sink(event)
    }
}

fn save_in(folder: &Path, file: &Path, space: &Core) -> tabgraft_model::Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", e))?;
    space.save(file)
}
