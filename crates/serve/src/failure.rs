//! Why a request was not answered: a status, what was wrong, and a hint.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use tabgraft_model::Error;

/// Seconds after which to ask again.
const RETRY_S: u32 = 1;

/// A failure on its way to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub status: StatusCode,
    pub error: String,
    pub hint: Option<String>,
}

/// What is sent of it.
#[derive(Debug, Serialize)]
struct Told<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Failure {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Failure { status, error: error.into(), hint: None }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What was sent is not what it says it is.
    pub fn bad_request(error: impl Into<String>) -> Self {
        Failure::new(StatusCode::BAD_REQUEST, error)
    }

    pub fn not_found(error: impl Into<String>) -> Self {
        Failure::new(StatusCode::NOT_FOUND, error)
    }

    /// It is well formed, but there is no answer to it.
    pub fn unprocessable(error: impl Into<String>) -> Self {
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error)
    }

    /// The server cannot answer now.
    pub fn unavailable(error: impl Into<String>) -> Self {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }

    /// A defect of the server: nothing that the client did.
    pub fn internal() -> Self {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed at this request")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = if error.is_malformed() {
            StatusCode::BAD_REQUEST
        } else if error.is_value() || error.is_schema() || error.is_option() {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Failure { status, error: error.to_string(), hint: error.hint().map(str::to_owned) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        let told = Told { error: &self.error, hint: self.hint.as_deref() };
        let mut response = Response::new(Body::from(serde_json::to_vec(&told).unwrap_or_default()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_S));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tabgraft\""));
        }
        response
    }
}
