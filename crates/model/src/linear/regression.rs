//! Penalised linear and logistic regression, and what a few more columns change.

use super::design::Design;
use crate::numbers::cholesky::{cholesky, solved};
use crate::numbers::{dot, sigmoid, softplus};

/// Most Newton steps of a first fit, and of an extended one.
const N_STEPS: usize = 12;
const N_EXTENDED_STEPS: usize = 5;
/// Relative fall of the loss that ends the steps.
const ENOUGH: f64 = 1e-8;
/// How often a step that does not lower the loss is halved.
const N_HALVINGS: usize = 4;
/// Smallest weight of a row: rows that are all but certain still count.
const LEAST_WEIGHT: f64 = 1e-3;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Log-loss of 0 and 1.
    Logistic,
    /// Half the squared error.
    Square,
}

impl Loss {
    /// The probability or number that a logit or number stands for.
    pub fn mean_of(self, eta: f64) -> f64 {
        match self {
            Loss::Logistic => sigmoid(eta),
            Loss::Square => eta,
        }
    }
}

/// A model of some rows: `offset + design * coefficients` is the logit or the number.
pub(crate) struct Problem<'a> {
    pub design: &'a Design,
    /// `[n_rows]`
    pub offset: &'a [f64],
    /// `[n_rows]`
    pub y: &'a [f64],
    /// Rows that are learned from.
    pub learn: &'a [usize],
    pub loss: Loss,
}

/// A fitted model, kept so that columns can be added to it.
pub(crate) struct Fit {
    /// `[n_rows]` logit or number of every row, learned from or not.
    pub eta: Vec<f64>,
    coefficients: Vec<f64>,
    /// Weights of the rows learned from, and their mean, which scales the penalties.
    weight: Vec<f64>,
    mean_weight: f64,
    /// Cholesky factor of `Xᵀ W X + penalty`.
    factor: Vec<f64>,
}

impl Problem<'_> {
    /// Fits by Newton's method; `None` if the equations cannot be solved.
    pub fn fit(&self) -> Option<Fit> {
        let n = self.design.n_columns();
        let mut coefficients = vec![0.0; n];
        let mut eta = self.offset.to_vec();
        let mut loss = f64::INFINITY;
        let (mut weight, mut mean_weight, mut factor);
        let mut n_steps = 0;
        loop {
            weight = self.weights(&eta);
            mean_weight = mean(&weight);
            factor = cholesky(self.normal_matrix(&weight, mean_weight), n)?;
            let now = self.loss_of(&eta) + ridge(&coefficients, self.design.penalty(), mean_weight);
            if !now.is_finite() {
                return None;
            }
            if n_steps == self.most_steps(N_STEPS) || loss - now <= ENOUGH * now.abs() {
                break;
            }
            loss = now;
            let step = solved(&factor, self.pull(&eta, &coefficients, mean_weight));
            coefficients.iter_mut().zip(&step).for_each(|(c, s)| *c += s);
            for (r, eta) in eta.iter_mut().enumerate() {
                *eta += self.design.product(r, &step);
            }
            n_steps += 1;
        }
        Some(Fit { eta, coefficients, weight, mean_weight, factor })
    }

    /// The logit or number of `test` rows after the columns of `extra` joined the model and all
    /// coefficients were fitted again.
    ///
    /// Newton steps with the second derivatives of the first fit, by blocks: the first fit's factor is
    /// used, and only the Schur complement of the new columns is solved. For squared error one step is
    /// exact.
    pub fn extended(&self, fit: &Fit, extra: &Design, test: &[usize]) -> Option<Vec<f64>> {
        let (n, m) = (self.design.n_columns(), extra.n_columns());
        let penalty: Vec<f64> = extra.penalty().iter().map(|p| p * fit.mean_weight).collect();
        let (mut cross, mut own) = (vec![0.0; m * n], vec![0.0; m * m]);
        for (r, w) in self.learn.iter().zip(&fit.weight) {
            for (c, vc) in extra.row(*r) {
                let c = *c as usize;
                for (b, vb) in self.design.row(*r) {
                    cross[c * n + *b as usize] += w * vc * vb;
                }
                for (d, vd) in extra.row(*r) {
                    own[c * m + *d as usize] += w * vc * vd;
                }
            }
        }
        (0..m).for_each(|c| own[c * m + c] += penalty[c]);
        // Rows of `through` are the base's answers to each new column.
        let through: Vec<f64> =
            cross.chunks_exact(n).flat_map(|row| solved(&fit.factor, row.to_vec())).collect();
        for c in 0..m {
            for d in 0..m {
                own[c * m + d] -= dot(&cross[c * n..(c + 1) * n], &through[d * n..(d + 1) * n]);
            }
        }
        let complement = cholesky(own, m)?;
        let (mut base, mut new) = (fit.coefficients.clone(), vec![0.0; m]);
        let mut eta: Vec<f64> = self.learn.iter().map(|r| fit.eta[*r]).collect();
        let objective = |eta: &[f64], base: &[f64], new: &[f64]| {
            self.loss_of_learned(eta)
                + ridge(base, self.design.penalty(), fit.mean_weight)
                + ridge(new, extra.penalty(), fit.mean_weight)
        };
        let mut loss = objective(&eta, &base, &new);
        for _ in 0..self.most_steps(N_EXTENDED_STEPS) {
            let errors: Vec<f64> =
                self.learn.iter().zip(&eta).map(|(r, e)| self.y[*r] - self.loss.mean_of(*e)).collect();
            let (mut pull, mut pull_new) = (vec![0.0; n], vec![0.0; m]);
            for (r, e) in self.learn.iter().zip(&errors) {
                self.design.row(*r).iter().for_each(|(c, v)| pull[*c as usize] += v * e);
                extra.row(*r).iter().for_each(|(c, v)| pull_new[*c as usize] += v * e);
            }
            for ((p, b), k) in pull.iter_mut().zip(&base).zip(self.design.penalty()) {
                *p -= k * fit.mean_weight * b;
            }
            pull_new.iter_mut().zip(&new).zip(&penalty).for_each(|((p, c), k)| *p -= k * c);
            let direct = solved(&fit.factor, pull);
            for (c, p) in pull_new.iter_mut().enumerate() {
                *p -= dot(&cross[c * n..(c + 1) * n], &direct);
            }
            let mut step_new = solved(&complement, pull_new);
            let mut step = direct;
            for (c, s) in step_new.iter().enumerate() {
                step.iter_mut().zip(&through[c * n..(c + 1) * n]).for_each(|(b, t)| *b -= t * s);
            }
            let move_of = |r: usize, step: &[f64], step_new: &[f64]| {
                self.design.product(r, step) + extra.product(r, step_new)
            };
            let mut moves: Vec<f64> = self.learn.iter().map(|r| move_of(*r, &step, &step_new)).collect();
            let mut found = None;
            for _ in 0..=N_HALVINGS {
                let moved: Vec<f64> = eta.iter().zip(&moves).map(|(e, m)| e + m).collect();
                let (to, to_new) = (sum(&base, &step), sum(&new, &step_new));
                let now = objective(&moved, &to, &to_new);
                if now <= loss {
                    found = Some((moved, to, to_new, now));
                    break;
                }
                [&mut step, &mut step_new, &mut moves].into_iter().flatten().for_each(|v| *v *= 0.5);
            }
            let Some((moved, to, to_new, now)) = found else { break };
            let fell = loss - now;
            (eta, base, new, loss) = (moved, to, to_new, now);
            if fell <= ENOUGH * loss.abs() {
                break;
            }
        }
        let change: Vec<f64> = base.iter().zip(&fit.coefficients).map(|(b, c)| b - c).collect();
        let found: Vec<f64> = test
            .iter()
            .map(|r| fit.eta[*r] + self.design.product(*r, &change) + extra.product(*r, &new))
            .collect();
        found.iter().all(|v| v.is_finite()).then_some(found)
    }

    fn most_steps(&self, logistic: usize) -> usize {
        if self.loss == Loss::Square { 1 } else { logistic }
    }

    fn weights(&self, eta: &[f64]) -> Vec<f64> {
        let weight = |r: &usize| match self.loss {
            Loss::Logistic => {
                let p = sigmoid(eta[*r]);
                (p * (1.0 - p)).max(LEAST_WEIGHT)
            }
            Loss::Square => 1.0,
        };
        self.learn.iter().map(weight).collect()
    }

    fn loss_of(&self, eta: &[f64]) -> f64 {
        self.loss_of_learned(&self.learn.iter().map(|r| eta[*r]).collect::<Vec<_>>())
    }

    fn loss_of_learned(&self, eta: &[f64]) -> f64 {
        let of = |(r, eta): (&usize, &f64)| match self.loss {
            Loss::Logistic => softplus(*eta) - self.y[*r] * eta,
            Loss::Square => 0.5 * (self.y[*r] - eta).powi(2),
        };
        self.learn.iter().zip(eta).map(of).sum()
    }

    /// `Xᵀ W X + penalty`, its lower triangle.
    fn normal_matrix(&self, weight: &[f64], mean_weight: f64) -> Vec<f64> {
        let n = self.design.n_columns();
        let mut matrix = vec![0.0; n * n];
        for (r, w) in self.learn.iter().zip(weight) {
            let row = self.design.row(*r);
            for (i, (a, va)) in row.iter().enumerate() {
                let line = &mut matrix[*a as usize * n..];
                for (b, vb) in &row[..=i] {
                    line[*b as usize] += w * va * vb;
                }
            }
        }
        for (i, p) in self.design.penalty().iter().enumerate() {
            matrix[i * n + i] += p * mean_weight;
        }
        matrix
    }

    /// The negative gradient.
    fn pull(&self, eta: &[f64], coefficients: &[f64], mean_weight: f64) -> Vec<f64> {
        let mut pull = vec![0.0; self.design.n_columns()];
        for r in self.learn {
            let error = self.y[*r] - self.loss.mean_of(eta[*r]);
            self.design.row(*r).iter().for_each(|(c, v)| pull[*c as usize] += v * error);
        }
        for ((p, c), k) in pull.iter_mut().zip(coefficients).zip(self.design.penalty()) {
            *p -= k * mean_weight * c;
        }
        pull
    }
}

fn ridge(coefficients: &[f64], penalty: &[f64], scale: f64) -> f64 {
    0.5 * scale * coefficients.iter().zip(penalty).map(|(c, p)| p * c * c).sum::<f64>()
}

/// The mean; 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Float64Array};
    use std::sync::Arc;
    use tabgraft_table::schema::{ColumnSpec, Kind};

    use super::*;

    fn column(values: Vec<f64>) -> Design {
        let spec =
            ColumnSpec { name: "x".into(), kind: Kind::Numeric, reason: String::new(), date_format: None };
        let n = values.len();
        let array: ArrayRef = Arc::new(Float64Array::from(values));
        Design::linear(&spec, &array, n, 10).unwrap()
    }

    /// Adding a column to a fit gives what fitting both at once gives.
    #[test]
    fn extending_a_fit_is_fitting_anew() {
        let n = 300;
        let at = |i: usize, k: usize| ((i * (7 + 4 * k) + i * i % (13 + k)) % 29) as f64 - 14.0;
        let (a, b) = (column((0..n).map(|i| at(i, 0)).collect()), column((0..n).map(|i| at(i, 1)).collect()));
        let base = Design::beside(&[&Design::constant(n), &a]);
        let both = Design::beside(&[&base, &b]);
        let learn: Vec<usize> = (0..n).filter(|i| i % 5 != 0).collect();
        let test: Vec<usize> = (0..n).filter(|i| i % 5 == 0).collect();
        let offset: Vec<f64> = (0..n).map(|i| at(i, 2) * 0.05).collect();
        for loss in [Loss::Square, Loss::Logistic] {
            let score = |i: usize| 0.1 * at(i, 0) - 0.08 * at(i, 1) + 0.1 * at(i, 3);
            let y: Vec<f64> = (0..n)
                .map(|i| if loss == Loss::Square { score(i) } else { f64::from(u8::from(score(i) > 0.0)) })
                .collect();
            let problem = |design| Problem { design, offset: &offset, y: &y, learn: &learn, loss };
            let small = problem(&base);
            let extended = small.extended(&small.fit().unwrap(), &b, &test).unwrap();
            let whole = problem(&both).fit().unwrap();
            // The penalties are scaled by the weights of either first fit, which differ a little.
            let near = if loss == Loss::Square { 1e-9 } else { 2e-2 };
            for (e, r) in extended.iter().zip(&test) {
                let whole = whole.eta[*r];
                assert!((e - whole).abs() < near * (1.0 + whole.abs()), "{loss:?} {e} {whole}");
            }
        }
    }

    #[test]
    fn a_logistic_fit_stands_where_the_gradient_is_0() {
        let n = 200;
        let x: Vec<f64> = (0..n).map(|i| (i as f64 * 0.37).sin()).collect();
        let y: Vec<f64> = (0..n).map(|i| f64::from(u8::from((i as f64 * 0.91).cos() < x[i]))).collect();
        let design = Design::beside(&[&Design::constant(n), &column(x)]);
        let learn: Vec<usize> = (0..n).collect();
        let offset = vec![0.0; n];
        let problem =
            Problem { design: &design, offset: &offset, y: &y, learn: &learn, loss: Loss::Logistic };
        let fit = problem.fit().unwrap();
        let pull = problem.pull(&fit.eta, &fit.coefficients, fit.mean_weight);
        assert!(pull.iter().all(|p| p.abs() < 1e-3), "{pull:?}");
    }
}
