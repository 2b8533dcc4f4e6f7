//! Dealing rows into inner parts: what belongs together stays together, and parts are alike.
//!
//! Early stopping, calibration, cross-fitting and judging all hold rows out that a model did not learn
//! from. That is only true where no copy of a held-out row is learned from, and none of its group. So
//! every inner split goes through [`deal_rows`], which deals *units*: rows that are equal, rows of one
//! group where the outer split goes by group, rows of one stretch of time where it goes by time.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::error::Result;
use crate::split::{Split, SplitBy, times};
use crate::stats::hash::mix;
use crate::table::Table;

/// Stretches that a split by time cuts the rows into: whole ones are dealt, for rows of neighbouring
/// times tell of each other (Roberts et al. 2017, Ecography 40, blocked cross-validation).
const N_STRETCHES: usize = 40;
/// Equal rows join groups only as long as no unit holds more than this share of the rows.
const MOST_OF_A_UNIT: f64 = 0.2;

impl Split {
    /// Which rows stay together in an inner split, `[n_rows]`: rows with the same number. `keys` are
    /// hashes of the rows' cells, by [`Split::row_hashes`].
    ///
    /// By rows: equal rows. By group: also the rows of a group; where equal rows would chain the groups
    /// to a lump of more than a fifth of the rows, groups alone. By time: the rows of a stretch of time,
    /// and equal ones with the same exception; rows without a time by their cells. Where the table lacks the
    /// split's column: equal rows.
    ///
    /// # Errors
    /// As [`Split::assign`].
    pub fn units(&self, table: &Table, keys: &[u64]) -> Result<Vec<u64>> {
        match &self.by {
            SplitBy::Rows { .. } => Ok(keys.to_vec()),
            // Its column was retired: only copies are known to belong together.
            _ if self.columns().iter().any(|name| !table.has_column(name)) => Ok(keys.to_vec()),
            SplitBy::Group { .. } => Ok(joined(keys, &self.row_hashes(table, self.columns())?)),
            SplitBy::Time { column, date_format, .. } => {
                let times = times(column, table, date_format.as_ref())?;
                let times: Vec<Option<f64>> = times.iter().collect();
                Ok(joined(keys, &stretches(&times, keys)))
            }
        }
    }

    /// Which rows are no evidence of their own, `[n_rows]`: rows with the same number are one piece of
    /// it. Equal rows, and rows of one group where the split goes by group and the table has its column.
    ///
    /// # Errors
    /// A schema error if the group's column has a type that cannot be read.
    pub fn clusters(&self, table: &Table, keys: &[u64]) -> Result<Vec<u64>> {
        match &self.by {
            SplitBy::Group { column, .. } if table.has_column(column) => self.units(table, keys),
            _ => Ok(keys.to_vec()),
        }
    }
}

/// Units of rows that share a key or a group, each by a number that does not depend on the rows' order.
fn joined(keys: &[u64], groups: &[u64]) -> Vec<u64> {
    let mut above: Vec<usize> = (0..keys.len()).collect();
    let (mut of_key, mut of_group) = (HashMap::new(), HashMap::new());
    for row in 0..keys.len() {
        for first in [*of_key.entry(keys[row]).or_insert(row), *of_group.entry(groups[row]).or_insert(row)] {
            let (a, b) = (top(&mut above, first), top(&mut above, row));
            above[a.max(b)] = a.min(b);
        }
    }
    let tops: Vec<usize> = (0..keys.len()).map(|row| top(&mut above, row)).collect();
    let mut units: HashMap<usize, (u64, usize)> = HashMap::new();
    for (row, top) in tops.iter().enumerate() {
        let (name, n_rows) = units.entry(*top).or_insert((u64::MAX, 0));
        (*name, *n_rows) = ((*name).min(mix(groups[row])), *n_rows + 1);
    }
    let most = MOST_OF_A_UNIT * keys.len() as f64;
    if units.values().any(|(_, n_rows)| *n_rows as f64 > most) {
        return groups.to_vec();
    }
    tops.iter().map(|top| units[top].0).collect()
}

/// The row that stands for a row's unit; paths are halved on the way.
fn top(above: &mut [usize], mut row: usize) -> usize {
    while above[row] != row {
        above[row] = above[above[row]];
        row = above[row];
    }
    row
}

/// For each row the number of its stretch: about as many rows in each, rows of one time in one.
fn stretches(times: &[Option<f64>], keys: &[u64]) -> Vec<u64> {
    let mut sorted: Vec<f64> = times.iter().flatten().copied().filter(|t| t.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let of = |(time, key): (&Option<f64>, &u64)| match time.filter(|t| t.is_finite()) {
        Some(time) => (sorted.partition_point(|t| *t < time) * N_STRETCHES / sorted.len()) as u64,
        None => *key,
    };
    times.iter().zip(keys).map(of).collect()
}

/// The part of each row, `[n_rows]`, below `n_parts`: whole units, each class spread evenly.
///
/// Units go by falling size, then class, then a hash of their number and `salt`, each to the part that
/// has the least of its classes. The rows' order does not matter, and no part stays empty if there are
/// as many units as parts. With fewer units rows are dealt one by one: a part without rows would hold
/// nothing out.
///
/// # Shapes
/// - `units`, `classes`: `[n_rows]`; rows of an equal unit stay together; one class where there are none
pub fn deal_rows(units: &[u64], classes: &[u32], n_parts: usize, salt: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_unstable_by_key(|row| (units[*row], classes[*row], *row));
    let mut lots: Vec<&[usize]> = order.chunk_by(|a, b| units[*a] == units[*b]).collect();
    if lots.len() < n_parts {
        lots = order.chunks(1).collect();
    }
    // A unit's rows stand by class.
    let runs = |rows: &'_ [usize]| -> Vec<(usize, usize)> {
        rows.chunk_by(|a, b| classes[*a] == classes[*b])
            .map(|run| (classes[run[0]] as usize, run.len()))
            .collect()
    };
    let main_class = |rows: &[usize]| runs(rows).into_iter().map(|(class, n)| (Reverse(n), class)).min();
    lots.sort_by_cached_key(|rows| {
        let unit = rows.first().map_or(0, |row| units[*row]);
        (Reverse(rows.len()), main_class(rows), mix(unit ^ salt), unit, rows.first().copied())
    });

    let n_classes = classes.iter().max().map_or(0, |class| *class as usize + 1);
    let mut n_of_class = vec![0.0; n_classes];
    classes.iter().for_each(|class| n_of_class[*class as usize] += 1.0);
    let mut held = vec![vec![0usize; n_classes]; n_parts.max(1)];
    let mut n_held = vec![0usize; n_parts.max(1)];
    let mut part = vec![0; units.len()];
    for rows in lots {
        let runs = runs(rows);
        let crowd = |part: usize| -> f64 {
            runs.iter().map(|(class, n)| (held[part][*class] * n) as f64 / n_of_class[*class]).sum()
        };
        let least = (0..n_held.len())
            .min_by(|a, b| crowd(*a).total_cmp(&crowd(*b)).then(n_held[*a].cmp(&n_held[*b])))
            .unwrap_or(0);
        runs.iter().for_each(|(class, n)| held[least][*class] += n);
        n_held[least] += rows.len();
        rows.iter().for_each(|row| part[*row] = least);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(part: &[usize], wanted: impl Fn(usize) -> bool, k: usize) -> usize {
        (0..part.len()).filter(|r| part[*r] == k && wanted(*r)).count()
    }

    #[test]
    fn equal_rows_share_a_part_and_classes_are_spread_evenly() {
        // Every row three times, a tenth of the rows of the rare class.
        let units: Vec<u64> = (0..900).map(|r| mix(r / 3)).collect();
        let classes: Vec<u32> = (0..900).map(|r| u32::from(r / 3 % 10 == 0)).collect();
        let part = deal_rows(&units, &classes, 5, 7);
        assert!((0..900).all(|r| part[r] == part[r / 3 * 3]));
        for k in 0..5 {
            assert_eq!((count(&part, |_| true, k), count(&part, |r| classes[r] == 1, k)), (180, 18));
        }
        assert_ne!(part, deal_rows(&units, &classes, 5, 8));
        // The rows' order does not matter.
        let order: Vec<usize> = (0..900).map(|r| r * 7 % 900).collect();
        let of = |v: &[u64]| order.iter().map(|r| v[*r]).collect::<Vec<_>>();
        let moved = deal_rows(&of(&units), &order.iter().map(|r| classes[*r]).collect::<Vec<_>>(), 5, 7);
        assert!(order.iter().zip(&moved).all(|(r, moved)| part[*r] == *moved));
    }

    #[test]
    fn units_of_any_size_and_mixture_leave_parts_alike() {
        // Unit u has u % 9 + 1 rows, of both classes.
        let units: Vec<u64> = (0..100u64).flat_map(|u| vec![mix(u); (u % 9 + 1) as usize]).collect();
        let classes: Vec<u32> = (0..units.len() as u32).map(|r| u32::from(r % 4 == 0)).collect();
        let part = deal_rows(&units, &classes, 5, 0);
        let (n, n_rare) = (units.len() as f64 / 5.0, units.len() as f64 / 20.0);
        for k in 0..5 {
            assert!((count(&part, |_| true, k) as f64 - n).abs() < 0.05 * n);
            assert!((count(&part, |r| classes[r] == 1, k) as f64 - n_rare).abs() < 0.1 * n_rare);
        }
        // As few different rows as parts fill them; fewer are dealt apart.
        let few: Vec<u64> = (0..60).map(|r| r % 3).collect();
        let part = deal_rows(&few, &[0; 60], 3, 0);
        assert!((0..3).all(|k| count(&part, |_| true, k) == 20));
        let apart = deal_rows(&few, &[0; 60], 5, 0);
        assert!((0..5).all(|k| count(&apart, |_| true, k) == 12));
    }

    #[test]
    fn without_copies_rows_are_dealt_in_turn_within_each_class() {
        let units: Vec<u64> = (0..103).map(|r| mix(r + 1000)).collect();
        let classes: Vec<u32> = (0..103).map(|r| r % 3).collect();
        let mut order: Vec<usize> = (0..103).collect();
        order.sort_by_key(|r| (classes[*r], mix(units[*r])));
        let mut wanted = vec![0; 103];
        order.into_iter().enumerate().for_each(|(i, r)| wanted[r] = i % 4);
        assert_eq!(deal_rows(&units, &classes, 4, 0), wanted);
    }

    #[test]
    fn equal_rows_join_groups_unless_they_would_lump_all_together() {
        // 50 groups of two; the second row of groups 0 and 1 is the same.
        let groups: Vec<u64> = (0..100).map(|r| 100 + r / 2).collect();
        let mut keys: Vec<u64> = (0..100).collect();
        keys[3] = keys[1];
        let units = joined(&keys, &groups);
        assert!(units[..4].iter().all(|u| *u == units[0]) && units[4] != units[0] && units[4] == units[5]);
        let coarse: Vec<u64> = (0..100).map(|r| r % 2).collect();
        assert_eq!(joined(&coarse, &groups), groups);
    }

    #[test]
    fn a_stretch_of_time_stays_whole() {
        let keys: Vec<u64> = (0..1000).map(mix).collect();
        let times: Vec<Option<f64>> = (0..1000).map(|r| (r > 9).then(|| f64::from(r / 2))).collect();
        let stretches = stretches(&times, &keys);
        let timed = &stretches[10..];
        assert!(timed.is_sorted() && timed.last() == Some(&(N_STRETCHES as u64 - 1)));
        assert!((0..495).all(|i| timed[2 * i] == timed[2 * i + 1]), "rows of one time are in one stretch");
        assert_eq!(stretches[..10], keys[..10]);
    }
}
