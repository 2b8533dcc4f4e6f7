//! A graph of ONNX while it grows: inputs, constants, nodes, outputs.
//!
//! What is asked for twice is made once: equal constants are one, and so are equal nodes of equal inputs.

use std::collections::{HashMap, HashSet};

use super::proto::Message;
use crate::error::{Error, Result};

/// Version of the operators that nodes are made of.
pub(in crate::export) const OPSET: i64 = 20;
/// Version of the operators of `ai.onnx.ml`, of which `LabelEncoder` and `TreeEnsembleRegressor` are used.
pub(in crate::export) const ML_OPSET: i64 = 3;
const ML_DOMAIN: &str = "ai.onnx.ml";
/// Version of the file format that goes with [`OPSET`].
const IR_VERSION: i64 = 9;
/// Most bytes of a protocol buffer.
const MOST_BYTES: usize = (1 << 31) - 1;
/// What the number of rows is called.
const ROWS: &str = "n_rows";

/// What a tensor holds; the numbers are those of `TensorProto.DataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::export) enum Element {
    Float = 1,
    Int64 = 7,
    Text = 8,
    Bool = 9,
    Double = 11,
}

impl Element {
    /// The word of summaries and metadata.
    pub fn word(self) -> &'static str {
        match self {
            Element::Float => "float32",
            Element::Int64 => "int64",
            Element::Text => "string",
            Element::Bool => "bool",
            Element::Double => "float64",
        }
    }
}

/// A tensor of the graph, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::export) struct Value(String);

/// An attribute of a node.
#[derive(Debug, Clone, Copy)]
pub(in crate::export) enum Attribute<'a> {
    Int(i64),
    Float(f32),
    Ints(&'a [i64]),
    Floats(&'a [f32]),
    Text(&'a str),
    Texts(&'a [String]),
}

/// The parts of a graph, written already.
#[derive(Debug, Default)]
pub(in crate::export) struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    /// What was made, by its bytes without a name.
    made: HashMap<Vec<u8>, Value>,
    /// Names that inner tensors may not have.
    taken: HashSet<String>,
    n_named: usize,
}

impl Graph {
    /// A graph whose inner tensors have none of these names.
    pub fn new(taken: HashSet<String>) -> Self {
        Graph { taken, ..Graph::default() }
    }

    /// A column that the caller gives: `[n_rows]`.
    pub fn input(&mut self, name: &str, element: Element, words: &str) -> Value {
        self.inputs.push(described(name, element, &[None], words));
        Value(name.to_owned())
    }

    /// Gives a tensor to the caller under a name of its own; `sizes` are those behind the rows.
    pub fn output(&mut self, name: &str, value: &Value, element: Element, sizes: &[usize], words: &str) {
        let node = Message::new().text(1, &value.0).text(2, name).text(4, "Identity");
        self.nodes.push(node);
        let dims: Vec<Option<usize>> = std::iter::once(None).chain(sizes.iter().copied().map(Some)).collect();
        self.outputs.push(described(name, element, &dims, words));
    }

    /// A node of the standard operators, with one result.
    pub fn node(&mut self, kind: &str, inputs: &[&Value], attributes: &[(&str, Attribute<'_>)]) -> Value {
        self.add_node("", kind, inputs, attributes, 1).remove(0)
    }

    /// As [`Graph::node`], with several results.
    pub fn node_of(
        &mut self,
        kind: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute<'_>)],
        n_results: usize,
    ) -> Vec<Value> {
        self.add_node("", kind, inputs, attributes, n_results)
    }

    /// A node of `ai.onnx.ml`.
    pub fn ml_node(&mut self, kind: &str, inputs: &[&Value], attributes: &[(&str, Attribute<'_>)]) -> Value {
        self.add_node(ML_DOMAIN, kind, inputs, attributes, 1).remove(0)
    }

    fn add_node(
        &mut self,
        domain: &str,
        kind: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute<'_>)],
        n_results: usize,
    ) -> Vec<Value> {
        let mut node = inputs.iter().fold(Message::new(), |node, input| node.text(1, &input.0));
        node = node.text(4, kind);
        for (name, attribute) in attributes {
            node = node.message(5, &attribute.message(name));
        }
        if !domain.is_empty() {
            node = node.text(7, domain);
        }
        let key = |i: usize| [node.as_bytes(), &[i as u8]].concat();
        if let Some(made) = (0..n_results).map(|i| self.made.get(&key(i)).cloned()).collect() {
            return made;
        }
        let results: Vec<Value> = (0..n_results).map(|_| self.name()).collect();
        for (i, result) in results.iter().enumerate() {
            self.made.insert(key(i), result.clone());
        }
        let named = results.iter().fold(node, |node, result| node.text(2, &result.0));
        self.nodes.push(named.text(3, &results[0].0));
        results
    }

    pub fn floats(&mut self, shape: &[usize], values: &[f32]) -> Value {
        self.raw(Element::Float, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    pub fn doubles(&mut self, shape: &[usize], values: &[f64]) -> Value {
        self.raw(Element::Double, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    pub fn ints(&mut self, shape: &[usize], values: &[i64]) -> Value {
        self.raw(Element::Int64, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    pub fn bools(&mut self, shape: &[usize], values: &[bool]) -> Value {
        self.raw(Element::Bool, shape, values.iter().map(|v| u8::from(*v)).collect())
    }

    /// Texts, `[values.len()]`.
    pub fn texts(&mut self, values: &[String]) -> Value {
        let tensor = tensor(Element::Text, &[values.len()]);
        self.constant(values.iter().fold(tensor, |tensor, text| tensor.text(6, text)))
    }

    fn raw(&mut self, element: Element, shape: &[usize], bytes: Vec<u8>) -> Value {
        self.constant(tensor(element, shape).bytes(9, &bytes))
    }

    fn constant(&mut self, tensor: Message) -> Value {
        if let Some(known) = self.made.get(tensor.as_bytes()) {
            return known.clone();
        }
        let value = self.name();
        self.made.insert(tensor.as_bytes().to_vec(), value.clone());
        self.constants.push(tensor.text(8, &value.0));
        value
    }

    fn name(&mut self) -> Value {
        loop {
            self.n_named += 1;
            let name = format!("t{}", self.n_named);
            if !self.taken.contains(&name) {
                return Value(name);
            }
        }
    }

    /// The file: the graph, the versions of what it uses, and what is said of it.
    ///
    /// # Errors
    /// An option error for more bytes than a protocol buffer may have.
    pub fn into_file(self, name: &str, words: &str, metadata: &[(&str, String)]) -> Result<Vec<u8>> {
        let graph = Message::new()
            .messages(1, &self.nodes)
            .text(2, name)
            .messages(5, &self.constants)
            .messages(11, &self.inputs)
            .messages(12, &self.outputs);
        let opset = |domain: &str, version: i64| Message::new().text(1, domain).number(2, version);
        let entry = |(key, value): &(&str, String)| Message::new().text(1, key).text(2, value);
        let entries: Vec<Message> = metadata.iter().map(entry).collect();
        let bytes = Message::new()
            .number(1, IR_VERSION)
            .text(2, "tabgraft")
            .text(3, env!("CARGO_PKG_VERSION"))
            .text(6, words)
            .message(7, &graph)
            .message(8, &opset("", OPSET))
            .message(8, &opset(ML_DOMAIN, ML_OPSET))
            .messages(14, &entries)
            .into_bytes();
        if bytes.len() > MOST_BYTES {
            return Err(Error::option(format!(
                "the ONNX file would have {} bytes, a protocol buffer has at most {MOST_BYTES}",
                bytes.len()
            ))
            .with_hint("prune columns of many categories, or fit a predictor with fewer trees"));
        }
        Ok(bytes)
    }
}

impl Attribute<'_> {
    fn message(&self, name: &str) -> Message {
        let message = Message::new().text(1, name);
        match self {
            Attribute::Float(value) => message.float(2, *value).number(20, 1),
            Attribute::Int(value) => message.number(3, *value).number(20, 2),
            Attribute::Text(value) => message.text(4, value).number(20, 3),
            Attribute::Ints(values) => {
                values.iter().fold(message, |message, value| message.number(8, *value)).number(20, 7)
            }
            Attribute::Floats(values) => {
                values.iter().fold(message, |message, value| message.float(7, *value)).number(20, 6)
            }
            Attribute::Texts(values) => {
                values.iter().fold(message, |message, value| message.text(9, value)).number(20, 8)
            }
        }
    }
}

fn tensor(element: Element, shape: &[usize]) -> Message {
    let dims = shape.iter().fold(Message::new(), |message, size| message.number(1, *size as i64));
    dims.number(2, element as i64)
}

/// A named tensor with its type; sizes that are none are the number of rows.
fn described(name: &str, element: Element, sizes: &[Option<usize>], words: &str) -> Message {
    let dims: Vec<Message> = sizes
        .iter()
        .map(|size| match size {
            Some(size) => Message::new().number(1, *size as i64),
            None => Message::new().text(2, ROWS),
        })
        .collect();
    let shape = Message::new().messages(1, &dims);
    let tensor = Message::new().number(1, element as i64).message(2, &shape);
    Message::new().text(1, name).message(2, &Message::new().message(1, &tensor)).text(3, words)
}
