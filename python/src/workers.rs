//! The workers of one job, placed by an engine: what Python knows how to sum, the core asks for.

use std::sync::Arc;

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tabgraft_table::workers::{Shard, StateFile, Workers};
use tabgraft_table::{Error, Result, Table};

use crate::convert::path;
use crate::error::Raised;

/// An object with `rank`, `n_workers` and `all_reduce`, and `states` where a training is to go on after a failure.
#[derive(Debug)]
struct PyWorkers {
    object: Py<PyAny>,
    rank: usize,
    n_workers: usize,
    states: States,
}

/// Where states are kept.
#[derive(Debug)]
enum States {
    Nowhere,
    File(StateFile),
    /// By an object with `keep` and `kept`.
    By(Py<PyAny>),
}

/// What went wrong in the object that keeps states.
fn not_kept(error: PyErr) -> Error {
    Error::training(format!("the state of the training cannot be kept or had: {error}")).with_source(error)
}

impl Workers for PyWorkers {
    fn rank(&self) -> usize {
        self.rank
    }

    fn n_workers(&self) -> usize {
        self.n_workers
    }

    fn all_reduce(&self, values: &mut [f32]) -> Result<()> {
        let summed = Python::attach(|py| {
            let own = PyArray1::from_slice(py, values);
            let sum = self.object.bind(py).call_method1("all_reduce", (own,))?;
            let sum = py.import("numpy")?.call_method1("ascontiguousarray", (sum, "float32"))?;
            PyResult::Ok(sum.cast_into::<PyArray1<f32>>()?.to_vec()?)
        });
        let summed = summed.map_err(|error| {
            Error::training(format!("worker {} cannot reach the others: {error}", self.rank))
                .with_hint("another worker has failed: what it says is the cause")
        })?;
        if summed.len() != values.len() {
            return Err(Error::training(format!(
                "`all_reduce` gives {} values for {}: it has to give the sum of each",
                summed.len(),
                values.len()
            )));
        }
        values.copy_from_slice(&summed);
        Ok(())
    }

    fn keeps(&self) -> bool {
        !matches!(self.states, States::Nowhere)
    }

    fn keep(&self, state: Option<&[u8]>) -> Result<()> {
        match &self.states {
            States::Nowhere => Ok(()),
            States::File(file) => file.keep(state),
            States::By(object) => Python::attach(|py| {
                let state = state.map(|bytes| PyBytes::new(py, bytes));
                object.call_method1(py, "keep", (state,)).map(drop).map_err(not_kept)
            }),
        }
    }

    fn kept(&self) -> Result<Option<Vec<u8>>> {
        match &self.states {
            States::Nowhere => Ok(None),
            States::File(file) => file.kept(),
            States::By(object) => Python::attach(|py| {
                let state = object.call_method0(py, "kept").map_err(not_kept)?;
                let state =
                    state.extract::<Option<Bound<'_, PyBytes>>>(py).map_err(|e| not_kept(e.into()))?;
                Ok(state.map(|bytes| bytes.as_bytes().to_vec()))
            }),
        }
    }
}

/// Where these workers keep states, if they do.
fn states_of(workers: &Bound<'_, PyAny>) -> PyResult<States> {
    let Some(states) = workers.getattr_opt("states")?.filter(|states| !states.is_none()) else {
        return Ok(States::Nowhere);
    };
    match states.hasattr("keep")? && states.hasattr("kept")? {
        true => Ok(States::By(states.unbind())),
        false => Ok(States::File(StateFile::new(path(&states)?))),
    }
}

/// The table as the rows of one worker, if there are several.
pub fn shard_of(table: Table, workers: Option<&Bound<'_, PyAny>>) -> Raised<Table> {
    let Some(workers) = workers else { return Ok(table) };
    let own = PyWorkers {
        object: workers.clone().unbind(),
        rank: workers.getattr("rank")?.extract()?,
        n_workers: workers.getattr("n_workers")?.extract()?,
        states: states_of(workers)?,
    };
    Ok(table.as_shard(Shard::new(Arc::new(own))?))
}
