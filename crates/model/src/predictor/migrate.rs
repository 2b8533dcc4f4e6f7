//! Manifests of predictors of older format versions, brought to the current one.

use serde_json::Value;

use crate::space;

/// Brings a predictor's manifest to the current format, and that of its space. What an older version
/// could not say gets the value that says so; what is there stays as it is.
pub(crate) fn to_current(manifest: &mut Value) {
    if let Some(space) = manifest.get_mut("space") {
        space::to_current(space);
    }
    from_1_3_to_1_4(manifest);
}

/// 1.4 hashes what a predictor claims; one from before stays without, and so keeps its id. It remembers
/// how the table was read, which was as that of the space.
fn from_1_3_to_1_4(manifest: &mut Value) {
    let reading = manifest.get("space").and_then(|space| space.get("reading")).cloned();
    if let Some(manifest) = manifest.as_object_mut() {
        manifest.entry("claims").or_insert(Value::Null);
        manifest.entry("reading").or_insert(reading.unwrap_or_default());
    }
}
