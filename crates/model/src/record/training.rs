//! What a training leaves behind in the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All epochs were run.
    #[default]
    AllEpochs,
    /// The validation loss stopped falling.
    NoImprovement,
    /// The user stopped it.
    Interrupted,
}

/// Which validation loss a phase watches: it ends once that one stops falling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// The mean over all columns, weighted as they are trained.
    #[default]
    AllColumns,
    /// The mean over the columns that the training adds.
    NewColumns,
}

/// How many epochs one phase ran, and why it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseInfo {
    /// Its name, as epochs give it.
    pub name: String,
    /// Most epochs that it could run.
    pub n_epochs_planned: usize,
    /// Epochs that it ran.
    pub n_epochs: usize,
    /// Epochs without improvement that would have ended it, or let the learning rate fall to its end;
    /// absent if all had to be run.
    pub patience: Option<usize>,
    /// The loss that had to improve.
    pub watched: Watch,
    /// Why it ended.
    pub stop_reason: StopReason,
}

/// One epoch. Losses are cross-entropies over `ln(number of classes)`: 1 is a uniform guess.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochInfo {
    /// From 1, through all phases.
    pub epoch: usize,
    /// The phase it belongs to.
    pub phase: String,
    /// Mean training loss, weighted as it was trained.
    pub train_loss: f64,
    /// Mean over columns, weighted as they are trained, of the loss on hidden validation cells;
    /// absent without validation rows.
    pub validation_loss: Option<f64>,
    /// The same for each column that has one.
    pub column_losses: BTreeMap<String, f64>,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// Where the wall time of a training went, seconds. Reading the table comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stages {
    /// What columns mean, which rows train, codecs and cells as numbers.
    pub coding: f64,
    /// The parent's vectors, where they are computed beforehand.
    pub parent: f64,
    /// Steps.
    pub training: f64,
    /// Losses on validation rows, in every epoch and at the end, and drift.
    pub validation: f64,
}

/// The record of one training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingInfo {
    /// All epochs that were run.
    pub epochs: Vec<EpochInfo>,
    /// The phases that were run, in order.
    pub phases: Vec<PhaseInfo>,
    /// The epoch whose weights were kept, from 1; 0 if none was run.
    pub best_epoch: usize,
    /// Why its last phase ended.
    pub stop_reason: StopReason,
    /// Mean validation loss over the columns that were there before this training, of the kept
    /// weights: comparable between a parent and its child.
    pub final_validation_loss: Option<f64>,
    /// The same over the columns that this training added.
    pub new_columns_validation_loss: Option<f64>,
    /// Validation loss of each column, of the kept weights.
    pub final_column_losses: BTreeMap<String, f64>,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Training rows seen per second, validation included in the time.
    pub rows_per_second: f64,
    /// Training rows that there are.
    pub n_rows_train: usize,
    /// Those of each worker that trained on an epoch's rows, in their order; empty where one process had all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worker_rows: Vec<usize>,
    /// Validation rows that there are.
    pub n_rows_valid: usize,
    /// Training rows that each epoch takes: all of them, or a sample. The first epochs of a refresh, of its new levels, take
    /// fewer.
    pub n_rows_epoch: usize,
    /// Validation rows that each epoch is measured on.
    pub n_rows_watched: usize,
    /// Validation rows that the losses of the kept weights are measured on.
    pub n_rows_measured: usize,
    /// Where the wall time went.
    pub stages: Stages,
    /// Numbers in all weight matrices.
    pub n_weights: usize,
    /// What computed it: `cpu`, or the name of a GPU; empty where nothing was trained.
    pub device: String,
    /// Cells that were left out because their loss was not finite, by column.
    pub contained: BTreeMap<String, u64>,
}

impl TrainingInfo {
    /// How often a row was trained on, summed over all rows.
    pub(crate) fn n_rows_trained(&self) -> usize {
        self.epochs.len() * self.n_rows_epoch
    }
}
