//! What trees ask about: numbers of the codecs' cells, and what a category says of the target.

use tabgraft_table::encoded::{EncodedTable, PartForm, PartValues};

use crate::objective::splitmix;

/// Slots of a bag, such as the cycles of a date, that are columns of their own; longer ones, of texts, are not.
const MOST_SLOTS: usize = 32;
/// Rows that the mean of all rows counts for in a category's statistic.
const PRIOR_ROWS: f32 = 2.0;

/// Where a column of numbers comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Bin and position, or the code: categories are numbered by how often they occur.
    Value { column: usize, part: usize },
    /// One slot of a short bag.
    Slot { column: usize, part: usize, slot: u32 },
    /// Statistic `which` of the target per category; those of the column begin at `first`.
    Statistic { column: usize, part: usize, first: usize, n_codes: usize, which: usize },
}

/// Which columns of numbers a table has for trees. Follows from its codecs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    sources: Vec<Source>,
    n_statistics: usize,
}

impl Plan {
    /// Of the parts of each column, with so many statistics of the target a category.
    pub fn new(parts: &[Vec<PartForm>], n_per_category: usize) -> Self {
        let mut sources = Vec::new();
        let mut n_statistics = 0;
        for (column, forms) in parts.iter().enumerate() {
            for (part, form) in forms.iter().enumerate() {
                match form {
                    PartForm::Piecewise { .. } => sources.push(Source::Value { column, part }),
                    PartForm::Bag { n_slots } if *n_slots <= MOST_SLOTS => {
                        sources.extend((0..*n_slots as u32).map(|slot| Source::Slot { column, part, slot }));
                    }
                    PartForm::Bag { .. } => {}
                    PartForm::Code { n_codes } => {
                        sources.push(Source::Value { column, part });
                        let (first, n_codes) = (n_statistics, *n_codes);
                        sources.extend((0..n_per_category).map(|which| Source::Statistic {
                            column,
                            part,
                            first,
                            n_codes,
                            which,
                        }));
                        n_statistics += (n_codes + 1) * n_per_category;
                    }
                }
            }
        }
        Plan { sources, n_statistics }
    }

    /// Number of columns of numbers.
    pub fn n_columns(&self) -> usize {
        self.sources.len()
    }

    /// Where a column comes from.
    pub(super) fn source(&self, column: usize) -> Source {
        self.sources[column]
    }

    /// The column of the encoded table that it comes from.
    pub fn encoded_column(&self, column: usize) -> usize {
        match self.sources[column] {
            Source::Value { column, .. } | Source::Slot { column, .. } | Source::Statistic { column, .. } => {
                column
            }
        }
    }

    /// Whether a column is of a category's statistics, which are each forest's own.
    pub fn is_statistic(&self, column: usize) -> bool {
        matches!(self.sources[column], Source::Statistic { .. })
    }

    /// Numbers that statistics of all categories are, each column's with one more for a missing cell.
    pub fn n_statistics(&self) -> usize {
        self.n_statistics
    }

    /// Statistics of the target per category.
    ///
    /// # Shapes
    /// - `targets`: `[n_rows, n_per_category]`, of all rows of the table
    /// - returns: `[n_statistics]`
    pub fn statistics(&self, table: &EncodedTable, rows: &[usize], targets: &Targets<'_>) -> Vec<f32> {
        let mut all = vec![0.0; self.n_statistics];
        let prior = targets.prior(rows);
        for source in &self.sources {
            let Source::Statistic { column, part, first, n_codes, which } = *source else { continue };
            let codes = Codes::new(table, column, part, n_codes);
            let mut counts = vec![(0.0, 0.0); n_codes + 1];
            for r in rows {
                targets.count(&mut counts[codes.of(*r)], *r, which);
            }
            // The unseen code has the prior, whatever rows of a later training say.
            counts[0] = (0.0, 0.0);
            for (code, count) in counts.into_iter().enumerate() {
                all[first + which * (n_codes + 1) + code] = smoothed(count, prior[which]);
            }
        }
        all
    }

    /// The same for the rows that the statistics are made of, each from the units before its own in a shuffled
    /// order: columns of [`Source::Statistic`], `[rows.len()]` each, in order.
    fn ordered(
        &self,
        table: &EncodedTable,
        rows: &[usize],
        units: &[u64],
        targets: &Targets<'_>,
        seed: u64,
    ) -> Vec<Vec<f32>> {
        let prior = targets.prior(rows);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|i| (splitmix(seed ^ splitmix(units[rows[*i]])), *i));
        let mut found = Vec::new();
        for source in &self.sources {
            let Source::Statistic { column, part, n_codes, which, .. } = *source else { continue };
            let codes = Codes::new(table, column, part, n_codes);
            let mut counts = vec![(0.0, 0.0); n_codes + 1];
            let mut values = vec![0.0; rows.len()];
            for unit in order.chunk_by(|a, b| units[rows[*a]] == units[rows[*b]]) {
                for i in unit {
                    values[*i] = smoothed(counts[codes.of(rows[*i])], prior[which]);
                }
                for i in unit {
                    targets.count(&mut counts[codes.of(rows[*i])], rows[*i], which);
                }
            }
            found.push(values);
        }
        found
    }
}

/// What statistics are taken of.
pub(crate) struct Targets<'a> {
    /// `[n_rows, n]`.
    pub values: &'a [f32],
    pub n: usize,
    /// `[n_rows]`.
    pub weights: &'a [f32],
}

impl Targets<'_> {
    fn count(&self, (sum, total): &mut (f32, f32), row: usize, which: usize) {
        *sum += self.weights[row] * self.values[row * self.n + which];
        *total += self.weights[row];
    }

    /// `[n]`: means over the rows.
    pub fn prior(&self, rows: &[usize]) -> Vec<f32> {
        let total: f64 = rows.iter().map(|r| f64::from(self.weights[*r])).sum();
        let sum = |which: usize| -> f64 {
            rows.iter().map(|r| f64::from(self.weights[*r] * self.values[r * self.n + which])).sum()
        };
        (0..self.n).map(|which| (sum(which) / total.max(f64::MIN_POSITIVE)) as f32).collect()
    }
}

fn smoothed((sum, total): (f32, f32), prior: f32) -> f32 {
    (sum + PRIOR_ROWS * prior) / (total + PRIOR_ROWS)
}

/// Codes of a categorical column; a missing cell has the one after the last.
struct Codes<'a> {
    code: &'a [u32],
    missing: &'a [bool],
    n_codes: usize,
}

impl<'a> Codes<'a> {
    fn new(table: &'a EncodedTable, column: usize, part: usize, n_codes: usize) -> Self {
        let encoded = &table.columns[column];
        let code = match &encoded.parts[part] {
            PartValues::Code { code } => &code[..],
            _ => &[],
        };
        Codes { code, missing: &encoded.missing, n_codes }
    }

    fn of(&self, row: usize) -> usize {
        if self.missing[row] { self.n_codes } else { self.code[row] as usize }
    }
}

/// Columns of numbers, NaN where a cell is missing.
pub(crate) struct Columns(pub Vec<Vec<f32>>);

impl Columns {
    /// Of some rows of a table, with statistics as they hold for rows that they are not made of.
    pub fn of_rows(plan: &Plan, table: &EncodedTable, rows: &[usize], statistics: &[f32]) -> Self {
        Columns(plan.sources.iter().map(|source| of_source(source, table, rows, statistics)).collect())
    }

    /// One column of some rows; [`Columns::of_rows`] is all of them.
    pub fn one(
        plan: &Plan,
        column: usize,
        table: &EncodedTable,
        rows: &[usize],
        statistics: &[f32],
    ) -> Vec<f32> {
        of_source(&plan.sources[column], table, rows, statistics)
    }

    /// Of the rows that the statistics are made of.
    pub fn to_learn_from(
        plan: &Plan,
        table: &EncodedTable,
        rows: &[usize],
        units: &[u64],
        targets: &Targets<'_>,
        seed: u64,
    ) -> Self {
        let mut ordered = plan.ordered(table, rows, units, targets, seed).into_iter();
        let column = |source: &Source| match source {
            Source::Statistic { .. } => ordered.next().unwrap_or_default(),
            _ => of_source(source, table, rows, &[]),
        };
        Columns(plan.sources.iter().map(column).collect())
    }
}

fn of_source(source: &Source, table: &EncodedTable, rows: &[usize], statistics: &[f32]) -> Vec<f32> {
    match *source {
        Source::Value { column, part } => {
            let encoded = &table.columns[column];
            let value = |r: &usize| match &encoded.parts[part] {
                _ if encoded.missing[*r] => f32::NAN,
                PartValues::Piecewise { bin, position } => f32::from(bin[*r]) + position[*r],
                PartValues::Code { code } => code[*r] as f32,
                PartValues::Bag { .. } => f32::NAN,
            };
            rows.iter().map(value).collect()
        }
        Source::Slot { column, part, slot } => {
            let encoded = &table.columns[column];
            let PartValues::Bag { offsets, slots, values } = &encoded.parts[part] else {
                return vec![f32::NAN; rows.len()];
            };
            let value = |r: &usize| {
                let entries = offsets[*r] as usize..offsets[r + 1] as usize;
                let mut found = slots[entries.clone()].iter().zip(&values[entries]);
                found.find(|(s, _)| **s == slot).map_or(0.0, |(_, value)| *value)
            };
            rows.iter().map(|r| if encoded.missing[*r] { f32::NAN } else { value(r) }).collect()
        }
        Source::Statistic { column, part, first, n_codes, which } => {
            let codes = Codes::new(table, column, part, n_codes);
            let own = &statistics[first + which * (n_codes + 1)..][..=n_codes];
            rows.iter().map(|r| own[codes.of(*r)]).collect()
        }
    }
}
