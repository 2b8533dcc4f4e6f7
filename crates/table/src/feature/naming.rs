//! Names: of columns inside formulas, and of new columns after the ones they are made of.

use std::collections::BTreeSet;

use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::ALL_KEYWORDS;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::definition::Definition;

/// Longest stretch of a column's name inside a feature's name, in characters.
const MAX_NAME_CHARS: usize = 60;

/// Words of the formula language that are not columns unless quoted.
const GRAMMAR: &[&str] = &[
    "and", "as", "between", "case", "cast", "else", "end", "false", "in", "is", "like", "not", "null", "or",
    "then", "true", "when",
];

/// The columns that a definition reads, each once, in the order of their first use.
///
/// In a formula these are the quoted names, and the bare ones that are no word of the grammar, no
/// function and no type of a `CAST`. A formula that cannot be cut into tokens has none.
pub fn input_columns(definition: &Definition) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    match definition {
        Definition::Bins { column, .. } => names.push(column.clone()),
        Definition::Group { of, by, .. } => names.extend(of.iter().chain([by]).cloned()),
        Definition::Formula { formula } => {
            let tokens = Tokenizer::new(&GenericDialect {}, formula).tokenize().unwrap_or_default();
            let mut tokens = tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).peekable();
            let mut after_as = false;
            while let Some(token) = tokens.next() {
                let Token::Word(word) = token else { continue };
                let bare = word.quote_style.is_none();
                let is_call = tokens.peek() == Some(&Token::LParen);
                if bare && (is_call || after_as || GRAMMAR.contains(&word.value.to_lowercase().as_str())) {
                    after_as = word.value.eq_ignore_ascii_case("as");
                } else {
                    names.push(word.value);
                }
            }
        }
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// A column's name as it stands in a formula: bare if any SQL reader takes it so, else quoted.
pub(crate) fn in_formula(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !ALL_KEYWORDS.contains(&name.to_ascii_uppercase().as_str());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A column's name as part of a feature's name: letters, digits and single underscores.
pub(crate) fn as_word(name: &str) -> String {
    let spaced: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let word: String = spaced.split_whitespace().collect::<Vec<_>>().join("_");
    let word: String = word.chars().take(MAX_NAME_CHARS).collect();
    if word.is_empty() { "column".to_owned() } else { word }
}

/// The name itself, or with the first number from 2 on that makes it free.
pub(crate) fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|i| format!("{name}_{i}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|n| !taken.contains(n)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn formula(formula: String) -> Definition {
        Definition::Formula { formula }
    }

    proptest! {
        #[test]
        fn any_column_name_is_read_back_from_a_formula(a in "\\PC{1,12}", b in "\\PC{1,12}") {
            let text = format!("CASE WHEN {} IS NULL THEN ln({}) END", in_formula(&a), in_formula(&b));
            let expected = if a == b { vec![a] } else { vec![a, b] };
            prop_assert_eq!(input_columns(&formula(text)), expected);
        }
    }

    #[test]
    fn plain_names_stay_bare_and_words_of_sql_are_quoted() {
        let quoted = ["age", "order", "Case", "2nd", "a b", "a\"b", "größe", ""].map(in_formula);
        let expected =
            ["age", "\"order\"", "\"Case\"", "\"2nd\"", "\"a b\"", "\"a\"\"b\"", "\"größe\"", "\"\""];
        assert_eq!(quoted, expected);
    }

    #[test]
    fn functions_types_and_texts_are_no_columns() {
        let text = "concat(CAST(flag AS VARCHAR), 'not a column', \"year\") || lower(x)";
        assert_eq!(input_columns(&formula(text.into())), ["flag", "year", "x"]);
    }

    #[test]
    fn feature_names_are_words_and_free() {
        assert_eq!(as_word("  credit-amount (€) "), "credit_amount");
        assert_eq!(as_word("***"), "column");
        let taken = BTreeSet::from(["a".to_owned(), "a_2".to_owned()]);
        assert_eq!(free_name("a", &taken), "a_3");
    }
}
