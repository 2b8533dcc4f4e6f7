//! A folder of versions of which one is current: promoted, rolled back, remembered.
//!
//! ```text
//! DIR/registry.json              versions, events, which one is current
//! DIR/versions/NAME-ID.tabgraft  one file per version, never changed
//! ```
//!
//! Plain files and no server. Every change of `registry.json` replaces it as a whole under a lock, so
//! that any number of processes may write, none loses another's event, and a process that is killed
//! leaves the registry as it was before or after its change. A version's file is in its place before
//! `registry.json` names it; one that nobody names disturbs nothing. The lock is held for `registry.json`
//! alone: models, which may be large, are read, checked and written before it is taken; what is left
//! is to rename.
//!
//! What the record grows by is bounded: notes have a largest length, and nothing is ever taken out, so
//! that every rollback stays possible. Its 64 MiB hold some 200,000 events.

mod record;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tabgraft_table::error::near_names;
use tabgraft_table::{ledger, write_beside};

pub use record::{Action, Event, Version};

use crate::error::{Error, Result};
use crate::space::now;
use crate::store::ContentHash;
use crate::{ModelFile, store};
use record::Record;

/// The file that says what the folder holds.
const FILE: &str = "registry.json";
/// The folder of the versions' files.
const FOLDER: &str = "versions";
/// Characters of a model's name in its file's name.
const MOST_NAME_CHARS: usize = 40;
/// Most bytes of a note: some thirty lines.
const MOST_NOTE_BYTES: usize = 2000;
/// Fewest digits of an id that stand for it.
const FEWEST_DIGITS: usize = 4;

/// A registry in a folder. Holds no state of its own: every call reads what the folder says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    dir: PathBuf,
}

/// A version and whether it came in just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The version.
    pub version: Version,
    /// Whether the registry did not have it before.
    pub is_new: bool,
}

impl Registry {
    /// The registry in `dir`.
    ///
    /// # Errors
    /// An I/O error if there is none; a malformed error if `registry.json` is broken.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let registry = Registry { dir: dir.into() };
        registry.record()?;
        Ok(registry)
    }

    /// The registry in `dir`, or an empty one if there is none. To begin with a version,
    /// [`Registry::begin`] leaves nothing behind if that version is none.
    ///
    /// # Errors
    /// An I/O error if the folder cannot be written to; a malformed error if `registry.json` is broken.
    pub fn create(dir: impl Into<PathBuf>) -> Result<Self> {
        let registry = Registry { dir: dir.into() };
        let folder = registry.dir.join(FOLDER);
        fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "make", e))?;
        if ledger::read::<Record>(&registry.file())?.is_none() {
            ledger::update(&registry.file(), |_: &mut Record| Ok(()))?;
        }
        Ok(registry)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All versions, in the order in which they were added.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn versions(&self) -> Result<Vec<Version>> {
        Ok(self.record()?.versions)
    }

    /// All events, oldest first.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn history(&self) -> Result<Vec<Event>> {
        Ok(self.record()?.events)
    }

    /// The version that is current; none before the first promotion.
    ///
    /// # Errors
    /// As [`Registry::open`].
    pub fn current(&self) -> Result<Option<Version>> {
        let record = self.record()?;
        Ok(record.current.as_ref().and_then(|id| record.version(id)).cloned())
    }

    /// The version of this name or id. The first digits of an id will do, four at least.
    ///
    /// # Errors
    /// As [`Registry::open`]; a value error if no version or more than one is called so.
    pub fn find(&self, name_or_id: &str) -> Result<Version> {
        find(&self.record()?, name_or_id).cloned()
    }

    /// The path of a version's file.
    pub fn path(&self, version: &Version) -> PathBuf {
        self.dir.join(FOLDER).join(&version.file)
    }

    /// Loads a version and checks that its file still is that version, the one that was added: what
    /// `verify` checks of a file, and the hash of its content that the registry holds.
    ///
    /// # Errors
    /// Malformed, version or verification errors that name the file; an I/O error.
    pub fn load(&self, version: &Version) -> Result<ModelFile> {
        let path = self.path(version);
        let place = path.display();
        let hint = "add the version's file again: that puts it back";
        let hinted = |e: Error| if e.is_version() { e } else { e.with_hint(hint) };
        let (container, content) = store::load(&path).map_err(hinted)?;
        let model =
            ModelFile::from_container(container).map_err(|e| hinted(e.at(format_args!("`{place}`"))))?;
        let refuse = |text: String| Err(hinted(Error::verification(text)));
        let found = model.id();
        if found != version.id {
            let (found, wanted) = (found.short(), version.id.short());
            return refuse(format!("`{place}` holds version {found}, the registry says {wanted}"));
        }
        if let Some(added) = version.content.as_ref().filter(|added| **added != content) {
            let (found, added) = (content.short(), added.short());
            return refuse(format!(
                "`{place}` was changed since it was added: its content hashes to {found}, the registry says {added}"
            ));
        }
        check(&model).map_err(|e| hinted(e.at(format_args!("`{place}`"))))?;
        Ok(model)
    }

    /// As [`Registry::create`] and [`Registry::add`] in one: a registry is made only if the version is sound.
    ///
    /// # Errors
    /// As [`Registry::create`] and [`Registry::add`].
    pub fn begin(dir: impl Into<PathBuf>, file: &Path, note: &str) -> Result<(Self, Added)> {
        let registry = Registry { dir: dir.into() };
        // A broken record is told before a large file is read.
        ledger::read::<Record>(&registry.file())?;
        let added = registry.add(file, note)?;
        Ok((registry, added))
    }

    /// Copies a model's file into the registry, if it does not have that version yet, or if its own file
    /// was damaged. The current version stays.
    ///
    /// # Errors
    /// Malformed, version or verification errors that name the file, everything that `verify` would say of
    /// it; an I/O error; an option error for a note of more than 2000 bytes.
    pub fn add(&self, file: &Path, note: &str) -> Result<Added> {
        // Says what is wrong with a path that is no ordinary file, which reading it might not.
        store::head(file)?;
        let bytes = fs::read(file).map_err(|e| Error::io(file, "read", e))?;
        self.add_bytes(&bytes, note).map_err(|e| e.at(format_args!("`{}`", file.display())))
    }

    /// As [`Registry::add`], for the bytes of a model's file.
    ///
    /// # Errors
    /// As [`Registry::add`].
    pub fn add_bytes(&self, bytes: &[u8], note: &str) -> Result<Added> {
        check_note(note)?;
        let (container, content) = store::from_bytes(bytes)?;
        let model = ModelFile::from_container(container)?;
        check(&model)?;
        let id = model.id();
        let record = ledger::read::<Record>(&self.file())?.unwrap_or_default();
        let known = record.version(&id).cloned();
        let is_damaged = match &known {
            Some(known) if self.load(known).is_ok() => {
                return Ok(Added { version: known.clone(), is_new: false });
            }
            known => known.is_some(),
        };
        let mut version = known.unwrap_or_else(|| Version {
            file: format!("{}-{}.tabgraft", readable(model.name()), id.short()),
            id: id.clone(),
            name: model.name().to_owned(),
            kind: model.kind(),
            added: String::new(),
            content: None,
        });
        let folder = self.dir.join(FOLDER);
        fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "make", e))?;
        let path = self.path(&version);
        let ((), waiting) =
            write_beside(&path, |mut file| file.write_all(bytes).map_err(|e| Error::io(&path, "write", e)))?;
        let mut is_new = false;
        let record = self.update(|record| {
            if let Some(known) = record.versions.iter_mut().find(|v| v.id == id) {
                // One that came in meanwhile is whole.
                if is_damaged {
                    waiting.take_place()?;
                    known.content = Some(content);
                }
                return Ok(());
            }
            is_new = true;
            waiting.take_place()?;
            version.added = now();
            version.content = Some(content);
            record.events.push(Event {
                date: version.added.clone(),
                action: Action::Add,
                from: None,
                to: id.clone(),
                note: note.to_owned(),
            });
            record.versions.push(version.clone());
            Ok(())
        })?;
        Ok(Added { version: find(&record, id.as_str())?.clone(), is_new })
    }

    /// Makes a version current, by name or id as in [`Registry::find`], and gives it. To promote the one
    /// that is current changes nothing.
    ///
    /// # Errors
    /// As [`Registry::find`] and [`Registry::load`]: a version whose file is not whole is not promoted. An
    /// option error for a note of more than 2000 bytes.
    pub fn promote(&self, name_or_id: &str, note: &str) -> Result<Version> {
        self.step(Action::Promote, note, |record| Ok(find(record, name_or_id)?.id.clone()))
    }

    /// Makes the version current that was promoted before the current one, and gives it.
    ///
    /// # Errors
    /// A value error if no version was promoted before the current one; as [`Registry::load`].
    pub fn rollback(&self, note: &str) -> Result<Version> {
        self.step(Action::Rollback, note, |record| match record.line()[..] {
            [.., previous, _] => Ok(previous.clone()),
            [only] => Err(Error::value(format!(
                "nothing to roll back to: {} was the first version to be promoted",
                called(record, only)
            ))
            .with_hint("promote another version instead")),
            [] => Err(Error::value("nothing to roll back: no version was promoted yet")
                .with_hint("promote one first")),
        })
    }

    /// Makes the version current that `choose` gives, as it is when nobody else writes.
    fn step(
        &self,
        action: Action,
        note: &str,
        choose: impl Fn(&Record) -> Result<ContentHash>,
    ) -> Result<Version> {
        check_note(note)?;
        loop {
            let record = self.record()?;
            let checked = choose(&record)?;
            if record.current.as_ref() != Some(&checked)
                && let Some(version) = record.version(&checked)
            {
                self.load(version)?;
            }
            let mut is_done = false;
            let record = self.update(|record| {
                let to = choose(record)?;
                // Somebody else was faster, and another version's turn has come: it has to be read first.
                if to != checked {
                    return Ok(());
                }
                is_done = true;
                if record.current.as_ref() != Some(&to) {
                    let from = record.current.replace(to.clone());
                    record.events.push(Event { date: now(), action, from, to, note: note.to_owned() });
                }
                Ok(())
            })?;
            if is_done {
                let current = record.current.as_ref().and_then(|id| record.version(id)).cloned();
                return current.ok_or_else(|| {
                    Error::malformed(format!("`{}` has no current version", self.file().display()))
                });
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    fn record(&self) -> Result<Record> {
        let path = self.file();
        ledger::read(&path)?.ok_or_else(|| {
            Error::io(&path, "open", std::io::ErrorKind::NotFound.into())
                .with_hint("add a version: that makes the registry")
        })
    }

    fn update(&self, change: impl FnOnce(&mut Record) -> Result<()>) -> Result<Record> {
        ledger::update(&self.file(), |record: &mut Record| {
            record.now_current();
            change(record)
        })
    }
}

fn check_note(note: &str) -> Result<()> {
    match note.len() {
        0..=MOST_NOTE_BYTES => Ok(()),
        n => Err(Error::option(format!("the note has {n} bytes, at most {MOST_NOTE_BYTES} are kept"))
            .with_hint("write the long story to a file, and its name into the note")),
    }
}

/// What `verify` says of a model, as an error.
fn check(model: &ModelFile) -> Result<()> {
    let problems = model.contradictions();
    if problems.is_empty() { Ok(()) } else { Err(Error::verification(problems.join("; "))) }
}

fn find<'r>(record: &'r Record, name_or_id: &str) -> Result<&'r Version> {
    let by_name: Vec<&Version> = record.versions.iter().filter(|v| v.name == name_or_id).collect();
    let is_id = name_or_id.len() >= FEWEST_DIGITS;
    let by_id = record.versions.iter().filter(|v| is_id && v.id.as_str().starts_with(name_or_id));
    let found = if by_name.is_empty() { by_id.collect() } else { by_name };
    match found[..] {
        [version] => Ok(version),
        [] => {
            let names: Vec<&str> = record.versions.iter().map(|v| v.name.as_str()).collect();
            let near = near_names(name_or_id, names.iter().copied());
            let hint = match near[..] {
                [] => "`list` shows names and ids; the first four digits of an id will do".to_owned(),
                _ => format!("did you mean {}?", tabgraft_table::table::quoted(&near)),
            };
            Err(Error::value(format!("no version is called `{name_or_id}`")).with_hint(hint))
        }
        _ => {
            let ids: Vec<&str> = found.iter().map(|v| v.id.short()).collect();
            Err(Error::value(format!("{} versions are called `{name_or_id}`", found.len()))
                .with_hint(format!("give one's id: {}", tabgraft_table::table::quoted(&ids))))
        }
    }
}

fn called(record: &Record, id: &ContentHash) -> String {
    let name = record.version(id).map_or("", |version| version.name.as_str());
    format!("`{name}` ({})", id.short())
}

/// A model's name as part of a file's name, on any system.
fn readable(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let name: String = name.chars().take(MOST_NAME_CHARS).map(safe).collect();
    if name.is_empty() { "model".to_owned() } else { name }
}
