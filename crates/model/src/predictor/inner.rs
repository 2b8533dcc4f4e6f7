//! Which row of a fit went into which inner part: known again later, so that old learners can be asked about
//! rows that they did not learn from.

use serde::{Deserialize, Serialize};
use tabgraft_table::deal::deal_rows;
use tabgraft_table::stats::hash::mix;

use super::Target;

/// Inner parts of the rows where there is one learner of a kind, which stops on the first.
const PARTS_OF_ONE: usize = 5;

/// Inner parts for so many learners of a kind, at least 1.
pub(super) fn n_inner_parts(n_learners: usize) -> usize {
    if n_learners == 1 { PARTS_OF_ONE } else { n_learners.max(1) }
}

/// Deals the rows to learn from into inner parts; `usize::MAX` for the others. A unit's part follows from
/// the cells of the first columns, so that it stays when columns are added.
pub(super) fn inner_parts(
    rows: &[usize],
    units: &[u64],
    values: &[Option<f64>],
    target: &Target,
    n_parts: usize,
) -> Vec<usize> {
    let own: Vec<u64> = rows.iter().map(|r| units[*r]).collect();
    let class: Vec<u32> = rows.iter().map(|r| target.stratum(values[*r].unwrap_or_default())).collect();
    let mut part = vec![usize::MAX; units.len()];
    for (r, own) in rows.iter().zip(deal_rows(&own, &class, n_parts, 0)) {
        part[*r] = own;
    }
    part
}

/// The inner parts of a fit, in a few bytes: they follow from the rows, and a sum says whether rows are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InnerParts {
    /// Parts that the rows were dealt into. The learner of each number did not learn from its part.
    pub n_parts: usize,
    /// Sum over the rows of a hash of unit and part, as 16 hexadecimal digits.
    pub sum: String,
    /// Whether rows counted differently.
    pub is_weighted: bool,
}

impl InnerParts {
    /// # Shapes
    /// - `units`, `fold`: `[n_rows]` of the table that `rows` are of
    pub fn of(rows: &[usize], units: &[u64], fold: &[usize], n_parts: usize, is_weighted: bool) -> Self {
        let of_row = |r: &usize| mix(units[*r] ^ mix(fold[*r] as u64 + 1));
        let sum = rows.iter().map(of_row).fold(0u64, u64::wrapping_add);
        InnerParts { n_parts, sum: format!("{sum:016x}"), is_weighted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_does_not_depend_on_the_order_and_notices_a_row_in_another_part() {
        let units = [3, 5, 8, 13];
        let fold = [0, 1, 0, 1];
        let of = |rows: &[usize], fold: &[usize]| InnerParts::of(rows, &units, fold, 2, false);
        assert_eq!(of(&[0, 1, 2], &fold), of(&[2, 0, 1], &fold));
        assert_ne!(of(&[0, 1, 2], &fold), of(&[0, 1], &fold));
        assert_ne!(of(&[0, 1, 2], &fold), of(&[0, 1, 2], &[0, 0, 0, 1]));
        assert_ne!(of(&[0, 1, 2], &fold), of(&[0, 1, 2, 2], &fold));
    }
}
