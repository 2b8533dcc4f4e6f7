//! Typed columns of Parquet and Arrow files to the types that tables keep.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, nullif};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, FieldRef, Float32Type, Float64Type, Schema as ArrowSchema, SchemaRef,
};
use rayon::prelude::*;

use super::guard::guarded;
use super::missing::MissingTokens;
use crate::error::{Error, Result};
use crate::table::Table;
use crate::threads::in_pool;

/// Casts each column to the type that tables keep and turns missing tokens and NaN into nulls.
pub(super) struct Normalizer {
    file: String,
    schema: SchemaRef,
    missing: MissingTokens,
}

impl Normalizer {
    /// Checks that all columns can be used.
    ///
    /// # Errors
    /// A schema error that names every column of a type that no table has, or a doubled name.
    pub(super) fn new(file: &str, schema: &ArrowSchema, missing: MissingTokens) -> Result<Self> {
        let (mut fields, mut refused) = (Vec::new(), Vec::new());
        for field in schema.fields() {
            match kept_type(field.data_type()) {
                Some(kept) => fields.push(Field::new(field.name(), kept, true)),
                None => refused.push(format!("column `{}` is {}", field.name(), family(field.data_type()))),
            }
        }
        if !refused.is_empty() {
            return Err(Error::schema(format!("`{file}`: {}", refused.join(", "))).with_hint(
                "write it as columns of numbers, text, booleans, dates or timestamps, or leave it out",
            ));
        }
        if fields.is_empty() {
            return Err(Error::malformed(format!("`{file}` has no columns"))
                .with_hint("a table needs at least one column and one row"));
        }
        let schema = Arc::new(ArrowSchema::new(fields));
        Table::new(RecordBatch::new_empty(schema.clone())).map_err(|e| e.at(format!("`{file}`")))?;
        Ok(Normalizer { file: file.to_owned(), schema, missing })
    }

    /// The schema of the normalised batches.
    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// One batch in the kept types.
    pub(super) fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        // Columns side by side: the scan for missing tokens is most of the time that a frame takes.
        let fields: Vec<_> = self.schema.fields().iter().zip(batch.columns()).collect();
        let column = |(field, array): (&FieldRef, &ArrayRef)| {
            self.column(array, field.data_type())
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
                let mask: BooleanArray =
                    text.iter().map(|cell| cell.map(|cell| self.missing.contains(cell))).collect();
                if mask.true_count() == 0 {
                    Ok(array)
                } else {
                    nullif(&array, &mask).map_err(|e| e.to_string())
                }
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
