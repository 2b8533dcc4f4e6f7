//! Proposals from numbers: alone, and two together.

use super::operand::{Number, Operands, pairs};
use crate::discover::propose::profile::{NumberProfile, Power};
use tabgraft_feature::definition::{Definition, Feature};

/// Numbers of quantile bins that are proposed.
const BIN_COUNTS: [usize; 2] = [5, 10];
/// Numbers of which a difference is proposed have spreads within this factor of each other.
const SAME_SCALE: f64 = 10.0;
/// Fewest distinct values of a number whose distance from the median is proposed.
const MIN_DISTANT_VALUES: usize = 5;
/// Place of the median among the profile's quantiles: up to it flags are about what is below.
const MEDIAN: usize = 3;
/// Longest number in a formula or a name, in characters.
const MAX_NUMBER_CHARS: usize = 18;

pub(super) fn ratios(operands: &Operands) -> Vec<Feature> {
    let numbers = operands.numbers();
    pairs(&numbers).filter_map(|(a, b)| ratio(a, b)).take(operands.limits.max_candidates).collect()
}

pub(super) fn differences(operands: &Operands) -> Vec<Feature> {
    let numbers = operands.numbers();
    pairs(&numbers).filter_map(|(a, b)| difference(a, b)).take(operands.limits.max_candidates).collect()
}

pub(super) fn products(operands: &Operands) -> Vec<Feature> {
    let numbers = operands.numbers();
    pairs(&numbers).map(|(a, b)| product(a, b)).take(operands.limits.max_candidates).collect()
}

/// Which halves two numbers fall into: what holds for small and for small, or large and large, shows
/// in no column alone and in few ratios.
pub(super) fn quarters(operands: &Operands) -> Vec<Feature> {
    let halved: Vec<(Number, String)> =
        operands.numbers().into_iter().filter_map(|n| Some((n, half(n.1)?))).collect();
    let places: Vec<usize> = (0..halved.len()).collect();
    let quarter = |(i, j): (usize, usize)| {
        let (((a, _), a_half), ((b, _), b_half)) = (&halved[i], &halved[j]);
        Feature::formula(
            format!("{}_under_{}_and_{}_under_{}", a.word, in_name(a_half), b.word, in_name(b_half)),
            format!(
                "concat(CAST({} < {a_half} AS VARCHAR), '|', CAST({} < {b_half} AS VARCHAR))",
                a.sql, b.sql
            ),
            format!(
                "the combination of whether `{}` is below {a_half} and whether `{}` is below {b_half}",
                a.name(),
                b.name()
            ),
        )
    };
    pairs(&places).map(quarter).take(operands.limits.max_candidates).collect()
}

pub(super) fn flags(operands: &Operands) -> Vec<Feature> {
    operands.numbers().into_iter().flat_map(flags_of).collect()
}

pub(super) fn powers(operands: &Operands) -> Vec<Feature> {
    operands.numbers().into_iter().filter_map(power_of).collect()
}

pub(super) fn distances(operands: &Operands) -> Vec<Feature> {
    let varied = operands.numbers().into_iter().filter(|(a, _)| a.profile.n_distinct >= MIN_DISTANT_VALUES);
    varied
        .filter_map(|(a, profile)| {
            let middle = inner(profile, median(profile))?;
            Some(Feature::formula(
                format!("{}_away_from_{}", a.word, in_name(&middle)),
                format!("abs({} - {})", a.sql, middle_operand(&middle)),
                format!("how far `{}` lies from {middle}, its median", a.name()),
            ))
        })
        .collect()
}

pub(super) fn bins(operands: &Operands) -> Vec<Feature> {
    let mut features = Vec::new();
    for (a, _) in operands.numbers() {
        for n_bins in BIN_COUNTS.into_iter().filter(|n| *n < a.profile.n_distinct) {
            features.push(Feature::new(
                format!("{}_in_{n_bins}_bins", a.word),
                Definition::Bins { column: a.name().to_owned(), n_bins },
                format!("`{}` in {n_bins} steps of equal count", a.name()),
            ));
        }
    }
    features
}

/// One number for each unit of the other; none if both may be 0 or change their sign.
pub(in crate::discover::propose) fn ratio(a: Number, b: Number) -> Option<Feature> {
    let (over, under) = ratio_order(a, b)?;
    Some(Feature::formula(
        format!("{}_per_{}", over.0.word, under.0.word),
        format!("{} / {}", over.0.sql, under.0.sql),
        format!("how much `{}` there is for each unit of `{}`", over.0.name(), under.0.name()),
    ))
}

/// The usually larger number less the other; none if their scales lie apart, for then it is only the
/// larger one.
pub(in crate::discover::propose) fn difference(a: Number, b: Number) -> Option<Feature> {
    let (wide, narrow) = (spread(a.1).max(spread(b.1)), spread(a.1).min(spread(b.1)));
    if narrow <= 0.0 || wide > SAME_SCALE * narrow {
        return None;
    }
    let (a, b) = if median(a.1) >= median(b.1) { (a, b) } else { (b, a) };
    Some(Feature::formula(
        format!("{}_minus_{}", a.0.word, b.0.word),
        format!("{} - {}", a.0.sql, b.0.sql),
        format!("by how much `{}` exceeds `{}`", a.0.name(), b.0.name()),
    ))
}

pub(in crate::discover::propose) fn product(a: Number, b: Number) -> Feature {
    Feature::formula(
        format!("{}_times_{}", a.0.word, b.0.word),
        format!("{} * {}", a.0.sql, b.0.sql),
        format!("`{}` and `{}` acting together", a.0.name(), b.0.name()),
    )
}

/// Flags at data quantiles: below the lower ones and the median, above the upper ones. A number of two
/// values is a flag itself.
pub(in crate::discover::propose) fn flags_of((a, profile): Number) -> Vec<Feature> {
    let (mut features, mut seen): (Vec<Feature>, Vec<(bool, String)>) = (Vec::new(), Vec::new());
    if a.profile.n_distinct <= 2 {
        return features;
    }
    for (i, quantile) in profile.quantiles.into_iter().enumerate() {
        let under = i <= MEDIAN;
        let threshold = if under { below(profile, quantile) } else { above(profile, quantile) };
        let Some(threshold) = threshold.filter(|t| !seen.contains(&(under, t.clone()))) else { continue };
        let (word, sign, side) = if under { ("under", "<", "below") } else { ("over", ">", "above") };
        features.push(Feature::formula(
            format!("{}_{word}_{}", a.word, in_name(&threshold)),
            format!("{} {sign} {threshold}", a.sql),
            format!("whether `{}` is {side} {threshold}", a.name()),
        ));
        seen.push((under, threshold));
    }
    features
}

/// The logarithm, root or square that evens out a skewed number.
pub(in crate::discover::propose) fn power_of((a, profile): Number) -> Option<Feature> {
    let (sql, tail) = (&a.sql, if profile.skewness > 0.0 { "right" } else { "left" });
    let (prefix, formula, evens) = match profile.evened_by? {
        Power::Ln => ("ln", format!("ln({sql})"), "the logarithm"),
        Power::LnOfOneMore => ("ln", format!("ln({sql} + 1)"), "the logarithm"),
        Power::Root => ("root_of", format!("sqrt({sql})"), "the square root"),
        Power::Square => ("square_of", format!("power({sql}, 2)"), "the square"),
    };
    let reason = format!("`{}` has a long {tail} tail; {evens} evens it out", a.name());
    Some(Feature::formula(format!("{prefix}_{}", a.word), formula, reason))
}

/// A number that splits the values near their middle; none if too many are equal.
pub(super) fn half(profile: &NumberProfile) -> Option<String> {
    profile.quantiles[MEDIAN..].iter().find_map(|q| below(profile, *q))
}

/// A number as part of a feature's name.
pub(super) fn in_name(number: &str) -> String {
    number.replace('-', "minus_").replace('.', "_")
}

/// Which of the two goes on top: a number that may be 0 or change its sign never divides, else the
/// larger one is counted per unit of the smaller.
fn ratio_order<'a, 'b>(a: Number<'a, 'b>, b: Number<'a, 'b>) -> Option<(Number<'a, 'b>, Number<'a, 'b>)> {
    let divides = |p: &NumberProfile| if p.min > 0.0 { 2 } else { u8::from(p.min == 0.0) };
    match (divides(a.1), divides(b.1)) {
        (0, 0) => None,
        (x, y) if x < y => Some((a, b)),
        (x, y) if x > y => Some((b, a)),
        _ if median(a.1) >= median(b.1) => Some((a, b)),
        _ => Some((b, a)),
    }
}

/// A threshold with rows below it and at or above it, as a person writes it.
fn below(profile: &NumberProfile, value: f64) -> Option<String> {
    let text = written(profile, value)?;
    text.parse().is_ok_and(|v: f64| v > profile.min && v <= profile.max).then_some(text)
}

/// A threshold with rows above it and at or below it, as a person writes it.
fn above(profile: &NumberProfile, value: f64) -> Option<String> {
    let text = written(profile, value)?;
    text.parse().is_ok_and(|v: f64| v >= profile.min && v < profile.max).then_some(text)
}

/// A value between the smallest and the largest, as a person writes it.
fn inner(profile: &NumberProfile, value: f64) -> Option<String> {
    let text = written(profile, value)?;
    text.parse().is_ok_and(|v: f64| v > profile.min && v < profile.max).then_some(text)
}

/// Whole numbers as they are, others rounded to a hundredth of the spread's magnitude; none if that
/// is too long to be read.
fn written(profile: &NumberProfile, value: f64) -> Option<String> {
    let spread = if spread(profile) > 0.0 { spread(profile) } else { profile.max - profile.min };
    let n_decimals = (2.0 - spread.log10().floor()).clamp(0.0, 15.0) as usize;
    let n_decimals = if profile.whole { 0 } else { n_decimals };
    let mut text = format!("{value:.n_decimals$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    (text.len() <= MAX_NUMBER_CHARS).then_some(text)
}

/// A number after a minus sign: `--` would begin a comment.
fn middle_operand(number: &str) -> String {
    if number.starts_with('-') { format!("({number})") } else { number.to_owned() }
}

fn median(profile: &NumberProfile) -> f64 {
    profile.quantiles[MEDIAN]
}

fn spread(profile: &NumberProfile) -> f64 {
    profile.quantiles[6] - profile.quantiles[0]
}
