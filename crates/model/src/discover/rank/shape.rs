//! What a candidate may add to a prediction: steps over its values, or a straight line.

use serde::{Deserialize, Serialize};

use super::histogram::{Binned, Histogram, Steps};
use super::residuals::Output;
use super::values::CandidateValues;

/// Added to the hessian of a line, in rows of squared error.
const RIDGE: f64 = 1.0;

/// The form in which the model that is to be helped can use a candidate's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// At most four steps over at most 32 bins: what networks and trees can make of a column.
    #[default]
    Steps,
    /// A straight line: what a linear model can make of a number. Codes still get a weight each.
    Line,
}

/// A candidate's values, ready to be fitted to gradients.
pub(super) enum Shaped {
    Steps(Binned),
    /// `[n_rows]` standardised values, 0 for missing.
    Line(Vec<f64>),
}

impl Shaped {
    /// None for a constant candidate.
    pub(super) fn new(values: &CandidateValues, sample: &[usize], shape: Shape) -> Option<Self> {
        match (shape, values) {
            (Shape::Line, CandidateValues::Number(values)) => standardised(values).map(Shaped::Line),
            _ => {
                let binned = Binned::fit(values, sample);
                (!binned.is_constant()).then_some(Shaped::Steps(binned))
            }
        }
    }

    /// By how much the function reduces the summed loss, each fold scored by a fit on the others.
    pub(super) fn gain(&self, output: &Output, fold: &[u8], n_folds: usize) -> f64 {
        match self {
            Shaped::Steps(binned) => {
                let folds = per_fold(binned, &output.gradient, &output.hessian, fold, n_folds);
                let gains = (0..n_folds).map(|k| {
                    Steps::fit(&Histogram::without(&folds, k), binned, output.noise).gain_on(&folds[k])
                });
                gains.sum()
            }
            Shaped::Line(x) => {
                let folds = Moments::per_fold(x, &output.gradient, &output.hessian, fold, n_folds);
                (0..n_folds).map(|k| Moments::without(&folds, k).line().gain_on(&folds[k])).sum()
            }
        }
    }

    /// Fits on all folds but `left_out`, moves the gradient by what the fit explains, and gives the
    /// gain on the fold left out.
    pub(super) fn explain(
        &self,
        gradient: &mut [f64],
        output: &Output,
        fold: &[u8],
        (left_out, n_folds): (usize, usize),
    ) -> f64 {
        let hessian = &output.hessian;
        match self {
            Shaped::Steps(binned) => {
                let folds = per_fold(binned, gradient, hessian, fold, n_folds);
                let steps = Steps::fit(&Histogram::without(&folds, left_out), binned, output.noise);
                for ((g, h), slot) in gradient.iter_mut().zip(hessian).zip(&binned.slots) {
                    *g += h * steps.weight[usize::from(*slot)];
                }
                steps.gain_on(&folds[left_out])
            }
            Shaped::Line(x) => {
                let folds = Moments::per_fold(x, gradient, hessian, fold, n_folds);
                let line = Moments::without(&folds, left_out).line();
                for ((g, h), x) in gradient.iter_mut().zip(hessian).zip(x) {
                    *g += h * (line.intercept + line.slope * x);
                }
                line.gain_on(&folds[left_out])
            }
        }
    }

    /// The gain on the fold `left_out` of a fit on the others.
    pub(super) fn gain_on_fold(
        &self,
        gradient: &[f64],
        output: &Output,
        fold: &[u8],
        (left_out, n_folds): (usize, usize),
    ) -> f64 {
        match self {
            Shaped::Steps(binned) => {
                let folds = per_fold(binned, gradient, &output.hessian, fold, n_folds);
                Steps::fit(&Histogram::without(&folds, left_out), binned, output.noise)
                    .gain_on(&folds[left_out])
            }
            Shaped::Line(x) => {
                let folds = Moments::per_fold(x, gradient, &output.hessian, fold, n_folds);
                Moments::without(&folds, left_out).line().gain_on(&folds[left_out])
            }
        }
    }
}

fn per_fold(
    binned: &Binned,
    gradient: &[f64],
    hessian: &[f64],
    fold: &[u8],
    n_folds: usize,
) -> Vec<Histogram> {
    Histogram::per_fold(&binned.slots, gradient, hessian, fold, n_folds)
}

/// Mean 0 and standard deviation 1; a missing value stands at the mean. None without spread.
fn standardised(values: &[Option<f64>]) -> Option<Vec<f64>> {
    let present: Vec<f64> = values.iter().copied().flatten().filter(|v| v.is_finite()).collect();
    let n = present.len() as f64;
    let mean = present.iter().sum::<f64>() / n;
    let deviation = (present.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    if !(deviation > 1e-12 * mean.abs() && deviation.is_finite()) {
        return None;
    }
    let cell = |v: &Option<f64>| v.filter(|v| v.is_finite()).map_or(0.0, |v| (v - mean) / deviation);
    Some(values.iter().map(cell).collect())
}

/// Sums over rows that a line's second-order fit needs.
#[derive(Clone, Copy, Default)]
struct Moments {
    g: f64,
    h: f64,
    gx: f64,
    hx: f64,
    hxx: f64,
}

/// What to add to the prediction: `intercept + slope * x`.
struct Line {
    intercept: f64,
    slope: f64,
    /// The intercept alone, which any column would bring.
    plain: f64,
}

impl Moments {
    fn per_fold(x: &[f64], gradient: &[f64], hessian: &[f64], fold: &[u8], n_folds: usize) -> Vec<Moments> {
        let mut folds = vec![Moments::default(); n_folds];
        for (((x, g), h), k) in x.iter().zip(gradient).zip(hessian).zip(fold) {
            let m = &mut folds[usize::from(*k)];
            m.g += g;
            m.h += h;
            m.gx += g * x;
            m.hx += h * x;
            m.hxx += h * x * x;
        }
        folds
    }

    fn without(folds: &[Moments], left_out: usize) -> Moments {
        let others = folds.iter().enumerate().filter(|(k, _)| *k != left_out);
        others.fold(Moments::default(), |a, (_, b)| Moments {
            g: a.g + b.g,
            h: a.h + b.h,
            gx: a.gx + b.gx,
            hx: a.hx + b.hx,
            hxx: a.hxx + b.hxx,
        })
    }

    fn line(&self) -> Line {
        let plain = if self.h > 0.0 { -self.g / self.h } else { 0.0 };
        // The slope after the intercept has done its part.
        let centre = if self.h > 0.0 { self.hx / self.h } else { 0.0 };
        let slope = -(self.gx - centre * self.g) / (self.hxx - centre * self.hx + RIDGE);
        Line { intercept: plain - slope * centre, slope, plain }
    }
}

impl Line {
    fn gain_on(&self, m: &Moments) -> f64 {
        let (a, b) = (self.intercept, self.slope);
        let both = a * m.g + b * m.gx + 0.5 * (a * a * m.h + 2.0 * a * b * m.hx + b * b * m.hxx);
        let plain = self.plain * m.g + 0.5 * self.plain * self.plain * m.h;
        plain - both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_squared_errors_is_the_least_squares_line() {
        // Targets 1 + 2 x of a prediction of 0: gradient -(1 + 2 x), hessian 1.
        let x = [-1.0, 0.0, 1.0, 2.0];
        let gradient: Vec<f64> = x.iter().map(|x| -(1.0 + 2.0 * x)).collect();
        let folds = Moments::per_fold(&x, &gradient, &[1.0; 4], &[0, 0, 1, 1], 2);
        let all = Moments::without(&folds, 2);
        let line = all.line();
        // Centred sum of squares 5, and a ridge of 1.
        assert!((line.slope - 2.0 * 5.0 / 6.0).abs() < 1e-12);
        assert!((line.plain - 2.0).abs() < 1e-12);
        assert!((line.intercept - (2.0 - line.slope * 0.5)).abs() < 1e-12);
        let explained = 0.5 * (5.0 * 4.0) - 0.5 * 5.0 * (2.0 - line.slope).powi(2);
        assert!((line.gain_on(&all) - explained).abs() < 1e-12);
    }

    #[test]
    fn numbers_without_spread_have_no_line() {
        assert!(standardised(&[Some(3.0), None, Some(3.0)]).is_none());
        assert!(standardised(&[None, Some(f64::NAN)]).is_none());
        assert_eq!(standardised(&[Some(1.0), None, Some(3.0)]), Some(vec![-1.0, 0.0, 1.0]));
    }
}
