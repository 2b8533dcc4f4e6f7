//! The spread of numbers, and what evens it out.

/// Shares of the rows at which [`NumberProfile::quantiles`] stand.
pub const QUANTILES: [f64; 7] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];
/// Skewness, either way, from which a power is looked for.
const SKEWED: f64 = 1.0;

/// The spread of a numeric column's finite values, in the column's own unit.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberProfile {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Values at the shares of [`QUANTILES`].
    pub quantiles: [f64; QUANTILES.len()],
    /// Third standardised moment: 0 for symmetric, above 1 for a long right tail.
    pub skewness: f64,
    /// The power that leaves least skewness; none if there is little, if none brings it closer to 0, or
    /// if there are values below 0.
    pub evened_by: Option<Power>,
    /// Whether all values are whole numbers.
    pub whole: bool,
}

/// A power of a number that is not below 0, or its limit, the logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Natural logarithm.
    Ln,
    /// Natural logarithm of the number and 1, for numbers that may be 0.
    LnOfOneMore,
    /// Square root.
    Root,
    /// Square.
    Square,
}

impl NumberProfile {
    /// Of values in ascending order; none if there are none.
    pub(super) fn fit(sorted: &[f64]) -> Option<Self> {
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let n = sorted.len() as f64;
        let skewness = skewness(sorted);
        Some(NumberProfile {
            min,
            max,
            quantiles: QUANTILES.map(|p| sorted[(p * (n - 1.0)).round() as usize]),
            skewness,
            evened_by: if min >= 0.0 { Power::evening(sorted, skewness) } else { None },
            whole: sorted.iter().all(|v| v.fract() == 0.0),
        })
    }
}

impl Power {
    /// The one after which the least skewness is left.
    fn evening(sorted: &[f64], skewed: f64) -> Option<Self> {
        let logarithm = if sorted[0] > 0.0 { Power::Ln } else { Power::LnOfOneMore };
        let powers = match skewed {
            s if s > SKEWED => vec![logarithm, Power::Root],
            s if s < -SKEWED => vec![Power::Square],
            _ => vec![],
        };
        let left = |power: Power| {
            let values: Vec<f64> = sorted.iter().map(|v| power.of(*v)).collect();
            (skewness(&values).abs(), power)
        };
        let best = powers.into_iter().map(left).min_by(|a, b| a.0.total_cmp(&b.0));
        best.filter(|(left, _)| *left < skewed.abs()).map(|(_, power)| power)
    }

    fn of(self, value: f64) -> f64 {
        match self {
            Power::Ln => value.ln(),
            Power::LnOfOneMore => value.ln_1p(),
            Power::Root => value.sqrt(),
            Power::Square => value * value,
        }
    }
}

/// Third standardised moment; 0 where it has no value.
fn skewness(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| v / n).sum::<f64>();
    let moment = |power: i32| values.iter().map(|v| (v - mean).powi(power) / n).sum::<f64>();
    let skewness = moment(3) / moment(2).powf(1.5);
    if skewness.is_finite() { skewness } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skewness_of_a_known_sample() {
        // Mean 2, second central moment 3, third 6.
        let profile = NumberProfile::fit(&[1.0, 1.0, 1.0, 5.0]).unwrap();
        assert!((profile.skewness - 6.0 / 3f64.powf(1.5)).abs() < 1e-12);
    }

    #[test]
    fn the_power_that_undoes_another_one_is_found() {
        let grid = || (1..200).map(|i| f64::from(i) / 100.0);
        let evened =
            |f: fn(f64) -> f64| NumberProfile::fit(&grid().map(f).collect::<Vec<_>>()).unwrap().evened_by;
        assert_eq!(evened(|x| (4.0 * x).exp()), Some(Power::Ln));
        assert_eq!(evened(|x| (4.0 * x).exp() - (0.04f64).exp()), Some(Power::LnOfOneMore));
        assert_eq!(evened(|x| x.powi(4)), Some(Power::Root));
        assert_eq!(evened(|x| 3.0 - (x - 2.0).powi(4) / 10.0), Some(Power::Square));
        assert_eq!(evened(|x| x), None);
        assert_eq!(evened(|x| (4.0 * x).exp() - 2.0), None, "no root or logarithm of what is below 0");
        assert_eq!(evened(|_| 3.0), None);
    }
}
