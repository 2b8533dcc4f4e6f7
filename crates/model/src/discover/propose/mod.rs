//! Proposals: which new columns are worth a look, by the kinds of the columns that are there.
//!
//! ```text
//! schema, profiles ─► operands ─► numbers.rs     ratios, flags, bins, ...
//!                                 categories.rs  crosses, group statistics, missing values
//!                                 dates.rs       parts, ages, days between
//!                                 texts.rs       lengths, counts, words
//!                                     └─► dealt out in turn, named ─► features
//! ```
//!
//! Nothing here sees a target, so proposing costs no honesty; [`super::rank`] does the choosing, and
//! `compose` makes further proposals of what was found.

mod categories;
mod compose;
mod dates;
mod numbers;
mod operand;
pub mod profile;
mod texts;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use tabgraft_feature::definition::{Definition, Feature, GroupStatistic};
use tabgraft_feature::naming::free_name;

use crate::error::{Error, Result};
use tabgraft_table::schema::Schema;

pub use compose::compose;
pub use profile::{CandidateInputs, InputProfile, NumberProfile, TextProfile, TimeProfile};

use categories::{number_where, split_category};
use numbers::{difference, flags_of, power_of, product, ratio};
use operand::{Number, Operand, Operands, pairs};

/// How many proposals, and of what size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CandidateLimits {
    /// Most proposals, at least 1; default 2000.
    pub max_candidates: usize,
    /// Most levels of a category that makes groups, at least 2; default 50.
    pub max_group_levels: usize,
    /// Most levels of a category that is crossed with another, at least 2; default 12.
    pub max_cross_levels: usize,
    /// Fewest rows per group or crossed level on average, at least 1; default 10.
    pub min_rows_per_group: usize,
    /// Columns that no proposal may read, such as the target; default none.
    pub exclude: Vec<String>,
    /// What features that there are already are made by: none of them is proposed again, under another name.
    pub known: Vec<Definition>,
}

impl Default for CandidateLimits {
    fn default() -> Self {
        CandidateLimits {
            max_candidates: 2000,
            max_group_levels: 50,
            max_cross_levels: 12,
            min_rows_per_group: 10,
            exclude: Vec::new(),
            known: Vec::new(),
        }
    }
}

impl CandidateLimits {
    /// Whether every limit is in its range.
    ///
    /// # Errors
    /// An option error that names the limit.
    pub fn check(&self) -> Result<()> {
        for (name, found, least) in [
            ("max_candidates", self.max_candidates, 1),
            ("max_group_levels", self.max_group_levels, 2),
            ("max_cross_levels", self.max_cross_levels, 2),
            ("min_rows_per_group", self.min_rows_per_group, 1),
        ] {
            if found < least {
                return Err(Error::option(format!("`{name}` is {found}, at least {least} is needed")));
            }
        }
        Ok(())
    }
}

/// New columns worth a look, each with a name that a person understands and a reason.
///
/// | of | proposals |
/// |---|---|
/// | a number | flags below and above data quantiles; the logarithm, root or square that evens out a skewed one; distance from the median; quantile bins |
/// | two numbers | ratio, difference, product, which halves the two fall into |
/// | a category | frequency |
/// | a category and another | cross |
/// | a category and a number | the number's deviation, rank, mean and median within the category; the category with the number's half |
/// | yes or no, and a number | the number where it is yes |
/// | a date | the parts that vary, whether it is a weekend, place in the year and in the day, days until the latest day of the profiled rows |
/// | two dates | days between |
/// | a text | characters, words, digits, whether a frequent word is in it |
/// | anything | whether it is missing; how many are |
///
/// The two directions of a ratio or difference order the rows alike, so one of them is proposed.
/// Dates that formulas cannot read, such as those whose day and month could be swapped, get none.
///
/// **Order and pruning.** Each kind of proposal is a list, its columns ordered: fewest missing values
/// first, then most distinct values, then the schema's order. The lists are dealt out in turn, one
/// of each, those of single columns and those of several apart; of the two hands every second
/// proposal is taken, until both are empty or `max_candidates` are there. So the result for a
/// smaller limit is the start of that for a larger one, no kind crowds out another, and the pairs of
/// many columns leave half of the places to single columns.
///
/// Names differ from each other and from every column of the schema.
pub fn propose(schema: &Schema, inputs: &CandidateInputs, limits: &CandidateLimits) -> Vec<Feature> {
    let operands = Operands::of_columns(schema, inputs, limits);
    let single = vec![
        numbers::flags(&operands),
        numbers::powers(&operands),
        numbers::distances(&operands),
        numbers::bins(&operands),
        categories::frequencies(&operands),
        categories::missing(&operands),
        dates::ages(&operands),
        dates::parts(&operands),
        texts::counts(&operands),
        texts::frequent_words(&operands),
    ];
    let several = vec![
        numbers::ratios(&operands),
        numbers::differences(&operands),
        numbers::products(&operands),
        categories::crosses(&operands),
        categories::group_statistics(&operands, GroupStatistic::Deviation),
        categories::group_statistics(&operands, GroupStatistic::Rank),
        dates::distances(&operands),
        categories::group_statistics(&operands, GroupStatistic::Mean),
        categories::group_statistics(&operands, GroupStatistic::Median),
        categories::splits(&operands),
        categories::numbers_where(&operands),
        numbers::quarters(&operands),
    ];
    let mut taken: BTreeSet<String> = schema.columns.iter().map(|c| c.name.clone()).collect();
    taken.extend(schema.excluded.iter().map(|c| c.name.clone()));
    named(deal(vec![deal(several), deal(single)]), limits, taken)
}

/// One item of each list in turn, until all are empty.
pub(super) fn deal<T>(lists: Vec<Vec<T>>) -> Vec<T> {
    let mut dealt = Vec::with_capacity(lists.iter().map(Vec::len).sum());
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    while !lists.is_empty() {
        lists.retain_mut(|list| list.next().map(|item| dealt.push(item)).is_some());
    }
    dealt
}

/// As many of the features as the limits allow, none that there is already, under names that are free.
pub(super) fn named(
    features: Vec<Feature>,
    limits: &CandidateLimits,
    mut taken: BTreeSet<String>,
) -> Vec<Feature> {
    let is_new = |feature: &Feature| !limits.known.contains(&feature.definition);
    let mut features: Vec<Feature> =
        features.into_iter().filter(is_new).take(limits.max_candidates).collect();
    for feature in &mut features {
        feature.name = free_name(&feature.name, &taken);
        taken.insert(feature.name.clone());
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_dealt_in_turn_until_the_longest_is_empty() {
        assert_eq!(deal(vec![vec![1, 4, 6], vec![], vec![2], vec![3, 5]]), [1, 2, 3, 4, 5, 6]);
        assert!(deal(Vec::<Vec<u8>>::new()).is_empty());
    }
}
