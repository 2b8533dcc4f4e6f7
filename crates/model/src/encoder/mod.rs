//! Tokens to one vector per row.

pub(crate) mod network;
mod pieces;
mod resize;
pub(crate) mod surgery;
pub(crate) mod trunk;

pub(crate) use network::Network;
pub(crate) use pieces::Pieces;
