//! Features: searched, judged, applied, remembered.

use super::*;

#[test]
fn discover_writes_files_that_apply_and_extend_read() {
    let path = workshop();
    let found = json(
        path,
        "discover v1 early.csv --target default --out-dir found --n-judged 3 --max-candidates 60 --epochs 2 --n-networks 2",
    );
    let suggested: Vec<&str> =
        found["suggested"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(suggested.len(), 3);
    let enriched = out(path, "apply found/suggested_features.json early.csv");
    assert_eq!(enriched, out(path, "apply found/feature_suggestion_history.json early.csv --target default"));
    let header = csv_header(&enriched);
    assert_eq!(header[header.len() - 3..], suggested);
    fs::write(path.join("enriched.csv"), &enriched).unwrap();
    let child =
        json(path, "extend v1 enriched.csv --features found/suggested_features.json -o v1f --epochs 1");
    assert!(!child["extension"]["new_columns_added"].as_array().unwrap().is_empty());
    let features = json(path, "inspect v1f --features");
    fs::write(path.join("remembered.json"), features.to_string()).unwrap();
    assert_eq!(
        out(path, "apply remembered.json early.csv"),
        enriched,
        "the child remembers how its columns were made"
    );
}

#[test]
fn judge_answers_whether_your_own_features_help() {
    let path = workshop();
    let judged = "judge v1 early.csv --target default --guide linear --formula";
    let output = run(path, &format!("{judged} monthly=credit_amount/duration --format json"));
    assert_eq!(output.status.code(), Some(1), "nothing is proven: the answer is no");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["run"]["origin"], "given");
    assert_eq!(report["run"]["guide"], "linear");
    assert_eq!(report["run"]["suggestions"][0]["judgement"]["verdict"], "unproven");
    assert_eq!(report["run"]["controls"]["n_judged"], 1);
    let text = out(path, "judge --help");
    assert!(text.contains("--guide <MODEL>"));
    for (wrong, word) in [("monthly", "`=`"), ("x=default*2", "reads the target"), ("x=salary*2", "salary")] {
        let output = run(path, &format!("{judged} {wrong}"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && stderr.contains(word), "{stderr}");
    }
}

#[test]
fn what_features_were_worth_is_shown_and_answered() {
    let path = workshop();
    let discover = "discover v1 early.csv --target default --out-dir worth --n-judged 3 --max-candidates 60 --epochs 2 --n-networks 2";
    let found = json(path, discover);
    let file = "effectiveness worth/feature_effectiveness.json";
    let shown = run(path, &format!("{file} --format json"));
    let report: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let recommended = report["recommended"].as_array().unwrap();
    assert_eq!(shown.status.code(), Some(i32::from(recommended.is_empty())));
    let features = report["features"].as_array().unwrap();
    assert_eq!(features.len(), 3);
    for feature in features {
        assert_eq!(feature["verdicts"].as_array().unwrap().len(), 1);
        let text = String::from_utf8(run(path, file).stdout).unwrap();
        assert!(text.contains(feature["name"].as_str().unwrap()) && text.contains("in 1 run"), "{text}");
    }
    assert_eq!(found["run"]["metric"], features[0]["metric"]);
    for nothing in ["--target other", "--metric rmse"] {
        let shown = run(path, &format!("{file} {nothing}"));
        assert_eq!(shown.status.code(), Some(1));
        assert_eq!(String::from_utf8(shown.stdout).unwrap(), "no feature was judged\nrecommended: none\n");
    }
    assert_eq!(run(path, "effectiveness absent.json").status.code(), Some(2));
}

/// Names of columns; a feature's name may be quoted.
fn csv_header(text: &str) -> Vec<String> {
    let (mut names, mut name, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.lines().next().unwrap().chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            c => name.push(c),
        }
    }
    names.push(name);
    names
}

#[test]
fn features_by_hand_are_fitted_once_and_then_looked_up() {
    let path = workshop();
    let features = r#"{"format_version": 1, "features": [
        {"name": "monthly", "definition": {"kind": "formula", "formula": "credit_amount / duration"}},
        {"name": "level", "definition": {"kind": "bins", "column": "credit_amount", "n_bins": 4}}]}"#;
    fs::write(path.join("hand.json"), features).unwrap();
    assert_eq!(run(path, "apply hand.json early.csv").status.code(), Some(2), "bins are not fitted");
    let one = run(path, "apply hand.json early.csv --fit both.csv -o ./both.csv");
    assert_eq!(one.status.code(), Some(2), "one of the two would be lost");
    assert!(String::from_utf8(one.stderr).unwrap().contains("would both be written to"));
    assert!(!path.join("both.csv").exists());
    let all = out(path, "apply hand.json early.csv --fit fitted.json");
    let few: String = fs::read_to_string(path.join("early.csv"))
        .unwrap()
        .lines()
        .take(5)
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(path.join("five.csv"), few).unwrap();
    let few = out(path, "apply fitted.json five.csv");
    assert!(all.starts_with(&few), "{few}");

    let stderr = String::from_utf8(run(path, "apply fitted.json five.csv --format json").stderr).unwrap();
    let report: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    let values = |i: usize| report["features"][i]["values"]["kind"].as_str().unwrap();
    assert_eq!((values(0), values(1)), ("numbers", "levels"));
    fs::write(path.join("one.csv"), "duration,age\n12,30\n").unwrap();
    assert_eq!(run(path, "apply fitted.json one.csv").status.code(), Some(2));
    let skipped = run(path, "apply fitted.json one.csv --skip-missing");
    assert_eq!(String::from_utf8(skipped.stdout).unwrap(), "duration,age\n12,30\n");
    let stderr = String::from_utf8(skipped.stderr).unwrap();
    assert_eq!(stderr.matches("skipped: the table has no column `credit_amount`").count(), 2, "{stderr}");
}
