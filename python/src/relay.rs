//! Work that others do elsewhere, shown and listened to as if it were done here.

use pyo3::prelude::*;
use tabgraft_model::Error;
use tabgraft_model::train::Event;

use crate::error::Raised;
use crate::run::{StopToken, run};

/// Shows what is told of work elsewhere, until it has ended. `told` waits a moment and gives a list of events, each as
/// JSON, or None at the end; it is called in a thread of its own, and Ctrl-C ends the waiting.
#[pyfunction]
#[pyo3(signature = (title, progress, told))]
pub fn _relay(py: Python<'_>, title: &str, progress: Option<bool>, told: Py<PyAny>) -> Raised<()> {
    let stop = StopToken::default();
    let outcome = run(py, title, progress, &stop.clone(), |sink| {
        while !stop.is_requested() {
            let events = Python::attach(|py| told.call0(py)?.extract::<Option<Vec<String>>>(py));
            let events = events.map_err(|e| Error::training(format!("nothing is heard of the work: {e}")))?;
            let Some(events) = events else { break };
            for text in events {
                let event: Event = serde_json::from_str(&text)
                    .map_err(|e| Error::training(format!("what the work tells cannot be read: {e}")))?;
                let _ = sink(&event);
            }
        }
        Ok(())
    })?;
    outcome.whole()
}
