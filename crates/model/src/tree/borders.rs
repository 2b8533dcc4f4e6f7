//! Bins of columns of numbers.

use super::columns::Columns;

/// Most borders of a column; bins are one more, and one for missing cells.
const MAX_BORDERS: usize = 126;
/// Most bins of a column, the one of missing cells among them.
pub(super) const MOST_BINS: usize = MAX_BORDERS + 2;
/// Rows for each border, so that few rows are not cut finer than they can tell.
const ROWS_PER_BORDER: usize = 16;
/// Rows that borders are taken from.
const SAMPLE: usize = 20_000;

/// Rising borders of each column: bin 0 is a missing cell, bin `i + 1` a number with `i` borders at or below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Borders {
    /// `[n_columns][n_borders]`.
    pub(super) edges: Vec<Vec<f32>>,
    /// `[n_columns]`: the bin of a missing cell. 0, but where no row learned from misses the cell, so that nothing
    /// is known of such rows: then that of the median.
    pub(super) missing: Vec<u8>,
}

impl Borders {
    /// Borders between values, so that bins have about as many rows each.
    pub fn fit(columns: &Columns) -> Self {
        let n_rows = columns.0.first().map_or(0, Vec::len);
        let step = n_rows.div_ceil(SAMPLE).max(1);
        let n_borders = (n_rows / ROWS_PER_BORDER).clamp(16, MAX_BORDERS);
        let of_column = |column: &Vec<f32>| {
            let mut values: Vec<f32> = column.iter().step_by(step).copied().filter(|v| !v.is_nan()).collect();
            values.sort_unstable_by(f32::total_cmp);
            let mut distinct = values.clone();
            distinct.dedup();
            let between = |low: f32, high: f32| {
                let middle = low / 2.0 + high / 2.0;
                if middle > low { middle } else { high }
            };
            if distinct.len() <= n_borders + 1 {
                return distinct.windows(2).map(|w| between(w[0], w[1])).collect();
            }
            let mut borders = Vec::with_capacity(n_borders);
            for i in 1..=n_borders {
                let high = values[i * values.len() / (n_borders + 1)];
                let below = distinct.partition_point(|v| *v < high);
                if below > 0 {
                    borders.push(between(distinct[below - 1], high));
                }
            }
            borders.dedup();
            borders
        };
        let mut borders =
            Borders { edges: columns.0.iter().map(of_column).collect(), missing: vec![0; columns.0.len()] };
        borders.missing = borders.bins(columns).iter().map(|bins| bin_of_missing(bins)).collect();
        borders
    }

    /// Bins of a column, the one of missing cells among them.
    pub fn n_bins(&self, column: usize) -> usize {
        self.edges[column].len() + 2
    }

    /// `[n_columns][n_rows]`.
    pub fn bins(&self, columns: &Columns) -> Vec<Vec<u8>> {
        columns.0.iter().enumerate().map(|(column, values)| self.bins_of(column, values)).collect()
    }

    /// `[n_rows]` of one column.
    pub fn bins_of(&self, column: usize, values: &[f32]) -> Vec<u8> {
        let (borders, missing) = (&self.edges[column], self.missing[column]);
        let bin = |value: &f32| match value.is_nan() {
            true => missing,
            false => 1 + borders.partition_point(|border| border <= value) as u8,
        };
        values.iter().map(bin).collect()
    }

    /// The bin of a missing cell of each column, where its borders end, and all borders.
    pub fn flat(&self) -> [Vec<f32>; 3] {
        let ends = self.edges.iter().scan(0, |end, borders| {
            *end += borders.len();
            Some(*end as f32)
        });
        let missing = self.missing.iter().map(|bin| f32::from(*bin));
        [missing.collect(), ends.collect(), self.edges.concat()]
    }

    /// The opposite of [`Borders::flat`]; none if the numbers are not what it gives.
    pub fn from_flat([missing, ends, borders]: [&[f32]; 3], n_columns: usize) -> Option<Self> {
        let mut edges: Vec<Vec<f32>> = Vec::new();
        let mut start = 0;
        for end in ends {
            let end = (end.fract() == 0.0 && *end >= 0.0).then_some(*end as usize)?;
            let own = borders.get(start..end)?;
            let rises = own.windows(2).all(|w| w[0] < w[1]);
            edges.push((rises && own.len() <= MAX_BORDERS).then(|| own.to_vec())?);
            start = end;
        }
        let bin = |(bin, edges): (&f32, &Vec<f32>)| {
            let is_one = bin.fract() == 0.0 && (0.0..(edges.len() + 2) as f32).contains(bin);
            is_one.then_some(*bin as u8)
        };
        let missing: Option<Vec<u8>> = missing.iter().zip(&edges).map(bin).collect();
        let missing = missing.filter(|missing| missing.len() == n_columns)?;
        (start == borders.len() && edges.len() == n_columns).then_some(Borders { edges, missing })
    }
}

/// The bin of a missing cell, by the bins of rows where it is 0.
fn bin_of_missing(bins: &[u8]) -> u8 {
    let mut sorted = bins.to_vec();
    sorted.sort_unstable();
    match sorted.first() {
        Some(0) | None => 0,
        Some(_) => sorted[sorted.len() / 2],
    }
}
