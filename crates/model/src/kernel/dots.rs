//! Dot products of some vectors with many that lie in panels.

use super::simd::vectorised;

/// Vectors of a panel, one in each lane: no sum is ever taken across lanes.
pub const LANES: usize = 16;
/// Vectors on the left of a tile. Its sums are twelve registers of 256 bits, of the sixteen that a processor without
/// wider ones has.
pub const LEFT: usize = 6;

/// `out[i, j] = a[i] . panel[.., j]`, on the calling thread.
///
/// Each product is summed in the order of its numbers, whatever stands beside it: it has the same bits alone and among
/// others. What a vector costs is least where `m` is a multiple of [`LEFT`].
///
/// # Shapes
/// - `a`: `[m, k]`, `panel`: `[k, LANES]`, `out`: `[m, LANES]`
pub fn dots(a: &[f32], panel: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
    let k = panel.len();
    assert_eq!(a.len(), out.len() * k, "shapes do not fit");
    vectorised(
        #[inline(always)]
        || {
            let whole = out.len() - out.len() % LEFT;
            for i in (0..whole).step_by(LEFT) {
                tile::<LEFT>(&a[i * k..], panel, &mut out[i..]);
            }
            let (a, out) = (&a[whole * k..], &mut out[whole..]);
            match out.len() {
                1 => tile::<1>(a, panel, out),
                2 => tile::<2>(a, panel, out),
                3 => tile::<3>(a, panel, out),
                4 => tile::<4>(a, panel, out),
                5 => tile::<5>(a, panel, out),
                _ => {}
            }
        },
    );
}

/// The products of the first `M` vectors.
#[inline(always)]
fn tile<const M: usize>(a: &[f32], panel: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
    let k = panel.len();
    let mut sums = [[0.0_f32; LANES]; M];
    // Slices of a known length, so that no check stands in the loop.
    let mut rows = [&a[..k]; M];
    for i in 1..M {
        rows[i] = &a[i * k..][..k];
    }
    for at in 0..k {
        for i in 0..M {
            let number = rows[i][at];
            for lane in 0..LANES {
                sums[i][lane] = number.mul_add(panel[at][lane], sums[i][lane]);
            }
        }
    }
    out[..M].copy_from_slice(&sums);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * step).sin()).collect()
    }

    #[test]
    fn products_are_right_and_have_the_same_bits_alone_and_among_others() {
        for (m, k) in [(1, 48), (2, 9), (3, 9), (4, 9), (5, 1), (6, 7), (7, 48), (17, 33)] {
            let (a, numbers) = (ramp(m * k, 0.37), ramp(k * LANES, 0.11));
            let panel = numbers.as_chunks::<LANES>().0;
            let mut out = vec![[f32::NAN; LANES]; m];
            dots(&a, panel, &mut out);
            for (i, a) in a.chunks_exact(k).enumerate() {
                for j in 0..LANES {
                    let wanted: f64 = a.iter().zip(panel).map(|(x, y)| f64::from(*x) * f64::from(y[j])).sum();
                    assert!((f64::from(out[i][j]) - wanted).abs() < 1e-4);
                    // In another lane, beside zeros.
                    let lane = LANES - 1 - j;
                    let mut single = vec![[0.0; LANES]; k];
                    single.iter_mut().zip(panel).for_each(|(to, from)| to[lane] = from[j]);
                    let mut alone = [[0.0; LANES]];
                    dots(a, &single, &mut alone);
                    assert_eq!(alone[0][lane].to_bits(), out[i][j].to_bits(), "{m} {k}: {i} {j}");
                }
            }
        }
    }
}
