//! `surprise`, `watch` and `fill`: what a person sees.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs a command in a folder, and gives its exit code and what it said.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tabgraft")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn done(folder: &Path, arguments: &[&str]) -> (String, String) {
    let (code, stdout, stderr) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    (stdout, stderr)
}

fn table(folder: &Path, name: &str, rows: std::ops::Range<u32>, change: impl Fn(u32, &mut String)) {
    let mut text = String::from("id,a,b,kind\n");
    for i in rows {
        let mut line = format!("r{i},{},{},k{}", i * 331 % 997, i * 89 % 211, i % 4);
        change(i, &mut line);
        let _ = writeln!(text, "{line}");
    }
    fs::write(folder.join(name), text).unwrap();
}

#[test]
fn odd_rows_are_scored_with_their_cells() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "t.csv", 0..600, |_, _| ());
    table(folder, "new.csv", 600..640, |i, line| {
        if i == 605 {
            *line = "r605,99999,7,unheard".to_owned();
        }
    });
    done(folder, &["train", "t.csv", "--ignore", "id", "-o", "v1", "--epochs", "3"]);
    let (said, report) = done(folder, &["surprise", "v1", "new.csv", "--key", "id", "--n-reasons", "2"]);
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 41);
    assert_eq!(lines[0][..4], ["id", "surprise", "share_less_odd", "odd_1_column"]);
    assert_eq!(lines[0].len(), 3 + 2 * 5);
    let odd = &said.lines().nth(6).unwrap();
    assert!(odd.starts_with("r605,") && odd.contains("99999") && odd.contains("unheard"), "{odd}");
    let share: f64 = lines[6][2].parse().unwrap();
    assert!(share > 0.98, "{share}");
    assert!(report.contains("40 rows held against 64 by `v1`"), "{report}");

    let json = ["surprise", "v1", "new.csv", "--against", "t.csv", "-o", "odd.parquet", "--format", "json"];
    // The table goes to a file, the report stands behind the notes.
    let (_, said) = done(folder, &json);
    let said = serde_json::Deserializer::from_str(&said[said.find('{').unwrap()..]);
    let report = said.into_iter::<Value>().last().unwrap().unwrap();
    assert_eq!((&report["n_rows"], &report["n_rows_known"]), (&40.into(), &600.into()), "{report}");
    assert!(report["n_rows_odd"].as_u64().unwrap() >= 1);
    assert!(folder.join("odd.parquet").exists());
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "t.csv", 0..200, |_, _| ());
    done(folder, &["train", "t.csv", "--ignore", "id", "-o", "v1", "--epochs", "1"]);
    fs::write(folder.join("foreign.csv"), "x,y\n1,2\n").unwrap();
    for (arguments, text) in [
        (vec!["surprise", "v1", "t.csv", "--n-reasons", "101", "-o", "x.csv"], "`n_reasons` is 101"),
        (vec!["surprise", "v1", "foreign.csv", "-o", "x.csv"], "not one of the table's 2 column(s)"),
        (vec!["surprise", "v1", "t.csv", "--against", "foreign.csv", "-o", "x.csv"], "not one of"),
        (vec!["surprise", "v1", "t.csv", "--against", "absent.csv", "-o", "x.csv"], "absent.csv"),
        (vec!["surprise", "v1", "t.csv", "-o", "t.csv"], "t.csv"),
    ] {
        let (code, _, stderr) = run(folder, &arguments);
        assert!(code == 2 && stderr.contains(text), "{arguments:?}: {code} {stderr}");
        assert!(!folder.join("x.csv").exists());
    }
}

#[test]
fn changed_rows_are_an_answer_of_no() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "t.csv", 0..600, |_, _| ());
    table(folder, "same.csv", 600..900, |_, _| ());
    table(folder, "other.csv", 600..900, |i, line| *line = format!("r{i},{},{},k9", 2000 + i, i % 7));
    done(folder, &["train", "t.csv", "--ignore", "id", "-o", "v1", "--epochs", "3"]);
    let (said, _) = done(folder, &["watch", "v1", "same.csv"]);
    assert!(said.starts_with("300 rows: nothing has changed, held against `v1`"), "{said}");
    let (code, said, _) = run(folder, &["watch", "v1", "other.csv"]);
    assert!(code == 1 && said.contains("3 of 3 columns have changed"), "{code} {said}");
    assert!(said.contains("values") && said.contains("unseen"), "{said}");
    let (code, said, _) = run(folder, &["watch", "v1", "other.csv", "--format", "json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["changed"], &report["n_rows"]), (1, &true.into(), &300.into()));
    assert_eq!(report["columns"][2]["column"], "kind");
    // Against rows like themselves they have not.
    done(folder, &["watch", "v1", "other.csv", "--against", "other.csv"]);
    let (code, _, stderr) = run(folder, &["watch", "v1", "same.csv", "--alpha", "1.5"]);
    assert!(code == 2 && stderr.contains("`alpha` is 1.5"), "{stderr}");
}

#[test]
fn a_predictor_watches_the_columns_of_its_space_one_by_one_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "t.csv", 0..600, |_, _| ());
    table(folder, "same.csv", 600..900, |_, _| ());
    table(folder, "other.csv", 600..900, |i, line| *line = format!("r{i},{},{},k9", 2000 + i, i % 7));
    done(folder, &["train", "t.csv", "--ignore", "id", "--ignore", "kind", "-o", "v1", "--epochs", "3"]);
    done(folder, &["predictor", "v1", "t.csv", "--target", "kind", "--effort", "quick", "-o", "p1"]);
    let (said, _) = done(folder, &["watch", "p1", "same.csv"]);
    let wanted = "300 rows: nothing has changed, columns taken one by one, held against `v1`";
    assert!(said.starts_with(wanted), "{said}");
    let (code, said, _) = run(folder, &["watch", "p1", "other.csv", "--format", "json"]);
    let of_predictor: Value = serde_json::from_str(&said).unwrap();
    let (code_of_space, said, _) = run(folder, &["watch", "v1", "other.csv", "--format", "json"]);
    let of_space: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, code_of_space), (1, 1));
    // The same members, and of values, missing and unseen cells the same numbers before correction.
    let keys = |report: &Value| report.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys(&of_predictor), &of_predictor["space"]), (keys(&of_space), &of_space["space"]));
    assert_eq!((&of_predictor["n_rows_hidden"], &of_space["n_rows_hidden"]), (&0.into(), &300.into()));
    for (one, other) in
        of_predictor["columns"].as_array().unwrap().iter().zip(of_space["columns"].as_array().unwrap())
    {
        assert_eq!((&one["column"], &one["psi"]), (&other["column"], &other["psi"]));
        assert_eq!(one["missing"]["now"], other["missing"]["now"]);
        assert!(one["surprise"].is_null() && !other["surprise"].is_null(), "{one} {other}");
    }
    done(folder, &["watch", "p1", "other.csv", "--against", "other.csv"]);
    let (code, _, stderr) = run(folder, &["watch", "t.csv", "same.csv"]);
    assert!(code == 2 && stderr.contains("t.csv"), "{stderr}");
}

#[test]
fn missing_cells_are_filled_beside_the_file_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "t.csv", 0..600, |_, _| ());
    table(folder, "gaps.csv", 600..640, |i, line| {
        if i % 8 == 0 {
            *line = format!("\"r{i}\",,{},NA", i * 89 % 211);
        }
    });
    done(folder, &["train", "t.csv", "--ignore", "id", "-o", "v1", "--epochs", "3"]);
    let (said, report) = done(folder, &["fill", "v1", "gaps.csv", "--min-p", "0"]);
    let came = fs::read_to_string(folder.join("gaps.csv")).unwrap();
    for (line, came) in said.lines().zip(came.lines()) {
        assert!(line.starts_with(came), "{line} instead of {came}");
    }
    assert!(said.starts_with("id,a,b,kind,a_filled,a_p,kind_filled,kind_p\n"), "{said}");
    assert!(report.contains("10 cells of 40 rows filled by `v1`"), "{report}");
    let (code, _, stderr) = run(folder, &["fill", "v1", "gaps.csv", "--fill", "size", "-o", "x.csv"]);
    assert!(code == 2 && stderr.contains("`size`") && !folder.join("x.csv").exists(), "{stderr}");
}
