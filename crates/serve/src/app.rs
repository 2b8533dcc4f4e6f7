//! What all requests share, and whether one more may be answered: who asks, and how many ask already.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tabgraft_model::{Error, Result as Loaded};
use tabgraft_table::Table;
use tabgraft_table::unreadable::CellErrors;

use crate::drift::{Drift, gauges};
use crate::event::Sink;
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::options::ServeOptions;
use crate::served::{Model, Served, Version};
use crate::tokens::TokenNumber;
use crate::work::{Answer, Work};

/// Everything that requests share.
pub(crate) struct App {
    pub options: ServeOptions,
    pub served: Served,
    pub work: Work,
    /// The last rows of each model, where they are watched.
    pub drift: Option<Drift>,
    pub metrics: Arc<Metrics>,
    pub sink: Sink,
    /// Requests that are worked on or wait, by client.
    clients: Mutex<HashMap<Client, usize>>,
}

/// Who asks: told by its token, or else by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    Token(TokenNumber),
    Address(Option<IpAddr>),
}

/// A request's place among those of its client and of all; given back when dropped.
pub(crate) struct Place<'a> {
    app: &'a App,
    client: Client,
}

impl App {
    /// Loads everything that is served, and starts the threads that compute.
    ///
    /// # Errors
    /// As [`Served::open`]; an io error if threads cannot be started.
    pub fn open(options: ServeOptions, sink: Sink) -> Loaded<Arc<Self>> {
        let served = Served::open(&options.models, &options.indices, &sink)?;
        let metrics = Arc::new(Metrics::default());
        let n_threads = thread::available_parallelism().map_or(1, usize::from);
        let work = Work::start(options.limits.requests, n_threads, metrics.clone())
            .map_err(|error| Error::io(Path::new("threads"), "start", error))?;
        let drift = options.watch.map(Drift::start).transpose();
        let drift = drift.map_err(|error| Error::io(Path::new("threads"), "start", error))?;
        Ok(Arc::new(App { options, served, work, drift, metrics, sink, clients: Mutex::default() }))
    }

    /// What a version of a model says of the rows of a table: counted, and remembered where the model's rows are watched
    /// and the version is the current one.
    ///
    /// # Errors
    /// As [`Work::ask`].
    pub async fn ask(
        &self,
        model: &str,
        version: &Arc<Version>,
        table: Table,
        errors: CellErrors,
    ) -> Result<Answer, Failure> {
        let kept = self.drift.as_ref().map(|drift| (drift, table.clone()));
        let answer = self.work.ask(version.clone(), table, errors).await?;
        self.metrics.rows(model, answer.counts());
        let current = || self.served.model(model)?.current();
        if let Some((drift, table)) = kept
            && current().is_some_and(|current| current.id == version.id)
        {
            drift.keep(model, version, table, errors);
        }
        Ok(answer)
    }

    /// Drift as Prometheus reads it: what was found when the metrics were read before. The next verdicts are found behind the
    /// answer, unless that is under way.
    pub fn drift_gauges(self: &Arc<Self>) -> String {
        let Some(drift) = &self.drift else { return String::new() };
        let current = |model: &Model| Some(drift.known(&model.name, &*model.current()?));
        let known: Vec<_> = self.served.models.iter().filter_map(current).collect();
        if drift.want() {
            let app = self.clone();
            let look = move || app.drift.iter().for_each(|drift| drift.look(&app.served));
            if self.work.later(look).is_err() {
                drift.give_up();
            }
        }
        gauges(&known)
    }

    /// A server without tokens on this machine's own address answers to this machine's names alone: a page of a
    /// stranger, open in a browser here, may have its name lead to 127.0.0.1.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if !self.options.tokens.is_empty() || self.options.insecure {
            return Ok(());
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, port)| match port.parse::<u16>() {
            Ok(_) => name,
            Err(_) => host,
        });
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let is_own = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok();
        match is_own {
            true => Ok(()),
            false => Err(Failure::new(
                StatusCode::MISDIRECTED_REQUEST,
                "without tokens the server answers to its address or `localhost` alone",
            )
            .with_hint("ask for 127.0.0.1, or start the server with tokens")),
        }
    }

    /// The token that a request brings, as a bearer's or as the password that a browser asks for.
    pub fn token(&self, headers: &HeaderMap) -> Option<TokenNumber> {
        let (scheme, offered) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let offered = offered.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.options.tokens.find(offered);
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = String::from_utf8(BASE64_STANDARD.decode(offered).ok()?).ok()?;
            return self.options.tokens.find(pair.split_once(':')?.1);
        }
        None
    }

    /// A place for one more request.
    ///
    /// # Errors
    /// 429 if the client has as many as it may, 503 if all together have.
    pub fn place(&self, client: Client) -> Result<Place<'_>, Failure> {
        let limits = &self.options.limits;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let n_own = clients.get(&client).copied().unwrap_or(0);
        if self.metrics.requests.value() >= limits.requests {
            return Err(Failure::unavailable(format!("{} requests are open already", limits.requests))
                .with_hint("ask again in a moment"));
        }
        if n_own >= limits.requests_of_client {
            return Err(Failure::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!("{n_own} requests of this client are open already"),
            )
            .with_hint("wait for an answer before you ask again"));
        }
        clients.insert(client, n_own + 1);
        self.metrics.requests.add();
        Ok(Place { app: self, client })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut clients = self.app.clients.lock().unwrap_or_else(PoisonError::into_inner);
        match clients.get_mut(&self.client) {
            Some(n) if *n > 1 => *n -= 1,
            _ => drop(clients.remove(&self.client)),
        }
        self.app.metrics.requests.sub();
    }
}
