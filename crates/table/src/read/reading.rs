//! How a table was read, as far as that changes what a cell means: models remember it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ReadOptions;
use super::marks::DecimalMark;
use super::renaming::Renaming;
use crate::schema::ExcludedColumn;
use crate::table::quoted;

/// What the cells of a table were taken for. A model that was trained on it reads later tables alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Texts that stand for a missing cell; see [`ReadOptions::missing_tokens`].
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
            missing_tokens: ReadOptions::default().missing_tokens,
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

/// What a caller says about how a table is read. What it leaves open follows from a model, if there is
/// one, else from the file, else it is the default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GivenReading {
    /// As [`ReadOptions::missing_tokens`].
    pub missing_tokens: Option<Vec<String>>,
    /// As [`ReadOptions::delimiter`].
    pub delimiter: Option<u8>,
    /// As [`ReadOptions::decimal`].
    pub decimal: Option<DecimalMark>,
    /// As [`ReadOptions::thousands`].
    pub thousands: Option<char>,
    /// As [`ReadOptions::max_inflated_bytes`].
    pub max_inflated_bytes: Option<u64>,
    /// Columns that get other names, old name to new one; see [`Renaming::given`].
    pub rename: BTreeMap<String, String>,
}

impl GivenReading {
    /// The options without a model.
    pub fn options(&self) -> ReadOptions {
        let default = ReadOptions::default();
        ReadOptions {
            missing_tokens: self.missing_tokens.clone().unwrap_or(default.missing_tokens),
            delimiter: self.delimiter,
            decimal: self.decimal,
            thousands: self.thousands,
            max_inflated_bytes: self.max_inflated_bytes.unwrap_or(default.max_inflated_bytes),
            renaming: Renaming { given: self.rename.clone(), ..Renaming::default() },
            ..ReadOptions::default()
        }
    }

    /// The options of a model where the caller leaves them open, and a note for each that the caller
    /// says otherwise.
    pub fn options_like(&self, model: &ReadOptions) -> (ReadOptions, Vec<String>) {
        let (mut options, mut notes) = (model.clone(), Vec::new());
        let mut overruled = |here: String, there: String| {
            notes.push(format!("the model was trained with {there}, and this table is read with {here}"));
        };
        let named = |tokens: &[String]| format!("the missing tokens {}", quoted(tokens));
        options.delimiter = self.delimiter.or(model.delimiter);
        if let Some(tokens) = self.missing_tokens.as_ref().filter(|t| !same_tokens(t, &model.missing_tokens))
        {
            overruled(named(tokens), named(&model.missing_tokens));
            options.missing_tokens.clone_from(tokens);
        }
        if let Some(decimal) = self.decimal.filter(|decimal| model.decimal != Some(*decimal)) {
            if let Some(there) = model.decimal {
                overruled(decimal.words().to_owned(), there.words().to_owned());
            }
            options.decimal = Some(decimal);
            for known in options.known.values_mut() {
                if let KnownColumn::Number(style) = known {
                    style.decimal = None;
                }
            }
        }
        options.thousands = self.thousands.or(model.thousands);
        options.max_inflated_bytes = self.max_inflated_bytes.unwrap_or(model.max_inflated_bytes);
        options.renaming.given.clone_from(&self.rename);
        (options, notes)
    }
}

fn same_tokens(a: &[String], b: &[String]) -> bool {
    let sorted = |tokens: &[String]| -> BTreeSet<String> { tokens.iter().cloned().collect() };
    sorted(a) == sorted(b)
}

impl ReadOptions {
    /// The same, and these columns get other names, old name to new one; see [`Renaming::given`].
    #[must_use]
    pub fn with_names(mut self, rename: Option<BTreeMap<String, String>>) -> Self {
        self.renaming.given.extend(rename.unwrap_or_default());
        self
    }

    /// Whether a table that was read so would be read alike by these options.
    pub fn would_read_as(&self, reading: &Reading) -> bool {
        let decimal =
            self.decimal.is_none_or(|decimal| reading.decimal.is_none_or(|theirs| theirs == decimal));
        decimal && same_tokens(&self.missing_tokens, &reading.missing_tokens)
    }

    /// The options that read a further table of the same kind as the one that came from `origin`.
    #[must_use]
    pub fn continued(&self, origin: &Origin) -> Self {
        let mut options = self.clone();
        options.decimal = options.decimal.or(origin.reading.decimal);
        options.renaming = options.renaming.continued();
        for (name, style) in &origin.reading.numbers {
            options.known.insert(name.clone(), KnownColumn::Number(style.clone()));
        }
        options
    }

    /// The options of two models together, those of this one where they differ, and notes of that.
    #[must_use]
    pub fn joined(mut self, other: &Self) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        if !same_tokens(&self.missing_tokens, &other.missing_tokens) {
            notes.push(format!(
                "the models were trained with different missing tokens, {} and {}; the table is read with the first",
                quoted(&self.missing_tokens),
                quoted(&other.missing_tokens)
            ));
        }
        for (old, new) in &other.renaming.remembered {
            self.renaming.remembered.entry(old.clone()).or_insert_with(|| new.clone());
        }
        let (mine, theirs) = (self.decimal, other.decimal);
        self.decimal = mine.or(theirs);
        for (name, known) in &other.known {
            let mut known = known.clone();
            if let KnownColumn::Number(style) = &mut known {
                style.decimal = style.decimal.or(theirs).filter(|decimal| self.decimal != Some(*decimal));
            }
            self.known.entry(name.clone()).or_insert(known);
        }
        (self, notes)
    }
}
