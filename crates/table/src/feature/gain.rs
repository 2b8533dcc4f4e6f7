//! Scoring: how much of what the current predictor leaves unexplained a candidate could explain.
//!
//! A candidate's values become at most 32 bins, and a function of at most four steps over the bins is
//! fitted to the predictor's gradient and hessian. The fit sees four fifths of the rows and is scored
//! on the last fifth, in turn: a candidate with many noisy bins gains nothing from having them.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use rayon::prelude::*;

use super::definition::Feature;
use super::expr::quoted_column;
use super::forward::diverse;
use super::histogram::Binned;
use super::interaction::{Coarse, strength};
use super::residuals::{Output, Residuals};
use super::shape::{Shape, Shaped};
use crate::error::{Error, Result};

/// Parts of the rows that are left out in turn.
pub(super) const N_FOLDS: usize = 5;
/// Candidates whose ranks are kept for comparison; those that score less are counted and forgotten.
const MOST_KEPT: usize = 1000;
/// Groups of candidates between two looks at the clock.
const CHUNK: usize = 32;
/// Rows of the sample that gives quantiles and rank correlations.
const N_SAMPLED_ROWS: usize = 2048;
/// A candidate that explains this many times what its inputs explain together is credited in full.
const REPLACES: f64 = 1.25;
/// Candidates whose ranks correlate more than this are the same column to any tree.
const SAME: f32 = 0.98;
/// Most inputs whose own gains are taken off; a count over more columns stands for itself.
const MAX_OWN_INPUTS: usize = 4;

/// The values of a candidate in the discovery rows.
#[derive(Debug, Clone, PartialEq)]
pub enum CandidateValues {
    /// Ordered values; what is not finite counts as missing.
    Number(Vec<Option<f64>>),
    /// Names without order, as any numbering of them.
    Code(Vec<Option<u32>>),
}

impl CandidateValues {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            CandidateValues::Number(values) => values.len(),
            CandidateValues::Code(codes) => codes.len(),
        }
    }

    /// Values of a computed column: numbers and booleans (0 and 1) as numbers, times as microseconds,
    /// text as codes.
    ///
    /// # Errors
    /// A schema error if the array is of another type.
    pub fn from_array(array: &ArrayRef) -> Result<Self> {
        let unfit = |e| Error::schema(format!("a candidate cannot be {}", array.data_type())).with_source(e);
        match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                let texts = cast(array, &DataType::Utf8).map_err(unfit)?;
                let mut codes: BTreeMap<&str, u32> = BTreeMap::new();
                let cells = texts.as_string::<i32>().iter().map(|text| {
                    let next = codes.len() as u32;
                    text.map(|text| *codes.entry(text).or_insert(next))
                });
                Ok(CandidateValues::Code(cells.collect()))
            }
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                let times = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(unfit)?;
                let times = cast(&times, &DataType::Int64).map_err(unfit)?;
                let times = times.as_primitive::<Int64Type>().iter();
                Ok(CandidateValues::Number(times.map(|us| us.map(|us| us as f64)).collect()))
            }
            _ => {
                let numbers = cast(array, &DataType::Float64).map_err(unfit)?;
                Ok(CandidateValues::Number(numbers.as_primitive::<Float64Type>().iter().collect()))
            }
        }
    }
}

/// A candidate and what it would bring. Gains are reductions of the mean loss per row on rows that
/// the fit did not see, in the loss's own unit (weighted sums where several models' residuals are given); chance alone gives about 0, and as often less as more.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The candidate.
    pub feature: Feature,
    /// The columns that it reads.
    pub inputs: Vec<String>,
    /// Gain of the candidate alone.
    pub gain: f64,
    /// Gain on what its inputs, each by itself, leave. With one input, or more than four: `gain`.
    pub gain_beyond_inputs: f64,
    /// What the ranking goes by: `gain` if the candidate explains a quarter more than all its inputs
    /// together and something beyond them, otherwise the smaller of the two gains. Without the margin,
    /// crossing the best column with any other would win by luck.
    pub score: f64,
    /// Candidates left out because their rows stand in the same order.
    pub stands_for: Vec<String>,
}

/// How to rank.
#[derive(Clone, Copy)]
pub struct RankOptions<'a> {
    /// Seed of the folds and of the sample of rows.
    pub seed: u64,
    /// What the model that is to be helped can make of a column.
    pub shape: Shape,
    /// Most candidates that are computed. Those of one column come first, then those of two, the pairs
    /// that say most together first.
    pub max_scored: usize,
    /// How many of the first places go to candidates that add something to those before them.
    pub n_diverse: usize,
    /// Asked between a few candidates; when it says no, what is ranked so far is the result.
    pub keep_going: &'a (dyn Fn() -> bool + Sync),
}

impl RankOptions<'_> {
    /// Steps, all candidates, no time limit; five diverse places.
    pub fn new(seed: u64) -> Self {
        RankOptions { seed, shape: Shape::Steps, max_scored: usize::MAX, n_diverse: 5, keep_going: &|| true }
    }
}

/// Candidates in order, and how many were looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The best first.
    pub scored: Vec<Scored>,
    /// Candidates that were computed and scored, near-copies and forgotten ones too.
    pub n_tried: usize,
}

/// Candidates by falling score, near-copies of better ones left out, constant ones too. The first
/// places ([`RankOptions::n_diverse`]) go to candidates that add to each other.
///
/// `values` gives the values of a feature in the rows of `residuals`. It is also asked for single
/// columns, as the formula that names the column, to learn what the inputs of a candidate bring by
/// themselves: a ratio must not win because one of its columns is good.
///
/// Two candidates of one form (both numbers, or both codes) are near-copies if their ranks (for
/// [`Shape::Line`], their values) in a sample of 2048 rows correlate beyond .98 either way. The result is
/// the same for any number of threads.
///
/// # Errors
/// A formula error for a candidate that does not parse; the error of `values`, with the candidate's name;
/// a value error if it gives another number of rows.
pub fn rank<F>(
    candidates: &[Feature],
    values: F,
    residuals: &Residuals,
    options: &RankOptions<'_>,
) -> Result<Ranked>
where
    F: Fn(&Feature) -> Result<CandidateValues> + Sync,
{
    let checked = |feature: &Feature| {
        let values = values(feature).map_err(|e| e.at(format!("feature `{}`", feature.name)))?;
        match values.n_rows() == residuals.n_rows() {
            true => Ok(values),
            false => Err(Error::value(format!(
                "feature `{}`: {} values for {} rows",
                feature.name,
                values.n_rows(),
                residuals.n_rows()
            ))),
        }
    };
    let rows = Rows::draw(residuals.n_rows(), options.seed);

    // Candidates that share their inputs share the work of taking the inputs' own gains off.
    let mut by_inputs: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
    for (i, candidate) in candidates.iter().enumerate() {
        by_inputs.entry(candidate.inputs()?).or_default().push(i);
    }
    let mut columns: BTreeMap<&str, Option<Column>> = BTreeMap::new();
    for inputs in by_inputs.keys().filter(|inputs| has_own_inputs(inputs)) {
        columns.extend(inputs.iter().map(|name| (name.as_str(), None)));
    }
    columns.par_iter_mut().try_for_each(|(name, column)| {
        *column = Some(Column::new(&checked(&bare_column(name))?, &rows, options.shape));
        Ok::<_, Error>(())
    })?;

    let groups = chosen_groups(&by_inputs, &columns, residuals, &rows, options.max_scored);
    let mut trials: Vec<(usize, Trial)> = Vec::new();
    let mut n_tried = 0;
    for (i, chunk) in groups.chunks(CHUNK).enumerate() {
        if i > 0 && !(options.keep_going)() {
            break;
        }
        let scored: Vec<Vec<(usize, Option<Trial>)>> = chunk
            .par_iter()
            .map(|(inputs, members)| {
                // A linear model has taken off what its columns bring as lines already.
                let own: Vec<&Shaped> = match has_own_inputs(inputs) && options.shape == Shape::Steps {
                    true => inputs
                        .iter()
                        .filter_map(|name| columns.get(name.as_str())?.as_ref()?.shaped.as_ref())
                        .collect(),
                    false => Vec::new(),
                };
                let left = rows.after_inputs(&own, residuals);
                let trial = |i: &usize| {
                    Ok((*i, Trial::run(&checked(&candidates[*i])?, residuals, &left, &rows, options.shape)))
                };
                members.iter().map(trial).collect::<Result<Vec<_>>>()
            })
            .collect::<Result<_>>()?;
        n_tried += scored.iter().map(Vec::len).sum::<usize>();
        trials.extend(scored.into_iter().flatten().filter_map(|(i, trial)| Some((i, trial?))));
        if trials.len() > 2 * MOST_KEPT {
            keep_best(&mut trials);
        }
    }
    keep_best(&mut trials);
    let mut kept: Vec<(Trial, Scored)> = Vec::new();
    for (i, trial) in trials {
        let feature = &candidates[i];
        match kept.par_iter().position_first(|(better, _)| better.is_same(&trial)) {
            Some(better) => kept[better].1.stands_for.push(feature.name.clone()),
            None => {
                let scored = Scored {
                    inputs: feature.inputs()?,
                    feature: feature.clone(),
                    gain: trial.gain,
                    gain_beyond_inputs: trial.beyond,
                    score: trial.score,
                    stands_for: Vec::new(),
                };
                kept.push((trial, scored));
            }
        }
    }
    let scored = kept.into_iter().map(|(_, scored)| scored).collect();
    let scored = diverse(scored, options.n_diverse, &checked, residuals, &rows, options.shape)?;
    Ok(Ranked { scored, n_tried })
}

fn keep_best(trials: &mut Vec<(usize, Trial)>) {
    trials.sort_by(|(i, a), (j, b)| b.score.total_cmp(&a.score).then(i.cmp(j)));
    trials.truncate(MOST_KEPT);
}

/// A column by itself.
struct Column {
    shaped: Option<Shaped>,
    coarse: Coarse,
}

impl Column {
    fn new(values: &CandidateValues, rows: &Rows, shape: Shape) -> Self {
        let coarse = Coarse::new(&Binned::fit(values, &rows.sample));
        Column { shaped: Shaped::new(values, &rows.sample, shape), coarse }
    }
}

/// Groups of candidates by their inputs, at most `max_scored` candidates in all: those of one column or
/// of many, then pairs by what the two columns say together.
fn chosen_groups(
    by_inputs: &BTreeMap<Vec<String>, Vec<usize>>,
    columns: &BTreeMap<&str, Option<Column>>,
    residuals: &Residuals,
    rows: &Rows,
    max_scored: usize,
) -> Vec<(Vec<String>, Vec<usize>)> {
    let n_candidates: usize = by_inputs.values().map(Vec::len).sum();
    let column = |name: &str| columns.get(name).and_then(Option::as_ref);
    let groups: Vec<(Vec<String>, Vec<usize>)> =
        by_inputs.iter().map(|(inputs, members)| (inputs.clone(), members.clone())).collect();
    let mut ordered: Vec<(f64, (Vec<String>, Vec<usize>))> = groups
        .into_par_iter()
        .map(|(inputs, members)| {
            let strength = match &inputs[..] {
                // The order does not matter where all are computed.
                [a, b] if n_candidates > max_scored => column(a)
                    .zip(column(b))
                    .map(|(a, b)| strength(&a.coarse, &b.coarse, &residuals.outputs, &rows.fold, N_FOLDS)),
                _ => None,
            };
            (strength.unwrap_or(f64::INFINITY), (inputs, members))
        })
        .collect();
    ordered.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut left = max_scored;
    let mut chosen = Vec::new();
    for (_, (inputs, mut members)) in ordered {
        members.truncate(left);
        left -= members.len();
        if members.is_empty() {
            break;
        }
        chosen.push((inputs, members));
    }
    chosen
}

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
struct AfterInputs {
    /// Gain of the inputs, one added to the other.
    gain: f64,
    /// Gradients per fold and output after what the inputs explain, fitted without the fold. Empty without
    /// inputs.
    gradients: Vec<Vec<Vec<f64>>>,
}

impl Rows {
    fn draw(n_rows: usize, seed: u64) -> Self {
        let hash: Vec<u64> = (0..n_rows as u64).map(|row| mixed(seed ^ mixed(row))).collect();
        let mut sample: Vec<usize> = (0..n_rows).collect();
        sample.sort_unstable_by_key(|row| (hash[*row], *row));
        // Dealt out over the random order, so that folds differ by at most one row.
        let mut fold = vec![0; n_rows];
        sample.iter().enumerate().for_each(|(i, row)| fold[*row] = (i % N_FOLDS) as u8);
        sample.truncate(N_SAMPLED_ROWS);
        sample.sort_unstable();
        Rows { fold, sample, hash }
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
    fn after_inputs(&self, inputs: &[&Shaped], residuals: &Residuals) -> AfterInputs {
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
struct Trial {
    gain: f64,
    beyond: f64,
    score: f64,
    is_code: bool,
    ranks: Vec<f32>,
}

impl Trial {
    /// None for a constant candidate.
    fn run(
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

    fn is_same(&self, other: &Trial) -> bool {
        self.is_code == other.is_code && dot(&self.ranks, &other.ranks).abs() > SAME
    }
}

/// In eight lanes, which the compiler turns into vector instructions; the order of sums is fixed.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

fn has_own_inputs(inputs: &[String]) -> bool {
    (2..=MAX_OWN_INPUTS).contains(&inputs.len())
}

fn bare_column(name: &str) -> Feature {
    Feature::formula(name, quoted_column(name), "")
}

/// The finalizer of SplitMix64 (Steele, Lea & Flood 2014).
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
