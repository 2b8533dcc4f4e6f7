//! Dense linear algebra of small matrices in 64 bits, in the order of operations that makes results keep their bits, and
//! tails of distributions.
//!
//! The matrices have a few dozen to a few hundred rows; the products that take a training's time are those of
//! [`kernel`](crate::kernel). See `docs/decisions/0035-linear-algebra.md`.

pub(crate) mod cholesky;
mod distributions;
pub(crate) mod eigen;

pub(crate) use distributions::{chi_square_tail, holm, hypergeometric_tail, t_cdf};

/// The sum of the products.
///
/// # Shapes
/// - `a`, `b`: of one length
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The sum of the products, of numbers of 32 bits, in eight sums that are added at the end.
///
/// # Shapes
/// - `a`, `b`: of one length
pub(crate) fn dot_of_singles(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        for i in 0..8 {
            lanes[i] += a[i] * b[i];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The probability of a logit.
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + e^x)` without overflow.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
