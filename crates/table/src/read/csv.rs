//! CSV and TSV: a header, then records of equally many cells, all of them text.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};

use super::index::{UNNAMED, written_index};
use super::missing::MissingTokens;
use super::records::{Fault, Records, Span, Stop};
use super::renaming::Renaming;
use super::sniff::UTF8_BOM;
use super::source::{Source, read_failed};
use super::{MAX_BATCH_TEXT_BYTES, Opened, ReadOptions, shown};
use crate::column::ExcludedColumn;
use crate::error::{Error, Result};
use crate::origin::{Origin, Reading};
use crate::row_place::RowLines;

/// Rows within which a header that does not fit is taken for a title.
const MAX_PREAMBLE_ROWS: u64 = 20;
/// Rows after one that does not fit that are looked at to tell why.
const N_LOOKED_AHEAD: usize = 5;

/// Reads the header and prepares the batches.
pub(super) fn open(source: &Source, delimiter: u8, gzip: bool, options: &ReadOptions) -> Result<Opened> {
    let mut csv = CsvBatches {
        file: source.name().to_owned(),
        records: Records::new(source.reader(gzip)?, delimiter, options.max_row_bytes),
        delimiter,
        max_row_bytes: options.max_row_bytes,
        missing: MissingTokens::new(&options.missing_tokens),
        batch_rows: options.batch_rows,
        names: Vec::new(),
        n_unnamed: 0,
        n_rows: 0,
        schema: Arc::new(ArrowSchema::empty()),
        builders: Vec::new(),
        blank_line: None,
        unescaped: String::new(),
        remark: Arc::default(),
        lines: Arc::default(),
    };
    let origin = csv.read_header(options)?;
    let (schema, remark, lines) = (csv.schema.clone(), csv.remark.clone(), Some(csv.lines.clone()));
    Ok(Opened { remark, lines, ..Opened::new(schema, Box::new(csv), origin) })
}

struct CsvBatches {
    file: String,
    records: Records,
    delimiter: u8,
    max_row_bytes: usize,
    missing: MissingTokens,
    batch_rows: usize,
    names: Vec<String>,
    /// Cells of the header behind the last name, all of them empty.
    n_unnamed: usize,
    /// Rows before this one.
    n_rows: u64,
    schema: SchemaRef,
    /// One for each column that is wanted.
    builders: Vec<Option<StringBuilder>>,
    /// The first blank line after the last row; an error as soon as another row follows.
    blank_line: Option<u64>,
    unescaped: String,
    /// What turns out about the lines while they are read.
    remark: Arc<OnceLock<String>>,
    lines: Arc<RowLines>,
}

impl CsvBatches {
    fn read_header(&mut self, options: &ReadOptions) -> Result<Origin> {
        self.records.skip_mark(UTF8_BOM).map_err(|stop| self.stopped(stop))?;
        let found = self.records.advance().map_err(|stop| self.stopped(stop))?;
        if !found || self.records.is_blank() {
            return Err(Error::malformed(format!("{}: blank, where the header should be", self.place(1)))
                .with_hint("the first line must name the columns"));
        }
        let record = self.text()?;
        let spans = self.records.spans();
        let is_blank = |span: &Span| cell(record, span).trim_ascii().is_empty();
        // A delimiter at the end of the line is followed by a cell without a name: no column, unless a
        // row has something there.
        let n_named = spans.iter().rposition(|span| !is_blank(span)).map_or(0, |last| last + 1);
        if n_named == 0 {
            return Err(Error::malformed(format!("{}: no column has a name", self.place(1)))
                .with_hint("the first line must name the columns"));
        }
        let n_unnamed = spans.len() - n_named;
        let mut names: Vec<String> = Vec::with_capacity(n_named);
        let mut columns_idx = HashMap::new();
        for (column_idx, span) in spans.iter().take(n_named).enumerate() {
            let mut name = cell(record, span).to_owned();
            if span.escaped {
                name = name.replace("\"\"", "\"");
            }
            if n_named == 1 && name.trim_ascii_start().to_ascii_lowercase().starts_with("sep=") {
                return Err(Error::malformed(format!(
                    "{} is a `sep=` line, which tells Excel what stands between cells, and no header",
                    self.place(1)
                ))
                .with_hint("remove the line; the delimiter is found without it"));
            }
            if name.trim_ascii().is_empty() && column_idx == 0 {
                name = UNNAMED.to_owned();
            }
            if name.trim_ascii().is_empty() {
                return Err(Error::schema(format!(
                    "{}: column {} of {} has no name in the header",
                    self.place(1),
                    column_idx + 1,
                    n_named
                ))
                .with_hint("name it; if the line is a title above the header, remove it"));
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
        let index = written_index(&names[0]);
        let (old, wanted) = (names, &options.columns);
        let names = options.renaming.names(&self.file, &old)?;
        let (kept, unread): (Vec<String>, Vec<String>) =
            names.iter().cloned().partition(|name| wanted.has(name));
        let fields = kept.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect::<Vec<_>>();
        self.schema = Arc::new(ArrowSchema::new(fields));
        self.builders = names.iter().map(|name| wanted.has(name).then(StringBuilder::new)).collect();
        let index = index.map(|index| ExcludedColumn { name: names[0].clone(), ..index });
        let reading = Reading { renamed: Renaming::changed(&old, &names), ..Reading::default() };
        self.names = names;
        self.n_unnamed = n_unnamed;
        if n_unnamed > 0 {
            self.remark_line_ends("the header ends");
        }
        Ok(Origin { reading, set_aside: index.into_iter().collect(), unread, ..Origin::default() })
    }

    fn remark_line_ends(&self, which: &str) {
        let delimiter = shown(self.delimiter);
        self.remark.get_or_init(|| {
            format!("{which} in the delimiter {delimiter}; the empty cell behind it is no column")
        });
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
            self.lines.tell(usize::try_from(self.n_rows).unwrap_or(usize::MAX), self.records.line());
            self.n_rows += 1;
            n_rows += 1;
            n_bytes += self.records.record().len();
        }
        if n_rows == 0 {
            return Ok(None);
        }
        // All batches of a table are held at once: what a builder kept in store is given back.
        let finish = |builder: &mut StringBuilder| {
            let mut column = builder.finish();
            column.shrink_to_fit();
            Arc::new(column) as ArrayRef
        };
        let columns = self.builders.iter_mut().flatten().map(finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|e| Error::malformed(format!("`{}`: {e}", self.file)))?;
        Ok(Some(batch))
    }

    fn append_record(&mut self) -> Result<()> {
        let (n_cells, n_columns) = (self.records.spans().len(), self.names.len());
        if n_cells != n_columns {
            let mut behind = self.records.spans().iter().skip(n_columns);
            if n_cells < n_columns || behind.any(|span| span.start != span.end) {
                return Err(self.ragged(n_cells));
            }
            self.remark_line_ends("lines end");
        }
        let record = self.records.record();
        let whole = std::str::from_utf8(record).ok();
        for (column_idx, (span, builder)) in self.records.spans().iter().zip(&mut self.builders).enumerate() {
            // What nobody wants may be in another encoding.
            let Some(builder) = builder else { continue };
            let text = match whole {
                Some(record) => Some(cell(record, span)),
                None => std::str::from_utf8(&record[span.start..span.end]).ok(),
            };
            let Some(mut text) = text else { return Err(self.not_utf8(column_idx)) };
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
            let holds = |span: &Span| span.end > e.valid_up_to();
            self.not_utf8(self.records.spans().iter().position(holds).unwrap_or(0))
        })
    }

    /// The error of a cell of the current record.
    fn not_utf8(&self, column_idx: usize) -> Error {
        let record = self.records.record();
        let start = self.records.spans().get(column_idx).map_or(0, |span| span.start);
        let at = start + std::str::from_utf8(&record[start..]).err().map_or(0, |e| e.valid_up_to());
        let line = self.records.line() + record[..at].iter().filter(|&&b| b == b'\n').count() as u64;
        Error::malformed(format!(
            "{}: byte {:#04x} at offset {} is not UTF-8",
            self.place_in(line, column_idx),
            record[at],
            self.records.offset() + at as u64
        ))
        .with_hint("save the file as UTF-8; from Western European text: `iconv -f WINDOWS-1252 -t UTF-8`")
    }

    /// How many cells each of the next records has, if they have as many as this one.
    fn goes_on_with(&mut self, n_cells: usize) -> bool {
        let mut n_alike = 0;
        while n_alike < N_LOOKED_AHEAD {
            match self.records.advance() {
                Ok(true) if self.records.is_blank() => {}
                Ok(true) if self.records.spans().len() == n_cells => n_alike += 1,
                Ok(true) => return false,
                _ => break,
            }
        }
        n_alike > 0
    }

    fn ragged(&mut self, n_cells: usize) -> Error {
        let (line, n_columns) = (self.records.line(), self.names.len());
        let is_early = self.n_rows < MAX_PREAMBLE_ROWS;
        let cause = if n_cells < n_columns || !is_early || !self.goes_on_with(n_cells) {
            None
        } else if self.n_unnamed > 0 && n_cells <= n_columns + self.n_unnamed {
            Some(
                "the header ends in empty names, and the lines from here on have cells there: name these columns, or, \
                 if line 1 is a title above the header, remove it"
                    .to_owned(),
            )
        } else if self.n_rows == 0 && n_cells == n_columns + 1 && n_columns > 1 {
            Some(
                "every row has one cell more than the header: if the first column is row names without a name of \
                 their own, as R writes them, name it; if line 1 is a title above the header, remove it"
                    .to_owned(),
            )
        } else {
            Some(format!(
                "from here on every line has {n_cells} cells: if line 1 is a title above the header, remove what \
                 stands above the header"
            ))
        };
        let (lack, hint) = match self.names.get(n_cells) {
            _ if cause.is_some() => (String::new(), cause.unwrap_or_default()),
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
