//! Whether the server lives, and whether it and its models can answer.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Route, Running, Verb, object, plain};
use crate::call::{Call, Reply};
use crate::failure::Failure;

pub(super) fn routes() -> Vec<Route> {
    let route = |path, summary, asks_for: fn() -> Value, run| Route {
        method: Verb::Get,
        path,
        is_open: true,
        summary,
        asks: None,
        gives: ("application/json", Some(asks_for)),
        run,
    };
    let model = |path| Route {
        is_open: false,
        ..route(path, "Whether the model can answer: 200, or 503.", ready_schema, model_ready)
    };
    vec![
        route("/v2/health/live", "Whether the server lives.", live_schema, live),
        route("/v2/health/ready", "Whether every model can answer: 200, or 503.", ready_schema, ready),
        model("/v2/models/{model}/ready"),
        model("/v2/models/{model}/versions/{version}/ready"),
    ]
}

fn live_schema() -> Value {
    object(1, &[("live", plain("boolean", "True."))])
}

fn ready_schema() -> Value {
    object(1, &[("ready", plain("boolean", "Whether it can answer."))])
}

fn live(_: Call) -> Running {
    Box::pin(async { Reply::json(&json!({ "live": true })) })
}

fn ready(call: Call) -> Running {
    Box::pin(async move { told(call.app.served.is_ready()) })
}

fn model_ready(call: Call) -> Running {
    Box::pin(async move {
        match call.version().await {
            Ok(_) => told(true),
            Err(failure) if failure.status == StatusCode::SERVICE_UNAVAILABLE => told(false),
            Err(failure) => Err(failure),
        }
    })
}

fn told(is_ready: bool) -> Result<Reply, Failure> {
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(Reply::json(&json!({ "ready": is_ready }))?.status(status))
}
