//! Runs a program over rows, batch by batch; every step is a loop over vectors and no row sees another.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicUsize};

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::concat;
use rayon::prelude::*;

use super::cast::cast;
use super::check::{Program, case_parts};
use super::function::Function;
use super::number::{Number, Numbers};
use super::reading::Values;
use super::text::{ask_texts, concat_texts, count_in, like, map_text, substr};
use super::tree::{Arithmetic, Comparison, Members, Op};
use super::{Type, time};
use crate::error::{Error, Result};
use tabgraft_table::stats::words::runs;
use tabgraft_table::threads::in_pool;

/// Rows of a batch: a few vectors of it fit the second-level cache.
const BATCH_ROWS: usize = 4096;
/// Most text in one column that a formula makes, over all rows.
const MAX_COLUMN_BYTES: usize = 1 << 30;

/// The value of the last node for every row; `columns` are the whole columns that the program reads.
pub(super) fn evaluate(program: &Program, columns: &[Arc<Values>], n_rows: usize) -> Result<ArrayRef> {
    let n_batches = n_rows.div_ceil(BATCH_ROWS).max(1);
    let n_text_bytes = AtomicUsize::new(0);
    let batch = |b: usize| {
        let start = b * BATCH_ROWS;
        let values = run(program, columns, start, BATCH_ROWS.min(n_rows - start))?;
        let n_bytes = if let Values::Text(v) = &values { text_bytes(v) } else { 0 };
        if n_text_bytes.fetch_add(n_bytes, atomic::Ordering::Relaxed) + n_bytes > MAX_COLUMN_BYTES {
            return Err(Error::value(format!(
                "the column has more than {MAX_COLUMN_BYTES} bytes of text, the most allowed"
            )));
        }
        Ok(values)
    };
    let batches: Vec<Result<Values>> = in_pool(|| (0..n_batches).into_par_iter().map(batch).collect())?;
    let batches = batches.into_iter().collect::<Result<Vec<_>>>()?;
    // Of what type an array of numbers is follows from all of them.
    if let [Values::Number(_), ..] = batches[..] {
        let batches = batches.into_iter().map(numbers).collect::<Result<Vec<_>>>()?;
        return Ok(Numbers::joined(batches).into_array());
    }
    let batches: Vec<ArrayRef> = batches.into_iter().map(Values::into_array).collect();
    let parts: Vec<&dyn Array> = batches.iter().map(|a| a.as_ref()).collect();
    concat(&parts).map_err(|e| Error::value(format!("the result does not fit into one column: {e}")))
}

fn run(program: &Program, columns: &[Arc<Values>], start: usize, n_rows: usize) -> Result<Values> {
    let mut done: Vec<Option<Values>> = vec![None; program.nodes.len()];
    for (i, node) in program.nodes.iter().enumerate() {
        // Each node has one user, so its values are moved out.
        let mut args = Vec::with_capacity(node.args.len());
        for arg in &node.args {
            args.push(done[*arg].take().ok_or_else(broken)?);
        }
        let values = match &node.op {
            Op::Input(column) => columns.get(*column).ok_or_else(broken)?.slice(start, n_rows),
            op => step(op, args, program.types[i], n_rows)?,
        };
        done[i] = Some(values);
    }
    done.pop().flatten().ok_or_else(broken)
}

fn step(op: &Op, args: Vec<Values>, gives: Type, n_rows: usize) -> Result<Values> {
    let mut args = args.into_iter();
    let mut next = || args.next().ok_or_else(broken);
    Ok(match op {
        Op::Column(_) | Op::Input(_) => return Err(broken()),
        Op::Number(x) => Values::Number(std::iter::repeat_n(*x, n_rows).collect()),
        Op::Text(text) => Values::Text(StringArray::from_iter_values(std::iter::repeat_n(text, n_rows))),
        Op::Bool(b) => Values::Bool(vec![Some(*b); n_rows]),
        Op::Time(us) => Values::Time(vec![Some(*us); n_rows]),
        Op::Missing => all_missing(gives, n_rows),
        Op::Negate => Values::Number(numbers(next()?)?.iter().map(Number::negated).collect()),
        Op::Arithmetic(sign) => {
            let (f, f_whole) = sign_of(*sign);
            map_numbers(next()?, next()?, f, f_whole)?
        }
        Op::Not => Values::Bool(bools(next()?)?.into_iter().map(|b| b.map(|b| !b)).collect()),
        Op::And => map_bools(next()?, next()?, |a, b| match (a, b) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        })?,
        Op::Or => map_bools(next()?, next()?, |a, b| match (a, b) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        })?,
        Op::Compare(comparison) => Values::Bool(compare(*comparison, &next()?, &next()?)?),
        Op::Between { negated } => {
            let (value, low, high) = (next()?, next()?, next()?);
            let above = Values::Bool(compare(Comparison::GreaterOrEqual, &value, &low)?);
            let below = Values::Bool(compare(Comparison::LessOrEqual, &value, &high)?);
            let inside = step(&Op::And, vec![above, below], Type::Bool, n_rows)?;
            Values::Bool(bools(inside)?.into_iter().map(|b| b.map(|b| b != *negated)).collect())
        }
        Op::In { members, negated } => {
            Values::Bool(is_in(&next()?, members)?.into_iter().map(|b| b.map(|b| b != *negated)).collect())
        }
        Op::IsMissing { negated } => {
            let values = next()?;
            Values::Bool((0..n_rows).map(|i| Some(is_missing(&values, i) != *negated)).collect())
        }
        Op::Like { pattern, negated } => {
            let pattern: Vec<char> = pattern.chars().collect();
            let matches = |text: &str| like(&text.chars().collect::<Vec<_>>(), &pattern) != *negated;
            Values::Bool(texts(next()?)?.iter().map(|t| t.map(matches)).collect())
        }
        Op::Case { has_operand, has_else } => case(args.collect(), *has_operand, *has_else, gives, n_rows)?,
        Op::Cast(target) => cast(&next()?, *target),
        Op::Call(signature) => call(signature.function, args.collect(), gives, n_rows)?,
    })
}

fn call(function: Function, args: Vec<Values>, gives: Type, n_rows: usize) -> Result<Values> {
    use Function::*;
    let choose = |choice: Vec<Option<usize>>, args: &[Values]| select(args, &choice, gives);
    match function {
        Coalesce => {
            let choice = (0..n_rows).map(|i| args.iter().position(|a| !is_missing(a, i))).collect();
            return choose(choice, &args);
        }
        Least => return choose(extremes(&args, Ordering::Less, n_rows)?, &args),
        Greatest => return choose(extremes(&args, Ordering::Greater, n_rows)?, &args),
        Nullif => {
            let [value, other] = &args[..] else { return Err(broken()) };
            let equal = compare(Comparison::Equal, value, other)?;
            return choose(equal.iter().map(|e| (*e != Some(true)).then_some(0)).collect(), &args);
        }
        Concat => return concat_texts(args, n_rows),
        _ => {}
    }
    let mut args = args.into_iter();
    let mut next = || args.next().ok_or_else(broken);
    Ok(match function {
        Coalesce | Nullif | Least | Greatest | Concat => return Err(broken()),
        Ln => map_number(next()?, f64::ln)?,
        Log10 => map_number(next()?, f64::log10)?,
        Exp => map_number(next()?, f64::exp)?,
        Sqrt => map_number(next()?, f64::sqrt)?,
        Power => map_numbers(next()?, next()?, f64::powf, |_, _| None)?,
        Abs => Values::Number(numbers(next()?)?.map(f64::abs, i128::checked_abs)),
        Sign => map_number(next()?, |x| if x == 0.0 { 0.0 } else { x.signum() })?,
        Floor => Values::Number(numbers(next()?)?.map(f64::floor, Some)),
        Ceil => Values::Number(numbers(next()?)?.map(f64::ceil, Some)),
        Round => match (next()?, args.next()) {
            (x, None) => Values::Number(numbers(x)?.map(f64::round, Some)),
            (x, Some(n_decimals)) => {
                map_numbers(x, n_decimals, round_to, |x, n_decimals| (n_decimals >= 0).then_some(x))?
            }
        },
        Length => count_in(next()?, |text| text.chars().count())?,
        WordCount => count_in(next()?, |text| runs(text).count())?,
        DigitCount => count_in(next()?, |text| text.bytes().filter(u8::is_ascii_digit).count())?,
        HasWord => ask_texts(next()?, next()?, |text, word| {
            let (text, word) = (text.to_lowercase(), word.to_lowercase());
            runs(&text).any(|run| run == word)
        })?,
        Lower => map_text("lower", next()?, str::to_lowercase)?,
        Upper => map_text("upper", next()?, str::to_uppercase)?,
        Trim => map_text("trim", next()?, |t| t.trim().to_owned())?,
        Substr => {
            let (text, start) = (texts(next()?)?, numbers(next()?)?);
            let length = args.next().map(numbers).transpose()?;
            let part = |(i, text): (usize, Option<&str>)| {
                substr(
                    text?,
                    start.values()[i],
                    length.as_ref().map_or(f64::INFINITY, |length| length.values()[i]),
                )
            };
            Values::Text(text.iter().enumerate().map(part).collect())
        }
        Contains => ask_texts(next()?, next()?, |text, part| text.contains(part))?,
        StartsWith => ask_texts(next()?, next()?, |text, part| text.starts_with(part))?,
        EndsWith => ask_texts(next()?, next()?, |text, part| text.ends_with(part))?,
        Year | Month | Day | Weekday | Hour => Values::Number(
            times(next()?)?
                .into_iter()
                .map(|t| t.map_or(f64::NAN, |t| time::part(function, t)).into())
                .collect(),
        ),
        DaysBetween => {
            let days = |(from, to): (Option<i64>, Option<i64>)| match (from, to) {
                (Some(from), Some(to)) => (to as f64 - from as f64) / time::DAY_US,
                _ => f64::NAN,
            };
            Values::Number(
                times(next()?)?.into_iter().zip(times(next()?)?).map(|pair| days(pair).into()).collect(),
            )
        }
    })
}

fn case(args: Vec<Values>, has_operand: bool, has_else: bool, gives: Type, n_rows: usize) -> Result<Values> {
    let positions: Vec<usize> = (0..args.len()).collect();
    let (conditions, results) = case_parts(&positions, has_operand, has_else);
    let mut choice: Vec<Option<usize>> = vec![None; n_rows];
    for (condition, result) in conditions.iter().zip(&results) {
        let holds = match (&args[*condition], has_operand) {
            (value, true) => compare(Comparison::Equal, &args[0], value)?,
            (Values::Bool(holds), false) => holds.clone(),
            _ => return Err(broken()),
        };
        for (chosen, holds) in choice.iter_mut().zip(holds) {
            if chosen.is_none() && holds == Some(true) {
                *chosen = Some(*result);
            }
        }
    }
    if has_else {
        choice.iter_mut().for_each(|chosen| *chosen = chosen.or(results.last().copied()));
    }
    select(&args, &choice, gives)
}

/// Row by row the value of the chosen argument; missing where none is.
fn select(args: &[Values], choice: &[Option<usize>], gives: Type) -> Result<Values> {
    /// The chosen cells, if every argument that is chosen is of the variant that `get` opens.
    fn cells<'a, T>(
        args: &'a [Values],
        choice: &[Option<usize>],
        get: impl Fn(&'a Values, usize) -> Option<Option<T>>,
    ) -> Result<Vec<Option<T>>> {
        let cell = |(i, chosen): (usize, &Option<usize>)| match chosen {
            None => Ok(None),
            Some(k) => args.get(*k).and_then(|a| get(a, i)).ok_or_else(broken),
        };
        choice.iter().enumerate().map(cell).collect()
    }
    Ok(match gives {
        Type::Number => {
            let get =
                |a: &Values, i: usize| if let Values::Number(v) = a { Some(Some(v.get(i))) } else { None };
            let chosen = cells(args, choice, get)?.into_iter();
            Values::Number(chosen.map(|x| x.unwrap_or(Number::MISSING)).collect())
        }
        Type::Bool => Values::Bool(cells(args, choice, |a, i| match a {
            Values::Bool(v) => Some(v[i]),
            _ => None,
        })?),
        Type::Time => Values::Time(cells(args, choice, |a, i| match a {
            Values::Time(v) => Some(v[i]),
            _ => None,
        })?),
        Type::Text | Type::Open | Type::Missing => {
            let get = |a: &'_ Values, i: usize| match a {
                Values::Text(v) => Some(v.is_valid(i).then(|| v.value(i).to_owned())),
                _ => None,
            };
            Values::Text(cells(args, choice, get)?.into_iter().collect())
        }
    })
}

/// Which argument is the smallest or largest, by row; none if one is missing.
fn extremes(args: &[Values], wanted: Ordering, n_rows: usize) -> Result<Vec<Option<usize>>> {
    let mut best: Vec<Option<usize>> = (0..n_rows).map(|i| (!is_missing(&args[0], i)).then_some(0)).collect();
    for (k, arg) in args.iter().enumerate().skip(1) {
        for (i, best) in best.iter_mut().enumerate() {
            if let Some(b) = *best {
                *best = order(arg, &args[b], i)?.map(|o| if o == wanted { k } else { b });
            }
        }
    }
    Ok(best)
}

fn compare(comparison: Comparison, a: &Values, b: &Values) -> Result<Vec<Option<bool>>> {
    (0..a.len()).map(|i| Ok(order(a, b, i)?.map(|o| comparison.holds(o)))).collect()
}

/// How row `i` of `a` stands to row `i` of `b`; none if one is missing.
fn order(a: &Values, b: &Values, i: usize) -> Result<Option<Ordering>> {
    Ok(match (a, b) {
        (Values::Number(a), Values::Number(b)) => a.get(i).order(b.get(i)),
        (Values::Text(a), Values::Text(b)) => {
            (a.is_valid(i) && b.is_valid(i)).then(|| a.value(i).cmp(b.value(i)))
        }
        (Values::Bool(a), Values::Bool(b)) => a[i].zip(b[i]).map(|(a, b)| a.cmp(&b)),
        (Values::Time(a), Values::Time(b)) => a[i].zip(b[i]).map(|(a, b)| a.cmp(&b)),
        _ => return Err(broken()),
    })
}

fn is_in(values: &Values, members: &Members) -> Result<Vec<Option<bool>>> {
    Ok(match (values, members) {
        (Values::Number(v), Members::Numbers(m)) => {
            let is_member = |x: Number| m.iter().any(|member| member.order(x) == Some(Ordering::Equal));
            v.iter().map(|x| (!x.is_missing()).then(|| is_member(x))).collect()
        }
        (Values::Text(v), Members::Texts(m)) => {
            let m: HashSet<&str> = m.iter().map(String::as_str).collect();
            v.iter().map(|t| t.map(|t| m.contains(t))).collect()
        }
        (Values::Bool(v), Members::Bools(m)) => v.iter().map(|b| b.map(|b| m.contains(&b))).collect(),
        (Values::Time(v), Members::Times(m)) => v.iter().map(|t| t.map(|t| m.contains(&t))).collect(),
        _ => return Err(broken()),
    })
}

fn is_missing(values: &Values, i: usize) -> bool {
    match values {
        Values::Number(v) => v.get(i).is_missing(),
        Values::Text(v) => v.is_null(i),
        Values::Bool(v) => v[i].is_none(),
        Values::Time(v) => v[i].is_none(),
    }
}

fn all_missing(gives: Type, n_rows: usize) -> Values {
    match gives {
        Type::Number => Values::Number(vec![f64::NAN; n_rows].into()),
        Type::Bool => Values::Bool(vec![None; n_rows]),
        Type::Time => Values::Time(vec![None; n_rows]),
        Type::Text | Type::Open | Type::Missing => Values::Text(StringArray::new_null(n_rows)),
    }
}

/// An operation of two numbers of 64 bits.
type Rounding = fn(f64, f64) -> f64;
/// The same of two whole ones; none where it overflows.
type Exact = fn(i128, i128) -> Option<i128>;

/// What a sign does with two numbers, and with two whole ones.
fn sign_of(sign: Arithmetic) -> (Rounding, Exact) {
    match sign {
        Arithmetic::Add => (|a, b| a + b, i128::checked_add),
        Arithmetic::Subtract => (|a, b| a - b, i128::checked_sub),
        Arithmetic::Multiply => (|a, b| a * b, i128::checked_mul),
        // x / 0 and x % 0 are not finite and so become missing.
        Arithmetic::Divide => (|a, b| a / b, |_, _| None),
        Arithmetic::Remainder => (|a, b| a % b, i128::checked_rem),
    }
}

/// `x` with `n` decimals; unchanged where it has no more than that within the range of numbers.
fn round_to(x: f64, n: f64) -> f64 {
    let scale = 10f64.powf(n.trunc().clamp(-308.0, 308.0));
    let rounded = (x * scale).round() / scale;
    if rounded.is_finite() { rounded } else { x }
}

fn map_number(x: Values, f: impl Fn(f64) -> f64) -> Result<Values> {
    Ok(Values::Number(numbers(x)?.values().iter().map(|x| Number::from(f(*x))).collect()))
}

/// `f` of two numbers; where both are whole, and one or the result is of at least 2^53, `f_whole` of them.
fn map_numbers(
    a: Values,
    b: Values,
    f: impl Fn(f64, f64) -> f64,
    f_whole: impl Fn(i128, i128) -> Option<i128>,
) -> Result<Values> {
    let (a, b) = (numbers(a)?, numbers(b)?);
    Ok(Values::Number(a.iter().zip(b.iter()).map(|(a, b)| a.with(b, &f, &f_whole)).collect()))
}

fn map_bools(a: Values, b: Values, f: impl Fn(Option<bool>, Option<bool>) -> Option<bool>) -> Result<Values> {
    Ok(Values::Bool(bools(a)?.into_iter().zip(bools(b)?).map(|(a, b)| f(a, b)).collect()))
}

/// Bytes of the texts that the array shows, which may be a slice of another one.
fn text_bytes(texts: &StringArray) -> usize {
    let offsets = texts.value_offsets();
    offsets.last().zip(offsets.first()).map_or(0, |(last, first)| (last - first) as usize)
}

fn numbers(values: Values) -> Result<Numbers> {
    if let Values::Number(v) = values { Ok(v) } else { Err(broken()) }
}

pub(super) fn texts(values: Values) -> Result<StringArray> {
    if let Values::Text(v) = values { Ok(v) } else { Err(broken()) }
}

fn bools(values: Values) -> Result<Vec<Option<bool>>> {
    if let Values::Bool(v) = values { Ok(v) } else { Err(broken()) }
}

fn times(values: Values) -> Result<Vec<Option<i64>>> {
    if let Values::Time(v) = values { Ok(v) } else { Err(broken()) }
}

/// A program that the type check should not have let through.
fn broken() -> Error {
    Error::formula("the typed formula contradicts itself")
        .with_hint("this is a defect of tabgraft; please report the formula")
}
