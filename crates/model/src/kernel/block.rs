//! One pre-norm residual block: `y = x + drop(gelu-drop(norm(x) W1 + b1) W2 + b2)`.

use rayon::prelude::*;

use super::elementwise::{
    Dropout, add, add_residual, drop_entries, gelu, gelu_backward, normalise, normalise_backward,
};
use super::matrix::{ROW_BLOCK, block_product, block_product_by_transpose, column_sums, transpose_product};

/// The weights of one block, borrowed.
///
/// # Shapes
/// - `gain`, `shift`, `b2`: `[d]`; `w1`: `[d, d_inner]`; `b1`: `[d_inner]`; `w2`: `[d_inner, d]`
#[derive(Clone, Copy)]
pub struct BlockWeights<'a> {
    pub gain: &'a [f32],
    pub shift: &'a [f32],
    pub w1: &'a [f32],
    pub b1: &'a [f32],
    pub w2: &'a [f32],
    pub b2: &'a [f32],
}

/// Gradients in the order of [`BlockWeights`].
pub struct BlockGradients {
    pub gain: Vec<f32>,
    pub shift: Vec<f32>,
    pub w1: Vec<f32>,
    pub b1: Vec<f32>,
    pub w2: Vec<f32>,
    pub b2: Vec<f32>,
}

impl BlockWeights<'_> {
    fn d(&self) -> usize {
        self.gain.len()
    }

    fn d_inner(&self) -> usize {
        self.b1.len()
    }
}

/// The block's output, and its inner pre-activation if the backward pass needs it.
///
/// # Shapes
/// - `x`, returned output: `[n_rows, d]`; returned pre-activation: `[n_rows, d_inner]`, empty without
///   `keep_inner`
pub fn forward(x: &[f32], w: BlockWeights<'_>, dropout: Dropout, keep_inner: bool) -> (Vec<f32>, Vec<f32>) {
    let (d, m) = (w.d(), w.d_inner());
    let mut y = x.to_vec();
    let mut inner = vec![0.0; if keep_inner { x.len() / d * m } else { 0 }];
    let blocks = y.par_chunks_mut(ROW_BLOCK * d).zip(x.par_chunks(ROW_BLOCK * d)).enumerate();
    if keep_inner {
        blocks
            .zip(inner.par_chunks_mut(ROW_BLOCK * m))
            .for_each(|((i, (y, x)), inner)| forward_rows(i * ROW_BLOCK, x, w, dropout, y, Some(inner)));
    } else {
        blocks.for_each(|(i, (y, x))| forward_rows(i * ROW_BLOCK, x, w, dropout, y, None));
    }
    (y, inner)
}

/// [`forward`] of some rows; `y` holds a copy of `x` before and the output after.
fn forward_rows(
    first_row: usize,
    x: &[f32],
    w: BlockWeights<'_>,
    dropout: Dropout,
    y: &mut [f32],
    inner: Option<&mut [f32]>,
) {
    let (d, m) = (w.d(), w.d_inner());
    normalise(y, w.gain, w.shift);
    let mut h = w.b1.repeat(x.len() / d);
    block_product(y, w.w1, &mut h, true, d, m);
    if let Some(inner) = inner {
        inner.copy_from_slice(&h);
    }
    gelu(&mut h, dropout, (first_row * m) as u32);
    block_product(&h, w.w2, y, false, m, d);
    add_residual(y, x, w.b2, dropout.fork(1), (first_row * d) as u32);
}

/// Gradients of [`forward`]: of `x` always, of the weights if `with_weights`.
///
/// # Shapes
/// - `x`, `dy`, returned `dx`: `[n_rows, d]`; `inner`: `[n_rows, d_inner]`
pub fn backward(
    x: &[f32],
    inner: &[f32],
    dy: &[f32],
    w: BlockWeights<'_>,
    dropout: Dropout,
    with_weights: bool,
) -> (Vec<f32>, Option<BlockGradients>) {
    let (d, m) = (w.d(), w.d_inner());
    let n_rows = x.len() / d;
    let mut dx = dy.to_vec();
    let mut dv = dy.to_vec();
    let (mut unit, mut du) = (x.to_vec(), vec![0.0; n_rows * m]);
    let norms: Vec<(Vec<f32>, Vec<f32>)> =
        (dx.par_chunks_mut(ROW_BLOCK * d), dv.par_chunks_mut(ROW_BLOCK * d))
            .into_par_iter()
            .zip((unit.par_chunks_mut(ROW_BLOCK * d), du.par_chunks_mut(ROW_BLOCK * m)))
            .zip((x.par_chunks(ROW_BLOCK * d), inner.par_chunks(ROW_BLOCK * m)))
            .enumerate()
            .map(|(i, (((dx, dv), (unit, du)), (x, u)))| {
                let first_row = (i * ROW_BLOCK) as u32;
                drop_entries(dv, dropout.fork(1), first_row * d as u32);
                let mut dh = vec![0.0; u.len()];
                block_product_by_transpose(dv, w.w2, &mut dh, m, d);
                gelu_backward(u, &dh, du, dropout, first_row * m as u32);
                let mut dunit = vec![0.0; x.len()];
                block_product_by_transpose(du, w.w1, &mut dunit, d, m);
                if with_weights {
                    normalise(unit, w.gain, w.shift);
                }
                let (mut dgain, mut dshift) = (vec![0.0; d], vec![0.0; d]);
                normalise_backward(x, w.gain, &dunit, dx, &mut dgain, &mut dshift);
                (dgain, dshift)
            })
            .collect();
    if !with_weights {
        return (dx, None);
    }
    let mut h = inner.to_vec();
    h.par_chunks_mut(ROW_BLOCK * m)
        .enumerate()
        .for_each(|(i, h)| gelu(h, dropout, (i * ROW_BLOCK * m) as u32));
    let (mut gain, mut shift) = (vec![0.0; d], vec![0.0; d]);
    for (g, s) in &norms {
        add(&mut gain, g);
        add(&mut shift, s);
    }
    let gradients = BlockGradients {
        gain,
        shift,
        w1: transpose_product((&unit, d), &du, d, m, std::slice::from_ref(&(0..d))),
        b1: column_sums(&du, m),
        w2: transpose_product((&h, m), &dv, m, d, std::slice::from_ref(&(0..m))),
        b2: column_sums(&dv, d),
    };
    (dx, Some(gradients))
}
