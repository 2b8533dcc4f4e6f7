//! The two frames of a described extension, training and validation rows, as a graft takes them.

use std::borrow::Cow;

use tabgraft_feature::{Feature, FeatureEngineer};
use tabgraft_table::Table;

use super::ExtendOptions;
use crate::error::Result;
use crate::space::{EmbeddingSpace, complete};

impl EmbeddingSpace {
    /// The table to graft from, and its validation rows where they stand apart.
    ///
    /// Rows keep the parts that this space's split gives them, so that parent and child are validated on the same
    /// rows: where it has a split, the two frames are taken as one. A frame without rows is none. A feature, of this
    /// space, of `options` or among their candidates, that one of the frames has is computed for the other.
    ///
    /// # Errors
    /// A schema error if the frames differ in other columns; an error that names a feature, if an input of it
    /// cannot be read.
    pub fn joined_frames(
        &self,
        train: &Table,
        valid: Option<&Table>,
        options: &ExtendOptions,
    ) -> Result<(Table, Option<Table>)> {
        let Some(valid) = valid.filter(|valid| valid.n_rows() > 0) else { return Ok((train.clone(), None)) };
        let known = [self.features(), &options.candidates, &options.features].concat();
        let whole_train = with_features_of(&known, train, valid)?;
        let whole_valid = with_features_of(&known, valid, train)?;
        match self.split().p_valid > 0.0 {
            true => Ok((whole_train.append(&whole_valid)?, None)),
            false => Ok((whole_train.into_owned(), Some(whole_valid.into_owned()))),
        }
    }
}

/// A table with those of the known features that the other table has and this one lacks.
fn with_features_of<'a>(known: &[Feature], table: &'a Table, other: &Table) -> Result<Cow<'a, Table>> {
    let is_lacking = |f: &&Feature| other.has_column(&f.name) && !table.has_column(&f.name);
    let lacking: Vec<Feature> = known.iter().filter(is_lacking).cloned().collect();
    if lacking.is_empty() {
        return Ok(Cow::Borrowed(table));
    }
    // As the other table was made: what does not give its columns would not give these.
    Ok(complete(&FeatureEngineer::makers(&lacking, other), table)?.table)
}
