//! The one error type of this crate: opaque, with a message, a hint and predicates.

use std::fmt;
use std::path::Path;

/// What kind of failure it was; callers ask by predicate, so that kinds can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorKind {
    Io,
    Malformed,
    Schema,
    Value,
    Formula,
    Option,
    Interrupted,
    Version,
    Verification,
    NoNewColumns,
    Training,
    Other,
}

/// A failure that names its culprit: file, column, tensor, what was found, what is allowed.
///
/// `Display` gives the message without the hint; show [`Error::hint`] under it as `hint: ...`.
/// A failure of the table crate keeps its message, its hint and its predicates.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), hint: None, source: None }
    }

    /// A file that could not be read or written; keeps the system's error as source.
    pub fn io(path: &Path, action: &str, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("cannot {action} `{}`: {source}", path.display()))
            .with_source(source)
    }

    /// Content that breaks its file's format.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed, message)
    }

    /// A column, output or tensor that is absent, doubled or of the wrong kind.
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

    /// Adds what the reader can do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts the place (a file, a tensor, a column) in front of the message on the way up.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// What the reader can do next, if anything is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
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

impl From<tabgraft_table::Error> for Error {
    fn from(error: tabgraft_table::Error) -> Self {
        let kind = if error.is_io() {
            ErrorKind::Io
        } else if error.is_malformed() {
            ErrorKind::Malformed
        } else if error.is_schema() {
            ErrorKind::Schema
        } else if error.is_value() {
            ErrorKind::Value
        } else if error.is_formula() {
            ErrorKind::Formula
        } else if error.is_option() {
            ErrorKind::Option
        } else {
            ErrorKind::Other
        };
        let mut wrapped = Self::new(kind, error.to_string());
        wrapped.hint = error.hint().map(str::to_owned);
        wrapped.with_source(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    /// The cause below this failure. A wrapped table error is transparent: its own cause is given,
    /// so that a chain printed cause by cause does not say one message twice.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_deref()?;
        match source.downcast_ref::<tabgraft_table::Error>() {
            Some(table_error) => table_error.source(),
            None => Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_table_error_keeps_its_message_hint_and_predicates() {
        let inner =
            tabgraft_table::Error::schema("there is no column `agee`").with_hint("did you mean `age`?");
        let error = Error::from(inner).at("people.csv");
        assert_eq!(error.to_string(), "people.csv: there is no column `agee`");
        assert_eq!(error.hint(), Some("did you mean `age`?"));
        assert!(error.is_schema() && !error.is_value());
        assert!(error.source().is_none(), "the same message must not be said twice");
    }

    #[test]
    fn the_systems_error_stays_below_a_wrapped_table_error() {
        let system = std::io::Error::from(std::io::ErrorKind::NotFound);
        let error = Error::from(tabgraft_table::Error::io(Path::new("a.csv"), "read", system));
        assert!(error.is_io());
        assert!(error.source().is_some_and(|s| s.is::<std::io::Error>()));
    }
}
