//! Why a command could not do what it was asked: a message and a hint. Exit code 2, or 3 if a signal stopped it.

use std::io;
use std::path::Path;

use serde::Serialize;

/// A failure on its way to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What is wrong: lower case, names in backticks.
    #[serde(rename = "error")]
    pub message: String,
    /// What to do next, if anything is known.
    pub hint: Option<String>,
    /// Whether the reader of our output went away, which is no failure of ours.
    #[serde(skip)]
    pub is_broken_pipe: bool,
    /// Whether a signal stopped the command, and there was nothing to save.
    #[serde(skip)]
    pub is_interrupted: bool,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, is_broken_pipe: false, is_interrupted: false }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A file that could not be written or read.
    pub fn io(path: &Path, action: &str, error: io::Error) -> Self {
        tabgraft_model::Error::io(path, action, error).into()
    }

    /// Of writing a table to stdout, whose reader may go away at any time.
    pub fn of_stdout(error: tabgraft_model::Error) -> Self {
        let is_broken_pipe = error.io_kind() == Some(io::ErrorKind::BrokenPipe);
        Failure { is_broken_pipe, ..error.into() }
    }
}

impl From<tabgraft_model::Error> for Failure {
    fn from(error: tabgraft_model::Error) -> Self {
        let hint = error.hint().or_else(|| error.io_kind().and_then(way_out)).map(str::to_owned);
        Failure { hint, is_interrupted: error.is_interrupted(), ..Failure::new(error.to_string()) }
    }
}

/// Of writing to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure {
            hint: way_out(error.kind()).map(str::to_owned),
            is_broken_pipe: error.kind() == io::ErrorKind::BrokenPipe,
            ..Failure::new(format!("cannot write to the output: {error}"))
        }
    }
}

/// What helps against an error of the system.
fn way_out(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::NotFound => Some("check the path; relative paths start here"),
        io::ErrorKind::PermissionDenied => Some("check who may read and write there"),
        io::ErrorKind::NotADirectory => Some("a file stands where the path needs a folder"),
        io::ErrorKind::InvalidFilename => Some("give a shorter name"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some("make room on the disk"),
        _ => None,
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Failure::new(format!("the report cannot be written as JSON: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_gets_a_hint_unless_the_core_gave_one() {
        let absent = || io::Error::from(io::ErrorKind::NotFound);
        let error = tabgraft_model::Error::io(Path::new("a.csv"), "read", absent());
        assert!(Failure::from(error).hint.is_some_and(|h| h.contains("path")));
        let error = tabgraft_model::Error::io(Path::new("a.csv"), "read", absent()).with_hint("look");
        assert_eq!(Failure::from(error).hint.as_deref(), Some("look"));
    }

    #[test]
    fn a_closed_pipe_is_no_failure_of_stdout_and_one_of_a_file() {
        let closed = || tabgraft_model::Error::io(Path::new("-"), "write", io::ErrorKind::BrokenPipe.into());
        assert!(Failure::of_stdout(closed()).is_broken_pipe);
        assert!(!Failure::from(closed()).is_broken_pipe);
    }
}
