//! Principal components: the plane in which vectors differ most.

use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use crate::error::{Error, Result};
use crate::numbers::dot;
use crate::numbers::eigen::{orthonormal, principal_mixtures};

/// Directions that are iterated. More than the two that are kept: the iteration then converges by
/// the ratio of the ninth variance to the second, and close variances do not slow it down.
const N_DIRECTIONS: usize = 8;
/// Most iterations.
const MOST_ITERATIONS: usize = 300;
/// Relative growth of the variance held by the directions at which the iteration ends.
const TOLERANCE: f64 = 1e-13;

/// Rows projected to their first two principal components.
///
/// Orthogonal iteration (Golub and Van Loan, Matrix Computations, 8.2.4) on the centred rows
/// without ever forming their covariance, then a Rayleigh-Ritz step inside the directions found.
/// The same rows give the same bits; the sign of an axis is chosen so that its largest entry is
/// positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// One pair per row, centred; zero along an axis without variance.
    pub coordinates: Vec<[f64; 2]>,
    /// Share of the total variance along each axis, 0 to 1; zero if there is no variance.
    pub explained: [f64; 2],
}

impl Projection {
    /// Finds the plane and projects the rows.
    ///
    /// # Shapes
    /// - `values`: `[n_rows, d]`, row by row
    ///
    /// # Errors
    /// A schema error if `values` is no whole number of rows, a value error for a non-finite one.
    pub fn fit(values: &[f32], d: usize) -> Result<Self> {
        if d == 0 || !values.len().is_multiple_of(d) {
            return Err(Error::schema(format!("{} values are no whole rows of width {d}", values.len())));
        }
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::value(format!(
                "coordinate {} of row {} is {}, all must be finite",
                i % d,
                i / d,
                values[i]
            )));
        }
        let rows = centred(values, d);
        let n_rows = values.len() / d;
        let total: f64 = rows.iter().map(|v| v * v).sum();
        let mut projection = Projection { coordinates: vec![[0.0; 2]; n_rows], explained: [0.0; 2] };
        if total == 0.0 {
            return Ok(projection);
        }
        let directions = dominant_directions(&rows, d);
        let projected: Vec<Vec<f64>> = directions.iter().map(|v| project(&rows, v)).collect();
        for (axis, mix) in principal_mixtures(&projected).into_iter().take(2).enumerate() {
            let direction: Vec<f64> =
                (0..d).map(|j| mix.iter().zip(&directions).map(|(m, v)| m * v[j]).sum()).collect();
            let largest =
                direction.iter().fold(0.0_f64, |best, v| if v.abs() > best.abs() { *v } else { best });
            let along = project(&rows, &direction);
            projection.explained[axis] = (dot(&along, &along) / total).clamp(0.0, 1.0);
            for (coordinate, value) in projection.coordinates.iter_mut().zip(along) {
                coordinate[axis] = value * largest.signum();
            }
        }
        Ok(projection)
    }
}

fn centred(values: &[f32], d: usize) -> Vec<f64> {
    let n_rows = (values.len() / d).max(1) as f64;
    let mut mean = vec![0.0; d];
    for row in values.chunks_exact(d) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += f64::from(*v) / n_rows);
    }
    values.chunks_exact(d).flat_map(|row| row.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m)).collect()
}

/// Orthonormal directions that hold the most variance, in no particular order.
fn dominant_directions(rows: &[f64], d: usize) -> Vec<Vec<f64>> {
    let mut rng = Pcg64Mcg::seed_from_u64(0);
    let start = (0..N_DIRECTIONS.min(d)).map(|_| (0..d).map(|_| rng.random_range(-1.0..1.0)).collect());
    let mut directions = orthonormal(start.collect());
    let mut held = 0.0;
    for _ in 0..MOST_ITERATIONS {
        let mut held_now = 0.0;
        let mut next = Vec::with_capacity(directions.len());
        for direction in &directions {
            let along = project(rows, direction);
            held_now += dot(&along, &along);
            let mut image = vec![0.0; d];
            for (row, a) in rows.chunks_exact(d).zip(&along) {
                image.iter_mut().zip(row).for_each(|(i, v)| *i += a * v);
            }
            next.push(image);
        }
        let found = orthonormal(next);
        if found.is_empty() {
            break;
        }
        directions = found;
        if held_now - held <= TOLERANCE * held_now {
            break;
        }
        held = held_now;
    }
    directions
}

fn project(rows: &[f64], direction: &[f64]) -> Vec<f64> {
    rows.chunks_exact(direction.len()).map(|row| dot(row, direction)).collect()
}
