//! `index` and `neighbours`: what a person sees.

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

fn table(folder: &Path, name: &str, rows: std::ops::Range<u32>) {
    let mut text = String::from("id,a,b,kind\n");
    for i in rows {
        let _ = writeln!(text, "r{i},{},{},k{}", i * 331 % 997, i * 89 % 211, i % 4);
    }
    fs::write(folder.join(name), text).unwrap();
}

#[test]
fn rows_are_indexed_found_replaced_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "t.csv", 0..300);
    done(folder, &["train", "t.csv", "--ignore", "id", "-o", "v1", "--epochs", "1"]);
    let (said, _) = done(folder, &["index", "v1", "t.csv", "--key", "id", "-o", "rows.index"]);
    assert!(said.contains("300 rows in ") && said.contains("0 before"), "{said}");

    let (found, report) =
        done(folder, &["neighbours", "rows.index", "v1", "t.csv", "--key", "id", "-k", "3"]);
    let lines: Vec<Vec<&str>> = found.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["id", "rank", "neighbour", "similarity"]);
    assert_eq!(lines.len(), 901);
    assert!(report.contains("300 rows looked for among 300 by `v1`"), "{report}");
    let late = |(i, line): (usize, &str)| match i {
        0 => format!("{line},late\n"),
        _ => format!("{line},{}\n", i % 7),
    };
    let grown: String =
        fs::read_to_string(folder.join("t.csv")).unwrap().lines().enumerate().map(late).collect();
    fs::write(folder.join("grown.csv"), grown).unwrap();
    done(folder, &["extend", "v1", "grown.csv", "-o", "v2", "--name", "v2", "--epochs", "1"]);
    let (again, report) =
        done(folder, &["neighbours", "rows.index", "v2", "grown.csv", "--key", "id", "-k", "3"]);
    assert_eq!(again, found);
    assert!(report.contains("by `v2`, in the coordinates of `v1` (version "), "{report}");
    for (i, lines) in lines[1..].chunks(3).enumerate() {
        assert!(lines.iter().all(|line| line[0] == format!("r{i}")), "{lines:?}");
        assert_eq!([lines[0][1], lines[1][1], lines[2][1]], ["1", "2", "3"]);
        assert!(lines[0][3].parse::<f64>().unwrap() > 0.9999, "{lines:?}");
    }
    let one =
        ["neighbours", "rows.index", "v1", "t.csv", "--key", "id", "--among", "r7", "--similarity", "dot"];
    let (among, _) = done(folder, &one);
    assert_eq!(among.lines().filter(|line| line.contains(",r7,")).count(), 300);

    table(folder, "more.csv", 250..350);
    let more = ["index", "v1", "more.csv", "--key", "id", "--into", "rows.index", "-o", "more.index"];
    let (said, _) = done(folder, &[&more[..], &["--format", "json"]].concat());
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["n_rows"], &said["n_rows_before"]), (&350.into(), &300.into()));
    let less =
        ["index", "v1", "more.csv", "--key", "id", "--into", "more.index", "--remove", "-o", "less.index"];
    assert!(done(folder, &less).0.contains("250 rows in "));
    let (_, _, stderr) = run(folder, &["index", "v1", "more.csv", "--remove", "-o", "x.index"]);
    assert!(stderr.contains("--into"), "{stderr}");
}

#[test]
fn what_does_not_fit_is_refused_before_a_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "t.csv", 0..200);
    done(folder, &["train", "t.csv", "--ignore", "id", "-o", "v1", "--epochs", "1"]);
    done(folder, &["train", "t.csv", "--ignore", "id", "-o", "other", "--epochs", "1", "--seed", "7"]);
    done(folder, &["index", "v1", "t.csv", "--key", "id", "-o", "rows.index"]);
    let refused = |arguments: &[&str], words: &[&str]| {
        let (code, _, stderr) = run(folder, arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert!(words.iter().all(|word| stderr.contains(word)), "{arguments:?}: {stderr}");
    };
    refused(
        &["neighbours", "rows.index", "other", "t.csv", "-o", "x.csv"],
        &["vectors of `v1`", "none of `other`", "hint"],
    );
    refused(&["neighbours", "v1", "v1", "t.csv", "-o", "x.csv"], &["expected `row_index`"]);
    refused(&["neighbours", "rows.index", "v1", "t.csv", "-k", "0", "-o", "x.csv"], &["k is 0"]);
    refused(&["neighbours", "rows.index", "v1", "t.csv", "--among", "r2000", "-o", "x.csv"], &["`r2000`"]);
    refused(&["embed", "rows.index", "t.csv", "-o", "x.csv"], &["row_index"]);
    refused(&["inspect", "rows.index"], &["an index of rows, which is no model"]);
    refused(&["index", "v1", "t.csv", "--key", "kind", "-o", "x.csv"], &["line 6", "`k0` is that of row 0"]);
    refused(&["index", "v1", "t.csv", "-o", "v1"], &["is the input"]);
    assert!(!folder.join("x.csv").exists());
}
