//! Which features are made of which: what can no longer be made when columns are gone, and an order in
//! which each stands behind what it reads.

use std::collections::{HashMap, HashSet};

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

/// The features with each behind those that it reads, otherwise in the order given; of two of one name the
/// first. Features that read themselves, or each other in a circle, or whose formula does not parse, are left
/// out: they cannot be computed.
pub fn in_order(features: &[Feature]) -> Vec<Feature> {
    let mut places = HashMap::new();
    for (i, feature) in features.iter().enumerate() {
        places.entry(feature.name.as_str()).or_insert(i);
    }
    // For each feature the features that it reads; none where it cannot be computed.
    let mut reads: Vec<Option<Vec<usize>>> = features
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let inputs = if places[f.name.as_str()] == i { f.inputs().ok()? } else { return None };
            Some(inputs.iter().filter_map(|input| places.get(input.as_str()).copied()).collect())
        })
        .collect();
    let mut states = vec![State::Unseen; features.len()];
    let mut ordered = Vec::new();
    for i in 0..features.len() {
        // Depth first, on a stack of its own: a chain may be as long as the list.
        let mut stack = vec![i];
        while let Some(&top) = stack.last() {
            let next = match &reads[top] {
                Some(inputs) if states[top] != State::Done => {
                    states[top] = State::Open;
                    inputs.iter().copied().find(|input| states[*input] != State::Done)
                }
                _ => None,
            };
            match next {
                Some(input) if states[input] == State::Unseen => stack.push(input),
                // It reads itself, by whatever way: so does all that is open.
                Some(_) => reads[top] = None,
                None => {
                    stack.pop();
                    let is_new = states[top] != State::Done;
                    states[top] = State::Done;
                    let is_whole = |inputs: &Vec<usize>| inputs.iter().all(|input| reads[*input].is_some());
                    if is_new && !reads[top].as_ref().is_some_and(is_whole) {
                        reads[top] = None;
                    } else if is_new {
                        ordered.push(features[top].clone());
                    }
                }
            }
        }
    }
    ordered
}

/// Of these features those that are wanted, and all that they are made from, each behind those that it reads.
pub fn with_needs(features: &[Feature], is_wanted: impl Fn(&str) -> bool) -> Vec<Feature> {
    let mut features = in_order(features);
    let mut needed: HashSet<String> = HashSet::new();
    // From the last on, so that what a feature reads comes after it.
    for feature in features.iter().rev() {
        if is_wanted(&feature.name) || needed.contains(&feature.name) {
            needed.insert(feature.name.clone());
            needed.extend(feature.inputs().unwrap_or_default());
        }
    }
    features.retain(|f| needed.contains(&f.name));
    features
}

/// How far a feature is on the way into an order.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Unseen,
    /// What it reads is being put in order.
    Open,
    Done,
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

    #[test]
    fn features_stand_behind_what_they_read_and_circles_are_left_out() {
        let features = [
            Feature::formula("third", "second + 1", ""),
            Feature::formula("other", "b * 2", ""),
            Feature::formula("first", "a + b", ""),
            Feature::formula("second", "first / b", ""),
            Feature::formula("other", "b * 3", ""),
            Feature::formula("egg", "hen + 1", ""),
            Feature::formula("hen", "egg + 1", ""),
            Feature::formula("own", "own + 1", ""),
        ];
        let names: Vec<String> = in_order(&features).into_iter().map(|f| f.name).collect();
        assert_eq!(names, ["other", "first", "second", "third"]);
        let names: Vec<String> =
            with_needs(&features, |name| name == "second").into_iter().map(|f| f.name).collect();
        assert_eq!(names, ["first", "second"]);
    }
}
