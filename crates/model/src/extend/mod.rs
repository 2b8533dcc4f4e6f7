//! Grafting new columns onto a trained space.
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

mod drift;
mod graft;
mod keep;
mod options;
mod plan;
mod thaw;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tabgraft_table::Table;
use tabgraft_table::codec::fit_codecs;
use tabgraft_table::feature::Feature;
use tabgraft_table::schema::{InferOptions, Schema, infer};
use tabgraft_table::table::quoted;

pub use graft::Graft;
pub use keep::Keep;
pub use options::ExtendOptions;

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
    /// Columns that the parent ignored or excluded stay out. Codecs of new columns are fitted on
    /// the training rows; `valid` gives the validation rows, else the parent's split does.
    ///
    /// # Errors
    /// "No new columns found" with both column sets; a schema or option error otherwise.
    pub fn graft(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &ExtendOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Graft> {
        options.check()?;
        self.check_frozen_columns(&options.freeze)?;
        let mut infer = options.infer.clone();
        infer.ignore.extend(options.keep.target().map(str::to_owned).filter(|t| !infer.ignore.contains(t)));
        let schema = self.new_schema(table, &infer)?;
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
        let d_side = match options.mode {
            Mode::Joint | Mode::Anchored => {
                child.network.graft_joint(&shapes, &mut rng);
                child.about.wiring.push(Wiring::Root { n_columns: n_new });
                0
            }
            Mode::Frozen => {
                let d_side = self.side_width(options, n_new)?;
                child.network.graft_frozen(&shapes, d_side, &mut rng);
                child.about.wiring.push(Wiring::Side { n_columns: n_new, d_side });
                d_side
            }
        };
        let about = &mut child.about;
        about.refused_extensions = Vec::new();
        about.name = options.name.clone().unwrap_or_else(|| format!("{}_extended", self.name()));
        about.created = now();
        about.software = SoftwareVersion::current();
        about.batch_size = options.batch_size.unwrap_or(self.batch_size());
        about.extensions.push(ExtensionMetadata {
            extended_from_es_name: self.name().to_owned(),
            extended_from_es_version: self.about.software.clone(),
            extension_date: about.created.clone(),
            new_columns_added: schema.names(),
            original_column_count: self.about.columns.len(),
            extended_column_count: self.about.columns.len() + n_new,
            training_epochs_used: 0,
            phases: Vec::new(),
            feature_metadata: options.feature_metadata.clone(),
            mode: options.mode,
            freeze: options.freeze.clone(),
            d_side,
            parent: self.about.hashes.clone(),
            data_hash: String::new(),
            software: SoftwareVersion::current(),
            seed: options.seed,
            drift: None,
            anchor: None,
            parent_validation_loss: None,
            judgement: None,
            seconds: 0.0,
        });
        let added: Vec<Feature> =
            options.features.iter().filter(|f| schema.column(&f.name).is_some()).cloned().collect();
        about.features.extend(added);
        about.columns.extend(schema.columns);
        about.codecs.extend(codecs);
        about.excluded.extend(schema.excluded);
        about.notes.extend(schema.notes);
        let hashes = child.compute_hashes(&rows.key);
        child.about.hashes = hashes;
        if let Some(last) = child.about.extensions.last_mut() {
            last.data_hash.clone_from(&child.about.hashes.data);
        }
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
            seed: options.seed,
        })
    }

    /// The schema of the columns that the table has and this space has never heard of.
    fn new_schema(&self, table: &Table, options: &InferOptions) -> Result<Schema> {
        let names: Vec<String> = table
            .column_names()
            .into_iter()
            .filter(|n| !self.about.columns.iter().any(|c| c.name == *n))
            .filter(|n| !self.about.excluded.iter().any(|e| e.name == *n))
            .collect();
        let mut options = options.clone();
        // What the parent left out already needs no second word.
        options.ignore.retain(|name| !self.about.excluded.iter().any(|e| e.name == *name));
        let schema =
            if names.is_empty() { Schema::default() } else { infer(&table.select(&names)?, &options)? };
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
        let n = match self.about.wiring.first() {
            Some(Wiring::Root { n_columns } | Wiring::Side { n_columns, .. }) => *n_columns,
            None => 0,
        };
        self.about.columns.iter().take(n).map(|c| c.name.clone()).collect()
    }
}
