//! What the benches of this crate measure: `just bench`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::train::quiet;
use tabgraft_model::{EmbeddingSpace, FitOptions, Result, TrainingOptions};
use tabgraft_table::Table;

/// Columns of numbers, and of categories of [`N_LEVELS`] values, as in `benches/train_step.py`.
const N_NUMBERS: usize = 20;
const N_CATEGORIES: usize = 12;
const N_LEVELS: u64 = 16;

/// A number in [0, 1) without a pattern.
fn unit(row: usize, column: usize) -> f64 {
    let mut x = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (column as u64 + 1) << 32;
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// A table of 20 numbers and 12 categories.
///
/// # Errors
/// None that a table of such columns can have.
pub fn table(n_rows: usize) -> Result<Table> {
    let number = |c: usize| -> (String, ArrayRef) {
        let cells = (0..n_rows).map(|row| (unit(row, c) * 1e4).round() / 1e4);
        (format!("n{c}"), Arc::new(Float64Array::from_iter_values(cells)))
    };
    let category = |c: usize| -> (String, ArrayRef) {
        let level = |row| (unit(row, N_NUMBERS + c) * N_LEVELS as f64) as u64;
        let cells = (0..n_rows).map(|row| format!("v{}", level(row)));
        (format!("c{c}"), Arc::new(StringArray::from_iter_values(cells)))
    };
    Table::from_columns((0..N_NUMBERS).map(number).chain((0..N_CATEGORIES).map(category)))
}

/// A space of the default shape, trained for an epoch.
///
/// # Errors
/// None that a training on such a table can have.
pub fn space(table: &Table) -> Result<EmbeddingSpace> {
    let mut options = FitOptions { name: "bench".into(), ..FitOptions::default() };
    options.config.training = TrainingOptions::of_epochs(1);
    EmbeddingSpace::fit(table, None, &options, &mut quiet)
}
