//! What the lineage of a folder promises: content and not names, absent ancestors, every edit caught.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Float64Array, StringArray};
use serde_json::{Value, json};
use tabgraft_model::extend::{ConsolidateOptions, MergeOptions, PruneOptions};
use tabgraft_model::lineage::{Step, check_file, check_parent, verify};
use tabgraft_model::store::{self, Container};
use tabgraft_model::train::Event;
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Lineage, Mode, Predictor, PredictorOptions};
use tabgraft_table::Table;

fn go_on(_: &Event) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn table() -> Table {
    let number =
        |f: &dyn Fn(usize) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values((0..200).map(f))) };
    let class = |i: usize| if (i * i) % 7 > 3 { "good" } else { "bad" };
    Table::from_columns([
        ("size", number(&|i| (i * 37 % 90) as f64)),
        ("weight", number(&|i| (i * i % 101) as f64)),
        ("late", number(&|i| (i * i % 7) as f64)),
        ("later", number(&|i| (i % 13) as f64)),
        ("target", Arc::new(StringArray::from_iter_values((0..200).map(class))) as ArrayRef),
    ])
    .unwrap()
}

fn without(names: &[&str]) -> Table {
    table().without(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn fit(name: &str, seed: u64) -> EmbeddingSpace {
    let mut options = FitOptions { name: name.into(), ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.n_epochs = Some(1);
    options.config.seed = seed;
    options.infer.ignore = vec!["target".into()];
    EmbeddingSpace::fit(&without(&["late", "later"]), None, &options, &mut go_on).unwrap()
}

fn extend(parent: &EmbeddingSpace, name: &str, mode: Mode, table: &Table) -> EmbeddingSpace {
    let options =
        ExtendOptions { mode, name: Some(name.into()), n_epochs: Some(2), ..ExtendOptions::default() };
    parent.extend(table, None, &options, &mut go_on).unwrap()
}

/// v1 -> v2 (frozen, `late`) -> v3 (joint, `later`); v1 -> side (anchored, both); predictors on v1, v3.
struct Family {
    v1: EmbeddingSpace,
    v2: EmbeddingSpace,
    v3: EmbeddingSpace,
    side: EmbeddingSpace,
    p1: Predictor,
    p3: Predictor,
}

fn family() -> &'static Family {
    static FAMILY: OnceLock<Family> = OnceLock::new();
    FAMILY.get_or_init(|| {
        let v1 = fit("v1", 0);
        let v2 = extend(&v1, "v2", Mode::Frozen, &without(&["later"]));
        let v3 = extend(&v2, "v3", Mode::Joint, &table());
        let side = extend(&v1, "side", Mode::Anchored, &table());
        let predictor = |space: &EmbeddingSpace, name: &str| {
            let options = PredictorOptions {
                name: name.into(),
                n_epochs: 1,
                n_networks: Some(2),
                d_hidden: 8,
                ..PredictorOptions::default()
            };
            Predictor::fit(space, &table(), "target", &options, &mut go_on).unwrap()
        };
        let (p1, p3) = (predictor(&v1, "p1"), predictor(&v3, "p3"));
        Family { v1, v2, v3, side, p1, p3 }
    })
}

/// A folder with all of the family, each under its name.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let Family { v1, v2, v3, side, p1, p3 } = family();
    for space in [v1, v2, v3, side] {
        space.save(&dir.path().join(format!("{}.tabgraft", space.name()))).unwrap();
    }
    for predictor in [p1, p3] {
        predictor.save(&dir.path().join(format!("{}.tabgraft", predictor.name()))).unwrap();
    }
    dir
}

/// Names of parent and child of every step.
fn steps(lineage: &Lineage) -> Vec<(String, Step, String)> {
    let name = |id| lineage.node(id).unwrap().name.clone();
    lineage.edges.iter().map(|e| (name(&e.parent), e.step, name(&e.child))).collect()
}

/// Changes a file's manifest and seals it again, with the hashes that the store computes.
fn reseal(path: &Path, change: impl FnOnce(&mut Container)) {
    let (mut container, _) = store::load(path).unwrap();
    change(&mut container);
    store::save(path, &container).unwrap();
}

#[test]
fn a_folder_gives_its_family_whatever_the_files_are_called() {
    let dir = folder();
    let lineage = Lineage::read(dir.path()).unwrap();
    let expected = [
        ("v1", Step::Graft, "side"),
        ("v1", Step::Graft, "v2"),
        ("v1", Step::Fit, "p1"),
        ("v2", Step::Graft, "v3"),
        ("v3", Step::Fit, "p3"),
    ];
    assert_eq!(steps(&lineage), expected.map(|(a, step, b)| (a.to_owned(), step, b.to_owned())));
    let generations: Vec<(&str, usize)> =
        lineage.nodes.iter().map(|n| (n.name.as_str(), n.generation)).collect();
    assert_eq!(generations, [("v1", 0), ("side", 1), ("v2", 1), ("p1", 1), ("v3", 2), ("p3", 3)]);
    assert!(lineage.nodes.iter().all(|n| !n.is_absent()) && lineage.unreadable.is_empty());
    let v2 = lineage.node(&family().v2.id()).unwrap();
    assert_eq!((v2.n_columns, v2.d_model), (3, Some(family().v2.d_model())));
    let edge = lineage.parents(&family().v2.id()).next().unwrap();
    assert_eq!(
        (edge.mode, edge.drift, &edge.columns_added[..]),
        (Some(Mode::Frozen), Some(0.0), &["late".into()][..])
    );

    // Renamed, moved and copied: the same nodes and edges, other paths.
    fs::create_dir_all(dir.path().join("deep/down")).unwrap();
    fs::rename(dir.path().join("v1.tabgraft"), dir.path().join("deep/down/first.bin")).unwrap();
    fs::rename(dir.path().join("v2.tabgraft"), dir.path().join("v3")).unwrap();
    fs::copy(dir.path().join("v3"), dir.path().join("deep/copy.pkl")).unwrap();
    let moved = Lineage::read(dir.path()).unwrap();
    assert_eq!(moved.edges, lineage.edges);
    assert_eq!(moved.node(&v2.id).unwrap().paths, [PathBuf::from("deep/copy.pkl"), PathBuf::from("v3")]);
    assert_eq!(moved.nodes.len(), lineage.nodes.len());
    assert!(verify(dir.path()).unwrap().ok);
}

#[test]
fn ancestors_whose_files_are_elsewhere_are_known_from_their_descendants() {
    let dir = folder();
    let whole = Lineage::read(dir.path()).unwrap();
    for name in ["v1", "v2", "side", "p1"] {
        fs::remove_file(dir.path().join(format!("{name}.tabgraft"))).unwrap();
    }
    let lineage = Lineage::read(dir.path()).unwrap();
    let names: Vec<(&str, bool)> = lineage.nodes.iter().map(|n| (n.name.as_str(), n.is_absent())).collect();
    assert_eq!(names, [("v1", true), ("v2", true), ("v3", false), ("p3", false)]);
    for node in &lineage.nodes {
        let known = whole.node(&node.id).unwrap();
        assert_eq!((&node.name, &node.hashes), (&known.name, &known.hashes));
        assert_eq!((node.n_columns, &node.software), (known.n_columns, &known.software));
    }
    assert!(lineage.tree().contains("not here"));
    // A predictor knows its space as well as the space's own file does.
    fs::remove_file(dir.path().join("v3.tabgraft")).unwrap();
    let lineage = Lineage::read(dir.path()).unwrap();
    let v3 = lineage.node(&family().v3.id()).unwrap();
    assert!(v3.is_absent() && v3.d_model == Some(family().v3.d_model()));
    let row = &lineage.predictors()[0];
    assert_eq!((row.space.as_str(), &row.space_id, row.space_paths.len()), ("v3", &v3.id, 0));
    let found = verify(dir.path()).unwrap();
    assert!(found.ok && found.links.iter().all(|link| !link.is_checked), "{found:?}");
    // One file alone.
    assert_eq!(Lineage::read(&dir.path().join("p3.tabgraft")).unwrap().edges.len(), 3);
}

#[test]
fn one_call_says_which_predictor_stands_on_which_version() {
    let dir = folder();
    let rows = Lineage::read(dir.path()).unwrap().predictors();
    let Family { v1, v3, p1, p3, .. } = family();
    for (row, predictor, space) in [(&rows[0], p1, v1), (&rows[1], p3, v3)] {
        assert_eq!((row.name.as_str(), row.target.as_str()), (predictor.name(), "target"));
        assert_eq!((&row.id, &row.space_id), (&predictor.id(), &space.id()));
        assert_eq!(row.n_columns, space.columns().len());
        assert_eq!(row.score, predictor.fit_info().scores.first().copied());
        assert_eq!(row.space_paths, [PathBuf::from(format!("{}.tabgraft", space.name()))]);
    }
}

#[test]
fn an_id_says_how_a_version_was_made_and_not_what_it_is_called() {
    let Family { v1, .. } = family();
    assert_eq!(fit("another name", 0).id(), v1.id());
    assert_ne!(fit("v1", 1).id(), v1.id());
    // Before any training the weights, columns and rows of these are the same.
    let graft = |change: &dyn Fn(&mut ExtendOptions)| {
        let mut options = ExtendOptions { mode: Mode::Joint, ..ExtendOptions::default() };
        change(&mut options);
        v1.graft(&table(), None, &options, &mut go_on).unwrap().untrained().clone()
    };
    let first = graft(&|_| {});
    assert_eq!(graft(&|_| {}).id(), first.id());
    for other in [graft(&|o| o.mode = Mode::Anchored), graft(&|o| o.freeze.trunk = true)] {
        assert_eq!(other.hashes().differences(first.hashes()), ["recipe"]);
    }
    // The same steps from another parent.
    let other = fit("v1", 1).graft(&table(), None, &ExtendOptions::default(), &mut go_on).unwrap();
    assert_ne!(other.untrained().hashes().recipe, graft(&|o| o.mode = Mode::Frozen).hashes().recipe);
}

#[test]
fn drawing_reads_no_weights_and_verifying_reads_them_all() {
    let dir = folder();
    let before = Lineage::read(dir.path()).unwrap();
    let path = dir.path().join("v2.tabgraft");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(Lineage::read(dir.path()).unwrap(), before);
    let found = verify(dir.path()).unwrap();
    assert!(!found.ok);
    for file in &found.files {
        assert_eq!(file.problems.is_empty(), file.path != Path::new("v2.tabgraft"), "{file:?}");
    }
    let unchecked = found.links.iter().filter(|l| !l.is_checked).map(|l| (&*l.parent, &*l.child));
    assert_eq!(unchecked.collect::<Vec<_>>(), [("v1", "v2"), ("v2", "v3")]);
}

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
    let found = problems("p3.tabgraft", &|c| c.manifest["space"]["split"]["p_test"] = json!(0.2));
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
    let found = problems("v3.tabgraft", &|c| {
        c.manifest["extensions"][0]["new_columns_added"] = json!(["other"]);
    });
    assert!(found.contains("lineage before the last step"), "{found}");
}

#[test]
fn a_single_file_is_checked_alone_or_against_one_parent() {
    let dir = folder();
    let path = |name: &str| dir.path().join(format!("{name}.tabgraft"));
    assert!(check_file(&path("v3")).unwrap().is_empty());
    for (child, parent) in [("v2", "v1"), ("v3", "v2"), ("p1", "v1"), ("p3", "v3"), ("side", "v1")] {
        assert!(check_parent(&path(child), &path(parent)).unwrap().is_empty(), "{child} from {parent}");
    }
    for (child, parent) in [("v1", "v2"), ("v3", "v1"), ("p3", "v2")] {
        assert!(!check_parent(&path(child), &path(parent)).unwrap().is_empty(), "{child} from {parent}");
    }
    assert!(check_parent(&path("v2"), &path("p1")).unwrap_err().is_schema());
    assert!(check_parent(&path("v2"), &path("none")).unwrap_err().is_io());
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
fn other_files_are_passed_over_and_broken_models_are_listed() {
    let dir = folder();
    let file = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    let whole = fs::read(dir.path().join("v1.tabgraft")).unwrap();
    file("rows.csv", b"a,b\n1,2\n");
    file("empty", b"");
    file("other.safetensors", b"\x20\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"}}  ");
    file(".v1.tabgraft.x1y2.tmp", &whole[..whole.len() / 2]);
    file("cut", &whole[..whole.len() - 4]);
    file("text.tabgraft", b"hello");
    let lineage = Lineage::read(dir.path()).unwrap();
    assert_eq!(lineage.nodes.len(), 6);
    let listed: Vec<&Path> = lineage.unreadable.iter().map(|u| u.path.as_path()).collect();
    assert_eq!(listed, [Path::new("cut"), Path::new("text.tabgraft")]);
    for file in &lineage.unreadable {
        assert!(file.reason.contains(file.path.to_str().unwrap()), "{file:?}");
    }
    assert!(lineage.tree().contains("not read: "));
    assert!(!verify(dir.path()).unwrap().ok);
    assert!(Lineage::read(&dir.path().join("nowhere")).unwrap_err().is_io());
    assert!(Lineage::read(&dir.path().join("text.tabgraft")).unwrap_err().is_malformed());
    let nothing = tempfile::tempdir().unwrap();
    let empty = Lineage::read(nothing.path()).unwrap();
    assert!(empty.nodes.is_empty() && empty.tree().is_empty() && empty.svg().contains("0 spaces"));
}

/// A record of a second parent, as a merge writes it.
fn second_parent(child: &Path, parent: &EmbeddingSpace) {
    reseal(child, |container| {
        let entry = container.manifest["extensions"].as_array_mut().unwrap().last_mut().unwrap();
        entry["operation"] = json!("merge");
        entry["other_parents"] =
            json!([{ "name": parent.name(), "hashes": parent.hashes(), "line": parent.extensions() }]);
    });
}

#[test]
fn a_merge_has_two_parents_and_is_drawn_once() {
    let dir = folder();
    second_parent(&dir.path().join("v3.tabgraft"), &family().side);
    for is_side_there in [true, false] {
        if !is_side_there {
            fs::remove_file(dir.path().join("side.tabgraft")).unwrap();
        }
        let lineage = Lineage::read(dir.path()).unwrap();
        let merged = lineage.node(&family().v3.id()).unwrap();
        let mut parents: Vec<&str> =
            lineage.parents(&merged.id).map(|e| &*lineage.node(&e.parent).unwrap().name).collect();
        parents.sort_unstable();
        assert_eq!(parents, ["side", "v2"]);
        let side = lineage.node(&family().side.id()).unwrap();
        assert_eq!(side.is_absent(), !is_side_there);
        assert_eq!(side.n_columns, 4);
        assert_eq!(lineage.parents(&side.id).count(), 1, "its own line is known");
        let tree = lineage.tree();
        assert_eq!(tree.matches("merge, joint, with ").count(), 1, "{tree}");
        assert_eq!(tree.matches("also its child, see ").count(), 1, "{tree}");
        assert_eq!(lineage.svg().matches("stroke-dasharray=\"5 4\"").count(), 1);
    }
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

#[test]
fn drawings_say_everything_and_let_no_markup_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v2.tabgraft");
    family().v2.save(&path).unwrap();
    reseal(&path, |c| {
        c.manifest["name"] = json!("<script>alert(\"v2\") & more than fits into a box</script>\u{1b}[2J\n");
        c.manifest["extensions"][0]["new_columns_added"] = json!(["a<b", "late & later"]);
    });
    let lineage = Lineage::read(dir.path()).unwrap();
    let svg = lineage.svg();
    assert!(!svg.contains("<script") && !svg.contains("a<b") && svg.contains("a&lt;b"), "{svg}");
    assert!(!lineage.tree().contains('\u{1b}') && lineage.tree().lines().count() == 2);
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    for tag in ["svg", "text", "title"] {
        assert_eq!(
            svg.matches(&format!("<{tag}")).count(),
            svg.matches(&format!("</{tag}>")).count(),
            "{tag}"
        );
    }
    for word in ["v1", "frozen", family().v2.id().short(), family().v1.id().short()] {
        assert!(svg.contains(word) && lineage.tree().contains(word), "{word}");
    }
    let json = serde_json::to_value(&lineage).unwrap();
    assert_eq!(json["edges"][0]["step"], "graft");
    assert_eq!(json["nodes"][0]["kind"], "embedding_space");
    assert_eq!(json["nodes"][0]["created"], Value::Null, "nobody remembers when v1 was trained");
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
    let merged = EmbeddingSpace::merge(&[v2, &later], None, &MergeOptions::default(), &mut go_on).unwrap();
    let exact = PruneOptions { name: Some("pruned".into()), ..PruneOptions::default() };
    let pruned = merged.prune(&["late".into()], None, &exact, &mut go_on).unwrap();
    let healing = PruneOptions { name: Some("healed".into()), n_epochs: Some(1), ..PruneOptions::default() };
    let healed = v3.prune(&["weight".into()], Some(&table()), &healing, &mut go_on).unwrap();
    let options = ConsolidateOptions { n_epochs: Some(1), ..ConsolidateOptions::default() };
    let plain = v3.consolidate(&table(), None, &options, &mut go_on).unwrap();
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
