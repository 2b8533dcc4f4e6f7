//! The operations of the network on the tape: each forward pass leaves one way back behind.

use std::sync::Arc;

use rayon::prelude::*;

use super::block::{self, BlockWeights};
use super::elementwise::{self, Dropout};
use super::lookup::{self, Cells, Join, Tables};
use super::loss::{self, ColumnTargets};
use super::matrix::{self, ROW_BLOCK};
use super::trained::TrainedRows;
use crate::tape::{Matrix, Parents, Variable};

/// Numbers that one task of an element-wise operation handles.
const CHUNK: usize = 1 << 13;

/// As [`super::lookup()`]; tables in the order of [`Tables`].
pub(super) fn lookup(
    tables: [Variable; 5],
    cells: Arc<Cells>,
    join: Join,
    trained: Option<TrainedRows>,
) -> Variable {
    let parents = Parents::of(tables.each_ref());
    let tables = tables.map(Variable::into_value);
    let out = with_tables(&tables, |tables| lookup::forward(&cells, tables, join));
    let out = Matrix::new(out, [cells.n_rows, lookup::row_width(&cells.layout, tables[4].shape()[1], join)]);
    let kept = parents.want_any().then(|| out.clone());
    Variable::recorded(out, parents, move |dout, to, flow| {
        let Some(out) = kept else { return };
        let g = with_tables(&tables, |tables| {
            lookup::backward(&cells, tables, join, &out.flat(), &dout.flat(), trained.as_ref())
        });
        let gradients = [g.piecewise, g.code, g.bag, g.bias, g.special];
        for ((to, gradient), table) in to.iter().zip(gradients).zip(&tables) {
            flow.give(to, || Matrix::new(gradient, table.shape()));
        }
    })
}

fn with_tables<R>(tables: &[Matrix; 5], work: impl FnOnce(Tables<'_>) -> R) -> R {
    let [piecewise, code, bag, bias, special] = tables.each_ref().map(Matrix::flat);
    let width = tables[4].shape()[1];
    work(Tables { piecewise: &piecewise, code: &code, bag: &bag, bias: &bias, special: &special, width })
}

/// As [`super::linear`].
pub(super) fn linear(x: Variable, w: Variable, b: Variable, trained: Option<TrainedRows>) -> Variable {
    let parents = Parents::of([&x, &w, &b]);
    let (x, w, b) = (x.into_value(), w.into_value(), b.into_value());
    let ([n_rows, k], n) = (x.shape(), w.shape()[1]);
    // A row of its own is added to each row, or one bias to all.
    let adds_rows = b.shape()[0] == n_rows;
    let mut y = match adds_rows {
        true => b.into_numbers(),
        false => b.flat().repeat(n_rows),
    };
    matrix::add_product(x.rows(), &w.flat(), &mut y, k, n);
    Variable::recorded(Matrix::new(y, [n_rows, n]), parents, move |dy, [for_x, for_w, for_b], flow| {
        let trained = trained.unwrap_or_else(|| TrainedRows::all(k));
        let numbers = dy.flat();
        flow.give(&for_x, || {
            let mut dx = vec![0.0; n_rows * k];
            matrix::product_by_transpose(&numbers, &w.flat(), &mut dx, k, n, trained.ranges());
            Matrix::new(dx, [n_rows, k])
        });
        flow.give(&for_w, || {
            Matrix::new(matrix::transpose_product(x.rows(), &numbers, k, n, trained.ranges()), [k, n])
        });
        flow.give(&for_b, || match adds_rows {
            true => dy.clone(),
            false => Matrix::new(matrix::column_sums(&numbers, n), [1, n]),
        });
    })
}

/// As [`super::gelu`].
pub(super) fn gelu(x: Variable, dropout: Dropout) -> Variable {
    let parents = Parents::of([&x]);
    let mut y = x.into_value();
    let kept = parents.want_any().then(|| y.clone());
    y.numbers_mut()
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(i, y)| elementwise::gelu(y, dropout, (i * CHUNK) as u32));
    Variable::recorded(y, parents, move |dy, [for_x], flow| {
        let Some(x) = kept else { return };
        flow.give(&for_x, || {
            let (x_flat, dy) = (x.flat(), dy.flat());
            let mut dx = vec![0.0; x_flat.len()];
            dx.par_chunks_mut(CHUNK)
                .zip(x_flat.par_chunks(CHUNK).zip(dy.par_chunks(CHUNK)))
                .enumerate()
                .for_each(|(i, (dx, (x, dy)))| {
                    elementwise::gelu_backward(x, dy, dx, dropout, (i * CHUNK) as u32);
                });
            Matrix::new(dx, x.shape())
        });
    })
}

/// As [`super::block()`]; weights in the order of [`BlockWeights`].
pub(super) fn block(x: Variable, weights: [Variable; 6], dropout: Dropout) -> Variable {
    let [gain, shift, w1, b1, w2, b2] = &weights;
    let parents = Parents::of([&x, gain, shift, w1, b1, w2, b2]);
    let (x, weights) = (x.into_value(), weights.map(Variable::into_value));
    let shape = x.shape();
    let (y, inner) = with_weights(&weights, |w| block::forward(&x.flat(), w, dropout, parents.want_any()));
    Variable::recorded(Matrix::new(y, shape), parents, move |dy, [for_x, for_weights @ ..], flow| {
        let wants_weights = for_weights.iter().any(Option::is_some);
        let (dx, dw) = with_weights(&weights, |w| {
            block::backward(&x.flat(), &inner, &dy.flat(), w, dropout, wants_weights)
        });
        flow.give(&for_x, || Matrix::new(dx, shape));
        if let Some(g) = dw {
            let gradients = [g.gain, g.shift, g.w1, g.b1, g.w2, g.b2];
            for ((to, gradient), weights) in for_weights.iter().zip(gradients).zip(&weights) {
                flow.give(to, || Matrix::new(gradient, weights.shape()));
            }
        }
    })
}

fn with_weights<R>(weights: &[Matrix; 6], work: impl FnOnce(BlockWeights<'_>) -> R) -> R {
    let [gain, shift, w1, b1, w2, b2] = weights.each_ref().map(Matrix::flat);
    work(BlockWeights { gain: &gain, shift: &shift, w1: &w1, b1: &b1, w2: &w2, b2: &b2 })
}

/// As [`super::norm`].
pub(super) fn norm(x: Variable, gain: Variable, shift: Variable) -> Variable {
    let parents = Parents::of([&x, &gain, &shift]);
    let (mut y, gain, shift) = (x.into_value(), gain.into_value(), shift.into_value());
    let (shape, d) = (y.shape(), gain.shape()[1]);
    let kept = parents.want_any().then(|| y.clone());
    let (g, s) = (gain.flat(), shift.flat());
    y.numbers_mut().par_chunks_mut(ROW_BLOCK * d).for_each(|y| elementwise::normalise(y, &g, &s));
    let gain = gain.clone();
    Variable::recorded(y, parents, move |dy, [for_x, for_gain, for_shift], flow| {
        let Some(x) = kept else { return };
        let (x, dy, gain) = (x.flat(), dy.flat(), gain.flat());
        let mut dx = vec![0.0; x.len()];
        let parts: Vec<(Vec<f32>, Vec<f32>)> = dx
            .par_chunks_mut(ROW_BLOCK * d)
            .zip(x.par_chunks(ROW_BLOCK * d).zip(dy.par_chunks(ROW_BLOCK * d)))
            .map(|(dx, (x, dy))| {
                let (mut dgain, mut dshift) = (vec![0.0; d], vec![0.0; d]);
                elementwise::normalise_backward(x, &gain, dy, dx, &mut dgain, &mut dshift);
                (dgain, dshift)
            })
            .collect();
        let (mut dgain, mut dshift) = (vec![0.0; d], vec![0.0; d]);
        for (g, s) in &parts {
            elementwise::add(&mut dgain, g);
            elementwise::add(&mut dshift, s);
        }
        flow.give(&for_x, || Matrix::new(dx, shape));
        flow.give(&for_gain, || Matrix::new(dgain, [1, d]));
        flow.give(&for_shift, || Matrix::new(dshift, [1, d]));
    })
}

/// As [`super::column_loss`].
pub(super) fn column_loss(logits: Variable, targets: Arc<ColumnTargets>) -> Variable {
    let parents = Parents::of([&logits]);
    let logits = logits.into_value();
    let n_columns = targets.scale.len();
    let losses = Matrix::new(loss::forward(&logits.flat(), &targets), [2, n_columns]);
    Variable::recorded(losses, parents, move |dloss, [for_logits], flow| {
        flow.give(&for_logits, || {
            let dlogits = loss::backward(&logits.flat(), &targets, &dloss.flat()[..n_columns]);
            Matrix::new(dlogits, logits.shape())
        });
    })
}
