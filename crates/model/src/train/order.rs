//! The order of rows in an epoch.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

/// Rows in the random order of one epoch; the same for the same seed and epoch.
pub(crate) fn shuffled(rows: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    let mut order = rows.to_vec();
    order.shuffle(&mut Pcg64Mcg::seed_from_u64(seed.wrapping_add((epoch as u64 + 1) << 32)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_holds_every_row_once_in_its_own_order() {
        let rows: Vec<usize> = (0..50).collect();
        let (a, b) = (shuffled(&rows, 1, 0), shuffled(&rows, 1, 1));
        assert_ne!(a, b);
        assert_eq!(a, shuffled(&rows, 1, 0));
        let mut sorted = a.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, rows);
    }
}
