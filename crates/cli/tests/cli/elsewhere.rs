//! Models and features for other programs: `export` and `sql`.

use super::*;

/// A folder with `parcels.csv`, which has texts and more categories than have codes of their own; a space `v1` of it, its
/// child `v2` with the feature `heavy`, a child `v3` with `letters`, which no graph can compute, and a predictor `p1`.
/// `features.json` has both features.
fn parcels() -> &'static Path {
    static PARCELS: OnceLock<PathBuf> = OnceLock::new();
    PARCELS.get_or_init(|| {
        let path = empty("parcels");
        let row = |i: u64| {
            let weight = (i * 7919 % 1009) as f64 / 1000.0;
            // Every third street stands in two rows or more, the others in one.
            let street = if i.is_multiple_of(3) { i % 90 } else { i };
            let plan = ["a", "bb", "ccc"][(i % 3) as usize];
            format!("{weight},{plan},street {street},a note of {i} words {},{}\n", i * 31 % 97, u8::from(weight > 0.5))
        };
        let table = "weight,plan,street,note,y\n".to_owned() + &(0..900).map(row).collect::<String>();
        fs::write(path.join("parcels.csv"), table).unwrap();
        let kinds = "--kind street=categorical --kind note=text";
        done(&path, &format!("train parcels.csv -o v1 --ignore y {kinds} --epochs 1 --d-model 16 -q"));
        let feature = |name: &str, formula: &str| {
            serde_json::json!({"name": name, "definition": {"kind": "formula", "formula": formula}})
        };
        let [heavy, letters] = [("heavy", "weight > 0.5"), ("letters", "length(plan)")].map(|(n, f)| feature(n, f));
        for (name, features) in [("heavy", vec![&heavy]), ("letters", vec![&letters]), ("features", vec![&heavy, &letters])] {
            let list = serde_json::json!({"format_version": 1, "features": features});
            fs::write(path.join(format!("{name}.json")), list.to_string()).unwrap();
        }
        for (name, child) in [("heavy", "v2"), ("letters", "v3")] {
            done(&path, &format!("apply {name}.json parcels.csv -o {name}.csv -q"));
            let graft = format!("extend v1 {name}.csv --features {name}.json -o {child} --name {child} --ignore y");
            done(&path, &format!("{graft} --epochs 1 -q"));
        }
        done(&path, "predictor v1 parcels.csv --target y -o p1 --epochs 1 --n-networks 1 -q");
        path
    })
}

/// Runs a command that must fail, writes nothing to stdout, and names a way out; gives what it says.
fn refused(folder: &Path, arguments: &str) -> String {
    let output = run(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "`{arguments}`: {stderr}");
    assert!(output.stdout.is_empty() && stderr.contains("hint: "), "`{arguments}`: {stderr}");
    stderr
}

fn names_of(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

const ALL_LEAVES: &str = "--texts missing --rare unseen";

#[test]
fn export_writes_one_file_and_says_what_goes_in_and_what_comes_out() {
    let path = parcels();
    let report = json(path, &format!("export v2 --onnx v2.onnx {ALL_LEAVES}"));
    let bytes = fs::read(path.join("v2.onnx")).unwrap();
    assert_eq!(report["n_bytes"], bytes.len());
    assert_eq!((&report["file"], &report["name"]), (&"v2.onnx".into(), &"v2".into()));
    assert_eq!((&report["opset"], &report["ml_opset"]), (&20.into(), &3.into()));
    // The feature is no input: the graph computes it.
    assert_eq!(names_of(&report["inputs"]), ["weight", "plan", "street"]);
    assert_eq!(names_of(&report["outputs"]), ["z", "missing", "unseen"]);
    assert_eq!(report["outputs"][0]["width"], json(path, "inspect v2")["d_model"]);
    assert_eq!(report["columns"], serde_json::json!(["weight", "plan", "street", "note", "heavy"]));
    assert_eq!(report["notes"].as_array().unwrap().len(), 2, "{report}");
    let id = report["id"].as_str().unwrap();
    assert_eq!(json(path, "card v2")["id"], id);
    for text in [id, "tabgraft", "embedding_space", "weight", "street", "unseen"] {
        assert!(has(&bytes, text), "the file does not name `{text}`");
    }
    let text = out(path, &format!("export v2 --onnx again.onnx {ALL_LEAVES}"));
    assert!(text.starts_with("`v2` is in `again.onnx`: "), "{text}");
    for line in [
        "in:  `weight`, `plan`, `street`",
        "out: `z`, `missing`, `unseen`",
        "`note` count as missing",
        "`street`",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(fs::read(path.join("again.onnx")).unwrap(), bytes, "the same model, the same file");

    let report = json(path, &format!("export p1 --onnx p1.onnx {ALL_LEAVES}"));
    let outputs = names_of(&report["outputs"]);
    for output in ["probabilities", "class", "confidence", "missing", "unseen"] {
        assert!(outputs.contains(&output), "{outputs:?}");
    }
    assert!(has(&fs::read(path.join("p1.onnx")).unwrap(), "predictor"));
}

#[test]
fn export_names_what_cannot_leave_and_writes_nothing() {
    let path = parcels();
    for (options, named, unnamed) in [
        ("", &["`note`", "`street`"][..], &["`plan`"][..]),
        ("--texts missing", &["`street`"], &["`note`"]),
        ("--rare unseen", &["`note`"], &["`street`"]),
    ] {
        for model in ["v1", "v2", "p1"] {
            let said = refused(path, &format!("export {model} --onnx never.onnx {options}"));
            let (error, hint) = said.split_once("hint: ").unwrap();
            assert!(named.iter().all(|name| error.contains(name)), "{model} {options}: {said}");
            assert!(!unnamed.iter().any(|name| error.contains(name)), "{model} {options}: {said}");
            assert!(hint.contains("prune"), "{said}");
        }
    }
    let said = refused(path, &format!("export v3 --onnx never.onnx {ALL_LEAVES}"));
    assert!(said.contains("`letters`"), "{said}");
    assert!(!path.join("never.onnx").exists());
    // What is there stays, whole.
    fs::write(path.join("old.onnx"), "what was there").unwrap();
    refused(path, "export v1 --onnx old.onnx");
    assert_eq!(fs::read_to_string(path.join("old.onnx")).unwrap(), "what was there");
}

#[test]
fn export_looks_at_its_files_before_its_work() {
    let path = parcels();
    let before = fs::read(path.join("v1")).unwrap();
    for (arguments, word) in [
        ("export v1 --onnx v1", "the output `v1` is the input"),
        ("export v1 --onnx ./v1", "is the input"),
        ("export v1 --onnx -", "only tables"),
        ("export v1 --onnx nowhere/v1.onnx", "no folder `nowhere`"),
        ("export parcels.csv --onnx x.onnx", "parcels.csv"),
        ("export absent --onnx x.onnx", "absent"),
    ] {
        let said = refused(path, arguments);
        assert!(said.contains(word), "{arguments}: {said}");
    }
    assert_eq!(fs::read(path.join("v1")).unwrap(), before);
    assert!(!path.join("x.onnx").exists());
    assert_eq!(run(path, "export v1").status.code(), Some(2), "there is no other format");
    assert_eq!(run(path, "export v1 --onnx x.onnx --texts some").status.code(), Some(2));
}

#[test]
fn sql_writes_one_query_to_stdout_or_to_a_file() {
    let path = parcels();
    let query = out(path, "sql features.json --table loans");
    assert!(query.starts_with("WITH ") && query.ends_with("SELECT * FROM \"with_features_1\"\n"), "{query}");
    for part in ["t.*", "FROM \"loans\" AS t", "AS \"heavy\"", "AS \"letters\"", "t.\"weight\"", "> 5e-1"] {
        assert!(query.contains(part), "{part}: {query}");
    }
    // A pipe gets the query as it is: in it stand all characters that are blanks, none as an escape.
    assert!(query.contains('\u{85}') && query.contains('\t') && !query.contains("\\u{"), "{query}");
    let (stdout, stderr) = done(path, "sql features.json --table loans -o features.sql");
    assert!(stdout.is_empty() && stderr.is_empty(), "{stdout}{stderr}");
    assert_eq!(fs::read_to_string(path.join("features.sql")).unwrap(), query);
    let report = json(path, "sql features.json --table loans");
    assert_eq!(
        (&report["dialect"], &report["table"], &report["features"], &report["sql"]),
        (&"duckdb".into(), &"loans".into(), &serde_json::json!(["heavy", "letters"]), &query.into())
    );
    assert!(out(path, "sql heavy.json").contains("FROM \"rows\" AS t"));
    // A model gives the features that it was grafted with.
    assert_eq!(out(path, "sql v2"), out(path, "sql heavy.json"));
    // Of a typed column nothing is read as a number that is one.
    let typed = out(path, "sql heavy.json --columns parcels.csv");
    assert!(typed.contains("t.\"weight\""), "{typed}");
    assert!(out(path, "sql heavy.json --dialect bigquery").contains("`heavy`"));
    assert!(out(path, "sql heavy.json --dialect snowflake").contains("\"heavy\""));
}

#[test]
fn sql_names_the_feature_that_cannot_be_said() {
    let path = parcels();
    let list = |name: &str, definition: Value| {
        let list =
            serde_json::json!({"format_version": 1, "features": [{"name": name, "definition": definition}]});
        fs::write(path.join("odd.json"), list.to_string()).unwrap();
    };
    let formula = |formula: &str| serde_json::json!({"kind": "formula", "formula": formula});
    list("spelled", formula("CAST(plan AS TIMESTAMP)"));
    let said = refused(path, "sql odd.json -o never.sql");
    assert!(said.contains("feature `spelled`") && said.contains("duckdb cannot say it exactly"), "{said}");
    list("rest", formula("weight % 7"));
    let said = refused(path, "sql odd.json --dialect postgres -o never.sql");
    assert!(said.contains("feature `rest`") && said.contains("postgres"), "{said}");
    done(path, "sql odd.json --dialect duckdb -o rest.sql");
    list("bins", serde_json::json!({"kind": "bins", "column": "weight", "n_bins": 4}));
    let said = refused(path, "sql odd.json");
    assert!(said.contains("feature `bins`") && said.contains("not fitted"), "{said}");
    list("plan", formula("weight * 2"));
    let said = refused(path, "sql odd.json --columns parcels.csv");
    assert!(said.contains("feature `plan`"), "{said}");
    list("absent", formula("height * 2"));
    let said = refused(path, "sql odd.json --columns parcels.csv");
    assert!(said.contains("feature `absent`") && said.contains("`height`"), "{said}");
    assert!(!path.join("never.sql").exists());
}

#[test]
fn sql_looks_at_its_files_before_its_work() {
    let path = parcels();
    let files = ["heavy.json", "parcels.csv", "v2"].map(|name| (name, fs::read(path.join(name)).unwrap()));
    for (arguments, word) in [
        ("sql heavy.json -o heavy.json", "is the input"),
        ("sql heavy.json --columns parcels.csv -o ./parcels.csv", "is the input"),
        ("sql v2 -o v2", "is the input"),
        ("sql heavy.json -o -", "only tables"),
        ("sql heavy.json -o nowhere/f.sql", "no folder `nowhere`"),
        ("sql v1", "carries no features"),
        ("sql absent.json", "absent.json"),
        ("sql parcels.csv", "parcels.csv"),
    ] {
        let said = refused(path, arguments);
        assert!(said.contains(word), "{arguments}: {said}");
    }
    for (name, before) in files {
        assert_eq!(fs::read(path.join(name)).unwrap(), before, "{name}");
    }
    assert_eq!(run(path, "sql heavy.json --dialect oracle").status.code(), Some(2));
}
