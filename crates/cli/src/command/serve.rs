//! `serve`: models behind an address.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tabgraft_serve::{Limits, ServeOptions, ServedModel, Server, Sink, TlsFiles, Tokens};

use crate::answer::Answer;
use crate::arguments::parse_bytes;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt;
use crate::report::{Report, line};

/// The environment's variable that may hold tokens.
const TOKENS: &str = "TABGRAFT_TOKENS";
/// How often it is seen whether a signal came.
const LISTEN: Duration = Duration::from_millis(50);

/// Serve models over HTTP: predictions, vectors, similar rows, as JSON or as the Open Inference Protocol has it.
///
/// MODEL is a file, or the folder of a registry, whose current version answers: after `promote` and `rollback` further
/// requests get the other version, without a pause; each answer says by which version it was given. A file's or folder's
/// name is the model's; NAME=MODEL gives another.
///
/// Requests that come at the same time are computed together, which changes no bit of an answer. Without tokens only
/// this machine can ask. Tokens come from a file, or from the environment as TABGRAFT_TOKENS, one a line; clients send
/// `Authorization: Bearer TOKEN`.
///
/// Writes where it listens to stdout, and to stderr one line of JSON for each request, without cells; --quiet leaves
/// those out. SIGTERM and Ctrl-C end it after the requests that are under way.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft serve models credit.tabgraft --bind 127.0.0.1:8080
  curl -s 127.0.0.1:8080/models/credit/predict -H 'content-type: application/json' \\
    -d '{\"rows\": [{\"age\": 41, \"purpose\": \"radio/tv\"}]}'
  tabgraft serve risk=models --bind 0.0.0.0:443 --tokens tokens.txt \\
    --tls-cert cert.pem --tls-key key.pem")]
pub struct ServeArgs {
    /// Spaces, predictors or registries, each as PATH or NAME=PATH
    #[arg(required = true, value_name = "MODEL", value_parser = parse_model)]
    models: Vec<ServedModel>,
    /// An index to search among for neighbours; may be repeated
    #[arg(long, value_name = "FILE")]
    index: Vec<PathBuf>,
    /// Remember so many of the last rows of each model, as codes, and tell at /models/NAME/drift and on its page whether
    /// they are other than those of its training: 20 to 1000000 [default: none are remembered]
    #[arg(long, value_name = "ROWS")]
    watch: Option<usize>,
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// A file of tokens that clients may show, one a line, at least 16 characters each
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// A certificate (PEM, with those that lead to its authority) to encrypt with
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Listen where other machines can reach it without tokens, or with tokens but without encryption
    #[arg(long)]
    insecure: bool,
    /// Most bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value = "8MiB", value_parser = parse_bytes)]
    max_body: u64,
    /// Most rows of a request
    #[arg(long, value_name = "N", default_value_t = Limits::default().rows)]
    max_rows: usize,
    /// Seconds for a request to arrive, and again to be answered
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().seconds)]
    timeout: f64,
    /// Most open connections; further ones wait
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// Most requests at a time; further ones are answered with 503
    #[arg(long, value_name = "N", default_value_t = Limits::default().requests)]
    max_requests: usize,
    /// Most requests of one token or address at a time; further ones are answered with 429
    #[arg(long, value_name = "N", default_value_t = Limits::default().requests_of_client)]
    max_requests_of_client: usize,
}

/// What `serve` reports when it listens.
#[derive(Debug, Serialize)]
struct ServeReport {
    url: String,
    models: Vec<String>,
}

impl ServeArgs {
    /// Serves until a signal comes.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        // From here on a signal only asks.
        interrupt::listen();
        let log = *console;
        let sink: Sink = Arc::new(move |event| log.event(event));
        let server = Server::start(self.options()?, sink)?;
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        console.report(&ServeReport {
            url: format!("{scheme}://{}", server.address()),
            models: self.models.iter().map(|model| model.name.clone()).collect(),
        })?;
        while interrupt::requested().is_none() {
            thread::sleep(LISTEN);
        }
        server.stop();
        Ok(Answer::Yes)
    }

    fn options(&self) -> Result<ServeOptions, Failure> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })
            }
            _ => None,
        };
        Ok(ServeOptions {
            models: self.models.clone(),
            indices: self.index.clone(),
            address: self.bind,
            tokens: self.tokens()?,
            tls,
            insecure: self.insecure,
            watch: self.watch,
            limits: Limits {
                body_bytes: usize::try_from(self.max_body).unwrap_or(usize::MAX),
                rows: self.max_rows,
                seconds: self.timeout,
                connections: self.max_connections,
                requests: self.max_requests,
                requests_of_client: self.max_requests_of_client,
            },
        })
    }

    /// The tokens of the file or, without one, of the environment.
    fn tokens(&self) -> Result<Tokens, Failure> {
        let Some(path) = &self.tokens else {
            return match std::env::var(TOKENS) {
                Err(std::env::VarError::NotPresent) => Ok(Tokens::default()),
                Ok(text) => Ok(Tokens::parse(&text).map_err(|e| e.at(TOKENS))?),
                Err(error) => Err(Failure::new(format!("{TOKENS}: {error}"))),
            };
        };
        let text =
            std::fs::read_to_string(path).map_err(|error: io::Error| Failure::io(path, "read", error))?;
        Ok(Tokens::parse(&text).map_err(|e| e.at(format!("`{}`", path.display())))?)
    }
}

fn parse_model(text: &str) -> Result<ServedModel, String> {
    ServedModel::parse(text).map_err(|error| error.to_string())
}

impl Report for ServeReport {
    fn text(&self) -> String {
        line!("{} serves {}", self.url, self.models.join(", "))
    }
}
