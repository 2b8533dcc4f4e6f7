//! What the user says of a graft, and what it comes to for one parent.

use tabgraft_feature::Feature;
use tabgraft_table::error::near_names;
use tabgraft_table::read::ReadOptions;
use tabgraft_table::schema::{ExcludedColumn, Exclusion, InferOptions};
use tabgraft_table::table::quoted;

use super::keep::Keep;
use crate::error::{Error, Result};
use crate::space::{EmbeddingSpace, Freeze, Mode};
use crate::train::{Event, Sink, TrainingOptions};

/// Fewest epochs of a graft by default.
const LEAST_EPOCHS: usize = 10;
/// Extra coordinates of a frozen graft: so many per new column, within a range.
const SIDE_PER_COLUMN: usize = 32;
const SIDE_RANGE: std::ops::RangeInclusive<usize> = 32..=96;
/// Bound of an anchored graft by default.
pub(super) const DRIFT_BOUND: f64 = 0.05;

/// How to graft, beside the enriched table.
#[derive(Debug, Clone)]
pub struct ExtendOptions {
    /// What happens to old weights. Default [`Mode::Frozen`].
    pub mode: Mode,
    /// Most that old vectors may move in mode [`Mode::Anchored`], and there alone: their mean cosine
    /// distance on validation rows; above 0 up to 2. Default 0.05.
    pub drift_bound: Option<f64>,
    /// Which old weights stay frozen in mode [`Mode::Joint`] or [`Mode::Anchored`], and when the others
    /// are thawed. Default: none stays frozen.
    pub freeze: Freeze,
    /// How it is trained. Default: a sample of the rows, a few times, by what the new columns need
    /// (`extend/dose.rs`), in steps of the parent's rows, at most 128. Where epochs are given, or all are to be run,
    /// every epoch takes all rows; by default there are then a quarter of the parent's, at least 10, and steps have the
    /// parent's rows.
    /// With `auto_epochs` the next phase begins once the validation loss falls by less than 2 % within an
    /// epoch; in the last one the learning rate then falls to 0, which takes three tenths of
    /// its planned epochs (rounded down, at least 1), and it ends. A phase that trains new weights alone
    /// watches the loss of new columns, any other that of all columns. The lineage says how many epochs each
    /// phase ran and why it ended.
    pub training: TrainingOptions,
    /// Name of the child. Default: the parent's and `_extended`.
    pub name: Option<String>,
    /// Extra coordinates of a frozen graft. Default: 32 per new column, 32 to 96.
    pub d_side: Option<usize>,
    /// Columns of the parent to remove first, as [`EmbeddingSpace::prune`] does by its defaults, on the
    /// same table. The lineage gets an entry for the prune and one for the graft. Default: none.
    pub prune: Vec<String>,
    /// Pruned columns to take back: other new columns of a table come by themselves, these only when
    /// they are named. Default: none.
    pub regraft: Vec<String>,
    /// Kinds of new columns given by the user, new columns to ignore.
    pub infer: InferOptions,
    /// Features that make new columns, fitted: the child remembers them, and what they are made from, and
    /// computes them where a table lacks them, this one included.
    pub features: Vec<Feature>,
    /// Features that may have made new columns: those that give what a column holds, in every row, are
    /// remembered as `features` are. Default: none.
    pub candidates: Vec<Feature>,
    /// What the user says about the new columns; free form, kept in the lineage.
    pub feature_metadata: Option<serde_json::Value>,
    /// Whether the child has to prove itself. Default [`Keep::Always`].
    pub keep: Keep,
}

impl Default for ExtendOptions {
    fn default() -> Self {
        ExtendOptions {
            mode: Mode::Frozen,
            drift_bound: None,
            freeze: Freeze::default(),
            training: TrainingOptions::DEFAULT,
            name: None,
            d_side: None,
            prune: Vec::new(),
            regraft: Vec::new(),
            infer: InferOptions::default(),
            features: Vec::new(),
            candidates: Vec::new(),
            feature_metadata: None,
            keep: Keep::Always,
        }
    }
}

impl ExtendOptions {
    /// Options that read the table to graft from as that of `parent`; what the user says of new columns is
    /// known before, and what is ignored is not read, unless something needs it.
    pub fn read_options(&self, parent: &EmbeddingSpace) -> ReadOptions {
        let mut options = parent.read_options();
        for (name, known) in self.infer.known() {
            options.known.entry(name).or_insert(known);
        }
        let used = parent.columns().iter().map(|column| &column.name);
        let read = parent.about.feature_inputs();
        let given: Vec<String> =
            self.features.iter().flat_map(|feature| feature.inputs().unwrap_or_default()).collect();
        let needed = parent.split().columns().iter().chain(used).chain(&read).chain(&given);
        options.columns = self.infer.wants(needed).and(self.keep.target());
        options.most_bytes = self.training.most_bytes();
        options
    }

    /// Checks what can be checked without a parent.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.training.check()?;
        if self.mode == Mode::Frozen && !self.freeze.is_default() {
            return Err(Error::option(
                "option `freeze` is given, but mode `frozen` thaws no old weight anyway",
            )
            .with_hint("leave it out, or choose mode `joint` or `anchored`"));
        }
        if let Some(name) = self.freeze.columns.iter().find(|name| self.prune.contains(name)) {
            return Err(Error::option(format!("options `freeze` and `prune` both name column `{name}`"))
                .with_hint("a column that is removed cannot stay frozen"));
        }
        match self.drift_bound {
            Some(bound) if self.mode != Mode::Anchored => Err(Error::option(format!(
                "option `drift_bound` is {bound}, but mode `{}` has no bound",
                self.mode.name()
            ))
            .with_hint("choose mode `anchored`; `frozen` moves no old vector at all")),
            Some(bound) if !(bound > 0.0 && bound <= 2.0) => {
                Err(Error::option(format!("option `drift_bound` is {bound}, allowed is above 0 up to 2"))
                    .with_hint("mode `frozen` moves no old vector at all"))
            }
            _ => Ok(()),
        }?;
        match self.d_side {
            Some(d) if self.mode != Mode::Frozen => Err(Error::option(format!(
                "option `d_side` is {d}, but mode `{}` appends no coordinates",
                self.mode.name()
            ))
            .with_hint("leave it out, or choose mode `frozen`")),
            _ => Ok(()),
        }
    }

    /// The bound that an anchored graft holds.
    pub(super) fn bound(&self) -> Option<f64> {
        (self.mode == Mode::Anchored).then(|| self.drift_bound.unwrap_or(DRIFT_BOUND))
    }
}

impl EmbeddingSpace {
    /// Epochs of a graft, and a note if the user's number is outside the advised range.
    pub(super) fn graft_epochs(&self, options: &TrainingOptions, sink: &mut Sink<'_>) -> usize {
        let parent = self.about.planned_epochs;
        let half = parent / 2;
        let most = half.max(LEAST_EPOCHS);
        match options.n_epochs {
            None => {
                let n = (parent / 4).clamp(LEAST_EPOCHS, most);
                if n > half {
                    let text = format!(
                        "{n} epochs for a graft, the fewest that new columns are learned in, are more than half \
                         of the {parent} that the parent had: train the parent for {} or more, or say `n_epochs`",
                        2 * LEAST_EPOCHS
                    );
                    let _ = sink(&Event::Warning { text });
                }
                n
            }
            Some(n) if half < LEAST_EPOCHS => {
                let text = format!(
                    "{n} epochs for a graft: advised are at least {LEAST_EPOCHS} and at most half of the parent's, \
                     which had {parent}: train the parent for {} or more",
                    2 * LEAST_EPOCHS
                );
                let _ = sink(&Event::Warning { text });
                n
            }
            Some(n) => {
                if n < LEAST_EPOCHS || n > most {
                    let text = format!(
                        "{n} epochs for a graft: advised are at least {LEAST_EPOCHS} and at most {most}, \
                         as the parent had {parent}"
                    );
                    let _ = sink(&Event::Warning { text });
                }
                n
            }
        }
    }

    /// Checks that columns to freeze are columns of this space.
    pub(super) fn check_frozen_columns(&self, freeze: &Freeze) -> Result<()> {
        let known: Vec<&str> = self.columns().iter().map(|c| c.name.as_str()).collect();
        match freeze.columns.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::option(format!(
                "option `freeze` names column `{name}`, the parent has {}",
                quoted(&known)
            ))
            .with_hint(match &near_names(name, known.iter().copied())[..] {
                [] => "a new column cannot stay frozen".to_owned(),
                near => format!("did you mean {}?", quoted(near)),
            })),
        }
    }

    /// Checks that columns to take back were pruned.
    pub(super) fn check_regrafted(&self, regraft: &[String]) -> Result<()> {
        let of = |e: &&ExcludedColumn| e.exclusion == Exclusion::Pruned;
        let pruned: Vec<&str> = self.excluded().iter().filter(of).map(|e| e.name.as_str()).collect();
        match regraft.iter().find(|name| !pruned.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let known = match pruned.is_empty() {
                    true => "no column was pruned".to_owned(),
                    false => format!("pruned were {}", quoted(&pruned)),
                };
                Err(Error::option(format!("option `regraft` names column `{name}`, but {known}"))
                    .with_hint("new columns need no naming; what a space ignored stays ignored"))
            }
        }
    }

    pub(super) fn side_width(&self, options: &ExtendOptions, n_new: usize) -> Result<usize> {
        match options.d_side {
            None => Ok((n_new * SIDE_PER_COLUMN).clamp(*SIDE_RANGE.start(), *SIDE_RANGE.end())),
            Some(d) if (8..=1024).contains(&d) && d.is_multiple_of(8) => Ok(d),
            Some(d) => {
                Err(Error::option(format!("option `d_side` is {d}, allowed is 8 to 1024 in steps of 8")))
            }
        }
    }
}
