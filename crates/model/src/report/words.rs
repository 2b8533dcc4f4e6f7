//! How pages write figures: one kind of minus sign, metrics as people write them, durations in a unit that fits.

use crate::draw::number;
use crate::metric::{Metric, PairedDifference, Score, Verdict};

/// What stands where there is no number.
pub(super) const NOTHING: &str = "\u{2013}";

/// What an axis of scores says: the metric, and which end is the good one.
pub(super) fn axis(metric: Metric) -> String {
    let direction = if metric.higher_is_better() { "higher is better" } else { "lower is better" };
    format!("{}, 95 % interval ({direction})", metric.words())
}

/// A number with so many decimals; of numbers from 10,000 on fewer, for they are in a unit of their own.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    match value.abs() {
        large if large >= 1e9 => format!("{value:.3e}").replacen('-', "\u{2212}", 1),
        large if large >= 1e4 => number(value, 0),
        _ => number(value, decimals),
    }
}

/// A number to four digits, whatever its unit.
pub(super) fn significant(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e9).contains(&size) => format!("{value:.3e}").replacen('-', "\u{2212}", 1),
        size => {
            let text = fixed(value, (3 - size.log10().floor() as i32).max(0) as usize);
            let digits =
                if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            digits.to_owned()
        }
    }
}

/// As [`fixed`], with a plus sign where there is no minus.
pub(super) fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    match text.starts_with(['\u{2212}', '\u{2013}']) {
        true => text,
        false => format!("+{text}"),
    }
}

pub(super) fn percent(share: f64, decimals: usize) -> String {
    if share.is_finite() { format!("{} %", number(100.0 * share, decimals)) } else { NOTHING.to_owned() }
}

pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { fixed(p, 3) }
}

pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() => NOTHING.to_owned(),
        s if s < 10.0 => format!("{} s", number(s, 2)),
        s if s < 120.0 => format!("{} s", number(s, 1)),
        s => format!("{} min", number(s / 60.0, 1)),
    }
}

/// `1 column`, `3 columns`.
pub(super) fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A whole number with its digits in groups of three, from 10,000 on.
pub(super) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let first = digits.len() % 3;
    let mut groups: Vec<&str> = Vec::new();
    if first > 0 {
        groups.push(&digits[..first]);
    }
    groups.extend((first..digits.len()).step_by(3).map(|at| &digits[at..at + 3]));
    groups.join(",")
}

/// A score with its interval: `ROC AUC 0.782 [0.720, 0.844]`.
pub(super) fn score_words(score: &Score) -> String {
    let Score { metric, value, low, high, .. } = score;
    format!("{} {} [{}, {}]", metric.words(), fixed(*value, 3), fixed(*low, 3), fixed(*high, 3))
}

/// A paired difference with its interval, in favour of the second: `+0.021 [+0.003, +0.039] in ROC AUC`.
pub(super) fn difference_words(d: &PairedDifference) -> String {
    format!(
        "{} [{}, {}] in {}",
        signed(d.difference, 3),
        signed(d.low, 3),
        signed(d.high, 3),
        d.metric.words()
    )
}

pub(super) fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::NoDifference => "no difference",
        Verdict::Worse => "worse",
    }
}

/// The first names, and how many others there are.
pub(super) fn few(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_one_minus_sign_and_groups_of_digits() {
        assert_eq!(signed(-0.0104, 3), "\u{2212}0.010");
        assert_eq!((signed(0.0104, 3).as_str(), signed(-0.0001, 3).as_str()), ("+0.010", "+0.000"));
        assert_eq!((fixed(f64::NAN, 2).as_str(), fixed(-123456.7, 3).as_str()), (NOTHING, "\u{2212}123457"));
        assert_eq!([999, 1000, 12345, 1234567].map(grouped), ["999", "1000", "12,345", "1,234,567"]);
        assert_eq!((counted(1, "column").as_str(), counted(2, "column").as_str()), ("1 column", "2 columns"));
    }
}
