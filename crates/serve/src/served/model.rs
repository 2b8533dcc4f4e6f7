//! A name that requests are sent to: a file, or a registry whose current version is followed.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tabgraft_model::{Error, ModelFile, Registry, Result};

use super::Version;
use crate::event::{Event, Sink};

/// Versions of a registry that stay loaded besides the current one: the one before it, which a rollback asks for, and
/// those that clients name.
const MOST_KEPT: usize = 3;
/// How long a version that could not be loaded is left alone.
const PAUSE: Duration = Duration::from_secs(5);
/// The file of a registry that says which version is current.
const RECORD: &str = "registry.json";

/// A model that is served.
pub(crate) struct Model {
    pub name: String,
    source: Source,
    current: RwLock<Option<Arc<Version>>>,
    /// Versions that answered before or were asked for, the last one in front.
    kept: Mutex<VecDeque<Arc<Version>>>,
    seen: Mutex<Seen>,
}

enum Source {
    File(PathBuf),
    Registry(Registry),
}

/// What was last seen of a registry.
#[derive(Default)]
struct Seen {
    stamp: Option<Stamp>,
    failed: Option<Instant>,
    /// The last thing that was told to be wrong, which is told once.
    told: Option<String>,
}

/// What tells one state of a registry's record from the next: it is replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    n_bytes: u64,
    file: u64,
}

impl Model {
    /// A file, which is read now, or a registry, whose current version is.
    ///
    /// # Errors
    /// As [`ModelFile::load`] and [`Registry::open`]. A registry without a current version is none: it may get one.
    pub fn open(name: String, path: &Path, sink: &Sink) -> Result<Self> {
        let is_registry = path.is_dir();
        let source = match is_registry {
            true => Source::Registry(Registry::open(path)?),
            false => Source::File(path.to_owned()),
        };
        let model = Model {
            name,
            source,
            current: RwLock::default(),
            kept: Mutex::default(),
            seen: Mutex::default(),
        };
        match &model.source {
            Source::File(path) => model.serve(Version::new(ModelFile::load(path)?), sink),
            Source::Registry(_) => model.follow(sink),
        }
        Ok(model)
    }

    /// The version that answers now.
    pub fn current(&self) -> Option<Arc<Version>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The registry that is followed, if it is one.
    pub fn registry(&self) -> Option<&Registry> {
        match &self.source {
            Source::File(_) => None,
            Source::Registry(registry) => Some(registry),
        }
    }

    /// Its file, or its registry's folder.
    pub fn path(&self) -> &Path {
        match &self.source {
            Source::File(path) => path,
            Source::Registry(registry) => registry.dir(),
        }
    }

    /// A version by its name or the first digits of its id, four at least; of a registry any, which is loaded if need be.
    ///
    /// # Errors
    /// As [`Registry::find`] and [`Registry::load`].
    pub fn version(&self, name_or_id: &str) -> Result<Arc<Version>> {
        let is_it = |version: &Arc<Version>| version.id == name_or_id;
        if let Some(version) = self.current().filter(is_it) {
            return Ok(version);
        }
        match &self.source {
            Source::File(_) => {
                let is_called = |version: &Arc<Version>| {
                    version.name == name_or_id
                        || (name_or_id.len() >= 4 && version.id.starts_with(name_or_id))
                };
                self.current().filter(is_called).ok_or_else(|| {
                    Error::value(format!("`{}` has no version `{name_or_id}`", self.name))
                        .with_hint("a file is one version")
                })
            }
            Source::Registry(registry) => {
                let found = registry.find(name_or_id)?;
                self.load(registry, &found)
            }
        }
    }

    /// Looks whether the registry has another current version, and serves it. Answers under way end with the version
    /// that they began with.
    pub fn follow(&self, sink: &Sink) {
        let Source::Registry(registry) = &self.source else { return };
        let mut seen = lock(&self.seen);
        let stamp = stamp(registry.dir());
        let is_paused = seen.failed.is_some_and(|at| at.elapsed() < PAUSE);
        if stamp == seen.stamp && (seen.failed.is_none() || is_paused) {
            return;
        }
        let found = registry.current().and_then(|found| match found {
            Some(found) => Ok(Some(self.load(registry, &found)?)),
            None => Ok(None),
        });
        let problem = match found {
            Ok(Some(version)) => {
                self.serve(version, sink);
                None
            }
            Ok(None) => Some("no version was promoted yet".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        // What was seen before the record was read: a change since then is seen the next time.
        seen.stamp = stamp;
        seen.failed = problem.is_some().then(Instant::now);
        if let Some(reason) = problem.clone().filter(|_| problem != seen.told) {
            sink(&Event::NotServed { model: self.name.clone(), reason });
        }
        seen.told = problem;
    }

    fn load(&self, registry: &Registry, found: &tabgraft_model::registry::Version) -> Result<Arc<Version>> {
        let id = found.id.as_str();
        if let Some(version) = self.current().filter(|version| version.id == id) {
            return Ok(version);
        }
        let mut kept = lock(&self.kept);
        if let Some(place) = kept.iter().position(|version| version.id == id)
            && let Some(version) = kept.remove(place)
        {
            kept.push_front(version.clone());
            return Ok(version);
        }
        // Under the lock: who asks for the same version meanwhile waits for it, and loads it no second time.
        let version = Version::new(registry.load(found)?);
        keep(&mut kept, version.clone());
        Ok(version)
    }

    fn serve(&self, version: Arc<Version>, sink: &Sink) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let before = current.replace(version.clone());
        drop(current);
        if before.as_ref().is_some_and(|before| before.id == version.id) {
            return;
        }
        let event = Event::Serving {
            model: self.name.clone(),
            version: version.id.clone(),
            name: version.name.clone(),
            before: before.as_ref().map(|before| before.id.clone()),
        };
        if let Some(before) = before {
            let mut kept = lock(&self.kept);
            kept.retain(|kept| kept.id != version.id && kept.id != before.id);
            keep(&mut kept, before);
        }
        sink(&event);
    }
}

fn keep(kept: &mut VecDeque<Arc<Version>>, version: Arc<Version>) {
    kept.push_front(version);
    kept.truncate(MOST_KEPT);
}

fn stamp(dir: &Path) -> Option<Stamp> {
    let data = fs::metadata(dir.join(RECORD)).ok()?;
    #[cfg(unix)]
    let file = std::os::unix::fs::MetadataExt::ino(&data);
    #[cfg(not(unix))]
    let file = 0;
    Some(Stamp { modified: data.modified().ok(), n_bytes: data.len(), file })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
