//! Groups of flags that several commands share.
//!
//! Every group maps one to one to an option struct of the core and takes its defaults from there.

mod columns;
mod court;
mod errors;
mod features;
mod freeze;
mod keep;
mod limit;
mod out;
mod predictor;
mod read;
mod rows;
mod schema;
mod space;
mod split;
mod training;

pub use columns::column_names;
pub use court::CourtArgs;
pub use errors::ErrorsArgs;
pub use features::FeaturesArgs;
pub use freeze::FreezeArgs;
pub use keep::KeepArgs;
pub use limit::LimitArgs;
pub use out::OutArgs;
pub use predictor::PredictorArgs;
pub use read::{ReadArgs, table};
pub use rows::RowsArgs;
pub use schema::SchemaArgs;
pub use space::SpaceArgs;
pub use split::SplitArgs;
pub use training::{TrainingArgs, parse_bytes};
