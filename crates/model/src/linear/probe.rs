//! A cheap linear model on frozen vectors: what they say of a target, without touching them.
//!
//! Softmax regression for classes, linear regression for numbers, on standardised coordinates, both
//! with a ridge penalty, minimised by accelerated gradient descent (Nesterov 1983; the momentum of
//! Beck & Teboulle 2009, "FISTA") from zero with a step from the largest eigenvalue of the coordinates'
//! covariance. Deterministic.

use crate::numbers::eigen::largest_eigenvalue;

/// Steps of the descent.
const N_STEPS: usize = 300;
/// Ridge penalty per row, on standardised coordinates.
const RIDGE: f64 = 0.01;

/// A fitted probe.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    d: usize,
    n_outputs: usize,
    is_class: bool,
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// `[d + 1, n_outputs]`, the intercept last.
    w: Vec<f64>,
    /// What a number's prediction is scaled by: centre and deviation.
    scale: [f64; 2],
}

impl Probe {
    /// Fits classes (`n_classes` at least 2, `y` their indices) or, without `n_classes`, numbers.
    ///
    /// # Shapes
    /// - `z`: `[n_rows, d]`, `y`: `[n_rows]`
    pub fn fit(z: &[f32], d: usize, y: &[f64], n_classes: Option<usize>) -> Self {
        let n = y.len().max(1) as f64;
        let moment = |c: usize, f: &dyn Fn(f64) -> f64| {
            z.chunks_exact(d).map(|row| f(f64::from(row[c]))).sum::<f64>() / n
        };
        let mean: Vec<f64> = (0..d).map(|c| moment(c, &|v| v)).collect();
        let deviation = (0..d).map(|c| moment(c, &|v| (v - mean[c]).powi(2)).sqrt().max(1e-6)).collect();
        let centre = y.iter().sum::<f64>() / n;
        let spread = (y.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / n).sqrt().max(1e-12);
        let n_outputs = n_classes.unwrap_or(1);
        let mut probe = Probe {
            d,
            n_outputs,
            is_class: n_classes.is_some(),
            mean,
            deviation,
            w: vec![0.0; (d + 1) * n_outputs],
            scale: if n_classes.is_some() { [0.0, 1.0] } else { [centre, spread] },
        };
        let x = probe.standardised(z);
        let wanted: Vec<f64> = match n_classes {
            Some(k) => y.iter().flat_map(|v| (0..k).map(|c| f64::from(u8::from(c == *v as usize)))).collect(),
            None => y.iter().map(|v| (v - centre) / spread).collect(),
        };
        probe.descend(&x, &wanted);
        probe
    }

    /// Probabilities or numbers of rows: `[n_rows, n_outputs]`.
    pub fn predict(&self, z: &[f32]) -> Vec<f64> {
        let mut values = self.outputs(&self.standardised(z), &self.w);
        if !self.is_class {
            values.iter_mut().for_each(|v| *v = *v * self.scale[1] + self.scale[0]);
        }
        values
    }

    /// Numbers per row of a prediction.
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// `[n_rows, d + 1]`, the last one 1.
    fn standardised(&self, z: &[f32]) -> Vec<f64> {
        z.chunks_exact(self.d)
            .flat_map(|row| {
                let scaled = row.iter().zip(self.mean.iter().zip(&self.deviation));
                scaled.map(|(v, (m, s))| (f64::from(*v) - m) / s).chain([1.0])
            })
            .collect()
    }

    fn outputs(&self, x: &[f64], w: &[f64]) -> Vec<f64> {
        let k = self.n_outputs;
        let mut values = vec![0.0; x.len() / (self.d + 1) * k];
        for (row, out) in x.chunks_exact(self.d + 1).zip(values.chunks_exact_mut(k)) {
            for (v, weights) in row.iter().zip(w.chunks_exact(k)) {
                out.iter_mut().zip(weights).for_each(|(o, w)| *o += v * w);
            }
            if self.is_class {
                let most = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                out.iter_mut().for_each(|o| *o = (*o - most).exp());
                let sum: f64 = out.iter().sum();
                out.iter_mut().for_each(|o| *o /= sum);
            }
        }
        values
    }

    fn descend(&mut self, x: &[f64], wanted: &[f64]) {
        let k = self.n_outputs;
        let n = (wanted.len() / k).max(1) as f64;
        // The softmax loss curves at most half as much as the squared one.
        let curvature = if self.is_class { 0.5 } else { 1.0 };
        let step = 1.0 / (curvature * largest_eigenvalue(x, self.d + 1) + RIDGE);
        let mut ahead = self.w.clone();
        let mut momentum = 1.0f64;
        for _ in 0..N_STEPS {
            let mut gradient = vec![0.0; ahead.len()];
            let found = self.outputs(x, &ahead);
            for (row, (f, y)) in
                x.chunks_exact(self.d + 1).zip(found.chunks_exact(k).zip(wanted.chunks_exact(k)))
            {
                for (v, g) in row.iter().zip(gradient.chunks_exact_mut(k)) {
                    g.iter_mut().zip(f.iter().zip(y)).for_each(|(g, (f, y))| *g += v * (f - y) / n);
                }
            }
            let next = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
            for ((w, a), g) in self.w.iter_mut().zip(&mut ahead).zip(&gradient) {
                let moved = *a - step * (g + RIDGE * *a);
                *a = moved + (momentum - 1.0) / next * (moved - *w);
                *w = moved;
            }
            momentum = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize) -> Vec<f32> {
        (0..n).flat_map(|i| [(i % 7) as f32 - 3.0, (i % 5) as f32 * 10.0]).collect()
    }

    #[test]
    fn numbers_come_out_as_they_were_made() {
        let z = rows(200);
        let y: Vec<f64> =
            z.chunks_exact(2).map(|r| 100.0 + 7.0 * f64::from(r[0]) - f64::from(r[1])).collect();
        let found = Probe::fit(&z, 2, &y, None).predict(&z);
        // The ridge draws weights to zero by about its size.
        let error = found.iter().zip(&y).map(|(f, y)| (f - y).abs()).fold(0.0, f64::max);
        assert!(error < 1.0, "{error}");
    }

    #[test]
    fn classes_get_probabilities_and_the_right_one_the_most() {
        let z = rows(210);
        let y: Vec<f64> =
            z.chunks_exact(2).map(|r| f64::from(u8::from(r[0] > 0.5) + u8::from(r[0] > 2.5))).collect();
        let probe = Probe::fit(&z, 2, &y, Some(3));
        let found = probe.predict(&z);
        let right = found.chunks_exact(3).zip(&y).filter(|(p, y)| {
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let best = (0..3).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap_or(0);
            best as f64 == **y
        });
        assert!(right.count() > 180);
    }
}
