//! Directions in which rows vary most: a power iteration, orthonormal bases, rotations of a small symmetric matrix.

use super::dot;

/// Rounds of the power iteration for the largest eigenvalue.
const N_POWER: usize = 20;
/// Sweeps of the small eigenproblem; eight directions need five or six.
const MOST_SWEEPS: usize = 30;

/// The largest eigenvalue of `x' x / n_rows`, or a little more, by power iteration from a vector of ones.
pub fn largest_eigenvalue(x: &[f64], d: usize) -> f64 {
    let n = (x.len() / d).max(1) as f64;
    let mut v = vec![1.0 / (d as f64).sqrt(); d];
    let mut value = 0.0;
    for _ in 0..N_POWER {
        let mut next = vec![0.0; d];
        for row in x.chunks_exact(d) {
            let dot: f64 = row.iter().zip(&v).map(|(a, b)| a * b).sum();
            next.iter_mut().zip(row).for_each(|(o, a)| *o += a * dot / n);
        }
        value = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        v = next.iter().map(|o| o / value.max(1e-12)).collect();
    }
    // The iteration comes from below.
    1.1 * value
}

/// Gram-Schmidt, twice for accuracy; vectors that lie in the span of earlier ones are dropped.
pub fn orthonormal(vectors: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut kept: Vec<Vec<f64>> = Vec::with_capacity(vectors.len());
    for mut vector in vectors {
        let before = dot(&vector, &vector).sqrt();
        for _ in 0..2 {
            for basis in &kept {
                let along = dot(&vector, basis);
                vector.iter_mut().zip(basis).for_each(|(v, b)| *v -= along * b);
            }
        }
        let norm = dot(&vector, &vector).sqrt();
        if norm > 1e-12 * before {
            vector.iter_mut().for_each(|v| *v /= norm);
            kept.push(vector);
        }
    }
    kept
}

/// The mixtures of the directions that diagonalise the variance within them, most variance first.
/// Cyclic Jacobi rotations (Golub and Van Loan, 8.5).
pub fn principal_mixtures(projected: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let k = projected.len();
    let mut a: Vec<Vec<f64>> =
        projected.iter().map(|x| projected.iter().map(|y| dot(x, y)).collect()).collect();
    let mut mix: Vec<Vec<f64>> =
        (0..k).map(|i| (0..k).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..MOST_SWEEPS {
        let mut turned = false;
        for p in 0..k {
            for q in p + 1..k {
                if a[p][q].abs() <= 1e-15 * (a[p][p] * a[q][q]).abs().sqrt() {
                    continue;
                }
                turned = true;
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = (if theta < 0.0 { -1.0 } else { 1.0 }) / (theta.abs() + theta.hypot(1.0));
                let cos = 1.0 / t.hypot(1.0);
                let sin = t * cos;
                for row in &mut a {
                    (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
                }
                turn_rows(&mut a, (p, q), (cos, sin));
                turn_rows(&mut mix, (p, q), (cos, sin));
            }
        }
        if !turned {
            break;
        }
    }
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|i, j| a[*j][*j].total_cmp(&a[*i][*i]).then(i.cmp(j)));
    order.into_iter().map(|i| mix[i].clone()).collect()
}

/// Replaces two rows by their rotation; `p < q`.
fn turn_rows(matrix: &mut [Vec<f64>], (p, q): (usize, usize), (cos, sin): (f64, f64)) {
    let (head, tail) = matrix.split_at_mut(q);
    for (x, y) in head[p].iter_mut().zip(&mut tail[0]) {
        (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
    }
}
