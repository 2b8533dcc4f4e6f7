//! One pre-norm residual block: `y = x + drop(gelu-drop(norm(x) W1 + b1) W2 + b2)`.

use rayon::prelude::*;

use super::elementwise::{Dropout, add, drop_entries, gelu, gelu_backward, normalise, normalise_backward};
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

/// The block's output and its inner pre-activation, which the backward pass needs.
///
/// # Shapes
/// - `x`, `y`: `[n_rows, d]`; `inner`: `[n_rows, d_inner]`
pub fn forward(x: &[f32], w: BlockWeights<'_>, dropout: Dropout, y: &mut [f32], inner: &mut [f32]) {
    let (d, m) = (w.d(), w.d_inner());
    y.par_chunks_mut(ROW_BLOCK * d)
        .zip(x.par_chunks(ROW_BLOCK * d))
        .zip(inner.par_chunks_mut(ROW_BLOCK * m))
        .enumerate()
        .for_each(|(i, ((y, x), u))| {
            let first_row = (i * ROW_BLOCK) as u32;
            let mut unit = vec![0.0; x.len()];
            normalise(x, w.gain, w.shift, &mut unit);
            block_product((&unit, d), w.w1, Some(w.b1), u, d, m);
            let mut h = vec![0.0; u.len()];
            gelu(u, &mut h, dropout, first_row * m as u32);
            block_product((&h, m), w.w2, Some(w.b2), y, m, d);
            drop_entries(y, dropout.fork(1), first_row * d as u32);
            add(y, x);
        });
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
    let (mut unit, mut du) = (vec![0.0; n_rows * d], vec![0.0; n_rows * m]);
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
                    normalise(x, w.gain, w.shift, unit);
                }
                let (mut dgain, mut dshift) = (vec![0.0; d], vec![0.0; d]);
                normalise_backward(x, w.gain, &dunit, dx, &mut dgain, &mut dshift);
                (dgain, dshift)
            })
            .collect();
    if !with_weights {
        return (dx, None);
    }
    let mut h = vec![0.0; n_rows * m];
    h.par_chunks_mut(ROW_BLOCK * m).zip(inner.par_chunks(ROW_BLOCK * m)).enumerate().for_each(
        |(i, (h, u))| {
            gelu(u, h, dropout, (i * ROW_BLOCK * m) as u32);
        },
    );
    let (mut gain, mut shift) = (vec![0.0; d], vec![0.0; d]);
    for (g, s) in &norms {
        add(&mut gain, g);
        add(&mut shift, s);
    }
    let gradients = BlockGradients {
        gain,
        shift,
        w1: transpose_product(&unit, &du, d, m, std::slice::from_ref(&(0..d))),
        b1: column_sums(&du, m),
        w2: transpose_product(&h, &dv, m, d, std::slice::from_ref(&(0..m))),
        b2: column_sums(&dv, d),
    };
    (dx, Some(gradients))
}
