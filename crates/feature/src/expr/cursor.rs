//! Where a parser stands in its lexemes: what follows, what is taken, what was expected instead.

use sqlparser::tokenizer::Token;

use super::lex::Lexeme;
use super::place::{Span, error_at, shortened};
use super::tree::{Node, Op};
use super::{MAX_DEPTH, MAX_PARTS};
use crate::error::{Error, Result};

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) lexemes: Vec<Lexeme>,
    pub(super) next: usize,
    pub(super) depth: usize,
    pub(super) n_parts: usize,
    pub(super) nodes: Vec<Node>,
}

impl Parser<'_> {
    /// Runs `inner` one level deeper.
    pub(super) fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Result<usize>) -> Result<usize> {
        if self.depth == MAX_DEPTH {
            let message = format!("the formula nests deeper than {MAX_DEPTH} levels");
            return Err(error_at(self.text, &[self.lexemes[self.next].span], &message)
                .with_hint("split it into several features; a later one may use an earlier one"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    pub(super) fn push(&mut self, op: Op, args: Vec<usize>, span: Span) -> Result<usize> {
        self.count(span)?;
        self.nodes.push(Node { op, args, span });
        Ok(self.nodes.len() - 1)
    }

    pub(super) fn count(&mut self, span: Span) -> Result<()> {
        self.n_parts += 1;
        if self.n_parts > MAX_PARTS {
            let message = format!("the formula has more than {MAX_PARTS} parts");
            return Err(error_at(
                self.text,
                &[Span { start: span.end.saturating_sub(1), end: span.end }],
                &message,
            )
            .with_hint("split it into several features; a later one may use an earlier one"));
        }
        Ok(())
    }

    /// Whether the token before the next one is this one.
    pub(super) fn follows(&self, token: &Token) -> bool {
        self.next.checked_sub(1).is_some_and(|before| self.lexemes[before].token == *token)
    }

    pub(super) fn peek(&self) -> &Token {
        &self.lexemes[self.next].token
    }

    /// Steps over a token; the closing end stays.
    pub(super) fn advance(&mut self) {
        self.next = (self.next + 1).min(self.lexemes.len() - 1);
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
    }

    pub(super) fn skip_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<Span> {
        let span = self.lexemes[self.next].span;
        if self.skip_word(word) {
            Ok(span)
        } else {
            Err(self.unexpected(&format!("`{}`", word.to_uppercase())))
        }
    }

    pub(super) fn expect(&mut self, token: &Token, name: &str) -> Result<Span> {
        let span = self.lexemes[self.next].span;
        if self.peek() != token {
            return Err(self.unexpected(name));
        }
        self.advance();
        Ok(span)
    }

    /// The error of a token that cannot stand where it stands.
    pub(super) fn unexpected(&self, expected: &str) -> Error {
        let Lexeme { token, span } = &self.lexemes[self.next];
        let found = match token {
            Token::EOF => "the end".to_owned(),
            _ => {
                let token = self.text.chars().skip(span.start).take(span.end - span.start);
                format!("`{}`", shortened(token))
            }
        };
        let error = error_at(self.text, &[*span], &format!("expected {expected}, found {found}"));
        match token {
            Token::DoubleEq => error.with_hint("equality is written `=`"),
            Token::Caret => error.with_hint("write `power(x, y)`"),
            Token::Mul if self.follows(&Token::Mul) => error.with_hint("write `power(x, y)` for `x ** y`"),
            Token::DuckIntDiv => error.with_hint("write `floor(x / y)` for `x // y`"),
            Token::Div if self.follows(&Token::Div) => error.with_hint("write `floor(x / y)` for `x // y`"),
            Token::Ampersand | Token::Overlap => error.with_hint("write `x AND y`"),
            Token::Pipe => error.with_hint("write `x OR y`"),
            Token::Tilde | Token::ExclamationMark => error.with_hint("write `NOT x`"),
            Token::Question => error.with_hint("write `if(condition, x, y)`"),
            Token::Word(w) if w.value.eq_ignore_ascii_case("if") => {
                error.with_hint("write `if(condition, x, y)`")
            }
            Token::SemiColon => error.with_hint("a formula is one expression"),
            Token::DoubleColon => error.with_hint("write `CAST(x AS DOUBLE)`"),
            Token::Word(w) if w.value.eq_ignore_ascii_case("select") => {
                error.with_hint("a formula is one expression over the columns of a row, not a query")
            }
            Token::Word(w) if w.value.eq_ignore_ascii_case("ilike") => {
                error.with_hint("write `lower(x) LIKE 'pattern'`")
            }
            _ => error,
        }
    }
}
