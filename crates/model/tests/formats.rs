//! Files of every released or once used format version stay readable.
//!
//! `formats/VERSION/` holds a file that was written in that version, rows, and the vectors that its
//! writer gave for them. They are never made anew.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::Float64Array;
use tabgraft_model::lineage::check_file;
use tabgraft_model::space::Operation;
use tabgraft_model::train::Event;
use tabgraft_model::{EmbeddingSpace, ExtendOptions, Mode, Predictor, TrainingOptions};
use tabgraft_table::Table;
use tabgraft_table::read::{DecimalMark, ReadOptions, read_table};

fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(version)
}

fn read(path: &Path) -> Table {
    read_table(path, &ReadOptions::default()).unwrap()
}

/// The numbers of a file of its writer's, without its first columns.
fn written(path: &Path, n_skipped: usize) -> Vec<f32> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().skip(1);
    lines.flat_map(|l| l.split(',').skip(n_skipped).map(|v| v.parse().unwrap())).collect()
}

/// Loads a frozen file, compares what it says of its rows with its writer's vectors, and saves it in
/// the current format and back. Its id, by which children and registries know it, never changes; the
/// literals were computed outside of this library.
fn reread(version: &str, name: &str, id: &str) -> EmbeddingSpace {
    let folder = folder(version);
    let space = EmbeddingSpace::load(&folder.join(name)).unwrap();
    assert_eq!(space.id().as_str(), id);
    assert_eq!(check_file(&folder.join(name)).unwrap(), Vec::<String>::new());
    // As a later table is read: by what the file remembers of the first one.
    let rows = read_table(&folder.join("rows.csv"), &space.read_options()).unwrap();
    let found = space.embed(&rows).unwrap();
    let wanted = written(&folder.join("vectors.csv"), 0);
    assert_eq!(found.values.len(), wanted.len());
    for (a, b) in found.values.iter().zip(&wanted) {
        assert!((a - b).abs() < 1e-5, "{a} instead of {b}");
    }
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("again.tabgraft");
    space.save(&path).unwrap();
    let again = EmbeddingSpace::load(&path).unwrap();
    assert_eq!(again.card(), space.card());
    assert_eq!(check_file(&path).unwrap(), Vec::<String>::new());
    space
}

#[test]
fn a_file_of_format_1_0_loads_embeds_and_saves_in_the_current_one() {
    let space =
        reread("1.0", "v2.tabgraft", "086b652633ca4866ed7bf9d023ed4acc046bf3417cb5ea6cc9260bd9a624996f");
    let entry = space.extension_metadata().unwrap();
    assert_eq!((entry.new_columns_added.len(), entry.anchor, entry.batch_size), (1, None, None));
    assert_eq!(space.training_info().device, "cpu");
}

#[test]
fn a_chain_of_format_1_1_keeps_its_wiring() {
    let space =
        reread("1.1", "v4.tabgraft", "f9a2dd53ea85412a5cce33115af632948603db692c5bed66d24f525619eb9a2f");
    let modes: Vec<Mode> = space.extensions().iter().map(|e| e.mode).collect();
    assert_eq!(modes, [Mode::Frozen, Mode::Frozen, Mode::Anchored]);
    assert!(space.extensions().iter().all(|e| e.operation == Operation::Graft && e.prune.is_none()));
    assert!(space.extension_metadata().unwrap().anchor.is_some());
}

#[test]
fn a_merged_and_pruned_space_of_format_1_2_keeps_its_lines() {
    let space =
        reread("1.2", "v5.tabgraft", "20cd010c29e8d1d63c82f5a825d741345f1eeeb325f1e703d1af562090f2280e");
    let operations: Vec<Operation> = space.extensions().iter().map(|e| e.operation).collect();
    assert_eq!(operations, [Operation::Graft, Operation::Merge, Operation::Graft, Operation::Prune]);
    assert_eq!(space.extensions()[1].other_parents.len(), 1);
    let entry = space.extension_metadata().unwrap();
    assert_eq!(entry.columns_removed, ["color"]);
    assert!(entry.prune.is_some());
}

#[test]
fn a_pruned_graft_of_format_1_3_says_how_it_was_trained() {
    let space =
        reread("1.3", "v3.tabgraft", "7978c67f10230d4b6b05ebaa0f9f7976a9e6b478f10dc782653897d098feac55");
    assert_eq!(space.training_info().device, "cpu");
    let batches: Vec<Option<usize>> = space.extensions().iter().map(|e| e.batch_size).collect();
    assert_eq!(batches, [Some(32), Some(32)]);
    // A date is several parts, of which a pruned column beside it leaves all.
    assert_eq!(space.extension_metadata().unwrap().columns_removed, ["color"]);
}

#[test]
fn a_graft_of_format_1_4_reads_tables_as_it_was_told_and_computes_its_features() {
    let space =
        reread("1.4", "v2.tabgraft", "b79f7b2e80395f414288398ab6b253f8f7919608b3c5af97e61f005301733b79");
    let names: Vec<&str> = space.features().iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names, ["log_betrag", "art_mean"]);
    assert_eq!(space.reading().missing_tokens, ["-999"]);
    assert_eq!(space.reading().decimal, Some(DecimalMark::Comma));
    // The rows are known by their key, whatever their cells are; the last one is new.
    let rows = read_table(&folder("1.4").join("rows.csv"), &space.read_options()).unwrap();
    let known = space.row_parts(&rows).unwrap().known.unwrap();
    assert_eq!(known.iter().filter(|known| known.part().is_some()).count(), rows.n_rows() - 1);
}

#[test]
fn a_grown_predictor_of_format_1_4_predicts_as_its_writer_did() {
    let path = folder("1.4").join("q2.tabgraft");
    let predictor = Predictor::load(&path).unwrap();
    assert_eq!(predictor.id().as_str(), "44a4d2266023fc66bd9b5d7a11e08d3e2934456ab152d0d0f3b9312785cbdb83");
    assert_eq!(check_file(&path).unwrap(), Vec::<String>::new());
    let rows = read_table(&folder("1.4").join("rows.csv"), &predictor.read_options()).unwrap();
    let found = predictor.predict(&rows).unwrap();
    for (a, b) in found.values.iter().zip(written(&folder("1.4").join("predictions.csv"), 2)) {
        assert!((a - f64::from(b)).abs() < 1e-5, "{a} instead of {b}");
    }
    let out = tempfile::tempdir().unwrap();
    let again = out.path().join("again.tabgraft");
    predictor.save(&again).unwrap();
    assert_eq!(Predictor::load(&again).unwrap().id(), predictor.id());
    assert_eq!(check_file(&again).unwrap(), Vec::<String>::new());
}

#[test]
fn a_child_of_a_file_that_remembers_no_rows_says_so_once() {
    let folder = folder("1.3");
    let parent = EmbeddingSpace::load(&folder.join("v3.tabgraft")).unwrap();
    let rows = read(&folder.join("rows.csv"));
    let wide = |name: &str, table: &Table| {
        let new = Float64Array::from_iter_values((0..table.n_rows()).map(|r| (r * 37 % 11) as f64));
        table.with_column(name, Arc::new(new)).unwrap()
    };
    let told = |space: &EmbeddingSpace, table: &Table| {
        let mut told = Vec::new();
        let mut sink = |event: &Event| {
            if let Event::Note { text } = event {
                told.push(text.clone());
            }
            ControlFlow::Continue(())
        };
        let training = TrainingOptions { n_epochs: Some(1), ..TrainingOptions::default() };
        let options = ExtendOptions { training, ..ExtendOptions::default() };
        let child = space.extend(table, None, &options, &mut sink).unwrap();
        (child, told.into_iter().filter(|text| text.contains("remembers no rows")).count())
    };
    let first = wide("balance", &rows);
    let (child, n) = told(&parent, &first);
    assert_eq!(n, 1);
    assert!(child.notes().iter().any(|note| note.contains("format 1.3 or earlier and remembers no rows")));
    assert_eq!(told(&child, &wide("second", &first)).1, 0, "once is enough");
}
