//! Plain data that files hold: what a version remembers of its ancestors, its training and its judges.
//!
//! Nothing here computes; whatever makes or checks such a record stands above it.

mod evidence;
mod lineage;
mod profile;
mod training;
mod wiring;

pub use evidence::{ColumnEffect, Evidence};
pub use lineage::{
    AnchorInfo, ExtensionMetadata, Freeze, GraftJudgement, Hashes, Mode, Operation, ParentRef, PruneInfo,
    RefusedExtension, Sample, Schedule, SoftwareVersion, descends_from,
};
pub(crate) use lineage::{begins_with, step_from};
pub(crate) use profile::{MOST_GROUPS, rounded};
pub use profile::{Profile, ProfiledColumn, Surprises};
pub use training::{EpochInfo, PhaseInfo, Stages, StopReason, TrainingInfo, Watch};
pub(crate) use wiring::Wiring;
