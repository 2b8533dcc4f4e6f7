//! `Predictor`: one target on top of an embedding space.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};
use tabgraft_model::compare::compare_predictors;
use tabgraft_model::predictor::{ClassWeight, Effort, GrowOptions, KeepGrown, TargetKind, ThresholdFor};
use tabgraft_model::{Error, PredictorOptions};
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, Wanted};
use tabgraft_table::unreadable::Readable;

use crate::comparison::Comparison;
use crate::convert::{Renames, TARGET_KINDS, document, onnx_options, to_python, weights, word};
use crate::error::{Raise, Raised};
use crate::frame::{Given, column, say};
use crate::html;
use crate::predictions::{Predictions, class_list};
use crate::run::{StopToken, run};
use crate::space::{
    EmbeddingSpace, cell_errors, warn_of_columns, warn_of_differing, warn_of_unreadable, warn_of_unseen,
};

/// The words of [`Effort`].
const EFFORTS: &str = "`quick`, `default` or `best`";

/// A fitted predictor of one target. It needs no other file, and the space that it was fitted on never
/// changes.
///
/// >>> predictor = tabgraft.Predictor.fit(space, early, "target", n_epochs=5, n_networks=2)
/// >>> predictor
/// Predictor(name="predictor", target="target", binary)
/// >>> predictor.predict(early).probabilities.shape
/// (1000, 2)
#[pyclass(frozen, module = "tabgraft")]
pub struct Predictor {
    pub core: Arc<tabgraft_model::Predictor>,
}

impl Predictor {
    /// Predicts, and warns of columns that are not used or missing, and of cells that cannot be read.
    pub fn predictions(
        py: Python<'_>,
        core: &tabgraft_model::Predictor,
        table: &Table,
        errors: &str,
    ) -> Raised<Predictions> {
        let errors = cell_errors(errors)?;
        let made = py.detach(|| core.predict_readable(table, errors))?;
        warn_of_unreadable(py, core.name(), &made.unreadable)?;
        warn_of_columns(py, core.name(), &made.report)?;
        warn_of_unseen(py, core.name(), &made.unseen)?;
        warn_of_differing(py, core.name(), &made.differing)?;
        Ok(Predictions { made })
    }

    /// Reads data as that of the predictor's fit, as far as it is needed.
    fn read(
        &self,
        data: &Bound<'_, PyAny>,
        rename: Option<Renames>,
        columns: Option<Vec<String>>,
        needs: Wanted,
    ) -> Raised<Table> {
        let how = ReadOptions { columns: needs, ..self.core.read_options().with_names(rename) };
        Ok(Given::read(data, columns, &how)?.table)
    }

    /// The rows that a score is about.
    pub fn scored_rows(
        py: Python<'_>,
        table: Table,
        predictors: &[&tabgraft_model::Predictor],
        rows: &str,
    ) -> Raised<Table> {
        let all: Scored = word("rows", rows, "`test` or `all`")?;
        if matches!(all, Scored::All) {
            return Ok(table);
        }
        let fair = py.detach(|| tabgraft_model::Predictor::fair_rows(predictors, &table))?;
        say(py, &fair.warnings)?;
        let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
        for note in &fair.notes {
            logger.call_method1("info", ("%s", tabgraft_table::visible(note)))?;
        }
        Ok(fair.table)
    }
}

/// The table with its target, and the target's name: a target that is no column is made one.
fn with_target(table: Table, target: &Bound<'_, PyAny>) -> Raised<(Table, String)> {
    if let Ok(name) = target.extract::<String>() {
        return Ok((table, name));
    }
    let mut name = "target".to_owned();
    while table.has_column(&name) {
        name.push('_');
    }
    // Masked cells stay masked.
    let values = target.py().import("numpy")?.call_method1("asanyarray", (target,))?;
    let shape: Vec<usize> = values.getattr("shape")?.extract()?;
    if shape.len() != 1 {
        return Err(Raise::Core(
            Error::value(format!("the target has shape {shape:?}, one value per row is needed"))
                .with_hint("give one column of it: `y.ravel()` of an array, `y[\"name\"]` of a frame"),
        ));
    }
    if shape[0] != table.n_rows() {
        return Err(Raise::Core(Error::value(format!(
            "the target has {} values, the data has {} rows",
            shape[0],
            table.n_rows()
        ))));
    }
    let table = table.with_column(&name, column(&name, &values)?)?;
    Ok((table, name))
}

/// What a threshold is chosen for.
fn threshold_option(
    metric: Option<&str>,
    cost_fp: Option<f64>,
    cost_fn: Option<f64>,
) -> Raised<Option<ThresholdFor>> {
    match (metric, cost_fp, cost_fn) {
        (None, None, None) => Ok(None),
        (Some(metric), None, None) => {
            Ok(Some(word("threshold_for", metric, "`f1`, `balanced_accuracy` or `accuracy`")?))
        }
        (None, Some(cost_fp), Some(cost_fn)) => Ok(Some(ThresholdFor::Costs { cost_fp, cost_fn })),
        _ => Err(Raise::Core(
            Error::option("a threshold is chosen for `threshold_for`, or for both `cost_fp` and `cost_fn`")
                .with_hint("give one of the two; a mistake that costs nothing has the cost 0"),
        )),
    }
}

/// Weights of classes: a word, or numbers by class.
fn class_weight_option(weight: &Bound<'_, PyAny>) -> Raised<ClassWeight> {
    if let Ok(text) = weight.extract::<String>() {
        return word("class_weight", &text, "`balanced` or a dictionary");
    }
    let pairs: Vec<(Bound<'_, PyAny>, f64)> =
        weight.call_method0("items")?.try_iter()?.map(|p| p?.extract()).collect::<PyResult<_>>()?;
    let named = pairs.into_iter().map(|(class, weight)| Ok((class.str()?.to_string(), weight)));
    Ok(ClassWeight::Of(named.collect::<PyResult<_>>()?))
}

/// Which rows of a table are scored.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scored {
    Test,
    All,
}

/// Rows that these weights make of a table: those above 0, each as often as it counts if it is repeated.
///
/// >>> from tabgraft._native import _n_weighted_rows
/// >>> _n_weighted_rows([2, 1, 0]), _n_weighted_rows([0.5, 0.25, 0])
/// (3, 2)
#[pyfunction]
#[pyo3(name = "_n_weighted_rows")]
pub fn n_weighted_rows(sample_weight: &Bound<'_, PyAny>) -> Raised<usize> {
    Ok(tabgraft_model::weights::n_weighted_rows(&weights(sample_weight)?)?)
}

/// What there is to say of classes that are spelled almost alike, each with its rows.
///
/// >>> from tabgraft._native import _spelling_note
/// >>> "`Yes` (3 rows) and `yes` (4 rows)" in _spelling_note("answer", ["Yes", "yes"], [3, 4])
/// True
#[pyfunction]
#[pyo3(name = "_spelling_note")]
pub fn spelling_note(target: &str, classes: Vec<String>, n_rows: Vec<usize>) -> Option<String> {
    tabgraft_model::predictor::spelling_note(target, &classes, &n_rows)
}

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
    /// patience : int, default 4; 1 to 10,000
    ///     Epochs without a held-out loss that is better by a thousandth which end a network's training; three
    ///     times as many with effort "best".
    /// batch_size : int, optional; 1 to 65,536
    ///     Rows of a step. Default: a sixteenth of the rows, 32 to 128, below 2,000 rows; 128 below 8,000;
    ///     else 256.
    /// n_networks : int, optional; 1 to 20
    ///     Networks, and forests, of the bag, each stopping on its own share of the rows. Default: 5 below 4,000
    ///     rows, 3 below 100,000, else 2; with effort "best" 10, with "quick" 3 forests. One alone stops on a fifth of the rows and never learns from it.
    /// d_hidden : int, default 128; 8 to 4,096
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
        effort = "default", n_epochs = 100, patience = 4, batch_size = None, n_networks = None, d_hidden = 128, learning_rate = 1e-3,
        learning_rate_space = 1e-3, learning_rate_wide = 5e-3, weight_decay = 1e-2, weight_decay_wide = 0.1,
        p_mask = 0.1, p_drop = 0.2, p_drop_space = 0.1, hold_out_test = true, threshold = 0.5,
        threshold_for = None, cost_fp = None, cost_fn = None, class_weight = None, seed = 0, rename = None,
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
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Vec<String>>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let space = space.get().core_trained()?;
        let named = target.extract::<String>().ok();
        let needs = space.needs_to_split().and(named);
        let how = ReadOptions { columns: needs, ..space.read_options().with_names(rename) };
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

    /// Classes or numbers for each row, with probabilities, confidence and a column report. Features of the space
    /// that the data lacks are computed. Columns that are not known or that are missing are named in a warning of
    /// the logger `tabgraft`, as are features of the data that hold something else than would be computed.
    ///
    /// >>> predictor.predict(early.head(3)).labels.shape
    /// (3,)
    ///
    /// `threshold`, 0 to 1, stands for that of the fit: the probability from which on the second of two classes
    /// is predicted.
    ///
    /// >>> bool(predictor.predict(early, threshold=0.0).labels.all())
    /// True
    ///
    /// `interval`, above 0 and below 1, gives each number an interval that covers the truth with this probability:
    /// `lower` and `upper` of the predictions, and columns of their frames.
    ///
    /// `errors` and `rename` as for `EmbeddingSpace.embed`: with "missing", a cell that cannot be read counts as missing.
    ///
    /// >>> odd = early.head(1).assign(age="old")
    /// >>> predictor.predict(odd, errors="missing").labels.shape
    /// (1,)
    #[pyo3(signature = (data, *, threshold = None, interval = None, errors = "error", rename = None, columns = None))]
    #[allow(clippy::too_many_arguments)]
    fn predict(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        threshold: Option<f64>,
        interval: Option<f64>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Vec<String>>,
    ) -> Raised<Predictions> {
        let table = self.read(data, rename, columns, self.core.needs())?;
        let Predictions { made } = Self::predictions(py, &self.core, &table, errors)?.at(threshold)?;
        Ok(Predictions {
            made: match interval {
                Some(level) => self.core.with_interval(made, level)?,
                None => made,
            },
        })
    }

    /// What predictions claim of themselves, held against the truth; rows and `errors` as for `evaluate`. Of classes
    /// a table of reliability, `bins`, and the expected calibration error over `n_bins` bins of equal width, `ece`: of the
    /// probability of the second of two classes, or of the predicted one of several. Of numbers the share of rows that
    /// intervals `covered` at some `levels`. None where nothing is claimed.
    ///
    /// >>> found = predictor.reliability(early)
    /// >>> found["n_bins"], 0 <= found["ece"] <= 1
    /// (10, True)
    /// >>> sum(bin["n"] for bin in found["bins"]) == found["n"]
    /// True
    #[pyo3(signature = (data, *, rows = "test", errors = "error", rename = None))]
    fn reliability<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        rows: &str,
        errors: &str,
        rename: Option<Renames>,
    ) -> Raised<Option<Bound<'py, PyAny>>> {
        let errors = cell_errors(errors)?;
        let table = self.read(data, rename, None, self.core.needs_to_score())?;
        let Readable { table, unreadable } = py.detach(|| self.core.readable_to_score(&table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let table = Self::scored_rows(py, table, &[&self.core], rows)?;
        let found = py.detach(|| self.core.reliability(&table))?;
        Ok(found.map(|found| to_python(py, &found)).transpose()?)
    }

    /// Probability from which on the second of two classes is predicted.
    ///
    /// >>> predictor.threshold
    /// 0.5
    #[getter]
    fn threshold(&self) -> f64 {
        self.core.threshold()
    }

    /// Cells unlike the training rows, one dictionary each: unseen categories, infinite numbers, and numbers
    /// from 3 standard deviations off the mean. The `word` is "unseen", or how bad a number is: "outlier" from 3 of
    /// them, "extrapolation" from 4, "severe" from 20, "error" from 100 and where it is infinite. `errors` and `rename`
    /// as for `predict`.
    ///
    /// >>> predictor.guardrails(early.head(1).assign(purpose="a rocket"))
    /// [{'row_idx': 0, 'column': 'purpose', 'flag': {'flag': 'unseen'}, 'word': 'unseen'}]
    #[pyo3(signature = (data, *, errors = "error", rename = None, columns = None))]
    fn guardrails<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Vec<String>>,
    ) -> Raised<Bound<'py, PyAny>> {
        let errors = cell_errors(errors)?;
        let table = self.read(data, rename, columns, self.core.needs())?;
        let Readable { table, unreadable } = py.detach(|| self.core.readable(&table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let found = py.detach(|| self.core.guardrails(&table))?;
        Ok(to_python(py, &found)?)
    }

    /// Scores with 95 % intervals: a list that answers to a metric's name, too. Of the `n` rows, the `n_copies` that repeat
    /// another one in every column count once in the intervals, and the `n_unseen` of a class that was not
    /// seen in training are scored as wrong. `rows="test"`: only rows that were not
    /// learned from, test rows and those that the model does not know; `"all"`: every row.
    ///
    /// >>> score = predictor.evaluate(early)[0]
    /// >>> score["metric"], score["low"] <= score["value"] <= score["high"]
    /// ('roc_auc', True)
    ///
    /// `errors` and `rename` as for `predict`; a row whose target cannot be read is then passed over.
    #[pyo3(signature = (data, *, rows = "test", errors = "error", rename = None))]
    pub fn evaluate<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        rows: &str,
        errors: &str,
        rename: Option<Renames>,
    ) -> Raised<Bound<'py, PyAny>> {
        let errors = cell_errors(errors)?;
        let table = self.read(data, rename, None, self.core.needs_to_score())?;
        let Readable { table, unreadable } = py.detach(|| self.core.readable_to_score(&table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let table = Self::scored_rows(py, table, &[&self.core], rows)?;
        if let Some(passed_over) = self.core.target().passed_over_in_words(&table)? {
            let logger = py.import("logging")?.call_method1("getLogger", ("tabgraft",))?;
            logger.call_method1("info", ("%s: %s", self.core.name(), passed_over))?;
        }
        let scores = py.detach(|| self.core.evaluate(&table))?;
        warn_of_columns(py, self.core.name(), &self.core.column_report(&table))?;
        warn_of_unseen(py, self.core.name(), &self.core.unseen_columns(&table)?)?;
        warn_of_differing(py, self.core.name(), &self.core.differing_columns(&table)?)?;
        Ok(crate::convert::scores(py, &scores)?)
    }

    /// Whether `other` predicts the same target better, on the same rows; `rows`, `errors` and `rename` as for
    /// `evaluate`, but a test row must be one for both.
    ///
    /// >>> predictor.compare(predictor, early).verdict
    /// 'no_difference'
    #[pyo3(signature = (other, data, *, rows = "test", errors = "error", rename = None))]
    pub fn compare(
        &self,
        py: Python<'_>,
        other: &Bound<'_, Predictor>,
        data: &Bound<'_, PyAny>,
        rows: &str,
        errors: &str,
        rename: Option<Renames>,
    ) -> Raised<Comparison> {
        let other = other.get().core.clone();
        let (how, notes) = self.core.read_options().joined(&other.read_options());
        say(py, &notes)?;
        let errors = cell_errors(errors)?;
        let table = Given::read(data, None, &how.with_names(rename))?.table;
        let Readable { table, unreadable } =
            py.detach(|| self.core.readable_to_compare(&other, &table, errors))?;
        warn_of_unreadable(py, self.core.name(), &unreadable)?;
        let table = Self::scored_rows(py, table, &[&self.core, &other], rows)?;
        let found = py.detach(|| compare_predictors(&self.core, &other, &table))?;
        Ok(Comparison { found })
    }

    /// Takes the predictor to a version of its space that has grown: the learners that it has stay, bit by bit, and
    /// forests learn from all columns of `space` what they do not say. Far cheaper than a new fit.
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
    ///     Name of the grown predictor. Default: the old one's.
    /// seed : int, optional
    ///     Seed of the new forests. Default: the old predictor's.
    /// keep : "always" or "if_not_worse", default "always"
    ///     With "if_not_worse" the old predictor is returned where it does better: on test rows, or, where there are
    ///     none, on rows of the fit by learners that did not learn from them.
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
        rename = None, columns = None, progress = None))]
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
        rename: Option<Renames>,
        columns: Option<Vec<String>>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let space = space.get().core_trained()?;
        let (how, notes) = space.read_options().joined(&self.core.read_options());
        say(py, &notes)?;
        let how = ReadOptions { columns: self.core.needs_to_grow_on(&space), ..how.with_names(rename) };
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

    /// What it grew from, and by: the old predictor's name, id, space and learners, the columns that came and left,
    /// trees and shares. None where it was fitted from nothing.
    ///
    /// >>> predictor.growth is None
    /// True
    #[getter]
    fn growth<'py>(&self, py: Python<'py>) -> Raised<Option<Bound<'py, PyAny>>> {
        Ok(self.core.card().growth.map(|growth| to_python(py, &growth)).transpose()?)
    }

    /// Scores on the test rows of the fit: a list with `value`, `n`, `low` and `high` of each metric, which answers
    /// to a metric's name, too, and shows itself as a table. Empty where no rows were held out.
    ///
    /// >>> predictor.scores["roc_auc"].low < predictor.scores["roc_auc"].value
    /// True
    /// >>> [score["metric"] for score in predictor.scores]
    /// ['roc_auc', 'pr_auc', 'log_loss', 'accuracy', 'balanced_accuracy', 'f1', 'brier']
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(crate::convert::scores(py, &self.core.fit_info().scores)?)
    }

    /// Scores on the test rows of the fit without their intervals: metric to value.
    ///
    /// >>> 0.5 < predictor.metrics["roc_auc"] < 1
    /// True
    #[getter]
    pub fn metrics<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyDict>> {
        let metrics = PyDict::new(py);
        for score in &self.core.fit_info().scores {
            metrics.set_item(score.metric.name(), score.value)?;
        }
        Ok(metrics)
    }

    /// Everything there is to say about the predictor and the space under it.
    ///
    /// >>> predictor.inspect()["space"]["name"]
    /// 'v1'
    fn inspect<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core.card())?)
    }

    /// Name of the predictor.
    ///
    /// >>> predictor.name
    /// 'predictor'
    #[getter]
    fn name(&self) -> &str {
        self.core.name()
    }

    /// Names this predictor in lineages and registries. A new name or a new file does not change it.
    ///
    /// >>> len(predictor.id)
    /// 64
    #[getter]
    fn id(&self) -> String {
        self.core.id().as_str().to_owned()
    }

    /// The column that is predicted.
    ///
    /// >>> predictor.target
    /// 'target'
    #[getter]
    fn target(&self) -> &str {
        self.core.target().column()
    }

    /// "binary", "multiclass" or "regression".
    ///
    /// >>> predictor.task
    /// 'binary'
    #[getter]
    fn task(&self) -> &'static str {
        self.core.target().task().name()
    }

    /// The classes, in the order of probabilities, of the type and spelling that they were learned with. Empty
    /// for numbers.
    ///
    /// >>> predictor.classes
    /// [0, 1]
    #[getter]
    fn classes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let target = self.core.target();
        Ok(class_list(py, target.classes(), target.label_type())?)
    }

    /// Writes the predictor to one file, whole or not at all. The path may end in anything.
    ///
    /// >>> predictor.save("p1.tabgraft")
    pub fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let path = crate::convert::path(path)?;
        Ok(py.detach(|| self.core.save(&path))?)
    }

    /// Writes the predictor as one self-contained file of ONNX (opset 20, `ai.onnx.ml` 3), whole or not at all, and says
    /// what is in it: a dictionary with `inputs`, `outputs`, `columns`, `opset`, `notes` and more, which the file's
    /// metadata hold, too.
    ///
    /// Each input is a raw column, a vector of one value per row: text for categories and booleans, empty where
    /// missing, without blanks around it; `float64` for numbers, NaN where missing; seconds since 1970 in UTC for
    /// times. Features that the model carries are computed in the graph. `probabilities`, `class`,
    /// `class_idx` and `confidence` are of classes, `prediction` of a number;
    /// `missing` and `unseen` say of each cell of `columns` whether it has no value, or a category that no training
    /// row had.
    ///
    /// ONNX cannot hash texts. `texts="missing"` lets cells of text columns count as missing; by default a model that
    /// has such columns is an error that names them. `rare="unseen"` does the same for categories that were too rare to
    /// have a code of their own, which the model knows by their hashes.
    ///
    /// >>> summary = predictor.to_onnx("p1.onnx")
    /// >>> [output["name"] for output in summary["outputs"]]
    /// ['probabilities', 'class', 'class_idx', 'confidence', 'missing', 'unseen']
    #[pyo3(signature = (path, *, texts = "error", rare = "error"))]
    fn to_onnx<'py>(
        &self,
        py: Python<'py>,
        path: &Bound<'py, PyAny>,
        texts: &str,
        rare: &str,
    ) -> Raised<Bound<'py, PyAny>> {
        let (path, options) = (crate::convert::path(path)?, onnx_options(texts, rare)?);
        document(py, &py.detach(|| self.core.to_onnx(&path, &options))?).map_err(Raise::from)
    }

    /// Reads a predictor from its file. Runs no code of the file.
    ///
    /// >>> predictor.save("p1.tabgraft")
    /// >>> tabgraft.Predictor.load("p1.tabgraft").target
    /// 'target'
    #[staticmethod]
    pub fn load(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Self> {
        let path = crate::convert::path(path)?;
        Ok(Predictor { core: Arc::new(py.detach(|| tabgraft_model::Predictor::load(&path))?) })
    }

    /// The bytes of the file that `save` writes.
    ///
    /// >>> isinstance(predictor.to_bytes(), bytes)
    /// True
    fn to_bytes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &py.detach(|| self.core.to_bytes())?))
    }

    /// A predictor from the bytes of its file.
    ///
    /// >>> tabgraft.Predictor.from_bytes(predictor.to_bytes()).target
    /// 'target'
    #[staticmethod]
    fn from_bytes(py: Python<'_>, content: &[u8]) -> Raised<Self> {
        Ok(Predictor { core: Arc::new(py.detach(|| tabgraft_model::Predictor::from_bytes(content))?) })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> Raised<Bound<'py, PyTuple>> {
        let py = slf.py();
        let load = slf.get_type().getattr("from_bytes")?;
        Ok(PyTuple::new(py, [load, PyTuple::new(py, [slf.get().to_bytes(py)?])?.into_any()])?)
    }

    fn __repr__(&self) -> String {
        format!("Predictor(name={:?}, target={:?}, {})", self.name(), self.target(), self.task())
    }

    fn _repr_html_(&self) -> String {
        html::predictor(&self.core.card())
    }
}
