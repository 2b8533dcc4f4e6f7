//! Few cores and many threads, and no terminal: what is written does not know.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::binary::done;
use super::{files, restore, workshop};

/// Commands that compute, and the file that each writes, which tells no time.
const WRITERS: [(&str, &str); 3] = [
    ("z.csv", "embed v1 big.csv -o z.csv"),
    ("p.csv", "predict p1 big.csv -o p.csv"),
    ("new.csv", "apply f.json big.csv -o new.csv --fit fitted.json"),
];

/// Runs a command of the shell.
fn shell(folder: &Path, words: &str) -> Output {
    Command::new("sh").args(["-c", words]).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn one_core_and_sixty_four_threads_write_the_same_bytes() {
    let folder = workshop("cores");
    let program = env!("CARGO_BIN_EXE_tabgraft");
    let before = files(&folder);
    WRITERS.iter().for_each(|(_, writer)| drop(done(&folder, writer)));
    let expected = files(&folder);
    let has_taskset = shell(&folder, "taskset -c 0 true").status.success();
    for (place, words) in [
        ("one thread", format!("{program} --threads 1")),
        ("64 threads", format!("{program} --threads 64")),
        ("64 threads of one core", format!("taskset -c 0 {program} --threads 64")),
        ("one core", format!("taskset -c 0 {program}")),
    ] {
        if words.starts_with("taskset") && !has_taskset {
            println!("skipped: {place} needs taskset");
            continue;
        }
        restore(&folder, &before);
        for (name, writer) in WRITERS {
            let output = shell(&folder, &format!("{words} {writer} -q"));
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "`{writer}`, {place}: {stderr}");
            assert!(files(&folder).get(name) == expected.get(name), "`{writer}`, {place}");
        }
    }
}

/// A process of a daemon has none of the three streams. What it opens gets their numbers, and must not get what is said.
#[test]
fn a_process_without_a_terminal_writes_the_same_bytes() {
    let folder = workshop("no_terminal");
    let program = env!("CARGO_BIN_EXE_tabgraft");
    let before = files(&folder);
    WRITERS.iter().for_each(|(_, writer)| drop(done(&folder, writer)));
    let expected = files(&folder);
    for streams in ["<&-", "2>&-", "<&- 2>&-", "<&- >&-", "<&- >&- 2>&-", "</dev/null >/dev/null 2>/dev/null"]
    {
        restore(&folder, &before);
        for (name, writer) in WRITERS {
            let output = shell(&folder, &format!("exec {program} {writer} {streams}"));
            // Where nobody can be told what was done, that may be a failure; the file is there all the same.
            let has_no_stdout = streams.contains(" >&-");
            assert!(
                output.status.code() == Some(0) || has_no_stdout && output.status.code() == Some(2),
                "`{writer}` {streams}: {:?}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(files(&folder).get(name) == expected.get(name), "`{writer}` {streams}");
        }
        // A training tells of its progress, which goes nowhere; what comes of it is a model all the same.
        let train =
            format!("exec {program} train t.csv --ignore y --epochs 1 --d-model 8 --seed 3 -o v3 {streams}");
        shell(&folder, &train);
        done(&folder, "verify v3");
        assert!(fs::read(folder.join("v1")).unwrap() == before["v1"], "{streams}");
    }
}
