//! How a predictor is made: fitted on a space, or taken along as its space grows.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyType;
use tabgraft_model::PredictorOptions;
use tabgraft_model::predictor::{Effort, GrowOptions, KeepGrown, TargetKind};
use tabgraft_model::train::{HeldFor, table_within};
use tabgraft_table::read::ReadOptions;

use super::Predictor;
use super::options::{EFFORTS, class_weight_option, threshold_option, with_target};
use crate::convert::{Names, Renames, TARGET_KINDS, weights, word};
use crate::error::Raised;
use crate::frame::{Given, say};
use crate::run::{StopToken, run};
use crate::space::EmbeddingSpace;

#[pymethods]
impl Predictor {
    /// Fits a predictor on a space: a bag of networks that start from the space's weights.
    ///
    /// Parameters
    /// ----------
    /// space : EmbeddingSpace
    ///     A trained space that does not use the target as a column.
    /// data : frame, array or path
    ///     As for `EmbeddingSpace.fit`. Columns that the space does not know are named in a warning and not
    ///     used: extend the space first.
    /// target : str or array
    ///     A column of the data, or one value per row. Rows without a value, and those whose number is infinite,
    ///     are left out and told.
    /// target_kind : "auto", "set" or "scalar", default "auto"
    ///     Whether the target is one of a set of classes or a number. "auto": by its kind.
    /// sample_weight : list or array of float, optional
    ///     One weight per row, at least 0: a row of weight 0 is not there, and one of weight 2 counts as two in
    ///     what is learned from, calibrated and stopped on. Whole weights, up to 4 on average, repeat their rows.
    ///     Scores count every row alike. Default: all rows alike.
    /// name : str, default "predictor"
    ///     Name of the predictor.
    /// effort : "quick", "default" or "best", default "default"
    ///     How much the fit may cost. "quick": trees and a linear model, no networks. "best": ten learners of each
    ///     kind, and networks that wait longer. `training_info["seconds_spent"]` says what each kind took.
    /// n_epochs : int, default 100; 1 to 10,000
    ///     Most epochs of a network; of many rows an epoch is 256 steps.
    /// patience : int, default 2; 1 to 10,000
    ///     Epochs without a held-out loss that is better by a thousandth which end a network's training; three
    ///     times as many with effort "best".
    /// batch_size : int, optional; 1 to 65,536
    ///     Rows of a step. Default: a sixteenth of the rows, 32 to 128, below 2,000 rows; 128 below 8,000;
    ///     else 256.
    /// n_networks : int, optional; 1 to 20
    ///     Networks, and forests, of the bag, each stopping on its own share of the rows. Default: 5 below 4,000
    ///     rows, 3 below 100,000, else 2; with effort "best" 10, with "quick" 3 forests. One alone stops on a fifth of the rows and never learns from it.
    /// d_hidden : int, default 64; 8 to 4,096
    ///     Width of the hidden layer.
    /// learning_rate, learning_rate_space, learning_rate_wide : float, default 0.001, 0.001 and 0.005; 0 to 1
    ///     Learning rates of the members, of the copy of the space and of the wide path.
    /// weight_decay, weight_decay_wide : float, default 0.01 and 0.1; 0 to 1
    ///     Decoupled weight decay of everything but the wide path, and of the wide path.
    /// p_mask : float, default 0.1; 0 to 0.99
    ///     Share of cells hidden in training.
    /// p_drop, p_drop_space : float, default 0.2 and 0.1; 0 to 0.9
    ///     Shares of the members' activations and of the space's that are dropped in training.
    /// hold_out_test : bool, default True
    ///     Whether the space's test rows are kept out of the fit and scored. With False every row is learned
    ///     from, and nothing is scored.
    /// threshold : float, default 0.5; 0 to 1
    ///     Probability from which on the second of two classes is predicted.
    /// threshold_for : "f1", "balanced_accuracy" or "accuracy", optional
    ///     What the threshold is chosen for, on rows that were not learned from, in place of `threshold`.
    /// cost_fp, cost_fn : float, optional; at least 0
    ///     What a false positive and a false negative cost: the threshold is chosen for the lowest costs.
    /// class_weight : "balanced" or dict, optional
    ///     How much rows of each class count, as scikit-learn means it: a row counts as the weight of its class times
    ///     its own. "balanced": all classes count alike. A dictionary has weights by class; 1 for others.
    /// memory_limit : int, optional; at least 1
    ///     Most bytes that the fit may take where `data` is a path: of a table that does not fit, rows are drawn evenly,
    ///     and a note says how many. Default: no limit.
    /// seed : int, default 0; at least 0
    ///     Seed of weights, order, masks and dropout.
    /// rename, columns, progress
    ///     As for `EmbeddingSpace.fit`.
    ///
    /// Examples
    /// --------
    /// >>> rows, y = early.drop(columns="target"), early["target"].to_numpy()
    /// >>> made = tabgraft.Predictor.fit(space, rows, y, n_epochs=2, n_networks=2, sample_weight=1 + y)
    /// >>> made.task, made.classes
    /// ('binary', [0, 1])
    #[classmethod]
    #[pyo3(signature = (space, data, target, *, target_kind = "auto", sample_weight = None, name = "predictor",
        effort = "default", n_epochs = 100, patience = 2, batch_size = None, n_networks = None, d_hidden = 64, learning_rate = 1e-3,
        learning_rate_space = 1e-3, learning_rate_wide = 5e-3, weight_decay = 1e-2, weight_decay_wide = 0.1,
        p_mask = 0.1, p_drop = 0.2, p_drop_space = 0.1, hold_out_test = true, threshold = 0.5,
        threshold_for = None, cost_fp = None, cost_fn = None, class_weight = None, memory_limit = None, seed = 0, rename = None,
        columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn fit(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        space: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        target: &Bound<'_, PyAny>,
        target_kind: &str,
        sample_weight: Option<&Bound<'_, PyAny>>,
        name: &str,
        effort: &str,
        n_epochs: usize,
        patience: usize,
        batch_size: Option<usize>,
        n_networks: Option<usize>,
        d_hidden: usize,
        learning_rate: f32,
        learning_rate_space: f32,
        learning_rate_wide: f32,
        weight_decay: f32,
        weight_decay_wide: f32,
        p_mask: f32,
        p_drop: f32,
        p_drop_space: f32,
        hold_out_test: bool,
        threshold: f64,
        threshold_for: Option<&str>,
        cost_fp: Option<f64>,
        cost_fn: Option<f64>,
        class_weight: Option<&Bound<'_, PyAny>>,
        memory_limit: Option<u64>,
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let space = space.get().core_trained()?;
        let named = target.extract::<String>().ok();
        let needs = space.needs_to_split().and(named);
        let most_bytes = memory_limit.map(|limit| table_within(limit, HeldFor::Fitting));
        let how = ReadOptions { columns: needs, most_bytes, ..space.read_options().with_names(rename) };
        let table = Given::read(data, columns, &how)?.table;
        let (table, target) = with_target(table, target)?;
        let sample_weight = sample_weight.map(weights).transpose()?;
        let options = PredictorOptions {
            name: name.to_owned(),
            target_kind: word::<TargetKind>("target_kind", target_kind, TARGET_KINDS)?,
            effort: word::<Effort>("effort", effort, EFFORTS)?,
            n_epochs,
            patience,
            batch_size,
            n_networks,
            d_hidden,
            learning_rate,
            learning_rate_space,
            learning_rate_wide,
            weight_decay,
            weight_decay_wide,
            p_mask,
            p_drop,
            p_drop_space,
            hold_out_test,
            threshold,
            threshold_for: threshold_option(threshold_for, cost_fp, cost_fn)?,
            class_weight: class_weight.map(class_weight_option).transpose()?,
            seed,
        };
        let core = run(py, name, progress, &StopToken::default(), |sink| match &sample_weight {
            None => tabgraft_model::Predictor::fit(&space, &table, &target, &options, sink),
            Some(weights) => {
                tabgraft_model::Predictor::fit_weighted(&space, &table, &target, weights, &options, sink)
            }
        })?
        .whole()?;
        Ok(Predictor { core: Arc::new(core) })
    }

    /// Takes the predictor to a version of its space that has grown: the learners that it has stay, bit by bit, and
    /// forests and a linear model learn from all columns of `space` what they do not say. Far cheaper than a new fit.
    ///
    /// Parameters
    /// ----------
    /// space : EmbeddingSpace
    ///     A descendant of the predictor's space: new columns were grafted onto it, columns pruned from it, or lines
    ///     merged. Columns that it has lost are missing cells to the old learners.
    /// data : frame, array or path
    ///     The rows of the fit with the new columns; rows may have come.
    /// target : array, optional
    ///     One value per row, where the data has no column of the target.
    /// sample_weight : list or array of float, optional
    ///     Weights of the rows, needed where the fit had some.
    /// name : str, optional
    ///     Name of the grown predictor. Default: the old one's with `_extended`.
    /// seed : int, optional
    ///     Seed of the new learners. Default: the old predictor's.
    /// keep : "always" or "if_not_worse", default "always"
    ///     With "if_not_worse" the old predictor is returned where it does better, with `refused_growths` one longer: on
    ///     test rows, or, where there are none, on rows of the fit by learners that did not learn from them.
    /// memory_limit : int, optional; at least 1
    ///     As for `fit`: as many bytes as the fit had, or more, for all of its rows have to be among those that are drawn.
    /// rename, columns, progress
    ///     As for `EmbeddingSpace.fit`.
    ///
    /// Examples
    /// --------
    /// >>> v2 = space.extend(early.assign(double=2 * early["age"]), n_epochs=1)
    /// >>> grown = predictor.extend(v2, early.assign(double=2 * early["age"]))
    /// >>> grown.growth["base_id"] == predictor.id, grown.growth["columns_added"]
    /// (True, ['double'])
    #[pyo3(signature = (space, data, target = None, *, sample_weight = None, name = None, seed = None, keep = "always",
        memory_limit = None, rename = None, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn extend(
        &self,
        py: Python<'_>,
        space: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        target: Option<&Bound<'_, PyAny>>,
        sample_weight: Option<&Bound<'_, PyAny>>,
        name: Option<&str>,
        seed: Option<u64>,
        keep: &str,
        memory_limit: Option<u64>,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let space = space.get().core_trained()?;
        let (how, notes) = space.read_options().joined(&self.core.read_options());
        say(py, &notes)?;
        let most_bytes = memory_limit.map(|limit| table_within(limit, HeldFor::Growing));
        let columns_needed = self.core.needs_to_grow_on(&space);
        let how = ReadOptions { columns: columns_needed, most_bytes, ..how.with_names(rename) };
        let mut table = Given::read(data, columns, &how)?.table;
        if let Some(target) = target {
            let (with, name) = with_target(table, target)?;
            let own = self.core.target().column();
            table = with.with_column(own, with.column(&name)?.clone())?;
        }
        let sample_weight = sample_weight.map(weights).transpose()?;
        let options = GrowOptions {
            name: name.map(str::to_owned),
            seed,
            keep: word::<KeepGrown>("keep", keep, "`always` or `if_not_worse`")?,
        };
        let title = name.unwrap_or(self.name()).to_owned();
        let core = self.core.clone();
        let made = run(py, &title, progress, &StopToken::default(), |sink| {
            core.extend(&space, &table, sample_weight.as_deref(), &options, sink)
        })?
        .whole()?;
        Ok(Predictor { core: Arc::new(made.predictor) })
    }
}
