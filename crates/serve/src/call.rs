//! A request on its way through a route, and the reply to it.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::LengthLimitError;
use serde::Serialize;
use tokio::time::timeout;

use crate::app::App;
use crate::failure::Failure;
use crate::rows::Form;
use crate::served::{Model, Version};

/// Bytes and rows from which on reading and writing leave the threads that serve connections.
const LARGE_BYTES: usize = 32 << 10;

/// A request.
pub(crate) struct Call {
    pub app: Arc<App>,
    /// What stands in the places of `{model}` and `{version}`.
    pub model: Option<String>,
    pub version: Option<String>,
    /// What stands behind the `?`.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Body,
}

/// What a route gives.
pub(crate) struct Reply {
    pub response: Response<Body>,
    /// Who answered about how many rows, for the log.
    pub answered: Option<Answered>,
}

/// Who answered.
pub(crate) struct Answered {
    pub model: String,
    pub version: String,
    pub n_rows: usize,
}

impl Call {
    /// The model that is asked.
    ///
    /// # Errors
    /// 404 if none is called so.
    pub fn model(&self) -> Result<&Model, Failure> {
        let name = self.model.as_deref().unwrap_or_default();
        self.app.served.model(name).ok_or_else(|| {
            let names: Vec<&str> = self.app.served.models.iter().map(|m| m.name.as_str()).collect();
            Failure::not_found(format!("no model is called `{name}`"))
                .with_hint(format!("there are {}", tabgraft_table::table::quoted(&names)))
        })
    }

    /// The version that is asked: the one in the address, or the current one. Held on to, it answers the whole request.
    ///
    /// # Errors
    /// 404 if there is none of that name; 503 if none is current.
    pub fn version(&self) -> impl Future<Output = Result<Arc<Version>, Failure>> + Send + use<> {
        let (app, name, asked) =
            (self.app.clone(), self.model.clone().unwrap_or_default(), self.version.clone());
        let found = self.model().map(|model| model.current());
        async move {
            let current = found?;
            let Some(asked) = asked else {
                return current.ok_or_else(|| {
                    Failure::unavailable(format!("`{name}` has no current version"))
                        .with_hint("promote one: `tabgraft registry DIR promote ID`")
                });
            };
            // It may have to be read.
            off_the_loop(true, move || {
                let model = app.served.model(&name).ok_or_else(Failure::internal)?;
                model.version(&asked).map_err(|error| {
                    let is_unknown = error.is_value();
                    let status =
                        if is_unknown { StatusCode::NOT_FOUND } else { StatusCode::SERVICE_UNAVAILABLE };
                    Failure { status, ..Failure::from(error) }
                })
            })
            .await
        }
    }

    /// The body, within the server's limits of bytes and time.
    ///
    /// # Errors
    /// 413, 408, 415 for one that is compressed, 400 for one that breaks off.
    pub async fn body(&mut self) -> Result<Bytes, Failure> {
        let limits = &self.app.options.limits;
        let too_large = || {
            Failure::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body has more than {} bytes", limits.body_bytes),
            )
            .with_hint("send the rows in parts")
        };
        if self.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is compressed")
                .with_hint("send it as it is"));
        }
        let length = self.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > limits.body_bytes as u64) {
            return Err(too_large());
        }
        let body = std::mem::take(&mut self.body);
        match timeout(limits.patience(), to_bytes(body, limits.body_bytes)).await {
            Err(_) => Err(Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                format!("the body was not there after {} s", limits.seconds),
            )),
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) if is_too_long(&error) => Err(too_large()),
            Ok(Err(_)) => Err(Failure::bad_request("the body broke off")),
        }
    }

    /// The form of the rows in the body, by its type.
    ///
    /// # Errors
    /// 415 for another than those of [`Form`].
    pub fn form(&self) -> Result<Form, Failure> {
        match self.content_type().as_str() {
            "application/json" => Ok(Form::Json),
            "application/x-ndjson" | "application/jsonl" => Ok(Form::JsonLines { query: self.query.clone() }),
            "text/csv" => Ok(Form::Csv { query: self.query.clone() }),
            _ => Err(self.unread("application/json, application/x-ndjson or text/csv")),
        }
    }

    /// The type of the body, in small letters and without parameters.
    pub fn content_type(&self) -> String {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// That bodies of this type are not read.
    pub fn unread(&self, others: &str) -> Failure {
        Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("content type `{}` is not read here", self.content_type()),
        )
        .with_hint(format!("send {others}"))
    }
}

/// Whether a body was longer than it may be.
fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Runs what takes long where it holds up no connection.
pub(crate) async fn off_the_loop<T: Send + 'static>(
    is_long: bool,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match is_long {
        false => work(),
        true => tokio::task::spawn_blocking(work).await.map_err(|_| Failure::internal())?,
    }
}

/// Whether so many bytes take long to read.
pub(crate) fn is_long(n_bytes: usize) -> bool {
    n_bytes > LARGE_BYTES
}

impl Reply {
    /// A document.
    pub fn json(document: &impl Serialize) -> Result<Self, Failure> {
        let bytes = serde_json::to_vec(document).map_err(|_| Failure::internal())?;
        Ok(Reply::of("application/json", Body::from(bytes)))
    }

    /// Any content.
    pub fn of(content_type: &'static str, body: Body) -> Self {
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Reply { response, answered: None }
    }

    #[must_use]
    pub fn answered(mut self, model: &str, version: &Version, n_rows: usize) -> Self {
        let (model, version) = (model.to_owned(), version.id.clone());
        self.answered = Some(Answered { model, version, n_rows });
        self
    }

    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        *self.response.status_mut() = status;
        self
    }
}
