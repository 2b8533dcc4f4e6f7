//! The binary from outside: the whole chain on a real table, exit codes, streams, reports.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

#[path = "../binary/mod.rs"]
mod binary;
mod elsewhere;
mod families;
mod features;
mod models;
mod reports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use binary::{done, empty, run};

/// Columns that arrive late in these tests.
const LATE: [&str; 2] = ["checking_status", "savings_status"];

/// Runs a command that must succeed, and gives its stdout.
fn out(folder: &Path, arguments: &str) -> String {
    done(folder, arguments).0
}

/// Runs a command with `--format json` and parses its report.
fn json(folder: &Path, arguments: &str) -> Value {
    serde_json::from_str(&out(folder, &format!("{arguments} --format json --quiet"))).unwrap()
}

/// The report of a command whose stdout is a table: the last line of stderr.
fn side_json(folder: &Path, arguments: &str) -> Value {
    let output = run(folder, &format!("{arguments} --format json"));
    assert_eq!(output.status.code(), Some(0), "`tabgraft {arguments}`");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<Value> = stderr.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines.last().unwrap().clone()
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/german_credit.csv")
}

/// A folder with `full.csv`, `early.csv` (without the late columns), a space `v1` of the early
/// columns, its child `v2` with the late ones, and a predictor `p1`, `p2` on each.
fn workshop() -> &'static Path {
    static WORKSHOP: OnceLock<PathBuf> = OnceLock::new();
    WORKSHOP.get_or_init(|| {
        let path = empty("workshop");
        let full = fs::read_to_string(fixture()).unwrap();
        fs::write(path.join("full.csv"), &full).unwrap();
        // No cell of this file has a comma.
        let header: Vec<&str> = full.lines().next().unwrap().split(',').collect();
        let early = full.lines().map(|line| {
            let cells = line.split(',').zip(&header).filter(|(_, name)| !LATE.contains(name));
            cells.map(|(cell, _)| cell).collect::<Vec<_>>().join(",") + "\n"
        });
        fs::write(path.join("early.csv"), early.collect::<String>()).unwrap();
        out(&path, "train early.csv --ignore default -o v1 --epochs 3");
        out(&path, "extend v1 full.csv -o v2 --name v2 --epochs 3");
        for v in ["1", "2"] {
            let to = format!("--target default -o p{v} --epochs 2 --n-networks 2");
            out(&path, &format!("predictor v{v} full.csv {to}"));
        }
        path
    })
}

#[test]
fn failures_exit_with_2_and_name_a_way_out() {
    let path = workshop();
    for (arguments, word) in [
        ("verify absent", "absent"),
        ("train absent.csv -o x", "absent.csv"),
        ("predict v1 early.csv", "predictor"),
        ("extend v1 early.csv -o child", "no new columns"),
        ("extend v1 full.csv -o v1", "output"),
        ("extend v1 full.csv -o ./full.csv", "output"),
        ("compare v1 p1 full.csv", "space"),
        ("compare v1 v2 full.csv", "target"),
        ("compare p1 p2 full.csv --cross-fit", "predictors anew"),
        ("extend v1 full.csv -o child --keep if-not-worse", "option `target` is missing"),
        ("extend v1 full.csv -o child --target default", "option `keep` is `always`"),
        ("extend v1 full.csv -o child --memory-limit 1MB", "a batch of 16 rows"),
        ("consolidate v2 full.csv -o plain --memory-limit 1MB", "a batch of 16 rows"),
        ("predictor v1 full.csv --target defualt -o x", "defualt"),
        ("train early.csv -o x --kind ago=numeric", "ago"),
    ] {
        let output = run(path, arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "`{arguments}`: {stderr}");
        assert!(output.stdout.is_empty(), "`{arguments}` wrote to stdout");
        assert!(stderr.contains(word) && stderr.contains("hint: "), "`{arguments}`: {stderr}");
        let stderr = String::from_utf8(run(path, &format!("{arguments} --format json")).stderr).unwrap();
        let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert!(error["error"].is_string() && error["hint"].is_string(), "`{arguments}`: {stderr}");
    }
    #[cfg(not(feature = "wgpu"))]
    for command in ["train early.csv -o x", "extend v1 full.csv -o x", "consolidate v2 full.csv -o x"] {
        let output = run(path, &format!("{command} --device gpu"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "`{command}`: {stderr}");
        assert!(
            stderr.contains("this build has no backend for GPUs") && stderr.contains("`auto`"),
            "{stderr}"
        );
    }
    for wrong in [
        "train",
        "train a.csv -o x --threads 0",
        "train a.csv -o x --threads 100000",
        "train a.csv -o x --memory-limit lots",
        "nothing",
    ] {
        assert_eq!(run(path, wrong).status.code(), Some(2), "`{wrong}`");
        let output = run(path, &format!("--format json {wrong}"));
        assert!(serde_json::from_slice::<Value>(&output.stderr).unwrap()["error"].is_string());
    }
    for help in ["--help", "train --help", "--version"] {
        assert_eq!(run(path, help).status.code(), Some(0));
    }
}

/// Quiet means that only results are written; without it, stdout still holds nothing else.
#[test]
fn stdout_holds_data_only() {
    let path = workshop();
    let loud = run(path, "predict p1 full.csv");
    let quiet = run(path, "predict p1 full.csv --quiet");
    assert_eq!(loud.stdout, quiet.stdout);
    assert!(!loud.stderr.is_empty() && quiet.stderr.is_empty());
    let trained = run(path, "train early.csv --ignore default -o loud --epochs 2 --format json");
    serde_json::from_slice::<Value>(&trained.stdout).unwrap();
    let stderr = String::from_utf8(trained.stderr).unwrap();
    let events: Vec<Value> = stderr.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(events.iter().filter(|e| e["event"] == "epoch").count(), 2);
}

/// Every command of the README, as it stands there but for fewer epochs.
#[cfg(unix)]
#[test]
fn the_commands_of_the_readme_run() {
    let path = empty("readme");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::os::unix::fs::symlink(root.join("fixtures").canonicalize().unwrap(), path.join("fixtures")).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    let binaries = Path::new(env!("CARGO_BIN_EXE_tabgraft")).parent().unwrap();
    let search = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut n_run = 0;
    for line in blocks.flat_map(str::lines) {
        let line = line.split("  #").next().unwrap().trim();
        if line.is_empty() || line.starts_with("cargo ") {
            continue;
        }
        let trains = ["train", "predictor", "extend", "discover"];
        let fewer = trains.iter().any(|c| line.starts_with(&format!("tabgraft {c} ")));
        let command = if fewer { format!("{line} --epochs 2") } else { line.to_owned() };
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", &search)
            .current_dir(&path)
            .output()
            .unwrap();
        let is_answer = line.starts_with("tabgraft compare") && output.status.code() == Some(1);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || is_answer, "`{command}`: {stderr}");
        n_run += 1;
    }
    assert!(n_run > 8, "only {n_run} commands were found");
}

/// Commands of the help, which completions and pages must know.
fn commands() -> Vec<String> {
    let help = out(workshop(), "help");
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What is said of a command may go on in lines that are indented further.
    let own = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let first = own.filter_map(|line| line.split_whitespace().next());
    first.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn shells_complete_every_command_and_each_has_a_page() {
    let commands = commands();
    assert!(commands.len() > 20 && commands.contains(&"completions".to_owned()), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = out(workshop(), &format!("completions {shell}"));
        assert!(script.contains("out-dir") && script.contains("tabgraft"), "{shell}");
        commands.iter().for_each(|command| assert!(script.contains(command), "{shell}: {command}"));
    }
    let path = empty("pages");
    let report = json(&path, "completions man --out-dir man/man1");
    let pages: Vec<&str> = report["pages"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    for command in &commands {
        assert!(pages.contains(&&*format!("tabgraft-{command}.1")), "{command}: {pages:?}");
    }
    let page = fs::read_to_string(path.join("man/man1/tabgraft-extend.1")).unwrap();
    assert!(page.contains(".TH tabgraft-extend") && page.contains("freeze"), "{page}");
    assert!(pages.contains(&"tabgraft-registry-promote.1"), "{pages:?}");
    for (arguments, word) in [
        ("completions bash --out-dir x", "stdout"),
        ("completions man", "--out-dir"),
        ("completions ksh", "bash"),
    ] {
        let output = run(&path, arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && stderr.contains(word), "{arguments}: {stderr}");
    }
}

#[test]
fn verify_says_in_words_what_was_held_against_what() {
    let path = workshop();
    let said = out(path, "verify v2 --parent v1");
    assert!(
        said.contains("ok: `v2` is an embedding space of format") && said.contains("it comes from `v1`"),
        "{said}"
    );
    let said = out(path, "verify p1");
    assert!(said.contains("`p1` is a predictor of format") && !said.contains("it comes from"), "{said}");
    assert_eq!(json(path, "verify v2 --parent v1")["parent"], "v1");
}
