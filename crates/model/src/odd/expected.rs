//! What the rest of a row lets expect in one of its cells.

use tabgraft_table::codec::Codec;

/// Probability that the values told as expected hold together, at least.
const EXPECTED: f32 = 0.5;

/// The classes to expect: one, or neighbouring ones of a number or time; and their probability.
///
/// From the most probable class on, the more probable neighbour comes along until half of the probability is there.
pub(super) fn expected(codec: &Codec, p: &[f32]) -> (u16, u16, f32) {
    let best = (0..p.len()).fold(0, |best, i| if p[i] > p[best] { i } else { best });
    let mut sum = p.get(best).copied().unwrap_or(1.0);
    let (mut low, mut high) = (best, best);
    if matches!(codec, Codec::Numeric(_) | Codec::Timestamp(_)) {
        while sum < EXPECTED && high - low + 1 < p.len() {
            let below = low.checked_sub(1).map_or(-1.0, |i| p[i]);
            let above = p.get(high + 1).copied().unwrap_or(-1.0);
            if above > below {
                high += 1;
                sum += above;
            } else {
                low -= 1;
                sum += below;
            }
        }
    }
    (low as u16, high as u16, sum.min(1.0))
}
