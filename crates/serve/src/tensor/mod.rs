//! Tensors of the Open Inference Protocol: columns that come in, results that go out, as JSON or as bytes.

mod input;
mod output;

use serde::{Deserialize, Serialize};
use tabgraft_table::schema::Kind;

pub(crate) use input::{InputTensor, Parameters, table_of};
pub(crate) use output::{OutputTensor, Values};

/// The types of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp32,
    Fp64,
    /// Text, in UTF-8.
    Bytes,
}

impl Datatype {
    /// As the protocol writes it.
    fn name(self) -> &'static str {
        match self {
            Datatype::Bool => "BOOL",
            Datatype::Uint8 => "UINT8",
            Datatype::Uint16 => "UINT16",
            Datatype::Uint32 => "UINT32",
            Datatype::Uint64 => "UINT64",
            Datatype::Int8 => "INT8",
            Datatype::Int16 => "INT16",
            Datatype::Int32 => "INT32",
            Datatype::Int64 => "INT64",
            Datatype::Fp32 => "FP32",
            Datatype::Fp64 => "FP64",
            Datatype::Bytes => "BYTES",
        }
    }

    /// Bytes of an element; none where each has its own length.
    fn width(self) -> Option<usize> {
        match self {
            Datatype::Bool | Datatype::Uint8 | Datatype::Int8 => Some(1),
            Datatype::Uint16 | Datatype::Int16 => Some(2),
            Datatype::Uint32 | Datatype::Int32 | Datatype::Fp32 => Some(4),
            Datatype::Uint64 | Datatype::Int64 | Datatype::Fp64 => Some(8),
            Datatype::Bytes => None,
        }
    }
}

/// How the cells of a column of this kind are best sent. Others are read, too.
pub(crate) fn datatype_of(kind: Option<Kind>) -> Datatype {
    match kind {
        Some(Kind::Numeric) => Datatype::Fp64,
        // A missing one has no place in BOOL.
        Some(Kind::Boolean | Kind::Categorical | Kind::Timestamp | Kind::Text) | None => Datatype::Bytes,
    }
}
