//! Features with a state: quantile bins and group statistics, fitted on training rows, applied by lookup.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, StringArray};
use serde::{Deserialize, Serialize};

use super::definition::{Definition, GroupStatistic};
use super::expr::{Readings, Type, Values, to_texts};
use crate::error::{Error, Result};

/// Most quantile bins of one feature.
pub const MAX_BINS: usize = 256;
/// Most groups of one feature.
pub const MAX_GROUPS: usize = 50_000;
/// Most values that the ranks of one group keep: with more, ranks are multiples of one part in this many.
const MAX_RANK_VALUES: usize = 256;
/// Most values that the ranks of all groups keep together.
const RANK_BUDGET: usize = 1_000_000;
/// Fewest values that a group may always keep, whatever the number of groups.
const MIN_RANK_VALUES: usize = RANK_BUDGET / MAX_GROUPS;

/// What a feature learned from the training rows. Groups are named by the text of their value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FittedState {
    /// Of [`Definition::Bins`].
    Bins {
        /// Inner edges, strictly increasing, at least one; a value equal to an edge lies above it.
        edges: Vec<f64>,
    },
    /// Of a mean, median, deviation or frequency.
    Groups {
        /// The statistic of each group; a group without any value to compute it from is left out.
        values: BTreeMap<String, f64>,
    },
    /// Of a rank.
    Ranks {
        /// The values of each group in increasing order, or that many evenly spaced quantiles of them.
        values: BTreeMap<String, Vec<f64>>,
    },
}

impl FittedState {
    /// Learns a definition's state from training rows; none for a formula.
    ///
    /// # Errors
    /// A schema error if a column cannot be read as the definition needs, a value error if its rows
    /// do not suffice (no value, one value only, too many groups).
    pub(super) fn fit(definition: &Definition, readings: &mut Readings) -> Result<Option<Self>> {
        Ok(match definition {
            Definition::Formula { .. } => None,
            Definition::Bins { column, n_bins } => {
                let values = numbers_of(column, readings)?;
                Some(FittedState::Bins { edges: quantile_edges(column, numbers(&values), *n_bins)? })
            }
            Definition::Group { of, by, statistic } => {
                let keys = keys_of(by, readings)?;
                let of = of.as_ref().map(|of| numbers_of(of, readings)).transpose()?;
                Some(fit_groups(by, &keys, of.as_deref().map(numbers), *statistic)?)
            }
        })
    }

    /// The feature's values for any rows.
    pub(super) fn apply(&self, definition: &Definition, readings: &mut Readings) -> Result<ArrayRef> {
        match (self, definition) {
            (FittedState::Bins { edges }, Definition::Bins { column, .. }) => {
                let bin =
                    |x: &f64| (!x.is_nan()).then(|| format!("q{}", 1 + edges.partition_point(|e| e <= x)));
                let values = numbers_of(column, readings)?;
                Ok(Arc::new(numbers(&values).iter().map(bin).collect::<StringArray>()))
            }
            (FittedState::Groups { values }, Definition::Group { of, by, statistic }) => {
                let groups = lookup(values, &keys_of(by, readings)?);
                let deviates_from =
                    |x: &f64, mean: Option<f64>| mean.map(|m| x - m).filter(|d| d.is_finite());
                let result: Float64Array = match of {
                    Some(of) if *statistic == GroupStatistic::Deviation => {
                        let of = numbers_of(of, readings)?;
                        numbers(&of).iter().zip(groups).map(|(x, m)| deviates_from(x, m.copied())).collect()
                    }
                    _ => groups.into_iter().map(Option::<&f64>::copied).collect(),
                };
                Ok(Arc::new(result))
            }
            (FittedState::Ranks { values }, Definition::Group { of: Some(of), by, .. }) => {
                let (keys, of) = (keys_of(by, readings)?, numbers_of(of, readings)?);
                let rank = |(x, group): (&f64, Option<&Vec<f64>>)| {
                    let group = group.filter(|_| !x.is_nan())?;
                    Some(group.partition_point(|v| v <= x) as f64 / group.len() as f64)
                };
                Ok(Arc::new(
                    numbers(&of).iter().zip(lookup(values, &keys)).map(rank).collect::<Float64Array>(),
                ))
            }
            _ => Err(foreign()),
        }
    }

    /// Checks a state that came from outside.
    ///
    /// # Errors
    /// A malformed error if it is not of this definition, beyond the limits, unordered or not finite.
    pub(super) fn check(&self, definition: &Definition) -> Result<()> {
        let is_ordered = |v: &[f64]| v.iter().all(|x| x.is_finite()) && v.windows(2).all(|w| w[0] <= w[1]);
        let sound = match (self, definition) {
            (FittedState::Bins { edges }, Definition::Bins { .. }) => {
                (1..MAX_BINS).contains(&edges.len())
                    && edges.iter().all(|e| e.is_finite())
                    && edges.windows(2).all(|w| w[0] < w[1])
            }
            (FittedState::Groups { values }, Definition::Group { statistic, .. }) => {
                if *statistic == GroupStatistic::Rank {
                    return Err(foreign());
                }
                values.len() <= MAX_GROUPS && values.values().all(|x| x.is_finite())
            }
            (FittedState::Ranks { values }, Definition::Group { statistic, .. }) => {
                if *statistic != GroupStatistic::Rank {
                    return Err(foreign());
                }
                values.len() <= MAX_GROUPS
                    && values.values().all(|v| (1..=MAX_RANK_VALUES).contains(&v.len()) && is_ordered(v))
            }
            _ => return Err(foreign()),
        };
        if sound {
            return Ok(());
        }
        Err(Error::malformed("the fitted state is out of order or beyond its limits")
            .with_hint("fit the feature again"))
    }
}

/// Inner edges that cut the values into `n_bins` parts of equal count; repeated edges merge.
///
/// Each edge has a value below it and one at or above it, so no bin is empty on the fitted rows.
fn quantile_edges(column: &str, values: &[f64], n_bins: usize) -> Result<Vec<f64>> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let above_lowest = sorted.first().and_then(|low| sorted.iter().find(|x| *x > low));
    let (Some(&lowest), Some(&second)) = (sorted.first(), above_lowest) else {
        let found = if sorted.is_empty() { "no value" } else { "one distinct value" };
        return Err(Error::value(format!("column `{column}` has {found} in the rows to fit, bins need two"))
            .with_hint("leave the feature out, or fit on more rows"));
    };
    let mut edges: Vec<f64> = (1..n_bins)
        .filter_map(|i| sorted.get(i * sorted.len() / n_bins))
        .copied()
        .filter(|e| *e > lowest)
        .collect();
    edges.dedup();
    if edges.is_empty() {
        edges.push(second);
    }
    Ok(edges)
}

fn fit_groups(
    by: &str,
    keys: &StringArray,
    of: Option<&[f64]>,
    statistic: GroupStatistic,
) -> Result<FittedState> {
    let mut groups: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (i, key) in keys.iter().enumerate() {
        let Some(key) = key else { continue };
        let group = groups.entry(key).or_default();
        // Without `of` the group's rows are counted, one value each.
        let value = of.map_or(1.0, |of| of[i]);
        if !value.is_nan() {
            group.push(value);
        }
        if groups.len() > MAX_GROUPS {
            return Err(Error::value(format!("column `{by}` has more than {MAX_GROUPS} distinct values"))
                .with_hint("group by a column with fewer values, or by a formula of it"));
        }
    }
    groups.retain(|_, values| !values.is_empty());
    if groups.is_empty() {
        return Err(Error::value(format!("no row to fit has a value of `{by}` and a number beside it"))
            .with_hint("leave the feature out, or fit on more rows"));
    }

    let n_rows = keys.len() as f64;
    if statistic == GroupStatistic::Rank {
        let n_kept = (RANK_BUDGET / groups.len()).clamp(MIN_RANK_VALUES, MAX_RANK_VALUES);
        let values = groups.into_iter().map(|(k, v)| (k.to_owned(), rank_values(v, n_kept))).collect();
        return Ok(FittedState::Ranks { values });
    }
    let of_group = |values: Vec<f64>| match statistic {
        GroupStatistic::Frequency => values.len() as f64 / n_rows,
        GroupStatistic::Median => median(values),
        GroupStatistic::Mean | GroupStatistic::Deviation | GroupStatistic::Rank => mean(&values),
    };
    // A mean of huge numbers can overflow: that group has no statistic.
    let values = groups.into_iter().map(|(k, v)| (k.to_owned(), of_group(v))).filter(|(_, x)| x.is_finite());
    Ok(FittedState::Groups { values: values.collect() })
}

/// All values sorted, or `n_kept` of them such that a share of `j / n_kept` is at most the j-th.
fn rank_values(mut values: Vec<f64>, n_kept: usize) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    if n <= n_kept {
        return values;
    }
    (1..=n_kept).map(|j| values[(j * n).div_ceil(n_kept) - 1]).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { values[middle - 1] / 2.0 + values[middle] / 2.0 }
}

fn lookup<'a, T>(groups: &'a BTreeMap<String, T>, keys: &StringArray) -> Vec<Option<&'a T>> {
    keys.iter().map(|key| key.and_then(|k| groups.get(k))).collect()
}

/// A column as numbers, NaN for missing.
fn numbers_of(column: &str, readings: &mut Readings) -> Result<Arc<Values>> {
    match readings.type_of(column)? {
        Type::Number | Type::Open | Type::Missing => readings.read(column, Type::Number),
        found => Err(Error::schema(format!("column `{column}` holds {}, not a number", Type::word(found)))
            .with_hint("make a number of it by a formula first, and use that feature")),
    }
}

/// A column as the names of groups.
pub(super) fn keys_of(column: &str, readings: &mut Readings) -> Result<StringArray> {
    let reading = match readings.type_of(column)? {
        Type::Open | Type::Missing => Type::Text,
        typed => typed,
    };
    Ok(to_texts(readings.read(column, reading)?.as_ref()))
}

fn numbers(values: &Values) -> &[f64] {
    match values {
        Values::Number(v) => v.values(),
        _ => &[],
    }
}

fn foreign() -> Error {
    Error::malformed("the fitted state belongs to another kind of feature").with_hint("fit the feature again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn kept_rank_values_give_the_share_to_one_part_in_their_number(
            values in prop::collection::vec(-50i32..50, 1..200), n_kept in 10usize..40, x in -60i32..60,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let x = f64::from(x);
            let exact = values.iter().filter(|v| **v <= x).count() as f64 / values.len() as f64;
            let kept = rank_values(values, n_kept);
            let share = kept.partition_point(|v| *v <= x) as f64 / kept.len() as f64;
            prop_assert!(share <= exact + 1e-12 && exact - share < 1.0 / n_kept as f64 + 1e-12);
        }

        #[test]
        fn no_bin_is_empty_on_its_own_rows(
            values in prop::collection::vec(0i32..8, 2..60), n_bins in 2usize..20,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            if let Ok(edges) = quantile_edges("x", &values, n_bins) {
                prop_assert!(edges.len() < n_bins);
                for bin in 0..=edges.len() {
                    prop_assert!(values.iter().any(|x| edges.partition_point(|e| e <= x) == bin));
                }
            } else {
                prop_assert!(values.iter().all(|x| *x == values[0]));
            }
        }
    }
}
