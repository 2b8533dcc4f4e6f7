//! The least value of a function of one number.

const GOLDEN: f64 = 0.618_033_988_749_895;
const N_SHRINKS: usize = 26;

/// Where `loss` is least between `low` and `high`, by golden section: it has to fall and then to rise.
pub(super) fn least(mut low: f64, mut high: f64, loss: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..N_SHRINKS {
        let (a, b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        if loss(a) < loss(b) { high = b } else { low = a }
    }
    (low + high) / 2.0
}
