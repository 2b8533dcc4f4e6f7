//! One candidate on trial: its gains on rows that its fit did not see, and its likeness to others.

use std::collections::BTreeMap;

use tabgraft_table::deal::deal_rows;
use tabgraft_table::stats::hash::mix;

use super::residuals::{Output, Residuals};
use super::shape::{Shape, Shaped};
use super::values::CandidateValues;
use crate::numbers::dot_of_singles;

/// Parts of the rows that are left out in turn.
pub(super) const N_FOLDS: usize = 5;
/// Rows of the sample that gives quantiles and rank correlations.
const N_SAMPLED_ROWS: usize = 2048;
/// A candidate that explains this many times what its inputs explain together is credited in full.
const REPLACES: f64 = 1.25;
/// Candidates whose ranks correlate more than this are the same column to any tree.
const SAME: f32 = 0.98;

/// Which rows fit, which score, and which stand for all.
pub(super) struct Rows {
    /// `[n_rows]` the fold of each row.
    pub(super) fold: Vec<u8>,
    /// At most [`N_SAMPLED_ROWS`] row indices, ascending.
    pub(super) sample: Vec<usize>,
    /// `[n_rows]` a random number of each row.
    hash: Vec<u64>,
}

/// What the inputs of a candidate bring by themselves, and what they leave.
pub(super) struct AfterInputs {
    /// Gain of the inputs, one added to the other.
    gain: f64,
    /// Gradients per fold and output after what the inputs explain, fitted without the fold. Empty without
    /// inputs.
    gradients: Vec<Vec<Vec<f64>>>,
}

impl Rows {
    /// Rows of one unit are in one fold; without units each row is one.
    pub(super) fn draw(n_rows: usize, units: Option<&[u64]>, seed: u64) -> Self {
        let hash: Vec<u64> = (0..n_rows as u64).map(|row| mix(seed ^ mix(row))).collect();
        let mut sample: Vec<usize> = (0..n_rows).collect();
        sample.sort_unstable_by_key(|row| (hash[*row], *row));
        let single: Vec<u64>;
        let units = match units {
            Some(units) => units,
            None => {
                single = (0..n_rows as u64).collect();
                &single
            }
        };
        let fold = deal_rows(units, &vec![0; n_rows], N_FOLDS, mix(seed));
        sample.truncate(N_SAMPLED_ROWS);
        sample.sort_unstable();
        Rows { fold: fold.into_iter().map(|part| part as u8).collect(), sample, hash }
    }

    /// Mean reduction of the loss per row, each fold scored by a fit on the others.
    fn gain(&self, shaped: &Shaped, residuals: &Residuals) -> f64 {
        let gain = |output: &Output| output.weight * shaped.gain(output, &self.fold, N_FOLDS);
        let gains = residuals.outputs.iter().map(gain);
        gains.sum::<f64>() / residuals.n_rows().max(1) as f64
    }

    /// The same on the gradients that others leave: `[fold][output][n_rows]`.
    pub(super) fn gain_beyond(&self, shaped: &Shaped, residuals: &Residuals, left: &[Vec<Vec<f64>>]) -> f64 {
        let mut gain = 0.0;
        for (k, outputs) in left.iter().enumerate() {
            for (output, gradient) in residuals.outputs.iter().zip(outputs) {
                gain += output.weight * shaped.gain_on_fold(gradient, output, &self.fold, (k, N_FOLDS));
            }
        }
        gain / residuals.n_rows().max(1) as f64
    }

    /// Lets each input by itself explain what it can, one after the other, separately for each fold
    /// that is left out.
    pub(super) fn after_inputs(&self, inputs: &[&Shaped], residuals: &Residuals) -> AfterInputs {
        if inputs.is_empty() {
            return AfterInputs { gain: 0.0, gradients: Vec::new() };
        }
        let mut gradients = untouched(residuals);
        let gain = inputs.iter().map(|shaped| self.explain(shaped, residuals, &mut gradients)).sum();
        AfterInputs { gain, gradients }
    }

    /// Takes what a column explains off the gradients, and gives its gain per row.
    pub(super) fn explain(&self, shaped: &Shaped, residuals: &Residuals, left: &mut [Vec<Vec<f64>>]) -> f64 {
        let mut gain = 0.0;
        for (k, outputs) in left.iter_mut().enumerate() {
            for (output, gradient) in residuals.outputs.iter().zip(outputs) {
                gain += output.weight * shaped.explain(gradient, output, &self.fold, (k, N_FOLDS));
            }
        }
        gain / residuals.n_rows().max(1) as f64
    }

    /// Centred ranks of the sampled rows with norm 1; a missing value stands at the centre. A code's
    /// rank is that of a random number of its first row, the same for any numbering of the codes.
    fn ranks(&self, values: &CandidateValues) -> Vec<f32> {
        let mut places: Vec<(f64, usize)> = Vec::with_capacity(self.sample.len());
        match values {
            CandidateValues::Number(values) => {
                let cells = self.sample.iter().enumerate().filter_map(|(i, row)| Some((values[*row]?, i)));
                places.extend(cells.filter(|(v, _)| v.is_finite()));
            }
            CandidateValues::Code(codes) => {
                let mut first: BTreeMap<u32, f64> = BTreeMap::new();
                for (i, row) in self.sample.iter().enumerate() {
                    if let Some(code) = codes[*row] {
                        places.push((*first.entry(code).or_insert(self.hash[*row] as f64), i));
                    }
                }
            }
        }
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (centre, mut ranks) = ((places.len() as f64 - 1.0) / 2.0, vec![0.0; self.sample.len()]);
        let mut start = 0;
        for tied in places.chunk_by(|a, b| a.0 == b.0) {
            let rank = start as f64 + (tied.len() as f64 - 1.0) / 2.0 - centre;
            tied.iter().for_each(|(_, i)| ranks[*i] = rank);
            start += tied.len();
        }
        normalised(&ranks)
    }
}

/// The gradients of each output, once for each fold.
pub(super) fn untouched(residuals: &Residuals) -> Vec<Vec<Vec<f64>>> {
    vec![residuals.outputs.iter().map(|output| output.gradient.clone()).collect(); N_FOLDS]
}

fn normalised(values: &[f64]) -> Vec<f32> {
    let norm = values.iter().map(|r| r * r).sum::<f64>().sqrt();
    values.iter().map(|r| if norm > 0.0 { (r / norm) as f32 } else { 0.0 }).collect()
}

/// One candidate's gains, and its ranks for comparison.
pub(super) struct Trial {
    pub(super) gain: f64,
    /// Gain on what the inputs leave.
    pub(super) beyond: f64,
    pub(super) score: f64,
    is_code: bool,
    ranks: Vec<f32>,
}

impl Trial {
    /// None for a constant candidate.
    pub(super) fn run(
        values: &CandidateValues,
        residuals: &Residuals,
        left: &AfterInputs,
        rows: &Rows,
        shape: Shape,
    ) -> Option<Self> {
        let shaped = Shaped::new(values, &rows.sample, shape)?;
        let gain = rows.gain(&shaped, residuals);
        let alone = left.gradients.is_empty();
        let beyond = if alone { gain } else { rows.gain_beyond(&shaped, residuals, &left.gradients) };
        let replaces_its_inputs = beyond > 0.0 && gain > REPLACES * left.gain;
        let score = if replaces_its_inputs { gain } else { gain.min(beyond) };
        let is_code = matches!(values, CandidateValues::Code(_));
        let ranks = match &shaped {
            // The logarithm of a column is the same to a tree, and another column to a line.
            Shaped::Line(x) => normalised(&rows.sample.iter().map(|row| x[*row]).collect::<Vec<_>>()),
            Shaped::Steps(_) => rows.ranks(values),
        };
        Some(Trial { gain, beyond, score, is_code, ranks })
    }

    /// Whether it is a near-copy.
    pub(super) fn is_same(&self, other: &Trial) -> bool {
        self.is_code == other.is_code && dot_of_singles(&self.ranks, &other.ranks).abs() > SAME
    }
}
