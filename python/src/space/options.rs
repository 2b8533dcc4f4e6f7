//! Options of several ways to make a space, from what Python gives.

use pyo3::prelude::*;
use tabgraft_model::{CompareOptions, Device, Error, Freeze, Keep, PredictorOptions, TrainingOptions};

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

/// What is kept, from its word and what it needs.
pub fn keep_option(keep: &str, target: Option<String>, cross_fit: bool, seed: u64) -> Raised<Keep> {
    let refused = |text: &str, hint: &str| Err(Raise::Core(Error::option(text).with_hint(hint)));
    match (keep, target) {
        ("always", None) if !cross_fit => Ok(Keep::Always),
        ("always", _) => refused(
            "options `target` and `cross_fit` say how a graft is judged, but `keep` is `always`",
            "give `keep=\"if_not_worse\"`, or leave them out",
        ),
        ("if_not_worse", Some(target)) => {
            let predictor = PredictorOptions { seed, ..Default::default() };
            Ok(Keep::IfNotWorse { target, compare: CompareOptions { predictor, cross_fit } })
        }
        ("if_not_worse", None) => {
            refused("option `keep` is `if_not_worse`, but there is no `target`", "name the column to predict")
        }
        _ => refused(
            &format!("option `keep` is `{keep}`, allowed is `always` or `if_not_worse`"),
            "`if_not_worse` judges by a `target`",
        ),
    }
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
