//! What proposals are made of: usable columns, and formulas that were found, by what can be done
//! with them.

use super::CandidateLimits;
use crate::discover::propose::profile::{
    CandidateInputs, InputProfile, NumberProfile, TextProfile, TimeProfile,
};
use tabgraft_feature::naming::{as_word, in_formula};
use tabgraft_table::schema::{Kind, Schema};

/// A column or a formula with its names for formulas, feature names and sentences.
pub(in crate::discover::propose) struct Operand<'a> {
    pub(in crate::discover::propose) profile: &'a InputProfile,
    pub(in crate::discover::propose) kind: Kind,
    /// Stands in a formula as one operand of any operator.
    pub(in crate::discover::propose) sql: String,
    /// Stands in the name of a feature.
    pub(in crate::discover::propose) word: String,
}

impl<'a> Operand<'a> {
    /// As sentences call it.
    pub(in crate::discover::propose) fn name(&self) -> &'a str {
        &self.profile.name
    }

    /// As text in a formula; missing stays missing.
    pub(in crate::discover::propose) fn text(&self) -> String {
        if self.profile.is_text { self.sql.clone() } else { format!("CAST({} AS VARCHAR)", self.sql) }
    }

    /// As a condition in a formula; missing stays missing.
    pub(in crate::discover::propose) fn truth(&self) -> String {
        match self.profile.is_text || self.profile.is_truth {
            true => self.sql.clone(),
            false => format!("CAST({} AS BOOLEAN)", self.sql),
        }
    }
}

/// An operand that is a number, and its spread.
pub(in crate::discover::propose) type Number<'a, 'b> = (&'b Operand<'a>, &'a NumberProfile);

/// The operands that proposals may read.
pub(in crate::discover::propose) struct Operands<'a> {
    pub(in crate::discover::propose) n_rows: usize,
    pub(in crate::discover::propose) limits: &'a CandidateLimits,
    pub(in crate::discover::propose) all: Vec<Operand<'a>>,
}

impl<'a> Operands<'a> {
    /// The columns of the schema: fewest missing values first, then most distinct ones.
    pub(in crate::discover::propose) fn of_columns(
        schema: &'a Schema,
        inputs: &'a CandidateInputs,
        limits: &'a CandidateLimits,
    ) -> Self {
        let usable = schema.columns.iter().filter(|c| !limits.exclude.contains(&c.name));
        let mut all: Vec<Operand> = usable
            .filter_map(|spec| {
                let profile = inputs.column(&spec.name)?;
                let (sql, word) = (in_formula(&spec.name), as_word(&spec.name));
                Some(Operand { profile, kind: spec.kind, sql, word })
            })
            .collect();
        all.sort_by_key(|c| (c.profile.n_missing, usize::MAX - c.profile.n_distinct));
        Operands { n_rows: inputs.n_rows, limits, all }
    }

    pub(in crate::discover::propose) fn numbers(&self) -> Vec<Number<'a, '_>> {
        let varied = self.all.iter().filter(|c| c.profile.n_distinct >= 2);
        varied.filter_map(|c| Some((c, c.profile.numbers.as_ref()?))).collect()
    }

    /// Named categories and yes or no, with 2 to `max_levels` levels.
    pub(in crate::discover::propose) fn categories(&self, max_levels: usize) -> Vec<&Operand<'a>> {
        let named = self.all.iter().filter(|c| matches!(c.kind, Kind::Categorical | Kind::Boolean));
        named.filter(|c| (2..=max_levels).contains(&c.profile.n_distinct)).collect()
    }

    /// Categories whose groups are large enough to tell something.
    pub(in crate::discover::propose) fn groupings(&self) -> Vec<&Operand<'a>> {
        let mut categories = self.categories(self.limits.max_group_levels);
        categories.retain(|c| self.fills(c.profile.n_distinct));
        categories
    }

    pub(in crate::discover::propose) fn truths(&self) -> Vec<&Operand<'a>> {
        self.all.iter().filter(|c| c.kind == Kind::Boolean && c.profile.n_distinct == 2).collect()
    }

    pub(in crate::discover::propose) fn dates(&self) -> Vec<(&Operand<'a>, &'a TimeProfile)> {
        self.all.iter().filter_map(|c| Some((c, c.profile.times.as_ref()?))).collect()
    }

    pub(in crate::discover::propose) fn texts(&self) -> Vec<(&Operand<'a>, &'a TextProfile)> {
        self.all.iter().filter_map(|c| Some((c, c.profile.texts.as_ref()?))).collect()
    }

    /// Whether the rows suffice for this many levels.
    pub(in crate::discover::propose) fn fills(&self, n_levels: usize) -> bool {
        n_levels.saturating_mul(self.limits.min_rows_per_group) <= self.n_rows
    }
}

/// All pairs of different items, those of early items first; lazy, for there can be millions.
pub(in crate::discover::propose) fn pairs<T: Copy>(items: &[T]) -> impl Iterator<Item = (T, T)> {
    let n = items.len();
    let places = (1..2 * n).flat_map(move |sum| {
        let first = (sum + 1).saturating_sub(n);
        (first..sum.div_ceil(2)).map(move |i| (i, sum - i))
    });
    places.map(|(i, j)| (items[i], items[j]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_stands_once_and_early_items_come_first() {
        let all: Vec<(usize, usize)> = pairs(&[0, 1, 2, 3]).collect();
        assert_eq!(all, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]);
        assert_eq!(pairs(&[0; 0]).count() + pairs(&[0]).count(), 0);
    }
}
