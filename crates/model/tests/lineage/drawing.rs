//! What a folder's family looks like: nodes and edges, tree and drawing, whatever the files are called.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tabgraft_model::lineage::{Step, verify};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, Lineage, Mode};

use super::family::{Family, family, fit, folder, quiet, reseal, steps, table};

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
        v1.graft(&table(), None, &options, &mut quiet).unwrap().untrained().clone()
    };
    let first = graft(&|_| {});
    assert_eq!(graft(&|_| {}).id(), first.id());
    for other in [
        graft(&|o| o.mode = Mode::Anchored),
        graft(&|o| o.freeze.trunk = true),
        graft(&|o| o.training.batch_size = Some(17)),
    ] {
        assert_eq!(other.hashes().differences(first.hashes()), ["recipe", "claims"]);
    }
    // The same steps from another parent.
    let other = fit("v1", 1).graft(&table(), None, &ExtendOptions::default(), &mut quiet).unwrap();
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
    let unverified = verify(nothing.path()).unwrap_err();
    assert!(unverified.is_value() && unverified.hint().is_some(), "nothing is not well: {unverified}");
    assert!(empty.nodes.is_empty() && empty.tree().is_empty() && empty.svg().contains("0 spaces"));
}

#[test]
fn a_drawing_is_as_light_or_dark_as_what_it_stands_in() {
    let dir = folder();
    let lineage = Lineage::read(dir.path()).unwrap();
    let [alone, notebook, page] =
        [lineage.svg(), lineage.svg_for_notebook(), lineage.svg_with_links(&|_| None)];
    // Of a page's policy no sheet may stand in it; the page has one.
    assert!(!page.contains("<style") && !page.contains("style="), "{page}");
    let (_, rest) = alone.split_once("<style>@media (prefers-color-scheme:dark){").unwrap();
    let (dark, _) = rest.split_once("}</style>").unwrap();
    let (_, rest) = notebook.split_once("<style>").unwrap();
    let (own, _) = rest.split_once("</style>").unwrap();
    assert!(own.contains(".lineage .ink{fill:currentColor}") && own.contains(".lineage .paper{fill:none}"));
    // What has a colour has a class that a sheet can take hold of, and the sheets know all of them.
    let coloured = |piece: &str| piece.contains("fill=\"#") || piece.contains("stroke=\"#");
    let pieces: Vec<&str> = page.split('<').filter(|piece| coloured(piece)).collect();
    assert!(pieces.len() > 5 * lineage.nodes.len(), "{page}");
    for piece in pieces {
        let (_, rest) = piece.split_once("class=\"").unwrap_or_else(|| panic!("no class: {piece}"));
        for class in rest.split('"').next().unwrap().split(' ') {
            assert!(dark.contains(&format!(".lineage .{class}{{")), "{class} in {dark}");
        }
    }
    // But for the sheet they are one drawing.
    let without = |svg: &str| {
        let (before, rest) = svg.split_once("<style>").unwrap();
        format!("{before}{}", rest.split_once("</style>").unwrap().1)
    };
    assert_eq!([without(&alone), without(&notebook)], [page.clone(), page]);
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
    // With a sheet that a notebook or a page does not need.
    for other in [lineage.svg_for_notebook(), lineage.svg_with_links(&|_| None)] {
        assert!(
            !other.contains("<script") && other.contains("a&lt;b") && !other.contains("@media"),
            "{other}"
        );
    }
    let json = serde_json::to_value(&lineage).unwrap();
    assert_eq!(json["edges"][0]["step"], "graft");
    assert_eq!(json["nodes"][0]["kind"], "embedding_space");
    assert_eq!(json["nodes"][0]["created"], Value::Null, "nobody remembers when v1 was trained");
}
