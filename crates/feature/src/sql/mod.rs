//! Features as SQL: a query that gives a table with one more column per feature, in the engine that holds it.
//!
//! Formulas become expressions, bins a `CASE`, statistics of groups a joined table of constants. Features that read
//! features stand in a step behind them. What an engine's SQL cannot say exactly is an error that names the feature.
//!
//! Numbers are those of 64 bits, IEEE 754: whole numbers beyond 2^53, which formulas count exactly, are rounded.

mod dialect;
mod expression;
mod fitted;

use std::collections::{BTreeMap, HashSet};

use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, TimeUnit};

pub use dialect::Dialect;

use super::definition::Definition;
use super::engineer::FeatureEngineer;
use super::expr::{Readings, Type};
use crate::error::{Error, Result};
use expression::{Expression, Held};
use tabgraft_table::Table;

/// Longest expression of one feature, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// One step of the query: features that read the table or features of steps before.
#[derive(Debug, Default)]
struct Step {
    /// `expression AS name`.
    columns: Vec<String>,
    /// `LEFT JOIN table ON condition`.
    joins: Vec<String>,
}

impl FeatureEngineer {
    /// The features as one query over a table of this name, which gives its columns and one more per feature.
    ///
    /// `columns`, which may have no row, says of which types the columns are; without it, each is taken for what its
    /// features read it as.
    ///
    /// # Errors
    /// An error that names the feature, if it is not fitted, its types do not fit the columns, or the engine's SQL
    /// cannot say what it computes.
    pub fn sql(&self, table: &str, dialect: Dialect, columns: Option<&Table>) -> Result<String> {
        let mut names: HashSet<String> =
            columns.map(Table::all_column_names).unwrap_or_default().into_iter().collect();
        let is_feature = |name: &String| self.features().iter().any(|f| f.name == *name);
        let typed = match columns {
            Some(columns) => columns.slice(0, 0),
            None => {
                let mut inputs = BTreeMap::new();
                for feature in self.features() {
                    let inputs_of = feature.inputs().map_err(|e| feature.named(e))?;
                    inputs.extend(
                        inputs_of.into_iter().filter(|name| !is_feature(name)).map(|name| (name, ())),
                    );
                }
                names.extend(inputs.keys().cloned());
                let open = inputs.into_keys().map(|name| (name, new_empty_array(&DataType::Utf8)));
                Table::from_columns(open)?
            }
        };
        let mut readings = Readings::new(typed);
        let mut held: BTreeMap<String, Held> = BTreeMap::new();
        let mut level: BTreeMap<String, usize> = BTreeMap::new();
        let (mut steps, mut constants): (Vec<Step>, Vec<String>) = (Vec::new(), Vec::new());
        for feature in self.features() {
            if names.contains(&feature.name) {
                return Err(feature.named(
                    Error::schema("the table has a column of its name")
                        .with_hint("rename the feature or the column"),
                ));
            }
            let inputs = feature.inputs().map_err(|e| feature.named(e))?;
            let own_level =
                inputs.iter().filter_map(|input| level.get(input)).map(|l| l + 1).max().unwrap_or(0);
            if steps.len() <= own_level {
                steps.resize_with(own_level + 1, Step::default);
            }
            let scope = Scope { dialect, is_given: columns.is_some(), held: &held };
            let step = &mut steps[own_level];
            let (sql, gives) = match &feature.definition {
                Definition::Formula { formula } => expression::of_formula(&scope, formula, &readings),
                _ => fitted::of_feature(&scope, feature, &readings, step, &mut constants),
            }
            .map_err(|e| feature.named(e))?;
            if sql.len() > MAX_BYTES {
                return Err(feature.named(
                    Error::option(format!(
                        "its SQL has {} bytes, at most {MAX_BYTES} are allowed",
                        sql.len()
                    ))
                    .with_hint("make features of its parts"),
                ));
            }
            step.columns.push(format!("{sql} AS {}", dialect.name(&feature.name)));
            level.insert(feature.name.clone(), own_level);
            held.insert(feature.name.clone(), Held::of(gives));
            readings.add(&feature.name, empty(gives)).map_err(|e| feature.named(e))?;
        }
        Ok(query(dialect, table, &steps, &constants))
    }
}

/// What expressions may refer to.
struct Scope<'a> {
    dialect: Dialect,
    /// Whether the types of the table's columns are known.
    is_given: bool,
    /// What the features before hold.
    held: &'a BTreeMap<String, Held>,
}

impl Scope<'_> {
    /// A column, and what it holds where it is read so.
    fn column(&self, name: &str, readings: &Readings, reading: Type) -> Result<Expression> {
        let held = match self.held.get(name) {
            Some(held) => *held,
            None if !self.is_given => Held::of(reading),
            None => Held::of(readings.type_of(name)?),
        };
        expression::read(self.dialect, name, held, reading)
    }
}

fn empty(gives: Type) -> ArrayRef {
    new_empty_array(&match gives {
        Type::Number => DataType::Float64,
        Type::Bool => DataType::Boolean,
        Type::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Text | Type::Open | Type::Missing => DataType::Utf8,
    })
}

fn query(dialect: Dialect, table: &str, steps: &[Step], constants: &[String]) -> String {
    let mut from = dialect.name(table);
    let mut with: Vec<String> = constants.to_vec();
    for (i, step) in steps.iter().enumerate() {
        let name = dialect.name(&format!("with_features_{}", i + 1));
        let columns: Vec<String> = std::iter::once("    t.*".to_owned())
            .chain(step.columns.iter().map(|column| format!("    {column}")))
            .collect();
        let joins: String = step.joins.iter().map(|join| format!("\n  {join}")).collect();
        with.push(format!("{name} AS (\n  SELECT\n{}\n  FROM {from} AS t{joins}\n)", columns.join(",\n")));
        from = name;
    }
    match with.is_empty() {
        true => format!("SELECT * FROM {from}\n"),
        false => format!("WITH {}\nSELECT * FROM {from}\n", with.join(",\n")),
    }
}
