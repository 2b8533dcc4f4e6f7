//! Statistics for judging: is what a feature brought on the judging rows more than chance?

use crate::error::{Error, Result};
use crate::numbers::t_cdf;

/// Coverage of every interval.
const COVERAGE: f64 = 0.95;

/// A mean difference with its uncertainty, in the unit of the differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrectedTest {
    /// Mean of the differences.
    pub mean: f64,
    /// Corrected standard error of the mean.
    pub standard_error: f64,
    /// Two-sided p-value of "the mean is 0".
    pub p_value: f64,
    /// Lower and upper end of the 95 % interval.
    pub interval: [f64; 2],
}

/// Corrected resampled t-test of differences over repeated splits of the same rows.
///
/// Training sets of repeated splits overlap, so their differences vary less than those of fresh data
/// would. The variance of the mean is therefore `(1 / n + test_train_ratio) s^2` instead of `s^2 / n`,
/// with `n - 1` degrees of freedom (Nadeau & Bengio 2003, Machine Learning 52, section 4).
///
/// `test_train_ratio` is the number of test rows over that of training rows in one split, for example
/// 1/4 for five folds. Differences that are all equal have no variance: p is 1 if they are 0, else 0.
///
/// # Errors
/// A value error if there are fewer than two differences or one is not finite; an option error if
/// the ratio is negative or not finite.
pub fn nadeau_bengio(differences: &[f64], test_train_ratio: f64) -> Result<CorrectedTest> {
    let n = differences.len() as f64;
    if differences.len() < 2 {
        return Err(Error::value(format!(
            "{} difference(s) found, at least 2 are needed",
            differences.len()
        )));
    }
    if let Some(i) = differences.iter().position(|d| !d.is_finite()) {
        return Err(Error::value(format!("difference {i} is {}, a finite one is needed", differences[i])));
    }
    if !(test_train_ratio >= 0.0 && test_train_ratio.is_finite()) {
        return Err(Error::option(format!("`test_train_ratio` is {test_train_ratio}, at least 0 is needed")));
    }
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let standard_error = ((1.0 / n + test_train_ratio) * variance).sqrt();
    Ok(CorrectedTest::new(mean, standard_error, n - 1.0))
}

impl CorrectedTest {
    fn new(mean: f64, standard_error: f64, df: f64) -> Self {
        let p_value = match standard_error > 0.0 {
            true => 2.0 * t_cdf(-(mean / standard_error).abs(), df),
            false => f64::from(u8::from(mean == 0.0)),
        };
        let reach = t_quantile(0.5 + COVERAGE / 2.0, df) * standard_error;
        CorrectedTest { mean, standard_error, p_value, interval: [mean - reach, mean + reach] }
    }
}

/// The corrected test of differences that are known row by row.
///
/// `rows` are the mean differences of the rows, each scored once in every deal of the rows into
/// `n_parts` parts; `split_means` are the means of the single splits. As [`nadeau_bengio`], but the
/// variance of one split's mean is the larger of what its rows and what the splits say: rows give a
/// sharp estimate with `n_rows - 1` degrees of freedom, so that a strong effect can be told after
/// correction for thousands of candidates; splits guard against rows that move together.
///
/// # Errors
/// As [`nadeau_bengio`].
pub fn nadeau_bengio_by_row(
    rows: &[f64],
    split_means: &[f64],
    n_parts: usize,
    test_train_ratio: f64,
) -> Result<CorrectedTest> {
    let of_rows = nadeau_bengio(rows, 0.0)?;
    let row_variance = of_rows.standard_error.powi(2) * n_parts.max(1) as f64;
    let evidence = RowEvidence { row_variance, n_rows: rows.len(), n_parts };
    let of_splits = nadeau_bengio_beside_rows(split_means, evidence, test_train_ratio)?;
    Ok(CorrectedTest::new(of_rows.mean, of_splits.standard_error, rows.len() as f64 - 1.0))
}

/// What the scored rows say of how sure a difference is.
#[derive(Debug, Clone, Copy)]
pub struct RowEvidence {
    /// Variance of one split's difference, by its rows.
    pub row_variance: f64,
    /// Rows that are scored in all.
    pub n_rows: usize,
    /// Parts that a deal of the rows has.
    pub n_parts: usize,
}

/// As [`nadeau_bengio_by_row`], where rows are told by the variance that they give to a split's difference: that of
/// a metric that is no mean over rows.
///
/// # Errors
/// As [`nadeau_bengio`].
pub fn nadeau_bengio_beside_rows(
    differences: &[f64],
    rows: RowEvidence,
    test_train_ratio: f64,
) -> Result<CorrectedTest> {
    let of_splits = nadeau_bengio(differences, test_train_ratio)?;
    let n_splits = differences.len() as f64;
    let split_variance = of_splits.standard_error.powi(2) / (1.0 / n_splits + test_train_ratio);
    let variance = rows.row_variance.max(split_variance);
    let standard_error = ((1.0 / rows.n_parts.max(1) as f64 + test_train_ratio) * variance).sqrt();
    Ok(CorrectedTest::new(of_splits.mean, standard_error, rows.n_rows as f64 - 1.0))
}

/// P-values adjusted for many tests: the smallest false discovery rate at which each is a discovery.
///
/// `[n_tests]` in the order given, each at least the raw p-value and at most 1 (Benjamini & Hochberg
/// 1995, Journal of the Royal Statistical Society B 57). A p-value that is not a number counts as 1.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let p_values: Vec<f64> = p_values.iter().map(|p| if p.is_nan() { 1.0 } else { *p }).collect();
    let mut falling: Vec<usize> = (0..p_values.len()).collect();
    falling.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let (n, mut smallest, mut adjusted) = (p_values.len(), 1.0f64, vec![1.0; p_values.len()]);
    for (n_larger, i) in falling.into_iter().enumerate() {
        smallest = smallest.min(p_values[i] * (n as f64 / (n - n_larger) as f64));
        adjusted[i] = smallest;
    }
    adjusted
}

/// The value that Student's t with `df` degrees of freedom stays below with probability `p`.
///
/// By bisection of its distribution function; infinite for `p` of 0 or 1.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    if p > 0.5 {
        // The lower tail is computed without cancellation.
        return -t_quantile(1.0 - p, df);
    }
    let (mut low, mut high) = (-1.0, 0.0);
    while t_cdf(low, df) > p {
        (low, high) = (2.0 * low, low);
        if low == f64::NEG_INFINITY {
            return low;
        }
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if t_cdf(middle, df) < p { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// References: `scipy.stats.t.cdf` and `scipy.stats.t.ppf`, scipy 1.17.1.
    #[test]
    fn t_matches_scipy() {
        for (t, df, expected) in [
            (-30.0, 1.0, 0.010606402405535426),
            (2.0, 1.0, 0.8524163823495667),
            (-4.5, 3.5, 0.007321434703147928),
            (0.3, 3.5, 0.6094332950800552),
            (-30.0, 9.0, 1.2418523520791317e-10),
            (-30.0, 30.0, 3.125895815304445e-24),
            (2.0, 30.0, 0.9726874775185085),
            (-30.0, 499.0, 4.380431302914148e-114),
            (-4.5, 499.0, 4.231985991357402e-06),
            (-30.0, 19999.0, 9.336060833615944e-194),
            (-4.5, 1e6, 3.398055252476953e-06),
            (0.3, 1e6, 0.617911391010503),
        ] {
            let p = t_cdf(t, df);
            assert!((p / expected - 1.0).abs() < 1e-8, "t {t}, df {df}: {p} against {expected}");
        }
        for (p, df, expected) in [
            (0.975, 1.0, 12.706204736174694),
            (1e-9, 4.0, -234.02761040611892),
            (0.3, 4.0, -0.5686490630497053),
            (0.025, 9.0, -2.2621571627982053),
            (0.9999, 30.0, 4.23398595727206),
            (0.005, 499.0, -2.5857176831117545),
            (1e-9, 1e6, -5.997862455710896),
            (0.975, 1e6, 1.959966356814107),
        ] {
            let t = t_quantile(p, df);
            assert!((t / expected - 1.0).abs() < 1e-8, "p {p}, df {df}: {t} against {expected}");
        }
    }

    #[test]
    fn t_agrees_with_closed_forms_and_tables() {
        // One degree of freedom is Cauchy's distribution, two have an algebraic form.
        for t in [-40.0f64, -3.0, -0.5, 0.0, 0.1, 1.0, 7.0] {
            let cauchy = 0.5 + t.atan() / std::f64::consts::PI;
            assert!((t_cdf(t, 1.0) - cauchy).abs() < 1e-12, "{t}");
            let two = 0.5 + t / (2.0 * (2.0 + t * t).sqrt());
            assert!((t_cdf(t, 2.0) - two).abs() < 1e-12, "{t}");
        }
        // Printed tables of the two-sided 5 % and one-sided 0.5 % points.
        for (df, p, expected) in [
            (4.0, 0.975, 2.776),
            (9.0, 0.975, 2.262),
            (30.0, 0.975, 2.042),
            (14.0, 0.995, 2.977),
            (1e6, 0.975, 1.960),
        ] {
            assert!((t_quantile(p, df) - expected).abs() < 5e-4, "{df} {p}");
        }
    }

    /// Five splits alone have four degrees of freedom; what their rows say gives more, and neither hides the other.
    #[test]
    fn rows_sharpen_a_test_of_few_splits_and_do_not_hide_what_splits_vary() {
        let differences = [0.008, 0.012, 0.009, 0.011, 0.010];
        let rows = |row_variance| RowEvidence { row_variance, n_rows: 5000, n_parts: 5 };
        let width = |t: CorrectedTest| t.interval[1] - t.interval[0];
        let alone = nadeau_bengio(&differences, 0.25).unwrap();
        let calm = nadeau_bengio_beside_rows(&differences, rows(0.0), 0.25).unwrap();
        assert!((width(calm) / width(alone) - 1.9604 / 2.7764).abs() < 1e-3, "{calm:?} {alone:?}");
        let wild = nadeau_bengio_beside_rows(&differences, rows(0.01f64.powi(2)), 0.25).unwrap();
        let expected = 2.0 * 1.9604 * (0.45f64).sqrt() * 0.01;
        assert!((width(wild) / expected - 1.0).abs() < 1e-3 && wild.mean == alone.mean, "{wild:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn quantiles_invert_the_distribution(p in 0.001f64..0.999, df in 1f64..200.0) {
            prop_assert!((t_cdf(t_quantile(p, df), df) - p).abs() < 1e-10);
        }

        #[test]
        fn adjusting_keeps_the_order_and_never_lowers(p in proptest::collection::vec(0f64..1.0, 1..30)) {
            let q = benjamini_hochberg(&p);
            for i in 0..p.len() {
                prop_assert!(q[i] >= p[i] && q[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || q[i] <= q[j]);
                }
            }
        }
    }
}
