//! A random forest as tensors, and as what it asks for those who write it in another language.

use std::collections::BTreeMap;

use super::super::Question;
use super::super::asked::AskedColumn;
use super::super::asking::{Asking, take, wrong_shape};
use super::super::columns::Plan;
use super::deep::{AskedNode, DeepTree};
use super::{N_TREES, RandomForest};
use crate::error::{Error, Result};
use crate::store::Blob;

/// Bins that a question can name; a node is its column times this, plus its bin.
const N_BINS: f32 = 256.0;
/// A node that is a leaf.
const LEAF: f32 = -1.0;

/// All questions of a random forest: whether a number is at least another.
#[derive(Debug)]
pub(crate) struct AskedForest<'a> {
    /// The columns that any question is about.
    pub columns: Vec<AskedColumn>,
    /// `[n_trees]`: the nodes of a tree, the first one first, and its leaves, `[n_leaves, n_outputs]`.
    pub trees: Vec<(Vec<AskedNode>, &'a [f32])>,
    pub n_outputs: usize,
}

impl RandomForest {
    /// What it asks, and what follows from the answers.
    pub fn asked_questions(&self) -> AskedForest<'_> {
        let asked = self.asked();
        let least = |question: Question| {
            let column = usize::from(question.column);
            let place = asked.partition_point(|known| *known < column);
            (place, self.asking.borders.least_above(column, question.bin))
        };
        AskedForest {
            columns: self.asking.columns(&asked),
            trees: self.trees.iter().map(|tree| (tree.asked_nodes(least), tree.leaves())).collect(),
            n_outputs: self.n_outputs,
        }
    }

    /// The forest as tensors, named below `prefix`.
    pub fn to_blobs(&self, prefix: &str, blobs: &mut BTreeMap<String, Blob>) {
        self.asking.to_blobs(prefix, blobs);
        let mut put = |name: &str, shape: Vec<usize>, data: Vec<f32>| {
            blobs.insert(format!("{prefix}.{name}"), Blob { shape, data });
        };
        let node =
            |asked: Option<Question>| asked.map_or(LEAF, |q| f32::from(q.column) * N_BINS + f32::from(q.bin));
        let ends = self.trees.iter().scan(0, |end, tree| {
            *end += tree.asked().count();
            Some(*end as f32)
        });
        let nodes: Vec<f32> = self.trees.iter().flat_map(DeepTree::asked).map(node).collect();
        let leaves: Vec<f32> = self.trees.iter().flat_map(|tree| tree.leaves().iter().copied()).collect();
        let covers: Vec<f32> = self.trees.iter().flat_map(DeepTree::leaf_covers).collect();
        put("tree_ends", vec![self.trees.len()], ends.collect());
        put("nodes", vec![nodes.len()], nodes);
        put("leaves", vec![covers.len(), self.n_outputs], leaves);
        put("covers", vec![covers.len()], covers);
    }

    /// Reads a forest from its tensors, which are taken out.
    ///
    /// # Errors
    /// Malformed content that names the tensor and what is wrong with it.
    pub fn from_blobs(
        plan: Plan,
        n_outputs: usize,
        prefix: &str,
        blobs: &mut BTreeMap<String, Blob>,
    ) -> Result<Self> {
        let asking = Asking::from_blobs(plan, prefix, blobs)?;
        let [ends, nodes] = [take(prefix, "tree_ends", blobs)?, take(prefix, "nodes", blobs)?];
        let [leaves, covers] = [take(prefix, "leaves", blobs)?, take(prefix, "covers", blobs)?];
        if ends.shape != [ends.data.len()] || ends.data.len() > N_TREES {
            return Err(wrong_shape(prefix, "tree_ends", &ends, format!("[at most {N_TREES}]")));
        }
        let n_leaves = nodes.data.iter().filter(|node| **node == LEAF).count();
        if leaves.shape != [n_leaves, n_outputs] {
            return Err(wrong_shape(prefix, "leaves", &leaves, format!("[{n_leaves}, {n_outputs}]")));
        }
        if covers.shape != [n_leaves] {
            return Err(wrong_shape(prefix, "covers", &covers, format!("[{n_leaves}]")));
        }
        if covers.data.iter().any(|cover| *cover < 0.0) {
            return Err(Error::malformed(format!("`{prefix}.covers` has a leaf of less than no rows")));
        }
        let (most, n_columns) = (N_BINS * asking.plan.n_columns() as f32, asking.plan.n_columns());
        let question = |node: &f32| match *node {
            node if node == LEAF => Some(None),
            node if node.fract() == 0.0 && (0.0..most).contains(&node) => {
                let column = (node / N_BINS) as usize;
                let bin = (node - column as f32 * N_BINS) as u8;
                (column < n_columns).then_some(Some(Question { column: column as u16, bin }))
            }
            _ => None,
        };
        let asked: Option<Vec<Option<Question>>> = nodes.data.iter().map(question).collect();
        let Some(asked) = asked else {
            return Err(Error::malformed(format!("`{prefix}.nodes` asks for a column that is not there")));
        };
        let (mut trees, mut start, mut first) = (Vec::with_capacity(ends.data.len()), 0, 0);
        for end in &ends.data {
            let own = (end.fract() == 0.0 && *end >= 0.0).then(|| asked.get(start..*end as usize)).flatten();
            let tree = own.and_then(|own| {
                let last = first + own.iter().filter(|node| node.is_none()).count();
                let leaves = leaves.data[first * n_outputs..last * n_outputs].to_vec();
                let tree = DeepTree::new(own, leaves, &covers.data[first..last]);
                (start, first) = (*end as usize, last);
                tree
            });
            let Some(tree) = tree else {
                return Err(Error::malformed(format!("`{prefix}.nodes` are no whole trees")));
            };
            trees.push(tree);
        }
        if start != asked.len() {
            return Err(Error::malformed(format!("`{prefix}.nodes` has nodes of no tree")));
        }
        Ok(RandomForest { asking, n_outputs, trees })
    }
}
