//! JSON lines: one flat object a line; a first pass finds the columns, a second reads them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};

use super::json_object::{JsonFault, Refusal, Scalar, parse_object};
use super::missing::MissingTokens;
use super::normalize::{none_readable, unreadable};
use super::renaming::Renaming;
use super::sniff::UTF8_BOM;
use super::source::{Source, read_failed};
use super::{MAX_BATCH_TEXT_BYTES, Opened, ReadOptions};
use crate::error::{Error, Result};
use crate::origin::Origin;
use crate::row_place::RowLines;

const EMPTY_KEY: Refusal = ("the key is empty", "name every key");
const DOUBLED_KEY: Refusal = ("the key stands twice in one object", "write each key once per object");
const CHANGED: Refusal = ("the file changed while it was read", "read it again when it is complete");

/// Integers up to here are exact in `f64`.
const MAX_EXACT_INT: u64 = 1 << 53;

/// Finds keys and types in a first pass and prepares the second one.
pub(super) fn open(source: &Source, gzip: bool, options: &ReadOptions) -> Result<Opened> {
    let missing = MissingTokens::new(&options.missing_tokens);
    let mut columns = Columns::default();
    let mut lines = Lines::open(source, gzip, options)?;
    let mut row = 0;
    while lines.advance()? {
        row += 1;
        lines.parse(|key, value| {
            if key.trim_ascii().is_empty() {
                return Err(EMPTY_KEY);
            }
            let column_idx = columns.find_or_add(key);
            let column = &mut columns.columns[column_idx];
            if std::mem::replace(&mut column.last_row, row) == row {
                return Err(DOUBLED_KEY);
            }
            column.kinds.add(&value, row, &missing);
            Ok(())
        })?;
    }
    if columns.columns.is_empty() {
        return Err(Error::malformed(format!("`{}` has {row} object(s) but no keys", source.name()))
            .with_hint("write one flat object per line: `{\"name\": value, ...}`"));
    }
    let old: Vec<&String> = columns.columns.iter().map(|column| &column.name).collect();
    let names = options.renaming.names(source.name(), &old)?;
    let mut origin = Origin::default();
    origin.reading.renamed = Renaming::changed(&old, &names);
    let (mut fields, mut builders) = (Vec::new(), Vec::new());
    for (column, name) in columns.columns.iter().zip(&names) {
        let builder = match &column.kinds.nested {
            _ if !options.columns.has(name) => {
                origin.unread.push(name.clone());
                None
            }
            Some((what, row)) => {
                origin.set_aside.push(unreadable(name, &format!("{what}, first in line {row}")));
                None
            }
            None => {
                fields.push(Field::new(name, column.kinds.data_type(), true));
                Some(Builder::new(&column.kinds.data_type()))
            }
        };
        builders.push(builder);
    }
    if fields.is_empty() && origin.unread.is_empty() {
        return Err(none_readable(source.name(), &origin.set_aside));
    }
    let schema = Arc::new(ArrowSchema::new(fields));
    let batches = JsonBatches {
        builders,
        lines: Lines::open(source, gzip, options)?,
        columns,
        missing,
        batch_rows: options.batch_rows,
        schema: schema.clone(),
    };
    // An object stands in each line.
    let lines = RowLines::default();
    lines.tell(0, 1);
    Ok(Opened { lines: Some(Arc::new(lines)), ..Opened::new(schema, Box::new(batches), origin) })
}

/// Which kinds of values a column holds; missing ones count for nothing.
#[derive(Debug, Default)]
struct Kinds {
    bool: bool,
    /// Integers that `f64` holds exactly, that only `i64` does, that neither does.
    int: bool,
    long_int: bool,
    wide_int: bool,
    float: bool,
    text: bool,
    /// The first value with values in it, in a word, and its row.
    nested: Option<(&'static str, u64)>,
}

impl Kinds {
    fn add(&mut self, value: &Scalar<'_>, row: u64, missing: &MissingTokens) {
        match value {
            Scalar::Null => {}
            Scalar::Bool(_) => self.bool = true,
            Scalar::Int(i, _) if i.unsigned_abs() <= MAX_EXACT_INT => self.int = true,
            Scalar::Int(..) => self.long_int = true,
            Scalar::WideInt(_) => self.wide_int = true,
            Scalar::Float(..) => self.float = true,
            Scalar::Text(text) => self.text |= !missing.contains(text),
            Scalar::Nested(what, _) => {
                self.nested.get_or_insert((what, row));
            }
        }
    }

    /// The narrowest type that keeps every value exactly; text keeps all.
    fn data_type(&self) -> DataType {
        let integers = self.int || self.long_int;
        if self.text || self.wide_int || (self.bool && (integers || self.float)) {
            DataType::Utf8
        } else if self.float {
            if self.long_int { DataType::Utf8 } else { DataType::Float64 }
        } else if integers {
            DataType::Int64
        } else if self.bool {
            DataType::Boolean
        } else {
            DataType::Utf8
        }
    }
}

/// One key of the file.
#[derive(Debug)]
struct JsonColumn {
    name: String,
    kinds: Kinds,
    /// The last row that had this key, from 1.
    last_row: u64,
}

/// The keys in the order of their first appearance.
#[derive(Debug, Default)]
struct Columns {
    columns: Vec<JsonColumn>,
    by_name: HashMap<String, usize>,
    /// Where the next key is expected: objects tend to repeat their order.
    expected_idx: usize,
}

impl Columns {
    fn find(&mut self, key: &str) -> Option<usize> {
        let column_idx = match self.columns.get(self.expected_idx) {
            Some(column) if column.name == key => self.expected_idx,
            _ => *self.by_name.get(key)?,
        };
        self.expected_idx = if column_idx + 1 < self.columns.len() { column_idx + 1 } else { 0 };
        Some(column_idx)
    }

    fn find_or_add(&mut self, key: &str) -> usize {
        self.find(key).unwrap_or_else(|| {
            let column_idx = self.columns.len();
            self.by_name.insert(key.to_owned(), column_idx);
            self.columns.push(JsonColumn { name: key.to_owned(), kinds: Kinds::default(), last_row: 0 });
            column_idx
        })
    }
}

/// The lines that hold an object, with their numbers.
struct Lines {
    file: String,
    input: BufReader<Box<dyn Read + Send>>,
    max_row_bytes: usize,
    line: Vec<u8>,
    number: u64,
    offset: u64,
}

impl Lines {
    fn open(source: &Source, gzip: bool, options: &ReadOptions) -> Result<Self> {
        Ok(Lines {
            file: source.name().to_owned(),
            input: BufReader::with_capacity(256 << 10, source.reader(gzip)?),
            max_row_bytes: options.max_row_bytes,
            line: Vec::new(),
            number: 0,
            offset: 0,
        })
    }

    /// Reads the next line; false at the end, where blank lines may stand.
    fn advance(&mut self) -> Result<bool> {
        let mut blank_line = None;
        while self.read_line()? {
            if !self.line.trim_ascii().is_empty() {
                return match blank_line {
                    None => Ok(true),
                    Some(number) => Err(Error::malformed(format!(
                        "`{}`, line {number}: blank, with objects below it",
                        self.file
                    ))
                    .with_hint("remove the line; a row without values is `{}`")),
                };
            }
            blank_line.get_or_insert(self.number);
        }
        Ok(false)
    }

    fn read_line(&mut self) -> Result<bool> {
        self.offset += self.line.len() as u64;
        self.line.clear();
        let limit = self.max_row_bytes.saturating_add(1) as u64;
        let n_read = (&mut self.input)
            .take(limit)
            .read_until(b'\n', &mut self.line)
            .map_err(|e| read_failed(&self.file, e))?;
        self.number += 1;
        if n_read > self.max_row_bytes {
            return Err(Error::malformed(format!(
                "`{}`, line {}: longer than {} bytes",
                self.file, self.number, self.max_row_bytes
            ))
            .with_hint("write one object per line, or raise `max_row_bytes`"));
        }
        if self.number == 1 && self.line.starts_with(UTF8_BOM) {
            self.line.drain(..UTF8_BOM.len());
            self.offset += UTF8_BOM.len() as u64;
        }
        Ok(n_read > 0)
    }

    fn parse<'a>(&'a self, on_cell: impl FnMut(&str, Scalar<'a>) -> Result<(), Refusal>) -> Result<()> {
        let line = std::str::from_utf8(&self.line).map_err(|e| {
            Error::malformed(format!(
                "`{}`, line {}: byte {:#04x} at offset {} is not UTF-8",
                self.file,
                self.number,
                self.line[e.valid_up_to()],
                self.offset + e.valid_up_to() as u64
            ))
            .with_hint("save the file as UTF-8")
        })?;
        parse_object(line, on_cell).map_err(|JsonFault { at, key, what, hint }| {
            let key = key.map(|key| format!(", key `{key}`")).unwrap_or_default();
            Error::malformed(format!("`{}`, line {}, byte {}{key}: {what}", self.file, self.number, at + 1))
                .with_hint(hint)
        })
    }
}

struct JsonBatches {
    lines: Lines,
    columns: Columns,
    /// One for each column that is read.
    builders: Vec<Option<Builder>>,
    missing: MissingTokens,
    batch_rows: usize,
    schema: SchemaRef,
}

impl JsonBatches {
    fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        let (mut n_rows, mut n_bytes) = (0, 0);
        while n_rows < self.batch_rows && n_bytes < MAX_BATCH_TEXT_BYTES && self.lines.advance()? {
            let (columns, builders) = (&mut self.columns, &mut self.builders);
            self.lines.parse(|key, value| {
                let column_idx = columns.find(key).ok_or(CHANGED)?;
                let Some(builder) = &mut builders[column_idx] else { return Ok(()) };
                if builder.len() != n_rows {
                    return Err(DOUBLED_KEY);
                }
                builder.append(value, &self.missing)
            })?;
            n_rows += 1;
            n_bytes += self.lines.line.len();
            // Keys that this object lacks.
            self.builders.iter_mut().flatten().filter(|b| b.len() < n_rows).for_each(Builder::append_null);
        }
        if n_rows == 0 {
            return Ok(None);
        }
        let columns = self.builders.iter_mut().flatten().map(Builder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|e| Error::malformed(format!("`{}`: {e}", self.lines.file)))?;
        Ok(Some(batch))
    }
}

impl Iterator for JsonBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_batch().transpose()
    }
}

enum Builder {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
}

/// Runs the same call on whichever builder it is.
macro_rules! each {
    ($self:expr, $b:ident => $call:expr) => {
        match $self {
            Builder::Bool($b) => $call,
            Builder::Int($b) => $call,
            Builder::Float($b) => $call,
            Builder::Text($b) => $call,
        }
    };
}

impl Builder {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Builder::Bool(BooleanBuilder::new()),
            DataType::Int64 => Builder::Int(Int64Builder::new()),
            DataType::Float64 => Builder::Float(Float64Builder::new()),
            _ => Builder::Text(StringBuilder::new()),
        }
    }

    fn append(&mut self, value: Scalar<'_>, missing: &MissingTokens) -> Result<(), Refusal> {
        match (self, value) {
            (builder, Scalar::Null) => builder.append_null(),
            (builder, Scalar::Text(text)) if missing.contains(&text) => builder.append_null(),
            (Builder::Bool(b), Scalar::Bool(value)) => b.append_value(value),
            (Builder::Int(b), Scalar::Int(value, _)) => b.append_value(value),
            (Builder::Float(b), Scalar::Int(value, _)) => b.append_value(value as f64),
            (Builder::Float(b), Scalar::Float(value, _)) => b.append_value(value),
            (Builder::Text(b), Scalar::Text(text)) => b.append_value(text),
            (Builder::Text(b), Scalar::Bool(value)) => b.append_value(if value { "true" } else { "false" }),
            (Builder::Text(b), Scalar::Int(_, text) | Scalar::WideInt(text) | Scalar::Float(_, text)) => {
                b.append_value(text);
            }
            _ => return Err(CHANGED),
        }
        Ok(())
    }

    fn append_null(&mut self) {
        each!(self, b => b.append_null());
    }

    fn len(&self) -> usize {
        use arrow::array::ArrayBuilder;
        each!(self, b => b.len())
    }

    fn finish(&mut self) -> ArrayRef {
        each!(self, b => Arc::new(b.finish()))
    }
}
