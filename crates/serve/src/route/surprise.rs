//! How odd rows are, and which cells make them so.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tabgraft_model::odd::{OddCell, SurpriseOptions};

use super::embed::d_model;
use super::{Route, Running, array, object, of_rows, plain, remarks_schema, rows_of, rows_schema};
use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::remarks::Remarks;

pub(super) fn routes() -> Vec<Route> {
    let paths = ["/models/{model}/surprise", "/models/{model}/versions/{version}/surprise"];
    of_rows(
        paths,
        "How odd each row is, which cells make it so, and what was expected.",
        || rows_schema(&options_schema()),
        schema,
        run,
    )
}

/// What else may be asked; [`SurpriseOptions`] are the defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OddOptions {
    n_reasons: Option<usize>,
}

#[derive(Debug, Serialize)]
struct SurpriseReply<'a> {
    #[serde(flatten)]
    remarks: Remarks<'a>,
    rows: Vec<OddRow<'a>>,
}

#[derive(Debug, Serialize)]
struct OddRow<'a> {
    surprise: Option<f64>,
    share_less_odd: Option<f64>,
    cells: &'a [OddCell],
}

fn options_schema() -> Vec<(&'static str, Value)> {
    let default = SurpriseOptions::default().n_reasons;
    vec![("n_reasons", json!({ "type": "integer", "minimum": 0, "maximum": 100, "default": default }))]
}

fn schema() -> Value {
    let cell = object(
        7,
        &[
            ("column", plain("string", "The column.")),
            ("found", json!({ "type": ["string", "null"], "description": "What stands there." })),
            ("oddity", plain("string", "In which way it surprises.")),
            ("p_found", plain("number", "Its probability, given the rest of the row.")),
            ("expected", plain("string", "What the rest of the row lets expect.")),
            ("p_expected", plain("number", "The probability of that.")),
            ("surprise", plain("number", "Of the cell, in nats.")),
        ],
    );
    let maybe = |text: &str| json!({ "type": ["number", "null"], "description": text });
    let row = object(
        3,
        &[
            ("surprise", maybe("How surprising the cells of the row are together.")),
            (
                "share_less_odd",
                maybe("The share of known rows that are less odd; null where none are known."),
            ),
            ("cells", array(&cell)),
        ],
    );
    let mut members = remarks_schema();
    members.push(("rows", array(&row)));
    object(members.len(), &members)
}

fn run(mut call: Call) -> Running {
    Box::pin(async move {
        let version = call.version().await?;
        let model = call.model()?.name.clone();
        d_model(&call, version.space())?;
        let most_rows = call.app.options.limits.rows;
        let rows = rows_of::<OddOptions>(&mut call, &version, most_rows).await?;
        let default = SurpriseOptions::default();
        let options = SurpriseOptions {
            n_reasons: rows.options.n_reasons.unwrap_or(default.n_reasons),
            errors: rows.errors,
            ..default
        };
        let score = move || {
            let space = version.space().ok_or_else(Failure::internal)?;
            let (odd, remarks) = space.surprise(&rows.table, &options)?;
            let rows = odd.scores.iter().zip(&odd.reasons).enumerate().map(|(i, (score, cells))| OddRow {
                surprise: Some(*score).filter(|score| score.is_finite()),
                share_less_odd: odd.shares.get(i).copied(),
                cells,
            });
            let reply =
                SurpriseReply { remarks: Remarks::new(&model, &version, &remarks), rows: rows.collect() };
            Ok(Reply::json(&reply)?.answered(&model, &version, remarks.n_rows))
        };
        call.app.work.run(score).await
    })
}
