//! From manifests to nodes and edges.

use std::collections::{BTreeMap, BTreeSet};

use super::folder::{Found, Manifest, Unreadable};
use super::{Edge, Lineage, Node, Prediction, Step};
use crate::ModelKind;
use crate::predictor::PredictorAbout;
use crate::space::{About, ExtensionMetadata, ParentRef};
use crate::store::ContentHash;

#[derive(Default)]
struct Graph {
    nodes: BTreeMap<ContentHash, Node>,
    /// By child, then by parent.
    edges: BTreeMap<ContentHash, BTreeMap<ContentHash, Edge>>,
    /// The versions that something came from.
    is_parent: BTreeSet<ContentHash>,
}

/// The graph of these files. What a version's own file says of it goes before what a predictor on it
/// says, and that before what its descendants remember.
pub(super) fn build(found: &[Found], unreadable: Vec<Unreadable>) -> Lineage {
    let mut graph = Graph::default();
    for file in found {
        let node = graph.nodes.entry(file.id.clone()).or_insert_with(|| match &file.manifest {
            Manifest::Space(about) => space(about),
            Manifest::Predictor(about) => predictor(about, file.id.clone()),
        });
        node.paths.push(file.path.clone());
    }
    for file in found {
        if let Manifest::Predictor(about) = &file.manifest {
            graph.fitted(about, &file.id);
        }
    }
    for file in found {
        let about = file.manifest.space();
        graph.line(&about.extensions, about.hashes.id());
    }
    graph.finish(unreadable)
}

impl Graph {
    /// Adds the space that a predictor was fitted on, and the predictors that it grew from with theirs.
    fn fitted(&mut self, about: &PredictorAbout, id: &ContentHash) {
        let parent = about.space.hashes.id();
        self.nodes.entry(parent.clone()).or_insert_with(|| space(&about.space));
        self.link(fit(about, parent, id.clone()));
        // An id that is none is a contradiction, which `verify` tells of.
        if let Some(growth) = &about.growth
            && let Ok(base) = ContentHash::parse(&growth.base_id)
        {
            self.nodes.entry(base.clone()).or_insert_with(|| predictor(&growth.base, base.clone()));
            self.link(Edge { step: Step::Grow, ..fit(about, base.clone(), id.clone()) });
            self.fitted(&growth.base, &base);
        }
    }

    /// Adds what a version remembers of its ancestors: the steps of a line, the last of which made `last`.
    fn line(&mut self, steps: &[ExtensionMetadata], last: ContentHash) {
        let made = steps.iter().skip(1).map(|step| step.parent.id()).chain([last]);
        let mut before = None;
        for (step, child) in steps.iter().zip(made) {
            let parent = step.parent.id();
            self.nodes.entry(parent.clone()).or_insert_with(|| absent(step, before));
            self.link(extension(step, parent, child.clone()));
            for other in &step.other_parents {
                let parent = other.hashes.id();
                self.nodes.entry(parent.clone()).or_insert_with(|| absent_other(other, step));
                self.link(extension(step, parent.clone(), child.clone()));
                self.line(&other.line, parent);
            }
            before = Some(step);
        }
    }

    /// Adds a step, unless it would make a version its own ancestor, as only a forged file does.
    fn link(&mut self, edge: Edge) {
        if self.edges.get(&edge.child).is_some_and(|parents| parents.contains_key(&edge.parent)) {
            return;
        }
        // Nothing comes from a version that is no parent yet, so that no search through all ancestors is due.
        let is_new_leaf = edge.parent != edge.child && !self.is_parent.contains(&edge.child);
        if is_new_leaf || !self.descends(&edge.parent, &edge.child) {
            self.is_parent.insert(edge.parent.clone());
            self.edges.entry(edge.child.clone()).or_default().insert(edge.parent.clone(), edge);
        }
    }

    /// Whether `version` is `ancestor` or one of its descendants.
    fn descends(&self, version: &ContentHash, ancestor: &ContentHash) -> bool {
        let mut waiting = vec![version];
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if id == ancestor {
                return true;
            }
            if seen.insert(id) {
                waiting.extend(self.parents(id));
            }
        }
        false
    }

    fn parents(&self, child: &ContentHash) -> impl Iterator<Item = &ContentHash> {
        self.edges.get(child).into_iter().flat_map(BTreeMap::keys)
    }

    /// Numbers the generations and puts everything into an order that depends on the content alone.
    fn finish(mut self, unreadable: Vec<Unreadable>) -> Lineage {
        let mut generations: BTreeMap<ContentHash, usize> = BTreeMap::new();
        let mut waiting: Vec<ContentHash> = self.nodes.keys().cloned().collect();
        while let Some(id) = waiting.pop() {
            if generations.contains_key(&id) {
                continue;
            }
            let parents: Vec<ContentHash> = self.parents(&id).cloned().collect();
            let known: Option<Vec<usize>> = parents.iter().map(|p| generations.get(p).copied()).collect();
            match known {
                Some(known) => {
                    generations.insert(id, known.into_iter().max().map_or(0, |most| most + 1));
                }
                None => {
                    waiting.push(id);
                    waiting.extend(parents);
                }
            }
        }
        for (id, node) in &mut self.nodes {
            node.generation = generations.get(id).copied().unwrap_or(0);
        }
        let mut nodes: Vec<Node> = self.nodes.into_values().collect();
        nodes.sort_by(|a, b| {
            let key = |n: &Node| (n.generation, n.prediction.is_some());
            key(a).cmp(&key(b)).then_with(|| (&a.name, &a.created, &a.id).cmp(&(&b.name, &b.created, &b.id)))
        });
        let place: BTreeMap<&ContentHash, usize> =
            nodes.iter().enumerate().map(|(i, n)| (&n.id, i)).collect();
        let mut edges: Vec<Edge> = self.edges.into_values().flat_map(BTreeMap::into_values).collect();
        edges.sort_by_key(|edge| (place.get(&edge.child).copied(), place.get(&edge.parent).copied()));
        drop(place);
        Lineage { nodes, edges, unreadable }
    }
}

fn space(about: &About) -> Node {
    Node {
        id: about.hashes.id(),
        kind: ModelKind::EmbeddingSpace,
        name: about.name.clone(),
        paths: Vec::new(),
        created: Some(about.created.clone()),
        software: about.software.version.clone(),
        generation: 0,
        n_columns: about.columns.len(),
        d_model: Some(about.d_model()),
        features: Some(about.features.iter().map(|f| f.name.clone()).collect()),
        hashes: about.hashes.clone(),
        prediction: None,
    }
}

fn predictor(about: &PredictorAbout, id: ContentHash) -> Node {
    Node {
        id,
        kind: ModelKind::Predictor,
        name: about.name.clone(),
        created: Some(about.created.clone()),
        software: about.software.version.clone(),
        prediction: Some(Prediction {
            target: about.target.column().to_owned(),
            task: about.target.task(),
            scores: about.fit_info.scores.clone(),
        }),
        ..space(&about.space)
    }
}

/// The version that `entry` started from, made by `before` if it was no first training.
fn absent(entry: &ExtensionMetadata, before: Option<&ExtensionMetadata>) -> Node {
    Node {
        id: entry.parent.id(),
        kind: ModelKind::EmbeddingSpace,
        name: entry.extended_from_es_name.clone(),
        paths: Vec::new(),
        created: before.map(|before| before.extension_date.clone()),
        software: entry.extended_from_es_version.version.clone(),
        generation: 0,
        n_columns: entry.original_column_count,
        d_model: None,
        features: None,
        hashes: entry.parent.clone(),
        prediction: None,
    }
}

/// A parent of a merge beside the first, made by the last step of its own line.
fn absent_other(parent: &ParentRef, merge: &ExtensionMetadata) -> Node {
    let last = parent.line.last();
    Node {
        id: parent.hashes.id(),
        name: parent.name.clone(),
        created: last.map(|step| step.extension_date.clone()),
        software: last.unwrap_or(merge).software.version.clone(),
        n_columns: last.map_or(merge.original_column_count, |step| step.extended_column_count),
        hashes: parent.hashes.clone(),
        ..absent(merge, None)
    }
}

fn extension(entry: &ExtensionMetadata, parent: ContentHash, child: ContentHash) -> Edge {
    Edge {
        parent,
        child,
        step: entry.operation.into(),
        mode: Some(entry.mode),
        columns_added: entry.new_columns_added.clone(),
        columns_removed: entry.columns_removed.clone(),
        columns_retired: entry.columns_retired.clone(),
        n_epochs: Some(entry.training_epochs_used),
        drift: entry.drift.map(|drift| drift.mean_cosine_distance),
        seed: entry.seed,
        seconds: entry.seconds,
    }
}

fn fit(about: &PredictorAbout, parent: ContentHash, child: ContentHash) -> Edge {
    Edge {
        parent,
        child,
        step: Step::Fit,
        mode: None,
        columns_added: Vec::new(),
        columns_removed: Vec::new(),
        columns_retired: Vec::new(),
        n_epochs: None,
        drift: None,
        seed: about.options.seed,
        seconds: about.fit_info.seconds,
    }
}
