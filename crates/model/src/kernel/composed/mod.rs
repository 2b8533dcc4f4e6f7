//! The same operations composed of Burn's tensor operations, for GPUs.
//!
//! Burn derives their gradients. Dropout masks are made from the same hashes on the processor, so that a
//! training differs from one there by rounding alone. On Burn's own backend for the processor they serve
//! the tests as a second opinion of the fused ones.

mod lookup;
mod loss;

use std::ops::Range;

use burn_tensor::activation::sigmoid;
use burn_tensor::{Bool, Device, Int, Tensor, TensorData};

use super::adamw::{AdamStep, BETA_1, BETA_2, EPSILON};
use super::elementwise::{Dropout, GELU_CUBIC, GELU_SCALE, NORM_EPSILON};
use super::scalar::LEAST_LENGTH;
use super::tensor::{Inputs, Tensor as Anywhere};
use super::trained::TrainedRows;
use crate::error::Result;

pub(super) use lookup::lookup;
pub(super) use loss::column_loss;

pub(super) fn linear(x: Tensor<2>, w: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    x.matmul(w) + b
}

pub(super) fn gelu(x: Tensor<2>, dropout: Dropout) -> Tensor<2> {
    let inner = (x.clone() * x.clone() * GELU_CUBIC + 1.0) * x.clone() * GELU_SCALE;
    dropped(x * sigmoid(inner), dropout)
}

/// Weights in the order of the fused one.
pub(super) fn block(x: Tensor<2>, weights: [Tensor<2>; 6], dropout: Dropout) -> Tensor<2> {
    let [gain, shift, w1, b1, w2, b2] = weights;
    let inner = linear(norm(x.clone(), gain, shift), w1, b1);
    x + dropped(linear(gelu(inner, dropout), w2, b2), dropout.fork(1))
}

pub(super) fn norm(x: Tensor<2>, gain: Tensor<2>, shift: Tensor<2>) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    centred / (variance + NORM_EPSILON).sqrt() * gain + shift
}

pub(super) fn columns(x: Tensor<2>, wanted: Range<usize>) -> Tensor<2> {
    let n_rows = x.dims()[0];
    x.slice([0..n_rows, wanted])
}

pub(super) fn with_columns(x: Tensor<2>, first: usize, new: Tensor<2>) -> Tensor<2> {
    let [n_rows, n] = new.dims();
    x.slice_assign([0..n_rows, first..first + n], new)
}

pub(super) fn side_by_side(left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
    Tensor::cat(vec![left, right], 1)
}

pub(super) fn add_at(sum: Tensor<2>, part: Tensor<2>, places: &[Range<usize>]) -> Tensor<2> {
    let (mut sum, mut taken) = (sum, 0);
    for place in places {
        let more = columns(part.clone(), taken..taken + place.len());
        let there = columns(sum.clone(), place.clone());
        sum = with_columns(sum, place.start, there + more);
        taken += place.len();
    }
    sum
}

pub(super) fn repeated(row: Tensor<2>, n_rows: usize) -> Tensor<2> {
    let n = row.dims()[1];
    row.expand([n_rows, n])
}

pub(super) fn scaled(x: Tensor<2>, scale: Tensor<2>, is_shared: bool) -> Tensor<2> {
    let ([n, d], [n_members, _]) = (x.dims(), scale.dims());
    let (n_given, n_rows) = if is_shared { (1, n) } else { (n_members, n / n_members) };
    let y = x.reshape([n_given, n_rows, d]) * scale.reshape([n_members, 1, d]);
    y.reshape([n_members * n_rows, d])
}

pub(super) fn member_products(x: Tensor<2>, w: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let ([all_rows, k], [n_members, n]) = (x.dims(), b.dims());
    let x = x.reshape([n_members, all_rows / n_members, k]);
    let y = x.matmul(w.reshape([n_members, k, n])) + b.reshape([n_members, 1, n]);
    y.reshape([all_rows, n])
}

pub(super) fn add_to_members(x: Tensor<2>, part: Tensor<2>) -> Tensor<2> {
    let ([all_rows, n], n_rows) = (x.dims(), part.dims()[0]);
    let sum = x.reshape([all_rows / n_rows, n_rows, n]) + part.reshape([1, n_rows, n]);
    sum.reshape([all_rows, n])
}

pub(super) fn total<const N: usize>(terms: [Tensor<2>; N], factors: [f32; N]) -> Tensor<2> {
    let terms = terms.into_iter().zip(factors).map(|(term, factor)| {
        let n = term.dims()[1];
        term.slice([0..1, 0..n]).sum_dim(1) * factor
    });
    Tensor::cat(terms.collect(), 1).sum_dim(1)
}

pub(super) fn squared_error(x: Tensor<2>, wanted: Vec<f32>, weights: Vec<f32>) -> Tensor<2> {
    let (shape, device) = (x.dims(), x.device());
    let error = x - numbers(wanted, shape, &device);
    (error.clone() * error * numbers(weights, shape, &device)).sum().reshape([1, 1])
}

pub(super) fn cosine_distance(x: Tensor<2>, others: Tensor<2>) -> Tensor<2> {
    let others = others.inner();
    let length = |x: Tensor<2>| (x.clone() * x).sum_dim(1).sqrt().clamp_min(LEAST_LENGTH);
    let cosine = (x.clone() * others.clone()).sum_dim(1) / (length(x) * length(others));
    (cosine * -1.0 + 1.0).mean().reshape([1, 1])
}

/// As [`super::adamw`]; the weights become a new leaf.
pub(super) fn adamw(
    weights: &mut Anywhere,
    gradient: Anywhere,
    moments: &mut [Anywhere; 2],
    step: AdamStep,
    trained: Option<&TrainedRows>,
) {
    let [first, second] = moments.clone();
    let Inputs::There([old, gradient, first, second]) =
        Inputs::together([weights.clone().detached(), gradient, first, second])
    else {
        return;
    };
    let (decay, correct_1, correct_2) = step.factors();
    let g = gradient.inner() * step.gradient_scale;
    let m = first * BETA_1 + g.clone() * (1.0 - BETA_1);
    let v = second * BETA_2 + g.clone() * g * (1.0 - BETA_2);
    let by = m.clone() * correct_1 / ((v.clone() * correct_2).sqrt() + EPSILON);
    let moved = old.clone() * decay - by;
    let moved = match trained {
        None => moved,
        Some(trained) => old.clone().mask_where(rows_mask(&old, trained), moved),
    };
    *weights = Anywhere::from(moved).into_leaf();
    *moments = [m.into(), v.into()];
}

/// A gradient with zeros in the rows that are held.
pub(super) fn gradient_of_rows(gradient: Tensor<2>, trained: &TrainedRows) -> Tensor<2> {
    let held = rows_mask(&gradient, trained).bool_not();
    gradient.mask_fill(held, 0.0)
}

/// All squares are added up on the device, so that one number has to be read.
///
/// # Errors
/// As [`Anywhere::read`].
pub(super) fn square_sum(gradients: Vec<Tensor<2>>) -> Result<f64> {
    let sums = gradients.into_iter().map(|g| (g.clone() * g).sum()).collect();
    let sum = Tensor::cat(sums, 0).sum().reshape([1, 1]);
    Ok(Anywhere::from(sum).read()?.into_iter().map(f64::from).sum())
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
