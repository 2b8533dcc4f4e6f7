//! The cell of a Parquet or Arrow file whose text is not UTF-8. The decoders say only that there is one, so
//! the file is looked through again as bytes once they have refused it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::ipc::reader::read_record_batch;
use arrow::ipc::root_as_message;
use parquet::basic::{ConvertedType, LogicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::ByteArrayType;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::guard::{damaged, guarded};
use super::validate::Fault;
use crate::error::Error;

/// Records of a Parquet column looked at together.
const N_RECORDS: usize = 8192;

/// Whether a decoder's complaint is about text.
fn is_about_text(found: &str) -> bool {
    found.contains("UTF8") || found.contains("UTF-8") || found.contains("utf-8")
}

/// The error of a Parquet file whose decoder said `found`; `again` opens the file once more.
pub(super) fn of_parquet<R: ChunkReader + 'static>(
    file: &str,
    found: &str,
    again: impl FnOnce() -> Option<R>,
) -> Error {
    let looked = || again().filter(|_| is_about_text(found)).map(|input| parquet_text(file, input));
    match guarded(|| looked().transpose()) {
        Ok(Some(Some(error))) => error,
        _ => damaged(file, found),
    }
}

fn parquet_text<R: ChunkReader + 'static>(file: &str, input: R) -> Result<Option<Error>, ParquetError> {
    let reader = SerializedFileReader::new(input)?;
    let mut first_row = 0;
    for group_idx in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group_idx)?;
        for column_idx in 0..group.num_columns() {
            let column = group.metadata().column(column_idx).column_descr_ptr();
            if !is_text(&column) {
                continue;
            }
            if let ColumnReader::ByteArrayColumnReader(cells) = group.get_column_reader(column_idx)?
                && let Some(fault) = parquet_cell(cells, column.max_def_level())?
            {
                return Ok(Some(fault.into_error(file, column.name(), first_row)));
            }
        }
        first_row += usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    }
    Ok(None)
}

/// Whether a column of a Parquet file holds texts, one a row.
pub(super) fn is_text(column: &ColumnDescriptor) -> bool {
    let is_text = column.converted_type() == ConvertedType::UTF8
        || matches!(column.logical_type_ref(), Some(LogicalType::String));
    is_text && column.max_rep_level() == 0
}

fn parquet_cell(
    mut cells: ColumnReaderImpl<ByteArrayType>,
    present: i16,
) -> Result<Option<Fault>, ParquetError> {
    let (mut levels, mut values, mut row) = (Vec::new(), Vec::new(), 0);
    loop {
        levels.clear();
        values.clear();
        let (n_records, ..) = cells.read_records(N_RECORDS, Some(&mut levels), None, &mut values)?;
        if n_records == 0 {
            return Ok(None);
        }
        let mut values = values.iter();
        for record in 0..n_records {
            // A column that may not be missing has no levels.
            let is_present = levels.get(record).is_none_or(|level| *level == present);
            if is_present
                && let Some(value) = values.next()
                && std::str::from_utf8(value.data()).is_err()
            {
                return Ok(Some(Fault::not_utf8(row + record, value.data())));
            }
        }
        row += n_records;
    }
}

/// The error of an Arrow file whose decoder said `found` of a message: `header` is the message's, without
/// what precedes it, `body` what follows. The message's first row is row `first_row`, from 0. `later` are header
/// and body of the messages behind it: a dictionary comes before the rows that use it.
pub(super) fn of_arrow(
    file: &str,
    found: &str,
    schema: &Schema,
    (header, body): (&[u8], Buffer),
    first_row: usize,
    later: impl Iterator<Item = (Buffer, Buffer)>,
) -> Error {
    if !is_about_text(found) {
        return damaged(file, found);
    }
    if let Ok(Some((column, fault))) = guarded(|| arrow_text(schema, header, body.clone())) {
        return fault.into_error(file, &column, first_row);
    }
    match guarded(|| dictionary_text(schema, header, body)) {
        Ok(Some((columns, fault))) => {
            let used = guarded(|| first_use(schema, &columns, fault.row, later)).ok().flatten();
            match (used, columns.first()) {
                (Some((column, row)), _) => fault.at_row(row).into_error(file, &column, first_row),
                (None, first) => {
                    let column = first.map(|i| schema.field(*i).name().as_str()).unwrap_or_default();
                    fault.of_dictionary().into_error(file, column, 0)
                }
            }
        }
        _ => Error::value(format!("`{file}`: a dictionary of text is not UTF-8: {found}"))
            .with_hint("write the file again, with its text in UTF-8"),
    }
}

/// The columns whose dictionary a message holds, and the value of it that is no text.
fn dictionary_text(
    schema: &Schema,
    header: &[u8],
    body: Buffer,
) -> Result<Option<(Vec<usize>, Fault)>, String> {
    let message = root_as_message(header).map_err(|e| e.to_string())?;
    let Some(batch) = message.header_as_dictionary_batch() else { return Ok(None) };
    #[expect(deprecated, reason = "a message names its column by nothing else")]
    let of_id = schema.fields_with_dict_id(batch.id());
    let (Some(field), Some(values)) = (of_id.first(), batch.data()) else { return Ok(None) };
    let columns = of_id.iter().filter_map(|field| schema.index_of(field.name()).ok()).collect();
    let is_continued = batch.isDelta();
    let DataType::Dictionary(_, kind) = field.data_type() else { return Ok(None) };
    let Some(bytes) = bytes_of(kind) else { return Ok(None) };
    let schema = Arc::new(Schema::new(vec![Field::new("values", bytes, true)]));
    let batch = read_record_batch(&body, values, schema, &HashMap::new(), None, &message.version())
        .map_err(|e| e.to_string())?;
    // Keys to a continuation count from the end of what it continues, which is not known here.
    let columns = if is_continued { Vec::new() } else { columns };
    Ok(arrow_cell(batch.column(0)).map(|fault| (columns, fault)))
}

/// The first row, counted from that of the first message, in which one of these columns of dictionaries has the
/// `value`-th of its dictionary, and the column.
fn first_use(
    schema: &Schema,
    columns: &[usize],
    value: Option<usize>,
    messages: impl Iterator<Item = (Buffer, Buffer)>,
) -> Result<Option<(String, usize)>, String> {
    let text = |e: arrow::error::ArrowError| e.to_string();
    let keys = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Dictionary(key, _) => Arc::new(Field::new(field.name(), key.as_ref().clone(), true)),
        _ => field.clone(),
    });
    let keys = Arc::new(Schema::new(keys.collect::<Vec<_>>()));
    let mut first = 0;
    for (header, body) in messages {
        let message = root_as_message(&header).map_err(|e| e.to_string())?;
        let Some(batch) = message.header_as_record_batch() else { continue };
        let (none, version) = (HashMap::new(), message.version());
        let batch =
            read_record_batch(&body, batch, keys.clone(), &none, Some(columns), &version).map_err(text)?;
        let names = batch.schema();
        let mut used: Option<(String, usize)> = None;
        for (field, column) in names.fields().iter().zip(batch.columns()) {
            let keys = cast(column, &DataType::Int64).map_err(text)?;
            let row = keys.as_primitive::<Int64Type>().iter().position(|key| key == value.map(|v| v as i64));
            if let Some(row) = row.filter(|row| used.as_ref().is_none_or(|(_, other)| row < other)) {
                used = Some((field.name().clone(), row));
            }
        }
        if let Some((column, row)) = used {
            return Ok(Some((column, first + row)));
        }
        first += batch.num_rows();
    }
    Ok(None)
}

/// The type of a column of text that is read as bytes; none for other columns.
fn bytes_of(kind: &DataType) -> Option<DataType> {
    match kind {
        DataType::Utf8 => Some(DataType::Binary),
        DataType::LargeUtf8 => Some(DataType::LargeBinary),
        DataType::Utf8View => Some(DataType::BinaryView),
        _ => None,
    }
}

fn arrow_text(schema: &Schema, header: &[u8], body: Buffer) -> Result<Option<(String, Fault)>, String> {
    let message = root_as_message(header).map_err(|e| e.to_string())?;
    let Some(batch) = message.header_as_record_batch() else { return Ok(None) };
    let bytes = |field: &Arc<Field>| bytes_of(field.data_type());
    let of_text: Vec<usize> =
        (0..schema.fields().len()).filter(|i| bytes(&schema.fields()[*i]).is_some()).collect();
    let fields = schema.fields().iter().map(|field| match bytes(field) {
        Some(bytes) => Arc::new(field.as_ref().clone().with_data_type(bytes)),
        None => field.clone(),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let (none, version) = (HashMap::new(), message.version());
    let batch: RecordBatch = read_record_batch(&body, batch, schema, &none, Some(&of_text), &version)
        .map_err(|e| e.to_string())?;
    let names = batch.schema();
    let mut columns = names.fields().iter().zip(batch.columns());
    Ok(columns.find_map(|(field, column)| Some((field.name().clone(), arrow_cell(column)?))))
}

fn arrow_cell(column: &ArrayRef) -> Option<Fault> {
    let first = |mut cells: Box<dyn Iterator<Item = Option<&[u8]>> + '_>| {
        let bad = |cell: Option<&[u8]>| cell.is_some_and(|cell| std::str::from_utf8(cell).is_err());
        cells.position(bad)
    };
    match column.data_type() {
        DataType::Binary => {
            let cells = column.as_binary::<i32>();
            first(Box::new(cells.iter())).map(|row| Fault::not_utf8(row, cells.value(row)))
        }
        DataType::LargeBinary => {
            let cells = column.as_binary::<i64>();
            first(Box::new(cells.iter())).map(|row| Fault::not_utf8(row, cells.value(row)))
        }
        _ => {
            let cells = column.as_binary_view();
            first(Box::new(cells.iter())).map(|row| Fault::not_utf8(row, cells.value(row)))
        }
    }
}
