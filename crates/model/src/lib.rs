//! Numbers to vectors and predictions.

pub mod card;
pub mod compare;
pub mod discover;
mod draw;
mod embed;
mod encoder;
pub mod export;
pub mod extend;
pub mod fill;
pub mod index;
mod kernel;
pub mod lineage;
mod linear;
pub mod metric;
mod model_file;
mod numbers;
mod objective;
pub mod odd;
mod param;
pub mod predictor;
mod record;
pub mod registry;
pub mod report;
pub mod space;
pub mod store;
mod tape;
#[doc(hidden)]
pub mod timed;
pub mod train;
mod tree;
pub mod watch;
pub mod weights;

pub use compare::CompareOptions;
pub use discover::{DiscoverOptions, Discovery, discover};
pub use extend::{
    ConsolidateOptions, ExtendOptions, Graft, Keep, MergeOptions, PruneOptions, RankColumnsOptions,
    RefreshOptions,
};
pub use index::RowIndex;
pub use lineage::Lineage;
pub use model_file::{ModelFile, ModelKind};
pub use predictor::{Predictor, PredictorOptions};
pub use registry::Registry;
pub use space::{EmbeddingSpace, FitOptions, Freeze, Mode, Schedule, SpaceConfig};
pub use tabgraft_table::error::{self, Error, Result};
pub use train::{Device, TrainingOptions};
