//! Features on the command line: what a model carries, what a history comes to.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod binary;

use std::fs;
use std::path::{Path, PathBuf};

use binary::{done, empty, run};
use serde_json::Value;

const FEATURES: &str = r#"{"format_version": 1, "features": [
  {"name": "monthly", "definition": {"kind": "formula", "formula": "credit_amount / duration"}},
  {"name": "band", "definition": {"kind": "bins", "column": "monthly", "n_bins": 4}},
  {"name": "usual", "definition": {"kind": "group", "of": "monthly", "by": "purpose", "statistic": "mean"}},
  {"name": "above", "definition": {"kind": "formula", "formula": "monthly > usual"}}]}"#;

/// German Credit raw, half and fully enriched, a space, and one with the features.
fn workshop(name: &str) -> PathBuf {
    let folder = empty(name);
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/german_credit.csv");
    fs::copy(fixture, folder.join("raw.csv")).unwrap();
    fs::write(folder.join("features.json"), FEATURES).unwrap();
    done(&folder, "apply features.json raw.csv --fit fitted.json -o whole.csv");
    let half = r#"{"format_version": 1, "features": [
      {"name": "monthly", "definition": {"kind": "formula", "formula": "credit_amount / duration"}}]}"#;
    fs::write(folder.join("half.json"), half).unwrap();
    done(&folder, "apply half.json raw.csv -o half.csv");
    done(&folder, "train raw.csv --ignore default --epochs 2 --d-model 16 --name v1 -o v1");
    done(&folder, "extend v1 whole.csv --features fitted.json --epochs 2 --d-side 16 -o v2");
    folder
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn raw_half_and_enriched_files_are_one_table_to_a_model() {
    let folder = workshop("features_carried");
    done(&folder, "predictor v2 raw.csv --target default --epochs 3 --n-networks 2 -o p");
    done(&folder, "predictor v2 whole.csv --target default --epochs 3 --n-networks 2 -o p_whole");
    let id = |path: &str| json(&done(&folder, &format!("inspect {path} --format json")).0)["id"].clone();
    assert_eq!(id("p"), id("p_whole"));
    let answers = ["raw.csv", "half.csv", "whole.csv"].map(|table| {
        let (vectors, said) = done(&folder, &format!("embed v2 {table}"));
        assert!(!said.contains("count as missing") && !said.contains("is not what"), "{said}");
        assert_eq!(said.contains("features computed: "), table != "whole.csv", "{said}");
        let graft =
            format!("extend v1 {table} --features fitted.json --epochs 2 --d-side 16 -o again_{table}");
        done(&folder, &graft);
        [
            vectors,
            done(&folder, &format!("predict p {table}")).0,
            done(&folder, &format!("evaluate p {table} --format json")).0,
            done(&folder, &format!("embed again_{table} raw.csv")).0,
        ]
    });
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[1], answers[2]);
    assert_eq!(answers[0][0], answers[0][3]);
}

#[test]
fn a_column_that_is_not_its_feature_is_named_on_stderr_and_in_the_report() {
    let folder = workshop("features_differing");
    let whole = fs::read_to_string(folder.join("whole.csv")).unwrap();
    let mut lines = whole.lines();
    let header = lines.next().unwrap();
    let place = header.split(',').position(|name| name == "monthly").unwrap();
    let changed = lines.map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[place] = "1";
        cells.join(",")
    });
    let changed: Vec<String> = std::iter::once(header.to_owned()).chain(changed).collect();
    fs::write(folder.join("changed.csv"), changed.join("\n") + "\n").unwrap();
    let (_, said) = done(&folder, "embed v2 changed.csv -o vectors.csv");
    assert!(said.contains("column `monthly` is not what its feature gives: "), "{said}");
    let (_, report) = done(&folder, "embed v2 changed.csv -o vectors.csv --format json");
    // Warnings stand before the report, each an object of its own.
    let objects = serde_json::Deserializer::from_str(&report).into_iter::<Value>();
    let last = objects.last().unwrap().unwrap();
    assert_eq!(last["differing"][0]["name"], "monthly", "{report}");
    // What is to be remembered has to be true.
    let output = run(&folder, "extend v1 changed.csv --features fitted.json --epochs 1 -o v3");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("column `monthly` is not what"));
    assert!(!folder.join("v3").exists());
}

#[test]
fn apply_leaves_what_is_there_and_adds_what_is_not() {
    let folder = workshop("features_apply");
    let whole = fs::read_to_string(folder.join("whole.csv")).unwrap();
    for table in ["raw.csv", "half.csv", "whole.csv"] {
        assert_eq!(done(&folder, &format!("apply fitted.json {table}")).0, whole, "{table}");
    }
    let (_, report) = done(&folder, "apply fitted.json half.csv -o half_whole.csv --format json");
    assert_eq!(json(&report)["already_there"], serde_json::json!(["monthly"]));
    assert_eq!(json(&report)["added"], serde_json::json!(["band", "usual", "above"]));
}

#[test]
fn an_unknown_metric_is_a_failure_that_names_the_known_ones() {
    let folder = empty("features_metric");
    fs::write(folder.join("effects.json"), r#"{"format_version": 1, "features": []}"#).unwrap();
    let output = run(&folder, "effectiveness effects.json --metric auc");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("metric `auc` is unknown, there are `roc_auc`"), "{said}");
}

#[test]
fn a_model_applies_the_features_that_it_carries() {
    let folder = workshop("features_of_a_model");
    done(&folder, "predictor v2 raw.csv --target default --epochs 1 --n-networks 2 -o p");
    let (whole, _) = done(&folder, "apply fitted.json raw.csv");
    for model in ["v2", "p"] {
        assert_eq!(done(&folder, &format!("apply {model} raw.csv")).0, whole, "{model}");
        assert_eq!(done(&folder, &format!("apply {model} half.csv")).0.lines().next(), whole.lines().next());
    }
    let failed = run(&folder, "apply v1 raw.csv");
    assert_eq!(failed.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("`v1` carries no features"));
}
