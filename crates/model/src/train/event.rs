//! What training tells while it runs. Sinks draw bars, write logs, or ask it to stop.

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::record::{EpochInfo, StopReason};

/// Whether to go on.
pub type Flow = ControlFlow<()>;

/// Receives events; answering [`ControlFlow::Break`] stops after the running batch and keeps the
/// best state so far. Called at most about ten times a second between epochs.
///
/// It may be called from another thread than the one that began the training.
pub type Sink<'a> = dyn FnMut(&Event) -> Flow + Send + 'a;

/// The sink of whoever wants to hear nothing: the training runs to its end.
pub fn quiet(_: &Event) -> Flow {
    ControlFlow::Continue(())
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A task with a name begins: `embedding space`, `predictor`, `discovery`, ...
    Task {
        /// What is being done.
        name: String,
    },
    /// Something that the user may want to know.
    Note {
        /// The note.
        text: String,
    },
    /// Something that the user should act on, such as columns that are not used.
    Warning {
        /// The warning.
        text: String,
    },
    /// What a training may need at most is known.
    Memory {
        /// Bytes of the whole process, by an estimate.
        bytes: u64,
    },
    /// Training begins.
    Started {
        /// Most epochs that it will run.
        n_epochs: usize,
        /// Rows of one epoch.
        n_rows: usize,
        /// Columns of the space.
        n_columns: usize,
    },
    /// Some batch is done.
    Batch {
        /// Running epoch, from 1.
        epoch: usize,
        /// Most epochs that it will run.
        n_epochs: usize,
        /// Steps of this epoch that are done.
        step: usize,
        /// Steps of an epoch.
        n_steps: usize,
    },
    /// An epoch is done.
    Epoch {
        /// Its losses.
        info: EpochInfo,
        /// Most epochs that it will run.
        n_epochs: usize,
        /// Whether it is the best so far.
        is_best: bool,
    },
    /// Cells of a column had no finite loss for the first time and were left out.
    Contained {
        /// The column.
        column: String,
        /// Cells of this batch.
        n_cells: u64,
    },
    /// Part of a task is done, such as one network of a bag.
    Progress {
        /// Parts that are done.
        done: usize,
        /// All parts.
        total: usize,
    },
    /// Training ended.
    Finished {
        /// Wall time, seconds.
        seconds: f64,
        /// Epoch whose weights were kept, from 1.
        best_epoch: usize,
        /// Why it ended.
        stop_reason: StopReason,
    },
}

/// A sink that tells each note and warning once: of many like fits on parts of one table, the first says it. Texts
/// that differ in their numbers alone are one.
pub(crate) fn each_once<'a>(sink: &'a mut Sink<'_>) -> impl FnMut(&Event) -> Flow + Send + 'a {
    let mut told: HashSet<String> = HashSet::new();
    move |event| match event {
        Event::Note { text } | Event::Warning { text }
            if !told.insert(text.chars().filter(|c| !c.is_ascii_digit()).collect()) =>
        {
            ControlFlow::Continue(())
        }
        event => sink(event),
    }
}
