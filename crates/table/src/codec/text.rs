//! Text: one bag of hashed words and letter triples with a few measures of the whole.
//!
//! Words and the letter triples inside them (with the word's ends marked; Bojanowski et al. 2017,
//! arXiv:1607.04606) are hashed into slots with a sign (Weinberger et al. 2009, arXiv:0902.2206),
//! summed and scaled to length 1, so that long and short texts weigh the same. The last three
//! slots hold `ln(1 + characters) / 4`, `ln(1 + words) / 4` and the share of digits. Hashing needs
//! no vocabulary, so nothing is *unseen*. The target is the rarest of the frequent words that
//! stands in the text; class 0 is a text without any of them.

use arrow::array::{Array as _, ArrayRef};
use serde::{Deserialize, Serialize};

use super::bins::MAX_BINS;
use super::{CellFlag, CodecConfig};
use crate::cell;
use crate::encoded::{EncodedColumn, NO_TARGET, PartForm, PartValues};
use crate::error::{Error, Result};
use crate::stats::counts::ValueCounts;
use crate::stats::hash::hash_bytes;
use crate::stats::words::words;

/// Slots behind the hashed ones: characters, words, digits.
const N_MEASURES: usize = 3;
/// Fewest and most slots of one column.
pub const SLOTS: std::ops::RangeInclusive<usize> = 8..=65_536;
/// Divides logarithms of lengths, so that a text of 50 characters measures about 1.
const LENGTH_SCALE: f32 = 4.0;
/// Weight of a letter triple beside a word's 1.
const TRIPLE_WEIGHT: f32 = 0.5;

/// Fitted state of a text column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextCodec {
    n_slots: usize,
    /// Words of the classes 1, 2, ..., most frequent first.
    target_words: Vec<String>,
}

impl TextCodec {
    /// Takes the most frequent words as classes; a private codec those alone that enough rows have.
    pub(crate) fn fit(words: &ValueCounts, config: &CodecConfig) -> Self {
        let least = if config.private { config.min_category_rows() } else { 1 };
        let frequent = words.by_frequency().into_iter().filter(|(_, n_rows)| *n_rows >= least);
        let frequent = frequent.take(config.n_targets - 1);
        TextCodec {
            n_slots: config.text_slots,
            target_words: frequent.map(|(word, _)| word.to_owned()).collect(),
        }
    }

    /// One bag.
    pub fn parts(&self) -> Vec<PartForm> {
        vec![PartForm::Bag { n_slots: self.n_slots }]
    }

    /// Number of classes of the target.
    pub fn n_targets(&self) -> usize {
        self.target_words.len() + 1
    }

    /// Encodes cells; see [`super::Codec::apply`].
    pub fn apply(&self, column: &str, array: &ArrayRef) -> Result<EncodedColumn> {
        let texts = cell::texts(column, array)?;
        let (mut offsets, mut slots, mut values) = (vec![0], Vec::new(), Vec::new());
        let mut target = Vec::with_capacity(texts.len());
        for text in &texts {
            match text {
                None => target.push(NO_TARGET),
                Some(text) => {
                    let words = words(text);
                    target.push(self.class(&words));
                    let (cell_slots, cell_values): (Vec<u32>, Vec<f32>) = self.features(text, &words).unzip();
                    slots.extend(cell_slots);
                    values.extend(cell_values);
                }
            }
            let n_entries = u32::try_from(slots.len()).map_err(|_| {
                Error::value(format!("column `{column}` has too much text for one batch"))
                    .with_hint("encode fewer rows at a time")
            })?;
            offsets.push(n_entries);
        }
        Ok(EncodedColumn {
            parts: vec![PartValues::Bag { offsets, slots, values }],
            missing: texts.iter().map(|t| t.is_none()).collect(),
            target,
        })
    }

    /// The word of a class.
    pub fn inverse_target(&self, target: u16) -> String {
        match usize::from(target).checked_sub(1).and_then(|i| self.target_words.get(i)) {
            Some(word) => format!("with `{word}`"),
            None => "without frequent words".to_owned(),
        }
    }

    /// Flags cells; see [`super::Codec::flags`].
    pub fn flags(&self, column: &str, array: &ArrayRef) -> Result<Vec<CellFlag>> {
        let flag = |text: Option<&str>| if text.is_none() { CellFlag::Missing } else { CellFlag::None };
        Ok(cell::texts(column, array)?.iter().map(flag).collect())
    }

    /// Validates state that came from a file; see [`super::Codec::check`].
    pub fn check(&self) -> Result<()> {
        if !SLOTS.contains(&self.n_slots) {
            return Err(Error::malformed(format!(
                "{} text slots, {} to {} are allowed",
                self.n_slots,
                SLOTS.start(),
                SLOTS.end()
            )));
        }
        let distinct: std::collections::HashSet<&String> = self.target_words.iter().collect();
        if self.target_words.len() >= MAX_BINS || distinct.len() != self.target_words.len() {
            return Err(Error::malformed("the frequent words of a text column are doubled or too many"));
        }
        Ok(())
    }

    fn class(&self, words: &[String]) -> u16 {
        let rarest = self.target_words.iter().rposition(|frequent| words.contains(frequent));
        rarest.map_or(0, |i| i as u16 + 1)
    }

    /// Slots with their values, in rising order of the slots.
    fn features(&self, text: &str, words: &[String]) -> impl Iterator<Item = (u32, f32)> {
        let n_hashed = self.n_slots - N_MEASURES;
        let feature = |feature: &str, weight: f32| {
            let hash = hash_bytes(feature.as_bytes());
            // The lowest bit gives the sign, the others the slot.
            let slot = (hash >> 1) % n_hashed as u64;
            (slot as u32, if hash & 1 == 1 { weight } else { -weight })
        };
        let mut hashed: Vec<(u32, f32)> = Vec::new();
        for word in words {
            // The word with its ends marked; a blank in front keeps it apart from a triple.
            let marked = format!(" <{word}>");
            hashed.push(feature(&marked, 1.0));
            let starts: Vec<usize> =
                marked.char_indices().map(|(i, _)| i).chain([marked.len()]).skip(1).collect();
            hashed.extend(starts.windows(4).map(|w| feature(&marked[w[0]..w[3]], TRIPLE_WEIGHT)));
        }
        hashed.sort_by_key(|(slot, _)| *slot);
        hashed.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0.0 };
            same
        });
        let length = hashed.iter().map(|(_, v)| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        let n_chars = text.chars().count();
        let n_digits = text.chars().filter(char::is_ascii_digit).count();
        let measures = [
            (n_chars as f32).ln_1p() / LENGTH_SCALE,
            (words.len() as f32).ln_1p() / LENGTH_SCALE,
            n_digits as f32 / n_chars.max(1) as f32,
        ];
        let hashed = hashed.into_iter().map(move |(slot, value)| (slot, value / length));
        hashed.chain((n_hashed as u32..).zip(measures)).filter(|(_, value)| *value != 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(target_words: &[&str]) -> TextCodec {
        TextCodec { n_slots: 128, target_words: target_words.iter().map(|w| (*w).to_owned()).collect() }
    }

    #[test]
    fn hashed_features_have_length_one_and_related_words_are_closer() {
        let dense = |text: &str| {
            let mut dense = [0f32; 125];
            let codec = codec(&[]);
            codec
                .features(text, &words(text))
                .filter(|(s, _)| *s < 125)
                .for_each(|(s, v)| dense[s as usize] = v);
            dense
        };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        let (nurse, nurses, roof) = (dense("head nurse"), dense("head nurses"), dense("tin roofing"));
        assert!((dot(&nurse, &nurse) - 1.0).abs() < 1e-5);
        assert!(dot(&nurse, &nurses) > 0.5 && dot(&nurse, &roof) < 0.4);
    }

    #[test]
    fn the_rarest_frequent_word_is_the_class() {
        let codec = codec(&["the", "nurse", "chief"]);
        assert_eq!(codec.class(&words("The chief nurse")), 3);
        assert_eq!(codec.class(&words("the nurse")), 2);
        assert_eq!(codec.class(&words("roofer")), 0);
    }
}
