//! What a suggestion history comes to after several runs: the newest suggestions, what they are made from, and
//! what their own table had.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use tabgraft_model::discover::remember::{FeatureChoice, FeatureFile, RecalledEngineer, SuggestionHistory};

fn suggestion(name: &str, formula: &str, inputs: &[&str], suggested: bool) -> Value {
    json!({
        "name": name, "definition": {"kind": "formula", "formula": formula}, "inputs": inputs, "reason": "",
        "gain": 0.1, "judgement": null, "suggested": suggested, "recommended": false,
    })
}

fn run(run_id: &str, target: &str, input_columns: &[&str], suggestions: &[Value]) -> Value {
    json!({
        "run_id": run_id, "date": "2026-01-01T00:00:00Z", "target": target, "task": "binary", "metric": "roc_auc",
        "baseline": 0.7, "data_hash": "d", "split_hash": "s", "n_discovery_rows": 100, "n_judging_rows": 50,
        "n_candidates": 10, "input_columns": input_columns, "seed": 0, "suggestions": suggestions,
    })
}

fn history(runs: &[Value]) -> FeatureFile {
    let history = json!({ "format_version": 2, "runs": runs });
    FeatureFile::History(serde_json::from_value::<SuggestionHistory>(history).unwrap())
}

fn names(choice: &FeatureChoice) -> Vec<String> {
    choice.features.iter().map(|f| f.name.clone()).collect()
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

/// Three runs, each on a space that has the suggestions of those before it.
fn three_runs() -> FeatureFile {
    history(&[
        run(
            "1",
            "y",
            &["a", "b"],
            &[
                suggestion("f1", "a / b", &["a", "b"], true),
                suggestion("f2", "a + b", &["a", "b"], true),
                suggestion("tried", "a * b", &["a", "b"], false),
            ],
        ),
        run("2", "y", &["a", "b", "f1", "f2"], &[suggestion("g", "f1 * 2", &["f1"], true)]),
        run("3", "y", &["a", "b", "f1", "f2", "g"], &[suggestion("h", "g - tried", &["g", "tried"], true)]),
    ])
}

#[test]
fn the_newest_run_comes_with_what_it_is_made_from_and_what_its_table_had() {
    let file = three_runs();
    let raw = file.choose(&columns(&["a", "b", "y"]), Some("y"), false).unwrap();
    assert_eq!(names(&raw), ["f1", "f2", "tried", "g", "h"]);
    assert_eq!((raw.run_id.as_deref(), raw.already_there.len()), (Some("3"), 0));
    let of = |name: &str| raw.runs[name].as_str();
    assert_eq!([of("f1"), of("tried"), of("g"), of("h")], ["1", "1", "2", "3"]);
    assert_eq!(names(&file.choose_for_any(None, false).unwrap()), names(&raw), "before any table");
    let half = file.choose(&columns(&["a", "b", "f1", "g"]), None, false).unwrap();
    assert_eq!(names(&half), names(&raw));
    assert_eq!(half.already_there, ["f1", "g"]);
    // The inputs of what is there may be gone.
    let late = file.choose(&columns(&["tried", "f1", "f2", "g"]), None, false).unwrap();
    assert_eq!(late.to_add().iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["h"]);
}

#[test]
fn a_run_on_a_plain_table_brings_nothing_of_earlier_ones() {
    let file = history(&[
        run("1", "y", &["a", "b"], &[suggestion("f1", "a / b", &["a", "b"], true)]),
        run("2", "y", &["a", "b"], &[suggestion("g", "a * 2", &["a"], true)]),
    ]);
    assert_eq!(names(&file.choose(&columns(&["a", "b"]), None, false).unwrap()), ["g"]);
}

#[test]
fn an_older_run_is_taken_where_columns_are_absent_and_the_reason_says_which() {
    let file = history(&[
        run("1", "y", &["a", "b"], &[suggestion("f1", "a / b", &["a", "b"], true)]),
        run("2", "y", &["a", "b", "f1", "c"], &[suggestion("g", "f1 * c", &["f1", "c"], true)]),
    ]);
    let older = file.choose(&columns(&["a", "b"]), None, false).unwrap();
    assert_eq!((names(&older), older.run_id.as_deref()), (vec!["f1".to_owned()], Some("1")));
    let reason = older.passed_over.unwrap();
    assert_eq!(reason, "run `2` suggests `g`, which reads `c`, not among the columns");
    let error = file.choose(&columns(&["a"]), None, false).unwrap_err().to_string();
    assert!(error.contains("run `2` suggests `g`, which reads `f1`, `c`, not among the columns"), "{error}");
    assert!(error.contains("and 1 older run(s) cannot be used either"), "{error}");
}

#[test]
fn what_reads_the_target_of_a_later_run_is_not_brought_along() {
    let file = history(&[
        run("1", "x", &["a", "y"], &[suggestion("f1", "a / y", &["a", "y"], true)]),
        run("2", "y", &["a", "f1"], &[suggestion("g", "a * 2", &["a"], true)]),
    ]);
    assert_eq!(names(&file.choose(&columns(&["a", "y"]), Some("y"), false).unwrap()), ["g"]);
}

#[test]
fn features_that_read_each_other_in_a_circle_are_no_feature() {
    let file = history(&[
        run("1", "y", &["a"], &[suggestion("hen", "egg + 1", &["egg"], true)]),
        run("2", "y", &["a"], &[suggestion("egg", "hen + 1", &["hen"], true)]),
    ]);
    assert!(file.choose(&columns(&["a"]), None, false).unwrap_err().is_schema());
}

#[test]
fn suggestions_say_their_run_and_bring_what_they_are_made_from() {
    let recalled = RecalledEngineer::new(three_runs(), None, false).unwrap();
    let all = recalled.suggestions();
    let last = all.last().unwrap();
    assert_eq!((last["name"].as_str(), last["run_id"].as_str()), (Some("h"), Some("3")));
    let made_of: Vec<&str> =
        last["made_of"].as_array().unwrap().iter().filter_map(|f| f["name"].as_str()).collect();
    assert_eq!(made_of, ["f1", "tried", "g"]);
    let alone = RecalledEngineer::from_suggestions(std::slice::from_ref(last)).unwrap();
    assert_eq!(alone.engineer().names(), ["f1", "tried", "g", "h"]);
    let again = RecalledEngineer::from_suggestions(&all).unwrap();
    assert_eq!(again.engineer().features(), recalled.engineer().features());
    assert!(RecalledEngineer::from_suggestions(&[all[1].clone(), all[1].clone()]).is_err(), "one name twice");
}

#[test]
fn what_a_person_grafted_by_hand_comes_from_the_run_that_reads_it() {
    let mut later =
        run("2", "y", &["a", "b", "f1", "mine"], &[suggestion("g", "mine * f1", &["mine", "f1"], true)]);
    let by_hand =
        json!({"name": "mine", "definition": {"kind": "formula", "formula": "f1 + 1"}, "reason": ""});
    let f1 = json!({"name": "f1", "definition": {"kind": "formula", "formula": "a / b"}, "reason": ""});
    later["made_from"] = json!([f1, by_hand]);
    let file = history(&[run("1", "y", &["a", "b"], &[suggestion("f1", "a / b", &["a", "b"], true)]), later]);
    let choice = file.choose(&columns(&["a", "b"]), None, false).unwrap();
    assert_eq!(names(&choice), ["f1", "mine", "g"]);
    let runs: Vec<(&str, &str)> = choice.runs.iter().map(|(f, run)| (f.as_str(), run.as_str())).collect();
    assert_eq!(runs, [("f1", "1"), ("g", "2")], "no run suggested `mine`");
}
