//! Penalised regression on sparse rows, of any number of outputs.
//!
//! Limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.5) from the diagonal of the second derivative, which
//! is exact for features that do not occur together, such as the levels of one category. Deterministic.

use super::cells::SparseRows;
use crate::numbers::dot;
use crate::tree::Loss;

/// Pairs of steps and changes that the second derivative is told from.
const MEMORY: usize = 8;
/// Relative fall of the loss that ends the steps.
const ENOUGH: f64 = 1e-5;
/// How often a step that does not lower the loss enough is halved.
const N_HALVINGS: usize = 12;
/// Share of the fall that the slope promises which a step has to bring.
const SUFFICIENT: f64 = 1e-4;

/// Rows that are learned from.
pub(crate) struct Regression<'a> {
    pub rows: &'a SparseRows,
    /// `[n_rows]`: class indices, or numbers.
    pub targets: &'a [f32],
    /// `[n_rows]`.
    pub weights: &'a [f32],
    pub loss: Loss,
}

impl Regression<'_> {
    /// Coefficients, the constant last: `[n_features + 1, n_outputs]`, of a constant alone.
    pub fn start(&self) -> Vec<f64> {
        let k = self.loss.n_outputs();
        let total: f64 = self.weights.iter().map(|w| f64::from(*w)).sum();
        let mut shares = vec![0.0f64; k];
        for (target, w) in self.targets.iter().zip(self.weights) {
            match self.loss {
                Loss::Softmax { .. } => shares[*target as usize] += f64::from(*w),
                Loss::Logistic | Loss::Squared => shares[0] += f64::from(*w) * f64::from(*target),
            }
        }
        let shares: Vec<f32> = shares.iter().map(|s| (s / total.max(f64::MIN_POSITIVE)) as f32).collect();
        let mut coefficients = vec![0.0; (self.rows.n_features() + 1) * k];
        let constant = self.rows.n_features() * k;
        coefficients[constant..]
            .iter_mut()
            .zip(self.loss.start(&shares))
            .for_each(|(c, s)| *c = f64::from(s));
        coefficients
    }

    /// Lowers the mean loss with a ridge penalty of so many rows on every coefficient but the constant.
    pub fn descend(&self, coefficients: &mut Vec<f64>, penalty: f64, n_steps: usize) {
        let total: f64 = self.weights.iter().map(|w| f64::from(*w)).sum::<f64>().max(f64::MIN_POSITIVE);
        let ridge = penalty / total;
        let diagonal = self.diagonal(coefficients, total, ridge);
        let (mut value, mut gradient) = self.value_and_gradient(coefficients, total, ridge);
        let mut pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
        for _ in 0..n_steps {
            let direction = direction(&gradient, &pairs, &diagonal);
            let slope = dot(&gradient, &direction);
            if !slope.is_finite() || slope >= 0.0 {
                return;
            }
            let mut size = 1.0;
            let mut found = None;
            for _ in 0..N_HALVINGS {
                let next: Vec<f64> = coefficients.iter().zip(&direction).map(|(c, d)| c + size * d).collect();
                let (now, own) = self.value_and_gradient(&next, total, ridge);
                if now <= value + SUFFICIENT * size * slope {
                    found = Some((next, now, own));
                    break;
                }
                size /= 2.0;
            }
            let Some((next, now, own)) = found else { return };
            let step: Vec<f64> = next.iter().zip(&*coefficients).map(|(a, b)| a - b).collect();
            let change: Vec<f64> = own.iter().zip(&gradient).map(|(a, b)| a - b).collect();
            let curvature = dot(&step, &change);
            if curvature > 0.0 {
                if pairs.len() == MEMORY {
                    pairs.remove(0);
                }
                pairs.push((step, change, curvature));
            }
            let fell = value - now;
            (*coefficients, value, gradient) = (next, now, own);
            if fell <= ENOUGH * value.abs() {
                return;
            }
        }
    }

    /// Numbers of rows: log-odds, logits, or the number.
    ///
    /// # Shapes
    /// - returns: `[n_rows, n_outputs]`
    pub fn margins(rows: &SparseRows, coefficients: &[f64], n_outputs: usize) -> Vec<f32> {
        let mut margins = vec![0.0; n_outputs];
        let mut all = Vec::with_capacity(rows.n_rows() * n_outputs);
        for r in 0..rows.n_rows() {
            margin(n_outputs, rows.row(r), coefficients, &mut margins);
            all.extend(margins.iter().map(|m| *m as f32));
        }
        all
    }

    fn value_and_gradient(&self, coefficients: &[f64], total: f64, ridge: f64) -> (f64, Vec<f64>) {
        // A loop over a number of outputs that the compiler knows is no loop.
        match self.loss.n_outputs() {
            1 => self.value_and_gradient_of(1, coefficients, total, ridge),
            k => self.value_and_gradient_of(k, coefficients, total, ridge),
        }
    }

    #[inline(always)]
    fn value_and_gradient_of(
        &self,
        k: usize,
        coefficients: &[f64],
        total: f64,
        ridge: f64,
    ) -> (f64, Vec<f64>) {
        let constant = self.rows.n_features() * k;
        let mut gradient = vec![0.0; coefficients.len()];
        let mut value = 0.0;
        let (mut margins, mut slopes) = (vec![0.0; k], vec![0.0; k]);
        for r in 0..self.rows.n_rows() {
            let weight = f64::from(self.weights[r]) / total;
            if weight == 0.0 {
                continue;
            }
            let row = self.rows.row(r);
            margin(k, row, coefficients, &mut margins);
            value += weight * self.loss.value_and_slope(&margins, self.targets[r], &mut slopes);
            for (feature, x) in row {
                let own = &mut gradient[*feature as usize * k..][..k];
                own.iter_mut().zip(&slopes).for_each(|(g, s)| *g += weight * f64::from(*x) * s);
            }
            gradient[constant..].iter_mut().zip(&slopes).for_each(|(g, s)| *g += weight * s);
        }
        for (g, c) in gradient[..constant].iter_mut().zip(coefficients) {
            value += 0.5 * ridge * c * c;
            *g += ridge * c;
        }
        (value, gradient)
    }

    /// One over the diagonal of the second derivative, about.
    fn diagonal(&self, coefficients: &[f64], total: f64, ridge: f64) -> Vec<f64> {
        let k = self.loss.n_outputs();
        let constant = self.rows.n_features() * k;
        let curvature = self.loss.mean_curvature(&coefficients[constant..]);
        let mut diagonal = vec![ridge; coefficients.len()];
        for r in 0..self.rows.n_rows() {
            let weight = f64::from(self.weights[r]) / total;
            for (feature, x) in self.rows.row(r) {
                let own = &mut diagonal[*feature as usize * k..][..k];
                let square = weight * f64::from(*x) * f64::from(*x);
                own.iter_mut().zip(&curvature).for_each(|(d, c)| *d += square * c);
            }
        }
        diagonal[constant..].copy_from_slice(&curvature);
        diagonal.iter_mut().for_each(|d| *d = 1.0 / d.max(1e-12));
        diagonal
    }
}

#[inline(always)]
fn margin(k: usize, row: &[(u32, f32)], coefficients: &[f64], margins: &mut [f64]) {
    let margins = &mut margins[..k];
    margins.copy_from_slice(&coefficients[coefficients.len() - k..]);
    for (feature, x) in row {
        let own = &coefficients[*feature as usize * k..][..k];
        margins.iter_mut().zip(own).for_each(|(m, c)| *m += f64::from(*x) * c);
    }
}

/// Two loops over the pairs: the gradient, times an estimate of the inverse second derivative.
fn direction(gradient: &[f64], pairs: &[(Vec<f64>, Vec<f64>, f64)], diagonal: &[f64]) -> Vec<f64> {
    let mut q = gradient.to_vec();
    let mut shares = Vec::with_capacity(pairs.len());
    for (step, change, curvature) in pairs.iter().rev() {
        let share = dot(step, &q) / curvature;
        q.iter_mut().zip(change).for_each(|(q, c)| *q -= share * c);
        shares.push(share);
    }
    q.iter_mut().zip(diagonal).for_each(|(q, d)| *q *= d);
    for ((step, change, curvature), share) in pairs.iter().zip(shares.iter().rev()) {
        let back = dot(change, &q) / curvature;
        q.iter_mut().zip(step).for_each(|(q, s)| *q += (share - back) * s);
    }
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, StringArray};
    use tabgraft_table::codec::{Codec, CodecConfig};
    use tabgraft_table::encoded::EncodedTable;
    use tabgraft_table::schema::{ColumnSpec, Kind};

    use super::super::cells::CellPlan;
    use super::*;

    const N_ROWS: usize = 300;

    /// A number, of which every seventh is missing, and a category.
    fn cells() -> (Vec<Codec>, EncodedTable) {
        let spec = |kind| ColumnSpec { name: "c".into(), kind, reason: String::new(), date_format: None };
        let number: Float64Array =
            (0..N_ROWS).map(|r| (r % 7 != 3).then_some(((r * 37) % 101) as f64 * 3.0 - 40.0)).collect();
        let levels = StringArray::from_iter_values((0..N_ROWS).map(|r| ["a", "b", "c", "d"][r * 5 % 11 % 4]));
        let columns: [(Kind, ArrayRef); 2] =
            [(Kind::Numeric, Arc::new(number)), (Kind::Categorical, Arc::new(levels))];
        let (mut codecs, mut encoded) = (Vec::new(), Vec::new());
        for (kind, array) in columns {
            let codec = Codec::fit(&spec(kind), &array, &CodecConfig::default()).unwrap();
            encoded.push(codec.apply("c", &array).unwrap());
            codecs.push(codec);
        }
        (codecs, EncodedTable { n_rows: N_ROWS, columns: encoded })
    }

    fn fitted(loss: Loss, targets: &[f32], weights: &[f32], penalty: f64) -> (Vec<f64>, Vec<f64>) {
        let (codecs, table) = cells();
        let plan = CellPlan::new(&codecs);
        let rows: Vec<usize> = (0..N_ROWS).collect();
        let (standardised, scales) = plan.standardised(&table, &rows, weights);
        let regression = Regression { rows: &standardised, targets, weights, loss };
        let mut coefficients = regression.start();
        regression.descend(&mut coefficients, penalty, 200);
        let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        let (_, gradient) = regression.value_and_gradient(&coefficients, total, penalty / total);
        // The way back to plain features changes no prediction.
        let plain = plan.of_plain(&coefficients, &scales, loss.n_outputs());
        let margins = Regression::margins(&standardised, &coefficients, loss.n_outputs());
        let k = loss.n_outputs();
        for (r, margins) in margins.chunks_exact(k).enumerate() {
            let mut own = plain[plan.n_features() * k..].to_vec();
            plan.row(&table, r, |feature, value| {
                own.iter_mut().enumerate().for_each(|(o, m)| *m += value * plain[feature * k + o]);
            });
            for (a, b) in margins.iter().zip(own) {
                assert!((f64::from(*a) - b).abs() < 1e-4, "row {r}: {a} and {b}");
            }
        }
        (coefficients, gradient)
    }

    fn targets(loss: Loss) -> Vec<f32> {
        let score = |r: usize| ((r * 37) % 101) as f32 / 50.0 + (r % 3) as f32;
        (0..N_ROWS)
            .map(|r| match loss {
                Loss::Squared => score(r),
                Loss::Logistic => f32::from(u8::from(score(r) > 2.0)),
                Loss::Softmax { .. } => score(r).min(2.9).floor(),
            })
            .collect()
    }

    #[test]
    fn a_descent_ends_where_the_gradient_is_0() {
        for loss in [Loss::Squared, Loss::Logistic, Loss::Softmax { n_classes: 3 }] {
            let (_, gradient) = fitted(loss, &targets(loss), &[1.0; N_ROWS], 5.0);
            assert!(gradient.iter().all(|g| g.abs() < 2e-3), "{loss:?}: {gradient:?}");
        }
    }

    #[test]
    fn a_row_of_weight_two_is_two_rows_and_one_of_weight_zero_is_none() {
        let loss = Loss::Logistic;
        let mut spoilt = targets(loss);
        let weights: Vec<f32> = (0..N_ROWS).map(|r| if r % 5 == 0 { 0.0 } else { 1.0 }).collect();
        let clean = fitted(loss, &spoilt, &weights, 5.0).0;
        spoilt.iter_mut().step_by(5).for_each(|t| *t = 1.0 - *t);
        assert_eq!(clean, fitted(loss, &spoilt, &weights, 5.0).0);
        let twice: Vec<f32> = weights.iter().map(|w| 2.0 * w).collect();
        let doubled = fitted(loss, &spoilt, &twice, 10.0).0;
        assert!(clean.iter().zip(&doubled).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn a_strong_penalty_leaves_the_constant() {
        let loss = Loss::Squared;
        let targets = targets(loss);
        let (coefficients, _) = fitted(loss, &targets, &[1.0; N_ROWS], 1e9);
        let (constant, others) = coefficients.split_last().unwrap();
        let mean = targets.iter().map(|t| f64::from(*t)).sum::<f64>() / N_ROWS as f64;
        assert!((constant - mean).abs() < 1e-3 && others.iter().all(|c| c.abs() < 1e-3));
    }
}
