//! The first places of a ranking, so that they do not tell one idea several times.

use rayon::prelude::*;

use super::Scored;
use super::residuals::Residuals;
use super::shape::{Shape, Shaped};
use super::trial::{Rows, untouched};
use super::values::CandidateValues;
use crate::error::Result;
use tabgraft_feature::definition::Feature;

/// Candidates that compete for the first places.
const N_COMPETING: usize = 60;

/// Fills the first `n_diverse` places one by one: each goes to the candidate that brings most beyond
/// those placed before it, as long as one brings anything. The others follow by their scores.
///
/// The first place stays with the highest score. A candidate never counts for more than its score.
pub(super) fn diverse<F>(
    scored: Vec<Scored>,
    n_diverse: usize,
    values: &F,
    residuals: &Residuals,
    rows: &Rows,
    shape: Shape,
) -> Result<Vec<Scored>>
where
    F: Fn(&Feature) -> Result<CandidateValues> + Sync,
{
    let n_competing = if n_diverse > 1 { scored.len().min(N_COMPETING) } else { 0 };
    let mut competing: Vec<(usize, Shaped)> = scored[..n_competing]
        .par_iter()
        .enumerate()
        .map(|(i, s)| Ok(Shaped::new(&values(&s.feature)?, &rows.sample, shape).map(|shaped| (i, shaped))))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    let mut placed: Vec<usize> = Vec::new();
    let mut left = untouched(residuals);
    while placed.len() < n_diverse && !competing.is_empty() {
        let gains: Vec<f64> = competing
            .par_iter()
            .map(|(i, shaped)| match placed.is_empty() {
                true => scored[*i].score,
                false => scored[*i].score.min(rows.gain_beyond(shaped, residuals, &left)),
            })
            .collect();
        let Some(best) = (0..gains.len()).max_by(|a, b| gains[*a].total_cmp(&gains[*b]).then(b.cmp(a)))
        else {
            break;
        };
        if !placed.is_empty() && gains[best] <= 0.0 {
            break;
        }
        let (i, shaped) = competing.remove(best);
        rows.explain(&shaped, residuals, &mut left);
        placed.push(i);
    }
    let mut rest: Vec<Option<Scored>> = scored.into_iter().map(Some).collect();
    let first: Vec<Scored> = placed.into_iter().filter_map(|i| rest[i].take()).collect();
    Ok(first.into_iter().chain(rest.into_iter().flatten()).collect())
}
