//! What columns mean, as plain data: kinds, columns that are used and columns that are left out.

use serde::{Deserialize, Serialize};

use crate::dates::DateFormat;
use crate::error::{Error, Result};

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
