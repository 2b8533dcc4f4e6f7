//! One symmetric tree: the question of each level is the one that is worth most over all leaves together.

use rayon::prelude::*;

use super::borders::MOST_BINS;
use super::{DEPTH, N_LEAVES, Question};
use crate::kernel::vectorised;

/// A question that sends every row left, where no other is worth asking.
const NOTHING: Question = Question { column: 0, bin: 255 };
/// Smallest gain of a question, as a share of what the leaves explain already.
const LEAST_GAIN: f64 = 1e-6;
/// Cells of a level below which columns are not shared out over threads.
const FEW_CELLS: usize = 1 << 15;
/// Bins of a column that are few.
const FEW_BINS: usize = 16;

/// What a tree is grown on.
pub(super) struct Ground<'a> {
    /// `[n_columns][n_rows]`.
    pub bins: &'a [Vec<u8>],
    /// `[n_columns]`.
    pub n_bins: &'a [usize],
    pub n_outputs: usize,
    /// What is added to a leaf's sum of second derivatives.
    pub lambda: f64,
}

/// A grown tree without its leaves' numbers.
pub(super) struct Grown {
    pub questions: [Question; DEPTH],
    /// `[n_rows]`.
    pub leaf: Vec<u8>,
}

/// First and second derivative of one output, summed over rows.
type Sums = [f64; 2];

/// Histograms of one column: `[n_leaves, n_bins, n_outputs]`.
type Histogram = Vec<Sums>;

/// Grows a tree on the derivatives of the loss, asking about `asked` columns.
///
/// # Shapes
/// - `derivatives`: `[n_rows, n_outputs]`
pub(super) fn grow(ground: &Ground<'_>, derivatives: &[[f32; 2]], asked: &[usize]) -> Grown {
    let n_outputs = ground.n_outputs;
    let n_rows = derivatives.len() / n_outputs;
    // Rows stand by leaf, with their derivatives beside them.
    let mut order: Vec<u32> = (0..n_rows as u32).collect();
    let mut sorted = derivatives.to_vec();
    let mut ends = vec![n_rows];
    let mut questions = [NOTHING; DEPTH];
    let mut histograms: Vec<Histogram> = over(asked, n_rows, |column, _| {
        let mut histogram = vec![[0.0; 2]; ground.n_bins[column] * n_outputs];
        count(&mut histogram, &ground.bins[column], &order, &sorted, n_outputs);
        histogram
    });
    for (level, question) in questions.iter_mut().enumerate() {
        let best = over(asked, n_rows, |column, i| {
            best_of(&histograms[i], ground.n_bins[column], n_outputs, ground.lambda)
        });
        let total = best.first().map_or(0.0, |(_, _, before)| *before);
        let Some((i, (gain, bin, _))) =
            best.into_iter().enumerate().max_by(|(i, a), (j, b)| a.0.total_cmp(&b.0).then(j.cmp(i)))
        else {
            break;
        };
        if gain <= total.max(f64::MIN_POSITIVE) * LEAST_GAIN {
            break;
        }
        *question = Question { column: asked[i] as u16, bin };
        let parent_ends = std::mem::take(&mut ends);
        (order, sorted, ends) = parted(&ground.bins[asked[i]], bin, &order, &sorted, &parent_ends, n_outputs);
        if level + 1 < DEPTH {
            histograms = over(asked, n_rows, |column, i| {
                let size = ground.n_bins[column] * n_outputs;
                children(&histograms[i], size, &ground.bins[column], &order, &sorted, &ends, n_outputs)
            });
        }
    }
    let n_levels = ends.len().trailing_zeros() as usize;
    let mut leaf = vec![0; n_rows];
    let mut start = 0;
    for (i, end) in ends.iter().enumerate() {
        // Levels that were not asked for send every row left.
        let own = (i << (DEPTH - n_levels)) as u8;
        order[start..*end].iter().for_each(|r| leaf[*r as usize] = own);
        start = *end;
    }
    debug_assert!(leaf.iter().all(|l| usize::from(*l) < N_LEAVES));
    Grown { questions, leaf }
}

/// Computes something of each column, over threads where that pays.
fn over<T: Send>(asked: &[usize], n_rows: usize, of: impl Fn(usize, usize) -> T + Sync) -> Vec<T> {
    if asked.len() * n_rows < FEW_CELLS {
        asked.iter().enumerate().map(|(i, column)| of(*column, i)).collect()
    } else {
        asked.par_iter().enumerate().map(|(i, column)| of(*column, i)).collect()
    }
}

fn count(histogram: &mut [Sums], bins: &[u8], rows: &[u32], derivatives: &[[f32; 2]], n_outputs: usize) {
    if n_outputs == 1 && histogram.len() <= FEW_BINS {
        return count_few_bins(histogram, bins, rows, derivatives);
    }
    if n_outputs == 1 {
        for (r, [g, h]) in rows.iter().zip(derivatives) {
            let sums = &mut histogram[usize::from(bins[*r as usize])];
            sums[0] += f64::from(*g);
            sums[1] += f64::from(*h);
        }
        return;
    }
    for (r, row) in rows.iter().zip(derivatives.chunks_exact(n_outputs)) {
        let own = &mut histogram[usize::from(bins[*r as usize]) * n_outputs..][..n_outputs];
        for (sums, [g, h]) in own.iter_mut().zip(row) {
            sums[0] += f64::from(*g);
            sums[1] += f64::from(*h);
        }
    }
}

/// As [`count`], of one output and a column of few bins: rows after each other are often of one bin, and a sum has to be
/// there before something is added to it, so that every second row adds to a sum of its own.
fn count_few_bins(histogram: &mut [Sums], bins: &[u8], rows: &[u32], derivatives: &[[f32; 2]]) {
    let mut other = [[0.0; 2]; FEW_BINS];
    let add = |sums: &mut [Sums], r: u32, [g, h]: [f32; 2]| {
        let sums = &mut sums[usize::from(bins[r as usize])];
        *sums = [sums[0] + f64::from(g), sums[1] + f64::from(h)];
    };
    let (pairs, rest) = rows.as_chunks::<2>();
    let (of_pairs, of_rest) = derivatives.as_chunks::<2>();
    for ([r, s], [of_r, of_s]) in pairs.iter().zip(of_pairs) {
        add(histogram, *r, *of_r);
        add(&mut other, *s, *of_s);
    }
    rest.iter().zip(of_rest).for_each(|(r, own)| add(histogram, *r, *own));
    for (total, other) in histogram.iter_mut().zip(other) {
        *total = [total[0] + other[0], total[1] + other[1]];
    }
}

/// Histograms of the children of each leaf: the smaller child is counted, the other is what is left.
fn children(
    parents: &[Sums],
    size: usize,
    bins: &[u8],
    order: &[u32],
    sorted: &[[f32; 2]],
    ends: &[usize],
    n_outputs: usize,
) -> Histogram {
    let mut all = vec![[0.0; 2]; size * ends.len()];
    let mut start = 0;
    for ((parent, both), ends) in
        parents.chunks_exact(size).zip(all.chunks_exact_mut(2 * size)).zip(ends.chunks_exact(2))
    {
        let (middle, end) = (ends[0], ends[1]);
        let (left, right) = both.split_at_mut(size);
        let left_is_smaller = middle - start <= end - middle;
        let (counted, rest, rows) =
            if left_is_smaller { (left, right, start..middle) } else { (right, left, middle..end) };
        let derivatives = &sorted[rows.start * n_outputs..rows.end * n_outputs];
        count(counted, bins, &order[rows], derivatives, n_outputs);
        for ((rest, parent), counted) in rest.iter_mut().zip(parent).zip(&*counted) {
            *rest = [parent[0] - counted[0], parent[1] - counted[1]];
        }
        start = end;
    }
    all
}

/// Gain, bin, and what the leaves explain without a question: `sum g^2 / (h + lambda)` (Chen and Guestrin 2016,
/// arXiv:1603.02754, equation 7, without the factor a half).
fn best_of(histogram: &[Sums], n_bins: usize, n_outputs: usize, lambda: f64) -> (f64, u8, f64) {
    let mut gains = vec![0.0; n_bins.saturating_sub(1)];
    let mut before = 0.0;
    vectorised(
        #[inline(always)]
        || before = add_gains(histogram, &mut gains, n_bins, n_outputs, lambda),
    );
    let best = gains.iter().enumerate().max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)));
    best.map_or((0.0, 255, before), |(bin, gain)| (*gain, bin as u8, before))
}

/// What each question would add, over all leaves; what they explain without one.
#[inline(always)]
fn add_gains(histogram: &[Sums], gains: &mut [f64], n_bins: usize, n_outputs: usize, lambda: f64) -> f64 {
    let mut before = 0.0;
    let mut left = [[0.0; MOST_BINS]; 2];
    for leaf in histogram.chunks_exact(n_bins * n_outputs) {
        for output in 0..n_outputs {
            let mut sum = [0.0; 2];
            for (bin, own) in leaf.iter().skip(output).step_by(n_outputs).enumerate() {
                sum = [sum[0] + own[0], sum[1] + own[1]];
                (left[0][bin], left[1][bin]) = (sum[0], sum[1]);
            }
            let [g, h] = sum;
            if h <= 0.0 {
                continue;
            }
            let whole = g * g / (h + lambda);
            before += whole;
            // The divisions are most of the work: over bins they are vectors.
            let [left_g, left_h] = &left;
            for (gain, (lg, lh)) in gains.iter_mut().zip(left_g.iter().zip(left_h)) {
                let (rg, rh) = (g - lg, (h - lh).max(0.0));
                *gain += lg * lg / (lh + lambda) + rg * rg / (rh + lambda) - whole;
            }
        }
    }
    before
}

/// Rows by their leaves after one more question, in the order that they had.
fn parted(
    bins: &[u8],
    bin: u8,
    order: &[u32],
    sorted: &[[f32; 2]],
    ends: &[usize],
    n_outputs: usize,
) -> (Vec<u32>, Vec<[f32; 2]>, Vec<usize>) {
    let mut rows = vec![0; order.len()];
    let mut derivatives = vec![[0.0; 2]; sorted.len()];
    let mut new_ends = Vec::with_capacity(ends.len() * 2);
    let mut start = 0;
    for end in ends {
        let n_right: usize = order[start..*end].iter().map(|r| usize::from(bins[*r as usize] > bin)).sum();
        let middle = *end - n_right;
        // Where the next row of each side goes: which side it is is not guessed.
        let mut next = [start, middle];
        for (r, own) in order[start..*end].iter().zip(sorted[start * n_outputs..].chunks_exact(n_outputs)) {
            let place = &mut next[usize::from(bins[*r as usize] > bin)];
            rows[*place] = *r;
            derivatives[*place * n_outputs..][..n_outputs].copy_from_slice(own);
            *place += 1;
        }
        new_ends.extend([middle, *end]);
        start = *end;
    }
    (rows, derivatives, new_ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bins_and_many_count_the_same() {
        let bins: Vec<u8> = (0..11).map(|r| [2, 2, 0, 1][r % 4]).collect();
        let rows: Vec<u32> = (0..11).rev().collect();
        let derivatives: Vec<[f32; 2]> = (0..11).map(|i| [i as f32, 0.5]).collect();
        let counted = |n_bins: usize| {
            let mut histogram = vec![[1.0, 0.0]; n_bins];
            count(&mut histogram, &bins, &rows, &derivatives, 1);
            histogram.truncate(3);
            histogram
        };
        // Rows 10 to 0 have derivatives 0 to 10: of bin 1 are rows 3 and 7.
        assert_eq!(counted(FEW_BINS + 1)[1], [1.0 + 3.0 + 7.0, 1.0]);
        assert_eq!(
            counted(3),
            counted(FEW_BINS + 1),
            "an odd number of rows, and a histogram that is not empty"
        );
    }

    #[test]
    fn rows_are_parted_in_the_order_that_they_had() {
        let bins = [5, 1, 5, 1, 1, 5];
        let (order, sorted) = ([4, 2, 0, 1, 5, 3], [4, 2, 0, 1, 5, 3].map(|r| [r as f32, 1.0]));
        let (rows, derivatives, ends) = parted(&bins, 1, &order, &sorted, &[3, 6], 1);
        assert_eq!((rows, ends), (vec![4, 2, 0, 1, 3, 5], vec![1, 3, 5, 6]));
        assert_eq!(derivatives.iter().map(|d| d[0]).collect::<Vec<_>>(), [4.0, 2.0, 0.0, 1.0, 3.0, 5.0]);
    }
}
