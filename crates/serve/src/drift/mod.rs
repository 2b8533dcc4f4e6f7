//! Drift: the last rows that each model was asked about, and whether they are other than those of its training.
//!
//! ```text
//! answered rows ─► a queue of few ─► codes, in a thread of their own ─► the last rows ─► asked: four tests of each column
//! ```
//!
//! Nobody's answer waits for it: rows for which the queue has no place are passed over and counted. Codes are kept, no
//! text of a cell, of the version that is current; another one begins anew.

mod gauges;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tabgraft_model::watch::{LaterRows, WatchOptions, Watched};
use tabgraft_model::{EmbeddingSpace, ModelFile, Result};
use tabgraft_table::Table;
use tabgraft_table::threads::in_pool_or_alone;
use tabgraft_table::unreadable::CellErrors;

use crate::failure::Failure;
use crate::served::{Served, Version};
pub(crate) use gauges::{Known, text as gauges};

/// Most tables that wait to be coded.
const MOST_WAITING: usize = 1024;
/// Most bytes of them.
const MOST_WAITING_BYTES: usize = 32 << 20;
/// A verdict stands for so many times as long as it took to find: asking again and again takes a tenth of a processor.
const STANDS: u32 = 10;

/// The last rows of each model.
pub(crate) struct Drift {
    /// Rows that are kept of each model.
    most_rows: usize,
    queue: SyncSender<Waiting>,
    shared: Arc<Shared>,
    /// Verdicts are found one at a time: who asks meanwhile waits for it.
    telling: Mutex<()>,
    /// Whether somebody is to look at all models.
    is_wanted: AtomicBool,
}

#[derive(Default)]
struct Shared {
    n_waiting_bytes: AtomicUsize,
    /// By model.
    kept: Mutex<HashMap<String, Kept>>,
}

/// Rows that were answered.
struct Waiting {
    model: String,
    version: Arc<Version>,
    table: Table,
    errors: CellErrors,
    n_bytes: usize,
}

/// What is known of a model's requests since its version is current.
struct Kept {
    version: Arc<Version>,
    rows: Option<LaterRows>,
    n_seen: u64,
    n_coded: u64,
    n_passed_over: u64,
    told: Option<Arc<Told>>,
}

/// What the last rows of a model say.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Rows that were answered since the version is current, those that were passed over too.
    pub n_seen: u64,
    /// Rows that were coded, of which the last are kept.
    n_coded: u64,
    /// Rows that there was no time to code.
    pub n_passed_over: u64,
    /// The space that told hidden cells, by its name; none where no such space is served.
    pub by: Option<String>,
    /// None where there is no row yet.
    pub watched: Option<Watched>,
    stands_until: Instant,
}

impl Told {
    /// What was found, in words.
    pub fn verdict(&self) -> String {
        self.watched.as_ref().map_or_else(|| "no row was answered yet".to_owned(), Watched::verdict)
    }
}

impl Kept {
    fn of(version: Arc<Version>) -> Self {
        Kept { version, rows: None, n_seen: 0, n_coded: 0, n_passed_over: 0, told: None }
    }
}

impl Drift {
    /// A place for so many rows of each model.
    ///
    /// # Errors
    /// An io error if no thread can be started.
    pub fn start(most_rows: usize) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(MOST_WAITING);
        let shared = Arc::new(Shared::default());
        let coding = shared.clone();
        thread::Builder::new().name("drift".to_owned()).spawn(move || coding.code(&waiting, most_rows))?;
        Ok(Drift { most_rows, queue, shared, telling: Mutex::default(), is_wanted: AtomicBool::new(false) })
    }

    /// Rows that are kept of each model.
    pub fn most_rows(&self) -> usize {
        self.most_rows
    }

    /// Remembers rows that the current version of a model was asked about.
    pub fn keep(&self, model: &str, version: &Arc<Version>, table: Table, errors: CellErrors) {
        let (n_rows, n_bytes) = (table.n_rows(), table.n_bytes());
        // Of a table that is longer only its end would stay.
        let table = table.slice(n_rows.saturating_sub(self.most_rows), self.most_rows);
        let shared = &self.shared;
        let has_place = shared.n_waiting_bytes.load(Ordering::Relaxed) + n_bytes <= MOST_WAITING_BYTES;
        let waiting = Waiting { model: model.to_owned(), version: version.clone(), table, errors, n_bytes };
        shared.n_waiting_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        if !has_place || self.queue.try_send(waiting).is_err() {
            shared.n_waiting_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
            shared.of(model, version, |kept| {
                kept.n_seen += n_rows as u64;
                kept.n_passed_over += n_rows as u64;
            });
            return;
        }
        shared.of(model, version, |kept| kept.n_seen += n_rows as u64);
    }

    /// What is known of a version already; nothing is found for it.
    pub fn known(&self, model: &str, version: &Version) -> Known {
        let kept = self.shared.lock();
        let kept = kept.get(model).filter(|kept| kept.version.id == version.id);
        Known {
            model: model.to_owned(),
            n_passed_over: kept.map_or(0, |kept| kept.n_passed_over),
            told: kept.and_then(|kept| kept.told.clone()),
        }
    }

    /// Whether nobody is to look at all models yet: then the caller is, by [`Drift::look`] or [`Drift::give_up`].
    pub fn want(&self) -> bool {
        !self.is_wanted.swap(true, Ordering::Relaxed)
    }

    /// Nobody will look.
    pub fn give_up(&self) {
        self.is_wanted.store(false, Ordering::Relaxed);
    }

    /// Looks at the last rows of each model, for whoever asks what is known.
    pub fn look(&self, served: &Served) {
        let _wanted = Wanted(self);
        for model in &served.models {
            if let Some(version) = model.current() {
                // A file without a profile has no verdict, which is told where one is asked for.
                let _ = self.told(&model.name, &version, served);
            }
        }
    }

    /// What the last rows that a version was asked about say. Where the space of a predictor is served, too, it tells
    /// hidden cells.
    ///
    /// # Errors
    /// What the core says, as of a file without a profile.
    pub fn told(
        &self,
        model: &str,
        version: &Arc<Version>,
        served: &Served,
    ) -> std::result::Result<Arc<Told>, Failure> {
        let _alone = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let (rows, mut told) = {
            let kept = self.shared.lock();
            let kept = kept.get(model).filter(|kept| kept.version.id == version.id);
            let told = Told {
                n_seen: kept.map_or(0, |kept| kept.n_seen),
                n_coded: kept.map_or(0, |kept| kept.n_coded),
                n_passed_over: kept.map_or(0, |kept| kept.n_passed_over),
                by: None,
                watched: None,
                stands_until: started,
            };
            if let Some(before) = kept.and_then(|kept| kept.told.clone())
                && (before.n_coded == told.n_coded || started < before.stands_until)
            {
                return Ok(before);
            }
            (kept.and_then(|kept| kept.rows.as_ref()).map(|rows| rows.last(self.most_rows)), told)
        };
        let Some(rows) = rows else { return Ok(Arc::new(told)) };
        let spaces: Vec<Arc<Version>> = served.models.iter().filter_map(|model| model.current()).collect();
        let spaces = std::iter::once(version).chain(&spaces).filter_map(|version| version.space());
        let space: Option<&EmbeddingSpace> = spaces.into_iter().find(|space| rows.are_of(space));
        let options = WatchOptions::default();
        told.watched = Some(match (space, version.predictor()) {
            (Some(space), _) => space.watch_later(&rows, &options)?,
            (None, Some(predictor)) => predictor.watch_later(&rows, &options)?,
            (None, None) => return Err(Failure::internal()),
        });
        told.by = space.map(|space| space.name().to_owned());
        told.stands_until = Instant::now() + STANDS * started.elapsed().min(Duration::from_secs(60));
        let told = Arc::new(told);
        self.shared.of(model, version, |kept| kept.told = Some(told.clone()));
        Ok(told)
    }
}

/// That somebody looks at all models; over when dropped.
struct Wanted<'a>(&'a Drift);

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a model; another version than before begins anew.
    fn of(&self, model: &str, version: &Arc<Version>, change: impl FnOnce(&mut Kept)) {
        let mut all = self.lock();
        let kept = all.entry(model.to_owned()).or_insert_with(|| Kept::of(version.clone()));
        if kept.version.id != version.id {
            *kept = Kept::of(version.clone());
        }
        change(kept);
    }

    /// Codes what waits until nothing more can come.
    fn code(&self, waiting: &Receiver<Waiting>, most_rows: usize) {
        while let Ok(Waiting { model, version, table, errors, n_bytes }) = waiting.recv() {
            let coded = in_pool_or_alone(|| later_rows(&version, &table, errors));
            drop(table);
            self.n_waiting_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
            let mut all = self.lock();
            // Rows of a version that is no longer current come too late.
            let Some(kept) = all.get_mut(&model).filter(|kept| kept.version.id == version.id) else {
                continue;
            };
            // What was answered can be coded: an error would be a defect, and is no client's business.
            let Ok(rows) = coded else { continue };
            kept.n_coded += rows.n_rows() as u64;
            match &mut kept.rows {
                Some(before) => drop(before.push(&rows, most_rows)),
                None => kept.rows = Some(rows),
            }
        }
    }
}

fn later_rows(version: &Version, table: &Table, errors: CellErrors) -> Result<LaterRows> {
    match &version.model {
        ModelFile::Space(space) => space.later_rows(table, errors),
        ModelFile::Predictor(predictor) => predictor.later_rows(table, errors),
    }
}
