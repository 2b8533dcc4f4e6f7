//! Results that go out as tensors.

use serde::Serialize;
use serde_json::{Value, json};

use super::Datatype;

/// A result.
#[derive(Debug, Serialize)]
pub(crate) struct OutputTensor<'a> {
    name: &'static str,
    datatype: Datatype,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Values<'a>>,
}

/// Elements, row-major.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Values<'a> {
    Fp32(&'a [f32]),
    Fp64(&'a [f64]),
    Int64(Vec<i64>),
    Bool(&'a [bool]),
    Bytes(Vec<&'a str>),
}

impl<'a> OutputTensor<'a> {
    /// A result as JSON, or one whose bytes are put behind `binary`.
    pub fn new(
        name: &'static str,
        shape: Vec<usize>,
        values: Values<'a>,
        is_binary: bool,
        binary: &mut Vec<u8>,
    ) -> Self {
        let datatype = values.datatype();
        if !is_binary {
            return OutputTensor { name, datatype, shape, parameters: None, data: Some(values) };
        }
        let n_before = binary.len();
        values.write(binary);
        let parameters = Some(json!({ "binary_data_size": binary.len() - n_before }));
        OutputTensor { name, datatype, shape, parameters, data: None }
    }
}

impl Values<'_> {
    fn datatype(&self) -> Datatype {
        match self {
            Values::Fp32(_) => Datatype::Fp32,
            Values::Fp64(_) => Datatype::Fp64,
            Values::Int64(_) => Datatype::Int64,
            Values::Bool(_) => Datatype::Bool,
            Values::Bytes(_) => Datatype::Bytes,
        }
    }

    /// Little-endian, each text behind its length of 4 bytes.
    fn write(&self, binary: &mut Vec<u8>) {
        match self {
            Values::Fp32(values) => values.iter().for_each(|v| binary.extend(v.to_le_bytes())),
            Values::Fp64(values) => values.iter().for_each(|v| binary.extend(v.to_le_bytes())),
            Values::Int64(values) => values.iter().for_each(|v| binary.extend(v.to_le_bytes())),
            Values::Bool(values) => binary.extend(values.iter().map(|v| u8::from(*v))),
            Values::Bytes(texts) => {
                for text in texts {
                    binary.extend((text.len() as u32).to_le_bytes());
                    binary.extend(text.as_bytes());
                }
            }
        }
    }
}
