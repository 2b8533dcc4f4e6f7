//! Names: of columns inside formulas, and of new columns after the ones they are made of.

use std::collections::BTreeSet;

use sqlparser::ast::Expr;
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::{
    ALL_KEYWORDS, ALL_KEYWORDS_INDEX, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_IDENTIFIER,
    RESERVED_FOR_TABLE_ALIAS,
};
use sqlparser::parser::Parser;

use crate::expr::{Formula, quoted_column};

/// Longest stretch of a column's name inside a feature's name, in characters.
const MAX_NAME_CHARS: usize = 60;

/// A column's name as it stands in a formula: bare if any SQL reader takes it so, else quoted.
pub fn in_formula(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !is_reserved(name);
    if plain { name.to_owned() } else { quoted_column(name) }
}

/// Whether some reader of SQL needs quotes to take the word for a column.
fn is_reserved(word: &str) -> bool {
    let lists = [RESERVED_FOR_IDENTIFIER, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS];
    let keyword = ALL_KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str());
    let is_listed = keyword.is_ok_and(|i| lists.iter().any(|list| list.contains(&ALL_KEYWORDS_INDEX[i])));
    // Words such as `all` or `distinct` mean more than themselves in some places only.
    let parse = |text: &str| Parser::new(&GenericDialect {}).try_with_sql(text)?.parse_expr();
    let ratio = format!("{word} / {word}");
    let is_operand = Formula::parse(&ratio).is_ok()
        && match parse(&ratio) {
            Ok(Expr::BinaryOp { left, right, .. }) => {
                matches!((*left, *right), (Expr::Identifier(_), Expr::Identifier(_)))
            }
            _ => false,
        };
    let call = format!("f({word}, 1)");
    is_listed || !is_operand || parse(&call).map_or(true, |expr| expr.to_string() != call)
}

/// A column's name as part of a feature's name: letters, digits and single underscores.
pub fn as_word(name: &str) -> String {
    let spaced: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let word: String = spaced.split_whitespace().collect::<Vec<_>>().join("_");
    let word: String = word.chars().take(MAX_NAME_CHARS).collect();
    if word.is_empty() { "column".to_owned() } else { word }
}

/// The name itself, or with the first number from 2 on that makes it free.
pub fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|i| format!("{name}_{i}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|n| !taken.contains(n)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_column_name_is_read_back_from_a_formula(a in "\\PC{1,12}", b in "\\PC{1,12}") {
            let text = format!("CASE WHEN {} IS NULL THEN ln({}) END", in_formula(&a), in_formula(&b));
            let expected = if a == b { vec![a] } else { vec![a, b] };
            prop_assert_eq!(Formula::parse(&text).unwrap().inputs(), expected);
        }
    }

    #[test]
    fn plain_names_stay_bare_and_words_of_sql_are_quoted() {
        let quoted = ["age", "order", "CASE", "2nd", "a b", "a\"b", "größe", ""].map(in_formula);
        let expected =
            ["age", "\"order\"", "\"CASE\"", "\"2nd\"", "\"a b\"", "\"a\"\"b\"", "\"größe\"", "\"\""];
        assert_eq!(quoted, expected);
    }

    #[test]
    fn feature_names_are_words_and_free() {
        assert_eq!(as_word("  credit-amount (€) "), "credit_amount");
        assert_eq!(as_word("***"), "column");
        let taken = BTreeSet::from(["a".to_owned(), "a_2".to_owned()]);
        assert_eq!(free_name("a", &taken), "a_3");
    }
}
