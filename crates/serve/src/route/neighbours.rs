//! The rows of an index that are most similar to the rows that are sent.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tabgraft_model::index::{SearchOptions, Similarity};

use super::embed::d_model;
use super::{Route, Running, array, object, of_rows, plain, remarks_schema, rows_of, rows_schema};
use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::remarks::Remarks;
use crate::work::Answer;

/// Most rows that are found for each.
const MOST_K: usize = 1000;

pub(super) fn routes() -> Vec<Route> {
    let paths = ["/models/{model}/neighbours", "/models/{model}/versions/{version}/neighbours"];
    of_rows(
        paths,
        "The most similar rows of the index that is served, for each row.",
        || rows_schema(&options_schema()),
        schema,
        run,
    )
}

/// What else may be asked; [`SearchOptions`] are the defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NeighboursOptions {
    k: Option<usize>,
    similarity: Option<Similarity>,
    among: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct NeighboursReply<'a> {
    #[serde(flatten)]
    remarks: Remarks<'a>,
    similarity: &'static str,
    n_rows_index: usize,
    neighbours: Vec<Vec<Found<'a>>>,
}

#[derive(Debug, Serialize)]
struct Found<'a> {
    neighbour: &'a str,
    similarity: f32,
}

fn options_schema() -> Vec<(&'static str, Value)> {
    vec![
        (
            "k",
            json!({ "type": "integer", "minimum": 1, "maximum": MOST_K, "default": SearchOptions::default().k }),
        ),
        ("similarity", json!({ "enum": Similarity::ALL.map(Similarity::name), "default": "cosine" })),
        ("among", array(&plain("string", "The keys of the only rows that may be found."))),
    ]
}

fn schema() -> Value {
    let found = object(
        2,
        &[
            ("neighbour", plain("string", "The key of a row of the index.")),
            ("similarity", plain("number", "How similar it is, of 32 bits.")),
        ],
    );
    let mut members = remarks_schema();
    members.extend([
        ("similarity", plain("string", "cosine or dot")),
        ("n_rows_index", plain("integer", "Rows that were looked at.")),
        ("neighbours", array(&array(&found))),
    ]);
    object(members.len(), &members)
}

fn run(mut call: Call) -> Running {
    Box::pin(async move {
        let version = call.version().await?;
        let model = call.model()?.name.clone();
        d_model(&call, version.space())?;
        let space = version.space().ok_or_else(Failure::internal)?;
        let index = call
            .app
            .served
            .index_for(space)
            .map_err(|error| Failure { status: axum::http::StatusCode::NOT_FOUND, ..Failure::from(error) })?;
        let most_rows = call.app.options.limits.rows;
        let rows = rows_of::<NeighboursOptions>(&mut call, &version, most_rows).await?;
        let defaults = SearchOptions::default();
        let options = SearchOptions {
            k: rows.options.k.unwrap_or(defaults.k),
            similarity: rows.options.similarity.unwrap_or(defaults.similarity),
            among: rows.options.among,
        };
        if options.k > MOST_K {
            return Err(Failure::unprocessable(format!("`k` is {}, allowed is 1 to {MOST_K}", options.k)));
        }
        let answer = call.app.ask(&model, &version, rows.table, rows.errors).await?;
        let Answer::Embedded(answer) = answer else { return Err(Failure::internal()) };
        let search = move || {
            let space = version.space().ok_or_else(Failure::internal)?;
            let found = index.search(space, &answer.values, &options)?;
            let of_row = |found: &Vec<tabgraft_model::index::Neighbour>| {
                let told = |n: &tabgraft_model::index::Neighbour| Found {
                    neighbour: &index.keys()[n.row],
                    similarity: n.similarity,
                };
                found.iter().map(told).collect()
            };
            let reply = NeighboursReply {
                remarks: Remarks::new(&model, &version, &answer.remarks),
                similarity: options.similarity.name(),
                n_rows_index: index.n_rows(),
                neighbours: found.iter().map(of_row).collect(),
            };
            Ok(Reply::json(&reply)?.answered(&model, &version, answer.remarks.n_rows))
        };
        call.app.work.run(search).await
    })
}
