//! Numbers to vectors and predictions.

pub mod compare;
pub mod discover;
mod embed;
mod encoder;
pub mod extend;
mod kernel;
pub mod metric;
mod objective;
pub mod predictor;
pub mod prepare;
pub mod report;
pub mod space;
pub mod store;
pub mod train;

pub use compare::CompareOptions;
pub use discover::{DiscoverOptions, Discovery, discover};
pub use extend::{ExtendOptions, Graft, Keep};
pub use predictor::{Predictor, PredictorOptions};
pub use space::{EmbeddingSpace, FitOptions, Freeze, Mode, Schedule, SpaceConfig};
pub use tabgraft_table::error::{self, Error, Result};
