//! Which rows two spaces are judged on, and which their predictors learn from.

use std::collections::BTreeSet;

use tabgraft_table::Table;
use tabgraft_table::deal::deal_rows;
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
        let units = spaces[0].split().units(table, &keys)?;
        let own: Vec<u64> = rows.iter().map(|r| units[*r]).collect();
        let class: Vec<u32> = rows.iter().map(|r| target.stratum(values[*r].unwrap_or_default())).collect();
        let part = deal_rows(&own, &class, N_FOLDS, splitmix(options.predictor.seed));
        (Evidence::CrossFitted { n_folds: N_FOLDS }, part.into_iter().map(Some).collect())
    } else {
        (Evidence::HeldOut, held_out(spaces, table, &rows, &keys)?)
    };
    let n_parts = match evidence {
        Evidence::HeldOut => 1,
        Evidence::CrossFitted { n_folds } => n_folds,
    };
    let parts = (0..n_parts).map(|part| {
        let of = |judged: bool| rows.iter().zip(&part_of).filter(move |(_, p)| (**p == Some(part)) == judged);
        [false, true].map(|judged| of(judged).map(|(r, _)| *r as u32).collect())
    });
    Ok(Folds { target, evidence, parts: parts.collect() })
}

/// Part 0 for those of `rows` that are test rows for both spaces, and that no row to learn from equals.
fn held_out(
    spaces: [&EmbeddingSpace; 2],
    table: &Table,
    rows: &[usize],
    keys: &[u64],
) -> Result<Vec<Option<usize>>> {
    let is_unseen = are_unseen(table, &spaces.map(EmbeddingSpace::split))?;
    let seen: BTreeSet<u64> = rows.iter().filter(|r| !is_unseen[**r]).map(|r| keys[*r]).collect();
    let judged: Vec<Option<usize>> =
        rows.iter().map(|r| (is_unseen[*r] && !seen.contains(&keys[*r])).then_some(0)).collect();
    let n_judged = judged.iter().flatten().count();
    if n_judged < LEAST_ROWS {
        return Err(Error::value(format!(
            "{} of {} rows with a target are test rows for both `{}` and `{}`, by the hash of their cells; at least \
             {LEAST_ROWS} are needed: any other row has been seen by a training, and would flatter it",
            n_judged,
            rows.len(),
            spaces[0].name(),
            spaces[1].name()
        ))
        .with_hint(
            "compare by cross-fitting (`cross_fit`), which judges every row by predictors that did not learn from it",
        ));
    }
    Ok(judged)
}
