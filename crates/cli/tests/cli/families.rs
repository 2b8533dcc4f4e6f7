//! Versions: what came from what, checked, registered, pruned, merged.

use super::*;

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
fn refresh_learns_new_levels_and_leaves_other_rows_alone() {
    let path = workshop();
    let text = fs::read_to_string(path.join("full.csv")).unwrap();
    let renamed = text.replace("radio/tv", "television");
    fs::write(path.join("later.csv"), renamed).unwrap();
    let frozen = json(path, "refresh v1 later.csv --mode frozen --epochs 2 -o frozen");
    assert_eq!(frozen["extension"]["operation"], "refresh");
    assert_eq!(frozen["extension"]["drift"]["max_cosine_distance"], 0.0);
    let said = out(path, "refresh v1 later.csv --epochs 2 --drift-bound 0.01 -o anchored");
    assert!(
        said.contains("rows without a new level moved") && said.contains("at most 0.01 allowed"),
        "{said}"
    );
    for child in ["frozen", "anchored"] {
        assert_eq!(run(path, &format!("verify {child} --parent v1")).status.code(), Some(0));
        let line = out(path, &format!("inspect {child} --lineage"));
        assert!(line.contains("refresh 1"), "{line}");
    }
    let notes =
        String::from_utf8(run(path, "refresh v1 later.csv --epochs 1 -o refreshed_again").stderr).unwrap();
    assert!(notes.contains("1 new level(s) have codes of their own: `television`"), "{notes}");
    let nothing = run(path, "refresh v1 full.csv --mode frozen -o never");
    assert_eq!(nothing.status.code(), Some(2));
    assert!(!path.join("never").exists());
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
