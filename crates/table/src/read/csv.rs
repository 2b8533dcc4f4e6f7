//! CSV and TSV: a header, then records of equally many cells, all of them text.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};

use super::missing::MissingTokens;
use super::records::{Fault, Records, Span, Stop};
use super::sniff::UTF8_BOM;
use super::source::{Source, read_failed};
use super::{Batches, MAX_BATCH_TEXT_BYTES, ReadOptions, shown};
use crate::error::{Error, Result};

/// Reads the header and prepares the batches.
pub(super) fn open(
    source: &Source,
    delimiter: u8,
    gzip: bool,
    options: &ReadOptions,
) -> Result<(SchemaRef, Batches)> {
    let mut csv = CsvBatches {
        file: source.name().to_owned(),
        records: Records::new(source.reader(gzip)?, delimiter, options.max_row_bytes),
        delimiter,
        max_row_bytes: options.max_row_bytes,
        missing: MissingTokens::new(&options.missing_tokens),
        batch_rows: options.batch_rows,
        names: Vec::new(),
        schema: Arc::new(ArrowSchema::empty()),
        builders: Vec::new(),
        blank_line: None,
        unescaped: String::new(),
    };
    csv.read_header()?;
    Ok((csv.schema.clone(), Box::new(csv)))
}

struct CsvBatches {
    file: String,
    records: Records,
    delimiter: u8,
    max_row_bytes: usize,
    missing: MissingTokens,
    batch_rows: usize,
    names: Vec<String>,
    schema: SchemaRef,
    builders: Vec<StringBuilder>,
    /// The first blank line after the last row; an error as soon as another row follows.
    blank_line: Option<u64>,
    unescaped: String,
}

impl CsvBatches {
    fn read_header(&mut self) -> Result<()> {
        self.records.skip_mark(UTF8_BOM).map_err(|stop| self.stopped(stop))?;
        let found = self.records.advance().map_err(|stop| self.stopped(stop))?;
        if !found || self.records.is_blank() {
            return Err(Error::malformed(format!("{}: blank, where the header should be", self.place(1)))
                .with_hint("the first line must name the columns"));
        }
        let record = self.text()?;
        let mut names: Vec<String> = Vec::with_capacity(self.records.spans().len());
        let mut columns_idx = HashMap::new();
        for (column_idx, span) in self.records.spans().iter().enumerate() {
            let mut name = cell(record, span).to_owned();
            if span.escaped {
                name = name.replace("\"\"", "\"");
            }
            if name.trim_ascii().is_empty() {
                return Err(Error::schema(format!(
                    "{}: column {} of {} has no name in the header",
                    self.place(1),
                    column_idx + 1,
                    self.records.spans().len()
                ))
                .with_hint("name it; an unnamed first column is often an index (pandas: `index=False`)"));
            }
            if let Some(first_idx) = columns_idx.insert(name.clone(), column_idx) {
                return Err(Error::schema(format!(
                    "{}: the header names `{name}` twice, as columns {} and {}",
                    self.place(1),
                    first_idx + 1,
                    column_idx + 1
                ))
                .with_hint("rename one of the two"));
            }
            names.push(name);
        }
        let fields = names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect::<Vec<_>>();
        self.schema = Arc::new(ArrowSchema::new(fields));
        self.builders = names.iter().map(|_| StringBuilder::new()).collect();
        self.names = names;
        Ok(())
    }

    /// Up to `batch_rows` rows; `None` at the end of the file.
    fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        let (mut n_rows, mut n_bytes) = (0, 0);
        while n_rows < self.batch_rows && n_bytes < MAX_BATCH_TEXT_BYTES {
            if !self.records.advance().map_err(|stop| self.stopped(stop))? {
                break;
            }
            // One column: a blank line is a row whose cell is empty.
            if self.records.is_blank() && self.names.len() > 1 {
                self.blank_line.get_or_insert(self.records.line());
                continue;
            }
            if let Some(line) = self.blank_line {
                return Err(Error::malformed(format!("{}: blank, with rows below it", self.place(line)))
                    .with_hint("remove the line, or write a delimiter between each two missing cells"));
            }
            self.append_record()?;
            n_rows += 1;
            n_bytes += self.records.record().len();
        }
        if n_rows == 0 {
            return Ok(None);
        }
        let columns = self.builders.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|e| Error::malformed(format!("`{}`: {e}", self.file)))?;
        Ok(Some(batch))
    }

    fn append_record(&mut self) -> Result<()> {
        let n_cells = self.records.spans().len();
        if n_cells != self.names.len() {
            return Err(self.ragged(n_cells));
        }
        let record = match std::str::from_utf8(self.records.record()) {
            Ok(record) => record,
            Err(_) => return self.text().map(|_| ()),
        };
        for (span, builder) in self.records.spans().iter().zip(&mut self.builders) {
            let mut text = cell(record, span);
            if span.escaped {
                self.unescaped.clear();
                for (i, part) in text.split("\"\"").enumerate() {
                    self.unescaped.push_str(if i > 0 { "\"" } else { "" });
                    self.unescaped.push_str(part);
                }
                text = &self.unescaped;
            }
            if self.missing.contains(text) {
                builder.append_null();
            } else {
                builder.append_value(text);
            }
        }
        Ok(())
    }

    /// The current record as text.
    fn text(&self) -> Result<&str> {
        let record = self.records.record();
        std::str::from_utf8(record).map_err(|e| {
            let at = e.valid_up_to();
            let line = self.records.line() + record[..at].iter().filter(|&&b| b == b'\n').count() as u64;
            let column_idx = self.records.spans().iter().position(|s| s.end > at).unwrap_or(0);
            Error::malformed(format!(
                "{}: byte {:#04x} at offset {} is not UTF-8",
                self.place_in(line, column_idx),
                record[at],
                self.records.offset() + at as u64
            ))
            .with_hint("save the file as UTF-8; from Western European text: `iconv -f WINDOWS-1252 -t UTF-8`")
        })
    }

    fn ragged(&self, n_cells: usize) -> Error {
        let (line, n_columns) = (self.records.line(), self.names.len());
        let (lack, hint) = match self.names.get(n_cells) {
            Some(name) => (
                format!("; the first column without a cell is `{name}`"),
                "write every delimiter, also around missing cells".to_owned(),
            ),
            None => (
                String::new(),
                format!(
                    "put cells that hold {} in double quotes, or give another delimiter",
                    shown(self.delimiter)
                ),
            ),
        };
        Error::malformed(format!(
            "{}: {n_cells} cell(s) between delimiters {}, the header has {n_columns}{lack}",
            self.place(line),
            shown(self.delimiter)
        ))
        .with_hint(hint)
    }

    fn stopped(&self, stop: Stop) -> Error {
        match stop {
            Stop::Io(e) => read_failed(&self.file, e),
            Stop::TooLong { line, quote_line: Some(quote_line) } => Error::malformed(format!(
                "{}: the quote opened in line {quote_line} is not closed within {} bytes",
                self.place(line),
                self.max_row_bytes
            ))
            .with_hint("close the quote, or double it if it belongs to the text"),
            Stop::TooLong { line, quote_line: None } => Error::malformed(format!(
                "{}: the row is longer than {} bytes",
                self.place(line),
                self.max_row_bytes
            ))
            .with_hint("check that the file is a table with line ends, or raise `max_row_bytes`"),
            Stop::Fault { fault, line, column_idx, found, quote_line } => {
                let (what, hint) = match fault {
                    Fault::UnclosedQuote => (
                        "the quote opened here is never closed".to_owned(),
                        "close the quote, or double it if it belongs to the text",
                    ),
                    Fault::TextAfterQuote => (
                        match quote_line {
                            _ if quote_line == line => {
                                format!("found `{}` after a closing quote", found.escape_ascii())
                            }
                            _ => format!(
                                "found `{}` after the quote that closes the one opened in line {quote_line}",
                                found.escape_ascii()
                            ),
                        },
                        "close every quote at the end of its cell, and double quotes that belong to the text",
                    ),
                    Fault::Nul => (
                        "found a NUL byte".to_owned(),
                        "the file is damaged, not text, or in UTF-16; save it as UTF-8 text",
                    ),
                    Fault::LoneReturn => (
                        "found a carriage return without a line feed".to_owned(),
                        "end lines with a line feed, and put cells that hold carriage returns in double quotes",
                    ),
                };
                Error::malformed(format!("{}: {what}", self.place_in(line, column_idx))).with_hint(hint)
            }
        }
    }

    fn place(&self, line: u64) -> String {
        format!("`{}`, line {line}", self.file)
    }

    fn place_in(&self, line: u64, column_idx: usize) -> String {
        match self.names.get(column_idx) {
            Some(name) => format!("{}, column `{name}`", self.place(line)),
            None => format!("{}, column {}", self.place(line), column_idx + 1),
        }
    }
}

impl Iterator for CsvBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read_batch().transpose()
    }
}

/// Cuts at ASCII characters (delimiters, quotes, line ends), so on character boundaries.
fn cell<'a>(record: &'a str, span: &Span) -> &'a str {
    &record[span.start..span.end]
}
