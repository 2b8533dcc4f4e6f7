//! The binary where its files cannot be written, or it ends in the middle of that: what is there afterwards is the old
//! or the new, whole, nothing hinders the next command, and what was said to be done is done.
//!
//! A library of a few lines of C, `fault.c`, stands before the system's own and counts the steps by which files change.
//! Each command is run once to count them, and then once more for every step and way to fail.

#![cfg(all(target_os = "linux", not(target_env = "musl")))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests are tests")]

#[path = "../binary/mod.rs"]
mod binary;
mod clock;
mod places;
mod starved;
mod steps;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use binary::{command, done};

/// The library, compiled by the compiler that linked this test.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/fault.c");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libfault.so");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let made = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&path, &source])
            .arg("-ldl")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        path
    })
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The process is killed in the middle of the step.
    Stop,
    /// The step fails.
    Broken,
    /// From the step on there is no room.
    Full,
}

impl Fault {
    const ALL: [Fault; 3] = [Fault::Stop, Fault::Broken, Fault::Full];

    fn name(self) -> &'static str {
        match self {
            Fault::Stop => "stop",
            Fault::Broken => "broken",
            Fault::Full => "full",
        }
    }
}

/// What the clock says, so that files that tell the time are the same in every run.
const NOW: &str = "1700000000";

/// Runs the binary in `folder` behind the library.
fn faulty(folder: &Path, arguments: &str, fault: Option<(Fault, usize)>, log: &Path) -> Output {
    let mut command = command(folder, arguments);
    command
        .env("LD_PRELOAD", library())
        .env("FAULT_FOLDER", folder.canonicalize().unwrap())
        .env("FAULT_LOG", log)
        .env("FAULT_CLOCK", NOW);
    if let Some((fault, step)) = fault {
        command.env("FAULT_KIND", fault.name()).env("FAULT_STEP", step.to_string());
    }
    command.output().unwrap()
}

/// The files below a folder, by their paths. Locks are empty, and stay.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.ends_with(".lock") {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Makes a folder hold these files and no others.
fn restore(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn is_leftover(name: &str) -> bool {
    name.ends_with(".tmp")
}

/// A folder of its own with a table `t.csv`, a larger one `big.csv`, features, spaces `v1` and `v2`, a predictor `p1`, and
/// a registry `reg` of the spaces.
fn workshop(name: &str) -> PathBuf {
    static FIRST: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    let first = FIRST.get_or_init(|| {
        let folder = binary::empty("faults_first");
        let table = |n: u32| {
            let mut table = String::from("x,c,y\n");
            for i in 0..n {
                let x = f64::from(i * 7919 % 1000) / 1000.0;
                let _ = writeln!(table, "{x},{},{}", ["a", "b", "c"][(i % 3) as usize], u8::from(x > 0.5));
            }
            table
        };
        fs::write(folder.join("t.csv"), table(160)).unwrap();
        fs::write(folder.join("big.csv"), table(12_000)).unwrap();
        let features = r#"{"format_version": 1, "features": [
            {"name": "half", "definition": {"kind": "formula", "formula": "x / 2"}},
            {"name": "mean_x", "definition": {"kind": "group", "of": "x", "by": "c", "statistic": "mean"}}]}"#;
        fs::write(folder.join("f.json"), features).unwrap();
        done(&folder, "train t.csv -o v1 --ignore y --epochs 1 --d-model 8 -q");
        done(&folder, "train t.csv -o v2 --ignore y --epochs 1 --d-model 8 --seed 2 -q");
        done(&folder, "predictor v1 t.csv --target y -o p1 --epochs 1 --n-networks 1 -q");
        for step in ["add v1", "add v2", "promote v1", "promote v2"] {
            done(&folder, &format!("registry reg {step} -q"));
        }
        files(&folder)
    });
    let folder = binary::empty(&format!("faults_{name}"));
    restore(&folder, first);
    folder
}
