//! Files of features that are made to exhaust time or memory: refused at once, with the limit.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use tabgraft_feature::FeatureEngineer;
use tabgraft_feature::engineer::MAX_FILE_BYTES;
use tabgraft_model::Error;
use tabgraft_model::discover::remember::{Effectiveness, FeatureFile, SuggestionHistory};

/// Reads a file, for its error.
type Reader = fn(&Path) -> Result<(), Error>;

/// Longest that a refusal may take, in milliseconds, on a machine that is busy with other tests.
const MOST_MS: u128 = 100;
/// Largest message of a refusal, in bytes: a bomb must not come back as a message.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// The error of `attempt`, the quickest of three in time, and of a readable length.
fn refused<T>(what: &str, attempt: impl Fn() -> Result<T, Error>) -> String {
    let mut quickest = u128::MAX;
    let mut message = String::new();
    for _ in 0..3 {
        let start = Instant::now();
        let Err(error) = attempt() else { panic!("{what} was accepted") };
        quickest = quickest.min(start.elapsed().as_millis());
        message = error.to_string();
    }
    assert!(quickest <= MOST_MS, "{what} was refused in {quickest} ms");
    assert!(message.len() <= MAX_MESSAGE_BYTES, "{what}: a message of {} bytes", message.len());
    message
}

#[test]
fn huge_and_deep_files_are_refused_before_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.json");
    // A hole of 64 GiB takes no place on the disk.
    std::fs::File::create(&path).unwrap().set_len(1 << 36).unwrap();
    let list_limit = format!("at most {MAX_FILE_BYTES} are allowed");
    let ledger_limit = "at most 67108864 are allowed";
    let readers: [(&str, &str, Reader); 4] = [
        ("a list", &list_limit, |p| FeatureEngineer::from_json(p).map(drop)),
        ("either", &list_limit, |p| FeatureFile::load(p).map(drop)),
        ("a history", ledger_limit, |p| SuggestionHistory::load(p).map(drop)),
        ("effects", ledger_limit, |p| Effectiveness::load_history(p).map(drop)),
    ];
    for (what, limit, read) in readers {
        let message = refused(what, || read(&path));
        assert!(message.contains("has 68719476736 bytes") && message.contains(limit), "{what}: {message}");
    }
    let deep = folder.path().join("deep.json");
    let brackets = "[".repeat(1_000_000);
    std::fs::write(&deep, format!("{{\"format_version\":1,\"features\":{brackets}")).unwrap();
    for (what, _, read) in readers {
        refused(what, || read(&deep));
    }
}
