//! Judging features on rows that did not suggest them: `court` is the fast judge, `refit` the last word,
//! as far as `plan` finds time for it, `verdict` what is said of each; `corrected` has the statistics.

pub mod corrected;
pub(super) mod court;
pub(super) mod leak;
pub(super) mod plan;
pub(super) mod refit;
pub(super) mod verdict;
