//! The binary from outside: the whole chain on a real table, exit codes, streams, reports.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod binary;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use binary::{done, empty, run};

/// Columns that arrive late in these tests.
const LATE: [&str; 2] = ["checking_status", "savings_status"];

/// Runs a command that must succeed, and gives its stdout.
fn out(folder: &Path, arguments: &str) -> String {
    done(folder, arguments).0
}

/// Runs a command with `--format json` and parses its report.
fn json(folder: &Path, arguments: &str) -> Value {
    serde_json::from_str(&out(folder, &format!("{arguments} --format json --quiet"))).unwrap()
}

/// The report of a command whose stdout is a table: the last line of stderr.
fn side_json(folder: &Path, arguments: &str) -> Value {
    let output = run(folder, &format!("{arguments} --format json"));
    assert_eq!(output.status.code(), Some(0), "`tabgraft {arguments}`");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<Value> = stderr.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines.last().unwrap().clone()
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/german_credit.csv")
}

/// A folder with `full.csv`, `early.csv` (without the late columns), a space `v1` of the early
/// columns, its child `v2` with the late ones, and a predictor `p1`, `p2` on each.
fn workshop() -> &'static Path {
    static WORKSHOP: OnceLock<PathBuf> = OnceLock::new();
    WORKSHOP.get_or_init(|| {
        let path = empty("workshop");
        let full = fs::read_to_string(fixture()).unwrap();
        fs::write(path.join("full.csv"), &full).unwrap();
        // No cell of this file has a comma.
        let header: Vec<&str> = full.lines().next().unwrap().split(',').collect();
        let early = full.lines().map(|line| {
            let cells = line.split(',').zip(&header).filter(|(_, name)| !LATE.contains(name));
            cells.map(|(cell, _)| cell).collect::<Vec<_>>().join(",") + "\n"
        });
        fs::write(path.join("early.csv"), early.collect::<String>()).unwrap();
        out(&path, "train early.csv --ignore default -o v1 --epochs 3");
        out(&path, "extend v1 full.csv -o v2 --name v2 --epochs 3");
        for v in ["1", "2"] {
            let to = format!("--target default -o p{v} --epochs 2 --n-networks 2");
            out(&path, &format!("predictor v{v} full.csv {to}"));
        }
        path
    })
}

#[test]
fn train_reports_each_column_once_with_its_reason() {
    let folder = empty("train");
    fs::copy(fixture(), folder.join("full.csv")).unwrap();
    let report = json(&folder, "train full.csv --ignore default -o es.tabgraft --epochs 1 --threads 1");
    let mut names: Vec<&str> = [&report["schema"]["columns"], &report["schema"]["excluded"]]
        .iter()
        .flat_map(|list| list.as_array().unwrap())
        .map(|c| {
            assert!(!c["reason"].as_str().unwrap().is_empty(), "{c}");
            c["name"].as_str().unwrap()
        })
        .collect();
    let table = fs::read_to_string(fixture()).unwrap();
    let mut header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    names.sort_unstable();
    header.sort_unstable();
    assert_eq!(names, header);
    assert_eq!((&report["name"], &report["training"]["device"]), (&"es".into(), &"cpu".into()));
    let n = |key: &str| report["training"][key].as_u64().unwrap();
    assert_eq!(n("n_rows_train") + n("n_rows_valid") + report["n_rows_test"].as_u64().unwrap(), 1000);
}

#[test]
fn embed_gives_one_vector_per_row_and_the_same_one_in_a_smaller_table() {
    let path = workshop();
    let all = out(path, "embed v1 early.csv --key age");
    assert_eq!(all.lines().count(), 1001);
    assert!(all.starts_with("age,z0,z1,"));
    let few: String = fs::read_to_string(path.join("early.csv"))
        .unwrap()
        .lines()
        .take(8)
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(path.join("few.csv"), few).unwrap();
    let few = out(path, "embed v1 few.csv --key age");
    assert!(all.starts_with(&few));
    assert_eq!(side_json(path, "embed v1 early.csv -o vectors.parquet")["n_rows"], 1000);
    let report = side_json(path, "embed v1 full.csv -o vectors.csv");
    assert_eq!(report["columns"]["ignored_columns"].as_array().unwrap().len(), 1 + LATE.len());
    assert_eq!(fs::read_to_string(path.join("vectors.csv")).unwrap().lines().count(), 1001);
}

#[test]
fn the_first_coordinates_of_a_frozen_child_are_its_parents() {
    let path = workshop();
    let (parent, child) = (out(path, "embed v1 full.csv"), out(path, "embed v2 full.csv"));
    for (parent, child) in parent.lines().zip(child.lines()) {
        assert!(child.starts_with(&format!("{parent},")), "{parent}\n{child}");
    }
}

#[test]
fn predict_gives_probabilities_and_evaluate_scores_the_test_rows() {
    let path = workshop();
    let predicted = out(path, "predict p1 full.csv --key age");
    let mut lines = predicted.lines();
    assert_eq!(lines.next(), Some("age,class,confidence,p_0,p_1"));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let p: Vec<f64> = cells[3..].iter().map(|c| c.parse().unwrap()).collect();
        assert!((p[0] + p[1] - 1.0).abs() < 1e-9, "{line}");
        assert_eq!(cells[1] == "1", p[1] >= 0.5, "{line}");
    }
    let report = side_json(path, "predict p1 full.csv");
    assert_eq!(report["n_rows"], 1000);
    assert!(report["columns"]["ignored_columns"].as_array().unwrap().len() == LATE.len());

    let fitted = json(path, "inspect p1");
    let scored = json(path, "evaluate p1 full.csv");
    assert_eq!(scored["rows"], "test");
    assert_eq!(scored["scores"], fitted["fit_info"]["scores"], "the scores of the fit, on the same rows");
    let all = run(path, "evaluate p1 full.csv --rows all --format json");
    assert!(String::from_utf8(all.stderr).unwrap().contains("too good"));
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(all["scores"][0]["n"], 1000);
}

#[test]
fn a_threshold_moves_the_line_between_two_classes_and_nothing_else() {
    let path = workshop();
    let cells = |arguments: &str| -> Vec<(String, f64)> {
        let text = out(path, arguments);
        let row = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[0].to_owned(), cells[3].parse().unwrap())
        };
        text.lines().skip(1).map(row).collect()
    };
    let (usual, strict) = (cells("predict p1 full.csv"), cells("predict p1 full.csv --threshold 0.35"));
    assert!(strict.iter().all(|(class, p)| (class == "1") == (*p >= 0.35)));
    assert!(usual.iter().zip(&strict).all(|(a, b)| a.1 == b.1), "probabilities stay");
    assert_ne!(usual, strict);
    let refused = run(path, "predict p1 full.csv --threshold 1.5");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("`threshold` is 1.5, allowed is 0 to 1"));
}

#[test]
fn reports_say_how_many_rows_are_copies_and_how_many_have_an_unseen_class() {
    let path = empty("copies");
    fs::copy(workshop().join("p1"), path.join("p1")).unwrap();
    let full = fs::read_to_string(fixture()).unwrap();
    let (header, rows) = full.split_once('\n').unwrap();
    fs::write(path.join("twice.csv"), format!("{header}\n{rows}{rows}")).unwrap();
    let text = out(&path, "evaluate p1 twice.csv --rows all --quiet");
    assert!(text.contains("1000 of 2000 rows repeat another row in every column"), "{text}");
    let score = &json(&path, "evaluate p1 twice.csv --rows all")["scores"][0];
    assert_eq!(
        (&score["n"], &score["n_copies"], &score["n_unseen"]),
        (&2000.into(), &1000.into(), &0.into())
    );

    let odd = full.lines().enumerate().map(|(i, line)| match line.rsplit_once(',') {
        Some((cells, _)) if (1..=50).contains(&i) => format!("{cells},never\n"),
        _ => format!("{line}\n"),
    });
    fs::write(path.join("odd.csv"), odd.collect::<String>()).unwrap();
    let text = out(&path, "evaluate p1 odd.csv --rows all --quiet");
    assert!(
        text.contains("50 of 1000 rows have a class that was not seen in training: scored as wrong"),
        "{text}"
    );
}

/// A folder with `known.csv`, whose latest fifth is its test part: `y` is chance, `early` knows nothing of it,
/// `gift` tells it, `trap` tells it until the test part begins and its opposite from there on. `v1` is a space
/// of `early`, `gifted` and `trapped` are its children with the other columns.
fn known() -> &'static Path {
    static KNOWN: OnceLock<PathBuf> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let path = empty("known");
        let mut state = 7u64;
        let mut chance = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1u64 << 31) as f64
        };
        let rows: Vec<[String; 5]> = (0..600)
            .map(|day| {
                let (y, early, noise) = (f64::from(u8::from(chance() > 0.5)), chance(), 0.6 * chance());
                let trap = if day < 480 { y } else { 1.0 - y };
                let [gift, trap] = [y, trap].map(|told| (told + noise).to_string());
                [day.to_string(), early.to_string(), gift, trap, format!("class {y}")]
            })
            .collect();
        for (name, keep) in
            [("early", [0, 1, 4].as_slice()), ("gift", &[0, 1, 2, 4]), ("trap", &[0, 1, 3, 4])]
        {
            let line = |cells: &[&str]| keep.iter().map(|i| cells[*i]).collect::<Vec<_>>().join(",") + "\n";
            let mut text = line(&["day", "early", "gift", "trap", "y"]);
            rows.iter().for_each(|row| text += &line(&row.each_ref().map(String::as_str)));
            fs::write(path.join(format!("{name}.csv")), text).unwrap();
        }
        out(&path, "train early.csv --ignore y --ignore day --split-time day -o v1 --epochs 3");
        for name in ["gift", "trap"] {
            out(&path, &format!("extend v1 {name}.csv --ignore y --ignore day -o with_{name} --epochs 5"));
        }
        path
    })
}

/// What the verdicts have to be follows from how the tables were made.
#[test]
fn compare_answers_by_its_exit_code() {
    let path = known();
    for (arguments, verdict, code) in [
        ("compare v1 with_gift gift.csv", "better", 0),
        ("compare with_gift v1 gift.csv", "worse", 1),
        ("compare v1 with_gift gift.csv --cross-fit", "better", 0),
        ("compare v1 with_trap trap.csv", "worse", 1),
        ("compare with_trap v1 trap.csv", "better", 0),
    ] {
        let arguments = format!("{arguments} --target y --epochs 30 --n-networks 2 --format json --quiet");
        let output = run(path, &arguments);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["difference"]["verdict"], verdict, "`{arguments}`: {report}");
        assert_eq!(output.status.code(), Some(code), "`{arguments}`");
    }
    let path = workshop();
    let report = json(path, "compare v1 v2 full.csv --target default --epochs 1 --n-networks 2");
    assert_eq!(report["spaces"]["drift"]["max_cosine_distance"], 0.0, "a frozen child does not drift");
    let report = json(path, "compare p1 p1 full.csv");
    ["a", "b", "target"].iter().for_each(|key| assert!(!report[key].is_null(), "{report}"));
    assert_eq!(report["difference"]["verdict"], "no_difference");
}

/// A predictor of shuffled targets is worse than one of the true ones, beyond chance.
#[test]
fn compare_says_no_when_the_second_one_is_worse() {
    let path = workshop();
    let full = fs::read_to_string(path.join("full.csv")).unwrap();
    let wrong = full.lines().map(|line| match line.rsplit_once(',') {
        Some((cells, "0")) => format!("{cells},1\n"),
        Some((cells, "1")) => format!("{cells},0\n"),
        _ => format!("{line}\n"),
    });
    fs::write(path.join("wrong.csv"), wrong.collect::<String>()).unwrap();
    out(path, "predictor v2 full.csv --target default -o right --epochs 12 --n-networks 2");
    out(path, "predictor v2 wrong.csv --target default -o wrong --epochs 12 --n-networks 2");
    assert_eq!(run(path, "compare right wrong full.csv").status.code(), Some(1));
    assert_eq!(run(path, "compare wrong right full.csv").status.code(), Some(0));
}

#[test]
fn a_graft_that_has_to_prove_itself_answers_by_its_exit_code() {
    let path = known();
    for (column, is_refused) in [("gift", false), ("trap", true)] {
        let output = run(
            path,
            &format!(
                "extend v1 {column}.csv --ignore day -o judged --epochs 5 --keep if-not-worse --target y \
                 --format json --quiet"
            ),
        );
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(is_refused)), "{column}: {report}");
        assert_eq!(report["kept"], !is_refused);
        let judgement = &report["extension"]["judgement"];
        assert_eq!(judgement["difference"]["verdict"], if is_refused { "worse" } else { "better" });
        assert_eq!(judgement["new_columns"][0]["column"], column);
        let card = json(path, "inspect judged");
        assert_eq!(card["refused_extensions"].as_array().unwrap().len(), usize::from(is_refused));
        assert_eq!(card["extensions"].as_array().unwrap().len(), usize::from(!is_refused));
    }
}

#[test]
fn inspect_and_verify_know_the_lineage() {
    let path = workshop();
    let lineage = json(path, "inspect v2 --lineage");
    let graft = &lineage["extensions"][0];
    assert_eq!(graft["new_columns_added"], serde_json::json!(LATE));
    assert_eq!(graft["parent"]["weights"], json(path, "inspect v1")["hashes"]["weights"]);
    assert_eq!(json(path, "inspect p2 --lineage")["extensions"], lineage["extensions"]);
    for arguments in
        ["inspect v1", "inspect v2 --schema", "inspect v2 --lineage", "inspect p1", "inspect p1 --features"]
    {
        assert!(!out(path, arguments).is_empty());
    }
    assert_eq!(json(path, "verify v2 --parent v1")["ok"], true);
    assert_eq!(json(path, "verify p2 --parent v2")["ok"], true);
    for wrong in ["verify v1 --parent v2", "verify p1 --parent v2"] {
        assert_eq!(run(path, wrong).status.code(), Some(1), "`{wrong}`");
    }
}

/// A folder of the workshop's models under other names, some deeper.
fn family(name: &str) -> PathBuf {
    let (path, family) = (workshop(), empty(name));
    fs::create_dir(family.join("deep")).unwrap();
    for (from, to) in [("v1", "first.bin"), ("v2", "deep/v2.tabgraft"), ("p1", "p1"), ("p2", "deep/p2")] {
        fs::copy(path.join(from), family.join(to)).unwrap();
    }
    family
}

#[test]
fn lineage_draws_a_folder_and_says_which_predictor_stands_on_what() {
    let family = family("family");
    let tree = out(&family, "lineage .");
    for word in
        ["first.bin", "deep/v2.tabgraft", "graft, frozen, + checking_status", "predictor of `default`"]
    {
        assert!(tree.contains(word), "{tree}");
    }
    let graph = json(&family, "lineage . --svg family.svg");
    assert_eq!((graph["nodes"].as_array().unwrap().len(), graph["edges"].as_array().unwrap().len()), (4, 3));
    assert!(fs::read_to_string(family.join("family.svg")).unwrap().starts_with("<svg"));
    let rows = json(&family, "lineage . --predictors");
    let v2 = &graph["nodes"].as_array().unwrap().iter().find(|n| n["name"] == "v2").unwrap()["id"];
    let p2 = &rows["predictors"].as_array().unwrap().iter().find(|r| r["name"] == "p2").unwrap();
    assert_eq!((&p2["space_id"], &p2["space"], &p2["target"]), (v2, &"v2".into(), &"default".into()));
    assert!(out(&family, "lineage . --predictors").contains("deep/p2"));
    assert!(out(&family, "lineage deep/v2.tabgraft").contains("(its file is not here)"));
    fs::create_dir(family.join("empty")).unwrap();
    assert!(out(&family, "lineage empty").contains("no models"));
    assert!(out(&family, "lineage empty --predictors").contains("no predictors"));
    assert_eq!(run(&family, "lineage nowhere").status.code(), Some(2));
}

#[test]
fn verify_deep_checks_a_family_and_names_what_was_edited() {
    let family = family("deep");
    let found = json(&family, "verify --deep .");
    assert!(
        found["ok"] == true && found["links"].as_array().unwrap().iter().all(|l| l["is_checked"] == true)
    );
    let links = out(&family, "verify --deep .");
    assert!(links.contains("v1 -> v2 (graft, `") && links.contains("`): holds"), "{links}");
    assert_eq!(run(&family, "verify --deep . --parent first.bin").status.code(), Some(2));
    assert_eq!(run(&family, "verify --deep nowhere").status.code(), Some(2));
    let path = family.join("first.bin");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let output = run(&family, "verify --deep .");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("not ok: ") && text.contains("first.bin") && text.contains("not checked"),
        "{text}"
    );
    // Of a file only the ancestors in its own folder are looked at.
    assert_eq!(run(&family, "verify --deep deep/p2").status.code(), Some(0));
}

#[test]
fn a_registry_promotes_rolls_back_and_remembers() {
    let path = workshop();
    let models = empty("registry");
    let registry = |arguments: &str| format!("registry {} {arguments}", models.display());
    let code = |arguments: &str| run(path, &registry(arguments)).status.code();
    for arguments in ["current", "list", "promote v1"] {
        assert_eq!(code(arguments), Some(2), "`{arguments}`: there is no registry yet");
    }
    assert_eq!(json(path, &registry("add v1"))["is_new"], true);
    assert_eq!(json(path, &registry("add v1"))["is_new"], false);
    let v2 = json(path, &registry("add v2 --note late"));
    assert_eq!(code("current"), Some(1), "nothing was promoted yet");
    assert_eq!(code("rollback"), Some(2));
    out(path, &registry("promote v1"));
    let id = &v2["version"]["id"].as_str().unwrap()[..8];
    assert_eq!(json(path, &registry(&format!("promote {id} --note better")))["current"]["name"], "v2");
    assert!(out(path, &registry("list")).contains("*  v2"));
    let current = json(path, &registry("current"));
    assert_eq!(fs::read(current["path"].as_str().unwrap()).unwrap(), fs::read(path.join("v2")).unwrap());
    assert!(out(path, &registry("rollback")).contains("v1"));
    for arguments in ["rollback", "promote v3", "add full.csv", "add absent"] {
        let output = run(path, &registry(arguments));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && stderr.contains("hint: "), "`{arguments}`: {stderr}");
    }
    let history = json(path, &registry("history"));
    let actions: Vec<&str> =
        history["events"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["add", "add", "promote", "promote", "rollback"]);
    assert!(out(path, &registry("history")).contains("better"));
}

#[test]
fn processes_that_write_a_registry_at_once_lose_nothing() {
    let path = workshop();
    let models = empty("busy").display().to_string();
    for version in ["v1", "v2"] {
        out(path, &format!("registry {models} add {version}"));
    }
    let processes: Vec<_> = (0..8)
        .map(|i| {
            let version = ["p1", "p2"][i % 2];
            let add = ["registry", &models, "add", version, "--note", "again"].map(str::to_owned);
            let note = format!("process {i}");
            let promote =
                ["registry", &models, "promote", ["v1", "v2"][i % 2], "--note", &note].map(str::to_owned);
            [add, promote].map(|arguments| {
                let mut command = Command::new(env!("CARGO_BIN_EXE_tabgraft"));
                command.args(arguments).current_dir(path).stdout(std::process::Stdio::null()).spawn().unwrap()
            })
        })
        .collect();
    for mut process in processes.into_iter().flatten() {
        assert_eq!(process.wait().unwrap().code(), Some(0));
    }
    let history = json(path, &format!("registry {models} history"));
    let events = history["events"].as_array().unwrap();
    let of = |action: &str| events.iter().filter(|e| e["action"] == action).collect::<Vec<_>>();
    assert_eq!(of("add").len(), 4, "each version came in once");
    assert!(!of("promote").is_empty());
    for pair in of("promote").windows(2) {
        assert_eq!(pair[1]["from"], pair[0]["to"]);
        assert_ne!(pair[1]["to"], pair[0]["to"]);
    }
    let current = json(path, &format!("registry {models} current"));
    assert_eq!(current["current"]["id"], events.iter().rfind(|e| e["action"] == "promote").unwrap()["to"]);
}

#[test]
fn a_flipped_byte_is_damage_and_no_crash() {
    let path = workshop();
    let bytes = fs::read(path.join("v1")).unwrap();
    // In the header, in the manifest, in the weights, at the end.
    for place in [3, 200, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x04;
        fs::write(path.join("damaged"), damaged).unwrap();
        let output = run(path, "verify damaged --format json");
        assert_eq!(output.status.code(), Some(1), "byte {place}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["ok"] == false && report["problem"].is_string(), "byte {place}");
        assert_eq!(run(path, "embed damaged early.csv").status.code(), Some(2), "byte {place}");
    }
}

#[test]
fn failures_exit_with_2_and_name_a_way_out() {
    let path = workshop();
    for (arguments, word) in [
        ("verify absent", "absent"),
        ("train absent.csv -o x", "absent.csv"),
        ("predict v1 early.csv", "predictor"),
        ("extend v1 early.csv -o child", "no new columns"),
        ("extend v1 full.csv -o v1", "output"),
        ("extend v1 full.csv -o ./full.csv", "output"),
        ("compare v1 p1 full.csv", "space"),
        ("compare v1 v2 full.csv", "target"),
        ("compare p1 p2 full.csv --cross-fit", "predictors anew"),
        ("extend v1 full.csv -o child --keep if-not-worse", "--target"),
        ("extend v1 full.csv -o child --target default", "--keep if-not-worse"),
        ("extend v1 full.csv -o child --memory-limit 1MB", "a batch of 16 rows"),
        ("consolidate v2 full.csv -o plain --memory-limit 1MB", "a batch of 16 rows"),
        ("predictor v1 full.csv --target defualt -o x", "defualt"),
        ("train early.csv -o x --kind ago=numeric", "ago"),
    ] {
        let output = run(path, arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "`{arguments}`: {stderr}");
        assert!(output.stdout.is_empty(), "`{arguments}` wrote to stdout");
        assert!(stderr.contains(word) && stderr.contains("hint: "), "`{arguments}`: {stderr}");
        let stderr = String::from_utf8(run(path, &format!("{arguments} --format json")).stderr).unwrap();
        let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert!(error["error"].is_string() && error["hint"].is_string(), "`{arguments}`: {stderr}");
    }
    #[cfg(not(feature = "wgpu"))]
    for command in ["train early.csv -o x", "extend v1 full.csv -o x", "consolidate v2 full.csv -o x"] {
        let output = run(path, &format!("{command} --device gpu"));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "`{command}`: {stderr}");
        assert!(
            stderr.contains("this build has no backend for GPUs") && stderr.contains("`auto`"),
            "{stderr}"
        );
    }
    for wrong in ["train", "train a.csv -o x --threads 0", "train a.csv -o x --memory-limit lots", "nothing"]
    {
        assert_eq!(run(path, wrong).status.code(), Some(2), "`{wrong}`");
        let output = run(path, &format!("--format json {wrong}"));
        assert!(serde_json::from_slice::<Value>(&output.stderr).unwrap()["error"].is_string());
    }
    for help in ["--help", "train --help", "--version"] {
        assert_eq!(run(path, help).status.code(), Some(0));
    }
}

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

/// Quiet means that only results are written; without it, stdout still holds nothing else.
#[test]
fn stdout_holds_data_only() {
    let path = workshop();
    let loud = run(path, "predict p1 full.csv");
    let quiet = run(path, "predict p1 full.csv --quiet");
    assert_eq!(loud.stdout, quiet.stdout);
    assert!(!loud.stderr.is_empty() && quiet.stderr.is_empty());
    let trained = run(path, "train early.csv --ignore default -o loud --epochs 2 --format json");
    serde_json::from_slice::<Value>(&trained.stdout).unwrap();
    let stderr = String::from_utf8(trained.stderr).unwrap();
    let events: Vec<Value> = stderr.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(events.iter().filter(|e| e["event"] == "epoch").count(), 2);
}

/// Every command of the README, as it stands there but for fewer epochs.
#[cfg(unix)]
#[test]
fn the_commands_of_the_readme_run() {
    let path = empty("readme");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::os::unix::fs::symlink(root.join("fixtures").canonicalize().unwrap(), path.join("fixtures")).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    let binaries = Path::new(env!("CARGO_BIN_EXE_tabgraft")).parent().unwrap();
    let search = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut n_run = 0;
    for line in blocks.flat_map(str::lines) {
        let line = line.split("  #").next().unwrap().trim();
        if line.is_empty() || line.starts_with("cargo ") {
            continue;
        }
        let trains = ["train", "predictor", "extend", "discover"];
        let fewer = trains.iter().any(|c| line.starts_with(&format!("tabgraft {c} ")));
        let command = if fewer { format!("{line} --epochs 2") } else { line.to_owned() };
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", &search)
            .current_dir(&path)
            .output()
            .unwrap();
        let is_answer = line.starts_with("tabgraft compare") && output.status.code() == Some(1);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || is_answer, "`{command}`: {stderr}");
        n_run += 1;
    }
    assert!(n_run > 8, "only {n_run} commands were found");
}

#[test]
fn prune_gives_an_ancestor_back_and_merge_joins_siblings() {
    let path = workshop();
    let pruned = json(path, "prune v2 --columns checking_status,savings_status -o back");
    assert_eq!(pruned["extension"]["operation"], "prune");
    assert_eq!(pruned["extension"]["mode"], "frozen");
    let weights = |file: &str| json(path, &format!("inspect {file} --lineage"))["hashes"]["weights"].clone();
    assert_eq!(weights("back"), weights("v1"));
    let healed = json(path, "prune v2 full.csv --columns age --epochs 1 -o healed");
    assert!(healed["extension"]["prune"]["loss_masked"].is_f64(), "{healed}");
    assert_eq!(run(path, "verify healed").status.code(), Some(0));
    let refused = run(path, "prune v2 --columns age -o never");
    assert_eq!(refused.status.code(), Some(2));
    assert!(!path.join("never").exists());

    let full = fs::read_to_string(path.join("full.csv")).unwrap();
    let without = |gone: usize| {
        let header: Vec<&str> = full.lines().next().unwrap().split(',').collect();
        let kept = full.lines().map(|line| {
            let cells = line.split(',').zip(&header).filter(|(_, name)| **name != LATE[gone]);
            cells.map(|(cell, _)| cell).collect::<Vec<_>>().join(",") + "\n"
        });
        kept.collect::<String>()
    };
    for (i, file) in ["savings", "checking"].iter().enumerate() {
        fs::write(path.join(format!("{file}.csv")), without(i)).unwrap();
        out(path, &format!("extend v1 {file}.csv -o {file} --epochs 1"));
    }
    let merged = json(path, "merge savings checking -o merged");
    assert_eq!(merged["extension"]["operation"], "merge");
    assert_eq!(merged["extension"]["other_parents"].as_array().unwrap().len(), 1);
    json(path, "merge checking savings -o again");
    assert_eq!(weights("merged"), weights("again"));
    assert_eq!(run(path, "verify merged").status.code(), Some(0));
    assert!(out(path, "inspect merged --lineage").contains("merge 2"));
    let text = String::from_utf8(run(path, "merge v1 v2 -o never").stderr).unwrap();
    assert!(
        text.contains("descends from `v1`: there is nothing to merge") && !path.join("never").exists(),
        "{text}"
    );
}

#[test]
fn consolidate_shortens_vectors_and_rank_orders_columns() {
    let path = workshop();
    let plain = json(path, "consolidate v2 full.csv -o plain --epochs 1");
    assert_eq!(plain["d_model"], 128);
    assert!(plain["d_model_before"].as_u64().unwrap() > 128);
    assert_eq!(plain["extension"]["operation"], "consolidate");
    let ranking = json(path, "rank v2 full.csv --target default");
    let columns = ranking["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 20);
    let drop = |i: usize| columns[i]["score_drop"]["difference"].as_f64().unwrap();
    assert!((1..20).all(|i| drop(i - 1) <= drop(i)));
    assert!(out(path, "rank v2 full.csv").contains("loss of the others"));
    assert_eq!(run(path, "rank v2 full.csv --target age").status.code(), Some(2));
}

#[test]
fn split_tells_parts_and_new_rows_are_all_scored_with_the_reason() {
    let (path, dir) = (workshop(), tempfile::tempdir().unwrap());
    let full = fs::read_to_string(path.join("full.csv")).unwrap();
    let (head, rows) = full.split_once('\n').unwrap();
    // Credits of half the amount and of people a year older: rows that nobody was trained on.
    let place = |name: &str| head.split(',').position(|column| column == name).unwrap();
    let (amount, age) = (place("credit_amount"), place("age"));
    let next: String = rows
        .lines()
        .take(300)
        .map(|row| {
            let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
            for (i, by) in [(amount, 7), (age, 1)] {
                cells[i] = (cells[i].parse::<u64>().unwrap() + by).to_string();
            }
            cells.join(",") + "\n"
        })
        .collect();
    fs::write(dir.path().join("next.csv"), format!("{head}\n{next}")).unwrap();
    let at = |name: &str| path.join(name).display().to_string();
    let split = out(dir.path(), &format!("split {} {} --key age", at("v1"), at("full.csv")));
    assert_eq!(split.lines().next(), Some("age,part,known"));
    assert_eq!(split.lines().filter(|line| line.ends_with(",whole")).count(), 1000);
    let n_test = split.lines().filter(|line| line.contains(",test,")).count();
    let own = json(path, "evaluate p1 full.csv");
    assert_eq!(own["n_rows_scored"], n_test);
    let ran = run(dir.path(), &format!("evaluate {} next.csv --format json", at("p1")));
    let (told, report) = (String::from_utf8(ran.stderr).unwrap(), ran.stdout);
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert!(told.contains("known to `p1`"), "{told}");
    assert!(report["n_rows_scored"].as_u64().unwrap() > 200, "{report}");
}

#[test]
fn a_cell_that_cannot_be_read_ends_a_command_or_on_request_is_missing_and_counted() {
    let (path, dir) = (workshop(), tempfile::tempdir().unwrap());
    let full = fs::read_to_string(path.join("full.csv")).unwrap();
    let place = full.lines().next().unwrap().split(',').position(|column| column == "age").unwrap();
    let with = |cell: &str| -> String {
        let line = |(row, line): (usize, &str)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            if row == 3 || row == 5 {
                cells[place] = cell;
            }
            cells.join(",") + "\n"
        };
        full.lines().enumerate().map(line).collect()
    };
    fs::write(dir.path().join("broken.csv"), with("old")).unwrap();
    fs::write(dir.path().join("empty.csv"), with("")).unwrap();
    let at = |name: &str| path.join(name).display().to_string();
    for command in [format!("embed {}", at("v1")), format!("predict {}", at("p1"))] {
        let failed = run(dir.path(), &format!("{command} broken.csv"));
        assert_eq!(failed.status.code(), Some(2));
        let told = String::from_utf8(failed.stderr).unwrap();
        assert!(told.contains("column `age`, row 3: `old` is not a number"), "{told}");
        // A key stays as it is written.
        let (found, told) = done(dir.path(), &format!("{command} broken.csv --errors missing --key age"));
        assert!(told.contains("column `age`: 2 of 1000 cells cannot be read as a number"), "{told}");
        let wanted = out(dir.path(), &format!("{command} empty.csv --key age"));
        let line = |text: &str, row: usize| text.lines().nth(row).unwrap().to_owned();
        assert_eq!(line(&found, 3), format!("old{}", line(&wanted, 3)));
        assert_eq!(line(&found, 4), line(&wanted, 4));
        let report = side_json(dir.path(), &format!("{command} broken.csv --errors missing"));
        let unreadable = &report["unreadable"][0];
        assert_eq!((&unreadable["name"], &unreadable["kind"]), (&"age".into(), &"numeric".into()));
        assert_eq!((&unreadable["n_unreadable"], &unreadable["row_idx"]), (&2.into(), &2.into()));
        assert_eq!(unreadable["example"], "old");
    }
    let evaluate = format!("evaluate {} --rows all", at("p1"));
    assert_eq!(run(dir.path(), &format!("{evaluate} broken.csv")).status.code(), Some(2));
    let broken = json(dir.path(), &format!("{evaluate} broken.csv --errors missing"));
    let empty = json(dir.path(), &format!("{evaluate} empty.csv"));
    assert_eq!(broken["scores"], empty["scores"]);
    assert_eq!(
        (broken["unreadable"][0]["n_unreadable"].as_u64(), &empty["unreadable"]),
        (Some(2), &Value::Array(vec![]))
    );
}

/// A table of more rows than are read at a time: a space and a predictor of it, and its files in parts.
#[test]
fn tables_in_parts_are_embedded_and_predicted_as_one_file_is() {
    let path = &empty("parts");
    let row = |i: u64| {
        let x = (i * 7919 % 10_007) as f64 / 100.0;
        format!("{i},{x},{},{}\n", ["a", "b", "c"][(i % 3) as usize], u8::from(x > 50.0))
    };
    let rows = |range: std::ops::Range<u64>| "id,x,c,y\n".to_owned() + &range.map(row).collect::<String>();
    fs::write(path.join("few.csv"), rows(0..600)).unwrap();
    fs::write(path.join("all.csv"), rows(0..20_000)).unwrap();
    fs::create_dir_all(path.join("parts")).unwrap();
    for (i, range) in [0..9_000, 9_000..9_001, 9_001..20_000].into_iter().enumerate() {
        fs::write(path.join(format!("parts/part-{i}.csv")), rows(range)).unwrap();
    }
    done(path, "train few.csv -o v1 --ignore y --ignore id --epochs 1 --d-model 16 -q");
    done(path, "predictor v1 few.csv --target y -o p1 --epochs 1 --n-networks 1 -q");
    for command in ["embed v1", "predict p1"] {
        let whole = out(path, &format!("{command} all.csv --key id"));
        assert_eq!(whole.lines().count(), 20_001);
        for parts in ["parts", "parts/part-?.csv"] {
            assert!(out(path, &format!("{command} {parts} --key id")) == whole, "{command} {parts}");
        }
        done(path, &format!("{command} parts --key id -o out.parquet -q"));
        done(path, &format!("{command} all.csv --key id -o out.csv.gz -q"));
        let report = side_json(path, &format!("{command} parts -o out.csv"));
        assert_eq!(report["n_rows"], 20_000);
    }
    // Of what a later part spoils nothing is written, and the row is named as the table counts it.
    fs::write(path.join("parts/part-3.csv"), "id,x,c,y\n20000,abc,a,1\n").unwrap();
    let before = fs::read(path.join("out.csv")).unwrap();
    let failed = run(path, "embed v1 parts -o out.csv");
    let stderr = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(2));
    assert!(stderr.contains("column `x`, row 20001: `abc`"), "{stderr}");
    assert!(fs::read(path.join("out.csv")).unwrap() == before);
    let report = side_json(path, "embed v1 parts -o out.csv --errors missing");
    assert_eq!(report["unreadable"][0]["n_unreadable"], 1);
    assert_eq!((&report["unreadable"][0]["row_idx"], &report["n_rows"]), (&20_000.into(), &20_001.into()));
}
