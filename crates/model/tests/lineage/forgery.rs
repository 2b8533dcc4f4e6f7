//! Files that were changed by someone who seals them again: what notices, and what cannot.

use std::path::Path;

use serde_json::{Value, json};
use tabgraft_model::lineage::{check_ancestor, check_file, verify};
use tabgraft_model::store::{self, Container};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Mode, Registry, TrainingOptions};

use super::family::{Family, extend, family, folder, forge, quiet, reseal, table, without};

/// An edit of a manifest.
type Edit = fn(&mut Value);

/// Everything that is wrong with the files and links of a folder.
fn problems(dir: &Path) -> String {
    let found = verify(dir).unwrap();
    let links = found.links.into_iter().flat_map(|l| l.problems);
    found.files.into_iter().flat_map(|f| f.problems).chain(links).collect::<Vec<_>>().join("; ")
}

/// Two columns exchange their codecs: other vectors.
fn swapped_codecs(manifest: &mut Value) {
    let codecs = &mut manifest["codecs"];
    let (first, second) = (codecs[0].clone(), codecs[1].clone());
    (codecs[0], codecs[1]) = (second, first);
}

/// What was claimed and is covered by no other hash.
fn false_claims() -> Vec<(&'static str, Edit)> {
    vec![
        ("a column left out", |m| m["excluded"][0]["reason"] = json!("constant")),
        ("no column left out", |m| m["excluded"] = json!([])),
        ("a note", |m| m["notes"] = json!(["all is well"])),
        ("a loss", |m| m["training_info"]["final_validation_loss"] = json!(0.001)),
        ("a loss of a column", |m| m["training_info"]["final_column_losses"]["size"] = json!(0.001)),
        ("an epoch's loss", |m| m["training_info"]["epochs"][0]["train_loss"] = json!(0.001)),
        ("drift", |m| m["extensions"][0]["drift"]["mean_cosine_distance"] = json!(0.5)),
        ("the parent's loss", |m| m["extensions"][0]["parent_validation_loss"] = json!(9.0)),
        ("epochs of a plan", |m| m["planned_epochs"] = json!(1234)),
        ("words of the user", |m| m["extensions"][0]["feature_metadata"] = json!({"source": "elsewhere"})),
        ("what trained it", |m| m["training_info"]["device"] = json!("a large GPU")),
        ("a judgement", |m| m["extensions"][0]["judgement"] = judgement()),
    ]
}

fn judgement() -> Value {
    json!({
        "target": "target",
        "difference": {
            "metric": "roc_auc", "a": 0.5, "b": 0.9, "difference": 0.4, "low": 0.3, "high": 0.5, "p_value": 0.001,
            "n": 100, "n_copies": 0, "verdict": "better",
        },
        "evidence": { "evidence": "held_out" },
        "new_columns": [],
    })
}

#[test]
fn a_registry_takes_and_promotes_nothing_that_verify_refuses() {
    let Family { v1, v2, .. } = family();
    let dir = folder();
    let registry = Registry::create(dir.path().join("registry")).unwrap();
    let path = dir.path().join("v1.tabgraft");
    reseal(&path, |c| swapped_codecs(&mut c.manifest));
    let [problem] = &check_file(&path).unwrap()[..] else { panic!("one problem") };
    assert!(problem.contains("its `schema` hash is not that of its content"), "{problem}");
    let error = registry.add(&path, "").unwrap_err();
    assert!(error.is_verification() && error.to_string().contains("`schema`"), "{error}");
    assert!(registry.versions().unwrap().is_empty());
    // Where it lies in the registry already, it is not made current, in either direction.
    for space in [v1, v2] {
        space.save(&path).unwrap();
        registry.add(&path, "").unwrap();
        registry.promote(space.name(), "").unwrap();
    }
    let place = registry.path(&registry.find("v1").unwrap());
    reseal(&place, |c| swapped_codecs(&mut c.manifest));
    for error in [registry.rollback("").unwrap_err(), registry.promote("v1", "").unwrap_err()] {
        assert!(error.is_verification() && error.hint().is_some(), "{error}");
        assert!(error.to_string().contains("v1-"), "{error}");
    }
    assert_eq!(registry.current().unwrap().unwrap().name, "v2");
}

#[test]
fn what_a_file_claims_is_covered_by_a_hash() {
    for (what, change) in false_claims() {
        let dir = folder();
        let path = dir.path().join("v2.tabgraft");
        reseal(&path, |c| change(&mut c.manifest));
        let found = check_file(&path).unwrap().join("; ");
        assert!(found.contains("its `claims` hash is not that of its content"), "{what}: {found}");
        assert!(Registry::create(dir.path()).unwrap().add(&path, "").is_err(), "{what}");
    }
    let scores: [(&str, Edit); 4] = [
        ("a score", |m| m["fit_info"]["scores"][0]["value"] = json!(0.999)),
        ("rows", |m| m["fit_info"]["n_rows"] = json!(1_000_000)),
        ("a column that was not used", |m| m["fit_info"]["columns"]["ignored_columns"] = json!([])),
        ("a loss of its space", |m| m["space"]["training_info"]["final_validation_loss"] = json!(0.001)),
    ];
    for (what, change) in scores {
        let dir = folder();
        let path = dir.path().join("p1.tabgraft");
        reseal(&path, |c| change(&mut c.manifest));
        let found = check_file(&path).unwrap().join("; ");
        assert!(found.contains("its `claims` hash is not that of its content"), "{what}: {found}");
    }
}

/// Names, times and seconds make no other version of a model, and neither does what was tried on it later.
#[test]
fn names_and_times_are_no_claims() {
    let dir = folder();
    let path = dir.path().join("v2.tabgraft");
    reseal(&path, |c| {
        let m = &mut c.manifest;
        (m["name"], m["created"]) = (json!("other"), json!("2031-01-01T00:00:00Z"));
        m["training_info"]["seconds"] = json!(77.5);
        m["training_info"]["rows_per_second"] = json!(77.5);
        m["training_info"]["stages"]["training"] = json!(77.5);
        m["training_info"]["epochs"][0]["seconds"] = json!(77.5);
        m["extensions"][0]["seconds"] = json!(77.5);
        m["extensions"][0]["extended_from_es_name"] = json!("another");
        let refused = json!({"name": "worse", "weights": "", "extension": m["extensions"][0]});
        m["refused_extensions"] = json!([refused]);
    });
    assert_eq!(check_file(&path).unwrap(), Vec::<String>::new());
    assert_eq!(EmbeddingSpace::load(&path).unwrap().id(), family().v2.id());
    let path = dir.path().join("p1.tabgraft");
    reseal(&path, |c| {
        let m = &mut c.manifest;
        (m["name"], m["created"]) = (json!("other"), json!("2031-01-01T00:00:00Z"));
        (m["options"]["name"], m["fit_info"]["seconds"]) = (json!("other"), json!(77.5));
    });
    assert_eq!(check_file(&path).unwrap(), Vec::<String>::new());
    assert_eq!(tabgraft_model::Predictor::load(&path).unwrap().id(), family().p1.id());
}

/// Who recomputes every hash makes another version. The file alone cannot show it; its children, its
/// predictors and a registry know what it was.
#[test]
fn a_file_that_is_forged_whole_is_another_version_to_its_family_and_to_a_registry() {
    let mut changes = false_claims();
    changes.push(("codecs", swapped_codecs));
    for (what, change) in changes {
        let dir = folder();
        let path = dir.path().join("v2.tabgraft");
        // Elsewhere: in the same folder its copy would be the parent.
        let elsewhere = tempfile::tempdir().unwrap();
        let registry = Registry::create(elsewhere.path()).unwrap();
        let added = registry.add(&path, "").unwrap().version;
        forge(&path, |c| change(&mut c.manifest));
        assert_eq!(check_file(&path).unwrap(), Vec::<String>::new(), "{what}: alone it looks whole");
        assert_ne!(EmbeddingSpace::load(&path).unwrap().id(), family().v2.id(), "{what}");
        let found = problems(dir.path());
        assert!(found.contains("`v3` was made from a `v2` that is not here"), "{what}: {found}");
        let found = check_ancestor(&dir.path().join("v3.tabgraft"), &path).unwrap().join("; ");
        assert!(found.contains("does not come from"), "{what}: {found}");
        std::fs::copy(&path, registry.path(&added)).unwrap();
        let error = registry.promote("v2", "").unwrap_err();
        assert!(
            error.is_verification() && error.to_string().contains("the registry says"),
            "{what}: {error}"
        );
    }
}

/// Where the parent is at hand, a forged child shows what it does not have from there.
#[test]
fn a_forged_child_departs_from_its_parent() {
    let changes: [(&str, &str, Edit); 4] = [
        ("excluded", "column `target`, which `v1` leaves out, is not named", |m| m["excluded"] = json!([])),
        ("loss", "it tells a validation loss of `v1` of 9, which says", |m| {
            m["extensions"][0]["parent_validation_loss"] = json!(9.0);
        }),
        ("codec", "column `size` is not coded as in `v1`", |m| m["codecs"][0] = m["codecs"][1].clone()),
        ("line", "it has no hash of its claims, an ancestor has one", |m| {
            m["hashes"]["claims"] = Value::Null
        }),
    ];
    for (what, wanted, change) in changes {
        let dir = folder();
        let path = dir.path().join("v2.tabgraft");
        if what == "line" {
            reseal(&path, |c| change(&mut c.manifest));
        } else {
            forge(&path, |c| change(&mut c.manifest));
        }
        let found = problems(dir.path());
        assert!(found.contains(wanted), "{what}: {found}");
    }
    let dir = folder();
    forge(&dir.path().join("v3.tabgraft"), |c| {
        c.manifest["extensions"][0]["new_columns_added"] = json!(["other"]);
    });
    let found = problems(dir.path());
    assert!(found.contains("its lineage before the last step is not that of `v2`"), "{found}");
}

/// The order in which a side reads the pieces of z decides which weight meets which coordinate.
#[test]
fn the_wiring_is_in_the_id_and_held_against_the_parents() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(format!("{name}.tabgraft"));
    let v1 = &family().v1;
    let graft = |parent: &EmbeddingSpace, name: &str, left_out: &[&str]| {
        let options = ExtendOptions {
            mode: Mode::Frozen,
            name: Some(name.into()),
            d_side: Some(8),
            training: TrainingOptions::of_epochs(1),
            ..ExtendOptions::default()
        };
        parent.extend(&without(left_out), None, &options, &mut quiet).unwrap()
    };
    let a = graft(v1, "a", &["later", "target"]);
    let b = graft(&a, "b", &["target"]);
    let wider = {
        let table = table();
        let columns = table.column_names().into_iter().filter(|name| name != "target");
        let mut columns: Vec<_> = columns.map(|n| (n.clone(), table.column(&n).unwrap().clone())).collect();
        for name in ["last", "very_last"] {
            let values = (0..200).map(|i| (i * (7 + name.len()) % 23) as f64);
            let array = arrow::array::Float64Array::from_iter_values(values);
            columns.push((name.to_owned(), std::sync::Arc::new(array)));
        }
        tabgraft_table::Table::from_columns(columns).unwrap()
    };
    let c = extend(&b, "c", Mode::Frozen, &wider.without(&["very_last".into()]).unwrap());
    let d = extend(&c, "d", Mode::Frozen, &wider);
    for space in [&a, &b, &c, &d] {
        space.save(&path(space.name())).unwrap();
    }
    assert!(verify(dir.path()).unwrap().ok);
    let swap = |container: &mut Container| {
        let reads = &mut container.manifest["wiring"][3]["reads"];
        assert_eq!(*reads, json!([0, 1, 2]));
        *reads = json!([0, 2, 1]);
    };
    reseal(&path("c"), swap);
    let other = EmbeddingSpace::load(&path("c")).unwrap();
    assert_ne!(other.embed(&wider).unwrap().values, c.embed(&wider).unwrap().values, "other vectors");
    let found = check_file(&path("c")).unwrap().join("; ");
    assert!(found.contains("its `wiring` hash is not that of its content"), "{found}");
    assert!(Registry::create(dir.path().join("r")).unwrap().add(&path("c"), "").is_err());
    // Sealed whole, it is another version, which its child does not come from.
    c.save(&path("c")).unwrap();
    forge(&path("c"), swap);
    assert_ne!(EmbeddingSpace::load(&path("c")).unwrap().id(), c.id());
    let found = problems(dir.path());
    assert!(found.contains("differs in its wiring"), "{found}");
    // And a child that is sealed whole departs from its parents.
    c.save(&path("c")).unwrap();
    forge(&path("d"), swap);
    let found = check_ancestor(&path("d"), &path("c")).unwrap().join("; ");
    assert!(found.contains("its token groups are not wired as in `c`"), "{found}");
    assert_eq!(check_file(&path("d")).unwrap(), Vec::<String>::new(), "alone it looks whole");
}

/// A limit says what a machine had. What it did to a training shows in the rows of its steps.
#[test]
fn a_limit_of_memory_that_changes_nothing_makes_the_same_version() {
    let fit = |memory_limit: Option<u64>| {
        let mut options = FitOptions::default();
        options.config.d_model = 8;
        options.config.training.memory_limit = memory_limit;
        EmbeddingSpace::untrained(&without(&["late", "later"]), None, &options, &mut quiet).unwrap()
    };
    let (free, limited) = (fit(None), fit(Some(1 << 40)));
    assert_eq!(limited.config().training.memory_limit, Some(1 << 40), "it stands in the file");
    assert_eq!(free.id(), limited.id());
    store::from_bytes(&limited.to_bytes().unwrap()).unwrap();
}

#[test]
fn two_columns_of_one_name_and_features_that_do_not_parse_are_refused() {
    let edits: [(&str, Edit); 3] = [
        ("two columns have the name `size`", |m| m["columns"][1]["name"] = json!("size")),
        ("feature `half`", |m| {
            m["features"] =
                json!([{ "name": "half", "definition": { "kind": "formula", "formula": "size /" } }]);
        }),
        ("two features have the name `x`", |m| {
            let feature = json!({ "name": "x", "definition": { "kind": "formula", "formula": "size" } });
            m["features"] = json!([feature, feature]);
        }),
    ];
    for (problem, change) in edits {
        for file in ["v1.tabgraft", "p1.tabgraft"] {
            let dir = folder();
            let path = dir.path().join(file);
            reseal(&path, |c| {
                let is_space = c.kind == "embedding_space";
                change(if is_space { &mut c.manifest } else { &mut c.manifest["space"] });
            });
            let found = check_file(&path).unwrap().join("; ");
            assert!(found.contains(problem), "{file}: {found}");
        }
    }
}
