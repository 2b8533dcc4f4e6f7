//! Names from files of strangers: no text of any command moves a terminal's cursor, turns the reading around
//! or forges a line.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// What a name may hold: escapes, both kinds of control characters, overrides, ends of lines, a forged line.
const COLUMN: &str = "a\u{1b}[31m\u{9b}2J";
const FORGED: &str = "b\nok: forged\r\u{202e}";
const LATE: &str = "late\u{7}\n\u{2028}ok: forged";
const TARGET: &str = "t\u{7f}\nok: forged";
const MODEL: &str = "m\u{1b}]0;x\u{7}\nok: forged";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tabgraft")).args(arguments).current_dir(folder).output().unwrap()
}

/// Whether a terminal would obey a character, or a reader's eye be misled by it.
fn is_harmful(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// An answer, whichever.
const YES_OR_NO: i32 = -1;

/// Runs a command with this exit code and looks at all that it says, as text and as JSON.
fn said(folder: &Path, arguments: &[&str], code: i32) {
    for format in ["text", "json"] {
        let output = run(folder, &[arguments, &["--format", format]].concat());
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let all = format!("{stdout}{stderr}");
        let found = output.status.code().unwrap();
        let expected = if code == YES_OR_NO { found.clamp(0, 1) } else { code };
        assert_eq!(found, expected, "{arguments:?}: {all:?}");
        assert!(!all.contains(is_harmful), "{arguments:?}: {all:?}");
        assert!(!all.lines().any(|line| line.trim_start().starts_with("ok: forged")), "{arguments:?}: {all}");
        if format == "json" {
            stderr.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
            assert!(stdout.is_empty() || serde_json::from_str::<Value>(&stdout).is_ok(), "{stdout}");
        }
    }
}

/// A folder with a table of such names, cells and classes, and a file of features.
fn workshop() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile_names");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let (mut first, mut more) = (String::new(), String::new());
    let names = format!("\"{COLUMN}\",\"{FORGED}\",\"{TARGET}\"");
    let _ = writeln!(first, "{names}");
    let _ = writeln!(more, "{names},\"{LATE}\"");
    for i in 0..400_u32 {
        let a = i * 7919 % 1000;
        let level = ["k\u{1b}[2J", "l\nok: forged", "m\u{202e}"][(i % 3) as usize];
        let class = if a > 500 { "yes\u{1b}[31m" } else { "no\nok: forged" };
        let row = format!("{a},\"{level}\",\"{class}\"");
        let _ = writeln!(first, "{row}");
        let _ = writeln!(more, "{row},{}", a * 3 + i % 11);
    }
    fs::write(folder.join("t.csv"), first).unwrap();
    fs::write(folder.join("more.csv"), more).unwrap();
    let quoted = format!("\"{COLUMN}\"");
    let features = serde_json::json!({ "format_version": 1, "features": [
        { "name": format!("half\u{1b}[1m\nok: forged"), "reason": "because\n\u{9b}ok: forged",
          "definition": { "kind": "formula", "formula": format!("{quoted} / 2") } },
        { "name": "level", "definition": { "kind": "bins", "column": COLUMN, "n_bins": 3 } },
    ]});
    fs::write(folder.join("f.json"), features.to_string()).unwrap();
    folder
}

#[test]
fn no_text_of_any_command_holds_what_a_terminal_obeys() {
    let folder = workshop();
    let said = |arguments: &[&str], code| said(&folder, arguments, code);
    // Files of models may be called as they like, too.
    let space = "s\u{1b}[2J\nok: forged";
    let predictor = "p\u{9b}\nok: forged";
    let fast = ["--epochs", "1", "--n-networks", "2"];
    said(&["train", "t.csv", "--ignore", TARGET, "-o", space, "--name", MODEL, "--epochs", "1"], 0);
    for flags in [&[][..], &["--schema"], &["--lineage"], &["--features"]] {
        said(&[&["inspect", space][..], flags].concat(), 0);
    }
    said(&["verify", space], 0);
    let fit = ["predictor", space, "t.csv", "--target", TARGET, "-o", predictor, "--name", MODEL];
    said(&[&fit[..], &fast].concat(), 0);
    said(&["inspect", predictor], 0);
    said(&["predict", predictor, "more.csv", "-o", "predicted.csv", "--key", COLUMN], 0);
    said(&["predict", predictor, "more.csv", "-o", "predicted.csv", "--key", "\u{1b}absent"], 2);
    said(&["evaluate", predictor, "t.csv"], 0);
    let money = format!("money\n\u{1b}[2J={COLUMN}");
    said(&["explain", predictor, "more.csv", "-o", "reasons.csv", "--group", &money], 0);
    said(&["explain", predictor, "more.csv", "--class", "\u{1b}absent"], 2);
    said(&["embed", space, "more.csv", "-o", "vectors.csv"], 0);
    said(&["rank", space, "t.csv", "--target", TARGET], 0);
    let judged = ["--guide", "linear", "--budget", "5"];
    let search =
        ["discover", space, "t.csv", "--target", TARGET, "--out-dir", "found\n\u{1b}", "--n-judged", "3"];
    said(&[&search[..], &judged].concat(), 0);
    said(&["effectiveness", "found\n\u{1b}/feature_effectiveness.json"], YES_OR_NO);
    let own = ["judge", space, "t.csv", "--target", TARGET, "--features", "fitted.json"];
    said(&["apply", "f.json", "t.csv", "-o", "enriched.csv", "--fit", "fitted.json"], 0);
    said(&["apply", "f.json", "t.csv", "-o", "enriched.csv"], 2);
    said(&["apply", "fitted.json", "predicted.csv", "-o", "enriched2.csv", "--skip-missing"], 0);
    said(&[&own[..], &judged].concat(), YES_OR_NO);
    said(&["extend", space, "more.csv", "-o", "v2", "--epochs", "1", "--name", MODEL], 0);
    said(&["extend", space, "enriched.csv", "-o", "v3", "--epochs", "1", "--features", "fitted.json"], 0);
    said(&["extend", space, "t.csv", "-o", "never", "--kind", &format!("{LATE}=numeric")], 2);
    said(&["merge", "v2", "v3", "-o", "merged"], 0);
    said(&["prune", "v2", "--columns", LATE, "-o", "pruned"], 0);
    said(&["prune", "v2", "more.csv", "--columns", COLUMN, "--epochs", "1", "-o", "healed"], 0);
    said(&["consolidate", "v2", "more.csv", "-o", "plain", "--epochs", "1"], 0);
    said(&["refresh", space, "more.csv", "-o", "later", "--epochs", "1", "--name", MODEL], 0);
    said(&["refresh", space, "more.csv", "-o", "never", "--mode", "frozen"], 2);
    for file in ["v2", "v3", "merged", "healed"] {
        said(&["inspect", file, "--lineage"], 0);
        said(&["inspect", file, "--features"], 0);
    }
    let compare = ["compare", "v2", "plain", "more.csv", "--target", TARGET, "--cross-fit"];
    said(&[&compare[..], &fast].concat(), YES_OR_NO);
    for file in ["merged", "healed", "plain", predictor] {
        said(&["card", file], 0);
        said(&["report", file, "more.csv"], 0);
    }
    said(&["report", space, "v2"], 0);
    said(&["report", "found\n\u{1b}"], 0);
    said(&["report", "."], 0);
    said(&["verify", "--deep", "."], 0);
    said(&["verify", "v2", "--parent", space], 0);
    said(&["lineage", ".", "--svg", "family.svg"], 0);
    said(&["lineage", ".", "--predictors"], 0);
    let svg = fs::read_to_string(folder.join("family.svg")).unwrap();
    assert!(!svg.contains(is_harmful) && svg.contains("\\u{1b}"), "XML forbids control characters");
    for verb in [
        &["add", "v2", "--note", MODEL][..],
        &["promote", MODEL, "--note", MODEL],
        &["add", space],
        &["promote", "\u{1b}absent"],
        &["current"],
        &["list"],
        &["history"],
    ] {
        let code = i32::from(verb == ["promote", "\u{1b}absent"]) * 2;
        said(&[&["registry", "models\u{9b}\n"][..], verb].concat(), code);
    }
    fs::write(folder.join("damaged\u{1b}\nok: forged"), "no model").unwrap();
    said(&["verify", "damaged\u{1b}\nok: forged"], 1);
    said(&["inspect", "absent\u{1b}\nok: forged"], 2);
    said(&["inspect", "v2", "surplus\u{1b}[2J"], 2);
    said(&["\u{1b}[2J"], 2);
}
