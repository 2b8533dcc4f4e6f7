//! How the values of each column lie in the rows that were looked at, and which columns go together.

use std::collections::BTreeMap;

use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::cell::{numbers, seconds, texts, time_text, timestamps_us, truths};
use tabgraft_table::schema::{ColumnSpec, Kind};

use super::ReportOptions;
use super::rows::sampled;
use crate::error::Result;

/// Cells that are counted at most, and the fewest rows.
const MOST_CELLS: usize = 300_000;
const FEWEST_ROWS: usize = 1000;
/// Bins of numbers and times.
const N_BINS: usize = 24;
/// Share of the values at either end that go into the outermost bins, so that a few do not press all others into one.
const TAIL: f64 = 0.01;
/// Levels of a category that are told by name.
const MOST_LEVELS: usize = 8;
/// Groups of a column's values, by which it is held against others.
const N_GROUPS: usize = 8;
/// Pairs of columns that are told, and the least that they have in common.
const MOST_PAIRS: usize = 30;
const LEAST_ASSOCIATION: f64 = 0.1;
/// Rows with both values below which nothing is said of a pair.
const FEWEST_PAIRED: usize = 50;

/// How values lie.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distributions {
    /// Rows that were looked at.
    pub n_rows: usize,
    /// The model's columns that the table has, in the model's order.
    pub columns: Vec<Distribution>,
    /// Pairs of columns that go together, the closest first.
    pub associations: Vec<Association>,
}

/// One column's values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// The column.
    pub column: String,
    /// What it means.
    pub kind: Kind,
    /// Rows without a value.
    pub n_missing: usize,
    /// The values.
    pub values: Values,
}

/// How one column's values lie.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Values {
    /// Finite numbers.
    Numbers {
        /// The least one.
        low: f64,
        /// Half of them are at most this.
        median: f64,
        /// The greatest one.
        high: f64,
        /// Rows by bins of equal width; the outermost ones hold the tails.
        counts: Vec<usize>,
    },
    /// Points in time, as ISO 8601 writes them.
    Times {
        /// The first one.
        low: String,
        /// Half of them are not after this.
        median: String,
        /// The last one.
        high: String,
        /// Rows by bins of equal width; the outermost ones hold the tails.
        counts: Vec<usize>,
    },
    /// Categories.
    Levels {
        /// Levels that were found.
        n_levels: usize,
        /// The most frequent ones with their rows.
        most: Vec<(String, usize)>,
    },
    /// Free text, of which nothing is quoted.
    Texts {
        /// Texts that were found.
        n_distinct: usize,
    },
    /// No value at all.
    Nothing {},
}

/// Two columns and how closely they go together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Association {
    /// The columns.
    pub columns: [String; 2],
    /// Cramér's V of their groups, corrected for chance: 0 to 1.
    pub value: f64,
    /// Rows that have both.
    pub n: usize,
}

/// How the columns of `specs` lie in a part of the table.
///
/// # Errors
/// Those of reading a column.
pub(super) fn of(specs: &[ColumnSpec], table: &Table, options: &ReportOptions) -> Result<Distributions> {
    let most = (MOST_CELLS / specs.len().max(1)).max(FEWEST_ROWS);
    let rows = sampled(table, most, options.seed)?;
    let mut columns = Vec::new();
    let mut groups = Vec::new();
    for spec in specs.iter().filter(|spec| rows.has_column(&spec.name)) {
        let (values, own) = values(spec, &rows)?;
        let n_missing = own.iter().filter(|group| group.is_none()).count();
        columns.push(Distribution { column: spec.name.clone(), kind: spec.kind, n_missing, values });
        groups.push(own);
    }
    Ok(Distributions { n_rows: rows.n_rows(), associations: associations(&columns, &groups), columns })
}

/// The values of a column, and the group of each row: none where it has no value.
fn values(spec: &ColumnSpec, table: &Table) -> Result<(Values, Vec<Option<usize>>)> {
    let (name, array) = (&spec.name, table.column(&spec.name)?);
    Ok(match spec.kind {
        Kind::Numeric => {
            let cells = numbers(name, array)?;
            let cells: Vec<Option<f64>> = cells.iter().map(|x| x.filter(|x| x.is_finite())).collect();
            match Range::of(&cells) {
                Some(Range { low, median, high, counts, groups }) => {
                    (Values::Numbers { low, median, high, counts }, groups)
                }
                None => (Values::Nothing {}, vec![None; cells.len()]),
            }
        }
        Kind::Timestamp => {
            let micros = timestamps_us(name, array, spec.date_format()?)?;
            let cells: Vec<Option<f64>> = micros.iter().map(|m| m.map(seconds)).collect();
            let text = |seconds: f64| time_text((seconds * 1e6) as i64, true);
            match Range::of(&cells) {
                Some(Range { low, median, high, counts, groups }) => {
                    let [low, median, high] = [low, median, high].map(text);
                    (Values::Times { low, median, high, counts }, groups)
                }
                None => (Values::Nothing {}, vec![None; cells.len()]),
            }
        }
        Kind::Boolean => {
            let cells = truths(name, array)?;
            let words = cells.iter().map(|truth| truth.map(|truth| if truth { "true" } else { "false" }));
            levels(&words.collect::<Vec<_>>())
        }
        Kind::Categorical => levels(&texts(name, array)?.iter().collect::<Vec<_>>()),
        Kind::Text => {
            let cells = texts(name, array)?;
            let (found, groups) = levels(&cells.iter().collect::<Vec<_>>());
            match found {
                Values::Levels { n_levels, .. } => (Values::Texts { n_distinct: n_levels }, groups),
                other => (other, groups),
            }
        }
    })
}

/// Values that have an order.
struct Range {
    low: f64,
    median: f64,
    high: f64,
    counts: Vec<usize>,
    groups: Vec<Option<usize>>,
}

impl Range {
    fn of(cells: &[Option<f64>]) -> Option<Self> {
        let mut sorted: Vec<f64> = cells.iter().flatten().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| sorted.get((share * sorted.len().saturating_sub(1) as f64) as usize).copied();
        let (low, median, high) = (at(0.0)?, at(0.5)?, at(1.0)?);
        let (from, to) = (at(TAIL)?, at(1.0 - TAIL)?);
        let mut counts = vec![0; N_BINS];
        for x in &sorted {
            let share = if to > from { (x - from) / (to - from) } else { 0.5 };
            counts[((share * N_BINS as f64).max(0.0) as usize).min(N_BINS - 1)] += 1;
        }
        // Equal values are one group, so that where an edge falls among them all go to one side.
        let edges: Vec<f64> = (1..N_GROUPS).filter_map(|i| at(i as f64 / N_GROUPS as f64)).collect();
        let group = |x: f64| edges.partition_point(|edge| *edge < x);
        Some(Range { low, median, high, counts, groups: cells.iter().map(|x| x.map(group)).collect() })
    }
}

fn levels(cells: &[Option<&str>]) -> (Values, Vec<Option<usize>>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    cells.iter().flatten().for_each(|text| *counts.entry(text).or_default() += 1);
    if counts.is_empty() {
        return (Values::Nothing {}, vec![None; cells.len()]);
    }
    let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let own: BTreeMap<&str, usize> =
        order.iter().take(N_GROUPS - 1).enumerate().map(|(i, (text, _))| (*text, i)).collect();
    let group = |text: &str| own.get(text).copied().unwrap_or(N_GROUPS - 1);
    let groups = cells.iter().map(|text| text.map(group)).collect();
    let most = order.iter().take(MOST_LEVELS).map(|(text, n)| ((*text).to_owned(), *n)).collect();
    (Values::Levels { n_levels: order.len(), most }, groups)
}

/// The closest pairs.
fn associations(columns: &[Distribution], groups: &[Vec<Option<usize>>]) -> Vec<Association> {
    let mut found = Vec::new();
    for (i, a) in groups.iter().enumerate() {
        for (j, b) in groups.iter().enumerate().skip(i + 1) {
            if let Some((value, n)) = cramers_v(a, b).filter(|(value, _)| *value >= LEAST_ASSOCIATION) {
                found.push((i, j, value, n));
            }
        }
    }
    found.sort_by(|a, b| b.2.total_cmp(&a.2));
    let pair = |(i, j, value, n): (usize, usize, f64, usize)| Association {
        columns: [columns[i].column.clone(), columns[j].column.clone()],
        value,
        n,
    };
    found.into_iter().take(MOST_PAIRS).map(pair).collect()
}

/// Cramér's V with the correction for its bias (Bergsma 2013, Journal of the Korean Statistical Society 42, equation
/// 6 and after), and the rows that it rests on; none of too few rows, or where a column has one group there.
///
/// # Shapes
/// - `a`, `b`: `[n_rows]`, groups below [`N_GROUPS`]
fn cramers_v(a: &[Option<usize>], b: &[Option<usize>]) -> Option<(f64, usize)> {
    let mut both = [[0_usize; N_GROUPS]; N_GROUPS];
    for (a, b) in a.iter().zip(b) {
        if let (Some(a), Some(b)) = (a, b) {
            both[*a][*b] += 1;
        }
    }
    let of_a: Vec<usize> = both.iter().map(|row| row.iter().sum()).collect();
    let of_b: Vec<usize> = (0..N_GROUPS).map(|j| both.iter().map(|row| row[j]).sum()).collect();
    let rows: usize = of_a.iter().sum();
    let present = |groups: &[usize]| groups.iter().filter(|n| **n > 0).count() as f64;
    let (r, k, n) = (present(&of_a), present(&of_b), rows as f64);
    if rows < FEWEST_PAIRED || r < 2.0 || k < 2.0 {
        return None;
    }
    let mut phi2 = -1.0;
    for (row, n_a) in both.iter().zip(&of_a) {
        for (found, n_b) in row.iter().zip(&of_b) {
            if *found > 0 {
                phi2 += (*found as f64).powi(2) / (*n_a as f64 * *n_b as f64);
            }
        }
    }
    let phi2 = (phi2 - (k - 1.0) * (r - 1.0) / (n - 1.0)).max(0.0);
    let [k, r] = [k, r].map(|groups| groups - (groups - 1.0).powi(2) / (n - 1.0));
    Some(((phi2 / (k.min(r) - 1.0)).sqrt().min(1.0), rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(n: usize, of: impl Fn(usize) -> usize) -> Vec<Option<usize>> {
        (0..n).map(|i| Some(of(i))).collect()
    }

    #[test]
    fn columns_that_are_the_same_go_together_and_strangers_do_not() {
        let a = groups(400, |i| i % 4);
        assert!((cramers_v(&a, &a).unwrap().0 - 1.0).abs() < 1e-9);
        let b = groups(400, |i| (i / 4) % 4);
        assert_eq!(cramers_v(&a, &b).unwrap(), (0.0, 400));
        assert_eq!(cramers_v(&a, &groups(400, |_| 3)), None, "a constant goes with nothing");
        assert_eq!(cramers_v(&a[..40], &b[..40]), None, "too few rows");
    }

    /// By hand: `[[30, 10], [20, 40]]`, n = 100: chi2 = 16.667, phi2 = 0.16667, less 1 / 99; over 0.98990.
    #[test]
    fn the_correction_is_that_of_the_paper() {
        let cells = [(0, 0, 30), (0, 1, 10), (1, 0, 20), (1, 1, 40)];
        let side = |of: fn(&(usize, usize, usize)) -> usize| -> Vec<Option<usize>> {
            cells.iter().flat_map(|cell| vec![Some(of(cell)); cell.2]).collect()
        };
        let (v, n) = cramers_v(&side(|c| c.0), &side(|c| c.1)).unwrap();
        let wanted = ((1.0 / 6.0 - 1.0 / 99.0) / (2.0 - 1.0 / 99.0 - 1.0_f64)).sqrt();
        assert!((v - wanted).abs() < 1e-9 && n == 100, "{v} {wanted}");
    }

    #[test]
    fn a_few_far_values_do_not_press_all_others_into_one_bin() {
        let mut cells: Vec<Option<f64>> = (0..1000).map(|i| Some(f64::from(i))).collect();
        cells.extend([Some(1e12), Some(-1e12), None]);
        let range = Range::of(&cells).unwrap();
        assert_eq!(range.counts.iter().sum::<usize>(), 1002);
        assert!(range.counts.iter().all(|n| (20..=80).contains(n)), "{:?}", range.counts);
        assert_eq!((range.low, range.median, range.high), (-1e12, 499.0, 1e12));
        assert_eq!(range.groups.last(), Some(&None));
    }
}
