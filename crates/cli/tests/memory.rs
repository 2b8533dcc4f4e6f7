//! What a training needs of memory is what it was estimated to need, and a limit is kept: as the system measures it, by
//! the most that a process of its own had in memory.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where its helpers fail")]
#![expect(clippy::print_stdout, reason = "figures that a failure is read beside")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// How many times the measured peak an estimate may be: 28 MB of it are a process that does nothing.
const MOST_TIMES: f64 = 2.0;
const IDLE: u64 = 28_000_000;

/// A number for a cell that no neighbour tells.
fn chance(row: usize, column: usize) -> u64 {
    let mut x = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (column as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95);
    x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
}

fn cell(kind: &str, row: usize, column: usize) -> String {
    let n = chance(row, column);
    match kind {
        "numbers" => format!("{}.{:06}", n % 1000, n / 1000 % 1_000_000),
        "dates" => format!(
            "20{:02}-{:02}-{:02} {:02}:{:02}:00",
            n % 24,
            1 + n / 24 % 12,
            1 + n / 288 % 28,
            n / 8064 % 24,
            n / 200_000 % 60
        ),
        "few" => format!("level{}", n % 6),
        "many" => format!("level{}", n % 400),
        "texts" => (0..6).map(|i| format!("word{} ", chance(row, 100 * column + i) % 900)).collect(),
        _ => cell(["numbers", "dates", "few", "texts"][column % 4], row, column),
    }
}

/// A table of such cells, and the same without its last two columns.
fn tables(folder: &Path, kind: &str, n_rows: usize, n_columns: usize) {
    for (name, n_columns) in [("all.csv", n_columns), ("early.csv", n_columns - 2)] {
        let names: Vec<String> = (0..n_columns).map(|c| format!("x{c}")).collect();
        let mut text = format!("{}\n", names.join(","));
        for row in 0..n_rows {
            let cells: Vec<String> = (0..n_columns).map(|column| cell(kind, row, column)).collect();
            writeln!(text, "{}", cells.join(",")).unwrap();
        }
        fs::write(folder.join(name), text).unwrap();
    }
}

/// What a run of the command came to.
struct Run {
    /// The most that it had in memory, bytes.
    peak: u64,
    /// What its trainings were estimated to need, bytes.
    estimate: Option<u64>,
    stderr: String,
}

fn measured(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tabgraft"));
    let stderr = folder.join("stderr");
    command
        .args(arguments)
        .args(["--exact-epochs", "--epochs", "1", "--threads", "2", "--format", "json"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&stderr).unwrap());
    let mut child = command.spawn().unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    // The system's own mark of the most so far: what is asked for too late is only the end of the run.
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(1024 * kilobytes.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    let stderr = fs::read_to_string(stderr).unwrap();
    let events = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_memory = events.filter(|event| event["event"] == "memory");
    Run { peak, estimate: of_memory.filter_map(|event| event["bytes"].as_u64()).max(), stderr }
}

/// Holds an estimate against the peak, and limits below it.
fn hold(folder: &Path, what: &str, arguments: &[&str]) {
    let free = measured(folder, arguments);
    let estimate = free.estimate.unwrap_or_else(|| panic!("{what}: {}", free.stderr));
    println!("{what}: {} MB, estimated {}", free.peak / 1_000_000, estimate / 1_000_000);
    assert!(free.peak > 20_000_000, "{what}: nothing was measured");
    assert!(free.peak <= estimate, "{what}: {} bytes measured, {estimate} estimated", free.peak);
    let most = IDLE as f64 + MOST_TIMES * free.peak as f64;
    assert!(estimate as f64 <= most, "{what}: {} bytes measured, {estimate} estimated", free.peak);
    // By fewer rows of a step, by rows that are drawn, or not at all.
    for share in [0.9, 0.6] {
        let limit = (estimate as f64 * share) as u64;
        let within = measured(folder, &[arguments, &["--memory-limit", &limit.to_string()]].concat());
        if within.stderr.contains("\"error\"") {
            assert!(within.stderr.contains("option `memory_limit` is"), "{what}: {}", within.stderr);
            assert!(within.stderr.contains("needs about"), "{what}: {}", within.stderr);
            continue;
        }
        println!("  {} of {} MB", within.peak / 1_000_000, limit / 1_000_000);
        assert!(within.peak <= limit, "{what}: {} bytes measured, {limit} allowed", within.peak);
    }
}

#[test]
fn a_training_needs_what_it_is_estimated_to_and_keeps_a_limit_as_measured_from_outside() {
    let shapes = [
        ("numbers", 60_000, 6),
        ("dates", 15_000, 10),
        ("few", 20_000, 10),
        ("many", 10_000, 10),
        ("texts", 10_000, 5),
        ("mixed", 2_000, 60),
    ];
    for (kind, n_rows, n_columns) in shapes {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("memory_{kind}"));
        fs::create_dir_all(&folder).unwrap();
        tables(&folder, kind, n_rows, n_columns);
        hold(&folder, kind, &["train", "all.csv", "-o", "whole"]);
        // Of what a step of as many rows takes as there are, or of half of them, most are the rows themselves.
        hold(
            &folder,
            &format!("{kind}, large steps"),
            &["train", "all.csv", "--batch-size", "32768", "-o", "whole"],
        );
        if ["numbers", "mixed"].contains(&kind) {
            measured(&folder, &["train", "early.csv", "-o", "early"]);
            for mode in ["frozen", "anchored", "joint"] {
                let extend = ["extend", "early", "all.csv", "--mode", mode, "-o", "child"];
                hold(&folder, &format!("{kind}, {mode}"), &extend);
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
