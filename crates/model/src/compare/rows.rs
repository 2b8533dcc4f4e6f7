//! Which rows two spaces are judged on, and which their predictors learn from.

use std::collections::{BTreeMap, BTreeSet};

use tabgraft_table::Table;
use tabgraft_table::split::{Part, Split, row_hashes};

use super::CompareOptions;
use crate::error::{Error, Result};
use crate::objective::splitmix;
use crate::predictor::Target;
use crate::record::Evidence;
use crate::space::EmbeddingSpace;

/// Fewest rows that a verdict may rest on.
const LEAST_ROWS: usize = 20;
/// Parts of a cross-fitted comparison.
const N_FOLDS: usize = 5;

/// The target as it was fitted, and rows to learn from and to judge on.
pub(crate) struct Folds {
    pub target: Target,
    pub evidence: Evidence,
    /// Rows to learn from, rows to judge on; no row is judged on twice, and all have a target.
    pub parts: Vec<[Vec<u32>; 2]>,
}

/// The rows of `table` that are test rows in all of `splits`.
///
/// # Errors
/// A schema error if a column of a split is absent; a value error with fewer than two such rows.
pub fn unseen_rows(table: &Table, splits: &[&Split]) -> Result<Table> {
    let is_test = are_unseen(table, splits)?;
    let rows: Vec<u32> = (0..table.n_rows()).filter(|r| is_test[*r]).map(|r| r as u32).collect();
    if rows.len() < 2 {
        return Err(Error::value(format!(
            "{} of {} rows are test rows for all that is compared, at least 2 are needed",
            rows.len(),
            table.n_rows()
        ))
        .with_hint("score a table that was never trained on, and say that it is one"));
    }
    table.take(&rows)
}

fn are_unseen(table: &Table, splits: &[&Split]) -> Result<Vec<bool>> {
    let mut is_test = vec![true; table.n_rows()];
    for split in splits {
        for (row, part) in is_test.iter_mut().zip(split.assign(table)?) {
            *row &= part == Part::Test;
        }
    }
    Ok(is_test)
}

/// Deals the rows that have a target.
///
/// # Errors
/// A schema error if the table lacks the target, a column of a split, or if a space uses the target;
/// a value error if too few rows are left to judge on.
pub(crate) fn folds(
    spaces: [&EmbeddingSpace; 2],
    table: &Table,
    target: &str,
    options: &CompareOptions,
) -> Result<Folds> {
    for space in spaces {
        if space.columns().iter().any(|c| c.name == target) {
            return Err(Error::schema(format!(
                "space `{}` uses the target `{target}` as a column",
                space.name()
            ))
            .with_hint("train the space with the target ignored, or its scores mean nothing"));
        }
    }
    let target = Target::fit(table, target, options.predictor.target_kind)?;
    let values = target.values(table)?;
    let rows: Vec<usize> = (0..table.n_rows()).filter(|r| values[*r].is_some()).collect();
    let names: BTreeSet<&str> = spaces.iter().flat_map(|s| s.columns()).map(|c| c.name.as_str()).collect();
    let present: Vec<String> = names.into_iter().filter(|n| table.has_column(n)).map(str::to_owned).collect();
    let keys = row_hashes(table, &present)?;
    let (evidence, part_of) = if options.cross_fit {
        let class = |r: usize| match &target {
            Target::Classes { .. } => values[r].unwrap_or_default() as u64,
            Target::Number { .. } => 0,
        };
        (Evidence::CrossFitted { n_folds: N_FOLDS }, deal(&rows, &keys, class, options.predictor.seed))
    } else {
        (Evidence::HeldOut, held_out(spaces, table, &rows, &keys)?)
    };
    let n_parts = match evidence {
        Evidence::HeldOut => 1,
        Evidence::CrossFitted { n_folds } => n_folds,
    };
    let parts = (0..n_parts).map(|part| {
        let (judged, learned): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|r| part_of.get(&keys[**r]) == Some(&part));
        [learned, judged].map(|rows| rows.into_iter().map(|r| r as u32).collect())
    });
    Ok(Folds { target, evidence, parts: parts.collect() })
}

/// The keys of rows that are test rows for both spaces, and that no row to learn from equals.
fn held_out(
    spaces: [&EmbeddingSpace; 2],
    table: &Table,
    rows: &[usize],
    keys: &[u64],
) -> Result<BTreeMap<u64, usize>> {
    let is_unseen = are_unseen(table, &spaces.map(EmbeddingSpace::split))?;
    let seen: BTreeSet<u64> = rows.iter().filter(|r| !is_unseen[**r]).map(|r| keys[*r]).collect();
    let judged: Vec<usize> =
        rows.iter().copied().filter(|r| is_unseen[*r] && !seen.contains(&keys[*r])).collect();
    if judged.len() < LEAST_ROWS {
        return Err(Error::value(format!(
            "{} of {} rows with a target are test rows for both `{}` and `{}`, by the hash of their cells; at least \
             {LEAST_ROWS} are needed: any other row has been seen by a training, and would flatter it",
            judged.len(),
            rows.len(),
            spaces[0].name(),
            spaces[1].name()
        ))
        .with_hint(
            "compare by cross-fitting (`cross_fit`), which judges every row by predictors that did not learn from it",
        ));
    }
    Ok(judged.into_iter().map(|r| (keys[r], 0)).collect())
}

/// Deals distinct rows into [`N_FOLDS`] parts by their keys, within each class in turn: equal rows
/// stay together, and parts are alike.
fn deal(rows: &[usize], keys: &[u64], class: impl Fn(usize) -> u64, seed: u64) -> BTreeMap<u64, usize> {
    let mut class_of: BTreeMap<u64, u64> = BTreeMap::new();
    for r in rows {
        class_of.entry(keys[*r]).or_insert_with(|| class(*r));
    }
    let mut order: Vec<(u64, u64, u64)> =
        class_of.into_iter().map(|(key, class)| (class, splitmix(key ^ splitmix(seed)), key)).collect();
    order.sort_unstable();
    order.into_iter().enumerate().map(|(i, (_, _, key))| (key, i % N_FOLDS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_share_a_fold_and_folds_are_alike() {
        // Every key stands twice; a tenth of the rows are of the rare class.
        let keys: Vec<u64> = (0..1000u64).map(|r| splitmix(r / 2)).collect();
        let rows: Vec<usize> = (0..1000).collect();
        let rare = |r: usize| u64::from(r.is_multiple_of(20) || r % 20 == 1);
        let part_of = deal(&rows, &keys, rare, 7);
        assert_eq!(part_of.len(), 500);
        for part in 0..N_FOLDS {
            let own: Vec<usize> = rows.iter().copied().filter(|r| part_of[&keys[*r]] == part).collect();
            assert_eq!(own.len(), 200);
            assert_eq!(own.iter().map(|r| rare(*r)).sum::<u64>(), 20);
        }
        assert_ne!(part_of, deal(&rows, &keys, rare, 8));
    }
}
