//! `registry`: a folder of versions of which one is current.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use tabgraft_model::Registry;
use tabgraft_model::registry::{Added, Event, Version};

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;
use crate::report::{Grid, Report, line};

/// Keep versions of models in a folder, with one that is current; promote, roll back, look back.
///
/// Plain files, no server: the versions lie in DIR/versions, and DIR/registry.json says which one is
/// current and what was done when. Several processes may write at once, and one that is killed leaves
/// the registry whole. ID is a version's name or the first digits of its id, four at least.
///
/// `add` makes the registry. A version whose file is damaged is not made current. Exits with 1 if
/// `current` is asked for and none was promoted yet.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft registry models add v2.tabgraft --note 'with bureau data'
  tabgraft registry models promote v2
  tabgraft registry models rollback --note 'scores fell'")]
pub struct RegistryArgs {
    /// The folder
    dir: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

/// What to do with it.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Copy a model's file in as a version; the current one stays
    Add {
        /// A space or a predictor
        file: PathBuf,
        #[command(flatten)]
        note: NoteArgs,
    },
    /// Make a version current
    Promote {
        /// A version's name or the first digits of its id
        #[arg(value_name = "ID")]
        version: String,
        #[command(flatten)]
        note: NoteArgs,
    },
    /// Make the version current that was promoted before the current one
    Rollback {
        #[command(flatten)]
        note: NoteArgs,
    },
    /// Show what was done, oldest first
    History,
    /// Show the current version and where its file lies
    Current,
    /// Show all versions
    List,
}

/// What the user says about a step.
#[derive(Debug, Args)]
struct NoteArgs {
    /// Why; kept in the history, at most 2000 bytes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
}

/// What `registry current`, `promote` and `rollback` report.
#[derive(Debug, Serialize)]
struct CurrentReport {
    current: Option<Version>,
    /// The version's file; none before the first promotion.
    path: Option<PathBuf>,
}

/// What `registry add` reports.
#[derive(Debug, Serialize)]
struct AddReport {
    version: Version,
    is_new: bool,
    path: PathBuf,
}

/// What `registry history` reports.
#[derive(Debug, Serialize)]
struct HistoryReport {
    events: Vec<Event>,
    #[serde(skip)]
    versions: Vec<Version>,
}

/// What `registry list` reports.
#[derive(Debug, Serialize)]
struct ListReport {
    current: Option<Version>,
    versions: Vec<Version>,
}

impl RegistryArgs {
    /// Does it, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        if let Verb::Add { file, note } = &self.verb {
            let (registry, Added { version, is_new }) = Registry::begin(&self.dir, file, &note.note)?;
            console.report(&AddReport { path: registry.path(&version), version, is_new })?;
            return Ok(Answer::Yes);
        }
        let registry = Registry::open(&self.dir)?;
        let current = match &self.verb {
            Verb::Promote { version, note } => Some(registry.promote(version, &note.note)?),
            Verb::Rollback { note } => Some(registry.rollback(&note.note)?),
            Verb::History => {
                let (events, versions) = (registry.history()?, registry.versions()?);
                console.report(&HistoryReport { events, versions })?;
                return Ok(Answer::Yes);
            }
            Verb::List => {
                let (current, versions) = (registry.current()?, registry.versions()?);
                console.report(&ListReport { current, versions })?;
                return Ok(Answer::Yes);
            }
            Verb::Add { .. } | Verb::Current => registry.current()?,
        };
        let answer = if current.is_some() { Answer::Yes } else { Answer::No };
        console.report(&CurrentReport { path: current.as_ref().map(|v| registry.path(v)), current })?;
        Ok(answer)
    }
}

impl Report for CurrentReport {
    fn text(&self) -> String {
        match (&self.current, &self.path) {
            (Some(version), Some(path)) => {
                line!("current: {} ({}), {}", version.name, version.id.short(), path.display())
            }
            _ => "no version was promoted yet\n".to_owned(),
        }
    }
}

impl Report for AddReport {
    fn text(&self) -> String {
        let done = if self.is_new { "added" } else { "already there" };
        line!("{done}: {} ({}), {}", self.version.name, self.version.id.short(), self.path.display())
    }
}

impl Report for HistoryReport {
    fn text(&self) -> String {
        let mut grid = Grid::new(["date", "action", "version", "id", "note"]);
        for event in &self.events {
            let name = self.versions.iter().find(|v| v.id == event.to).map(|v| v.name.clone());
            grid.row([
                event.date.clone(),
                event.action.name().to_owned(),
                name.unwrap_or_default(),
                event.to.short().to_owned(),
                event.note.clone(),
            ]);
        }
        grid.text()
    }
}

impl Report for ListReport {
    fn text(&self) -> String {
        let mut grid = Grid::new(["", "version", "id", "kind", "added", "file"]);
        for version in &self.versions {
            let is_current = self.current.as_ref().is_some_and(|current| current.id == version.id);
            grid.row([
                if is_current { "*" } else { "" }.to_owned(),
                version.name.clone(),
                version.id.short().to_owned(),
                version.kind.name().to_owned(),
                version.added.clone(),
                version.file.clone(),
            ]);
        }
        grid.text()
    }
}
