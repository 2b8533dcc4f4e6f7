//! What is answered: one file for each kind of question, each of which describes its routes.
//!
//! A route is entered in the router and in `/openapi.json` by one and the same list.

mod drift;
mod embed;
mod explain;
mod health;
mod infer;
mod metadata;
mod metrics;
mod neighbours;
mod openapi;
mod page;
mod predict;
mod surprise;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::routing::MethodFilter;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::call::{Call, Reply, is_long, off_the_loop};
use crate::failure::Failure;
use crate::rows::{Asked, asked};
use crate::served::Version;

/// What a route does with a request.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

/// A content type, and the JSON schema of what is in it.
pub(crate) type Asks = (&'static str, fn() -> Value);
/// The same, without a schema where it is no JSON.
pub(crate) type Gives = (&'static str, Option<fn() -> Value>);

/// A route.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub method: Verb,
    /// With `{model}` and `{version}` in the places of names.
    pub path: &'static str,
    /// Whether it needs no token.
    pub is_open: bool,
    /// What it answers, in a sentence.
    pub summary: &'static str,
    /// What a request's body holds: its content type and its schema.
    pub asks: Option<Asks>,
    /// What an answer holds: its content type and, of JSON, its schema.
    pub gives: Gives,
    pub run: fn(Call) -> Running,
}

/// How a route is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
}

impl Verb {
    /// As requests write it.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
        }
    }

    /// As the router takes it.
    pub fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
        }
    }
}

/// All routes.
pub(crate) fn routes() -> Vec<Route> {
    let all = [
        health::routes(),
        metadata::routes(),
        infer::routes(),
        predict::routes(),
        embed::routes(),
        neighbours::routes(),
        explain::routes(),
        surprise::routes(),
        drift::routes(),
        metrics::routes(),
        openapi::routes_of_it(),
        page::routes(),
    ];
    all.concat()
}

/// What is asked about rows, at a model's current version and at a named one.
fn of_rows(
    paths: [&'static str; 2],
    summary: &'static str,
    asks: fn() -> Value,
    gives: fn() -> Value,
    run: fn(Call) -> Running,
) -> Vec<Route> {
    let json = "application/json";
    let route = |path| Route {
        method: Verb::Post,
        path,
        is_open: false,
        summary,
        asks: Some((json, asks)),
        gives: (json, Some(gives)),
        run,
    };
    paths.map(route).to_vec()
}

/// The rows of a request, at most so many, and what else it asks.
///
/// # Errors
/// As [`Call::form`], [`Call::body`] and [`asked`].
async fn rows_of<A: DeserializeOwned + Send + 'static>(
    call: &mut Call,
    version: &Arc<Version>,
    most_rows: usize,
) -> Result<Asked<A>, Failure> {
    let (form, body, version) = (call.form()?, call.body().await?, version.clone());
    off_the_loop(is_long(body.len()), move || asked(&form, &body, &version, most_rows)).await
}

/// The schema of an object with these members, of which the first `n_required` have to be there.
fn object(n_required: usize, members: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = members.iter().take(n_required).map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// The schema of an array.
fn array(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// The schema of a plain value.
fn plain(kind: &str, description: &str) -> Value {
    json!({ "type": kind, "description": description })
}

/// The schema of a body of rows, with what else may be asked.
fn rows_schema(others: &[(&str, Value)]) -> Value {
    let row = json!({
        "type": "object",
        "description": "Column names and values; null, or a column that is not there, is a missing cell.",
        "additionalProperties": { "type": ["string", "number", "boolean", "null"] }
    });
    let errors = json!({
        "enum": ["error", "missing"],
        "default": "error",
        "description": "What becomes of a cell that cannot be read as its column's kind."
    });
    let mut members = vec![("rows", array(&row)), ("errors", errors)];
    members.extend(others.iter().cloned());
    object(1, &members)
}

/// The schemas of what every answer about rows says of who answered and of the rows.
fn remarks_schema() -> Vec<(&'static str, Value)> {
    vec![
        ("model", plain("string", "The model's name.")),
        ("version", plain("string", "Id of the version that answered all rows.")),
        ("name", plain("string", "The name that the version was trained under.")),
        ("n_rows", plain("integer", "Rows that were answered.")),
        ("columns", plain("object", "Columns that were not used, that were missing, that were computed.")),
        ("unreadable", plain("array", "Columns with cells that cannot be read and count as missing.")),
        ("unseen", plain("array", "Columns whose cells are mostly values that training has not seen.")),
        (
            "differing",
            plain("array", "Features that the rows had, with cells that are not what the feature gives."),
        ),
    ]
}
