//! What is served, where, to whom.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use tabgraft_model::{Error, Result};

use crate::limits::Limits;
use crate::served::ServedModel;
use crate::tls::TlsFiles;
use crate::tokens::Tokens;

/// Rows that may be watched: of fewer nothing is certain, and of more no test needs to know.
const WATCHED_ROWS: RangeInclusive<usize> = 20..=1_000_000;

/// What is served, where, to whom.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Files and registries.
    pub models: Vec<ServedModel>,
    /// Files of row indices, to search among for neighbours.
    pub indices: Vec<PathBuf>,
    /// Where to listen; port 0 is any that is free. Default 127.0.0.1:8080.
    pub address: SocketAddr,
    /// Who may ask; with none, everybody who can reach the address. Default: none.
    pub tokens: Tokens,
    /// Certificate and key, if connections are to be encrypted. Default: none.
    pub tls: Option<TlsFiles>,
    /// Whether an address that other machines can reach may be open without tokens, or take tokens in the clear.
    /// Default: no.
    pub insecure: bool,
    /// How many of the last rows of each model are remembered, as codes, to say whether they are other than those of its
    /// training; 20 to 1,000,000. Default: none.
    pub watch: Option<usize>,
    /// How much may be asked for.
    pub limits: Limits,
}

impl Default for ServeOptions {
    fn default() -> Self {
        ServeOptions {
            models: Vec::new(),
            indices: Vec::new(),
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tokens: Tokens::default(),
            tls: None,
            insecure: false,
            watch: None,
            limits: Limits::default(),
        }
    }
}

impl ServeOptions {
    /// Whether numbers are within their ranges, which those have to be that listen nowhere, too.
    ///
    /// # Errors
    /// An option error that names the option, the value and the range.
    pub(crate) fn check_bounds(&self) -> Result<()> {
        self.limits.check()?;
        let Some(n) = self.watch.filter(|n| !WATCHED_ROWS.contains(n)) else { return Ok(()) };
        let (fewest, most) = (WATCHED_ROWS.start(), WATCHED_ROWS.end());
        Err(Error::option(format!("option `watch` is {n}, allowed is {fewest} to {most} rows"))
            .with_hint("leave it out to remember none"))
    }

    /// Whether these options go together.
    ///
    /// # Errors
    /// An option error for a number out of its range, or for an address that other machines can reach without tokens, or with
    /// tokens but without TLS, unless `insecure` says that this is meant.
    pub fn check(&self) -> Result<()> {
        self.check_bounds()?;
        if self.address.ip().is_loopback() || self.insecure {
            return Ok(());
        }
        let refused = |why: &str, hint: &str| {
            let text = format!("other machines can reach {}, and {why}", self.address.ip());
            Err(Error::option(text).with_hint(hint.to_owned()))
        };
        if self.tokens.is_empty() {
            return refused(
                "there are no tokens: anybody could ask",
                "give tokens, or --insecure if the network is to be trusted",
            );
        }
        if self.tls.is_none() {
            return refused(
                "tokens would go there in the clear",
                "give --tls-cert and --tls-key, or --insecure if TLS ends in front of the server",
            );
        }
        Ok(())
    }
}
