//! What the rows of a training were like, column by column and as a whole: what later rows are held against.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Most groups of classes whose rows are counted in one column.
pub(crate) const MOST_GROUPS: usize = 16;
/// Most quantiles of the scores of rows. All scores are kept where there are no more.
pub(crate) const MOST_QUANTILES: usize = 129;
/// Below this share the quantiles are as far apart as their first half makes them, above it much closer: what is
/// asked of a score is how odd the oddest are.
const BODY: f64 = 0.9;

/// The rows that a version was trained on, in numbers that do not grow with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// One entry per used column, in their order.
    pub columns: Vec<ProfiledColumn>,
    /// Share of the rows that would tell as much if none repeated another: above 0, at most 1 (Kish 1965).
    pub evidence: f64,
    /// How surprising cells and rows were; none in a version that was made without a table.
    pub surprises: Option<Surprises>,
}

/// The cells of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfiledColumn {
    /// Rows by their class, neighbouring classes of numbers and times and the last ones of others together where
    /// there are more than 16.
    pub counts: Vec<u64>,
    /// Rows without a value.
    pub n_missing: u64,
    /// Rows that the codec was not fitted to: validation rows.
    pub n_held_out: u64,
    /// Those of them whose value no training row has.
    pub n_unseen: u64,
}

/// How surprising the cells of some rows were, each when it alone was hidden, in nats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surprises {
    /// Rows that were looked at.
    pub n_rows: u64,
    /// Whether they were validation rows; training rows, where there are none.
    pub held_out: bool,
    /// Mean and standard deviation of each column's cells.
    pub cells: Vec<[f64; 2]>,
    /// Scores of the rows, rising: all, or quantiles.
    pub scores: Vec<f64>,
}

impl Profile {
    /// Validates a profile that came from a file, of a space with so many columns.
    ///
    /// # Errors
    /// A malformed error that says what contradicts what.
    pub(crate) fn check(&self, n_columns: usize) -> Result<()> {
        let refuse = |text: String| Err(Error::malformed(format!("`profile` of the manifest: {text}")));
        if self.columns.len() != n_columns {
            return refuse(format!("{} columns of {n_columns}", self.columns.len()));
        }
        // A sum of more rows than there can be would overflow.
        let most = 1_u64 << 48;
        let is_odd = |column: &&ProfiledColumn| {
            let mut counts =
                column.counts.iter().chain([&column.n_missing, &column.n_held_out, &column.n_unseen]);
            column.counts.is_empty()
                || column.counts.len() > MOST_GROUPS
                || counts.any(|n| *n > most)
                || column.n_unseen > column.n_held_out
        };
        if let Some(place) = self.columns.iter().position(|column| is_odd(&column)) {
            return refuse(format!("the counts of column {place} are none"));
        }
        if !(self.evidence > 0.0 && self.evidence <= 1.0) {
            return refuse(format!("`evidence` is {}, above 0 and at most 1 are allowed", self.evidence));
        }
        let Some(Surprises { n_rows, cells, scores, .. }) = &self.surprises else { return Ok(()) };
        let is_number = |[mean, deviation]: &[f64; 2]| mean.is_finite() && deviation.is_finite();
        if cells.len() != n_columns || !cells.iter().all(is_number) || cells.iter().any(|c| c[1] < 0.0) {
            return refuse("`cells` are not a mean and a standard deviation for each column".to_owned());
        }
        let n = scores.len() as u64;
        if n == 0 || n > MOST_QUANTILES as u64 || n > *n_rows || *n_rows > most {
            return refuse(format!("{n} scores of {n_rows} rows"));
        }
        match scores.iter().all(|s| s.is_finite()) && scores.is_sorted() {
            true => Ok(()),
            false => refuse("`scores` must rise and be finite".to_owned()),
        }
    }
}

impl ProfiledColumn {
    /// Rows with a value that the codec knows.
    pub(crate) fn n_known(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Probability that a cell has no value, by the rule of succession.
    pub(crate) fn p_missing(&self) -> f64 {
        (self.n_missing as f64 + 0.5) / ((self.n_known() + self.n_missing) as f64 + 1.0)
    }

    /// Probability that a value is one that no training row has, likewise.
    pub(crate) fn p_unseen(&self) -> f64 {
        (self.n_unseen as f64 + 0.5) / (self.n_held_out as f64 + 1.0)
    }
}

impl Surprises {
    /// Of the scores of rows, in any order, what is kept.
    pub(crate) fn kept(mut scores: Vec<f64>) -> Vec<f64> {
        scores.sort_unstable_by(f64::total_cmp);
        let n = scores.len();
        if n <= MOST_QUANTILES {
            return scores.into_iter().map(rounded).collect();
        }
        (0..MOST_QUANTILES)
            .map(|i| rounded(scores[(fraction(i) * (n - 1) as f64).round() as usize]))
            .collect()
    }

    /// Share of the rows looked at whose score is below this one: 0 up to `n_rows / (n_rows + 1)`, for no more rows
    /// are known.
    pub fn share_below(&self, score: f64) -> f64 {
        let (n, last) = (self.n_rows as f64, self.scores.len() - 1);
        let most = n / (n + 1.0);
        let above = self.scores.partition_point(|known| *known < score);
        if above == 0 {
            return 0.0;
        }
        if above > last {
            return most;
        }
        let place = |i: usize| match self.scores.len() as u64 == self.n_rows {
            true => i as f64 / last.max(1) as f64,
            false => fraction(i),
        };
        let (low, high) = (self.scores[above - 1], self.scores[above]);
        let between = if high > low { (score - low) / (high - low) } else { 1.0 };
        most * (place(above - 1) + between * (place(above) - place(above - 1)))
    }
}

/// The share of rows below the `i`-th quantile.
fn fraction(i: usize) -> f64 {
    let half = (MOST_QUANTILES - 1) / 2;
    match i <= half {
        true => BODY * i as f64 / half as f64,
        false => BODY + (1.0 - BODY) * (i - half) as f64 / half as f64,
    }
}

/// Three digits behind the point: more would say nothing, and cost place.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scores: Vec<f64>) -> Surprises {
        let n_rows = scores.len() as u64;
        Surprises { n_rows, held_out: true, cells: Vec::new(), scores: Surprises::kept(scores) }
    }

    #[test]
    fn a_score_is_placed_among_those_that_are_known() {
        for n in [10, 129, 1000] {
            let known = of((0..n).rev().map(f64::from).collect());
            assert!(known.scores.len() <= MOST_QUANTILES && known.scores.is_sorted());
            assert_eq!(known.share_below(-1.0), 0.0);
            assert_eq!(known.share_below(1e9), f64::from(n) / f64::from(n + 1));
            let middle = known.share_below(f64::from(n - 1) / 2.0);
            assert!((middle - 0.5).abs() < 0.06, "{n}: {middle}");
            let late = known.share_below(0.99 * f64::from(n));
            assert!(late >= middle && late <= 1.0);
        }
        // The oddest of many rows are told apart.
        let known = of((0..10_000).map(f64::from).collect());
        assert!((known.share_below(9_950.0) - 0.995).abs() < 1e-3);
    }

    #[test]
    fn one_row_is_enough() {
        let known = of(vec![3.0]);
        assert_eq!((known.share_below(2.0), known.share_below(4.0)), (0.0, 0.5));
    }
}
