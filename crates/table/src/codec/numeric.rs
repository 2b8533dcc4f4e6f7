//! Numbers: one piecewise-linear part, and quantile classes as target.
//!
//! A missing number has no bin; an infinite one lies at the cap of the outer bin; a constant
//! column has one bin and one class. The inverse of a class is its value or its interval.

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};

use super::bins::{ClassSpan, PiecewiseBins, TargetClasses};
use super::{CellFlag, CodecConfig};
use crate::cell;
use crate::encoded::{EncodedColumn, NO_TARGET, PartForm, PartValues};
use crate::error::{Error, Result};
use crate::stats::quantile::QuantileSketch;

/// Distance from the mean, in standard deviations, from which a number is an outlier.
const OUTLIER_Z: f64 = 3.0;

/// Fitted state of a numeric column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericCodec {
    edges: PiecewiseBins,
    classes: TargetClasses,
    /// Mean and standard deviation of the finite training values; 0 and 0 without any.
    mean: f64,
    std: f64,
}

impl NumericCodec {
    /// Fits the bins and classes to the counted values.
    pub(crate) fn fit(quantiles: &QuantileSketch, config: &CodecConfig) -> Self {
        let (mean, std) = quantiles.mean_std().unwrap_or((0.0, 0.0));
        NumericCodec {
            edges: PiecewiseBins::fit(quantiles, config.n_bins),
            classes: TargetClasses::fit(quantiles, config.n_targets),
            mean,
            std,
        }
    }

    /// One piecewise-linear part.
    pub fn parts(&self) -> Vec<PartForm> {
        vec![PartForm::Piecewise { n_bins: self.edges.n_bins() }]
    }

    /// Edges of the piecewise-linear part.
    pub fn edges(&self) -> &[f64] {
        self.edges.edges()
    }

    /// Number of classes of the target.
    pub fn n_targets(&self) -> usize {
        self.classes.n_classes()
    }

    /// Encodes cells; see [`super::Codec::apply`].
    pub fn apply(&self, column: &str, array: &ArrayRef) -> Result<EncodedColumn> {
        let numbers = cell::numbers(column, array)?;
        let placed = numbers.iter().map(|v| v.map_or((0, 0.0), |v| self.edges.place(v)));
        let (bin, position) = placed.unzip();
        Ok(EncodedColumn {
            parts: vec![PartValues::Piecewise { bin, position }],
            missing: numbers.iter().map(|v| v.is_none()).collect(),
            target: numbers.iter().map(|v| v.map_or(NO_TARGET, |v| self.classes.class(v))).collect(),
        })
    }

    /// The class in words.
    pub fn inverse_target(&self, target: u16) -> String {
        self.classes.describe(target, cell::short_text)
    }

    /// The values of each class of the target.
    pub fn class_spans(&self) -> Vec<ClassSpan> {
        self.classes.spans(&self.edges)
    }

    /// The class of a number that is not NaN.
    pub fn class(&self, value: f64) -> u16 {
        self.classes.class(value)
    }

    /// Neighbouring classes in words.
    pub fn inverse_range(&self, low: u16, high: u16) -> String {
        self.classes.describe_range(low, high, cell::short_text)
    }

    /// Flags cells; see [`super::Codec::flags`].
    pub fn flags(&self, column: &str, array: &ArrayRef) -> Result<Vec<CellFlag>> {
        let (low, high) = self.edges.range();
        let flag = |value: f64| {
            if value.is_infinite() {
                return CellFlag::NonFinite;
            }
            // A constant column has no scale; its own value stands for it.
            let scale = if self.std > 0.0 { self.std } else { self.mean.abs().max(1.0) };
            let z = (value / scale - self.mean / scale).abs();
            match value {
                _ if z >= OUTLIER_Z => CellFlag::Outlier { z: z.min(f64::from(f32::MAX)) as f32 },
                v if v < low || v > high => CellFlag::OutOfRange,
                _ => CellFlag::None,
            }
        };
        Ok(cell::numbers(column, array)?.iter().map(|v| v.map_or(CellFlag::Missing, flag)).collect())
    }

    /// Validates state that came from a file; see [`super::Codec::check`].
    pub fn check(&self) -> Result<()> {
        self.edges.check()?;
        self.classes.check()?;
        if !self.mean.is_finite() || !self.std.is_finite() || self.std < 0.0 {
            return Err(Error::malformed(format!(
                "mean {} and standard deviation {} must be finite, the latter not negative",
                self.mean, self.std
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_shown_with_six_digits() {
        assert_eq!(
            [34.523399999999995, 1_234_567.0, -1.0 / 3.0].map(cell::short_text),
            ["34.5234", "1234567", "-0.333333"]
        );
    }
}
