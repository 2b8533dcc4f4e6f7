//! Training a graft, and what the lineage says of it.

use std::time::Instant;

use tabgraft_table::Table;

use super::dose::Dose;
use super::drift::DriftSample;
use super::plan::stages;
use super::role::roles;
use super::thaw::OldWeights;
use crate::encoder::Network;
use crate::error::Result;
use crate::space::{AnchorInfo, EmbeddingSpace, Freeze, Mode, Rows};
use crate::train::{Anchor, Phase, Sink, TrainingPlan, train};

/// A grafted space that has not been trained yet, and the rows to train it on.
pub struct Graft {
    pub(super) child: EmbeddingSpace,
    pub(super) parent: EmbeddingSpace,
    pub(super) all: Table,
    pub(super) rows: Rows,
    pub(super) mode: Mode,
    pub(super) freeze: Freeze,
    /// Most drift of an anchored graft.
    pub(super) bound: Option<f64>,
    pub(super) dose: Dose,
    pub(super) plan: TrainingPlan,
    /// When the graft began.
    pub(super) start: Instant,
}

impl Graft {
    /// The child as it stands before training.
    pub fn untrained(&self) -> &EmbeddingSpace {
        &self.child
    }

    /// Trains the graft, measures drift and completes the lineage entry.
    ///
    /// # Errors
    /// A training error if no gradient is finite; or the GPU fails; an option error if the limit of
    /// memory is too low.
    pub fn train(self, sink: &mut Sink<'_>) -> Result<EmbeddingSpace> {
        let Graft { mut child, parent, all, rows, mode, freeze, bound, dose, plan, start } = self;
        let (train_rows, most_watched) = dose.rows_of(&rows);
        let looked_at = rows.looked_at(train_rows, most_watched);
        let encoded = child.encode_rows(&all, &looked_at.rows_idx)?;
        let n_old = parent.about.columns.len();
        let roles = roles(mode, n_old, child.about.columns.len() - n_old);
        let mut data = looked_at.training_data(&child, &encoded, roles, 0..n_old);
        child.keep_within(
            &plan,
            bound.is_some(),
            &mut data,
            [all.n_bytes() + encoded.n_bytes(), all.n_rows()],
            sink,
        )?;
        data.allowance.n_variants = data.allowance.n_variants.min(dose.n_variants);
        let (coding, parent_start) = (start.elapsed().as_secs_f64(), Instant::now());
        let sample = DriftSample::new(&parent.network, &encoded, &looked_at.rows, plan.seed());
        let parent_seconds = parent_start.elapsed().as_secs_f64();
        // The batches are cut from the data: what it was made of makes room.
        drop((all, encoded));
        let n_parts: Vec<usize> = child.about.codecs.iter().map(|c| c.parts().len()).collect();
        let old = OldWeights::new(&freeze, &parent, n_parts);
        let stages = stages(mode, &freeze, dose.n_epochs, plan.auto_epochs());
        let thaws: Vec<_> = stages
            .iter()
            .map(|stage| {
                let (old, parts) = (&old, stage.thawed);
                move |network: &mut Network| old.thaw(network, mode, parts)
            })
            .collect();
        let config = &child.about.config;
        let phases: Vec<Phase<'_>> = stages
            .iter()
            .zip(&thaws)
            .map(|(stage, thaw)| Phase {
                name: stage.name,
                n_epochs: stage.n_epochs,
                rows: None,
                learning_rate: config.learning_rate * stage.rate_factor,
                weight_decay: if stage.decays { config.weight_decay } else { 0.0 },
                p_drop: config.p_drop,
                watch: stage.watch,
                ending: stage.ending,
                thaw,
            })
            .collect();
        let measure = |network: &Network| sample.distance(network);
        let origin = bound.map(|_| child.network.clone());
        let mut anchor = bound
            .zip(origin.as_ref())
            .map(|(bound, origin)| Anchor::new(bound, &parent.network, origin, &measure));
        let mut info = train(&mut child.network, &data, &plan, &phases, anchor.as_mut(), sink)?;
        info.stages.coding = coding;
        info.stages.parent += parent_seconds;
        let anchor = anchor.map(|a| AnchorInfo { drift_bound: a.bound, kept_share: a.kept_share });
        let drift_start = Instant::now();
        let drift = sample.drift(&child.network)?;
        info.stages.validation += drift_start.elapsed().as_secs_f64();
        if let Some(last) = child.about.extensions.last_mut() {
            last.training_epochs_used = info.epochs.len();
            last.batch_size = Some(child.about.batch_size);
            last.phases.clone_from(&info.phases);
            last.seconds = info.seconds;
            last.drift = drift;
            last.anchor = anchor;
            last.parent_validation_loss = parent.about.training_info.final_validation_loss;
        }
        child.about.profile = Some(child.profiled(&data, info.n_rows_trained()));
        drop(data);
        child.about.training_info = info;
        let hashes = child.compute_hashes(&rows)?;
        child.about.hashes = hashes;
        Ok(child)
    }
}

#[cfg(test)]
#[cfg(feature = "wgpu")]
mod tests;
