//! What is remembered of searches: every candidate that was tried, what each feature was worth over all runs,
//! and which of them a person takes.

mod accumulate;
pub mod choice;
pub mod effectiveness;
pub mod engineer;
pub mod history;
pub mod standing;
pub mod written;

pub use choice::{FeatureChoice, FeatureFile};
pub use effectiveness::Effectiveness;
pub use engineer::{Recalled, RecalledEngineer};
pub use history::SuggestionHistory;
pub use standing::Standing;
