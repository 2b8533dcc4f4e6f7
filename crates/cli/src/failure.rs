//! Why a command could not do what it was asked: a message and a hint. Exit code 2.

use std::error::Error as StdError;
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
}

impl Failure {
    /// A failure without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, is_broken_pipe: false }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A file that could not be written or read.
    pub fn io(path: &Path, action: &str, error: io::Error) -> Self {
        from_error(format!("cannot {action} `{}`: {error}", path.display()), None, &error)
    }
}

/// Looks for the system's error below `error`: a file that is not there gets a hint.
fn from_error(message: String, hint: Option<&str>, error: &(dyn StdError + 'static)) -> Failure {
    let mut cause = Some(error);
    let mut system = None;
    while let Some(error) = cause {
        system = error.downcast_ref::<io::Error>().map(io::Error::kind).or(system);
        cause = error.source();
    }
    let hint = hint.map(str::to_owned).or_else(|| match system {
        Some(io::ErrorKind::NotFound) => Some("check the path; relative paths start here".to_owned()),
        Some(io::ErrorKind::PermissionDenied) => Some("check who may read and write there".to_owned()),
        _ => None,
    });
    Failure { message, hint, is_broken_pipe: system == Some(io::ErrorKind::BrokenPipe) }
}

impl From<tabgraft_model::Error> for Failure {
    fn from(error: tabgraft_model::Error) -> Self {
        from_error(error.to_string(), error.hint(), &error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        from_error(format!("cannot write to the output: {error}"), None, &error)
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
    fn a_closed_pipe_is_told_apart_through_the_cores_error() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        let error = tabgraft_model::Error::io(Path::new("-"), "write", closed);
        assert!(Failure::from(error).is_broken_pipe);
    }
}
