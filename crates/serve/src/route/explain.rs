//! What each column gave to the predictions of rows.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tabgraft_model::predictor::{ExplainOptions, Method, ReasonsOfRow, Scale};
use tabgraft_model::train::quiet;
use tabgraft_table::unreadable::Readable;

use super::predict::check_predicts;
use super::{Route, Running, array, object, of_rows, plain, remarks_schema, rows_of, rows_schema};
use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::remarks::Remarks;
use crate::work::Answer;

/// Most rows that are explained at once: each takes hundreds of predictions.
const MOST_ROWS: usize = 100;
/// Most predictions for each row.
const MOST_EVALUATIONS: usize = 4096;

pub(super) fn routes() -> Vec<Route> {
    let paths = ["/models/{model}/explain", "/models/{model}/versions/{version}/explain"];
    of_rows(
        paths,
        "What each column gave to the prediction of each row, at most 100 rows.",
        || rows_schema(&options_schema()),
        schema,
        run,
    )
}

/// What else may be asked; [`ExplainOptions`] are the defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonsOptions {
    class: Option<String>,
    scale: Option<Scale>,
    n_evaluations: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ExplainReply<'a> {
    #[serde(flatten)]
    remarks: Remarks<'a>,
    scale: Scale,
    outputs: &'a [String],
    base: &'a [f64],
    method: Method,
    n_evaluations: usize,
    rows: Vec<ReasonsOfRow>,
}

fn options_schema() -> Vec<(&'static str, Value)> {
    vec![
        (
            "class",
            plain(
                "string",
                "The class that is explained; by default the second of two classes, and all of more.",
            ),
        ),
        ("scale", json!({ "enum": ["log_odds", "probability", "number"] })),
        ("n_evaluations", json!({ "type": "integer", "minimum": 1, "maximum": MOST_EVALUATIONS })),
    ]
}

fn schema() -> Value {
    let numbers = || array(&plain("number", "One for each output."));
    let reason = object(
        4,
        &[
            ("column", plain("string", "The column.")),
            (
                "cell",
                json!({ "type": ["string", "null"], "description": "What stands there; null where nothing does." }),
            ),
            ("contribution", numbers()),
            ("standard_error", numbers()),
        ],
    );
    let row = object(
        4,
        &[
            ("row", plain("integer", "The row, from 0.")),
            ("prediction", numbers()),
            ("output", plain("integer", "The output that reasons are sorted for.")),
            ("reasons", array(&reason)),
        ],
    );
    let mut members = remarks_schema();
    members.extend([
        ("scale", plain("string", "In what contributions count.")),
        ("outputs", array(&plain("string", "A class, or the target."))),
        ("base", numbers()),
        ("method", plain("string", "Whether contributions are exact, or orders of columns were drawn.")),
        ("n_evaluations", plain("integer", "Predictions that were made for each row.")),
        ("rows", array(&row)),
    ]);
    object(members.len(), &members)
}

fn run(mut call: Call) -> Running {
    Box::pin(async move {
        let version = call.version().await?;
        let model = call.model()?.name.clone();
        let hint = "ask a model that is a predictor; `surprise` says which cells of a row are odd";
        check_predicts(&model, &version, hint)?;
        let most_rows = call.app.options.limits.rows.min(MOST_ROWS);
        let rows = rows_of::<ReasonsOptions>(&mut call, &version, most_rows).await?;
        let ReasonsOptions { class, scale, n_evaluations } = rows.options;
        if let Some(n) = n_evaluations.filter(|n| *n > MOST_EVALUATIONS) {
            return Err(Failure::unprocessable(format!(
                "`n_evaluations` is {n}, allowed is 1 to {MOST_EVALUATIONS}"
            )));
        }
        let options = ExplainOptions { class, scale, n_evaluations, ..ExplainOptions::default() };
        // What there is to say of the rows is said as of predictions.
        let answer = call.app.ask(&model, &version, rows.table.clone(), rows.errors).await?;
        let Answer::Predicted(answer) = answer else { return Err(Failure::internal()) };
        let explain = move || {
            let predictor = version.predictor().ok_or_else(Failure::internal)?;
            let Readable { table, .. } = predictor.readable(&rows.table, rows.errors)?;
            let found = predictor.explain(&table, &options, &mut quiet)?;
            let reply = ExplainReply {
                remarks: Remarks::new(&model, &version, &answer.remarks),
                scale: found.scale,
                outputs: &found.outputs,
                base: &found.base,
                method: found.method,
                n_evaluations: found.n_evaluations,
                rows: found.reasons(0..table.n_rows())?,
            };
            Ok(Reply::json(&reply)?.answered(&model, &version, answer.remarks.n_rows))
        };
        call.app.work.run(explain).await
    })
}
