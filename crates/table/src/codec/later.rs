//! Texts that come after a codec was fitted: their codes stand behind all others, so that every older text keeps its
//! code.
//!
//! | text | code |
//! |---|---|
//! | of the fit | as before |
//! | unseen, in `min_category_rows` of the later training rows | its own, behind all others |
//! | any other unseen one | *unseen*, as before |
//!
//! Later texts are classes of the target only where the caller lets them, and a column never gets more than
//! `max_categories` classes by them: the classes of its head are what it costs.

use super::categorical::{CategoricalCodec, CodesByText, MAX_VOCABULARY, UNSEEN};
use super::{Codec, CodecConfig};
use crate::encoded::{EncodedColumn, NO_TARGET, PartValues};
use crate::error::{Error, Result};
use crate::stats::counts::ValueCounts;
use crate::stats::hash::hash_bytes;
use crate::stats::{ColumnStats, ValueStats};

/// What later rows bring of texts that a column's codec does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LaterLevels {
    /// Texts that get a code, the most frequent first.
    pub new: Vec<String>,
    /// Texts that stay unseen: they stand in too few rows, or there is no room for more codes.
    pub n_left: usize,
    /// Texts with a later code that are no class of the target.
    pub n_without_class: usize,
}

impl Codec {
    /// The codec with codes for texts of these later rows that it has not seen, and what came of it. With `are_classes`
    /// later texts become classes of the target, as far as there is room. Codecs of numbers, times and texts stay as
    /// they are.
    pub fn with_later(
        &self,
        stats: &ColumnStats,
        config: &CodecConfig,
        are_classes: bool,
    ) -> (Codec, LaterLevels) {
        match (self, &stats.values) {
            (
                Codec::Categorical(codec),
                ValueStats::Categorical { counts } | ValueStats::Boolean { counts },
            ) => {
                let (codec, levels) = codec.with_later(counts, config, are_classes);
                (Codec::Categorical(codec), levels)
            }
            _ => (self.clone(), LaterLevels::default()),
        }
    }

    /// Whether it gives every cell that `older` has seen the code that it has there.
    pub fn begins_with(&self, older: &Codec) -> bool {
        match (self, older) {
            (Codec::Categorical(codec), Codec::Categorical(older)) => codec.begins_with(older),
            _ => self == older,
        }
    }

    /// Whether it has codes for texts that came after it was fitted.
    pub fn is_refreshed(&self) -> bool {
        matches!(self, Codec::Categorical(codec) if !codec.later.is_empty())
    }

    /// A column that a codec has encoded which begins with this one, as this one encodes it: what came later is unseen.
    pub fn as_before(&self, encoded: &EncodedColumn) -> EncodedColumn {
        let mut encoded = encoded.clone();
        if let (Codec::Categorical(codec), [PartValues::Code { code }]) = (self, &mut encoded.parts[..]) {
            let n_codes = codec.first_later_code() + codec.later.len() as u32;
            for (code, target) in code.iter_mut().zip(&mut encoded.target) {
                if usize::from(*target) >= codec.n_targets() {
                    *target = NO_TARGET;
                }
                if *code >= n_codes {
                    (*code, *target) = (UNSEEN, NO_TARGET);
                }
            }
        }
        encoded
    }
}

impl CategoricalCodec {
    fn with_later(
        &self,
        counts: &ValueCounts,
        config: &CodecConfig,
        are_classes: bool,
    ) -> (Self, LaterLevels) {
        let min_rows = config.min_category_rows();
        let known: std::collections::HashSet<&str> = self.levels().map(|(text, _)| text).collect();
        let is_unseen = |text: &str| {
            !known.contains(text) && self.rare.binary_search(&hash_bytes(text.as_bytes())).is_err()
        };
        let unseen: Vec<(&str, u64)> =
            counts.by_frequency().into_iter().filter(|(text, _)| is_unseen(text)).collect();
        let room = MAX_VOCABULARY.saturating_sub(known.len());
        let new = unseen.iter().take_while(|(_, n_rows)| *n_rows >= min_rows).take(room);
        let new: Vec<String> = new.map(|(text, _)| (*text).to_owned()).collect();
        let later = [&self.later[..], &new].concat();
        let most = config.max_categories.saturating_sub(self.n_first_targets()).min(later.len());
        let n_later_classes = if are_classes { most.max(self.n_later_classes) } else { self.n_later_classes };
        let levels = LaterLevels {
            n_left: unseen.len() - new.len(),
            n_without_class: later.len() - n_later_classes,
            new,
        };
        let by_text = CodesByText::default();
        (CategoricalCodec { later, n_later_classes, by_text, ..self.clone() }, levels)
    }

    fn begins_with(&self, older: &Self) -> bool {
        let first = |codec: &Self| {
            let by_text = CodesByText::default();
            CategoricalCodec { later: Vec::new(), n_later_classes: 0, by_text, ..codec.clone() }
        };
        first(self) == first(older)
            && self.later.starts_with(&older.later)
            && self.n_later_classes >= older.n_later_classes
    }

    /// The class of a code; none of later texts that are no class.
    pub(super) fn class_of_code(&self, code: u32) -> Option<usize> {
        match code.checked_sub(self.first_later_code()) {
            None => Some(self.class((code - UNSEEN - 1) as usize)),
            Some(later) => {
                let later = later as usize;
                (later < self.n_later_classes).then(|| self.n_first_targets() + later)
            }
        }
    }

    /// The later text of a class.
    pub(super) fn later_of_class(&self, class: u16) -> Option<&str> {
        let later = usize::from(class).checked_sub(self.n_first_targets())?;
        self.later.get(later).filter(|_| later < self.n_later_classes).map(String::as_str)
    }

    /// Validates what a file says of later texts.
    pub(super) fn check_later(&self) -> Result<()> {
        let n_known = self.vocabulary.len() + self.later.len();
        let distinct: std::collections::HashSet<&str> = self.levels().map(|(text, _)| text).collect();
        if distinct.len() != n_known {
            return Err(Error::malformed("a later category stands twice, or in the vocabulary"));
        }
        if n_known > MAX_VOCABULARY {
            return Err(Error::malformed(format!(
                "{n_known} categories with later ones, at most {MAX_VOCABULARY} are allowed"
            )));
        }
        if self.n_later_classes > self.later.len() {
            return Err(Error::malformed(format!(
                "{} classes of {} later categories",
                self.n_later_classes,
                self.later.len()
            )));
        }
        if self.boolean && self.later.iter().any(|text| text != "true" && text != "false") {
            return Err(Error::malformed("a boolean column has other categories than `true` and `false`"));
        }
        Ok(())
    }
}
