//! Data sets that a limit of memory has no room for: what is drawn, what is told, what comes of it.

#![allow(clippy::unwrap_used)]

mod binary;

use std::fs;
use std::path::{Path, PathBuf};

use binary::{done, empty, run};
use serde_json::Value;

const N_ROWS: usize = 60_000;
/// Leaves room for about half of the rows, by the share of it that a table may take.
const LIMIT: &str = "--memory-limit 120MB";

/// Related columns and a target, as one file and in many; `more` has a column that comes later.
fn workshop(name: &str) -> PathBuf {
    let folder = empty(name);
    let unit = |r: usize, salt: usize| ((r * 2_654_435_761 + salt * 40_503) % 10_007) as f64 / 10_007.0;
    let line = |r: usize, late: bool| {
        let (a, b, kind) = (unit(r, 1), unit(r, 2), ["x", "y", "z"][r * r % 3]);
        let y = if a + 0.5 * b + 0.6 * unit(r, 3) > 1.0 { "yes" } else { "no" };
        let end = if late { format!(",{:.3}", b + 0.2 * unit(r, 4)) } else { String::new() };
        format!("{r},{a:.4},{:.3},{b:.4},{kind},{y}{end}\n", a * a + 0.1 * unit(r, 5))
    };
    for (set, late) in [("data", false), ("more", true)] {
        let header = format!("id,a,a2,b,kind,y{}\n", if late { ",late" } else { "" });
        let text =
            |rows: std::ops::Range<usize>| header.clone() + &rows.map(|r| line(r, late)).collect::<String>();
        fs::create_dir(folder.join(set)).unwrap();
        for (file, first) in (0..N_ROWS).step_by(7_000).enumerate() {
            let part = folder.join(set).join(format!("part-{file}.csv"));
            fs::write(part, text(first..(first + 7_000).min(N_ROWS))).unwrap();
        }
        fs::write(folder.join(format!("{set}.csv")), text(0..N_ROWS)).unwrap();
    }
    folder
}

fn report(folder: &Path, arguments: &str) -> (Value, String) {
    let (out, said) = done(folder, &format!("{arguments} --format json"));
    (serde_json::from_str(&out).unwrap(), said)
}

fn n_learned(report: &Value) -> u64 {
    report["training"]["n_rows_train"].as_u64().unwrap()
}

#[test]
fn a_folder_whose_rows_all_fit_trains_the_bits_of_one_file() {
    let folder = workshop("large_fits");
    let how = "--ignore y --epochs 1 --exact-epochs --d-model 32";
    let (one, _) = report(&folder, &format!("train data.csv {how} -o one.tabgraft"));
    for (path, limit) in [("data", ""), ("data/part-*.csv", ""), ("data", "--memory-limit 8GB")] {
        let (all, said) = report(&folder, &format!("train {path} {how} {limit} -o all.tabgraft"));
        assert_eq!((&all["weights_hash"], &all["schema"]), (&one["weights_hash"], &one["schema"]));
        assert!(!said.contains("rows are drawn"), "{said}");
    }
    let embedded = |space: &str, table: &str| done(&folder, &format!("embed {space} {table}")).0;
    assert!(embedded("one.tabgraft", "data/part-3.csv") == embedded("all.tabgraft", "data/part-3.csv"));
}

#[test]
fn what_does_not_fit_is_drawn_and_told_and_scores_as_all_of_it() {
    let folder = workshop("large_drawn");
    let how = "--ignore y --epochs 3 --d-model 32";
    let (all, _) = report(&folder, &format!("train data.csv {how} -o all.tabgraft"));
    let (some, said) = report(&folder, &format!("train data {how} {LIMIT} -o some.tabgraft"));
    assert!(said.contains("of 60000 rows are drawn, evenly"), "{said}");
    // Kinds are told from all rows, whatever was drawn.
    assert_eq!(some["schema"]["columns"], all["schema"]["columns"]);
    assert!(n_learned(&some) * 5 < n_learned(&all) * 4, "{} of {}", n_learned(&some), n_learned(&all));
    let grafted = |parent: &str, table: &str, limit: &str| {
        report(&folder, &format!("extend {parent}.tabgraft {table} {limit} -o {parent}2.tabgraft")).0
    };
    let (all2, some2) = (grafted("all", "more.csv", ""), grafted("some", "more", LIMIT));
    assert!(n_learned(&some2) < n_learned(&all2));
    let auc = |report: &Value| {
        let scores = report["scores"].as_array().unwrap();
        scores.iter().find(|s| s["metric"] == "roc_auc").unwrap()["value"].as_f64().unwrap()
    };
    let scored = |space: &str, table: &str, limit: &str| {
        let how = "--target y --n-networks 1 --epochs 2";
        report(&folder, &format!("predictor {space}.tabgraft {table} {how} {limit} -o {space}_p.tabgraft"));
        auc(&report(&folder, &format!("evaluate {space}_p.tabgraft {table} {limit}")).0)
    };
    let (of_all, of_some) = (scored("all2", "more.csv", ""), scored("some2", "more", LIMIT));
    assert!((of_all - of_some).abs() < 0.02 && of_some > 0.75, "{of_all} {of_some}");
    let (card, _) = report(&folder, "inspect some.tabgraft");
    assert!(card["notes"].to_string().contains("rows are drawn"), "{card}");
}

#[test]
fn versions_are_made_and_judged_within_a_limit() {
    let folder = workshop("large_versions");
    // `other` and `wide` have one more column than `data` and `more`.
    for (set, from) in [("other", "data"), ("wide", "more")] {
        fs::create_dir(folder.join(set)).unwrap();
        for file in fs::read_dir(folder.join(from)).unwrap() {
            let file = file.unwrap();
            let wider = |(row, line): (usize, &str)| match row {
                0 => format!("{line},later\n"),
                row => format!("{line},{}\n", row * row % 97),
            };
            let text = fs::read_to_string(file.path()).unwrap();
            let text: String = text.lines().enumerate().map(wider).collect();
            fs::write(folder.join(set).join(file.file_name()), text).unwrap();
        }
    }
    for arguments in [
        "train data --ignore y --epochs 2 --d-model 32 -o v1.tabgraft",
        "extend v1.tabgraft more -o v2.tabgraft",
        "extend v1.tabgraft other -o w2.tabgraft",
        "merge v2.tabgraft w2.tabgraft --table wide -o both.tabgraft",
        "prune v2.tabgraft more --columns b --epochs 1 -o pruned.tabgraft",
        "consolidate v2.tabgraft more --epochs 1 -o plain.tabgraft",
        "rank v2.tabgraft more",
        "predictor v1.tabgraft data --target y --n-networks 1 --epochs 2 -o p1.tabgraft",
        "grow p1.tabgraft v2.tabgraft more -o p2.tabgraft",
        "compare p1.tabgraft p2.tabgraft more",
        "compare v1.tabgraft v2.tabgraft more --target y --n-networks 1 --epochs 2",
    ] {
        let ended = run(&folder, &format!("{arguments} {LIMIT}"));
        let said = String::from_utf8(ended.stderr).unwrap();
        // A comparison may say that the second is worse.
        assert!(matches!(ended.status.code(), Some(0 | 1)), "{arguments}: {said}");
        assert!(said.contains("of 60000 rows are drawn, evenly"), "{arguments}: {said}");
    }
}

#[test]
fn features_are_added_part_by_part_as_to_one_file() {
    let folder = workshop("large_features");
    let formula = r#"{"format_version": 1, "features": [{"name": "twice",
        "definition": {"kind": "formula", "formula": "a * 2"}}]}"#;
    fs::write(folder.join("features.json"), formula).unwrap();
    done(&folder, "apply features.json data.csv -o one.csv");
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    for (table, limit) in [("data", ""), ("data/part-*.csv", ""), ("data.csv", LIMIT)] {
        let (_, said) = done(&folder, &format!("apply features.json {table} {limit} -o parts.csv"));
        assert!(said.contains("1 features added to 60000 rows"), "{said}");
        assert!(read("parts.csv") == read("one.csv"), "{table} {limit}");
    }
}

#[test]
fn a_limit_without_room_for_a_step_says_what_it_needs() {
    let folder = workshop("large_refused");
    let refused = run(&folder, "train data --ignore y --memory-limit 10MB -o v.tabgraft");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("the training needs about"), "{said}");
    assert!(!folder.join("v.tabgraft").exists());
}
