//! Encoded cells as the sparse rows of a linear model.

use tabgraft_table::codec::Codec;
use tabgraft_table::encoded::{EncodedTable, PartForm, PartValues};

/// Where the features of one part begin, and how its cells become numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// Two features: the place among the fitted rows, 0 to 1, and the value between the fitted range's ends.
    Number { first: usize, edges: Vec<f64> },
    /// A feature for each code.
    Code { first: usize },
    /// A feature for each slot.
    Bag { first: usize },
}

/// Which features a table has for a linear model. Follows from its codecs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellPlan {
    /// Of each column: its parts, and the feature that says that its cell is missing.
    columns: Vec<(Vec<Source>, usize)>,
    /// Whether a feature is a number, which is standardised while it is learned.
    is_number: Vec<bool>,
}

impl CellPlan {
    /// Of the columns of these codecs.
    pub fn new(codecs: &[Codec]) -> Self {
        let mut is_number = Vec::new();
        let columns = codecs.iter().map(|codec| {
            let parts = codec.parts();
            let sources = parts.iter().map(|form| {
                let first = is_number.len();
                match form {
                    PartForm::Piecewise { .. } => {
                        is_number.extend([true, true]);
                        Source::Number { first, edges: codec.edges().unwrap_or(&[0.0, 1.0]).to_vec() }
                    }
                    PartForm::Code { n_codes } => {
                        is_number.resize(first + n_codes, false);
                        Source::Code { first }
                    }
                    PartForm::Bag { n_slots } => {
                        is_number.resize(first + n_slots, false);
                        Source::Bag { first }
                    }
                }
            });
            let sources = sources.collect();
            is_number.push(false);
            (sources, is_number.len() - 1)
        });
        let columns = columns.collect();
        CellPlan { columns, is_number }
    }

    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.is_number.len()
    }

    /// Of each column: where the features of its parts begin, and the feature of a missing cell.
    pub fn columns(&self) -> &[(Vec<Source>, usize)] {
        &self.columns
    }

    /// Calls `give` with each feature of a row that is not 0, and its value.
    pub fn row(&self, table: &EncodedTable, r: usize, mut give: impl FnMut(usize, f64)) {
        (0..self.columns.len()).for_each(|column| self.cell(table, column, r, &mut give));
    }

    /// As [`CellPlan::row`], of one column.
    pub fn cell(&self, table: &EncodedTable, column: usize, r: usize, mut give: impl FnMut(usize, f64)) {
        let ((sources, missing), column) = (&self.columns[column], &table.columns[column]);
        if column.missing[r] {
            give(*missing, 1.0);
            return;
        }
        for (source, values) in sources.iter().zip(&column.parts) {
            match (source, values) {
                (Source::Number { first, edges }, PartValues::Piecewise { bin, position }) => {
                    let (bin, position) = (usize::from(bin[r]), f64::from(position[r]));
                    let [place, share] = of_number(edges, bin, position);
                    give(*first, place);
                    give(first + 1, share);
                }
                (Source::Code { first }, PartValues::Code { code }) => give(first + code[r] as usize, 1.0),
                (Source::Bag { first }, PartValues::Bag { offsets, slots, values }) => {
                    for e in offsets[r] as usize..offsets[r + 1] as usize {
                        give(first + slots[e] as usize, f64::from(values[e]));
                    }
                }
                _ => {}
            }
        }
    }

    /// Some rows of a table, with numbers standardised over them: missing cells are at their mean. With them the
    /// way back to the features as they are.
    pub fn standardised(
        &self,
        table: &EncodedTable,
        rows: &[usize],
        weights: &[f32],
    ) -> (SparseRows, Scales) {
        let n = self.n_features();
        let (mut sums, mut squares, mut totals) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for r in rows {
            let w = f64::from(weights[*r]);
            self.row(table, *r, |feature, value| {
                if self.is_number[feature] {
                    sums[feature] += w * value;
                    squares[feature] += w * value * value;
                    totals[feature] += w;
                }
            });
        }
        let scale = |f: usize| {
            if !self.is_number[f] || totals[f] <= 0.0 {
                return [0.0, 1.0];
            }
            let mean = sums[f] / totals[f];
            let deviation = (squares[f] / totals[f] - mean * mean).max(0.0).sqrt();
            // A constant says nothing, and what lies outside of it later is not to be blown up.
            [mean, if deviation > 1e-6 { 1.0 / deviation } else { 0.0 }]
        };
        let scales = Scales((0..n).map(scale).collect());
        (self.scaled(table, rows, &scales), scales)
    }

    /// Some rows of a table, with numbers standardised as other rows were.
    pub fn scaled(&self, table: &EncodedTable, rows: &[usize], scales: &Scales) -> SparseRows {
        let mut found = SparseRows { first: vec![0], entries: Vec::new(), n_features: self.n_features() };
        for r in rows {
            self.row(table, *r, |feature, value| {
                let [mean, inverse] = scales.0[feature];
                let value = if self.is_number[feature] { (value - mean) * inverse } else { value };
                if value != 0.0 {
                    found.entries.push((feature as u32, value as f32));
                }
            });
            found.first.push(found.entries.len());
        }
        found
    }

    /// Coefficients of standardised features, the constant last, as those of features as they are.
    ///
    /// # Shapes
    /// - `coefficients`, returned: `[n_features + 1, n_outputs]`
    pub fn of_plain(&self, coefficients: &[f64], scales: &Scales, n_outputs: usize) -> Vec<f64> {
        let mut plain = coefficients.to_vec();
        let constant = self.n_features() * n_outputs;
        for (sources, missing) in &self.columns {
            for source in sources {
                let Source::Number { first, .. } = source else { continue };
                for f in [*first, first + 1] {
                    let [mean, inverse] = scales.0[f];
                    for k in 0..n_outputs {
                        let c = coefficients[f * n_outputs + k] * inverse;
                        plain[f * n_outputs + k] = c;
                        // A missing cell is at the mean, where the constant of the others is not.
                        plain[constant + k] -= c * mean;
                        plain[missing * n_outputs + k] += c * mean;
                    }
                }
            }
        }
        plain
    }
}

/// Mean and one over the deviation of each feature; `[0, 1]` of one that is not standardised.
pub(crate) struct Scales(Vec<[f64; 2]>);

/// Sparse rows of features.
pub(crate) struct SparseRows {
    /// `[n_rows + 1]`.
    first: Vec<usize>,
    entries: Vec<(u32, f32)>,
    n_features: usize,
}

impl SparseRows {
    pub fn n_rows(&self) -> usize {
        self.first.len() - 1
    }

    pub fn n_features(&self) -> usize {
        self.n_features
    }

    pub fn row(&self, r: usize) -> &[(u32, f32)] {
        &self.entries[self.first[r]..self.first[r + 1]]
    }
}

/// The two features of a number: both are straight lines in a bin.
pub(crate) fn of_number(edges: &[f64], bin: usize, position: f64) -> [f64; 2] {
    [(bin as f64 + position) / (edges.len() - 1) as f64, between_ends(edges, bin, position)]
}

/// The value of a position in a bin, as a share of the way between the outer edges.
fn between_ends(edges: &[f64], bin: usize, position: f64) -> f64 {
    let (low, high) = (edges[0], edges[edges.len() - 1]);
    // Halves, so that the widest range that numbers have is no overflow.
    let width = high / 2.0 - low / 2.0;
    let (from, to) = (edges[bin.min(edges.len() - 2)], edges[(bin + 1).min(edges.len() - 1)]);
    let share = ((from / 2.0 - low / 2.0) + position * (to / 2.0 - from / 2.0)) / width;
    if share.is_finite() { share } else { 0.0 }
}
