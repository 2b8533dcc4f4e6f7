//! How often each text occurs, in bounded memory.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// Most distinct texts that are counted.
pub(crate) const MAX_VALUES: usize = 50_000;

/// Counts by text.
///
/// Exact up to the limit of distinct texts. Beyond it the rarer half is dropped and the count of
/// the most frequent dropped text is taken off all others (Misra and Gries 1982; mergeable by
/// Agarwal et al. 2012), so that every count is too low by at most [`ValueCounts::undercount`],
/// which is at most `2 / limit` of all rows: a text more frequent than that is always kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueCounts {
    max_values: usize,
    undercount: u64,
    counts: BTreeMap<String, u64>,
}

impl ValueCounts {
    /// No counts, exact up to [`MAX_VALUES`] distinct texts.
    pub fn new() -> Self {
        Self::with_max_values(MAX_VALUES)
    }

    /// No counts, exact up to another limit, at least 2.
    pub(crate) fn with_max_values(max_values: usize) -> Self {
        ValueCounts { max_values: max_values.max(2), undercount: 0, counts: BTreeMap::new() }
    }

    /// Counts one text.
    pub fn update(&mut self, text: &str) {
        match self.counts.get_mut(text) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(text.to_owned(), 1);
                self.shrink();
            }
        }
    }

    /// Counts many texts; quicker than one by one, as most of them repeat.
    pub fn update_all<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) {
        let most = self.max_values / 2;
        let mut few: HashMap<&str, u64> = HashMap::new();
        let mut take_over = |few: &mut HashMap<&'t str, u64>| {
            let mut sorted: Vec<(&str, u64)> = few.drain().collect();
            // In one order: beyond the limit of texts the counts depend on it.
            sorted.sort_unstable();
            for (text, n_rows) in sorted {
                match self.counts.get_mut(text) {
                    Some(count) => *count += n_rows,
                    None => {
                        self.counts.insert(text.to_owned(), n_rows);
                        self.shrink();
                    }
                }
            }
        };
        for text in texts {
            *few.entry(text).or_default() += 1;
            if few.len() > most {
                take_over(&mut few);
            }
        }
        take_over(&mut few);
    }

    /// Counts what the other counted. The smaller of the two limits holds afterwards.
    pub fn merge(&mut self, other: &Self) {
        self.max_values = self.max_values.min(other.max_values);
        self.undercount += other.undercount;
        for (text, count) in &other.counts {
            *self.counts.entry(text.clone()).or_default() += count;
        }
        self.shrink();
    }

    /// Number of texts held; of all distinct texts while [`ValueCounts::undercount`] is 0.
    #[cfg(test)]
    pub fn n_values(&self) -> usize {
        self.counts.len()
    }

    /// By how much a count can be too low; 0 while everything is exact.
    #[cfg(test)]
    pub(crate) fn undercount(&self) -> u64 {
        self.undercount
    }

    /// Texts with their counts, most frequent first, equal counts by text.
    pub(crate) fn by_frequency(&self) -> Vec<(&str, u64)> {
        let mut sorted: Vec<(&str, u64)> = self.counts.iter().map(|(t, c)| (t.as_str(), *c)).collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        sorted
    }

    fn shrink(&mut self) {
        if self.counts.len() <= self.max_values {
            return;
        }
        let mut sorted: Vec<u64> = self.counts.values().copied().collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let dropped = sorted[self.max_values / 2];
        self.undercount += dropped;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(dropped);
            *count > 0
        });
    }
}

impl Default for ValueCounts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_texts_survive_any_number_of_rare_ones() {
        let mut parts = [ValueCounts::with_max_values(20), ValueCounts::with_max_values(20)];
        let n_rows = 4000u64;
        for i in 0..n_rows {
            let text = if i % 4 == 0 { "often".to_owned() } else { format!("rare {i}") };
            parts[(i % 2) as usize].update(&text);
        }
        let [mut merged, other] = parts;
        merged.merge(&other);
        assert!(merged.n_values() <= 20);
        assert!(merged.undercount() <= 2 * n_rows / 20, "undercount {}", merged.undercount());
        let (text, count) = merged.by_frequency()[0];
        assert_eq!(text, "often");
        assert!(count <= 1000 && count + merged.undercount() >= 1000);
    }

    #[test]
    fn many_at_once_count_as_one_by_one() {
        let texts: Vec<String> = (0..5000u64).map(|i| format!("text {}", i * i % 97)).collect();
        let mut one_by_one = ValueCounts::new();
        texts.iter().for_each(|text| one_by_one.update(text));
        let mut at_once = ValueCounts::new();
        at_once.update_all(texts.iter().map(String::as_str));
        assert_eq!(at_once, one_by_one);
        let rare: Vec<String> = (0..4000).map(|i| format!("rare {i}")).collect();
        let mut bounded = ValueCounts::with_max_values(20);
        bounded.update_all((0..4000).map(|i| if i % 4 == 0 { "often" } else { rare[i].as_str() }));
        let often = bounded.by_frequency()[0];
        assert!(bounded.n_values() <= 20 && often.0 == "often" && often.1 + bounded.undercount() >= 1000);
    }

    #[test]
    fn equal_counts_are_ordered_by_text() {
        let mut counts = ValueCounts::new();
        for text in ["b", "c", "a", "c"] {
            counts.update(text);
        }
        assert_eq!(counts.by_frequency(), [("c", 2), ("a", 1), ("b", 1)]);
    }
}
