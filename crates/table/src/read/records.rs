//! Bytes to CSV records: a state machine that keeps lines and offsets exact.
//!
//! Own code because the `csv` crate takes an unclosed quote, text after a closing quote and a lone
//! carriage return without a word, and these are how tables silently lose rows.

use std::io::{self, Read};

use super::source::fill;

/// First size of the window onto the input; it grows to the longest record.
const WINDOW_BYTES: usize = 256 << 10;

/// Where one cell lies in its record, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether the cell holds doubled quotes that stand for one.
    pub(super) escaped: bool,
}

/// What breaks a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The input ends inside quotes.
    UnclosedQuote,
    /// Something else than a delimiter or a line end follows a closing quote.
    TextAfterQuote,
    /// A zero byte.
    Nul,
    /// A carriage return without line feed, outside quotes.
    LoneReturn,
}

/// The outcome of scanning for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// A record of `n_bytes` with its line end, which spans `n_lines` line feeds.
    Complete { n_bytes: usize, n_lines: u64, blank: bool },
    /// The bytes end before the record does; `open_quote` is where an unclosed quote stands.
    Incomplete { open_quote: Option<usize> },
    /// The record is broken at byte `at`, in cell `column_idx`.
    Fault { fault: Fault, at: usize, column_idx: usize },
}

/// The rules of one delimiter.
pub(super) struct Scanner {
    delimiter: u8,
    /// Bytes that end a run of ordinary bytes outside and inside quotes.
    plain_stops: [bool; 256],
    quoted_stops: [bool; 256],
}

impl Scanner {
    pub(super) fn new(delimiter: u8) -> Self {
        let stops = |bytes: &[u8]| {
            let mut table = [false; 256];
            bytes.iter().for_each(|&b| table[usize::from(b)] = true);
            table
        };
        Scanner {
            delimiter,
            plain_stops: stops(&[delimiter, b'\n', b'\r', 0]),
            quoted_stops: stops(b"\"\n\0"),
        }
    }

    /// Finds the first record of `bytes` (not empty) and writes its cells to `spans`.
    pub(super) fn scan(&self, bytes: &[u8], at_end: bool, spans: &mut Vec<Span>) -> Scan {
        spans.clear();
        let (mut i, mut n_lines) = (0, 0);
        loop {
            if bytes.get(i) == Some(&b'"') {
                let open = i;
                let mut escaped = false;
                i += 1;
                loop {
                    let Some(stop) = find(bytes, i, &self.quoted_stops) else {
                        return unclosed(at_end, open, spans.len());
                    };
                    i = stop + 1;
                    match bytes[stop] {
                        b'\n' => n_lines += 1,
                        b'"' if bytes.get(i) == Some(&b'"') => {
                            escaped = true;
                            i += 1;
                        }
                        b'"' if i == bytes.len() && !at_end => {
                            return Scan::Incomplete { open_quote: None };
                        }
                        b'"' => break,
                        _ => return Scan::Fault { fault: Fault::Nul, at: stop, column_idx: spans.len() },
                    }
                }
                spans.push(Span { start: open + 1, end: i - 1, escaped });
                if bytes.get(i).is_some_and(|&b| b != self.delimiter && !matches!(b, b'\n' | b'\r')) {
                    return Scan::Fault { fault: Fault::TextAfterQuote, at: i, column_idx: spans.len() - 1 };
                }
            } else {
                let start = i;
                i = find(bytes, i, &self.plain_stops).unwrap_or(bytes.len());
                if bytes.get(i) == Some(&0) {
                    return Scan::Fault { fault: Fault::Nul, at: i, column_idx: spans.len() };
                }
                spans.push(Span { start, end: i, escaped: false });
            }
            let blank = i == 0;
            match (bytes.get(i), bytes.get(i + 1)) {
                (Some(b'\n'), _) => return Scan::Complete { n_bytes: i + 1, n_lines: n_lines + 1, blank },
                (Some(b'\r'), Some(b'\n')) => {
                    return Scan::Complete { n_bytes: i + 2, n_lines: n_lines + 1, blank };
                }
                (Some(b'\r'), None) if at_end => return Scan::Complete { n_bytes: i + 1, n_lines, blank },
                (Some(b'\r'), None) | (None, _) if !at_end => return Scan::Incomplete { open_quote: None },
                (Some(b'\r'), _) => {
                    return Scan::Fault { fault: Fault::LoneReturn, at: i, column_idx: spans.len() - 1 };
                }
                (None, _) => return Scan::Complete { n_bytes: i, n_lines, blank },
                (Some(_), _) => i += 1,
            }
        }
    }
}

/// Why the records end before the input does.
#[derive(Debug)]
pub(super) enum Stop {
    Io(io::Error),
    /// `quote_line` is where the quotes open whose end a `TextAfterQuote` follows.
    Fault {
        fault: Fault,
        line: u64,
        column_idx: usize,
        found: u8,
        quote_line: u64,
    },
    /// A record is longer than allowed; `quote_line` is where its unclosed quote stands.
    TooLong {
        line: u64,
        quote_line: Option<u64>,
    },
}

/// The records of an input, one at a time, in a window that slides over it.
pub(super) struct Records {
    input: Box<dyn Read + Send>,
    scanner: Scanner,
    max_row_bytes: usize,
    window: Vec<u8>,
    /// Unread bytes are `window[next..filled]`; the current record ends at `next`.
    next: usize,
    filled: usize,
    at_end: bool,
    /// Offset of `window[0]` in the input.
    offset: u64,
    record_start: usize,
    record_line: u64,
    next_line: u64,
    blank: bool,
    spans: Vec<Span>,
}

impl Records {
    pub(super) fn new(input: Box<dyn Read + Send>, delimiter: u8, max_row_bytes: usize) -> Self {
        Records {
            input,
            scanner: Scanner::new(delimiter),
            max_row_bytes,
            window: vec![0; WINDOW_BYTES],
            next: 0,
            filled: 0,
            at_end: false,
            offset: 0,
            record_start: 0,
            record_line: 1,
            next_line: 1,
            blank: false,
            spans: Vec::new(),
        }
    }

    /// Steps over `mark` if the input begins with it.
    pub(super) fn skip_mark(&mut self, mark: &[u8]) -> Result<(), Stop> {
        self.refill()?;
        if self.window[..self.filled].starts_with(mark) {
            self.next = mark.len();
        }
        Ok(())
    }

    /// Moves to the next record; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Stop> {
        loop {
            let unread = &self.window[self.next..self.filled];
            if unread.is_empty() && self.at_end {
                return Ok(false);
            }
            let scan = match unread.is_empty() {
                true => Scan::Incomplete { open_quote: None },
                false => self.scanner.scan(unread, self.at_end, &mut self.spans),
            };
            let line_of =
                |at: usize| self.next_line + unread[..at].iter().filter(|&&b| b == b'\n').count() as u64;
            match scan {
                Scan::Complete { n_bytes, n_lines, blank } if n_bytes <= self.max_row_bytes => {
                    self.record_start = self.next;
                    self.record_line = self.next_line;
                    self.next += n_bytes;
                    self.next_line += n_lines;
                    self.blank = blank;
                    return Ok(true);
                }
                Scan::Complete { .. } => {
                    return Err(Stop::TooLong { line: self.next_line, quote_line: None });
                }
                Scan::Incomplete { open_quote } if unread.len() > self.max_row_bytes => {
                    return Err(Stop::TooLong { line: self.next_line, quote_line: open_quote.map(line_of) });
                }
                Scan::Incomplete { .. } => self.refill()?,
                Scan::Fault { fault, at, column_idx } => {
                    let quote_line = line_of(self.spans.last().map_or(0, |s| s.start));
                    return Err(Stop::Fault {
                        fault,
                        line: line_of(at),
                        column_idx,
                        found: unread[at],
                        quote_line,
                    });
                }
            }
        }
    }

    /// The current record with its line end.
    pub(super) fn record(&self) -> &[u8] {
        &self.window[self.record_start..self.next]
    }

    /// The cells of the current record.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Line of the current record's first byte, from 1.
    pub(super) fn line(&self) -> u64 {
        self.record_line
    }

    /// Offset of the current record's first byte in the input.
    pub(super) fn offset(&self) -> u64 {
        self.offset + self.record_start as u64
    }

    /// Whether the current record is a line without a character.
    pub(super) fn is_blank(&self) -> bool {
        self.blank
    }

    /// Moves unread bytes to the front of the window and fills the rest of it. Doubles a window
    /// that one record fills, so that scanning from the record's start again stays linear.
    fn refill(&mut self) -> Result<(), Stop> {
        self.window.copy_within(self.next..self.filled, 0);
        self.offset += self.next as u64;
        self.filled -= self.next;
        self.next = 0;
        if self.filled == self.window.len() {
            self.window.resize(self.window.len() * 2, 0);
        }
        let n_read = fill(&mut self.input, &mut self.window[self.filled..]).map_err(Stop::Io)?;
        self.filled += n_read;
        self.at_end = self.filled < self.window.len();
        Ok(())
    }
}

fn find(bytes: &[u8], from: usize, stops: &[bool; 256]) -> Option<usize> {
    bytes[from..].iter().position(|&b| stops[usize::from(b)]).map(|i| from + i)
}

fn unclosed(at_end: bool, open: usize, column_idx: usize) -> Scan {
    match at_end {
        true => Scan::Fault { fault: Fault::UnclosedQuote, at: open, column_idx },
        false => Scan::Incomplete { open_quote: Some(open) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        let scan = Scanner::new(b',').scan(text.as_bytes(), true, &mut spans);
        assert!(matches!(scan, Scan::Complete { .. }), "{scan:?}");
        spans.iter().map(|s| &text[s.start..s.end]).collect()
    }

    #[test]
    fn cells_are_cut_at_delimiters_outside_quotes() {
        assert_eq!(cells("a,,\"b,\nc\",\"\"\r\nnext"), ["a", "", "b,\nc", ""]);
        assert_eq!(cells("5\" pipe,b"), ["5\" pipe", "b"]);
        assert_eq!(cells("\"say \"\"hi\"\"\""), ["say \"\"hi\"\""]);
        assert_eq!(cells("a,"), ["a", ""]);
        assert_eq!(cells("\n"), [""]);
    }

    #[test]
    fn every_cut_of_the_input_is_incomplete_and_not_a_shorter_record() {
        let text = b"a,\"b\"\"\nc\",d\r\n";
        for cut in 1..text.len() {
            let scan = Scanner::new(b',').scan(&text[..cut], false, &mut Vec::new());
            assert!(matches!(scan, Scan::Incomplete { .. }), "{cut}: {scan:?}");
        }
    }
}
