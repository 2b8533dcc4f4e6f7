//! Which groups of a feature's state few rows of a table have: what of its state tells of single rows.

use std::collections::HashMap;

use super::definition::{Definition, Feature};
use super::expr::Readings;
use super::fitted::{FittedState, keys_of};
use crate::error::Result;
use tabgraft_table::Table;

impl Feature {
    /// How many groups of its fitted state fewer than `least_rows` rows of a table have; none of a formula, of bins,
    /// and of what is not fitted.
    ///
    /// # Errors
    /// A schema error if the table lacks the column of the groups, or it cannot be read.
    pub fn n_rare_groups(&self, table: &Table, least_rows: u64) -> Result<usize> {
        let (Definition::Group { by, .. }, Some(state)) = (&self.definition, &self.state) else {
            return Ok(0);
        };
        let keys = keys_of(by, &mut Readings::new(table.clone()))?;
        let mut n_rows: HashMap<&str, u64> = HashMap::new();
        keys.iter().flatten().for_each(|key| *n_rows.entry(key).or_default() += 1);
        let is_rare = |group: &&String| n_rows.get(group.as_str()).is_none_or(|n| *n < least_rows);
        Ok(match state {
            FittedState::Groups { values } => values.keys().filter(is_rare).count(),
            FittedState::Ranks { values } => values.keys().filter(is_rare).count(),
            FittedState::Bins { .. } => 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use super::*;
    use crate::{FeatureEngineer, GroupStatistic};

    #[test]
    fn groups_of_fewer_rows_are_counted() {
        let table = |shops: &[&str]| {
            let shops: ArrayRef = Arc::new(StringArray::from(shops.to_vec()));
            Table::from_columns([("shop", shops)]).unwrap()
        };
        let definition =
            Definition::Group { of: None, by: "shop".into(), statistic: GroupStatistic::Frequency };
        let mut engineer = FeatureEngineer::new(vec![Feature::new("f", definition, "")]).unwrap();
        assert_eq!(engineer.features()[0].n_rare_groups(&table(&["a"]), 9).unwrap(), 0);
        engineer.fit(&table(&["a", "a", "a", "b", "b", "c"])).unwrap();
        let feature = &engineer.features()[0];
        let rare = |shops: &[&str], least| feature.n_rare_groups(&table(shops), least).unwrap();
        assert_eq!([1, 2, 3, 4].map(|least| rare(&["a", "a", "a", "b", "b", "c"], least)), [0, 1, 2, 3]);
        // A group that the table has not is of no row.
        assert_eq!(rare(&["a", "b", "d"], 1), 1);
        let other: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        assert!(feature.n_rare_groups(&Table::from_columns([("x", other)]).unwrap(), 1).is_err());
    }
}
