//! The one error type of the libraries: opaque, with a message, a hint and predicates.

use std::fmt;
use std::path::Path;

use crate::row_place::{RowPlace, Rows};

/// What kind of failure it was; callers ask by predicate, so that kinds can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// A file could not be read or written.
    Io,
    /// A file's content breaks its format.
    Malformed,
    /// Columns, outputs or tensors are absent, doubled or of the wrong kind.
    Schema,
    /// A value cannot be used where it stands.
    Value,
    /// A formula does not parse or type-check, or is too large.
    Formula,
    /// An option is outside its range.
    Option,
    /// The caller asked to stop.
    Interrupted,
    /// A file asks for a newer version than this one.
    Version,
    /// Content differs from the hash recorded for it.
    Verification,
    /// An extension found no new column.
    NoNewColumns,
    /// Training diverged or had nothing to learn from.
    Training,
}

/// A failure that names its culprit: file, line, column, feature, tensor, what was found, what is allowed.
///
/// `Display` gives the whole message, causes included, without the hint; show [`Error::hint`] under it as
/// `hint: ...`. [`source`](std::error::Error::source) begins below the cause that the message speaks of, so
/// that whoever prints the chain says everything once.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    /// A row that is named in front of the message.
    row: Option<Box<RowAt>>,
    message: String,
    hint: Option<String>,
    /// What the message already says in words.
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A row that a message speaks of.
#[derive(Debug)]
struct RowAt {
    before: String,
    /// As the table counts that the row was found in, until that table says where it came from.
    place: RowPlace,
    is_found: bool,
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, row: None, message: message.into(), hint: None, cause: None }
    }

    /// A schema failure: a column, output or tensor that is absent, doubled or of the wrong kind.
    pub fn schema(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Schema, message)
    }

    /// A value that cannot be used where it stands.
    pub fn value(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value, message)
    }

    /// An option outside its range.
    pub fn option(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Option, message)
    }

    /// A formula that does not parse, does not type-check or is too large.
    pub fn formula(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Formula, message)
    }

    /// Content that breaks its file's format.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed, message)
    }

    /// Work that stopped because the caller asked for it.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Interrupted, message)
    }

    /// A file that a newer version wrote in a way that this one cannot read.
    pub fn version(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Version, message)
    }

    /// Content that differs from the hash recorded for it.
    pub fn verification(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Verification, message)
    }

    /// An extension that was given no column that the parent lacks.
    pub fn no_new_columns(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NoNewColumns, message)
    }

    /// Training that diverged or had nothing to learn from.
    pub fn training(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Training, message)
    }

    /// A file that could not be read or written; [`Error::io_kind`] remembers what the system said.
    pub fn io(path: &Path, action: &str, cause: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("cannot {action} `{}`: {cause}", path.display())).with_source(cause)
    }

    /// Adds what the reader can do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the error that caused this one, and says its words behind the message, unless they are there
    /// already.
    #[must_use]
    pub fn with_source(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let cause = cause.into();
        let words = cause.to_string();
        if !self.message.contains(&words) {
            self.message = format!("{}: {words}", self.message);
        }
        self.cause = Some(cause);
        self
    }

    /// Puts the place (a file, a feature, a column, a tensor) in front of the message on the way up.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        match &mut self.row {
            Some(row) => row.before = format!("{place}: {}", row.before),
            None => self.message = format!("{place}: {}", self.message),
        }
        self
    }

    /// Says in which row it is wrong: `before` and the row stand in front of the message. Rows are counted from 0,
    /// and of a text file the line is named, once [`Error::in_rows_of`] has said which table it was.
    #[must_use]
    pub fn in_row(mut self, before: impl Into<String>, row_idx: usize) -> Self {
        let row = RowAt { before: before.into(), place: RowPlace::row(row_idx), is_found: false };
        self.row = Some(Box::new(row));
        self
    }

    /// Counts the row, if there is one, from `n_rows` rows before it: what was wrong stands in a piece of a table.
    #[must_use]
    pub(crate) fn behind(mut self, n_rows: usize) -> Self {
        if let Some(row) = self.row.as_mut().filter(|row| !row.is_found) {
            row.place = RowPlace::row(row.place.row_idx + n_rows);
        }
        self
    }

    /// Names the row, if there is one, as it is found where this table's rows came from. The first table that is
    /// asked counts.
    #[must_use]
    pub fn in_rows_of(mut self, table: &impl Rows) -> Self {
        if let Some(row) = self.row.as_mut().filter(|row| !row.is_found) {
            row.place = table.place_of(row.place.row_idx);
            row.is_found = true;
        }
        self
    }

    /// What the reader can do next, if anything is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What the system said, where it caused this error: the deepest of its causes that is the system's.
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        let first = self.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static));
        let causes = std::iter::successors(first, |cause| cause.source());
        causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>()).last().map(std::io::Error::kind)
    }

    /// Whether a file could not be read or written.
    pub fn is_io(&self) -> bool {
        self.kind == ErrorKind::Io
    }

    /// Whether a file's content breaks its format.
    pub fn is_malformed(&self) -> bool {
        self.kind == ErrorKind::Malformed
    }

    /// Whether columns, outputs or tensors are absent, doubled or of the wrong kind.
    pub fn is_schema(&self) -> bool {
        self.kind == ErrorKind::Schema
    }

    /// Whether a value cannot be used where it stands.
    pub fn is_value(&self) -> bool {
        self.kind == ErrorKind::Value
    }

    /// Whether a formula does not parse, does not type-check or is too large.
    pub fn is_formula(&self) -> bool {
        self.kind == ErrorKind::Formula
    }

    /// Whether an option is outside its range.
    pub fn is_option(&self) -> bool {
        self.kind == ErrorKind::Option
    }

    /// Whether the caller asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.kind == ErrorKind::Interrupted
    }

    /// Whether a file asks for a newer version than this one.
    pub fn is_version(&self) -> bool {
        self.kind == ErrorKind::Version
    }

    /// Whether content differs from the hash recorded for it.
    pub fn is_verification(&self) -> bool {
        self.kind == ErrorKind::Verification
    }

    /// Whether an extension found no new column.
    pub fn is_no_new_columns(&self) -> bool {
        self.kind == ErrorKind::NoNewColumns
    }

    /// Whether training diverged or had nothing to learn from.
    pub fn is_training(&self) -> bool {
        self.kind == ErrorKind::Training
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(RowAt { before, place, .. }) = self.row.as_deref() {
            write!(f, "{before}{place}")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().and_then(std::error::Error::source)
    }
}

/// The names nearest to `wanted`, for "did you mean" hints: at most three, by edit distance.
pub fn near_names<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let n_chars = wanted.chars().count();
    let mut scored: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let most = wanted.len().max(name.len()).div_ceil(3);
            let lower = name.to_lowercase();
            // The distance is at least the difference of lengths: a name of many pages costs nothing.
            let may_be_near = n_chars.abs_diff(lower.chars().count()) <= most;
            let distance = may_be_near.then(|| strsim::levenshtein(&wanted, &lower))?;
            (distance <= most).then_some((distance, name))
        })
        .collect();
    scored.sort();
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn near_names_are_ranked_and_far_ones_left_out() {
        assert_eq!(near_names("agee", ["age", "amount", "Age2"]), vec!["Age2", "age"]);
        assert!(near_names("zzz", ["age"]).is_empty());
        // By characters, however many bytes they take.
        assert_eq!(near_names("größe", ["grösse", "grüße", "masse"]), vec!["grüße", "grösse"]);
    }

    #[test]
    fn messages_gain_their_place_on_the_way_up() {
        let error = Error::value("found `x`").at("line 3").with_hint("remove it");
        assert_eq!(error.to_string(), "line 3: found `x`");
        assert_eq!(error.hint(), Some("remove it"));
        assert!(error.is_value() && !error.is_io());
        assert!(error.source().is_none(), "the same message must not be said twice");
    }

    #[test]
    fn the_systems_error_is_remembered() {
        let system = std::io::Error::from(std::io::ErrorKind::NotFound);
        let error = Error::io(Path::new("a.csv"), "read", system).at("people");
        assert!(error.is_io());
        assert_eq!(error.io_kind(), Some(std::io::ErrorKind::NotFound));
        assert_eq!(Error::value("no").io_kind(), None);
    }

    /// As `anyhow` and the like print an error: each cause behind the one before it.
    #[test]
    fn whoever_prints_the_chain_says_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("the lock is held")]
        struct Held(#[source] std::io::Error);

        let printed = |error: &Error| {
            let mut text = error.to_string();
            let mut below = error.source();
            while let Some(cause) = below {
                text += &format!(": {cause}");
                below = cause.source();
            }
            text
        };
        let full = || std::io::Error::other("no space left");
        for (error, text) in [
            (Error::io(Path::new("a.csv"), "write", full()), "cannot write `a.csv`: no space left"),
            (Error::value("nothing saved").with_source(full()), "nothing saved: no space left"),
            (
                Error::value("cannot save").with_source(Held(full())),
                "cannot save: the lock is held: no space left",
            ),
        ] {
            assert_eq!(printed(&error.at("people")), format!("people: {text}"));
        }
    }
}
