//! Features: new columns made from others, by formulas or by statistics fitted on training rows.
//!
//! A [`Feature`] is a name, a [`Definition`] and, once fitted, its state. The
//! [`FeatureEngineer`] fits a list of them and applies it to any later table.

pub mod definition;
pub mod engineer;
pub mod expr;
pub mod fitted;

pub use definition::{Definition, Feature, GroupStatistic};
pub use engineer::{FeatureEngineer, Skipped, TransformOptions, Transformed};
pub use expr::{Formula, quoted_column};
pub use fitted::FittedState;
