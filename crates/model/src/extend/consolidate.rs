//! A chain of grafts trained into one plain space, which begins a new line.
//!
//! A chain's vectors get longer with every frozen graft, and each side costs time. Consolidating keeps the
//! columns, codecs, tokens and the root's trunk, mixes all tokens in that one trunk, and trains
//! everything. Vectors are new: they do not compare with those of the chain.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tabgraft_table::Table;

use crate::encoder::Network;
use crate::encoder::network::Widths;
use crate::error::Result;
use crate::objective::Role;
use crate::param::Params;
use crate::space::{
    EmbeddingSpace, ExtensionMetadata, Mode, Operation, SoftwareVersion, Wiring, now, training_data,
};
use crate::train::{Ending, Phase, Sink, TrainingOptions, TrainingPlan, Watch, train};

/// How to consolidate.
#[derive(Debug, Clone, Default)]
pub struct ConsolidateOptions {
    /// Length of a row's vector, as for a first training. Default: the root's, before any graft.
    pub d_model: Option<usize>,
    /// How it is trained. Default: the first training's epochs, the parent's rows of a step. With `auto_epochs`
    /// the training stops when the validation loss has not fallen for a fifth of the epochs.
    pub training: TrainingOptions,
    /// Name of the child. Default: the parent's and `_consolidated`.
    pub name: Option<String>,
}

impl EmbeddingSpace {
    /// Trains one plain space on all columns of this one, as it would be without any graft: its vectors
    /// are as long and as fast as those of a single training. The lineage stays.
    ///
    /// `valid` gives the validation rows; without it the split does.
    ///
    /// # Errors
    /// An option error if an option is out of range, the limit of memory is too low or no GPU answers; a schema
    /// error if the table lacks a column of the split; a training error if no gradient is finite.
    pub fn consolidate(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &ConsolidateOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        table.check_all_here("consolidating")?;
        let plan = TrainingPlan::new(&options.training, sink)?;
        let table = &*self.completed(table, sink)?;
        let valid = valid.map(|valid| self.completed(valid, sink)).transpose()?;
        let valid = valid.as_deref();
        let mut child = self.clone();
        let about = &mut child.about;
        about.config.d_model = options.d_model.unwrap_or(about.config.d_model);
        about.config.training.auto_epochs = plan.auto_epochs();
        about.config.check()?;
        about.name = options.name.clone().unwrap_or_else(|| format!("{}_consolidated", self.name()));
        about.created = now();
        about.software = SoftwareVersion::current();
        about.batch_size = options.training.batch_size.unwrap_or(self.batch_size());
        about.wiring = vec![Wiring::Root { n_columns: self.columns().len() }];
        let config = about.config.clone();
        let widths = Widths { d: config.d_model, n_blocks: config.n_blocks, expansion: config.expansion };
        let mut rng = Pcg64Mcg::seed_from_u64(plan.seed() ^ 0x636f_6e73_6f6c);
        child.network = self.network.consolidated(&self.column_shapes(), widths, &mut rng);
        let (all, rows) = self.rows_of(table, valid, sink)?;
        child.about.remember_rows(&all, &rows.parts, sink)?;
        let columns_retired = self.retired(&all)?;
        let encoded = child.encode(&all)?;
        let n_columns = self.columns().len();
        let mut data = training_data(&child, &encoded, &rows, vec![Role::OLD; n_columns], 0..n_columns);
        child.keep_within(
            &plan,
            false,
            &mut data,
            [all.n_bytes() + encoded.n_bytes(), all.n_rows()],
            sink,
        )?;
        // The batches are cut from the data: what it was made of makes room.
        drop((all, encoded));
        let n_epochs = plan.n_epochs(self.about.planned_epochs);
        let phase = Phase {
            name: "consolidation",
            n_epochs,
            rows: None,
            learning_rate: config.learning_rate,
            weight_decay: config.weight_decay,
            p_drop: config.p_drop,
            watch: Watch::AllColumns,
            ending: Ending::of_all_weights(plan.auto_epochs(), n_epochs),
            thaw: &|network: &mut Network| network.set_thawed(true),
        };
        let info = train(&mut child.network, &data, &plan, &[phase], None, sink)?;
        child.about.profile = Some(child.profiled(&data, info.n_rows_trained()));
        child.about.hashes = child.compute_hashes(&rows)?;
        let step = ExtensionMetadata {
            operation: Operation::Consolidate,
            columns_retired,
            training_epochs_used: info.epochs.len(),
            batch_size: Some(child.about.batch_size),
            phases: info.phases.clone(),
            mode: Mode::Joint,
            data_hash: child.about.hashes.data.clone(),
            seed: plan.seed(),
            parent_validation_loss: self.about.training_info.final_validation_loss,
            seconds: info.seconds,
            ..self.next_step(&child.about.created)
        };
        child.about.training_info = info;
        child.about.remember(step);
        Ok(child)
    }
}
