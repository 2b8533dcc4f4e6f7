//! Grafting new columns onto a trained space, and what else makes a version from others: removing
//! columns (`prune.rs`), joining siblings (`merge/`), training a chain into one (`consolidate.rs`).
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

mod consolidate;
mod drift;
mod graft;
mod keep;
mod merge;
mod options;
mod plan;
mod prune;
mod rank;
mod thaw;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tabgraft_feature::Feature;
use tabgraft_table::Table;
use tabgraft_table::codec::fit_codecs;
use tabgraft_table::schema::{ExcludedColumn, Exclusion, Schema, infer};
use tabgraft_table::table::quoted;

pub use consolidate::ConsolidateOptions;
pub use graft::Graft;
pub use keep::Keep;
pub use merge::MergeOptions;
pub use options::ExtendOptions;
pub use prune::PruneOptions;
pub use rank::{ColumnCost, ColumnRanking, ProbeScore, RankColumnsOptions};

use crate::encoder::network::ColumnShape;
use crate::error::{Error, Result};
use crate::space::{
    EmbeddingSpace, ExtensionMetadata, Mode, SoftwareVersion, Wiring, column_shape, now, rows_of_parts,
};
use crate::train::{Event, Sink};

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
        options.check()?;
        self.check_frozen_columns(&options.freeze)?;
        self.check_regrafted(&options.regraft)?;
        let schema = self.new_schema(table, options)?;
        self.about.check_known(table)?;
        if !options.prune.is_empty() {
            let prune = PruneOptions {
                batch_size: options.batch_size,
                memory_limit: options.memory_limit,
                device: options.device,
                seed: options.seed,
                ..Default::default()
            };
            let pruned = self.prune(&options.prune, Some(table), &prune, sink)?;
            let name = options.name.clone().unwrap_or_else(|| format!("{}_extended", self.name()));
            let options = ExtendOptions { prune: Vec::new(), name: Some(name), ..options.clone() };
            return pruned.graft(table, valid, &options, sink);
        }
        let computer = options.device.find(sink)?;
        for note in &schema.notes {
            let _ = sink(&Event::Note { text: note.clone() });
        }
        let report = self.column_report(table);
        if !report.missing_columns.is_empty() {
            let text = format!(
                "the table lacks {} of the parent's columns ({}); their cells count as missing",
                report.missing_columns.len(),
                quoted(&report.missing_columns)
            );
            let _ = sink(&Event::Warning { text });
        }
        let n_epochs = self.graft_epochs(options, sink);
        let key_columns: Vec<String> = self.first_columns();
        let (all, rows) = rows_of_parts(table, valid, &self.about.split, &key_columns)?;
        let train_rows: Vec<u32> = rows.train.iter().map(|r| *r as u32).collect();
        let new_cells = all.select(&schema.names())?.take(&train_rows)?;
        let codecs = fit_codecs(&schema, &new_cells, &self.about.config.codec)?;
        let shapes: Vec<ColumnShape> = codecs.iter().map(column_shape).collect();
        let mut rng = Pcg64Mcg::seed_from_u64(options.seed ^ 0x6772_6166_7421);
        let mut child = self.clone();
        let n_new = schema.columns.len();
        let d_side = child.append_columns(&shapes, options, &mut rng)?;
        let about = &mut child.about;
        about.refused_extensions = Vec::new();
        about.name = options.name.clone().unwrap_or_else(|| format!("{}_extended", self.name()));
        about.created = now();
        about.software = SoftwareVersion::current();
        about.batch_size = options.batch_size.unwrap_or(self.batch_size());
        about.extensions.push(ExtensionMetadata {
            new_columns_added: schema.names(),
            extended_column_count: self.about.columns.len() + n_new,
            feature_metadata: options.feature_metadata.clone(),
            batch_size: Some(about.batch_size),
            mode: options.mode,
            freeze: options.freeze.clone(),
            d_side,
            seed: options.seed,
            judgement: None,
            ..self.next_step(&about.created)
        });
        let added: Vec<Feature> =
            options.features.iter().filter(|f| schema.column(&f.name).is_some()).cloned().collect();
        about.features.extend(added);
        about.excluded.retain(|e| schema.column(&e.name).is_none());
        about.learn_reading(table.origin(), &schema.names());
        about.columns.extend(schema.columns);
        about.codecs.extend(codecs);
        let is_new = |name: &String| about.excluded.iter().all(|e| e.name != *name);
        let excluded: Vec<_> = schema.excluded.into_iter().filter(|e| is_new(&e.name)).collect();
        about.excluded.extend(excluded);
        about.notes.extend(schema.notes);
        let hashes = child.compute_hashes(&rows.key);
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
            n_epochs,
            auto_epochs: options.auto_epochs,
            memory_limit: options.memory_limit,
            computer,
            seed: options.seed,
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

    /// The schema of the columns that the table has and this space has never heard of, or shall take
    /// back.
    fn new_schema(&self, table: &Table, options: &ExtendOptions) -> Result<Schema> {
        let names: Vec<String> = table
            .column_names()
            .into_iter()
            .filter(|n| !self.about.columns.iter().any(|c| c.name == *n))
            .filter(|n| {
                options.regraft.contains(n)
                    || !self.about.excluded.iter().any(|e| e.name == *n && stays_out(e))
            })
            .collect();
        let target = options.keep.target().map(str::to_owned);
        let mut options = options.infer.clone();
        options.ignore.extend(target.filter(|t| !options.ignore.contains(t)));
        // What the parent left out already needs no second word.
        options.ignore.retain(|name| !self.about.excluded.iter().any(|e| e.name == *name && stays_out(e)));
        let mut schema =
            if names.is_empty() { Schema::default() } else { infer(&table.select(&names)?, &options)? };
        schema.excluded.retain(|e| self.about.columns.iter().all(|c| c.name != e.name));
        if !schema.columns.is_empty() {
            return Ok(schema);
        }
        let known: Vec<String> = self.about.columns.iter().map(|c| c.name.clone()).collect();
        let left_out: Vec<String> = self
            .about
            .excluded
            .iter()
            .chain(&schema.excluded)
            .filter(|e| table.has_column(&e.name))
            .map(|e| format!("`{}` ({})", e.name, e.reason))
            .collect();
        let mut message = format!(
            "no new columns found: the space has {}; the table has {}",
            quoted(&known),
            quoted(&table.column_names())
        );
        if !left_out.is_empty() {
            message += &format!("; left out: {}", left_out.join(", "));
        }
        Err(Error::no_new_columns(message)
            .with_hint("apply the features to the table before extending, or add the new source's columns"))
    }

    /// Columns of the first training: rows are told apart by them in every version.
    pub(crate) fn first_columns(&self) -> Vec<String> {
        let n = self.about.wiring.first().map_or(0, Wiring::n_columns);
        self.about.columns.iter().take(n).map(|c| c.name.clone()).collect()
    }
}

/// Whether descendants leave a column out because this version did. How a column was stored says
/// nothing of the next table.
fn stays_out(column: &ExcludedColumn) -> bool {
    !matches!(column.exclusion, Exclusion::Index | Exclusion::Unreadable)
}
