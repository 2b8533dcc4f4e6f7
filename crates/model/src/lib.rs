//! Numbers to vectors and predictions.

pub mod error;
pub mod metric;
pub mod store;

pub use error::{Error, Result};
