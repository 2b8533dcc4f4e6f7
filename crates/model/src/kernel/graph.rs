//! The operations on Burn's autodiff backend: each forward pass leaves one backward step behind.
//!
//! A step computes no gradient for a parent that asks for none, so frozen weights cost nothing.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::CheckpointStrategy;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::block;
use super::elementwise::{self, Dropout};
use super::flex::{CHUNK, Flat, block_forward, block_weights, matrix_of, tables};
use super::lookup::{self, Cells, Join};
use super::loss::{self, Targets};
use super::matrix::{self, ROW_BLOCK};
use super::{Kernels, TrainedRows};

/// Registers `gradient` for a parent if it wants one.
macro_rules! give {
    ($grads:expr, $parent:expr, $gradient:expr) => {
        if let Some(node) = $parent {
            $grads.register::<Flex>(node.id, $gradient);
        }
    };
}

#[derive(Debug)]
struct LookupStep {
    cells: Arc<Cells>,
    join: Join,
    /// Parts; all if absent.
    trained: Option<TrainedRows>,
}

impl Backward<Flex, 5> for LookupStep {
    type State = ([FlexTensor; 5], FlexTensor);

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dout = Flat::new(grads.consume::<Flex>(&ops.node));
        let (tensors, out) = ops.state;
        let (tensors, out) = (tensors.map(Flat::new), Flat::new(out));
        let weights = tables(&tensors);
        let width = weights.width;
        let trained = self.trained.as_ref();
        let g = lookup::backward(&self.cells, weights, self.join, out.slice(), dout.slice(), trained);
        for (parent, gradient) in ops.parents.into_iter().zip([g.piecewise, g.code, g.bag, g.bias, g.special])
        {
            let n_rows = gradient.len() / width;
            give!(grads, parent, matrix_of(gradient, n_rows));
        }
    }
}

#[derive(Debug)]
struct LinearStep {
    /// Rows of the weights; all if absent.
    trained: Option<TrainedRows>,
    /// Whether a row of its own is added to each row, not one bias to all.
    adds_rows: bool,
}

impl Backward<Flex, 3> for LinearStep {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = Flat::new(grads.consume::<Flex>(&ops.node));
        let (x, w) = (Flat::new(ops.state.0), Flat::new(ops.state.1));
        let (n_rows, k, n) = (x.dim(0), w.dim(0), w.dim(1));
        let [for_x, for_w, for_b] = ops.parents;
        let trained = self.trained.unwrap_or_else(|| TrainedRows::all(k));
        if for_x.is_some() {
            let mut dx = vec![0.0; n_rows * k];
            matrix::product_by_transpose(dy.slice(), w.slice(), &mut dx, k, n, trained.ranges());
            give!(grads, for_x, matrix_of(dx, n_rows));
        }
        if for_w.is_some() {
            let dw = matrix::transpose_product(x.slice(), dy.slice(), k, n, trained.ranges());
            give!(grads, for_w, matrix_of(dw, k));
        }
        if for_b.is_some() {
            let db = match self.adds_rows {
                true => dy.into_tensor(),
                false => matrix_of(matrix::column_sums(dy.slice(), n), 1),
            };
            give!(grads, for_b, db);
        }
    }
}

#[derive(Debug)]
struct GeluStep(Dropout);

impl Backward<Flex, 1> for GeluStep {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = Flat::new(grads.consume::<Flex>(&ops.node));
        let x = Flat::new(ops.state);
        let mut dx = vec![0.0; x.slice().len()];
        dx.par_chunks_mut(CHUNK)
            .zip(x.slice().par_chunks(CHUNK).zip(dy.slice().par_chunks(CHUNK)))
            .enumerate()
            .for_each(|(i, (dx, (x, dy)))| {
                elementwise::gelu_backward(x, dy, dx, self.0, (i * CHUNK) as u32);
            });
        let [parent] = ops.parents;
        give!(grads, parent, matrix_of(dx, x.dim(0)));
    }
}

#[derive(Debug)]
struct BlockStep(Dropout);

impl Backward<Flex, 7> for BlockStep {
    /// Input, inner pre-activation, weights.
    type State = (FlexTensor, FlexTensor, [FlexTensor; 6]);

    fn backward(self, ops: Ops<Self::State, 7>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = Flat::new(grads.consume::<Flex>(&ops.node));
        let (x, inner, weights) = ops.state;
        let (x, inner, weights) = (Flat::new(x), Flat::new(inner), weights.map(Flat::new));
        let [for_x, for_weights @ ..] = ops.parents;
        let (n_rows, with_weights) = (x.dim(0), for_weights.iter().any(Option::is_some));
        let (dx, dw) = block::backward(
            x.slice(),
            inner.slice(),
            dy.slice(),
            block_weights(&weights),
            self.0,
            with_weights,
        );
        give!(grads, for_x, matrix_of(dx, n_rows));
        if let Some(g) = dw {
            let (d, m) = (g.gain.len(), g.b1.len());
            let rows = [1, 1, d, 1, m, 1];
            let gradients = [g.gain, g.shift, g.w1, g.b1, g.w2, g.b2];
            for ((parent, gradient), rows) in for_weights.into_iter().zip(gradients).zip(rows) {
                give!(grads, parent, matrix_of(gradient, rows));
            }
        }
    }
}

#[derive(Debug)]
struct NormStep;

impl Backward<Flex, 3> for NormStep {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = Flat::new(grads.consume::<Flex>(&ops.node));
        let (x, gain) = (Flat::new(ops.state.0), Flat::new(ops.state.1));
        let d = gain.slice().len();
        let mut dx = vec![0.0; x.slice().len()];
        let parts: Vec<(Vec<f32>, Vec<f32>)> = dx
            .par_chunks_mut(ROW_BLOCK * d)
            .zip(x.slice().par_chunks(ROW_BLOCK * d).zip(dy.slice().par_chunks(ROW_BLOCK * d)))
            .map(|(dx, (x, dy))| {
                let (mut dgain, mut dshift) = (vec![0.0; d], vec![0.0; d]);
                elementwise::normalise_backward(x, gain.slice(), dy, dx, &mut dgain, &mut dshift);
                (dgain, dshift)
            })
            .collect();
        let (mut dgain, mut dshift) = (vec![0.0; d], vec![0.0; d]);
        for (g, s) in &parts {
            elementwise::add(&mut dgain, g);
            elementwise::add(&mut dshift, s);
        }
        let [for_x, for_gain, for_shift] = ops.parents;
        give!(grads, for_x, matrix_of(dx, x.dim(0)));
        give!(grads, for_gain, matrix_of(dgain, 1));
        give!(grads, for_shift, matrix_of(dshift, 1));
    }
}

#[derive(Debug)]
struct ColumnLossStep(Arc<Targets>);

impl Backward<Flex, 1> for ColumnLossStep {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dloss = Flat::new(grads.consume::<Flex>(&ops.node));
        let logits = Flat::new(ops.state);
        let dlogits = loss::backward(logits.slice(), &self.0, dloss.slice());
        let [parent] = ops.parents;
        give!(grads, parent, matrix_of(dlogits, logits.dim(0)));
    }
}

impl<C: CheckpointStrategy> Kernels for Autodiff<Flex, C> {
    fn k_lookup(
        piecewise: FloatTensor<Self>,
        code: FloatTensor<Self>,
        bag: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        special: FloatTensor<Self>,
        cells: Arc<Cells>,
        join: Join,
        trained: Option<TrainedRows>,
    ) -> FloatTensor<Self> {
        let inputs = [piecewise, code, bag, bias, special];
        let nodes = inputs.each_ref().map(|t| t.node());
        let [p, c, b, i, s] = inputs.map(|t| t.into_primitive());
        let run = |t: [FlexTensor; 5]| {
            let [p, c, b, i, s] = t;
            Flex::k_lookup(p, c, b, i, s, cells.clone(), join, None)
        };
        let step = LookupStep { cells: cells.clone(), join, trained };
        match step.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = [p, c, b, i, s];
                let out = run(state.clone());
                prep.finish((state, out.clone()), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(run([p, c, b, i, s])),
        }
    }

    fn k_linear(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        b: FloatTensor<Self>,
        trained: Option<TrainedRows>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), w.node(), b.node()];
        let (x, w, b) = (x.into_primitive(), w.into_primitive(), b.into_primitive());
        let adds_rows = b.layout().shape()[0] == x.layout().shape()[0];
        match (LinearStep { trained, adds_rows }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x.clone(), w.clone()), Flex::k_linear(x, w, b, None)),
            OpsKind::UnTracked(prep) => prep.finish(Flex::k_linear(x, w, b, None)),
        }
    }

    fn k_gelu(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = x.into_primitive();
        match GeluStep(dropout).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x.clone(), Flex::k_gelu(x, dropout)),
            OpsKind::UnTracked(prep) => prep.finish(Flex::k_gelu(x, dropout)),
        }
    }

    fn k_block(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        w1: FloatTensor<Self>,
        b1: FloatTensor<Self>,
        w2: FloatTensor<Self>,
        b2: FloatTensor<Self>,
        dropout: Dropout,
    ) -> FloatTensor<Self> {
        let inputs = [x, gain, shift, w1, b1, w2, b2];
        let nodes = inputs.each_ref().map(|t| t.node());
        let [x, weights @ ..] = inputs.map(|t| t.into_primitive());
        let run = |keep_inner| block_forward(x.clone(), &weights.clone().map(Flat::new), dropout, keep_inner);
        match BlockStep(dropout).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (y, inner) = run(true);
                prep.finish((x, inner, weights), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(run(false).0),
        }
    }

    fn k_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node(), gain.node(), shift.node()];
        let (x, gain, shift) = (x.into_primitive(), gain.into_primitive(), shift.into_primitive());
        match NormStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x.clone(), gain.clone()), Flex::k_norm(x, gain, shift)),
            OpsKind::UnTracked(prep) => prep.finish(Flex::k_norm(x, gain, shift)),
        }
    }

    fn k_column_loss(logits: FloatTensor<Self>, targets: Arc<Targets>) -> FloatTensor<Self> {
        let nodes = [logits.node()];
        let logits = logits.into_primitive();
        match ColumnLossStep(targets.clone()).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(logits.clone(), Flex::k_column_loss(logits, targets)),
            OpsKind::UnTracked(prep) => prep.finish(Flex::k_column_loss(logits, targets)),
        }
    }
}
