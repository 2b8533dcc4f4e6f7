//! What the cells of a column look like, gathered by batches, before anybody says what they mean.

use arrow::array::{Array, ArrayRef};
use serde::{Deserialize, Serialize};

use super::DateFormat;
use crate::cell::{self, Storage};
use crate::dates::{DateCandidates, FoundFormat};
use crate::error::Result;
use crate::spelling::truth_pair;
use crate::stats::distinct::DistinctSketch;
use crate::stats::hash::{hash_bytes, mix};
use crate::stats::quantile::QuantileSketch;
use crate::stats::words::host;

/// Whole numbers up to here are exact as `f64`.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
/// Digits that a number keeps, whatever they are.
const MAX_DIGITS: usize = 15;
/// Characters that people write around numbers.
const DECORATION: [char; 8] = ['$', '€', '£', '%', ',', ' ', '_', '\''];
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Statistics of one column that decide its kind. The profile of a table is that of its parts,
/// merged, in any order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnProfile {
    /// What the Arrow type says.
    pub storage: Storage,
    /// Number of rows.
    pub n_rows: u64,
    /// Number of rows without a value.
    pub n_missing: u64,
    /// Distinct values.
    pub(crate) distinct: DistinctSketch,
    /// The finite numbers, typed or as text.
    pub(crate) quantiles: QuantileSketch,
    /// Cells that are numbers.
    pub n_numbers: u64,
    /// Cells that are whole numbers.
    pub n_whole: u64,
    /// Cells of digits that a number would not keep: `007`, `+4915...`, more than 15 digits.
    pub n_codes: u64,
    /// Cells that are numbers once currency, percent signs and separators are taken away.
    pub n_decorated: u64,
    /// Cells that say yes or no.
    pub n_truths: u64,
    /// Words, separated by blanks, in all cells.
    pub n_words: u64,
    /// Cells with a URL or an e-mail address.
    pub n_hosts: u64,
    /// Cells that are UUIDs.
    pub n_uuids: u64,
    /// The smallest text, as an example.
    pub example: Option<String>,
    truth_pairs: [u8; 2],
    dates: DateCandidates,
    steps: Steps,
}

/// Whether whole numbers are one even sequence without repetition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    any: Option<i64>,
    /// Greatest common divisor of all differences.
    step: u64,
    /// Wrapping sum of the values' hashes.
    hash_sum: u64,
}

impl ColumnProfile {
    /// An empty profile of a column of this storage.
    pub fn new(storage: Storage) -> Self {
        ColumnProfile {
            storage,
            n_rows: 0,
            n_missing: 0,
            distinct: DistinctSketch::default(),
            quantiles: QuantileSketch::new(),
            n_numbers: 0,
            n_whole: 0,
            n_codes: 0,
            n_decorated: 0,
            n_truths: 0,
            n_words: 0,
            n_hosts: 0,
            n_uuids: 0,
            example: None,
            truth_pairs: [0; 2],
            dates: DateCandidates::new(),
            steps: Steps::default(),
        }
    }

    /// The profile of a whole column.
    ///
    /// # Errors
    /// A schema error if the column has a type that cannot be read.
    pub fn of(column: &str, array: &ArrayRef) -> Result<Self> {
        let mut profile = Self::new(Storage::of(column, array.data_type())?);
        cell::each_piece(array, |piece| profile.update(column, piece))?;
        Ok(profile)
    }

    /// Counts the rows of one batch.
    ///
    /// # Errors
    /// A schema error if the column has a type that cannot be read.
    pub fn update(&mut self, column: &str, array: &ArrayRef) -> Result<()> {
        let n_missing = match self.storage {
            Storage::Integer | Storage::Float => {
                let numbers = cell::numbers(column, array)?;
                for number in numbers.iter().flatten() {
                    self.distinct.update(mix((number + 0.0).to_bits()));
                    self.count_number(number);
                    self.dates.update(&whole_text(number).unwrap_or_default());
                }
                self.quantiles.update(numbers.iter().flatten());
                numbers.null_count()
            }
            Storage::Time => {
                let times = cell::timestamps_us(column, array, &DateFormat::Typed)?;
                times.iter().flatten().for_each(|time| self.distinct.update(mix(time as u64)));
                times.null_count()
            }
            Storage::Text | Storage::Boolean | Storage::Null => {
                let texts = cell::texts(column, array)?;
                let mut numbers = Vec::new();
                for text in texts.iter().flatten() {
                    self.distinct.update(hash_bytes(text.as_bytes()));
                    if self.storage == Storage::Text {
                        self.count_text(text, &mut numbers);
                    }
                }
                self.quantiles.update(numbers);
                texts.null_count()
            }
        };
        self.n_rows += array.len() as u64;
        self.n_missing += n_missing as u64;
        Ok(())
    }

    /// Counts what the other counted.
    pub fn merge(&mut self, other: &Self) {
        // Batches without a value have no type of their own; two types meet as text.
        self.storage = match (self.storage, other.storage) {
            (mine, Storage::Null) => mine,
            (Storage::Null, theirs) => theirs,
            (mine, theirs) if mine == theirs => mine,
            _ => Storage::Text,
        };
        for (mine, theirs) in [
            (&mut self.n_rows, other.n_rows),
            (&mut self.n_missing, other.n_missing),
            (&mut self.n_numbers, other.n_numbers),
            (&mut self.n_whole, other.n_whole),
            (&mut self.n_codes, other.n_codes),
            (&mut self.n_decorated, other.n_decorated),
            (&mut self.n_truths, other.n_truths),
            (&mut self.n_words, other.n_words),
            (&mut self.n_hosts, other.n_hosts),
            (&mut self.n_uuids, other.n_uuids),
        ] {
            *mine += theirs;
        }
        self.distinct.merge(&other.distinct);
        self.quantiles.merge(&other.quantiles);
        self.dates.merge(&other.dates);
        self.steps.merge(&other.steps);
        self.truth_pairs.iter_mut().zip(other.truth_pairs).for_each(|(mine, theirs)| *mine |= theirs);
        if let Some(text) = &other.example {
            self.keep_example(text);
        }
    }

    /// Number of cells with a value.
    pub fn n_present(&self) -> u64 {
        self.n_rows - self.n_missing
    }

    /// Number of distinct values.
    pub fn n_distinct(&self) -> u64 {
        self.distinct.count()
    }

    /// Whether every cell has its own value; above 4095 values up to a few per cent.
    pub fn is_unique(&self) -> bool {
        let (n_distinct, n_present) = (self.n_distinct(), self.n_present());
        if self.distinct.is_exact() {
            n_distinct == n_present
        } else {
            n_distinct as f64 >= 0.95 * n_present as f64
        }
    }

    /// Whether the cells are both a yes and a no of one pair of spellings, and nothing else.
    pub fn is_truth(&self) -> bool {
        self.n_truths == self.n_present() && self.truth_pairs[0] & self.truth_pairs[1] != 0
    }

    /// The date format that every cell fits.
    pub(crate) fn date_format(&self) -> Option<FoundFormat> {
        if self.n_present() == 0 { None } else { self.dates.best() }
    }

    /// The step between the values, if they are all whole, distinct and evenly spaced.
    pub fn even_step(&self) -> Option<u64> {
        let n = self.n_present();
        let (min, max) = (self.quantiles.min()?, self.quantiles.max()?);
        let is_exact = min.abs() < MAX_EXACT && max.abs() < MAX_EXACT;
        if self.n_whole != n || n < 2 || self.steps.step == 0 || !is_exact {
            return None;
        }
        let step = self.steps.step;
        if (max - min) / step as f64 != (n - 1) as f64 {
            return None;
        }
        // As many places as values: distinct if the values are those of the sequence.
        let expected = (0..n).map(|i| mix((min as i64 + (i * step) as i64) as u64));
        (expected.fold(0u64, u64::wrapping_add) == self.steps.hash_sum).then_some(step)
    }

    fn count_text(&mut self, text: &str, numbers: &mut Vec<f64>) {
        let text = text.trim();
        self.keep_example(text);
        self.n_words += text.split_whitespace().count() as u64;
        self.dates.update(text);
        if let Some(number) = cell::parse_number(text) {
            self.count_number(number);
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
            let leading_zero =
                digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
            let phone = all_digits && text.starts_with('+') && digits.len() >= 8;
            let too_long = all_digits && digits.len() > MAX_DIGITS;
            self.n_codes += u64::from(leading_zero || phone || too_long);
            numbers.push(number);
        } else if text.contains(|c: char| c.is_ascii_digit()) {
            let bare = text.replace(DECORATION, "");
            self.n_decorated += u64::from(cell::parse_number(&bare).is_some());
        }
        if let Some((truth, pair)) = truth_pair(text) {
            self.n_truths += 1;
            self.truth_pairs[usize::from(truth)] |= 1 << pair;
        }
        self.n_hosts += u64::from(text.split_whitespace().any(|word| host(word).is_some()));
        self.n_uuids += u64::from(is_uuid(text));
    }

    fn count_number(&mut self, number: f64) {
        self.n_numbers += 1;
        if number.is_finite() && number.trunc() == number {
            self.n_whole += 1;
            self.steps.update(number as i64);
        }
    }

    fn keep_example(&mut self, text: &str) {
        if self.example.as_deref().is_none_or(|kept| text < kept) {
            self.example = Some(text.chars().take(80).collect());
        }
    }
}

impl Steps {
    fn update(&mut self, value: i64) {
        let any = *self.any.get_or_insert(value);
        self.step = gcd(self.step, any.abs_diff(value));
        self.hash_sum = self.hash_sum.wrapping_add(mix(value as u64));
    }

    fn merge(&mut self, other: &Self) {
        if let Some(value) = other.any {
            let any = *self.any.get_or_insert(value);
            self.step = gcd(gcd(self.step, other.step), any.abs_diff(value));
            self.hash_sum = self.hash_sum.wrapping_add(other.hash_sum);
        }
    }
}

/// A whole number as text, which may be a date such as 20241231.
fn whole_text(number: f64) -> Option<String> {
    (number.trunc() == number && number.abs() < MAX_EXACT).then(|| cell::number_text(number)).flatten()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn is_uuid(text: &str) -> bool {
    if text.len() < UUID_GROUPS.iter().sum() {
        return false;
    }
    let groups: Vec<&str> = text.trim_matches(['{', '}']).split('-').collect();
    groups.iter().map(|g| g.len()).eq(UUID_GROUPS)
        && groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_hexdigit()))
}
