//! What a command that ran to its end has to say to the shell.

use std::process::ExitCode;

/// Exit code of a command that a signal stopped before its end.
pub const EXIT_INTERRUPTED: u8 = 3;

/// The answer of a command; a failure is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done, or asked and true. Exit code 0.
    Yes,
    /// Asked, and it is not so: damage was found, the second model is worse. Exit code 1.
    No,
    /// Stopped by a signal; what there was is saved. Exit code 3.
    Interrupted,
}

impl Answer {
    /// The answer as the shell sees it.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Answer::Yes => ExitCode::SUCCESS,
            Answer::No => ExitCode::from(1),
            Answer::Interrupted => ExitCode::from(EXIT_INTERRUPTED),
        }
    }
}
