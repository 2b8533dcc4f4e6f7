//! Manifests of older format versions, step by step to the current one.

use serde_json::{Value, json};
use tabgraft_table::read::Reading;

use super::{Freeze, Operation, recipe};
use crate::record::Stages;
use crate::train::Computer;

/// Brings a space's manifest to the current format. What an older version could not say gets the
/// value that says so; what is there stays as it is.
pub(crate) fn to_current(manifest: &mut Value) {
    from_1_0_to_1_1(manifest);
    from_1_1_to_1_2(manifest);
    from_1_2_to_1_3(manifest);
    from_1_3_to_1_4(manifest);
}

/// 1.1 records how an anchored graft held its bound, what stayed frozen, and how long each phase ran
/// and why it ended.
fn from_1_0_to_1_1(manifest: &mut Value) {
    if let Some(info) = manifest.get_mut("training_info") {
        put(info, "phases", json!([]));
    }
    for extension in extensions(manifest) {
        put(extension, "anchor", Value::Null);
        put(extension, "phases", json!([]));
        put(extension, "freeze", json!(Freeze::default()));
    }
}

/// 1.2 knows other operations than grafts, and sides that read only the pieces of their own line: until
/// then every side read all pieces before it. It also records how each version came about, how a graft was
/// judged against its parent, and grafts that were refused.
fn from_1_1_to_1_2(manifest: &mut Value) {
    for extension in extensions(manifest) {
        put(extension, "operation", json!(Operation::Graft));
        put(extension, "other_parents", json!([]));
        put(extension, "columns_removed", json!([]));
        put(extension, "prune", Value::Null);
        put(extension, "judgement", Value::Null);
    }
    put(manifest, "refused_extensions", json!([]));
    let wiring = manifest.get_mut("wiring").and_then(Value::as_array_mut).into_iter().flatten();
    let sides = wiring.filter(|group| group.get("group").is_some_and(|name| name == "side"));
    for (i, side) in sides.enumerate() {
        put(side, "reads", json!((0..=i).collect::<Vec<_>>()));
    }
    recipe::fill(manifest);
}

/// 1.3 records what computed a training, which was the processor until then, and the rows of its steps.
fn from_1_2_to_1_3(manifest: &mut Value) {
    if let Some(info) = manifest.get_mut("training_info") {
        put(info, "device", json!(Computer::default().name));
    }
    for extension in extensions(manifest) {
        put(extension, "batch_size", Value::Null);
    }
}

/// 1.4 is open: what it adds is filled in here. It remembers how the table was read, which was by the
/// defaults as far as an older file knows. It hashes wiring and claims too; versions from before, in a
/// file or in the lineage of another, stay without, and so keep their ids. It counts the copies among the
/// rows that a verdict rests on; until then every row stood for itself. Its splits count all digits of whole
/// numbers; one from before has no word for that (`WholeNumbers::Rounded`), and stays as its hash has it.
fn from_1_3_to_1_4(manifest: &mut Value) {
    put_keys(manifest);
    put(manifest, "reading", json!(Reading::default()));
    put(manifest, "rows", Value::Null);
    manifest.get_mut("training_info").into_iter().for_each(put_rows_of_epochs);
    manifest.get_mut("hashes").into_iter().for_each(put_no_later_hashes);
    for key in ["extensions", "refused_extensions"] {
        let entries = manifest.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten();
        // Those that were refused hold their step one level deeper.
        entries.for_each(|entry| match entry.get_mut("extension") {
            Some(step) => put_into_step(step),
            None => put_into_step(entry),
        });
    }
}

/// Until 1.4 every epoch took all rows, and nothing was said of where the time went.
fn put_rows_of_epochs(info: &mut Value) {
    let count = |info: &Value, key: &str| info.get(key).cloned().unwrap_or_else(|| json!(0));
    let (train, valid) = (count(info, "n_rows_train"), count(info, "n_rows_valid"));
    put(info, "n_rows_epoch", train);
    put(info, "n_rows_watched", valid.clone());
    put(info, "n_rows_measured", valid);
    put(info, "stages", json!(Stages::default()));
}

/// By which columns rows are told apart, and by which numbers cells are hidden: until 1.4 the columns left of
/// the first training, and the columns' places.
fn put_keys(manifest: &mut Value) {
    let columns: Vec<Value> = manifest.get("columns").and_then(Value::as_array).cloned().unwrap_or_default();
    let n_first = manifest.pointer("/wiring/0/n_columns").and_then(Value::as_u64).unwrap_or_default();
    let names = columns.iter().take(usize::try_from(n_first).unwrap_or(usize::MAX));
    let names: Vec<Value> = names.filter_map(|column| column.get("name").cloned()).collect();
    put(manifest, "key_columns", json!(names));
    put(manifest, "mask_keys", json!((0..columns.len()).collect::<Vec<_>>()));
}

/// What 1.4 adds to a step, and to those that lead to its other parents.
pub(super) fn put_into_step(step: &mut Value) {
    put(step, "columns_retired", json!([]));
    put(step, "sample", Value::Null);
    step.get_mut("parent").into_iter().for_each(put_no_later_hashes);
    for other in step.get_mut("other_parents").and_then(Value::as_array_mut).into_iter().flatten() {
        other.get_mut("hashes").into_iter().for_each(put_no_later_hashes);
        let line = other.get_mut("line").and_then(Value::as_array_mut).into_iter().flatten();
        line.for_each(put_into_step);
    }
    let Some(judgement) = step.get_mut("judgement") else { return };
    judgement.get_mut("difference").into_iter().for_each(put_no_copies);
    let columns = judgement.get_mut("new_columns").and_then(Value::as_array_mut).into_iter().flatten();
    columns.filter_map(|column| column.get_mut("hiding")).for_each(put_no_copies);
}

fn put_no_copies(difference: &mut Value) {
    put(difference, "n_copies", json!(0));
}

fn put_no_later_hashes(hashes: &mut Value) {
    put(hashes, "wiring", Value::Null);
    put(hashes, "claims", Value::Null);
    put(hashes, "rows", Value::Null);
}

fn extensions(manifest: &mut Value) -> impl Iterator<Item = &mut Value> {
    manifest.get_mut("extensions").and_then(Value::as_array_mut).into_iter().flatten()
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.entry(key).or_insert(value);
    }
}
