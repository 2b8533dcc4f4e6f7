//! Whether a column is what its feature gives.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use serde::Serialize;
use tabgraft_table::RowPlace;
use tabgraft_table::Table;
use tabgraft_table::table::quoted;

use super::definition::{Checked, Feature};
use super::engineer::{Present, apply};
use super::expr::{Readings, Type, Values};
use crate::error::{Error, Result};

/// Most rows of a table on which a column is compared with what its feature gives.
const SAMPLE_ROWS: usize = 1_000;
/// Largest difference of two equal numbers, by the larger one or, where that is more, by the feature's mean
/// magnitude: single precision and a file's rounding to seven digits pass, in what is made of such cells too.
const TOLERANCE: f64 = 1e-6;
/// Longest cell that a message shows, in characters.
const SHOWN: usize = 40;

/// A column of a table whose cells are not what the feature of its name gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differing {
    /// The column.
    pub name: String,
    /// Compared rows that differ; all of them where the column cannot be compared.
    pub n_differing: usize,
    /// Rows that were compared.
    pub n_compared: usize,
    /// The first row that differs.
    #[serde(flatten)]
    pub row: RowPlace,
    /// What the table holds there; none if the cell is missing.
    pub found: Option<String>,
    /// What the feature gives there; none if that is missing.
    pub computed: Option<String>,
}

/// One line for people.
impl fmt::Display for Differing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |cell: &Option<String>| match cell {
            None => "missing".to_owned(),
            Some(text) => format!("`{}`", text.chars().take(SHOWN).collect::<String>()),
        };
        write!(
            f,
            "column `{}` is not what its feature gives: {} of {} compared rows differ, such as {}: the table has \
             {}, the feature gives {}",
            self.name,
            self.n_differing,
            self.n_compared,
            self.row,
            shown(&self.found),
            shown(&self.computed)
        )
    }
}

/// Rows of a sample, evenly over the table.
pub(super) fn sampled_rows(n_rows: usize) -> Vec<u32> {
    let n = n_rows.min(SAMPLE_ROWS);
    (0..n).map(|i| (i * n_rows / n) as u32).collect()
}

/// How the column of a feature's name differs from what the feature gives, if it does. What cannot be
/// computed or read differs in every row.
pub(super) fn differs(feature: &Feature, checked: &Checked, readings: &mut Readings) -> Option<Differing> {
    let compared =
        apply(feature, checked, readings).and_then(|array| compare(&feature.name, array, readings));
    compared.unwrap_or_else(|error| {
        (readings.n_rows() > 0).then(|| Differing {
            name: feature.name.clone(),
            n_differing: readings.n_rows(),
            n_compared: readings.n_rows(),
            row: readings.row_place(0),
            found: Some("what cannot be compared".to_owned()),
            computed: Some(error.to_string()),
        })
    })
}

/// Refuses columns that differ, where they have to be equal.
pub(super) fn refuse_differing(differing: &[Differing], present: Present) -> Result<()> {
    match differing.first() {
        Some(first) if present == Present::KeepEqual => {
            let names: Vec<&str> = differing.iter().map(|d| d.name.as_str()).collect();
            let others =
                if names.len() > 1 { format!(" (so do {})", quoted(&names[1..])) } else { String::new() };
            Err(Error::schema(format!(
                "feature `{}`: the table already has a column of this name, which holds something else: {first}{others}",
                first.name
            ))
            .with_hint("rename the feature, or give the table without the column"))
        }
        _ => Ok(()),
    }
}

fn compare(name: &str, computed: ArrayRef, readings: &mut Readings) -> Result<Option<Differing>> {
    let mut own = Readings::new(Table::from_columns([(name, computed)])?);
    let reading = match own.type_of(name)? {
        Type::Open | Type::Missing => Type::Text,
        typed => typed,
    };
    let (computed, found): (Arc<Values>, Arc<Values>) =
        (own.read(name, reading)?, readings.read(name, reading)?);
    let n_rows = readings.n_rows();
    let usual = mean_magnitude(&computed);
    let mut differing = (0..n_rows).filter(|row| !is_same(&computed, &found, *row, usual));
    Ok(differing.next().map(|row_idx| Differing {
        name: name.to_owned(),
        n_differing: 1 + differing.count(),
        n_compared: n_rows,
        row: readings.row_place(row_idx),
        found: cell_text(&found, row_idx),
        computed: cell_text(&computed, row_idx),
    }))
}

/// Mean magnitude of the numbers that are not missing; 0 where there are none.
fn mean_magnitude(values: &Values) -> f64 {
    let Values::Number(numbers) = values else { return 0.0 };
    let (sum, n) = numbers
        .values()
        .iter()
        .filter(|x| !x.is_nan())
        .fold((0.0, 0_usize), |(sum, n), x| (sum + x.abs(), n + 1));
    Some(sum / n as f64).filter(|mean| mean.is_finite()).unwrap_or(0.0)
}

fn is_same(a: &Values, b: &Values, row: usize, usual: f64) -> bool {
    match (a, b) {
        (Values::Number(a), Values::Number(b)) => {
            let (a, b) = (a.values()[row], b.values()[row]);
            (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(usual)
        }
        (Values::Text(a), Values::Text(b)) => {
            a.is_valid(row) == b.is_valid(row) && (a.is_null(row) || a.value(row) == b.value(row))
        }
        (Values::Bool(a), Values::Bool(b)) => a[row] == b[row],
        (Values::Time(a), Values::Time(b)) => a[row] == b[row],
        _ => false,
    }
}

fn cell_text(values: &Values, row: usize) -> Option<String> {
    let texts = super::expr::to_texts(&values.slice(row, 1));
    texts.is_valid(0).then(|| texts.value(0).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_the_table_and_no_row_stands_twice() {
        for n_rows in [0, 1, 7, 1_000, 1_001, 5_000] {
            let rows = sampled_rows(n_rows);
            assert_eq!(rows.len(), n_rows.min(1_000));
            assert!(rows.windows(2).all(|w| w[0] < w[1]), "{n_rows}");
            assert!(rows.last().is_none_or(|last| (*last as usize) < n_rows));
        }
        assert!(sampled_rows(5_000).last() > Some(&4_900));
    }
}
