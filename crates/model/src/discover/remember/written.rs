//! Which of the files of JSON about features one is, told by its keys alone.

use std::fs::File;
use std::path::Path;

use serde::Deserialize;
use tabgraft_feature::engineer::{MAX_FILE_BYTES, is_list};
use tabgraft_table::read_whole;

use crate::error::{Error, Result};

/// What a file about features holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenKind {
    /// Runs of discovery.
    History,
    /// What features were worth.
    Effectiveness,
    /// Features; also what is none of these, for their reader says what is wrong and where.
    Features,
}

#[derive(Deserialize)]
struct Keys {
    runs: Option<serde::de::IgnoredAny>,
    features: Option<Vec<FeatureKeys>>,
}

#[derive(Deserialize)]
struct FeatureKeys {
    effect_points: Option<serde::de::IgnoredAny>,
}

impl WrittenKind {
    /// The kind of a file, without believing anything else in it.
    ///
    /// # Errors
    /// An I/O error if it cannot be read, a malformed error if it is longer than any of them may be.
    pub fn at(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, "read", e))?;
        let bytes = read_whole(path, file, MAX_FILE_BYTES)?;
        let is_effect = |f: &FeatureKeys| f.effect_points.is_some();
        Ok(match serde_json::from_slice::<Keys>(&bytes) {
            // A list would be taken for the fields of an object in their order.
            _ if is_list(&bytes) => WrittenKind::Features,
            Ok(Keys { runs: Some(_), .. }) => WrittenKind::History,
            Ok(Keys { features: Some(features), .. })
                if features.is_empty() || features.iter().any(is_effect) =>
            {
                WrittenKind::Effectiveness
            }
            _ => WrittenKind::Features,
        })
    }
}
