//! Reading later tables as the one that a space was trained on.

use std::collections::BTreeSet;

use tabgraft_table::read::{GivenReading, KnownColumn, Origin, ReadOptions, Reading, Renaming, Wanted};
use tabgraft_table::schema::Kind;

use super::{About, EmbeddingSpace, FitOptions};

impl FitOptions {
    /// Options that read the table to train on: what the user says of columns is known before, and
    /// what is ignored is not read, unless the split needs it.
    pub fn read_options(&self, given: &GivenReading) -> ReadOptions {
        ReadOptions {
            known: self.infer.known(),
            columns: self.infer.wants(self.split.by.column()),
            most_bytes: self.config.training.most_bytes(),
            ..given.options()
        }
    }
}

impl EmbeddingSpace {
    /// How the table was read that the space was trained on.
    pub fn reading(&self) -> &Reading {
        &self.about.reading
    }

    /// Options that read a table as the one that the space was trained on.
    pub fn read_options(&self) -> ReadOptions {
        self.about.read_options()
    }

    /// Options that read a table as that of all these spaces, as that of an earlier one where they differ.
    pub fn read_options_of<'a>(spaces: impl IntoIterator<Item = &'a EmbeddingSpace>) -> ReadOptions {
        let options = spaces.into_iter().map(EmbeddingSpace::read_options);
        options.reduce(|all, next| all.joined(&next).0).unwrap_or_default()
    }

    /// The columns that the space needs of a table to embed it.
    pub fn needs(&self) -> Wanted {
        self.about.needs()
    }

    /// The columns that the space needs of a table to embed it, and to tell the part of each row.
    pub fn needs_to_split(&self) -> Wanted {
        self.about.needs_to_split()
    }
}

impl About {
    /// Options that read a table as the one that the space was trained on.
    pub(crate) fn read_options(&self) -> ReadOptions {
        let known = self.columns.iter().map(|column| {
            let style = || self.reading.numbers.get(&column.name).cloned().unwrap_or_default();
            let known = match column.kind {
                Kind::Numeric => KnownColumn::Number(style()),
                _ => KnownColumn::AsWritten,
            };
            (column.name.clone(), known)
        });
        ReadOptions {
            missing_tokens: self.reading.missing_tokens.clone(),
            decimal: self.reading.decimal,
            thousands: self.reading.thousands,
            renaming: Renaming { remembered: self.reading.renamed.clone(), ..Renaming::default() },
            known: known.collect(),
            ..ReadOptions::default()
        }
    }

    /// The columns that the space needs of a table to embed it: its own, and what its features are made from.
    pub(crate) fn needs(&self) -> Wanted {
        let own = self.columns.iter().map(|column| column.name.clone());
        Wanted::Only(own.chain(self.feature_inputs()).collect::<BTreeSet<_>>())
    }

    /// The columns that the space needs of a table to embed it, and to tell the part of each row.
    pub(crate) fn needs_to_split(&self) -> Wanted {
        self.needs().and(self.split.columns()).and(&self.key_columns)
    }

    /// Remembers how the new columns of a table were read, and what was said of it.
    pub(crate) fn learn_reading(&mut self, origin: &Origin, new_columns: &[String]) {
        for (name, style) in self.reading.beside(&origin.reading, new_columns) {
            self.reading.numbers.insert(name, style);
        }
        self.reading.decimal = self.reading.decimal.or(origin.reading.decimal);
        self.reading.join_renamed(&origin.reading);
        let new: Vec<String> =
            origin.notes.iter().filter(|note| !self.notes.contains(note)).cloned().collect();
        self.keep_notes(new);
    }

    /// Remembers how the columns were read that another space had.
    pub(crate) fn join_reading(&mut self, other: &Self) {
        let numeric = other.columns.iter().filter(|column| column.kind == Kind::Numeric);
        for (name, style) in self.reading.beside(&other.reading, numeric.map(|column| &column.name)) {
            self.reading.numbers.entry(name).or_insert(style);
        }
        self.reading.decimal = self.reading.decimal.or(other.reading.decimal);
        self.reading.join_renamed(&other.reading);
    }
}
