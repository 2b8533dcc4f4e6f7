//! Where words go: results to stdout, everything else to stderr, as text or as JSON; cleaned by
//! [`terminal`](crate::terminal).

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use ::console::Term;
use clap::ValueEnum;
use serde::Serialize;

use crate::answer::EXIT_INTERRUPTED;
use crate::failure::Failure;
use crate::progress::{Progress, Style};
use crate::report::{Report, line};
use crate::terminal::{complain, complain_json, escaped, shown};

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

    /// How reports are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes a command's result to stdout.
    pub fn report(&self, report: &impl Report) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Text => out.write_all(shown(&report.text(), &Term::stdout()).as_bytes())?,
            Format::Json => {
                out.write_all(escaped(&serde_json::to_string_pretty(report)?).as_bytes())?;
                out.write_all(b"\n")?;
            }
        }
        Ok(out.flush()?)
    }

    /// As [`Console::report`], of a text that another program reads: without a terminal in between, it gets it as it is.
    pub fn program_text(&self, report: &impl Report) -> Result<(), Failure> {
        if self.format == Format::Json || io::stdout().is_terminal() {
            return self.report(report);
        }
        let mut out = io::stdout().lock();
        out.write_all(report.text().as_bytes())?;
        Ok(out.flush()?)
    }

    /// Writes a line of a result that comes bit by bit; in JSON the result comes whole, by
    /// [`Console::report`].
    pub fn tell(&self, line: &str) -> Result<(), Failure> {
        if self.format == Format::Text {
            let mut out = io::stdout().lock();
            writeln!(out, "{}", shown(line, &Term::stdout()))?;
            out.flush()?;
        }
        Ok(())
    }

    /// Writes the report of a command whose result is a table: to stderr, one line in JSON.
    pub fn side_report(&self, report: &impl Report) -> Result<(), Failure> {
        if !self.quiet {
            match self.format {
                Format::Text => complain(&report.text()),
                Format::Json => complain_json(report),
            }
        }
        Ok(())
    }

    /// Says something that the user should know.
    pub fn note(&self, text: &str) {
        self.remark("note", text);
    }

    /// Says something that is probably not as the user wants it.
    pub fn warn(&self, text: &str) {
        self.remark("warning", text);
    }

    fn remark(&self, event: &'static str, text: &str) {
        #[derive(Serialize)]
        struct Remark<'a> {
            event: &'static str,
            text: &'a str,
        }
        match self.format {
            _ if self.quiet => {}
            Format::Text => complain(&line!("{event}: {text}")),
            Format::Json => complain_json(&Remark { event, text }),
        }
    }

    /// Writes what happened in a server: a line of JSON with the seconds since 1970 in front, in either format.
    pub fn event(&self, event: &impl Serialize) {
        #[derive(Serialize)]
        struct Stamped<'a, E> {
            time: f64,
            #[serde(flatten)]
            event: &'a E,
        }
        if !self.quiet {
            let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            complain_json(&Stamped { time: time.as_millis() as f64 / 1e3, event });
        }
    }

    /// Shows how far a training is, and passes Ctrl-C and its like on to it from now on.
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
        match self.format {
            Format::Json => complain_json(failure),
            Format::Text => {
                complain(&line!("error: {}", failure.message));
                if let Some(hint) = &failure.hint {
                    complain(&line!("hint: {hint}"));
                }
            }
        }
        ExitCode::from(if failure.is_interrupted { EXIT_INTERRUPTED } else { 2 })
    }
}
