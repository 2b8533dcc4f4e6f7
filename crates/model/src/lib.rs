//! Numbers to vectors and predictions.

pub mod discover;
mod embed;
mod encoder;
pub mod error;
pub mod extend;
mod kernel;
pub mod metric;
mod objective;
pub mod predictor;
pub mod report;
pub mod space;
pub mod store;
pub mod train;

pub use discover::{DiscoverOptions, Discovery, discover};
pub use error::{Error, Result};
pub use extend::{ExtendOptions, Graft};
pub use predictor::{Predictor, PredictorOptions};
pub use space::{EmbeddingSpace, FitOptions, Mode, SpaceConfig};
