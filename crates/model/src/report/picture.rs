//! Rows of a table in the plane in which their vectors, or the reasons of their predictions, differ most.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use serde::{Deserialize, Serialize};
use tabgraft_table::Table;
use tabgraft_table::cell::{numbers, texts};
use tabgraft_table::schema::{Exclusion, Kind};

use super::rows::sampled;
use super::words::fixed;
use super::worth::ExplainedRows;
use super::{Projection, ReportOptions};
use crate::error::{Error, Result};
use crate::predictor::RowVectors;
use crate::{EmbeddingSpace, Predictor};

/// Rows that are drawn at most, and cells that are embedded for them.
const MOST_POINTS: usize = 1500;
const MOST_CELLS: usize = 250_000;
/// Groups of rows with a colour of their own.
const MOST_GROUPS: usize = 6;
/// Groups of numbers, of about as many rows each.
const N_QUANTILES: usize = 4;
/// What rows without a value are called.
const MISSING: &str = "missing";

/// The rows of a table as points of the plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// What is shown: a version's name.
    pub name: String,
    /// What the rows are placed by.
    pub by: PictureBy,
    /// What the colours mean: a column's name; empty where they mean nothing.
    pub coloured_by: String,
    /// Names of the groups of rows.
    pub groups: Vec<String>,
    /// One point per row.
    pub points: Vec<Point>,
    /// Share of the variance along the two axes, 0 to 1 each.
    pub explained: [f64; 2],
}

/// What rows of a picture are placed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureBy {
    /// Their vectors.
    Vectors,
    /// What each column gave to their prediction.
    Contributions,
}

/// One row of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Along the axis of most variance.
    pub x: f64,
    /// Along the axis of most variance that is left.
    pub y: f64,
    /// Index of the row's group.
    pub group_idx: usize,
}

impl Picture {
    /// Projects vectors to the plane in which they differ most.
    ///
    /// # Shapes
    /// - `values`: `[n_rows, d]`, row by row
    /// - `group_idx`: `[n_rows]`, each below `groups.len()`
    ///
    /// # Errors
    /// A schema error if sizes do not fit or a group does not exist; a value error for a
    /// non-finite coordinate.
    pub fn of(
        name: &str,
        (values, d): (&[f32], usize),
        coloured_by: &str,
        groups: Vec<String>,
        group_idx: &[usize],
    ) -> Result<Self> {
        let projection = Projection::fit(values, d)?;
        if projection.coordinates.len() != group_idx.len() {
            return Err(Error::schema(format!(
                "{} rows are to be drawn, {} groups are given",
                projection.coordinates.len(),
                group_idx.len()
            )));
        }
        if let Some(bad) = group_idx.iter().find(|g| **g >= groups.len()) {
            return Err(Error::schema(format!("group {bad} of a row is not below {} groups", groups.len())));
        }
        let points = projection
            .coordinates
            .iter()
            .zip(group_idx)
            .map(|([x, y], group_idx)| Point { x: *x, y: *y, group_idx: *group_idx })
            .collect();
        Ok(Picture {
            name: name.to_owned(),
            by: PictureBy::Vectors,
            coloured_by: coloured_by.to_owned(),
            groups,
            points,
            explained: projection.explained,
        })
    }
}

/// The rows of a table by their vectors, coloured by the column that is asked for, or one of few values.
///
/// # Errors
/// A schema error if the table lacks that column, and as [`EmbeddingSpace::embed`].
pub(super) fn of(space: &EmbeddingSpace, table: &Table, options: &ReportOptions) -> Result<Option<Picture>> {
    if let Some(column) = &options.colour_by {
        table.column(column)?;
    }
    let most = (MOST_CELLS / space.columns().len().max(1)).clamp(100, MOST_POINTS);
    let rows = sampled(table, most, options.seed)?;
    if rows.n_rows() == 0 {
        return Ok(None);
    }
    let vectors = space.embed(&rows)?;
    let target = options.target.clone().filter(|target| rows.has_column(target));
    let column = options.colour_by.clone().or(target).or_else(|| usual_colour(space, &rows));
    let (groups, group_idx) = match &column {
        Some(column) => groups(&rows, column)?,
        None => (vec!["rows".to_owned()], vec![0; rows.n_rows()]),
    };
    let column = column.unwrap_or_default();
    Picture::of(space.name(), (&vectors.values, vectors.d_model), &column, groups, &group_idx).map(Some)
}

/// The rows of a table by the vectors of a predictor's network, or where it has none, those that were explained by what each
/// column gave to their prediction; coloured by the column that is asked for, by the truth where the table has it, or else
/// by what is predicted.
///
/// # Errors
/// A value error if it has no network and no rows were explained, and as [`Predictor::predict`].
pub(super) fn of_predictor(
    predictor: &Predictor,
    table: &Table,
    explained: Option<&ExplainedRows>,
    options: &ReportOptions,
) -> Result<Option<Picture>> {
    let most = (MOST_CELLS / predictor.columns().len().max(1)).clamp(100, MOST_POINTS);
    let rows = sampled(table, most, options.seed)?;
    if rows.n_rows() == 0 {
        return Ok(None);
    }
    let (rows, by, vectors) = match (predictor.row_vectors(&rows)?, explained) {
        (Some(vectors), _) => (rows, PictureBy::Vectors, vectors),
        (None, Some(explained)) => {
            let ExplainedRows { rows, explanation } = explained;
            let vectors = RowVectors {
                name: predictor.name().to_owned(),
                values: explanation.contributions.iter().map(|given| *given as f32).collect(),
                d_model: explanation.columns.len() * explanation.outputs.len(),
            };
            (rows.clone(), PictureBy::Contributions, vectors)
        }
        (None, None) => {
            return Err(Error::value(
                "it predicts by trees and a linear model alone, and no predictions are explained",
            ));
        }
    };
    let target = predictor.target().column();
    let truth = Some(target.to_owned()).filter(|target| rows.has_column(target));
    let (rows, column) = match options.colour_by.clone().or(truth) {
        Some(column) => (rows, column),
        None => {
            let predictions = predictor.predict(&rows)?;
            let class = |i: &usize| Some(predictions.classes[*i].as_str());
            let predicted: ArrayRef = match predictions.classes.is_empty() {
                true => Arc::new(Float64Array::from(predictions.values)),
                false => Arc::new(predictions.class_idx.iter().map(class).collect::<StringArray>()),
            };
            let column = format!("the predicted {target}");
            (Table::from_columns([(column.clone(), predicted)])?, column)
        }
    };
    let (groups, group_idx) = groups(&rows, &column)?;
    let placed = (&vectors.values[..], vectors.d_model);
    Ok(Some(Picture { by, ..Picture::of(&vectors.name, placed, &column, groups, &group_idx)? }))
}

/// The column that tells most at a glance: one that the space has not seen, such as a target, before one that it has;
/// of few values.
fn usual_colour(space: &EmbeddingSpace, table: &Table) -> Option<String> {
    let ignored = space.excluded().iter().filter(|column| column.exclusion == Exclusion::Ignored);
    let unknown = space.column_report(table).ignored_columns.into_iter().filter(|c| c.unknown);
    let of_kind = |wanted: &'static [Kind]| space.columns().iter().filter(move |c| wanted.contains(&c.kind));
    let coarse = of_kind(&[Kind::Categorical, Kind::Boolean]);
    let mut few = ignored
        .map(|column| column.name.clone())
        .chain(unknown.map(|column| column.name))
        .chain(coarse.map(|column| column.name.clone()));
    let is_coarse = |name: &String| {
        let read = table.column(name).and_then(|array| texts(name, array));
        let values = read.map(|texts| {
            texts.iter().flatten().map(str::to_owned).collect::<std::collections::BTreeSet<String>>()
        });
        values.is_ok_and(|values| (2..=MOST_GROUPS).contains(&values.len()))
    };
    let found = few.find(is_coarse);
    found.or_else(|| of_kind(&[Kind::Numeric]).map(|c| c.name.clone()).find(|name| table.has_column(name)))
}

/// The groups of a column's rows: its values, its most frequent values, or quarters of its numbers.
fn groups(table: &Table, column: &str) -> Result<(Vec<String>, Vec<usize>)> {
    let array = table.column(column)?;
    let texts = texts(column, array)?;
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    texts.iter().flatten().for_each(|value| *counts.entry(value).or_default() += 1);
    let has_missing = texts.iter().any(|value| value.is_none());
    let room = MOST_GROUPS - usize::from(has_missing);
    if counts.len() > room
        && let Ok(values) = numbers(column, array)
    {
        return Ok(quarters(&values.iter().collect::<Vec<_>>()));
    }
    let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let n_others = order.len().saturating_sub(if order.len() > room { room - 1 } else { room });
    order.truncate(order.len() - n_others);
    let mut names: Vec<String> = order.iter().map(|(value, _)| (*value).to_owned()).collect();
    let others = names.len();
    if n_others > 0 {
        names.push(format!("{n_others} others"));
    }
    let missing = names.len();
    if has_missing {
        names.push(MISSING.to_owned());
    }
    let place = |value: Option<&str>| match value {
        None => missing,
        Some(value) => order.iter().position(|(known, _)| *known == value).unwrap_or(others),
    };
    let group_idx = texts.iter().map(place).collect();
    Ok((names, group_idx))
}

fn quarters(values: &[Option<f64>]) -> (Vec<String>, Vec<usize>) {
    let is_value = |value: &Option<f64>| value.filter(|v| v.is_finite());
    let mut sorted: Vec<f64> = values.iter().filter_map(is_value).collect();
    sorted.sort_by(f64::total_cmp);
    let mut ends: Vec<f64> = (1..=N_QUANTILES)
        .filter_map(|i| sorted.get((sorted.len() * i / N_QUANTILES).saturating_sub(1)).copied())
        .collect();
    ends.dedup();
    let mut names: Vec<String> = ends.iter().map(|end| format!("up to {}", fixed(*end, 2))).collect();
    let missing = names.len();
    if values.iter().any(|value| is_value(value).is_none()) {
        names.push(MISSING.to_owned());
    }
    let place = |value: &Option<f64>| match is_value(value) {
        None => missing,
        Some(value) => ends.iter().position(|end| value <= *end).unwrap_or(missing.saturating_sub(1)),
    };
    let group_idx = values.iter().map(place).collect();
    (names, group_idx)
}
