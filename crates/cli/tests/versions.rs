//! Commands that make and keep versions, on a table unlike the fixture: dates, sentences, missing cells,
//! names with commas, quotes and letters of other alphabets, rows that stand twice.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tabgraft"));
    command.args(arguments).current_dir(folder);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Runs a command that must succeed and gives its report.
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, &[arguments, &["--format", "json", "--quiet"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "`{arguments:?}`: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a command that must fail and gives what it says, hint included.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "`{arguments:?}`: {stderr}");
    assert!(stderr.contains("hint: "), "{stderr}");
    stderr
}

/// Columns of the first training; one of them is constant, one is the target.
const FIRST: [&str; 6] = ["size", "color, \"main\"", "größe 文", "born", "same", "target"];

/// A folder with `all.csv`, `first.csv` (the columns of [`FIRST`]), and a space `v1` of the latter.
fn workshop(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("versions_{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let quoted = |cells: &[String]| {
        cells.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\n"
    };
    let late = ["paid", "note, free", "level"];
    let names: Vec<String> = FIRST.iter().chain(&late).map(|n| (*n).to_owned()).collect();
    let (mut all, mut first) = (quoted(&names), quoted(&names[..FIRST.len()]));
    let mut state = 7u64;
    let mut chance = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for row in 0..240 {
        let size = chance(100);
        let mut words = String::new();
        for _ in 0..6 {
            let _ = write!(
                words,
                "{} ",
                ["old", "new", "straße", "red", "😀", "small", "wide"][chance(7) as usize]
            );
        }
        let cells = [
            format!("{size}.{}", chance(1000)),
            if chance(9) == 0 {
                String::new()
            } else {
                ["red", "blau", "vert"][(size / 34) as usize].to_owned()
            },
            if chance(9) == 0 { String::new() } else { format!("{}", size * 2 + chance(20)) },
            format!("20{:02}-{:02}-{:02}", 10 + chance(14), 1 + chance(12), 1 + chance(28)),
            "x".to_owned(),
            if size + chance(50) > 75 { "yes" } else { "no" }.to_owned(),
            format!("2024-{:02}-{:02}", 1 + size / 9, 1 + chance(28)),
            words,
            ["low", "high"][usize::from(size > 50)].to_owned(),
        ];
        for _ in 0..if row % 10 == 0 { 2 } else { 1 } {
            all += &quoted(&cells);
            first += &quoted(&cells[..FIRST.len()]);
        }
    }
    fs::write(folder.join("all.csv"), all).unwrap();
    fs::write(folder.join("first.csv"), first).unwrap();
    json(
        &folder,
        &["train", "first.csv", "--ignore", "target", "--epochs", "2", "--d-model", "16", "-o", "v1"],
    );
    folder
}

fn columns(report: &Value) -> Vec<&str> {
    report.as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect()
}

#[test]
fn columns_of_every_kind_leave_and_come_back_whatever_they_are_called() {
    let folder = workshop("columns");
    let v2 = json(&folder, &["extend", "v1", "all.csv", "--epochs", "1", "-o", "v2"]);
    assert_eq!(columns(&v2["extension"]["new_columns_added"]), ["paid", "note, free", "level"]);
    // A name with a comma, and two names with a comma between them.
    let gone = ["--columns", "note, free", "--columns", "born,größe 文"];
    let pruned =
        json(&folder, &[&["prune", "v2", "all.csv", "--epochs", "1", "-o", "v3"][..], &gone[..]].concat());
    let mut removed = columns(&pruned["extension"]["columns_removed"]);
    removed.sort_unstable();
    assert_eq!(removed, ["born", "größe 文", "note, free"]);
    assert_eq!(pruned["n_columns"], 4);
    let back = [
        "extend",
        "v3",
        "all.csv",
        "--epochs",
        "1",
        "--regraft",
        "note, free",
        "--regraft",
        "born",
        "-o",
        "v4",
    ];
    assert_eq!(columns(&json(&folder, &back)["extension"]["new_columns_added"]), ["born", "note, free"]);
    let frozen = ["--mode", "joint", "--freeze-column", "color, \"main\"", "--freeze-column", "size,paid"];
    let at_once = ["extend", "v2", "all.csv", "--prune", "note, free", "--regraft", "born", "-o", "v5"];
    assert!(
        refused(&folder, &[&at_once[..], &frozen[..]].concat()).contains("`born`, but no column was pruned")
    );
    let joint =
        ["extend", "v3", "all.csv", "--prune", "paid", "--regraft", "born", "--epochs", "2", "-o", "v5"];
    let kept = ["--mode", "joint", "--freeze-column", "color, \"main\"", "--freeze-column", "size,level"];
    let v5 = json(&folder, &[&joint[..], &kept[..]].concat());
    assert_eq!(columns(&v5["extension"]["freeze"]["columns"]), ["color, \"main\"", "size", "level"]);
    let plain = json(&folder, &["consolidate", "v4", "all.csv", "--epochs", "1", "-o", "v6"]);
    assert_eq!((&plain["d_model"], &plain["n_columns"]), (&16.into(), &6.into()));
    // Everything that was made here holds.
    let found = json(&folder, &["verify", "--deep", "."]);
    assert_eq!(found["ok"], true, "{found}");
    for ancestor in ["v1", "v2", "v3"] {
        assert_eq!(json(&folder, &["verify", "v6", "--parent", ancestor])["ok"], true);
    }
    let text = String::from_utf8(
        run(&folder, &["prune", "v2", "--columns", "paid,level,note, free", "-o", "x"]).stderr,
    );
    assert!(text.unwrap().contains("`note`, which the space does not use"));
}

#[test]
fn what_cannot_be_done_is_refused_before_the_work_and_names_a_way_out() {
    let folder = workshop("refused");
    json(&folder, &["extend", "v1", "all.csv", "--epochs", "1", "-o", "v2"]);
    let limit = ["--memory-limit", "1kB"];
    for trained in [
        &["prune", "v2", "all.csv", "--columns", "size", "-o", "x"][..],
        &["consolidate", "v2", "all.csv", "-o", "x"],
        &["extend", "v1", "all.csv", "--prune", "size", "-o", "x"],
    ] {
        let text = refused(&folder, &[trained, &limit[..]].concat());
        assert!(text.contains("a batch of 16 rows"), "{text}");
    }
    let nowhere = refused(&folder, &["extend", "v1", "all.csv", "-o", "nowhere/v2"]);
    assert!(
        nowhere.contains("no folder `nowhere`") && !nowhere.contains("epochs"),
        "before any training: {nowhere}"
    );
    let spaces = ["compare", "v1", "v2", "all.csv", "--target", "target"];
    let rows = refused(&folder, &[&spaces[..], &["--rows", "all"]].concat());
    assert!(rows.contains("learned from") && rows.contains("--cross-fit"), "{rows}");
    json(&folder, &["predictor", "v1", "all.csv", "--target", "target", "--epochs", "1", "-o", "p"]);
    let fitted = refused(&folder, &["compare", "p", "p", "all.csv", "--epochs", "3"]);
    assert!(fitted.contains("these two are fitted"), "{fitted}");
    // A drawing is not written over a model, and nothing is not taken for well.
    let drawing = refused(&folder, &["lineage", ".", "--svg", "v2"]);
    assert!(drawing.contains("the output `v2` is the input"), "{drawing}");
    assert_eq!(json(&folder, &["verify", "v2", "--parent", "v1"])["ok"], true);
    fs::create_dir(folder.join("empty")).unwrap();
    assert!(refused(&folder, &["verify", "--deep", "empty"]).contains("no model to verify"));
}

#[test]
fn writers_of_a_registry_that_are_killed_leave_it_whole() {
    let folder = workshop("killed");
    json(&folder, &["extend", "v1", "all.csv", "--epochs", "1", "--name", "v2", "-o", "v2"]);
    for file in ["v1", "v2"] {
        json(&folder, &["registry", "models", "add", file]);
    }
    json(&folder, &["extend", "v1", "all.csv", "--epochs", "1", "--seed", "3", "--name", "v3", "-o", "v3"]);
    for i in 0..40u64 {
        let writers = [["promote", "v1"], ["promote", "v2"], ["add", "v3"]].map(|words| {
            let arguments = [&["registry", "models"], &words[..]].concat();
            command(&folder, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        });
        std::thread::sleep(Duration::from_micros(211 * i));
        for mut writer in writers {
            let _ = writer.kill();
            writer.wait().unwrap();
        }
        let current = &json(&folder, &["registry", "models", "list"])["current"]["id"];
        let events = json(&folder, &["registry", "models", "history"])["events"].as_array().unwrap().clone();
        let last = events.iter().rfind(|e| e["action"] != "add").map_or(&Value::Null, |e| &e["to"]);
        assert_eq!(current, last, "round {i}");
    }
    json(&folder, &["registry", "models", "promote", "v1"]);
    let found = json(&folder, &["verify", "--deep", "models"]);
    assert_eq!(found["ok"], true, "{found}");
}
