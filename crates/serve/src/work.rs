//! The work that requests wait for: a bounded queue, and threads that take from it.
//!
//! Rows of several requests to one version are computed together, where they wait at the same time anyway: nobody waits
//! for others to come. A row has the same bits in any batch, so no answer tells who was beside it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tabgraft_model::predictor::Predicted;
use tabgraft_model::space::Embedded;
use tabgraft_model::{ModelFile, Result};
use tabgraft_table::Table;
use tabgraft_table::threads::in_pool_or_alone;
use tabgraft_table::unreadable::CellErrors;
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::metrics::{Metrics, RowCounts};
use crate::served::Version;

/// Rows from which on a batch takes no further request.
const BATCH_ROWS: usize = 512;

/// What a version says of a table.
#[derive(Debug)]
pub(crate) enum Answer {
    Embedded(Box<Embedded>),
    Predicted(Box<Predicted>),
}

impl Answer {
    /// What it is counted as.
    pub fn counts(&self) -> RowCounts {
        let (cells, remarks, guardrails) = match self {
            Answer::Embedded(answer) => (&answer.cells, &answer.remarks, 0),
            Answer::Predicted(answer) => (&answer.cells, &answer.remarks, answer.guardrails.len()),
        };
        let count = |cells: &[bool]| cells.iter().filter(|cell| **cell).count() as u64;
        RowCounts {
            rows: remarks.n_rows as u64,
            missing: count(&cells.missing),
            unseen: count(&cells.unseen),
            guardrails: guardrails as u64,
        }
    }
}

/// The queue. Its threads end when it is dropped and all that waits is done.
pub(crate) struct Work {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Most jobs that wait.
    most: usize,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

enum Job {
    Rows(RowsJob),
    Alone(Box<dyn FnOnce() + Send>),
}

/// Rows that a version is asked about.
struct RowsJob {
    version: Arc<Version>,
    table: Table,
    errors: CellErrors,
    reply: oneshot::Sender<Result<Answer>>,
}

impl RowsJob {
    /// Whether one batch may hold both.
    fn goes_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.version, &other.version) && self.errors == other.errors
    }
}

impl Work {
    /// A queue of at most so many jobs, and so many threads.
    ///
    /// # Errors
    /// An io error if a thread cannot be started.
    pub fn start(most: usize, n_threads: usize, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), most, metrics });
        let work = Work { shared: shared.clone() };
        for i in 0..n_threads.max(1) {
            let shared = shared.clone();
            let thread = thread::Builder::new().name(format!("work-{i}"));
            thread.spawn(move || shared.run())?;
        }
        Ok(work)
    }

    /// What `version` says of the rows of `table`.
    ///
    /// # Errors
    /// 503 if too many requests wait; what the core says of the table.
    pub async fn ask(
        &self,
        version: Arc<Version>,
        table: Table,
        errors: CellErrors,
    ) -> std::result::Result<Answer, Failure> {
        let (reply, answer) = oneshot::channel();
        self.shared.push(Job::Rows(RowsJob { version, table, errors, reply }))?;
        Ok(answer.await.map_err(|_| Failure::internal())??)
    }

    /// Does other work in its turn.
    ///
    /// # Errors
    /// 503 if too many requests wait; those of the work.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, Failure> + Send + 'static,
    ) -> std::result::Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            // Who asked may have gone.
            if !reply.is_closed() {
                let _ = reply.send(in_pool_or_alone(work));
            }
        };
        self.shared.push(Job::Alone(Box::new(job)))?;
        answer.await.map_err(|_| Failure::internal())?
    }

    /// Does work that nobody waits for in its turn.
    ///
    /// # Errors
    /// 503 if too many requests wait: then it is not done.
    pub fn later(&self, work: impl FnOnce() + Send + 'static) -> std::result::Result<(), Failure> {
        self.shared.push(Job::Alone(Box::new(move || in_pool_or_alone(work))))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> std::result::Result<(), Failure> {
        let mut state = self.lock();
        if state.jobs.len() >= self.most || state.is_closed {
            return Err(Failure::unavailable(format!("{} requests wait already", state.jobs.len()))
                .with_hint("ask again in a moment"));
        }
        state.jobs.push_back(job);
        self.metrics.waiting.set(state.jobs.len());
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_all();
    }

    fn run(&self) {
        while let Some(jobs) = self.take() {
            // Whoever waits for an answer that was dropped by a panic hears that the server failed.
            let _ = catch_unwind(AssertUnwindSafe(|| self.work(jobs)));
        }
    }

    /// The next job, and those that go with it; none when all is done.
    fn take(&self) -> Option<Vec<Job>> {
        let mut state = self.lock();
        let first = loop {
            match state.jobs.pop_front() {
                Some(job) => break job,
                None if state.is_closed => return None,
                None => state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        let mut taken = vec![first];
        if let Some(Job::Rows(first)) = taken.first() {
            let mut n_rows = first.table.n_rows();
            let mut place = 0;
            let mut more = Vec::new();
            while n_rows < BATCH_ROWS && place < state.jobs.len() {
                let fits = matches!(&state.jobs[place], Job::Rows(job)
                    if job.goes_with(first) && n_rows + job.table.n_rows() <= BATCH_ROWS);
                match fits.then(|| state.jobs.remove(place)).flatten() {
                    Some(job) => {
                        if let Job::Rows(job) = &job {
                            n_rows += job.table.n_rows();
                        }
                        more.push(job);
                    }
                    None => place += 1,
                }
            }
            taken.extend(more);
        }
        self.metrics.waiting.set(state.jobs.len());
        Some(taken)
    }

    fn work(&self, jobs: Vec<Job>) {
        let mut rows = Vec::new();
        for job in jobs {
            match job {
                Job::Alone(work) => work(),
                Job::Rows(job) if job.reply.is_closed() => {}
                Job::Rows(job) => rows.push(job),
            }
        }
        let Some((version, errors)) = rows.first().map(|job| (job.version.clone(), job.errors)) else {
            return;
        };
        let (tables, replies): (Vec<Table>, Vec<_>) =
            rows.into_iter().map(|job| (job.table, job.reply)).unzip();
        self.metrics.batch(tables.iter().map(Table::n_rows).sum(), tables.len());
        let answers: Vec<Result<Answer>> = in_pool_or_alone(|| match &version.model {
            ModelFile::Space(space) => {
                let answers = space.embed_together(&tables, errors);
                answers.into_iter().map(|answer| Ok(Answer::Embedded(Box::new(answer?)))).collect()
            }
            ModelFile::Predictor(predictor) => {
                let answers = predictor.predict_together(&tables, errors);
                answers.into_iter().map(|answer| Ok(Answer::Predicted(Box::new(answer?)))).collect()
            }
        });
        for (reply, answer) in replies.into_iter().zip(answers) {
            // Who asked may have gone.
            let _ = reply.send(answer);
        }
    }
}
