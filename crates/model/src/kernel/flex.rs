//! The operations on Burn's CPU backend: tensors in, slices through, tensors out.

use std::sync::Arc;

use burn::backend::Flex;
use burn::prelude::{Shape, Tensor};
use burn_flex::{FlexTensor, Layout as FlexLayout};

use super::adamw::{self, AdamStep};
use super::block::{self, BlockWeights};
use super::elementwise::{self, Dropout};
use super::lookup::{self, Cells, Join, Tables};
use super::loss::{self, Targets};
use super::matrix::{self, ROW_BLOCK};
use super::{Kernels, TrainedRows};

use rayon::prelude::*;

impl Kernels for Flex {
    fn k_lookup(
        piecewise: FlexTensor,
        code: FlexTensor,
        bag: FlexTensor,
        bias: FlexTensor,
        special: FlexTensor,
        cells: Arc<Cells>,
        join: Join,
        _: Option<TrainedRows>,
    ) -> FlexTensor {
        let tensors = [piecewise, code, bag, bias, special].map(Flat::new);
        let out = lookup::forward(&cells, tables(&tensors), join);
        matrix_of(out, cells.n_rows)
    }

    fn k_linear(x: FlexTensor, w: FlexTensor, b: FlexTensor, _: Option<TrainedRows>) -> FlexTensor {
        let (x, w) = (Rows::new(x), Flat::new(w));
        let (n_rows, k, n) = (x.0.dim(0), w.dim(0), w.dim(1));
        let mut y = match b.layout().shape()[0] == n_rows {
            true => numbers(b),
            false => Flat::new(b).slice().repeat(n_rows),
        };
        matrix::add_product(x.slice_and_stride(), w.slice(), &mut y, k, n);
        matrix_of(y, n_rows)
    }

    fn k_gelu(x: FlexTensor, dropout: Dropout) -> FlexTensor {
        let n_rows = x.layout().shape()[0];
        let mut y = numbers(x);
        y.par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(i, y)| elementwise::gelu(y, dropout, (i * CHUNK) as u32));
        matrix_of(y, n_rows)
    }

    fn k_block(
        x: FlexTensor,
        gain: FlexTensor,
        shift: FlexTensor,
        w1: FlexTensor,
        b1: FlexTensor,
        w2: FlexTensor,
        b2: FlexTensor,
        dropout: Dropout,
    ) -> FlexTensor {
        block_forward(x, &[gain, shift, w1, b1, w2, b2].map(Flat::new), dropout, false).0
    }

    fn k_norm(x: FlexTensor, gain: FlexTensor, shift: FlexTensor) -> FlexTensor {
        let (n_rows, gain, shift) = (x.layout().shape()[0], Flat::new(gain), Flat::new(shift));
        let mut y = numbers(x);
        y.par_chunks_mut(ROW_BLOCK * gain.slice().len())
            .for_each(|y| elementwise::normalise(y, gain.slice(), shift.slice()));
        matrix_of(y, n_rows)
    }

    fn k_column_loss(logits: FlexTensor, targets: Arc<Targets>) -> FlexTensor {
        matrix_of(loss::forward(Flat::new(logits).slice(), &targets), 2)
    }
}

/// Numbers that one task of an element-wise operation handles.
pub(super) const CHUNK: usize = 1 << 13;

/// A contiguous f32 tensor that lends its numbers.
pub(super) struct Flat(FlexTensor);

impl Flat {
    pub(super) fn new(tensor: FlexTensor) -> Self {
        let plain = tensor.is_contiguous() && tensor.layout().start_offset() == 0;
        Flat(if plain { tensor } else { tensor.to_contiguous() })
    }

    pub(super) fn slice(&self) -> &[f32] {
        self.0.as_slice::<f32>().unwrap_or(&[])
    }

    pub(super) fn into_tensor(self) -> FlexTensor {
        self.0
    }

    pub(super) fn dim(&self, axis: usize) -> usize {
        self.0.layout().shape()[axis]
    }
}

/// A matrix of f32 whose rows are contiguous but may stand apart: the first columns of a wider one are
/// lent without a copy.
struct Rows(Flat);

impl Rows {
    fn new(tensor: FlexTensor) -> Self {
        let layout = tensor.layout();
        let starts_rows = layout.start_offset() == 0
            && matches!(layout.strides(), [row, 1] if *row >= layout.shape()[1] as isize);
        Rows(if starts_rows { Flat(tensor) } else { Flat::new(tensor) })
    }

    /// The numbers, and how far apart rows begin.
    fn slice_and_stride(&self) -> (&[f32], usize) {
        let layout = self.0.0.layout();
        let (shape, stride) = (layout.shape(), layout.strides()[0] as usize);
        let n_used = (shape[0] * stride).saturating_sub(stride - shape[1]);
        (&self.0.0.storage::<f32>()[..n_used], stride)
    }
}

/// A matrix tensor around row-major numbers.
pub(super) fn matrix_of(values: Vec<f32>, n_rows: usize) -> FlexTensor {
    let n_columns = values.len() / n_rows.max(1);
    FlexTensor::new(
        burn::tensor::Bytes::from_elems(values),
        FlexLayout::contiguous(Shape::from(vec![n_rows, n_columns])),
        burn::tensor::DType::F32,
    )
}

pub(super) fn tables(tensors: &[Flat; 5]) -> Tables<'_> {
    let [piecewise, code, bag, bias, special] = tensors;
    Tables {
        piecewise: piecewise.slice(),
        code: code.slice(),
        bag: bag.slice(),
        bias: bias.slice(),
        special: special.slice(),
        width: special.dim(1),
    }
}

pub(super) fn block_weights(tensors: &[Flat; 6]) -> BlockWeights<'_> {
    let [gain, shift, w1, b1, w2, b2] = tensors.each_ref().map(Flat::slice);
    BlockWeights { gain, shift, w1, b1, w2, b2 }
}

/// The block's output, and its inner pre-activation, empty unless it is to be kept.
pub(super) fn block_forward(
    x: FlexTensor,
    w: &[Flat; 6],
    dropout: Dropout,
    keep_inner: bool,
) -> (FlexTensor, FlexTensor) {
    let x = Flat::new(x);
    let n_rows = x.dim(0);
    let (y, inner) = block::forward(x.slice(), block_weights(w), dropout, keep_inner);
    (matrix_of(y, n_rows), matrix_of(inner, n_rows))
}

pub(super) fn adamw(
    weights: Tensor<2>,
    gradient: Tensor<2>,
    moments: (Tensor<2>, Tensor<2>),
    step: AdamStep,
    trained: Option<&TrainedRows>,
) -> (Tensor<2>, (Tensor<2>, Tensor<2>)) {
    let shape = weights.dims();
    let all = TrainedRows::all(shape[0]);
    let device = weights.device();
    let [mut w, g, mut m, mut v] = [weights, gradient, moments.0, moments.1].map(into_vec);
    for rows in trained.unwrap_or(&all).ranges() {
        let range = rows.start * shape[1]..rows.end * shape[1];
        let [w, m, v] = [&mut w, &mut m, &mut v].map(|x| &mut x[range.clone()]);
        adamw::update(w, &g[range.clone()], m, v, step);
    }
    let [w, m, v] =
        [w, m, v].map(|x| Tensor::<2>::from_data(burn::tensor::TensorData::new(x, shape), &device));
    (w, (m, v))
}

/// The sum of a gradient's squares.
pub(super) fn square_sum(gradient: Tensor<2>) -> f64 {
    let data = gradient.into_data();
    let Ok(values) = data.as_slice::<f32>() else { return f64::NAN };
    // Sixteen running sums let the compiler vectorise; their order is fixed.
    let mut lanes = [0.0f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|v| v * v).sum();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v * v;
        }
    }
    f64::from(lanes.iter().sum::<f32>() + rest)
}

/// The numbers of a plain tensor; without a copy where it is not shared.
pub(crate) fn into_vec(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().unwrap_or_default()
}

/// [`into_vec`] of a tensor of this backend.
fn numbers(tensor: FlexTensor) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().unwrap_or_default()
}
