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

/// The probability of a logit.
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + e^x)` without overflow.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
