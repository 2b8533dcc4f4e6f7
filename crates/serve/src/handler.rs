//! Requests that come through no socket: a program hands one in and is handed the answer.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::HOST;
use tabgraft_model::{Error, Result};
use tokio::runtime::{Builder, Runtime};
use tower_service::Service;

use crate::app::App;
use crate::event::Sink;
use crate::gate::router;
use crate::options::ServeOptions;

/// Answers as a [`Server`](crate::Server) does, to the program that holds it. It listens nowhere and follows no registry:
/// a registry's version is the one that was current when it was opened.
pub struct Handler {
    router: Router,
    runtime: Runtime,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// The status of HTTP.
    pub status: u16,
    /// The content.
    pub body: Vec<u8>,
}

impl Handler {
    /// Loads everything that is to be served. Addresses and certificates of the options are not used.
    ///
    /// # Errors
    /// Those of the limits and of loading models and indices; an io error if threads cannot be started.
    pub fn open(options: ServeOptions, sink: Sink) -> Result<Self> {
        options.check_bounds()?;
        let app: Arc<App> = App::open(options, sink)?;
        // Work that takes long has threads of its own, and the caller's is enough for the rest.
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| Error::io(Path::new("threads"), "start", error))?;
        Ok(Handler { router: router(&app), runtime })
    }

    /// Answers one request, in the caller's thread. It is asked as `localhost`, unless `headers` say another host.
    ///
    /// # Errors
    /// An option error if method, address or headers are none of HTTP. What a request asks in vain has a status instead.
    pub fn answer(
        &self,
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Handled> {
        let mut request = Request::builder().method(method).uri(address);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(HOST.as_str())) {
            request = request.header(HOST, "localhost");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Body::from(body.to_vec()))
            .map_err(|error| Error::option(format!("`{method} {address}` is no request of HTTP: {error}")))?;
        let mut router = self.router.clone();
        self.runtime.block_on(async move {
            let response = match router.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), usize::MAX).await;
            let body = body.map_err(|error| Error::value(format!("the answer broke off: {error}")))?;
            Ok(Handled { status, body: body.to_vec() })
        })
    }
}
