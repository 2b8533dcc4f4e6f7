//! A parsed formula: operations in a list, arguments before their users.

use std::cmp::Ordering;

use super::cast::Target;
use super::function::Signature;
use super::number::Number;
use super::place::Span;

/// A sign between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A comparison of two values of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
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
pub(super) enum Members {
    Numbers(Vec<Number>),
    Texts(Vec<String>),
    Bools(Vec<bool>),
    Times(Vec<i64>),
}

/// What a node does with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    Column(String),
    /// Index of a column and its reading; never parsed, the type check makes it of a column.
    Input(usize),
    Number(Number),
    Text(String),
    Bool(bool),
    /// Microseconds since 1970; never parsed, the type check makes it of a text literal.
    Time(i64),
    Missing,
    Negate,
    Not,
    And,
    Or,
    Arithmetic(Arithmetic),
    Compare(Comparison),
    /// value, low, high
    Between {
        negated: bool,
    },
    In {
        members: Members,
        negated: bool,
    },
    IsMissing {
        negated: bool,
    },
    Like {
        pattern: String,
        negated: bool,
    },
    /// operand if any; condition and result, repeated; the `ELSE` result if any
    Case {
        has_operand: bool,
        has_else: bool,
    },
    Cast(Target),
    Call(&'static Signature),
}

/// One part of a formula: an operation, its arguments (indices of earlier nodes), its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) op: Op,
    pub(super) args: Vec<usize>,
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
