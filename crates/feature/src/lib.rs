//! Features: new columns made from others, by formulas or by statistics fitted on training rows.
//!
//! A [`Feature`] is a name, a [`Definition`] and, once fitted, its state. The [`FeatureEngineer`] fits a
//! list of them and applies it to any later table. Nothing here judges a feature: what proposes, ranks,
//! judges and remembers is the model crate's `discover`.
//!
//! This crate knows tables, the formula language and fitted statistics. It does not know tensors, targets
//! or networks, and it never prints, exits or reads the environment.

pub mod definition;
mod dependence;
mod differing;
pub mod engineer;
pub mod expr;
pub mod fitted;
pub mod naming;
mod rare;
pub mod sql;
pub mod summary;

pub use definition::{Definition, Feature, GroupStatistic};
pub use dependence::{dependents, in_order, with_needs};
pub use differing::Differing;
pub use engineer::{FeatureEngineer, Present, Skipped, TransformOptions, Transformed};
pub use expr::{Formula, quoted_column};
pub use fitted::FittedState;
pub use summary::FeatureSummary;
pub use tabgraft_table::error::{self, Error, Result};
