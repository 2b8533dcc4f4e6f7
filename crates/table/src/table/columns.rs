//! The same rows with other columns: chosen, left out, added, renamed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::nullif;

use super::{Table, build};
use crate::error::{Error, Result};

impl Table {
    /// Only these columns, in this order.
    ///
    /// # Errors
    /// A schema error if one is absent or stands twice.
    pub fn select(&self, names: &[String]) -> Result<Self> {
        let columns = names.iter().map(|n| Ok((n.clone(), self.column(n)?.clone())));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        if columns.is_empty() {
            let batch = build(vec![], vec![], Some(self.n_rows()))?;
            return Ok(Table { batch, places: Arc::default(), row_hashes: Arc::default(), ..self.clone() });
        }
        self.derived(Self::from_columns(columns)?)
    }

    /// The columns of another table of as many rows behind these.
    ///
    /// # Errors
    /// A schema error if both have a column of one name; a value error if they differ in their rows.
    pub fn beside(&self, other: &Table) -> Result<Self> {
        let all = |table: &Table| -> Result<Vec<(String, ArrayRef)>> {
            table
                .column_names()
                .into_iter()
                .map(|name| Ok((name.clone(), table.column(&name)?.clone())))
                .collect()
        };
        if other.n_columns() == 0 {
            return Ok(self.clone());
        }
        self.derived(Self::from_columns([all(self)?, all(other)?].concat())?)
    }

    /// All columns but these; names that are not there are passed over.
    pub fn without(&self, names: &[String]) -> Result<Self> {
        let left_out: HashSet<&String> = names.iter().collect();
        let keep: Vec<String> = self.column_names().into_iter().filter(|n| !left_out.contains(n)).collect();
        self.select(&keep)
    }

    /// With one more column at the end, or with the column of this name replaced.
    ///
    /// # Errors
    /// A schema error if the length differs.
    pub fn with_column(&self, name: &str, array: ArrayRef) -> Result<Self> {
        self.with_columns([(name, array)])
    }

    /// As [`Table::with_column`], for many, in their order: each column of the table is passed once.
    ///
    /// # Errors
    /// A schema error if a length differs.
    pub fn with_columns<N: Into<String>>(
        &self,
        new: impl IntoIterator<Item = (N, ArrayRef)>,
    ) -> Result<Self> {
        let schema = self.batch.schema();
        let mut columns: Vec<(String, ArrayRef)> = schema
            .fields()
            .iter()
            .zip(self.batch.columns())
            .map(|(f, a)| (f.name().clone(), a.clone()))
            .collect();
        let (mut untyped, mut origin) = (self.untyped.clone(), self.origin.clone());
        // Cells that were replaced are not those of the whole.
        let mut whole = self.whole.clone();
        let mut behind: HashMap<String, usize> = HashMap::new();
        for (name, array) in new {
            let name = name.into();
            self.check_length(&name, &array)?;
            if untyped.contains(&name) {
                Arc::make_mut(&mut untyped).remove(&name);
            }
            if origin.declared_categories.contains(&name) {
                Arc::make_mut(&mut origin).declared_categories.remove(&name);
            }
            match self.places.get(&name).or_else(|| behind.get(&name)) {
                Some(place) => (columns[*place].1, whole) = (array, None),
                None => {
                    behind.insert(name.clone(), columns.len());
                    columns.push((name, array));
                }
            }
        }
        let (rows, shard) = (self.rows.clone(), self.shard.clone());
        Ok(Table { untyped, origin, rows, whole, shard, ..Self::from_columns(columns)? })
    }

    /// With the same values in another spelling: rows and columns stay what they were.
    ///
    /// # Errors
    /// A schema error if a length differs.
    pub(crate) fn respelled<N: Into<String>>(
        &self,
        columns: impl IntoIterator<Item = (N, ArrayRef)>,
    ) -> Result<Self> {
        let (untyped, origin) = (self.untyped.clone(), self.origin.clone());
        Ok(Table { untyped, origin, ..self.with_columns(columns)? })
    }

    /// With cells taken away, of each column those marked; each stays as untyped as it was.
    ///
    /// # Errors
    /// A schema error if a column is absent, or not as long as its marks.
    pub(crate) fn without_cells<'a>(
        &self,
        marked: impl IntoIterator<Item = (&'a str, &'a BooleanArray)>,
    ) -> Result<Self> {
        let take_away = |(name, is_gone): (&'a str, &BooleanArray)| {
            let left = nullif(self.column(name)?, is_gone);
            Ok((name, left.map_err(|e| Error::schema(format!("column `{name}`: {e}")))?))
        };
        let left = marked.into_iter().map(take_away).collect::<Result<Vec<_>>>()?;
        Ok(Table { untyped: self.untyped.clone(), ..self.with_columns(left)? })
    }

    /// The same columns under other names, in their order; `renamed` says which, old name to new one.
    ///
    /// # Errors
    /// A schema error if a name is empty or stands twice.
    pub(crate) fn renamed(&self, names: &[String], renamed: BTreeMap<String, String>) -> Result<Self> {
        if renamed.is_empty() {
            return Ok(self.clone());
        }
        let new = |name: &String| renamed.get(name).unwrap_or(name).clone();
        let mut origin = (*self.origin).clone();
        origin.set_aside.iter_mut().for_each(|column| column.name = new(&column.name));
        origin.declared_categories = origin.declared_categories.iter().map(new).collect();
        origin.reading.numbers =
            origin.reading.numbers.into_iter().map(|(name, style)| (new(&name), style)).collect();
        let untyped = self.untyped.iter().map(new).collect();
        let columns = names.iter().cloned().zip(self.batch.columns().iter().cloned());
        let table = Self::from_columns(columns)?;
        origin.reading.renamed.extend(renamed);
        let (rows, shard) = (self.rows.clone(), self.shard.clone());
        Ok(Table { origin: Arc::new(origin), untyped: Arc::new(untyped), rows, shard, ..table })
    }

    /// Whether an array may be a column of this table.
    ///
    /// # Errors
    /// A schema error if its length differs.
    pub fn check_length(&self, name: &str, array: &ArrayRef) -> Result<()> {
        if array.len() == self.n_rows() {
            return Ok(());
        }
        Err(Error::schema(format!(
            "column `{name}` has {} rows, the table has {}",
            array.len(),
            self.n_rows()
        )))
    }
}
