//! Training an embedding space from a table.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrow::array::Array;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tabgraft_feature::Feature;
use tabgraft_table::cell::texts;
use tabgraft_table::codec::{Codec, CodecConfig, fit_codecs_to_rows, fit_codecs_to_whole, notes};
use tabgraft_table::row_hash::n_nearly_equal;
use tabgraft_table::schema::{ExcludedColumn, Exclusion, InferOptions, Schema, infer};
use tabgraft_table::split::{Part, Split, SplitBy, SplitKey, SplitOptions};
use tabgraft_table::table::Whole;
use tabgraft_table::{Table, visible};

use super::training_rows::{Rows, rows_of_parts};
use super::{
    About, EmbeddingSpace, Hashes, KnownRows, SoftwareVersion, SpaceConfig, Wiring, check_features,
    column_shape,
};
use crate::encoder::Network;
use crate::encoder::network::Widths;
use crate::error::{Error, Result};
use crate::metric::Clusters;
use crate::objective::Role;
use crate::param::Params;
use crate::train::{
    Device, Ending, Event, Footprint, Phase, Sink, TrainingData, TrainingOptions, TrainingPlan, Watch, train,
};
use crate::weights::WeightedRows;

/// Columns whose reasons an error lists.
const MOST_REASONS: usize = 10;
/// Rows, from the table's first on, that are searched for others that are nearly equal.
const LOOKED_AT: usize = 20_000;
/// Rows, and share of those that are looked at, from which such rows are told.
const LEAST_NEAR: usize = 10;
const SHARE_NEAR: f64 = 0.05;

/// What to train, beside the table.
#[derive(Debug, Clone, Default)]
pub struct FitOptions {
    /// Name of the space; it goes into the lineage of its descendants.
    pub name: String,
    /// Sizes, rates, epochs.
    pub config: SpaceConfig,
    /// Kinds given by the user, columns to ignore.
    pub infer: InferOptions,
    /// Which rows are for validation and test.
    pub split: SplitOptions,
    /// Engineered columns of the table, already applied; remembered with their fitted state.
    pub features: Vec<Feature>,
    /// Whether the space keeps nothing of single rows: no row by a hash, no category or word of few rows
    /// ([`CodecConfig::private`](tabgraft_table::codec::CodecConfig::private)), no note on its tables, which may quote a
    /// cell, and no feature that holds a group of few rows. So do all versions and predictors that come of it. Scores
    /// of rows that it was trained on are then only left out where their cells are as they were, and its table needs
    /// every column for ever. Default false.
    pub private: bool,
}

impl EmbeddingSpace {
    /// Trains a space on a table, without a target.
    ///
    /// `valid` gives the validation rows; without it the split of `options` chooses them. The
    /// split's test rows teach nothing, in either table: only the kinds of columns and the formats of dates are told
    /// from all rows of `table`, for which rows are test rows follows from the used columns. Codecs are fitted on the
    /// training rows alone. The same table,
    /// options and seed give the same bits, whatever the number of threads.
    ///
    /// Of a table that [is a shard](Table::as_shard) all workers train one space, each on its rows, and each returns
    /// it; what is decided once is what worker 0 says.
    ///
    /// # Errors
    /// A schema error if no column can be used, an option error if an option is out of range or no GPU
    /// answers, a training error if no gradient is finite or the GPU fails.
    pub fn fit(
        table: &Table,
        valid: Option<&Table>,
        options: &FitOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let start = Instant::now();
        let plan = TrainingPlan::new(&options.config.training, sink)?;
        let (mut space, all, rows) = prepare(table, valid, options, sink)?;
        let n_epochs = space.about.planned_epochs;
        let config = &options.config;
        let names = space.first_columns();
        let looked_at = rows.looked_at(rows.train.clone(), usize::MAX);
        let roles = vec![Role::OLD; names.len()];
        let mut data = looked_at.coded(&space, &all, roles, 0..names.len())?;
        space.keep_within(&plan, false, &mut data, [all.n_bytes(), all.n_rows()], sink)?;
        // The batches are cut from the data: what it was made of makes room.
        drop(all);
        let phase = Phase {
            name: "all",
            n_epochs,
            rows: None,
            learning_rate: config.learning_rate,
            weight_decay: config.weight_decay,
            p_drop: config.p_drop,
            watch: Watch::AllColumns,
            ending: Ending::of_all_weights(plan.auto_epochs(), n_epochs),
            thaw: &|network| network.set_thawed(true),
        };
        let coding = start.elapsed().as_secs_f64();
        space.about.training_info = train(&mut space.network, &data, &plan, &[phase], None, sink)?;
        space.about.training_info.stages.coding = coding;
        let n_trained = space.about.training_info.n_rows_trained();
        space.about.profile = Some(space.profiled(&data, n_trained));
        // Hashes and the file are made where the cells were.
        drop(data);
        space.about.hashes = space.compute_hashes(&rows)?;
        Ok(space)
    }

    /// As [`EmbeddingSpace::fit`], with a weight for each row of the table: a row of weight 0 is not there,
    /// and whole weights repeat their rows. Others above 0 count alike: a space learns what rows there are,
    /// not which of them matter. See [`WeightedRows`].
    ///
    /// # Errors
    /// As [`EmbeddingSpace::fit`] and [`WeightedRows::new`].
    pub fn fit_weighted(
        table: &Table,
        row_weights: &[f64],
        valid: Option<&Table>,
        options: &FitOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let rows = WeightedRows::new(table, row_weights, |_| false)?;
        // What is wrong with a row is said of the caller's own, before they are put in order.
        infer_beside_key(table, options)?;
        Self::fit(&rows.table, valid, options, sink)
    }

    /// Keeps a training on `data` within the plan's limit of memory, if there is one: chooses the rows of a step,
    /// with notes. `read_bytes` and `n_rows` are those of what the data was made from.
    ///
    /// # Errors
    /// An option error with estimate and limit if no step is small enough.
    pub(crate) fn keep_within(
        &mut self,
        plan: &TrainingPlan,
        is_anchored: bool,
        data: &mut TrainingData,
        [read_bytes, n_rows]: [usize; 2],
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let footprint = Footprint::new(&self.network, data, read_bytes, n_rows).anchored(is_anchored);
        data.allowance = plan.allow(&footprint, self.about.batch_size, sink)?;
        self.about.batch_size = data.allowance.batch_size;
        Ok(())
    }

    /// The space that [`EmbeddingSpace::fit`] starts from: columns, codecs, split and random
    /// weights, before any training.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::fit`], but for training errors.
    pub fn untrained(
        table: &Table,
        valid: Option<&Table>,
        options: &FitOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let (mut space, _, rows) = prepare(table, valid, options, sink)?;
        space.about.hashes = space.compute_hashes(&rows)?;
        Ok(space)
    }
}

/// What the columns mean; the key is left out, and what looks like one is told.
fn infer_beside_key(table: &Table, options: &FitOptions) -> Result<Schema> {
    let SplitKey::Key { column: key } = &options.split.by else {
        let mut schema = infer(table, &options.infer)?;
        let is_id = |column: &&ExcludedColumn| column.exclusion == Exclusion::Id;
        let by_rows = options.split.by == SplitKey::Rows;
        schema.notes.extend(schema.excluded.iter().filter(is_id).filter(|_| by_rows).map(|column| {
            format!(
                "column `{}` looks like an identifier ({}): if it names the same row in every table, give it as \
                 the key, and rows keep their parts whatever happens to their other cells",
                column.name, column.reason
            )
        }));
        return Ok(schema);
    };
    let cells = table.column(key).map_err(|e| e.at("option `key`"))?;
    let mut infer_options = options.infer.clone();
    if !infer_options.ignore.contains(key) {
        infer_options.ignore.push(key.clone());
    }
    let mut schema = infer(table, &infer_options)?;
    for column in schema.excluded.iter_mut().filter(|column| column.name == *key) {
        column.exclusion = Exclusion::Key;
        "the key: it says which row is which, and the split goes by it".clone_into(&mut column.reason);
    }
    let n_missing = texts(key, cells)?.null_count();
    if n_missing > 0 {
        schema.notes.push(format!(
            "{n_missing} of {} rows have no value in the key `{key}`: they stay together in one part",
            table.n_rows()
        ));
    }
    Ok(schema)
}

/// The untrained space, all rows of both tables, and their parts.
fn prepare(
    table: &Table,
    valid: Option<&Table>,
    options: &FitOptions,
    sink: &mut Sink<'_>,
) -> Result<(EmbeddingSpace, Table, Rows)> {
    let mut config = options.config.clone();
    config.codec.private |= options.private;
    config.check()?;
    let is_private = config.codec.private;
    check_features(&options.features, table, &config)?;
    let mut schema = infer_beside_key(table, options)?;
    if schema.columns.is_empty() {
        return Err(Error::schema(format!(
            "no column of the table can be used: {}",
            reasons(&schema.excluded)
        ))
        .with_hint("give a column its kind, or the table more rows"));
    }
    let names: Vec<String> = schema.names();
    let split = Split::fit(&options.split, table, &schema)?;
    let (all, rows) = rows_of_parts(table, valid, |table| split.assign(table), &names, &split)?;
    let n_copies = Clusters::new(&rows.key, &rows.key).n_copies();
    if n_copies > 0 {
        let n_rows = all.n_rows();
        let text = format!(
            "{n_copies} of {n_rows} rows repeat another row in every column: copies count once in intervals of scores"
        );
        let _ = sink(&Event::Note { text });
    }
    if let SplitBy::Rows { columns, .. } = &split.by
        && let Some(text) = near_copies(&all, columns, &rows.key)?
    {
        let _ = sink(&Event::Warning { text });
    }
    let remembered = match is_private {
        true => None,
        false => Some(KnownRows::of(&all, &rows.parts, &split, &schema.columns, &rows.key)?),
    };
    let train_rows: Vec<u32> = rows.train.iter().map(|r| *r as u32).collect();
    let codecs =
        training_codecs(&schema, &all, &train_rows, &config.codec, table.whole(), split.columns(), |part| {
            split.assign(part)
        })?;
    schema.notes.extend(notes(&schema.columns, &codecs, &config.codec));
    for note in &schema.notes {
        let _ = sink(&Event::Note { text: note.clone() });
    }
    if is_private {
        let text = format!(
            "private: the space keeps no rows, no notes, and no category or word of fewer than {} training rows. Such \
             categories are unseen to it. Rows of its table that are changed later are not recognised, a table needs \
             every column that the split goes by, and of new rows only those are scored that the split tests on, \
             unless all are asked for",
            config.codec.min_category_rows()
        );
        let _ = sink(&Event::Note { text });
    }
    let shapes: Vec<_> = codecs.iter().map(column_shape).collect();
    let widths = Widths { d: config.d_model, n_blocks: config.n_blocks, expansion: config.expansion };
    let network = Network::new(&shapes, widths, &mut Pcg64Mcg::seed_from_u64(config.training.seed));
    let batch_size = config.batch_size_for(rows.n_rows[0]);
    let n_epochs = config.n_epochs_for(rows.n_rows[0]);
    let mut space = EmbeddingSpace {
        about: About {
            name: options.name.clone(),
            created: now(),
            software: SoftwareVersion::current(),
            config: SpaceConfig {
                training: TrainingOptions { device: Device::default(), ..config.training },
                ..config
            },
            rows: remembered,
            key_columns: names,
            mask_keys: (0..schema.columns.len() as u64).collect(),
            wiring: vec![Wiring::Root { n_columns: schema.columns.len() }],
            columns: schema.columns,
            codecs,
            excluded: schema.excluded,
            notes: Vec::new(),
            split,
            reading: table.origin().reading.clone(),
            features: options.features.clone(),
            planned_epochs: n_epochs,
            batch_size,
            training_info: Default::default(),
            hashes: Hashes::default(),
            extensions: Vec::new(),
            refused_extensions: Vec::new(),
            profile: None,
        },
        network,
    };
    space.about.keep_notes([table.origin().notes.clone(), schema.notes].concat());
    Ok((space, all, rows))
}

/// Codecs of the columns of `schema`, fitted to the training rows of `table`, `train_rows`; of rows that were drawn from
/// a `whole`, to all training rows of that: `parts` says of a part of it which rows these are, by the columns `needed`.
///
/// # Errors
/// As [`fit_codecs_to_whole`].
pub(crate) fn training_codecs(
    schema: &Schema,
    table: &Table,
    train_rows: &[u32],
    config: &CodecConfig,
    whole: Option<&Arc<dyn Whole>>,
    needed: &[String],
    parts: impl Fn(&Table) -> Result<Vec<Part>>,
) -> Result<Vec<Codec>> {
    let Some(whole) = whole else { return fit_codecs_to_rows(schema, table, train_rows, config) };
    let mut trains = |part: &Table| Ok(parts(part)?.iter().map(|part| *part == Part::Train).collect());
    fit_codecs_to_whole(schema, table, train_rows, config, &**whole, needed, &mut trains)
}

/// Why columns are left out, each with its name.
fn reasons(excluded: &[ExcludedColumn]) -> String {
    let mut told: Vec<String> = excluded
        .iter()
        .take(MOST_REASONS)
        .map(|column| format!("`{}` ({})", visible(&column.name), visible(&column.reason)))
        .collect();
    if excluded.len() > MOST_REASONS {
        told.push(format!("and {} more", excluded.len() - MOST_REASONS));
    }
    told.join(", ")
}

/// That many rows nearly equal another one, in a table of at least two columns: copies that the split cannot see.
fn near_copies(table: &Table, columns: &[String], keys: &[u64]) -> Result<Option<String>> {
    let n_rows = table.n_rows().min(LOOKED_AT);
    if columns.len() < 2 {
        return Ok(None);
    }
    let n_near = n_nearly_equal(&table.slice(0, n_rows), columns, &keys[..n_rows])?;
    Ok((n_near >= LEAST_NEAR && n_near as f64 >= SHARE_NEAR * n_rows as f64).then(|| {
        format!(
            "{n_near} of {n_rows} rows differ from another row by the last digits of numbers, upper case or blanks \
             alone: where they are one thing, written down twice, scores are too good, for one may be learned from and \
             the other tested; round and spell them alike, or give the column that names the thing as the key or group"
        )
    }))
}

/// The current time, RFC 3339, UTC, to the second, with the offset `+00:00`: older Pythons cannot read a `Z`. A clock
/// without a battery may say a time before 1970.
pub(crate) fn now() -> String {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let since_1970 = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration()),
    };
    let time = chrono::DateTime::from_timestamp(since_1970, 0).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
}
