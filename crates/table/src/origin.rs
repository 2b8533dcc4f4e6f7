//! How a table was read, as plain data: tables carry it, and models remember it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::column::ExcludedColumn;
use crate::marks::DecimalMark;

/// Texts that stand for a missing cell unless a caller says otherwise.
pub(crate) const MISSING_TOKENS: [&str; 6] = ["", "NA", "N/A", "null", "NaN", "?"];

/// What the cells of a table were taken for. A model that was trained on it reads later tables alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Texts that stand for a missing cell; see [`ReadOptions::missing_tokens`](crate::read::ReadOptions::missing_tokens).
    pub missing_tokens: Vec<String>,
    /// What marks the decimals of numbers in text; none if no cell said it.
    pub decimal: Option<DecimalMark>,
    /// The only mark that groups digits, where the user said so; otherwise any may.
    pub thousands: Option<char>,
    /// Columns whose numbers are written otherwise.
    pub numbers: BTreeMap<String, NumberStyle>,
    /// Columns that got other names, old name to new one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed: BTreeMap<String, String>,
}

impl Default for Reading {
    fn default() -> Self {
        Reading {
            missing_tokens: MISSING_TOKENS.map(String::from).to_vec(),
            decimal: None,
            thousands: None,
            numbers: BTreeMap::new(),
            renamed: BTreeMap::new(),
        }
    }
}

impl Reading {
    /// Remembers the names that another table's columns were given, as far as nothing else is known of them.
    pub fn join_renamed(&mut self, other: &Reading) {
        for (old, new) in &other.renamed {
            self.renamed.entry(old.clone()).or_insert_with(|| new.clone());
        }
    }

    /// How numbers of these columns of another table are written, beside the decimals of this one: those
    /// that are not written as this reading has it anyway.
    pub fn beside<'a>(
        &self,
        other: &Reading,
        columns: impl IntoIterator<Item = &'a String>,
    ) -> Vec<(String, NumberStyle)> {
        let style_of = |name: &'a String| {
            let style = other.numbers.get(name).cloned().unwrap_or_default();
            let decimal = style.decimal.or(other.decimal);
            let decimal = decimal.filter(|theirs| self.decimal.is_some_and(|mine| mine != *theirs));
            let style = NumberStyle { decimal, ..style };
            (style != NumberStyle::default()).then(|| (name.clone(), style))
        };
        columns.into_iter().filter_map(style_of).collect()
    }
}

/// How the numbers of one column are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberStyle {
    /// What marks its decimals; none: as in the rest of the table.
    pub decimal: Option<DecimalMark>,
    /// A sign around each number that is taken away, such as `%`.
    pub sign: Option<String>,
}

/// What is known of a column before its table is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownColumn {
    /// A model knows it as numbers of this style.
    Number(NumberStyle),
    /// The user says that it holds numbers; their style is found.
    DeclaredNumber,
    /// Its texts stay as they are written.
    AsWritten,
}

/// Which columns of a table are read. Those that are not are neither converted nor checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wanted {
    /// All of them.
    #[default]
    All,
    /// These, as far as they are there.
    Only(BTreeSet<String>),
    /// All but these.
    AllBut(BTreeSet<String>),
}

impl Wanted {
    /// Whether a column of this name is read.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Only(names) => names.contains(name),
            Wanted::AllBut(names) => !names.contains(name),
        }
    }

    /// These too.
    #[must_use]
    pub fn and<S: AsRef<str>>(self, names: impl IntoIterator<Item = S>) -> Self {
        match self {
            Wanted::All => Wanted::All,
            Wanted::Only(mut wanted) => {
                wanted.extend(names.into_iter().map(|name| name.as_ref().to_owned()));
                Wanted::Only(wanted)
            }
            Wanted::AllBut(mut unwanted) => {
                names.into_iter().for_each(|name| {
                    unwanted.remove(name.as_ref());
                });
                Wanted::AllBut(unwanted)
            }
        }
    }
}

/// Where the cells of a table come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// What they were taken for.
    pub reading: Reading,
    /// Columns that are no part of the data unless somebody asks for them, such as the index of a
    /// frame, and columns that cannot be read and are not in the table, such as lists.
    pub set_aside: Vec<ExcludedColumn>,
    /// Columns that are there and were not wanted.
    pub unread: Vec<String>,
    /// Columns that the data themselves declare as categories: `category` of pandas, `Categorical` and `Enum`
    /// of polars, any dictionary of Arrow.
    pub declared_categories: BTreeSet<String>,
    /// Things that the user should hear about how the table was read.
    pub notes: Vec<String>,
}

impl Origin {
    /// Why a column is set aside, if it is.
    pub fn set_aside(&self, name: &str) -> Option<&ExcludedColumn> {
        self.set_aside.iter().find(|column| column.name == name)
    }
}
