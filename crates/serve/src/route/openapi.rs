//! The description of all routes, as OpenAPI 3.1 has it.

use serde_json::{Map, Value, json};

use super::{Route, Running, Verb, object, plain, routes};
use crate::call::{Call, Reply};

pub(super) fn routes_of_it() -> Vec<Route> {
    vec![Route {
        method: Verb::Get,
        path: "/openapi.json",
        is_open: false,
        summary: "This document.",
        asks: None,
        gives: ("application/json", Some(|| json!({ "type": "object" }))),
        run,
    }]
}

fn run(_: Call) -> Running {
    Box::pin(async { Reply::json(&document()) })
}

fn document() -> Value {
    let mut paths = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.name().to_ascii_lowercase()] = operation(&route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "tabgraft",
            "description": "Rows to vectors and predictions. `/v2` is the Open Inference Protocol.",
            "version": env!("CARGO_PKG_VERSION")
        },
        "paths": paths,
        "components": {
            "schemas": { "Failure": failure_schema() },
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } }
        }
    })
}

fn operation(route: &Route) -> Value {
    let (content_type, schema) = route.gives;
    let content_type = content_type.split(';').next().unwrap_or_default();
    let schema = schema.map_or_else(|| json!({ "type": "string" }), |schema| schema());
    let mut responses = Map::new();
    responses.insert(
        "200".into(),
        json!({
            "description": "The answer.",
            "content": { content_type: { "schema": schema } }
        }),
    );
    for (status, why) in failures(route) {
        responses.insert(
            status.to_string(),
            json!({
                "description": why,
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } }
            }),
        );
    }
    let mut operation = json!({
        "summary": route.summary,
        "parameters": parameters(route.path),
        "responses": responses,
        // Servers that were started without tokens ask for none.
        "security": if route.is_open { json!([]) } else { json!([{ "bearer": [] }, {}]) }
    });
    if let Some((content_type, asks)) = route.asks {
        operation["requestBody"] =
            json!({ "required": true, "content": { content_type: { "schema": asks() } } });
    }
    operation
}

fn parameters(path: &str) -> Vec<Value> {
    let described = [
        ("model", "A model's name; `/v2` lists them."),
        ("version", "A version's name or id, or the first digits of its id, four at least."),
    ];
    let here = described.iter().filter(|(name, _)| path.contains(&format!("{{{name}}}")));
    here.map(|(name, description)| {
        json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": description,
            "schema": { "type": "string" }
        })
    })
    .collect()
}

fn failures(route: &Route) -> Vec<(u16, &'static str)> {
    let mut failures = Vec::new();
    if !route.is_open {
        failures.extend([
            (401, "A token is needed that the server knows."),
            (421, "Without tokens the server answers to its own address alone."),
            (429, "Too many requests of this client are open."),
            (503, "Too many requests are open, or the model has no current version."),
        ]);
    }
    if route.path.contains('{') {
        failures.push((404, "There is no such model or version, or it does not answer this."));
    }
    if route.method == Verb::Post {
        failures.extend([
            (400, "The body is not as it should be."),
            (408, "The body did not come in time."),
            (413, "The body or the number of rows is too large."),
            (415, "The body is of a type that is not read, or compressed."),
            (422, "The rows cannot be answered: which column and row it is about."),
            (500, "The server failed."),
        ]);
    }
    failures.sort_unstable();
    failures
}

fn failure_schema() -> Value {
    object(
        1,
        &[
            ("error", plain("string", "What was wrong; the column and the row where there is one.")),
            ("hint", plain("string", "What to do about it.")),
        ],
    )
}
