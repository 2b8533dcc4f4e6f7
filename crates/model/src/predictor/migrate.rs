//! Manifests of predictors of older format versions, brought to the current one.

use serde_json::{Value, json};

use super::{LabelType, SecondsSpent};
use crate::space;

/// Brings a predictor's manifest to the current format, and that of its space. What an older version
/// could not say gets the value that says so; what is there stays as it is.
pub(crate) fn to_current(manifest: &mut Value) {
    if let Some(space) = manifest.get_mut("space") {
        space::to_current(space);
    }
    from_1_3_to_1_4(manifest);
    if let Some(base) = manifest.get_mut("growth").and_then(|growth| growth.get_mut("base")) {
        to_current(base);
    }
}

/// 1.4 hashes what a predictor claims; one from before stays without, and so keeps its id. It remembers
/// how the table was read, which was as that of the space. It counts copies
/// and rows of unseen classes: until then every row stood for itself, and an unseen class ended the fit. There were
/// no trees, no linear model and no derived columns, and no predictor grew from another. It also
/// records of what type class labels were, whether networks predict as one, and the rows that were left out for an infinite target or their weight.
fn from_1_3_to_1_4(manifest: &mut Value) {
    put(manifest, "claims", Value::Null);
    put(manifest, "rows", Value::Null);
    put(manifest, "rows_hash", Value::Null);
    put(manifest, "derived", json!([]));
    put(manifest, "threshold", Value::Null);
    put(manifest, "distances", Value::Null);
    put(manifest, "inner", Value::Null);
    put(manifest, "growth", Value::Null);
    let reading = manifest.get("space").and_then(|space| space.get("reading")).cloned();
    put(manifest, "reading", reading.unwrap_or_default());
    if let Some(target) = manifest.get_mut("target").filter(|target| target["target"] == "classes") {
        let classes: Vec<String> = serde_json::from_value(target["classes"].clone()).unwrap_or_default();
        put(target, "label_type", json!(LabelType::before_1_4(&classes)));
    }
    let Some(info) = manifest.get_mut("fit_info") else { return };
    put(info, "n_trees", json!([]));
    put(info, "share_of_trees", json!(0.0));
    put(info, "share_of_linear", json!(0.0));
    put(info, "networks_as_one", json!(false));
    put(info, "seconds_spent", json!(SecondsSpent::default()));
    for count in ["n_rows_infinite_target", "n_rows_without_weight", "n_rows_unseen", "n_copies"] {
        put(info, count, json!(0));
    }
    for score in info.get_mut("scores").and_then(Value::as_array_mut).into_iter().flatten() {
        put(score, "n_copies", json!(0));
        put(score, "n_unseen", json!(0));
    }
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.entry(key).or_insert(value);
    }
}
