//! What the proposals need to know about each column: how much is missing, how varied, how spread.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use crate::error::{Error, Result};
use crate::schema::{ColumnSpec, Kind, Schema};
use crate::table::Table;

/// Shares of the rows at which [`NumberProfile::quantiles`] stand.
pub const QUANTILES: [f64; 7] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];

/// Profiles of a table's used columns. Holds nothing about a target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CandidateInputs {
    /// Number of rows that were looked at.
    pub n_rows: usize,
    /// One per used column, in the schema's order.
    pub columns: Vec<ColumnProfile>,
}

/// The profile of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// Rows without a value.
    pub n_missing: usize,
    /// Distinct values, missing not counted.
    pub n_distinct: usize,
    /// Whether its cells are text, so that a formula may take them as text without a cast.
    pub is_text: bool,
    /// Only for [`Kind::Numeric`], and only if there is a finite value.
    pub numbers: Option<NumberProfile>,
}

/// The spread of a numeric column's finite values, in the column's own unit.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberProfile {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Values at the shares of [`QUANTILES`].
    pub quantiles: [f64; QUANTILES.len()],
    /// Third standardised moment: 0 for symmetric, above 1 for a long right tail.
    pub skewness: f64,
    /// Whether all values are whole numbers.
    pub whole: bool,
}

impl CandidateInputs {
    /// Profiles the used columns of `table`, which should hold discovery rows only.
    ///
    /// # Errors
    /// A schema error if a used column is absent.
    pub fn fit(table: &Table, schema: &Schema) -> Result<Self> {
        let columns = schema.columns.iter().map(|spec| ColumnProfile::fit(spec, table.column(&spec.name)?));
        Ok(CandidateInputs { n_rows: table.n_rows(), columns: columns.collect::<Result<_>>()? })
    }

    /// The profile of the column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|c| c.name == name)
    }
}

impl ColumnProfile {
    fn fit(spec: &ColumnSpec, array: &ArrayRef) -> Result<Self> {
        let unreadable =
            |e| Error::schema(format!("column `{}` cannot be profiled: {e}", spec.name)).with_source(e);
        let data_type = match array.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if spec.kind == Kind::Numeric {
            let numbers = cast(array, &DataType::Float64).map_err(unreadable)?;
            let mut values: Vec<f64> =
                numbers.as_primitive::<Float64Type>().iter().flatten().filter(|v| v.is_finite()).collect();
            values.sort_unstable_by(f64::total_cmp);
            let n_distinct = values.chunk_by(|a, b| a == b).count();
            let n_missing = array.len() - values.len();
            let numbers = NumberProfile::fit(&values);
            return Ok(ColumnProfile { name: spec.name.clone(), n_missing, n_distinct, is_text, numbers });
        }
        let texts = cast(array, &DataType::Utf8).map_err(unreadable)?;
        let n_distinct = texts.as_string::<i32>().iter().flatten().collect::<HashSet<_>>().len();
        let n_missing = texts.null_count();
        Ok(ColumnProfile { name: spec.name.clone(), n_missing, n_distinct, is_text, numbers: None })
    }
}

impl NumberProfile {
    /// Of values in ascending order; none if there are none.
    fn fit(sorted: &[f64]) -> Option<Self> {
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let n = sorted.len() as f64;
        let mean = sorted.iter().map(|v| v / n).sum::<f64>();
        let moment = |power: i32| sorted.iter().map(|v| (v - mean).powi(power) / n).sum::<f64>();
        let skewness = moment(3) / moment(2).powf(1.5);
        Some(NumberProfile {
            min,
            max,
            quantiles: QUANTILES.map(|p| sorted[(p * (n - 1.0)).round() as usize]),
            skewness: if skewness.is_finite() { skewness } else { 0.0 },
            whole: sorted.iter().all(|v| v.fract() == 0.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    fn spec(name: &str, kind: Kind) -> ColumnSpec {
        ColumnSpec { name: name.into(), kind, reason: String::new(), date_format: None }
    }

    #[test]
    fn text_numbers_and_categories_are_profiled_by_their_kind() {
        let table = Table::from_columns([
            ("n", Arc::new(StringArray::from(vec![Some("1"), Some("3.5"), None, Some("1")])) as ArrayRef),
            ("c", Arc::new(Int64Array::from(vec![Some(7), Some(7), Some(8), None])) as ArrayRef),
        ])
        .unwrap();
        let schema = Schema {
            columns: vec![spec("n", Kind::Numeric), spec("c", Kind::Categorical)],
            ..Schema::default()
        };
        let inputs = CandidateInputs::fit(&table, &schema).unwrap();
        let n = inputs.column("n").unwrap();
        assert_eq!((n.n_missing, n.n_distinct, n.is_text), (1, 2, true));
        let numbers = n.numbers.as_ref().unwrap();
        assert_eq!((numbers.min, numbers.max, numbers.whole), (1.0, 3.5, false));
        let c = inputs.column("c").unwrap();
        assert_eq!((c.n_missing, c.n_distinct, c.is_text, c.numbers.is_none()), (1, 2, false, true));
    }

    #[test]
    fn skewness_of_a_known_sample() {
        // Mean 2, second central moment 3, third 6.
        let profile = NumberProfile::fit(&[1.0, 1.0, 1.0, 5.0]).unwrap();
        assert!((profile.skewness - 6.0 / 3f64.powf(1.5)).abs() < 1e-12);
    }
}
