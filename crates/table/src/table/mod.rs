//! A table in memory: named Arrow columns of equal length.

mod append;
mod columns;
mod whole;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::new_empty_array;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{concat, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};

use crate::column::Exclusion;
use crate::error::{Error, Result, near_names};
use crate::origin::Origin;
use crate::row_place::{RowLines, RowPlace, RowPlaces, Rows};
use crate::spelling::WholeNumbers;
pub use crate::visible::{quoted, quoted_some};
use crate::workers::Shard;
pub use whole::Whole;

/// Named columns of equal length. Cheap to clone; columns are shared.
///
/// Column names are unique and not empty. Cells are Arrow values; text that was read from a CSV
/// file stays text until a schema says what it means, and is remembered to be [untyped](Table::is_untyped). A
/// table remembers how it was read, through every choice of its rows and columns.
#[derive(Debug, Clone)]
pub struct Table {
    batch: RecordBatch,
    /// Where each column stands: a table may have a hundred thousand, which are looked up by name.
    places: Arc<HashMap<String, usize>>,
    origin: Arc<Origin>,
    /// Columns whose text came from a file without types.
    untyped: Arc<HashSet<String>>,
    rows: RowPlaces,
    row_hashes: RowHashes,
    /// What the rows were drawn from, as long as they are all that were drawn.
    whole: Option<Arc<dyn Whole>>,
    /// Says that the rows are those of one worker, as long as they are all that it has.
    shard: Option<Shard>,
}

impl Rows for Table {
    fn place_of(&self, row_idx: usize) -> RowPlace {
        self.row_place(row_idx)
    }
}

/// Hashes of the rows that were asked for, each with the columns that they are of. Parts, keys and remembered rows
/// all go by the same ones; the cells do not change.
type RowHashes = Arc<Mutex<Vec<(Vec<String>, WholeNumbers, Arc<Vec<u64>>)>>>;

impl Table {
    /// Where a row came from: as the caller's table counts it, and its line in a text file.
    pub fn row_place(&self, row_idx: usize) -> RowPlace {
        self.rows.of(row_idx)
    }

    /// Wraps one record batch.
    ///
    /// # Errors
    /// A schema error if a name is empty or stands twice.
    pub fn new(batch: RecordBatch) -> Result<Self> {
        let schema = batch.schema();
        let mut places = HashMap::with_capacity(schema.fields().len());
        for (i, field) in schema.fields().iter().enumerate() {
            if field.name().is_empty() {
                return Err(Error::schema(format!("column {} has an empty name", i + 1))
                    .with_hint("name every column"));
            }
            if places.insert(field.name().clone(), i).is_some() {
                return Err(Error::schema(format!("column `{}` stands twice", field.name()))
                    .with_hint("rename one of the two"));
            }
        }
        Ok(Table {
            batch,
            places: Arc::new(places),
            origin: Arc::default(),
            untyped: Arc::default(),
            row_hashes: Arc::default(),
            rows: RowPlaces::default(),
            whole: None,
            shard: None,
        })
    }

    /// The hashes of the rows by these columns: made once, while the table and its copies are there.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn hashed_once(
        &self,
        columns: &[String],
        rule: WholeNumbers,
        make: impl FnOnce() -> Result<Vec<u64>>,
    ) -> Result<Arc<Vec<u64>>> {
        let lock = || self.row_hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let found =
            lock().iter().find(|(of, by, _)| of == columns && *by == rule).map(|(.., hashes)| hashes.clone());
        if let Some(hashes) = found {
            return Ok(hashes);
        }
        let hashes = Arc::new(make()?);
        lock().push((columns.to_vec(), rule, hashes.clone()));
        Ok(hashes)
    }

    /// The same table, its texts marked as those of a file that has no types, such as CSV.
    pub(crate) fn of_untyped_texts(self) -> Self {
        let schema = self.batch.schema();
        let texts = schema.fields().iter().filter(|f| f.data_type() == &DataType::Utf8);
        Table { untyped: Arc::new(texts.map(|f| f.name().clone()).collect()), ..self }
    }

    /// The same table, whose rows begin at these lines of a text file.
    pub(crate) fn of_lines(self, lines: Arc<RowLines>) -> Self {
        Table { rows: RowPlaces::of_lines(lines), ..self }
    }

    /// The same table, a part that begins at a row of a file, whose rows begin at these lines if it has some.
    pub(crate) fn of_part(self, lines: Option<Arc<RowLines>>, first: usize) -> Self {
        Table { rows: lines.map(RowPlaces::of_lines).unwrap_or_default().slice(first), ..self }
    }

    /// Whether a column holds text only because its file has no types: `1` may be a number there. In a frame
    /// or a Parquet file text is meant as text.
    pub fn is_untyped(&self, name: &str) -> bool {
        self.untyped.contains(name)
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

    /// As [`Table::from_batches`], of batches that nobody else needs: each column is joined and let go of, so that
    /// no more than one stands in memory twice.
    ///
    /// # Errors
    /// As [`Table::from_batches`].
    pub(crate) fn from_owned_batches(schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<Self> {
        let n_rows = batches.iter().map(RecordBatch::num_rows).sum();
        let mut pieces: Vec<Vec<ArrayRef>> = schema.fields().iter().map(|_| Vec::new()).collect();
        for batch in batches {
            pieces.iter_mut().zip(batch.columns()).for_each(|(column, piece)| column.push(piece.clone()));
        }
        let mut columns = Vec::with_capacity(pieces.len());
        for (field, pieces) in schema.fields().iter().zip(pieces) {
            let whole = match &pieces[..] {
                [] => new_empty_array(field.data_type()),
                [one] => one.clone(),
                many => concat(&many.iter().map(|piece| piece.as_ref()).collect::<Vec<_>>())
                    .map_err(|e| Error::schema(format!("batches do not fit together: {e}")))?,
            };
            columns.push(whole);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(schema.clone(), columns, &options)
            .map_err(|e| Error::schema(format!("batches do not fit together: {e}")))?;
        Self::new(batch)
    }

    /// The same table with these notes in place of those of its reading.
    pub(crate) fn with_notes(self, notes: Vec<String>) -> Self {
        let origin = Origin { notes, ..(*self.origin).clone() };
        self.with_origin(origin)
    }

    /// A table made from this one: read as this one was.
    fn derived(&self, table: Self) -> Result<Self> {
        let (origin, untyped, rows) = (self.origin.clone(), self.untyped.clone(), self.rows.clone());
        Ok(Table { origin, untyped, rows, whole: self.whole.clone(), shard: self.shard.clone(), ..table })
    }

    /// The same table, as the rows that one of several workers has: what is fitted to it is fitted to the rows of all.
    #[must_use]
    pub fn as_shard(self, shard: Shard) -> Self {
        Table { shard: Some(shard), ..self }
    }

    /// The worker whose rows these are, if others have the other rows.
    pub fn shard(&self) -> Option<&Shard> {
        self.shard.as_ref()
    }

    /// Refuses a table of which other workers have the other rows, for `what` needs all of them in one place.
    ///
    /// # Errors
    /// An option error.
    pub fn check_all_here(&self, what: &str) -> Result<()> {
        let Some(shard) = &self.shard else { return Ok(()) };
        Err(Error::option(format!(
            "{what} needs all rows in one place, and these are the rows of one worker, {} of {}",
            shard.rank() + 1,
            shard.n_workers()
        ))
        .with_hint(
            "give one process a table of all rows, or of those that are drawn within a limit of memory",
        ))
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
        self.places.contains_key(name)
    }

    /// One column.
    ///
    /// # Errors
    /// A schema error that names near columns if there is none of this name.
    pub fn column(&self, name: &str) -> Result<&ArrayRef> {
        self.places.get(name).map(|place| self.batch.column(*place)).ok_or_else(|| {
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
            let parts: Vec<&str> = name.split(',').map(str::trim).collect();
            if parts.len() > 1 && parts.iter().all(|part| self.has_column(part)) {
                let parts = quoted(&parts);
                error.with_hint(format!("this was taken for one name; give {parts} one by one"))
            } else if near.is_empty() {
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
        let rows = self.rows.take(rows_idx);
        Ok(Table { batch, rows, row_hashes: Arc::default(), whole: None, shard: None, ..self.clone() })
    }

    /// Rows `start..start + n_rows`, without copying.
    pub fn slice(&self, start: usize, n_rows: usize) -> Self {
        let start = start.min(self.n_rows());
        let batch = self.batch.slice(start, n_rows.min(self.n_rows() - start));
        let rows = self.rows.slice(start);
        Table { batch, rows, row_hashes: Arc::default(), whole: None, shard: None, ..self.clone() }
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
        let error = table().column("age, job").unwrap_err();
        assert_eq!(error.hint(), Some("this was taken for one name; give `age`, `job` one by one"));
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
    fn whole_numbers_keep_their_digits_when_tables_are_joined() {
        use arrow::array::{Float64Array, UInt64Array};
        let one = |array: ArrayRef| Table::from_columns([("id", array)]).unwrap();
        let joined = |a: ArrayRef, b: ArrayRef| -> (DataType, Vec<String>) {
            let both = one(a).append(&one(b)).unwrap();
            let array = both.column("id").unwrap().clone();
            let texts = crate::cell::texts("id", &array).unwrap();
            (array.data_type().clone(), texts.iter().map(|t| t.unwrap_or("none").to_owned()).collect())
        };
        let signed = |v: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![v])) };
        let unsigned = |v: u64| -> ArrayRef { Arc::new(UInt64Array::from(vec![v])) };
        let float = |v: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![v])) };
        let texts = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let big = u64::MAX.to_string();
        assert_eq!(joined(signed(5), unsigned(u64::MAX)), (DataType::UInt64, texts("5", &big)));
        assert_eq!(joined(unsigned(u64::MAX), signed(-5)), (DataType::Utf8, texts(&big, "-5")));
        assert_eq!(joined(unsigned(7), signed(-5)), (DataType::Int64, texts("7", "-5")));
        let odd = (1i64 << 53) + 1;
        assert_eq!(joined(signed(odd), float(0.5)), (DataType::Utf8, texts(&odd.to_string(), "0.5")));
        assert_eq!(joined(signed(3), float(0.5)), (DataType::Float64, texts("3", "0.5")));
    }

    #[test]
    fn what_a_csv_file_gave_is_untyped_until_it_is_replaced() {
        let options = crate::read::ReadOptions::default();
        let read = crate::read::read_csv_bytes(b"a,b\n1,x\n2,y\n", "t.csv", &options).unwrap();
        assert!(read.is_untyped("a") && read.is_untyped("b") && !read.is_untyped("c"));
        assert!(read.take(&[1]).unwrap().slice(0, 1).select(&["a".into()]).unwrap().is_untyped("a"));
        assert!(read.append(&read).unwrap().is_untyped("a"));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["1", "2"]));
        let typed = read.with_column("a", text).unwrap();
        assert!(!typed.is_untyped("a") && typed.is_untyped("b") && read.is_untyped("a"));
        assert!(!read.append(&typed).unwrap().is_untyped("a"));
    }

    #[test]
    fn doubled_names_are_refused() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        assert!(Table::from_columns([("x", a.clone()), ("x", a)]).unwrap_err().is_schema());
    }
}
