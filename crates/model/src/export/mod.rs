//! Models that leave: as a graph of ONNX, which other programs run without this library.
//!
//! ```text
//! raw columns ─ features ─ codecs ─► cells ─┬─ network ─► z                                  (a space)
//!                                           └─ networks, forests, linear model ─► prediction  (a predictor)
//! ```
//!
//! A graph is given raw columns, one vector each, and computes the features that the model carries. What ONNX has
//! no operator for is an error that names the column or the feature. `docs/decisions/0038-onnx.md`.

mod calendar;
mod cells;
mod columns;
mod fitted;
mod forest;
mod formula;
mod learners;
mod lookup;
mod network;
mod onnx;
mod typed;

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tabgraft_table::codec::Codec;
use tabgraft_table::write_whole;

use cells::{Cell, Cells, Read};
use columns::Columns;
pub use columns::OnnxInput;
use onnx::graph::{Element, Graph, ML_OPSET, OPSET, Value};

use crate::error::{Error, Result};
use crate::metric::Task;
use crate::predictor::{LEAST_PROBABILITY, Predictor, PredictorAbout, Target};
use crate::space::{About, EmbeddingSpace};

/// Names that outputs may have.
const OUTPUTS: [&str; 8] =
    ["z", "prediction", "probabilities", "class", "class_idx", "confidence", "missing", "unseen"];

/// What becomes of text columns, whose words a graph cannot hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Texts {
    /// They are an error.
    #[default]
    Error,
    /// Their cells count as missing.
    Missing,
}

/// What becomes of categories that share a code and are known by their hashes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rare {
    /// They are an error.
    #[default]
    Error,
    /// They count as unseen.
    Unseen,
}

/// How a model leaves as ONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnnxOptions {
    /// What becomes of text columns; default: an error.
    pub texts: Texts,
    /// What becomes of rare categories; default: an error.
    pub rare: Rare,
}

/// What a graph gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnnxOutput {
    /// The output.
    pub name: String,
    /// `float32`, `float64`, `int64`, `bool` or `string`.
    #[serde(rename = "type")]
    pub element: &'static str,
    /// Its size behind the rows; none of one value for each row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnnxSummary {
    /// The model's name.
    pub name: String,
    /// The version's id.
    pub id: String,
    /// Version of the operators.
    pub opset: i64,
    /// Version of the operators of `ai.onnx.ml`.
    pub ml_opset: i64,
    /// The columns that the graph is given, each a vector of one value per row.
    pub inputs: Vec<OnnxInput>,
    /// What it gives.
    pub outputs: Vec<OnnxOutput>,
    /// The columns that `missing` and `unseen` are about, in order.
    pub columns: Vec<String>,
    /// What of the model is not in the graph, in words.
    pub notes: Vec<String>,
    /// Bytes of the file.
    pub n_bytes: usize,
}

impl EmbeddingSpace {
    /// The space as one file of ONNX: raw columns to z.
    ///
    /// # Errors
    /// A schema error that names each column and feature that a graph cannot compute, and why.
    pub fn to_onnx_bytes(&self, options: &OnnxOptions) -> Result<(Vec<u8>, OnnxSummary)> {
        let mut columns = Columns::new(&[&self.about])?;
        let mut exported = Exported::new(&columns);
        let read = read_of(&mut exported.graph, &self.about, &mut columns, None, options)?;
        let cells = Cells::new(&mut exported.graph, &read, options)?;
        let z = network::z(&mut exported.graph, &self.network, &cells);
        exported.give("z", &z, Element::Float, Some(self.d_model()), "one vector per row");
        exported.flags(&cells, &cells.columns);
        let metadata = vec![
            ("tabgraft.kind", "embedding_space".to_owned()),
            ("tabgraft.hashes", json!(self.about.hashes).to_string()),
        ];
        exported.finish(&self.about, &self.about.name, &self.id().to_string(), columns, options, metadata)
    }

    /// As [`EmbeddingSpace::to_onnx_bytes`], into a file, whole or not at all.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::to_onnx_bytes`], and an io error.
    pub fn to_onnx(&self, path: &Path, options: &OnnxOptions) -> Result<OnnxSummary> {
        write(path, self.to_onnx_bytes(options)?)
    }
}

impl Predictor {
    /// The predictor as one file of ONNX: raw columns to probabilities and classes, or to a number.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::to_onnx_bytes`].
    pub fn to_onnx_bytes(&self, options: &OnnxOptions) -> Result<(Vec<u8>, OnnxSummary)> {
        learners::check(self)?;
        let mut columns = Columns::new(&spaces(&self.about))?;
        let mut exported = Exported::new(&columns);
        let (values, cells) = learners::values(&mut exported.graph, self, &mut columns, None, options)?;
        exported.predictions(self, &values);
        exported.flags(&cells, &cells.columns[..self.about.space.columns.len()]);
        let target = self.target();
        let hashes = json!({"space": self.about.space.hashes, "claims": self.about.claims});
        let metadata = vec![
            ("tabgraft.kind", "predictor".to_owned()),
            ("tabgraft.hashes", hashes.to_string()),
            ("tabgraft.target", target.column().to_owned()),
            ("tabgraft.task", target.task().name().to_owned()),
            ("tabgraft.classes", json!(target.classes()).to_string()),
            ("tabgraft.threshold", self.threshold().to_string()),
        ];
        exported.finish(&self.about.space, self.name(), &self.id().to_string(), columns, options, metadata)
    }

    /// As [`Predictor::to_onnx_bytes`], into a file, whole or not at all.
    ///
    /// # Errors
    /// As [`Predictor::to_onnx_bytes`], and an io error.
    pub fn to_onnx(&self, path: &Path, options: &OnnxOptions) -> Result<OnnxSummary> {
        write(path, self.to_onnx_bytes(options)?)
    }
}

fn write(path: &Path, (bytes, summary): (Vec<u8>, OnnxSummary)) -> Result<OnnxSummary> {
    write_whole(path, |mut file| file.write_all(&bytes).map_err(|e| Error::io(path, "write", e)))?;
    Ok(summary)
}

/// The space of a predictor, and those of the predictors that it grew from.
fn spaces(about: &PredictorAbout) -> Vec<&About> {
    let mut spaces = vec![&about.space];
    let mut growth = about.growth.as_ref();
    while let Some(one) = growth {
        spaces.push(&one.base.space);
        growth = one.base.growth.as_ref();
    }
    spaces
}

/// The columns of a space to encode: where `given` says which there are, the others are missing in all rows.
fn read_of<'a>(
    graph: &mut Graph,
    about: &'a About,
    columns: &mut Columns,
    given: Option<&BTreeSet<&str>>,
    options: &OnnxOptions,
) -> Result<Vec<Read<'a>>> {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for (spec, codec) in about.columns.iter().zip(&about.codecs) {
        let is_given = given.is_none_or(|given| given.contains(spec.name.as_str()));
        // Texts are refused where they are encoded, with all others that cannot be.
        let is_left_out = matches!(codec, Codec::Text(_)) && options.texts == Texts::Missing;
        let values = match is_given && !is_left_out {
            true => columns.value(graph, &spec.name).map_err(|e| problems.push(e)).ok(),
            false => None,
        };
        read.push(Read { name: &spec.name, codec, values });
    }
    refused(problems)?;
    Ok(read)
}

/// All of some problems in one error, with the hint of the first.
fn refused(problems: Vec<Error>) -> Result<()> {
    let Some(first) = problems.first() else { return Ok(()) };
    let hint = first.hint().unwrap_or_default().to_owned();
    let words: Vec<String> = problems.iter().map(Error::to_string).collect();
    Err(Error::schema(words.join("; ")).with_hint(hint))
}

/// A graph and what is said of it.
struct Exported {
    graph: Graph,
    outputs: Vec<OnnxOutput>,
    /// Names of the columns, which outputs may not have.
    taken: HashSet<String>,
}

impl Exported {
    fn new(columns: &Columns) -> Self {
        let taken: HashSet<String> = columns.names().cloned().collect();
        let outputs = OUTPUTS.iter().map(|name| free(&taken, name));
        let inner: HashSet<String> = taken.iter().cloned().chain(outputs).collect();
        Exported { graph: Graph::new(inner), outputs: Vec::new(), taken }
    }

    fn give(&mut self, name: &str, value: &Value, element: Element, width: Option<usize>, words: &str) {
        let name = free(&self.taken, name);
        let sizes: Vec<usize> = width.into_iter().collect();
        self.graph.output(&name, value, element, &sizes, words);
        self.outputs.push(OnnxOutput { name, element: element.word(), width });
    }

    /// Which cells are missing, and which hold a category that training has not seen.
    fn flags(&mut self, cells: &Cells, columns: &[Cell]) {
        let g = &mut self.graph;
        let (half, minus_half) = (g.floats(&[], &[0.5]), g.floats(&[], &[-0.5]));
        // One column of what is so in every row, and of what is so in none.
        let (no, yes) = (g.less(&half, &cells.zeros), g.less(&minus_half, &cells.zeros));
        let mut matrix = |of: &dyn Fn(&Cell) -> Option<Value>, otherwise: &Value| {
            let each: Vec<Value> = columns
                .iter()
                .map(|cell| match of(cell) {
                    Some(flag) => g.raised(&flag, 1),
                    None => otherwise.clone(),
                })
                .collect();
            g.concat(&each, 1)
        };
        let missing = matrix(&|cell| cell.missing.clone(), &yes);
        let unseen = matrix(&|cell| cell.unseen.clone(), &no);
        let n = columns.len();
        self.give("missing", &missing, Element::Bool, Some(n), "whether the cell has no value, by column");
        let words = "whether the cell holds a category that no training row had, by column";
        self.give("unseen", &unseen, Element::Bool, Some(n), words);
    }

    fn predictions(&mut self, predictor: &Predictor, values: &Value) {
        let target = predictor.target();
        let Target::Classes { classes, .. } = target else {
            let number = self.graph.reshaped(values, &[-1]);
            self.give("prediction", &number, Element::Double, None, "in the target's unit");
            return;
        };
        let g = &mut self.graph;
        // Never 0 or 1: rows without such probabilities keep their bits.
        let least = g.double(LEAST_PROBABILITY);
        let raised = g.node("Max", &[values, &least], &[]);
        let raised = learners::shares(g, &raised);
        let smallest = g.reduced("ReduceMin", values, 1, true);
        let at_end = g.less(&smallest, &least);
        let p = g.choose(&at_end, &raised, values);
        let (class, confidence) = match target.task() {
            Task::Binary => by_threshold(g, &p, predictor.threshold()),
            _ => by_margin(g, &p),
        };
        let names = g.texts(classes);
        let name = g.gather(&names, &class, 0);
        self.give("probabilities", &p, Element::Double, Some(classes.len()), "one per class, which sum to 1");
        self.give("class", &name, Element::Text, None, "the predicted class");
        self.give("class_idx", &class, Element::Int64, None, "its place among the classes");
        self.give("confidence", &confidence, Element::Double, None, "how sure it is, 0 to 1");
    }

    fn finish(
        self,
        space: &About,
        name: &str,
        id: &str,
        columns: Columns,
        options: &OnnxOptions,
        mut metadata: Vec<(&'static str, String)>,
    ) -> Result<(Vec<u8>, OnnxSummary)> {
        let names: Vec<String> = space.columns.iter().map(|c| c.name.clone()).collect();
        let of_kind = |wanted: &dyn Fn(&Codec) -> bool| -> Vec<&str> {
            let pairs = space.columns.iter().zip(&space.codecs);
            pairs.filter(|(_, codec)| wanted(codec)).map(|(column, _)| column.name.as_str()).collect()
        };
        let mut notes = Vec::new();
        let texts = of_kind(&|codec| matches!(codec, Codec::Text(_)));
        if options.texts == Texts::Missing && !texts.is_empty() {
            notes.push(format!("cells of the text column(s) {} count as missing", quoted(&texts)));
        }
        let rare = of_kind(&|codec| matches!(codec, Codec::Categorical(codec) if codec.n_rare() > 0));
        if options.rare == Rare::Unseen && !rare.is_empty() {
            notes.push(format!("rare categories of the column(s) {} count as unseen", quoted(&rare)));
        }
        metadata.extend([
            ("tabgraft.name", name.to_owned()),
            ("tabgraft.id", id.to_owned()),
            ("tabgraft.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("tabgraft.inputs", json!(columns.inputs).to_string()),
            ("tabgraft.outputs", json!(self.outputs).to_string()),
            ("tabgraft.columns", json!(names).to_string()),
            ("tabgraft.notes", json!(notes).to_string()),
        ]);
        let words = "each input is a column, one value per row; a missing cell is NaN or the empty string";
        let bytes =
            self.graph.into_file(if name.is_empty() { "tabgraft" } else { name }, words, &metadata)?;
        let summary = OnnxSummary {
            name: name.to_owned(),
            id: id.to_owned(),
            opset: OPSET,
            ml_opset: ML_OPSET,
            inputs: columns.inputs,
            outputs: self.outputs,
            columns: names,
            notes,
            n_bytes: bytes.len(),
        };
        Ok((bytes, summary))
    }
}

/// A name for an output that is no column's.
fn free(taken: &HashSet<String>, name: &str) -> String {
    let mut name = name.to_owned();
    while taken.contains(&name) {
        name.push('_');
    }
    name
}

fn quoted(names: &[&str]) -> String {
    tabgraft_table::table::quoted(names)
}

/// Of two classes the second from the threshold on, and how sure that is.
fn by_threshold(g: &mut Graph, p: &Value, threshold: f64) -> (Value, Value) {
    let second = g.columns(p, &[1], 2);
    let second = g.reshaped(&second, &[-1]);
    let limit = g.double(threshold);
    let is_second = g.at_least(&second, &limit);
    let class = g.cast(&is_second, Element::Int64);
    let above = match threshold < 1.0 {
        true => {
            let (way, whole) = (g.sub(&second, &limit), g.double(1.0 - threshold));
            g.div(&way, &whole)
        }
        false => g.double(1.0),
    };
    let way = g.sub(&limit, &second);
    let below = g.div(&way, &limit);
    (class, g.choose(&is_second, &above, &below))
}

/// The most probable class, and by how much.
fn by_margin(g: &mut Graph, p: &Value) -> (Value, Value) {
    let two = g.ints(&[1], &[2]);
    let best = g.node_of("TopK", &[p, &two], &[], 2);
    let (highest, next) = (g.columns(&best[0], &[0], 2), g.columns(&best[0], &[1], 2));
    let margin = g.sub(&highest, &next);
    let first = g.columns(&best[1], &[0], 2);
    (g.reshaped(&first, &[-1]), g.reshaped(&margin, &[-1]))
}
