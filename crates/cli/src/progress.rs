//! A sink for the core's events: a bar on a terminal, plain lines or JSON lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tabgraft_model::train::{EpochInfo, Event, Flow, StopReason};
use tabgraft_table::visible;

use crate::interrupt;
use crate::report::line;
use crate::terminal::{complain, complain_json};

/// Least time between two plain lines of one task: a log is to be read afterwards.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Silent,
    /// A line when a task begins, one when it ends, and now and then one in between.
    Lines,
    /// One JSON object per event, batches left out.
    Json,
    /// A bar with an estimate of the time left.
    Bar,
}

/// Shows events, and answers [`Flow::Break`] once the user has asked to stop.
pub struct Progress {
    style: Style,
    title: String,
    bar: Option<ProgressBar>,
    /// When the running task began, and when it was last spoken of. None between two tasks.
    task: Option<(Instant, Instant)>,
    was_stopped: bool,
}

impl Progress {
    /// Shows events under a title, such as `embedding space`.
    pub fn new(style: Style, title: &str) -> Self {
        interrupt::listen();
        Progress { style, title: title.to_owned(), bar: None, task: None, was_stopped: false }
    }

    /// Shows one event and says whether to go on.
    pub fn on(&mut self, event: &Event) -> Flow {
        match self.style {
            Style::Silent => {}
            Style::Json => {
                if !matches!(event, Event::Batch { .. }) {
                    complain_json(event);
                }
            }
            Style::Lines | Style::Bar => self.show(event),
        }
        let Some(signal) = interrupt::requested() else { return Flow::Continue(()) };
        if !self.was_stopped {
            match self.style {
                Style::Silent => {}
                Style::Json => complain_json(&serde_json::json!({ "event": "stopping", "signal": signal })),
                Style::Lines | Style::Bar => {
                    let again = "a second Ctrl-C or SIGTERM ends at once, and saves nothing";
                    self.line(&format!("{signal}: stopping after the running batch; {again}"));
                }
            }
        }
        self.was_stopped = true;
        Flow::Break(())
    }

    /// Whether the work was asked to stop.
    pub fn was_stopped(&self) -> bool {
        self.was_stopped
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::Task { name } => {
                self.end_task();
                self.title.clone_from(name);
            }
            Event::Note { text } => self.line(&format!("note: {text}")),
            Event::Warning { text } => self.line(&format!("warning: {text}")),
            Event::Started { n_epochs, n_rows, n_columns } => {
                self.end_task();
                self.begin_task();
                let text =
                    format!("{}: at most {n_epochs} epochs, {n_rows} rows, {n_columns} columns", self.title);
                self.line(&text);
            }
            Event::Batch { epoch, n_epochs, step, n_steps } => {
                self.advance(
                    (epoch - 1) * n_steps + step,
                    n_epochs * n_steps,
                    format!("epoch {epoch}/{n_epochs}"),
                );
            }
            Event::Epoch { info, n_epochs, is_best } => match &self.bar {
                Some(bar) => bar.set_message(short_epoch_text(info, *n_epochs)),
                None => self.line_now_and_then(&epoch_text(info, *n_epochs, *is_best)),
            },
            Event::Contained { column, n_cells } => self.line(&format!(
                "note: column `{column}`: {n_cells} cell(s) of a batch had no finite loss and were left out"
            )),
            Event::Progress { done, total } => {
                if self.task.is_none() {
                    self.begin_task();
                    if self.style == Style::Lines {
                        self.line(&format!("{}: begins", self.title));
                    }
                }
                self.advance(*done, *total, String::new());
                self.line_now_and_then(&format!("{}: {done}/{total}", self.title));
                if done >= total {
                    self.end_task();
                }
            }
            Event::Finished { seconds, best_epoch, stop_reason } => {
                self.task = None;
                self.end_bar();
                let why = match stop_reason {
                    StopReason::AllEpochs => "all epochs run",
                    StopReason::NoImprovement => "validation loss stopped falling",
                    StopReason::Interrupted => "interrupted",
                };
                self.line(&format!("{}: {seconds:.1} s, {why}, kept epoch {best_epoch}", self.title));
            }
            _ => {}
        }
    }

    /// Moves the bar, and makes it first if there is none.
    fn advance(&mut self, done: usize, total: usize, message: String) {
        if self.style != Style::Bar {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(total as u64).with_prefix(visible(&self.title).into_owned());
            if let Ok(style) =
                ProgressStyle::with_template("{prefix} {wide_bar} {percent:>3} %  {eta} left  {msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        if bar.message().is_empty() {
            bar.set_message(message);
        }
    }

    fn begin_task(&mut self) {
        let now = Instant::now();
        self.task = Some((now, now));
    }

    /// Ends a task that did not say so itself.
    fn end_task(&mut self) {
        self.end_bar();
        if let Some((began, _)) = self.task.take()
            && self.style == Style::Lines
        {
            self.line(&format!("{}: {:.1} s", self.title, began.elapsed().as_secs_f64()));
        }
    }

    /// A plain line, unless the last one is recent.
    fn line_now_and_then(&mut self, text: &str) {
        if self.style == Style::Lines
            && let Some((_, spoken)) = &mut self.task
            && spoken.elapsed() >= LINE_INTERVAL
        {
            *spoken = Instant::now();
            self.line(text);
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(visible(text)),
            None => complain(&line!("{text}")),
        }
    }

    fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end_task();
    }
}

fn epoch_text(info: &EpochInfo, n_epochs: usize, is_best: bool) -> String {
    let valid = info.validation_loss.map(|l| format!(", validation loss {l:.4}")).unwrap_or_default();
    let best = if is_best { ", best so far" } else { "" };
    format!("epoch {}/{n_epochs}: training loss {:.4}{valid}{best}", info.epoch, info.train_loss)
}

/// What fits beside a bar.
fn short_epoch_text(info: &EpochInfo, n_epochs: usize) -> String {
    let loss = info.validation_loss.unwrap_or(info.train_loss);
    format!("epoch {}/{n_epochs}, loss {loss:.4}", info.epoch)
}
