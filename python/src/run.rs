//! Work of the core, run without the interpreter's lock: events become a bar and log records, and
//! Ctrl-C ends the work after the running batch.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pyo3::prelude::*;
use tabgraft_model::train::{Event, Sink};
use tabgraft_model::{Error, Result};

use crate::error::Raised;
use crate::progress::Progress;

/// How often a waiting call looks for Ctrl-C.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Asks running work to end after its batch; for work that runs in another thread than the one
/// that Ctrl-C reaches.
///
/// >>> from tabgraft._native import StopToken
/// >>> stop = StopToken()
/// >>> stop.stop()
#[pyclass(frozen, from_py_object, module = "tabgraft._native")]
#[derive(Clone, Default)]
pub struct StopToken {
    requested: Arc<AtomicBool>,
}

impl StopToken {
    /// Whether somebody has asked to stop.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }
}

#[pymethods]
impl StopToken {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Ends the work that holds this token after its running batch.
    ///
    /// >>> stop.stop()
    /// >>> fresh = SinglePredictor(space, qa_dir="nothing here")
    /// >>> fresh.prep_for_training(early, "target", "set")
    /// >>> fresh.train_blocking(n_epochs=10_000, stop=stop)["interrupted"]
    /// True
    fn stop(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }
}

/// What work left behind, and the exception that ended it early, if one did: Ctrl-C, or what
/// showing its events raised.
pub struct Outcome<T> {
    pub value: T,
    pub interrupt: Option<PyErr>,
}

impl<T> Outcome<T> {
    /// The value, or the interrupt as an exception: for work whose half is of no use.
    pub fn whole(self) -> Raised<T> {
        match self.interrupt {
            Some(interrupt) => Err(interrupt.into()),
            None => Ok(self.value),
        }
    }
}

/// Runs `work` in a thread of its own, while this one shows its events and watches for Ctrl-C.
pub fn run<T: Send>(
    py: Python<'_>,
    title: &str,
    progress: Option<bool>,
    stop: &StopToken,
    work: impl FnOnce(&mut Sink<'_>) -> Result<T> + Send,
) -> Raised<Outcome<T>> {
    let mut progress = Progress::new(py, title, progress)?;
    let (sender, receiver) = channel::<Event>();
    let receiver = Mutex::new(receiver);
    let requested = &stop.requested;
    let mut interrupt = None;
    let worked = std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().spawn_scoped(scope, move || {
            work(&mut |event| {
                let _ = sender.send(event.clone());
                match requested.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })
        });
        let worker = worker.map_err(|error| {
            Error::option(format!("a thread cannot be started: {error}"))
                .with_hint("allow the process more threads or memory")
        })?;
        loop {
            let event = py.detach(|| match receiver.lock() {
                Ok(receiver) => receiver.recv_timeout(SIGNAL_INTERVAL),
                Err(_) => Err(RecvTimeoutError::Disconnected),
            });
            let shown = match &event {
                Ok(event) => progress.on(event),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = shown.and_then(|()| py.check_signals()) {
                requested.store(true, Ordering::Relaxed);
                interrupt.get_or_insert(error);
            }
        }
        let worked = py.detach(|| worker.join());
        if let Err(error) = progress.end() {
            interrupt.get_or_insert(error);
        }
        worked.unwrap_or_else(|_| Err(Error::training("the work ended in a panic, which is a defect")))
    });
    match (worked, interrupt) {
        (Ok(value), interrupt) => Ok(Outcome { value, interrupt }),
        (Err(_), Some(interrupt)) => Err(interrupt.into()),
        (Err(error), None) => Err(error.into()),
    }
}
