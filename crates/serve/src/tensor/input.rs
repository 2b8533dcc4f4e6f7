//! Columns that come in as tensors.
//!
//! A missing cell is null in JSON, NaN among floating numbers, the empty text among BYTES; integers and BOOL as bytes
//! have none.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tabgraft_table::Table;
use tabgraft_table::read::reread;

use super::Datatype;
use crate::failure::Failure;
use crate::rows::{check_rows, parse};
use crate::served::Version;

/// A column.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputTensor<'a> {
    /// The column's name.
    #[serde(borrow)]
    name: Cow<'a, str>,
    /// `[n_rows]` or `[n_rows, 1]`.
    shape: Vec<u64>,
    datatype: Datatype,
    #[serde(default)]
    parameters: Parameters,
    /// The cells, unless they come as bytes behind the JSON.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Parameters of a tensor or a request; those that nobody here knows are passed over, as the protocol wants it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Parameters {
    /// Bytes of an input behind the JSON.
    #[serde(default)]
    binary_data_size: Option<usize>,
    /// Whether an output is wanted as bytes.
    #[serde(default)]
    pub binary_data: Option<bool>,
    /// Whether all outputs are that say nothing of it.
    #[serde(default)]
    pub binary_data_output: Option<bool>,
}

/// An element of JSON: alone, or in a row of its own.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Cell<T> {
    One(Option<T>),
    Row([Option<T>; 1]),
}

impl<T> Cell<T> {
    fn value(self) -> Option<T> {
        match self {
            Cell::One(value) | Cell::Row([value]) => value,
        }
    }
}

/// The table of these columns, read as the version reads its tables. `bytes` are those behind the JSON.
///
/// # Errors
/// 400 for a tensor that contradicts itself, which is named; 413 for too many rows; 422 for what the version cannot
/// read.
pub(crate) fn table_of(
    inputs: &[InputTensor<'_>],
    bytes: &[u8],
    version: &Version,
    most_rows: usize,
) -> Result<Table, Failure> {
    let Some(first) = inputs.first() else {
        return Err(Failure::bad_request("there are no inputs").with_hint("send one tensor for each column"));
    };
    let n_rows = first.n_rows()?;
    check_rows(n_rows, most_rows)?;
    let mut rest = bytes;
    let mut columns = Vec::with_capacity(inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        if inputs[..i].iter().any(|other| other.name == input.name) {
            return Err(Failure::bad_request(format!("input `{}` stands twice", input.name)));
        }
        if input.n_rows()? != n_rows {
            return Err(Failure::bad_request(format!(
                "input `{}` has {} rows, `{}` has {n_rows}",
                input.name,
                input.n_rows()?,
                first.name
            )));
        }
        let column = match (input.parameters.binary_data_size, input.data) {
            (Some(n), None) => {
                let Some((own, others)) = rest.split_at_checked(n) else {
                    return Err(input.wrong(format!("{n} bytes are said to follow, {} do", rest.len())));
                };
                rest = others;
                input.of_bytes(own, n_rows)?
            }
            (None, Some(data)) => input.of_json(data, n_rows)?,
            (Some(_), Some(_)) => return Err(input.wrong("`data` and `binary_data_size` exclude each other")),
            (None, None) => return Err(input.wrong("it has no `data`")),
        };
        columns.push((input.name.as_ref(), column));
    }
    if !rest.is_empty() {
        return Err(Failure::bad_request(format!("{} bytes behind the inputs belong to none", rest.len())));
    }
    Ok(reread(&Table::from_columns(columns)?, &version.how)?)
}

impl InputTensor<'_> {
    fn wrong(&self, what: impl std::fmt::Display) -> Failure {
        Failure::bad_request(format!("input `{}`: {what}", self.name))
    }

    fn n_rows(&self) -> Result<usize, Failure> {
        match self.shape[..] {
            [n] | [n, 1] => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
            _ => Err(self
                .wrong(format!("its shape is {:?}", self.shape))
                .with_hint("a column has the shape [n_rows] or [n_rows, 1]")),
        }
    }

    /// The cells of JSON.
    fn of_json(&self, data: &RawValue, n_rows: usize) -> Result<ArrayRef, Failure> {
        Ok(match self.datatype {
            Datatype::Bool => Arc::new(BooleanArray::from(self.cells::<bool>(data, n_rows)?)),
            Datatype::Fp32 | Datatype::Fp64 => Arc::new(Float64Array::from(self.cells::<f64>(data, n_rows)?)),
            Datatype::Uint64 => Arc::new(UInt64Array::from(self.cells::<u64>(data, n_rows)?)),
            Datatype::Bytes => Arc::new(StringArray::from(self.cells::<String>(data, n_rows)?)),
            _ => {
                let cells = self.cells::<i64>(data, n_rows)?;
                if let Some(row) = cells.iter().position(|cell| cell.is_some_and(|cell| !self.holds(cell))) {
                    return Err(self.wrong(format!("row {row} is no {}", self.datatype.name())));
                }
                Arc::new(Int64Array::from(cells))
            }
        })
    }

    /// Whether an integer is one of the tensor's type.
    fn holds(&self, cell: i64) -> bool {
        match self.datatype {
            Datatype::Int8 => i8::try_from(cell).is_ok(),
            Datatype::Int16 => i16::try_from(cell).is_ok(),
            Datatype::Int32 => i32::try_from(cell).is_ok(),
            Datatype::Uint8 => u8::try_from(cell).is_ok(),
            Datatype::Uint16 => u16::try_from(cell).is_ok(),
            Datatype::Uint32 => u32::try_from(cell).is_ok(),
            _ => true,
        }
    }

    fn cells<T: DeserializeOwned>(&self, data: &RawValue, n_rows: usize) -> Result<Vec<Option<T>>, Failure> {
        let elements: Vec<&RawValue> =
            parse(data.get().as_bytes()).map_err(|_| self.wrong("its `data` is no array"))?;
        if elements.len() != n_rows {
            return Err(
                self.wrong(format!("its shape says {n_rows} rows, its `data` has {}", elements.len()))
            );
        }
        let cell = |(row, element): (usize, &&RawValue)| {
            let cell: Result<Cell<T>, _> = serde_json::from_str(element.get());
            cell.map(Cell::value).map_err(|_| self.wrong(format!("row {row} is no {}", self.datatype.name())))
        };
        elements.iter().enumerate().map(cell).collect()
    }

    /// The cells of bytes: little-endian, each text behind its length of 4 bytes.
    fn of_bytes(&self, bytes: &[u8], n_rows: usize) -> Result<ArrayRef, Failure> {
        let Some(width) = self.datatype.width() else { return self.of_texts(bytes, n_rows) };
        if n_rows.checked_mul(width) != Some(bytes.len()) {
            return Err(self.wrong(format!("{n_rows} rows of {width} bytes are not {} bytes", bytes.len())));
        }
        Ok(match self.datatype {
            Datatype::Bool => Arc::new(BooleanArray::from_iter(bytes.iter().map(|byte| Some(*byte != 0)))),
            Datatype::Fp32 => {
                Arc::new(arrow::array::Float32Array::from_iter_values(each(bytes).map(f32::from_le_bytes)))
            }
            Datatype::Fp64 => Arc::new(Float64Array::from_iter_values(each(bytes).map(f64::from_le_bytes))),
            Datatype::Uint64 => Arc::new(UInt64Array::from_iter_values(each(bytes).map(u64::from_le_bytes))),
            Datatype::Int64 => Arc::new(Int64Array::from_iter_values(each(bytes).map(i64::from_le_bytes))),
            Datatype::Int32 => integers(each(bytes).map(i32::from_le_bytes)),
            Datatype::Int16 => integers(each(bytes).map(i16::from_le_bytes)),
            Datatype::Int8 => integers(each(bytes).map(i8::from_le_bytes)),
            Datatype::Uint32 => integers(each(bytes).map(u32::from_le_bytes)),
            Datatype::Uint16 => integers(each(bytes).map(u16::from_le_bytes)),
            Datatype::Uint8 => integers(each(bytes).map(u8::from_le_bytes)),
            Datatype::Bytes => return self.of_texts(bytes, n_rows),
        })
    }

    fn of_texts(&self, mut bytes: &[u8], n_rows: usize) -> Result<ArrayRef, Failure> {
        let mut texts = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let row = texts.len();
            let length = u32::from_le_bytes(*length) as usize;
            let Some((text, rest)) = rest.split_at_checked(length) else {
                return Err(
                    self.wrong(format!("row {row} is said to have {length} bytes, {} are left", rest.len()))
                );
            };
            bytes = rest;
            texts.push(std::str::from_utf8(text).map_err(|_| self.wrong(format!("row {row} is no UTF-8")))?);
        }
        if texts.len() != n_rows || !bytes.is_empty() {
            return Err(self.wrong(format!("its shape says {n_rows} rows, its bytes hold {}", texts.len())));
        }
        Ok(Arc::new(StringArray::from(texts)))
    }
}

/// The elements of bytes, of equal width.
fn each<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

fn integers<T: Into<i64>>(values: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(Into::into)))
}
