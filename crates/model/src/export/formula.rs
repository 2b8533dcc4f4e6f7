//! Formulas as nodes of a graph.
//!
//! Numbers are those of 64 bits, IEEE 754: whole numbers beyond 2^53, which formulas count exactly, are rounded.

use tabgraft_feature::expr::{
    Arithmetic, Comparison, Function, Members, Node, Op, Program, Target, Type, case_parts,
};

use super::calendar::Calendar;
use super::onnx::graph::{Attribute, Element, Graph, Value};
use super::typed::{Truth, Typed};
use crate::error::{Error, Result};

/// Microseconds of a day.
const DAY_US: f64 = 86_400e6;
/// What to do about a feature that cannot go.
const WAY_OUT: &str = "prune the feature's column from the space, or give its values as a column of the table to \
                       train on instead of a feature";

/// A column as a formula reads it.
///
/// # Errors
/// A schema error for a reading that a graph cannot do.
pub(super) fn read(graph: &mut Graph, column: &str, value: &Typed, reading: Type) -> Result<Typed> {
    Ok(match (value, reading) {
        (Typed::Number(number), Type::Number) => Typed::Number(graph.finite(number)),
        (Typed::Number(number), Type::Bool) => Typed::Truth(graph.truth_of_number(number)),
        (Typed::Text(text), Type::Number) => {
            let number = graph.number_of_text(text);
            Typed::Number(graph.finite(&number))
        }
        (Typed::Text(text), Type::Bool) => Typed::Truth(graph.truth_of_text(text)),
        (Typed::Text(_), Type::Text) | (Typed::Truth(_), Type::Bool) | (Typed::Time(_), Type::Time) => {
            value.clone()
        }
        (Typed::Truth(truth), Type::Number) => Typed::Number(graph.number_of_truth(truth)),
        (Typed::Truth(truth), Type::Text) => Typed::Text(graph.text_of_truth(truth)),
        (from, _) => {
            return Err(cannot(format!(
                "column `{column}` holds {}, which a graph cannot read as {}",
                from.kind().word(),
                reading.word()
            )));
        }
    })
}

/// The formula's values; `read` are the columns that it reads.
///
/// # Errors
/// A schema error that names what a graph cannot compute.
pub(super) fn write(graph: &mut Graph, program: &Program, read: &[Typed]) -> Result<Typed> {
    if read.is_empty() {
        return Err(cannot("its formula reads no column".to_owned()));
    }
    let mut done: Vec<Typed> = Vec::with_capacity(program.nodes.len());
    for (i, node) in program.nodes.iter().enumerate() {
        let value = match &node.op {
            Op::Input(column) => read[*column].clone(),
            _ => Writer { graph, program, done: &done }.step(node, program.types[i])?,
        };
        done.push(value);
    }
    done.pop().ok_or_else(|| cannot("its formula is empty".to_owned()))
}

fn cannot(what: String) -> Error {
    Error::schema(format!("{what}: ONNX has no operator for it")).with_hint(WAY_OUT)
}

struct Writer<'a> {
    graph: &'a mut Graph,
    program: &'a Program,
    done: &'a [Typed],
}

impl Writer<'_> {
    fn step(&mut self, node: &Node, gives: Type) -> Result<Typed> {
        let args: Vec<Typed> = node.args.iter().map(|i| self.done[*i].clone()).collect();
        let g = &mut *self.graph;
        Ok(match &node.op {
            Op::Column(_) | Op::Input(_) => return Err(cannot("a column".to_owned())),
            Op::Number(number) => Typed::Number(g.double(number.value())),
            Op::Text(text) => Typed::Text(g.text(text)),
            Op::Bool(truth) => {
                Typed::Truth(Truth { yes: g.bools(&[], &[*truth]), no: g.bools(&[], &[!truth]) })
            }
            Op::Time(us) => Typed::Time(g.double(*us as f64)),
            Op::Missing => missing(g, gives),
            Op::Negate => Typed::Number(g.node("Neg", &[number(&args[0])?], &[])),
            Op::Not => {
                let Truth { yes, no } = truth(&args[0])?.clone();
                Typed::Truth(Truth { yes: no, no: yes })
            }
            Op::And => Typed::Truth(and(g, truth(&args[0])?, truth(&args[1])?)),
            Op::Or => {
                let (a, b) = (truth(&args[0])?, truth(&args[1])?);
                Typed::Truth(Truth { yes: g.or(&a.yes, &b.yes), no: g.and(&a.no, &b.no) })
            }
            Op::Arithmetic(sign) => {
                let (a, b) = (number(&args[0])?, number(&args[1])?);
                let result = match sign {
                    Arithmetic::Add => g.add(a, b),
                    Arithmetic::Subtract => g.sub(a, b),
                    Arithmetic::Multiply => g.mul(a, b),
                    Arithmetic::Divide => g.div(a, b),
                    Arithmetic::Remainder => g.node("Mod", &[a, b], &[("fmod", Attribute::Int(1))]),
                };
                Typed::Number(g.finite(&result))
            }
            Op::Compare(comparison) => Typed::Truth(compare(g, *comparison, &args[0], &args[1])?),
            Op::Between { negated } => {
                let above = compare(g, Comparison::GreaterOrEqual, &args[0], &args[1])?;
                let below = compare(g, Comparison::LessOrEqual, &args[0], &args[2])?;
                Typed::Truth(and(g, &above, &below).negated_if(*negated))
            }
            Op::In { members, negated } => Typed::Truth(is_in(g, &args[0], members)?.negated_if(*negated)),
            Op::IsMissing { negated } => {
                let yes = args[0].is_missing(g);
                let no = g.not(&yes);
                Typed::Truth(Truth { yes, no }.negated_if(*negated))
            }
            Op::Like { pattern, negated } => {
                let expression: String = pattern
                    .chars()
                    .map(|c| match c {
                        '%' => ".*".to_owned(),
                        '_' => ".".to_owned(),
                        c => escaped(&c.to_string()),
                    })
                    .collect();
                Typed::Truth(matches(g, &args[0], &expression)?.negated_if(*negated))
            }
            Op::Case { has_operand, has_else } => {
                let places: Vec<usize> = (0..args.len()).collect();
                let (conditions, results) = case_parts(&places, *has_operand, *has_else);
                let mut value = if *has_else { args[args.len() - 1].clone() } else { missing(g, gives) };
                for (condition, result) in conditions.iter().zip(&results).rev() {
                    let holds = match has_operand {
                        true => compare(g, Comparison::Equal, &args[0], &args[*condition])?,
                        false => truth(&args[*condition])?.clone(),
                    };
                    value = pick(g, &holds.yes, &args[*result], &value)?;
                }
                value
            }
            Op::Cast(target) => cast(g, &args[0], *target)?,
            Op::Call(signature) => self.call(signature.function, signature.name, node, &args)?,
        })
    }

    fn call(&mut self, function: Function, name: &str, node: &Node, args: &[Typed]) -> Result<Typed> {
        use Function::*;
        let literal = |i: usize| match &self.program.nodes[node.args[i]].op {
            Op::Text(text) => Some(escaped(text)),
            _ => None,
        };
        let n_decimals = node.args.get(1).map(|i| &self.program.nodes[*i].op);
        let g = &mut *self.graph;
        let of_number = |g: &mut Graph, kind: &str| -> Result<Typed> {
            let result = g.node(kind, &[number(&args[0])?], &[]);
            Ok(Typed::Number(g.finite(&result)))
        };
        Ok(match function {
            Coalesce => {
                let mut value = args[args.len() - 1].clone();
                for arg in args[..args.len() - 1].iter().rev() {
                    let is_missing = arg.is_missing(g);
                    value = pick(g, &is_missing, &value, arg)?;
                }
                value
            }
            Nullif => {
                let equal = compare(g, Comparison::Equal, &args[0], &args[1])?;
                let nothing = missing(g, args[0].kind());
                pick(g, &equal.yes, &nothing, &args[0])?
            }
            Least | Greatest => {
                let wanted = if function == Least { Comparison::Less } else { Comparison::Greater };
                let mut best = args[0].clone();
                for arg in &args[1..] {
                    let (is_missing, nothing) = (arg.is_missing(g), missing(g, arg.kind()));
                    let better = compare(g, wanted, arg, &best)?;
                    best = pick(g, &better.yes, arg, &best)?;
                    best = pick(g, &is_missing, &nothing, &best)?;
                }
                best
            }
            Ln => of_number(g, "Log")?,
            Exp => of_number(g, "Exp")?,
            Sqrt => of_number(g, "Sqrt")?,
            Abs => of_number(g, "Abs")?,
            Floor => of_number(g, "Floor")?,
            Ceil => of_number(g, "Ceil")?,
            Log10 => {
                let (log, ten) =
                    (g.node("Log", &[number(&args[0])?], &[]), g.double(std::f64::consts::LN_10));
                let log = g.div(&log, &ten);
                Typed::Number(g.finite(&log))
            }
            Power => {
                let (a, b) = (number(&args[0])?, number(&args[1])?);
                let power = g.node("Pow", &[a, b], &[]);
                // Powers of what is missing may be 1 by IEEE 754.
                let (no_base, no_exponent) = (g.is_nan(a), g.is_nan(b));
                let either = g.or(&no_base, &no_exponent);
                let power = g.missing_where(&either, &power);
                Typed::Number(g.finite(&power))
            }
            Sign => {
                let x = number(&args[0])?;
                let (sign, is_missing) = (g.node("Sign", &[x], &[]), g.is_nan(x));
                Typed::Number(g.missing_where(&is_missing, &sign))
            }
            Round => {
                let x = number(&args[0])?;
                match n_decimals {
                    None => Typed::Number(rounded(g, x)),
                    Some(Op::Number(n)) => {
                        let scale = g.double(10f64.powf(n.value().trunc().clamp(-308.0, 308.0)));
                        let large = g.mul(x, &scale);
                        let whole = rounded(g, &large);
                        let result = g.div(&whole, &scale);
                        let result = g.finite(&result);
                        let lost = g.is_nan(&result);
                        Typed::Number(g.choose(&lost, x, &result))
                    }
                    Some(_) => {
                        return Err(cannot(
                            "`round` to a number of decimals that is not written out".to_owned(),
                        ));
                    }
                }
            }
            Concat => {
                let (mut joined, mut gone) = (text(&args[0])?.clone(), args[0].is_missing(g));
                for arg in &args[1..] {
                    joined = g.node("StringConcat", &[&joined, text(arg)?], &[]);
                    let is_missing = arg.is_missing(g);
                    gone = g.or(&gone, &is_missing);
                }
                let empty = g.text("");
                Typed::Text(g.choose(&gone, &empty, &joined))
            }
            Contains | StartsWith | EndsWith => {
                let part = literal(1)
                    .ok_or_else(|| cannot(format!("`{name}` with a part that is not written out")))?;
                let expression = match function {
                    Contains => format!(".*{part}.*"),
                    StartsWith => format!("{part}.*"),
                    _ => format!(".*{part}"),
                };
                Typed::Truth(matches(g, &args[0], &expression)?)
            }
            Year | Month | Day | Weekday | Hour => {
                let time = time(&args[0])?;
                let seconds = g.seconds(time);
                let calendar = Calendar::of(g, &seconds);
                let part = match function {
                    Year => calendar.year,
                    Month => calendar.month,
                    Day => calendar.day,
                    Hour => calendar.hour,
                    _ => {
                        let one = g.ints(&[], &[1]);
                        g.add(&calendar.weekday, &one)
                    }
                };
                let (part, is_missing) = (g.cast(&part, Element::Double), g.is_nan(time));
                Typed::Number(g.missing_where(&is_missing, &part))
            }
            DaysBetween => {
                let (from, to) = (time(&args[0])?, time(&args[1])?);
                let (between, day) = (g.sub(to, from), g.double(DAY_US));
                Typed::Number(g.div(&between, &day))
            }
            Length | WordCount | DigitCount | HasWord | Lower | Upper | Trim | Substr => {
                return Err(cannot(format!("`{name}` of a text")));
            }
        })
    }
}

impl Truth {
    fn negated_if(self, negated: bool) -> Self {
        if negated { Truth { yes: self.no, no: self.yes } } else { self }
    }
}

fn number(value: &Typed) -> Result<&Value> {
    if let Typed::Number(value) = value { Ok(value) } else { Err(broken()) }
}

fn text(value: &Typed) -> Result<&Value> {
    if let Typed::Text(value) = value { Ok(value) } else { Err(broken()) }
}

fn truth(value: &Typed) -> Result<&Truth> {
    if let Typed::Truth(value) = value { Ok(value) } else { Err(broken()) }
}

fn time(value: &Typed) -> Result<&Value> {
    if let Typed::Time(value) = value { Ok(value) } else { Err(broken()) }
}

/// A formula that the type check should not have let through.
fn broken() -> Error {
    Error::formula("the typed formula contradicts itself")
        .with_hint("this is a defect of tabgraft; please report the formula")
}

fn missing(graph: &mut Graph, gives: Type) -> Typed {
    match gives {
        Type::Number => Typed::Number(graph.missing()),
        Type::Time => Typed::Time(graph.missing()),
        Type::Bool => Typed::Truth(Truth { yes: graph.bools(&[], &[false]), no: graph.bools(&[], &[false]) }),
        Type::Text | Type::Open | Type::Missing => Typed::Text(graph.text("")),
    }
}

fn and(graph: &mut Graph, a: &Truth, b: &Truth) -> Truth {
    Truth { yes: graph.and(&a.yes, &b.yes), no: graph.or(&a.no, &b.no) }
}

/// `a` where the condition holds, else `b`.
fn pick(graph: &mut Graph, condition: &Value, a: &Typed, b: &Typed) -> Result<Typed> {
    Ok(match (a, b) {
        (Typed::Number(a), Typed::Number(b)) => Typed::Number(graph.choose(condition, a, b)),
        (Typed::Text(a), Typed::Text(b)) => Typed::Text(graph.choose(condition, a, b)),
        (Typed::Time(a), Typed::Time(b)) => Typed::Time(graph.choose(condition, a, b)),
        (Typed::Truth(a), Typed::Truth(b)) => {
            let other = graph.not(condition);
            let mut either = |a: &Value, b: &Value| {
                let (a, b) = (graph.and(condition, a), graph.and(&other, b));
                graph.or(&a, &b)
            };
            Typed::Truth(Truth { yes: either(&a.yes, &b.yes), no: either(&a.no, &b.no) })
        }
        _ => return Err(broken()),
    })
}

fn compare(graph: &mut Graph, comparison: Comparison, a: &Typed, b: &Typed) -> Result<Truth> {
    let g = graph;
    let yes = match (a, b) {
        (Typed::Number(a), Typed::Number(b)) | (Typed::Time(a), Typed::Time(b)) => holds(g, comparison, a, b),
        (Typed::Truth(a), Typed::Truth(b)) => {
            let (a, b) = (g.number_of_truth(a), g.number_of_truth(b));
            holds(g, comparison, &a, &b)
        }
        (Typed::Text(a), Typed::Text(b)) => match comparison {
            Comparison::Equal => g.equal(a, b),
            Comparison::Unequal => {
                let equal = g.equal(a, b);
                g.not(&equal)
            }
            _ => return Err(cannot("which of two texts comes first".to_owned())),
        },
        _ => return Err(broken()),
    };
    let (no_a, no_b) = (a.is_missing(g), b.is_missing(g));
    let either = g.or(&no_a, &no_b);
    Ok(known(g, &yes, &either))
}

/// A condition as a truth that is missing in some rows.
fn known(graph: &mut Graph, condition: &Value, is_missing: &Value) -> Truth {
    let is_known = graph.not(is_missing);
    let other = graph.not(condition);
    Truth { yes: graph.and(condition, &is_known), no: graph.and(&other, &is_known) }
}

fn holds(graph: &mut Graph, comparison: Comparison, a: &Value, b: &Value) -> Value {
    match comparison {
        Comparison::Equal => graph.equal(a, b),
        Comparison::Unequal => {
            let equal = graph.equal(a, b);
            graph.not(&equal)
        }
        Comparison::Less => graph.less(a, b),
        Comparison::LessOrEqual => graph.at_least(b, a),
        Comparison::Greater => graph.less(b, a),
        Comparison::GreaterOrEqual => graph.at_least(a, b),
    }
}

fn is_in(graph: &mut Graph, value: &Typed, members: &Members) -> Result<Truth> {
    let g = graph;
    let any_of = |g: &mut Graph, value: &Value, members: Vec<f64>| {
        let members = g.doubles(&[1, members.len()], &members);
        let column = g.raised(value, -1);
        let equal = g.equal(&column, &members);
        let (count, zero) = (g.count(&equal), g.ints(&[], &[0]));
        g.less(&zero, &count)
    };
    let yes = match (value, members) {
        (Typed::Number(value), Members::Numbers(m)) => {
            any_of(g, value, m.iter().map(|n| n.value()).collect())
        }
        (Typed::Time(value), Members::Times(m)) => any_of(g, value, m.iter().map(|us| *us as f64).collect()),
        (Typed::Truth(value), Members::Bools(m)) => {
            let number = g.number_of_truth(value);
            any_of(g, &number, m.iter().map(|b| f64::from(u8::from(*b))).collect())
        }
        (Typed::Text(value), Members::Texts(m)) => {
            let mut keys = m.clone();
            keys.sort_unstable();
            keys.dedup();
            let code = g.encoded(value, &keys, &vec![1; keys.len()], 0);
            let one = g.ints(&[], &[1]);
            g.equal(&code, &one)
        }
        _ => return Err(broken()),
    };
    let is_missing = value.is_missing(g);
    Ok(known(g, &yes, &is_missing))
}

/// Whether a whole text fits a regular expression in which a point is any character.
fn matches(graph: &mut Graph, value: &Typed, expression: &str) -> Result<Truth> {
    let pattern = format!("(?s){expression}");
    let yes = graph.node("RegexFullMatch", &[text(value)?], &[("pattern", Attribute::Text(&pattern))]);
    let is_missing = value.is_missing(graph);
    Ok(known(graph, &yes, &is_missing))
}

/// A text as a regular expression that fits it alone.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c])).collect()
}

/// The nearest whole number, halves away from zero.
fn rounded(graph: &mut Graph, x: &Value) -> Value {
    let g = graph;
    let (size, sign) = (g.node("Abs", &[x], &[]), g.node("Sign", &[x], &[]));
    let whole = g.node("Floor", &[&size], &[]);
    let (rest, half) = (g.sub(&size, &whole), g.double(0.5));
    let up = g.at_least(&rest, &half);
    let up = g.cast(&up, Element::Double);
    let size = g.add(&whole, &up);
    let result = g.mul(&size, &sign);
    let is_missing = g.is_nan(x);
    g.missing_where(&is_missing, &result)
}

fn cast(graph: &mut Graph, value: &Typed, target: Target) -> Result<Typed> {
    let g = graph;
    let to_number = |g: &mut Graph| -> Result<Value> {
        Ok(match value {
            Typed::Number(number) => number.clone(),
            Typed::Text(text) => {
                let number = g.number_of_text(text);
                g.finite(&number)
            }
            Typed::Truth(truth) => g.number_of_truth(truth),
            Typed::Time(_) => return Err(broken()),
        })
    };
    Ok(match (target, value) {
        (Target::Double, _) => Typed::Number(to_number(g)?),
        (Target::BigInt, _) => {
            let x = to_number(g)?;
            let (size, sign) = (g.node("Abs", &[&x], &[]), g.node("Sign", &[&x], &[]));
            let whole = g.node("Floor", &[&size], &[]);
            let result = g.mul(&whole, &sign);
            let is_missing = g.is_nan(&x);
            Typed::Number(g.missing_where(&is_missing, &result))
        }
        (Target::Varchar, Typed::Text(_))
        | (Target::Boolean, Typed::Truth(_))
        | (Target::Timestamp, Typed::Time(_)) => value.clone(),
        (Target::Varchar, Typed::Truth(truth)) => Typed::Text(g.text_of_truth(truth)),
        (Target::Boolean, Typed::Number(x)) => {
            let zero = g.double(0.0);
            let (is_zero, is_missing) = (g.equal(x, &zero), g.is_nan(x));
            Typed::Truth(known(g, &is_zero, &is_missing).negated_if(true))
        }
        (Target::Boolean, Typed::Text(text)) => Typed::Truth(g.truth_of_text(text)),
        (Target::Varchar, from) => return Err(cannot(format!("the text of {}", from.kind().word()))),
        (Target::Timestamp, _) => return Err(cannot("reading a time from a text".to_owned())),
        (Target::Boolean, Typed::Time(_)) => return Err(broken()),
    })
}
