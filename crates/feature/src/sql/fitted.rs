//! Bins as a `CASE`, statistics of groups as a joined table of constants.

use super::dialect::Dialect;
use super::expression::{Expression, text_of_truth};
use super::{Scope, Step};
use crate::definition::{Definition, Feature, GroupStatistic};
use crate::error::{Error, Result};
use crate::expr::{Readings, Type};
use crate::fitted::FittedState;
use tabgraft_table::cell::{number_text, parse_number};

/// The feature as an expression; tables that it looks things up in are added to the step and the constants.
///
/// # Errors
/// An option error if it is not fitted, a schema error for groups that SQL cannot tell.
pub(super) fn of_feature(
    scope: &Scope<'_>,
    feature: &Feature,
    readings: &Readings,
    step: &mut Step,
    constants: &mut Vec<String>,
) -> Result<(Expression, Type)> {
    let d = scope.dialect;
    let number = |name: &str| scope.column(name, readings, Type::Number);
    let Some(state) = &feature.state else {
        return Err(
            Error::option("it is not fitted").with_hint("call `fit_transform` with the training rows first")
        );
    };
    let place = constants.len() + 1;
    let (groups, alias) = (d.name(&format!("groups_{place}")), format!("g{place}"));
    match (&feature.definition, state) {
        (Definition::Bins { column, .. }, FittedState::Bins { edges }) => {
            let x = number(column)?;
            let mut sql = format!("CASE WHEN {x} IS NULL THEN NULL");
            for (i, edge) in edges.iter().enumerate() {
                sql += &format!(" WHEN {x} < {} THEN 'q{}'", d.number(*edge), i + 1);
            }
            Ok((format!("{sql} ELSE 'q{}' END", edges.len() + 1), Type::Text))
        }
        (Definition::Group { of, by, statistic }, FittedState::Groups { values }) => {
            let (key, spelled) = key(scope, by, readings)?;
            let rows = values.iter().filter_map(|(name, value)| Some(vec![spelled(name)?, d.number(*value)]));
            constants.push(constant(d, &groups, &["group_key", "group_value"], rows));
            step.joins.push(format!("LEFT JOIN {groups} AS {alias} ON {alias}.group_key = {key}"));
            let value = format!("{alias}.group_value");
            let sql = match of {
                Some(of) if *statistic == GroupStatistic::Deviation => {
                    d.finite(&format!("({} - {value})", number(of)?))
                }
                _ => value,
            };
            Ok((sql, Type::Number))
        }
        (Definition::Group { of: Some(of), by, .. }, FittedState::Ranks { values }) => {
            let (key, spelled) = key(scope, by, readings)?;
            let x = number(of)?;
            // Between two neighbours of a group's values the rank is one number.
            let rows = values.iter().flat_map(|(name, own)| {
                let name = spelled(name);
                let mut from = f64::NEG_INFINITY;
                let mut rows = Vec::new();
                for (i, value) in own.iter().enumerate() {
                    if *value > from {
                        rows.push((from, *value, i));
                        from = *value;
                    }
                }
                rows.push((from, f64::INFINITY, own.len()));
                let share = move |i: usize| i as f64 / own.len() as f64;
                rows.into_iter().filter_map(move |(from, to, i)| {
                    let name = name.clone()?;
                    Some(vec![name, d.number(from), d.number(to), d.number(share(i))])
                })
            });
            constants.push(constant(
                d,
                &groups,
                &["group_key", "range_from", "range_to", "group_value"],
                rows,
            ));
            step.joins.push(format!(
                "LEFT JOIN {groups} AS {alias} ON {alias}.group_key = {key} AND {alias}.range_from <= {x} AND {x} < \
                 {alias}.range_to"
            ));
            Ok((format!("{alias}.group_value"), Type::Number))
        }
        _ => Err(Error::malformed("the fitted state belongs to another kind of feature")
            .with_hint("fit the feature again")),
    }
}

/// Spells a group's name; none of one that no row can have.
type Spelled = Box<dyn Fn(&str) -> Option<String>>;

/// The expression that a row's group is known by, and how the names of groups are spelled beside it.
fn key(scope: &Scope<'_>, by: &str, readings: &Readings) -> Result<(Expression, Spelled)> {
    let d = scope.dialect;
    match readings.type_of(by)? {
        Type::Number => {
            let is_spelled = |name: &str, number: f64| number_text(number).as_deref() == Some(name);
            let spelled = move |name: &str| {
                let number = parse_number(name).filter(|number| is_spelled(name, *number))?;
                Some(d.number(number))
            };
            Ok((scope.column(by, readings, Type::Number)?, Box::new(spelled)))
        }
        Type::Bool => {
            let truth = scope.column(by, readings, Type::Bool)?;
            Ok((text_of_truth(&truth), Box::new(move |name| Some(d.text(name)))))
        }
        Type::Time => Err(Error::schema(format!(
            "groups by the times of `{by}`, whose text the SQL of {} cannot write exactly",
            d.word()
        ))
        .with_hint("group by a part of it, such as its month")),
        Type::Text | Type::Open | Type::Missing => {
            Ok((scope.column(by, readings, Type::Text)?, Box::new(move |name| Some(d.text(name)))))
        }
    }
}

/// A table of constants.
fn constant(
    dialect: Dialect,
    name: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let listed = columns.join(", ");
    // A table without a row, of which no row would ever be found.
    let nothing = || columns.iter().map(|column| format!("NULL AS {column}")).collect::<Vec<_>>().join(", ");
    if rows.is_empty() {
        return format!("{name} AS (SELECT {} WHERE FALSE)", nothing());
    }
    let rows = |open: &str| {
        rows.iter().map(|row| format!("    {open}({})", row.join(", "))).collect::<Vec<_>>().join(",\n")
    };
    match dialect {
        Dialect::Bigquery => {
            let types = columns.iter().enumerate().map(|(i, column)| {
                let kind = if i == 0 && !is_number_key(&rows("")) { "STRING" } else { "FLOAT64" };
                format!("{column} {kind}")
            });
            let types = types.collect::<Vec<_>>().join(", ");
            format!("{name} AS (\n  SELECT * FROM UNNEST([STRUCT<{types}>\n{}\n  ])\n)", rows(""))
        }
        Dialect::Snowflake => format!("{name} ({listed}) AS (\n  SELECT * FROM VALUES\n{}\n)", rows("")),
        _ => format!("{name} ({listed}) AS (\n  SELECT * FROM (VALUES\n{}\n  ) AS v\n)", rows("")),
    }
}

fn is_number_key(rows: &str) -> bool {
    !rows.trim_start().starts_with("('")
}
