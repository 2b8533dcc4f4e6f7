//! Categories: one code. Code 0 is *unseen*; missing is no code at all.
//!
//! The most frequent texts have a code each. If there are more than the vocabulary holds, the rest
//! share the last code, *rare*. Which texts are rare is kept as a sorted list of 64-bit hashes, so
//! a text that was never seen is taken for a rare one with probability below `n_rare / 2^64`; it
//! never gets the code of a text in the vocabulary. The target is the code less one, so that
//! *unseen*, which nothing can teach, is not a class. Booleans are categories whose spellings
//! (`yes`, `Y`, `1`, ...) are read as `true` and `false` first.

use std::collections::HashMap;

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};

use super::{CellFlag, CodecConfig};
use crate::cell;
use crate::encoded::{EncodedColumn, NO_TARGET, PartForm, PartValues};
use crate::error::{Error, Result};
use crate::stats::counts::{MAX_VALUES, ValueCounts};
use crate::stats::hash::hash_bytes;

/// Most categories with a code of their own.
pub const MAX_VOCABULARY: usize = 60_000;
/// The code of a text that was not there when the codec was fitted.
pub const UNSEEN: u32 = 0;

/// Fitted state of a categorical or boolean column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalCodec {
    /// Whether spellings of yes and no are read as `true` and `false`.
    boolean: bool,
    /// Texts of the codes 1, 2, ...: most frequent first, equal counts by text.
    vocabulary: Vec<String>,
    /// Sorted hashes of the texts that share the code after the vocabulary's.
    rare: Vec<u64>,
}

impl CategoricalCodec {
    /// Gives codes to the counted texts.
    pub fn fit(counts: &ValueCounts, boolean: bool, config: &CodecConfig) -> Self {
        let sorted = counts.by_frequency();
        let n_own =
            if sorted.len() > config.max_categories { config.max_categories - 1 } else { sorted.len() };
        let (own, rest) = sorted.split_at(n_own);
        let mut rare: Vec<u64> = rest.iter().map(|(text, _)| hash_bytes(text.as_bytes())).collect();
        rare.sort_unstable();
        rare.dedup();
        CategoricalCodec {
            boolean,
            vocabulary: own.iter().map(|(text, _)| (*text).to_owned()).collect(),
            rare,
        }
    }

    /// One part of codes.
    pub fn parts(&self) -> Vec<PartForm> {
        // A column without any value still has the code for a first one.
        vec![PartForm::Code { n_codes: self.n_targets() + 1 }]
    }

    /// Number of classes of the target: the codes but *unseen*.
    pub fn n_targets(&self) -> usize {
        (self.vocabulary.len() + usize::from(!self.rare.is_empty())).max(1)
    }

    /// Encodes cells; see [`super::Codec::apply`].
    pub fn apply(&self, column: &str, array: &ArrayRef) -> Result<EncodedColumn> {
        let codes = self.codes(column, array)?;
        let target = |code: &Option<u32>| match code {
            None | Some(UNSEEN) => NO_TARGET,
            Some(code) => (code - 1) as u16,
        };
        Ok(EncodedColumn {
            missing: codes.iter().map(Option::is_none).collect(),
            target: codes.iter().map(target).collect(),
            parts: vec![PartValues::Code {
                code: codes.into_iter().map(Option::unwrap_or_default).collect(),
            }],
        })
    }

    /// The category of a class.
    pub fn inverse_target(&self, target: u16) -> String {
        let rare = || format!("one of {} rare values", self.rare.len());
        self.vocabulary.get(usize::from(target)).cloned().unwrap_or_else(rare)
    }

    /// The texts of the codes 1, 2, ..., which are those of the targets 0, 1, ...
    pub fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    /// Flags cells; see [`super::Codec::flags`].
    pub fn flags(&self, column: &str, array: &ArrayRef) -> Result<Vec<CellFlag>> {
        let flag = |code| match code {
            None => CellFlag::Missing,
            Some(UNSEEN) => CellFlag::Unseen,
            Some(_) => CellFlag::None,
        };
        Ok(self.codes(column, array)?.into_iter().map(flag).collect())
    }

    /// Validates state that came from a file; see [`super::Codec::check`].
    pub fn check(&self) -> Result<()> {
        let distinct: std::collections::HashSet<&String> = self.vocabulary.iter().collect();
        if distinct.len() != self.vocabulary.len() {
            return Err(Error::malformed("a category stands twice in the vocabulary"));
        }
        if self.vocabulary.len() > MAX_VOCABULARY || self.rare.len() > MAX_VALUES {
            return Err(Error::malformed(format!(
                "{} categories and {} rare ones, at most {MAX_VOCABULARY} and {MAX_VALUES} are allowed",
                self.vocabulary.len(),
                self.rare.len()
            )));
        }
        if self.boolean && self.vocabulary.iter().any(|text| text != "true" && text != "false") {
            return Err(Error::malformed("a boolean column has other categories than `true` and `false`"));
        }
        if self.rare.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Error::malformed("the hashes of the rare categories must rise"));
        }
        Ok(())
    }

    /// Codes by row, `None` where the cell is missing.
    fn codes(&self, column: &str, array: &ArrayRef) -> Result<Vec<Option<u32>>> {
        let by_text: HashMap<&str, u32> =
            self.vocabulary.iter().map(String::as_str).zip(UNSEEN + 1..).collect();
        let code = |text: &str| {
            let text = match cell::parse_truth(text) {
                Some(truth) if self.boolean => {
                    if truth {
                        "true"
                    } else {
                        "false"
                    }
                }
                _ => text,
            };
            by_text.get(text).copied().unwrap_or_else(|| {
                let rare = self.rare.binary_search(&hash_bytes(text.as_bytes())).is_ok();
                if rare { self.vocabulary.len() as u32 + 1 } else { UNSEEN }
            })
        };
        Ok(cell::categories(column, array)?.iter().map(|text| text.map(code)).collect())
    }
}
