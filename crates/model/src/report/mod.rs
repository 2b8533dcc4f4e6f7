//! What there is to know of models, on one page that anybody can open.
//!
//! ```text
//! space, predictor, two of them, folder, features ─┐
//! table ─ rows.rs: a sample of its rows ───────────┼─► Report (plain data) ─ page/ ─► HTML
//!                                                  │                       └──────► JSON
//! demo ─► Story ───────────────────────────────────┘
//! ```
//!
//! [`Report`] holds every fact as plain data; the page and the JSON form are two renderings of it. The page is one file
//! without anything from outside: it needs no network, no other file, and its script, which sorts and filters tables,
//! may be left out by a reader's browser. What the file and the table do not tell is not on it, and says so.

mod distribution;
mod evaluation;
mod family;
mod model;
mod page;
mod pair;
mod picture;
mod projection;
mod rows;
mod search;
mod story;
mod tree;
mod words;
mod worth;

use std::path::Path;

use serde::Serialize;
use tabgraft_table::Table;

pub use crate::draw::escape;
pub use distribution::{Association, Distribution, Distributions, Values};
pub use evaluation::{Confusion, Evaluation, ThresholdCurve, ThresholdPoint};
pub use family::Family;
pub use model::{EpochLoss, ModelReport, RefusedStep, StepReport};
pub use page::{breaking, prose};
pub use pair::{Pair, Relation};
pub use picture::{Picture, PictureBy, Point};
pub use projection::Projection;
pub use rows::SampledTable;
pub use search::{FeatureSearch, FoundFeature, Searches};
pub use story::{Check, Credit, Extension, Fact, Node, Planted, PlantedEffect, Story, Version, Way, WayKind};
pub use worth::{ColumnWorth, Worth, WorthBy};

use crate::error::{Error, Result};
use crate::train::Sink;
use crate::{EmbeddingSpace, ModelFile, Predictor};

/// The version of the JSON form; its schema is `docs/schema/report.schema.json`.
pub const FORMAT_VERSION: u32 = 1;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// One embedding space.
    EmbeddingSpace,
    /// One predictor.
    Predictor,
    /// Two models of one kind, the second beside the first.
    Pair,
    /// A folder or registry of models.
    Family,
    /// What searches for features found.
    Features,
}

/// What is known of a model, of two, of a folder or of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version of tabgraft that made the report.
    pub software: String,
    /// What it is about.
    pub kind: ReportKind,
    /// What the page is called.
    pub title: String,
    /// What there is to know first, a sentence each.
    pub headline: Vec<String>,
    /// Whether something does not verify.
    pub has_problems: bool,
    /// The models, one or two; none of a folder or a search.
    pub models: Vec<ModelReport>,
    /// What two models are to each other.
    pub pair: Option<Pair>,
    /// The models of a folder.
    pub family: Option<Family>,
    /// What searches found.
    pub searches: Option<Searches>,
    /// The table that was looked at, and how many of its rows.
    pub table: Option<SampledTable>,
    /// What could not be shown, and why; what to know of the rows.
    pub notes: Vec<String>,
}

/// What a report looks at in a table.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// The column that colours the map of the vectors; none for the target, or a column of few values.
    pub colour_by: Option<String>,
    /// The column that the columns of a space, or two spaces, are judged by; none to judge two spaces not at all, and
    /// columns by what they tell of each other. A predictor has its own.
    pub target: Option<String>,
    /// Most rows of a table that are looked at, at least 10: of more, a sample spread over the table. Default 20,000.
    pub max_rows: usize,
    /// Seed of the sample, of orders and of resampled intervals. Default 0.
    pub seed: u64,
}

impl Default for ReportOptions {
    fn default() -> Self {
        ReportOptions { colour_by: None, target: None, max_rows: 20_000, seed: 0 }
    }
}

impl Report {
    /// A report of a space; with a table, of what its columns are worth to each other and of where its rows lie.
    ///
    /// # Errors
    /// A verification error if the space's card contradicts itself; a schema error if the table has not one column of
    /// the space, or lacks the one that gives colours; an option error if the sample is too small; an interruption.
    /// What else cannot be shown is in [`Report::notes`].
    pub fn of_space(
        space: &EmbeddingSpace,
        table: Option<&Table>,
        options: &ReportOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        model::of_space(space, table, options, sink)
    }

    /// A report of a predictor; with a table that has the target, of its scores, of how well it is calibrated and of
    /// what each column gave, on rows that it has not learned from.
    ///
    /// # Errors
    /// As [`Report::of_space`].
    pub fn of_predictor(
        predictor: &Predictor,
        table: Option<&Table>,
        options: &ReportOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        model::of_predictor(predictor, table, options, sink)
    }

    /// A report of a model of either kind.
    ///
    /// # Errors
    /// As [`Report::of_space`].
    pub fn of_model(
        model: &ModelFile,
        table: Option<&Table>,
        options: &ReportOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        match model {
            ModelFile::Space(space) => Self::of_space(space, table, options, sink),
            ModelFile::Predictor(predictor) => Self::of_predictor(predictor, table, options, sink),
        }
    }

    /// A report of two spaces or two predictors, before and after: what came, what it cost, and with a table whether
    /// the second is better. Two spaces are judged by [`ReportOptions::target`].
    ///
    /// # Errors
    /// As [`Report::of_space`]; a schema error for a space beside a predictor.
    pub fn of_pair(
        a: &ModelFile,
        b: &ModelFile,
        table: Option<&Table>,
        options: &ReportOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        pair::of(a, b, table, options, sink)
    }

    /// A report of a folder or registry of models: the family as a drawing, each version's line, which one is current.
    /// All files are read in full.
    ///
    /// # Errors
    /// An I/O error if there is nothing at `path`, a value error if it holds no model.
    pub fn of_folder(path: &Path) -> Result<Self> {
        family::of(path)
    }

    /// A report of what searches for features found: of a history, of what features were worth over all runs, of a list
    /// of features, or of the folder in which these lie.
    ///
    /// # Errors
    /// Those of reading such files; a schema error if a file is none of these.
    pub fn of_features(path: &Path) -> Result<Self> {
        search::of(path)
    }

    /// The page: one file of HTML with its style, its script and its drawings. The same report gives the same bytes.
    /// Names may hold anything: they are text.
    pub fn html(&self) -> String {
        page::of(self)
    }

    /// The same facts as JSON, indented.
    ///
    /// # Errors
    /// None that a report should cause.
    pub fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|e| Error::value(format!("the report cannot be written as JSON: {e}")))
    }

    /// With nothing but what it is about.
    fn new(kind: ReportKind, title: String) -> Self {
        Report {
            format_version: FORMAT_VERSION,
            software: env!("CARGO_PKG_VERSION").to_owned(),
            kind,
            title,
            headline: Vec::new(),
            has_problems: false,
            models: Vec::new(),
            pair: None,
            family: None,
            searches: None,
            table: None,
            notes: Vec::new(),
        }
    }

    /// What a part of the report found; where it cannot be had, a note says why. An interruption is one of the whole.
    fn try_to<T>(&mut self, what: &str, made: Result<T>) -> Result<Option<T>> {
        match made {
            Ok(made) => Ok(Some(made)),
            Err(error) if error.is_interrupted() => Err(error),
            Err(error) => {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                self.notes.push(format!("{what}: not shown, because {error}{hint}"));
                Ok(None)
            }
        }
    }
}
