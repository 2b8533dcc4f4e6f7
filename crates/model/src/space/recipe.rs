//! How a version came about, as a hash: software, seed, mode, options and parents.
//!
//! With the hashes of what a version is made of (weights, schema, data, split, features) it makes the
//! version's id. Nothing measured enters it, no name and no time, so that the same training on the
//! same rows gives the same id, and anybody who has the file can compute it again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{ExtensionMetadata, Hashes, SoftwareVersion, SpaceConfig};
use crate::store::{ContentHash, json_hash};

impl Hashes {
    /// Names a version in lineages and registries: the hash of all its hashes.
    pub fn id(&self) -> ContentHash {
        let Hashes { weights, schema, data, split, features, recipe } = self;
        json_hash(&json!({
            "weights": weights,
            "schema": schema,
            "data": data,
            "split": split,
            "features": features,
            "recipe": recipe,
        }))
    }

    /// The names of those hashes in which two versions differ.
    pub fn differences(&self, other: &Hashes) -> Vec<&'static str> {
        [
            ("weights", &self.weights, &other.weights),
            ("schema", &self.schema, &other.schema),
            ("data", &self.data, &other.data),
            ("split", &self.split, &other.split),
            ("features", &self.features, &other.features),
            ("recipe", &self.recipe, &other.recipe),
        ]
        .into_iter()
        .filter(|(_, a, b)| a != b)
        .map(|(name, ..)| name)
        .collect()
    }
}

/// The hash of how a version came about: by a first training with `config`, or by `last`, the last
/// entry of its lineage.
pub(crate) fn recipe(
    software: &SoftwareVersion,
    config: &SpaceConfig,
    last: Option<&ExtensionMetadata>,
) -> String {
    let recipe = json!({
        "software": software.version,
        "options": changed_options(config),
        "step": last.map(step),
    });
    json_hash(&recipe).as_str().to_owned()
}

/// Fills in the recipes of a manifest that was written before they were recorded. Such a file knows
/// only grafts, whose options are those of the first training and of the entry.
pub(super) fn fill(manifest: &mut Value) {
    let part = |value: &Value, key: &str| value.get(key).cloned().unwrap_or_default();
    let Ok(config) = SpaceConfig::deserialize(part(manifest, "config")) else { return };
    let recipe_of = |software: Value, last: Option<&ExtensionMetadata>| {
        let software = SoftwareVersion::deserialize(software).ok();
        json!(software.map(|software| recipe(&software, &config, last)).unwrap_or_default())
    };
    let mut last = None;
    for entry in manifest.get_mut("extensions").and_then(Value::as_array_mut).into_iter().flatten() {
        let made = recipe_of(part(entry, "extended_from_es_version"), last.as_ref());
        put(entry.get_mut("parent"), made);
        last = ExtensionMetadata::deserialize(&*entry).ok();
    }
    let made = recipe_of(part(manifest, "software"), last.as_ref());
    put(manifest.get_mut("hashes"), made);
}

fn put(hashes: Option<&mut Value>, recipe: Value) {
    if let Some(hashes) = hashes.and_then(Value::as_object_mut) {
        hashes.entry("recipe").or_insert(recipe);
    }
}

/// Options that are not the default, so that an option that comes with a later version of the
/// software leaves the recipes of older files as they are.
pub(crate) fn changed_options<O: Serialize + Default>(options: &O) -> Map<String, Value> {
    let object = |options: &O| match serde_json::to_value(options) {
        Ok(Value::Object(options)) => options,
        _ => Map::new(),
    };
    let defaults = object(&O::default());
    object(options).into_iter().filter(|(name, value)| defaults.get(name) != Some(value)).collect()
}

/// What was decided about a step before it was taken.
fn step(entry: &ExtensionMetadata) -> Value {
    let phases: Vec<Value> = entry
        .phases
        .iter()
        .map(|p| json!({ "name": p.name, "n_epochs": p.n_epochs_planned, "patience": p.patience }))
        .collect();
    let parents: Vec<ContentHash> = entry.parents().map(Hashes::id).collect();
    let mut step = json!({
        "operation": entry.operation,
        "mode": entry.mode,
        "freeze": changed_options(&entry.freeze),
        "d_side": entry.d_side,
        "drift_bound": entry.anchor.map(|anchor| anchor.drift_bound),
        "seed": entry.seed,
        "phases": phases,
        "columns_added": entry.new_columns_added,
        "columns_removed": entry.columns_removed,
        "parents": parents,
    });
    // Files from before it was recorded keep their recipes.
    if let (Some(step), Some(batch_size)) = (step.as_object_mut(), entry.batch_size) {
        step.insert("batch_size".to_owned(), json!(batch_size));
    }
    step
}
