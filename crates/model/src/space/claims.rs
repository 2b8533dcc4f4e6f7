//! What a file says of its space and no other hash covers, as a hash.
//!
//! Names, times and seconds stay out: the same training on another day, under another name, makes the
//! same version. So does a limit of memory, which says what a machine had.

use serde_json::{Map, Value};

use super::About;
use crate::store::{ContentHash, json_hash};

/// Fields of the manifest that other hashes cover, or that are no part of what the version is.
const NOT_CLAIMS: [&str; 10] = [
    "name",
    "created",
    "hashes",
    "columns",
    "codecs",
    "split",
    "features",
    "wiring",
    // The hash of `data` says which rows there were; with or without them it is the same version.
    "rows",
    // What was tried on it later.
    "refused_extensions",
];

impl About {
    /// The hash of everything that the manifest claims: all its fields but those that the other hashes
    /// cover, names, times and seconds. A field that comes to the manifest is covered by itself.
    pub(crate) fn claims(&self) -> ContentHash {
        let mut claims = serde_json::to_value(self).unwrap_or_default();
        remove(&mut claims, &NOT_CLAIMS);
        claims.get_mut("config").into_iter().for_each(|config| remove(config, &["memory_limit"]));
        if let Some(info) = claims.get_mut("training_info") {
            remove(info, &["seconds", "rows_per_second", "stages"]);
            list(info, "epochs").for_each(|epoch| remove(epoch, &["seconds"]));
        }
        list(&mut claims, "extensions").for_each(timeless);
        json_hash(&claims)
    }
}

/// Takes names, times, seconds and the hashes of remembered rows off a step, and off those that lead to its other
/// parents.
fn timeless(step: &mut Value) {
    remove(step, &["extended_from_es_name", "extension_date", "seconds"]);
    step.get_mut("parent").into_iter().for_each(|hashes| remove(hashes, &["rows"]));
    for other in list(step, "other_parents") {
        remove(other, &["name"]);
        other.get_mut("hashes").into_iter().for_each(|hashes| remove(hashes, &["rows"]));
        list(other, "line").for_each(timeless);
    }
}

/// Takes fields off an object.
pub(crate) fn remove(object: &mut Value, fields: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        let kept: Map<String, Value> =
            std::mem::take(object).into_iter().filter(|(name, _)| !fields.contains(&name.as_str())).collect();
        *object = kept;
    }
}

fn list<'v>(object: &'v mut Value, field: &str) -> impl Iterator<Item = &'v mut Value> + use<'v> {
    object.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}
