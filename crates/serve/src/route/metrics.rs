//! What was counted, for Prometheus.

use axum::body::Body;

use super::{Route, Running, Verb};
use crate::call::{Call, Reply};

/// The text format that Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> Vec<Route> {
    vec![Route {
        method: Verb::Get,
        path: "/metrics",
        is_open: false,
        summary: "Requests, times, rows, batches and drift, as Prometheus reads them.",
        asks: None,
        gives: (TEXT, None),
        run,
    }]
}

fn run(call: Call) -> Running {
    Box::pin(async move {
        let models = call.app.served.models.iter();
        let versions: Vec<_> = models
            .filter_map(|model| {
                let version = model.current()?;
                Some((model.name.clone(), version.id.clone(), version.name.clone()))
            })
            .collect();
        let text = call.app.metrics.text(&versions) + &call.app.drift_gauges();
        Ok(Reply::of(TEXT, Body::from(text)))
    })
}
