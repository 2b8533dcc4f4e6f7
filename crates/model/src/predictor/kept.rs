//! Whether a predictor that grew is kept: it has to predict no worse than the old one.
//!
//! A refused one leaves its record in the old one that is returned, whose learners and id stay as they are.

use serde::{Deserialize, Serialize};
use tabgraft_table::Table;
use tabgraft_table::table::quoted;

use super::calibrate::fit_sharpness;
use super::grown::standardised;
use super::{Predictor, Target};
use crate::error::Result;
use crate::metric::{self, PairedDifference, Prediction, Verdict};
use crate::space::{EmbeddingSpace, clusters};
use crate::train::{Event, Sink};

/// What is kept of a predictor that grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepGrown {
    /// The grown one, whatever it is worth.
    #[default]
    Always,
    /// The grown one, unless it predicts worse than the old one: then the old one.
    IfNotWorse,
}

/// What came of growing a predictor.
#[derive(Debug, Clone)]
pub struct Growing {
    /// The grown predictor, or the old one where that was better and had to be kept: with
    /// [`Predictor::refused_growths`] one longer.
    pub predictor: Predictor,
    /// Whether it is the grown one.
    pub kept: bool,
    /// How much better the grown one predicts than the old one; none where rows are too few to say.
    pub difference: Option<PairedDifference>,
    /// What the rows of the difference are.
    pub judged_on: JudgedOn,
}

/// What the rows are that an old and a grown predictor are compared on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgedOn {
    /// Test rows, which neither learned from.
    TestRows,
    /// Rows of the fit, each by learners that did not learn from it.
    HeldOutRows,
}

/// A grown predictor that was judged worse than the one that it grew from, and so was not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedGrowth {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Name of the space that it was on.
    pub space: String,
    /// The id of that space.
    pub space_id: String,
    /// Columns that this space has and that of the old predictor had not.
    pub columns_added: Vec<String>,
    /// How much better it predicted than the old one: below 0.
    pub difference: PairedDifference,
    /// What the rows of the difference are.
    pub judged_on: JudgedOn,
}

impl Predictor {
    /// What grew from it and was judged worse than it, oldest first.
    pub fn refused_growths(&self) -> &[RefusedGrowth] {
        &self.about.refused_growths
    }

    /// The grown predictor, or this one with the record of the refusal.
    pub(super) fn choose(
        &self,
        grown: Predictor,
        difference: Option<PairedDifference>,
        judged_on: JudgedOn,
        keep: KeepGrown,
        sink: &mut Sink<'_>,
    ) -> Growing {
        let Some(worse) = difference.filter(|d| d.verdict == Verdict::Worse) else {
            return Growing { predictor: grown, kept: true, difference, judged_on };
        };
        let kept = keep == KeepGrown::Always;
        let columns_added = grown.about.columns_added();
        let text = format!(
            "the grown predictor `{}` is worse than `{}`{}: {} {:+.4} ({:+.4} to {:+.4}) on {} rows; columns that \
             came: {}",
            grown.name(),
            self.name(),
            if kept { "" } else { ", which is kept" },
            worse.metric.name(),
            worse.difference,
            worse.low,
            worse.high,
            worse.n,
            quoted(&columns_added)
        );
        let _ = sink(&Event::Warning { text });
        if kept {
            return Growing { predictor: grown, kept, difference, judged_on };
        }
        let mut predictor = self.clone();
        predictor.about.refused_growths.push(RefusedGrowth {
            id: grown.id().to_string(),
            name: grown.about.name,
            space_id: grown.about.space.hashes.id().to_string(),
            space: grown.about.space.name,
            columns_added,
            difference: worse,
            judged_on,
        });
        Growing { predictor, kept, difference, judged_on }
    }
}

/// Rows that each have a prediction by a learner that did not learn from them.
pub(super) struct HeldOutRows<'a> {
    pub rows: &'a [usize],
    /// `[n_rows]` of the table.
    pub values: &'a [Option<f64>],
    /// `[n_rows]` of the table.
    pub weights: &'a [f32],
}

impl HeldOutRows<'_> {
    pub fn targets(&self) -> Vec<f64> {
        self.rows.iter().map(|r| self.values[*r].unwrap_or_default()).collect()
    }

    pub fn sharpness(&self, target: &Target, predicted: &[f64]) -> f64 {
        let Target::Classes { classes, .. } = target else { return 1.0 };
        let class: Vec<usize> = self.targets().iter().map(|v| *v as usize).collect();
        let weights: Vec<f32> = self.rows.iter().map(|r| self.weights[*r]).collect();
        fit_sharpness(predicted, &class, &weights, classes.len())
    }

    pub fn compare(
        &self,
        child: &EmbeddingSpace,
        table: &Table,
        target: &Target,
        old: &[f64],
        new: &[f64],
    ) -> Result<PairedDifference> {
        let rows: Vec<u32> = self.rows.iter().map(|r| *r as u32).collect();
        let clusters = clusters(&[&child.about], &table.take(&rows)?)?;
        let truth = match target {
            Target::Classes { .. } => target.truth(&self.targets()),
            Target::Number { .. } => target.truth(&standardised(target, &self.targets())),
        };
        let side = |values: &[f64]| Prediction::new(values.to_vec(), target.n_outputs());
        metric::compare(target.task(), &truth, &side(old)?, &side(new)?, &clusters, 0)
    }
}
