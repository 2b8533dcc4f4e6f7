//! Does a space bear out what its file says of it, and does its lineage fit together?

use super::file::split_hash;
use super::{About, ExtensionMetadata, Hashes};

impl About {
    /// Where a space does not bear out its own hashes, or its lineage contradicts itself. Hashes that do not
    /// follow from the file, those of training rows, are taken as they are.
    pub(crate) fn contradictions(&self) -> Vec<String> {
        let recorded = &self.hashes;
        let computed = self.compute_hashes(recorded.era());
        // Those of weights and rows do not follow from the manifest.
        let computed = Hashes { weights: recorded.weights.clone(), data: recorded.data.clone(), ..computed };
        let mut problems: Vec<String> = recorded.differences(&computed).into_iter().map(unlike).collect();
        if recorded.rows.is_some() != computed.rows.is_some() {
            problems.push(unlike("rows"));
        }
        problems.extend(broken_line(&self.extensions, self.columns.len()));
        let parents = || self.extensions.iter().flat_map(ExtensionMetadata::parents);
        // Later stretches of time that a refresh put behind a split are left aside: an ancestor may be from before.
        let splits: Vec<String> = self.split.with_earlier().iter().map(split_hash).collect();
        if let Some(parent) = parents().find(|parent| !splits.contains(&parent.split)) {
            problems.push(format!(
                "its rows are split by {}, those of an ancestor by {}",
                short(&recorded.split),
                short(&parent.split)
            ));
        }
        if recorded.claims.is_none() && parents().any(|parent| parent.claims.is_some()) {
            problems.push("it has no hash of its claims, an ancestor has one".to_owned());
        }
        problems
    }
}

/// That a hash is not borne out.
pub(crate) fn unlike(hash: &str) -> String {
    format!("its `{hash}` hash is not that of its content")
}

/// The first step that does not start where the one before ended.
fn broken_line(steps: &[ExtensionMetadata], n_columns: usize) -> Option<String> {
    let starts = steps.iter().skip(1).map(|step| step.original_column_count).chain([n_columns]);
    steps.iter().zip(starts).enumerate().find_map(|(i, (step, next))| {
        let sum = step.original_column_count.checked_add(step.new_columns_added.len());
        let left = sum.and_then(|sum| sum.checked_sub(step.columns_removed.len()));
        (step.extended_column_count != next || left != Some(next)).then(|| {
            format!(
                "{} {} says that {} columns, {} new ones and {} removed made {}, but {next} came after",
                step.operation.name(),
                i + 1,
                step.original_column_count,
                step.new_columns_added.len(),
                step.columns_removed.len(),
                step.extended_column_count
            )
        })
    })
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
