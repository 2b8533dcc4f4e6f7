//! Tokens to one vector per row.

pub(crate) mod network;
pub(crate) mod param;
mod pieces;
pub(crate) mod start;
pub(crate) mod surgery;
pub(crate) mod trunk;
pub(crate) mod weights;

pub(crate) use network::Network;
pub(crate) use pieces::Pieces;
