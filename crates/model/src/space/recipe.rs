//! How a version came about, as a hash: software, seed, mode, options and parents.
//!
//! With the hashes of what a version is made of (weights, schema, data, split, features) it makes the
//! version's id. Nothing measured enters it, no name and no time, so that the same training on the
//! same rows gives the same id, and anybody who has the file can compute it again.

use serde::Deserialize;
use serde_json::{Value, json};

use super::baseline::{self, changed};
use super::migrate;
use super::{ExtensionMetadata, Hashes, SoftwareVersion, SpaceConfig};
use crate::store::{ContentHash, json_hash};

/// Which hashes a version has, by the format that it was first written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// Formats 1.0 to 1.3: none of wiring and claims. A limit of memory is part of the recipe.
    Six,
    /// From 1.4 on.
    Eight,
}

impl Hashes {
    /// Names a version in lineages and registries: the hash of all its hashes. Those that a version of
    /// format 1.3 or earlier does not have stay out, so that it keeps its name.
    pub fn id(&self) -> ContentHash {
        let present = self.all().into_iter().filter_map(|(name, hash)| Some((name.to_owned(), json!(hash?))));
        json_hash(&Value::Object(present.collect()))
    }

    /// The names of those hashes in which two versions differ, and `rows` where both remember rows and not the same.
    pub fn differences(&self, other: &Hashes) -> Vec<&'static str> {
        let differs = |((name, a), (_, b)): ((_, Option<&str>), (_, _))| (a != b).then_some(name);
        let rows = self.remembers_other_rows(other).then_some("rows");
        self.all().into_iter().zip(other.all()).filter_map(differs).chain(rows).collect()
    }

    /// Whether both remember rows, and not the same.
    pub(crate) fn remembers_other_rows(&self, other: &Hashes) -> bool {
        self.rows.as_ref().zip(other.rows.as_ref()).is_some_and(|(a, b)| a != b)
    }

    /// Which of them there are.
    pub(crate) fn era(&self) -> Era {
        if self.claims.is_some() { Era::Eight } else { Era::Six }
    }

    /// Those that make up the id.
    fn all(&self) -> [(&'static str, Option<&str>); 8] {
        let Hashes { weights, schema, data, split, features, recipe, wiring, claims, rows: _ } = self;
        [
            ("weights", Some(weights)),
            ("schema", Some(schema)),
            ("data", Some(data)),
            ("split", Some(split)),
            ("features", Some(features)),
            ("recipe", Some(recipe)),
            ("wiring", wiring.as_deref()),
            ("claims", claims.as_deref()),
        ]
    }
}

impl PartialEq for Hashes {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl Eq for Hashes {}

/// The hash of how a version came about: by a first training with `config`, or by `last`, the last
/// entry of its lineage.
pub(crate) fn recipe(
    software: &SoftwareVersion,
    config: &SpaceConfig,
    last: Option<&ExtensionMetadata>,
    era: Era,
) -> String {
    json_hash(&content(software, config, last, era)).as_str().to_owned()
}

fn content(
    software: &SoftwareVersion,
    config: &SpaceConfig,
    last: Option<&ExtensionMetadata>,
    era: Era,
) -> Value {
    let mut options = changed(config, &baseline::space());
    if era == Era::Eight {
        // It says what a machine had, not how the version came about: what it did shows in the rows of a step.
        options.remove("memory_limit");
    }
    json!({ "software": software.version, "options": options, "step": last.map(step) })
}

/// Fills in the recipes of a manifest that was written before they were recorded. Such a file knows
/// only grafts, whose options are those of the first training and of the entry.
pub(super) fn fill(manifest: &mut Value) {
    let part = |value: &Value, key: &str| value.get(key).cloned().unwrap_or_default();
    let Ok(config) = SpaceConfig::deserialize(part(manifest, "config")) else { return };
    let recipe_of = |software: Value, last: Option<&ExtensionMetadata>| {
        let software = SoftwareVersion::deserialize(software).ok();
        json!(software.map(|software| recipe(&software, &config, last, Era::Six)).unwrap_or_default())
    };
    let mut last = None;
    for entry in manifest.get_mut("extensions").and_then(Value::as_array_mut).into_iter().flatten() {
        let made = recipe_of(part(entry, "extended_from_es_version"), last.as_ref());
        put(entry.get_mut("parent"), made);
        // What later formats know of a step, as they fill it in.
        let mut filled = entry.clone();
        migrate::put_into_step(&mut filled);
        last = ExtensionMetadata::deserialize(filled).ok();
    }
    let made = recipe_of(part(manifest, "software"), last.as_ref());
    put(manifest.get_mut("hashes"), made);
}

fn put(hashes: Option<&mut Value>, recipe: Value) {
    if let Some(hashes) = hashes.and_then(Value::as_object_mut) {
        hashes.entry("recipe").or_insert(recipe);
    }
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
        "freeze": changed(&entry.freeze, &baseline::freeze()),
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
    // Likewise: where all rows were taken, nothing is said.
    if let (Some(step), Some(sample)) = (step.as_object_mut(), entry.sample) {
        step.insert("sample".to_owned(), json!(sample));
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All figures below were computed outside of this library, from `docs/format.md`. Files refer to them: they never
    /// change.
    fn short(hash: &str) -> &str {
        &hash[..16]
    }

    fn software() -> SoftwareVersion {
        SoftwareVersion { version: "0.1.0".to_owned() }
    }

    fn hashes(wiring: Option<&str>, claims: Option<&str>) -> Hashes {
        let [weights, schema, data, split, features, recipe] =
            ["w", "s", "d", "p", "f", "r"].map(str::to_owned);
        let (wiring, claims) = (wiring.map(str::to_owned), claims.map(str::to_owned));
        Hashes { weights, schema, data, split, features, recipe, wiring, claims, rows: None }
    }

    #[test]
    fn ids_are_frozen() {
        assert_eq!(short(hashes(None, None).id().as_str()), "a86b4ed5f23b0a69");
        assert_eq!(short(hashes(Some("i"), Some("c")).id().as_str()), "8bff00f0499a05af");
    }

    #[test]
    fn remembered_rows_are_no_part_of_what_a_version_is() {
        let [none, some, other] = [None, Some("a"), Some("b")]
            .map(|rows| Hashes { rows: rows.map(str::to_owned), ..hashes(Some("i"), Some("c")) });
        assert_eq!((some.id(), &some), (none.id(), &none));
        assert_eq!(some.differences(&none), [""; 0], "one of the two is private");
        assert_eq!(some.differences(&other), ["rows"]);
    }

    #[test]
    fn the_recipe_of_each_option_is_frozen() {
        for (options, expected) in [
            (json!({}), "c9dd4ba94f3f845f"),
            (json!({ "d_model": 64 }), "115bcb3cd303df45"),
            (json!({ "n_blocks": 3 }), "72ad3f7536450865"),
            (json!({ "expansion": 1 }), "dabd9aa108574fd5"),
            (json!({ "p_drop": 0.25 }), "cb6f209c95439116"),
            (json!({ "learning_rate": 0.001 }), "cb05be3ed94adcc5"),
            (json!({ "weight_decay": 0.0 }), "30a69198a7d9fd46"),
            (json!({ "batch_size": 32 }), "6b3913758eb56502"),
            (json!({ "n_epochs": 7 }), "d4b82a01e06c6056"),
            (json!({ "auto_epochs": false }), "688f1ffb40e75bc9"),
            (json!({ "seed": 9 }), "81361e57aee42fb4"),
            (json!({ "codec": { "n_bins": 12 } }), "e7aa3db68589f49c"),
            (json!({ "codec": { "max_categories": 1000, "text_slots": 64 } }), "4c7d7c26e3af22c9"),
        ] {
            // The rest as the baseline has it, whatever this version's defaults are.
            let mut config = baseline::space();
            for (name, value) in options.as_object().unwrap() {
                match value.as_object() {
                    Some(group) => group.iter().for_each(|(inner, v)| config[name][inner] = v.clone()),
                    None => config[name] = value.clone(),
                }
            }
            let config = SpaceConfig::deserialize(&config).unwrap();
            for era in [Era::Six, Era::Eight] {
                assert_eq!(short(&recipe(&software(), &config, None, era)), expected, "{options}");
            }
        }
    }

    /// Formats 1.2 and 1.3 had it in the recipe, and such a file keeps its id.
    #[test]
    fn a_limit_of_memory_is_part_of_old_recipes_only() {
        let mut config = baseline::space();
        config["memory_limit"] = json!(1_u64 << 30);
        let config = SpaceConfig::deserialize(&config).unwrap();
        assert_eq!(short(&recipe(&software(), &config, None, Era::Six)), "b4505bedb7aa6924");
        assert_eq!(short(&recipe(&software(), &config, None, Era::Eight)), "c9dd4ba94f3f845f");
    }

    /// A step as a file of format 1.3 has it, brought to the current format.
    fn step(change: impl FnOnce(&mut Value)) -> ExtensionMetadata {
        let mut entry = json!({
            "operation": "graft", "extended_from_es_name": "v1", "extended_from_es_version": { "version": "0.1.0" },
            "other_parents": [], "extension_date": "2026-01-01T00:00:00Z", "new_columns_added": ["c"],
            "columns_removed": [], "original_column_count": 2, "extended_column_count": 3,
            "training_epochs_used": 4, "batch_size": 32,
            "phases": [{ "name": "new columns", "n_epochs_planned": 4, "n_epochs": 2, "patience": 3,
                "watched": "new_columns", "stop_reason": "all_epochs" }],
            "feature_metadata": null, "mode": "frozen", "freeze": baseline::freeze(), "d_side": 16,
            "parent": { "weights": "w", "schema": "s", "data": "d", "split": "p", "features": "f", "recipe": "r" },
            "data_hash": "d", "software": { "version": "0.1.0" }, "seed": 5, "drift": null, "anchor": null,
            "prune": null, "parent_validation_loss": null, "judgement": null, "seconds": 1.5,
        });
        change(&mut entry);
        let mut manifest = json!({ "extensions": [entry] });
        super::super::to_current(&mut manifest);
        ExtensionMetadata::deserialize(&manifest["extensions"][0]).unwrap()
    }

    #[test]
    fn the_recipe_of_each_part_of_a_step_is_frozen() {
        let with_claims = json!({ "weights": "w", "schema": "s", "data": "d", "split": "p", "features": "f",
            "recipe": "r", "wiring": "i", "claims": "c" });
        let of = |change: &dyn Fn(&mut Value)| {
            let config = SpaceConfig::deserialize(baseline::space()).unwrap();
            short(&recipe(&software(), &config, Some(&step(change)), Era::Eight)).to_owned()
        };
        let phase = |name: &str, value: Value| of(&|s| s["phases"][0][name] = value.clone());
        let set = |name: &str, value: Value| of(&|s| s[name] = value.clone());
        let freeze = |name: &str, value: Value| of(&|s| s["freeze"][name] = value.clone());
        for (what, found, expected) in [
            ("nothing", of(&|_| ()), "f7950dd12f5d3d55"),
            ("operation", set("operation", json!("prune")), "fb554f8351d1a93f"),
            ("mode", set("mode", json!("joint")), "f86e73bc7ef898d6"),
            ("tokens", freeze("tokens", json!(true)), "72ea5970b4ac3f1f"),
            ("trunk", freeze("trunk", json!(true)), "b61d469208dc023b"),
            ("heads", freeze("heads", json!(true)), "a15a69bfb741dd4e"),
            ("columns", freeze("columns", json!(["a"])), "dedcae7a18004a1a"),
            ("schedule", freeze("schedule", json!("when_flat")), "3feb00f988eab4de"),
            ("d_side", set("d_side", json!(8)), "2c48c5c9b24b20bc"),
            ("bound", set("anchor", json!({ "drift_bound": 0.05, "kept_share": 0.5 })), "490de413855c9111"),
            ("seed", set("seed", json!(6)), "fcbe4a79324658cd"),
            ("phase", phase("name", json!("all")), "8dbad498d7fdafbf"),
            ("epochs", phase("n_epochs_planned", json!(5)), "db001babf4ff999a"),
            ("patience", phase("patience", Value::Null), "6989bf1df8a1cb45"),
            ("added", set("new_columns_added", json!(["c", "d"])), "bf44ed173ecfbc32"),
            ("removed", set("columns_removed", json!(["a"])), "cb5c6710da995d10"),
            ("parent", set("parent", with_claims.clone()), "e1ba1ec3527880e1"),
            (
                "parents",
                set("other_parents", json!([{ "name": "o", "hashes": with_claims, "line": [] }])),
                "f663ca932dcba39c",
            ),
            ("batch size", set("batch_size", json!(64)), "d2f1139c35c60f21"),
            ("no batch size", set("batch_size", Value::Null), "1a993dc1dd895448"),
            // What was measured, and when, is no part of it.
            ("seconds", set("seconds", json!(9.5)), "f7950dd12f5d3d55"),
            ("epochs that ran", phase("n_epochs", json!(4)), "f7950dd12f5d3d55"),
            ("date", set("extension_date", json!("later")), "f7950dd12f5d3d55"),
        ] {
            assert_eq!(found, expected, "{what}");
        }
    }
}
