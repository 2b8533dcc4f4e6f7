//! Events on their way to the user: a bar on standard error, notes and warnings to `logging`, all of them to who listens.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tabgraft_model::train::{EpochInfo, Event};
use tabgraft_table::visible;

use crate::convert::to_python;
use crate::error::tolerated;

/// Least time between two drawings of the bar.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);
/// Cells of the bar.
const BAR_WIDTH: usize = 20;

/// Shows the events of one piece of work.
pub struct Progress<'py> {
    logger: Bound<'py, PyAny>,
    /// Functions that hear every event: `tabgraft.events`.
    listeners: Bound<'py, PyTuple>,
    stderr: Option<Bound<'py, PyAny>>,
    /// Whether it is a notebook, and the line there once it is shown; the curve of the losses where anywidget draws it.
    is_notebook: bool,
    line: Option<Bound<'py, PyAny>>,
    curve: Option<Bound<'py, PyAny>>,
    title: String,
    start: Instant,
    drawn: Option<Instant>,
    /// Characters of the line on the screen.
    width: usize,
    loss: Option<f64>,
}

impl<'py> Progress<'py> {
    /// `wanted`: whether a bar is drawn; by default on a terminal and in a notebook.
    pub fn new(py: Python<'py>, title: &str, wanted: Option<bool>) -> PyResult<Self> {
        let stderr = py.import("sys")?.getattr("stderr")?;
        let is_notebook = !stderr.is_none() && stderr.get_type().module()?.to_str()?.starts_with("ipykernel");
        let draws = match wanted {
            _ if stderr.is_none() => false,
            Some(wanted) => wanted,
            None => {
                let is_terminal = match tolerated(py, stderr.call_method0("isatty"))? {
                    Some(answer) => answer.is_truthy()?,
                    None => false,
                };
                is_terminal || is_notebook
            }
        };
        Ok(Progress {
            logger: py.import("logging")?.call_method1("getLogger", ("tabgraft",))?,
            listeners: py
                .import("tabgraft.events")?
                .getattr("_listeners")?
                .call_method0("get")?
                .cast_into()?,
            stderr: draws.then_some(stderr),
            is_notebook,
            line: None,
            curve: None,
            title: title.to_owned(),
            start: Instant::now(),
            drawn: None,
            width: 0,
            loss: None,
        })
    }

    /// Shows one event, and hands it to those who listen.
    pub fn on(&mut self, event: &Event) -> PyResult<()> {
        for listener in self.listeners.iter() {
            listener.call1((to_python(listener.py(), event)?,))?;
        }
        match event {
            Event::Task { name } => {
                self.clear()?;
                self.end_curve()?;
                (self.title, self.start, self.loss) = (name.clone(), Instant::now(), None);
                self.log("info", name)
            }
            Event::Note { text } => self.log("info", text),
            Event::Warning { text } => self.log("warning", text),
            Event::Contained { column, n_cells } => self.log(
                "warning",
                &format!("column `{column}`: {n_cells} cell(s) had no finite loss and were left out"),
            ),
            Event::Batch { epoch, n_epochs, step, n_steps } => {
                let done = (epoch - 1) as f64 + *step as f64 / (*n_steps).max(1) as f64;
                self.draw(done / (*n_epochs).max(1) as f64, &format!("epoch {epoch}/{n_epochs}"), false)
            }
            Event::Epoch { info, n_epochs, .. } => {
                self.loss = info.validation_loss.or(Some(info.train_loss));
                let loss =
                    info.validation_loss.map_or(String::new(), |l| format!(", validation loss {l:.4}"));
                let text =
                    format!("epoch {}/{n_epochs}: train loss {:.4}{loss}", info.epoch, info.train_loss);
                self.log("debug", &text)?;
                self.draw_loss(info, *n_epochs)?;
                let share = info.epoch as f64 / (*n_epochs).max(1) as f64;
                self.draw(share, &format!("epoch {}/{n_epochs}", info.epoch), info.epoch == *n_epochs)
            }
            Event::Progress { done, total } => {
                self.draw(*done as f64 / (*total).max(1) as f64, &format!("{done}/{total}"), done == total)
            }
            Event::Finished { seconds, best_epoch, .. } => {
                self.log("debug", &format!("best epoch {best_epoch}, {seconds:.1} s"))
            }
            _ => Ok(()),
        }
    }

    /// Leaves the bar's last state on a line of its own; a notebook, which is saved with what it shows, keeps
    /// nothing of it.
    pub fn end(&mut self) -> PyResult<()> {
        if self.is_notebook {
            self.end_curve()?;
            return self.show("");
        }
        if let Some(stderr) = &self.stderr
            && self.width > 0
        {
            stderr.call_method1("write", ("\n",))?;
            stderr.call_method0("flush")?;
            self.width = 0;
        }
        Ok(())
    }

    fn log(&mut self, level: &str, text: &str) -> PyResult<()> {
        if level != "debug" {
            self.clear()?;
        }
        // A name may hold anything; whoever shows the record must not obey it.
        self.logger.call_method1(level, ("%s", visible(text)))?;
        Ok(())
    }

    /// Updates the one line of a notebook.
    fn show(&mut self, text: &str) -> PyResult<()> {
        let Some(stderr) = &self.stderr else { return Ok(()) };
        let py = stderr.py();
        let shown = PyDict::new(py);
        shown.set_item("text/plain", text)?;
        let raw = PyDict::new(py);
        raw.set_item("raw", true)?;
        match &self.line {
            Some(line) => {
                line.call_method("update", (shown,), Some(&raw))?;
            }
            None if text.is_empty() => {}
            None => {
                raw.set_item("display_id", true)?;
                self.line =
                    Some(py.import("IPython.display")?.call_method("display", (shown,), Some(&raw))?);
            }
        }
        Ok(())
    }

    /// Adds an epoch to the curve of a notebook. What goes wrong in drawing it ends no training.
    fn draw_loss(&mut self, info: &EpochInfo, n_epochs: usize) -> PyResult<()> {
        let Some(stderr) = self.stderr.as_ref().filter(|_| self.is_notebook) else { return Ok(()) };
        let py = stderr.py();
        if self.curve.is_none() {
            let made = py
                .import("tabgraft._curve")
                .and_then(|module| module.call_method1("begin", (visible(&self.title).as_ref(),)));
            self.curve = tolerated(py, made)?.filter(|curve| !curve.is_none());
        }
        if let Some(curve) = &self.curve {
            let epoch = (info.epoch, n_epochs, info.train_loss, info.validation_loss);
            tolerated(py, curve.call_method1("add", epoch))?;
        }
        Ok(())
    }

    fn end_curve(&mut self) -> PyResult<()> {
        match self.curve.take() {
            Some(curve) => tolerated(curve.py(), curve.call_method0("end")).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Takes the bar off the screen, so that a log record does not stand behind it.
    fn clear(&mut self) -> PyResult<()> {
        if let Some(stderr) = &self.stderr
            && self.width > 0
        {
            stderr.call_method1("write", (format!("\r{}\r", " ".repeat(self.width)),))?;
            self.width = 0;
        }
        Ok(())
    }

    fn draw(&mut self, share: f64, what: &str, is_last: bool) -> PyResult<()> {
        let Some(stderr) = &self.stderr else { return Ok(()) };
        if !is_last && self.drawn.is_some_and(|at| at.elapsed() < DRAW_INTERVAL) {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        let share = share.clamp(0.0, 1.0);
        let filled = (share * BAR_WIDTH as f64).round() as usize;
        let elapsed = self.start.elapsed().as_secs_f64();
        let left =
            if share > 0.0 { format!("{:.0} s left", elapsed / share - elapsed) } else { String::new() };
        let loss = self.loss.map_or(String::new(), |loss| format!(", loss {loss:.4}"));
        let mut line = format!(
            "{}: {}{} {what}{loss}, {elapsed:.0} s, {left}",
            visible(&self.title),
            "█".repeat(filled),
            "░".repeat(BAR_WIDTH - filled),
        );
        if self.is_notebook {
            return self.show(&line);
        }
        let width = line.chars().count();
        line += &" ".repeat(self.width.saturating_sub(width));
        self.width = width;
        stderr.call_method1("write", (format!("\r{line}"),))?;
        stderr.call_method0("flush")?;
        Ok(())
    }
}
