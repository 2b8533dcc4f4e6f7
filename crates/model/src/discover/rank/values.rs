//! The values of a candidate, as the ranking takes them.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};

use crate::error::{Error, Result};

/// The values of a candidate in the discovery rows.
#[derive(Debug, Clone, PartialEq)]
pub enum CandidateValues {
    /// Ordered values; what is not finite counts as missing.
    Number(Vec<Option<f64>>),
    /// Names without order, as any numbering of them.
    Code(Vec<Option<u32>>),
}

impl CandidateValues {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            CandidateValues::Number(values) => values.len(),
            CandidateValues::Code(codes) => codes.len(),
        }
    }

    /// Values of a computed column: numbers and booleans (0 and 1) as numbers, times as microseconds,
    /// text as codes.
    ///
    /// # Errors
    /// A schema error if the array is of another type.
    pub fn from_array(array: &ArrayRef) -> Result<Self> {
        let unfit = |e| Error::schema(format!("a candidate cannot be {}", array.data_type())).with_source(e);
        match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                let texts = cast(array, &DataType::Utf8).map_err(unfit)?;
                let mut codes: BTreeMap<&str, u32> = BTreeMap::new();
                let cells = texts.as_string::<i32>().iter().map(|text| {
                    let next = codes.len() as u32;
                    text.map(|text| *codes.entry(text).or_insert(next))
                });
                Ok(CandidateValues::Code(cells.collect()))
            }
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                let times = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(unfit)?;
                let times = cast(&times, &DataType::Int64).map_err(unfit)?;
                let times = times.as_primitive::<Int64Type>().iter();
                Ok(CandidateValues::Number(times.map(|us| us.map(|us| us as f64)).collect()))
            }
            _ => {
                let numbers = cast(array, &DataType::Float64).map_err(unfit)?;
                Ok(CandidateValues::Number(numbers.as_primitive::<Float64Type>().iter().collect()))
            }
        }
    }
}
