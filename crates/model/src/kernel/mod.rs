//! Fused operations of the network, with hand-written gradients, as steps of Burn's autodiff.
//!
//! Burn keeps the graph; these five operations do nearly all of the arithmetic. Each is a plain
//! function over slices in its own file; `flex.rs` runs it on Burn's CPU backend and `graph.rs`
//! registers its backward step. On any other device the same operations are composed of Burn's
//! tensor operations (`composed/`, `docs/decisions/0017-gpu.md`).
//!
//! | operation | what |
//! |---|---|
//! | [`lookup`] | encoded cells to tokens, or to a linear model's output |
//! | [`linear`] | `x w + b` |
//! | [`block`] | one pre-norm residual block |
//! | [`norm`] | layer normalisation |
//! | [`column_loss`] | cross-entropy of all columns |

mod adamw;
mod block;
mod composed;
mod elementwise;
mod flex;
mod graph;
mod lookup;
mod loss;
mod matrix;
mod simd;
mod trained;

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::prelude::{Device, Tensor};

pub(crate) use adamw::AdamStep;
pub(crate) use elementwise::Dropout;
pub(crate) use lookup::{Cells, Join, Layout, MASKED, MISSING, PRESENT};
pub(crate) use loss::Targets;
pub(crate) use matrix::ROW_BLOCK;
pub(crate) use trained::TrainedRows;

/// The operations on backend primitives. Shapes are those of the files that implement them.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Kernels: Backend {
    #[allow(clippy::too_many_arguments)]
    fn k_lookup(
        piecewise: FloatTensor<Self>,
        code: FloatTensor<Self>,
        bag: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        special: FloatTensor<Self>,
        cells: Arc<Cells>,
        join: Join,
        trained: Option<TrainedRows>,
    ) -> FloatTensor<Self>;

    fn k_linear(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        b: FloatTensor<Self>,
        trained: Option<TrainedRows>,
    ) -> FloatTensor<Self>;

    fn k_gelu(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self>;

    #[allow(clippy::too_many_arguments)]
    fn k_block(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        w1: FloatTensor<Self>,
        b1: FloatTensor<Self>,
        w2: FloatTensor<Self>,
        b2: FloatTensor<Self>,
        dropout: Dropout,
    ) -> FloatTensor<Self>;

    fn k_norm(x: FloatTensor<Self>, gain: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self>;

    fn k_column_loss(logits: FloatTensor<Self>, targets: Arc<Targets>) -> FloatTensor<Self>;
}

/// The weight tables of one [`lookup`]; shapes as in `lookup.rs`.
pub(crate) struct LookupTables {
    pub piecewise: Tensor<2>,
    pub code: Tensor<2>,
    pub bag: Tensor<2>,
    pub bias: Tensor<2>,
    pub special: Tensor<2>,
}

/// The weights of one [`block`]; shapes as in `block.rs`, vectors as `[1, n]`.
pub(crate) struct BlockTensors {
    pub gain: Tensor<2>,
    pub shift: Tensor<2>,
    pub w1: Tensor<2>,
    pub b1: Tensor<2>,
    pub w2: Tensor<2>,
    pub b2: Tensor<2>,
}

/// Vectors of encoded cells. With `trained` only these parts get a gradient, and no work is done for
/// that of the others.
///
/// # Shapes
/// - returns: `[n_rows, n_parts * width]` tokens or `[n_rows, width]` sums, by `join`
pub(crate) fn lookup(
    tables: LookupTables,
    cells: Arc<Cells>,
    join: Join,
    trained: Option<TrainedRows>,
) -> Tensor<2> {
    if !is_on_processor(&tables.special) {
        return composed::lookup(tables, &cells, join);
    }
    Tensor::from_dispatch(Dispatch::k_lookup(
        tables.piecewise.into_dispatch(),
        tables.code.into_dispatch(),
        tables.bag.into_dispatch(),
        tables.bias.into_dispatch(),
        tables.special.into_dispatch(),
        cells,
        join,
        trained,
    ))
}

/// `x w + b`, in place of `b` where it has as many rows and is not shared. With `trained` only these rows
/// of `w`, and the columns of `x` that meet them, get a gradient, and no work is done for that of the
/// others.
///
/// # Shapes
/// - `x`: `[n_rows, k]`, `w`: `[k, n]`, `b`: `[1, n]` or `[n_rows, n]`, returns `[n_rows, n]`
pub(crate) fn linear(x: Tensor<2>, w: Tensor<2>, b: Tensor<2>, trained: Option<TrainedRows>) -> Tensor<2> {
    if !is_on_processor(&w) {
        return composed::linear(x, w, b);
    }
    let (x, w, b) = (x.into_dispatch(), w.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(Dispatch::k_linear(x, w, b, trained))
}

/// GELU, then dropout; any shape.
pub(crate) fn gelu(x: Tensor<2>, dropout: Dropout) -> Tensor<2> {
    if !is_on_processor(&x) {
        return composed::gelu(x, dropout);
    }
    Tensor::from_dispatch(Dispatch::k_gelu(x.into_dispatch(), dropout))
}

/// One residual block.
///
/// # Shapes
/// - `x`, returned: `[n_rows, d]`
pub(crate) fn block(x: Tensor<2>, w: BlockTensors, dropout: Dropout) -> Tensor<2> {
    if !is_on_processor(&x) {
        return composed::block(x, w, dropout);
    }
    Tensor::from_dispatch(Dispatch::k_block(
        x.into_dispatch(),
        w.gain.into_dispatch(),
        w.shift.into_dispatch(),
        w.w1.into_dispatch(),
        w.b1.into_dispatch(),
        w.w2.into_dispatch(),
        w.b2.into_dispatch(),
        dropout,
    ))
}

/// Layer normalisation of each row.
///
/// # Shapes
/// - `x`, returned: `[n_rows, d]`; `gain`, `shift`: `[1, d]`
pub(crate) fn norm(x: Tensor<2>, gain: Tensor<2>, shift: Tensor<2>) -> Tensor<2> {
    if !is_on_processor(&x) {
        return composed::norm(x, gain, shift);
    }
    Tensor::from_dispatch(Dispatch::k_norm(x.into_dispatch(), gain.into_dispatch(), shift.into_dispatch()))
}

/// Weighted loss of each column summed over rows, and the number of contained cells.
///
/// # Shapes
/// - `logits`: `[n_rows, n_logits]`, returns `[2, n_columns]`; only row 0 has a gradient
pub(crate) fn column_loss(logits: Tensor<2>, targets: Arc<Targets>) -> Tensor<2> {
    if !is_on_processor(&logits) {
        return composed::column_loss(logits, &targets);
    }
    Tensor::from_dispatch(Dispatch::k_column_loss(logits.into_dispatch(), targets))
}

/// One AdamW step on the trained rows of plain tensors; returns weights and both moments, updated in
/// place where the tensors are not shared.
pub(crate) fn adamw(
    weights: Tensor<2>,
    gradient: Tensor<2>,
    moments: (Tensor<2>, Tensor<2>),
    step: AdamStep,
    trained: Option<&TrainedRows>,
) -> (Tensor<2>, (Tensor<2>, Tensor<2>)) {
    match is_on_processor(&weights) {
        true => flex::adamw(weights, gradient, moments, step, trained),
        false => composed::adamw(weights, gradient, moments, step, trained),
    }
}

/// A matrix's gradient as a backward pass gives it, with zeros in the rows that are held. The fused
/// operations leave those out from the start.
pub(crate) fn gradient_of_rows(gradient: Tensor<2>, trained: &TrainedRows) -> Tensor<2> {
    match is_on_processor(&gradient) {
        true => gradient,
        false => composed::gradient_of_rows(gradient, trained),
    }
}

/// The sum of the squares of all gradients of one step.
pub(crate) fn square_sum(gradients: Vec<Tensor<2>>) -> f64 {
    match gradients.first().is_none_or(is_on_processor) {
        true => gradients.into_iter().map(flex::square_sum).sum(),
        false => composed::square_sum(gradients),
    }
}

/// Whether the fused operations may run. A build without a GPU backend knows nothing else.
fn is_on_processor(tensor: &Tensor<2>) -> bool {
    cfg!(not(feature = "wgpu")) || tensor.device() == Device::flex()
}
