//! Every edit is caught, in a file and between a child and its ancestors.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tabgraft_model::extend::{ConsolidateOptions, MergeOptions, PruneOptions};
use tabgraft_model::lineage::{Step, check_ancestor, check_file, verify, verify_file};
use tabgraft_model::store::{self, Container, json_hash};
use tabgraft_model::{EmbeddingSpace, Lineage, Mode, TrainingOptions};

use super::family::{Family, extend, family, folder, quiet, reseal, table, without};

#[test]
fn an_edited_byte_anywhere_is_caught_and_its_file_is_named() {
    let dir = folder();
    let path = dir.path().join("v2.tabgraft");
    let whole = fs::read(&path).unwrap();
    // In the header's length, its first words, the manifest, the weights, at the end.
    for place in [0, 10, 40, 300, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x04;
        fs::write(&path, &bytes).unwrap();
        let found = verify(dir.path()).unwrap();
        let named = found.files.iter().find(|f| f.path == Path::new("v2.tabgraft")).unwrap();
        assert!(!found.ok && !named.problems.is_empty(), "byte {place}: {found:?}");
        assert!(named.problems[0].contains("v2.tabgraft"), "byte {place}: {named:?}");
        assert_eq!(found.files.iter().filter(|f| !f.problems.is_empty()).count(), 1, "byte {place}");
        // Without its suffix it is still missed, for it begins as a model does.
        let bare = dir.path().join("bare");
        fs::rename(&path, &bare).unwrap();
        assert!(!verify(dir.path()).unwrap().ok, "byte {place}");
        fs::rename(&bare, &path).unwrap();
    }
}

#[test]
fn an_edit_that_is_sealed_again_is_caught_by_the_hashes_or_by_the_family() {
    let problems = |name: &str, change: &dyn Fn(&mut Container)| {
        let dir = folder();
        reseal(&dir.path().join(name), change);
        let found = verify(dir.path()).unwrap();
        let links = found.links.into_iter().flat_map(|l| l.problems);
        found.files.into_iter().flat_map(|f| f.problems).chain(links).collect::<Vec<_>>().join("; ")
    };
    let weights = |container: &mut Container, tensor: &str| {
        container.tensors.get_mut(tensor).unwrap().data[0] += 1.0;
        container.manifest["hashes"]["weights"] = json!(store::weights_hash(&container.tensors));
    };
    let found = problems("v2.tabgraft", &|c| c.manifest["config"]["seed"] = json!(5));
    assert!(found.contains("v2.tabgraft") && found.contains("`recipe`"), "{found}");
    let found = problems("v2.tabgraft", &|c| c.manifest["columns"][0]["reason"] = json!("edited"));
    assert!(found.contains("v2.tabgraft") && found.contains("`schema`"), "{found}");
    let found = problems("p3.tabgraft", &|c| c.manifest["space"]["split"]["p_test"] = json!(0.3));
    assert!(found.contains("p3.tabgraft") && found.contains("`split`"), "{found}");
    let found = problems("v3.tabgraft", &|c| c.manifest["extensions"][0]["extended_column_count"] = json!(9));
    assert!(found.contains("v3.tabgraft") && found.contains("graft 1"), "{found}");
    // The child remembers what the parent was: weights that no longer are those.
    let found = problems("v1.tabgraft", &|c| weights(c, "trunk.bias"));
    assert!(
        found.contains("`v2` was made from a `v1`") && found.contains("differs in its weights"),
        "{found}"
    );
    // A frozen child must hold its parent's weights.
    let found = problems("v2.tabgraft", &|c| weights(c, "trunk.bias"));
    assert!(found.contains("`trunk.bias` should be frozen and is not as in `v1`"), "{found}");
    // Its own may be what they like, but its descendants know them.
    let found = problems("v2.tabgraft", &|c| weights(c, "sides.0.up"));
    assert!(!found.contains("should be frozen") && found.contains("`v3` was made from a `v2`"), "{found}");
}

/// Which rows a model was trained on is no part of what it is, but what it says of it is held against a hash.
#[test]
fn an_edit_of_the_rows_that_a_model_remembers_is_found() {
    let none = json!({ "n_hashes": 0, "codes": "" });
    let forget = |manifest: &mut Value| manifest["rows"]["whole"]["rows"] = none.clone();
    let hash = |manifest: &mut Value| manifest["hashes"]["rows"] = json!(json_hash(&manifest["rows"]));
    let found = |name: &str, change: &dyn Fn(&mut Value)| {
        let dir = folder();
        let before = verify(dir.path()).unwrap();
        assert!(before.ok, "{before:?}");
        reseal(&dir.path().join(name), |c| change(&mut c.manifest));
        let found = verify(dir.path()).unwrap();
        let links = found.links.into_iter().flat_map(|l| l.problems).collect::<Vec<_>>().join("; ");
        let own = found.files.into_iter().flat_map(|f| f.problems).collect::<Vec<_>>().join("; ");
        let of_file = verify_file(&dir.path().join(name), None).map_err(|e| e.to_string()).map(|_| ());
        (own, links, of_file)
    };
    for name in ["v1.tabgraft", "v2.tabgraft"] {
        let (own, _, of_file) = found(name, &forget);
        assert!(own.contains(name) && own.contains("its `rows` hash is not that of its content"), "{own}");
        assert!(of_file.unwrap_err().contains("`rows`"), "{name}");
        // Taking the rows away while the hash says that there are some is an edit, too.
        let (own, _, _) = found(name, &|m| m["rows"] = Value::Null);
        assert!(own.contains("its `rows` hash"), "{own}");
        // Who computes the hash anew is found out by what came from it.
        let (own, links, _) = found(name, &|m| {
            forget(m);
            hash(m);
        });
        assert!(own.is_empty(), "{own}");
        assert!(links.contains("remembers are not those that it remembered then"), "{links}");
    }
    let (own, _, _) = found("p3.tabgraft", &|m| {
        m["space"]["rows"]["whole"]["rows"] = none.clone();
    });
    assert!(own.contains("p3.tabgraft") && own.contains("its `rows` hash"), "{own}");
    let (own, _, _) = found("p3.tabgraft", &|m| m["rows"] = m["space"]["rows"].clone());
    assert!(own.contains("p3.tabgraft") && own.contains("its `rows` hash"), "{own}");
}

/// A version has one id however often it is made, and each time its file tells of another day.
#[test]
fn a_version_that_was_made_twice_is_the_parent_of_the_children_of_both() {
    let dir = folder();
    reseal(&dir.path().join("v3.tabgraft"), |c| {
        let step = &mut c.manifest["extensions"][0];
        step["extension_date"] = json!("2031-01-01T00:00:00Z");
        step["extended_from_es_name"] = json!("the first one");
        step["seconds"] = json!(77.5);
    });
    let found = verify(dir.path()).unwrap();
    assert!(found.ok && found.links.iter().all(|l| l.is_checked), "{found:?}");
    assert!(
        check_ancestor(&dir.path().join("v3.tabgraft"), &dir.path().join("v1.tabgraft")).unwrap().is_empty()
    );
}

#[test]
fn a_single_file_is_checked_alone_or_against_one_parent() {
    let dir = folder();
    let path = |name: &str| dir.path().join(format!("{name}.tabgraft"));
    assert!(check_file(&path("v3")).unwrap().is_empty());
    for (child, parent) in
        [("v2", "v1"), ("v3", "v2"), ("p1", "v1"), ("p3", "v3"), ("side", "v1"), ("v3", "v1"), ("p3", "v1")]
    {
        assert!(check_ancestor(&path(child), &path(parent)).unwrap().is_empty(), "{child} from {parent}");
    }
    for (child, parent) in [("v1", "v2"), ("v3", "side"), ("p1", "v2"), ("p3", "side")] {
        assert!(!check_ancestor(&path(child), &path(parent)).unwrap().is_empty(), "{child} from {parent}");
    }
    let [problem] = &check_ancestor(&path("p3"), &path("side")).unwrap()[..] else { panic!("one problem") };
    let Family { v1, v2, v3, side, .. } = family();
    for space in [v1, v2, v3, side] {
        assert!(problem.contains(space.id().short()), "{problem}");
    }
    assert!(check_ancestor(&path("v2"), &path("p1")).unwrap_err().is_schema());
    assert!(check_ancestor(&path("v2"), &path("none")).unwrap_err().is_io());
    // Deep, a file takes its ancestors with it and nobody else.
    fs::write(path("side"), "broken").unwrap();
    let broken = verify(&path("side")).unwrap();
    assert!(!broken.ok && broken.files[0].problems[0].contains("side.tabgraft"), "{broken:?}");
    // A folder's hidden files are passed over; one that is asked for is not.
    let hidden = dir.path().join(".p3");
    fs::rename(path("p3"), &hidden).unwrap();
    assert_eq!(verify(&hidden).unwrap().files.len(), 4);
    fs::rename(&hidden, path("p3")).unwrap();
    let found = verify(&path("p3")).unwrap();
    assert!(found.ok);
    let names: Vec<&str> = found.files.iter().filter_map(|f| f.name.as_deref()).collect();
    assert_eq!(names, ["p3", "v1", "v2", "v3"]);
    assert_eq!(found.links.iter().filter(|l| l.is_checked).count(), 3);
}

#[test]
fn a_descendant_is_held_against_an_ancestor_far_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let Family { v1, v2, v3, .. } = family();
    let frozen = extend(v2, "frozen", Mode::Frozen, &table());
    let other = extend(v1, "other", Mode::Frozen, &without(&["late"]));
    let merged = EmbeddingSpace::merge(&[v2, &other], None, &MergeOptions::default(), &mut quiet).unwrap();
    let grown = merged.prune(&["later".into()], None, &PruneOptions::default(), &mut quiet).unwrap();
    for (space, name) in [(v1, "v1"), (v2, "v2"), (v3, "v3"), (&frozen, "frozen"), (&other, "other")] {
        space.save(&path(name)).unwrap();
    }
    merged.save(&path("merged")).unwrap();
    grown.save(&path("grown")).unwrap();
    let found =
        |child: &str, ancestor: &str| check_ancestor(&path(child), &path(ancestor)).unwrap().join("; ");
    for (child, ancestor) in [
        ("frozen", "v1"),
        ("merged", "v1"),
        ("grown", "v1"),
        ("grown", "v2"),
        ("grown", "other"),
        ("v3", "v1"),
    ] {
        assert_eq!(found(child, ancestor), "", "{child} from {ancestor}");
    }
    assert!(found("frozen", "other").contains("does not come from"));
    // What all steps froze must be there bit by bit; after a joint graft only columns and codecs are.
    let change = |container: &mut Container| {
        container.tensors.get_mut("trunk.bias").unwrap().data[0] += 1.0;
        container.manifest["hashes"]["weights"] = json!(store::weights_hash(&container.tensors));
    };
    for child in ["frozen", "grown", "v3"] {
        reseal(&path(child), change);
        let is_caught = found(child, "v1").contains("`trunk.bias` should be frozen and is not as in `v1`");
        assert_eq!(is_caught, child != "v3", "{}", found(child, "v1"));
    }
    reseal(&path("frozen"), |c| c.manifest["codecs"][0] = c.manifest["codecs"][1].clone());
    assert!(found("frozen", "v1").contains("column `size` is not coded as in `v1`"));
}

#[test]
fn forged_circles_and_endless_lines_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v2.tabgraft");
    family().v2.save(&path).unwrap();
    reseal(&path, |c| c.manifest["extensions"][0]["parent"] = c.manifest["hashes"].clone());
    let lineage = Lineage::read(dir.path()).unwrap();
    assert_eq!((lineage.nodes.len(), lineage.edges.len()), (1, 0));
    assert!(!verify(dir.path()).unwrap().ok);
    let steps = |n: usize| {
        reseal(&path, |c| {
            let step = c.manifest["extensions"][0].clone();
            let forged = |i: usize| {
                let mut step = step.clone();
                step["parent"]["recipe"] = json!(format!("{i}"));
                step
            };
            c.manifest["extensions"] = (0..n).map(forged).collect();
        });
        Lineage::read(dir.path()).unwrap()
    };
    assert_eq!(steps(1000).tree().lines().count(), 1001);
    assert!(steps(1001).unreadable[0].reason.contains("at most 1000"));
}

/// Versions of formats that recorded no recipe get one from what they do say, the same in each file.
#[test]
fn files_of_older_formats_verify_and_keep_their_place() {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let found = verify(&formats).unwrap();
    assert!(found.ok && found.files.len() >= 2, "{found:?}");
    let lineage = Lineage::read(&formats).unwrap();
    assert!(lineage.nodes.iter().all(|n| n.hashes.recipe.len() == 64), "{lineage:?}");
    let dir = tempfile::tempdir().unwrap();
    let old = EmbeddingSpace::load(&formats.join("1.1/v4.tabgraft")).unwrap();
    old.save(&dir.path().join("again.tabgraft")).unwrap();
    let again = Lineage::read(dir.path()).unwrap();
    assert_eq!(again.edges.len(), old.extensions().len());
    assert!(again.nodes.iter().all(|n| lineage.node(&n.id).is_some()));
}

/// Grafts, exact and healed prunes, merges and consolidations make versions whose files and links verify.
#[test]
fn every_operation_has_its_place() {
    let dir = folder();
    let save = |space: &EmbeddingSpace| {
        space.save(&dir.path().join(format!("{}.tabgraft", space.name().replace('+', "_")))).unwrap();
    };
    let Family { v1, v2, v3, .. } = family();
    let later = extend(v1, "later", Mode::Frozen, &without(&["late"]));
    let merged = EmbeddingSpace::merge(&[v2, &later], None, &MergeOptions::default(), &mut quiet).unwrap();
    let exact = PruneOptions { name: Some("pruned".into()), ..PruneOptions::default() };
    let pruned = merged.prune(&["late".into()], None, &exact, &mut quiet).unwrap();
    let healing = PruneOptions { name: Some("healed".into()), training: TrainingOptions::of_epochs(1) };
    let healed = v3.prune(&["weight".into()], Some(&table()), &healing, &mut quiet).unwrap();
    let options =
        ConsolidateOptions { training: TrainingOptions::of_epochs(1), ..ConsolidateOptions::default() };
    let plain = v3.consolidate(&table(), None, &options, &mut quiet).unwrap();
    for space in [&later, &merged, &pruned, &healed, &plain] {
        save(space);
    }
    let lineage = Lineage::read(dir.path()).unwrap();
    let steps_to = |space: &EmbeddingSpace| {
        let id = space.id();
        let made = lineage.parents(&id).map(|e| (e.step, lineage.node(&e.parent).unwrap().name.clone()));
        made.collect::<Vec<_>>()
    };
    assert_eq!(steps_to(&merged).len(), 2);
    assert!(
        steps_to(&merged)
            .iter()
            .all(|(step, name)| *step == Step::Merge && ["v2", "later"].contains(&&**name))
    );
    // Both parents stand in the JSON and in the drawing, where the second one's line is dashed.
    let json = serde_json::to_value(&lineage).unwrap();
    let edges: Vec<&Value> =
        json["edges"].as_array().unwrap().iter().filter(|e| e["child"] == json!(merged.id())).collect();
    let parents: Vec<&Value> = edges.iter().map(|e| &e["parent"]).collect();
    assert!(parents.contains(&&json!(v2.id())) && parents.contains(&&json!(later.id())), "{parents:?}");
    assert_eq!(lineage.svg().matches("stroke-dasharray=\"5 4\"").count(), 1);
    assert_eq!(steps_to(&pruned), [(Step::Prune, merged.name().to_owned())]);
    assert_eq!(steps_to(&healed), [(Step::Prune, "v3".to_owned())]);
    assert_eq!(steps_to(&plain), [(Step::Consolidate, "v3".to_owned())]);
    assert_eq!(lineage.parents(&pruned.id()).next().unwrap().columns_removed, ["late"]);
    // What comes back by pruning is the earlier version in all but how it came about.
    assert_eq!(pruned.hashes().weights, later.hashes().weights);
    assert_ne!(pruned.id(), later.id());
    let found = verify(dir.path()).unwrap();
    assert!(found.ok && found.links.iter().all(|link| link.is_checked), "{found:?}");
    assert_eq!(found.files.len(), 11);
    // A merged version whose parent's weights are not in it.
    reseal(&dir.path().join(format!("{}.tabgraft", merged.name().replace('+', "_"))), |container| {
        container.tensors.get_mut("trunk.bias").unwrap().data[0] += 1.0;
        container.manifest["hashes"]["weights"] = json!(store::weights_hash(&container.tensors));
    });
    let found = verify(dir.path()).unwrap();
    let broken: Vec<&str> =
        found.links.iter().filter(|l| !l.problems.is_empty()).map(|l| &*l.parent).collect();
    assert!(broken.contains(&"v2") && broken.contains(&"later"), "{found:?}");
}
