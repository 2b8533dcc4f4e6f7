//! Which rows two spaces are judged on, and which their predictors learn from.

use std::collections::BTreeSet;

use tabgraft_table::Table;
use tabgraft_table::deal::deal_rows;
use tabgraft_table::split::Part;

use super::CompareOptions;
use crate::error::{Error, Result};
use crate::objective::splitmix;
use crate::predictor::Target;
use crate::record::Evidence;
use crate::space::EmbeddingSpace;
use crate::train::{Event, Sink};

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

/// Which rows are test rows for both spaces, with a warning where few rows are known to one of them.
fn are_unseen(spaces: [&EmbeddingSpace; 2], table: &Table, sink: &mut Sink<'_>) -> Result<Vec<bool>> {
    let mut is_test = vec![true; table.n_rows()];
    let mut told = None;
    for space in spaces {
        let rows = space.row_parts(table)?;
        is_test.iter_mut().zip(rows.parts.iter()).for_each(|(is_test, part)| *is_test &= *part == Part::Test);
        // Parent and child say the same in other names.
        if let Some(text) = rows.warning(space.name())
            && told.as_ref() != Some(&rows.known)
        {
            let _ = sink(&Event::Warning { text });
        }
        told = Some(rows.known);
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
    sink: &mut Sink<'_>,
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
    let keys = spaces[0].split().row_hashes(table, &present)?;
    let (evidence, part_of) = if options.cross_fit {
        let units = spaces[0].split().units(table, &keys)?;
        let own: Vec<u64> = rows.iter().map(|r| units[*r]).collect();
        let class: Vec<u32> = rows.iter().map(|r| target.stratum(values[*r].unwrap_or_default())).collect();
        let part = deal_rows(&own, &class, N_FOLDS, splitmix(options.predictor.seed));
        (Evidence::CrossFitted { n_folds: N_FOLDS }, part.into_iter().map(Some).collect())
    } else {
        (Evidence::HeldOut, held_out(spaces, table, &rows, &keys, sink)?)
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
    sink: &mut Sink<'_>,
) -> Result<Vec<Option<usize>>> {
    let is_unseen = are_unseen(spaces, table, sink)?;
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
