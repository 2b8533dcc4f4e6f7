//! The value of each option at which a recipe does not mention it.
//!
//! A recipe holds the options that differ from these values, not from the defaults of the software that
//! reads the file: the day a default changes, files that were written before keep their recipes, and
//! so their ids. The values were the defaults of formats 1.0 to 1.4. None of them ever changes. An
//! option that comes later gets the value that `migrate.rs` fills in for files written before.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Of [`super::SpaceConfig`].
pub(super) fn space() -> Value {
    json!({
        "d_model": 128,
        "n_blocks": 2,
        "expansion": 2,
        "p_drop": 0.1_f32,
        "learning_rate": 2e-3_f32,
        "weight_decay": 1e-4_f32,
        "batch_size": null,
        "memory_limit": null,
        "n_epochs": null,
        "auto_epochs": true,
        "seed": 0,
        "codec": {
            "n_bins": 24,
            "n_targets": 16,
            "max_categories": 256,
            "text_slots": 128,
        },
    })
}

/// Of [`super::Freeze`].
pub(super) fn freeze() -> Value {
    json!({
        "tokens": false,
        "trunk": false,
        "heads": false,
        "columns": [],
        "schedule": "at_once",
    })
}

/// Of [`crate::PredictorOptions`].
pub(crate) fn predictor() -> Value {
    json!({
        "name": "predictor",
        "target_kind": "auto",
        "effort": "default",
        "n_epochs": 100,
        "patience": 14,
        "batch_size": null,
        "n_networks": null,
        "d_hidden": 128,
        "learning_rate": 1e-3_f32,
        "learning_rate_space": 1e-3_f32,
        "learning_rate_wide": 5e-3_f32,
        "weight_decay": 1e-2_f32,
        "weight_decay_wide": 0.1_f32,
        "p_mask": 0.1_f32,
        "p_drop": 0.2_f32,
        "p_drop_space": 0.1_f32,
        "hold_out_test": true,
        "threshold": 0.5,
        "threshold_for": null,
        "class_weight": null,
        "seed": 0,
    })
}

/// Options within an option that came after format 1.4. The others of the same group stand in a recipe
/// together or not at all, as they always did; each of these stands there if it differs.
fn later() -> Value {
    json!({})
}

/// Those options that differ from a baseline. An option that has none always does.
pub(crate) fn changed(options: &impl Serialize, baseline: &Value) -> Map<String, Value> {
    let Ok(Value::Object(options)) = serde_json::to_value(options) else { return Map::new() };
    let differs = |(name, value): (String, Value)| {
        let Some(usual) = baseline.get(&name) else { return Some((name, value)) };
        let value = match (value, usual) {
            (Value::Object(group), Value::Object(first)) => {
                Value::Object(changed_group(group, first, later().get(&name)))
            }
            (value, usual) if value == *usual => return None,
            (value, _) => value,
        };
        (value != json!({})).then_some((name, value))
    };
    options.into_iter().filter_map(differs).collect()
}

fn changed_group(
    group: Map<String, Value>,
    first: &Map<String, Value>,
    later: Option<&Value>,
) -> Map<String, Value> {
    let is_usual = first.iter().all(|(name, usual)| group.get(name) == Some(usual));
    let differs = |(name, value): &(String, Value)| match first.contains_key(name) {
        true => !is_usual,
        false => later.and_then(|later| later.get(name)) != Some(value),
    };
    group.into_iter().filter(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PredictorOptions;
    use crate::space::{Freeze, SpaceConfig};

    fn names(value: &Value) -> Vec<&String> {
        value.as_object().unwrap().keys().collect()
    }

    /// An option without one would enter the recipes of files that were written before it came, and
    /// change their ids.
    #[test]
    fn every_option_has_a_baseline() {
        for (options, baseline) in [
            (json!(SpaceConfig::default()), space()),
            (json!(Freeze::default()), freeze()),
            (json!(PredictorOptions::default()), predictor()),
        ] {
            for (name, value) in options.as_object().unwrap() {
                let usual = baseline.get(name).unwrap_or_else(|| {
                    panic!("option `{name}` came without a baseline: space/baseline.rs says which it is")
                });
                let (Value::Object(group), false) = (value, usual.is_null()) else { continue };
                for inner in group.keys() {
                    let later = later().get(name).is_some_and(|later| later.get(inner).is_some());
                    assert!(later || usual.get(inner).is_some(), "`{name}.{inner}` came without a baseline");
                }
            }
            assert!(names(&baseline).iter().all(|name| options.get(*name).is_some()), "{baseline}");
        }
    }

    /// The literals of formats 1.0 to 1.4, spelled as they are hashed. They never change.
    #[test]
    fn baselines_are_frozen() {
        assert_eq!(
            space().to_string(),
            r#"{"d_model":128,"n_blocks":2,"expansion":2,"p_drop":0.10000000149011612,"learning_rate":0.0020000000949949026,"weight_decay":0.00009999999747378752,"batch_size":null,"memory_limit":null,"n_epochs":null,"auto_epochs":true,"seed":0,"codec":{"n_bins":24,"n_targets":16,"max_categories":256,"text_slots":128}}"#
        );
        assert_eq!(
            freeze().to_string(),
            r#"{"tokens":false,"trunk":false,"heads":false,"columns":[],"schedule":"at_once"}"#
        );
        assert_eq!(
            predictor().to_string(),
            r#"{"name":"predictor","target_kind":"auto","effort":"default","n_epochs":100,"patience":14,"batch_size":null,"n_networks":null,"d_hidden":128,"learning_rate":0.0010000000474974513,"learning_rate_space":0.0010000000474974513,"learning_rate_wide":0.004999999888241291,"weight_decay":0.009999999776482582,"weight_decay_wide":0.10000000149011612,"p_mask":0.10000000149011612,"p_drop":0.20000000298023224,"p_drop_space":0.10000000149011612,"hold_out_test":true,"threshold":0.5,"threshold_for":null,"class_weight":null,"seed":0}"#
        );
    }

    /// Files written before an option came say nothing of it: with the value that stands for them it must
    /// not show, beside options that do.
    #[test]
    fn options_of_a_group_stand_together_and_later_ones_alone() {
        let first = json!({ "a": 1, "b": 2 });
        let later = json!({ "c": 3 });
        let of = |group: Value| {
            let group = group.as_object().unwrap().clone();
            Value::Object(changed_group(group, first.as_object().unwrap(), Some(&later)))
        };
        assert_eq!(of(json!({ "a": 1, "b": 2, "c": 3 })), json!({}));
        assert_eq!(of(json!({ "a": 1, "b": 5, "c": 3 })), json!({ "a": 1, "b": 5 }));
        assert_eq!(of(json!({ "a": 1, "b": 2, "c": 4 })), json!({ "c": 4 }));
        assert_eq!(of(json!({ "a": 1, "b": 2, "c": 3, "d": null })), json!({ "d": null }));
    }
}
