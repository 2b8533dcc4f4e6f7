//! Flags of [`InferOptions`].

use std::collections::BTreeMap;

use clap::Args;
use tabgraft_table::schema::{InferOptions, Kind};

use crate::failure::Failure;

/// What the user knows of the columns.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Columns")]
pub struct SchemaArgs {
    /// Leave a column out, here and in every descendant; may be repeated. Ignore every target
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,
    /// Give a column its kind: numeric, categorical, boolean, timestamp or text; may be repeated
    #[arg(long, value_name = "COLUMN=KIND", value_parser = parse_kind)]
    kind: Vec<(String, Kind)>,
    /// Say how a column's dates are written, as in `born=%d/%m/%Y`, or `born=excel` for days as spreadsheets
    /// count them; may be repeated
    #[arg(long, value_name = "COLUMN=FORMAT", value_parser = parse_pair)]
    date_format: Vec<(String, String)>,
    /// Most distinct texts of a column that are still categories; fewer are text, too, where they do not
    /// repeat or are read like prose
    #[arg(long, value_name = "N", default_value_t = InferOptions::default().max_categories)]
    max_categories: u64,
}

impl SchemaArgs {
    /// As the core takes them.
    pub fn options(&self) -> Result<InferOptions, Failure> {
        Ok(InferOptions {
            kinds: once_each("kind", &self.kind)?,
            date_formats: once_each("date-format", &self.date_format)?,
            ignore: self.ignore.clone(),
            max_categories: self.max_categories,
        })
    }
}

/// What a flag that may be repeated says of each column; not one column two different things.
pub fn once_each<V: Clone + PartialEq>(
    flag: &str,
    said: &[(String, V)],
) -> Result<BTreeMap<String, V>, Failure> {
    let mut of_columns = BTreeMap::new();
    for (column, value) in said {
        if of_columns.insert(column.clone(), value.clone()).is_some_and(|before| before != *value) {
            return Err(Failure::new(format!("`--{flag}` says two different things of column `{column}`"))
                .with_hint("give it once for each column"));
        }
    }
    Ok(of_columns)
}

/// Splits at the last `=`: neither kinds nor date formats have one, columns may.
pub fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((column, value)) if !column.is_empty() && !value.is_empty() => {
            Ok((column.to_owned(), value.to_owned()))
        }
        _ => Err("a column, `=` and a value are needed".to_owned()),
    }
}

fn parse_kind(text: &str) -> Result<(String, Kind), String> {
    let (column, word) = parse_pair(text)?;
    let kind = match word.as_str() {
        "numeric" => Kind::Numeric,
        "categorical" => Kind::Categorical,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "text" => Kind::Text,
        _ => {
            return Err(format!(
                "`{word}` is no kind; allowed are numeric, categorical, boolean, timestamp, text"
            ));
        }
    };
    Ok((column, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_says_one_thing_of_a_column() {
        let pairs = |said: &[(&str, &str)]| {
            said.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>()
        };
        let twice = once_each("rename", &pairs(&[("a", "b"), ("a", "c")])).unwrap_err().message;
        assert!(twice.contains("`--rename` says two different things of column `a`"), "{twice}");
        let same = once_each("rename", &pairs(&[("a", "b"), ("a", "b"), ("c", "d")])).unwrap();
        assert_eq!(same.len(), 2);
    }

    #[test]
    fn a_pair_is_cut_at_its_last_equals_sign() {
        assert_eq!(parse_kind("a=b=text"), Ok(("a=b".to_owned(), Kind::Text)));
        for wrong in ["a", "=text", "a=", "a=words"] {
            assert!(parse_kind(wrong).is_err(), "{wrong}");
        }
    }
}
