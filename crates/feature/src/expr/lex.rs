//! A formula's text as tokens with places: sqlparser's tokenizer, without whitespace.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer, Whitespace};

use super::place::{Span, error_at};
use crate::error::Result;

/// One token and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) span: Span,
}

/// The tokens of `text`, closed by [`Token::EOF`].
///
/// Linear in the text. Comments are refused: in `a--1` the rest of the formula would vanish silently.
pub(super) fn lex(text: &str) -> Result<Vec<Lexeme>> {
    let mut line_starts = vec![0];
    let mut n_chars = 0;
    for c in text.chars() {
        n_chars += 1;
        if c == '\n' {
            line_starts.push(n_chars);
        }
    }
    let offset = |at: Location| {
        let line = usize::try_from(at.line).unwrap_or(1).max(1) - 1;
        let start = line_starts.get(line).copied().unwrap_or(n_chars);
        (start + usize::try_from(at.column).unwrap_or(1).max(1) - 1).min(n_chars)
    };

    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().map_err(|e| {
        let start = offset(e.location);
        let (message, hint) = match text.chars().nth(start) {
            Some('\'') => ("text that is not closed", "close it with `'`; write `''` for a quote inside"),
            Some('"' | '`') => ("a column name that is not closed", "close it with the quote that opens it"),
            _ => ("characters that no formula has", "quote column names with `\"`"),
        };
        error_at(text, &[Span { start, end: start + 1 }], &format!("found {message}")).with_hint(hint)
    })?;

    let mut lexemes = Vec::with_capacity(tokens.len() + 1);
    for token in tokens {
        let span = Span { start: offset(token.span.start), end: offset(token.span.end) };
        match token.token {
            Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
                return Err(error_at(text, &[span], "found a comment")
                    .with_hint("formulas have no comments; write `a - -1` with a space"));
            }
            Token::Whitespace(_) => {}
            token => lexemes.push(Lexeme { token, span }),
        }
    }
    lexemes.push(Lexeme { token: Token::EOF, span: Span { start: n_chars, end: n_chars } });
    Ok(lexemes)
}
