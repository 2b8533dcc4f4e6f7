//! Typed columns of Parquet and Arrow files to the types that tables keep.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, nullif};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, FieldRef, Float32Type, Float64Type, Schema as ArrowSchema, SchemaRef,
};
use rayon::prelude::*;

use super::ReadOptions;
use super::guard::guarded;
use super::index::stored_indexes;
use super::interval::{Closed, intervals};
use super::missing::MissingTokens;
use super::renaming::Renaming;
use crate::column::{ExcludedColumn, Exclusion};
use crate::error::{Error, Result};
use crate::origin::Origin;
use crate::origin::Reading;
use crate::table::Table;
use crate::threads::in_pool;

/// Casts each wanted column to the type that tables keep and turns missing tokens and NaN into nulls.
pub(super) struct Normalizer {
    file: String,
    schema: SchemaRef,
    /// Places of the kept columns among those that the reader gives.
    kept_idx: Vec<usize>,
    /// Of kept columns of intervals, which ends belong to these.
    closed: Vec<Option<Closed>>,
    missing: MissingTokens,
    set_aside: Vec<ExcludedColumn>,
    unread: Vec<String>,
    declared_categories: BTreeSet<String>,
    renamed: BTreeMap<String, String>,
}

impl Normalizer {
    /// Tells the columns that can be read and are wanted from the others.
    ///
    /// # Errors
    /// A schema error if no column is of a type that a table has, or for a doubled name.
    pub(super) fn new(file: &str, schema: &ArrowSchema, options: &ReadOptions) -> Result<Self> {
        let (mut fields, mut kept_idx) = (Vec::new(), Vec::new());
        let old: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
        let names = options.renaming.names(file, &old)?;
        let renamed = Renaming::changed(&old, &names);
        let mut set_aside = stored_indexes(schema.metadata(), old.iter());
        for column in &mut set_aside {
            if let Some(new) = renamed.get(&column.name) {
                column.name.clone_from(new);
            }
        }
        let (mut unread, mut declared_categories, mut closed) = (Vec::new(), BTreeSet::new(), Vec::new());
        for (idx, (field, name)) in schema.fields().iter().zip(names).enumerate() {
            if !options.columns.has(&name) {
                unread.push(name);
                continue;
            }
            let ends = intervals(field);
            match ends.map(|_| DataType::Utf8).or_else(|| kept_type(field.data_type())) {
                Some(kept) => {
                    fields.push(Field::new(&name, kept, true));
                    kept_idx.push(idx);
                    closed.push(ends);
                    // Afterwards the column is one of plain values.
                    if ends.is_some() || matches!(field.data_type(), DataType::Dictionary(..)) {
                        declared_categories.insert(name);
                    }
                }
                None => set_aside.push(unreadable(&name, family(field.data_type()))),
            }
        }
        if schema.fields().is_empty() {
            return Err(Error::malformed(format!("`{file}` has no columns"))
                .with_hint("a table needs at least one column and one row"));
        }
        if fields.is_empty() && unread.is_empty() {
            return Err(none_readable(file, &set_aside));
        }
        let schema = Arc::new(ArrowSchema::new(fields));
        Table::new(RecordBatch::new_empty(schema.clone())).map_err(|e| e.at(format!("`{file}`")))?;
        let missing = MissingTokens::new(&options.missing_tokens);
        let file = file.to_owned();
        Ok(Normalizer {
            file,
            schema,
            kept_idx,
            closed,
            missing,
            set_aside,
            unread,
            declared_categories,
            renamed,
        })
    }

    /// The schema of the normalised batches.
    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Places of the columns that are read, for a reader that can leave out the others.
    pub(super) fn kept_idx(&self) -> &[usize] {
        &self.kept_idx
    }

    /// Tells that the reader gives nothing but the columns of [`Normalizer::kept_idx`].
    pub(super) fn expect_kept_alone(&mut self) {
        self.kept_idx = (0..self.kept_idx.len()).collect();
    }

    /// What is known of the columns before a row is read.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            set_aside: self.set_aside.clone(),
            unread: self.unread.clone(),
            declared_categories: self.declared_categories.clone(),
            reading: Reading { renamed: self.renamed.clone(), ..Reading::default() },
            ..Origin::default()
        }
    }

    /// One batch in the kept types.
    pub(super) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        // Columns side by side: the scan for missing tokens is most of the time that a frame takes.
        let arrays = self.kept_idx.iter().map(|idx| batch.column(*idx));
        let fields: Vec<_> = self.schema.fields().iter().zip(arrays).zip(&self.closed).collect();
        let column = |((field, array), closed): ((&FieldRef, &ArrayRef), &Option<Closed>)| {
            let texts = closed.map(|closed| closed.texts(array)).transpose();
            texts
                .and_then(|texts| self.column(texts.as_ref().unwrap_or(array), field.data_type()))
                .map_err(|e| Error::malformed(format!("`{}`, column `{}`: {e}", self.file, field.name())))
        };
        let columns = in_pool(|| fields.into_par_iter().map(column).collect::<Result<Vec<_>>>())??;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|e| Error::malformed(format!("`{}`: {e}", self.file)))
    }

    fn column(&self, array: &ArrayRef, kept: &DataType) -> Result<ArrayRef, String> {
        let array = if array.data_type() == kept { array.clone() } else { guarded(|| cast(array, kept))? };
        match kept {
            DataType::Float32 => Ok(without_nan::<Float32Type>(array, f32::is_nan)),
            DataType::Float64 => Ok(without_nan::<Float64Type>(array, f64::is_nan)),
            DataType::Utf8 => {
                let text = array.as_string::<i32>();
                let is_missing = |row: usize| text.is_valid(row) && self.missing.contains(text.value(row));
                // Most columns have none: for those nothing is made.
                let Some(first) = (0..text.len()).find(|row| is_missing(*row)) else { return Ok(array) };
                let mask = BooleanBuffer::collect_bool(text.len(), |row| row >= first && is_missing(row));
                nullif(&array, &BooleanArray::new(mask, None)).map_err(|e| e.to_string())
            }
            _ => Ok(array),
        }
    }
}

/// The type in which a table keeps a column, if it keeps it at all.
fn kept_type(data_type: &DataType) -> Option<DataType> {
    use DataType::*;
    Some(match data_type {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => data_type.clone(),
        Float32 | Float64 | Date32 | Date64 | Timestamp(..) => data_type.clone(),
        Float16 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Float64,
        Utf8 | LargeUtf8 | Utf8View | Time32(_) | Time64(_) => Utf8,
        Duration(_) => Int64,
        Dictionary(_, values) => return kept_type(values),
        _ => return None,
    })
}

/// A column whose cells are no single values but `what`: "a list".
pub fn unreadable(name: &str, what: &str) -> ExcludedColumn {
    ExcludedColumn { name: name.to_owned(), exclusion: Exclusion::Unreadable, reason: what.to_owned() }
}

/// The error of a table of which nothing is left.
pub(super) fn none_readable(file: &str, set_aside: &[ExcludedColumn]) -> Error {
    let named: Vec<String> =
        set_aside.iter().map(|c| format!("column `{}` is {}", c.name, c.reason)).collect();
    Error::schema(format!("`{file}` has no column that can be read: {}", named.join(", ")))
        .with_hint("write columns of numbers, text, booleans, dates or timestamps")
}

/// What is said of columns that cannot be read.
pub(super) fn unreadable_note(set_aside: &[ExcludedColumn]) -> Option<String> {
    let named: Vec<String> = set_aside
        .iter()
        .filter(|c| c.exclusion == Exclusion::Unreadable)
        .map(|c| format!("`{}` ({})", c.name, c.reason))
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "left out, a cell has to be one value: {}; write their parts as columns to use them, or ignore them",
            named.join(", ")
        )
    })
}

/// What a refused type is, in a word.
fn family(data_type: &DataType) -> &'static str {
    use DataType::*;
    match data_type {
        List(_) | LargeList(_) | ListView(_) | LargeListView(_) | FixedSizeList(..) => "a list",
        Struct(_) => "a struct",
        Map(..) => "a map",
        Union(..) => "a union",
        RunEndEncoded(..) => "run-end encoded",
        Interval(_) => "a calendar interval",
        Dictionary(_, values) => family(values),
        _ => "binary",
    }
}

fn without_nan<T: ArrowPrimitiveType>(array: ArrayRef, is_nan: fn(T::Native) -> bool) -> ArrayRef {
    let floats: &PrimitiveArray<T> = array.as_primitive();
    if !floats.values().iter().any(|&v| is_nan(v)) {
        return array;
    }
    Arc::new(floats.unary_opt::<_, T>(|v| (!is_nan(v)).then_some(v)))
}
