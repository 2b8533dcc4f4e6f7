//! Matrix products in fixed row blocks.
//!
//! Every product over rows is cut into blocks of [`ROW_BLOCK`] rows, whatever the number of
//! threads. So the result does not depend on how many threads worked, and a full block always runs
//! the same kernel: this is what lets a row's embedding keep its bits in any batch.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

/// Rows of one block. Inference pads its last block to this height.
pub const ROW_BLOCK: usize = 64;

/// Rows of a block where there are no more: a strip of the kernel's.
const FEW_ROWS: usize = 6;

/// Most numbers of a right matrix that is tried with few rows.
const MOST_TRIED: usize = 1 << 20;

/// Strips of an output, of six rows each, up to which the right matrix is read where it lies: more than
/// [`ROW_BLOCK`] has.
const UNPACKED_STRIPS: usize = 16;

/// `y += x w`.
///
/// # Shapes
/// - `x`: `[n_rows, k]` with rows `x_stride` numbers apart, at least `k`; `w`: `[k, n]`, `y`: `[n_rows, n]`,
///   all row-major
pub fn add_product((x, x_stride): (&[f32], usize), w: &[f32], y: &mut [f32], k: usize, n: usize) {
    y.par_chunks_mut(ROW_BLOCK * n)
        .zip(x.par_chunks(ROW_BLOCK * x_stride))
        .for_each(|(y, x)| gemm(y.len() / n, n, k, (y, n), true, (x, x_stride, 1), (w, n, 1)));
}

/// `y = x w`, or `y += x w`, of one block, on the calling thread.
pub fn block_product(x: &[f32], w: &[f32], y: &mut [f32], accumulate: bool, k: usize, n: usize) {
    gemm(y.len() / n, n, k, (y, n), accumulate, (x, k, 1), (w, n, 1));
}

/// How high the blocks are in which `n_rows` rows get the bits that they have in any number of rows: few rows need no
/// full block where small ones are alike.
///
/// # Shapes
/// - `shapes`: `[k, n]` of each matrix that the rows are multiplied by
pub fn block_of(n_rows: usize, shapes: impl IntoIterator<Item = [usize; 2]>) -> usize {
    let is_small = n_rows <= FEW_ROWS && shapes.into_iter().all(|[k, n]| few_rows_are_alike(k, n));
    if is_small { FEW_ROWS } else { ROW_BLOCK }
}

/// Whether products of [`FEW_ROWS`] rows by a `[k, n]` matrix have the bits that these rows have in a full block. Which
/// kernels run follows from the shapes alone, so that one try of each shape tells; it is made once in a process.
fn few_rows_are_alike(k: usize, n: usize) -> bool {
    static TRIED: Mutex<BTreeMap<[usize; 2], bool>> = Mutex::new(BTreeMap::new());
    // A child that was forked while another thread held the lock must not wait for ever: full blocks are never wrong.
    let Ok(mut tried) = TRIED.try_lock() else { return false };
    *tried.entry([k, n]).or_insert_with(|| {
        let numbers =
            |count: usize| (0..count).map(|i| ((i * 7 + 1) as f32 * 0.73).sin()).collect::<Vec<_>>();
        if k * n > MOST_TRIED {
            return false;
        }
        let (x, w) = (numbers(ROW_BLOCK * k), numbers(k * n));
        let product = |n_rows: usize, accumulate: bool| {
            let mut y = vec![0.5; n_rows * n];
            block_product(&x[..n_rows * k], &w, &mut y, accumulate, k, n);
            y
        };
        [false, true].into_iter().all(|accumulate| {
            let (few, full) = (product(FEW_ROWS, accumulate), product(ROW_BLOCK, accumulate));
            few.iter().zip(&full).all(|(a, b)| a.to_bits() == b.to_bits())
        })
    })
}

/// `dx = dy wᵀ`: the gradient of [`add_product`] for `x`. Only the given columns of `dx` are written.
///
/// # Shapes
/// - `dy`: `[n_rows, n]`, `w`: `[k, n]`, `dx`: `[n_rows, k]`, `columns`: ranges within `k`
pub fn product_by_transpose(
    dy: &[f32],
    w: &[f32],
    dx: &mut [f32],
    k: usize,
    n: usize,
    columns: &[Range<usize>],
) {
    dx.par_chunks_mut(ROW_BLOCK * k).zip(dy.par_chunks(ROW_BLOCK * n)).for_each(|(dx, dy)| {
        for range in columns {
            let (rows, first) = (dx.len() / k, range.start);
            gemm(rows, range.len(), n, (&mut dx[first..], k), false, (dy, n, 1), (&w[first * n..], 1, n));
        }
    });
}

/// [`product_by_transpose`] of one block, on the calling thread.
pub fn block_product_by_transpose(dy: &[f32], w: &[f32], dx: &mut [f32], k: usize, n: usize) {
    let rows = dx.len() / k;
    gemm(rows, k, n, (dx, k), false, (dy, n, 1), (w, 1, n));
}

/// `dw = xᵀ dy`: the gradient of [`add_product`] for `w`. Rows of `dw` beside the given ones stay 0.
///
/// # Shapes
/// - `x`: `[n_rows, k]` with rows `x_stride` numbers apart, `dy`: `[n_rows, n]`, `rows`: ranges within `k`, in
///   order; returns `[k, n]`
pub fn transpose_product(
    (x, x_stride): (&[f32], usize),
    dy: &[f32],
    k: usize,
    n: usize,
    rows: &[Range<usize>],
) -> Vec<f32> {
    let n_rows = dy.len() / n;
    let mut dw = vec![0.0; k * n];
    // Cut along k, not along rows: no partial sums, so threads cannot change a bit.
    let width = rows.iter().map(Range::len).sum::<usize>().div_ceil(4).next_multiple_of(16);
    let mut pieces = Vec::new();
    let (mut rest, mut at) = (&mut dw[..], 0);
    for range in rows {
        let (own, after) = rest[(range.start - at) * n..].split_at_mut(range.len() * n);
        let cut = own.chunks_mut(width * n).enumerate();
        pieces.extend(cut.map(|(i, piece)| (range.start + i * width, piece)));
        (rest, at) = (after, range.end);
    }
    pieces.into_par_iter().for_each(|(first, dw)| {
        gemm(dw.len() / n, n, n_rows, (dw, n), false, (&x[first..], 1, x_stride), (dy, n, 1));
    });
    dw
}

/// Sum over rows: the gradient of a bias.
///
/// # Shapes
/// - `dy`: `[n_rows, n]`, returns `[n]`
pub fn column_sums(dy: &[f32], n: usize) -> Vec<f32> {
    let mut sums = vec![0.0; n];
    for row in dy.chunks_exact(n) {
        for (s, v) in sums.iter_mut().zip(row) {
            *s += v;
        }
    }
    sums
}

/// One product on the calling thread; a matrix is `(values, row stride, column stride)`, the output
/// `(values, row stride)`.
fn gemm(
    m: usize,
    n: usize,
    k: usize,
    (y, y_rs): (&mut [f32], usize),
    accumulate: bool,
    (a, a_rs, a_cs): (&[f32], usize, usize),
    (b, b_rs, b_cs): (&[f32], usize, usize),
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    // Repacking `b` for a block of rows costs more than it saves: 7 % of embedding, 2 % of training.
    // (No `Once`: a child that is forked while another thread holds one would wait for ever.)
    static IS_SET: AtomicBool = AtomicBool::new(false);
    if !IS_SET.load(Ordering::Relaxed) {
        gemm_common::gemm::set_lhs_packing_threshold_single_thread(UNPACKED_STRIPS);
        IS_SET.store(true, Ordering::Relaxed);
    }
    assert!(y_rs >= n && y.len() > (m - 1) * y_rs + (n - 1), "output is too short");
    assert!(a.len() > (m - 1) * a_rs + (k - 1) * a_cs, "left matrix is too short");
    assert!(b.len() > (k - 1) * b_rs + (n - 1) * b_cs, "right matrix is too short");
    let product = gemm_f32::gemm::f32::get_gemm_fn();
    let [y_rs, a_rs, a_cs, b_rs, b_cs] = [y_rs, a_rs, a_cs, b_rs, b_cs].map(|stride| stride as isize);
    let (y, a, b, alone) = (y.as_mut_ptr(), a.as_ptr(), b.as_ptr(), gemm_common::Parallelism::None);
    // The crate's kernels write columns: of a row-major output its transpose is computed, `yᵀ = bᵀ aᵀ`.
    // SAFETY: the assertions above keep every access `i * row stride + j * column stride` inside
    // its slice, and `y` was borrowed mutably, so it overlaps neither `a` nor `b`.
    #[allow(unsafe_code)]
    unsafe {
        product(
            n, m, k, y, y_rs, 1, accumulate, b, b_rs, b_cs, a, a_rs, a_cs, 1.0, 1.0, false, false, false,
            alone,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(x: &[f32], w: &[f32], k: usize, n: usize) -> Vec<f32> {
        x.chunks_exact(k)
            .flat_map(|row| (0..n).map(move |j| row.iter().enumerate().map(|(i, v)| v * w[i * n + j]).sum()))
            .collect()
    }

    fn ramp(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|i| ((i as f32 * step).sin() * 7.0) % 1.0).collect()
    }

    fn close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3), "{a:?}\n{b:?}");
    }

    #[test]
    fn products_agree_with_the_definition() {
        let (rows, k, n) = (131, 37, 21);
        let (x, w, b, dy) = (ramp(rows * k, 0.7), ramp(k * n, 1.3), ramp(n, 2.1), ramp(rows * n, 0.9));
        let mut y = b.repeat(rows);
        add_product((&x, k), &w, &mut y, k, n);
        let want: Vec<f32> = naive(&x, &w, k, n).iter().enumerate().map(|(i, v)| v + b[i % n]).collect();
        close(&y, &want);
        let wt: Vec<f32> =
            (0..n).flat_map(|j| (0..k).map(move |i| (i, j))).map(|(i, j)| w[i * n + j]).collect();
        let mut dx = vec![9.0; rows * k];
        let all = 0..k;
        let all = std::slice::from_ref(&all);
        product_by_transpose(&dy, &w, &mut dx, k, n, all);
        close(&dx, &naive(&dy, &wt, n, k));
        let xt: Vec<f32> =
            (0..k).flat_map(|j| (0..rows).map(move |i| (i, j))).map(|(i, j)| x[i * k + j]).collect();
        close(&transpose_product((&x, k), &dy, k, n, all), &naive(&xt, &dy, rows, n));
        close(&column_sums(&[1.0, 2.0, 3.0, 4.0], 2), &[4.0, 6.0]);
    }

    #[test]
    fn only_the_wanted_rows_and_columns_of_a_gradient_are_computed() {
        let (rows, k, n) = (70, 48, 5);
        let (x, w, dy) = (ramp(rows * k, 0.7), ramp(k * n, 1.3), ramp(rows * n, 0.9));
        let (all, some) = (0..k, [3..4, 16..41]);
        let all = std::slice::from_ref(&all);
        let is_wanted = |i: usize| some.iter().any(|range| range.contains(&i));
        let only = |whole: Vec<f32>, place: &dyn Fn(usize) -> usize| -> Vec<f32> {
            whole.iter().enumerate().map(|(i, v)| if is_wanted(place(i)) { *v } else { 0.0 }).collect()
        };
        let dw = transpose_product((&x, k), &dy, k, n, all);
        close(&transpose_product((&x, k), &dy, k, n, &some), &only(dw, &|i| i / n));
        let (mut dx, mut part) = (vec![0.0; rows * k], vec![0.0; rows * k]);
        product_by_transpose(&dy, &w, &mut dx, k, n, all);
        product_by_transpose(&dy, &w, &mut part, k, n, &some);
        close(&part, &only(dx, &|i| i % k));
    }

    #[test]
    fn rows_may_stand_apart_and_keep_their_bits() {
        let (rows, k, n, stride) = (131, 37, 21, 50);
        let (wide, w) = (ramp((rows - 1) * stride + k, 0.7), ramp(k * n, 1.3));
        let x: Vec<f32> = (0..rows).flat_map(|r| wide[r * stride..r * stride + k].to_vec()).collect();
        let (mut y, mut z) = (vec![9.0; rows * n], vec![9.0; rows * n]);
        add_product((&x, k), &w, &mut y, k, n);
        add_product((&wide, stride), &w, &mut z, k, n);
        assert!(y.iter().zip(&z).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn a_row_keeps_its_bits_at_any_place_of_a_full_block() {
        let (k, n) = (75, 33);
        let (x, w) = (ramp(ROW_BLOCK * k, 0.37), ramp(k * n, 1.1));
        let mut y = vec![0.0; ROW_BLOCK * n];
        add_product((&x, k), &w, &mut y, k, n);
        for shift in [1, 5, 63] {
            let mut moved = x.clone();
            moved.rotate_left(shift * k);
            let mut z = vec![0.0; ROW_BLOCK * n];
            add_product((&moved, k), &w, &mut z, k, n);
            z.rotate_right(shift * n);
            assert_eq!(
                y.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                z.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            );
        }
    }
}
