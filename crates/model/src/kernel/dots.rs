//! Dot products of few vectors with many.

use super::simd::vectorised;

/// Vectors are padded with zeros to a multiple of this length: one step of all sums.
pub const LANES: usize = 16;
/// Vectors on the left of a tile; each number on the right is loaded once for all of them.
const LEFT: usize = 4;
/// Vectors on the right of a tile.
const RIGHT: usize = 2;

/// `out[i, j] = a[i] . b[j]`, on the calling thread.
///
/// Each product is summed in the same order whatever stands beside it: it has the same bits alone and among others.
///
/// # Shapes
/// - `a`: `[m, k]`, `b`: `[n, k]`, `out`: `[m, n]`; `k` a multiple of [`LANES`]
pub fn dots(a: &[f32], b: &[f32], out: &mut [f32], k: usize) {
    assert!(k > 0 && k.is_multiple_of(LANES), "vectors of {k} numbers are not padded");
    let n = b.len() / k;
    vectorised(
        #[inline(always)]
        || {
            for (a, out) in a.chunks(LEFT * k).zip(out.chunks_mut(LEFT * n)) {
                if a.len() == LEFT * k {
                    strip::<LEFT>(a, b, out, k, n);
                } else {
                    // A loop, not `for_each`, whose closure would not be inlined.
                    for (a, out) in a.chunks_exact(k).zip(out.chunks_mut(n)) {
                        strip::<1>(a, b, out, k, n);
                    }
                }
            }
        },
    );
}

/// The products of `M` vectors with all of `b`.
#[inline(always)]
fn strip<const M: usize>(a: &[f32], b: &[f32], out: &mut [f32], k: usize, n: usize) {
    let whole = n - n % RIGHT;
    for j in (0..whole).step_by(RIGHT) {
        tile::<M, RIGHT>(a, &b[j * k..(j + RIGHT) * k], &mut out[j..], k, n);
    }
    for j in whole..n {
        tile::<M, 1>(a, &b[j * k..(j + 1) * k], &mut out[j..], k, n);
    }
}

/// `M` times `N` products; `n` is the distance of the output's rows.
#[inline(always)]
fn tile<const M: usize, const N: usize>(a: &[f32], b: &[f32], out: &mut [f32], k: usize, n: usize) {
    let mut sums = [[[0.0_f32; LANES]; N]; M];
    for at in (0..k).step_by(LANES) {
        for i in 0..M {
            let a = &a[i * k + at..i * k + at + LANES];
            for j in 0..N {
                let b = &b[j * k + at..j * k + at + LANES];
                for lane in 0..LANES {
                    sums[i][j][lane] = a[lane].mul_add(b[lane], sums[i][j][lane]);
                }
            }
        }
    }
    for i in 0..M {
        for j in 0..N {
            out[i * n + j] = total(&sums[i][j]);
        }
    }
}

/// The sum of all lanes, by halves.
#[inline(always)]
fn total(sums: &[f32; LANES]) -> f32 {
    let mut sums = *sums;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * step).sin()).collect()
    }

    #[test]
    fn products_are_right_and_have_the_same_bits_alone_and_among_others() {
        let k = 48;
        for (m, n) in [(1, 1), (1, 5), (3, 2), (4, 7), (9, 16), (8, 1)] {
            let (a, b) = (ramp(m * k, 0.37), ramp(n * k, 0.11));
            let mut out = vec![f32::NAN; m * n];
            dots(&a, &b, &mut out, k);
            for i in 0..m {
                for j in 0..n {
                    let (a, b) = (&a[i * k..(i + 1) * k], &b[j * k..(j + 1) * k]);
                    let wanted: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
                    assert!((f64::from(out[i * n + j]) - wanted).abs() < 1e-4);
                    let mut alone = [0.0];
                    dots(a, b, &mut alone, k);
                    assert_eq!(alone[0].to_bits(), out[i * n + j].to_bits(), "{m} {n}: {i} {j}");
                }
            }
        }
    }
}
