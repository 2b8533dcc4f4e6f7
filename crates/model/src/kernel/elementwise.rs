//! Functions of single numbers and of single rows, written so that the compiler vectorises them.
//!
//! Each public function over slices runs through [`vectorised`], which picks the widest instruction set
//! that the processor has; the arithmetic (fused multiply-add included) is the same in all of them.

use super::simd::vectorised;

/// Lanes that row sums are split into: one AVX-512 register.
const LANES: usize = 16;
/// Added to the variance of a row before the root.
pub const NORM_EPSILON: f32 = 1e-5;
/// `2 sqrt(2 / pi)` and the cubic coefficient of the tanh form of GELU.
pub(super) const GELU_SCALE: f32 = 1.595_769;
pub(super) const GELU_CUBIC: f32 = 0.044_715;

/// Random zeroing of activations, reproducible from `seed` alone.
///
/// Whether entry `i` is dropped is a hash of the seed and `i`, so that the backward pass finds the
/// same mask again without storing it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of entries that become 0, in `[0, 1)`; 0 switches it off.
    pub p_drop: f32,
    /// Seed of this application.
    pub seed: u32,
}

impl Dropout {
    /// No dropping.
    pub const OFF: Dropout = Dropout { p_drop: 0.0, seed: 0 };

    /// A different mask with the same rate, for a second place in one layer.
    pub fn fork(self, place: u32) -> Self {
        Dropout { seed: mix(self.seed ^ place.wrapping_mul(0x9e37_79b9)), ..self }
    }

    /// Whether nothing is dropped.
    #[cfg(feature = "wgpu")]
    pub fn is_off(self) -> bool {
        self.constants().0 == 0
    }

    /// What each of the first `n` entries is multiplied by.
    #[cfg(feature = "wgpu")]
    pub fn factors(self, n: usize) -> Vec<f32> {
        let mut factors = vec![1.0; n];
        drop_entries(&mut factors, self, 0);
        factors
    }

    #[inline(always)]
    fn constants(self) -> (u32, f32) {
        ((self.p_drop * 4_294_967_296.0) as u32, 1.0 / (1.0 - self.p_drop))
    }

    /// What entry `idx` is multiplied by, given the constants.
    #[inline(always)]
    fn factor(self, idx: u32, threshold: u32, scale: f32) -> f32 {
        if mix(self.seed ^ idx) >= threshold { scale } else { 0.0 }
    }
}

/// Full-avalanche hash of 32 bits (Wellons 2018, "lowbias32").
#[inline(always)]
fn mix(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}

/// `e^x` to about 2 units in the last place, without branches (Cephes `expf`).
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer in the low bits
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_2e-4_f32
        .mul_add(r, 1.398_2e-3)
        .mul_add(r, 8.333_452e-3)
        .mul_add(r, 4.166_579_6e-2)
        .mul_add(r, 0.166_666_65)
        .mul_add(r, 0.5)
        .mul_add(r * r, r)
        + 1.0;
    let exponent = (shifted.to_bits().wrapping_sub(ROUND.to_bits())).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

#[inline(always)]
fn gelu_one(x: f32) -> f32 {
    let inner = GELU_SCALE * x * (GELU_CUBIC * x).mul_add(x, 1.0);
    x / (1.0 + exp(-inner))
}

#[inline(always)]
fn gelu_slope(x: f32) -> f32 {
    let inner = GELU_SCALE * x * (GELU_CUBIC * x).mul_add(x, 1.0);
    let s = 1.0 / (1.0 + exp(-inner));
    let inner_slope = GELU_SCALE * (3.0 * GELU_CUBIC * x).mul_add(x, 1.0);
    (x * s * (1.0 - s)).mul_add(inner_slope, s)
}

/// GELU in its tanh form (Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2), then dropout, in place.
///
/// `first_idx` is the index of `x[0]` in the whole activation, so that blocks can be done apart.
pub fn gelu(x: &mut [f32], dropout: Dropout, first_idx: u32) {
    vectorised(
        #[inline(always)]
        || gelu_all(x, dropout, first_idx),
    );
}

// A loop over what a closure borrows loads its constants again for each number, for they may be what it
// writes to, and so is not vectorised: a function of its own is told that they are not.
#[inline(always)]
fn gelu_all(x: &mut [f32], dropout: Dropout, first_idx: u32) {
    let (threshold, scale) = dropout.constants();
    if threshold == 0 {
        for x in x {
            *x = gelu_one(*x);
        }
    } else {
        for (i, x) in x.iter_mut().enumerate() {
            *x = gelu_one(*x) * dropout.factor(first_idx.wrapping_add(i as u32), threshold, scale);
        }
    }
}

/// `dx = dy · d gelu(x) / dx`, through the same dropout mask as [`gelu`].
pub fn gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32], dropout: Dropout, first_idx: u32) {
    vectorised(
        #[inline(always)]
        || gelu_backward_all(x, dy, dx, dropout, first_idx),
    );
}

#[inline(always)]
fn gelu_backward_all(x: &[f32], dy: &[f32], dx: &mut [f32], dropout: Dropout, first_idx: u32) {
    let (threshold, scale) = dropout.constants();
    if threshold == 0 {
        for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
            *dx = dy * gelu_slope(x);
        }
    } else {
        for (i, ((dx, &x), &dy)) in dx.iter_mut().zip(x).zip(dy).enumerate() {
            let factor = dropout.factor(first_idx.wrapping_add(i as u32), threshold, scale);
            *dx = dy * gelu_slope(x) * factor;
        }
    }
}

/// Applies the dropout mask in place.
pub fn drop_entries(x: &mut [f32], dropout: Dropout, first_idx: u32) {
    if dropout.constants().0 == 0 {
        return;
    }
    vectorised(
        #[inline(always)]
        || drop_all(x, dropout, first_idx),
    );
}

#[inline(always)]
fn drop_all(x: &mut [f32], dropout: Dropout, first_idx: u32) {
    let (threshold, scale) = dropout.constants();
    for (i, x) in x.iter_mut().enumerate() {
        *x *= dropout.factor(first_idx.wrapping_add(i as u32), threshold, scale);
    }
}

/// `y = x + dropout(y + bias)`: the end of a residual block.
///
/// # Shapes
/// - `y`, `x`: `[n_rows, d]`; `bias`: `[d]`
pub fn add_residual(y: &mut [f32], x: &[f32], bias: &[f32], dropout: Dropout, first_idx: u32) {
    let d = bias.len();
    vectorised(
        #[inline(always)]
        || {
            for (r, (y, x)) in y.chunks_exact_mut(d).zip(x.chunks_exact(d)).enumerate() {
                residual_row(y, x, bias, dropout, first_idx.wrapping_add((r * d) as u32));
            }
        },
    );
}

#[inline(always)]
fn residual_row(y: &mut [f32], x: &[f32], bias: &[f32], dropout: Dropout, first_idx: u32) {
    let (threshold, scale) = dropout.constants();
    if threshold == 0 {
        for ((y, x), b) in y.iter_mut().zip(x).zip(bias) {
            *y = x + (*y + b);
        }
    } else {
        for (i, ((y, x), b)) in y.iter_mut().zip(x).zip(bias).enumerate() {
            *y = x + (*y + b) * dropout.factor(first_idx.wrapping_add(i as u32), threshold, scale);
        }
    }
}

/// `x += y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (x, y) in x.iter_mut().zip(y) {
                *x += y;
            }
        },
    );
}

/// The sum of the squares.
pub fn square_sum(x: &[f32]) -> f64 {
    let mut sum = 0.0;
    vectorised(
        #[inline(always)]
        || sum = total(x, |sum, v| v.mul_add(v, sum)),
    );
    f64::from(sum)
}

/// Layer normalisation of each row (Ba et al. 2016, arXiv:1607.06450), in place.
///
/// # Shapes
/// - `x`: `[n_rows, d]`; `gain`, `shift`: `[d]`
pub fn normalise(x: &mut [f32], gain: &[f32], shift: &[f32]) {
    let d = gain.len();
    vectorised(
        #[inline(always)]
        || {
            for row in x.chunks_exact_mut(d) {
                let (mean, inverse) = row_moments(row);
                for (x, (&g, &s)) in row.iter_mut().zip(gain.iter().zip(shift)) {
                    *x = ((*x - mean) * inverse).mul_add(g, s);
                }
            }
        },
    );
}

/// Gradients of [`normalise`]; `dx` is added to, `dgain` and `dshift` too.
///
/// # Shapes
/// - `x`, `dy`, `dx`: `[n_rows, d]`; `gain`, `dgain`, `dshift`: `[d]`
pub fn normalise_backward(
    x: &[f32],
    gain: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    dgain: &mut [f32],
    dshift: &mut [f32],
) {
    let d = gain.len();
    let n = d as f32;
    vectorised(
        #[inline(always)]
        || {
            for ((x, dy), dx) in x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(dx.chunks_exact_mut(d)) {
                let (mean, inverse) = row_moments(x);
                let (mut sum, mut sum_x) = ([0.0; LANES], [0.0; LANES]);
                for i in 0..d {
                    let unit = (x[i] - mean) * inverse;
                    let t = dy[i] * gain[i];
                    sum[i % LANES] += t;
                    sum_x[i % LANES] = t.mul_add(unit, sum_x[i % LANES]);
                    dgain[i] = dy[i].mul_add(unit, dgain[i]);
                    dshift[i] += dy[i];
                }
                let (a, b) = (lane_sum(sum) / n, lane_sum(sum_x) / n);
                for i in 0..d {
                    let unit = (x[i] - mean) * inverse;
                    dx[i] += inverse * (dy[i] * gain[i] - a - unit * b);
                }
            }
        },
    );
}

/// Mean, and one over the standard deviation, of one row.
#[inline(always)]
fn row_moments(x: &[f32]) -> (f32, f32) {
    // One division serves both means.
    let share = 1.0 / x.len() as f32;
    let mean = total(x, |sum, v| sum + v) * share;
    let square = total(x, |sum, v| (v - mean).mul_add(v - mean, sum));
    let variance = square.mul_add(share, NORM_EPSILON);
    // An infinite variance would make zeros of a row that is too large; nobody takes NaN for a vector.
    (mean, if variance.is_finite() { 1.0 / variance.sqrt() } else { f32::NAN })
}

/// Adds up a row in lanes, first what does not fill them.
#[inline(always)]
fn total(x: &[f32], add: impl Fn(f32, f32) -> f32) -> f32 {
    let chunks = x.chunks_exact(LANES);
    let mut sums = [0.0; LANES];
    for (sum, &v) in sums.iter_mut().zip(chunks.remainder()) {
        *sum = add(*sum, v);
    }
    for chunk in chunks {
        for i in 0..LANES {
            sums[i] = add(sums[i], chunk[i]);
        }
    }
    lane_sum(sums)
}

/// The sum by halves: four additions one after the other instead of sixteen, which for rows of a narrow
/// side network is most of a normalisation.
#[inline(always)]
fn lane_sum(mut lanes: [f32; LANES]) -> f32 {
    let mut n = LANES / 2;
    while n > 0 {
        for i in 0..n {
            lanes[i] += lanes[i + n];
        }
        n /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_the_libraries_over_its_range() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 4e-7, "exp({x}) = {got}, want {want}");
        }
    }

    #[test]
    fn gelu_slope_is_the_derivative() {
        for i in -60..60 {
            let x = i as f32 / 10.0;
            let numeric = (gelu_one(x + 1e-2) - gelu_one(x - 1e-2)) / 2e-2;
            assert!((numeric - gelu_slope(x)).abs() < 1e-3, "at {x}: {numeric} against {}", gelu_slope(x));
        }
        // Value at 1 of the tanh form, from its formula in double precision.
        assert!((gelu_one(1.0) - 0.841_192).abs() < 1e-6);
    }

    #[test]
    fn dropout_keeps_its_rate_and_mean_and_is_the_same_in_pieces() {
        let dropout = Dropout { p_drop: 0.25, seed: 3 };
        let mut whole = vec![1.0; 40_000];
        drop_entries(&mut whole, dropout, 0);
        let dropped = whole.iter().filter(|v| **v == 0.0).count() as f64 / 40_000.0;
        assert!((dropped - 0.25).abs() < 0.01, "{dropped}");
        let mut pieces = vec![1.0; 40_000];
        let (a, b) = pieces.split_at_mut(777);
        drop_entries(a, dropout, 0);
        drop_entries(b, dropout, 777);
        assert_eq!(whole, pieces);
        assert_ne!(dropout.fork(1).seed, dropout.fork(2).seed);
    }

    #[test]
    fn a_row_that_is_too_large_to_be_normalised_is_no_row_of_zeros() {
        let mut x = vec![1.0; 32];
        (x[0], x[16], x[17]) = (3e20, 3e20, -3e20);
        normalise(&mut x, &[1.0; 16], &[0.0; 16]);
        assert!(x.iter().all(|v| v.is_nan()), "{x:?}");
    }

    #[test]
    fn normalised_rows_have_mean_zero_and_unit_variance() {
        let mut x: Vec<f32> = (0..3 * 37).map(|i| (i as f32 * 1.7).sin() * 5.0 + 2.0).collect();
        normalise(&mut x, &[1.0; 37], &[0.0; 37]);
        for row in x.chunks(37) {
            let mean = row.iter().sum::<f32>() / 37.0;
            let variance = row.iter().map(|v| v * v).sum::<f32>() / 37.0;
            assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-3);
        }
    }
}
