//! The formula language: one scalar SQL expression per feature, typed, bounded, without side effects.
//!
//! ```text
//! text -> lex (sqlparser's tokenizer) -> parse -> Tree -> check (columns' types) -> Program -> evaluate
//! ```
//!
//! **What it knows.** Columns (bare, `"quoted"` or `` `backticked` ``; case matters), numbers, `'text'`,
//! `TRUE`, `FALSE`, `NULL`; `+ - * / %`, `||`, `= <> < <= > >=`, `AND OR NOT`, `BETWEEN`, `IN` with a list
//! of literals, `IS [NOT] NULL`, `LIKE` with a literal pattern, both forms of `CASE`, `if(condition, x, y)`,
//! `CAST(x AS DOUBLE | BIGINT | VARCHAR | BOOLEAN | TIMESTAMP)`, and the functions of [`function`].
//! Anything else does not parse: there is nothing volatile, no aggregate and no subquery to switch off.
//!
//! **Types.** Number, text, boolean, time. A text column, which is all that a CSV file has, is *open*:
//! the place where it stands decides how it is read, never its values, so that a row's result cannot
//! depend on other rows. Arithmetic, number functions and comparison with a number read numbers;
//! text functions, `LIKE` and comparison with text read text; `AND`, `OR`, `NOT` and comparison with
//! `TRUE` read booleans; date functions read times. Two open sides of `=` or `<>` compare as text, of
//! `<` and its like as numbers. A cell that cannot be read so is an error that names column, row and
//! value; an explicit `CAST` makes such a cell missing instead.
//!
//! True and false are 1 and 0: a boolean column may stand where a number is needed, and a column of the
//! numbers 0 and 1 where a boolean is, as the space takes both for booleans.
//!
//! **Whole numbers.** Those from -2^63 to 2^64 - 1 compare, add, subtract, multiply and leave remainders exactly where
//! both sides are whole; what overflows becomes a number of 64 bits, IEEE 754, as all others are: see `number`.
//!
//! **Missing.** Arithmetic, comparison and functions with a missing argument are missing, and so are
//! `x / 0`, `x % 0`, `ln` and `sqrt` outside their domain, and every result that is not finite. `AND` and
//! `OR` are three-valued; `CASE` takes a missing condition for false; `coalesce` skips missing values.
//!
//! **Limits.** 16 KiB of text, 512 parts, nesting of 32, 256 characters in a pattern of `LIKE`, checked while
//! reading, so that a formula beyond them costs no more than one at them; functions make texts of at
//! most 64 KiB and columns of at most 1 GiB of text. The parser is ours, on
//! sqlparser's tokens, because sqlparser's own doubles its work with each level of an unclosed `floor(`:
//! 200 bytes would take hours. A tree is a list with arguments before their users: nothing recurses over it.

mod cast;
mod check;
mod column;
mod cursor;
mod evaluate;
pub mod function;
mod lex;
mod number;
mod parse;
mod place;
mod reading;
mod text;
mod time;
mod tree;

use arrow::array::ArrayRef;

use crate::error::{Error, Result};
use tabgraft_table::table::Table;

pub use cast::Target;
pub(crate) use cast::to_texts;
pub use check::{Program, case_parts};
pub use column::{is_text, timestamps_us};
pub use function::{Function, Signature};
pub use number::Number;
pub use reading::Readings;
pub(crate) use reading::Values;
pub use time::{day_text, part as time_part};
pub use tree::{Arithmetic, Comparison, Members, Node, Op};

/// Longest formula, in bytes of UTF-8.
pub const MAX_FORMULA_BYTES: usize = 16 * 1024;
/// Most parts (columns, literals, operators, calls) of a formula.
pub const MAX_PARTS: usize = 512;
/// Longest pattern of `LIKE`, in characters: its work is at most that times the length of a text.
pub const MAX_PATTERN_CHARS: usize = 256;
/// Deepest nesting of parentheses, calls, `CASE`, `NOT` and signs.
pub const MAX_DEPTH: usize = 32;

/// What an expression yields, or what a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// A finite 64-bit number.
    Number,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A moment in microseconds since 1970-01-01 UTC.
    Time,
    /// A text cell whose place has not yet said how to read it.
    Open,
    /// `NULL`, or a column without any value: fits everywhere.
    Missing,
}

impl Type {
    /// The type's name in messages.
    pub fn word(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Text => "text",
            Type::Bool => "a boolean",
            Type::Time => "a time",
            Type::Open => "a text column",
            Type::Missing => "NULL",
        }
    }
}

/// A formula that has been parsed but not yet met a table.
#[derive(Debug, Clone)]
pub struct Formula {
    text: String,
    tree: tree::Tree,
}

impl Formula {
    /// Parses one expression.
    ///
    /// # Errors
    /// A formula error with the place, what was found and what may stand there.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_FORMULA_BYTES {
            return Err(Error::formula(format!(
                "the formula has {} bytes, at most {MAX_FORMULA_BYTES} are allowed",
                text.len()
            ))
            .with_hint("split it into several features; a later one may use an earlier one"));
        }
        Ok(Formula { text: text.to_owned(), tree: parse::parse(text)? })
    }

    /// The formula as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The columns that it reads, each once, in the order of their first use.
    pub fn inputs(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.tree.columns() {
            if !names.iter().any(|n| n == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The formula with the types that it has over the columns of a table, which may have no row: for those who
    /// write it in another language.
    ///
    /// # Errors
    /// A schema error for absent columns, a formula error for types that do not fit.
    pub fn typed(&self, table: &Table) -> Result<Program> {
        self.typed_over(&Readings::new(table.clone()))
    }

    /// As [`Formula::typed`], of a table that grows by features.
    pub(crate) fn typed_over(&self, readings: &Readings) -> Result<Program> {
        check::check(&self.text, &self.tree, readings)
    }

    /// The value of every row: `Float64`, `Utf8`, `Boolean` or, for a time, `Timestamp` in microseconds.
    ///
    /// # Errors
    /// A schema error for absent columns, a formula error for types that do not fit, a value error
    /// for a cell that cannot be read as its place needs it.
    pub fn evaluate(&self, table: &Table) -> Result<ArrayRef> {
        self.evaluate_on(&mut Readings::new(table.clone()))
    }

    /// As [`Formula::evaluate`], of a table some of whose columns may have been read already.
    ///
    /// # Errors
    /// As [`Formula::evaluate`].
    pub fn evaluate_on(&self, readings: &mut Readings) -> Result<ArrayRef> {
        let program = check::check(&self.text, &self.tree, readings)?;
        let columns = program
            .columns
            .iter()
            .map(|(name, reading)| readings.read(name, *reading))
            .collect::<Result<Vec<_>>>()?;
        evaluate::evaluate(&program, &columns, readings.n_rows())
    }
}

/// A column's name as a formula may write it, whatever characters it has.
///
/// ```
/// assert_eq!(tabgraft_feature::quoted_column("the \"best\" case"), "\"the \"\"best\"\" case\"");
/// ```
pub fn quoted_column(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
