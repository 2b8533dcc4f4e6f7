//! Scoring: how much of what the current predictor leaves unexplained a candidate could explain.
//!
//! A candidate's values become at most 32 bins, and a function of at most four steps over the bins is
//! fitted to the predictor's gradient and hessian. The fit sees four fifths of the rows and is scored
//! on the last fifth, in turn: a candidate with many noisy bins gains nothing from having them.

mod forward;
mod histogram;
mod interaction;
mod residuals;
mod shape;
mod trial;
mod values;

use std::collections::BTreeMap;

use rayon::prelude::*;
use tabgraft_table::threads::in_pool;

use crate::error::{Error, Result};
use forward::diverse;
use histogram::Binned;
use interaction::{Coarse, strength};
use shape::Shaped;
use tabgraft_feature::definition::Feature;
use tabgraft_feature::expr::quoted_column;
use trial::{N_FOLDS, Rows, Trial};

pub use residuals::Residuals;
pub use shape::Shape;
pub use values::CandidateValues;

/// Candidates whose ranks are kept for comparison; those that score less are counted and forgotten.
const MOST_KEPT: usize = 1000;
/// Groups of candidates between two looks at the clock: at least so many, and two for each thread. Pairs of
/// columns, of which one costs little, by the hundred.
const CHUNK: usize = 8;
const PAIRS_CHUNK: usize = 512;
/// Most inputs whose own gains are taken off; a count over more columns stands for itself.
const MAX_OWN_INPUTS: usize = 4;

/// A candidate and what it would bring. Gains are reductions of the mean loss per row on rows that
/// the fit did not see, in the loss's own unit (weighted sums where several models' residuals are given);
/// chance alone gives about 0, and as often less as more.
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
    /// `[n_rows]` rows of an equal number are never on both sides of a fit, as copies must not be
    /// ([`tabgraft_table::split::Split::units`]). Without them each row stands for itself.
    pub units: Option<&'a [u64]>,
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
        RankOptions {
            seed,
            units: None,
            shape: Shape::Steps,
            max_scored: usize::MAX,
            n_diverse: 5,
            keep_going: &|| true,
        }
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
/// a value error if it, or `units`, gives another number of rows.
pub fn rank<F>(
    candidates: &[Feature],
    values: F,
    residuals: &Residuals,
    options: &RankOptions<'_>,
) -> Result<Ranked>
where
    F: Fn(&Feature) -> Result<CandidateValues> + Sync,
{
    in_pool(|| rank_in_pool(candidates, &values, residuals, options))?
}

fn rank_in_pool<F>(
    candidates: &[Feature],
    values: &F,
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
    if let Some(units) = options.units.filter(|units| units.len() != residuals.n_rows()) {
        return Err(Error::value(format!("{} units for {} rows", units.len(), residuals.n_rows())));
    }
    let rows = Rows::draw(residuals.n_rows(), options.units, options.seed);

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

    let groups = chosen_groups(&by_inputs, &columns, residuals, &rows, options);
    let mut trials: Vec<(usize, Trial)> = Vec::new();
    let mut n_tried = 0;
    for (i, chunk) in groups.chunks(CHUNK.max(2 * rayon::current_num_threads())).enumerate() {
        if i > 0 && !(options.keep_going)() {
            break;
        }
        let scored: Vec<Vec<(usize, Option<Trial>)>> = chunk
            .par_iter()
            .map(|Group { inputs, members }| {
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

/// Candidates that read the same columns.
struct Group {
    inputs: Vec<String>,
    /// Places among all candidates.
    members: Vec<usize>,
}

/// Groups of candidates by their inputs, at most `max_scored` candidates in all: those of one column or
/// of many, then pairs by what the two columns say together; pairs that there was no time to look at come last.
fn chosen_groups(
    by_inputs: &BTreeMap<Vec<String>, Vec<usize>>,
    columns: &BTreeMap<&str, Option<Column>>,
    residuals: &Residuals,
    rows: &Rows,
    options: &RankOptions<'_>,
) -> Vec<Group> {
    let max_scored = options.max_scored;
    let n_candidates: usize = by_inputs.values().map(Vec::len).sum();
    let column = |name: &str| columns.get(name).and_then(Option::as_ref);
    let groups: Vec<(&Vec<String>, &Vec<usize>)> = by_inputs.iter().collect();
    // The order does not matter where all are computed.
    let by_strength = n_candidates > max_scored;
    let mut ordered: Vec<(f64, Group)> = Vec::with_capacity(groups.len());
    let mut in_time = true;
    for (i, chunk) in groups.chunks(PAIRS_CHUNK).enumerate() {
        in_time &= i == 0 || !by_strength || (options.keep_going)();
        ordered.par_extend(chunk.par_iter().map(|(inputs, members)| {
            let strength = match &inputs[..] {
                [_, _] if by_strength && !in_time => Some(f64::NEG_INFINITY),
                [a, b] if by_strength => column(a)
                    .zip(column(b))
                    .map(|(a, b)| strength(&a.coarse, &b.coarse, &residuals.outputs, &rows.fold, N_FOLDS)),
                _ => None,
            };
            let group = Group { inputs: (*inputs).clone(), members: (*members).clone() };
            (strength.unwrap_or(f64::INFINITY), group)
        }));
    }
    ordered.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut left = max_scored;
    let mut chosen = Vec::new();
    for (_, mut group) in ordered {
        group.members.truncate(left);
        left -= group.members.len();
        if group.members.is_empty() {
            break;
        }
        chosen.push(group);
    }
    chosen
}

fn has_own_inputs(inputs: &[String]) -> bool {
    (2..=MAX_OWN_INPUTS).contains(&inputs.len())
}

fn bare_column(name: &str) -> Feature {
    Feature::formula(name, quoted_column(name), "")
}
