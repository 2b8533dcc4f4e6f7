//! The story of the demo: versions of a space, each beside other ways to the same columns.

use serde::{Deserialize, Serialize};

use super::{FeatureSearch, Picture, page};
use crate::metric::{Drift, PairedDifference, Score};
use crate::space::{EmbeddingSpace, Mode};
use crate::train::TrainingInfo;

/// Everything that the page shows. A section without facts is left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// The page's title.
    pub title: String,
    /// What was done, a paragraph each.
    pub story: Vec<String>,
    /// Short facts about the run: rows, target, seed.
    pub facts: Vec<Fact>,
    /// Versions of the space, oldest first.
    pub versions: Vec<Version>,
    /// Each graft beside its alternatives.
    pub extensions: Vec<Extension>,
    /// All spaces that were made, parents before their children.
    pub lineage: Vec<Node>,
    /// Pictures of the embedding.
    pub pictures: Vec<Picture>,
    /// What the search for features found.
    pub discovery: Option<FeatureSearch>,
    /// What it found on a table of which the truth is known.
    #[serde(default)]
    pub planted: Option<Planted>,
    /// Promises that were tested on this run.
    pub checks: Vec<Check>,
    /// Whose data this is.
    pub credits: Vec<Credit>,
}

impl Story {
    /// The page: one file of HTML with its style, its script and its drawings. The same story gives the same bytes.
    /// Names may hold anything: they are text.
    pub fn html(&self) -> String {
        page::story::of(self)
    }
}

/// A short fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it is about.
    pub label: String,
    /// The fact.
    pub value: String,
}

/// One version of a space and what its predictor reaches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its name.
    pub name: String,
    /// What is new in it, in one sentence.
    pub what: String,
    /// Columns that the space uses.
    pub n_columns: usize,
    /// Length of a row's vector.
    pub d_model: usize,
    /// Scores on the held-out rows, the most important one first.
    pub scores: Vec<Score>,
    /// This version's predictor against the one of the version before, on the same rows.
    pub difference: Option<PairedDifference>,
    /// Movement of the parent's coordinates.
    pub drift: Option<Drift>,
    /// The space's training.
    pub training: TrainingInfo,
    /// Wall time of the predictor's fit, seconds.
    pub predictor_seconds: f64,
}

/// One graft and other ways to the same columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Name of the version that the graft made.
    pub version: String,
    /// Name of the version that it grew from.
    pub parent: String,
    /// Columns that were added.
    pub new_columns: Vec<String>,
    /// The graft first, then the alternatives.
    pub ways: Vec<Way>,
}

/// One way to a space with the new columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// Which way.
    pub kind: WayKind,
    /// Epochs that were run.
    pub n_epochs: usize,
    /// Wall time of the space's training, without the predictor, seconds.
    pub seconds: f64,
    /// Score of a predictor on the held-out rows.
    pub score: Score,
    /// This way's predictor against the first way's, on the same rows; absent for the first.
    pub difference: Option<PairedDifference>,
    /// Movement of the parent's coordinates; absent where there is no parent.
    pub drift: Option<Drift>,
}

/// How a space with the new columns comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayKind {
    /// Grafted, old weights frozen.
    Frozen,
    /// Grafted, then all weights trained.
    Joint,
    /// Trained anew on all columns, with the epochs of a first training.
    FullRetraining,
    /// Trained anew on all columns, with no more epochs than the graft.
    FromScratch,
}

impl WayKind {
    /// The way in a few words.
    pub fn label(self) -> &'static str {
        match self {
            WayKind::Frozen => "graft, frozen",
            WayKind::Joint => "graft, joint",
            WayKind::FullRetraining => "full retraining",
            WayKind::FromScratch => "from scratch, same epochs",
        }
    }
}

/// One space in the lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The space's name.
    pub name: String,
    /// Hash of its weights, hex.
    pub weights: String,
    /// Hash of its parent's weights; absent for a first training.
    pub parent_weights: Option<String>,
    /// How it was grafted; absent for a first training.
    pub mode: Option<Mode>,
    /// Columns that it added; all of its columns for a first training.
    pub columns_added: Vec<String>,
    /// Columns that it uses.
    pub n_columns: usize,
    /// Length of a row's vector.
    pub d_model: usize,
}

impl Node {
    /// What a space says about its own origin.
    pub fn of(space: &EmbeddingSpace) -> Self {
        let graft = space.extension_metadata();
        Node {
            name: space.name().to_owned(),
            weights: space.hashes().weights.clone(),
            parent_weights: graft.map(|g| g.parent.weights.clone()),
            mode: graft.map(|g| g.mode),
            columns_added: match graft {
                Some(graft) => graft.new_columns_added.clone(),
                None => space.columns().iter().map(|c| c.name.clone()).collect(),
            },
            n_columns: space.columns().len(),
            d_model: space.d_model(),
        }
    }
}

/// A search for features on a table that was made up, so that what there is to find is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// What the table is called.
    pub table: String,
    /// Its rows.
    pub n_rows: usize,
    /// How it was made up, a paragraph each.
    pub made: Vec<String>,
    /// What was planted.
    pub effects: Vec<PlantedEffect>,
    /// Recommended features that are made of other columns than those of one effect.
    pub others: Vec<String>,
    /// All of the search.
    pub search: FeatureSearch,
}

/// Something that columns tell together, and that none of them tells alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantedEffect {
    /// What it is.
    pub what: String,
    /// The columns that it is made of.
    pub inputs: Vec<String>,
    /// Recommended features that are made of these, and of nothing else.
    pub found: Vec<String>,
}

/// A promise that was tested on this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The promise.
    pub promise: String,
    /// What was compared and found.
    pub found: String,
    /// Whether it held.
    pub holds: bool,
}

/// Whose data this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// The data set.
    pub name: String,
    /// Who made it, when, where it is published.
    pub source: String,
    /// Its licence.
    pub licence: String,
}
