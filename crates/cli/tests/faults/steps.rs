//! Every step of writing, failed and stopped in turn.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::binary::run;
use super::{Fault, faulty, files, is_leftover, restore, workshop};

/// What a file that a command writes may be afterwards.
#[derive(Clone, Copy)]
enum Whole {
    /// The bytes from before, or those of a run in which nothing failed.
    SameBytes,
    /// The bytes from before, or a model of which `verify` finds nothing wrong: it tells how long it was trained.
    Model,
    /// The bytes from before, or a document of JSON of as many entries of this member.
    Json(&'static str),
}

/// What is checked of a command.
struct Trial {
    command: &'static str,
    /// Exit code of a run in which nothing fails.
    code: i32,
    whole: Whole,
    /// Whether a second run adds to what the first one did.
    is_added_to: bool,
}

impl Trial {
    fn of(command: &'static str, whole: Whole) -> Self {
        Trial { command, code: 0, whole, is_added_to: false }
    }
}

/// Whether a file is whole: as it was before, or as it should become.
fn is_whole(
    trial: &Trial,
    folder: &Path,
    name: &str,
    found: &[u8],
    before: Option<&Vec<u8>>,
    after: Option<&Vec<u8>>,
) -> bool {
    if before.is_some_and(|before| before == found) || after.is_some_and(|after| after == found) {
        return true;
    }
    match trial.whole {
        Whole::SameBytes => false,
        Whole::Model => run(folder, &format!("verify {name}")).status.code() == Some(0),
        Whole::Json(_) if name.contains("effectiveness") => {
            matches!(run(folder, &format!("effectiveness {name}")).status.code(), Some(0 | 1))
        }
        Whole::Json(member) => {
            let n = |bytes: &[u8]| {
                serde_json::from_slice::<Value>(bytes).ok().map(|v| v[member].as_array().map(Vec::len))
            };
            n(found).is_some() && n(found) == after.and_then(|after| n(after))
        }
    }
}

/// Runs the command with every fault at every step.
fn survives(name: &str, trial: &Trial) {
    let folder = workshop(name);
    let log = folder.with_extension("log");
    let before = files(&folder);
    let _ = fs::remove_file(&log);
    let output = faulty(&folder, trial.command, None, &log);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(trial.code), "`{}`: {stderr}", trial.command);
    let after = files(&folder);
    assert_ne!(before, after, "`{}` writes nothing", trial.command);
    let steps: Vec<String> = fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    assert!(steps.contains(&"rename".to_owned()) && steps.contains(&"write".to_owned()), "{steps:?}");
    let (mut n_faults, mut n_killed, mut n_old) = (0, 0, 0);
    for (at, step) in steps.iter().enumerate() {
        for fault in Fault::ALL {
            if fault == Fault::Full && !matches!(&**step, "write" | "mkdir" | "open") {
                continue;
            }
            restore(&folder, &before);
            let output = faulty(&folder, trial.command, Some((fault, at + 1)), Path::new("/nowhere/log"));
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            let place = format!("`{}`, {} at step {} ({step})", trial.command, fault.name(), at + 1);
            check(trial, &folder, &place, &before, &after, (fault, step), (output.status.code(), &stderr));
            n_faults += 1;
            n_killed += usize::from(output.status.code().is_none());
            n_old += usize::from(
                files(&folder)
                    .iter()
                    .all(|(name, bytes)| is_leftover(name) || before.get(name) == Some(bytes)),
            );
            // The next command goes on.
            let next = faulty(&folder, trial.command, None, Path::new("/nowhere/log"));
            let stderr = String::from_utf8_lossy(&next.stderr);
            assert_eq!(next.status.code(), Some(trial.code), "{place}, the next command: {stderr}");
            if !trial.is_added_to {
                let now = files(&folder);
                for (name, bytes) in &after {
                    let found = now
                        .get(name)
                        .unwrap_or_else(|| panic!("{place}: no `{name}` after the next command"));
                    assert!(
                        is_whole(trial, &folder, name, found, None, Some(bytes)),
                        "{place}: `{name}` after the next command"
                    );
                }
            }
        }
    }
    println!(
        "{name:18} {:>3} steps, {n_faults:>3} faults survived, {n_killed:>3} kills among them, {n_old:>3} left the old \
         state",
        steps.len()
    );
    assert!(n_old > 0 && n_old < n_faults, "{name}: {n_old} of {n_faults} left the old state");
}

/// What is there after a fault.
fn check(
    trial: &Trial,
    folder: &Path,
    place: &str,
    before: &BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
    (fault, step): (Fault, &str),
    (code, stderr): (Option<i32>, &str),
) {
    match code {
        None => assert_eq!(fault, Fault::Stop, "{place}: killed: {stderr}"),
        Some(2) => assert!(!stderr.trim().is_empty() && !stderr.contains("panicked"), "{place}: {stderr}"),
        code => assert_eq!(code, Some(trial.code), "{place}: {stderr}"),
    }
    let now = files(folder);
    for name in before.keys() {
        assert!(now.contains_key(name), "{place}: `{name}` is gone");
    }
    let is_new = |name: &str| now.get(name) != before.get(name);
    for (name, bytes) in &now {
        if is_leftover(name) {
            // Nobody removes what a killed process leaves, and what cannot be removed.
            assert!(
                fault == Fault::Stop || step == "unlink",
                "{place}: `{name}` is left, though nobody was killed"
            );
            continue;
        }
        assert!(
            is_whole(trial, folder, name, bytes, before.get(name), after.get(name)),
            "{place}: `{name}` is neither old nor new"
        );
    }
    // Whatever a registry names is there.
    for registry in ["reg", "new"] {
        let Some(record) = now.get(&format!("{registry}/registry.json")) else { continue };
        let record: Value = serde_json::from_slice(record).unwrap();
        for version in record["versions"].as_array().unwrap() {
            let file = format!("{registry}/versions/{}", version["file"].as_str().unwrap());
            assert!(now.contains_key(&file), "{place}: the registry names `{file}`");
        }
    }
    // What was said to be done is done.
    if code == Some(trial.code) {
        for name in after.keys() {
            assert!(before.get(name) == after.get(name) || is_new(name), "{place}: done without `{name}`");
        }
    }
}

#[test]
fn a_registry_survives_every_fault() {
    survives("registry_add", &Trial::of("registry reg add p1 -q", Whole::SameBytes));
    survives("registry_begin", &Trial::of("registry new add v1 -q", Whole::SameBytes));
    survives("registry_promote", &Trial::of("registry reg promote v1 --note again -q", Whole::SameBytes));
}

#[test]
fn outputs_of_tables_survive_every_fault() {
    survives("apply", &Trial::of("apply f.json big.csv -o f_out.csv --fit fitted.json -q", Whole::SameBytes));
    survives("embed", &Trial::of("embed v1 big.csv -o t.csv -q", Whole::SameBytes));
    survives("embed_parquet", &Trial::of("embed v1 big.csv -o z.parquet -q", Whole::SameBytes));
    survives("predict_gz", &Trial::of("predict p1 t.csv -o p.csv.gz -q", Whole::SameBytes));
}

#[test]
fn models_survive_every_fault() {
    survives(
        "train",
        &Trial::of("train t.csv -o v2 --ignore y --epochs 1 --d-model 8 --seed 3 -q", Whole::Model),
    );
    survives("refresh", &Trial::of("refresh v1 t.csv -o v2 --epochs 1 --seed 3 -q", Whole::Model));
    survives("index", &Trial::of("index v1 t.csv -o i -q", Whole::SameBytes));
    survives("export", &Trial::of("export v1 --onnx f.json -q", Whole::SameBytes));
}

#[test]
fn histories_survive_every_fault() {
    let judge = "judge v1 t.csv --target y --features f.json --guide linear --out-dir found -q";
    survives("judge", &Trial { code: 1, is_added_to: true, ..Trial::of(judge, Whole::Json("runs")) });
}
