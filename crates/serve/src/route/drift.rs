//! Whether the last rows that a model was asked about are other than those of its training.

use serde::Serialize;
use serde_json::{Value, json};
use tabgraft_model::watch::Watched;

use super::{Route, Running, Verb, array, object, plain};
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(super) fn routes() -> Vec<Route> {
    vec![Route {
        method: Verb::Get,
        path: "/models/{model}/drift",
        is_open: false,
        summary: "Whether the last rows that the current version answered are other than those of its training.",
        asks: None,
        gives: ("application/json", Some(schema)),
        run,
    }]
}

#[derive(Debug, Serialize)]
struct DriftReply<'a> {
    model: &'a str,
    version: &'a str,
    name: &'a str,
    n_rows_answered: u64,
    most_rows: usize,
    n_rows_passed_over: u64,
    verdict: String,
    hidden_cells_by: Option<&'a str>,
    found: Option<&'a Watched>,
}

fn schema() -> Value {
    let maybe = |kind: &str, text: &str| json!({ "type": [kind, "null"], "description": text });
    let shift = || maybe("object", "before, now, p_value, changed; null where it cannot be tested.");
    let what = plain("string", "values, missing, unseen or surprise");
    let change = object(2, &[("column", plain("string", "The column.")), ("what", what)]);
    let column = object(
        7,
        &[
            ("column", plain("string", "The column.")),
            ("psi", maybe("number", "Population stability index of its values.")),
            ("jensen_shannon", maybe("number", "Jensen-Shannon divergence of the same shares, in bits.")),
            ("values", maybe("object", "p_value, changed; null where it cannot be tested.")),
            ("missing", shift()),
            ("unseen", shift()),
            ("surprise", shift()),
        ],
    );
    let found = object(
        3,
        &[
            ("changed", plain("boolean", "Whether anything has changed.")),
            ("changes", array(&change)),
            ("columns", array(&column)),
        ],
    );
    let by = "The space that told hidden cells; null where the model is a predictor whose space is not served, so that \
              what no column shows alone is not seen.";
    let members = [
        ("model", plain("string", "The model's name.")),
        ("version", plain("string", "Id of its current version, whose training the rows are held against.")),
        ("name", plain("string", "The name that the version was trained under.")),
        ("n_rows_answered", plain("integer", "Rows that were answered since the version is current.")),
        ("most_rows", plain("integer", "How many of these are looked at, the last ones.")),
        ("n_rows_passed_over", plain("integer", "Rows that came faster than they could be remembered.")),
        ("verdict", plain("string", "What was found, in words.")),
        ("hidden_cells_by", maybe("string", by)),
        (
            "found",
            json!({
                "description": "What `tabgraft watch --format json` says; null where no row was answered yet.",
                "anyOf": [{ "type": "null" }, found]
            }),
        ),
    ];
    object(members.len(), &members)
}

fn run(call: Call) -> Running {
    Box::pin(async move {
        let (version, model) = (call.version().await?, call.model()?.name.clone());
        let app = call.app.clone();
        let tell = move || {
            let drift = app.drift.as_ref().ok_or_else(|| {
                Failure::not_found("the server remembers no rows").with_hint("start it with `--watch ROWS`")
            })?;
            let told = drift.told(&model, &version, &app.served)?;
            Reply::json(&DriftReply {
                model: &model,
                version: &version.id,
                name: &version.name,
                n_rows_answered: told.n_seen,
                most_rows: drift.most_rows(),
                n_rows_passed_over: told.n_passed_over,
                verdict: told.verdict(),
                hidden_cells_by: told.by.as_deref(),
                found: told.watched.as_ref(),
            })
        };
        call.app.work.run(tell).await
    })
}
