//! Losses that are one number.

use crate::tape::{Matrix, Parents, Variable};

/// Least length that a vector counts with in a cosine.
pub(super) const LEAST_LENGTH: f32 = 1e-6;

fn one(value: f32) -> Matrix {
    Matrix::new(vec![value], [1, 1])
}

/// As [`super::total`].
pub(super) fn total<const N: usize>(terms: [Variable; N], factors: [f32; N]) -> Variable {
    let parents = Parents::of(terms.each_ref());
    let first_row = |x: &Variable| x.value().flat().iter().take(x.shape()[1]).sum::<f32>();
    let value = terms.iter().zip(factors).map(|(x, factor)| factor * first_row(x)).sum();
    let shapes = terms.map(|x| x.shape());
    Variable::recorded(one(value), parents, move |dy, to, flow| {
        let dy = dy.flat()[0];
        for (to, (shape, factor)) in to.iter().zip(shapes.into_iter().zip(factors)) {
            flow.give(to, || {
                let mut gradient = vec![0.0; shape[0] * shape[1]];
                gradient[..shape[1]].fill(factor * dy);
                Matrix::new(gradient, shape)
            });
        }
    })
}

/// As [`super::squared_error`].
pub(super) fn squared_error(x: Variable, wanted: Vec<f32>, weights: Vec<f32>) -> Variable {
    let parents = Parents::of([&x]);
    let x = x.into_value();
    let entries = x.flat();
    let entries = || entries.iter().zip(&wanted).zip(&weights).map(|((x, t), w)| (x - t, w));
    let loss = entries().map(|(error, weight)| weight * error * error).sum();
    let slope: Vec<f32> = match parents.want_any() {
        true => entries().map(|(error, weight)| 2.0 * weight * error).collect(),
        false => Vec::new(),
    };
    let shape = x.shape();
    Variable::recorded(one(loss), parents, move |dy, [for_x], flow| {
        let dy = dy.flat()[0];
        flow.give(&for_x, || Matrix::new(slope.into_iter().map(|s| s * dy).collect(), shape));
    })
}

/// As [`super::cosine_distance`].
pub(super) fn cosine_distance(x: Variable, others: Variable) -> Variable {
    let parents = Parents::of([&x]);
    let (x, others) = (x.into_value(), others.into_value());
    let [n_rows, d] = x.shape();
    let (a, b) = (x.flat(), others.flat());
    let rows = || a.chunks_exact(d.max(1)).zip(b.chunks_exact(d.max(1)));
    let distance = rows().map(|(a, b)| 1.0 - Cosine::new(a, b).value).sum::<f32>() / n_rows as f32;
    let slope: Vec<f32> = match parents.want_any() {
        true => rows().flat_map(|(a, b)| Cosine::new(a, b).slope(a, b).collect::<Vec<_>>()).collect(),
        false => Vec::new(),
    };
    let shape = x.shape();
    Variable::recorded(one(distance), parents, move |dy, [for_x], flow| {
        let factor = -dy.flat()[0] / n_rows as f32;
        flow.give(&for_x, || Matrix::new(slope.into_iter().map(|s| s * factor).collect(), shape));
    })
}

/// The cosine of two vectors, and what its derivative needs.
struct Cosine {
    value: f32,
    length_a: f32,
    length_b: f32,
}

impl Cosine {
    fn new(a: &[f32], b: &[f32]) -> Self {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let length = |x: &[f32]| dot(x, x).sqrt().max(LEAST_LENGTH);
        let (length_a, length_b) = (length(a), length(b));
        Cosine { value: dot(a, b) / (length_a * length_b), length_a, length_b }
    }

    /// Derivatives by the entries of `a`. A vector of the least length or less has a fixed one.
    fn slope(&self, a: &[f32], b: &[f32]) -> impl Iterator<Item = f32> {
        let Cosine { value, length_a, length_b } = *self;
        let shrink = if length_a > LEAST_LENGTH { value / (length_a * length_a) } else { 0.0 };
        a.iter().zip(b).map(move |(a, b)| b / (length_a * length_b) - shrink * a)
    }
}
