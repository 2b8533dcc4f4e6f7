//! How much rows of each class count: rare classes may count more than they are many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tabgraft_table::cell::canonical;
use tabgraft_table::table::quoted;

use super::Target;
use crate::error::{Error, Result};

/// Weights of classes, as scikit-learn means them: a row counts as the weight of its class, times its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// All classes count alike, however many rows each has.
    Balanced,
    /// By class; 1 for those that are not named.
    Of(BTreeMap<String, f64>),
}

impl ClassWeight {
    /// Checks what can be checked without a target.
    ///
    /// # Errors
    /// An option error that names the class whose weight is no finite number above 0.
    pub(super) fn check(&self) -> Result<()> {
        let ClassWeight::Of(weights) = self else { return Ok(()) };
        match weights.iter().find(|(_, weight)| !(weight.is_finite() && **weight > 0.0)) {
            None => Ok(()),
            Some((class, weight)) => Err(Error::option(format!(
                "option `class_weight` is {weight} for class `{class}`, allowed is a finite number above 0"
            ))
            .with_hint("leave rows of a class out of the table to learn nothing from them")),
        }
    }

    /// Weights of the table's rows, with those that they have.
    ///
    /// # Shapes
    /// - `values`, `row_weights`, returns: `[n_rows]`; `rows` are those that are learned from
    ///
    /// # Errors
    /// An option error for a target that is a number, and for a class that the target has not.
    pub(super) fn of_rows(
        &self,
        target: &Target,
        values: &[Option<f64>],
        row_weights: Option<&[f64]>,
        rows: &[usize],
    ) -> Result<Vec<f64>> {
        let Target::Classes { column, classes, .. } = target else {
            return Err(Error::option(format!(
                "option `class_weight` is for classes, the target `{}` is a number",
                target.column()
            ))
            .with_hint("leave it out, or give `target_kind` as `set`"));
        };
        let own = |r: usize| row_weights.map_or(1.0, |weights| weights[r]);
        let class = |r: usize| values[r].map(|v| v as usize).filter(|class| *class < classes.len());
        let of_class: Vec<f64> = match self {
            ClassWeight::Balanced => {
                let mut sums = vec![0.0; classes.len()];
                rows.iter().for_each(|r| class(*r).into_iter().for_each(|c| sums[c] += own(*r)));
                let total: f64 = sums.iter().sum();
                sums.iter()
                    .map(|sum| if *sum > 0.0 { total / (classes.len() as f64 * sum) } else { 1.0 })
                    .collect()
            }
            ClassWeight::Of(weights) => {
                let spelled = |name: &str| classes.iter().position(|c| canonical(c) == canonical(name));
                let mut of_class = vec![1.0; classes.len()];
                for (name, weight) in weights {
                    let Some(place) = spelled(name) else {
                        return Err(Error::option(format!(
                            "option `class_weight` names class `{name}`, which no row of `{column}` to learn from \
                             has; they have {}",
                            quoted(classes)
                        )));
                    };
                    of_class[place] = *weight;
                }
                of_class
            }
        };
        Ok((0..values.len()).map(|r| own(r) * class(r).map_or(1.0, |c| of_class[c])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictor::LabelType;

    fn target() -> Target {
        let classes = ["no", "yes"].map(str::to_owned).to_vec();
        Target::Classes { column: "y".to_owned(), classes, label_type: LabelType::Text }
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn_and_make_classes_count_alike() {
        let values = [0.0, 0.0, 0.0, 1.0].map(Some);
        let found = ClassWeight::Balanced.of_rows(&target(), &values, None, &[0, 1, 2, 3]).unwrap();
        // compute_class_weight("balanced", classes=[0, 1], y=[0, 0, 0, 1])
        assert_eq!(found, [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0]);
        // Rows count as they do already, and those that are not learned from do not.
        let weights = [1.0, 2.0, 0.5, 0.5];
        let found = ClassWeight::Balanced.of_rows(&target(), &values, Some(&weights), &[0, 2, 3]).unwrap();
        assert_eq!(found[0] + found[2], found[3]);
    }

    #[test]
    fn weights_by_class_take_any_spelling_and_refuse_what_is_no_class() {
        let of = |name: &str, weight: f64| ClassWeight::Of(BTreeMap::from([(name.to_owned(), weight)]));
        let values = [Some(0.0), Some(1.0), None];
        let found = of("yes", 5.0).of_rows(&target(), &values, None, &[0, 1]).unwrap();
        assert_eq!(found, [1.0, 5.0, 1.0]);
        let error = of("maybe", 5.0).of_rows(&target(), &values, None, &[0, 1]).unwrap_err().to_string();
        assert!(error.contains("`maybe`") && error.contains("`no`"), "{error}");
        assert!(of("yes", -1.0).check().is_err() && of("yes", 1.0).check().is_ok());
        let number = Target::Number { column: "n".to_owned(), mean: 0.0, deviation: 1.0 };
        assert!(ClassWeight::Balanced.of_rows(&number, &values, None, &[0]).is_err());
    }
}
