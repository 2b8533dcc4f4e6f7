//! Types: a tree and a table's columns to a program in which every column knows how it is read.
//!
//! Nodes are typed in order, arguments before users. A node that is still open (a text column, `NULL`,
//! or a `CASE`, `coalesce` or `nullif` of such) takes the type that its user needs.

use super::function::Function;
use super::place::{Span, error_at, pointed, shortened};
use super::reading::Readings;
use super::tree::{Comparison, Members, Node, Op, Tree};
use super::{Type, time};
use crate::error::{Error, Result};
use tabgraft_table::cell::parse_truth;

/// A typed formula, ready to run on any rows of the table that it was checked against.
#[derive(Debug)]
pub struct Program {
    /// Arguments before their users; the last one is the result. No [`Op::Column`] is left, and each is the
    /// argument of one other.
    pub nodes: Vec<Node>,
    /// The type of each node; never [`Type::Open`] or [`Type::Missing`].
    pub types: Vec<Type>,
    /// What [`Op::Input`] points to: columns and how they are read.
    pub columns: Vec<(String, Type)>,
}

/// Types `tree` against the columns of the table.
///
/// # Errors
/// A schema error that names all absent columns; a formula error at the first type that does not fit.
pub(super) fn check(text: &str, tree: &Tree, readings: &Readings) -> Result<Program> {
    refuse_absent(text, tree, readings)?;
    let mut checker =
        Checker { text, nodes: tree.nodes.clone(), types: Vec::with_capacity(tree.nodes.len()) };
    for i in 0..checker.nodes.len() {
        let given = match &checker.nodes[i].op {
            Op::Column(name) => readings.type_of(name)?,
            _ => checker.result_of(i)?,
        };
        checker.types.push(given);
    }
    checker.settle(checker.nodes.len() - 1)?;

    let Checker { mut nodes, types, .. } = checker;
    let mut columns: Vec<(String, Type)> = Vec::new();
    for (node, reading) in nodes.iter_mut().zip(&types) {
        if let Op::Column(name) = &node.op {
            let key = (name.clone(), *reading);
            let known = columns.iter().position(|c| *c == key);
            node.op = Op::Input(known.unwrap_or(columns.len()));
            if known.is_none() {
                columns.push(key);
            }
        }
    }
    Ok(Program { nodes, types, columns })
}

fn refuse_absent(text: &str, tree: &Tree, readings: &Readings) -> Result<()> {
    let (mut names, mut spans) = (Vec::<&str>::new(), Vec::<Span>::new());
    for node in &tree.nodes {
        if let Op::Column(name) = &node.op
            && !readings.has_column(name)
        {
            spans.push(node.span);
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    let (message, hint) = readings.absence(&names);
    Err(Error::schema(pointed(text, &spans, &message)).with_hint(hint))
}

struct Checker<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    types: Vec<Type>,
}

impl Checker<'_> {
    /// The type of a node that is no column; its arguments get the types that it needs.
    fn result_of(&mut self, i: usize) -> Result<Type> {
        let Node { op, args, .. } = self.nodes[i].clone();
        match op {
            Op::Column(_) | Op::Input(_) | Op::Missing => Ok(Type::Missing),
            Op::Number(_) => Ok(Type::Number),
            Op::Text(_) => Ok(Type::Text),
            Op::Bool(_) => Ok(Type::Bool),
            Op::Time(_) => Ok(Type::Time),
            Op::Negate => self.need_all(&args, Type::Number, "`-`").map(|()| Type::Number),
            Op::Arithmetic(_) => self.need_all(&args, Type::Number, "arithmetic").map(|()| Type::Number),
            Op::Not => self.need_all(&args, Type::Bool, "`NOT`").map(|()| Type::Bool),
            Op::And => self.need_all(&args, Type::Bool, "`AND`").map(|()| Type::Bool),
            Op::Or => self.need_all(&args, Type::Bool, "`OR`").map(|()| Type::Bool),
            Op::Like { .. } => self.need_all(&args, Type::Text, "`LIKE`").map(|()| Type::Bool),
            Op::Compare(comparison) => {
                let as_written = matches!(comparison, Comparison::Equal | Comparison::Unequal);
                let open = if as_written { Type::Text } else { Type::Number };
                self.unify(&args, Some(open), "a comparison")?;
                Ok(Type::Bool)
            }
            Op::Between { .. } => {
                self.unify(&args, Some(Type::Number), "`BETWEEN`")?;
                Ok(Type::Bool)
            }
            Op::In { members, negated } => {
                self.nodes[i].op = Op::In { members: self.fit_members(args[0], members)?, negated };
                Ok(Type::Bool)
            }
            Op::IsMissing { .. } => self.settle(args[0]).map(|()| Type::Bool),
            Op::Case { has_operand, has_else } => {
                let (conditions, results) = case_parts(&args, has_operand, has_else);
                if has_operand {
                    let compared: Vec<usize> = [args[0]].into_iter().chain(conditions).collect();
                    self.unify(&compared, Some(Type::Text), "`CASE`")?;
                } else {
                    self.need_all(&conditions, Type::Bool, "`WHEN`")?;
                }
                self.unify(&results, None, "`CASE`")
            }
            Op::Cast(target) => {
                self.settle(args[0])?;
                let from = self.types[args[0]];
                if target.accepts(from) {
                    return Ok(target.gives());
                }
                let message = format!("`CAST` cannot make {} of {}", target.gives().word(), from.word());
                Err(self.error(&args[..1], &message, hint(from, target.gives())))
            }
            Op::Call(signature) => {
                let user = format!("`{}`", signature.name);
                match signature.function {
                    Function::Coalesce | Function::Nullif => self.unify(&args, None, &user),
                    Function::Least | Function::Greatest => self.unify(&args, Some(Type::Number), &user),
                    _ => {
                        for (k, arg) in args.iter().enumerate() {
                            let wanted = signature.takes[k.min(signature.takes.len() - 1)];
                            self.need_all(&[*arg], wanted, &user)?;
                        }
                        Ok(signature.gives)
                    }
                }
            }
        }
    }

    /// Gives every node the type `wanted`, or says what `user` found instead.
    fn need_all(&mut self, nodes: &[usize], wanted: Type, user: &str) -> Result<()> {
        for &node in nodes {
            if !self.coerce(node, wanted)? {
                let found = self.types[node];
                let message = format!("{user} needs {}, found {}", wanted.word(), found.word());
                return Err(self.error(&[node], &message, hint(found, wanted)));
            }
        }
        Ok(())
    }

    /// Gives all nodes one type. If all are open it is `open`, or they stay open if that is none.
    fn unify(&mut self, nodes: &[usize], open: Option<Type>, user: &str) -> Result<Type> {
        let known = |checker: &Self, i: usize| !matches!(checker.types[i], Type::Open | Type::Missing);
        let times = nodes.iter().find(|i| self.types[**i] == Type::Time);
        let Some(&first) = times.or(nodes.iter().find(|i| known(self, **i))) else {
            let any_open = nodes.iter().any(|i| self.types[*i] == Type::Open);
            let common = open.unwrap_or(if any_open { Type::Open } else { Type::Missing });
            for &node in nodes {
                self.coerce(node, common)?;
            }
            return Ok(common);
        };
        let common = self.types[first];
        for &node in nodes {
            if !self.coerce(node, common)? {
                let (a, b) = (first.min(node), first.max(node));
                let (left, right) = (self.types[a].word(), self.types[b].word());
                let message = format!("{user} needs one type, found {left} and {right}");
                let wanted = if common == Type::Text { Type::Number } else { Type::Text };
                return Err(self.error(&[a, b], &message, hint(wanted, common)));
            }
        }
        Ok(common)
    }

    /// Decides an open node to be text.
    fn settle(&mut self, node: usize) -> Result<()> {
        if matches!(self.types[node], Type::Open | Type::Missing) {
            self.coerce(node, Type::Text)?;
        }
        Ok(())
    }

    /// Gives one node the type `wanted`; false if it has another. A text literal can become a time.
    fn coerce(&mut self, node: usize, wanted: Type) -> Result<bool> {
        if self.types[node] == wanted {
            return Ok(true);
        }
        let Node { op, args, span } = self.nodes[node].clone();
        if let (Op::Text(value), Type::Time) = (&op, wanted) {
            let us = time::parse(value).map_err(|_| {
                error_at(self.text, &[span], &format!("`{}` is no date or time", shortened(value.chars())))
                    .with_hint("write it as 'YYYY-MM-DD' or 'YYYY-MM-DDTHH:MM:SS'")
            })?;
            self.nodes[node].op = Op::Time(us);
            self.types[node] = Type::Time;
            return Ok(true);
        }
        // True and false are 1 and 0: whichever of the two a column holds, the space takes it for a boolean.
        let (from, number) = (self.types[node], Type::Number);
        let literal = match (&op, wanted) {
            (Op::Number(x), Type::Bool) if x.value() == 0.0 || x.value() == 1.0 => {
                Some(Op::Bool(x.value() == 1.0))
            }
            (Op::Bool(truth), Type::Number) => Some(Op::Number(f64::from(u8::from(*truth)).into())),
            (Op::Text(text), Type::Bool) => parse_truth(text).map(Op::Bool),
            (Op::Column(_), _)
                if (from, wanted) == (number, Type::Bool) || (from, wanted) == (Type::Bool, number) =>
            {
                Some(op.clone())
            }
            _ => None,
        };
        if let Some(op) = literal {
            self.nodes[node].op = op;
            self.types[node] = wanted;
            return Ok(true);
        }
        let undecided = match self.types[node] {
            Type::Missing => true,
            Type::Open => wanted != Type::Missing,
            _ => false,
        };
        if !undecided {
            return Ok(false);
        }
        self.types[node] = wanted;
        let passed_on = match op {
            Op::Case { has_operand, has_else } => case_parts(&args, has_operand, has_else).1,
            Op::Call(_) => args,
            _ => vec![],
        };
        for arg in passed_on {
            self.coerce(arg, wanted)?;
        }
        Ok(true)
    }

    /// The members of an `IN` list in the type of the value that is looked for.
    fn fit_members(&mut self, value: usize, members: Members) -> Result<Members> {
        let wanted = match &members {
            Members::Numbers(_) => Type::Number,
            Members::Texts(_) => Type::Text,
            Members::Bools(_) => Type::Bool,
            Members::Times(_) => Type::Time,
        };
        match members {
            Members::Texts(texts) if self.types[value] == Type::Time => {
                let parse = |text: String| {
                    time::parse(&text).map_err(|_| {
                        self.error(
                            &[value],
                            &format!("`IN` needs times, found `{}`", shortened(text.chars())),
                            "write 'YYYY-MM-DD'",
                        )
                    })
                };
                Ok(Members::Times(texts.into_iter().map(parse).collect::<Result<_>>()?))
            }
            members => self.need_all(&[value], wanted, "`IN` with this list").map(|()| members),
        }
    }

    fn error(&self, nodes: &[usize], message: &str, hint: &str) -> Error {
        let spans: Vec<Span> = nodes.iter().map(|i| self.nodes[*i].span).collect();
        error_at(self.text, &spans, message).with_hint(hint)
    }
}

/// Conditions and results of a `CASE`, the `ELSE` result last.
pub fn case_parts(args: &[usize], has_operand: bool, has_else: bool) -> (Vec<usize>, Vec<usize>) {
    let pairs = &args[usize::from(has_operand)..args.len() - usize::from(has_else)];
    let conditions = pairs.iter().step_by(2).copied().collect();
    let results = pairs.iter().skip(1).step_by(2).chain(has_else.then(|| &args[args.len() - 1]));
    (conditions, results.copied().collect())
}

fn hint(found: Type, wanted: Type) -> &'static str {
    match (found, wanted) {
        (Type::Time, Type::Number) => {
            "use `year`, `month`, `day`, `weekday`, `hour` or `days_between(from, to)`"
        }
        (Type::Number, Type::Time) => "numbers are no times; make a text of it that is a date",
        (Type::Number, Type::Bool) => "compare it, as in `x <> 0`",
        (_, Type::Number) => "`CAST(x AS DOUBLE)` makes a number of it, missing where it is none",
        (_, Type::Text) => "`CAST(x AS VARCHAR)` makes a text of it",
        (_, Type::Bool) => "compare it, or use `CAST(x AS BOOLEAN)`",
        _ => "`CAST(x AS TIMESTAMP)` makes a time of it, missing where it is none",
    }
}
