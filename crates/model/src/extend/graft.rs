//! Training a graft: in which phases, by which mode, and what the lineage says of it.

use tabgraft_table::Table;

use super::drift::DriftSample;
use crate::encoder::Network;
use crate::encoder::param::Params;
use crate::error::Result;
use crate::objective::Role;
use crate::space::{AnchorInfo, EmbeddingSpace, Mode, Rows, training_data};
use crate::train::{Anchor, Phase, Sink, Watch, train};

/// Weight of a new column in the training loss, against 1 for an old one: without it, training
/// from scratch for as many epochs is as good as grafting.
const NEW_COLUMN_WEIGHT: f32 = 4.0;
/// Fewest epochs without improvement that end a phase.
const LEAST_PATIENCE: usize = 3;
/// Learning rate while new weights alone train, against the space's own: few weights move, and from
/// nothing.
const NEW_WEIGHTS_FACTOR: f32 = 2.0;
/// Learning rate while all weights of a joint graft train, against the space's own: new weights go
/// on from little.
const ALL_WEIGHTS_FACTOR: f32 = 2.0;
/// A joint graft hides new cells half as often, and asks for those that it shows nearly as much as
/// for hidden ones: old vectors have no room left over, so what is new must be made to enter them.
const JOINT_ROLE: Role = Role { weight: NEW_COLUMN_WEIGHT, visible: 0.9, hiding: 0.5 };
/// A side network has room of its own.
const FROZEN_ROLE: Role = Role { weight: NEW_COLUMN_WEIGHT, ..Role::OLD };

/// A grafted space that has not been trained yet, and the rows to train it on.
pub struct Graft {
    pub(super) child: EmbeddingSpace,
    pub(super) parent: EmbeddingSpace,
    pub(super) all: Table,
    pub(super) rows: Rows,
    pub(super) mode: Mode,
    /// Most drift of an anchored graft.
    pub(super) bound: Option<f64>,
    pub(super) n_epochs: usize,
    pub(super) auto_epochs: bool,
    pub(super) seed: u64,
}

impl Graft {
    /// The child as it stands before training.
    pub fn untrained(&self) -> &EmbeddingSpace {
        &self.child
    }

    /// Trains the graft, measures drift and completes the lineage entry.
    ///
    /// # Errors
    /// A training error if no gradient is finite.
    pub fn train(self, sink: &mut Sink<'_>) -> Result<EmbeddingSpace> {
        let Graft { mut child, parent, all, rows, mode, bound, n_epochs, auto_epochs, seed } = self;
        let encoded = child.encode(&all)?;
        let n_old = parent.about.columns.len();
        let n_all = child.about.columns.len();
        let new_role = match mode {
            Mode::Frozen => FROZEN_ROLE,
            Mode::Joint | Mode::Anchored => JOINT_ROLE,
        };
        let roles = (0..n_all).map(|c| if c < n_old { Role::OLD } else { new_role }).collect();
        let data = training_data(&child, &encoded, &rows, roles, 0..n_old);
        let config = child.about.config.clone();
        let (thaw_new, thaw_all) =
            (|n: &mut Network| thaw_graft(n, mode), |n: &mut Network| n.set_thawed(true));
        let phase = |name, n_epochs, watch, factor: f32, weight_decay, thaw| Phase {
            name,
            n_epochs,
            batch_size: child.about.batch_size,
            learning_rate: config.learning_rate * factor,
            weight_decay,
            p_drop: config.p_drop,
            watch,
            patience: auto_epochs.then(|| (n_epochs / 5).max(LEAST_PATIENCE)),
            seed,
            thaw,
        };
        let phases = match mode {
            Mode::Frozen => {
                vec![phase(
                    "graft",
                    n_epochs,
                    Watch::AllColumns,
                    NEW_WEIGHTS_FACTOR,
                    config.weight_decay,
                    &thaw_new as _,
                )]
            }
            Mode::Joint | Mode::Anchored => {
                let first = n_epochs / 2;
                let mut phases = Vec::new();
                if first > 0 {
                    phases.push(phase(
                        "new columns",
                        first,
                        Watch::NewColumns,
                        NEW_WEIGHTS_FACTOR,
                        0.0,
                        &thaw_new as _,
                    ));
                }
                phases.push(phase(
                    "all columns",
                    n_epochs - first,
                    Watch::AllColumns,
                    ALL_WEIGHTS_FACTOR,
                    config.weight_decay,
                    &thaw_all as _,
                ));
                phases
            }
        };
        let sample = DriftSample::new(&parent, &encoded, &rows, seed);
        let measure = |network: &Network| sample.distance(network);
        let origin = bound.map(|_| child.network.clone());
        let mut anchor = bound
            .zip(origin.as_ref())
            .map(|(bound, origin)| Anchor::new(bound, &parent.network, origin, &measure));
        let info = train(&mut child.network, &data, &phases, anchor.as_mut(), sink)?;
        let anchor = anchor.map(|a| AnchorInfo { drift_bound: a.bound, kept_share: a.kept_share });
        let drift = sample.drift(&child.network)?;
        let hashes = child.compute_hashes(&rows.key);
        child.about.hashes = hashes;
        if let Some(last) = child.about.extensions.last_mut() {
            last.training_epochs_used = info.epochs.len();
            last.phases.clone_from(&info.phases);
            last.seconds = info.seconds;
            last.drift = drift;
            last.anchor = anchor;
            last.parent_validation_loss = parent.about.training_info.final_validation_loss;
        }
        child.about.training_info = info;
        Ok(child)
    }
}

/// Thaws what the last graft added, and nothing else.
fn thaw_graft(network: &mut Network, mode: Mode) {
    match mode {
        Mode::Frozen => {
            if let Some(side) = network.sides.last_mut() {
                side.set_thawed(true);
            }
            for head in network.heads.iter_mut().rev().take(2) {
                head.set_thawed(true);
            }
        }
        Mode::Joint | Mode::Anchored => {
            if let Some(group) = network.groups.last_mut() {
                group.set_thawed(true);
            }
            if let Some(head) = network.heads.last_mut() {
                head.set_thawed(true);
            }
        }
    }
}
