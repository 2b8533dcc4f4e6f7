//! Hostile and damaged files: each has a bound of memory and time, an error that says what is wrong, and
//! nothing else on stderr. All are made here by code, from seeds.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

mod meter;
mod models;
mod mutations;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tabgraft_model::Error;

/// One test at a time: the meter counts the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An empty folder below cargo's own for tests.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// SplitMix64: mutations are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Checks that reading a hostile file is an error with these words, within `4 * n_bytes` and 64 MiB, and a
/// few seconds even on a busy machine.
fn refused<T>(name: &str, n_bytes: usize, wanted: &str, read: impl FnOnce() -> Result<T, Error>) {
    let start = Instant::now();
    let (outcome, peak) = meter::peak(read);
    let (seconds, most) = (start.elapsed().as_secs_f64(), 4 * n_bytes + (64 << 20));
    println!("{name:44} {n_bytes:>11} bytes {peak:>12} peak {seconds:8.3} s");
    match outcome {
        Ok(_) => assert!(wanted.is_empty(), "{name} is read"),
        Err(e) => assert!(!wanted.is_empty() && e.to_string().contains(wanted), "{name}: {e}"),
    }
    assert!(peak <= most, "{name}: {peak} bytes at once for a file of {n_bytes}");
    assert!(seconds < 10.0, "{name}: {seconds} s");
}

/// Runs the binary, at most for a minute.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tabgraft"))
        .args(arguments)
        .args(["--format", "json"])
        .current_dir(folder)
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null())
        .stdout(fs::File::create(folder.join("stdout")).unwrap())
        .stderr(fs::File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > Duration::from_secs(60) => {
                let _ = child.kill();
                break child.wait().unwrap();
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    Output { status, stdout: read("stdout"), stderr: read("stderr") }
}
