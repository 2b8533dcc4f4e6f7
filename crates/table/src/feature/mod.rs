//! Features: new columns made from others, and the search for those that help.

pub mod candidate;
pub mod definition;
pub mod effectiveness;
pub mod gain;
mod histogram;
pub mod history;
pub mod judging;
mod ledger;
pub mod naming;
pub mod profile;
pub mod residuals;

pub use candidate::{CandidateLimits, propose};
pub use definition::{Definition, Feature, FittedState, GroupStatistic};
pub use effectiveness::Effectiveness;
pub use gain::{CandidateValues, Scored, rank};
pub use history::SuggestionHistory;
pub use profile::{CandidateInputs, ColumnProfile, NumberProfile};
pub use residuals::Residuals;
