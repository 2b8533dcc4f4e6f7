//! What the learners of a fit say while they work side by side, and whether they shall stop.

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::train::{Event, Sink};

/// Progress of a fit, shared by its threads.
pub(super) struct Told<'s, 'f> {
    state: Mutex<State<'s, 'f>>,
    /// What is counted in all.
    total: usize,
}

struct State<'s, 'f> {
    sink: &'s mut Sink<'f>,
    n_done: usize,
    is_stopped: bool,
    /// Whether the end was told: a bar ends once, whoever counts last.
    is_ended: bool,
}

impl State<'_, '_> {
    fn tell(&mut self, total: usize) {
        if self.is_ended {
            return;
        }
        self.is_ended = self.n_done >= total;
        let event = Event::Progress { done: self.n_done, total };
        self.is_stopped |= (self.sink)(&event) == ControlFlow::Break(());
    }
}

impl<'s, 'f> Told<'s, 'f> {
    pub fn new(sink: &'s mut Sink<'f>, total: usize) -> Self {
        Told { state: Mutex::new(State { sink, n_done: 0, is_stopped: false, is_ended: false }), total }
    }

    /// Counts so many more, and tells of it.
    pub fn count(&self, n_more: usize) {
        let mut state = self.state();
        state.n_done += n_more;
        state.tell(self.total);
    }

    /// Counts so many more; told only while nobody has stopped. Whether the work goes on.
    pub fn goes_on_after(&self, n_more: usize) -> bool {
        let mut state = self.state();
        state.n_done += n_more;
        if !state.is_stopped {
            state.tell(self.total);
        }
        !state.is_stopped
    }

    /// What was not done counts as done, so that the bar reaches its end.
    pub fn end(&self) {
        let mut state = self.state();
        state.n_done = self.total;
        state.tell(self.total);
    }

    pub fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    fn state(&self) -> MutexGuard<'_, State<'s, 'f>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
