//! A parsed formula: operations in a list, arguments before their users.

use std::cmp::Ordering;

use super::cast::Target;
use super::function::Signature;
use super::number::Number;
use super::place::Span;

/// A sign between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; missing where the divisor is 0.
    Divide,
    /// `%`, of the dividend's sign; missing where the divisor is 0.
    Remainder,
}

/// A comparison of two values of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::Unequal => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// The literals of an `IN` list, all of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Members {
    /// Numbers.
    Numbers(Vec<Number>),
    /// Texts.
    Texts(Vec<String>),
    /// Booleans.
    Bools(Vec<bool>),
    /// Microseconds since 1970.
    Times(Vec<i64>),
}

/// What a node does with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A column; a typed formula has none, but [`Op::Input`].
    Column(String),
    /// Index of a column and its reading; never parsed, the type check makes it of a column.
    Input(usize),
    /// A literal.
    Number(Number),
    /// A literal.
    Text(String),
    /// A literal.
    Bool(bool),
    /// Microseconds since 1970; never parsed, the type check makes it of a text literal.
    Time(i64),
    /// `NULL`.
    Missing,
    /// A minus in front.
    Negate,
    /// `NOT`.
    Not,
    /// `AND`, three-valued.
    And,
    /// `OR`, three-valued.
    Or,
    /// A sign between two numbers.
    Arithmetic(Arithmetic),
    /// Of two values.
    Compare(Comparison),
    /// Of value, low, high; both ends belong to it.
    Between {
        /// Whether `NOT` stands before it.
        negated: bool,
    },
    /// Of a value and literals.
    In {
        /// The literals.
        members: Members,
        /// Whether `NOT` stands before it.
        negated: bool,
    },
    /// `IS NULL`.
    IsMissing {
        /// Whether it is `IS NOT NULL`.
        negated: bool,
    },
    /// `%` stands for any characters, `_` for one.
    Like {
        /// The pattern.
        pattern: String,
        /// Whether `NOT` stands before it.
        negated: bool,
    },
    /// Of the operand, if any; condition and result, repeated; the `ELSE` result, if any.
    Case {
        /// Whether the first argument is compared with the conditions.
        has_operand: bool,
        /// Whether the last argument is the `ELSE` result.
        has_else: bool,
    },
    /// `CAST`.
    Cast(Target),
    /// A function.
    Call(&'static Signature),
}

/// One part of a formula: an operation, its arguments (indices of earlier nodes), its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// Its arguments: indices of earlier nodes.
    pub args: Vec<usize>,
    pub(super) span: Span,
}

/// A formula as a list in which arguments stand before their user; the last node is the whole.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    /// The names of the column nodes, repeated as they stand.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|n| match &n.op {
            Op::Column(name) => Some(name.as_str()),
            _ => None,
        })
    }
}
