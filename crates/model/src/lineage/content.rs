//! Does a model bear out what its file says of it, and does its lineage fit together?

use crate::ModelFile;
use crate::space::{About, ExtensionMetadata, Hashes};

/// Where a model does not bear out its own hashes, or its lineage contradicts itself. Hashes that do not
/// follow from the file, those of training rows and of a predictor's space, are taken as they are.
pub(crate) fn contradictions(model: &ModelFile) -> Vec<String> {
    match model {
        ModelFile::Space(space) => of_space(&space.about),
        ModelFile::Predictor(predictor) => {
            let mut problems = of_space(&predictor.about.space);
            if !predictor.about.bears_out_its_claims() {
                problems.push(unlike("claims"));
            }
            problems.extend(predictor.contradictions_of_growth());
            problems
        }
    }
}

fn of_space(about: &About) -> Vec<String> {
    let recorded = &about.hashes;
    let computed = about.compute_hashes(recorded.era());
    // Those of weights and rows do not follow from the manifest.
    let computed = Hashes { weights: recorded.weights.clone(), data: recorded.data.clone(), ..computed };
    let mut problems: Vec<String> = recorded.differences(&computed).into_iter().map(unlike).collect();
    problems.extend(broken_line(&about.extensions, about.columns.len()));
    let parents = || about.extensions.iter().flat_map(ExtensionMetadata::parents);
    if let Some(parent) = parents().find(|parent| parent.split != recorded.split) {
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

fn unlike(hash: &str) -> String {
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
