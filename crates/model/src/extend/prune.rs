//! Removing columns from a space.
//!
//! Where all columns of a side network go and no side that stays reads it, the side is cut off: nothing
//! else changes a bit, and without the sides of a version's descendants that version is back. Any other
//! column is *masked*: its tables are dropped, and what a missing cell of it added stays, so that every
//! row gets the vector of a row without the column. A short healing run then trains what read it.

use std::ops::Range;

use tabgraft_feature::{Feature, dependents};
use tabgraft_table::Table;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::error::near_names;
use tabgraft_table::schema::{ExcludedColumn, Exclusion};
use tabgraft_table::table::quoted;

use super::drift::drift_rows;
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::metric::{Drift, drift};
use crate::objective::Role;
use crate::param::Params;
use crate::space::{
    EmbeddingSpace, ExtensionMetadata, Freeze, Mode, Operation, Profile, PruneInfo, Rows, SoftwareVersion,
    embed_encoded, now, step_from, training_data,
};
use crate::train::{
    Ending, Event, Footprint, Phase, Sink, TrainingData, TrainingInfo, TrainingOptions, TrainingPlan, Watch,
    train, validation_losses,
};

/// Epochs of a healing run by default: this share of the first training's, and the fewest.
const HEALING_SHARE: usize = 8;
const LEAST_EPOCHS: usize = 4;
/// Learning rate of a healing run against the space's own: trained weights go on from where they are.
const RATE_FACTOR: f32 = 0.5;

/// How to remove columns.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    /// How the healing run trains; 0 epochs for none. Default: an eighth of the first training's epochs,
    /// at least 4, and the parent's rows of a step. With `auto_epochs`, here and in the first training, it stops
    /// when the validation loss has not fallen for a fifth of the epochs. A side network that is cut off leaves
    /// nothing to heal.
    pub training: TrainingOptions,
    /// Name of the child. Default: the parent's and `_pruned`.
    pub name: Option<String>,
}

impl PruneOptions {
    /// Checks every range.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.training.check_or_none()
    }
}

/// What is measured on a table before and after.
struct Measured {
    all: Table,
    rows: Rows,
    data: TrainingData,
    encoded: EncodedTable,
    info: PruneInfo,
    drift: Option<Drift>,
}

impl EmbeddingSpace {
    /// Removes columns, and the features that are made of them. The child lists them as excluded with the reason "pruned", so that no later
    /// table brings them back unasked.
    ///
    /// Cutting off frozen grafts is exact and needs no table; with one, the losses of the other columns
    /// are measured. Where columns leave a network that others stay in, the table's training rows
    /// heal it, and the lineage says what the loss was before, masked and healed. A healing run that
    /// does not lower the loss is taken back. The table has the columns of the space's split.
    ///
    /// # Errors
    /// An option error for a column that the space does not use, for the last column of the root, for
    /// a table that is needed and not given, for a limit of memory that is too low; a training error if no
    /// gradient is finite.
    pub fn prune(
        &self,
        columns: &[String],
        table: Option<&Table>,
        options: &PruneOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        options.check()?;
        table.map_or(Ok(()), |table| table.check_all_here("pruning"))?;
        // What reads a column that goes can no longer be made.
        let lost = dependents(self.features(), columns)?;
        let asked = columns;
        let columns = &self.with_features(asked, &lost);
        let is_gone = self.columns_to_prune(columns)?;
        for text in went_along(self.features(), asked, &lost) {
            let _ = sink(&Event::Note { text });
        }
        let is_cut = self.network.idle_sides(&is_gone);
        let touched = self.touched_pieces(&is_gone, &is_cut);
        let is_exact = !touched.contains(&true);
        let n_epochs = match options.training.n_epochs {
            _ if is_exact => 0,
            Some(n) => n,
            None => (self.about.planned_epochs / HEALING_SHARE).max(LEAST_EPOCHS),
        };
        if table.is_none() && n_epochs > 0 {
            return Err(Error::option(format!(
                "what is left without {} has to be healed on a table: other columns' networks read them",
                quoted(columns)
            ))
            .with_hint("give the table that the space was trained on, or 0 epochs to leave it unhealed"));
        }
        let mut child = self.smaller(&is_gone, &is_cut, &lost);
        child.about.name = options.name.clone().unwrap_or_else(|| format!("{}_pruned", self.name()));
        child.about.batch_size = options.training.batch_size.unwrap_or(self.batch_size());
        let table = table.map(|table| self.completed(table, sink)).transpose()?;
        let mut measured =
            table.as_deref().map(|table| self.measure(&child, table, &is_gone, sink)).transpose()?;
        let mut info = TrainingInfo { n_weights: child.network.n_weights(), ..TrainingInfo::default() };
        if let Some(measured) = &mut measured {
            let pieces = kept_pieces(&touched, &is_cut);
            child.heal(&mut info, measured, n_epochs, &pieces, options, sink)?;
            child.about.remember_rows(&measured.all, &measured.rows.parts, sink)?;
            measured.drift = self.kept_drift(&child, measured, &is_gone, &is_cut, options.training.seed)?;
        }
        child.about.profile = match &measured {
            Some(measured) => Some(child.profiled(&measured.data, info.n_rows_trained())),
            None => self.profile().and_then(|known| {
                let columns = child.columns().iter().map(|column| column.name.as_str());
                Profile::without_surprises(columns, &[(self, known)])
            }),
        };
        child.about.hashes = match &measured {
            Some(measured) if !is_exact => child.compute_hashes(&measured.rows)?,
            _ => child.hashes_with(self.hashes().data.clone()),
        };
        if is_exact {
            // The version that is back was trained on its own table.
            let found = child.hashes().clone();
            let is_back = |h: &crate::space::Hashes| h.weights == found.weights && h.schema == found.schema;
            if let Some(step) = step_from(self.extensions(), &is_back) {
                child.about.hashes.data.clone_from(&step.parent.data);
                info.final_validation_loss = info.final_validation_loss.or(step.parent_validation_loss);
            }
        }
        let prune = measured.as_ref().map_or_else(PruneInfo::default, |m| m.info);
        let retired = measured.as_ref().map(|m| self.retired(&m.all)).transpose()?.unwrap_or_default();
        let step = ExtensionMetadata {
            operation: Operation::Prune,
            columns_removed: names_where(self, &is_gone),
            columns_retired: retired,
            extended_column_count: child.about.columns.len(),
            training_epochs_used: info.epochs.len(),
            batch_size: (n_epochs > 0).then_some(child.about.batch_size),
            phases: info.phases.clone(),
            mode: if is_exact { Mode::Frozen } else { Mode::Joint },
            data_hash: child.about.hashes.data.clone(),
            seed: options.training.seed,
            drift: measured.as_ref().and_then(|m| m.drift),
            parent_validation_loss: prune.loss_before.or(self.about.training_info.final_validation_loss),
            prune: Some(prune),
            seconds: info.seconds,
            ..self.next_step(&child.about.created)
        };
        child.about.training_info = info;
        child.about.remember(step);
        Ok(child)
    }

    /// These columns, and the lost features among the space's columns.
    fn with_features(&self, columns: &[String], lost: &[String]) -> Vec<String> {
        let is_used = |name: &&String| self.columns().iter().any(|c| c.name == **name);
        let more = lost.iter().filter(is_used).filter(|name| !columns.contains(name));
        columns.iter().chain(more).cloned().collect()
    }

    /// The lineage entry of a step that changes nothing yet, from this space.
    pub(super) fn next_step(&self, date: &str) -> ExtensionMetadata {
        ExtensionMetadata {
            operation: Operation::Graft,
            extended_from_es_name: self.name().to_owned(),
            extended_from_es_version: self.about.software.clone(),
            other_parents: Vec::new(),
            extension_date: date.to_owned(),
            new_columns_added: Vec::new(),
            columns_removed: Vec::new(),
            columns_retired: Vec::new(),
            original_column_count: self.about.columns.len(),
            extended_column_count: self.about.columns.len(),
            training_epochs_used: 0,
            batch_size: None,
            sample: None,
            phases: Vec::new(),
            feature_metadata: None,
            mode: Mode::Frozen,
            freeze: Freeze::default(),
            d_side: 0,
            parent: self.about.hashes.clone(),
            data_hash: String::new(),
            software: SoftwareVersion::current(),
            seed: 0,
            drift: None,
            anchor: None,
            judgement: None,
            prune: None,
            parent_validation_loss: None,
            seconds: 0.0,
        }
    }

    /// Which columns go.
    fn columns_to_prune(&self, columns: &[String]) -> Result<Vec<bool>> {
        let known: Vec<&str> = self.columns().iter().map(|c| c.name.as_str()).collect();
        if columns.is_empty() {
            return Err(Error::option("option `prune` names no column")
                .with_hint(format!("the space has {}", quoted(&known))));
        }
        if let Some(name) = columns.iter().find(|name| !known.contains(&name.as_str())) {
            let near = near_names(name, known.iter().copied());
            let hint = match near.is_empty() {
                true => format!("the space has {}", quoted(&known)),
                false => format!("did you mean {}?", quoted(&near)),
            };
            return Err(Error::option(format!(
                "option `prune` names column `{name}`, which the space does not use"
            ))
            .with_hint(hint));
        }
        let is_gone: Vec<bool> = known.iter().map(|name| columns.iter().any(|c| c == name)).collect();
        let in_root = self.network.groups.iter().flat_map(|group| group.columns.clone());
        if in_root.clone().all(|c| is_gone[c]) {
            let root: Vec<&str> = in_root.map(|c| known[c]).collect();
            return Err(Error::option(format!(
                "option `prune` names all columns of the root ({}), one must stay",
                quoted(&root)
            ))
            .with_hint("every side network reads the root's vector; train a new space on the others"));
        }
        Ok(is_gone)
    }

    /// For each piece of z whether its network changes: it loses a column but is not cut off, or reads
    /// a piece that changes.
    fn touched_pieces(&self, is_gone: &[bool], is_cut: &[bool]) -> Vec<bool> {
        let any = |columns: Range<usize>| is_gone[columns].contains(&true);
        let mut touched = vec![self.network.groups.iter().any(|group| any(group.columns.clone()))];
        for (side, cut) in self.network.sides.iter().zip(is_cut) {
            let reads = side.reads.iter().any(|piece| touched[*piece]);
            touched.push(!cut && (any(side.tokens.columns.clone()) || reads));
        }
        touched
    }

    /// The space without some columns and sides, before any training.
    fn smaller(&self, is_gone: &[bool], is_cut: &[bool], lost: &[String]) -> EmbeddingSpace {
        let (network, wiring) = self.network.without(&self.about.wiring, is_gone, is_cut);
        let mut child = EmbeddingSpace { about: self.about.clone(), network };
        let about = &mut child.about;
        about.created = now();
        about.software = SoftwareVersion::current();
        about.wiring = wiring;
        let mut gone = is_gone.iter();
        about.columns.retain(|_| gone.next() == Some(&false));
        let mut gone = is_gone.iter();
        about.codecs.retain(|_| gone.next() == Some(&false));
        let mut gone = is_gone.iter();
        about.mask_keys.retain(|_| gone.next() == Some(&false));
        let removed = names_where(self, is_gone);
        about.features.retain(|feature| !removed.contains(&feature.name) && !lost.contains(&feature.name));
        about.excluded.extend(removed.into_iter().map(|name| ExcludedColumn {
            name,
            exclusion: Exclusion::Pruned,
            reason: format!("pruned from `{}`", self.name()),
        }));
        child
    }

    /// The losses of the columns that stay, with the others visible and without them.
    fn measure(
        &self,
        child: &EmbeddingSpace,
        table: &Table,
        is_gone: &[bool],
        sink: &mut Sink<'_>,
    ) -> Result<Measured> {
        let (all, rows) = self.rows_of(table, None, sink)?;
        let encoded = self.encode(&all)?;
        let n = self.about.columns.len();
        let whole = training_data(self, &encoded, &rows, vec![Role::OLD; n], 0..n);
        let kept: Vec<usize> = (0..n).filter(|c| !is_gone[*c]).collect();
        let before = validation_losses(&self.network, &whole)?
            .and_then(|losses| mean(kept.iter().map(|c| losses[*c])));
        let fewer = without_columns(&encoded, is_gone);
        let n_kept = kept.len();
        let data = training_data(child, &fewer, &rows, vec![Role::OLD; n_kept], 0..n_kept);
        Ok(Measured {
            info: PruneInfo { loss_before: before, loss_masked: None, loss_healed: None },
            all,
            rows,
            data,
            encoded,
            drift: None,
        })
    }

    /// Measures the masked network, and trains its pieces that lost a column or read one that did.
    fn heal(
        &mut self,
        info: &mut TrainingInfo,
        measured: &mut Measured,
        n_epochs: usize,
        touched: &[bool],
        options: &PruneOptions,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let Measured { all, encoded, data, info: losses, .. } = measured;
        let plan = match n_epochs {
            0 => None,
            _ => Some(TrainingPlan::new(&options.training, sink)?),
        };
        if let Some(plan) = &plan {
            // Hidden cells are drawn afresh at every epoch, so that no piece of z can be kept.
            let read_bytes = all.n_bytes() + encoded.n_bytes();
            let footprint = Footprint::new(&self.network, data, read_bytes, all.n_rows()).without_prefix();
            data.allowance = plan.allow(&footprint, self.about.batch_size, sink)?;
            self.about.batch_size = data.allowance.batch_size;
        }
        let masked = validation_losses(&self.network, data)?;
        let loss_masked = masked.as_ref().and_then(|losses| mean(losses.iter().copied()));
        losses.loss_masked = loss_masked;
        let mut is_kept = plan.is_some();
        if let Some(plan) = &plan {
            let config = &self.about.config;
            let thaw = |network: &mut Network| network.thaw_pieces(touched);
            let phase = Phase {
                name: "healing",
                n_epochs,
                rows: None,
                learning_rate: config.learning_rate * RATE_FACTOR,
                weight_decay: config.weight_decay,
                p_drop: config.p_drop,
                watch: Watch::AllColumns,
                ending: Ending::of_all_weights(plan.auto_epochs() && config.training.auto_epochs, n_epochs),
                thaw: &thaw,
            };
            let before = self.network.clone();
            *info = train(&mut self.network, data, plan, &[phase], None, sink)?;
            losses.loss_healed = info.final_validation_loss;
            is_kept = info.final_validation_loss.zip(loss_masked).is_none_or(|(healed, old)| healed < old);
            if !is_kept {
                self.network = before;
            }
        }
        if !is_kept {
            info.best_epoch = 0;
            info.final_validation_loss = loss_masked;
            info.final_column_losses = data
                .column_names
                .iter()
                .cloned()
                .zip(masked.unwrap_or_default())
                .filter(|(_, loss)| loss.is_finite())
                .collect();
        }
        Ok(())
    }

    /// How far the coordinates that are left moved, on validation rows.
    fn kept_drift(
        &self,
        child: &EmbeddingSpace,
        measured: &Measured,
        is_gone: &[bool],
        is_cut: &[bool],
        seed: u64,
    ) -> Result<Option<Drift>> {
        let sample = measured.encoded.take(&drift_rows(&measured.rows));
        if sample.n_rows < 2 {
            return Ok(None);
        }
        let before = embed_encoded(&self.network, &sample);
        let mut is_left = vec![true; self.network.trunk.d()];
        for (side, cut) in self.network.sides.iter().zip(is_cut) {
            is_left.extend(vec![!cut; side.trunk.d()]);
        }
        let left = before
            .chunks_exact(is_left.len())
            .flat_map(|row| row.iter().zip(&is_left).filter(|(_, left)| **left).map(|(value, _)| *value));
        let left: Vec<f32> = left.collect();
        let after = embed_encoded(&child.network, &without_columns(&sample, is_gone));
        Ok(Some(drift(&left, &after, child.d_model(), child.d_model(), seed)?))
    }
}

/// Which features go along with the columns that are asked for, and why.
fn went_along(features: &[Feature], asked: &[String], lost: &[String]) -> Vec<String> {
    let along = features.iter().filter(|f| lost.contains(&f.name) && !asked.contains(&f.name));
    along
        .map(|feature| {
            let inputs = feature.inputs().unwrap_or_default();
            let gone: Vec<&String> =
                inputs.iter().filter(|input| asked.contains(input) || lost.contains(input)).collect();
            format!("feature `{}` is pruned too: it is made of {}", feature.name, quoted(&gone))
        })
        .collect()
}

/// `touched` of the pieces that are left.
fn kept_pieces(touched: &[bool], is_cut: &[bool]) -> Vec<bool> {
    let sides = touched[1..].iter().zip(is_cut).filter(|(_, cut)| !**cut).map(|(touched, _)| *touched);
    std::iter::once(touched[0]).chain(sides).collect()
}

fn names_where(space: &EmbeddingSpace, is_wanted: &[bool]) -> Vec<String> {
    let pairs = space.columns().iter().zip(is_wanted);
    pairs.filter(|(_, wanted)| **wanted).map(|(c, _)| c.name.clone()).collect()
}

fn without_columns(table: &EncodedTable, is_gone: &[bool]) -> EncodedTable {
    let kept = table.columns.iter().zip(is_gone).filter(|(_, gone)| !**gone);
    EncodedTable { n_rows: table.n_rows, columns: kept.map(|(column, _)| column.clone()).collect() }
}

/// Mean of the finite ones; `None` where there is none.
pub(super) fn mean(losses: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = losses.filter(|l| l.is_finite()).fold((0.0, 0usize), |(sum, n), l| (sum + l, n + 1));
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_that_are_lost_do_not_count_in_a_mean() {
        assert_eq!(mean([1.0, f64::NAN, 2.0, 6.0, f64::INFINITY].into_iter()), Some(3.0));
        assert_eq!(mean([f64::NAN].into_iter()), None);
        assert_eq!(mean(std::iter::empty()), None);
    }
}
