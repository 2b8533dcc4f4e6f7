//! Ctrl-C, SIGTERM and SIGHUP: what is saved, where, and what the shell is told.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod binary;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Once, OnceLock};

use nix::sys::signal::{self, SigHandler, Signal};
use serde_json::Value;

use binary::done;

const LONG: &str = "--epochs 10000 --exact-epochs";

fn ok(folder: &Path, arguments: &str) -> String {
    done(folder, arguments).0
}

/// A folder of its own with tables `t.csv` and `more.csv`, a space `v1`, its child `v2`, and a feature.
fn workshop(name: &str) -> PathBuf {
    static FIRST: OnceLock<PathBuf> = OnceLock::new();
    let first = FIRST.get_or_init(|| {
        let folder = empty("first");
        let (mut table, mut more) = (String::from("a,b,c,y\n"), String::from("a,b,c,y,late\n"));
        for i in 0..1500_u32 {
            let (a, b) = (i * 7919 % 1000, i * 104_729 % 997);
            let row = format!("{a},{b},{},{}", ["k", "l", "m"][(i % 3) as usize], u8::from(a + b > 1000));
            let _ = writeln!(table, "{row}");
            let _ = writeln!(more, "{row},{}", a * 2 + b % 7);
        }
        fs::write(folder.join("t.csv"), table).unwrap();
        fs::write(folder.join("more.csv"), more).unwrap();
        ok(&folder, "train t.csv -o v1 --ignore y --epochs 1 -q");
        ok(&folder, "extend v1 more.csv -o v2 --epochs 1 -q");
        folder
    });
    let folder = empty(name);
    for file in ["t.csv", "more.csv", "v1", "v2"] {
        fs::copy(first.join(file), folder.join(file)).unwrap();
    }
    folder
}

fn empty(name: &str) -> PathBuf {
    binary::empty(&format!("interrupts_{name}"))
}

/// Whoever runs the tests may have started them with signals ignored, which their processes would inherit.
fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            // SAFETY: no handler is set, and the system's own is safe.
            #[expect(unsafe_code, reason = "the system has no other way")]
            unsafe {
                signal::signal(signal, SigHandler::SigDfl).unwrap();
            }
        }
    });
}

fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// What a command did that got signals as soon as its stderr held some word.
struct Stopped {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Stopped {
    /// Starts `tabgraft` by way of a shell that ignores what `ignored` names.
    fn new(folder: &Path, arguments: &str, until: &str, signals: &[&str], ignored: &str) -> Self {
        heed_signals();
        let trap = if ignored.is_empty() { String::new() } else { format!("trap '' {ignored}; ") };
        let mut child = Command::new("sh")
            .args(["-c", &format!("{trap}exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_tabgraft")])
            .args(arguments.split_whitespace())
            .args(["--format", "json"])
            .current_dir(folder)
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = BufReader::new(child.stderr.take().unwrap());
        let mut stderr = String::new();
        while !stderr.contains(until) {
            assert_ne!(pipe.read_line(&mut stderr).unwrap(), 0, "`{arguments}` ended early: {stderr}");
        }
        signals.iter().for_each(|signal| send(&child, signal));
        pipe.read_to_string(&mut stderr).unwrap();
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        Stopped { code: child.wait().unwrap().code(), stdout, stderr }
    }

    /// Of a command that has begun its second epoch.
    fn training(folder: &Path, arguments: &str, signal: &str) -> Self {
        let until = if arguments.starts_with("predictor") { "\"progress\"" } else { "\"epoch\":2," };
        Stopped::new(folder, arguments, until, &[signal], "")
    }

    fn report(&self) -> Value {
        for line in self.stderr.lines() {
            serde_json::from_str::<Value>(line).unwrap();
        }
        serde_json::from_str(&self.stdout).unwrap()
    }
}

#[test]
fn every_signal_stops_a_training_and_its_best_state_is_saved() {
    let folder = workshop("signals");
    for (signal, name) in [("-INT", "SIGINT"), ("-TERM", "SIGTERM"), ("-HUP", "SIGHUP")] {
        let out = format!("stopped{signal}");
        let stopped = Stopped::training(&folder, &format!("train t.csv --ignore y -o {out} {LONG}"), signal);
        assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
        let report = stopped.report();
        assert_eq!((&report["interrupted"], &report["file"]), (&true.into(), &out.as_str().into()));
        assert!(stopped.stderr.contains(&format!(r#"{{"event":"stopping","signal":"{name}"}}"#)));
        ok(&folder, &format!("verify {out}"));
        assert!(ok(&folder, &format!("inspect {out}")).contains("stopped early"));
    }
    assert!(!ok(&folder, "inspect v1").contains("stopped early"));
}

#[test]
fn only_a_finished_model_replaces_an_older_file() {
    let folder = workshop("older");
    for command in [
        "train t.csv --ignore y",
        "predictor v1 t.csv --target y --patience 1000",
        "extend v1 more.csv",
        "extend v1 more.csv --mode joint",
        "consolidate v2 more.csv",
        "refresh v1 more.csv",
    ] {
        let long = if command.starts_with("predictor") { "--epochs 10000" } else { LONG };
        for file in ["old.tabgraft", "old.interrupted.tabgraft", "old.interrupted-2.tabgraft"] {
            let _ = fs::remove_file(folder.join(file));
        }
        fs::write(folder.join("old.tabgraft"), "older").unwrap();
        for beside in ["old.interrupted.tabgraft", "old.interrupted-2.tabgraft"] {
            let stopped = Stopped::training(&folder, &format!("{command} {long} -o old.tabgraft"), "-TERM");
            assert_eq!(stopped.code, Some(3), "`{command}`: {}", stopped.stderr);
            assert_eq!(stopped.report()["file"], beside, "`{command}`");
            assert!(stopped.stderr.contains(&format!("`{beside}` holds")), "{}", stopped.stderr);
            assert!(stopped.stderr.contains("`old.tabgraft` is as it was"), "{}", stopped.stderr);
            ok(&folder, &format!("verify {beside}"));
            assert!(ok(&folder, &format!("inspect {beside}")).contains("stopped early"), "`{command}`");
            assert_eq!(fs::read_to_string(folder.join("old.tabgraft")).unwrap(), "older");
        }
        let asked = format!("{command} {long} -o old.tabgraft --replace-if-interrupted");
        let stopped = Stopped::training(&folder, &asked, "-INT");
        assert_eq!((stopped.code, &stopped.report()["file"]), (Some(3), &"old.tabgraft".into()));
        ok(&folder, "verify old.tabgraft");
    }
}

#[test]
fn a_graft_that_could_not_be_judged_is_saved_beside() {
    let folder = workshop("keep");
    let judged = format!("extend v1 more.csv -o kept {LONG} --keep if-not-worse --target y");
    let stopped = Stopped::training(&folder, &judged, "-INT");
    assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
    assert_eq!(stopped.report()["file"], "kept.interrupted");
    assert!(!folder.join("kept").exists(), "only what was judged goes there");
    assert!(ok(&folder, "inspect kept.interrupted").contains("interrupted before it was judged by `y`"));
    ok(&folder, "verify kept.interrupted --parent v1");
    // Trained to its end, and stopped while it is judged.
    let judged = "extend v1 more.csv -o kept --epochs 1 --keep if-not-worse --target y";
    let stopped = Stopped::new(&folder, judged, "predictor on ", &["-TERM"], "");
    assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
    assert_eq!(stopped.report()["file"], "kept.interrupted-2");
    assert!(!folder.join("kept").exists());
}

#[test]
fn what_has_nothing_to_save_ends_with_the_same_code() {
    let folder = workshop("nothing");
    let stopped = Stopped::new(
        &folder,
        "compare v1 v2 more.csv --target y --epochs 5000 --patience 1000",
        "\"progress\"",
        &["-INT"],
        "",
    );
    assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
    assert!(stopped.stdout.is_empty());
    let error: Value = serde_json::from_str(stopped.stderr.lines().last().unwrap()).unwrap();
    assert!(error["error"].as_str().unwrap().starts_with("interrupted"), "{error}");

    let search = "discover v1 t.csv --target y --out-dir found --budget 100";
    fs::create_dir(folder.join("found")).unwrap();
    fs::write(folder.join("found/suggested_features.json"), "older").unwrap();
    let stopped = Stopped::new(&folder, search, "\"progress\"", &["-TERM"], "");
    assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
    stopped.report();
    assert_eq!(fs::read_to_string(folder.join("found/suggested_features.json")).unwrap(), "older");
    let history = fs::read(folder.join("found/feature_suggestion_history.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&history).unwrap()["runs"].as_array().unwrap().len(), 1);
}

/// Both signals wait while the process is held, so that it cannot end between them.
#[test]
fn a_second_signal_ends_at_once() {
    let folder = workshop("second");
    let train = format!("train t.csv --ignore y -o never {LONG}");
    let stopped = Stopped::new(&folder, &train, "\"epoch\":2,", &["-STOP", "-INT", "-TERM", "-CONT"], "");
    assert!(matches!(stopped.code, Some(130 | 143)), "{:?}", stopped.code);
    assert!(stopped.stdout.is_empty() && !folder.join("never").exists());
    // A closing terminal sends SIGHUP twice, and not because anybody is impatient.
    let stopped = Stopped::new(&folder, &train, "\"epoch\":2,", &["-HUP", "-HUP"], "");
    assert_eq!(stopped.code, Some(3));
    ok(&folder, "verify never");
}

#[test]
fn what_the_process_was_started_to_ignore_stays_ignored() {
    let folder = workshop("ignored");
    let short = "train t.csv --ignore y -o done --epochs 12 --exact-epochs";
    let stopped = Stopped::new(&folder, short, "\"epoch\":2,", &["-HUP", "-TERM"], "HUP TERM");
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(stopped.report()["training"]["n_epochs"], 12);
    // A shell starts what a script runs in the background so; whoever names the process means it.
    let train = format!("train t.csv --ignore y -o stopped {LONG}");
    let stopped = Stopped::new(&folder, &train, "\"epoch\":2,", &["-INT"], "INT");
    assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
}
