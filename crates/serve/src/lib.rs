//! Models behind one address: rows in, vectors and predictions out, over HTTP.
//!
//! ```text
//! connection ─ TLS ─► gate (who, how many, how long) ─► route ─ rows ─► queue ─► version ─► answer
//!                                                                ▲                 ▲
//!                                             rows of several requests      file, or a registry's
//!                                             are computed together         current version
//! ```
//!
//! A request is answered by one version from its first to its last row, the one that was current when it came. When a
//! registry's current version changes, requests from then on get the new one; none waits, and none is lost.
//!
//! Open is what needs no secret: whether the server lives and is ready. Everything else wants a token if there are any,
//! and a server that others than this machine can reach has to have some. Nothing here prints: what happens is told by
//! [`Event`]s, which hold no cell and no token.

mod app;
mod call;
mod drift;
mod event;
mod failure;
mod gate;
mod handler;
mod limits;
mod listen;
mod metrics;
mod options;
mod page;
mod patient;
mod query;
mod remarks;
mod route;
mod rows;
mod served;
mod tensor;
mod tls;
mod tokens;
mod work;

pub use event::{Event, Sink};
pub use handler::{Handled, Handler};
pub use limits::Limits;
pub use listen::Server;
pub use options::ServeOptions;
pub use served::ServedModel;
pub use tls::TlsFiles;
pub use tokens::Tokens;
