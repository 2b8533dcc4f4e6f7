//! Rows of one table behind those of another, in types that hold both.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Int64Type, UInt64Type};

use super::Table;
use crate::error::{Error, Result};

impl Table {
    /// These rows, and those of `other` behind them, by the columns of this table. A column that
    /// the two keep in different types takes one that holds both: a wider number, or else text.
    ///
    /// # Errors
    /// A schema error if `other` lacks a column.
    pub fn append(&self, other: &Self) -> Result<Self> {
        let names = self.column_names();
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let (a, b) = (self.column(&name)?, other.column(&name)?);
            let shared = shared_type(a, b);
            let cast_to = |array: &ArrayRef| -> Result<ArrayRef> {
                cast(array, &shared).map_err(|e| Error::schema(format!("column `{name}`: {e}")))
            };
            let (a, b) = (cast_to(a)?, cast_to(b)?);
            let both = concat(&[a.as_ref(), b.as_ref()])
                .map_err(|e| Error::schema(format!("column `{name}`: {e}")))?;
            columns.push((name, both));
        }
        let untyped = self.untyped.intersection(&other.untyped).cloned().collect();
        let rows = self.rows.append(self.n_rows(), &other.rows, other.n_rows());
        let both = self.derived(Self::from_columns(columns)?)?;
        Ok(Table { untyped: Arc::new(untyped), rows, whole: None, ..both })
    }
}

/// Largest whole number up to which a float holds every one.
const FLOAT_EXACT: u64 = 1 << 53;

/// A type that holds the values of both. Whole numbers that no number type shares with the other column
/// keep their digits as text.
fn shared_type(a: &ArrayRef, b: &ArrayRef) -> DataType {
    let (of_a, of_b) = (a.data_type(), b.data_type());
    match (of_a, of_b) {
        _ if of_a == of_b => of_a.clone(),
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        _ if of_a.is_integer() && of_b.is_integer() => {
            let (low, high) = (least(a).min(least(b)), most(a).max(most(b)));
            match high <= i64::MAX as u64 {
                true => DataType::Int64,
                false if low >= 0 => DataType::UInt64,
                false => DataType::Utf8,
            }
        }
        _ if of_a.is_numeric() && of_b.is_numeric() => {
            let is_exact = |array: &ArrayRef| {
                !array.data_type().is_integer()
                    || (most(array) <= FLOAT_EXACT && least(array).unsigned_abs() <= FLOAT_EXACT)
            };
            if is_exact(a) && is_exact(b) { DataType::Float64 } else { DataType::Utf8 }
        }
        _ => DataType::Utf8,
    }
}

/// The least of whole numbers and 0.
fn least(array: &ArrayRef) -> i64 {
    let signed = array.data_type().is_signed_integer().then(|| cast(array, &DataType::Int64).ok()).flatten();
    signed.and_then(|a| arrow::compute::min(a.as_primitive::<Int64Type>())).unwrap_or(0).min(0)
}

/// The greatest of whole numbers and 0.
fn most(array: &ArrayRef) -> u64 {
    // Negative numbers have no place here and become null.
    let unsigned = cast(array, &DataType::UInt64).ok();
    unsigned.and_then(|a| arrow::compute::max(a.as_primitive::<UInt64Type>())).unwrap_or(0)
}
