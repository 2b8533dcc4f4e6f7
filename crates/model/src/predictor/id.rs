//! What a predictor's id covers.

use serde_json::{Value, json};

use super::{PredictorAbout, Target};
use crate::space::baseline;
use crate::space::claims::remove;
use crate::store::{ContentHash, json_hash};

impl PredictorAbout {
    /// Names a predictor of these weights in lineages and registries: the hash of what it is made of, of
    /// how it came about and of what it claims, without names and times. One of format 1.3 or earlier
    /// has no hash of its claims, and keeps its name.
    pub(crate) fn id(&self, weights: &ContentHash) -> ContentHash {
        let mut options = baseline::changed(&self.options, &baseline::predictor());
        options.remove("name");
        let mut id = json!({
            "weights": weights,
            "space": self.space.hashes.id(),
            "target": target(&self.target),
            "sharpness": self.sharpness,
            "software": self.software.version,
            "options": options,
        });
        if let (Some(claims), Some(id)) = (&self.claims, id.as_object_mut()) {
            id.insert("claims".to_owned(), json!(claims));
        }
        json_hash(&id)
    }

    /// The hash of everything that the manifest says of the predictor, but for names, times and seconds;
    /// of its space the wiring and the claims, whose hashes an older space does not have. A field that
    /// comes to the manifest is covered by itself.
    pub(super) fn claims_hash(&self) -> ContentHash {
        let mut claims = serde_json::to_value(self).unwrap_or_default();
        remove(&mut claims, &["name", "created", "claims", "space", "rows", "rows_hash", "refused_growths"]);
        claims.get_mut("options").into_iter().for_each(|options| remove(options, &["name"]));
        claims.get_mut("fit_info").into_iter().for_each(|info| remove(info, &["seconds", "seconds_spent"]));
        // The old predictor is named by its id, which covers its names and times no more than this.
        claims.get_mut("growth").into_iter().for_each(|growth| remove(growth, &["base"]));
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("space".to_owned(), json!([self.space.wiring, self.space.claims()]));
        }
        json_hash(&claims)
    }

    /// Computes the hashes of what it claims and remembers: the last thing that a fit does.
    pub(super) fn seal(&mut self) {
        self.rows_hash = self.hash_of_rows();
        self.claims = Some(self.claims_hash().as_str().to_owned());
    }

    fn hash_of_rows(&self) -> Option<String> {
        self.rows.as_ref().map(|rows| rows.hash().as_str().to_owned())
    }

    /// Whether it remembers the rows that were hashed.
    pub(crate) fn bears_out_its_rows(&self) -> bool {
        self.rows_hash == self.hash_of_rows()
    }

    /// Whether its claims are those that were hashed.
    pub(crate) fn bears_out_its_claims(&self) -> bool {
        self.claims.as_ref().is_none_or(|claims| claims == self.claims_hash().as_str())
    }
}

/// Those fields of the target that files have had from the beginning; what came later is a claim.
fn target(target: &Target) -> Value {
    match target {
        Target::Classes { column, classes, .. } => {
            json!({ "target": "classes", "column": column, "classes": classes })
        }
        Target::Number { column, mean, deviation, .. } => {
            json!({ "target": "number", "column": column, "mean": mean, "deviation": deviation })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::predictor::to_current;

    /// A manifest as format 1.3 has it: on the space of a frozen file, whose hashes are put in place of real ones.
    fn manifest() -> Value {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/1.3/v3.tabgraft");
        let (container, _) = crate::store::load(&file).unwrap();
        let mut space = container.manifest;
        space["hashes"] = json!({ "weights": "w", "schema": "s", "data": "d", "split": "p", "features": "f",
            "recipe": "r" });
        json!({
            "name": "p", "created": "2026-01-01T00:00:00Z", "software": { "version": "0.1.0" },
            "options": baseline::predictor(),
            "target": { "target": "classes", "column": "y", "classes": ["no", "yes"] },
            "sharpness": 1.5, "space": space,
            "fit_info": {
                "n_rows": 100, "n_rows_without_target": 0, "n_rows_test": 10, "best_epochs": [3, 4], "scores": [],
                "columns": { "ignored_columns": [], "missing_columns": [] }, "interrupted": false, "seconds": 2.5,
            },
        })
    }

    fn about(change: impl FnOnce(&mut Value)) -> PredictorAbout {
        let mut manifest = manifest();
        change(&mut manifest);
        to_current(&mut manifest);
        PredictorAbout::deserialize(&manifest).unwrap()
    }

    /// The first digits of its id, with weights whose hash is all zeros.
    fn id(change: impl FnOnce(&mut Value)) -> String {
        let weights = ContentHash::parse(&"0".repeat(64)).unwrap();
        about(change).id(&weights).as_str()[..16].to_owned()
    }

    /// Computed outside of this library. Registries refer to them: they never change.
    #[test]
    fn ids_of_predictors_are_frozen_option_by_option() {
        assert_eq!(id(|_| ()), "f9bfe2cb8831e67a");
        assert_eq!(id(|m| m["claims"] = json!("c")), "5b7311fef5c47c9f");
        let number = json!({ "target": "number", "column": "y", "mean": 0.1, "deviation": 2.0 });
        assert_eq!(id(|m| m["target"] = number), "2b52c8b716e431ce");
        for (name, value, expected) in [
            ("name", json!("other"), "f9bfe2cb8831e67a"),
            ("target_kind", json!("set"), "8105b293e251f8ba"),
            ("n_epochs", json!(7), "45f296d2037d52d0"),
            ("patience", json!(3), "731163a27bc60d99"),
            ("batch_size", json!(64), "033e080fadabf766"),
            ("n_networks", json!(2), "dee95b38d5cb6996"),
            ("d_hidden", json!(16), "6373c59b470528e7"),
            ("learning_rate", json!(0.25), "053c083007610be8"),
            ("learning_rate_space", json!(0.25), "57451cae7f9479b1"),
            ("learning_rate_wide", json!(0.25), "d2cbbdcd7d34141c"),
            ("weight_decay", json!(0.25), "fe1eb2a479a3807b"),
            ("weight_decay_wide", json!(0.25), "f47fd3455491516d"),
            ("p_mask", json!(0.25), "f2d69309da3dbe89"),
            ("p_drop", json!(0.25), "2d35c1ee79a42bc3"),
            ("p_drop_space", json!(0.25), "f14d6e0dd1a90c67"),
            ("hold_out_test", json!(false), "bbad01a83f0b45d1"),
            ("threshold", json!(0.25), "595b07ac7dc1e134"),
            ("seed", json!(9), "ca2fda511cbecf84"),
        ] {
            assert_eq!(id(|m| m["options"][name] = value.clone()), expected, "{name}");
        }
    }

    /// An older space does not hash its wiring and its claims; a new predictor on it does.
    #[test]
    fn claims_cover_the_fit_and_what_an_older_space_does_not_hash() {
        let base = about(|_| ()).claims_hash();
        let same: [fn(&mut Value); 4] = [
            |m| m["name"] = json!("q"),
            |m| m["options"]["name"] = json!("q"),
            |m| m["fit_info"]["seconds"] = json!(9.5),
            |m| m["space"]["training_info"]["seconds"] = json!(9.5),
        ];
        same.into_iter().for_each(|change| assert_eq!(about(change).claims_hash(), base));
        let other: [fn(&mut Value); 4] = [
            |m| m["fit_info"]["n_rows"] = json!(101),
            |m| m["sharpness"] = json!(1.25),
            |m| m["space"]["excluded"] = json!([]),
            |m| m["space"]["notes"] = json!(["other"]),
        ];
        other.into_iter().for_each(|change| assert_ne!(about(change).claims_hash(), base));
        assert!(
            about(|_| ()).bears_out_its_claims()
                && !about(|m| m["claims"] = json!("c")).bears_out_its_claims()
        );
    }
}
