//! The embedding space: one vector per row, its columns, its training and its ancestors.

pub(crate) mod baseline;
mod carried;
pub(crate) mod claims;
mod clusters;
mod config;
mod content;
mod embed;
mod file;
mod fit;
mod hidden;
mod known;
mod losses;
mod migrate;
mod parts;
mod private;
mod profile;
mod readable;
mod reading;
mod recipe;
mod same;
mod stream;
mod together;
mod training_rows;
mod unseen;

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use tabgraft_feature::Feature;
use tabgraft_table::Table;
use tabgraft_table::codec::{Codec, encode, encode_rows};
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::read::Reading;
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn, Exclusion};
use tabgraft_table::split::Split;
use tabgraft_table::table::quoted;

use crate::encoder::Network;
use crate::encoder::network::ColumnShape;
use crate::error::{Error, Result, near_names};
pub(crate) use crate::record::Wiring;
pub use crate::record::{
    AnchorInfo, ExtensionMetadata, Freeze, GraftJudgement, Hashes, Mode, Operation, ParentRef, Profile,
    ProfiledColumn, PruneInfo, RefusedExtension, Sample, Schedule, SoftwareVersion, Surprises, descends_from,
};
pub(crate) use crate::record::{begins_with, step_from};
use crate::store::ContentHash;
use crate::train::TrainingInfo;
pub use carried::Completed;
pub(crate) use carried::complete;
pub(crate) use clusters::clusters;
pub use config::SpaceConfig;
pub(crate) use content::unlike;
pub use embed::{Embeddings, vector_column};
pub(crate) use embed::{cell_tables, embed_encoded};
pub use file::SpaceCard;
pub(crate) use file::{
    KIND, MOST_COLUMNS, check_about, check_filled, check_groups, check_steps, n_weights, skeleton,
};
pub use fit::FitOptions;
pub(crate) use fit::{now, training_codecs};
pub(crate) use hidden::{class_nats, each_hidden, hidden_logits, probabilities};
pub use known::Known;
pub(crate) use known::KnownRows;
pub(crate) use migrate::to_current;
pub use parts::RowParts;
pub(crate) use private::check_features;
pub(crate) use profile::{Odds, evidence, group_of, n_groups, row_score};
pub(crate) use readable::unnamed;
pub(crate) use recipe::{Era, recipe};
pub(crate) use same::{pattern, says_the_same};
pub use stream::{EmbeddingStream, TableRemarks};
pub use together::{CellStates, Embedded};
pub(crate) use together::{Joined, together};
pub(crate) use training_rows::{Rows, training_data};
pub(crate) use unseen::UnseenCounts;
pub use unseen::{UnseenCause, UnseenColumn};

/// Columns of each side that an error names.
const MOST_NAMED: usize = 10;
/// Characters from which on a name can be near another that differs by letters.
const LONG_NAME: usize = 4;
/// Pairs of near names that a hint gives.
const MOST_NEAR: usize = 3;

/// The name of a child, of a space or of a predictor on it, that nobody gave another one.
pub(crate) fn extended_name(parent: &str) -> String {
    format!("{parent}_extended")
}

/// A trained embedding space. Never changes; a graft makes a new one.
#[derive(Debug, Clone)]
pub struct EmbeddingSpace {
    pub(crate) about: About,
    pub(crate) network: Network,
}

/// Everything about a space but its weights; what the file's manifest holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    pub name: String,
    /// RFC 3339, UTC.
    pub created: String,
    pub software: SoftwareVersion,
    pub config: SpaceConfig,
    /// Used columns in the order of their arrival, each with its codec.
    pub columns: Vec<ColumnSpec>,
    pub codecs: Vec<Codec>,
    /// Columns that no descendant will use either.
    pub excluded: Vec<ExcludedColumn>,
    pub notes: Vec<String>,
    pub split: Split,
    /// How the table was read, so that later ones are read alike.
    pub reading: Reading,
    /// Features that make columns among the used ones, or that these are made from, with their fitted state.
    pub features: Vec<Feature>,
    /// Epochs of the first training's plan: what a graft's default is a quarter of.
    pub planned_epochs: usize,
    pub batch_size: usize,
    pub training_info: TrainingInfo,
    pub hashes: Hashes,
    /// One entry per step, oldest first.
    pub extensions: Vec<ExtensionMetadata>,
    /// Grafts onto this space that were judged worse than it, oldest first. They are no part of what
    /// the space is: descendants do not inherit them.
    pub refused_extensions: Vec<RefusedExtension>,
    /// Which rows it and its ancestors were trained on; none in a version that was trained to remember none, or
    /// comes from one of format 1.3 or earlier. No part of its id.
    pub rows: Option<KnownRows>,
    /// Columns of the first training, by whose cells rows are told apart in every version; pruned ones stay.
    pub key_columns: Vec<String>,
    /// One number per used column, by which its cells are hidden alike in every version.
    pub mask_keys: Vec<u64>,
    /// How the columns are wired: one entry per token group, in the order of arrival.
    pub wiring: Vec<Wiring>,
    /// What the rows of its training were like; none in a version of before profiles, in which it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// What became of the columns of a table that was given to a space.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnReport {
    /// Columns of the table that were not used, each with its reason.
    pub ignored_columns: Vec<IgnoredColumn>,
    /// Columns of the space that the table lacks; their cells count as missing.
    pub missing_columns: Vec<String>,
    /// Features of the space that the table lacks, computed from its columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed_columns: Vec<String>,
}

/// One column that was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoredColumn {
    /// The column.
    pub name: String,
    /// Why: what the schema said of it, or that this space does not know it.
    pub reason: String,
    /// Whether the space has never heard of it: a candidate for a graft.
    pub unknown: bool,
}

impl EmbeddingSpace {
    /// The space's name.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Length of a row's vector.
    pub fn d_model(&self) -> usize {
        self.network.d_model()
    }

    /// Used columns in the order of their arrival.
    pub fn columns(&self) -> &[ColumnSpec] {
        &self.about.columns
    }

    /// The codec of each used column.
    pub fn codecs(&self) -> &[Codec] {
        &self.about.codecs
    }

    /// Columns that are left out, here and in every descendant.
    pub fn excluded(&self) -> &[ExcludedColumn] {
        &self.about.excluded
    }

    /// Things that the user should hear about the data.
    pub fn notes(&self) -> &[String] {
        &self.about.notes
    }

    /// The rule that gives rows to training, validation and test.
    pub fn split(&self) -> &Split {
        &self.about.split
    }

    /// The options that it was trained with.
    pub fn config(&self) -> &SpaceConfig {
        &self.about.config
    }

    /// Rows of a training step.
    pub fn batch_size(&self) -> usize {
        self.about.batch_size
    }

    /// Losses, times and the best epoch of the last training.
    pub fn training_info(&self) -> &TrainingInfo {
        &self.about.training_info
    }

    /// Content hashes of weights, schema, data, split, features, recipe, wiring and claims.
    pub fn hashes(&self) -> &Hashes {
        &self.about.hashes
    }

    /// Names this version in lineages and registries: the hash of its hashes. A new name or a new file
    /// does not change it.
    pub fn id(&self) -> ContentHash {
        self.about.hashes.id()
    }

    /// The last step of the lineage, if there was one.
    pub fn extension_metadata(&self) -> Option<&ExtensionMetadata> {
        self.about.extensions.last()
    }

    /// All steps of the lineage, oldest first.
    pub fn extensions(&self) -> &[ExtensionMetadata] {
        &self.about.extensions
    }

    /// Whether the first coordinates of this space are those of `ancestor`, moved or not: it comes from
    /// there by steps that neither removed one of the ancestor's columns nor began a new line.
    pub(crate) fn continues(&self, ancestor: &EmbeddingSpace) -> bool {
        let lineage = self.extensions();
        let first = lineage.iter().rposition(|step| step.parent == *ancestor.hashes());
        first.is_some_and(|first| {
            lineage[first..].iter().all(|step| {
                let has = |name: &String| ancestor.columns().iter().any(|c| c.name == *name);
                step.operation != Operation::Consolidate && !step.columns_removed.iter().any(has)
            })
        })
    }

    /// Grafts onto this space that were judged worse than it, oldest first.
    pub fn refused_extensions(&self) -> &[RefusedExtension] {
        &self.about.refused_extensions
    }

    /// The features that it was grafted with, and those that they are made from, with their fitted state: a table
    /// that lacks them gets them ([`EmbeddingSpace::complete`]).
    pub fn features(&self) -> &[Feature] {
        &self.about.features
    }

    /// Compares a table's columns with the space's.
    pub fn column_report(&self, table: &Table) -> ColumnReport {
        self.about.column_report(table)
    }

    /// What each column needs from the network.
    pub(crate) fn column_shapes(&self) -> Vec<ColumnShape> {
        self.about.codecs.iter().map(column_shape).collect()
    }

    /// The table's cells as numbers, for this space's columns.
    pub(crate) fn encode(&self, table: &Table) -> Result<EncodedTable> {
        encode(&self.about.columns, &self.about.codecs, table)
    }

    /// The cells of these rows as numbers. Every cell of the table must be readable.
    pub(crate) fn encode_rows(&self, table: &Table, rows: &[usize]) -> Result<EncodedTable> {
        encode_rows(&self.about.columns, &self.about.codecs, table, rows)
    }
}

impl About {
    /// Checks that the table has one of the space's columns: without any, all rows are one.
    ///
    /// # Errors
    /// A schema error with both sets of names.
    pub fn check_known(&self, table: &Table) -> Result<()> {
        if self.columns.iter().any(|c| table.has_column(&c.name)) {
            return Ok(());
        }
        let known: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        let given = table.all_column_names();
        // Near are also those that differ by the space around them.
        let is_alike = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        let near: Vec<String> = given
            .iter()
            .filter_map(|name| {
                let alike = known.iter().find(|k| is_alike(k, name)).copied();
                // Of short names, such as `x1` and `s1`, half may be equal by chance.
                let long = (name.chars().count() >= LONG_NAME).then_some(name);
                let near = alike.or_else(|| near_names(long?, known.iter().copied()).first().copied())?;
                Some(format!("`{name}` for `{near}`"))
            })
            .collect();
        let error = Error::schema(format!(
            "not one of the table's {} column(s) is known to `{}`: the table has {}; the space has {}",
            given.len(),
            self.name,
            first_quoted(&given),
            first_quoted(&known)
        ));
        Err(error.with_hint(match near.len() {
            0 => "give the columns the names that the space was trained with; `columns` names those of an array".to_owned(),
            _ => format!("did you mean {}? Names have to be equal", near[..near.len().min(MOST_NEAR)].join(", ")),
        }))
    }

    /// Compares a table's columns with the space's.
    pub fn column_report(&self, table: &Table) -> ColumnReport {
        let names = table.all_column_names();
        let used: HashSet<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        let excluded: HashMap<&str, _> = self.excluded.iter().rev().map(|e| (e.name.as_str(), e)).collect();
        let why =
            |name: &String| excluded.get(name.as_str()).copied().or_else(|| table.origin().set_aside(name));
        let ignored_columns = names
            .iter()
            .filter(|name| !used.contains(name.as_str()))
            .map(|name| match why(name) {
                Some(e) => IgnoredColumn {
                    name: name.clone(),
                    reason: match e.exclusion {
                        Exclusion::Ignored => "ignored when the space was trained".to_owned(),
                        _ => e.reason.clone(),
                    },
                    unknown: false,
                },
                None => IgnoredColumn {
                    name: name.clone(),
                    reason: "this space has no codec for it; extend the space to use it".to_owned(),
                    unknown: true,
                },
            })
            .collect();
        let computable = self.computable(table);
        let absent = self.columns.iter().map(|c| &c.name).filter(|name| !table.has_column(name));
        let (computed_columns, missing_columns) =
            absent.cloned().partition(|name| computable.contains(name.as_str()));
        ColumnReport { ignored_columns, missing_columns, computed_columns }
    }
}

/// Names in backticks, the first ones where there are many.
fn first_quoted<S: AsRef<str>>(names: &[S]) -> String {
    let shown = quoted(&names[..names.len().min(MOST_NAMED)]);
    match names.len().saturating_sub(MOST_NAMED) {
        0 if names.is_empty() => "none".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What a column needs from the network.
pub(crate) fn column_shape(codec: &Codec) -> ColumnShape {
    ColumnShape { forms: codec.parts(), n_targets: codec.n_targets() }
}
