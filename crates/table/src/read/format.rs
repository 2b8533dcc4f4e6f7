//! The formats that a table may be kept in.

use std::fmt;

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Delimited text with a header.
    Csv {
        /// The byte between two cells, given or found.
        delimiter: u8,
        /// Whether the file is gzipped.
        gzip: bool,
    },
    /// One JSON object a line.
    JsonLines {
        /// Whether the file is gzipped.
        gzip: bool,
    },
    /// Apache Parquet.
    Parquet,
    /// The Arrow IPC file format, also known as Feather version 2.
    ArrowFile,
    /// The Arrow IPC stream format.
    ArrowStream,
}

impl Format {
    /// The byte between two cells, in a text format that has one.
    pub fn delimiter(self) -> Option<u8> {
        match self {
            Format::Csv { delimiter, .. } => Some(delimiter),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gzip = match self {
            Format::Csv { delimiter, gzip } => {
                write!(f, "CSV with {}", shown(*delimiter))?;
                *gzip
            }
            Format::JsonLines { gzip } => {
                f.write_str("JSON lines")?;
                *gzip
            }
            Format::Parquet => return f.write_str("Parquet"),
            Format::ArrowFile => return f.write_str("Arrow"),
            Format::ArrowStream => return f.write_str("Arrow stream"),
        };
        if gzip { f.write_str(", gzipped") } else { Ok(()) }
    }
}

/// A byte as the messages show it.
pub(super) fn shown(byte: u8) -> String {
    match byte {
        b'\t' => "a tab".to_owned(),
        byte => format!("`{}`", byte.escape_ascii()),
    }
}
