//! What prunes, merges and consolidations promise, on random tables and chains.

#![allow(clippy::unwrap_used)]

mod first_columns;
mod merge;
mod mixtures;
mod plain;
mod prune;
mod versions;
