//! Values of a graph with what they mean: numbers, texts, truths, times.

use super::onnx::graph::{Attribute, Element, Graph, Value};
use tabgraft_feature::expr::Type;
use tabgraft_table::cell::truth_words;

/// Microseconds of a second.
const SECOND_US: f64 = 1e6;
/// A number in digits, as a regular expression.
const NUMBER: &str = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*";

/// One value for each row.
#[derive(Debug, Clone)]
pub(super) enum Typed {
    /// Numbers of 64 bits; not a number where missing.
    Number(Value),
    /// Texts; empty where missing.
    Text(Value),
    /// Where it is true and where it is false; neither where missing.
    Truth(Truth),
    /// Whole microseconds since 1970 as numbers of 64 bits; not a number where missing.
    Time(Value),
}

/// A three-valued truth.
#[derive(Debug, Clone)]
pub(super) struct Truth {
    pub yes: Value,
    pub no: Value,
}

impl Typed {
    pub fn kind(&self) -> Type {
        match self {
            Typed::Number(_) => Type::Number,
            Typed::Text(_) => Type::Text,
            Typed::Truth(_) => Type::Bool,
            Typed::Time(_) => Type::Time,
        }
    }

    /// Where it is missing: `[n_rows]`.
    pub fn is_missing(&self, graph: &mut Graph) -> Value {
        match self {
            Typed::Number(value) | Typed::Time(value) => graph.is_nan(value),
            Typed::Text(value) => {
                let empty = graph.text("");
                graph.equal(value, &empty)
            }
            Typed::Truth(Truth { yes, no }) => {
                let known = graph.or(yes, no);
                graph.not(&known)
            }
        }
    }
}

impl Graph {
    /// A number that is missing where it is infinite.
    pub fn finite(&mut self, number: &Value) -> Value {
        let infinite = self.node("IsInf", &[number], &[]);
        let missing = self.missing();
        self.choose(&infinite, &missing, number)
    }

    /// A number that is missing where a condition holds.
    pub fn missing_where(&mut self, condition: &Value, number: &Value) -> Value {
        let missing = self.missing();
        self.choose(condition, &missing, number)
    }

    /// Texts as numbers; what is none is missing.
    pub fn number_of_text(&mut self, text: &Value) -> Value {
        let nan = self.text("NaN");
        let is_number = self.node("RegexFullMatch", &[text], &[("pattern", Attribute::Text(NUMBER))]);
        let text = self.choose(&is_number, text, &nan);
        self.cast(&text, Element::Double)
    }

    /// Texts as truths, by the usual spellings in any case; what says neither is missing.
    pub fn truth_of_text(&mut self, text: &Value) -> Truth {
        let (keys, codes) = truth_keys();
        let code = self.encoded(text, &keys, &codes, 0);
        self.truth_of_codes(&code)
    }

    /// 1 is true, 2 is false.
    fn truth_of_codes(&mut self, code: &Value) -> Truth {
        let (one, two) = (self.ints(&[], &[1]), self.ints(&[], &[2]));
        Truth { yes: self.equal(code, &one), no: self.equal(code, &two) }
    }

    /// Numbers as truths: 1 and 0, anything else is missing.
    pub fn truth_of_number(&mut self, number: &Value) -> Truth {
        let (one, zero) = (self.double(1.0), self.double(0.0));
        Truth { yes: self.equal(number, &one), no: self.equal(number, &zero) }
    }

    /// Truths as the numbers 1 and 0.
    pub fn number_of_truth(&mut self, truth: &Truth) -> Value {
        let (one, zero, missing) = (self.double(1.0), self.double(0.0), self.missing());
        let otherwise = self.choose(&truth.no, &zero, &missing);
        self.choose(&truth.yes, &one, &otherwise)
    }

    /// Truths as the texts `true` and `false`.
    pub fn text_of_truth(&mut self, truth: &Truth) -> Value {
        let (yes, no, empty) = (self.text("true"), self.text("false"), self.text(""));
        let otherwise = self.choose(&truth.no, &no, &empty);
        self.choose(&truth.yes, &yes, &otherwise)
    }

    /// Seconds since 1970 as whole microseconds.
    pub fn micros(&mut self, seconds: &Value) -> Value {
        let scale = self.double(SECOND_US);
        let micros = self.mul(seconds, &scale);
        self.node("Round", &[&micros], &[])
    }

    /// Microseconds as seconds.
    pub fn seconds(&mut self, micros: &Value) -> Value {
        let scale = self.double(SECOND_US);
        self.div(micros, &scale)
    }
}

/// All spellings of yes, 1, and no, 2, with the case of each letter.
pub(super) fn truth_keys() -> (Vec<String>, Vec<i64>) {
    let (mut keys, mut codes) = (Vec::new(), Vec::new());
    for (word, truth) in truth_words() {
        for capitals in 0..1u32 << word.len() {
            let letter =
                |(i, c): (usize, char)| if capitals >> i & 1 == 1 { c.to_ascii_uppercase() } else { c };
            let spelling: String = word.chars().enumerate().map(letter).collect();
            // Digits have no case.
            if !keys.contains(&spelling) {
                keys.push(spelling);
                codes.push(if truth { 1 } else { 2 });
            }
        }
    }
    // Whole numbers as programs write them that have no other numbers.
    keys.extend(["1.0".to_owned(), "0.0".to_owned()]);
    codes.extend([1, 2]);
    (keys, codes)
}
