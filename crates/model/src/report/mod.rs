//! One page that shows what was done: scores, losses, lineage, pictures.
//!
//! [`Report`] holds every fact of the page as plain data; [`to_html`] draws it. The page needs no
//! network, no script and no other file.

mod chart;
mod page;
mod projection;
mod tree;

use crate::discover::remember::history;
use serde::{Deserialize, Serialize};
use tabgraft_feature::Definition;

pub use chart::escape;
pub(crate) use chart::shorten;
pub use page::to_html;
pub use projection::Projection;

use crate::error::{Error, Result};
use crate::metric::{Drift, PairedDifference, Score};
use crate::space::{EmbeddingSpace, Mode};
use crate::train::TrainingInfo;

/// Everything that the page shows. A section without facts is left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
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
    /// Promises that were tested on this run.
    pub checks: Vec<Check>,
    /// Whose data this is.
    pub credits: Vec<Credit>,
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

/// The rows of a table as points of the plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// What is shown: a version's name.
    pub name: String,
    /// What the colours mean: a column's name.
    pub coloured_by: String,
    /// Names of the groups of rows.
    pub groups: Vec<String>,
    /// One point per row.
    pub points: Vec<Point>,
    /// Share of the vectors' variance along the two axes, 0 to 1 each.
    pub explained: [f64; 2],
}

/// One row of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Along the axis of most variance.
    pub x: f64,
    /// Along the axis of most variance that is left.
    pub y: f64,
    /// Index of the row's group.
    pub group_idx: usize,
}

impl Picture {
    /// Projects vectors to the plane in which they differ most.
    ///
    /// # Shapes
    /// - `values`: `[n_rows, d]`, row by row
    /// - `group_idx`: `[n_rows]`, each below `groups.len()`
    ///
    /// # Errors
    /// A schema error if sizes do not fit or a group does not exist; a value error for a
    /// non-finite coordinate.
    pub fn of(
        name: &str,
        (values, d): (&[f32], usize),
        coloured_by: &str,
        groups: Vec<String>,
        group_idx: &[usize],
    ) -> Result<Self> {
        let projection = Projection::fit(values, d)?;
        if projection.coordinates.len() != group_idx.len() {
            return Err(Error::schema(format!(
                "{} rows are to be drawn, {} groups are given",
                projection.coordinates.len(),
                group_idx.len()
            )));
        }
        if let Some(bad) = group_idx.iter().find(|g| **g >= groups.len()) {
            return Err(Error::schema(format!("group {bad} of a row is not below {} groups", groups.len())));
        }
        let points = projection
            .coordinates
            .iter()
            .zip(group_idx)
            .map(|([x, y], group_idx)| Point { x: *x, y: *y, group_idx: *group_idx })
            .collect();
        Ok(Picture {
            name: name.to_owned(),
            coloured_by: coloured_by.to_owned(),
            groups,
            points,
            explained: projection.explained,
        })
    }
}

/// What the search for features found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSearch {
    /// Candidates that were tried.
    pub n_candidates: usize,
    /// Rows that judged the best of them; they took no part in the search.
    pub n_judging_rows: usize,
    /// The metric of effects, such as `roc_auc`.
    pub metric: String,
    /// Wall time, seconds.
    pub seconds: f64,
    /// The best features of the search, best first.
    pub features: Vec<FoundFeature>,
}

/// One feature and what it was worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundFeature {
    /// Its name.
    pub name: String,
    /// How it is computed.
    pub formula: String,
    /// Why it was tried.
    pub reason: String,
    /// Whether it is one of the best few of the run that were not seen to hurt, proven or not.
    pub is_suggested: bool,
    /// Whether it is proven on the judging rows.
    pub is_recommended: bool,
    /// What the judging rows say; none if there was no time for it.
    pub judgement: Option<history::FeatureJudgement>,
}

impl FeatureSearch {
    /// What a run of discovery says, and how long it took.
    pub fn of(run: &history::Run, seconds: f64) -> Self {
        let feature = |s: &history::Suggestion| FoundFeature {
            name: s.name.clone(),
            formula: formula(&s.definition),
            reason: s.reason.clone(),
            is_suggested: s.suggested,
            is_recommended: s.recommended,
            judgement: s.judgement,
        };
        FeatureSearch {
            n_candidates: run.n_candidates,
            n_judging_rows: run.n_judging_rows,
            metric: run.metric.clone(),
            seconds,
            features: run.suggestions.iter().map(feature).collect(),
        }
    }
}

/// A definition as a reader would write it down.
fn formula(definition: &Definition) -> String {
    match definition {
        Definition::Formula { formula } => formula.clone(),
        Definition::Bins { column, n_bins } => format!("{n_bins} quantile bins of {column}"),
        Definition::Group { of, by, statistic } => match of {
            Some(of) => format!("{} of {of} by {by}", statistic.word()),
            None => format!("{} of {by}", statistic.word()),
        },
    }
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
