//! One number for each row, by its cells: what tells rows apart, in every file and for ever.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cell::{self, Storage};
use crate::dates::{DateFormat, iso_micros};
use crate::error::Result;
use crate::table::Table;
use crate::threads::in_pool;

/// Rows that are hashed by one thread at a time.
const CHUNK_ROWS: usize = 8192;
/// The first whole number whose neighbour is rounded to it: 2^53.
const FIRST_ROUNDED: f64 = 9_007_199_254_740_992.0;

/// What of a whole number beyond 2^53 enters a row's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WholeNumbers {
    /// The nearest number of 64 bits, IEEE 754, as until format 1.4: 9007199254740993 is 9007199254740992.
    #[default]
    Rounded,
    /// All of its digits.
    Exact,
}

impl WholeNumbers {
    /// Whether they are rounded.
    pub(crate) fn is_rounded(&self) -> bool {
        *self == WholeNumbers::Rounded
    }
}

/// A hash of each row's cells in these columns, `[n_rows]`; the order of the columns does not
/// matter.
///
/// Equal cells hash equally whether they came as text or typed: numbers by value (text counts as
/// a number if it is one without leading zeros), whole numbers by all of their digits, dates in ISO 8601 by
/// their moment, `True` as `true`, other text by its bytes. Missing differs from everything.
///
/// # Errors
/// A schema error if a column is absent or has a type that cannot be read.
pub fn row_hashes(table: &Table, columns: &[String]) -> Result<Vec<u64>> {
    row_hashes_by(table, columns, WholeNumbers::Exact)
}

/// As [`row_hashes`], with whole numbers beyond 2^53 as `rule` says.
pub(crate) fn row_hashes_by(table: &Table, columns: &[String], rule: WholeNumbers) -> Result<Vec<u64>> {
    let mut sorted: Vec<&String> = columns.iter().collect();
    sorted.sort();
    let cells = |name| Ok((String::as_str(name), Cells::new(name, table.column(name)?, rule)?));
    let cells = in_pool(|| sorted.into_par_iter().map(cells).collect::<Result<Vec<_>>>())??;
    let starts: Vec<usize> = (0..table.n_rows()).step_by(CHUNK_ROWS).collect();
    let hash_chunk = |start: usize| {
        let rows = start..table.n_rows().min(start + CHUNK_ROWS);
        rows.map(|row| hash_row(&cells, row)).collect::<Vec<u64>>()
    };
    in_pool(|| starts.into_par_iter().map(hash_chunk).collect::<Vec<_>>().concat())
}

/// How many of the different rows would be equal to another one if numbers had six digits, and upper case and
/// blanks made no difference: most likely one thing that was written down twice. `keys` are hashes of the rows in
/// these columns.
///
/// # Errors
/// A schema error if a column is absent or has a type that cannot be read.
pub fn n_nearly_equal(table: &Table, columns: &[String], keys: &[u64]) -> Result<usize> {
    let texts = |name: &String| cell::texts(name, table.column(name)?);
    let texts = in_pool(|| columns.par_iter().map(texts).collect::<Result<Vec<_>>>())??;
    let near_key = |row: usize| {
        let mut hasher = blake3::Hasher::new();
        for column in &texts {
            let near = column.is_valid(row).then(|| near(column.value(row)));
            hash_bytes(if near.is_some() { b"s" } else { b"m" }, &near.unwrap_or_default(), &mut hasher);
        }
        hasher.finalize()
    };
    let near_keys: HashSet<[u8; 32]> =
        in_pool(|| (0..keys.len()).into_par_iter().map(|row| *near_key(row).as_bytes()).collect())?;
    Ok(keys.iter().collect::<HashSet<_>>().len().saturating_sub(near_keys.len()))
}

/// A cell without what two spellings of one value differ by.
fn near(text: &str) -> String {
    match cell::parse_number(text).filter(|x| x.is_finite()) {
        Some(number) => format!("{:.5e}", number + 0.0),
        None => text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" "),
    }
}

/// A column whose cells can be hashed.
enum Cells {
    Numbers(Float64Array),
    Times(Int64Array),
    Texts(StringArray, WholeNumbers),
}

impl Cells {
    fn new(column: &str, array: &ArrayRef, rule: WholeNumbers) -> Result<Self> {
        let texts = || Ok(Cells::Texts(cell::texts(column, array)?, rule));
        match Storage::of(column, array.data_type())? {
            // Through text, so that the 0.1 of four bytes equals the 0.1 of a CSV file.
            Storage::Float if *array.data_type() == DataType::Float32 => texts(),
            // Whole numbers that are all small are hashed as they stand, which is faster than by their digits.
            storage @ (Storage::Integer | Storage::Float) => {
                let numbers = cell::numbers(column, array)?;
                let may_be_rounded = storage == Storage::Integer || array.data_type().is_decimal();
                let is_large = || numbers.iter().flatten().any(|x| x.abs() >= FIRST_ROUNDED);
                match rule {
                    WholeNumbers::Exact if may_be_rounded && is_large() => texts(),
                    _ => Ok(Cells::Numbers(numbers)),
                }
            }
            Storage::Time => Ok(Cells::Times(cell::timestamps_us(column, array, &DateFormat::Typed)?)),
            _ => texts(),
        }
    }

    /// Feeds a tag for the cell's type, then its canonical bytes.
    fn hash(&self, row: usize, hasher: &mut blake3::Hasher) {
        match self {
            Cells::Numbers(numbers) if numbers.is_valid(row) => hash_number(numbers.value(row), hasher),
            Cells::Times(times) if times.is_valid(row) => hash_time(times.value(row), hasher),
            Cells::Texts(texts, rule) if texts.is_valid(row) => {
                hash_text(texts.value(row).trim(), *rule, hasher);
            }
            _ => {
                hasher.update(b"m");
            }
        }
    }
}

fn hash_row(cells: &[(&str, Cells)], row: usize) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (name, column) in cells {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        column.hash(row, &mut hasher);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn hash_number(number: f64, hasher: &mut blake3::Hasher) {
    // Adding 0 turns -0 into 0.
    hasher.update(b"n").update(&(number + 0.0).to_le_bytes());
}

fn hash_time(micros: i64, hasher: &mut blake3::Hasher) {
    hasher.update(b"t").update(&micros.to_le_bytes());
}

fn hash_text(text: &str, rule: WholeNumbers, hasher: &mut blake3::Hasher) {
    let digits = text.trim_start_matches(['+', '-']).as_bytes();
    let leading_zero = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
    if let Some(number) = cell::parse_number(text).filter(|v| !leading_zero && !v.is_nan()) {
        return match cell::rounded_whole(text, number).filter(|_| rule == WholeNumbers::Exact) {
            Some(whole) => hash_bytes(b"w", whole, hasher),
            None => hash_number(number, hasher),
        };
    }
    if let Some(micros) = iso_micros(text).filter(|_| text.as_bytes().get(4) == Some(&b'-')) {
        return hash_time(micros, hasher);
    }
    let lower = text.to_ascii_lowercase();
    hash_bytes(b"s", if lower == "true" || lower == "false" { &lower } else { text }, hasher);
}

fn hash_bytes(tag: &[u8], text: &str, hasher: &mut blake3::Hasher) {
    hasher.update(tag).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}
