//! `explain`: what a person sees, and what a program reads.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod binary;

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use binary::{done, empty, run};

/// A table of numbers and categories with a class of each of two targets, and a predictor of each.
fn workshop(name: &str) -> std::path::PathBuf {
    let folder = empty(name);
    let mut text = String::from("id,a,b,kind,y,three\n");
    for i in 0..400_u32 {
        let (a, b, kind) = (i * 331 % 997, i * 89 % 211, i % 4);
        let y = if a + 2 * b + 100 * kind > 850 { "yes" } else { "no" };
        let three = ["low", "middle", "high"][(a / 340) as usize];
        let _ = writeln!(text, "r{i},{a},{b},k{kind},{y},{three}");
    }
    fs::write(folder.join("t.csv"), &text).unwrap();
    let few: String = text.lines().take(6).fold(String::new(), |text, line| text + line + "\n");
    fs::write(folder.join("few.csv"), few).unwrap();
    done(&folder, "train t.csv --ignore id --ignore y --ignore three -o v1 --epochs 1");
    for target in ["y", "three"] {
        done(&folder, &format!("predictor v1 t.csv --target {target} -o {target} --epochs 2 --n-networks 2"));
    }
    folder
}

#[test]
fn reasons_are_shown_and_contributions_sum_to_predictions() {
    let folder = workshop("reasons");
    let (said, _) = done(&folder, "explain y t.csv --show 1");
    assert!(said.contains("400 rows explained by `y`, exact, 8 predictions a row"), "{said}");
    assert!(said.contains("log-odds of `yes`: ") && said.contains("row 0: log-odds of `yes` is "), "{said}");
    assert!(!said.contains("row 1:"), "{said}");
    let report: Value =
        serde_json::from_str(&done(&folder, "explain y few.csv --format json --quiet --show 9").0).unwrap();
    assert_eq!(
        (&report["method"], &report["n_rows"], &report["scale"]),
        (&"exact".into(), &5.into(), &"log_odds".into())
    );
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let given: f64 =
            row["reasons"].as_array().unwrap().iter().map(|r| r["contribution"][0].as_f64().unwrap()).sum();
        let sum = report["base"][0].as_f64().unwrap() + given;
        assert!((sum - row["prediction"][0].as_f64().unwrap()).abs() < 1e-9);
    }
    assert!(rows[1]["reasons"].as_array().unwrap().iter().any(|r| r["column"] == "a" && r["cell"] == "331"));

    // As a table: a line for each row, or for each row and class.
    let (said, _) = done(&folder, "explain y few.csv -o reasons.csv --key id --scale probability");
    assert!(said.contains("probability of `yes`"), "{said}");
    let written = fs::read_to_string(folder.join("reasons.csv")).unwrap();
    let lines: Vec<Vec<&str>> = written.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(
        lines[0],
        ["id", "base", "prediction", "contribution_a", "contribution_b", "contribution_kind"]
    );
    assert_eq!((lines.len(), lines[5][0]), (6, "r4"));
    for line in &lines[1..] {
        let numbers: Vec<f64> = line[1..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert!((numbers[0] + numbers[2..].iter().sum::<f64>() - numbers[1]).abs() < 1e-9, "{line:?}");
        assert!((0.0..=1.0).contains(&numbers[1]));
    }
    let (table, report) = done(&folder, "explain three few.csv -o - --group both=a --group both=kind");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "output,base,prediction,contribution_both,contribution_b");
    assert_eq!(lines.len(), 16);
    assert!(report.contains("5 rows explained"), "the report gives way to the table: {report}");
    done(
        &folder,
        "explain three few.csv -o reasons.parquet --class high --evaluations 8 --seed 3 --features-apart",
    );
    assert!(fs::metadata(folder.join("reasons.parquet")).unwrap().len() > 0);
}

#[test]
fn what_cannot_be_explained_is_refused_before_a_file_is_written() {
    let folder = workshop("reasons refused");
    for (arguments, words) in [
        ("explain y few.csv -o few.csv", "the output"),
        ("explain y few.csv -o x.csv --class maybe", "`maybe`"),
        ("explain y few.csv -o x.csv --scale number", "`number`"),
        ("explain y few.csv -o x.csv --group g=absent", "`absent`"),
        ("explain y few.csv -o x.csv --evaluations 7", "at least 8"),
        ("explain y few.csv -o x.csv --key absent", "absent"),
        ("explain v1 few.csv -o x.csv", "predictor"),
        ("explain y few.csv --group a", "GROUP=COLUMN"),
    ] {
        let output = run(&folder, arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "`{arguments}`: {stderr}");
        assert!(stderr.contains(words), "`{arguments}`: {stderr}");
    }
    assert!(!folder.join("x.csv").exists());
}
