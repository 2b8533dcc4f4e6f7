//! Where results go: what is no ordinary file stays, a file keeps its mode, and no work is lost at the end.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod binary;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use binary::{done, run};

/// A folder of its own with a table `t.csv`, a space `v1` and a predictor `p1`.
fn workshop(name: &str) -> PathBuf {
    static FIRST: OnceLock<PathBuf> = OnceLock::new();
    let first = FIRST.get_or_init(|| {
        let folder = empty("first");
        let mut table = String::from("x,c,y\n");
        for i in 0..160_u32 {
            let x = (i * 7919 % 1000) as f64 / 1000.0;
            let _ = writeln!(table, "{x},{},{}", ["a", "b", "c"][(i % 3) as usize], u8::from(x > 0.5));
        }
        fs::write(folder.join("t.csv"), table).unwrap();
        fs::write(
            folder.join("f.json"),
            r#"{"format_version": 1, "features": [{"name": "half", "definition": {"kind": "formula", "formula": "x / 2"}}]}"#,
        )
        .unwrap();
        done(&folder, "train t.csv -o v1 --ignore y --epochs 1 -q");
        done(&folder, "predictor v1 t.csv --target y -o p1 --epochs 2 --n-networks 2 -q");
        done(&folder, "apply f.json t.csv -o more.csv -q");
        folder
    });
    let folder = empty(name);
    for file in ["t.csv", "f.json", "v1", "p1", "more.csv"] {
        fs::copy(first.join(file), folder.join(file)).unwrap();
    }
    folder
}

fn empty(name: &str) -> PathBuf {
    binary::empty(&format!("outputs_{name}"))
}

/// Makes a node of one's own, never one of the machine's. Devices take a right that not everybody has.
fn node(path: &Path, make: &str) -> bool {
    let words: Vec<&str> = make.split(' ').collect();
    let made = Command::new(words[0]).arg(path).args(&words[1..]).stderr(Stdio::null()).status();
    made.unwrap().success()
}

/// Every command that writes, but for its output.
const WRITERS: [&str; 10] = [
    "predict p1 t.csv -o",
    "embed v1 t.csv -o",
    "apply f.json t.csv -o",
    "train t.csv --ignore y --epochs 1 -o",
    "predictor v1 t.csv --target y --epochs 1 --n-networks 2 -o",
    "extend v1 more.csv --epochs 1 -o",
    "consolidate v1 t.csv --epochs 1 -o",
    "refresh v1 t.csv --epochs 1 -o",
    "lineage v1 --svg",
    "apply f.json t.csv -o rows.csv --fit",
];

#[test]
fn a_pipe_gets_the_bytes_and_stays() {
    let folder = workshop("pipe");
    let pipe = folder.join("pipe");
    assert!(node(&pipe, "mkfifo"));
    for writer in WRITERS {
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || {
                let mut bytes = Vec::new();
                File::open(pipe).unwrap().read_to_end(&mut bytes).unwrap();
                bytes
            }
        });
        done(&folder, &format!("{writer} pipe -q"));
        assert!(!reader.join().unwrap().is_empty(), "`{writer}`");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo(), "`{writer}`");
    }
}

#[test]
fn a_device_gets_the_bytes_and_stays() {
    let folder = workshop("device");
    let (null, full) = (folder.join("null"), folder.join("full"));
    if !node(&null, "mknod c 1 3") || !node(&full, "mknod c 1 7") || File::create(&null).is_err() {
        return;
    }
    for writer in WRITERS {
        done(&folder, &format!("{writer} null -q"));
        let output = run(&folder, &format!("{writer} full -q"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "`{writer}`: {stderr}");
        assert!(stderr.contains("No space left"), "`{writer}`: {stderr}");
        for device in [&null, &full] {
            assert!(fs::symlink_metadata(device).unwrap().file_type().is_char_device(), "`{writer}`");
        }
    }
}

#[test]
fn a_link_stays_and_the_file_behind_it_keeps_its_mode() {
    let folder = workshop("link");
    fs::create_dir(folder.join("deep")).unwrap();
    fs::write(folder.join("deep/real"), "old").unwrap();
    fs::set_permissions(folder.join("deep/real"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("deep/real", folder.join("link")).unwrap();
    for writer in WRITERS {
        fs::write(folder.join("deep/real"), "old").unwrap();
        done(&folder, &format!("{writer} link -q"));
        assert!(fs::symlink_metadata(folder.join("link")).unwrap().is_symlink(), "`{writer}`");
        let real = fs::metadata(folder.join("deep/real")).unwrap();
        assert!(real.len() > 3, "`{writer}`");
        assert_eq!(real.permissions().mode() & 0o777, 0o600, "`{writer}`");
    }
    // The input behind a link is not overwritten.
    symlink("v1", folder.join("to_v1")).unwrap();
    let before = fs::read(folder.join("v1")).unwrap();
    let output = run(&folder, "extend v1 more.csv --epochs 1 -o to_v1");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("the output `to_v1` is the input `v1`"));
    assert_eq!(fs::read(folder.join("v1")).unwrap(), before);
}

#[test]
fn a_dash_is_stdout_for_tables_and_nothing_for_models() {
    let folder = workshop("dash");
    for writer in ["predict p1 t.csv", "embed v1 t.csv", "apply f.json t.csv"] {
        let [plain, dash] = ["", "-o -"].map(|out| run(&folder, &format!("{writer} {out} -q")));
        assert_eq!(plain.status.code(), Some(0));
        assert!(!plain.stdout.is_empty() && plain.stdout == dash.stdout, "`{writer}`");
    }
    let output = run(&folder, "train t.csv --ignore y --epochs 1 -o -");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("only tables can go"));
    assert!(!folder.join("-").exists());
}

/// Long before the work is done; `--format json` says when it begins.
#[test]
fn a_place_that_cannot_be_written_is_told_before_the_work() {
    let folder = workshop("before");
    fs::create_dir(folder.join("folder")).unwrap();
    let long = "n".repeat(300);
    let writers = WRITERS
        .map(str::to_owned)
        .into_iter()
        .chain(["merge v1 v1 -o".to_owned(), "prune v1 t.csv --columns c -o".to_owned()]);
    let n_files = fs::read_dir(&folder).unwrap().count();
    for writer in writers {
        for place in ["folder", "absent/x", "t.csv/x", "x/", &long] {
            let output = run(&folder, &format!("{writer} {place} --format json"));
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "`{writer} {place}`: {stderr}");
            assert!(output.stdout.is_empty() && !stderr.contains("\"event\":\"started\""), "{stderr}");
            let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
            assert!(error["error"].as_str().unwrap().starts_with("cannot write `"), "{error}");
        }
    }
    for searcher in
        ["discover v1 t.csv --target y --out-dir", "judge v1 t.csv --target y --features f.json --out-dir"]
    {
        fs::write(folder.join("folder/feature_suggestion_history.json"), "no history").unwrap();
        for place in ["t.csv", "t.csv/deeper", "folder"] {
            let output = run(&folder, &format!("{searcher} {place}"));
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "`{searcher} {place}`: {stderr}");
            assert_eq!(stderr.lines().filter(|l| !l.starts_with("hint: ")).count(), 1, "{stderr}");
        }
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), n_files);
}

/// A pipe whose reader goes away takes no model: nothing could have told before.
#[test]
fn the_report_comes_even_where_saving_fails() {
    let folder = workshop("report");
    let pipe = folder.join("pipe");
    assert!(node(&pipe, "mkfifo"));
    for command in [
        "train t.csv --ignore y --epochs 1",
        "predictor v1 t.csv --target y --epochs 1 --n-networks 2",
        "extend v1 more.csv --epochs 1",
        "consolidate v1 t.csv --epochs 1",
        "refresh v1 t.csv --epochs 1",
    ] {
        for format in ["text", "json"] {
            let reader = std::thread::spawn({
                let pipe = pipe.clone();
                move || drop(File::open(pipe).unwrap())
            });
            let output = run(&folder, &format!("{command} -o pipe --format {format} --quiet"));
            reader.join().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "`{command}`: {stderr}");
            assert!(stderr.contains("cannot save `pipe`"), "{stderr}");
            let stdout = String::from_utf8(output.stdout).unwrap();
            match format {
                "text" => assert!(stdout.contains("NOT saved: `"), "{stdout}"),
                _ => {
                    let report: Value = serde_json::from_str(&stdout).unwrap();
                    assert!(report["file"].is_null() && report["interrupted"] == false, "{stdout}");
                }
            }
        }
    }
}

#[test]
fn a_name_that_promises_a_format_holds_it_or_is_refused() {
    let folder = workshop("formats");
    for (command, name) in [("apply f.json t.csv", "a"), ("embed v1 t.csv", "e"), ("predict p1 t.csv", "p")] {
        done(&folder, &format!("{command} -o {name}.csv -q"));
        done(&folder, &format!("{command} -o {name}.csv.gz -q"));
        let packed = fs::read(folder.join(format!("{name}.csv.gz"))).unwrap();
        assert_eq!(packed[..2], [0x1f, 0x8b], "{command}");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, fs::read(folder.join(format!("{name}.csv"))).unwrap(), "{command}");
        for ending in ["parquet.gz", "jsonl", "feather", "xlsx", "csv.zst"] {
            let refused = run(&folder, &format!("{command} -o out.{ending}"));
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert_eq!(refused.status.code(), Some(2), "{said}");
            assert!(
                said.contains("tables are not written as `.") && said.contains("`.csv.gz` or `.parquet`"),
                "{said}"
            );
            assert!(!folder.join(format!("out.{ending}")).exists());
        }
    }
}
