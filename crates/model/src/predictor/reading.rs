//! Reading later tables as the one that a predictor was fitted on.

use tabgraft_table::Table;
use tabgraft_table::cell::parse_number;
use tabgraft_table::read::{KnownColumn, NumberStyle, ReadOptions, Reading, Wanted};
use tabgraft_table::schema::Kind;
use tabgraft_table::unreadable::{CellErrors, Readable};

use super::{Predictor, Target};
use crate::EmbeddingSpace;
use crate::error::Result;
use crate::space::unnamed;

impl Predictor {
    /// How the table was read that the predictor was fitted on.
    pub fn reading(&self) -> &Reading {
        &self.about.reading
    }

    /// Options that read a table as the one that the predictor was fitted on.
    pub fn read_options(&self) -> ReadOptions {
        let (space, reading) = (&self.about.space, &self.about.reading);
        let mut options = space.read_options();
        options.decimal = options.decimal.or(reading.decimal);
        let remembered = &mut options.renaming.remembered;
        remembered.extend(reading.renamed.iter().map(|(old, new)| (old.clone(), new.clone())));
        let target = self.about.target.column().to_owned();
        match &self.about.target {
            Target::Number { .. } => {
                let style = reading.numbers.get(&target).cloned().unwrap_or_default();
                let decimal = style.decimal.or(reading.decimal);
                options.known.insert(target, KnownColumn::Number(NumberStyle { decimal, ..style }));
            }
            // Classes that are numbers were brought to one spelling, others were left as written.
            Target::Classes { classes, .. } if classes.iter().any(|c| parse_number(c).is_none()) => {
                options.known.insert(target, KnownColumn::AsWritten);
            }
            Target::Classes { .. } => {}
        }
        options
    }

    /// The columns that the predictor needs of a table to predict it.
    pub fn needs(&self) -> Wanted {
        self.about.space.needs()
    }

    /// The columns that the predictor needs of a table to predict it, and to tell the part of each row.
    pub fn needs_to_split(&self) -> Wanted {
        self.about.space.needs_to_split()
    }

    /// The columns that the predictor needs of a table to grow on a descendant of its space.
    pub fn needs_to_grow_on(&self, child: &EmbeddingSpace) -> Wanted {
        let target = self.about.target.column().to_owned();
        let own = self.about.space.columns.iter().map(|c| c.name.clone());
        let keys = self.about.space.key_columns.iter().cloned();
        child.needs_to_split().and(own.chain(keys).chain([target]))
    }

    /// The columns that the predictor needs of a table to be scored on it.
    pub fn needs_to_score(&self) -> Wanted {
        let target = self.about.target.column().to_owned();
        self.needs_to_split().and([&target])
    }

    /// The table to predict, as [`EmbeddingSpace::readable`](crate::EmbeddingSpace::readable).
    ///
    /// # Errors
    /// As [`CellErrors::treat`].
    pub fn readable(&self, table: &Table, errors: CellErrors) -> Result<Readable> {
        errors.treat(&self.about.space.columns, table)
    }

    /// The table whose rows are told apart, as [`EmbeddingSpace::readable_to_split`](crate::EmbeddingSpace::readable_to_split).
    ///
    /// # Errors
    /// As [`CellErrors::treat`].
    pub fn readable_to_split(&self, table: &Table, errors: CellErrors) -> Result<Readable> {
        let mut specs = self.about.space.columns.clone();
        specs.extend(self.about.space.time_beside());
        errors.treat(&specs, table)
    }

    /// The table to compare two predictors on, as [`Predictor::readable_to_score`] of both.
    ///
    /// # Errors
    /// As [`CellErrors::treat`].
    pub fn readable_to_compare(&self, other: &Self, table: &Table, errors: CellErrors) -> Result<Readable> {
        let first = self.readable_to_score(table, errors)?;
        Ok(other.readable_to_score(&first.table, errors)?.after(first.unreadable))
    }

    /// The table to be scored on, as [`EmbeddingSpace::readable`](crate::EmbeddingSpace::readable): cells of the target, and of the times that the
    /// split goes by, are told as well. A row without a target is passed over, one without a time trains.
    ///
    /// # Errors
    /// As [`CellErrors::treat`].
    pub fn readable_to_score(&self, table: &Table, errors: CellErrors) -> Result<Readable> {
        let mut specs = self.about.space.columns.clone();
        if let Target::Number { column, .. } = self.target() {
            specs.push(unnamed(column, Kind::Numeric));
        }
        specs.extend(self.about.space.time_beside());
        errors.treat(&specs, table)
    }
}
