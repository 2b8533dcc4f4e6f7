//! What happens in the server, as typed events to whoever writes them down. None holds a cell, a token or a path as
//! it was asked for.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The server answers from now on.
    Listening {
        /// Where.
        address: SocketAddr,
        /// Whether connections are encrypted.
        tls: bool,
    },
    /// A version answers from now on.
    Serving {
        /// Under this name.
        model: String,
        /// Its id.
        version: String,
        /// The name that it was trained under.
        name: String,
        /// The version that answered until now; none at the start.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    /// A registry has no current version, or one that cannot be loaded; the version from before goes on answering.
    NotServed {
        /// The model's name.
        model: String,
        /// Why.
        reason: String,
    },
    /// An index is searched for neighbours from now on.
    Index {
        /// Its file.
        file: String,
        /// Rows in it.
        n_rows: usize,
        /// The version whose vectors it holds.
        version: String,
    },
    /// A request was answered.
    Request {
        /// GET or POST.
        method: String,
        /// The route, with names in braces in place of what was asked for; empty for an unknown one.
        route: String,
        /// Status of the answer.
        status: u16,
        /// Milliseconds from the request's head to the answer's.
        ms: f64,
        /// The model that answered.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Its version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Rows that were answered.
        #[serde(skip_serializing_if = "Option::is_none")]
        n_rows: Option<usize>,
    },
    /// A connection ended before its encryption was agreed on, or could not be accepted.
    ConnectionFailed {
        /// Why.
        reason: String,
    },
    /// No connection is accepted any more; those that are open are answered.
    Stopping,
    /// All is done.
    Stopped {
        /// Connections that had to be cut off.
        n_cut: usize,
    },
}

/// Who is told.
pub type Sink = Arc<dyn Fn(&Event) + Send + Sync>;
