//! What the proposals need to know about each column: how much is missing, how varied, how spread.

mod numbers;
mod texts;
mod times;

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use crate::error::{Error, Result};
use tabgraft_feature::definition::{Definition, Feature};
use tabgraft_feature::expr::{Formula, Readings, is_text};
use tabgraft_table::Table;
use tabgraft_table::schema::{Kind, Schema};

pub use numbers::{NumberProfile, Power, QUANTILES};
pub use texts::TextProfile;
pub use times::TimeProfile;

/// Profiles of a table's used columns. Holds nothing about a target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CandidateInputs {
    /// Number of rows that were looked at.
    pub n_rows: usize,
    /// One per used column, in the schema's order; then one per feature of
    /// [`CandidateInputs::with_features`].
    pub columns: Vec<InputProfile>,
}

/// The profile of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct InputProfile {
    /// The column's name.
    pub name: String,
    /// Rows without a value.
    pub n_missing: usize,
    /// Distinct values, missing not counted.
    pub n_distinct: usize,
    /// Whether its cells are text, so that a formula may take them as text without a cast.
    pub is_text: bool,
    /// Whether its cells are true and false, so that a formula may take them as a condition without a cast.
    pub is_truth: bool,
    /// Only for [`Kind::Numeric`], and only if there is a finite value.
    pub numbers: Option<NumberProfile>,
    /// Only for [`Kind::Timestamp`], and only if formulas can read all cells and there is one.
    pub times: Option<TimeProfile>,
    /// Only for [`Kind::Text`].
    pub texts: Option<TextProfile>,
}

impl CandidateInputs {
    /// Profiles the used columns of `table`, which should hold discovery rows only.
    ///
    /// # Errors
    /// A schema error if a used column is absent.
    pub fn fit(table: &Table, schema: &Schema) -> Result<Self> {
        let columns =
            schema.columns.iter().map(|c| InputProfile::fit(&c.name, c.kind, table.column(&c.name)?));
        Ok(CandidateInputs { n_rows: table.n_rows(), columns: columns.collect::<Result<_>>()? })
    }

    /// The same with the profiles of those features that are formulas, so that
    /// [`compose`](super::compose()) can build on them. `table` holds the rows of [`CandidateInputs::fit`].
    ///
    /// # Errors
    /// As [`Formula::evaluate`], with the feature's name.
    pub fn with_features(mut self, table: &Table, features: &[Feature]) -> Result<Self> {
        let mut readings = Readings::new(table.clone());
        for feature in features {
            let Definition::Formula { formula } = &feature.definition else { continue };
            let values = Formula::parse(formula).and_then(|f| f.evaluate_on(&mut readings));
            let values = values.map_err(|e| feature.named(e))?;
            self.columns.push(InputProfile::fit(&feature.name, kind_of(values.data_type()), &values)?);
        }
        Ok(self)
    }

    /// The profile of the column or feature of this name.
    pub fn column(&self, name: &str) -> Option<&InputProfile> {
        self.columns.iter().find(|c| c.name == name)
    }
}

impl InputProfile {
    fn fit(name: &str, kind: Kind, array: &ArrayRef) -> Result<Self> {
        let unreadable = |e| Error::schema(format!("column `{name}` cannot be profiled: {e}")).with_source(e);
        let is_text = is_text(array.data_type());
        let mut profile = InputProfile {
            name: name.to_owned(),
            n_missing: 0,
            n_distinct: 0,
            is_text,
            is_truth: array.data_type() == &DataType::Boolean,
            numbers: None,
            times: None,
            texts: None,
        };
        if kind == Kind::Numeric {
            let numbers = cast(array, &DataType::Float64).map_err(unreadable)?;
            let mut values: Vec<f64> =
                numbers.as_primitive::<Float64Type>().iter().flatten().filter(|v| v.is_finite()).collect();
            values.sort_unstable_by(f64::total_cmp);
            profile.n_distinct = values.chunk_by(|a, b| a == b).count();
            profile.n_missing = array.len() - values.len();
            profile.numbers = NumberProfile::fit(&values);
            return Ok(profile);
        }
        let texts = cast(array, &DataType::Utf8).map_err(unreadable)?;
        let texts = texts.as_string::<i32>();
        profile.n_distinct = texts.iter().flatten().collect::<HashSet<_>>().len();
        profile.n_missing = texts.null_count();
        match kind {
            Kind::Timestamp => profile.times = TimeProfile::fit(name, array),
            Kind::Text => profile.texts = Some(TextProfile::fit(texts)),
            Kind::Numeric | Kind::Categorical | Kind::Boolean => {}
        }
        Ok(profile)
    }
}

/// What the values of a formula are.
fn kind_of(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Float64 => Kind::Numeric,
        DataType::Boolean => Kind::Boolean,
        DataType::Timestamp(..) => Kind::Timestamp,
        _ => Kind::Categorical,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;
    use tabgraft_table::schema::ColumnSpec;

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

        let features = [
            Feature::formula("twice", "2 * n", ""),
            Feature::formula("large", "n > 2", ""),
            Feature::new("bins", Definition::Bins { column: "n".into(), n_bins: 2 }, ""),
        ];
        let inputs = inputs.with_features(&table, &features).unwrap();
        let twice = inputs.column("twice").unwrap();
        assert_eq!((twice.n_missing, twice.numbers.as_ref().unwrap().max), (1, 7.0));
        let large = inputs.column("large").unwrap();
        assert_eq!((large.n_missing, large.n_distinct, large.is_text), (1, 2, false));
        assert_eq!(inputs.columns.len(), 4, "what is fitted is no formula");
        let broken = [Feature::formula("broken", "absent + 1", "")];
        let error = inputs.with_features(&table, &broken).unwrap_err();
        assert!(error.to_string().starts_with("feature `broken`: there is no column `absent`"), "{error}");
    }
}
