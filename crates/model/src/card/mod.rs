//! A model's card: what it was made from, how, what it is worth and where it ends, for people and for model hubs.
//!
//! ```text
//! space or predictor ─ contents ─► ModelCard ─ check ─► JSON
//!                                          └ front (YAML) + markdown ─► README.md of a hub
//! ```
//!
//! Everything on it comes out of the file. What the file does not know is not on it.

mod check;
mod contents;
mod front;
mod markdown;

use serde::Serialize;
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn};

use crate::error::Result;
use crate::metric::{Drift, Score};
use crate::{EmbeddingSpace, ModelFile, Predictor};

/// The version of the JSON form; its schema is `docs/schema/model_card.schema.json`.
pub const FORMAT_VERSION: u32 = 1;

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCard {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// `embedding_space` or `predictor`.
    pub kind: &'static str,
    /// The model's name.
    pub name: String,
    /// Its id: it names the version in lineages and registries.
    pub id: String,
    /// When it was made: RFC 3339, UTC.
    pub created: String,
    /// The version of tabgraft that made it.
    pub software: String,
    /// What it predicts; none for a space.
    pub task: Option<TaskCard>,
    /// What it was made from.
    pub data: DataCard,
    /// How the space was trained; for a predictor, the one under it.
    pub training: TrainingCard,
    /// Steps from the first version to this one, oldest first; for a predictor, of its space.
    pub lineage: Vec<StepCard>,
    /// What it comes from directly.
    pub parents: Vec<ParentCard>,
    /// Scores on rows that nothing was learned from; empty where none were held out, and for a space.
    pub scores: Vec<Score>,
    /// What a prediction comes with, so that odd rows are seen.
    pub guardrails: Vec<String>,
    /// What a user should not expect of it.
    pub limits: Vec<String>,
}

/// What a predictor predicts, and how it was fitted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskCard {
    /// `binary`, `multiclass` or `regression`.
    pub task: &'static str,
    /// The column that is predicted.
    pub target: String,
    /// Classes; of two, the second is the positive one. Empty for a number.
    pub classes: Vec<String>,
    /// Probability from which on the second of two classes is predicted; none for others.
    pub threshold: Option<f64>,
    /// What predicts, in words.
    pub learners: String,
    /// Rows learned from.
    pub n_rows: usize,
    /// Rows of the test part.
    pub n_rows_test: usize,
    /// Rows left out: without a target, or of weight 0.
    pub n_rows_left_out: usize,
    /// Wall time of the fit, seconds.
    pub seconds: f64,
    /// Whether the user stopped it early.
    pub interrupted: bool,
}

/// What a model was made from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataCard {
    /// Rows that trained the space last.
    pub n_rows_train: usize,
    /// Rows that its epochs were chosen on.
    pub n_rows_valid: usize,
    /// Different rows that it remembers to have been trained on, as hashes; none where it remembers none.
    pub n_rows_remembered: Option<u64>,
    /// Hash of the training rows of the first version.
    pub data_hash: String,
    /// Columns that it reads.
    pub columns: Vec<ColumnSpec>,
    /// How many of them there are of each kind.
    pub n_columns: ColumnCounts,
    /// Columns that were left out, and why.
    pub left_out: Vec<ExcludedColumn>,
    /// Features that it computes by itself.
    pub features: Vec<FeatureCard>,
    /// What was noticed in the data.
    pub notes: Vec<String>,
}

/// Columns by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ColumnCounts {
    /// All that are used.
    pub used: usize,
    /// Numbers.
    pub numeric: usize,
    /// Categories.
    pub categorical: usize,
    /// True and false.
    pub boolean: usize,
    /// Dates and points in time.
    pub timestamp: usize,
    /// Texts.
    pub text: usize,
    /// Columns that were left out.
    pub left_out: usize,
}

/// A feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeatureCard {
    /// Its name.
    pub name: String,
    /// The formula or statistic that gives it.
    pub definition: String,
    /// Why it is there; may be empty.
    pub reason: String,
}

/// How a space was trained last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainingCard {
    /// Numbers of a row's vector.
    pub d_model: usize,
    /// Numbers in all weight matrices.
    pub n_weights: usize,
    /// Epochs that were run; 0 where nothing was trained, as in a merge or an exact prune.
    pub n_epochs: usize,
    /// The epoch that was kept, from 1; none where nothing was trained.
    pub best_epoch: Option<usize>,
    /// Why it ended; none where nothing was trained.
    pub stop_reason: Option<&'static str>,
    /// Mean validation loss of the columns that were there before: 1 is a uniform guess. None without validation rows.
    pub validation_loss: Option<f64>,
    /// The same of the columns that came with the last training; none where none came.
    pub new_columns_validation_loss: Option<f64>,
    /// What computed it; none where nothing was trained.
    pub device: Option<String>,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// A step of the lineage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepCard {
    /// `graft`, `prune`, `merge`, `consolidate` or `refresh`.
    pub operation: &'static str,
    /// When: RFC 3339, UTC.
    pub date: String,
    /// What it started from; of a merge, several.
    pub parents: Vec<ParentCard>,
    /// How old weights were treated: `frozen`, `anchored` or `joint`.
    pub mode: &'static str,
    /// Columns that came.
    pub columns_added: Vec<String>,
    /// Columns that left.
    pub columns_removed: Vec<String>,
    /// Columns before.
    pub n_columns_before: usize,
    /// Columns after.
    pub n_columns_after: usize,
    /// Epochs that it was trained for.
    pub n_epochs: usize,
    /// How far old vectors moved on validation rows; none where it was not measured.
    pub drift: Option<Drift>,
}

/// A version that another one comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParentCard {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// What the child is to it, in the words of model hubs: `finetune`, `adapter` or `merge`.
    pub relation: &'static str,
}

impl ModelCard {
    /// The card of a space.
    ///
    /// # Errors
    /// A verification error that lists what on the card contradicts itself.
    pub fn of_space(space: &EmbeddingSpace) -> Result<Self> {
        contents::of_space(space).checked()
    }

    /// The card of a predictor, with that of the space under it.
    ///
    /// # Errors
    /// As [`ModelCard::of_space`].
    pub fn of_predictor(predictor: &Predictor) -> Result<Self> {
        contents::of_predictor(predictor).checked()
    }

    /// The card of a model of either kind.
    ///
    /// # Errors
    /// As [`ModelCard::of_space`].
    pub fn of_model(model: &ModelFile) -> Result<Self> {
        match model {
            ModelFile::Space(space) => Self::of_space(space),
            ModelFile::Predictor(predictor) => Self::of_predictor(predictor),
        }
    }

    /// The card as Markdown, with the metadata that model hubs read in front, as YAML. Names of columns, classes and
    /// models are text there, whatever they hold.
    ///
    /// `base_model` names the parents as the hub knows them, such as `owner/name`, in the order of
    /// [`ModelCard::parents`]; without it they are called by their own names.
    pub fn markdown(&self, base_model: &[String]) -> String {
        front::of(self, base_model) + &markdown::of(self)
    }
}
