//! The family of a folder of models: which version came from which, and which predictor stands on which.
//!
//! ```text
//! folder ─ headers ─► manifests ─► nodes and edges ─► tree, SVG, rows
//!                                                └──► verify: are the links true?
//! ```
//!
//! A directed graph over content hashes. A node is a version of an embedding space or a predictor; an
//! edge is what made a child of a parent. Versions are told by what they are and not by what their files
//! are called, so that renamed and moved files stay in their place. Ancestors whose files are elsewhere
//! are known from their descendants' records. Drawing reads headers only, so its cost does not grow with
//! the weights; [`verify`] reads everything.

mod folder;
mod graph;
mod link;
mod svg;
mod tree;
mod verify;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use svg::Setting;

pub use folder::Unreadable;
pub use link::check_ancestor;
pub use verify::{FileCheck, LinkCheck, Verification, check_file, verify, verify_file};

use crate::error::Result;
use crate::metric::{Score, Task};
use crate::space::{Hashes, Mode, Operation};
use crate::store::ContentHash;
use crate::{ModelFile, ModelKind};

/// The versions that are known, and what made one from another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lineage {
    /// All versions, parents before their children.
    pub nodes: Vec<Node>,
    /// All steps, in the order of their children.
    pub edges: Vec<Edge>,
    /// Files that look like models and cannot be read.
    pub unreadable: Vec<Unreadable>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Names the version; see [`crate::ModelFile::id`].
    pub id: ContentHash,
    /// What it is.
    pub kind: ModelKind,
    /// The name that it was trained under; several versions may have the same.
    pub name: String,
    /// Its files, from the folder that was read, copies too; none for an ancestor whose file is elsewhere.
    pub paths: Vec<PathBuf>,
    /// When it was trained: RFC 3339, UTC; none for a first training that only descendants tell of.
    pub created: Option<String>,
    /// Version of the software that trained it.
    pub software: String,
    /// Steps from the oldest ancestor that is known.
    pub generation: usize,
    /// Columns of the space, or of the space that the predictor was fitted on.
    pub n_columns: usize,
    /// Length of a row's vector; none for an ancestor whose file is elsewhere.
    pub d_model: Option<usize>,
    /// Engineered columns among the columns; none for an ancestor whose file is elsewhere.
    pub features: Option<Vec<String>>,
    /// Hashes of the space, or of the space that the predictor was fitted on.
    pub hashes: Hashes,
    /// What a predictor predicts; none for a space.
    pub prediction: Option<Prediction>,
}

/// What a predictor predicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The column.
    pub target: String,
    /// What kind of prediction.
    pub task: Task,
    /// Scores on rows that no training has seen, the most important first.
    pub scores: Vec<Score>,
}

/// What made a child of a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// New columns were grafted.
    Graft,
    /// Columns were removed.
    Prune,
    /// Descendants of one ancestor became one.
    Merge,
    /// A chain was trained into one plain network.
    Consolidate,
    /// The same columns learned from new rows.
    Refresh,
    /// A predictor was fitted.
    Fit,
    /// A predictor grew with its space.
    Grow,
}

impl Step {
    /// The step's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Step::Graft => Operation::Graft.name(),
            Step::Prune => Operation::Prune.name(),
            Step::Merge => Operation::Merge.name(),
            Step::Consolidate => Operation::Consolidate.name(),
            Step::Refresh => Operation::Refresh.name(),
            Step::Fit => "fit",
            Step::Grow => "grow",
        }
    }
}

impl From<Operation> for Step {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Graft => Step::Graft,
            Operation::Prune => Step::Prune,
            Operation::Merge => Step::Merge,
            Operation::Consolidate => Step::Consolidate,
            Operation::Refresh => Step::Refresh,
        }
    }
}

/// One step from a parent to a child. A merge has one edge for each parent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edge {
    /// Id of the version that it started from.
    pub parent: ContentHash,
    /// Id of the version that it made.
    pub child: ContentHash,
    /// What was done.
    pub step: Step,
    /// How old weights were treated; none for a predictor.
    pub mode: Option<Mode>,
    /// Columns that came in; of a merge those that the first of its parents had not.
    pub columns_added: Vec<String>,
    /// Columns that left.
    pub columns_removed: Vec<String>,
    /// Columns that stayed, and that the step's table lacked or had no value in.
    pub columns_retired: Vec<String>,
    /// Epochs of training; none for a predictor.
    pub n_epochs: Option<usize>,
    /// Mean cosine distance of old vectors; none where it was not measured.
    pub drift: Option<f64>,
    /// Seed of the step.
    pub seed: u64,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// Which predictor was trained on which version, with which features.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictorRow {
    /// The predictor's name.
    pub name: String,
    /// Its id.
    pub id: ContentHash,
    /// Its files.
    pub paths: Vec<PathBuf>,
    /// The column that it predicts.
    pub target: String,
    /// Name of the space that it was fitted on.
    pub space: String,
    /// Id of that space.
    pub space_id: ContentHash,
    /// Files of that space; none if it is elsewhere.
    pub space_paths: Vec<PathBuf>,
    /// Columns of that space.
    pub n_columns: usize,
    /// Engineered columns among them.
    pub features: Vec<String>,
    /// The most important score on rows that no training has seen.
    pub score: Option<Score>,
}

impl Lineage {
    /// Reads the headers of all models below a folder, or of one file. Hidden files and folders are passed
    /// over, links to folders are not followed.
    ///
    /// # Errors
    /// An I/O error if there is nothing at `path`, or, if it is a file, what is wrong with it. Broken files
    /// of a folder are in [`Lineage::unreadable`].
    pub fn read(path: &Path) -> Result<Self> {
        let (found, unreadable) = folder::read(path, true)?;
        Ok(graph::build(&found, unreadable))
    }

    /// A model that is at hand and all that it comes from, as far as it remembers. It has no file here: its path is
    /// empty.
    pub fn of_model(model: &ModelFile) -> Self {
        graph::build(&[folder::Found::of_model(model)], Vec::new())
    }

    /// The version of this id.
    pub fn node(&self, id: &ContentHash) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// The steps that made a version, one for each of its parents.
    pub fn parents(&self, id: &ContentHash) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.child == *id)
    }

    /// The steps that started from a version.
    pub fn children(&self, id: &ContentHash) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.parent == *id)
    }

    /// A version and all its ancestors.
    pub fn ancestors(&self, id: &ContentHash) -> BTreeSet<ContentHash> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![id.clone()];
        while let Some(id) = waiting.pop() {
            waiting.extend(self.parents(&id).map(|edge| edge.parent.clone()));
            seen.insert(id);
        }
        seen
    }

    /// What changed with a step, in words: columns that came in or left, or the other parents of a merge.
    fn changes(&self, edge: &Edge, minus: char, most_names: usize) -> Vec<String> {
        if edge.step == Step::Merge {
            let others = self.parents(&edge.child).filter(|other| other.parent != edge.parent);
            let names: Vec<&str> =
                others.filter_map(|other| self.node(&other.parent)).map(|n| n.name.as_str()).collect();
            return vec![format!("with {}", names.join(", "))];
        }
        let minus = minus.to_string();
        [
            ("+", &edge.columns_added),
            (minus.as_str(), &edge.columns_removed),
            ("no values in", &edge.columns_retired),
        ]
        .into_iter()
        .filter(|(_, columns)| !columns.is_empty())
        .map(|(what, columns)| format!("{what} {}", few(columns, most_names)))
        .collect()
    }

    /// All predictors, in the order of [`Lineage::nodes`].
    pub fn predictors(&self) -> Vec<PredictorRow> {
        let row = |node: &Node| {
            let prediction = node.prediction.as_ref()?;
            let mut parents = self.parents(&node.id).filter_map(|edge| self.node(&edge.parent));
            let space = parents.find(|parent| parent.kind == ModelKind::EmbeddingSpace)?;
            Some(PredictorRow {
                name: node.name.clone(),
                id: node.id.clone(),
                paths: node.paths.clone(),
                target: prediction.target.clone(),
                space: space.name.clone(),
                space_id: space.id.clone(),
                space_paths: space.paths.clone(),
                n_columns: node.n_columns,
                features: node.features.clone().unwrap_or_default(),
                score: prediction.scores.first().copied(),
            })
        };
        self.nodes.iter().filter_map(row).collect()
    }

    /// The family as lines of text: children below their parents, each with how it came about, the first
    /// digits of its id, and its files.
    pub fn tree(&self) -> String {
        tree::draw(self)
    }

    /// The family as a drawing that needs no other file; light or dark as the screen is on which it is shown.
    pub fn svg(&self) -> String {
        svg::draw(self, Setting::Alone, &|_| None)
    }

    /// As [`Lineage::svg`], for a page in which boxes lead to an address, where `link` has one for the version. It is light
    /// unless the page's style colours what is below `.lineage`: fills of `.ink`, `.dim`, `.paper`, `.space` and
    /// `.predictor`, strokes of `.line`, `.space-edge` and `.predictor-edge`.
    pub fn svg_with_links(&self, link: &dyn Fn(&Node) -> Option<String>) -> String {
        svg::draw(self, Setting::Page, link)
    }

    /// As [`Lineage::svg`], for a notebook: in the colour of its text, on its own paper.
    pub fn svg_for_notebook(&self) -> String {
        svg::draw(self, Setting::Notebook, &|_| None)
    }
}

/// The first names and the number of the others.
fn few(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl Node {
    /// Whether its file is elsewhere.
    pub fn is_absent(&self) -> bool {
        self.paths.is_empty()
    }
}

impl Edge {
    /// What was done in a few words: `graft, frozen`.
    fn how(&self) -> String {
        match self.mode {
            // A new line has nothing to freeze.
            Some(mode) if self.step != Step::Consolidate => format!("{}, {}", self.step.name(), mode.name()),
            _ => self.step.name().to_owned(),
        }
    }
}
