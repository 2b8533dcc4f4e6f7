//! The same operations composed of Burn's tensor operations, for devices other than the processor.
//!
//! Burn derives their gradients. Dropout masks are made from the same hashes on the processor, so that a
//! training differs from one there by rounding alone; on the processor's own backend they serve the tests
//! as a second opinion of the fused ones.

mod lookup;
mod loss;

use burn::prelude::{Bool, Device, Int, Tensor};
use burn::tensor::TensorData;
use burn::tensor::activation::sigmoid;

use super::adamw::{AdamStep, BETA_1, BETA_2, EPSILON};
use super::elementwise::{Dropout, GELU_CUBIC, GELU_SCALE, NORM_EPSILON};
use super::{BlockTensors, TrainedRows};

pub(super) use lookup::lookup;
pub(super) use loss::column_loss;

pub(super) fn linear(x: Tensor<2>, w: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    x.matmul(w) + b
}

pub(super) fn gelu(x: Tensor<2>, dropout: Dropout) -> Tensor<2> {
    let inner = (x.clone() * x.clone() * GELU_CUBIC + 1.0) * x.clone() * GELU_SCALE;
    dropped(x * sigmoid(inner), dropout)
}

pub(super) fn block(x: Tensor<2>, w: BlockTensors, dropout: Dropout) -> Tensor<2> {
    let inner = linear(norm(x.clone(), w.gain, w.shift), w.w1, w.b1);
    x + dropped(linear(gelu(inner, dropout), w.w2, w.b2), dropout.fork(1))
}

pub(super) fn norm(x: Tensor<2>, gain: Tensor<2>, shift: Tensor<2>) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    centred / (variance + NORM_EPSILON).sqrt() * gain + shift
}

pub(super) fn adamw(
    weights: Tensor<2>,
    gradient: Tensor<2>,
    moments: (Tensor<2>, Tensor<2>),
    step: AdamStep,
    trained: Option<&TrainedRows>,
) -> (Tensor<2>, (Tensor<2>, Tensor<2>)) {
    let (decay, correct_1, correct_2) = step.factors();
    let g = gradient * step.gradient_scale;
    let m = moments.0 * BETA_1 + g.clone() * (1.0 - BETA_1);
    let v = moments.1 * BETA_2 + g.clone() * g * (1.0 - BETA_2);
    let by = m.clone() * correct_1 / ((v.clone() * correct_2).sqrt() + EPSILON);
    let moved = weights.clone() * decay - by;
    let moved = match trained {
        None => moved,
        Some(trained) => weights.clone().mask_where(rows_mask(&weights, trained), moved),
    };
    (moved, (m, v))
}

/// A gradient with zeros in the rows that are held.
pub(super) fn gradient_of_rows(gradient: Tensor<2>, trained: &TrainedRows) -> Tensor<2> {
    let held = rows_mask(&gradient, trained).bool_not();
    gradient.mask_fill(held, 0.0)
}

/// All squares are added up on the device, so that one number has to be read.
pub(super) fn square_sum(gradients: Vec<Tensor<2>>) -> f64 {
    let sums = gradients.into_iter().map(|g| (g.clone() * g).sum()).collect();
    Tensor::cat(sums, 0).sum().into_scalar::<f32>().into()
}

/// Whether an entry of a matrix is in one of the rows that train.
fn rows_mask(like: &Tensor<2>, trained: &TrainedRows) -> Tensor<2, Bool> {
    let [n_rows, n_columns] = like.dims();
    let mut rows = vec![0.0f32; n_rows];
    trained.ranges().iter().for_each(|range| rows[range.clone()].fill(1.0));
    numbers(rows, [n_rows, 1], &like.device()).equal_elem(1.0).expand([n_rows, n_columns])
}

/// Drops entries as the fused operations do, by their place in the whole matrix.
fn dropped(x: Tensor<2>, dropout: Dropout) -> Tensor<2> {
    if dropout.is_off() {
        return x;
    }
    let [n_rows, n_columns] = x.dims();
    let factors = numbers(dropout.factors(n_rows * n_columns), [n_rows, n_columns], &x.device());
    x * factors
}

/// Numbers on a device, outside any graph.
fn numbers<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &device.clone().inner())
}

/// Places on a device.
fn places<const D: usize>(values: Vec<i32>, shape: [usize; D], device: &Device) -> Tensor<D, Int> {
    Tensor::from_ints(TensorData::new(values, shape), &device.clone().inner())
}

/// `x` along `dim` in the order of `order`, as it is where that is the order it has.
fn ordered<const D: usize>(x: Tensor<D>, dim: usize, order: Vec<usize>) -> Tensor<D> {
    if order.iter().copied().eq(0..x.dims()[dim]) {
        return x;
    }
    let device = x.device();
    let n = order.len();
    x.select(dim, places(order.into_iter().map(|i| i as i32).collect(), [n], &device))
}

#[cfg(test)]
mod tests;
