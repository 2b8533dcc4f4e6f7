//! The functions of the formula language: names, arguments, results.

use super::Type;

/// A function of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// First argument that is not missing.
    Coalesce,
    /// The first argument, missing where it equals the second.
    Nullif,
    /// Smallest argument; missing if one is.
    Least,
    /// Largest argument; missing if one is.
    Greatest,
    /// Natural logarithm, to base e; `log` is the same.
    Ln,
    /// Logarithm to base 10.
    Log10,
    /// e to the power of x.
    Exp,
    /// Square root.
    Sqrt,
    /// `power(x, y)`: x to the power of y; `pow` is the same.
    Power,
    /// Magnitude.
    Abs,
    /// -1, 0 or 1.
    Sign,
    /// Largest whole number not above x.
    Floor,
    /// Smallest whole number not below x.
    Ceil,
    /// Nearest whole number, halves away from zero; `round(x, n)` keeps n decimals.
    Round,
    /// Number of characters.
    Length,
    /// Number of words: runs of letters and digits.
    WordCount,
    /// Number of digits, 0 to 9.
    DigitCount,
    /// `has_word(text, word)`: whether one of the words is this one, in any case.
    HasWord,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// Without whitespace at both ends.
    Trim,
    /// `substr(text, start)` or `substr(text, start, length)`: characters from the start-th on, counted from 1, or
    /// from the end where start is negative; missing where start is 0 or length negative.
    Substr,
    /// Texts joined; missing if one is.
    Concat,
    /// `contains(text, part)`.
    Contains,
    /// `starts_with(text, part)`.
    StartsWith,
    /// `ends_with(text, part)`.
    EndsWith,
    /// Calendar year.
    Year,
    /// Month, 1 to 12.
    Month,
    /// Day of the month, 1 to 31.
    Day,
    /// Day of the week, 1 (Monday) to 7 (Sunday).
    Weekday,
    /// Hour, 0 to 23.
    Hour,
    /// `days_between(from, to)`: days from the first to the second, with fractions.
    DaysBetween,
}

/// What a function takes and gives.
#[derive(Debug, PartialEq)]
pub struct Signature {
    /// The name that formulas call it by.
    pub name: &'static str,
    /// What it does.
    pub function: Function,
    /// Types of the arguments; [`Type::Open`] where all arguments share one type.
    pub(super) takes: &'static [Type],
    /// How many of them must be there.
    pub(super) n_required: usize,
    /// Whether the last one may repeat.
    pub(super) variadic: bool,
    /// The result; [`Type::Open`] for the arguments' type.
    pub(super) gives: Type,
}

impl Signature {
    /// Whether `n` arguments fit.
    pub(super) fn allows(&self, n: usize) -> bool {
        n >= self.n_required && (self.variadic || n <= self.takes.len())
    }

    /// The number of arguments in words: "1 argument", "1 or 2 arguments", "at least 2 arguments".
    pub(super) fn arity(&self) -> String {
        let (least, most) = (self.n_required, self.takes.len());
        let plural = if most == 1 { "" } else { "s" };
        match self.variadic {
            true => format!("at least {least} arguments"),
            false if least == most => format!("{most} argument{plural}"),
            false => format!("{least} or {most} arguments"),
        }
    }
}

use Function::*;
use Type::{Bool, Number, Open, Text, Time};

/// Every function.
pub(super) const SIGNATURES: &[Signature] = &[
    with_rest("coalesce", Coalesce, &[Open, Open], Open),
    plain("nullif", Nullif, &[Open, Open], Open),
    with_rest("least", Least, &[Open, Open], Open),
    with_rest("greatest", Greatest, &[Open, Open], Open),
    plain("ln", Ln, &[Number], Number),
    plain("log", Ln, &[Number], Number),
    plain("log10", Log10, &[Number], Number),
    plain("exp", Exp, &[Number], Number),
    plain("sqrt", Sqrt, &[Number], Number),
    plain("power", Power, &[Number, Number], Number),
    plain("pow", Power, &[Number, Number], Number),
    plain("abs", Abs, &[Number], Number),
    plain("sign", Sign, &[Number], Number),
    plain("floor", Floor, &[Number], Number),
    plain("ceil", Ceil, &[Number], Number),
    Signature {
        name: "round",
        function: Round,
        takes: &[Number, Number],
        n_required: 1,
        variadic: false,
        gives: Number,
    },
    plain("length", Length, &[Text], Number),
    plain("word_count", WordCount, &[Text], Number),
    plain("digit_count", DigitCount, &[Text], Number),
    plain("has_word", HasWord, &[Text, Text], Bool),
    plain("lower", Lower, &[Text], Text),
    plain("upper", Upper, &[Text], Text),
    plain("trim", Trim, &[Text], Text),
    with_length("substr"),
    with_length("substring"),
    with_rest("concat", Concat, &[Text, Text], Text),
    plain("contains", Contains, &[Text, Text], Bool),
    plain("starts_with", StartsWith, &[Text, Text], Bool),
    plain("ends_with", EndsWith, &[Text, Text], Bool),
    plain("year", Year, &[Time], Number),
    plain("month", Month, &[Time], Number),
    plain("day", Day, &[Time], Number),
    plain("weekday", Weekday, &[Time], Number),
    plain("hour", Hour, &[Time], Number),
    plain("days_between", DaysBetween, &[Time, Time], Number),
];

/// Names that people try and that mean something over many rows.
const AGGREGATES: &[&str] = &["avg", "count", "max", "mean", "median", "min", "rank", "stddev", "sum"];

/// The signature of a name, in any case.
pub(super) fn signature(name: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|s| s.name.eq_ignore_ascii_case(name))
}

/// What to do about a name that is no function.
pub(super) fn hint_for_unknown(name: &str) -> String {
    let lower = name.to_lowercase();
    if AGGREGATES.contains(&lower.as_str()) {
        return "formulas see one row; for statistics over rows use a feature of kind `group`, for the \
                smallest or largest of several columns `least` or `greatest`"
            .to_owned();
    }
    let of_other_languages = match lower.as_str() {
        "log2" => Some("write `log(x) / log(2)`"),
        "log1p" => Some("write `log(1 + x)`"),
        "ifnull" | "fillna" | "nvl" => Some("write `coalesce(x, y)`"),
        "iff" | "iif" | "ifelse" | "where" => Some("write `if(condition, x, y)`"),
        "isnull" | "isna" => Some("write `x IS NULL`"),
        "len" => Some("write `length(x)`"),
        _ => None,
    };
    if let Some(hint) = of_other_languages {
        return hint.to_owned();
    }
    let near = crate::error::near_names(name, function_names());
    if near.is_empty() {
        let names: Vec<&str> = function_names().collect();
        return format!("the functions are {}", tabgraft_table::table::quoted(&names));
    }
    format!("did you mean {}?", tabgraft_table::table::quoted(&near))
}

/// `if(condition, x, y)` is another spelling of `CASE`, and so has no signature.
pub(super) const IF: &str = "if";

/// The names of all functions, for help texts.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    SIGNATURES.iter().map(|s| s.name).chain([IF])
}

const fn plain(name: &'static str, function: Function, takes: &'static [Type], gives: Type) -> Signature {
    Signature { name, function, takes, n_required: takes.len(), variadic: false, gives }
}

const fn with_length(name: &'static str) -> Signature {
    Signature {
        name,
        function: Substr,
        takes: &[Text, Number, Number],
        n_required: 2,
        variadic: false,
        gives: Text,
    }
}

const fn with_rest(name: &'static str, function: Function, takes: &'static [Type], gives: Type) -> Signature {
    Signature { name, function, takes, n_required: takes.len(), variadic: true, gives }
}
