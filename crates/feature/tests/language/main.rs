//! What the formula language and the feature engineer promise.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

mod bombs;
mod engineer;
mod errors;
mod values;
mod whole_numbers;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, NullArray, StringArray,
    TimestampSecondArray,
};
use arrow::datatypes::{DataType, Float64Type};
use proptest::prelude::*;
use tabgraft_feature::expr::function::function_names;
use tabgraft_feature::expr::{MAX_DEPTH, MAX_FORMULA_BYTES, MAX_PARTS};
use tabgraft_feature::{
    Definition, Feature, FeatureEngineer, FittedState, Formula, GroupStatistic, Present, TransformOptions,
    quoted_column,
};
use tabgraft_table::{Error, Table};

type Cells = Vec<Option<String>>;

fn text(cells: &[&str]) -> ArrayRef {
    Arc::new(cells.iter().map(|c| (!c.is_empty()).then_some(*c)).collect::<StringArray>())
}

/// As from a CSV file: everything is text, empty cells are missing.
fn csv(columns: &[(&str, &[&str])]) -> Table {
    Table::from_columns(columns.iter().map(|(name, cells)| (*name, text(cells)))).unwrap()
}

/// One row: numbers a = 7, b = 2, zero, huge; a missing one; texts, a truth, days.
fn row() -> Table {
    csv(&[
        ("a", &["7"]),
        ("b", &["2"]),
        ("zero", &["0"]),
        ("huge", &["1e308"]),
        ("none", &[""]),
        ("word", &["Straße 5"]),
        ("flag", &["yes"]),
        ("day", &["2024-02-29"]),
        ("late", &["2024-03-01 12:00"]),
    ])
}

fn cells(array: &ArrayRef) -> Cells {
    let show = |i: usize| match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(i).to_string(),
        DataType::Boolean => array.as_boolean().value(i).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(i).to_owned(),
        other => panic!("a feature of type {other}"),
    };
    (0..array.len()).map(|i| array.is_valid(i).then(|| show(i))).collect()
}

fn value(formula: &str, table: &Table) -> Option<String> {
    let array = Formula::parse(formula).and_then(|f| f.evaluate(table));
    cells(&array.unwrap_or_else(|e| panic!("{formula}: {e}"))).remove(0)
}

fn failure(formula: &str, table: &Table) -> Error {
    match Formula::parse(formula).and_then(|f| f.evaluate(table)) {
        Ok(array) => panic!("{formula} gives {:?}", cells(&array)),
        Err(error) => error,
    }
}

/// Message and hint as a user sees them.
fn shown(error: &Error) -> String {
    error.hint().map_or(error.to_string(), |hint| format!("{error}\nhint: {hint}"))
}

fn expect(cases: &[(&str, &str)]) {
    for (formula, expected) in cases {
        let found = value(formula, &row()).unwrap_or_else(|| "missing".to_owned());
        assert_eq!(found, *expected, "{formula}");
    }
}
