//! How far embeddings of the same rows moved from one embedding space to its successor.

use rand::seq::index::sample;
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tabgraft_table::threads::in_pool_or_alone;

use crate::error::{Error, Result};
use crate::numbers::dot_of_singles;

/// Neighbours that are compared per row.
const N_NEIGHBOURS: usize = 10;

/// Rows among which neighbours are searched exactly; more are sampled down to so many.
const N_ROWS_NEIGHBOURS: usize = 2000;

/// Movement of the embeddings of `n_rows` rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Mean over rows of 1 - cosine, 0 to 2; exactly 0 where no bit changed.
    pub mean_cosine_distance: f64,
    /// Largest 1 - cosine of a row, 0 to 2.
    pub max_cosine_distance: f64,
    /// Mean share of a row's 10 nearest neighbours by cosine that stay among them, 0 to 1.
    pub neighbour_overlap_at_10: f64,
    /// Number of rows measured.
    pub n_rows: usize,
}

/// Measures how the embeddings `b` of some rows differ from the embeddings `a` of the same rows.
///
/// The cosine distance is taken on the coordinates that both have, the first `min(d_a, d_b)`: an
/// extension appends coordinates. Neighbours are searched in all coordinates, among at most 2,000
/// rows drawn by `seed`; below 11 rows all others are neighbours. A zero vector is at distance 1
/// from any other.
///
/// # Shapes
/// - `a`: `[n_rows, d_a]`, `b`: `[n_rows, d_b]`, row by row
///
/// # Errors
/// A schema error if sizes do not fit; a value error for fewer than two rows or a non-finite
/// coordinate.
pub fn drift(a: &[f32], b: &[f32], d_a: usize, d_b: usize, seed: u64) -> Result<Drift> {
    let n_rows = check(a, b, d_a, d_b)?;
    let distances = distances(a, b, d_a, d_b);
    Ok(Drift {
        mean_cosine_distance: distances.iter().sum::<f64>() / n_rows as f64,
        max_cosine_distance: distances.iter().copied().fold(0.0, f64::max),
        neighbour_overlap_at_10: neighbour_overlap(a, b, d_a, d_b, n_rows, seed),
        n_rows,
    })
}

/// The neighbour overlap of [`drift()`] and nothing else: for embeddings of which neither moved from
/// the other.
///
/// # Errors
/// As [`drift()`].
pub fn neighbour_overlap_at_10(a: &[f32], b: &[f32], d_a: usize, d_b: usize, seed: u64) -> Result<f64> {
    let n_rows = check(a, b, d_a, d_b)?;
    Ok(neighbour_overlap(a, b, d_a, d_b, n_rows, seed))
}

/// The same mean as in [`drift()`] and nothing else; 0 for no rows, NaN for sizes that do not fit.
pub(crate) fn mean_cosine_distance(a: &[f32], b: &[f32], d_a: usize, d_b: usize) -> f64 {
    if a.is_empty() {
        return 0.0;
    }
    match check(a, b, d_a, d_b) {
        Ok(n_rows) => distances(a, b, d_a, d_b).iter().sum::<f64>() / n_rows as f64,
        Err(_) => f64::NAN,
    }
}

/// Each row's distance, on the coordinates that both have.
fn distances(a: &[f32], b: &[f32], d_a: usize, d_b: usize) -> Vec<f64> {
    let d = d_a.min(d_b);
    let rows = a.chunks_exact(d_a).zip(b.chunks_exact(d_b));
    rows.map(|(a, b)| cosine_distance(&a[..d], &b[..d])).collect()
}

fn check(a: &[f32], b: &[f32], d_a: usize, d_b: usize) -> Result<usize> {
    let whole = |values: &[f32], d: usize| d > 0 && values.len().is_multiple_of(d);
    if !whole(a, d_a) || !whole(b, d_b) || a.len() / d_a != b.len() / d_b {
        return Err(Error::schema(format!(
            "{} values of width {d_a} and {} of width {d_b} are not embeddings of the same rows",
            a.len(),
            b.len()
        )));
    }
    let n_rows = a.len() / d_a;
    if n_rows < 2 {
        return Err(Error::value(format!(
            "found {n_rows} row(s) to measure drift on, at least 2 are needed"
        )));
    }
    for (which, values, d) in [("first", a, d_a), ("second", b, d_b)] {
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::value(format!(
                "coordinate {} of row {} is {} in the {which} embedding, all must be finite",
                i % d,
                i / d,
                values[i]
            )));
        }
    }
    Ok(n_rows)
}

fn cosine_distance(a: &[f32], b: &[f32]) -> f64 {
    if a == b {
        return 0.0;
    }
    let dot =
        |x: &[f32], y: &[f32]| -> f64 { x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms == 0.0 { 1.0 } else { (1.0 - dot(a, b) / norms).clamp(0.0, 2.0) }
}

fn neighbour_overlap(a: &[f32], b: &[f32], d_a: usize, d_b: usize, n_rows: usize, seed: u64) -> f64 {
    let mut rng = Pcg64::new(u128::from(seed), 0);
    let mut rows = sample(&mut rng, n_rows, n_rows.min(N_ROWS_NEIGHBOURS)).into_vec();
    rows.sort_unstable();
    let n_neighbours = N_NEIGHBOURS.min(rows.len() - 1);
    let (a, b) = (unit_rows(a, d_a, &rows), unit_rows(b, d_b, &rows));
    let n_common: usize = in_pool_or_alone(|| {
        let (a, b) = (cosines(&a, d_a), cosines(&b, d_b));
        let in_common = |row: usize| {
            let (of_a, of_b) = (neighbours(&a, row, n_neighbours), neighbours(&b, row, n_neighbours));
            of_a.iter().filter(|idx| of_b.contains(idx)).count()
        };
        (0..rows.len()).into_par_iter().map(in_common).sum()
    });
    n_common as f64 / (rows.len() * n_neighbours) as f64
}

/// The rows `rows_idx`, each scaled to length 1 (zero vectors stay).
fn unit_rows(values: &[f32], d: usize, rows_idx: &[usize]) -> Vec<f32> {
    let mut unit = Vec::with_capacity(rows_idx.len() * d);
    for &row in rows_idx {
        let row = &values[row * d..(row + 1) * d];
        let norm = row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
        unit.extend(row.iter().map(|v| if norm > 0.0 { (f64::from(*v) / norm) as f32 } else { 0.0 }));
    }
    unit
}

/// The cosines of every row and those behind it.
fn cosines(unit: &[f32], d: usize) -> Vec<Vec<f32>> {
    let rows: Vec<&[f32]> = unit.chunks_exact(d).collect();
    let behind = |row: usize| rows[row + 1..].iter().map(|other| dot_of_singles(rows[row], other)).collect();
    (0..rows.len()).into_par_iter().map(behind).collect()
}

/// Indices of the `n` rows nearest to `row` by cosine; of equally near ones the first.
fn neighbours(cosines: &[Vec<f32>], row: usize, n: usize) -> Vec<usize> {
    let before = (0..row).map(|other| (-cosines[other][row - other - 1], other));
    let behind = cosines[row].iter().zip(row + 1..).map(|(cosine, other)| (-cosine, other));
    let mut others: Vec<(f32, usize)> = before.chain(behind).collect();
    others.select_nth_unstable_by(n - 1, |x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    others[..n].iter().map(|other| other.1).collect()
}
