//! Categories: one code. Code 0 is *unseen*; missing is no code at all.
//!
//! | categories of the column | code of their own |
//! |---|---|
//! | up to `max_categories` | all |
//! | more | those with `min_category_rows` rows, and the most frequent below `max_categories` |
//!
//! The others share the last code, *rare*. Which texts are rare is kept as a sorted list of 64-bit
//! hashes, so a text that was never seen is taken for a rare one with probability below
//! `n_rare / 2^64`; it never gets the code of a text in the vocabulary. The target is the code less one, so
//! that *unseen*, which nothing can teach, is not a class. Where there are more codes than
//! `max_categories`, a hidden cell is predicted as one of that many classes: half of them are the most
//! frequent categories, the rare code is one, and the other codes are dealt to the rest in turn
//! (docs/decisions/0021). Booleans are categories whose spellings (`yes`, `Y`, `1`, ...) are read as
//! `true` and `false` first.
//!
//! A private codec ([`CodecConfig::private`]) knows only categories of [`PRIVATE_ROWS`] rows or more, in a column of any
//! number of categories. All others are unseen to it: there is no rare code, and no list of hashes.
//!
//! Texts that came after the codec was fitted ([`later`](super::later)) have codes behind all of these.

use std::collections::HashMap;
use std::sync::OnceLock;

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
/// Most classes of the target, and most categories that have a code of their own whatever their rows.
pub const MAX_CATEGORIES: std::ops::RangeInclusive<usize> = 2..=60_000;
/// Rows that give a category beyond [`CodecConfig::max_categories`] a code of its own, by default.
pub const MIN_CATEGORY_ROWS: u64 = 2;
/// Fewest training rows of a category that a private codec knows, and of a word. Tables of counts that are given away
/// commonly leave out cells of fewer than 5 to 11.
pub const PRIVATE_ROWS: u64 = 10;
/// The code of a text that was not there when the codec was fitted.
pub const UNSEEN: u32 = 0;
/// Categories that the words of a class of several name.
const N_NAMED: usize = 3;

/// Fitted state of a categorical or boolean column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalCodec {
    /// Whether spellings of yes and no are read as `true` and `false`.
    pub(super) boolean: bool,
    /// Texts of the codes 1, 2, ...: most frequent first, equal counts by text.
    pub(super) vocabulary: Vec<String>,
    /// Sorted hashes of the texts that share the code after the vocabulary's.
    pub(super) rare: Vec<u64>,
    /// Classes of the target, fewer than there are codes; absent where each code is a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) n_classes: Option<usize>,
    /// Texts that came later, in the order of their codes, which stand behind all others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) later: Vec<String>,
    /// How many of them, the first ones, are classes of the target, behind all others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) n_later_classes: usize,
    #[serde(skip)]
    pub(super) by_text: CodesByText,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// The code of each text of the vocabulary, made when it is first asked for: a call for one row must not
/// pay for all categories. No part of what the codec is.
#[derive(Debug, Clone, Default)]
pub(super) struct CodesByText(OnceLock<HashMap<String, u32>>);

impl PartialEq for CodesByText {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CodesByText {}

impl CategoricalCodec {
    /// Gives codes to the counted texts.
    pub(crate) fn fit(counts: &ValueCounts, boolean: bool, config: &CodecConfig) -> Self {
        let sorted = counts.by_frequency();
        let most = config.max_categories;
        let min_rows = config.min_category_rows();
        let n_often = || sorted.iter().take_while(|(_, n_rows)| *n_rows >= min_rows).count();
        // `true` and `false` give nobody away.
        let is_private = config.private && !boolean;
        let n_own = match sorted.len() > most {
            _ if is_private => n_often().min(MAX_VOCABULARY),
            true => n_often().clamp(most - 1, MAX_VOCABULARY),
            false => sorted.len(),
        };
        let (own, rest) = sorted.split_at(n_own);
        let rest = if is_private { &[] } else { rest };
        let mut rare: Vec<u64> = rest.iter().map(|(text, _)| hash_bytes(text.as_bytes())).collect();
        rare.sort_unstable();
        rare.dedup();
        let n_codes = own.len() + usize::from(!rare.is_empty());
        CategoricalCodec {
            boolean,
            vocabulary: own.iter().map(|(text, _)| (*text).to_owned()).collect(),
            rare,
            n_classes: (n_codes > most).then_some(most),
            later: Vec::new(),
            n_later_classes: 0,
            by_text: CodesByText::default(),
        }
    }

    /// One part of codes.
    pub fn parts(&self) -> Vec<PartForm> {
        vec![PartForm::Code { n_codes: self.first_later_code() as usize + self.later.len() }]
    }

    /// Number of classes of the target.
    pub fn n_targets(&self) -> usize {
        self.n_first_targets() + self.n_later_classes
    }

    /// Which categories of the column share a code, and which option changes that; none if none do.
    pub fn note(&self, column: &str, config: &CodecConfig) -> Option<String> {
        let (n_own, n_rare) = (self.vocabulary.len(), self.rare.len());
        let min_rows = config.min_category_rows();
        (n_rare > 0).then(|| {
            format!(
                "column `{column}`: {n_rare} of its {} categories have fewer than {min_rows} training rows each \
                 and share one code; option `min_category_rows` changes that",
                n_own + n_rare
            )
        })
    }

    /// Encodes cells; see [`super::Codec::apply`].
    pub fn apply(&self, column: &str, array: &ArrayRef) -> Result<EncodedColumn> {
        let codes = self.codes(column, array)?;
        let target = |code: &Option<u32>| match code {
            None | Some(UNSEEN) => NO_TARGET,
            Some(code) => self.class_of_code(*code).map_or(NO_TARGET, |class| class as u16),
        };
        Ok(EncodedColumn {
            missing: codes.iter().map(Option::is_none).collect(),
            target: codes.iter().map(target).collect(),
            parts: vec![PartValues::Code {
                code: codes.into_iter().map(Option::unwrap_or_default).collect(),
            }],
        })
    }

    /// The category of a class, or some of its categories.
    pub fn inverse_target(&self, target: u16) -> String {
        if let Some(later) = self.later_of_class(target) {
            return later.to_owned();
        }
        let places: Vec<usize> =
            (0..self.n_codes()).filter(|i| self.class(*i) == usize::from(target)).collect();
        match places[..] {
            [only] if only < self.vocabulary.len() => self.vocabulary[only].clone(),
            [_] => format!("one of {} rare values", self.rare.len()),
            [] => "no value".to_owned(),
            _ => {
                let named = places.iter().take(N_NAMED).filter_map(|i| self.vocabulary.get(*i));
                let named: Vec<String> = named.map(|text| format!("`{text}`")).collect();
                let more = if places.len() > N_NAMED { ", ..." } else { "" };
                format!("one of {} values ({}{more})", places.len(), named.join(", "))
            }
        }
    }

    /// The category of a class that stands for one alone.
    pub fn category(&self, class: u16) -> Option<&str> {
        if let Some(later) = self.later_of_class(class) {
            return Some(later);
        }
        let n_alone = match self.n_classes {
            Some(n_classes) => (n_classes - usize::from(!self.rare.is_empty())) / 2,
            None => self.vocabulary.len(),
        };
        let class = Some(usize::from(class)).filter(|class| *class < n_alone)?;
        self.vocabulary.get(class).map(String::as_str)
    }

    /// The texts that have a code of their own, with it: those of the fit, the most frequent first, then later ones.
    pub fn levels(&self) -> impl Iterator<Item = (&str, u32)> {
        let first = self.vocabulary.iter().zip(UNSEEN + 1..);
        first
            .chain(self.later.iter().zip(self.first_later_code()..))
            .map(|(text, code)| (text.as_str(), code))
    }

    /// Whether spellings of yes and no are read as `true` and `false`.
    pub fn is_boolean(&self) -> bool {
        self.boolean
    }

    /// How many texts share the code after the vocabulary's. Only their hashes are kept.
    pub fn n_rare(&self) -> usize {
        self.rare.len()
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
        self.check_later()?;
        match self.n_classes {
            Some(n) if !MAX_CATEGORIES.contains(&n) || n >= self.n_codes() => {
                Err(Error::malformed(format!("{n} classes of {} categories", self.n_codes())))
            }
            _ => Ok(()),
        }
    }

    /// Number of codes but *unseen* and those of later texts.
    fn n_codes(&self) -> usize {
        self.vocabulary.len() + usize::from(!self.rare.is_empty())
    }

    /// The code of the first later text. A column without any value when it was fitted has a code for a first one.
    pub(super) fn first_later_code(&self) -> u32 {
        self.n_codes().max(1) as u32 + 1
    }

    /// Classes of the target but those of later texts.
    pub(super) fn n_first_targets(&self) -> usize {
        self.n_classes.unwrap_or(self.n_codes()).max(1)
    }

    /// The class of the code after the first `place` ones.
    pub(super) fn class(&self, place: usize) -> usize {
        let Some(n_classes) = self.n_classes else { return place };
        let n_rare = usize::from(!self.rare.is_empty());
        let n_own = (n_classes - n_rare) / 2;
        match place {
            _ if place == self.vocabulary.len() => n_classes - 1,
            _ if place < n_own => place,
            _ => n_own + (place - n_own) % (n_classes - n_rare - n_own),
        }
    }

    /// Codes by row, `None` where the cell is missing.
    fn codes(&self, column: &str, array: &ArrayRef) -> Result<Vec<Option<u32>>> {
        let by_text = self
            .by_text
            .0
            .get_or_init(|| self.levels().map(|(text, code)| (text.to_owned(), code)).collect());
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
