//! Numbers to vectors and predictions.

mod embed;
mod encoder;
pub mod error;
mod kernel;
pub mod metric;
mod objective;
pub mod train;

pub use error::{Error, Result};
