//! The binary from outside, as the tests run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary in `folder`, not started yet.
pub fn command(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tabgraft"));
    command.args(arguments.split_whitespace()).current_dir(folder);
    command
}

/// Runs the binary in `folder`.
pub fn run(folder: &Path, arguments: &str) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Runs a command that must succeed, and gives its stdout and stderr.
pub fn done(folder: &Path, arguments: &str) -> (String, String) {
    let output = run(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "`tabgraft {arguments}`: {stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

/// An empty folder below cargo's own for tests.
pub fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
