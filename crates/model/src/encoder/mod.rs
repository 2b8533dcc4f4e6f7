//! Tokens to one vector per row.

pub(crate) mod network;
pub(crate) mod param;
pub(crate) mod surgery;
pub(crate) mod trunk;
pub(crate) mod weights;

pub(crate) use network::Network;
