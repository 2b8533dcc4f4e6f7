//! Members of a predictor's head that share a layer (`predictor/head.rs`): matrices of
//! `n_members * n_rows` rows, member by member.

use rayon::prelude::*;

use super::elementwise::{self, Dropout, add};
use super::matrix::{block_product, block_product_by_transpose, column_sums, transpose_product};
use crate::tape::{Matrix, Parents, Variable};

/// As [`super::scaled`].
pub(super) fn scaled(x: Variable, scale: Variable, is_shared: bool) -> Variable {
    let parents = Parents::of([&x, &scale]);
    let (x, scale) = (x.into_value(), scale.into_value());
    let (shape, [n_members, d]) = (x.shape(), scale.shape());
    let n_rows = if is_shared { shape[0] } else { shape[0] / n_members };
    // A shared x is every member's.
    let of_member =
        move |m: usize| if is_shared { 0..n_rows * d } else { m * n_rows * d..(m + 1) * n_rows * d };
    let mut y = vec![0.0; n_members * n_rows * d];
    {
        let (x, scale) = (x.flat(), scale.flat());
        members_mut(&mut y, n_members).zip(scale.par_chunks(d)).enumerate().for_each(|(m, (y, scale))| {
            y.copy_from_slice(&x[of_member(m)]);
            times_row(y, scale);
        });
    }
    let y = Matrix::new(y, [n_members * n_rows, d]);
    Variable::recorded(y, parents, move |dy, [for_x, for_scale], flow| {
        let (x, scale, dy) = (x.flat(), scale.flat(), dy.flat());
        flow.give(&for_scale, || {
            let mut dscale = vec![0.0; n_members * d];
            dscale.par_chunks_mut(d).zip(dy.par_chunks(n_rows * d)).enumerate().for_each(
                |(m, (dscale, dy))| {
                    for (dy, x) in dy.chunks_exact(d).zip(x[of_member(m)].chunks_exact(d)) {
                        dscale.iter_mut().zip(dy.iter().zip(x)).for_each(|(s, (dy, x))| *s += dy * x);
                    }
                },
            );
            Matrix::new(dscale, [n_members, d])
        });
        flow.give(&for_x, || {
            let mut dx = dy.to_vec();
            members_mut(&mut dx, n_members).zip(scale.par_chunks(d)).for_each(|(dx, s)| times_row(dx, s));
            Matrix::new(if is_shared { sum_of_members(&dx, n_members) } else { dx }, shape)
        });
    })
}

/// As [`super::member_products`].
pub(super) fn member_products(x: Variable, w: Variable, b: Variable) -> Variable {
    let parents = Parents::of([&x, &w, &b]);
    let (x, w, b) = (x.into_value(), w.into_value(), b.into_value());
    let ([all_rows, k], [n_members, n]) = (x.shape(), b.shape());
    let n_rows = all_rows / n_members;
    let mut y = vec![0.0; all_rows * n];
    {
        let (x, w, b) = (x.flat(), w.flat(), b.flat());
        let inputs = x.par_chunks(n_rows * k).zip(w.par_chunks(k * n).zip(b.par_chunks(n)));
        members_mut(&mut y, n_members).zip(inputs).for_each(|(y, (x, (w, b)))| {
            block_product(x, w, y, false, k, n);
            y.chunks_exact_mut(n).for_each(|y| add(y, b));
        });
    }
    Variable::recorded(Matrix::new(y, [all_rows, n]), parents, move |dy, [for_x, for_w, for_b], flow| {
        let (x, w, dy) = (x.flat(), w.flat(), dy.flat());
        let of_members = || dy.par_chunks(n_rows * n);
        flow.give(&for_x, || {
            let mut dx = vec![0.0; all_rows * k];
            let pairs = of_members().zip(w.par_chunks(k * n));
            members_mut(&mut dx, n_members)
                .zip(pairs)
                .for_each(|(dx, (dy, w))| block_product_by_transpose(dy, w, dx, k, n));
            Matrix::new(dx, [all_rows, k])
        });
        flow.give(&for_w, || {
            let pairs = of_members().zip(x.par_chunks(n_rows * k));
            let whole = 0..k;
            let whole = std::slice::from_ref(&whole);
            let dw = pairs.map(|(dy, x)| transpose_product((x, k), dy, k, n, whole));
            Matrix::new(dw.collect::<Vec<_>>().concat(), [n_members * k, n])
        });
        flow.give(&for_b, || {
            let db = of_members().map(|dy| column_sums(dy, n)).collect::<Vec<_>>();
            Matrix::new(db.concat(), [n_members, n])
        });
    })
}

/// As [`super::add_to_members`].
pub(super) fn add_to_members(x: Variable, part: Variable) -> Variable {
    let parents = Parents::of([&x, &part]);
    let (mut y, part) = (x.into_value(), part.into_value());
    let (shape, n_members) = (part.shape(), y.shape()[0] / part.shape()[0].max(1));
    {
        let part = part.flat();
        y.numbers_mut().chunks_exact_mut(part.len().max(1)).for_each(|y| add(y, &part));
    }
    Variable::recorded(y, parents, move |dy, [for_x, for_part], flow| {
        flow.give(&for_part, || Matrix::new(sum_of_members(&dy.flat(), n_members), shape));
        flow.give(&for_x, || dy);
    })
}

/// The weights of a head's members, borrowed.
///
/// # Shapes
/// - `scale_in`: `[n_members, d]`, `w1`: `[d, d_hidden]`, `b1`: `[1, d_hidden]`, `scale_out`:
///   `[n_members, d_hidden]`, `w2`: `[n_members * d_hidden, n_outputs]`, `b2`: `[n_members, n_outputs]`
#[derive(Clone, Copy)]
pub(crate) struct MemberWeights<'a> {
    pub scale_in: &'a [f32],
    pub w1: &'a [f32],
    pub b1: &'a [f32],
    pub scale_out: &'a [f32],
    pub w2: &'a [f32],
    pub b2: &'a [f32],
}

/// What the members make of one block of rows, bit for bit as the operations one by one, without a way back: member by member, so that what lies between two products stays in the cache.
///
/// # Shapes
/// - `z`: `[n_rows, d]` of one block of rows; returns `[n_members * n_rows, n_outputs]`
pub(crate) fn member_outputs(z: &[f32], w: MemberWeights<'_>) -> Vec<f32> {
    let d_hidden = w.b1.len();
    let d = w.w1.len() / d_hidden;
    let n_rows = z.len() / d;
    let n_members = w.scale_in.len() / d;
    let n_outputs = w.b2.len() / n_members;
    let mut own = vec![0.0; z.len()];
    let mut hidden = vec![0.0; n_rows * d_hidden];
    let mut outputs = vec![0.0; n_members * n_rows * n_outputs];
    let members = w.scale_in.chunks_exact(d).zip(w.scale_out.chunks_exact(d_hidden));
    let last = w.w2.chunks_exact(d_hidden * n_outputs).zip(w.b2.chunks_exact(n_outputs));
    let outputs_of = outputs.chunks_exact_mut(n_rows * n_outputs);
    for (((scale_in, scale_out), (w2, b2)), y) in members.zip(last).zip(outputs_of) {
        own.copy_from_slice(z);
        times_row(&mut own, scale_in);
        hidden.chunks_exact_mut(d_hidden).for_each(|row| row.copy_from_slice(w.b1));
        block_product(&own, w.w1, &mut hidden, true, d, d_hidden);
        elementwise::gelu(&mut hidden, Dropout::OFF, 0);
        times_row(&mut hidden, scale_out);
        block_product(&hidden, w2, y, false, d_hidden, n_outputs);
        y.chunks_exact_mut(n_outputs).for_each(|y| add(y, b2));
    }
    outputs
}

fn members_mut(x: &mut [f32], n_members: usize) -> impl IndexedParallelIterator<Item = &mut [f32]> {
    let n = x.len() / n_members;
    x.par_chunks_mut(n)
}

fn times_row(x: &mut [f32], row: &[f32]) {
    x.chunks_exact_mut(row.len()).for_each(|x| x.iter_mut().zip(row).for_each(|(x, r)| *x *= r));
}

/// In the order of the members.
fn sum_of_members(x: &[f32], n_members: usize) -> Vec<f32> {
    let (first, others) = x.split_at(x.len() / n_members);
    let mut sum = first.to_vec();
    others.chunks_exact(first.len().max(1)).for_each(|more| add(&mut sum, more));
    sum
}
