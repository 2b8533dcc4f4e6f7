//! Tokens to a tree: precedence climbing over the allowed grammar, with limits on size and nesting.

use sqlparser::tokenizer::{Token, Word};
use tabgraft_table::table::quoted;

use super::MAX_PATTERN_CHARS;
use super::cast::Target;
use super::cursor::Parser;
use super::function;
use super::lex::{Lexeme, lex};
use super::number::Number;
use super::place::{Span, error_at, shortened};
use super::tree::{Arithmetic, Comparison, Members, Op, Tree};
use crate::error::{Result, near_names};

/// Words that are part of the grammar; a column of such a name must be quoted.
const RESERVED: &[&str] = &[
    "and", "as", "between", "case", "cast", "else", "end", "false", "in", "is", "like", "not", "null", "or",
    "then", "true", "when",
];

/// Binding powers, weakest first.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const ADD: u8 = 5;
const MULTIPLY: u8 = 6;
const SIGN: u8 = 7;

/// Parses one whole expression.
pub(super) fn parse(text: &str) -> Result<Tree> {
    let mut parser = Parser { text, lexemes: lex(text)?, next: 0, depth: 0, n_parts: 0, nodes: Vec::new() };
    parser.expression(0)?;
    match parser.peek() {
        Token::EOF => Ok(Tree { nodes: parser.nodes }),
        _ => Err(parser.unexpected("an operator or the end of the formula")),
    }
}

impl Parser<'_> {
    /// An expression whose operators all bind at least as strongly as `least`; gives its node.
    fn expression(&mut self, least: u8) -> Result<usize> {
        let mut left = self.prefix()?;
        loop {
            let (power, op) = match self.infix() {
                Some((power, op)) if power >= least => (power, op),
                _ => return Ok(left),
            };
            left = match op {
                Infix::Binary(op) => {
                    self.advance();
                    let right = self.expression(power + 1)?;
                    self.binary(op, left, right)?
                }
                Infix::Postfix => self.predicate(left)?,
            };
        }
    }

    fn prefix(&mut self) -> Result<usize> {
        let Lexeme { token, span } = self.lexemes[self.next].clone();
        match token {
            Token::Word(word) if word.quote_style.is_some() => {
                self.advance();
                self.push(Op::Column(word.value), vec![], span)
            }
            Token::Word(word) => self.word(&word, span),
            Token::Number(digits, _) => {
                let number = self.number(&digits, span)?;
                self.advance();
                self.push(Op::Number(number), vec![], span)
            }
            Token::SingleQuotedString(value) => {
                self.advance();
                self.push(Op::Text(value), vec![], span)
            }
            Token::Minus => {
                self.advance();
                let operand = self.nested(|p| p.expression(SIGN))?;
                let span = span.to(self.nodes[operand].span);
                if let Op::Number(number) = &mut self.nodes[operand].op {
                    *number = number.negated();
                    self.nodes[operand].span = span;
                    return Ok(operand);
                }
                self.push(Op::Negate, vec![operand], span)
            }
            Token::LParen => {
                self.advance();
                let inner = self.nested(|p| p.expression(0))?;
                let end = self.expect(&Token::RParen, "`)`")?;
                self.nodes[inner].span = span.to(end);
                Ok(inner)
            }
            _ => Err(self.unexpected("a column, a value or `(`")),
        }
    }

    fn word(&mut self, word: &Word, span: Span) -> Result<usize> {
        let lower = word.value.to_ascii_lowercase();
        match lower.as_str() {
            "case" => return self.nested(|p| p.case(span)),
            "cast" => return self.nested(|p| p.cast(span)),
            "not" => {
                self.advance();
                let operand = self.nested(|p| p.expression(NOT))?;
                let span = span.to(self.nodes[operand].span);
                return self.push(Op::Not, vec![operand], span);
            }
            "true" | "false" | "null" => {
                self.advance();
                let op = if lower == "null" { Op::Missing } else { Op::Bool(lower == "true") };
                return self.push(op, vec![], span);
            }
            _ => {}
        }
        if RESERVED.contains(&lower.as_str()) {
            return Err(self
                .unexpected("a column, a value or `(`")
                .with_hint(format!("a column of this name is written `\"{}\"`", word.value)));
        }
        self.advance();
        match self.peek() {
            Token::LParen => self.nested(|p| p.call(&word.value, span)),
            Token::Period => Err(error_at(
                self.text,
                &[span.to(self.lexemes[self.next].span)],
                "found a name with a dot outside quotes",
            )
            .with_hint("columns have no table in front; a name that contains a dot is written in `\"`")),
            _ => self.push(Op::Column(word.value.clone()), vec![], span),
        }
    }

    fn call(&mut self, name: &str, span: Span) -> Result<usize> {
        let signature = function::signature(name);
        let is_if = name.eq_ignore_ascii_case(function::IF);
        if signature.is_none() && !is_if {
            let message = format!("there is no function `{}`", shortened(name.chars()));
            return Err(error_at(self.text, &[span], &message).with_hint(function::hint_for_unknown(name)));
        }
        self.expect(&Token::LParen, "`(`")?;
        let mut args = Vec::new();
        if *self.peek() != Token::RParen {
            args.push(self.expression(0)?);
            while *self.peek() == Token::Comma {
                self.advance();
                args.push(self.expression(0)?);
            }
        }
        let span = span.to(self.expect(&Token::RParen, "`,` or `)`")?);
        let Some(signature) = signature else {
            if args.len() != 3 {
                let message = format!("`if` takes 3 arguments, {} found", args.len());
                return Err(error_at(self.text, &[span], &message)
                    .with_hint("write `if(condition, x, y)`, with `NULL` where there is no value"));
            }
            return self.push(Op::Case { has_operand: false, has_else: true }, args, span);
        };
        if !signature.allows(args.len()) {
            let message = format!("`{}` takes {}, {} found", signature.name, signature.arity(), args.len());
            let error = error_at(self.text, &[span], &message);
            return Err(match (signature.name, args.len()) {
                ("log", 2) => {
                    error.with_hint("`log(x)` is natural; to another base write `log(x) / log(base)`")
                }
                _ => error,
            });
        }
        self.push(Op::Call(signature), args, span)
    }

    fn case(&mut self, span: Span) -> Result<usize> {
        self.advance();
        let has_operand = !self.at_word("when");
        let mut args = if has_operand { vec![self.expression(0)?] } else { vec![] };
        if !self.at_word("when") {
            return Err(self.unexpected("`WHEN`"));
        }
        while self.at_word("when") {
            self.advance();
            args.push(self.expression(0)?);
            self.expect_word("then")?;
            args.push(self.expression(0)?);
        }
        let has_else = self.at_word("else");
        if has_else {
            self.advance();
            args.push(self.expression(0)?);
        }
        let end = self.expect_word("end")?;
        self.push(Op::Case { has_operand, has_else }, args, span.to(end))
    }

    fn cast(&mut self, span: Span) -> Result<usize> {
        self.advance();
        self.expect(&Token::LParen, "`(` after `CAST`")?;
        let operand = self.expression(0)?;
        self.expect_word("as")?;
        let token = self.peek().clone();
        let target = match &token {
            Token::Word(word) if word.quote_style.is_none() => Target::of_name(&word.value),
            _ => None,
        };
        let Some(target) = target else {
            let mut error = self.unexpected(&format!("one of the types {}", quoted(Target::NAMES)));
            if let Token::Word(word) = &token
                && let near = near_names(&word.value, Target::NAMES.iter().copied())
                && !near.is_empty()
            {
                error = error.with_hint(format!("did you mean {}?", quoted(&near)));
            }
            return Err(error);
        };
        self.advance();
        let end = self.expect(&Token::RParen, "`)`")?;
        self.push(Op::Cast(target), vec![operand], span.to(end))
    }

    /// The operator that stands next, with its binding power; nothing is consumed.
    fn infix(&self) -> Option<(u8, Infix)> {
        use Arithmetic::*;
        use Comparison::*;
        let found = match self.peek() {
            Token::Plus => (ADD, Infix::Binary(Op::Arithmetic(Add))),
            Token::Minus => (ADD, Infix::Binary(Op::Arithmetic(Subtract))),
            Token::StringConcat => (ADD, Infix::Binary(Op::Call(function::signature("concat")?))),
            Token::Mul => (MULTIPLY, Infix::Binary(Op::Arithmetic(Multiply))),
            Token::Div => (MULTIPLY, Infix::Binary(Op::Arithmetic(Divide))),
            Token::Mod => (MULTIPLY, Infix::Binary(Op::Arithmetic(Remainder))),
            Token::Eq => (COMPARE, Infix::Binary(Op::Compare(Equal))),
            Token::Neq => (COMPARE, Infix::Binary(Op::Compare(Unequal))),
            Token::Lt => (COMPARE, Infix::Binary(Op::Compare(Less))),
            Token::LtEq => (COMPARE, Infix::Binary(Op::Compare(LessOrEqual))),
            Token::Gt => (COMPARE, Infix::Binary(Op::Compare(Greater))),
            Token::GtEq => (COMPARE, Infix::Binary(Op::Compare(GreaterOrEqual))),
            _ if self.at_word("and") => (AND, Infix::Binary(Op::And)),
            _ if self.at_word("or") => (OR, Infix::Binary(Op::Or)),
            _ if ["is", "in", "between", "like", "not"].iter().any(|w| self.at_word(w)) => {
                (COMPARE, Infix::Postfix)
            }
            _ => return None,
        };
        Some(found)
    }

    fn binary(&mut self, op: Op, left: usize, right: usize) -> Result<usize> {
        let span = self.nodes[left].span.to(self.nodes[right].span);
        self.push(op, vec![left, right], span)
    }

    /// `IS [NOT] NULL`, `[NOT] IN (...)`, `[NOT] BETWEEN low AND high`, `[NOT] LIKE 'pattern'`.
    fn predicate(&mut self, value: usize) -> Result<usize> {
        let start = self.nodes[value].span;
        if self.at_word("is") {
            self.advance();
            let negated = self.skip_word("not");
            let end = self.expect_word("null")?;
            return self.push(Op::IsMissing { negated }, vec![value], start.to(end));
        }
        let negated = self.skip_word("not");
        if self.skip_word("between") {
            let low = self.expression(ADD)?;
            self.expect_word("and")?;
            let high = self.expression(ADD)?;
            let span = start.to(self.nodes[high].span);
            return self.push(Op::Between { negated }, vec![value, low, high], span);
        }
        if self.skip_word("like") {
            let Lexeme { token: Token::SingleQuotedString(pattern), span } = self.lexemes[self.next].clone()
            else {
                return Err(self.unexpected("a pattern in `'`"));
            };
            let n_chars = pattern.chars().count();
            if n_chars > MAX_PATTERN_CHARS {
                let message =
                    format!("the pattern has {n_chars} characters, at most {MAX_PATTERN_CHARS} are allowed");
                return Err(error_at(self.text, &[span], &message).with_hint("ask for parts with `contains`"));
            }
            self.advance();
            return self.push(Op::Like { pattern, negated }, vec![value], start.to(span));
        }
        if self.skip_word("in") {
            self.expect(&Token::LParen, "`(`")?;
            let members = self.members()?;
            let end = self.expect(&Token::RParen, "`,` or `)`")?;
            return self.push(Op::In { members, negated }, vec![value], start.to(end));
        }
        Err(self.unexpected("`IN`, `BETWEEN` or `LIKE`"))
    }

    fn members(&mut self) -> Result<Members> {
        let mut members: Option<Members> = None;
        loop {
            let first = self.lexemes[self.next].span;
            let negative = *self.peek() == Token::Minus;
            if negative {
                self.advance();
            }
            let Lexeme { token, span } = self.lexemes[self.next].clone();
            let one = match token {
                Token::Number(digits, _) => {
                    let number = self.number(&digits, span)?;
                    Members::Numbers(vec![if negative { number.negated() } else { number }])
                }
                Token::SingleQuotedString(value) if !negative => Members::Texts(vec![value]),
                Token::Word(_) if !negative && (self.at_word("true") || self.at_word("false")) => {
                    Members::Bools(vec![self.at_word("true")])
                }
                Token::Word(_) if self.at_word("null") => {
                    return Err(self
                        .unexpected("a value")
                        .with_hint("nothing equals NULL; ask for missing values with `IS NULL`"));
                }
                _ => return Err(self.unexpected("a number, a text in `'`, `TRUE` or `FALSE`")),
            };
            self.count(first)?;
            self.advance();
            match (&mut members, one) {
                (None, one) => members = Some(one),
                (Some(Members::Numbers(all)), Members::Numbers(one)) => all.extend(one),
                (Some(Members::Texts(all)), Members::Texts(one)) => all.extend(one),
                (Some(Members::Bools(all)), Members::Bools(one)) => all.extend(one),
                _ => {
                    let message = "a list of `IN` mixes types: found another one";
                    return Err(error_at(self.text, &[first.to(span)], message)
                        .with_hint("write numbers bare and texts in `'`"));
                }
            }
            match (self.peek(), members) {
                (Token::Comma, all) => {
                    members = all;
                    self.advance();
                }
                (_, Some(all)) => return Ok(all),
                (_, None) => return Err(self.unexpected("a value")),
            }
        }
    }

    fn number(&self, digits: &str, span: Span) -> Result<Number> {
        let number = Number::of_text(digits);
        if number.is_missing() {
            let message = format!("found the number `{}`, which is out of range", shortened(digits.chars()));
            return Err(error_at(self.text, &[span], &message));
        }
        Ok(number)
    }
}

enum Infix {
    Binary(Op),
    Postfix,
}
