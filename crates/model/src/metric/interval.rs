//! Closed-form 95 % intervals and the normal distribution.

/// Half-width of a two-sided 95 % interval in standard deviations.
const Z_95: f64 = 1.959_963_984_540_054;

/// Probability beyond one end of a two-sided 95 % interval.
const TAIL: f64 = 0.025;

/// Normal interval around `value` with standard error `error`.
pub(crate) fn normal(value: f64, error: f64) -> [f64; 2] {
    [value - Z_95 * error, value + Z_95 * error]
}

/// Interval for a value strictly between 0 and 1, normal on the logit scale, so it stays inside.
pub(super) fn logit_normal(value: f64, error: f64) -> [f64; 2] {
    let logit = (value / (1.0 - value)).ln();
    normal(logit, error / (value * (1.0 - value))).map(|x| 1.0 / (1.0 + (-x).exp()))
}

/// Wilson's (1927) interval of a share of `n` trials, which need not be a whole number: sound at 0 and
/// 1 too, where resampling gives an interval of no width.
pub(super) fn wilson(share: f64, n: f64) -> [f64; 2] {
    let z2 = Z_95 * Z_95;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

/// Lower end of the exact (Clopper-Pearson) interval of a share when all `n` trials succeeded.
pub(super) fn all_succeeded(n: usize) -> f64 {
    if n == 0 { 0.0 } else { TAIL.powf(1.0 / n as f64) }
}

/// The central 95 % of resampled values, by linear interpolation between order statistics.
/// `None` without values.
pub(super) fn percentile(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    Some([at(TAIL), at(1.0 - TAIL)])
}

/// Probability that a standard normal value is at least `|z|` away from zero.
pub(super) fn two_sided_p(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference: `scipy.stats.norm.sf(z) * 2`, scipy 1.17.1.
    #[test]
    fn p_values_match_scipy() {
        for (z, expected) in [
            (0.0, 1.0),
            (0.5, 0.617075077451974),
            (1.0, 0.31731050786291415),
            (1.959963984540054, 0.05),
            (3.5, 0.00046525815807105003),
            (3.6, 0.00031821718031506727),
            (8.0, 1.244192114854348e-15),
        ] {
            let p = two_sided_p(z);
            assert!((p / expected - 1.0).abs() < 1e-10, "z {z}: {p} against {expected}");
        }
    }

    /// Reference: `scipy.stats.binomtest(8, 10).proportion_ci(method="wilson")`,
    /// and Clopper-Pearson's lower end `scipy.stats.beta.ppf(.025, 10, 1)`.
    #[test]
    fn share_intervals_match_references() {
        let [low, high] = wilson(0.8, 10.0);
        assert!((low - 0.4901624715366418).abs() < 1e-9 && (high - 0.9433178485456248).abs() < 1e-9);
        assert!((all_succeeded(10) - 0.6915028921812392).abs() < 1e-9);
        let [low, high] = wilson(1.0, 10.0);
        assert!(low < 0.75 && (high - 1.0).abs() < 1e-12);
    }

    /// Reference: the definitions in Python, with `math`.
    #[test]
    fn normal_intervals_match_their_definitions() {
        let near = |found: [f64; 2], expected: [f64; 2]| {
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12),
                "{found:?}, {expected:?}"
            );
        };
        near(normal(1.0, 2.0), [-2.919927969080108, 4.919927969080108]);
        near(logit_normal(0.8, 0.05), [0.684343549345463, 0.8806692527269595]);
        near([wilson(0.0, 10.0)[0], wilson(1.0, 10.0)[1]], [0.0, 1.0]);
        assert_eq!(all_succeeded(0), 0.0);
    }

    #[test]
    fn percentiles_lie_between_the_values_beside_them() {
        assert_eq!(percentile((0..=40).rev().map(f64::from).collect()), Some([1.0, 39.0]));
        let [low, high] = percentile(vec![3.0, 1.0]).unwrap_or_default();
        assert!((low - 1.05).abs() < 1e-12 && (high - 2.95).abs() < 1e-12, "{low}, {high}");
        assert_eq!((percentile(vec![7.0]), percentile(Vec::new())), (Some([7.0, 7.0]), None));
    }
}
