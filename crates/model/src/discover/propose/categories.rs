//! Proposals from categories, from a category and a number, and from what is missing.

use super::numbers::{half, in_name};
use super::operand::{Number, Operand, Operands, pairs};
use tabgraft_feature::definition::{Definition, Feature, GroupStatistic};
use tabgraft_table::schema::Kind;

/// Fewest rows on either side of a flag about missing values.
const MIN_FLAGGED_ROWS: usize = 10;
/// Most columns in the count of missing values; a formula has at most 512 parts.
const MAX_COUNTED_COLUMNS: usize = 64;

pub(super) fn crosses(operands: &Operands) -> Vec<Feature> {
    let categories = operands.categories(operands.limits.max_cross_levels);
    let filled =
        pairs(&categories).filter(|(a, b)| operands.fills(a.profile.n_distinct * b.profile.n_distinct));
    filled
        .take(operands.limits.max_candidates)
        .map(|(a, b)| {
            Feature::formula(
                format!("{}_and_{}", a.word, b.word),
                format!("concat({}, '|', {})", a.text(), b.text()),
                format!("the combination of `{}` and `{}`", a.name(), b.name()),
            )
        })
        .collect()
}

pub(super) fn group_statistics(operands: &Operands, statistic: GroupStatistic) -> Vec<Feature> {
    let feature = |(number, by): (&Operand, &Operand)| {
        let (n, b) = (&number.word, &by.word);
        let (name, tells) = match statistic {
            GroupStatistic::Mean => (format!("mean_{n}_by_{b}"), "the mean"),
            GroupStatistic::Median => (format!("median_{n}_by_{b}"), "the median"),
            GroupStatistic::Rank => (format!("{n}_rank_in_{b}"), "the rank"),
            GroupStatistic::Deviation => (format!("{n}_deviation_in_{b}"), "the deviation from the mean"),
            GroupStatistic::Frequency => return None,
        };
        let (of, by) = (number.name().to_owned(), by.name().to_owned());
        let reason = format!("{tells} of `{of}` among rows of the same `{by}`");
        Some(Feature::new(name, Definition::Group { of: Some(of), by, statistic }, reason))
    };
    let (numbers, groupings) = (operands.numbers(), operands.groupings());
    let places = numbers.iter().flat_map(|(number, _)| groupings.iter().map(move |by| (*number, *by)));
    places.filter_map(feature).take(operands.limits.max_candidates).collect()
}

pub(super) fn frequencies(operands: &Operands) -> Vec<Feature> {
    // Two levels have two frequencies: the column itself.
    let named = operands.all.iter().filter(|c| c.kind == Kind::Categorical && c.profile.n_distinct > 2);
    named
        .map(|c| {
            let by = c.name().to_owned();
            Feature::new(
                format!("{}_frequency", c.word),
                Definition::Group { of: None, by, statistic: GroupStatistic::Frequency },
                format!("how common the row's `{}` is", c.name()),
            )
        })
        .collect()
}

/// Categories, each split by the halves of a number.
pub(super) fn splits(operands: &Operands) -> Vec<Feature> {
    let (numbers, categories) = (operands.numbers(), operands.categories(operands.limits.max_cross_levels));
    let places = numbers.iter().flat_map(|number| categories.iter().map(move |by| (*number, *by)));
    let splits = places.filter(|(_, by)| operands.fills(2 * by.profile.n_distinct));
    splits
        .filter_map(|(number, by)| split_category(by, number))
        .take(operands.limits.max_candidates)
        .collect()
}

pub(super) fn numbers_where(operands: &Operands) -> Vec<Feature> {
    let (numbers, truths) = (operands.numbers(), operands.truths());
    // A flag of two values that is counted itself as a number adds nothing to another flag.
    let varied = numbers.into_iter().filter(|(number, _)| number.profile.n_distinct > 2);
    let places = varied.flat_map(|number| truths.iter().map(move |truth| (number, *truth)));
    places.map(|(number, truth)| number_where(number, truth)).take(operands.limits.max_candidates).collect()
}

pub(super) fn missing(operands: &Operands) -> Vec<Feature> {
    let gappy: Vec<&Operand> = operands
        .all
        .iter()
        .rev()
        .filter(|c| c.profile.n_missing >= MIN_FLAGGED_ROWS)
        .filter(|c| c.profile.n_missing + MIN_FLAGGED_ROWS <= operands.n_rows)
        .collect();
    let flag = |c: &&Operand| {
        let reason = format!("whether `{}` has no value", c.name());
        Feature::formula(format!("{}_is_missing", c.word), format!("{} IS NULL", c.sql), reason)
    };
    let mut features: Vec<Feature> = gappy.iter().map(flag).collect();
    if gappy.len() >= 2 {
        let terms = gappy.iter().take(MAX_COUNTED_COLUMNS);
        let terms: Vec<String> =
            terms.map(|c| format!("CASE WHEN {} IS NULL THEN 1 ELSE 0 END", c.sql)).collect();
        let reason = format!("how many of {} often missing columns have no value", terms.len());
        features.insert(0, Feature::formula("missing_count".to_owned(), terms.join(" + "), reason));
    }
    features
}

/// The category and the half that the number falls into; none if the number has no halves.
pub(in crate::discover::propose) fn split_category(
    by: &Operand,
    (number, profile): Number,
) -> Option<Feature> {
    let half = half(profile)?;
    Some(Feature::formula(
        format!("{}_and_{}_under_{}", by.word, number.word, in_name(&half)),
        format!("concat({}, '|', CAST({} < {half} AS VARCHAR))", by.text(), number.sql),
        format!("the combination of `{}` and whether `{}` is below {half}", by.name(), number.name()),
    ))
}

/// The number where a flag says yes, else 0.
pub(in crate::discover::propose) fn number_where((number, _): Number, truth: &Operand) -> Feature {
    Feature::formula(
        format!("{}_where_{}", number.word, truth.word),
        format!("CASE WHEN {} THEN {} ELSE 0 END", truth.truth(), number.sql),
        format!("`{}` where `{}` says yes, 0 elsewhere", number.name(), truth.name()),
    )
}
