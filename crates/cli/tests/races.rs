//! Many processes at one registry and at one history of searches: nothing that was said to be done is lost, everything
//! stands in one order, and every reader sees a beginning of it. Why it holds: docs/decisions/0051-one-writer-at-a-time.md.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where its helpers fail")]

mod binary;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use binary::{command, done, run};

const N_WRITERS: usize = 6;
const N_ROUNDS: usize = 10;

fn workshop(name: &str) -> PathBuf {
    let folder = binary::empty(&format!("races_{name}"));
    let mut table = String::from("x,c,y\n");
    for i in 0..160_u32 {
        let x = f64::from(i * 7919 % 1000) / 1000.0;
        let _ = writeln!(table, "{x},{},{}", ["a", "b", "c"][(i % 3) as usize], u8::from(x > 0.5));
    }
    fs::write(folder.join("t.csv"), table).unwrap();
    folder
}

fn json(folder: &Path, arguments: &str) -> Value {
    serde_json::from_str(&done(folder, &format!("{arguments} --format json")).0).unwrap()
}

/// Goes through a history from its beginning: each event has to start where those before it ended. Gives the version
/// that is current at its end.
fn replayed(events: &[Value]) -> Option<String> {
    let mut line: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for (i, event) in events.iter().enumerate() {
        let to = event["to"].as_str().unwrap().to_owned();
        match event["action"].as_str().unwrap() {
            "add" => {
                assert!(event["from"].is_null() && known.insert(to), "event {i} adds what is there");
                continue;
            }
            "promote" => {
                assert_eq!(event["from"].as_str(), line.last().map(String::as_str), "event {i}");
                assert!(line.last() != Some(&to), "event {i} promotes what is current");
                line.push(to.clone());
            }
            _ => {
                assert_eq!(event["from"].as_str(), line.pop().as_deref(), "event {i}");
                assert_eq!(line.last(), Some(&to), "event {i} goes back to another");
            }
        }
        assert!(known.contains(&to), "event {i}: a version that was not added");
    }
    line.pop()
}

#[test]
fn a_registry_keeps_one_order_under_many_processes() {
    let folder = workshop("registry");
    // A version for each writer, and one that all promote.
    for i in 0..=N_WRITERS {
        done(
            &folder,
            &format!("train t.csv --ignore y --epochs 1 --d-model 8 --seed {i} -q -o m{i} --name m{i}"),
        );
    }
    done(&folder, &format!("registry reg add m{N_WRITERS} -q"));
    // It is in use before the first writer's version is: who goes back from that one is not refused for want of a way.
    done(&folder, &format!("registry reg promote m{N_WRITERS} -q"));
    // The folder has two names.
    symlink("reg", folder.join("same")).unwrap();
    let is_over = AtomicBool::new(false);
    let acknowledged = Mutex::new(BTreeSet::new());
    let n_killed = Mutex::new(0);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..N_WRITERS)
            .map(|writer| {
                let (folder, acknowledged) = (&folder, &acknowledged);
                scope.spawn(move || {
                    let registry = if writer % 2 == 0 { "reg" } else { "same" };
                    done(folder, &format!("registry {registry} add m{writer} -q"));
                    for round in 0..N_ROUNDS {
                        let note = format!("{writer}.{round}");
                        done(folder, &format!("registry {registry} promote m{writer} --note {note} -q"));
                        acknowledged.lock().unwrap().insert(note);
                        match writer {
                            // One goes back, if there is a way back.
                            0 => drop(run(
                                folder,
                                &format!("registry {registry} rollback --note back.{round} -q"),
                            )),
                            _ => drop(done(folder, &format!("registry {registry} promote m{N_WRITERS} -q"))),
                        }
                    }
                })
            })
            .collect();
        // Some are killed on their way; what they were killed at is done or not.
        scope.spawn(|| {
            let mut i = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                let promote = format!("registry reg promote m{N_WRITERS} --note killed.{i} -q");
                let mut child =
                    command(&folder, &promote).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                std::thread::sleep(Duration::from_micros(i * 977 % 40_000));
                let _ = child.kill();
                if child.wait().unwrap().success() {
                    acknowledged.lock().unwrap().insert(format!("killed.{i}"));
                } else {
                    *n_killed.lock().unwrap() += 1;
                }
                i += 1;
            }
        });
        // A reader sees a history that only grows, and a current version that its history leads to.
        scope.spawn(|| {
            let (mut seen, mut n_reads) = (Vec::new(), 0);
            while !is_over.load(Ordering::Relaxed) {
                let record: Value =
                    serde_json::from_slice(&fs::read(folder.join("reg/registry.json")).unwrap()).unwrap();
                let events = record["events"].as_array().unwrap().clone();
                assert!(events.starts_with(&seen), "what was there is gone, or elsewhere");
                assert_eq!(replayed(&events).as_deref(), record["current"].as_str());
                (seen, n_reads) = (events, n_reads + 1);
                std::thread::sleep(Duration::from_millis(2));
            }
            println!("{n_reads} readings, each a beginning of the next");
        });
        // A writer that failed ends the others as well.
        let results: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        results.into_iter().for_each(|result| result.unwrap());
    });
    let events = json(&folder, "registry reg history")["events"].as_array().unwrap().clone();
    let current = replayed(&events);
    assert_eq!(json(&folder, "registry reg list")["current"]["id"].as_str(), current.as_deref());
    assert_eq!(events.iter().filter(|event| event["action"] == "add").count(), N_WRITERS + 1);
    let notes: Vec<&str> = events.iter().map(|event| event["note"].as_str().unwrap()).collect();
    let n_of = |note: &str| notes.iter().filter(|found| **found == note).count();
    // A version is brought back by a rollback alone, apart from its writer: then to promote it was nothing.
    let is_brought_back = |writer: &str| {
        let id = events
            .iter()
            .find(|e| e["note"].as_str().unwrap().starts_with(&format!("{writer}.")))
            .map(|e| &e["to"]);
        events.iter().any(|event| event["action"] == "rollback" && Some(&event["to"]) == id)
    };
    let acknowledged = acknowledged.into_inner().unwrap();
    for note in acknowledged.iter().filter(|note| !note.starts_with("killed")) {
        let writer = note.split('.').next().unwrap();
        let n = n_of(note);
        assert!(n == 1 || n == 0 && is_brought_back(writer), "promotion {note} stands there {n} times");
    }
    for writer in 0..N_WRITERS {
        let own: Vec<usize> = notes
            .iter()
            .filter_map(|note| note.strip_prefix(&format!("{writer}.")))
            .map(|round| round.parse().unwrap())
            .collect();
        assert!(own.is_sorted(), "writer {writer}: {own:?}");
    }
    assert!(notes.iter().collect::<BTreeSet<_>>().iter().all(|note| note.is_empty() || n_of(note) == 1));
    assert_eq!(json(&folder, "verify --deep reg")["ok"], true);
    let n_killed = n_killed.into_inner().unwrap();
    println!("{} events of {N_WRITERS} writers, {n_killed} processes killed", events.len());
    assert!(n_killed > 0);
}

/// Some come by the folder, some by links that lead to its files.
#[test]
fn histories_of_searches_lose_nothing_under_many_processes() {
    let folder = workshop("history");
    done(&folder, "train t.csv --ignore y --epochs 1 --d-model 8 -q -o v1");
    let files = ["feature_suggestion_history.json", "feature_effectiveness.json"];
    let judged = |place: &str, name: &str| {
        let words =
            format!("judge v1 t.csv --target y --guide linear --out-dir {place} --formula {name}=x/2 -q");
        let output = run(&folder, &words);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    };
    judged("found", "first");
    fs::create_dir(folder.join("linked")).unwrap();
    for file in files {
        symlink(Path::new("../found").join(file), folder.join("linked").join(file)).unwrap();
    }
    const N_JUDGES: usize = 4;
    std::thread::scope(|scope| {
        for judge in 0..N_JUDGES {
            let judged = &judged;
            scope.spawn(move || {
                (0..4).for_each(|i| judged(["found", "linked"][judge % 2], &format!("f{judge}_{i}")));
            });
        }
    });
    let [history, effectiveness]: [Value; 2] = files
        .map(|file| serde_json::from_slice(&fs::read(folder.join("found").join(file)).unwrap()).unwrap());
    let runs = history["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1 + 4 * N_JUDGES);
    let texts: Vec<String> = runs.iter().map(Value::to_string).collect();
    for judge in 0..N_JUDGES {
        let places: Vec<usize> = (0..4)
            .map(|i| texts.iter().position(|text| text.contains(&format!("f{judge}_{i}"))).unwrap())
            .collect();
        assert!(places.is_sorted(), "judge {judge}: {places:?}");
    }
    // What the history holds, the other file holds, too.
    let ids: BTreeSet<&str> = runs.iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    let told: BTreeSet<&str> = effectiveness["features"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|feature| feature["runs"].as_array().unwrap())
        .map(|run| run["run_id"].as_str().unwrap())
        .collect();
    assert_eq!(told, ids);
    assert!(
        files.iter().all(|file| fs::symlink_metadata(folder.join("linked").join(file)).unwrap().is_symlink())
    );
}
