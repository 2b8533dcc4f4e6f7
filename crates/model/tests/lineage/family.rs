//! A family of models in a folder, and ways to change its files.

use std::path::Path;
use std::sync::{Arc, OnceLock};
pub use tabgraft_model::train::quiet;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use serde_json::{Value, json};
use tabgraft_model::lineage::Step;
use tabgraft_model::store::{self, Container, json_hash};
use tabgraft_model::{
    EmbeddingSpace, ExtendOptions, FitOptions, Lineage, Mode, Predictor, PredictorOptions, TrainingOptions,
};
use tabgraft_table::Table;

pub fn table() -> Table {
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

pub fn without(names: &[&str]) -> Table {
    table().without(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap()
}

pub fn fit(name: &str, seed: u64) -> EmbeddingSpace {
    let mut options = FitOptions { name: name.into(), ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(1);
    options.config.training.seed = seed;
    options.infer.ignore = vec!["target".into()];
    EmbeddingSpace::fit(&without(&["late", "later"]), None, &options, &mut quiet).unwrap()
}

pub fn extend(parent: &EmbeddingSpace, name: &str, mode: Mode, table: &Table) -> EmbeddingSpace {
    let options = ExtendOptions {
        mode,
        name: Some(name.into()),
        training: TrainingOptions::of_epochs(2),
        ..ExtendOptions::default()
    };
    parent.extend(table, None, &options, &mut quiet).unwrap()
}

/// v1 -> v2 (frozen, `late`) -> v3 (joint, `later`); v1 -> side (anchored, both); predictors on v1, v3.
pub struct Family {
    pub v1: EmbeddingSpace,
    pub v2: EmbeddingSpace,
    pub v3: EmbeddingSpace,
    pub side: EmbeddingSpace,
    pub p1: Predictor,
    pub p3: Predictor,
}

pub fn family() -> &'static Family {
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
            Predictor::fit(space, &table(), "target", &options, &mut quiet).unwrap()
        };
        let (p1, p3) = (predictor(&v1, "p1"), predictor(&v3, "p3"));
        Family { v1, v2, v3, side, p1, p3 }
    })
}

/// A folder with all of the family, each under its name.
pub fn folder() -> tempfile::TempDir {
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
pub fn steps(lineage: &Lineage) -> Vec<(String, Step, String)> {
    let name = |id| lineage.node(id).unwrap().name.clone();
    lineage.edges.iter().map(|e| (name(&e.parent), e.step, name(&e.child))).collect()
}

/// Changes a file's manifest and seals it again, with the hashes that the store computes.
pub fn reseal(path: &Path, change: impl FnOnce(&mut Container)) {
    let (mut container, _) = store::load(path).unwrap();
    change(&mut container);
    store::save(path, &container).unwrap();
}

/// Changes a space's file and computes all its hashes anew, as anyone can who has read `docs/format.md`.
/// The recipe has to be changed by hand.
pub fn forge(path: &Path, change: impl FnOnce(&mut Container)) {
    reseal(path, |container| {
        change(container);
        let weights = store::weights_hash(&container.tensors);
        let manifest = &mut container.manifest;
        let hash = |value: &Value| json!(json_hash(value));
        let schema = hash(&json!([manifest["columns"], manifest["codecs"]]));
        let [split, features, wiring] = ["split", "features", "wiring"].map(|field| hash(&manifest[field]));
        let claims = hash(&claims(manifest));
        for (name, hash) in [
            ("weights", json!(weights)),
            ("schema", schema),
            ("split", split),
            ("features", features),
            ("wiring", wiring),
            ("claims", claims),
        ] {
            manifest["hashes"][name] = hash;
        }
    });
}

/// What `docs/format.md` says that the hash `claims` covers.
fn claims(manifest: &Value) -> Value {
    fn remove(object: &mut Value, fields: &[&str]) {
        fields.iter().for_each(|field| drop(object.as_object_mut().unwrap().shift_remove(*field)));
    }
    fn timeless(step: &mut Value) {
        remove(step, &["extended_from_es_name", "extension_date", "seconds"]);
        remove(&mut step["parent"], &["rows"]);
        for other in step["other_parents"].as_array_mut().unwrap() {
            remove(other, &["name"]);
            remove(&mut other["hashes"], &["rows"]);
            other["line"].as_array_mut().unwrap().iter_mut().for_each(timeless);
        }
    }
    let mut claims = manifest.clone();
    let elsewhere = ["columns", "codecs", "split", "features", "wiring"];
    remove(&mut claims, &["name", "created", "hashes", "refused_extensions", "rows"]);
    remove(&mut claims, &elsewhere);
    remove(&mut claims["config"], &["memory_limit"]);
    remove(&mut claims["training_info"], &["seconds", "rows_per_second", "stages"]);
    let epochs = claims["training_info"]["epochs"].as_array_mut().unwrap();
    epochs.iter_mut().for_each(|epoch| remove(epoch, &["seconds"]));
    claims["extensions"].as_array_mut().unwrap().iter_mut().for_each(timeless);
    claims
}
