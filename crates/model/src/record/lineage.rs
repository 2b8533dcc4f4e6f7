//! What an embedding space remembers of its ancestors.

use serde::{Deserialize, Serialize};

use super::{ColumnEffect, Evidence, PhaseInfo};
use crate::metric::{Drift, PairedDifference};

/// How a graft treats what was learned before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Old weights never change; a side network writes extra coordinates behind the parent's.
    Frozen,
    /// As joint, but old coordinates stay within a bound of drift that the user gives.
    Anchored,
    /// New weights first, then all of them; old coordinates drift, and the drift is measured.
    Joint,
}

impl Mode {
    /// The mode's name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Frozen => "frozen",
            Mode::Anchored => "anchored",
            Mode::Joint => "joint",
        }
    }
}

/// Which old weights a joint or anchored graft leaves alone, and when it lets go of the others.
///
/// By default none stays frozen: new weights train for half of the epochs, then all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Whether old tokens stay frozen: the lookup tables of old columns and their way into the trunk.
    pub tokens: bool,
    /// Whether the trunk stays frozen: the blocks that turn mixed tokens into the vector.
    pub trunk: bool,
    /// Whether the heads stay frozen that predict old columns.
    pub heads: bool,
    /// Old columns whose tokens stay frozen, by name: they keep their bits and cost no gradient work.
    pub columns: Vec<String>,
    /// When the rest is thawed.
    pub schedule: Schedule,
}

/// When old weights are thawed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// All at once, after half of the epochs.
    #[default]
    AtOnce,
    /// Trunk and heads after a third of the epochs, old tokens after two thirds.
    ByEpoch,
    /// The same, but each as soon as the validation loss has not fallen for 2 epochs.
    WhenFlat,
}

impl Freeze {
    /// Whether this is the default.
    pub fn is_default(&self) -> bool {
        *self == Freeze::default()
    }
}

/// The version of the software that trained a space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftwareVersion {
    /// Version of this library.
    pub version: String,
}

impl SoftwareVersion {
    /// This library's own.
    pub fn current() -> Self {
        SoftwareVersion { version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// What made a version from its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// New columns were grafted.
    #[default]
    Graft,
    /// Columns were removed.
    Prune,
    /// Descendants of one ancestor became one.
    Merge,
    /// All columns of a chain were trained into one plain network: a new line begins.
    Consolidate,
    /// The same columns learned from new rows: new levels got codes.
    Refresh,
}

impl Operation {
    /// The operation's name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Graft => "graft",
            Operation::Prune => "prune",
            Operation::Merge => "merge",
            Operation::Consolidate => "consolidate",
            Operation::Refresh => "refresh",
        }
    }
}

/// Content hashes (blake3, hex) that pin down where a space came from.
///
/// Equal where the versions are: the rows that one remembers say nothing of what it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashes {
    /// All weight matrices: names, shapes, bytes.
    pub weights: String,
    /// Columns, kinds and fitted codecs.
    pub schema: String,
    /// The training table's rows, by their cells in the columns of the first training: the same rows have
    /// the same hash in every descendant.
    pub data: String,
    /// The rule that gives rows to training, validation and test.
    pub split: String,
    /// The formulas of engineered columns.
    pub features: String,
    /// How the version came about: software, seed, mode, options and parents.
    pub recipe: String,
    /// Which token group reads what. None in versions of format 1.3 and earlier.
    pub wiring: Option<String>,
    /// Everything else that the file says of the version: columns left out, notes, losses, drift,
    /// judgements, the whole lineage; but no names, times and seconds. None in versions of format 1.3
    /// and earlier.
    pub claims: Option<String>,
    /// The rows that the version remembers. None where it remembers none. No part of the id: with and without
    /// them it is the same version.
    pub rows: Option<String>,
}

/// How an anchored graft held its bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorInfo {
    /// Most mean cosine distance of old vectors that was allowed.
    pub drift_bound: f64,
    /// Share of the way from the untrained graft to the trained weights that was kept: 1 where an
    /// epoch met the bound, less where the weights had to be taken back.
    pub kept_share: f32,
}

/// Most rows that a graft was to take in each epoch: how many it took, its training's record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Most training rows.
    pub n_train: usize,
    /// Most validation rows.
    pub n_valid: usize,
}

/// A parent of a merge beside the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParentRef {
    /// Its name.
    pub name: String,
    /// Its hashes.
    pub hashes: Hashes,
    /// Its own lineage since the common ancestor, oldest first; the first entry's parent is that
    /// ancestor.
    pub line: Vec<ExtensionMetadata>,
}

/// What removing columns did to the others: mean validation losses of the columns that are left.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneInfo {
    /// Before, with all columns visible.
    pub loss_before: Option<f64>,
    /// With the columns gone and nothing trained.
    pub loss_masked: Option<f64>,
    /// After the healing run; absent if there was none.
    pub loss_healed: Option<f64>,
}

/// One step of a lineage: everything that is needed to say what a version is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionMetadata {
    /// What was done to the parent.
    pub operation: Operation,
    /// Name of the parent; of a merge the first one.
    pub extended_from_es_name: String,
    /// Software that trained the parent.
    pub extended_from_es_version: SoftwareVersion,
    /// The other parents of a merge; empty for any other operation.
    pub other_parents: Vec<ParentRef>,
    /// When it was made: RFC 3339, UTC; with the offset `+00:00`, in files from before with `Z`.
    pub extension_date: String,
    /// Columns that the child has and the parent has not, in order.
    pub new_columns_added: Vec<String>,
    /// Columns that the parent has and the child has not.
    pub columns_removed: Vec<String>,
    /// Columns of the parent that the step's table lacked, or had no value in.
    pub columns_retired: Vec<String>,
    /// Columns of the parent.
    pub original_column_count: usize,
    /// Columns of the child.
    pub extended_column_count: usize,
    /// Epochs that it was trained for.
    pub training_epochs_used: usize,
    /// Rows of a step of its training; absent where nothing was trained.
    pub batch_size: Option<usize>,
    /// The rows that each epoch of its training took, where the graft was dosed by what it had to learn; absent
    /// where all rows were taken, or nothing was trained.
    pub sample: Option<Sample>,
    /// The phases of its training: epochs and why each ended.
    pub phases: Vec<PhaseInfo>,
    /// What the user said about the new columns; free form.
    pub feature_metadata: Option<serde_json::Value>,
    /// How old weights were treated: `frozen` if those that stay kept their bits.
    pub mode: Mode,
    /// Which old weights stayed frozen, and when the others were thawed.
    pub freeze: Freeze,
    /// Coordinates added behind the parent's; 0 for a joint or anchored graft.
    pub d_side: usize,
    /// The parent's hashes.
    pub parent: Hashes,
    /// The child's training table.
    pub data_hash: String,
    /// Software that trained the child.
    pub software: SoftwareVersion,
    /// Seed of its training.
    pub seed: u64,
    /// How far old rows' coordinates moved, on validation rows; zero by construction when frozen.
    /// Absent before training.
    pub drift: Option<Drift>,
    /// The bound of an anchored graft; absent in other modes.
    pub anchor: Option<AnchorInfo>,
    /// What removing columns did; absent unless columns were removed.
    pub prune: Option<PruneInfo>,
    /// Mean validation loss of the old columns in the parent, for comparison with the child's.
    pub parent_validation_loss: Option<f64>,
    /// How it was judged against its parent; absent if it was not.
    pub judgement: Option<GraftJudgement>,
    /// Wall time of its training, seconds.
    pub seconds: f64,
}

/// How a graft was judged against its parent: by predictors of a target, fitted alike on both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraftJudgement {
    /// The column that was predicted.
    pub target: String,
    /// How much better the child is.
    pub difference: PairedDifference,
    /// The rows that it rests on.
    pub evidence: Evidence,
    /// What each new column does to the child's predictions, the most harmful first.
    pub new_columns: Vec<ColumnEffect>,
}

/// A graft that was judged worse than its parent, and so was not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedExtension {
    /// Name of the child.
    pub name: String,
    /// Hash of the child's weights.
    pub weights: String,
    /// What its lineage would have said, its judgement included.
    pub extension: ExtensionMetadata,
}

impl ExtensionMetadata {
    /// As it is shown: the date always with the offset `+00:00`, which files from before write as `Z`.
    pub fn shown(&self) -> Self {
        let extension_date = match self.extension_date.strip_suffix('Z') {
            Some(moment) => format!("{moment}+00:00"),
            None => self.extension_date.clone(),
        };
        ExtensionMetadata { extension_date, ..self.clone() }
    }

    /// Hashes of all parents, the first one first.
    pub fn parents(&self) -> impl Iterator<Item = &Hashes> {
        std::iter::once(&self.parent).chain(self.other_parents.iter().map(|p| &p.hashes))
    }
}

/// Whether a lineage goes back to the version with these hashes, through any parent of a merge.
pub fn descends_from(lineage: &[ExtensionMetadata], ancestor: &Hashes) -> bool {
    lineage.iter().any(|entry| {
        entry.parents().any(|parent| parent == ancestor)
            || entry.other_parents.iter().any(|p| descends_from(&p.line, ancestor))
    })
}

/// Whether the vectors of a version with this lineage begin with those of an ancestor, bit for bit and whatever the row:
/// since then each step kept old weights frozen, and none removed a column that the ancestor has or gave a code to a level
/// that it takes for unseen. Of a merge only the first parent's
/// line counts: other parents' coordinates lie behind it.
pub(crate) fn begins_with(lineage: &[ExtensionMetadata], ancestor_id: &str) -> bool {
    let Some(at) = lineage.iter().rposition(|step| step.parent.id().as_str() == ancestor_id) else {
        return false;
    };
    let since = &lineage[at..];
    let is_new = |name: &String| since.iter().any(|step| step.new_columns_added.contains(name));
    since.iter().all(|step| {
        step.mode == Mode::Frozen
            && !matches!(step.operation, Operation::Consolidate | Operation::Refresh)
            && step.columns_removed.iter().all(is_new)
    })
}

/// The step of a lineage whose first parent is a version like this, the latest one.
pub(crate) fn step_from<'a>(
    lineage: &'a [ExtensionMetadata],
    is_wanted: &dyn Fn(&Hashes) -> bool,
) -> Option<&'a ExtensionMetadata> {
    lineage.iter().rev().find_map(|entry| {
        let others = entry.other_parents.iter().find_map(|p| step_from(&p.line, is_wanted));
        if is_wanted(&entry.parent) { Some(entry) } else { others }
    })
}
