//! The workers of one job, placed by an engine: what Python knows how to sum, the core asks for.

use std::sync::Arc;

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use tabgraft_table::workers::{Shard, Workers};
use tabgraft_table::{Error, Result, Table};

use crate::error::Raised;

/// An object with `rank`, `n_workers` and `all_reduce`.
#[derive(Debug)]
struct PyWorkers {
    object: Py<PyAny>,
    rank: usize,
    n_workers: usize,
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
}

/// The table as the rows of one worker, if there are several.
pub fn shard_of(table: Table, workers: Option<&Bound<'_, PyAny>>) -> Raised<Table> {
    let Some(workers) = workers else { return Ok(table) };
    let own = PyWorkers {
        object: workers.clone().unbind(),
        rank: workers.getattr("rank")?.extract()?,
        n_workers: workers.getattr("n_workers")?.extract()?,
    };
    Ok(table.as_shard(Shard::new(Arc::new(own))?))
}
