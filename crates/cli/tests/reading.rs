//! How a table was read is part of the model: every later command reads alike, and says where it was told
//! otherwise.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod binary;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use binary::{command, done, run};

/// An empty folder of this test.
fn folder(name: &str) -> PathBuf {
    binary::empty(&format!("reading_{name}"))
}

/// Rows in which -999 and `-` stand for missing cells, and numbers are written with a decimal comma.
fn rows(with_new: bool) -> String {
    let mut text = format!("age;grade;price;y{}\n", if with_new { ";new" } else { "" });
    for i in 0..160_usize {
        let age = if i % 5 == 0 { "-999".to_owned() } else { (20 + i * 7 % 50).to_string() };
        let grade = ["-", "A", "B", "C"][i * 3 % 4];
        let price = format!("{}.{:03},{}", 1 + i % 4, i * 37 % 1000, i % 10);
        write!(text, "{age};{grade};{price};{}", u8::from(i * 7 % 50 > 25)).unwrap();
        if with_new {
            write!(text, ";{},25", i * 11 % 23).unwrap();
        }
        text.push('\n');
    }
    text
}

/// A folder with `data.csv`, a space `v.tabgraft` and a predictor `p.tabgraft` of `y`.
fn workshop(name: &str) -> PathBuf {
    let folder = folder(name);
    fs::write(folder.join("data.csv"), rows(false)).unwrap();
    fs::write(folder.join("more.csv"), rows(true)).unwrap();
    let tokens = "--missing-token -999 --missing-token -";
    done(&folder, &format!("train data.csv -o v.tabgraft --ignore y {tokens} --epochs 2 --d-model 16"));
    done(&folder, "predictor v.tabgraft data.csv --target y -o p.tabgraft --epochs 4 --n-networks 2");
    folder
}

#[test]
fn what_stood_for_missing_and_for_decimals_is_remembered_by_every_later_command() {
    let folder = workshop("remembered");
    let same = "--missing-token - --missing-token -999 --decimal ,";
    let (with, _) = done(&folder, &format!("predict p.tabgraft data.csv {same}"));
    let (without, said) = done(&folder, "predict p.tabgraft data.csv");
    assert_eq!(with, without);
    assert!(!said.contains("unseen") && !said.contains("note:"), "{said}");
    let (with, _) = done(&folder, &format!("embed v.tabgraft data.csv {same}"));
    assert_eq!(with, done(&folder, "embed v.tabgraft data.csv").0);
    let (with, _) = done(&folder, &format!("evaluate p.tabgraft data.csv {same}"));
    assert_eq!(with, done(&folder, "evaluate p.tabgraft data.csv").0);
    done(&folder, "extend v.tabgraft more.csv -o v2.tabgraft --epochs 2");
    done(&folder, "prune v2.tabgraft more.csv --columns grade -o v3.tabgraft --epochs 1");
    done(&folder, "compare v.tabgraft v2.tabgraft more.csv --target y --cross-fit --epochs 2 --n-networks 2");
    done(&folder, "discover v2.tabgraft more.csv --target y --out-dir found --budget 1");
    let (with, _) = done(&folder, &format!("embed v2.tabgraft more.csv {same}"));
    assert_eq!(with, done(&folder, "embed v2.tabgraft more.csv").0);
    let card: Value = serde_json::from_str(&done(&folder, "inspect v2.tabgraft --format json").0).unwrap();
    assert_eq!(card["reading"]["missing_tokens"], serde_json::json!(["-999", "-"]));
    assert_eq!(card["reading"]["decimal"], ",");
    for column in ["price", "new"] {
        let columns = card["columns"].as_array().unwrap();
        let kind = columns.iter().find(|c| c["name"] == column).unwrap()["kind"].clone();
        assert_eq!(kind, "numeric", "{column}");
    }
}

#[test]
fn what_the_caller_says_otherwise_is_taken_and_told() {
    let folder = workshop("overruled");
    let (other, said) = done(&folder, "predict p.tabgraft data.csv --missing-token NA");
    assert!(
        said.contains("note: the model was trained with the missing tokens `-999`, `-`, and this table"),
        "{said}"
    );
    assert_ne!(other, done(&folder, "predict p.tabgraft data.csv").0);
    let plain = rows(false).replace('.', "").replace(',', ".");
    fs::write(folder.join("plain.csv"), plain).unwrap();
    let refused = run(&folder, "predict p.tabgraft plain.csv");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.contains("column `price`, line 2") && said.contains("give `decimal` as `.`"), "{said}");
    let (predicted, said) = done(&folder, "predict p.tabgraft plain.csv --decimal .");
    assert!(said.contains("a decimal comma, and this table is read with a decimal point"), "{said}");
    assert_eq!(predicted, done(&folder, "predict p.tabgraft data.csv").0);
}

#[test]
fn a_dash_is_the_table_on_standard_input() {
    let folder = workshop("stdin");
    let piped = |arguments: &str, bytes: &[u8]| {
        let mut child = command(&folder, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who refuses the arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        child.wait_with_output().unwrap()
    };
    let text = rows(false);
    let output = piped("embed v.tabgraft -", text.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), done(&folder, "embed v.tabgraft data.csv").0);
    let output = piped("train - -o s.tabgraft --ignore y --epochs 1 --d-model 16", text.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = piped("train - --valid - -o s.tabgraft --epochs 1", text.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`-` stands twice"));
    let output = piped("embed v.tabgraft -", b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("`standard input` is empty"));
}

#[test]
fn an_ignored_column_is_not_read_unless_the_split_needs_it() {
    let folder = folder("ignored");
    let mut text = b"group,x,note,y\n".to_vec();
    for i in 0..80_u8 {
        text.extend(format!("{},{},caf", i % 9, i.wrapping_mul(37)).bytes());
        // Latin-1, which no table can be read in.
        text.extend([0xe9, b',', b'0' + i % 2, b'\n']);
    }
    fs::write(folder.join("data.csv"), text).unwrap();
    let refused = run(&folder, "train data.csv -o v.tabgraft --ignore y --epochs 1 --d-model 16");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("column `note`: byte 0xe9"));
    let ignore = "--ignore y --ignore note --ignore group --split-group group";
    done(&folder, &format!("train data.csv -o v.tabgraft {ignore} --epochs 1 --d-model 16"));
    done(&folder, "embed v.tabgraft data.csv");
}

#[test]
fn columns_get_the_names_that_a_model_knows() {
    let folder = workshop("rename");
    let other = rows(false).replacen("age;grade;price", "years;grade;price", 1);
    fs::write(folder.join("other.csv"), other).unwrap();
    let expected = done(&folder, "embed v.tabgraft data.csv").0;
    assert_eq!(done(&folder, "embed v.tabgraft other.csv --rename years=age").0, expected);
    for (rename, found) in [
        ("yeers=age", "there is no column `yeers` to be renamed `age`"),
        ("grade=price", "columns `grade`, `price` would both be `price`"),
    ] {
        let failed = run(&folder, &format!("embed v.tabgraft other.csv --rename {rename}"));
        assert_eq!(failed.status.code(), Some(2), "{rename}");
        assert!(String::from_utf8_lossy(&failed.stderr).contains(found), "{rename}");
    }
    done(&folder, "train other.csv --rename years=age --ignore y --epochs 2 --d-model 16 -o w.tabgraft");
    let card: Value = serde_json::from_str(&done(&folder, "inspect w.tabgraft --format json").0).unwrap();
    assert_eq!(card["reading"]["renamed"]["years"], "age");
    // What was trained so is remembered; features read the new name, the table keeps its own.
    done(&folder, "embed w.tabgraft other.csv");
    fs::write(folder.join("f.json"), r#"{"format_version": 1, "features": [{"name": "older", "definition": {"kind": "formula", "formula": "age + 1"}}]}"#).unwrap();
    let (applied, _) = done(&folder, "apply f.json other.csv --rename years=age");
    assert!(applied.starts_with("years;grade;price;y;older\n"), "{}", &applied[..60]);
}

#[test]
fn rows_of_a_file_are_named_by_their_lines() {
    let folder = folder("lines");
    let mut text = "n,note\n".to_owned();
    for i in 0..60 {
        let note = if i == 3 { "\"two\nlines\"".to_owned() } else { format!("note {}", i % 7) };
        let n = if i == 50 { "abc".to_owned() } else { i.to_string() };
        writeln!(text, "{n},{note}").unwrap();
    }
    fs::write(folder.join("t.csv"), text).unwrap();
    let failed = run(&folder, "train t.csv --kind n=numeric -o v.tabgraft");
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    // The header is line 1, and one cell before has two lines.
    assert!(said.contains("column `n`, line 53: `abc` is not a number"), "{said}");
}
