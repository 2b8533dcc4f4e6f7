//! The least value of a function of one number.

const GOLDEN: f64 = 0.618_033_988_749_895;
const N_SHRINKS: usize = 26;

/// Where `loss` is least between `low` and `high`, by golden section: it has to fall and then to rise.
pub(super) fn least(mut low: f64, mut high: f64, loss: impl Fn(f64) -> f64) -> f64 {
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_a, mut at_b) = (loss(a), loss(b));
    // One of two points is one of the two of what is left.
    for _ in 0..N_SHRINKS {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - GOLDEN * (high - low);
            at_a = loss(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + GOLDEN * (high - low);
            at_b = loss(b);
        }
    }
    (low + high) / 2.0
}
