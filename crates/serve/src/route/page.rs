//! The page for a person, and the row that was tried on it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tabgraft_model::index::SearchOptions;
use tabgraft_model::predictor::ExplainOptions;
use tabgraft_model::train::quiet;
use tabgraft_table::Table;
use tabgraft_table::unreadable::CellErrors;

use super::{Route, Running, Verb};
use crate::app::App;
use crate::call::{Call, Reply, off_the_loop};
use crate::failure::Failure;
use crate::page::{Answered, DriftView, Form, ModelView, POLICY, Reasons, STYLE, Similar, View, html};
use crate::rows;
use crate::served::Version;
use crate::work::Answer;

const FORM: &str = "application/x-www-form-urlencoded";
const HTML: &str = "text/html; charset=utf-8";
/// How sure an interval around a number is.
const INTERVAL: f64 = 0.8;
/// Similar rows that are shown.
const N_SIMILAR: usize = 5;

pub(super) fn routes() -> Vec<Route> {
    let get = |path, summary, run| Route {
        method: Verb::Get,
        path,
        is_open: false,
        summary,
        asks: None,
        gives: (HTML, None),
        run,
    };
    let of_model = "A model for people: lineage, columns, scores, and a form to try a row.";
    let mut routes = vec![
        get("/", "What is served, for people.", overview),
        Route { gives: ("text/css; charset=utf-8", None), ..get("/style.css", "How pages look.", style) },
    ];
    for path in ["/page/{model}", "/page/{model}/versions/{version}"] {
        routes.push(get(path, of_model, show));
        routes.push(Route {
            method: Verb::Post,
            asks: Some((FORM, form_schema)),
            ..get(path, "The same, with the answer about the row that was tried.", try_row)
        });
    }
    routes
}

fn form_schema() -> Value {
    json!({
        "type": "object",
        "description": "Cells as c:COLUMN, or a row as `pasted`: JSON, or CSV with its header.",
        "additionalProperties": { "type": "string" }
    })
}

fn overview(call: Call) -> Running {
    Box::pin(async move { page(&View::of_all(&call.app.served)) })
}

fn style(_: Call) -> Running {
    Box::pin(async { Ok(Reply::of("text/css; charset=utf-8", Body::from(STYLE))) })
}

fn show(call: Call) -> Running {
    Box::pin(async move {
        let (app, model) = (call.app.clone(), call.model.clone().unwrap_or_default());
        match call.version().await {
            Ok(version) => shown(&app, model, version, Form::default(), None).await,
            Err(failure) => failed(&app, &failure),
        }
    })
}

fn try_row(mut call: Call) -> Running {
    Box::pin(async move {
        let version = match call.version().await {
            Ok(version) => version,
            Err(failure) => return failed(&call.app, &failure),
        };
        if call.content_type() != FORM {
            return Err(call.unread(FORM));
        }
        let body = call.body().await?;
        let form = Form::parse(&String::from_utf8_lossy(&body));
        let (app, model) = (call.app.clone(), call.model()?.name.clone());
        let answered = match table(&form, &version) {
            Ok(table) => ask(&app, &version, table).await,
            Err(failure) => Err(failure),
        };
        // A server that has too much to do says so to everybody alike.
        let answer = match answered {
            Err(failure) if failure.status == StatusCode::SERVICE_UNAVAILABLE => return Err(failure),
            Err(failure) => Answered::failed(&failure),
            Ok((answer, reasons, similar)) => {
                app.metrics.rows(&model, answer.counts());
                Answered::of(&answer, &version, reasons, similar)
            }
        };
        let reply = shown(&app, model.clone(), version.clone(), form, Some(answer)).await?;
        Ok(reply.answered(&model, &version, 1))
    })
}

/// What else may be asked with a pasted row: nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// The row that was pasted, or that the cells are.
fn table(form: &Form, version: &Version) -> Result<Table, Failure> {
    let pasted = form.pasted.trim();
    if pasted.is_empty() || pasted.starts_with('{') {
        let own = form.row();
        let row = if pasted.is_empty() { own.as_str() } else { pasted };
        let body = format!("{{\"rows\":[{row}]}}");
        return Ok(rows::asked::<NoOptions>(&rows::Form::Json, body.as_bytes(), version, 1)?.table);
    }
    let form = rows::Form::Csv { query: String::new() };
    Ok(rows::asked::<NoOptions>(&form, format!("{pasted}\n").as_bytes(), version, 1)?.table)
}

/// An answer, the reasons of a prediction, and rows like the one that was tried. What is tried here is no request of a
/// client, and is not remembered among those.
async fn ask(
    app: &Arc<App>,
    version: &Arc<Version>,
    table: Table,
) -> Result<(Answer, Option<Result<Reasons, Failure>>, Option<Similar>), Failure> {
    let mut answer = app.work.ask(version.clone(), table.clone(), CellErrors::Error).await?;
    if let (Answer::Predicted(answer), Some(predictor)) = (&mut answer, version.predictor()) {
        // Where too few held-out rows are known for one there is none.
        if let Ok(with) = predictor.with_interval(answer.predictions.clone(), INTERVAL) {
            answer.predictions = with;
        }
    }
    let reasons = match &answer {
        Answer::Predicted(answer) => {
            let predictions = &answer.predictions;
            let class = predictions.class_idx.first().map(|class| predictions.classes[*class].clone());
            Some(reasons(app, version, table.clone(), class).await)
        }
        Answer::Embedded(_) => None,
    };
    Ok((answer, reasons, similar(app, version, table).await))
}

/// What each column gave to the class that is predicted, or to the number.
async fn reasons(
    app: &Arc<App>,
    version: &Arc<Version>,
    table: Table,
    class: Option<String>,
) -> Result<Reasons, Failure> {
    let version = version.clone();
    let explain = move || {
        let predictor = version.predictor().ok_or_else(Failure::internal)?;
        let options = ExplainOptions { class, ..ExplainOptions::default() };
        Reasons::of(&predictor.explain(&table, &options, &mut quiet)?)
    };
    app.work.run(explain).await
}

/// The nearest rows of an index, by this version or another model's whose space has one; none where a row cannot be
/// compared.
async fn similar(app: &Arc<App>, version: &Arc<Version>, table: Table) -> Option<Similar> {
    let served = &app.served;
    let currents = served.models.iter().filter_map(|model| model.current());
    let mut spaces = std::iter::once(version.clone()).chain(currents);
    let (space, index) = spaces.find_map(|version| {
        let index = served.index_for(version.space()?).ok()?;
        Some((version, index))
    })?;
    let Ok(Answer::Embedded(embedded)) = app.work.ask(space.clone(), table, CellErrors::Missing).await else {
        return None;
    };
    let search = move || {
        let options = SearchOptions { k: N_SIMILAR, ..SearchOptions::default() };
        let own = space.space().ok_or_else(Failure::internal)?;
        let found = index.search(own, &embedded.values, &options)?;
        let key = |n: &tabgraft_model::index::Neighbour| (index.keys()[n.row].clone(), n.similarity);
        let found = found.first().map(|found| found.iter().map(key).collect()).unwrap_or_default();
        Ok(Similar { found, by: space.name.clone(), n_rows_index: index.n_rows() })
    };
    app.work.run(search).await.ok()
}

async fn shown(
    app: &Arc<App>,
    model: String,
    version: Arc<Version>,
    form: Form,
    answer: Option<Answered>,
) -> Result<Reply, Failure> {
    let app = app.clone();
    // Files are read for it.
    let view = off_the_loop(true, move || {
        let model = app.served.model(&model).ok_or_else(Failure::internal)?;
        // Of the current version alone rows are remembered.
        let is_current = model.current().is_some_and(|current| current.id == version.id);
        let drift = app.drift.as_ref().filter(|_| is_current).map(|drift| {
            let told = drift.told(&model.name, &version, &app.served);
            DriftView::of(drift, told.as_deref())
        });
        let view = ModelView::new(&app.served, model, &version, &form, answer, drift)?;
        Ok(View::of_model(&app.served, model, view))
    });
    page(&view.await?)
}

fn failed(app: &App, failure: &Failure) -> Result<Reply, Failure> {
    Ok(page(&View::failed(&app.served, failure))?.status(failure.status))
}

fn page(view: &View) -> Result<Reply, Failure> {
    let mut reply = Reply::of(HTML, Body::from(html(view)?));
    let headers = reply.response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(reply)
}
