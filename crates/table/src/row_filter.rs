//! A set of rows by a few bits of their hashes: which rows a model has seen, for about two bytes a row.
//!
//! Of each hash `BITS` bits are kept. They are sorted, and the gaps between neighbours are written in a Golomb-Rice
//! code (Rice 1979; as a set with a stated error: Putze, Sanders, Singler 2007, "Cache-, Hash- and
//! Space-Efficient Bloom Filters"). A row that is in the set is always found. Another one is taken for one of `n`
//! rows with a probability of `n / 2^36`: one in 69,000 for a million rows.
//!
//! Sets of the same rows have the same bytes, and sets can be joined, because the number of bits does not
//! depend on the number of rows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Bits of a hash that are kept.
const BITS: u32 = 36;

/// Hashes of rows, each once, as a sorted list of `BITS` bits each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct RowFilter {
    n_hashes: u64,
    codes: Vec<u8>,
}

/// As it stands in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    n_hashes: u64,
    /// The codes as base64 without padding.
    codes: String,
}

impl RowFilter {
    /// The set of these hashes.
    pub fn of(hashes: impl IntoIterator<Item = u64>) -> Self {
        Self::encoded(hashes.into_iter().map(kept).collect())
    }

    /// How many hashes there are that differ in the bits that are kept.
    pub fn n_hashes(&self) -> u64 {
        self.n_hashes
    }

    /// The set in memory, to be asked.
    pub fn opened(&self) -> OpenFilter {
        let kept: Vec<u64> = Reader::new(self).collect();
        // About one hash in each stretch: they are spread evenly.
        let n_bits = (u64::BITS - (kept.len() as u64).leading_zeros()).min(BITS);
        let shift = BITS - n_bits;
        let mut starts = vec![0u32; (1 << n_bits) + 1];
        kept.iter().for_each(|hash| starts[(hash >> shift) as usize + 1] += 1);
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        OpenFilter { kept, starts, shift }
    }

    /// The hashes of both sets.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        Self::encoded(Reader::new(self).chain(Reader::new(other)).collect())
    }

    fn encoded(mut kept: Vec<u64>) -> Self {
        kept.sort_unstable();
        kept.dedup();
        let n_hashes = kept.len() as u64;
        let n_low = low_bits(n_hashes);
        let mut writer = Writer::default();
        let mut last = None;
        for value in kept {
            let gap = value - last.map_or(0, |last: u64| last + 1);
            (0..gap >> n_low).for_each(|_| writer.bit(true));
            writer.bit(false);
            (0..n_low).rev().for_each(|i| writer.bit(gap >> i & 1 == 1));
            last = Some(value);
        }
        RowFilter { n_hashes, codes: writer.bytes }
    }
}

/// A [`RowFilter`] in memory, at most 16 bytes a row.
#[derive(Debug)]
pub struct OpenFilter {
    kept: Vec<u64>,
    /// Where the hashes of each stretch begin: those of equal upper bits.
    starts: Vec<u32>,
    /// Lower bits of a hash that tell nothing of its stretch.
    shift: u32,
}

impl OpenFilter {
    /// Whether the set has a row of this hash.
    pub fn has(&self, hash: u64) -> bool {
        let hash = kept(hash);
        let stretch = (hash >> self.shift) as usize;
        self.kept[self.starts[stretch] as usize..self.starts[stretch + 1] as usize].contains(&hash)
    }
}

impl From<RowFilter> for Stored {
    fn from(filter: RowFilter) -> Self {
        Stored { n_hashes: filter.n_hashes, codes: STANDARD_NO_PAD.encode(filter.codes) }
    }
}

impl TryFrom<Stored> for RowFilter {
    type Error = Error;

    /// Takes nothing on trust: the codes must hold as many hashes as they say, rising, and nothing behind them.
    fn try_from(stored: Stored) -> Result<Self> {
        let refuse = |what: String| Error::malformed(format!("the rows that a model remembers: {what}"));
        let codes =
            STANDARD_NO_PAD.decode(&stored.codes).map_err(|e| refuse(e.to_string()).with_source(e))?;
        let filter = RowFilter { n_hashes: stored.n_hashes, codes };
        let mut reader = Reader::new(&filter);
        let n_read = reader.by_ref().count() as u64;
        if n_read != filter.n_hashes || !reader.is_at_end() {
            return Err(refuse(format!(
                "{} bytes hold {n_read} hashes and {}, not {}",
                filter.codes.len(),
                if reader.is_at_end() { "nothing more" } else { "something else" },
                filter.n_hashes
            )));
        }
        Ok(filter)
    }
}

fn kept(hash: u64) -> u64 {
    hash >> (u64::BITS - BITS)
}

/// Bits of a gap that are written as they are: the logarithm of the mean gap.
fn low_bits(n_hashes: u64) -> u32 {
    BITS.saturating_sub((n_hashes.max(1)).ilog2() + 1)
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    n_bits: usize,
}

impl Writer {
    fn bit(&mut self, is_set: bool) {
        if self.n_bits.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(is_set) << (7 - self.n_bits % 8);
        }
        self.n_bits += 1;
    }
}

/// Reads hashes as long as there are as many as the filter says and the codes make sense.
struct Reader<'f> {
    filter: &'f RowFilter,
    n_low: u32,
    n_left: u64,
    n_bits: usize,
    last: Option<u64>,
}

impl<'f> Reader<'f> {
    fn new(filter: &'f RowFilter) -> Self {
        let n_left = filter.n_hashes;
        Reader { filter, n_low: low_bits(n_left), n_left, n_bits: 0, last: None }
    }

    fn bit(&mut self) -> Option<bool> {
        let byte = self.filter.codes.get(self.n_bits / 8)?;
        let bit = byte >> (7 - self.n_bits % 8) & 1 == 1;
        self.n_bits += 1;
        Some(bit)
    }

    /// Whether nothing is left but the unset bits that fill the last byte.
    fn is_at_end(&self) -> bool {
        let codes = &self.filter.codes;
        let tail = codes.last().map_or(0, |last| last << (self.n_bits % 8));
        codes.len() == self.n_bits.div_ceil(8) && (self.n_bits.is_multiple_of(8) || tail == 0)
    }
}

impl Iterator for Reader<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.n_left = self.n_left.checked_sub(1)?;
        let mut gap = 0_u64;
        while self.bit()? {
            gap += 1;
        }
        gap = gap.checked_mul(1 << self.n_low)?;
        for i in (0..self.n_low).rev() {
            gap |= u64::from(self.bit()?) << i;
        }
        let value = gap.checked_add(self.last.map_or(0, |last| last + 1))?;
        self.last = Some(value);
        (value < 1 << BITS).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::hash::mix;

    fn stored(filter: &RowFilter) -> String {
        serde_json::to_string(filter).unwrap()
    }

    #[test]
    fn every_row_is_found_and_others_rarely() {
        for n in [0, 1, 2, 7, 1000, 100_000] {
            let filter = RowFilter::of((0..n).map(mix));
            let open = filter.opened();
            assert!((0..n).all(|i| open.has(mix(i))), "{n}");
            let n_wrong = (n..n + 100_000).filter(|i| open.has(mix(*i))).count();
            assert!(n_wrong <= 3, "{n}: {n_wrong}");
            assert_eq!(serde_json::from_str::<RowFilter>(&stored(&filter)).unwrap(), filter, "{n}");
        }
    }

    #[test]
    fn the_order_of_rows_and_the_way_they_came_do_not_matter() {
        let whole = RowFilter::of((0..500).map(mix));
        assert_eq!(RowFilter::of((0..500).rev().chain(0..9).map(mix)), whole);
        let parts = [RowFilter::of((0..300).map(mix)), RowFilter::of((200..500).map(mix))];
        assert_eq!(parts[0].joined(&parts[1]), whole);
    }

    /// Files depend on it.
    #[test]
    fn what_is_written_never_changes() {
        let filter = RowFilter::of((0..4).map(mix));
        assert_eq!(stored(&filter), r#"{"n_hashes":4,"codes":"dCxTk3p/4yD0MnA/jGVkOS2o"}"#);
    }

    #[test]
    fn a_million_rows_take_less_than_three_bytes_each() {
        let filter = RowFilter::of((0..1_000_000).map(mix));
        let n_bytes = stored(&filter).len();
        assert!((2_800_000..3_000_000).contains(&n_bytes), "{n_bytes} bytes");
    }

    #[test]
    fn a_filter_that_claims_what_it_does_not_hold_is_refused() {
        let good: serde_json::Value = serde_json::from_str(&stored(&RowFilter::of((0..9).map(mix)))).unwrap();
        let with = |key: &str, value: serde_json::Value| {
            let mut changed = good.clone();
            changed[key] = value;
            serde_json::from_value::<RowFilter>(changed)
        };
        assert!(with("n_hashes", 9.into()).is_ok());
        let codes = good["codes"].as_str().unwrap();
        for (key, value) in [
            ("n_hashes", 8.into()),
            ("n_hashes", 10.into()),
            ("n_hashes", u64::MAX.into()),
            ("n_hashes", 0.into()),
            ("codes", "".into()),
            ("codes", format!("{codes}AAAA").into()),
            ("codes", codes[..codes.len() - 4].into()),
            ("codes", "////////////////////////////////".into()),
            ("codes", "not base64!".into()),
        ] {
            let error = with(key, value).unwrap_err().to_string();
            assert!(error.contains("rows that a model remembers"), "{error}");
        }
    }
}
