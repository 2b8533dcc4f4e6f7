//! Pieces of a training, one call each, for what times them (`crates/bench`). No part of what the library promises.

use std::sync::Arc;

use tabgraft_table::Table;
use tabgraft_table::stats::hash::mix;
use tabgraft_table::threads::in_pool;

use crate::encoder::Network;
use crate::error::Result;
use crate::kernel::{Cells, ColumnTargets, Dropout, Join, Place, Tensor, column_loss, linear, lookup, total};
use crate::objective::Role;
use crate::param::Params;
use crate::space::{EmbeddingSpace, Rows, training_data};
use crate::train::{TrainingData, lone_step};

/// A space's training on a table, stopped before one of its steps.
pub struct TimedTraining {
    network: Network,
    data: TrainingData,
    rows: Vec<usize>,
    cells: Vec<Arc<Cells>>,
    logits: Tensor,
    targets: Arc<ColumnTargets>,
    p_drop: f32,
    n_steps: u32,
}

impl TimedTraining {
    /// Of steps of so many rows of the table.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::embed`].
    pub fn new(space: &EmbeddingSpace, table: &Table, batch_rows: usize) -> Result<Self> {
        let encoded = space.encode(table)?;
        let n_rows = table.n_rows();
        let key = (0..n_rows as u64).map(mix).collect();
        let rows = Rows::alone((0..n_rows).collect(), Vec::new(), key);
        let n_columns = space.columns().len();
        let data = training_data(space, &encoded, &rows, vec![Role::OLD; n_columns], 0..n_columns);
        let mut network = space.network.clone();
        network.set_thawed(true);
        let rows: Vec<usize> = (0..batch_rows.min(n_rows)).collect();
        let masks = data.objective.training_masks(&rows, 0, 0);
        let targets = Arc::new(data.objective.training_targets(&rows, &masks).0);
        let cells = data.cells(&network, &rows, Some(&masks), 0);
        let logits = in_pool(|| network.logits(&network.pieces(&cells, Dropout::OFF)))?.detached();
        let p_drop = space.config().p_drop;
        Ok(TimedTraining { network, data, rows, cells, logits, targets, p_drop, n_steps: 0 })
    }

    /// One step: masks, batch, forward, backward, weights. Returns the loss of its rows.
    ///
    /// # Errors
    /// If no threads can be started.
    pub fn step(&mut self) -> Result<f64> {
        self.n_steps += 1;
        let (nth, p_drop) = (self.n_steps, self.p_drop);
        in_pool(|| lone_step(&mut self.network, &self.data, &self.rows, nth, p_drop))?
    }

    /// The tokens of the step's rows.
    ///
    /// # Errors
    /// If no threads can be started.
    pub fn lookup(&self) -> Result<usize> {
        in_pool(|| {
            let groups = self.network.token_groups().into_iter().zip(&self.cells);
            let tokens = groups
                .map(|(group, cells)| lookup(group.tables.tensors(), cells.clone(), Join::Concat, None));
            tokens.map(|tokens| tokens.shape()[1]).sum()
        })
    }

    /// The loss of the step's rows and its gradient for the logits.
    ///
    /// # Errors
    /// If no threads can be started.
    pub fn loss(&self) -> Result<usize> {
        in_pool(|| {
            let logits = self.logits.clone().into_leaf();
            let loss = total([(column_loss(logits.clone(), self.targets.clone()), 1.0)]);
            loss.backward().take(&logits, None).map_or(0, |gradient| gradient.shape()[0])
        })
    }

    /// Floating point operations of the matrix products of a step: forward, and two products for each on the way back.
    pub fn n_operations(&self) -> f64 {
        let products = self.network.product_shapes().into_iter().map(|[k, n]| k * n);
        let heads = self.network.heads.iter().map(|head| head.w.shape().iter().product::<usize>());
        let n_weights: usize = products.chain(heads).sum();
        6.0 * (n_weights * self.rows.len()) as f64
    }
}

/// A product of two square matrices, the limit of what products reach.
pub struct TimedProduct {
    x: Tensor,
    w: Tensor,
    b: Tensor,
    n: usize,
}

impl TimedProduct {
    /// Of matrices of `n` rows.
    pub fn new(n: usize) -> Self {
        let numbers = |salt: usize| (0..n * n).map(|i| ((i * 7 + salt) % 13) as f32 / 13.0).collect();
        let [x, w] = [1, 2].map(|salt| Tensor::new(numbers(salt), [n, n], &Place::Processor));
        TimedProduct { x, w, b: Tensor::zeros([1, n], &Place::Processor), n }
    }

    /// Multiplies.
    ///
    /// # Errors
    /// If no threads can be started.
    pub fn multiply(&self) -> Result<usize> {
        in_pool(|| linear(self.x.clone(), self.w.clone(), self.b.clone(), None).shape()[0])
    }

    /// Floating point operations of a product.
    pub fn n_operations(&self) -> f64 {
        2.0 * (self.n as f64).powi(3)
    }
}
