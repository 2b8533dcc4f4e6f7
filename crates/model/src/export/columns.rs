//! The columns that a graph is given, and those that its features make of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, TimeUnit};
use serde::Serialize;
use tabgraft_feature::expr::{Formula, Program, Type};
use tabgraft_feature::{Definition, Feature, in_order};
use tabgraft_table::Table;
use tabgraft_table::schema::Kind;

use super::fitted;
use super::formula;
use super::onnx::graph::{Element, Graph, Value};
use super::typed::Typed;
use crate::error::{Error, Result};
use crate::space::About;

/// A column that the model is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnnxInput {
    /// The column, and the input.
    pub name: String,
    /// What it means to the model; `feature_input` of a column that only features read.
    pub kind: &'static str,
    /// `string` or `float64`.
    #[serde(rename = "type")]
    pub element: &'static str,
    /// How a missing cell is written: `empty` for a string, `NaN` for a number.
    pub missing: &'static str,
    /// The unit of a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
}

/// What a column that is given is to a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Number,
    Time,
    Text,
}

/// A feature that the graph computes.
struct Made {
    feature: Feature,
    program: Option<Program>,
}

/// The columns of a space, raw ones and features, as far as they are asked for.
pub(super) struct Columns {
    given: BTreeMap<String, (Given, &'static str)>,
    made: HashMap<String, Made>,
    values: HashMap<String, Typed>,
    /// The inputs, in the order in which they were first read.
    pub inputs: Vec<OnnxInput>,
}

impl Columns {
    /// Those of these spaces, the newest first: a predictor's, and those of the predictors that it grew from.
    ///
    /// # Errors
    /// A schema error that names a feature whose formula does not fit its columns.
    pub fn new(spaces: &[&About]) -> Result<Self> {
        let mut features: Vec<Feature> = Vec::new();
        for space in spaces {
            let is_new = |f: &&Feature| features.iter().all(|known| known.name != f.name);
            let new: Vec<Feature> = space.features.iter().filter(is_new).cloned().collect();
            features.extend(new);
        }
        // What was not fitted can be no more than given.
        let features: Vec<Feature> = in_order(&features).into_iter().filter(Feature::is_ready).collect();
        let names: BTreeSet<&str> = features.iter().map(|f| f.name.as_str()).collect();
        let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
        for column in spaces.iter().flat_map(|space| &space.columns) {
            kinds.entry(&column.name).or_insert(column.kind);
        }
        let mut given: BTreeMap<String, (Given, &'static str)> = kinds
            .iter()
            .filter(|(name, _)| !names.contains(*name))
            .map(|(name, kind)| ((*name).to_owned(), (given_of(*kind), kind.word())))
            .collect();
        let mut types: Vec<(String, ArrayRef)> = kinds
            .iter()
            .filter(|(name, _)| !names.contains(*name))
            .map(|(name, kind)| ((*name).to_owned(), new_empty_array(&type_of(*kind))))
            .collect();
        let mut unknown: Vec<String> = features.iter().flat_map(|f| f.inputs().unwrap_or_default()).collect();
        unknown.retain(|name| !names.contains(name.as_str()) && !kinds.contains_key(name.as_str()));
        unknown.sort_unstable();
        unknown.dedup();
        types.extend(unknown.iter().map(|name| (name.clone(), new_empty_array(&DataType::Utf8))));
        let mut table = Table::from_columns(types)?;
        let mut readings: BTreeMap<&str, BTreeSet<Type>> = BTreeMap::new();
        let mut made = HashMap::new();
        for feature in &features {
            let (program, gives) = match &feature.definition {
                Definition::Formula { formula } => {
                    let program = typed(&Formula::parse(formula)?, &table).map_err(|e| feature.named(e))?;
                    for (column, reading) in &program.columns {
                        if let Some(name) = unknown.iter().find(|name| *name == column) {
                            readings.entry(name).or_default().insert(*reading);
                        }
                    }
                    let gives = program.types.last().copied().unwrap_or(Type::Text);
                    (Some(program), gives)
                }
                Definition::Bins { column, .. } => {
                    note(&mut readings, &unknown, column, Type::Number);
                    (None, Type::Text)
                }
                Definition::Group { of, by, .. } => {
                    note(&mut readings, &unknown, by, Type::Text);
                    of.iter().for_each(|of| note(&mut readings, &unknown, of, Type::Number));
                    (None, Type::Number)
                }
            };
            table = table.with_column(&feature.name, new_empty_array(&arrow_type(gives)))?;
            made.insert(feature.name.clone(), Made { feature: feature.clone(), program });
        }
        for name in &unknown {
            let read = readings.get(name.as_str()).cloned().unwrap_or_default();
            given.insert(name.clone(), (given_by(name, &read)?, "feature_input"));
        }
        Ok(Columns { given, made, values: HashMap::new(), inputs: Vec::new() })
    }

    /// The names of all columns that a graph may be given.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.given.keys()
    }

    /// A column's values, given or made.
    ///
    /// # Errors
    /// A schema error that names the feature that a graph cannot compute, and why.
    pub fn value(&mut self, graph: &mut Graph, name: &str) -> Result<Typed> {
        if let Some(known) = self.values.get(name) {
            return Ok(known.clone());
        }
        // Features stand behind what they read, so that a chain of them ends; and there are few.
        let value = match self.made.remove(name) {
            Some(made) => self.make(graph, &made).map_err(|e| made.feature.named(e))?,
            None => self.give(graph, name)?,
        };
        self.values.insert(name.to_owned(), value.clone());
        Ok(value)
    }

    fn make(&mut self, graph: &mut Graph, made: &Made) -> Result<Typed> {
        match &made.program {
            Some(program) => {
                let mut read = Vec::with_capacity(program.columns.len());
                for (column, reading) in &program.columns {
                    let value = self.value(graph, column)?;
                    let is_truth =
                        self.given.get(column).is_some_and(|(_, kind)| *kind == Kind::Boolean.word());
                    let value = match value {
                        // A truth among numbers is 1 or 0, however it is spelled.
                        Typed::Text(text) if is_truth && *reading == Type::Number => {
                            Typed::Truth(graph.truth_of_text(&text))
                        }
                        value => value,
                    };
                    read.push(formula::read(graph, column, &value, *reading)?);
                }
                formula::write(graph, program, &read)
            }
            None => fitted::write(graph, &made.feature, self),
        }
    }

    fn give(&mut self, graph: &mut Graph, name: &str) -> Result<Typed> {
        let Some((given, kind)) = self.given.get(name).copied() else {
            return Err(Error::schema(format!(
                "column `{name}` comes from a feature that was not fitted, or that reads itself"
            ))
            .with_hint("fit the feature, and graft it anew"));
        };
        let (element, missing, unit) = match given {
            Given::Number => (Element::Double, "NaN", None),
            Given::Time => (Element::Double, "NaN", Some("seconds since 1970-01-01 UTC")),
            Given::Text => (Element::Text, "empty", None),
        };
        let words = match unit {
            Some(unit) => format!("{unit}; missing is NaN"),
            None => {
                format!("{kind}; missing is {}", if missing == "NaN" { "NaN" } else { "the empty string" })
            }
        };
        let value = graph.input(name, element, &words);
        self.inputs.push(OnnxInput { name: name.to_owned(), kind, element: element.word(), missing, unit });
        Ok(match given {
            Given::Number => Typed::Number(value),
            Given::Time => Typed::Time(graph.micros(&value)),
            Given::Text => Typed::Text(value),
        })
    }
}

/// The column as an engine of formulas would be given it, in one of the types that a table may hold it in.
fn typed(formula: &Formula, table: &Table) -> Result<Program> {
    let first = formula.typed(table);
    if first.is_ok() {
        return first;
    }
    // Truths and numbers stand in many files as texts, which are read as their place needs them.
    let mut open = Vec::new();
    for name in table.column_names() {
        let array = table.column(&name)?;
        let is_plain = matches!(array.data_type(), DataType::Boolean | DataType::Float64);
        open.push((name, if is_plain { new_empty_array(&DataType::Utf8) } else { Arc::clone(array) }));
    }
    formula.typed(&Table::from_columns(open)?).or(first)
}

fn note<'a>(
    readings: &mut BTreeMap<&'a str, BTreeSet<Type>>,
    unknown: &'a [String],
    column: &str,
    reading: Type,
) {
    if let Some(name) = unknown.iter().find(|name| *name == column) {
        readings.entry(name).or_default().insert(reading);
    }
}

fn given_of(kind: Kind) -> Given {
    match kind {
        Kind::Numeric => Given::Number,
        Kind::Timestamp => Given::Time,
        Kind::Categorical | Kind::Boolean | Kind::Text => Given::Text,
    }
}

fn type_of(kind: Kind) -> DataType {
    match kind {
        Kind::Numeric => DataType::Float64,
        Kind::Timestamp => arrow_type(Type::Time),
        Kind::Boolean => DataType::Boolean,
        Kind::Categorical | Kind::Text => DataType::Utf8,
    }
}

fn arrow_type(gives: Type) -> DataType {
    match gives {
        Type::Number => DataType::Float64,
        Type::Bool => DataType::Boolean,
        Type::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Text | Type::Open | Type::Missing => DataType::Utf8,
    }
}

/// What a column is given as that only features read.
fn given_by(name: &str, readings: &BTreeSet<Type>) -> Result<Given> {
    let has = |wanted: Type| readings.contains(&wanted);
    match (has(Type::Time), readings.len()) {
        (true, 1) => Ok(Given::Time),
        (true, _) => Err(Error::schema(format!(
            "column `{name}`, which only features read, is a time to one and something else to another"
        ))
        .with_hint("a graph is given each column in one type; keep one of these features")),
        (false, 1) if has(Type::Number) => Ok(Given::Number),
        _ => Ok(Given::Text),
    }
}

impl Columns {
    /// Numbers of a column, for statistics.
    pub fn numbers(&mut self, graph: &mut Graph, name: &str) -> Result<Value> {
        let value = self.value(graph, name)?;
        match formula::read(graph, name, &value, Type::Number)? {
            Typed::Number(value) => Ok(value),
            other => {
                Err(Error::schema(format!("column `{name}` holds {}, not a number", other.kind().word())))
            }
        }
    }
}
