//! Predicting one target on top of an embedding space.
//!
//! A bag of networks, each a fine-tuned copy of the space with eight members and a linear path
//! (`head.rs`), over inner splits of the rows (`bag.rs`); and beside it a bag of forests over the same parts
//! (`trees.rs`) and a linear model (`lines.rs`), mixed with it in the shares that held-out rows ask for
//! (`blend.rs`). The space that the user gave never changes. Probabilities are the mean, with a temperature fitted on held-out rows.

mod ancestry;
mod bag;
mod blend;
mod calibrate;
mod card;
mod class_weight;
mod derived;
mod fair;
mod file;
mod fit;
mod grow;
mod grown;
mod head;
mod held_out;
mod id;
mod inner;
mod interval;
mod label;
mod leaks;
mod lines;
mod migrate;
mod options;
mod predictions;
mod reading;
mod reliability;
mod search;
mod sizes;
mod stream;
mod target;
mod threshold;
mod told;
mod trees;

use serde::{Deserialize, Serialize};
use tabgraft_feature::Differing;
use tabgraft_table::Table;
use tabgraft_table::codec::CellFlag;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::read::Reading;
use tabgraft_table::threads::in_pool;
use tabgraft_table::unreadable::{CellErrors, Readable};

pub(crate) use calibrate::{LEAST_PROBABILITY, TINY};
pub use card::{GrowthCard, PredictorCard};
pub use class_weight::ClassWeight;
pub(crate) use derived::DAY;
pub use fair::FairRows;
pub(crate) use file::KIND;
pub use fit::HeldOut;
pub use grow::{GrowOptions, Growing, JudgedOn, KeepGrown};
pub(crate) use grown::LEAST_PROBABILITY as LEAST_BEFORE;
pub(crate) use head::{Head, N_MEMBERS};
pub use interval::Interval;
pub use label::{LabelType, spelling_note};
pub(crate) use lines::mean_line;
pub(crate) use migrate::to_current;
pub use options::{Effort, PredictorOptions};
pub use predictions::{Guardrail, Predictions};
pub use reliability::{Coverage, Reliability, ReliabilityBin};
pub use sizes::HeadSizes;
pub use stream::PredictionStream;
pub use target::{MOST_NUMBER, Target, TargetKind};
pub use threshold::{ChosenThreshold, ThresholdFor};
pub(crate) use trees::loss;

use crate::error::{Error, Result};
use crate::metric::{self, PairedDifference, Prediction, Score, Task};
use crate::space::{
    About, ColumnReport, KnownRows, SoftwareVersion, UnseenColumn, UnseenCounts, cell_tables, clusters,
};
use crate::tree::Forest;
use bag::NotFinite;
use calibrate::{keep_off_the_ends, sharpen};
use derived::Derived;
use grown::{Grown, Growth};
use inner::InnerParts;
use interval::Distances;
use lines::Lines;
use predictions::decide;

/// A fitted predictor. Self-contained: it needs no other file.
#[derive(Debug, Clone)]
pub struct Predictor {
    pub(crate) about: PredictorAbout,
    pub(crate) heads: Vec<Head>,
    pub(crate) forests: Vec<Forest>,
    pub(crate) lines: Vec<Lines>,
    /// What it grew from and by; none where it was fitted from nothing, and then learners above.
    pub(crate) grown: Option<Grown>,
}

/// Everything about a predictor but its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictorAbout {
    pub name: String,
    pub created: String,
    pub software: SoftwareVersion,
    pub options: PredictorOptions,
    pub target: Target,
    /// Exponent `1 / temperature` of the probabilities; 1 for numbers.
    pub sharpness: f64,
    /// The space that it was fitted on: columns, codecs, split, lineage, hashes.
    pub space: About,
    /// Columns that trees and the linear learner have beside the space's.
    pub derived: Vec<Derived>,
    /// Rows of the fit that the space does not know, if there are any and the space remembers its own.
    pub rows: Option<KnownRows>,
    /// How the table was read that it was fitted on.
    pub reading: Reading,
    pub fit_info: FitInfo,
    /// The threshold that was chosen on held-out rows, if one was asked for.
    pub threshold: Option<ChosenThreshold>,
    /// How far held-out rows were off. None for classes, and in a file of format 1.3 or earlier.
    pub distances: Option<Distances>,
    /// Inner parts of the rows that it was fitted on. None in one of format 1.3 or earlier.
    pub inner: Option<InnerParts>,
    /// The predictor that it grew from, and what came. None where it was fitted from nothing.
    pub growth: Option<Growth>,
    /// Hash of what the file says of the predictor, without names, times and seconds. None in one of format
    /// 1.3 or earlier.
    pub claims: Option<String>,
}

/// The record of one fit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitInfo {
    /// Rows learned from, by all networks of the bag together; of whole weights each as often as it counts.
    pub n_rows: usize,
    /// Rows left out because their target is missing.
    pub n_rows_without_target: usize,
    /// Those of them whose target is infinite.
    pub n_rows_infinite_target: usize,
    /// Rows left out because their weight is 0.
    pub n_rows_without_weight: usize,
    /// Rows of the test part: neither learned from nor stopped on.
    pub n_rows_test: usize,
    /// Rows of the test part whose class no row to learn from has; scored as wrong.
    pub n_rows_unseen: usize,
    /// Rows learned from that repeat another one in every column of the space. Equal rows are in one
    /// inner part.
    pub n_copies: usize,
    /// Kept epoch of each network.
    pub best_epochs: Vec<usize>,
    /// Trees of each forest.
    pub n_trees: Vec<usize>,
    /// Share of the trees in a prediction, 0 to 1. A learner without a share is not in the predictor.
    pub share_of_trees: f64,
    /// Share of the linear model, 0 to 1; what is left is the networks'.
    pub share_of_linear: f64,
    /// Scores on the test part; empty where there is none.
    pub scores: Vec<Score>,
    /// What became of the table's columns.
    pub columns: ColumnReport,
    /// Whether the user stopped it early.
    pub interrupted: bool,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Those of them that each kind of learner took.
    pub seconds_spent: SecondsSpent,
}

/// Wall time of the learners of a fit, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondsSpent {
    /// The linear models.
    pub linear: f64,
    /// The forests.
    pub trees: f64,
    /// The networks.
    pub networks: f64,
}

/// What rounding may leave of shares that sum to 1; the least share of a learner is far above.
const SHARE_ROUNDING: f64 = 1e-9;

impl FitInfo {
    /// Share of the networks in a prediction, 0 to 1; exactly 0 where the others predict alone.
    pub fn share_of_networks(&self) -> f64 {
        let rest = 1.0 - self.share_of_trees - self.share_of_linear;
        // Shares sum to 1 up to rounding.
        if rest < SHARE_ROUNDING { 0.0 } else { rest }
    }

    /// Whether shares are shares: none is below 0, and together they are 1.
    fn has_shares(&self) -> bool {
        let others = [self.share_of_trees, self.share_of_linear];
        others.iter().all(|share| (0.0..=1.0).contains(share))
            && others.iter().sum::<f64>() <= 1.0 + SHARE_ROUNDING
    }

    /// What predicts, in words: the learners, and the share of each where there are several.
    pub fn learners(&self) -> String {
        let n_trees: usize = self.n_trees.iter().sum();
        let learners = [
            (format!("{} networks", self.best_epochs.len()), self.share_of_networks()),
            (format!("{} forests of {n_trees} trees", self.n_trees.len()), self.share_of_trees),
            ("a linear model".to_owned(), self.share_of_linear),
        ];
        let words: Vec<String> = learners
            .into_iter()
            .filter(|(_, share)| *share > 0.0)
            .map(|(words, share)| if share < 1.0 { format!("{words} (share {share:.2})") } else { words })
            .collect();
        words.join(", ")
    }
}

impl Predictor {
    /// The predictor's name.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// What is predicted.
    pub fn target(&self) -> &Target {
        &self.about.target
    }

    /// Rows, epochs, scores and seconds of the fit.
    pub fn fit_info(&self) -> &FitInfo {
        &self.about.fit_info
    }

    /// Probability from which on the second of two classes is predicted.
    pub fn threshold(&self) -> f64 {
        self.about.threshold.map_or(self.about.options.threshold, |chosen| chosen.value)
    }

    /// The predictions with an interval around each number that covers the truth with this probability.
    ///
    /// # Errors
    /// An option error for classes, for a level that is not between 0 and 1 or for which there were too few held-out
    /// rows, and for a file that remembers none.
    pub fn with_interval(&self, predictions: Predictions, level: f64) -> Result<Predictions> {
        if self.about.target.task() != Task::Regression {
            return Err(Error::option(format!(
                "option `interval` is for numbers, `{}` is one of {} classes",
                self.about.target.column(),
                self.about.target.classes().len()
            ))
            .with_hint("leave it out; the probabilities say how sure a class is"));
        }
        let Some(distances) = &self.about.distances else {
            return Err(Error::option(format!(
                "predictor `{}` is of an older format and does not remember how far it was off",
                self.name()
            ))
            .with_hint("fit it again"));
        };
        let interval = distances.around(&predictions.values, level)?;
        Ok(Predictions { interval: Some(interval), ..predictions })
    }

    /// Name of the space that it was fitted on.
    pub fn space_name(&self) -> &str {
        &self.about.space.name
    }

    /// Hash of the weights of the space that it was fitted on.
    pub fn space_hash(&self) -> &str {
        &self.about.space.hashes.weights
    }

    /// Predicts each row of a table.
    ///
    /// A row's prediction has the same bits in any batch. Unknown columns are listed, missing ones
    /// count as missing cells. Features of the space that the table lacks are computed; those that it has are
    /// used, and listed where they are not what the feature gives.
    ///
    /// # Errors
    /// A schema error with both sets of names if not one column of the table is known; a value error if a
    /// cell cannot be read as its column's kind, or if the weights are so large that a row has no finite
    /// prediction.
    pub fn predict(&self, table: &Table) -> Result<Predictions> {
        let report = self.column_report(table);
        let made = self.about.space.complete(table)?;
        self.about.space.check_known(&made.table)?;
        Ok(Predictions { report, differing: made.differing, ..self.predict_any(&made.table)? })
    }

    /// As [`Predictor::predict`]; with [`CellErrors::Missing`], cells that cannot be read count as missing and are
    /// listed.
    ///
    /// # Errors
    /// As [`Predictor::predict`] and [`CellErrors::treat`].
    pub fn predict_readable(&self, table: &Table, errors: CellErrors) -> Result<Predictions> {
        let Readable { table, unreadable } = self.readable(table, errors)?;
        Ok(Predictions { unreadable, ..self.predict(&table)? })
    }

    /// What becomes of a table's columns: those that are not used, those that it lacks, features that are computed.
    pub fn column_report(&self, table: &Table) -> ColumnReport {
        let mut report = self.about.space.column_report(table);
        report.ignored_columns.retain(|c| c.name != self.about.target.column());
        report
    }

    /// Columns of a table that are not what their feature gives, by a sample of its rows.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn differing_columns(&self, table: &Table) -> Result<Vec<Differing>> {
        Ok(self.about.space.complete(table)?.differing)
    }

    /// As [`Predictor::predict`], of a table that may have lost all of the columns: its cells are missing, and
    /// no feature is computed.
    pub(crate) fn predict_any(&self, table: &Table) -> Result<Predictions> {
        let space = &self.about.space;
        let mut unseen = UnseenCounts::default();
        let predictions = self.predict_counted(table, &mut unseen)?;
        Ok(Predictions { unseen: unseen.mostly_of_parts(&space.columns, &space.codecs), ..predictions })
    }

    /// As [`Predictor::predict_any`], of a part of a table whose unseen cells are counted.
    fn predict_counted(&self, table: &Table, unseen: &mut UnseenCounts) -> Result<Predictions> {
        let space = &self.about.space;
        let mut encoded = tabgraft_table::codec::encode(&space.columns, &space.codecs, table)?;
        unseen.update_part(&space.columns, &encoded, table)?;
        derived::add(&self.about.derived, &space.columns, table, &mut encoded)?;
        let mut values = in_pool(|| self.predict_cells(table, &encoded))?.map_err(|e| e.in_rows_of(table))?;
        let task = self.about.target.task();
        let n_outputs = self.about.target.n_outputs();
        if task != Task::Regression {
            values.chunks_exact_mut(n_outputs).for_each(keep_off_the_ends);
        }
        let threshold = self.threshold();
        let (mut class_idx, mut confidence) = (Vec::new(), Vec::new());
        if task != Task::Regression {
            for row in values.chunks_exact(n_outputs) {
                let (class, sure) = decide(row, threshold);
                class_idx.push(class);
                confidence.push(sure);
            }
        }
        Ok(Predictions {
            task,
            classes: self.about.target.classes().to_vec(),
            label_type: self.about.target.label_type(),
            values,
            n_outputs,
            class_idx,
            threshold,
            confidence,
            report: self.column_report(table),
            differing: Vec::new(),
            unreadable: Vec::new(),
            interval: None,
            unseen: Vec::new(),
        })
    }

    /// Columns of a table whose cells are all or mostly values that no training row had.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn unseen_columns(&self, table: &Table) -> Result<Vec<UnseenColumn>> {
        let space = &self.about.space;
        let made = space.complete(table)?;
        let table = &*made.table;
        let encoded = tabgraft_table::codec::encode(&space.columns, &space.codecs, table)?;
        UnseenCounts::of(&encoded).mostly(&space.columns, &space.codecs, table)
    }

    /// Cells that are unlike the training rows: unseen categories, numbers far outside.
    ///
    /// # Errors
    /// A value error if a cell cannot be read as its column's kind.
    pub fn guardrails(&self, table: &Table) -> Result<Vec<Guardrail>> {
        let mut found = Vec::new();
        let made = self.about.space.complete(table)?;
        let table = &*made.table;
        for (spec, codec) in self.about.space.columns.iter().zip(&self.about.space.codecs) {
            if !table.has_column(&spec.name) {
                continue;
            }
            let flags =
                codec.flags(&spec.name, table.column(&spec.name)?).map_err(|e| e.in_rows_of(table))?;
            for (row_idx, flag) in flags.into_iter().enumerate() {
                if flag.severity().is_some() || flag == CellFlag::Unseen {
                    found.push(Guardrail { row_idx, column: spec.name.clone(), flag, word: flag.word() });
                }
            }
        }
        found.sort_by_key(|g| g.row_idx);
        Ok(found)
    }

    /// Scores predictions on a table that has the target, each with n and a 95 % interval.
    ///
    /// The caller vouches that these rows were not learned from; [`FitInfo::scores`] are the
    /// scores on the space's own test rows. Rows without a target are passed over; those of a class
    /// that was not seen are scored as wrong and counted. Equal rows, and those of a group where the
    /// split goes by group, are one piece of evidence to the
    /// intervals ([`metric::Clusters`]).
    ///
    /// # Errors
    /// A schema error if the target column is absent or not one column is known, a value error for fewer
    /// than two rows with a target or a number beyond [`MOST_NUMBER`].
    pub fn evaluate(&self, table: &Table) -> Result<Vec<Score>> {
        let made = self.about.space.complete(table)?;
        let (rows, values) = self.with_target(&made.table)?;
        let (truth, prediction) = (self.about.target.truth(&values), self.prediction(&rows)?);
        let clusters = clusters(&[&self.about.space], &rows)?;
        metric::scores(self.about.target.task(), &truth, &prediction, &clusters, self.about.options.seed)
    }

    /// Whether `other` predicts these rows better than this predictor: paired, on the same rows.
    ///
    /// # Errors
    /// As [`Predictor::evaluate`]; and a schema error if the two have different targets.
    pub fn compare(&self, other: &Predictor, table: &Table) -> Result<PairedDifference> {
        if !self.about.target.is_same(&other.about.target) {
            return Err(Error::schema(format!(
                "one predictor is for `{}`, the other for `{}`; only predictors of one target compare",
                self.about.target.column(),
                other.about.target.column()
            )));
        }
        let made = self.about.space.complete(table)?;
        let made = other.about.space.complete(&made.table)?;
        let (rows, values) = self.with_target(&made.table)?;
        let truth = self.about.target.truth(&values);
        let (a, b) = (self.prediction(&rows)?, other.prediction(&rows)?);
        let clusters = clusters(&[&self.about.space, &other.about.space], &rows)?;
        metric::compare(self.about.target.task(), &truth, &a, &b, &clusters, self.about.options.seed)
    }

    /// The rows that have a target, and its values.
    fn with_target(&self, table: &Table) -> Result<(Table, Vec<f64>)> {
        let targets = self.about.target.values(table)?;
        let rows: Vec<u32> =
            (0..table.n_rows()).filter(|r| targets[*r].is_some()).map(|r| r as u32).collect();
        Ok((table.take(&rows)?, targets.into_iter().flatten().collect()))
    }

    fn prediction(&self, table: &Table) -> Result<Prediction> {
        let predictions = self.predict(table)?;
        Ok(Prediction::new(predictions.values, predictions.n_outputs)?.at_threshold(predictions.threshold))
    }

    /// What it says of a table that its space has encoded, in the target's unit.
    ///
    /// # Shapes
    /// - returns: `[n_rows, n_outputs]`
    ///
    /// # Errors
    /// As [`Predictor::predict_encoded`].
    fn predict_cells(&self, table: &Table, cells: &EncodedTable) -> Result<Vec<f64>> {
        let Some(grown) = &self.grown else { return self.predict_encoded(cells) };
        let old = grown.base.about.own_cells(&self.about.space, table, cells)?;
        Ok(self.grown_from(grown.base.predict_cells(table, &old)?, cells))
    }

    /// Mean of the bag, calibrated, in the target's unit.
    ///
    /// # Shapes
    /// - returns: `[n_rows, n_outputs]`
    ///
    /// # Errors
    /// A value error that names a row without a finite prediction.
    fn predict_encoded(&self, table: &EncodedTable) -> Result<Vec<f64>> {
        let groups = self.heads.first().map(|head| cell_tables(&head.space, table)).unwrap_or_default();
        let rows: Vec<usize> = (0..table.n_rows).collect();
        let n_outputs = self.about.target.n_outputs();
        let classes = self.about.target.task() != Task::Regression;
        let mut mean = vec![0.0; table.n_rows * n_outputs];
        let info = &self.about.fit_info;
        for head in &self.heads {
            let of_head = bag::predict_cells(head, &groups, &rows, classes).map_err(|NotFinite(row)| {
                Error::value(format!(
                    ": the weights of predictor {} are too large: its prediction is not finite",
                    self.id()
                ))
                .in_row("", row)
                .with_hint("fit the predictor anew, on another version of its space if that does not help")
            })?;
            for (m, v) in mean.iter_mut().zip(of_head) {
                *m += v / self.heads.len() as f64;
            }
        }
        let loss = loss(&self.about.target);
        let mut learners = vec![(mean, info.share_of_networks())];
        if !self.forests.is_empty() {
            learners.push((trees::predict(&self.forests, loss, table), info.share_of_trees));
        }
        if !self.lines.is_empty() {
            learners.push((lines::predict(&self.lines, loss, table), info.share_of_linear));
        }
        let (values, shares): (Vec<Vec<f64>>, Vec<f64>) = learners.into_iter().unzip();
        let mut mean = blend::mixed(&values, &shares);
        match &self.about.target {
            Target::Classes { .. } => {
                mean.chunks_exact_mut(n_outputs).for_each(|row| sharpen(row, self.about.sharpness));
            }
            Target::Number { mean: centre, deviation, .. } => {
                mean.iter_mut().for_each(|v| *v = *v * deviation + centre);
            }
        }
        Ok(mean)
    }
}
