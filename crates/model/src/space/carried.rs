//! The features that a space was grafted with, computed for a table that lacks them.
//!
//! A table comes raw, with some of the features or with all of them: its rows have the same vectors. What it
//! has is not computed again but compared, on a sample, with what its feature gives.

use std::borrow::Cow;
use std::collections::HashSet;

use tabgraft_feature::{
    Differing, Feature, FeatureEngineer, Present, Skipped, TransformOptions, Transformed, in_order,
    with_needs,
};
use tabgraft_table::Table;

use super::{About, EmbeddingSpace};
use crate::error::Result;
use crate::train::{Event, Sink};

/// A table with all features that can be made of it.
#[derive(Debug, Clone)]
pub struct Completed<'a> {
    /// The table, with the features behind its columns.
    pub table: Cow<'a, Table>,
    /// Features that were computed.
    pub computed: Vec<String>,
    /// Features that the table had, with cells that are not what the feature gives. They are used as they
    /// are.
    pub differing: Vec<Differing>,
    /// Features that could not be computed, each with its reason.
    pub skipped: Vec<Skipped>,
}

impl Completed<'_> {
    /// Warns of each column that is not what its feature gives.
    pub(crate) fn tell(&self, sink: &mut Sink<'_>) {
        for differing in &self.differing {
            let _ = sink(&Event::Warning { text: differing.to_string() });
        }
    }
}

impl EmbeddingSpace {
    /// The table with this space's features, those computed that it lacks. A feature whose inputs are absent
    /// stays absent.
    ///
    /// # Errors
    /// A value or schema error that names the feature, if an input cannot be read.
    pub fn complete<'a>(&self, table: &'a Table) -> Result<Completed<'a>> {
        self.about.complete(table)
    }

    /// As [`EmbeddingSpace::complete`], and warns of columns that are not what their feature gives.
    pub(crate) fn completed<'a>(&self, table: &'a Table, sink: &mut Sink<'_>) -> Result<Cow<'a, Table>> {
        let made = self.complete(table)?;
        made.tell(sink);
        Ok(made.table)
    }
}

impl About {
    /// See [`EmbeddingSpace::complete`].
    pub(crate) fn complete<'a>(&self, table: &'a Table) -> Result<Completed<'a>> {
        complete(&self.features, table)
    }

    /// Names of the features that a table of these columns lacks, and that can be made of it.
    pub(super) fn computable(&self, table: &Table) -> HashSet<&str> {
        let mut made: HashSet<&str> = HashSet::new();
        if self.features.iter().all(|f| table.has_column(&f.name)) {
            return made;
        }
        for feature in in_order(&self.features) {
            let is_there = |input: &String| table.has_column(input) || made.contains(input.as_str());
            let inputs = feature.inputs().unwrap_or_default();
            if feature.is_ready() && !table.has_column(&feature.name) && inputs.iter().all(is_there) {
                made.extend(self.features.iter().find(|f| f.name == feature.name).map(|f| f.name.as_str()));
            }
        }
        made
    }

    /// What the features read that is no feature.
    pub(crate) fn feature_inputs(&self) -> Vec<String> {
        let mut inputs: Vec<String> =
            self.features.iter().flat_map(|f| f.inputs().unwrap_or_default()).collect();
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }

    /// Takes over features that are columns here, and what these are made from. Those that it has stay.
    pub(crate) fn add_features(&mut self, features: &[Feature]) {
        let is_column = |name: &str| self.columns.iter().any(|c| c.name == name);
        let is_known = |f: &Feature| self.features.iter().any(|own| own.name == f.name);
        let mut new = with_needs(features, is_column);
        new.retain(|f| !is_known(f));
        self.features.extend(new);
    }
}

/// The table with those of these features that can be made of it.
pub(crate) fn complete<'a>(features: &[Feature], table: &'a Table) -> Result<Completed<'a>> {
    if features.is_empty() {
        return Ok(Completed {
            table: Cow::Borrowed(table),
            computed: Vec::new(),
            differing: Vec::new(),
            skipped: Vec::new(),
        });
    }
    // What was not fitted cannot be computed, but it may be there.
    let (ready, unfitted): (Vec<Feature>, Vec<Feature>) =
        in_order(features).into_iter().partition(|f| f.is_ready() || table.has_column(&f.name));
    let engineer = FeatureEngineer::new(ready)?;
    let options = TransformOptions { skip_missing: true, present: Present::Keep };
    let Transformed { table: whole, mut skipped, already_there, differing } =
        engineer.transform_with(table, options)?;
    let unfitted =
        unfitted.into_iter().map(|f| Skipped { name: f.name, reason: "it is not fitted".to_owned() });
    skipped.extend(unfitted);
    let is_computed =
        |name: &String| !already_there.contains(name) && skipped.iter().all(|skip| skip.name != *name);
    let computed: Vec<String> = engineer.names().into_iter().filter(is_computed).collect();
    let table = if computed.is_empty() { Cow::Borrowed(table) } else { Cow::Owned(whole) };
    Ok(Completed { table, computed, differing, skipped })
}
