//! What is left of a column that was pruned: the rows stay who they are, what was made of it goes.

use std::ops::ControlFlow;

use tabgraft_feature::{Feature, FeatureEngineer};
use tabgraft_model::extend::PruneOptions;
use tabgraft_model::train::Event;
use tabgraft_model::{EmbeddingSpace, Mode, TrainingOptions, lineage};

use super::versions::{columns, graft, later, quiet, root, small, table};

fn unhealed() -> PruneOptions {
    PruneOptions { training: TrainingOptions::of_epochs(0), name: Some("pruned".into()) }
}

/// A field of the manifest.
fn manifest(space: &EmbeddingSpace, field: &str) -> serde_json::Value {
    let bytes = space.to_bytes().unwrap();
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + n]).unwrap();
    let envelope = header["__metadata__"]["tabgraft"].as_str().unwrap();
    serde_json::from_str::<serde_json::Value>(envelope).unwrap()["manifest"][field].clone()
}

#[test]
fn pruning_a_column_of_the_first_training_changes_no_row_and_no_later_mask() {
    let table = table(120, 5);
    let root = root(&table, 5);
    let pruned = root.prune(&["size".to_owned()], Some(&table), &unhealed(), &mut quiet).unwrap();
    assert_eq!(pruned.hashes().data, root.hashes().data, "the rows are the same");
    let child = graft(
        &pruned,
        &table,
        &["size".to_owned()].into_iter().chain(later(0..1)).collect::<Vec<_>>(),
        Mode::Joint,
    );
    assert_eq!(child.hashes().data, root.hashes().data);
    // Each column is hidden as it was, those to its right above all.
    assert_eq!(manifest(&root, "mask_keys"), serde_json::json!([0, 1, 2]));
    assert_eq!(manifest(&child, "mask_keys"), serde_json::json!([1, 2, 3]));
    assert_eq!(manifest(&child, "key_columns"), serde_json::json!(["size", "weight", "color"]));
    let merged = EmbeddingSpace::merge(
        &[
            &graft(&root, &table, &later(0..1), Mode::Frozen),
            &graft(&root, &table, &later(1..3), Mode::Frozen),
        ],
        None,
        &Default::default(),
        &mut quiet,
    );
    assert_eq!(manifest(&merged.unwrap(), "mask_keys"), serde_json::json!([0, 1, 2, 3, 4, 5]));
}

#[test]
fn features_of_a_pruned_column_go_with_it_and_are_named() {
    let plain = table(120, 6).select(&columns(&[])).unwrap();
    let engineer = FeatureEngineer::new(vec![
        Feature::formula("double", "size * 2", ""),
        Feature::formula("density", "weight / double", ""),
        Feature::formula("heavy", "weight > 60", ""),
    ]);
    let engineer = engineer.unwrap();
    let enriched = engineer.transform(&plain).unwrap();
    let mut options = small("enriched");
    options.features = engineer.features().to_vec();
    let space = EmbeddingSpace::fit(&enriched, None, &options, &mut quiet).unwrap();
    let mut notes = Vec::new();
    let pruned = space.prune(&["size".to_owned()], Some(&enriched), &unhealed(), &mut |event| {
        if let Event::Note { text } = event {
            notes.push(text.clone());
        }
        ControlFlow::Continue(())
    });
    let pruned = pruned.unwrap();
    let features: Vec<&str> = pruned.features().iter().map(|f| f.name.as_str()).collect();
    assert_eq!(features, ["heavy"]);
    let left: Vec<&str> = pruned.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(left, ["weight", "color", "heavy"]);
    assert_eq!(pruned.extension_metadata().unwrap().columns_removed, ["size", "double", "density"]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("`double`") && notes[0].contains("made of `size`"), "{notes:?}");
    assert!(notes[1].contains("`density`") && notes[1].contains("made of `double`"), "{notes:?}");

    let folder = tempfile::tempdir().unwrap();
    for (name, space) in [("parent", &space), ("child", &pruned)] {
        space.save(&folder.path().join(format!("{name}.tabgraft"))).unwrap();
    }
    let found = lineage::verify(folder.path()).unwrap();
    assert!(found.ok, "{found:?}");
}
