//! Numbers to vectors and predictions.

pub mod error;

pub use error::{Error, Result};
