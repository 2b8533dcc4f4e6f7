//! The same columns, new rows: a space goes on learning.
//!
//! | mode | trains | promise |
//! |---|---|---|
//! | frozen | the tokens of new levels, on the rows that have one | a row without a new level keeps its vector's bits for ever |
//! | anchored | new levels first, then all weights | the drift of rows without a new level stays within the bound |
//!
//! Which of them it is has to enter a row's vector, and only what a head is asked for does. In mode `frozen`, where no
//! head may change, a head of the columns with new levels learns beside the tokens, and is thrown away.
//!
//! Levels of categories that the space takes for unseen get codes behind the old ones (`codec/later.rs`) and start as
//! the unseen level, so that before any training every row has its parent's vector. Bins of numbers and times stay as
//! they are. What each column is worth to the child is the parent's affair: no column comes, none goes.

use std::time::Instant;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tabgraft_table::Table;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::read::ReadOptions;
use tabgraft_table::split::SplitBy;

use super::drift::DriftSample;
use super::keep::Keep;
use super::levels::NewLevels;
use super::options::DRIFT_BOUND;
use super::prune::mean;
use super::role::NEW;
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::objective::Role;
use crate::param::Params;
use crate::space::{
    AnchorInfo, EmbeddingSpace, ExtensionMetadata, Mode, Operation, Rows, SoftwareVersion, now,
};
use crate::train::{
    Anchor, Ending, Event, Phase, Purpose, Sink, TrainingData, TrainingOptions, TrainingPlan, Watch, drawn,
    train, validation_losses,
};

/// Learning rate against the space's own, as a graft has it.
const RATE_FACTOR: f32 = 2.0;

/// How to refresh.
#[derive(Debug, Clone)]
pub struct RefreshOptions {
    /// What happens to old weights: [`Mode::Anchored`] (the default) or [`Mode::Frozen`].
    pub mode: Mode,
    /// Most that vectors of rows without a new level may move in mode [`Mode::Anchored`], and there alone: their mean
    /// cosine distance on validation rows; above 0 up to 2. Default 0.05.
    pub drift_bound: Option<f64>,
    /// How it is trained. Default: a sample of the rows, a few times, by what there is to learn, as a graft
    /// (`extend/dose.rs`).
    pub training: TrainingOptions,
    /// Name of the child. Default: the parent's and `_refreshed`.
    pub name: Option<String>,
    /// Whether the child has to prove itself. Default [`Keep::Always`].
    pub keep: Keep,
}

impl Default for RefreshOptions {
    fn default() -> Self {
        RefreshOptions {
            mode: Mode::Anchored,
            drift_bound: None,
            training: TrainingOptions::DEFAULT,
            name: None,
            keep: Keep::Always,
        }
    }
}

impl RefreshOptions {
    /// Checks what can be checked without a parent.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.training.check()?;
        match (self.mode, self.drift_bound) {
            (Mode::Joint, _) => Err(Error::option(
                "option `mode` is `joint`, a refresh is `anchored` or `frozen`",
            )
            .with_hint("`anchored` with a larger `drift_bound`, up to 2, lets old vectors move as far")),
            (Mode::Frozen, Some(bound)) => {
                Err(Error::option(format!("option `drift_bound` is {bound}, but mode `frozen` has no bound"))
                    .with_hint(
                        "choose mode `anchored`; `frozen` moves no vector of a row without a new level",
                    ))
            }
            (_, Some(bound)) if !(bound > 0.0 && bound <= 2.0) => {
                Err(Error::option(format!("option `drift_bound` is {bound}, allowed is above 0 up to 2"))
                    .with_hint("mode `frozen` moves no vector of a row without a new level"))
            }
            _ => Ok(()),
        }
    }

    /// Options that read the table to refresh from as that of `parent`.
    pub fn read_options(&self, parent: &EmbeddingSpace) -> ReadOptions {
        let mut options = parent.read_options();
        options.most_bytes = self.training.most_bytes();
        options
    }

    fn bound(&self) -> Option<f64> {
        (self.mode == Mode::Anchored).then(|| self.drift_bound.unwrap_or(DRIFT_BOUND))
    }
}

impl EmbeddingSpace {
    /// Learns from new rows of the same columns. Where `options` let a target judge, parent and child are compared, as
    /// by [`EmbeddingSpace::extend`].
    ///
    /// `table` holds the new rows, and old ones too where what was learned of them shall stay: rows that the space knows
    /// keep their part, new ones are dealt by its split. `valid` gives the validation rows, else the split does.
    /// Unseen levels of categories in `min_category_rows` training rows or more get codes of their own; in mode
    /// `anchored` they become classes of their column's head, as far as there is room for them. New columns are left
    /// alone, with a note.
    ///
    /// # Errors
    /// An option error if an option is out of range, the limit of memory is too low or no GPU answers; a schema error if
    /// no column of the table is known or cells are of another type now; a value error if no row is left to train on, or
    /// in mode `frozen` no level is new; a training error if no gradient is finite; as [`EmbeddingSpace::compare`] where
    /// a target judges.
    pub fn refresh(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &RefreshOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        options.check()?;
        options.keep.check(self, table)?;
        let child = self.refreshed(table, valid, options, sink)?;
        options.keep.choose(self, child, table, sink)
    }

    fn refreshed(
        &self,
        table: &Table,
        valid: Option<&Table>,
        options: &RefreshOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let start = Instant::now();
        table.check_all_here("refreshing")?;
        let plan = TrainingPlan::new(&options.training, sink)?;
        self.check_types(table, &[], sink)?;
        let table = &*self.completed(table, sink)?;
        let valid = valid.map(|valid| self.completed(valid, sink)).transpose()?;
        self.about.check_known(table)?;
        let later = self.in_later_time(table, valid.as_deref())?;
        let dealing = later.as_ref().unwrap_or(self);
        let (all, rows) =
            dealing.rows_of(table, valid.as_deref(), sink).map_err(|error| self.of_time(error))?;
        self.tell_absent(&all, sink)?;
        let levels = self.new_levels(&all, &rows, options.mode)?;
        let mut child = self.with_levels(&levels, options);
        let note_on_time = later.map(|later| {
            child.about.split = later.about.split;
            child.note_on_time(&rows)
        });
        let trained = match options.mode {
            Mode::Frozen => levels.rows(&rows.train, true),
            Mode::Joint | Mode::Anchored => rows.train.clone(),
        };
        if trained.is_empty() {
            return Err(Error::value(
                "no category has a new level in enough training rows, and mode `frozen` trains nothing else",
            )
            .with_hint(
                "mode `anchored` goes on with all weights; `watch` tells what has changed in the rows",
            ));
        }
        let new_columns = levels.columns();
        let dose = self.dose_of_refresh(&options.training, options.mode, [new_columns.len(), trained.len()]);
        child.about.batch_size = dose.batch_size;
        let (n_train, n_watched) = dose.sample.map_or((usize::MAX, usize::MAX), |s| (s.n_train, s.n_valid));
        let trained = drawn(&trained, &rows.key, n_train, Purpose::Training);
        // The profile is of all kinds of rows.
        let shown = drawn(&rows.train, &rows.key, n_train, Purpose::Training);
        let looked_at = rows.looked_at([&trained[..], &shown].concat(), n_watched);
        // Codecs of the child differ from those that it learns by in what is a class.
        let learner = match options.mode {
            Mode::Frozen => self.learner(&levels, &new_columns, plan.seed()),
            Mode::Joint | Mode::Anchored => child.clone(),
        };
        let encoded = learner.encode_rows(&all, &looked_at.rows_idx)?;
        let place = |row: &usize| looked_at.rows_idx.binary_search(row).unwrap_or_default();
        let [trained, shown]: [Vec<usize>; 2] = [trained, shown].map(|rows| rows.iter().map(place).collect());
        let has_new: Vec<bool> = looked_at.rows_idx.iter().map(|row| levels.has_new[*row]).collect();
        let notes = self.notes_on_levels(&levels, options.mode).into_iter();
        let notes: Vec<String> = notes
            .chain(note_on_time)
            .chain(self.note_on_ranges(&encoded.take(&shown)))
            .chain(self.note_on_new_columns(table, options.keep.target()))
            .collect();
        for text in &notes {
            let _ = sink(&Event::Note { text: text.clone() });
        }
        let n_columns = self.columns().len();
        let mut roles = vec![Role::OLD; n_columns];
        if options.mode == Mode::Frozen {
            new_columns.iter().for_each(|c| roles[*c] = NEW);
        }
        let mut data = looked_at.training_data(&learner, &encoded, roles, 0..n_columns);
        data.train_rows = trained;
        let bound = options.bound();
        let read = [all.n_bytes() + encoded.n_bytes(), all.n_rows()];
        child.keep_within(&plan, bound.is_some(), &mut data, read, sink)?;
        if options.mode == Mode::Frozen {
            let new: Vec<usize> = data.valid_rows.iter().copied().filter(|row| has_new[*row]).collect();
            data.watched_rows = drawn(&new, data.objective.row_keys(), n_watched, Purpose::Validation);
        }
        let before = child.network.clone();
        let own = EncodedTable {
            n_rows: encoded.n_rows,
            columns: child.codecs().iter().zip(&encoded.columns).map(|(c, e)| c.as_before(e)).collect(),
        };
        let mut own = looked_at.training_data(&child, &own, vec![Role::OLD; n_columns], 0..n_columns);
        own.train_rows.clone_from(&shown);
        let loss_before = validation_losses(&before, &own)?.and_then(|losses| mean(losses.into_iter()));
        // Rows with a new level are meant to move.
        let old = |rows: &[usize]| rows.iter().copied().filter(|row| !has_new[*row]).collect::<Vec<_>>();
        let keys = || looked_at.rows.key.clone();
        let mut measured = Rows::alone(old(&shown), old(&data.valid_rows), keys());
        if measured.train.len().max(measured.valid.len()) < 2 {
            measured = Rows::alone(shown.clone(), data.valid_rows.clone(), keys());
        }
        let sample = DriftSample::new(&before, &encoded, &measured, plan.seed());
        // The batches are cut from the data: what it was made of makes room.
        drop(encoded);
        let coding = start.elapsed().as_secs_f64();
        let measure = |network: &Network| sample.distance(network);
        let mut network = learner.network;
        let mut anchor = bound.map(|bound| Anchor::new(bound, &before, &before, &measure));
        if let Some(anchor) = &mut anchor {
            anchor.near = Some(has_new.iter().map(|new| !new).collect());
        }
        let shapes = self.column_shapes();
        let n_heads = child.network.heads.len();
        let new = |network: &mut Network| {
            network.thaw_codes_since(&shapes);
            // No vector depends on a head; those of a frozen parent stay.
            let first = if options.mode == Mode::Frozen { n_heads } else { 0 };
            network.heads.iter_mut().skip(first).for_each(|head| head.set_thawed(true));
        };
        let every: &(dyn Fn(&mut Network) + Sync) = &|network: &mut Network| network.set_thawed(true);
        let first = levels_first(&data, &has_new, options.mode);
        let n_first = dose.epochs_of_levels(first.len());
        let few = (options.mode != Mode::Frozen && n_first.is_some()).then_some(&first[..]);
        let stages = stages(options.mode, [dose.n_epochs, first.len()], n_first, plan.auto_epochs());
        let config = &child.about.config;
        let phases: Vec<Phase<'_>> = stages
            .into_iter()
            .map(|(name, n_epochs, ending)| Phase {
                name,
                n_epochs,
                rows: few.filter(|_| name == NEW_LEVELS),
                learning_rate: config.learning_rate * RATE_FACTOR,
                weight_decay: if name == ALL_WEIGHTS { config.weight_decay } else { 0.0 },
                p_drop: config.p_drop,
                watch: Watch::AllColumns,
                ending,
                thaw: if name == ALL_WEIGHTS { every } else { &new },
            })
            .collect();
        let mut info = train(&mut network, &data, &plan, &phases, anchor.as_mut(), sink)?;
        let n_trained = phases
            .iter()
            .zip(&info.phases)
            .map(|(phase, done)| done.n_epochs * phase.rows.unwrap_or(&data.train_rows).len());
        let n_trained = n_trained.sum();
        network.heads.truncate(n_heads);
        child.network = network.resized(&child.column_shapes());
        if let Some(losses) = validation_losses(&child.network, &own)? {
            info.final_validation_loss = mean(losses.iter().copied());
            let pairs = own.column_names.iter().cloned().zip(losses);
            info.final_column_losses = pairs.filter(|(_, loss)| loss.is_finite()).collect();
        }
        info.n_weights = child.network.n_weights();
        info.stages.coding = coding;
        let anchor = anchor.map(|a| AnchorInfo { drift_bound: a.bound, kept_share: a.kept_share });
        let drift = sample.drift(&child.network)?;
        child.about.profile = Some(child.profiled(&own, n_trained));
        child.about.keep_notes(notes);
        child.about.remember_rows(&all, &rows.parts, sink)?;
        child.about.hashes = child.compute_hashes(&rows)?;
        let step = ExtensionMetadata {
            operation: Operation::Refresh,
            columns_retired: self.retired(&all)?,
            training_epochs_used: info.epochs.len(),
            batch_size: Some(child.about.batch_size),
            sample: dose.sample,
            phases: info.phases.clone(),
            mode: options.mode,
            data_hash: child.about.hashes.data.clone(),
            seed: plan.seed(),
            drift,
            anchor,
            parent_validation_loss: loss_before,
            seconds: info.seconds,
            ..self.next_step(&child.about.created)
        };
        child.about.training_info = info;
        child.about.remember(step);
        Ok(child)
    }

    /// This space with a code and a class for every new level, and a head more that is to tell them.
    fn learner(&self, levels: &NewLevels, new_columns: &[usize], seed: u64) -> Self {
        let mut learner = self.clone();
        learner.about.codecs.clone_from(&levels.by_class);
        learner.network = self.network.resized(&learner.column_shapes());
        let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x7265_6672_6573);
        learner.network.add_head(new_columns.iter().copied(), &mut rng);
        learner
    }

    /// This space with a split that goes on, where it goes by time and rows are later than all that it was split by.
    fn in_later_time(&self, table: &Table, valid: Option<&Table>) -> Result<Option<Self>> {
        if !matches!(self.split().by, SplitBy::Time { .. }) {
            return Ok(None);
        }
        let all = valid.map(|valid| table.append(valid).map_err(|e| e.at("validation table"))).transpose()?;
        let Some(split) = self.split().continued(all.as_ref().unwrap_or(table))? else { return Ok(None) };
        let mut later = self.clone();
        later.about.split = split;
        Ok(Some(later))
    }

    /// That a split by time leaves rows nothing to train on.
    fn of_time(&self, error: Error) -> Error {
        match &self.split().by {
            SplitBy::Time { column, last: None, .. } if error.is_value() => Error::value(format!(
                "{error}; `{}` is split by time, rows of after its last date in `{column}` test, and its file does not \
                 say which that is: it is from before that was kept, or has seen some of its rows alone",
                self.name()
            ))
            .with_hint("train a new space on old rows and new ones"),
            SplitBy::Time { column, .. } if error.is_value() => Error::value(format!(
                "{error}; `{}` is split by time, and these are times in `{column}` that tested before",
                self.name()
            ))
            .with_hint("give later rows: the last of them will test, and the others train"),
            _ => error,
        }
    }

    /// This space with codes for new levels, before any training: every row has the vector that it had.
    fn with_levels(&self, levels: &NewLevels, options: &RefreshOptions) -> Self {
        let mut child = self.clone();
        let about = &mut child.about;
        about.name = options.name.clone().unwrap_or_else(|| format!("{}_refreshed", self.name()));
        about.created = now();
        about.software = SoftwareVersion::current();
        about.codecs.clone_from(&levels.codecs);
        child.network = self.network.resized(&child.column_shapes());
        child
    }
}

const NEW_LEVELS: &str = "new levels";
const ALL_WEIGHTS: &str = "all weights";

/// The rows that new levels learn from before all weights do: those that have one, and as many others, so that the heads,
/// which learn too, do not forget what these are like. None in mode `frozen`, where they learn alone and no head does.
fn levels_first(data: &TrainingData, has_new: &[bool], mode: Mode) -> Vec<usize> {
    let of = |wanted: bool| {
        let rows = data.train_rows.iter().copied().filter(|row| has_new[*row] == wanted);
        rows.collect::<Vec<_>>()
    };
    let new = if mode == Mode::Frozen { Vec::new() } else { of(true) };
    let others = drawn(&of(false), data.objective.row_keys(), new.len(), Purpose::Training);
    [new, others].concat()
}

/// The phases of a refresh: names, epochs, endings. `n_epochs` are those of all weights, `n_first` those of the new levels
/// before them, in `n_rows` rows; where the user says the epochs, half of them are.
fn stages(
    mode: Mode,
    [n_epochs, n_rows]: [usize; 2],
    n_first: Option<usize>,
    auto_epochs: bool,
) -> Vec<(&'static str, usize, Ending)> {
    let last = if auto_epochs { Ending::WhenFlat } else { Ending::AllEpochs };
    match (mode, n_first) {
        // A head that begins at random spoils the loss before it helps: the best epoch comes late.
        (Mode::Frozen, _) => vec![(NEW_LEVELS, n_epochs, Ending::AllEpochs)],
        _ if n_rows == 0 => vec![(ALL_WEIGHTS, n_epochs, last)],
        (_, Some(n_first)) => vec![(NEW_LEVELS, n_first, Ending::AllEpochs), (ALL_WEIGHTS, n_epochs, last)],
        (_, None) => {
            let first = if auto_epochs { Ending::HandOver } else { Ending::AllEpochs };
            let stages = [(NEW_LEVELS, n_epochs / 2, first), (ALL_WEIGHTS, n_epochs - n_epochs / 2, last)];
            stages.into_iter().filter(|(_, n_epochs, _)| *n_epochs > 0).collect()
        }
    }
}
