//! Second steps: proposals made of what a first search found, and of columns.

use std::collections::{BTreeMap, BTreeSet};

use super::profile::CandidateInputs;
use super::{
    CandidateLimits, Number, Operand, Operands, deal, difference, flags_of, named, number_where, pairs,
    power_of, product, ratio, split_category,
};
use tabgraft_feature::definition::{Definition, Feature};
use tabgraft_feature::expr::Formula;
use tabgraft_feature::naming::as_word;
use tabgraft_table::schema::{Kind, Schema};

/// Proposals of two steps: a formula that was found, and a column or another such formula.
///
/// `best` are features that a first search found good, the best first; only formulas are built
/// on, and only those that `inputs` profiles ([`CandidateInputs::with_features`]). `taken` are the names
/// that are in use already, those of the first proposals above all.
///
/// | found | made of it |
/// |---|---|
/// | a number | flags at its quantiles, the power that evens it out; ratio, difference and product with a column or another found number; a category with its half; itself where a column says yes |
/// | a flag | with another found flag: both; a column where it holds |
///
/// Each proposal stands alone: the found formula is written into it in parentheses, so it reads columns
/// only and applies without the feature that it was built on. What would be beyond the limits of a
/// formula ([`tabgraft_feature::expr`]) is left out. The lists are dealt out as by
/// [`propose`](super::propose()), so the result for a smaller limit is the start of that for a larger one.
pub fn compose(
    best: &[Feature],
    schema: &Schema,
    inputs: &CandidateInputs,
    limits: &CandidateLimits,
    taken: &BTreeSet<String>,
) -> Vec<Feature> {
    let columns = Operands::of_columns(schema, inputs, limits);
    let (found, reads) = found(best, inputs, limits);
    let (numbers, flags) = (found.numbers(), found.truths());
    let is_fresh = |found: &Operand, column: &Operand| {
        reads.get(found.name()).is_none_or(|reads| !reads.iter().any(|name| name == column.name()))
    };

    let column_numbers = columns.numbers();
    let with_columns: Vec<(Number, Number)> = numbers
        .iter()
        .flat_map(|a| column_numbers.iter().map(move |b| (*a, *b)))
        .filter(|(a, b)| is_fresh(a.0, b.0))
        .take(limits.max_candidates)
        .collect();
    let both: Vec<(Number, Number)> = pairs(&numbers).take(limits.max_candidates).collect();
    let categories: Vec<&Operand> = columns
        .categories(limits.max_cross_levels)
        .into_iter()
        .filter(|c| columns.fills(2 * c.profile.n_distinct))
        .collect();
    let truths = columns.truths();
    let where_true = |numbers: &[Number], truths: &[&Operand]| {
        let places = truths.iter().flat_map(|t| numbers.iter().map(move |n| (*n, *t)));
        let fresh = places.filter(|(n, t)| is_fresh(t, n.0) && is_fresh(n.0, t));
        fresh.map(|(n, t)| number_where(n, t)).take(limits.max_candidates).collect::<Vec<Feature>>()
    };

    let families = vec![
        numbers.iter().flat_map(|n| flags_of(*n)).collect(),
        both.iter().filter_map(|(a, b)| ratio(*a, *b)).collect(),
        with_columns.iter().filter_map(|(a, b)| ratio(*a, *b)).collect(),
        both.iter().map(|(a, b)| product(*a, *b)).collect(),
        with_columns.iter().map(|(a, b)| product(*a, *b)).collect(),
        numbers
            .iter()
            .flat_map(|n| categories.iter().filter_map(|by| split_category(by, *n)))
            .take(limits.max_candidates)
            .collect(),
        both.iter().filter_map(|(a, b)| difference(*a, *b)).collect(),
        with_columns.iter().filter_map(|(a, b)| difference(*a, *b)).collect(),
        pairs(&flags).map(|(a, b)| conjunction(a, b)).take(limits.max_candidates).collect(),
        where_true(&column_numbers, &flags),
        where_true(&numbers, &truths),
        numbers.iter().filter_map(|n| power_of(*n)).collect(),
    ];
    let mut features = deal(families);
    features.retain(is_a_formula);
    let mut taken = taken.clone();
    taken.extend(schema.columns.iter().map(|c| c.name.clone()));
    taken.extend(schema.excluded.iter().map(|c| c.name.clone()));
    named(features, limits, taken)
}

/// The formulas among `best` as operands, best first, and the columns that each reads.
fn found<'a>(
    best: &'a [Feature],
    inputs: &'a CandidateInputs,
    limits: &'a CandidateLimits,
) -> (Operands<'a>, BTreeMap<&'a str, Vec<String>>) {
    let (mut all, mut reads) = (Vec::new(), BTreeMap::new());
    for feature in best {
        let Definition::Formula { formula } = &feature.definition else { continue };
        let Some(profile) = inputs.column(&feature.name) else { continue };
        let kind = match () {
            () if profile.numbers.is_some() => Kind::Numeric,
            // A formula's values are numbers, texts, times or truths; the others have no flag to give.
            () if !profile.is_text && profile.times.is_none() => Kind::Boolean,
            () => continue,
        };
        let (sql, word) = (format!("({formula})"), as_word(&feature.name));
        all.push(Operand { profile, kind, sql, word });
        reads.insert(feature.name.as_str(), feature.inputs().unwrap_or_default());
    }
    (Operands { n_rows: inputs.n_rows, limits, all }, reads)
}

fn conjunction(a: &Operand, b: &Operand) -> Feature {
    Feature::formula(
        format!("{}_and_{}", a.word, b.word),
        format!("{} AND {}", a.sql, b.sql),
        format!("whether both `{}` and `{}` hold", a.name(), b.name()),
    )
}

/// Whether the formula keeps to the limits of the language.
fn is_a_formula(feature: &Feature) -> bool {
    matches!(&feature.definition, Definition::Formula { formula } if Formula::parse(formula).is_ok())
}
