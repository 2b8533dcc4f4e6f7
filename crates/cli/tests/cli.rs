//! The binary from outside: the whole chain on a real table, exit codes, streams, reports.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// Columns that arrive late in these tests.
const LATE: [&str; 2] = ["checking_status", "savings_status"];

/// Runs the binary in `folder`.
fn run(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tabgraft"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Runs a command that must succeed, and gives its stdout.
fn out(folder: &Path, arguments: &str) -> String {
    let output = run(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "`tabgraft {arguments}`: {stderr}");
    String::from_utf8(output.stdout).unwrap()
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
        let path = folder("workshop");
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
        out(&path, "extend v1 full.csv -o v2 --epochs 3");
        for v in ["1", "2"] {
            let to = format!("--target default -o p{v} --epochs 2 --n-networks 2");
            out(&path, &format!("predictor v{v} full.csv {to}"));
        }
        path
    })
}

/// An empty folder below cargo's own for tests.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn train_reports_each_column_once_with_its_reason() {
    let folder = folder("train");
    fs::copy(fixture(), folder.join("full.csv")).unwrap();
    let report = json(&folder, "train full.csv --ignore default -o es.tabgraft --epochs 1 --threads 1");
    let mut names: Vec<&str> = [&report["schema"]["columns"], &report["schema"]["excluded"]]
        .iter()
        .flat_map(|list| list.as_array().unwrap())
        .map(|c| {
            assert!(!c["reason"].as_str().unwrap().is_empty(), "{c}");
            c["name"].as_str().unwrap()
        })
        .collect();
    let table = fs::read_to_string(fixture()).unwrap();
    let mut header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    names.sort_unstable();
    header.sort_unstable();
    assert_eq!(names, header);
    assert_eq!(report["name"], "es");
    let n = |key: &str| report["training"][key].as_u64().unwrap();
    assert_eq!(n("n_rows_train") + n("n_rows_valid") + report["n_rows_test"].as_u64().unwrap(), 1000);
}

#[test]
fn embed_gives_one_vector_per_row_and_the_same_one_in_a_smaller_table() {
    let path = workshop();
    let all = out(path, "embed v1 early.csv --key age");
    assert_eq!(all.lines().count(), 1001);
    assert!(all.starts_with("age,z0,z1,"));
    let few: String = fs::read_to_string(path.join("early.csv"))
        .unwrap()
        .lines()
        .take(8)
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(path.join("few.csv"), few).unwrap();
    let few = out(path, "embed v1 few.csv --key age");
    assert!(all.starts_with(&few));
    assert_eq!(side_json(path, "embed v1 early.csv -o vectors.parquet")["n_rows"], 1000);
    let report = side_json(path, "embed v1 full.csv -o vectors.csv");
    assert_eq!(report["columns"]["ignored_columns"].as_array().unwrap().len(), 1 + LATE.len());
    assert_eq!(fs::read_to_string(path.join("vectors.csv")).unwrap().lines().count(), 1001);
}

#[test]
fn the_first_coordinates_of_a_frozen_child_are_its_parents() {
    let path = workshop();
    let (parent, child) = (out(path, "embed v1 full.csv"), out(path, "embed v2 full.csv"));
    for (parent, child) in parent.lines().zip(child.lines()) {
        assert!(child.starts_with(&format!("{parent},")), "{parent}\n{child}");
    }
}

#[test]
fn predict_gives_probabilities_and_evaluate_scores_the_test_rows() {
    let path = workshop();
    let predicted = out(path, "predict p1 full.csv --key age");
    let mut lines = predicted.lines();
    assert_eq!(lines.next(), Some("age,class,confidence,p_0,p_1"));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let p: Vec<f64> = cells[3..].iter().map(|c| c.parse().unwrap()).collect();
        assert!((p[0] + p[1] - 1.0).abs() < 1e-9, "{line}");
        assert_eq!(cells[1] == "1", p[1] >= 0.5, "{line}");
    }
    let report = side_json(path, "predict p1 full.csv");
    assert_eq!(report["n_rows"], 1000);
    assert!(report["columns"]["ignored_columns"].as_array().unwrap().len() == LATE.len());

    let fitted = json(path, "inspect p1");
    let scored = json(path, "evaluate p1 full.csv");
    assert_eq!(scored["rows"], "test");
    assert_eq!(scored["scores"], fitted["fit_info"]["scores"], "the scores of the fit, on the same rows");
    let all = run(path, "evaluate p1 full.csv --rows all --format json");
    assert!(String::from_utf8(all.stderr).unwrap().contains("too good"));
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(all["scores"][0]["n"], 1000);
}

#[test]
fn compare_answers_by_its_exit_code() {
    let path = workshop();
    for (arguments, keys) in [
        ("compare p1 p2 full.csv", vec!["difference", "a", "b", "target"]),
        ("compare v1 v2 full.csv --target default --epochs 1 --n-networks 2", vec!["spaces", "difference"]),
        ("compare v1 v2 full.csv --target default --epochs 1 --n-networks 2 --cross-fit", vec!["spaces"]),
    ] {
        let output = run(path, &format!("{arguments} --format json --quiet"));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        keys.iter().for_each(|key| assert!(!report[key].is_null(), "`{arguments}`: no {key}"));
        let expected = if report["difference"]["verdict"] == "worse" { 1 } else { 0 };
        assert_eq!(output.status.code(), Some(expected));
        if arguments.contains("v1") {
            assert_eq!(
                report["spaces"]["drift"]["max_cosine_distance"], 0.0,
                "a frozen child does not drift"
            );
        }
    }
    assert_eq!(json(path, "compare p1 p1 full.csv")["difference"]["verdict"], "no_difference");
}

/// A predictor of shuffled targets is worse than one of the true ones, beyond chance.
#[test]
fn compare_says_no_when_the_second_one_is_worse() {
    let path = workshop();
    let full = fs::read_to_string(path.join("full.csv")).unwrap();
    let wrong = full.lines().map(|line| match line.rsplit_once(',') {
        Some((cells, "0")) => format!("{cells},1\n"),
        Some((cells, "1")) => format!("{cells},0\n"),
        _ => format!("{line}\n"),
    });
    fs::write(path.join("wrong.csv"), wrong.collect::<String>()).unwrap();
    out(path, "predictor v2 full.csv --target default -o right --epochs 12 --n-networks 2");
    out(path, "predictor v2 wrong.csv --target default -o wrong --epochs 12 --n-networks 2");
    assert_eq!(run(path, "compare right wrong full.csv").status.code(), Some(1));
    assert_eq!(run(path, "compare wrong right full.csv").status.code(), Some(0));
}

#[test]
fn a_graft_that_has_to_prove_itself_answers_by_its_exit_code() {
    let path = folder("prove");
    let full = fs::read_to_string(fixture()).unwrap();
    let few: String = full.lines().take(301).map(|line| line.to_owned() + "\n").collect();
    fs::write(path.join("few.csv"), few).unwrap();
    let workshop = workshop();
    fs::copy(workshop.join("v1"), path.join("v1")).unwrap();
    let judged =
        "extend v1 few.csv -o v2 --epochs 2 --keep if-not-worse --target default --format json --quiet";
    let output = run(&path, judged);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdict = &report["extension"]["judgement"]["difference"]["verdict"];
    let is_refused = verdict == "worse";
    assert_eq!(report["kept"], !is_refused);
    assert_eq!(output.status.code(), Some(i32::from(is_refused)));
    let columns = report["extension"]["judgement"]["new_columns"].as_array().unwrap().len();
    assert_eq!(columns, LATE.len());
    let card = json(&path, "inspect v2");
    assert_eq!(card["refused_extensions"].as_array().unwrap().len(), usize::from(is_refused));
    assert_eq!(card["extensions"].as_array().unwrap().len(), usize::from(!is_refused));
}

#[test]
fn inspect_and_verify_know_the_lineage() {
    let path = workshop();
    let lineage = json(path, "inspect v2 --lineage");
    let graft = &lineage["extensions"][0];
    assert_eq!(graft["new_columns_added"], serde_json::json!(LATE));
    assert_eq!(graft["parent"]["weights"], json(path, "inspect v1")["hashes"]["weights"]);
    assert_eq!(json(path, "inspect p2 --lineage")["extensions"], lineage["extensions"]);
    for arguments in
        ["inspect v1", "inspect v2 --schema", "inspect v2 --lineage", "inspect p1", "inspect p1 --features"]
    {
        assert!(!out(path, arguments).is_empty());
    }
    assert_eq!(json(path, "verify v2 --parent v1")["ok"], true);
    assert_eq!(json(path, "verify p2 --parent v2")["ok"], true);
    for wrong in ["verify v1 --parent v2", "verify p1 --parent v2"] {
        assert_eq!(run(path, wrong).status.code(), Some(1), "`{wrong}`");
    }
}

#[test]
fn a_flipped_byte_is_damage_and_no_crash() {
    let path = workshop();
    let bytes = fs::read(path.join("v1")).unwrap();
    // In the header, in the manifest, in the weights, at the end.
    for place in [3, 200, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x04;
        fs::write(path.join("damaged"), damaged).unwrap();
        let output = run(path, "verify damaged --format json");
        assert_eq!(output.status.code(), Some(1), "byte {place}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["ok"] == false && report["problem"].is_string(), "byte {place}");
        assert_eq!(run(path, "embed damaged early.csv").status.code(), Some(2), "byte {place}");
    }
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
        ("extend v1 full.csv -o child --keep if-not-worse", "--target"),
        ("extend v1 full.csv -o child --target default", "--keep if-not-worse"),
        ("extend v1 full.csv -o child --memory-limit 1MB", "a batch of 16 rows"),
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
    for wrong in ["train", "train a.csv -o x --threads 0", "train a.csv -o x --memory-limit lots", "nothing"]
    {
        assert_eq!(run(path, wrong).status.code(), Some(2), "`{wrong}`");
        let output = run(path, &format!("--format json {wrong}"));
        assert!(serde_json::from_slice::<Value>(&output.stderr).unwrap()["error"].is_string());
    }
    for help in ["--help", "train --help", "--version"] {
        assert_eq!(run(path, help).status.code(), Some(0));
    }
}

#[test]
fn discover_writes_files_that_apply_and_extend_read() {
    let path = workshop();
    let found = json(
        path,
        "discover v1 early.csv --target default --out-dir found --n-judged 3 --max-candidates 60 --epochs 2 --n-networks 2",
    );
    let suggested: Vec<&str> =
        found["suggested"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(suggested.len(), 3);
    let enriched = out(path, "apply found/suggested_features.json early.csv");
    assert_eq!(enriched, out(path, "apply found/feature_suggestion_history.json early.csv --target default"));
    let header = csv_header(&enriched);
    assert_eq!(header[header.len() - 3..], suggested);
    fs::write(path.join("enriched.csv"), &enriched).unwrap();
    let child =
        json(path, "extend v1 enriched.csv --features found/suggested_features.json -o v1f --epochs 1");
    assert!(!child["extension"]["new_columns_added"].as_array().unwrap().is_empty());
    let features = json(path, "inspect v1f --features");
    fs::write(path.join("remembered.json"), features.to_string()).unwrap();
    assert_eq!(
        out(path, "apply remembered.json early.csv"),
        enriched,
        "the child remembers how its columns were made"
    );
}

/// Names of columns; a feature's name may be quoted.
fn csv_header(text: &str) -> Vec<String> {
    let (mut names, mut name, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.lines().next().unwrap().chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            c => name.push(c),
        }
    }
    names.push(name);
    names
}

#[test]
fn features_by_hand_are_fitted_once_and_then_looked_up() {
    let path = workshop();
    let features = r#"{"format_version": 1, "features": [
        {"name": "monthly", "definition": {"kind": "formula", "formula": "credit_amount / duration"}},
        {"name": "level", "definition": {"kind": "bins", "column": "credit_amount", "n_bins": 4}}]}"#;
    fs::write(path.join("hand.json"), features).unwrap();
    assert_eq!(run(path, "apply hand.json early.csv").status.code(), Some(2), "bins are not fitted");
    let all = out(path, "apply hand.json early.csv --fit fitted.json");
    let few: String = fs::read_to_string(path.join("early.csv"))
        .unwrap()
        .lines()
        .take(5)
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(path.join("five.csv"), few).unwrap();
    let few = out(path, "apply fitted.json five.csv");
    assert!(all.starts_with(&few), "{few}");
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

/// Ctrl-C in the middle of a training that would take hours.
#[cfg(unix)]
#[test]
fn an_interrupted_training_saves_its_best_state() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let path = workshop();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tabgraft"))
        .args(
            "train early.csv --ignore default -o stopped --epochs 10000 --exact-epochs --format json"
                .split(' '),
        )
        .current_dir(path)
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut heard = String::new();
    while !heard.contains("\"epoch\":2,") {
        assert_ne!(stderr.read_line(&mut heard).unwrap(), 0, "it ended early: {heard}");
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    std::io::Read::read_to_string(&mut stderr, &mut heard).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{heard}");
    assert!(heard.contains("interrupted: `stopped` holds the best state"), "{heard}");
    assert_eq!(json(path, "verify stopped")["ok"], true);
    let card = json(path, "inspect stopped");
    assert_eq!(card["training_info"]["stop_reason"], "interrupted");
    assert!(card["training_info"]["best_epoch"].as_u64().unwrap() >= 1);
    assert_eq!(out(path, "embed stopped early.csv").lines().count(), 1001);
}

/// Every command of the README, as it stands there but for fewer epochs.
#[cfg(unix)]
#[test]
fn the_commands_of_the_readme_run() {
    let path = folder("readme");
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
