//! How four engines spell the same SQL.

use serde::{Deserialize, Serialize};

/// What [`blank`](super::expression) texts are made of besides a space, as Rust's `trim` has it.
pub(super) const BLANKS: &str = " \t\n\u{b}\u{c}\r\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

/// An engine's SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// DuckDB: the one that tests compare with.
    #[default]
    Duckdb,
    /// PostgreSQL, from version 14 on.
    Postgres,
    /// Snowflake.
    Snowflake,
    /// BigQuery.
    Bigquery,
}

impl Dialect {
    /// The dialect as options write it.
    pub fn word(self) -> &'static str {
        match self {
            Dialect::Duckdb => "duckdb",
            Dialect::Postgres => "postgres",
            Dialect::Snowflake => "snowflake",
            Dialect::Bigquery => "bigquery",
        }
    }

    /// The name of a table or a column.
    pub(super) fn name(self, name: &str) -> String {
        match self {
            Dialect::Bigquery => format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`")),
            _ => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// A text.
    pub(super) fn text(self, text: &str) -> String {
        match self {
            // Backslashes escape here, and doubled quotes are two texts.
            Dialect::Bigquery => {
                let text = text.replace('\\', "\\\\").replace('\'', "\\'");
                format!("'{}'", text.replace('\n', "\\n").replace('\r', "\\r"))
            }
            Dialect::Snowflake => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
            Dialect::Duckdb | Dialect::Postgres => format!("'{}'", text.replace('\'', "''")),
        }
    }

    /// A pattern of `LIKE` in which nothing but `%` and `_` is special.
    pub(super) fn pattern(self, pattern: &str) -> String {
        match self {
            Dialect::Bigquery => self.text(&pattern.replace('\\', "\\\\")),
            Dialect::Postgres => format!("{} ESCAPE ''", self.text(pattern)),
            _ => self.text(pattern),
        }
    }

    /// A number of 64 bits, IEEE 754.
    pub(super) fn number(self, number: f64) -> String {
        if number.is_infinite() {
            let sign = if number < 0.0 { "-" } else { "" };
            return format!("CAST('{sign}{}' AS {})", self.infinity(), self.double());
        }
        match self {
            // Digits with an exponent are of another type there.
            Dialect::Postgres => format!("CAST({number:e} AS {})", self.double()),
            _ if number.is_sign_negative() => format!("({number:e})"),
            _ => format!("{number:e}"),
        }
    }

    /// The type of numbers of 64 bits.
    pub(super) fn double(self) -> &'static str {
        match self {
            Dialect::Duckdb | Dialect::Snowflake => "DOUBLE",
            Dialect::Postgres => "DOUBLE PRECISION",
            Dialect::Bigquery => "FLOAT64",
        }
    }

    /// The type of texts.
    pub(super) fn varchar(self) -> &'static str {
        match self {
            Dialect::Duckdb | Dialect::Snowflake => "VARCHAR",
            Dialect::Postgres => "TEXT",
            Dialect::Bigquery => "STRING",
        }
    }

    /// The type of times without a zone, which are in UTC.
    pub(super) fn timestamp(self) -> &'static str {
        match self {
            Dialect::Duckdb | Dialect::Postgres => "TIMESTAMP",
            Dialect::Snowflake => "TIMESTAMP_NTZ",
            Dialect::Bigquery => "DATETIME",
        }
    }

    /// Without blanks at both ends.
    pub(super) fn trimmed(self, text: &str) -> String {
        match self {
            Dialect::Postgres => format!("btrim({text}, {})", self.text(BLANKS)),
            Dialect::Bigquery => format!("TRIM({text})"),
            _ => format!("trim({text}, {})", self.text(BLANKS)),
        }
    }

    /// A number that is missing where it is infinite or none.
    pub(super) fn finite(self, number: &str) -> String {
        match self {
            Dialect::Bigquery => format!("IF(IS_NAN({number}) OR IS_INF({number}), NULL, {number})"),
            _ => {
                let infinity = self.infinity();
                [String::from("NaN"), infinity.to_owned(), format!("-{infinity}")]
                    .iter()
                    .fold(number.to_owned(), |number, text| {
                        format!("NULLIF({number}, CAST('{text}' AS {}))", self.double())
                    })
            }
        }
    }

    fn infinity(self) -> &'static str {
        match self {
            Dialect::Duckdb | Dialect::Postgres => "Infinity",
            Dialect::Snowflake | Dialect::Bigquery => "inf",
        }
    }
}
