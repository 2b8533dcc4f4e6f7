//! A table in memory: named Arrow columns of equal length.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{cast, concat, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};

use crate::error::{Error, Result, near_names};
use crate::read::Origin;
use crate::schema::Exclusion;

/// Named columns of equal length. Cheap to clone; columns are shared.
///
/// Column names are unique and not empty. Cells are Arrow values; text that was read from a CSV
/// file stays text until a schema says what it means. A table remembers how it was read, through every
/// choice of its rows and columns.
#[derive(Debug, Clone)]
pub struct Table {
    batch: RecordBatch,
    origin: Arc<Origin>,
}

impl Table {
    /// Wraps one record batch.
    ///
    /// # Errors
    /// A schema error if a name is empty or stands twice.
    pub fn new(batch: RecordBatch) -> Result<Self> {
        let schema = batch.schema();
        let mut seen = HashSet::new();
        for (i, field) in schema.fields().iter().enumerate() {
            if field.name().is_empty() {
                return Err(Error::schema(format!("column {} has an empty name", i + 1))
                    .with_hint("name every column"));
            }
            if !seen.insert(field.name().as_str()) {
                return Err(Error::schema(format!("column `{}` stands twice", field.name()))
                    .with_hint("rename one of the two"));
            }
        }
        Ok(Table { batch, origin: Arc::default() })
    }

    /// The same rows, read in another way.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> Self {
        Table { origin: Arc::new(origin), ..self }
    }

    /// How the table was read; for one that was made in memory, how it would be by default.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Builds a table from names and columns.
    ///
    /// # Errors
    /// A schema error if names repeat or lengths differ.
    pub fn from_columns<N: Into<String>>(columns: impl IntoIterator<Item = (N, ArrayRef)>) -> Result<Self> {
        let (mut fields, mut arrays) = (Vec::new(), Vec::<ArrayRef>::new());
        for (name, array) in columns {
            let name = name.into();
            if let Some(first) = arrays.first()
                && first.len() != array.len()
            {
                return Err(Error::schema(format!(
                    "column `{name}` has {} rows, the columns before it have {}",
                    array.len(),
                    first.len()
                )));
            }
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        Self::new(build(fields, arrays, None)?)
    }

    /// Joins batches of one schema end to end.
    ///
    /// # Errors
    /// A schema error if the batches differ in schema or a name repeats.
    pub fn from_batches(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        let batch = concat_batches(schema, batches)
            .map_err(|e| Error::schema(format!("batches do not fit together: {e}")))?;
        Self::new(batch)
    }

    /// These rows, and those of `other` behind them, by the columns of this table. A column that
    /// the two keep in different types takes one that holds both: a wider number, or else text.
    ///
    /// # Errors
    /// A schema error if `other` lacks a column.
    pub fn append(&self, other: &Self) -> Result<Self> {
        let names = self.column_names();
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let (a, b) = (self.column(&name)?, other.column(&name)?);
            let shared = shared_type(a.data_type(), b.data_type());
            let cast_to = |array: &ArrayRef| -> Result<ArrayRef> {
                cast(array, &shared).map_err(|e| Error::schema(format!("column `{name}`: {e}")))
            };
            let (a, b) = (cast_to(a)?, cast_to(b)?);
            let both = concat(&[a.as_ref(), b.as_ref()])
                .map_err(|e| Error::schema(format!("column `{name}`: {e}")))?;
            columns.push((name, both));
        }
        self.derived(Self::from_columns(columns)?)
    }

    /// A table made from this one: read as this one was.
    fn derived(&self, table: Self) -> Result<Self> {
        Ok(Table { origin: self.origin.clone(), ..table })
    }

    /// The rows as one Arrow batch.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Bytes of the columns, shared with other tables or not.
    pub fn n_bytes(&self) -> usize {
        self.batch.get_array_memory_size()
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.batch.num_columns()
    }

    /// Column names in their order.
    pub fn column_names(&self) -> Vec<String> {
        self.batch.schema().fields().iter().map(|f| f.name().clone()).collect()
    }

    /// Names of the columns, and of those that were there when the table was read and are not in it.
    pub fn all_column_names(&self) -> Vec<String> {
        let mut names = self.column_names();
        let unread = &self.origin.unread;
        let set_aside = self.origin.set_aside.iter().map(|column| &column.name);
        let set_aside = set_aside.filter(|name| !unread.contains(name));
        let there: HashSet<&str> = names.iter().map(String::as_str).collect();
        let others: Vec<String> = self
            .origin
            .unread
            .iter()
            .chain(set_aside)
            .filter(|n| !there.contains(n.as_str()))
            .cloned()
            .collect();
        names.extend(others);
        names
    }

    /// Whether a column of this name is there.
    pub fn has_column(&self, name: &str) -> bool {
        self.batch.schema().column_with_name(name).is_some()
    }

    /// One column.
    ///
    /// # Errors
    /// A schema error that names near columns if there is none of this name.
    pub fn column(&self, name: &str) -> Result<&ArrayRef> {
        self.batch.column_by_name(name).ok_or_else(|| {
            let set_aside = self.origin.set_aside(name).filter(|c| c.exclusion == Exclusion::Unreadable);
            if let Some(column) = set_aside {
                return Error::schema(format!("column `{name}` cannot be read: it is {}", column.reason))
                    .with_hint(
                        "write it as columns of numbers, text, booleans, dates or timestamps, or leave it out",
                    );
            }
            let names = self.all_column_names();
            let near = near_names(name, names.iter().map(String::as_str));
            let error = Error::schema(format!("there is no column `{name}`"));
            if near.is_empty() {
                error.with_hint(format!("the columns are {}", quoted(&names)))
            } else {
                error.with_hint(format!("did you mean {}?", quoted(&near)))
            }
        })
    }

    /// The rows at `rows_idx`, in that order; an index may repeat.
    ///
    /// # Errors
    /// A value error if an index is not below [`Table::n_rows`].
    pub fn take(&self, rows_idx: &[u32]) -> Result<Self> {
        if let Some(bad) = rows_idx.iter().find(|&&i| i as usize >= self.n_rows()) {
            return Err(Error::value(format!("row index {bad} is not below {} rows", self.n_rows())));
        }
        let batch = take_record_batch(&self.batch, &UInt32Array::from(rows_idx.to_vec()))
            .map_err(|e| Error::value(format!("cannot take rows: {e}")))?;
        self.derived(Table { batch, origin: Arc::default() })
    }

    /// Rows `start..start + n_rows`, without copying.
    pub fn slice(&self, start: usize, n_rows: usize) -> Self {
        let start = start.min(self.n_rows());
        let batch = self.batch.slice(start, n_rows.min(self.n_rows() - start));
        Table { batch, origin: self.origin.clone() }
    }

    /// Only these columns, in this order.
    ///
    /// # Errors
    /// A schema error if one is absent or stands twice.
    pub fn select(&self, names: &[String]) -> Result<Self> {
        let columns = names.iter().map(|n| Ok((n.clone(), self.column(n)?.clone())));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        if columns.is_empty() {
            let batch = build(vec![], vec![], Some(self.n_rows()))?;
            return Ok(Table { batch, origin: self.origin.clone() });
        }
        self.derived(Self::from_columns(columns)?)
    }

    /// All columns but these; names that are not there are passed over.
    pub fn without(&self, names: &[String]) -> Result<Self> {
        let keep: Vec<String> = self.column_names().into_iter().filter(|n| !names.contains(n)).collect();
        self.select(&keep)
    }

    /// With one more column at the end, or with the column of this name replaced.
    ///
    /// # Errors
    /// A schema error if the length differs.
    pub fn with_column(&self, name: &str, array: ArrayRef) -> Result<Self> {
        if array.len() != self.n_rows() {
            return Err(Error::schema(format!(
                "column `{name}` has {} rows, the table has {}",
                array.len(),
                self.n_rows()
            )));
        }
        let schema = self.batch.schema();
        let mut columns: Vec<(String, ArrayRef)> = schema
            .fields()
            .iter()
            .zip(self.batch.columns())
            .map(|(f, a)| (f.name().clone(), a.clone()))
            .collect();
        match columns.iter_mut().find(|(n, _)| n == name) {
            Some(slot) => slot.1 = array,
            None => columns.push((name.to_owned(), array)),
        }
        self.derived(Self::from_columns(columns)?)
    }
}

/// Names in backticks, joined by commas: `` `a`, `b` ``.
pub fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|n| format!("`{}`", n.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A type that holds the values of both.
fn shared_type(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        _ if a == b => a.clone(),
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        _ if a.is_integer() && b.is_integer() => DataType::Int64,
        _ if a.is_numeric() && b.is_numeric() => DataType::Float64,
        _ => DataType::Utf8,
    }
}

fn build(fields: Vec<Field>, arrays: Vec<ArrayRef>, n_rows: Option<usize>) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(n_rows.or(arrays.first().map(|a| a.len())));
    RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), arrays, &options)
        .map_err(|e| Error::schema(format!("columns do not fit together: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    fn table() -> Table {
        Table::from_columns([
            ("age", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as ArrayRef),
            ("job", Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef),
        ])
        .unwrap()
    }

    #[test]
    fn absent_column_names_its_neighbours() {
        let error = table().column("agee").unwrap_err();
        assert_eq!(error.to_string(), "there is no column `agee`");
        assert_eq!(error.hint(), Some("did you mean `age`?"));
    }

    #[test]
    fn take_select_and_replace_keep_rows_together() {
        let t = table().take(&[2, 0]).unwrap();
        assert_eq!(t.n_rows(), 2);
        let t = t.with_column("new", Arc::new(Int64Array::from(vec![7, 8]))).unwrap();
        assert_eq!(t.column_names(), ["age", "job", "new"]);
        assert_eq!(t.select(&["new".into(), "age".into()]).unwrap().column_names(), ["new", "age"]);
        assert_eq!(t.without(&["age".into(), "absent".into()]).unwrap().column_names(), ["job", "new"]);
        assert!(t.take(&[9]).unwrap_err().is_value());
        assert_eq!(t.select(&[]).unwrap().n_rows(), 2);
    }

    #[test]
    fn doubled_names_are_refused() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        assert!(Table::from_columns([("x", a.clone()), ("x", a)]).unwrap_err().is_schema());
    }
}
