//! A clock that goes back, and other places and languages.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::binary::{command, done};
use super::{library, workshop};

/// Runs a command at another time.
fn at(folder: &Path, seconds: &str, arguments: &str) -> Value {
    let output = command(folder, &format!("{arguments} --format json"))
        .env("LD_PRELOAD", library())
        .env("FAULT_CLOCK", seconds)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "`{arguments}` at {seconds}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What came first is told by its place in the history, and not by a clock.
#[test]
fn a_clock_that_is_set_back_changes_no_order() {
    let folder = workshop("clock");
    // From 2030 to 2001, to before 1970, and to after 2100.
    at(&folder, "1900000000", "registry reg promote v1");
    at(&folder, "1000000000", "registry reg add p1");
    at(&folder, "-86400", "registry reg promote p1");
    at(&folder, "4200000000", "registry reg promote v2");
    assert_eq!(at(&folder, "0", "registry reg rollback")["current"]["name"], "p1");
    assert_eq!(at(&folder, "1", "registry reg rollback")["current"]["name"], "v1");
    let events = at(&folder, "2", "registry reg history")["events"].as_array().unwrap().clone();
    let dates: Vec<&str> = events.iter().map(|event| event["date"].as_str().unwrap()).collect();
    let last = &dates[dates.len() - 6..];
    let years: Vec<&str> = last.iter().map(|date| &date[..4]).collect();
    assert_eq!(years, ["2030", "2001", "1969", "2103", "1970", "1970"]);
    assert_eq!(at(&folder, "3", "verify --deep reg")["ok"], true);
    // A graft that is older than its parent is its child all the same.
    fs::write(
        folder.join("more.csv"),
        fs::read_to_string(folder.join("t.csv"))
            .unwrap()
            .lines()
            .enumerate()
            .map(|(i, line)| if i == 0 { format!("{line},new\n") } else { format!("{line},{}\n", i * 7 % 5) })
            .collect::<String>(),
    )
    .unwrap();
    at(&folder, "86400", "extend v1 more.csv --epochs 1 -o v3");
    assert_eq!(at(&folder, "4", "verify v3 --parent v1")["ok"], true);
    // Histories of searches, too.
    for (seconds, name) in [("1900000000", "first"), ("1000000000", "second")] {
        let formula =
            format!("judge v1 t.csv --target y --guide linear --out-dir found --formula {name}=x/2");
        let output = command(&folder, &formula)
            .env("LD_PRELOAD", library())
            .env("FAULT_CLOCK", seconds)
            .output()
            .unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let history = fs::read_to_string(folder.join("found/feature_suggestion_history.json")).unwrap();
    let history: Value = serde_json::from_str(&history).unwrap();
    let runs = history["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert!(
        runs[0].to_string().contains("first") && runs[1].to_string().contains("second"),
        "the newest is the last"
    );
}

/// Neither where the user lives nor how the terminal is set changes what is written.
#[test]
fn places_and_languages_change_nothing() {
    let folder = workshop("places");
    let dated = "day,x\n2024-03-31 02:30:00,1\n1969-12-31,\"1.5\"\n2024-02-29T23:59:59+05:45,2\n";
    fs::write(folder.join("dated.csv"), dated).unwrap();
    let features = r#"{"format_version": 1, "features": [
        {"name": "h", "definition": {"kind": "formula", "formula": "hour(day) + year(day) + day(day)"}},
        {"name": "up", "definition": {"kind": "formula", "formula": "upper('istanbul ıß')"}}]}"#;
    fs::write(folder.join("dates.json"), features).unwrap();
    let commands = [
        "apply dates.json dated.csv",
        "embed v1 t.csv",
        "predict p1 t.csv",
        "inspect v1",
        "registry reg history",
    ];
    let plain: Vec<(String, String)> = commands.iter().map(|words| done(&folder, words)).collect();
    for place in [
        &[("TZ", "Pacific/Apia"), ("LC_ALL", "tr_TR.UTF-8")][..],
        &[("TZ", "XYZ-14:30"), ("LC_ALL", "de_DE.ISO-8859-1"), ("LANG", "de_DE")],
        &[("TZ", ":/no/such/zone"), ("LC_ALL", "xx_no.such"), ("LANGUAGE", "ar")],
        &[("TZ", ""), ("LC_ALL", ""), ("TERM", ""), ("COLUMNS", "1"), ("NO_COLOR", "1"), ("HOME", "")],
    ] {
        for (words, (stdout, stderr)) in commands.iter().zip(&plain) {
            let output = command(&folder, words).envs(place.iter().copied()).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "`{words}` in {place:?}");
            assert_eq!(String::from_utf8(output.stdout).unwrap(), *stdout, "`{words}` in {place:?}");
            assert_eq!(String::from_utf8(output.stderr).unwrap(), *stderr, "`{words}` in {place:?}");
        }
        let output = command(&folder, commands[0]).env_clear().envs(place.iter().copied()).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), plain[0].0, "without any other variable");
    }
}
