//! Where words go: results to stdout, everything else to stderr, as text or as JSON.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;
use crate::progress::{Progress, Style};
use crate::report::Report;

/// How reports, notes and errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document on stdout, one JSON object a line on stderr.
    Json,
}

/// The two streams.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    format: Format,
    quiet: bool,
}

impl Console {
    /// A console that writes in `format`; a quiet one writes nothing to stderr but errors.
    pub fn new(format: Format, quiet: bool) -> Self {
        Console { format, quiet }
    }

    /// Writes a command's result to stdout.
    pub fn report(&self, report: &impl Report) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Text => out.write_all(report.text().as_bytes())?,
            Format::Json => {
                out.write_all(serde_json::to_string_pretty(report)?.as_bytes())?;
                out.write_all(b"\n")?;
            }
        }
        Ok(out.flush()?)
    }

    /// Writes a line of a result that comes bit by bit; in JSON the result comes whole, by
    /// [`Console::report`].
    pub fn tell(&self, line: &str) -> Result<(), Failure> {
        if self.format == Format::Text {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()?;
        }
        Ok(())
    }

    /// Writes the report of a command whose result is a table: to stderr, one line in JSON.
    pub fn side_report(&self, report: &impl Report) -> Result<(), Failure> {
        if !self.quiet {
            match self.format {
                Format::Text => complain(&report.text()),
                Format::Json => complain(&(serde_json::to_string(report)? + "\n")),
            }
        }
        Ok(())
    }

    /// Says something that the user should know.
    pub fn note(&self, text: &str) {
        #[derive(Serialize)]
        struct Note<'a> {
            event: &'static str,
            text: &'a str,
        }
        match self.format {
            _ if self.quiet => {}
            Format::Text => complain(&format!("note: {text}\n")),
            Format::Json => {
                if let Ok(json) = serde_json::to_string(&Note { event: "note", text }) {
                    complain(&(json + "\n"));
                }
            }
        }
    }

    /// Shows how far a training is, and passes Ctrl-C on to it from now on.
    pub fn progress(&self, title: &str) -> Progress {
        let style = match self.format {
            _ if self.quiet => Style::Silent,
            Format::Json => Style::Json,
            Format::Text if io::stderr().is_terminal() => Style::Bar,
            Format::Text => Style::Lines,
        };
        Progress::new(style, title)
    }

    /// Says why the command failed, and gives its exit code.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        if failure.is_broken_pipe {
            return ExitCode::SUCCESS;
        }
        match (self.format, serde_json::to_string(failure)) {
            (Format::Json, Ok(json)) => complain(&(json + "\n")),
            _ => {
                let hint = failure.hint.as_ref().map(|h| format!("hint: {h}\n")).unwrap_or_default();
                complain(&format!("error: {}\n{hint}", failure.message));
            }
        }
        ExitCode::from(2)
    }
}

/// Writes to stderr; if nobody can hear it, there is nobody to tell.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
