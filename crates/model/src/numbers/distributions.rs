//! Tails of distributions, for p-values.

use libm::lgamma;

/// Terms of a sum below this share of it change nothing.
const NEGLIGIBLE: f64 = 1e-17;

/// Probability that Student's t with `df` degrees of freedom (above 0) is at most `t`.
///
/// By the regularized incomplete beta function (NIST DLMF 8.17), to about 1e-12.
pub fn t_cdf(t: f64, df: f64) -> f64 {
    if t.is_nan() || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if t.abs() < 0.01 {
        // So near the middle `df / (df + t * t)` would leave few digits of `t`.
        return 0.5 + 0.5f64.copysign(t) * incomplete_beta(0.5, df / 2.0, t * t / (df + t * t));
    }
    let tail = 0.5 * incomplete_beta(df / 2.0, 0.5, df / (df + t * t));
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// Probability that chi-square with `df` degrees of freedom (above 0) is at least `x`.
///
/// By the regularized incomplete gamma function: its series below the mean, its continued fraction above (NIST DLMF 8.7.1,
/// 8.9.2), evaluated by Lentz's method.
pub fn chi_square_tail(x: f64, df: f64) -> f64 {
    if x.is_nan() || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    let (a, x) = (df / 2.0, x / 2.0);
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..100_000 {
            term *= x / (a + f64::from(n));
            sum += term;
            if term < NEGLIGIBLE * sum {
                break;
            }
        }
        return (1.0 - front * sum).max(0.0);
    }
    let tiny = 1e-300;
    let away_from_0 = |v: f64| if v.abs() < tiny { tiny } else { v };
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut fraction = d;
    for i in 1..100_000 {
        let coefficient = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / away_from_0(coefficient * d + b);
        c = away_from_0(b + coefficient / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

/// Probability that of `n` rows drawn from `n_all`, of which `k_all` are marked, at least `k` are marked: Fisher's exact
/// test, one-sided. At most `k`, where `is_most`.
pub fn hypergeometric_tail(k: u64, n: u64, k_all: u64, n_all: u64, is_most: bool) -> f64 {
    let (low, high) = ((k_all + n).saturating_sub(n_all), k_all.min(n));
    if (is_most && k >= high) || (!is_most && k <= low) {
        return 1.0;
    }
    if k < low || k > high {
        return 0.0;
    }
    let choose =
        |n: u64, k: u64| lgamma(n as f64 + 1.0) - lgamma(k as f64 + 1.0) - lgamma((n - k) as f64 + 1.0);
    let mut term = (choose(k_all, k) + choose(n_all - k_all, n - k) - choose(n_all, n)).exp();
    let (mut sum, mut k) = (term, k);
    // From one number of marked rows to the next one away from the middle.
    while if is_most { k > low } else { k < high } {
        let up = |k: u64| {
            (k_all - k) as f64 * (n - k) as f64 / ((k + 1) as f64 * (n_all + k + 1 - k_all - n) as f64)
        };
        if is_most {
            k -= 1;
            term /= up(k);
        } else {
            term *= up(k);
            k += 1;
        }
        sum += term;
        if term < NEGLIGIBLE * sum {
            break;
        }
    }
    sum.min(1.0)
}

/// P-values corrected for their number: the smallest level of a whole family of tests at which each is rejected
/// (Holm 1979, Scandinavian Journal of Statistics 6). However the tests hang together, none is rejected in error with a
/// higher probability than that level.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut rising: Vec<usize> = (0..p_values.len()).collect();
    rising.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (n, mut largest, mut adjusted) = (p_values.len(), 0.0f64, vec![1.0; p_values.len()]);
    for (n_smaller, i) in rising.into_iter().enumerate() {
        largest = largest.max(p_values[i] * (n - n_smaller) as f64).min(1.0);
        adjusted[i] = largest;
    }
    adjusted
}

/// Regularized incomplete beta function `I_x(a, b)` by its continued fraction (NIST DLMF 8.17.22),
/// evaluated by Lentz's method.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges fast below the mean; above it the mirrored one does.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let tiny = 1e-300;
    let away_from_0 = |v: f64| if v.abs() < tiny { tiny } else { v };
    let term = |m: f64, is_even: bool| match is_even {
        true => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
        false => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
    };
    let (mut fraction, mut c, mut d) = (1.0, f64::INFINITY, 1.0);
    for i in 1..10_000 {
        let coefficient = term(f64::from(i / 2), i % 2 == 0);
        d = 1.0 / away_from_0(1.0 + coefficient * d);
        c = away_from_0(1.0 + coefficient / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    let front = a * x.ln() + b * (-x).ln_1p() + lgamma(a + b) - lgamma(a) - lgamma(b);
    front.exp() / a * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(found: f64, expected: f64) -> bool {
        (found / expected - 1.0).abs() < 1e-9
    }

    /// References: `scipy.stats.chi2.sf`, scipy 1.17.1.
    #[test]
    fn chi_square_matches_scipy() {
        for (x, df, expected) in [
            (0.5, 1.0, 0.47950012218695337),
            (3.84, 1.0, 0.05004352124870519),
            (20.0, 3.0, 0.00016974243555282632),
            (12.0, 15.0, 0.6790290570904147),
            (60.0, 15.0, 2.522085078696141e-07),
            (300.0, 15.0, 5.5897493231246435e-55),
            (5000.0, 4900.0, 0.1562274137489366),
        ] {
            let found = chi_square_tail(x, df);
            assert!(is_near(found, expected), "{x} {df}: {found} instead of {expected}");
        }
        assert_eq!(chi_square_tail(0.0, 3.0), 1.0);
        assert!(chi_square_tail(1.0, 0.0).is_nan());
    }

    /// References: `scipy.stats.hypergeom.sf(k - 1, ...)` and `.cdf`, scipy 1.17.1.
    #[test]
    fn hypergeometric_matches_scipy() {
        for (k, n, k_all, n_all, at_least, at_most) in [
            (3, 10, 7, 50, 0.13262010884582576, 0.9771748140850823),
            (0, 10, 7, 50, 1.0, 0.18665136898254384),
            (40, 1000, 60, 4000, 8.642715671241959e-12, 0.9999999999986603),
            (2, 1000, 60, 4000, 0.9999994120979003, 6.201838119782789e-06),
            (600, 20000, 1000, 60000, 9.601540084066662e-68, 1.0),
        ] {
            let found = [false, true].map(|is_most| hypergeometric_tail(k, n, k_all, n_all, is_most));
            assert!(
                is_near(found[0], at_least) && is_near(found[1], at_most),
                "{k} of {n}: {found:?} instead of {at_least} and {at_most}"
            );
        }
    }

    /// By hand.
    #[test]
    fn holm_corrects_step_by_step() {
        let found = holm(&[0.01, 0.04, 0.03, 0.5]);
        let expected = [0.04, 0.09, 0.09, 0.5];
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-12), "{found:?}");
    }
}
