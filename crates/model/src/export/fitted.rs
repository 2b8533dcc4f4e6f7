//! Features with a state: bins and statistics of groups, looked up.

use tabgraft_feature::{Definition, Feature, FittedState, GroupStatistic};
use tabgraft_table::cell::{number_text, parse_number};

use super::columns::Columns;
use super::onnx::graph::{Graph, Value};
use super::typed::Typed;
use crate::error::{Error, Result};

/// Most groups whose names are numbers: each row is compared with all of them.
pub(super) const MOST_NUMBERS: usize = 4096;

/// The feature's values.
///
/// # Errors
/// A schema error that says what a graph cannot look up.
pub(super) fn write(graph: &mut Graph, feature: &Feature, columns: &mut Columns) -> Result<Typed> {
    match (&feature.definition, &feature.state) {
        (Definition::Bins { column, .. }, Some(FittedState::Bins { edges })) => {
            let numbers = columns.numbers(graph, column)?;
            let bin = place(graph, &numbers, edges);
            let names: Vec<String> = (1..=edges.len() + 1).map(|i| format!("q{i}")).collect();
            let names = graph.texts(&names);
            let name = graph.gather(&names, &bin, 0);
            let (is_missing, empty) = (graph.is_nan(&numbers), graph.text(""));
            Ok(Typed::Text(graph.choose(&is_missing, &empty, &name)))
        }
        (Definition::Group { of, by, statistic }, Some(FittedState::Groups { values })) => {
            let names: Vec<&String> = values.keys().collect();
            let group = group(graph, columns, by, &names)?;
            let table: Vec<f64> = values.values().copied().chain([f64::NAN]).collect();
            let table = graph.doubles(&[table.len()], &table);
            let value = graph.gather(&table, &group, 0);
            match of {
                Some(of) if *statistic == GroupStatistic::Deviation => {
                    let numbers = columns.numbers(graph, of)?;
                    let difference = graph.sub(&numbers, &value);
                    Ok(Typed::Number(graph.finite(&difference)))
                }
                _ => Ok(Typed::Number(value)),
            }
        }
        (Definition::Group { of: Some(of), by, .. }, Some(FittedState::Ranks { values })) => {
            let names: Vec<&String> = values.keys().collect();
            let group = group(graph, columns, by, &names)?;
            let numbers = columns.numbers(graph, of)?;
            let width = values.values().map(Vec::len).max().unwrap_or(1);
            let padded = values.values().flat_map(|own| {
                own.iter().copied().chain(std::iter::repeat_n(f64::INFINITY, width - own.len()))
            });
            let table: Vec<f64> = padded.chain(std::iter::repeat_n(f64::INFINITY, width)).collect();
            let sizes: Vec<f64> = values.values().map(|own| own.len() as f64).chain([f64::NAN]).collect();
            let (table, sizes) =
                (graph.doubles(&[values.len() + 1, width], &table), graph.doubles(&[sizes.len()], &sizes));
            let (own, size) = (graph.gather(&table, &group, 0), graph.gather(&sizes, &group, 0));
            let column = graph.raised(&numbers, 1);
            let reached = graph.at_least(&column, &own);
            let count = graph.count(&reached);
            let count = graph.cast(&count, super::onnx::graph::Element::Double);
            let rank = graph.div(&count, &size);
            let is_missing = graph.is_nan(&numbers);
            Ok(Typed::Number(graph.missing_where(&is_missing, &rank)))
        }
        _ => Err(Error::schema("it is not fitted").with_hint("fit the feature, and graft it anew")),
    }
}

/// How many of some rising numbers lie at or below each number: `[n_rows]`.
pub(super) fn place(graph: &mut Graph, numbers: &Value, edges: &[f64]) -> Value {
    let edges = graph.doubles(&[1, edges.len()], edges);
    let column = graph.raised(numbers, 1);
    let reached = graph.at_least(&column, &edges);
    graph.count(&reached)
}

/// The place of each row's group among the names, or their number.
fn group(graph: &mut Graph, columns: &mut Columns, by: &str, names: &[&String]) -> Result<Value> {
    let other = names.len() as i64;
    let value = columns.value(graph, by)?;
    let texts: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
    let codes: Vec<i64> = (0..other).collect();
    match value {
        Typed::Text(text) => Ok(graph.encoded(&text, &texts, &codes, other)),
        Typed::Truth(truth) => {
            let text = graph.text_of_truth(&truth);
            Ok(graph.encoded(&text, &texts, &codes, other))
        }
        Typed::Number(number) => code_of_number(graph, &number, &texts, &codes, other).ok_or_else(|| {
            Error::schema(format!(
                "column `{by}` holds numbers, and there are {} groups: a graph tells at most {MOST_NUMBERS} numbers apart",
                names.len()
            ))
        }),
        Typed::Time(_) => Err(Error::schema(format!("column `{by}` holds times, whose text a graph cannot write"))
            .with_hint("group by a part of it, such as its month")),
    }
}

/// The code of the text that each number is written as, or `other`; none for too many texts.
pub(super) fn code_of_number(
    graph: &mut Graph,
    number: &Value,
    texts: &[String],
    codes: &[i64],
    other: i64,
) -> Option<Value> {
    let is_spelled = |text: &&String| parse_number(text).and_then(number_text).as_ref() == Some(*text);
    let found = texts.iter().zip(codes).filter(|(text, _)| is_spelled(text));
    let (numbers, codes): (Vec<f64>, Vec<i64>) =
        found.filter_map(|(text, code)| Some((parse_number(text)?, *code - other))).unzip();
    if numbers.len() > MOST_NUMBERS {
        return None;
    }
    if numbers.is_empty() {
        let (edges, zero) = (place(graph, number, &[f64::INFINITY]), graph.ints(&[], &[0]));
        let nothing = graph.mul(&edges, &zero);
        let other = graph.ints(&[], &[other]);
        return Some(graph.add(&nothing, &other));
    }
    let n = numbers.len();
    let (numbers, codes) = (graph.doubles(&[1, n], &numbers), graph.ints(&[1, n], &codes));
    let column = graph.raised(number, 1);
    let equal = graph.equal(&column, &numbers);
    let equal = graph.cast(&equal, super::onnx::graph::Element::Int64);
    let own = graph.mul(&equal, &codes);
    let sum = graph.sum_along(&own, 1, false);
    let other = graph.ints(&[], &[other]);
    Some(graph.add(&sum, &other))
}
