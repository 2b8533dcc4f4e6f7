//! Options of several ways to make a space, from what Python gives.

use pyo3::prelude::*;
use tabgraft_model::predictor::KeepGrown;
use tabgraft_model::{Device, Error, Freeze, Keep, SpaceConfig, TrainingOptions};
use tabgraft_table::codec::CodecConfig;

use super::DEVICES;
use crate::convert::{from_python, word};
use crate::error::{Raise, Raised};

/// How to train, from the arguments that every training takes.
pub fn training_options(
    n_epochs: Option<usize>,
    auto_epochs: bool,
    batch_size: Option<usize>,
    memory_limit: Option<u64>,
    device: &str,
    seed: u64,
) -> Raised<TrainingOptions> {
    let device = word::<Device>("device", device, DEVICES)?;
    Ok(TrainingOptions { n_epochs, auto_epochs, batch_size, memory_limit, device, seed })
}

/// A space's shape and its training, from the arguments that both ways to make one take.
pub fn space_config(
    [d_model, n_blocks, expansion]: [usize; 3],
    p_drop: f32,
    [learning_rate, weight_decay]: [f32; 2],
    [codec_bins, codec_targets, codec_categories, codec_text_slots]: [usize; 4],
    min_category_rows: u64,
    training: TrainingOptions,
) -> SpaceConfig {
    let codec = CodecConfig {
        n_bins: codec_bins,
        n_targets: codec_targets,
        max_categories: codec_categories,
        text_slots: codec_text_slots,
        ..CodecConfig::default()
    };
    let codec = codec.with_min_category_rows(min_category_rows);
    SpaceConfig { d_model, n_blocks, expansion, p_drop, learning_rate, weight_decay, training, codec }
}

/// What is kept, from its word and what it needs.
pub fn keep_option(keep: &str, target: Option<String>, cross_fit: bool, seed: u64) -> Raised<Keep> {
    let keep = word::<KeepGrown>("keep", keep, "`always` or `if_not_worse`")?;
    Ok(Keep::of(keep == KeepGrown::IfNotWorse, target, cross_fit, seed)?)
}

/// What stays frozen, from a dictionary.
pub fn freeze_option(freeze: &Bound<'_, PyAny>) -> Raised<Freeze> {
    let refused = |what: String| {
        let hint = "a dictionary of `tokens`, `trunk`, `heads` (true or false), `columns` (names), and `schedule` \
                    (`at_once`, `by_epoch` or `when_flat`)";
        Raise::Core(Error::option(format!("option `freeze`: {what}")).with_hint(hint))
    };
    let mut whole = serde_json::to_value(Freeze::default()).unwrap_or_default();
    match (whole.as_object_mut(), from_python(freeze)?) {
        (Some(whole), serde_json::Value::Object(given)) => whole.extend(given),
        (_, other) => return Err(refused(format!("{other} is no dictionary"))),
    }
    serde_json::from_value(whole).map_err(|e| refused(e.to_string()))
}
