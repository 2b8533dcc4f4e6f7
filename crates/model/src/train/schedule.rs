//! The order of rows and the learning rate of each step.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

/// Share of the steps that the learning rate rises before it falls.
const WARM_UP: f64 = 0.1;

/// Rows in the random order of one epoch; the same for the same seed and epoch.
pub(crate) fn shuffled(rows: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    let mut order = rows.to_vec();
    order.shuffle(&mut Pcg64Mcg::seed_from_u64(seed.wrapping_add((epoch as u64 + 1) << 32)));
    order
}

/// Linear warm-up over a tenth of the steps, then half a cosine down to 0 (Loshchilov & Hutter
/// 2017, arXiv:1608.03983, one period).
pub(crate) fn learning_rate(peak: f32, step: usize, n_steps: usize) -> f32 {
    let warm = ((n_steps as f64 * WARM_UP) as usize).max(1);
    let share = if step < warm {
        (step + 1) as f64 / warm as f64
    } else {
        let t = (step - warm) as f64 / (n_steps - warm).max(1) as f64;
        0.5 * (1.0 + (std::f64::consts::PI * t).cos())
    };
    (f64::from(peak) * share) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_rises_to_its_peak_and_falls_to_nothing() {
        let rates: Vec<f32> = (0..100).map(|s| learning_rate(1.0, s, 100)).collect();
        assert!(rates[..10].is_sorted() && rates[9] == 1.0);
        assert!(rates[10..].is_sorted_by(|a, b| a >= b) && rates[99] < 0.01);
        assert!(learning_rate(1.0, 0, 1) > 0.0);
    }

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
