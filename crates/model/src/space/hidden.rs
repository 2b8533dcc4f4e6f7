//! What a network says of cells that it does not see: each column is hidden in turn, the others are shown.
//!
//! Of a column that tells another one entirely the network learns to say what the other says. Where the two
//! disagree, each surprises, however usual both are.

use std::iter::repeat_n;

use rayon::prelude::*;
use tabgraft_table::threads::in_pool_or_alone;

use crate::embed::{CellTable, Masks};
use crate::encoder::Network;
use crate::kernel::{Dropout, ROW_BLOCK};

/// Most passes over a row. Of more columns than that, every sixteenth is hidden in the same pass: neighbours, which
/// often tell each other, are hidden apart.
pub(crate) const MOST_PASSES: usize = 16;
/// Rows that go through the network together, each as often as there are passes.
const TILE_ROWS: usize = 8 * ROW_BLOCK;

/// Passes over a row of so many columns.
pub(crate) fn n_passes(n_columns: usize) -> usize {
    n_columns.clamp(1, MOST_PASSES)
}

/// For each cell what `take` makes of the logits of its column's classes, by the rest of the row. What it makes of a
/// cell has the same bits whatever the rows beside it are.
///
/// # Shapes
/// - returns: `[rows, n_columns]`
pub(crate) fn each_hidden<T: Copy + Default + Send>(
    network: &Network,
    groups: &[CellTable],
    rows: &[usize],
    take: impl Fn(usize, usize, &[f32]) -> T + Sync,
) -> Vec<T> {
    let n_columns = network.n_columns();
    let n_passes = n_passes(n_columns);
    let hidden: Vec<bool> =
        (0..n_passes).flat_map(|pass| (0..n_columns).map(move |c| c % n_passes == pass)).collect();
    let mut found = vec![T::default(); rows.len() * n_columns];
    let tile_rows = (TILE_ROWS / n_passes).max(1);
    let tile = |(found, rows): (&mut [T], &[usize])| {
        let passed: Vec<usize> = rows.iter().flat_map(|row| repeat_n(*row, n_passes)).collect();
        let logits = hidden_logits(network, groups, &passed, hidden.repeat(rows.len()));
        for (i, (found, row)) in found.chunks_exact_mut(n_columns).zip(rows).enumerate() {
            for (c, found) in found.iter_mut().enumerate() {
                let first = (i * n_passes + c % n_passes) * network.n_logits();
                let logits = &logits[first + network.first_logit[c]..first + network.first_logit[c + 1]];
                *found = take(*row, c, logits);
            }
        }
    };
    let tiles = found.par_chunks_mut((tile_rows * n_columns).max(1)).zip(rows.par_chunks(tile_rows));
    in_pool_or_alone(|| tiles.for_each(tile));
    found
}

/// The logits of all columns of these rows, of which some cells are hidden.
///
/// # Shapes
/// - `hidden`: `[rows, n_columns]`; returns at least `[rows, n_logits]`
pub(crate) fn hidden_logits(
    network: &Network,
    groups: &[CellTable],
    rows: &[usize],
    hidden: Vec<bool>,
) -> Vec<f32> {
    let masks = Masks { n_columns: network.n_columns(), hidden };
    let padded = rows.len().next_multiple_of(ROW_BLOCK);
    let batch = |(table, columns): (&CellTable, usize)| table.batch(rows, padded, Some((&masks, columns)));
    let first_columns = network.token_groups().into_iter().map(|group| group.columns.start);
    let cells: Vec<_> = groups.iter().zip(first_columns).map(batch).collect();
    network.logits(&network.pieces(&cells, Dropout::OFF)).here().flat().into_owned()
}

/// Probabilities of classes from their logits; all NaN where a logit is.
pub(crate) fn probabilities(logits: &[f32], into: &mut Vec<f32>) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    into.clear();
    into.extend(logits.iter().map(|logit| (logit - highest).exp()));
    let sum: f32 = into.iter().sum();
    into.iter_mut().for_each(|p| *p /= sum);
}

/// The negative logarithm of the probability of a class, from the logits of all; NaN where one is.
pub(crate) fn class_nats(logits: &[f32], class: u16) -> f32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    logits.get(usize::from(class)).map_or(f32::NAN, |logit| sum.ln() - (logit - highest))
}
