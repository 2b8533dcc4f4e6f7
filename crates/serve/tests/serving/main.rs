//! What the server promises, asked over real connections.

#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod client;
mod drift;
mod gates;
mod hostile;
mod models;
mod pages;
mod versions;
