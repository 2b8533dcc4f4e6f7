//! What a file is, from its first bytes; the suffix only breaks ties.

use super::records::{Scan, Scanner};
use super::source::{Source, fill, read_failed};
use super::{Format, ReadOptions, shown};
use crate::error::{Error, Result};

/// How much of a file is looked at; a header should fit.
pub(super) const PREFIX_BYTES: usize = 256 << 10;

/// Records that a delimiter must cut into equally many cells.
const N_SAMPLED_RECORDS: usize = 100;

/// Lines of equally many cells below a first line of one cell that make it a title.
const LEAST_BELOW_TITLE: usize = 4;

/// Most lines of a title.
const MOST_TITLE_LINES: usize = 10;

/// Delimiters tried, in the order that breaks ties.
pub(super) const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

pub(super) const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
pub(super) const PARQUET_MAGIC: &[u8] = b"PAR1";
pub(super) const ARROW_FILE_MAGIC: &[u8] = b"ARROW1";
/// An Arrow stream begins with the marker that precedes every message.
const ARROW_STREAM_MAGIC: &[u8] = b"\xff\xff\xff\xff";
const GZIP_MAGIC: &[u8] = b"\x1f\x8b";

const SUPPORTED: &str = "CSV, TSV and JSON lines (also gzipped), Parquet and Arrow files can be read";

/// First bytes of files that people take for tables, what they are, and the way to a table.
const FOREIGN: [(&[u8], &str, &str); 13] = [
    (b"PARE", "an encrypted Parquet file", "write it again without encryption"),
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office document", "save the sheet as CSV"),
    (b"\x28\xb5\x2f\xfd", "a zstd-compressed file", "decompress it first: `zstd -d`"),
    (b"BZh", "a bzip2-compressed file", "decompress it first: `bunzip2`"),
    (b"\xfd7zXZ", "an xz-compressed file", "decompress it first: `unxz`"),
    (b"\x89PNG", "a PNG picture", SUPPORTED),
    (b"%PDF", "a PDF document", SUPPORTED),
    (b"SQLite format 3", "an SQLite database", "export one table of it as CSV"),
    (b"\x89HDF", "an HDF5 file", "export one table of it as Parquet or CSV"),
    (b"ORC", "an ORC file", "convert it to Parquet"),
    (b"Obj\x01", "an Avro file", "convert it to Parquet"),
    (b"FEA1", "a Feather version 1 file", "write it again as Feather version 2 or Parquet"),
];

/// How pages begin that people save, or get in place of the file that they asked for.
const MARKUP: [(&str, &str); 3] =
    [("<!doctype", "a page of HTML"), ("<html", "a page of HTML"), ("<?xml", "XML")];

/// The format of a source.
///
/// # Errors
/// A malformed error if it is empty, in a foreign format or in UTF-16.
pub(super) fn detect(source: &Source, options: &ReadOptions) -> Result<Format> {
    let (mut prefix, gzip) = prefix(source)?;
    let magic = |magic: &[u8]| prefix.bytes.starts_with(magic);
    let binary = if magic(PARQUET_MAGIC) {
        Some(Format::Parquet)
    } else if magic(ARROW_FILE_MAGIC) {
        Some(Format::ArrowFile)
    } else if magic(ARROW_STREAM_MAGIC) {
        Some(Format::ArrowStream)
    } else {
        None
    };
    if let Some(format) = binary {
        if gzip {
            return Err(Error::malformed(format!("`{}` is a gzipped {format} file", source.name()))
                .with_hint("only text is read through gzip; decompress it first: `gunzip`"));
        }
        return Ok(format);
    }
    prefix.refuse_foreign(source)?;
    prefix.strip_bom();
    let mut marks = prefix.bytes.iter().filter(|b| !b.is_ascii_whitespace());
    let json_suffix = source.has_suffix(&["json", "jsonl", "ndjson"]);
    match (marks.next(), marks.next()) {
        (Some(b'{'), Some(b'"' | b'}')) => Ok(Format::JsonLines { gzip }),
        (Some(b'{'), _) if json_suffix => Ok(Format::JsonLines { gzip }),
        (Some(b'['), second) if json_suffix || second == Some(&b'{') => {
            Err(Error::malformed(format!("`{}` is a JSON array, not JSON lines", source.name()))
                .with_hint("write one object per line: `jq -c '.[]'`"))
        }
        _ => csv_format(&prefix, gzip, source, options),
    }
}

/// As [`detect`], for a source that is known to be CSV.
pub(super) fn detect_csv(source: &Source, options: &ReadOptions) -> Result<Format> {
    let (mut prefix, gzip) = prefix(source)?;
    prefix.refuse_foreign(source)?;
    prefix.strip_bom();
    csv_format(&prefix, gzip, source, options)
}

/// Whether no table begins like this, whatever comes later: no text holds a NUL byte.
pub(super) fn is_beyond_hope(prefix: &[u8]) -> bool {
    let binary = [PARQUET_MAGIC, ARROW_FILE_MAGIC, ARROW_STREAM_MAGIC, GZIP_MAGIC];
    !binary.iter().any(|magic| prefix.starts_with(magic)) && prefix.contains(&0)
}

/// Whether a text that begins like this would not be taken for CSV.
pub(super) fn looks_foreign(text: &str) -> bool {
    let magics = [PARQUET_MAGIC, ARROW_FILE_MAGIC, UTF8_BOM].into_iter().chain(FOREIGN.map(|f| f.0));
    text.trim_ascii_start().starts_with(['{', '['])
        || markup(text.as_bytes()).is_some()
        || magics.into_iter().any(|m| text.as_bytes().starts_with(m))
}

/// The beginning of a source, decompressed.
struct Prefix {
    bytes: Vec<u8>,
    is_whole: bool,
}

fn prefix(source: &Source) -> Result<(Prefix, bool)> {
    let raw = read_prefix(source, false)?;
    if !raw.bytes.starts_with(GZIP_MAGIC) {
        return Ok((raw, false));
    }
    let inner = read_prefix(source, true)?;
    if inner.bytes.starts_with(GZIP_MAGIC) {
        return Err(Error::malformed(format!("`{}` is gzipped twice", source.name()))
            .with_hint("decompress it once: `gunzip`"));
    }
    Ok((inner, true))
}

fn read_prefix(source: &Source, gzip: bool) -> Result<Prefix> {
    let mut bytes = vec![0; PREFIX_BYTES];
    let n_read = fill(&mut source.reader(gzip)?, &mut bytes).map_err(|e| read_failed(source.name(), e))?;
    bytes.truncate(n_read);
    if bytes.is_empty() || bytes == UTF8_BOM {
        return Err(Error::malformed(format!("`{}` is empty", source.name()))
            .with_hint("a table needs a header and at least one row"));
    }
    Ok(Prefix { bytes, is_whole: n_read < PREFIX_BYTES })
}

impl Prefix {
    fn strip_bom(&mut self) {
        if self.bytes.starts_with(UTF8_BOM) {
            self.bytes.drain(..UTF8_BOM.len());
        }
    }

    fn refuse_foreign(&self, source: &Source) -> Result<()> {
        let name = source.name();
        if self.bytes.starts_with(b"\xff\xfe") || self.bytes.starts_with(b"\xfe\xff") {
            return Err(Error::malformed(format!("`{name}` is UTF-16 text, only UTF-8 can be read"))
                .with_hint("convert it: `iconv -f UTF-16 -t UTF-8`, or save it as \"CSV UTF-8\""));
        }
        match FOREIGN.iter().find(|(magic, ..)| self.bytes.starts_with(magic)) {
            // A header may begin with the letters of a magic; text has no control characters.
            Some((magic, what, hint)) if !magic.is_ascii() || self.bytes.iter().take(512).any(is_binary) => {
                Err(Error::malformed(format!("`{name}` is not a table but {what}")).with_hint(*hint))
            }
            _ => match markup(&self.bytes) {
                Some(what) => Err(Error::malformed(format!("`{name}` is not a table but {what}")).with_hint(
                    "if it was downloaded, look at it: it may say what went wrong; or export the table as CSV",
                )),
                None => Ok(()),
            },
        }
    }
}

/// What markup a text is, if it is any.
fn markup(text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(UTF8_BOM).unwrap_or(text).trim_ascii_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word.as_bytes()));
    MARKUP.iter().find(|(word, _)| begins(word)).map(|(_, what)| *what)
}

fn is_binary(byte: &u8) -> bool {
    !byte.is_ascii() || (byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

fn csv_format(prefix: &Prefix, gzip: bool, source: &Source, options: &ReadOptions) -> Result<Format> {
    if let Some(delimiter) = options.delimiter {
        return Ok(Format::Csv { delimiter, gzip });
    }
    let first = if source.has_suffix(&["tsv", "tab"]) { b'\t' } else { b',' };
    let delimiter = sniff_delimiter(prefix, first);
    if let Some((line, below, n_cells)) = title_lines(prefix).filter(|_| !holds(prefix, delimiter)) {
        return Err(Error::malformed(format!(
            "`{}`, line 1: not a header of the lines from line {line} on, which {} cuts into {n_cells} cells each",
            source.name(),
            shown(below)
        ))
        .with_hint(format!(
            "if a title stands above the header, remove the lines before line {line}; if the file has one column, \
             give {} as its delimiter",
            shown(delimiter)
        )));
    }
    Ok(Format::Csv { delimiter, gzip })
}

/// Whether a delimiter cuts the header into several cells and half of the sampled lines into as many.
fn holds(prefix: &Prefix, delimiter: u8) -> bool {
    let Some(lines) = cells_of_records(prefix, delimiter) else { return false };
    let n_columns = lines.first().map_or(0, |line| line.n_cells);
    let n_alike = lines.iter().skip(1).filter(|line| line.n_cells == n_columns).count();
    n_columns > 1 && 2 * n_alike >= lines.len() - 1
}

/// The line from which a delimiter cuts every sampled line into equally many cells, and the first line
/// into fewer; with the delimiter and the number of cells.
fn title_lines(prefix: &Prefix) -> Option<(u64, u8, usize)> {
    DELIMITERS.into_iter().find_map(|delimiter| {
        let lines = cells_of_records(prefix, delimiter)?;
        let (n_first, n_last) = (lines.first()?.n_cells, lines.last()?.n_cells);
        let n_above = lines.iter().rposition(|line| line.n_cells != n_last)? + 1;
        let below = &lines[n_above..];
        // A delimiter at the end of every row, or a column of row names, is no title.
        let is_shorter = (n_first == 1 || n_first + 1 < n_last) && n_first < n_last;
        let is_title = is_shorter && below.len() >= LEAST_BELOW_TITLE && n_above <= MOST_TITLE_LINES;
        // In a sentence a blank follows, and words stand on both sides.
        let is_prose =
            below.iter().any(|line| line.has_blank_start) || below.iter().all(|line| !line.has_word);
        let is_title = is_title && !is_prose && below.iter().any(|line| !line.ends_empty);
        is_title.then(|| (below[0].line, delimiter, n_last))
    })
}

/// A record of the prefix.
struct SampledLine {
    line: u64,
    n_cells: usize,
    ends_empty: bool,
    /// Whether a cell begins with a blank.
    has_blank_start: bool,
    /// Whether a cell is one word.
    has_word: bool,
}

/// The sampled records that are not blank; none where one is broken.
fn cells_of_records(prefix: &Prefix, delimiter: u8) -> Option<Vec<SampledLine>> {
    let scanner = Scanner::new(delimiter);
    let (mut rest, mut spans, mut lines) = (prefix.bytes.as_slice(), Vec::new(), Vec::new());
    let mut line = 1;
    while lines.len() < N_SAMPLED_RECORDS && !rest.is_empty() {
        match scanner.scan(rest, prefix.is_whole, &mut spans) {
            Scan::Complete { n_bytes, n_lines, blank } => {
                if !blank {
                    let cells = || spans.iter().map(|span| &rest[span.start..span.end]);
                    lines.push(SampledLine {
                        line,
                        n_cells: spans.len(),
                        ends_empty: spans.last().is_none_or(|span| span.start == span.end),
                        has_blank_start: cells().any(|cell| cell.first() == Some(&b' ')),
                        has_word: cells().any(|cell| !cell.is_empty() && !cell.contains(&b' ')),
                    });
                }
                line += n_lines;
                rest = &rest[n_bytes..];
            }
            Scan::Incomplete { .. } => break,
            Scan::Fault { .. } => return None,
        }
    }
    Some(lines)
}

/// The delimiter that cuts all sampled records into equally many cells, and most of them; if none
/// does, the one that cuts the header into most; `first` wins ties.
fn sniff_delimiter(prefix: &Prefix, first: u8) -> u8 {
    let others = DELIMITERS.into_iter().filter(|&d| d != first);
    let mut best = (first, (false, 0));
    for delimiter in std::iter::once(first).chain(others) {
        let score = delimiter_score(prefix, delimiter);
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

/// Whether the records agree on more than one cell, and the number of cells in the header.
fn delimiter_score(prefix: &Prefix, delimiter: u8) -> (bool, usize) {
    let scanner = Scanner::new(delimiter);
    let (mut rest, mut spans) = (prefix.bytes.as_slice(), Vec::new());
    let mut n_columns = 0;
    for record_idx in 0..N_SAMPLED_RECORDS {
        if rest.is_empty() {
            break;
        }
        match scanner.scan(rest, prefix.is_whole, &mut spans) {
            Scan::Complete { n_bytes, blank, .. } => {
                rest = &rest[n_bytes..];
                match record_idx {
                    0 => n_columns = spans.len(),
                    _ if !blank && spans.len() != n_columns => return (false, n_columns),
                    _ => {}
                }
            }
            // The header outgrows the prefix: count what is there.
            Scan::Incomplete { .. } if record_idx == 0 => return (spans.len() > 1, spans.len()),
            Scan::Incomplete { .. } => break,
            Scan::Fault { .. } => return (false, n_columns),
        }
    }
    (n_columns > 1, n_columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniffed(text: &str, first: u8) -> char {
        char::from(sniff_delimiter(&Prefix { bytes: text.into(), is_whole: true }, first))
    }

    #[test]
    fn the_delimiter_is_the_one_that_all_rows_agree_on() {
        assert_eq!(sniffed("a,b\n1,2\n", b','), ',');
        assert_eq!(sniffed("a;b\n1,5;2,5\n", b','), ';');
        assert_eq!(sniffed("a\tb\nx, y\tz\n", b','), '\t');
        assert_eq!(sniffed("a|b\n1|2\n", b','), '|');
        assert_eq!(sniffed("\"a;b\";c\n\"1,2\";3\n", b','), ';');
        assert_eq!(sniffed("text\nhello; you\n", b','), ',', "a header without delimiter is one column");
        assert_eq!(sniffed("a;b;c\n1;2\n", b','), ';', "a ragged file keeps the header's delimiter");
        assert_eq!(sniffed("a,b\tc\n1,2\t3\n", b'\t'), '\t', "the suffix breaks a tie");
        assert_eq!(sniffed("a,b\tc\n1,2\t3\n", b','), ',');
    }
}
