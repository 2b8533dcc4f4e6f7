//! Free text: digits, and words that some rows have and others have not.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, StringArray};

use tabgraft_table::stats::words::words;

/// Most cells that words are counted in, evenly spread over the rows.
const MAX_READ_CELLS: usize = 5_000;
/// Most words that are kept.
const MAX_WORDS: usize = 8;
/// Shortest and longest word that is kept, in characters.
const WORD_CHARS: std::ops::RangeInclusive<usize> = 3..=30;
/// Smallest share of the cells that have a word, and that have it not.
const MIN_SHARE: f64 = 0.02;
/// Fewest cells on either side.
const MIN_CELLS: usize = 10;

/// What a column of free text holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextProfile {
    /// Whether a cell has a digit.
    pub has_digits: bool,
    /// At most 8 words in lower case, those first that tell most rows apart: in about half of the cells.
    pub frequent_words: Vec<String>,
}

impl TextProfile {
    pub(super) fn fit(texts: &StringArray) -> Self {
        let step = texts.len().div_ceil(MAX_READ_CELLS).max(1);
        let (mut n_cells, mut n_with): (usize, BTreeMap<String, usize>) = (0, BTreeMap::new());
        for text in texts.iter().step_by(step).flatten() {
            n_cells += 1;
            for word in words(text).into_iter().collect::<BTreeSet<String>>() {
                *n_with.entry(word).or_default() += 1;
            }
        }
        let least = MIN_CELLS.max((MIN_SHARE * n_cells as f64).ceil() as usize);
        // Hosts begin with `@`: they are no words of the formula language.
        let is_kept = |word: &str, n: usize| {
            n >= least
                && n + least <= n_cells
                && WORD_CHARS.contains(&word.chars().count())
                && word.chars().all(char::is_alphanumeric)
        };
        let mut frequent: Vec<(usize, String)> = n_with
            .into_iter()
            .filter(|(w, n)| is_kept(w, *n))
            .map(|(w, n)| (n.abs_diff(n_cells - n), w))
            .collect();
        frequent.sort();
        frequent.truncate(MAX_WORDS);
        TextProfile {
            has_digits: texts.iter().flatten().any(|t| t.bytes().any(|b| b.is_ascii_digit())),
            frequent_words: frequent.into_iter().map(|(_, word)| word).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_about_half_of_the_cells_stand_first() {
        let cell = |i: usize| {
            let (urgent, late) = (["Urgent!", ""][i % 2], if i.is_multiple_of(5) { "late" } else { "" });
            let rare = if i < 5 { "rare" } else { "" };
            format!("the call, {urgent} {late} {rare} ann@example.com")
        };
        let texts = StringArray::from_iter_values((0..100).map(cell));
        let found = TextProfile::fit(&texts);
        assert_eq!(found.frequent_words, ["urgent", "late"], "not what all cells have, or hardly any");
        assert!(!found.has_digits);
        assert!(TextProfile::fit(&StringArray::from(vec![Some("room 7"), None])).has_digits);
    }
}
