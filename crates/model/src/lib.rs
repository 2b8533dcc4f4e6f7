//! Numbers to vectors and predictions.

pub mod error;
pub mod metric;

pub use error::{Error, Result};
