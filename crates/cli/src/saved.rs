//! What became of a model at the end of a command: where it was saved, or why it was not.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::answer::Answer;
use crate::arguments::OutArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt;
use crate::report::line;

/// Bytes that most file systems take in a name.
const MOST_NAME_BYTES: usize = 255;

/// How far a command came with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// To its end.
    Finished,
    /// It was stopped; the model is the best state so far.
    Interrupted,
    /// It was stopped before the model was judged, as the user had asked.
    Unjudged,
}

/// The end of a model's command, part of its report.
#[derive(Debug, Serialize)]
pub struct Saved {
    /// The model's file; null if it could not be written.
    file: Option<PathBuf>,
    /// Whether a signal stopped the command before its end.
    interrupted: bool,
    #[serde(skip)]
    failure: Option<Failure>,
}

impl Saved {
    /// Saves a model by `write`. What was stopped replaces no older file, unless the user allows it: it goes
    /// to a new file beside it, and a note says where. A failure is told by [`Saved::answer`], after the report.
    pub fn new(
        out: &OutArgs,
        end: End,
        write: impl FnOnce(&Path) -> tabgraft_model::Result<()>,
        console: &Console,
    ) -> Self {
        let is_taken = end == End::Unjudged || end == End::Interrupted && out.path.is_file();
        let path = match is_taken && !out.replace_if_interrupted {
            true => beside(&out.path),
            false => out.path.clone(),
        };
        let failure = write(&path).err().map(Failure::from);
        let interrupted = end != End::Finished;
        if interrupted && failure.is_none() {
            let signal = interrupt::requested().map(|name| format!(" by {name}")).unwrap_or_default();
            let state = match end {
                End::Unjudged => "what was to be judged, and was not",
                _ => "the best state so far",
            };
            let older = match path == out.path || !out.path.is_file() {
                true => String::new(),
                false => format!("; `{}` is as it was", out.path.display()),
            };
            console.note(&format!("interrupted{signal}: `{}` holds {state}{older}", path.display()));
        }
        Saved { file: failure.is_none().then_some(path), interrupted, failure }
    }

    /// The last line of a report: `what` and where it is.
    pub fn text(&self, what: &str) -> String {
        match &self.file {
            Some(file) => line!("saved {what} to `{}`", file.display()),
            None => line!("NOT saved: {}", what.trim_end_matches(',')),
        }
    }

    /// The command's answer: `finished` if the model is there and whole, and its report was `told`.
    pub fn answer(self, told: Result<(), Failure>, finished: Answer) -> Result<Answer, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None if self.interrupted => told.map(|()| Answer::Interrupted),
            None => told.map(|()| finished),
        }
    }
}

/// A file beside `path` that is not there yet: `v1.interrupted.tabgraft`, `v1.interrupted-2.tabgraft`, ...
fn beside(path: &Path) -> PathBuf {
    let named = |n: usize| {
        let mut ending = OsString::from(".interrupted");
        if n > 1 {
            ending.push(format!("-{n}"));
        }
        if let Some(given) = path.extension() {
            ending.push(".");
            ending.push(given);
        }
        let mut stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        while stem.len() + ending.len() > MOST_NAME_BYTES && stem.pop().is_some() {}
        let mut name = OsString::from(stem);
        name.push(ending);
        path.with_file_name(name)
    };
    // A link that leads nowhere is in the way as well.
    (1..).map(named).find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_beside_another_is_new_and_not_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(beside(&at("v1.tabgraft")), at("v1.interrupted.tabgraft"));
        std::fs::write(at("v1.interrupted.tabgraft"), "").unwrap();
        assert_eq!(beside(&at("v1.tabgraft")), at("v1.interrupted-2.tabgraft"));
        assert_eq!(beside(&at("v1")), at("v1.interrupted"));
        let long = beside(&at(&"é".repeat(127)));
        std::fs::write(&long, "").unwrap();
        assert!(long.file_name().unwrap().to_string_lossy().ends_with("é.interrupted"));
    }
}
