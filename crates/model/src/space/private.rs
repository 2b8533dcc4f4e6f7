//! What a private version leaves out of its file: whatever tells of single rows.
//!
//! | what | how |
//! |---|---|
//! | rows that it was trained on | none is remembered (`known.rs`) |
//! | categories and words of few rows | unseen: no text, no hash (`codec/categorical.rs`) |
//! | notes on tables, which may quote a cell | told while it is made, not kept |
//! | features with statistics of groups of few rows | refused |
//!
//! It is an option of the space's codecs, so that what comes of a private version is private.

use tabgraft_feature::Feature;
use tabgraft_table::Table;

use super::{About, EmbeddingSpace, SpaceConfig};
use crate::error::{Error, Result};

impl EmbeddingSpace {
    /// Whether it keeps nothing of single rows: trained as [`FitOptions::private`](super::FitOptions::private), or made
    /// from such a version.
    pub fn is_private(&self) -> bool {
        self.about.is_private()
    }
}

impl About {
    pub(crate) fn is_private(&self) -> bool {
        self.config.codec.private
    }

    /// Keeps notes on a table, unless the version is private.
    pub(crate) fn keep_notes(&mut self, notes: impl IntoIterator<Item = String>) {
        if !self.is_private() {
            self.notes.extend(notes);
        }
    }
}

/// Refuses to a private version features that hold a group of few rows: its name stands in the file. `table` has the
/// features' columns and those that they read.
///
/// # Errors
/// A value error that names the first such feature; a schema error if what it groups by is not there.
pub(crate) fn check_features(features: &[Feature], table: &Table, config: &SpaceConfig) -> Result<()> {
    if !config.codec.private {
        return Ok(());
    }
    let least = config.codec.min_category_rows();
    for feature in features {
        let n_rare = feature.n_rare_groups(table, least).map_err(|e| feature.named(e))?;
        if n_rare > 0 {
            return Err(Error::value(format!(
                "feature `{}` holds {n_rare} group(s) that fewer than {least} rows of the table have, and the space is \
                 private",
                feature.name
            ))
            .with_hint("group by a column of fewer values, such as a formula that joins the rare ones, or leave it out"));
        }
    }
    Ok(())
}
