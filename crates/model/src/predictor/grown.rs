//! A predictor that grew with its space: the old one as it was, forests that start from what it says, and forests,
//! boosted and random, and a linear model that start from nothing.
//!
//! ```text
//! old columns ─ old predictor ─► p ──────────────────────────┐
//!                                └ log-odds ─┐               │
//! all columns ─ forests onward ──────────────┴ + ─► p' ──────┼ shares, sharpness ─► prediction
//! all columns ─ forests anew ──────────────────────► p'' ────┤
//! all columns ─ random forests ────────────────────► p° ─────┤
//! all columns ─ linear model ──────────────────────► p* ─────┘
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::blend::mixed;
use super::calibrate::sharpen;
use super::card::learners_of;
use super::lines::{self, Lines};
use super::sight::Sight;
use super::{Predictor, PredictorAbout, Target, derived, trees};
use crate::error::{Error, Result};
use crate::space::unlike;
use crate::store::Blob;
use crate::tree::{Forest, Loss, RandomForest};

/// Closest to 0 that a probability is taken for where its logarithm is needed.
pub(crate) const LEAST_PROBABILITY: f64 = 1e-7;
/// Most predictors of a chain, the first included: a prediction asks all of them.
pub(super) const MOST_IN_A_CHAIN: usize = 16;
/// Tensors of the old predictor stand below this name.
const BASE: &str = "base";
/// And those of the new forests below these.
const ONWARD: &str = "onward";
const ANEW: &str = "anew";
const RANDOM: &str = "random_forest";

/// What came to a predictor when it grew, as the file tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Growth {
    /// The old predictor, whole.
    pub base: Box<PredictorAbout>,
    /// Its id.
    pub base_id: String,
    /// Trees of each forest that starts from what the old predictor says; none where it has no share.
    pub n_trees_onward: Vec<usize>,
    /// Trees of each forest that starts from nothing; none where it has no share.
    pub n_trees_anew: Vec<usize>,
    /// Trees of each random forest. Absent where these have no share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub n_random_trees: Vec<usize>,
    /// Shares in a prediction of the old predictor, of the forests that start from it, and of those that start from
    /// nothing.
    pub shares: [f64; 3],
    /// Share of the linear model. Absent where it has none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub share_of_linear: f64,
    /// Share of the random forests. Absent where they have none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub share_of_random_forests: f64,
}

fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

/// What a grown predictor predicts with.
#[derive(Debug, Clone)]
pub(crate) struct Grown {
    /// The old predictor, bit by bit.
    pub base: Box<Predictor>,
    /// Start from what the old predictor says.
    pub onward: Vec<Forest>,
    /// Start from nothing.
    pub anew: Vec<Forest>,
    /// Random ones, which start from nothing.
    pub random: Vec<RandomForest>,
    /// The linear model, of each inner part.
    pub lines: Vec<Lines>,
}

impl Grown {
    /// Learners of a kind.
    pub fn n_learners(&self) -> usize {
        self.onward.len().max(self.anew.len()).max(self.random.len()).max(self.lines.len())
    }
}

impl PredictorAbout {
    /// Predictors of the chain that this one ends.
    pub(super) fn chain_length(&self) -> usize {
        1 + self.growth.as_ref().map_or(0, |growth| growth.base.chain_length())
    }
}

impl Predictor {
    /// Predictions of rows by what the old predictor says of them, in the target's unit.
    ///
    /// # Shapes
    /// - `before`, returns: `[rows.len(), n_outputs]`
    pub(super) fn grown_from(&self, before: Vec<f64>, sight: Sight<'_>) -> Vec<f64> {
        let (Some(grown), Some(growth)) = (&self.grown, &self.about.growth) else { return before };
        let target = &self.about.target;
        let loss = trees::loss(target);
        let onward = match grown.onward.is_empty() {
            true => Vec::new(),
            false => {
                let before = margins(target, &before);
                trees::predict_from(&grown.onward, loss, &before, sight)
            }
        };
        let said = [
            standardised(target, &before),
            onward,
            trees::predict(&grown.anew, loss, sight),
            lines::predict(&grown.lines, loss, sight),
            trees::predict_random(&grown.random, loss, sight),
        ];
        in_unit(target, mixed(&said, &growth.all_shares()), self.about.sharpness)
    }

    /// Tensors of the old predictor and of what came.
    pub(super) fn grown_tensors(&self, tensors: &mut BTreeMap<String, Blob>) {
        let Some(grown) = &self.grown else { return };
        for (name, forests) in [(ONWARD, &grown.onward), (ANEW, &grown.anew)] {
            for (i, forest) in forests.iter().enumerate() {
                forest.to_blobs(&format!("{name}.{i}"), tensors);
            }
        }
        for (i, forest) in grown.random.iter().enumerate() {
            forest.to_blobs(&format!("{RANDOM}.{i}"), tensors);
        }
        lines::to_blobs(&grown.lines, tensors);
        let base = grown.base.tensors();
        tensors.extend(base.into_iter().map(|(name, blob)| (format!("{BASE}.{name}"), blob)));
    }
}

impl Predictor {
    /// Where a predictor does not bear out its own hashes, or its lineage contradicts itself. The hash of its space is
    /// taken as it is.
    pub(crate) fn contradictions(&self) -> Vec<String> {
        let mut problems = self.about.space.contradictions();
        if !self.about.bears_out_its_claims() {
            problems.push(unlike("claims"));
        }
        if !self.about.bears_out_its_rows() {
            problems.push(unlike("rows"));
        }
        problems.extend(self.contradictions_of_growth());
        problems
    }

    /// What in the old predictor contradicts itself or what is said of it.
    fn contradictions_of_growth(&self) -> Vec<String> {
        let (Some(grown), Some(growth)) = (&self.grown, &self.about.growth) else { return Vec::new() };
        let id = grown.base.id();
        let mut problems = Vec::new();
        if id.as_str() != growth.base_id {
            problems.push(format!(
                "it says that it grew from predictor {}, and holds another one, {}",
                growth.base_id.get(..12).unwrap_or(&growth.base_id),
                id.short()
            ));
        }
        let of_base = grown.base.contradictions().into_iter();
        problems.extend(of_base.map(|p| format!("the predictor that it grew from: {p}")));
        problems
    }
}

impl Growth {
    /// What came, in words.
    pub(super) fn learners(&self) -> String {
        learners_of([&self.n_trees_onward, &self.n_trees_anew, &self.n_random_trees], self.all_shares())
    }

    /// Shares of the old predictor, of the forests onward and anew, of the linear model, and of the random forests;
    /// they sum to 1.
    pub(crate) fn all_shares(&self) -> [f64; 5] {
        let [old, onward, anew] = self.shares;
        [old, onward, anew, self.share_of_linear, self.share_of_random_forests]
    }

    /// Reads what came, and the old predictor, from their tensors, which are taken out.
    ///
    /// # Errors
    /// A malformed error that says what is absent or contradicts itself.
    pub(super) fn read(&self, about: &PredictorAbout, tensors: &mut BTreeMap<String, Blob>) -> Result<Grown> {
        if about.chain_length() > MOST_IN_A_CHAIN {
            return Err(Error::malformed(format!("a chain of more than {MOST_IN_A_CHAIN} predictors")));
        }
        let all = self.all_shares();
        let [_, onward, anew, linear, random] = all;
        let sane = all.iter().all(|share| (0.0..=1.0).contains(share))
            && (all.iter().sum::<f64>() - 1.0).abs() < 1e-6;
        if !sane
            || (onward > 0.0) == self.n_trees_onward.is_empty()
            || (anew > 0.0) == self.n_trees_anew.is_empty()
            || (random > 0.0) == self.n_random_trees.is_empty()
            || (linear > 0.0) != lines::has_blobs(tensors)
        {
            return Err(Error::malformed("new learners without the share that they are said to have"));
        }
        if !self.base.target.is_same(&about.target) {
            return Err(Error::malformed("it grew from a predictor of another target"));
        }
        self.base.check_goes_on_with(&about.space).map_err(|e| Error::malformed(e.to_string()))?;
        let prefix = format!("{BASE}.");
        let names: Vec<String> = tensors.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        let mut own = BTreeMap::new();
        for name in names {
            if let Some(blob) = tensors.remove(&name) {
                own.insert(name[prefix.len()..].to_owned(), blob);
            }
        }
        let base = Predictor::from_parts((*self.base).clone(), own)?;
        let codecs = derived::codecs(&about.space.codecs, &about.derived);
        let plan = trees::plan(&about.target, &codecs);
        let n_outputs = trees::loss(&about.target).n_outputs();
        let mut read = |name: &str, n_trees: &[usize]| -> Result<Vec<Forest>> {
            let read = |i| Forest::from_blobs(plan.clone(), n_outputs, &format!("{name}.{i}"), tensors);
            let forests: Vec<Forest> = (0..n_trees.len()).map(read).collect::<Result<_>>()?;
            match forests.iter().map(Forest::n_trees).eq(n_trees.iter().copied()) {
                true => Ok(forests),
                false => {
                    Err(Error::malformed("its new forests do not have as many trees as the manifest says"))
                }
            }
        };
        let onward = read(ONWARD, &self.n_trees_onward)?;
        let anew = read(ANEW, &self.n_trees_anew)?;
        let random = trees::read_random(&plan, n_outputs, RANDOM, &self.n_random_trees, tensors)?;
        let lines = lines::from_blobs(&codecs, n_outputs, tensors)?;
        Ok(Grown { base: Box::new(base), onward, anew, random, lines })
    }
}

/// Margins that a prediction in the target's unit stands for.
///
/// # Shapes
/// - `values`: `[n_rows, n_outputs]`; returns `[n_rows, outputs of the loss]`
pub(super) fn margins(target: &Target, values: &[f64]) -> Vec<f32> {
    let log = |p: f64| p.clamp(LEAST_PROBABILITY, 1.0).ln();
    match (target, trees::loss(target)) {
        (_, Loss::Logistic) => values.chunks_exact(2).map(|p| (log(p[1]) - log(p[0])) as f32).collect(),
        (_, Loss::Softmax { .. }) => values.iter().map(|p| log(*p) as f32).collect(),
        (target, Loss::Squared) => standardised(target, values).into_iter().map(|v| v as f32).collect(),
    }
}

/// Predictions as the learners make them: probabilities, or standardised numbers.
pub(super) fn standardised(target: &Target, values: &[f64]) -> Vec<f64> {
    match target {
        Target::Classes { .. } => values.to_vec(),
        Target::Number { mean, deviation, .. } => values.iter().map(|v| (v - mean) / deviation).collect(),
    }
}

/// Predictions of the learners as a user sees them: calibrated, in the target's unit.
pub(super) fn in_unit(target: &Target, mut values: Vec<f64>, sharpness: f64) -> Vec<f64> {
    match target {
        Target::Classes { classes, .. } => {
            values.chunks_exact_mut(classes.len()).for_each(|row| sharpen(row, sharpness));
        }
        Target::Number { mean, deviation, .. } => {
            values.iter_mut().for_each(|v| *v = *v * deviation + mean);
        }
    }
    values
}
