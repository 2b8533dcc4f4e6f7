//! What `registry.json` holds: the versions, the events, and the version that they lead to.

use std::collections::HashSet;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use tabgraft_table::ledger::Ledger;

use crate::ModelKind;
use crate::error::{Error, Result};
use crate::store::ContentHash;

/// Format version that this build writes, and the newest that it reads. Since 2 a version says the hash of
/// its file's content.
const FORMAT_VERSION: u32 = 2;

/// One version of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Names the version; see [`crate::ModelFile::id`].
    pub id: ContentHash,
    /// The name that it was trained under; several versions may have the same.
    pub name: String,
    /// What it is.
    pub kind: ModelKind,
    /// Its file's name in the folder `versions`.
    pub file: String,
    /// When it was added: RFC 3339, UTC.
    pub added: String,
    /// Hash of its file's content, which covers what the id does not: names, times, and what versions of
    /// format 1.3 and earlier claim. None if a registry of format version 1 took it in.
    #[serde(default)]
    pub content: Option<ContentHash>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A version came in; the current one stayed.
    Add,
    /// A version was made current.
    Promote,
    /// The version that was current before was made current again.
    Rollback,
}

impl Action {
    /// The action's name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Action::Add => "add",
            Action::Promote => "promote",
            Action::Rollback => "rollback",
        }
    }
}

/// One entry of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When: RFC 3339, UTC.
    pub date: String,
    /// What was done.
    pub action: Action,
    /// The version that was current until then; none if there was none, and for an added one.
    pub from: Option<ContentHash>,
    /// The version that was added or made current.
    pub to: ContentHash,
    /// What the user said about it; often empty.
    pub note: String,
}

/// The content of `registry.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    format_version: u32,
    /// What the events lead to, for readers who look for nothing else.
    pub current: Option<ContentHash>,
    /// In the order in which they were added.
    pub versions: Vec<Version>,
    /// Oldest first; only ever added to.
    pub events: Vec<Event>,
}

impl Default for Record {
    fn default() -> Self {
        Record { format_version: FORMAT_VERSION, current: None, versions: Vec::new(), events: Vec::new() }
    }
}

impl Record {
    /// What is written is of the current format version, whichever was read.
    pub(super) fn now_current(&mut self) {
        self.format_version = FORMAT_VERSION;
    }

    /// The version of this id.
    pub(super) fn version(&self, id: &ContentHash) -> Option<&Version> {
        self.versions.iter().find(|v| v.id == *id)
    }

    /// The promoted versions that rollbacks have not undone, the current one last.
    pub(super) fn line(&self) -> Vec<&ContentHash> {
        let mut line = Vec::new();
        self.events.iter().for_each(|event| advance(&mut line, event));
        line
    }
}

fn advance<'r>(line: &mut Vec<&'r ContentHash>, event: &'r Event) {
    match event.action {
        Action::Add => {}
        Action::Promote => line.push(&event.to),
        Action::Rollback => {
            line.pop();
        }
    }
}

impl Ledger for Record {
    const FORMAT_VERSION: u32 = FORMAT_VERSION;
    const TOO_LARGE_HINT: &str = "leave it where it is: it can be read, loaded and copied from as before; add \
         the versions that you go on with to a registry in another folder";

    fn check(&self) -> Result<()> {
        let mut ids = HashSet::new();
        let mut files = HashSet::new();
        for version in &self.versions {
            let mut parts = Path::new(&version.file).components();
            let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            if !is_plain || !files.insert(&version.file) || !ids.insert(&version.id) {
                return Err(Error::value(format!(
                    "version {} in file `{}`: each version has an id and a file name of its own",
                    version.id.short(),
                    version.file
                )));
            }
        }
        let mut line: Vec<&ContentHash> = Vec::new();
        for (i, event) in self.events.iter().enumerate() {
            let from = line.last().copied();
            advance(&mut line, event);
            let is_added = event.action == Action::Add;
            let follows = if is_added { event.from.is_none() } else { event.from.as_ref() == from };
            let leads = is_added || line.last() == Some(&&event.to);
            if !ids.contains(&event.to) || !follows || !leads {
                return Err(Error::value(format!(
                    "event {} of {} ({} to {}) does not follow from those before it",
                    i + 1,
                    event.date,
                    event.action.name(),
                    event.to.short()
                )));
            }
        }
        if line.last().copied() != self.current.as_ref() {
            let name = |id: Option<&ContentHash>| id.map_or("none".to_owned(), |id| id.short().to_owned());
            return Err(Error::value(format!(
                "`current` is {}, the events lead to {}",
                name(self.current.as_ref()),
                name(line.last().copied())
            )));
        }
        Ok(())
    }
}
