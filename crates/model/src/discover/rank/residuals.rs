//! What a predictor leaves unexplained: the derivatives of its loss, row by row.

use crate::error::{Error, Result};

/// What the current predictor leaves unexplained, row by row: first and second derivative of the
/// loss by the prediction. Predictions should be out of fold, or the residuals flatter the predictor.
#[derive(Debug, Clone, PartialEq)]
pub struct Residuals {
    n_rows: usize,
    pub(super) outputs: Vec<Output>,
}

/// The derivatives by one output of the predictor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Output {
    /// `[n_rows]`
    pub(super) gradient: Vec<f64>,
    /// `[n_rows]`, not negative.
    pub(super) hessian: Vec<f64>,
    /// Gain per parameter of a gradient without signal.
    pub(super) noise: f64,
    /// How much its gains count.
    pub(super) weight: f64,
}

impl Residuals {
    /// Of `[n_rows]` gradients and `[n_rows]` hessians.
    ///
    /// # Errors
    /// A value error if lengths differ, a number is not finite or a hessian is negative.
    pub fn new(gradient: Vec<f64>, hessian: Vec<f64>) -> Result<Self> {
        if gradient.len() != hessian.len() {
            return Err(Error::value(format!(
                "there are {} gradients and {} hessians, as many are needed",
                gradient.len(),
                hessian.len()
            )));
        }
        let bad = |(g, h): (&f64, &f64)| !(g.is_finite() && h.is_finite() && *h >= 0.0);
        if let Some(row) = gradient.iter().zip(&hessian).position(bad) {
            return Err(Error::value(format!(
                "row {row} has gradient {} and hessian {}, finite ones are needed and no negative hessian",
                gradient[row], hessian[row]
            )));
        }
        let (squares, h): (f64, f64) = (gradient.iter().map(|g| g * g).sum(), hessian.iter().sum());
        let noise = if h > 0.0 { squares / h } else { 0.0 };
        Ok(Residuals {
            n_rows: gradient.len(),
            outputs: vec![Output { gradient, hessian, noise, weight: 1.0 }],
        })
    }

    /// Of the log-loss of two classes: `p - y` and `p (1 - p)`.
    ///
    /// # Errors
    /// A value error if lengths differ or a probability is not between 0 and 1.
    pub fn log_loss(p_positive: &[f64], is_positive: &[bool]) -> Result<Self> {
        same_length(p_positive.len(), is_positive.len())?;
        check_probabilities(p_positive)?;
        let y = is_positive.iter().map(|y| f64::from(u8::from(*y)));
        let gradient = p_positive.iter().zip(y).map(|(p, y)| p - y).collect();
        Self::new(gradient, p_positive.iter().map(|p| p * (1.0 - p)).collect())
    }

    /// Of the log-loss of several classes, one output per class, gains added up.
    ///
    /// `p_classes` is `[n_rows * n_classes]`, row by row; `class` is `[n_rows]`, below `n_classes`.
    ///
    /// # Errors
    /// A value error if lengths differ, a class is too large or a probability is not between 0 and 1.
    pub fn multiclass(p_classes: &[f64], class: &[usize], n_classes: usize) -> Result<Self> {
        same_length(p_classes.len(), class.len() * n_classes)?;
        check_probabilities(p_classes)?;
        if let Some(bad) = class.iter().find(|c| **c >= n_classes) {
            return Err(Error::value(format!("class {bad} is not below {n_classes} classes")));
        }
        let mut outputs = Vec::with_capacity(n_classes);
        for k in 0..n_classes {
            let p: Vec<f64> = p_classes.iter().skip(k).step_by(n_classes).copied().collect();
            let is_class: Vec<bool> = class.iter().map(|c| *c == k).collect();
            outputs.extend(Self::log_loss(&p, &is_class)?.outputs);
        }
        Ok(Residuals { n_rows: class.len(), outputs })
    }

    /// Of half the squared error: `prediction - y` and 1.
    ///
    /// # Errors
    /// A value error if lengths differ or a number is not finite.
    pub fn squared_error(prediction: &[f64], y: &[f64]) -> Result<Self> {
        same_length(prediction.len(), y.len())?;
        let gradient = prediction.iter().zip(y).map(|(p, y)| p - y).collect();
        Self::new(gradient, vec![1.0; y.len()])
    }

    /// These, and what another model leaves of the same rows: its gains count `weight` times as much.
    ///
    /// # Errors
    /// A value error if the number of rows differs.
    pub fn beside(mut self, other: Residuals, weight: f64) -> Result<Self> {
        same_length(self.n_rows, other.n_rows)?;
        let weighted = |output: Output| Output { weight: output.weight * weight, ..output };
        self.outputs.extend(other.outputs.into_iter().map(weighted));
        Ok(self)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
}

fn same_length(n_predictions: usize, n_targets: usize) -> Result<()> {
    if n_predictions == n_targets {
        return Ok(());
    }
    Err(Error::value(format!("there are {n_predictions} predictions for {n_targets} targets")))
}

fn check_probabilities(p: &[f64]) -> Result<()> {
    match p.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(i) => Err(Error::value(format!("probability {i} is {}, between 0 and 1 is needed", p[i]))),
        None => Ok(()),
    }
}
