//! Mutations that are the same in every run of a seed.

/// Longest input, as libFuzzer is told as well.
pub const MOST_BYTES: usize = 64 << 10;

/// Numbers at the edge of something, as text.
const NUMBERS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"1",
    b"255",
    b"65536",
    b"2147483648",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"1e308",
    b"-1e309",
    b"4.9e-324",
    b"0.1",
    b"NaN",
    b"null",
    b"true",
    b"\"\"",
    b"[]",
    b"{}",
];

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }
}

/// One to four changes of an input: flipped bits, other bytes, pieces that are cut out, doubled or taken from `other`,
/// an early end, words of the format, numbers at the edge of something.
pub fn mutated(bytes: &[u8], other: &[u8], words: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let most = 1 << random.below(8);
        let length = (1 + random.below(most)).min(bytes.len() - at);
        match random.below(10) {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << random.below(8)),
            1 => bytes[at..at + length].iter_mut().for_each(|byte| *byte = random.bits() as u8),
            2 => bytes[at..at + length].fill([0xff, 0x7f, 0x80, 0][random.below(4)]),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let piece = bytes[at..at + length].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            6 => {
                let from = random.below(other.len() + 1);
                let taken = (1 + random.below(64)).min(other.len() - from);
                drop(bytes.splice(at..at + length.min(taken), other[from..from + taken].iter().copied()));
            }
            // A number that stands there becomes another one.
            7 => {
                let is_digit = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'e');
                let start = at + bytes[at..].iter().position(is_digit).unwrap_or(0);
                let end = start + bytes[start..].iter().take_while(|byte| is_digit(byte)).count();
                drop(bytes.splice(start..end, NUMBERS[random.below(NUMBERS.len())].iter().copied()));
            }
            // Eight bytes that are an edge of binary numbers.
            8 => {
                let edges = [u64::MAX, 1 << 63, (1 << 63) - 1, 1 << 31, (1 << 31) - 1, 1 << 40, 7, 0];
                let edge = edges[random.below(edges.len())].to_le_bytes();
                let n = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                bytes[at..at + n].copy_from_slice(&edge[..n]);
            }
            _ => {
                let word = if words.is_empty() { NUMBERS } else { words };
                drop(bytes.splice(at..at, word[random.below(word.len())].iter().copied()));
            }
        }
    }
    bytes.truncate(MOST_BYTES);
    bytes
}
