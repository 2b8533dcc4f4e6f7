//! One number for each row, by its cells: what tells rows apart, in every file and for ever.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use rayon::prelude::*;

use crate::cell::{self, Storage};
use crate::dates::{DateFormat, iso_micros};
use crate::error::Result;
pub use crate::spelling::WholeNumbers;
use crate::table::Table;
use crate::threads::in_pool;

/// Rows that are hashed by one thread at a time.
const CHUNK_ROWS: usize = 8192;
/// The first whole number whose neighbour is rounded to it: 2^53.
const FIRST_ROUNDED: f64 = 9_007_199_254_740_992.0;

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
    let mut sorted = columns.to_vec();
    sorted.sort();
    Ok(table.hashed_once(&sorted, rule, || hash_rows(table, &sorted, rule))?.to_vec())
}

/// As [`row_hashes_by`], of columns in order.
fn hash_rows(table: &Table, sorted: &[String], rule: WholeNumbers) -> Result<Vec<u64>> {
    let cells = |name: &String| Ok((named(name), Cells::new(name, table.column(name)?, rule)?));
    let cells = in_pool(|| sorted.par_iter().map(cells).collect::<Result<Vec<_>>>())??;
    let starts: Vec<usize> = (0..table.n_rows()).step_by(CHUNK_ROWS).collect();
    let hash_chunk = |start: usize| {
        let rows = start..table.n_rows().min(start + CHUNK_ROWS);
        // A row's bytes are put together first: a hasher that is fed cell by cell takes twice as long.
        let mut bytes = Vec::new();
        rows.map(|row| hash_row(&cells, row, &mut bytes)).collect::<Vec<u64>>()
    };
    in_pool(|| starts.into_par_iter().map(hash_chunk).collect::<Vec<_>>().concat())
}

/// How many of the different rows would be equal to another one if numbers had six digits, or all of those before their
/// point where these are more, and upper case and blanks made no difference: most likely one thing that was written down twice. `keys` are hashes of the rows in
/// these columns.
///
/// # Errors
/// A schema error if a column is absent or has a type that cannot be read.
pub fn n_nearly_equal(table: &Table, columns: &[String], keys: &[u64]) -> Result<usize> {
    let texts = |name: &String| cell::texts(name, table.column(name)?);
    let texts = in_pool(|| columns.par_iter().map(texts).collect::<Result<Vec<_>>>())??;
    let near_key = |row: usize| {
        let mut bytes = Vec::new();
        for column in &texts {
            let near = column.is_valid(row).then(|| near(column.value(row)));
            append_bytes(if near.is_some() { b's' } else { b'm' }, &near.unwrap_or_default(), &mut bytes);
        }
        blake3::hash(&bytes)
    };
    let near_keys: HashSet<[u8; 32]> =
        in_pool(|| (0..keys.len()).into_par_iter().map(|row| *near_key(row).as_bytes()).collect())?;
    Ok(keys.iter().collect::<HashSet<_>>().len().saturating_sub(near_keys.len()))
}

/// A cell without what two spellings of one value differ by. Whole numbers, as of seconds, invoices and things, are
/// other ones by their last digit, too.
fn near(text: &str) -> String {
    match cell::parse_number(text).filter(|x| x.is_finite()) {
        Some(number) if cell::rounded_whole(text.trim(), number).is_some() => text.trim().to_owned(),
        Some(number) if number.abs() >= 1e6 => format!("{number:.0}"),
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

    /// Appends a tag for the cell's type, then its canonical bytes.
    fn append(&self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Cells::Numbers(numbers) if numbers.is_valid(row) => append_number(numbers.value(row), bytes),
            Cells::Times(times) if times.is_valid(row) => append_time(times.value(row), bytes),
            Cells::Texts(texts, rule) if texts.is_valid(row) => {
                append_text(texts.value(row).trim(), *rule, bytes);
            }
            _ => bytes.push(b'm'),
        }
    }
}

/// A column's name as it stands before each of its cells.
fn named(name: &str) -> Vec<u8> {
    [&(name.len() as u64).to_le_bytes(), name.as_bytes()].concat()
}

/// The hash of a row; `bytes` is room for its cells.
fn hash_row(cells: &[(Vec<u8>, Cells)], row: usize, bytes: &mut Vec<u8>) -> u64 {
    bytes.clear();
    for (name, column) in cells {
        bytes.extend_from_slice(name);
        column.append(row, bytes);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn append_number(number: f64, bytes: &mut Vec<u8>) {
    bytes.push(b'n');
    // Adding 0 turns -0 into 0.
    bytes.extend_from_slice(&(number + 0.0).to_le_bytes());
}

fn append_time(micros: i64, bytes: &mut Vec<u8>) {
    bytes.push(b't');
    bytes.extend_from_slice(&micros.to_le_bytes());
}

fn append_text(text: &str, rule: WholeNumbers, bytes: &mut Vec<u8>) {
    let digits = text.trim_start_matches(['+', '-']).as_bytes();
    let leading_zero = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
    if let Some(number) = cell::parse_number(text).filter(|v| !leading_zero && !v.is_nan()) {
        return match cell::rounded_whole(text, number).filter(|_| rule == WholeNumbers::Exact) {
            Some(whole) => append_bytes(b'w', whole, bytes),
            None => append_number(number, bytes),
        };
    }
    let is_dated = text.as_bytes().get(4) == Some(&b'-');
    if let Some(micros) = is_dated.then(|| iso_micros(text)).flatten() {
        return append_time(micros, bytes);
    }
    let truth = ["true", "false"].into_iter().find(|word| word.eq_ignore_ascii_case(text));
    append_bytes(b's', truth.unwrap_or(text), bytes);
}

fn append_bytes(tag: u8, text: &str, bytes: &mut Vec<u8>) {
    bytes.push(tag);
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}
