//! Weights of rows: what a table is to a fit when its rows count differently.
//!
//! A row of weight 0 is not there. Whole weights repeat their rows, so that a fit with them has the same
//! bits as one of the repeated rows, in any order. Other weights stay numbers, which the losses take.

use tabgraft_table::Table;
use tabgraft_table::cell::Storage;
use tabgraft_table::row_hash::row_hashes;

use crate::error::{Error, Result};

/// Mean of whole weights up to which rows are repeated: beyond, repeating costs more than it gives.
const MOST_REPEATS: f64 = 4.0;

/// The rows of a table that weights leave, and how much each counts.
#[derive(Debug, Clone)]
pub struct WeightedRows {
    /// The rows in an order that follows from their cells alone; of whole weights each as often as it counts.
    pub table: Table,
    /// `[table.n_rows()]`, above 0; none where all rows count alike.
    pub weights: Option<Vec<f64>>,
    /// Rows of weight 0.
    pub n_without_weight: usize,
}

impl WeightedRows {
    /// Applies weights to a table, one for each row, finite and at least 0. Rows for which `is_once` holds
    /// are never repeated: those that only score.
    ///
    /// # Errors
    /// A value error that names row (from 1) and weight if a weight is negative or not finite, if there are
    /// not as many as rows, or if all are 0; an option error for the rows of one of several workers.
    pub fn new(table: &Table, weights: &[f64], is_once: impl Fn(usize) -> bool) -> Result<Self> {
        table.check_all_here("a weight for each row")?;
        check(weights, table.n_rows())?;
        let readable = |name: &String| {
            table.column(name).is_ok_and(|array| Storage::of(name, array.data_type()).is_ok())
        };
        let columns: Vec<String> = table.column_names().into_iter().filter(readable).collect();
        let keys = row_hashes(table, &columns)?;
        let mut order: Vec<usize> = (0..table.n_rows()).filter(|r| weights[*r] > 0.0).collect();
        order
            .sort_by(|a, b| keys[*a].cmp(&keys[*b]).then(weights[*a].total_cmp(&weights[*b])).then(a.cmp(b)));
        let counted: Vec<f64> = order.iter().filter(|r| !is_once(**r)).map(|r| weights[*r]).collect();
        let repeats = n_repeats(&counted);
        let mut rows: Vec<u32> = Vec::new();
        for r in &order {
            let n = match &repeats {
                Repeats::Whole if !is_once(*r) => weights[*r] as usize,
                _ => 1,
            };
            rows.extend(std::iter::repeat_n(*r as u32, n));
        }
        let relative = || rows.iter().map(|r| weights[*r as usize]).collect();
        Ok(WeightedRows {
            table: table.take(&rows)?,
            weights: matches!(repeats, Repeats::None).then(relative),
            n_without_weight: table.n_rows() - order.len(),
        })
    }
}

/// Rows that these weights make of a table.
///
/// # Errors
/// As [`WeightedRows::new`].
pub fn n_weighted_rows(weights: &[f64]) -> Result<usize> {
    check(weights, weights.len())?;
    let counted: Vec<f64> = weights.iter().copied().filter(|w| *w > 0.0).collect();
    Ok(match n_repeats(&counted) {
        Repeats::Whole => counted.iter().sum::<f64>() as usize,
        Repeats::Once | Repeats::None => counted.len(),
    })
}

enum Repeats {
    /// All weights are equal: every row once.
    Once,
    /// Every row as often as its weight says.
    Whole,
    /// The weights stay weights.
    None,
}

fn n_repeats(weights: &[f64]) -> Repeats {
    let total: f64 = weights.iter().sum();
    match () {
        () if weights.iter().all(|w| *w == weights[0]) => Repeats::Once,
        () if weights.iter().all(|w| w.fract() == 0.0) && total <= MOST_REPEATS * weights.len() as f64 => {
            Repeats::Whole
        }
        () => Repeats::None,
    }
}

fn check(weights: &[f64], n_rows: usize) -> Result<()> {
    if weights.len() != n_rows {
        return Err(Error::value(format!(
            "{} row weights for {n_rows} rows, one for each is needed",
            weights.len()
        )));
    }
    let is_bad = |w: &f64| !(w.is_finite() && *w >= 0.0);
    if let Some(r) = weights.iter().position(is_bad) {
        return Err(Error::value(format!(
            "the weight of row {} is {}, a finite number of at least 0 is needed ({} such weight(s))",
            r,
            weights[r],
            weights.iter().filter(|w| is_bad(w)).count()
        )));
    }
    if weights.iter().all(|w| *w == 0.0) {
        return Err(Error::value(format!(
            "the weights of all {n_rows} rows are zero, nothing can be learned"
        ))
        .with_hint("a row of weight 0 is not there"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Float64Array};
    use arrow::datatypes::Float64Type;

    use super::*;

    fn table(values: &[f64]) -> Table {
        Table::from_columns([("x", Arc::new(Float64Array::from(values.to_vec())) as ArrayRef)]).unwrap()
    }

    fn cells(rows: &WeightedRows) -> Vec<f64> {
        rows.table.column("x").unwrap().as_primitive::<Float64Type>().values().to_vec()
    }

    #[test]
    fn whole_weights_are_repeated_rows_in_any_order() {
        let weighted = WeightedRows::new(&table(&[3.0, 1.0, 2.0]), &[1.0, 3.0, 0.0], |_| false).unwrap();
        let repeated = WeightedRows::new(&table(&[1.0, 3.0, 1.0, 1.0]), &[1.0; 4], |_| false).unwrap();
        assert_eq!(cells(&weighted), cells(&repeated));
        assert_eq!((weighted.n_without_weight, weighted.weights), (1, None));
        assert_eq!(n_weighted_rows(&[1.0, 3.0, 0.0]).unwrap(), 4);
    }

    #[test]
    fn equal_weights_are_none_and_fractions_stay() {
        let rows = table(&[1.0, 2.0, 3.0]);
        let plain = WeightedRows::new(&rows, &[1.0; 3], |_| false).unwrap();
        let half = WeightedRows::new(&rows, &[0.5; 3], |_| false).unwrap();
        assert_eq!((cells(&plain), plain.weights), (cells(&half), half.weights));
        let fractions = WeightedRows::new(&rows, &[0.5, 0.25, 1.0], |_| false).unwrap();
        let mut pairs: Vec<(f64, f64)> =
            cells(&fractions).into_iter().zip(fractions.weights.unwrap()).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(pairs, [(1.0, 0.5), (2.0, 0.25), (3.0, 1.0)]);
        let heavy = WeightedRows::new(&rows, &[1000.0, 2000.0, 1.0], |_| false).unwrap();
        assert_eq!((heavy.table.n_rows(), heavy.weights.is_some()), (3, true));
        let once = WeightedRows::new(&rows, &[2.0, 1.0, 3.0], |r| r == 2).unwrap();
        assert_eq!(cells(&once).iter().filter(|v| **v == 3.0).count(), 1);
    }

    #[test]
    fn unusable_weights_name_row_and_value() {
        let rows = table(&[1.0, 2.0]);
        for (weights, expected) in [
            (&[1.0][..], "1 row weights for 2 rows, one for each is needed"),
            (&[1.0, -2.0], "the weight of row 1 is -2, "),
            (&[f64::NAN, 1.0], "the weight of row 0 is NaN, "),
            (&[1.0, f64::INFINITY], "the weight of row 1 is inf, "),
            (&[0.0, 0.0], "the weights of all 2 rows are zero, nothing can be learned"),
        ] {
            let error = WeightedRows::new(&rows, weights, |_| false).unwrap_err();
            assert!(error.is_value() && error.to_string().contains(expected), "{error}");
        }
    }
}
