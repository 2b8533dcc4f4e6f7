//! Columns as the sparse matrix of a linear model.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef};
use tabgraft_table::cell::{categories, numbers, seconds, timestamps_us};
use tabgraft_table::codec::{Codec, CodecConfig};
use tabgraft_table::encoded::{PartForm, PartValues};
use tabgraft_table::schema::{ColumnSpec, Kind};

use crate::error::Result;

/// Bins of a number that enters by steps: an adjustment of few pieces.
const N_BINS: usize = 6;
/// Most levels of a category that get a column of their own; the others share the constant.
pub(crate) const MOST_LEVELS: usize = 100;
/// Most classes whose logits are fitted again; of more, the others stay as they are.
const MOST_OFFSETS: usize = 32;
/// Penalty on a coefficient of a standardised number or a level, in rows: that of a ridge regression
/// or a logistic regression as people fit them by default.
const PENALTY: f64 = 1.0;
/// Penalty on a coefficient of a feature that enters by steps, in rows.
const STEP_PENALTY: f64 = 10.0;
/// The constant is free; so little keeps its equation solvable.
const NO_PENALTY: f64 = 1e-6;

/// A sparse matrix of `n_rows` rows, with a ridge penalty for each column.
#[derive(Debug, Clone)]
pub(crate) struct Design {
    /// `[n_rows + 1]`: the entries of row `r` are `first[r]..first[r + 1]`.
    first: Vec<usize>,
    /// Column and value, columns ascending within a row.
    entries: Vec<(u32, f64)>,
    /// `[n_columns]`, in rows.
    penalty: Vec<f64>,
}

impl Design {
    /// One column of ones.
    pub fn constant(n_rows: usize) -> Self {
        Design { first: (0..=n_rows).collect(), entries: vec![(0, 1.0); n_rows], penalty: vec![NO_PENALTY] }
    }

    /// A constant, and logits or numbers `[output][row]` that may count for more or less than they say.
    pub fn of_offsets(offsets: &[Vec<f64>], n_fit: usize) -> Self {
        let n_rows = offsets.first().map_or(0, Vec::len);
        let mut designs = vec![Self::constant(n_rows)];
        for offset in offsets.iter().take(MOST_OFFSETS) {
            designs.push(Self::number(&offset.iter().copied().map(Some).collect::<Vec<_>>(), n_fit));
        }
        Self::beside(&designs.iter().collect::<Vec<_>>())
    }

    /// A column as a linear model takes it: a number or time standardised, a category as one column
    /// per level, a text as its hashed words; missing has a column of its own where it occurs. The
    /// first `n_fit` rows say where a number's centre is and which levels are the most common.
    pub fn linear(spec: &ColumnSpec, array: &ArrayRef, n_fit: usize, most_levels: usize) -> Result<Self> {
        match spec.kind {
            Kind::Numeric => Ok(Self::number(&numbers(&spec.name, array)?.iter().collect::<Vec<_>>(), n_fit)),
            Kind::Timestamp => {
                let times = timestamps_us(&spec.name, array, spec.date_format()?)?;
                let times: Vec<Option<f64>> = times.iter().map(|us| us.map(seconds)).collect();
                Ok(Self::number(&times, n_fit))
            }
            Kind::Categorical | Kind::Boolean => {
                let cells = categories(&spec.name, array)?;
                Ok(Self::levels(&cells.iter().collect::<Vec<_>>(), n_fit, most_levels))
            }
            Kind::Text => Self::encoded(spec, array, n_fit, PENALTY),
        }
    }

    /// A column in few steps, for any curve.
    pub fn steps(spec: &ColumnSpec, array: &ArrayRef, n_fit: usize) -> Result<Self> {
        Self::encoded(spec, array, n_fit, STEP_PENALTY)
    }

    fn number(values: &[Option<f64>], n_fit: usize) -> Self {
        let known: Vec<f64> = values[..n_fit].iter().flatten().copied().filter(|v| v.is_finite()).collect();
        let n = known.len().max(1) as f64;
        let mean = known.iter().sum::<f64>() / n;
        let deviation = (known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        let scale = if deviation > 0.0 && deviation.is_finite() { 1.0 / deviation } else { 0.0 };
        let rows = values.iter().map(|v| match v.filter(|v| v.is_finite()) {
            Some(v) => vec![(0, (v - mean) * scale)],
            None => vec![(1, 1.0)],
        });
        Self::of_rows(rows, vec![PENALTY; 2])
    }

    fn levels(cells: &[Option<&str>], n_fit: usize, most_levels: usize) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        cells[..n_fit].iter().flatten().for_each(|level| *counts.entry(level).or_default() += 1);
        let mut common: Vec<(&str, usize)> = counts.into_iter().collect();
        common.sort_by_key(|(level, n)| (usize::MAX - n, *level));
        common.truncate(most_levels);
        let place: BTreeMap<&str, u32> =
            common.iter().enumerate().map(|(i, (level, _))| (*level, 1 + i as u32)).collect();
        let rows = cells.iter().map(|cell| match cell {
            None => vec![(0, 1.0)],
            Some(level) => place.get(level).map(|i| (*i, 1.0)).into_iter().collect(),
        });
        Self::of_rows(rows, vec![PENALTY; 1 + place.len()])
    }

    fn encoded(spec: &ColumnSpec, array: &ArrayRef, n_fit: usize, penalty: f64) -> Result<Self> {
        // A solver pays for every level: beyond `max_categories` none has one of its own.
        let config =
            CodecConfig { n_bins: N_BINS, min_category_rows: Some(u64::MAX), ..CodecConfig::default() };
        let codec = Codec::fit(spec, &array.slice(0, n_fit), &config)?;
        let encoded = codec.apply(&spec.name, array)?;
        let mut rows: Vec<Vec<(u32, f64)>> = vec![Vec::new(); encoded.missing.len()];
        // Column 0: the cell is missing.
        let mut first = 1;
        for (form, values) in codec.parts().iter().zip(&encoded.parts) {
            for (r, row) in rows.iter_mut().enumerate().filter(|(r, _)| !encoded.missing[*r]) {
                match values {
                    PartValues::Piecewise { bin, position } => {
                        row.extend((0..u32::from(bin[r])).map(|b| (first + b, 1.0)));
                        row.push((first + u32::from(bin[r]), f64::from(position[r])));
                    }
                    PartValues::Code { code } => row.push((first + code[r], 1.0)),
                    PartValues::Bag { offsets, slots, values } => {
                        let entries = offsets[r] as usize..offsets[r + 1] as usize;
                        let mut entries: Vec<_> =
                            entries.map(|e| (first + slots[e], f64::from(values[e]))).collect();
                        entries.sort_by_key(|e| e.0);
                        row.extend(entries);
                    }
                }
            }
            first += match form {
                PartForm::Piecewise { n_bins } => *n_bins as u32,
                PartForm::Code { n_codes } => *n_codes as u32,
                PartForm::Bag { n_slots } => *n_slots as u32,
            };
        }
        for (row, missing) in rows.iter_mut().zip(&encoded.missing) {
            if *missing {
                row.push((0, 1.0));
            }
        }
        Ok(Self::of_rows(rows.into_iter(), vec![penalty; first as usize]))
    }

    fn of_rows(rows: impl Iterator<Item = Vec<(u32, f64)>>, penalty: Vec<f64>) -> Self {
        let (mut first, mut entries) = (vec![0], Vec::new());
        for row in rows {
            entries.extend(row);
            first.push(entries.len());
        }
        Design { first, entries, penalty }
    }

    /// The matrices side by side; there must be at least one, all of the same rows.
    pub fn beside(designs: &[&Design]) -> Self {
        let n_rows = designs.first().map_or(0, |d| d.n_rows());
        let rows = (0..n_rows).map(|r| {
            let mut offset = 0;
            let mut row = Vec::new();
            for design in designs {
                row.extend(design.row(r).iter().map(|(c, v)| (offset + c, *v)));
                offset += design.n_columns() as u32;
            }
            row
        });
        let penalty = designs.iter().flat_map(|d| d.penalty.iter().copied()).collect();
        Self::of_rows(rows, penalty)
    }

    /// The same rows in another order: row `r` is row `order[r]` of this one.
    pub fn reordered(&self, order: &[usize]) -> Self {
        Self::of_rows(order.iter().map(|r| self.row(*r).to_vec()), self.penalty.clone())
    }

    pub fn n_rows(&self) -> usize {
        self.first.len() - 1
    }

    pub fn n_columns(&self) -> usize {
        self.penalty.len()
    }

    pub fn penalty(&self) -> &[f64] {
        &self.penalty
    }

    pub fn row(&self, r: usize) -> &[(u32, f64)] {
        &self.entries[self.first[r]..self.first[r + 1]]
    }

    pub fn product(&self, r: usize, coefficients: &[f64]) -> f64 {
        self.row(r).iter().map(|(c, v)| coefficients[*c as usize] * v).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_standardised_by_the_fitted_rows_and_levels_are_theirs() {
        let number = Design::number(&[Some(1.0), Some(3.0), None, Some(7.0)], 2);
        assert_eq!(number.row(0), [(0, -1.0)]);
        assert_eq!(number.row(2), [(1, 1.0)]);
        assert_eq!(number.row(3), [(0, 5.0)]);
        let levels = Design::levels(&[Some("a"), Some("b"), Some("b"), None, Some("c")], 4, 10);
        assert_eq!(levels.n_columns(), 3);
        assert_eq!(
            (levels.row(0), levels.row(1), levels.row(3)),
            (&[(2, 1.0)][..], &[(1, 1.0)][..], &[(0, 1.0)][..])
        );
        assert!(levels.row(4).is_empty());
        let both = Design::beside(&[&Design::constant(4), &number]);
        assert_eq!(both.row(3), [(0, 1.0), (1, 5.0)]);
        assert_eq!(both.reordered(&[3, 0, 1, 2]).row(0), [(0, 1.0), (1, 5.0)]);
    }
}
