//! Features: new columns made from others, by formulas or by statistics fitted on training rows.
//!
//! A [`Feature`] is a name, a [`Definition`] and, once fitted, its state. The
//! [`FeatureEngineer`] fits a list of them and applies it to any later table.
//!
//! Discovery finds them: [`propose`] by column kinds, [`rank`] by what a predictor leaves
//! unexplained, [`compose()`] of the best, [`judging`] on other rows; [`SuggestionHistory`] and
//! [`Effectiveness`] remember.

pub mod candidate;
pub mod choice;
pub mod compose;
pub mod definition;
pub mod effectiveness;
pub mod engineer;
pub mod expr;
pub mod fitted;
mod forward;
pub mod gain;
mod histogram;
pub mod history;
mod interaction;
pub mod judging;
mod naming;
pub mod profile;
pub mod residuals;
mod shape;
pub mod standing;
pub mod summary;
mod trial;
mod values;

pub use candidate::{CandidateLimits, propose};
pub use choice::{FeatureChoice, FeatureFile};
pub use compose::compose;
pub use definition::{Definition, Feature, GroupStatistic};
pub use effectiveness::Effectiveness;
pub use engineer::{FeatureEngineer, Skipped, TransformOptions, Transformed};
pub use expr::{Formula, quoted_column};
pub use fitted::FittedState;
pub use gain::{RankOptions, Ranked, Scored, rank};
pub use history::SuggestionHistory;
pub use profile::{CandidateInputs, ColumnProfile, NumberProfile, TextProfile, TimeProfile};
pub use residuals::Residuals;
pub use shape::Shape;
pub use standing::Standing;
pub use summary::FeatureSummary;
pub use values::CandidateValues;
