//! A table's columns as values that formulas compute with; each column is read once per type.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::DataType;

use super::number::Numbers;
use super::{Type, column};
use crate::error::{Error, Result, near_names};
use tabgraft_table::RowPlace;
use tabgraft_table::table::{Table, quoted};

/// Most absent columns whose neighbours are looked for.
const MAX_COMPARED_NAMES: usize = 16;

/// The values of some rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Number(Numbers),
    Text(StringArray),
    Bool(Vec<Option<bool>>),
    /// Microseconds since 1970.
    Time(Vec<Option<i64>>),
}

impl Values {
    /// Rows `start..start + n_rows`.
    pub(crate) fn slice(&self, start: usize, n_rows: usize) -> Self {
        match self {
            Values::Number(v) => Values::Number(v.slice(start, n_rows)),
            Values::Text(v) => Values::Text(v.slice(start, n_rows)),
            Values::Bool(v) => Values::Bool(v[start..start + n_rows].to_vec()),
            Values::Time(v) => Values::Time(v[start..start + n_rows].to_vec()),
        }
    }

    /// As an Arrow column; missing becomes null.
    pub(super) fn into_array(self) -> ArrayRef {
        match self {
            Values::Number(v) => v.into_array(),
            Values::Text(v) => Arc::new(v),
            Values::Bool(v) => Arc::new(BooleanArray::from(v)),
            Values::Time(v) => Arc::new(TimestampMicrosecondArray::from(v)),
        }
    }
}

/// A table that grows by features, and the readings of its columns so far.
#[derive(Debug)]
pub struct Readings {
    table: Table,
    /// The features, which become columns of the table when all are there: each would else copy the
    /// table's list of columns.
    added: Vec<(String, ArrayRef)>,
    /// Where each of them stands.
    places: HashMap<String, usize>,
    read: HashMap<(String, Type), Arc<Values>>,
}

impl Readings {
    /// None so far.
    pub fn new(table: Table) -> Self {
        Readings { table, added: Vec::new(), places: HashMap::new(), read: HashMap::new() }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.table.n_rows()
    }

    /// Where a row came from.
    pub(crate) fn row_place(&self, row_idx: usize) -> RowPlace {
        self.table.row_place(row_idx)
    }

    /// Whether a column of this name is there, or a feature.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.places.contains_key(name) || self.table.has_column(name)
    }

    fn column(&self, name: &str) -> Result<&ArrayRef> {
        match self.places.get(name) {
            Some(place) => Ok(&self.added[*place].1),
            None => self.table.column(name),
        }
    }

    /// The table with all features behind its columns.
    pub(crate) fn into_table(self) -> Result<Table> {
        match self.added.is_empty() {
            true => Ok(self.table),
            false => self.table.with_columns(self.added),
        }
    }

    /// Adds a new column; its name must not be there yet, because readings are kept by name.
    pub(crate) fn add(&mut self, name: &str, array: ArrayRef) -> Result<()> {
        if self.has_column(name) {
            return Err(Error::schema(format!("the table already has a column `{name}`"))
                .with_hint("rename the feature"));
        }
        self.table.check_length(name, &array)?;
        self.places.insert(name.to_owned(), self.added.len());
        self.added.push((name.to_owned(), array));
        Ok(())
    }

    /// Message and hint for columns that are not there.
    pub(crate) fn absence(&self, names: &[&str]) -> (String, String) {
        let mut known = self.table.column_names();
        known.extend(self.added.iter().map(|(name, _)| name.clone()));
        let near: Vec<&str> = names
            .iter()
            .take(MAX_COMPARED_NAMES)
            .flat_map(|name| near_names(name, known.iter().map(String::as_str)))
            .collect();
        let noun = if names.len() == 1 { "is no column" } else { "are no columns" };
        let hint = if near.is_empty() {
            format!("the columns are {}", quoted(&known))
        } else {
            format!("did you mean {}?", quoted(&near))
        };
        (format!("there {noun} {}", quoted(names)), hint)
    }

    /// What a column holds.
    pub(crate) fn type_of(&self, name: &str) -> Result<Type> {
        let data_type = self.column(name)?.data_type();
        match data_type {
            DataType::Null => Ok(Type::Missing),
            DataType::Boolean => Ok(Type::Bool),
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Ok(Type::Time),
            t if column::is_text(t) => Ok(Type::Open),
            t if t.is_numeric() => Ok(Type::Number),
            t => Err(Error::schema(format!("column `{name}` is of type {t}, which features cannot read"))
                .with_hint("numbers, texts, booleans, dates and timestamps can be read")),
        }
    }

    /// The cells of a column as numbers (non-finite ones are missing), texts, booleans or times.
    pub(crate) fn read(&mut self, name: &str, reading: Type) -> Result<Arc<Values>> {
        let key = (name.to_owned(), reading);
        if let Some(values) = self.read.get(&key) {
            return Ok(values.clone());
        }
        let read = cells(name, self.column(name)?, reading).map_err(|e| e.in_rows_of(&self.table));
        let values = Arc::new(read?);
        self.read.insert(key, values.clone());
        Ok(values)
    }
}

fn cells(name: &str, array: &ArrayRef, reading: Type) -> Result<Values> {
    Ok(match reading {
        Type::Number => Values::Number(Numbers::of_column(name, array)?),
        Type::Text | Type::Open | Type::Missing => Values::Text(column::texts(name, array)?),
        Type::Bool => Values::Bool(column::truths(name, array)?.iter().collect()),
        Type::Time => Values::Time(column::timestamps_us(name, array)?),
    })
}
