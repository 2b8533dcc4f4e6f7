//! Rows drawn from many by their keys, so that the same ones are drawn whatever the order of the table.

use tabgraft_table::stats::hash::mix;

/// Most validation rows that an epoch, and the end of a training, is measured on. A mean over so many cells has a
/// standard error of about a hundredth of their deviation; more rows would only cost time.
pub(crate) const VALIDATION_MOST: usize = 10_000;

/// Sets the draw of one purpose apart from that of another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Rows to train on.
    Training = 1,
    /// Rows to measure losses on: the same in a parent and in its child.
    Validation = 2,
}

/// At most `most` of these rows, ascending if they were: those whose keys' hashes are the least. All of them where
/// there are no more.
pub(crate) fn drawn(rows: &[usize], keys: &[u64], most: usize, purpose: Purpose) -> Vec<usize> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    let mut ranked: Vec<(u64, usize)> =
        rows.iter().enumerate().map(|(place, row)| (mix(keys[*row] ^ mix(purpose as u64)), place)).collect();
    if most < ranked.len() {
        ranked.select_nth_unstable(most);
        ranked.truncate(most);
    }
    let mut places: Vec<usize> = ranked.into_iter().map(|(_, place)| place).collect();
    places.sort_unstable();
    places.into_iter().map(|place| rows[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_are_drawn_in_any_order_and_no_more_than_wanted() {
        let rows: Vec<usize> = (0..1000).collect();
        let keys: Vec<u64> = (0..1000).map(|i| i * 7919).collect();
        let few = drawn(&rows, &keys, 100, Purpose::Training);
        assert_eq!(few.len(), 100);
        assert!(few.is_sorted());
        let backwards: Vec<u64> = keys.iter().rev().copied().collect();
        let mut mirrored: Vec<usize> =
            drawn(&rows, &backwards, 100, Purpose::Training).into_iter().map(|row| 999 - row).collect();
        mirrored.sort_unstable();
        assert_eq!(few, mirrored);
        assert_ne!(few, drawn(&rows, &keys, 100, Purpose::Validation));
        assert_eq!(drawn(&rows, &keys, 1000, Purpose::Training), rows);
        // More of them hold the fewer ones.
        let more = drawn(&rows, &keys, 300, Purpose::Training);
        assert!(few.iter().all(|row| more.contains(row)));
    }
}
