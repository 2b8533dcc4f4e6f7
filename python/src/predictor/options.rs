//! What a fit is told, from what Python gives.

use pyo3::prelude::*;
use tabgraft_model::Error;
use tabgraft_model::predictor::{ClassWeight, ThresholdFor};
use tabgraft_table::Table;

use crate::convert::{weights, word};
use crate::error::{Raise, Raised};
use crate::frame::column;

/// The words of [`Effort`].
pub(super) const EFFORTS: &str = "`quick`, `default` or `best`";

/// The table with its target, and the target's name: a target that is no column is made one.
pub(super) fn with_target(table: Table, target: &Bound<'_, PyAny>) -> Raised<(Table, String)> {
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
pub(super) fn threshold_option(
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
pub(super) fn class_weight_option(weight: &Bound<'_, PyAny>) -> Raised<ClassWeight> {
    if let Ok(text) = weight.extract::<String>() {
        return word("class_weight", &text, "`balanced` or a dictionary");
    }
    let pairs: Vec<(Bound<'_, PyAny>, f64)> =
        weight.call_method0("items")?.try_iter()?.map(|p| p?.extract()).collect::<PyResult<_>>()?;
    let named = pairs.into_iter().map(|(class, weight)| Ok((class.str()?.to_string(), weight)));
    Ok(ClassWeight::Of(named.collect::<PyResult<_>>()?))
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
