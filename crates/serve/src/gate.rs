//! The gate that every request passes on its way to a route, and every answer on its way back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::http::header::{CACHE_CONTROL, HeaderName, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::on;
use tokio::time::timeout;

use crate::app::{App, Client};
use crate::call::{Answered, Call, Reply};
use crate::event::Event;
use crate::failure::Failure;
use crate::route::{Route, routes};

/// Tells how long the server had a request: the standard's header for it.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The routes, each behind the gate.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let app = app.clone();
        let handler = move |params: RawPathParams, request: Request| {
            let app = app.clone();
            async move {
                let of = |name: &str| params.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_owned());
                let (model, version) = (of("model"), of("version"));
                pass(&app, Some(route), model, version, request).await
            }
        };
        router = router.route(route.path, on(route.method.filter(), handler));
    }
    let of_unknown = app.clone();
    let unknown = move |request: Request| {
        let app = of_unknown.clone();
        async move { pass(&app, None, None, None, request).await }
    };
    let of_other = app.clone();
    let other_method = move |request: Request| {
        let app = of_other.clone();
        async move {
            let started = Instant::now();
            let failure = Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{} is not answered here", request.method()),
            )
            .with_hint("`/openapi.json` lists what is");
            told(&app, started, request.method(), "", failure.into_response(), None)
        }
    };
    router.method_not_allowed_fallback(other_method).fallback(unknown)
}

/// Answers a request, if it may be answered.
async fn pass(
    app: &Arc<App>,
    route: Option<Route>,
    model: Option<String>,
    version: Option<String>,
    request: Request,
) -> Response<Body> {
    let started = Instant::now();
    let method = request.method().clone();
    let path = route.map_or("", |route| route.path);
    let (response, answered) = match answer(app, route, model, version, request).await {
        Ok(reply) => (reply.response, reply.answered),
        Err(failure) => (failure.into_response(), None),
    };
    told(app, started, &method, path, response, answered)
}

async fn answer(
    app: &Arc<App>,
    route: Option<Route>,
    model: Option<String>,
    version: Option<String>,
    request: Request,
) -> Result<Reply, Failure> {
    let (parts, body) = request.into_parts();
    let address = parts.extensions.get::<SocketAddr>().map(SocketAddr::ip);
    app.check_host(&parts.headers)?;
    let is_open = route.is_some_and(|route| route.is_open);
    let client = match app.token(&parts.headers) {
        Some(token) => Client::Token(token),
        None if app.options.tokens.is_empty() || is_open => Client::Address(address),
        None => {
            return Err(Failure::new(StatusCode::UNAUTHORIZED, "this needs a token the server knows")
                .with_hint("send the header `Authorization: Bearer TOKEN`"));
        }
    };
    let Some(route) = route else {
        return Err(Failure::not_found("there is nothing at this address")
            .with_hint("`/openapi.json` lists what there is"));
    };
    let call = Call {
        app: app.clone(),
        model,
        version,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    // Whether the server lives is told even when it has more than enough to do.
    if is_open {
        return (route.run)(call).await;
    }
    let _place = app.place(client)?;
    // A body has as long to come, and is given up by itself.
    match timeout(2 * app.options.limits.patience(), (route.run)(call)).await {
        Ok(reply) => reply,
        Err(_) => {
            Err(Failure::unavailable(format!("no answer was found in {} s", app.options.limits.seconds))
                .with_hint("ask for fewer rows at once, or in a moment"))
        }
    }
}

/// Counts and tells of an answer, and sends it on its way.
fn told(
    app: &App,
    started: Instant,
    method: &Method,
    route: &'static str,
    mut response: Response<Body>,
    answered: Option<Answered>,
) -> Response<Body> {
    let seconds = started.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    let (model, version, n_rows) = match answered {
        Some(a) => (Some(a.model), Some(a.version), Some(a.n_rows)),
        None => (None, None, None),
    };
    app.metrics.request(route, status, seconds);
    let method = if *method == Method::POST { "POST" } else { "GET" };
    (app.sink)(&Event::Request {
        method: method.to_owned(),
        route: route.to_owned(),
        status,
        ms: (seconds * 1e6).round() / 1e3,
        model,
        version,
        n_rows,
    });
    let headers = response.headers_mut();
    if let Ok(timing) = HeaderValue::from_str(&format!("total;dur={:.3}", seconds * 1e3)) {
        headers.insert(SERVER_TIMING, timing);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
