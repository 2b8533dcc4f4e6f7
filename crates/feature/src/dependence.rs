//! Which features can no longer be made when columns are gone.

use std::collections::HashSet;

use super::definition::Feature;
use crate::error::Result;

/// Names of the features that read one of these columns, or a feature that does, in their order.
///
/// # Errors
/// A formula error if a formula does not parse.
pub fn dependents(features: &[Feature], columns: &[String]) -> Result<Vec<String>> {
    let mut gone: HashSet<&str> = columns.iter().map(String::as_str).collect();
    let mut inputs = features.iter().map(Feature::inputs).collect::<Result<Vec<_>>>()?;
    let mut lost = vec![false; features.len()];
    // Features of several grafts need not stand in the order in which they read each other.
    loop {
        let n_gone = gone.len();
        for ((feature, inputs), lost) in features.iter().zip(&mut inputs).zip(&mut lost) {
            *lost |= inputs.iter().any(|input| gone.contains(input.as_str()));
            if *lost {
                gone.insert(&feature.name);
                inputs.clear();
            }
        }
        if gone.len() == n_gone {
            break;
        }
    }
    Ok(features.iter().zip(lost).filter(|(_, lost)| *lost).map(|(f, _)| f.name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_a_lost_feature_is_lost_in_any_order() {
        let features = [
            Feature::formula("third", "second + 1", ""),
            Feature::formula("other", "b * 2", ""),
            Feature::formula("first", "a + b", ""),
            Feature::formula("second", "first / b", ""),
        ];
        let lost = dependents(&features, &["a".to_owned()]).unwrap_or_default();
        assert_eq!(lost, ["third", "first", "second"]);
        assert!(dependents(&features, &[]).unwrap_or_default().is_empty());
        assert!(dependents(&[Feature::formula("x", "a +", "")], &[]).is_err());
    }
}
