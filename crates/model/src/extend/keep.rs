//! Whether a trained graft is kept: it has to be no worse than its parent at predicting a target.
//!
//! A refused child leaves its record in the parent that is returned: what was tried, how it was
//! judged, and which of the new columns hurt. The parent's weights and hashes stay as they are.

use tabgraft_table::Table;
use tabgraft_table::table::quoted;

use crate::compare::{ColumnEffect, CompareOptions, Evidence, folds};
use crate::error::{Error, Result};
use crate::metric::{PairedDifference, Verdict};
use crate::predictor::PredictorOptions;
use crate::space::{EmbeddingSpace, GraftJudgement, RefusedExtension};
use crate::train::{Event, Sink, StopReason, quiet};

/// What is kept of a graft.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::large_enum_variant, reason = "a graft has one of it")]
pub enum Keep {
    /// The child, whatever it is worth.
    #[default]
    Always,
    /// The child, unless predictors of a target do worse on it than on the parent: then the parent.
    IfNotWorse {
        /// The column to predict. It never becomes a column of the child.
        target: String,
        /// How parent and child are compared.
        compare: CompareOptions,
    },
}

impl Keep {
    /// From what a caller says: whether a graft is judged, by which column, and whether on all rows. Predictors get
    /// their defaults and this seed.
    ///
    /// # Errors
    /// An option error if it is said how a graft is judged that is not, or if there is nothing to judge by.
    pub fn of(is_judged: bool, target: Option<String>, cross_fit: bool, seed: u64) -> Result<Self> {
        match (is_judged, target) {
            (false, None) if !cross_fit => Ok(Keep::Always),
            (false, _) => Err(Error::option(
                "options `target` and `cross_fit` say how a graft is judged, but option `keep` is `always`",
            )
            .with_hint("keep it if it is not worse, or leave them out")),
            (true, None) => {
                Err(Error::option("option `target` is missing: a graft is judged by what can be predicted")
                    .with_hint("name the column to predict, or keep the graft whatever it is worth"))
            }
            (true, Some(target)) => {
                let predictor = PredictorOptions { seed, ..PredictorOptions::default() };
                Ok(Keep::IfNotWorse { target, compare: CompareOptions { predictor, cross_fit } })
            }
        }
    }

    /// The column that judges, which no graft may take.
    pub fn target(&self) -> Option<&str> {
        match self {
            Keep::Always => None,
            Keep::IfNotWorse { target, .. } => Some(target),
        }
    }

    /// Checks that there is something to judge by, before anything is trained.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::compare`] of the parent with itself, but for the fits.
    pub(super) fn check(&self, parent: &EmbeddingSpace, table: &Table) -> Result<()> {
        match self {
            Keep::Always => Ok(()),
            Keep::IfNotWorse { target, compare } => {
                compare.predictor.check()?;
                table.check_all_here("judging a graft")?;
                let made = parent.complete(table)?;
                let table = &*made.table;
                // What there is to say of the rows is said by the comparison itself.
                folds([parent, parent], table, target, compare, &mut quiet).map(|_| ())
            }
        }
    }

    /// The child with its judgement, or the parent with the record of the refusal. What was stopped before
    /// it could be judged is the child without a judgement: hours of training are not thrown away.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::compare`], but for an interruption: then the child has a note and no judgement.
    pub(super) fn choose(
        &self,
        parent: &EmbeddingSpace,
        mut child: EmbeddingSpace,
        table: &Table,
        sink: &mut Sink<'_>,
    ) -> Result<EmbeddingSpace> {
        let Keep::IfNotWorse { target, compare } = self else { return Ok(child) };
        let found = match child.training_info().stop_reason {
            StopReason::Interrupted => None,
            _ => match parent.compare(&child, table, target, compare, sink) {
                Err(error) if error.is_interrupted() => None,
                found => Some(found?),
            },
        };
        let Some(found) = found else {
            let note =
                format!("interrupted before it was judged by `{target}`: it may be worse than its parent");
            child.about.keep_notes([note]);
            child.about.seal();
            return Ok(child);
        };
        let Some(spaces) = found.spaces else { return Ok(child) };
        let judgement = GraftJudgement {
            target: found.target,
            difference: found.difference,
            evidence: spaces.evidence,
            new_columns: spaces.new_columns,
        };
        let is_refused = judgement.difference.verdict == Verdict::Worse;
        let text = judgement.sentence(child.name(), parent.name());
        let _ = sink(&if is_refused { Event::Warning { text } } else { Event::Note { text } });
        if let Some(entry) = child.about.extensions.last_mut() {
            entry.judgement = Some(judgement);
        }
        if !is_refused {
            child.about.seal();
            return Ok(child);
        }
        let mut kept = parent.clone();
        kept.about.refused_extensions.extend(child.about.extensions.pop().map(|extension| {
            RefusedExtension { name: child.about.name, weights: child.about.hashes.weights, extension }
        }));
        Ok(kept)
    }
}

impl GraftJudgement {
    /// Columns without which the child's predictions are better, beyond chance; if none is proven to
    /// hurt, those that do so by their mean. The most harmful one is first.
    pub fn culprits(&self) -> Vec<&ColumnEffect> {
        let proven: Vec<&ColumnEffect> = self.new_columns.iter().filter(|c| c.hurts()).collect();
        if proven.is_empty() {
            return self.new_columns.iter().filter(|c| c.hiding.difference > 0.0).collect();
        }
        proven
    }

    /// The judgement in words.
    fn sentence(&self, child: &str, parent: &str) -> String {
        let PairedDifference { metric, difference, low, high, n, verdict, .. } = self.difference;
        let on = match self.evidence {
            Evidence::HeldOut => "unseen rows",
            Evidence::CrossFitted { .. } => "cross-fitted rows",
        };
        let figures = format!(
            "{} {difference:+.4} ({low:+.4} to {high:+.4}) on {n} {on}, target `{}`",
            metric.words(),
            self.target
        );
        let culprits: Vec<&str> = self.culprits().iter().map(|c| c.column.as_str()).collect();
        match verdict {
            Verdict::Better => format!("`{child}` is better than `{parent}` and kept: {figures}"),
            Verdict::NoDifference => format!("`{child}` is no worse than `{parent}` and kept: {figures}"),
            Verdict::Worse if self.new_columns.is_empty() => {
                format!("`{child}` is worse than `{parent}`, which is kept: {figures}")
            }
            Verdict::Worse if culprits.is_empty() => format!(
                "`{child}` is worse than `{parent}`, which is kept: {figures}; no new column alone is to blame"
            ),
            Verdict::Worse => format!(
                "`{child}` is worse than `{parent}`, which is kept: {figures}; new columns that hurt: {}",
                quoted(&culprits)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array};

    use super::*;
    use crate::metric::Metric;
    use crate::space::FitOptions;

    fn difference(difference: f64, verdict: Verdict) -> PairedDifference {
        PairedDifference {
            metric: Metric::RocAuc,
            a: 0.5,
            b: 0.5 + difference,
            difference,
            low: difference - 0.1,
            high: difference + 0.1,
            p_value: 0.5,
            n: 100,
            n_copies: 0,
            verdict,
        }
    }

    #[test]
    fn a_judgement_says_what_is_kept_by_which_figures_and_who_is_to_blame() {
        let said = |verdict, evidence, effects: &[(&str, f64)]| {
            let effect = |(column, by): &(&str, f64)| ColumnEffect {
                column: (*column).to_owned(),
                hiding: difference(*by, Verdict::NoDifference),
            };
            let judgement = GraftJudgement {
                target: "y".to_owned(),
                difference: difference(0.25, verdict),
                evidence,
                new_columns: effects.iter().map(effect).collect(),
            };
            judgement.sentence("v2", "v1")
        };
        let figures = "ROC AUC +0.2500 (+0.1500 to +0.3500) on 100 unseen rows, target `y`";
        let crossed = figures.replace("unseen", "cross-fitted");
        let (unseen, folds) = (Evidence::HeldOut, Evidence::CrossFitted { n_folds: 5 });
        let refused = "`v2` is worse than `v1`, which is kept";
        for (verdict, evidence, effects, wanted) in [
            (Verdict::Better, unseen, &[][..], format!("`v2` is better than `v1` and kept: {figures}")),
            (Verdict::NoDifference, folds, &[], format!("`v2` is no worse than `v1` and kept: {crossed}")),
            (Verdict::Worse, unseen, &[], format!("{refused}: {figures}")),
            (
                Verdict::Worse,
                unseen,
                &[("a", -0.1), ("b", 0.0)],
                format!("{refused}: {figures}; no new column alone is to blame"),
            ),
            (
                Verdict::Worse,
                unseen,
                &[("a", 0.1), ("b", -0.1), ("c", 0.05)],
                format!("{refused}: {figures}; new columns that hurt: `a`, `c`"),
            ),
        ] {
            assert_eq!(said(verdict, evidence, effects), wanted);
        }
    }

    #[test]
    fn a_comparison_that_fails_is_no_interruption() {
        let numbers: ArrayRef =
            Arc::new(Float64Array::from_iter_values((0..40).map(|i| f64::from(i * i % 13))));
        let table = Table::from_columns([("x", numbers)]).expect("a column");
        let mut options = FitOptions::default();
        (options.config.d_model, options.config.training.n_epochs) = (8, Some(1));
        let parent = EmbeddingSpace::fit(&table, None, &options, &mut quiet).expect("forty numbers");
        let keep = Keep::of(true, Some("absent".to_owned()), false, 0).expect("a target is named");
        let error =
            keep.choose(&parent, parent.clone(), &table, &mut quiet).expect_err("nothing to judge by");
        assert!(error.is_schema() && error.to_string().contains("`absent`"), "{error}");
    }

    #[test]
    fn what_is_said_of_judging_has_to_be_judged_and_a_judge_needs_a_target() {
        assert_eq!(Keep::of(false, None, false, 3).ok(), Some(Keep::Always));
        for (target, cross_fit) in [(Some("y".to_owned()), false), (None, true)] {
            let error = Keep::of(false, target, cross_fit, 3).expect_err("nothing is judged");
            assert!(error.is_option() && error.to_string().contains("`target` and `cross_fit`"), "{error}");
        }
        let error = Keep::of(true, None, false, 3).expect_err("by what?");
        assert!(error.is_option() && error.to_string().contains("option `target` is missing"), "{error}");
        let judged = Keep::of(true, Some("y".to_owned()), true, 3).expect("a target is there");
        let Keep::IfNotWorse { target, compare } = judged else { panic!("{judged:?}") };
        assert_eq!((target.as_str(), compare.cross_fit, compare.predictor.seed), ("y", true, 3));
    }
}
