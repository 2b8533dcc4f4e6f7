//! Grafting new columns onto a trained space.
//!
//! Appending columns changes no old row: a *joint* graft's rows of the mixing matrix start at
//! zero (function-preserving growth, Chen et al. 2016, arXiv:1511.05641), a *frozen* graft writes
//! to coordinates of its own. Training then costs a fraction of the first one.
//!
//! | mode | trains | promise |
//! |---|---|---|
//! | frozen | a side network and its heads | the parent's coordinates keep their bits for ever |
//! | joint | new weights for half of the epochs, then all | drift measured and stored |

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tabgraft_table::Table;
use tabgraft_table::codec::fit_codecs;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::feature::Feature;
use tabgraft_table::schema::{InferOptions, Schema, infer};
use tabgraft_table::table::quoted;

use crate::encoder::Network;
use crate::encoder::network::ColumnShape;
use crate::encoder::param::Params;
use crate::error::{Error, Result};
use crate::metric::{Drift, drift};
use crate::objective::Role;
use crate::space::{
    EmbeddingSpace, ExtensionMetadata, Mode, Rows, SoftwareVersion, Wiring, check_batch_size, check_epochs,
    column_shape, embed_encoded, now, rows_of_parts, training_data,
};
use crate::train::{Event, Phase, Sink, train};

/// Weight of a new column in the training loss, against 1 for an old one: without it, training
/// from scratch for as many epochs is as good as grafting.
const NEW_COLUMN_WEIGHT: f32 = 4.0;
/// Fewest epochs of a graft by default.
const LEAST_EPOCHS: usize = 10;
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
/// Extra coordinates of a frozen graft: so many per new column, within a range.
const SIDE_PER_COLUMN: usize = 32;
const SIDE_RANGE: std::ops::RangeInclusive<usize> = 32..=96;
/// Most validation rows that drift is measured on.
const DRIFT_ROWS: usize = 2000;

/// How to graft, beside the enriched table.
#[derive(Debug, Clone)]
pub struct ExtendOptions {
    /// What happens to old weights. Default [`Mode::Frozen`].
    pub mode: Mode,
    /// Epochs. Default: a quarter of the parent's, at least 10, at most half of the parent's.
    pub n_epochs: Option<usize>,
    /// Whether `n_epochs` is a ceiling: a phase then stops when the validation loss has not fallen
    /// for a fifth of it, at least 3 epochs. Default true.
    pub auto_epochs: bool,
    /// Rows of a step. Default: the parent's.
    pub batch_size: Option<usize>,
    /// Name of the child. Default: the parent's and `_extended`.
    pub name: Option<String>,
    /// Extra coordinates of a frozen graft. Default: 32 per new column, 32 to 96.
    pub d_side: Option<usize>,
    /// Kinds of new columns given by the user, new columns to ignore.
    pub infer: InferOptions,
    /// Engineered columns among the new ones; remembered with their fitted state.
    pub features: Vec<Feature>,
    /// What the user says about the new columns; free form, kept in the lineage.
    pub feature_metadata: Option<serde_json::Value>,
    /// Seed of new weights, order, masks and dropout. Default 0.
    pub seed: u64,
}

impl Default for ExtendOptions {
    fn default() -> Self {
        ExtendOptions {
            mode: Mode::Frozen,
            n_epochs: None,
            auto_epochs: true,
            batch_size: None,
            name: None,
            d_side: None,
            infer: InferOptions::default(),
            features: Vec::new(),
            feature_metadata: None,
            seed: 0,
        }
    }
}

/// A grafted space that has not been trained yet, and the rows to train it on.
pub struct Graft {
    child: EmbeddingSpace,
    parent: EmbeddingSpace,
    all: Table,
    rows: Rows,
    mode: Mode,
    n_epochs: usize,
    auto_epochs: bool,
    seed: u64,
}

impl EmbeddingSpace {
    /// Grafts the new columns of `table` and trains them: [`EmbeddingSpace::graft`], then
    /// [`Graft::train`].
    ///
    /// # Errors
    /// As those two.
    pub fn extend(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &ExtendOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        self.graft(table, valid, options, sink)?.train(sink)
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
        check_epochs(options.n_epochs)?;
        check_batch_size(options.batch_size)?;
        let schema = self.new_schema(table, &options.infer)?;
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
            let _ = sink(&Event::Note { text });
        }
        let n_epochs = self.graft_epochs(options, sink);
        let key_columns: Vec<String> = self.first_columns();
        let (all, rows) = rows_of_parts(table, valid, &self.about.split, &key_columns)?;
        let train_rows: Vec<u32> = rows.train.iter().map(|r| *r as u32).collect();
        let codecs = fit_codecs(&schema, &all.take(&train_rows)?, &self.about.config.codec)?;
        let shapes: Vec<ColumnShape> = codecs.iter().map(column_shape).collect();
        let mut rng = Pcg64Mcg::seed_from_u64(options.seed ^ 0x6772_6166_7421);
        let mut child = self.clone();
        let n_new = schema.columns.len();
        let d_side = match options.mode {
            Mode::Joint => {
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
            feature_metadata: options.feature_metadata.clone(),
            mode: options.mode,
            d_side,
            parent: self.about.hashes.clone(),
            data_hash: String::new(),
            software: SoftwareVersion::current(),
            seed: options.seed,
            drift: None,
            parent_validation_loss: None,
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
            n_epochs,
            auto_epochs: options.auto_epochs,
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
        let schema =
            if names.is_empty() { Schema::default() } else { infer(&table.select(&names)?, options)? };
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

    /// Epochs of a graft, and a note if the user's number is outside the advised range.
    fn graft_epochs(&self, options: &ExtendOptions, sink: &mut Sink<'_>) -> usize {
        let parent = self.about.planned_epochs;
        let most = (parent / 2).max(1);
        match options.n_epochs {
            None => (parent / 4).max(LEAST_EPOCHS).min(most.max(LEAST_EPOCHS)),
            Some(n) => {
                if n < LEAST_EPOCHS || n > most {
                    let text = format!(
                        "{n} epochs for a graft: advised are at least {LEAST_EPOCHS} and at most {most}, \
                         half of the parent's {parent}"
                    );
                    let _ = sink(&Event::Note { text });
                }
                n
            }
        }
    }

    fn side_width(&self, options: &ExtendOptions, n_new: usize) -> Result<usize> {
        match options.d_side {
            None => Ok((n_new * SIDE_PER_COLUMN).clamp(*SIDE_RANGE.start(), *SIDE_RANGE.end())),
            Some(d) if (8..=1024).contains(&d) && d.is_multiple_of(8) => Ok(d),
            Some(d) => {
                Err(Error::option(format!("option `d_side` is {d}, allowed is 8 to 1024 in steps of 8")))
            }
        }
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
        let Graft { mut child, parent, all, rows, mode, n_epochs, auto_epochs, seed } = self;
        let encoded = child.encode(&all)?;
        let n_old = parent.about.columns.len();
        let n_all = child.about.columns.len();
        let new_role = match mode {
            Mode::Frozen => FROZEN_ROLE,
            Mode::Joint => JOINT_ROLE,
        };
        let roles = (0..n_all).map(|c| if c < n_old { Role::OLD } else { new_role }).collect();
        let data = training_data(&child, &encoded, &rows, roles, 0..n_old);
        let config = child.about.config.clone();
        let (thaw_new, thaw_all) =
            (|n: &mut Network| thaw_graft(n, mode), |n: &mut Network| n.set_thawed(true));
        let phase = |name, n_epochs, factor: f32, weight_decay, thaw| Phase {
            name,
            n_epochs,
            batch_size: child.about.batch_size,
            learning_rate: config.learning_rate * factor,
            weight_decay,
            p_drop: config.p_drop,
            patience: auto_epochs.then(|| (n_epochs / 5).max(LEAST_PATIENCE)),
            seed,
            thaw,
        };
        let phases = match mode {
            Mode::Frozen => {
                vec![phase("graft", n_epochs, NEW_WEIGHTS_FACTOR, config.weight_decay, &thaw_new as _)]
            }
            Mode::Joint => {
                let first = n_epochs / 2;
                let mut phases = Vec::new();
                if first > 0 {
                    phases.push(phase("new columns", first, NEW_WEIGHTS_FACTOR, 0.0, &thaw_new as _));
                }
                phases.push(phase(
                    "all columns",
                    n_epochs - first,
                    ALL_WEIGHTS_FACTOR,
                    config.weight_decay,
                    &thaw_all as _,
                ));
                phases
            }
        };
        let info = train(&mut child.network, &data, &phases, sink)?;
        let drift = measure_drift(&parent, &child, &encoded, &rows, seed)?;
        let hashes = child.compute_hashes(&rows.key);
        child.about.hashes = hashes;
        if let Some(last) = child.about.extensions.last_mut() {
            last.training_epochs_used = info.epochs.len();
            last.seconds = info.seconds;
            last.drift = drift;
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
        Mode::Joint => {
            if let Some(group) = network.groups.last_mut() {
                group.set_thawed(true);
            }
            if let Some(head) = network.heads.last_mut() {
                head.set_thawed(true);
            }
        }
    }
}

/// How far the parent's coordinates moved, on validation rows (training rows where there are
/// none); `None` for fewer than two rows.
fn measure_drift(
    parent: &EmbeddingSpace,
    child: &EmbeddingSpace,
    encoded: &EncodedTable,
    rows: &Rows,
    seed: u64,
) -> Result<Option<Drift>> {
    let sample: Vec<usize> = if rows.valid.len() > 1 { &rows.valid } else { &rows.train }
        .iter()
        .copied()
        .take(DRIFT_ROWS)
        .collect();
    if sample.len() < 2 {
        return Ok(None);
    }
    let sampled = encoded.take(&sample);
    let before = embed_encoded(&parent.network, &sampled);
    let after = embed_encoded(&child.network, &sampled);
    Ok(Some(drift(&before, &after, parent.d_model(), child.d_model(), seed)?))
}
