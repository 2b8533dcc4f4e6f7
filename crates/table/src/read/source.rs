//! Where bytes come from: a file or memory, openable as often as a format needs.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::ReadOptions;
use super::inflation::{Budget, Inflated};
use super::sniff::{PREFIX_BYTES, is_beyond_hope};
use crate::error::{Error, Result};

/// A named input.
pub(super) struct Source {
    name: String,
    content: Content,
    n_bytes: u64,
    budget: Budget,
}

/// What is behind the name.
pub(super) enum Content {
    /// A regular file.
    File(PathBuf),
    /// Everything, in memory.
    Memory(Bytes),
}

impl Source {
    /// A file; what is neither a file nor a directory (a pipe) is read into memory.
    pub(super) fn from_path(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| unopened(path, e))?;
        if metadata.is_dir() {
            return Err(Error::malformed(format!("`{}` is a directory, not a table", path.display()))
                .with_hint("name one file"));
        }
        let name = path.display().to_string();
        if !metadata.is_file() {
            return Self::from_reader(File::open(path).map_err(|e| unopened(path, e))?, &name);
        }
        Ok(Self::new(&name, Content::File(path.to_owned()), metadata.len()))
    }

    /// Everything that a reader has. What begins as no table does is not read to its end, which a device never comes to.
    pub(super) fn from_reader(mut reader: impl Read, name: &str) -> Result<Self> {
        let failed = |e| Error::io(Path::new(name), "read", e);
        let mut bytes = Vec::new();
        reader.by_ref().take(PREFIX_BYTES as u64).read_to_end(&mut bytes).map_err(failed)?;
        if !is_beyond_hope(&bytes) {
            reader.read_to_end(&mut bytes).map_err(failed)?;
        }
        let n_bytes = bytes.len() as u64;
        Ok(Self::new(name, Content::Memory(bytes.into()), n_bytes))
    }

    pub(super) fn from_bytes(bytes: &[u8], name: &str) -> Self {
        Self::new(name, Content::Memory(Bytes::copy_from_slice(bytes)), bytes.len() as u64)
    }

    fn new(name: &str, content: Content, n_bytes: u64) -> Self {
        let budget = Budget::new(name, n_bytes, &ReadOptions::default());
        Source { name: name.to_owned(), content, n_bytes, budget }
    }

    /// The same input, which may become as large as these options allow.
    pub(super) fn within(mut self, options: &ReadOptions) -> Self {
        self.budget = Budget::new(&self.name, self.n_bytes, options);
        self
    }

    /// What it may become.
    pub(super) fn budget(&self) -> Budget {
        self.budget.clone()
    }

    /// The name that messages use.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    /// Whether the name ends in one of `suffixes` (without dot, lower case), before a `.gz`.
    pub(super) fn has_suffix(&self, suffixes: &[&str]) -> bool {
        let name = self.name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        name.rsplit_once('.').is_some_and(|(_, suffix)| suffixes.contains(&suffix))
    }

    /// A fresh reader from the first byte, decompressed if `gzip`.
    pub(super) fn reader(&self, gzip: bool) -> Result<Box<dyn Read + Send>> {
        let raw: Box<dyn Read + Send> = match &self.content {
            Content::File(path) => Box::new(File::open(path).map_err(|e| unopened(path, e))?),
            Content::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
        };
        Ok(match gzip {
            true => Box::new(Inflated { input: MultiGzDecoder::new(raw), budget: self.budget() }),
            false => raw,
        })
    }
}

/// Reads until `buffer` is full or the input ends; the number of bytes read.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n_read = 0;
    while n_read < buffer.len() {
        match reader.read(&mut buffer[n_read..]) {
            Ok(0) => break,
            Ok(n) => n_read += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(n_read)
}

/// The error of a failed read; damaged compression is the file's fault, not the system's.
pub(super) fn read_failed(name: &str, error: io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(own) => return own,
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            Error::malformed(format!("`{name}` is cut short: its compressed data ends too early"))
                .with_hint("copy or compress the file again")
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            Error::malformed(format!("`{name}` holds damaged compressed data: {error}"))
                .with_hint("copy or compress the file again")
        }
        _ => Error::io(Path::new(name), "read", error),
    }
}

fn unopened(path: &Path, error: io::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::NotFound => "check the path; it is relative to the current directory",
        ErrorKind::PermissionDenied => "check the permissions of the file and its folders",
        _ => return Error::io(path, "open", error),
    };
    Error::io(path, "open", error).with_hint(hint)
}
