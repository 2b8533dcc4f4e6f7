//! What each column means: its kind, why that kind, and which columns are left out and why.

mod infer;
pub(crate) mod names;
pub mod profile;
mod remarks;
mod spellings;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
pub use infer::{InferOptions, infer};

/// What a column means. Decides its codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A quantity: order and distance mean something.
    Numeric,
    /// One of a limited set of names.
    Categorical,
    /// Two values that say yes and no.
    Boolean,
    /// A point in time.
    Timestamp,
    /// Free text with many distinct values.
    Text,
}

impl Kind {
    /// The kind as options, files and messages write it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Numeric => "numeric",
            Kind::Categorical => "categorical",
            Kind::Boolean => "boolean",
            Kind::Timestamp => "timestamp",
            Kind::Text => "text",
        }
    }
}

/// How the text of a timestamp column is written. Dates that Arrow already types are `Typed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// An Arrow date or timestamp column; nothing to parse.
    Typed,
    /// A `chrono` format string, e.g. `%Y-%m-%d`; the one that every value fits.
    Text(String),
    /// Several of them, at least two; each value is read by the first that it fits.
    AnyOf(Vec<String>),
}

impl DateFormat {
    /// Dates written in one of these ways.
    pub fn of(formats: &[String]) -> Self {
        match formats {
            [only] => DateFormat::Text(only.clone()),
            formats => DateFormat::AnyOf(formats.to_vec()),
        }
    }

    /// What a user writes: one `chrono` format, or several with `|` between them.
    pub fn given(text: &str) -> Self {
        Self::of(&text.split('|').map(|format| format.trim().to_owned()).collect::<Vec<_>>())
    }

    /// The `chrono` formats; none for typed dates.
    pub fn formats(&self) -> &[String] {
        match self {
            DateFormat::Typed => &[],
            DateFormat::Text(format) => std::slice::from_ref(format),
            DateFormat::AnyOf(formats) => formats,
        }
    }

    /// As a user writes it.
    pub fn text(&self) -> String {
        self.formats().join("|")
    }
}

/// One column that the model uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// The column's name in the table.
    pub name: String,
    /// What it means.
    pub kind: Kind,
    /// Why it has this kind, in plain English: "14 distinct texts in 1000 rows".
    pub reason: String,
    /// How its dates are written; only for [`Kind::Timestamp`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<DateFormat>,
}

impl ColumnSpec {
    /// How the dates of this timestamp column are written.
    ///
    /// # Errors
    /// A schema error if the specification says nothing about it.
    pub fn date_format(&self) -> Result<&DateFormat> {
        self.date_format.as_ref().ok_or_else(|| {
            Error::schema(format!("timestamp column `{}` has no date format", self.name))
                .with_hint("infer the schema again, or give the column's date format")
        })
    }
}

/// Why a column is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// The user asked for it.
    Ignored,
    /// It says which row is which, and the split goes by it.
    Key,
    /// Each row has its own value, and the values carry no order or text worth reading.
    Id,
    /// One single value.
    Constant,
    /// No value at all.
    AllMissing,
    /// A space used it once, until it was pruned.
    Pruned,
    /// The index of a frame, stored as a column.
    Index,
    /// Cells that are no single values, such as lists.
    Unreadable,
}

/// One column that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExcludedColumn {
    /// The column's name in the table.
    pub name: String,
    /// Why, as a word.
    pub exclusion: Exclusion,
    /// Why, in plain English, with the figure that decided it.
    pub reason: String,
}

/// What every column of a table means. Each column of the table is in exactly one of the lists.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Columns that the model uses, in the table's order.
    pub columns: Vec<ColumnSpec>,
    /// Columns that are left out.
    pub excluded: Vec<ExcludedColumn>,
    /// Things that the user should hear, such as a date whose day and month could be swapped.
    pub notes: Vec<String>,
}

impl Schema {
    /// The used column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnSpec> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Names of the used columns, in order.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|c| c.name.clone()).collect()
    }
}
