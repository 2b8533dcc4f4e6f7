//! Grafting new columns onto a trained space, and what else makes a version from others: removing
//! columns (`prune.rs`), joining siblings (`merge/`), training a chain into one (`consolidate.rs`), learning from new
//! rows (`refresh.rs`).
//!
//! Appending columns changes no old row: a *joint* or *anchored* graft's rows of the mixing matrix
//! start at zero (function-preserving growth, Chen et al. 2016, arXiv:1511.05641), a *frozen* graft
//! writes to coordinates of its own. Training then costs a fraction of the first one.
//!
//! | mode | trains | promise |
//! |---|---|---|
//! | frozen | a side network and its heads | the parent's coordinates keep their bits for ever |
//! | anchored | as joint, and is drawn towards the parent's vectors | drift within the bound given |
//! | joint | new weights for half of the epochs, then all | drift measured and stored |
//!
//! [`Freeze`](crate::Freeze) keeps parts of the parent frozen in the latter two, or thaws them one
//! after the other.

mod changed;
mod consolidate;
mod dose;
mod drift;
mod frames;
mod graft;
mod keep;
mod levels;
mod merge;
mod new_columns;
mod options;
mod plan;
mod prune;
mod rank;
mod refresh;
mod role;
mod thaw;

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tabgraft_feature::{Feature, FeatureEngineer, in_order};
use tabgraft_table::Table;
use tabgraft_table::codec::notes;

pub use consolidate::ConsolidateOptions;
pub use graft::Graft;
pub use keep::Keep;
pub use merge::MergeOptions;
pub use options::ExtendOptions;
pub use prune::PruneOptions;
pub use rank::{ColumnCost, ColumnRanking, ProbeScore, RankColumnsOptions};
pub use refresh::RefreshOptions;

use crate::encoder::network::ColumnShape;
use crate::error::{Error, Result};
use crate::space::{
    EmbeddingSpace, ExtensionMetadata, Mode, SoftwareVersion, Wiring, check_features, column_shape, complete,
    extended_name, now, training_codecs,
};
use crate::train::{Event, Sink, TrainingOptions, TrainingPlan};

impl EmbeddingSpace {
    /// Grafts the new columns of `table` and trains them: [`EmbeddingSpace::graft`], then
    /// [`Graft::train`]. Where `options` let a target judge, parent and child are then compared, and
    /// the parent is returned if the child is worse: with [`EmbeddingSpace::refused_extensions`] one
    /// longer, and otherwise as it is.
    ///
    /// # Errors
    /// As those two, and as [`EmbeddingSpace::compare`], which says before any training if there is
    /// nothing to judge by.
    pub fn extend(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &ExtendOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        options.keep.check(self, table)?;
        let child = self.graft(table, valid, options, sink)?.train(sink)?;
        options.keep.choose(self, child, table, sink)
    }

    /// Appends the new columns of `table` without training: every old row's vector still has the
    /// parent's bits in the parent's coordinates.
    ///
    /// Columns that the parent ignored or excluded stay out, pruned ones unless `regraft` names them;
    /// `prune` removes columns first. Codecs of new columns are fitted on
    /// the training rows; `valid` gives the validation rows, else the parent's split does.
    ///
    /// # Errors
    /// "No new columns found" with both column sets; a schema error if not one of the table's columns is
    /// known, a schema or option error otherwise; where columns
    /// are removed first, as [`EmbeddingSpace::prune`].
    pub fn graft(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &ExtendOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Graft> {
        self.graft_after(table, valid, options, None, sink)
    }

    /// The child of [`EmbeddingSpace::graft`] before any training, to look at: where columns are removed
    /// first, what is left is not healed.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::graft`], and, where options let a target judge, as [`EmbeddingSpace::extend`]
    /// before any training.
    pub fn preview_graft(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &ExtendOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        options.keep.check(self, table)?;
        Ok(self.graft_after(table, valid, options, Some(0), sink)?.child)
    }

    /// [`EmbeddingSpace::graft`] after a prune that heals for so many epochs.
    fn graft_after(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &ExtendOptions,
        healing_epochs: Option<usize>,
        sink: &mut Sink<'_>,
    ) -> Result<Graft> {
        let start = Instant::now();
        options.check()?;
        self.check_frozen_columns(&options.freeze)?;
        self.check_regrafted(&options.regraft)?;
        self.check_types(table, &options.prune, sink)?;
        let carried = self.carried(table, options)?;
        let whole = self.with_features_of(options, table, &carried, sink)?;
        let table = &*whole;
        let whole_valid =
            valid.map(|valid| self.with_features_of(options, valid, &carried, sink)).transpose()?;
        let valid = whole_valid.as_deref();
        check_features(&carried, table, self.config())?;
        let mut schema = self.new_schema(table, options)?;
        self.about.check_known(table)?;
        if !options.prune.is_empty() {
            let prune = PruneOptions {
                // How long a healing run takes is its own affair.
                training: TrainingOptions { n_epochs: healing_epochs, auto_epochs: true, ..options.training },
                ..Default::default()
            };
            let pruned = self.prune(&options.prune, Some(table), &prune, sink)?;
            let name = options.name.clone().unwrap_or_else(|| extended_name(self.name()));
            let options =
                ExtendOptions { prune: Vec::new(), name: Some(name), features: carried, ..options.clone() };
            return pruned.graft(table, valid, &options, sink);
        }
        let plan = TrainingPlan::new(&options.training, sink)?;
        let (all, rows) = self.rows_of(table, valid, sink)?;
        let sizes = [schema.columns.len(), rows.n_rows[0]];
        let dose = self.dose(&options.training, options.mode, sizes, sink);
        // Only now: a table that lacks what the split needs is an error that says so itself.
        self.tell_absent(&all, sink)?;
        let train_rows: Vec<u32> = rows.train.iter().map(|r| *r as u32).collect();
        let codecs = training_codecs(
            &schema,
            &all,
            &train_rows,
            &self.about.config.codec,
            table.whole(),
            &self.about.columns_of_rule(),
            |part| self.about.parts_by_rule(part),
        )?;
        schema.notes.extend(notes(&schema.columns, &codecs, &self.about.config.codec));
        for note in &schema.notes {
            let _ = sink(&Event::Note { text: note.clone() });
        }
        let shapes: Vec<ColumnShape> = codecs.iter().map(column_shape).collect();
        let mut rng = Pcg64Mcg::seed_from_u64(plan.seed() ^ 0x6772_6166_7421);
        let mut child = self.clone();
        let n_new = schema.columns.len();
        let d_side = child.append_columns(&shapes, options, &mut rng)?;
        let about = &mut child.about;
        about.refused_extensions = Vec::new();
        about.name = options.name.clone().unwrap_or_else(|| extended_name(self.name()));
        about.created = now();
        about.software = SoftwareVersion::current();
        about.batch_size = dose.batch_size;
        about.extensions.push(ExtensionMetadata {
            new_columns_added: schema.names(),
            columns_retired: self.retired(&all)?,
            extended_column_count: self.about.columns.len() + n_new,
            feature_metadata: options.feature_metadata.clone(),
            batch_size: Some(about.batch_size),
            sample: dose.sample,
            mode: options.mode,
            freeze: options.freeze.clone(),
            d_side,
            seed: plan.seed(),
            judgement: None,
            ..self.next_step(&about.created)
        });
        let new: HashSet<String> = schema.names().into_iter().collect();
        about.excluded.retain(|e| !new.contains(&e.name));
        about.add_mask_keys(n_new);
        about.remember_rows(&all, &rows.parts, sink)?;
        about.learn_reading(table.origin(), &schema.names());
        about.columns.extend(schema.columns);
        about.codecs.extend(codecs);
        about.add_features(&carried);
        let known: HashSet<String> = about.excluded.iter().map(|e| e.name.clone()).collect();
        about.excluded.extend(schema.excluded.into_iter().filter(|e| !known.contains(&e.name)));
        about.keep_notes(schema.notes);
        let hashes = child.compute_hashes(&rows)?;
        child.about.hashes = hashes;
        if let Some(last) = child.about.extensions.last_mut() {
            last.data_hash.clone_from(&child.about.hashes.data);
        }
        child.about.seal();
        Ok(Graft {
            child,
            parent: self.clone(),
            all,
            rows,
            mode: options.mode,
            freeze: options.freeze.clone(),
            bound: options.bound(),
            dose,
            plan,
            start,
        })
    }

    /// Appends columns to the network and the wiring; returns how many coordinates came.
    fn append_columns(
        &mut self,
        shapes: &[ColumnShape],
        options: &ExtendOptions,
        rng: &mut impl Rng,
    ) -> Result<usize> {
        let n_columns = shapes.len();
        match options.mode {
            Mode::Joint | Mode::Anchored => {
                self.network.graft_joint(shapes, rng);
                self.about.wiring.push(Wiring::Root { n_columns });
                Ok(0)
            }
            Mode::Frozen => {
                let d_side = self.side_width(options, n_columns)?;
                let reads: Vec<usize> = (0..=self.network.sides.len()).collect();
                self.network.graft_frozen(shapes, d_side, reads.clone(), rng);
                self.about.wiring.push(Wiring::Side { n_columns, d_side, reads });
                Ok(d_side)
            }
        }
    }

    /// The features of a graft: those that the options give, and of their candidates those that compute a new
    /// column of the table. Those that this space has are left out.
    fn carried(&self, table: &Table, options: &ExtendOptions) -> Result<Vec<Feature>> {
        let is_new = |f: &&Feature| {
            self.about.columns.iter().all(|c| c.name != f.name)
                && options.features.iter().all(|given| given.name != f.name)
        };
        let candidates: Vec<Feature> = options.candidates.iter().filter(is_new).cloned().collect();
        let found = match candidates.is_empty() {
            true => Vec::new(),
            false => FeatureEngineer::makers(&candidates, &self.complete(table)?.table),
        };
        let given: Vec<Feature> =
            options.features.iter().filter(|f| !self.about.features.contains(f)).cloned().collect();
        Ok(in_order(&[given, found].concat()))
    }

    /// A table with this space's features and those of a graft.
    ///
    /// # Errors
    /// A schema error for a feature of the options that cannot be computed, or that the table has and that does
    /// not give what the column holds: the child would embed a table with it and one without it differently.
    fn with_features_of<'a>(
        &self,
        options: &ExtendOptions,
        table: &'a Table,
        carried: &[Feature],
        sink: &mut Sink<'_>,
    ) -> Result<Cow<'a, Table>> {
        let made = complete(&[&self.about.features, carried].concat(), table)?;
        let is_own = |name: &str| self.about.features.iter().any(|own| own.name == name);
        if let Some(wrong) = made.differing.iter().find(|d| !is_own(&d.name)) {
            return Err(Error::schema(wrong.to_string()).with_hint(
                "give the features as they were fitted for this table, or the table without the column",
            ));
        }
        let is_given = |name: &str| options.features.iter().any(|given| given.name == name);
        if let Some(skipped) = made.skipped.iter().find(|skip| is_given(&skip.name) && !is_own(&skip.name)) {
            return Err(Error::schema(format!(
                "feature `{}` of option `features` cannot be computed: {}",
                skipped.name, skipped.reason
            ))
            .with_hint("give fitted features and the columns that they read, or leave the feature out"));
        }
        made.tell(sink);
        Ok(made.table)
    }

    /// Columns of the first training: rows are told apart by them in every version.
    pub(crate) fn first_columns(&self) -> Vec<String> {
        self.about.key_columns.clone()
    }
}
