//! Boosted trees over the cells that the codecs make: what networks are worst at, they are best at.
//!
//! ```text
//! EncodedTable ─ columns ─► numbers and statistics of the target per category, one column each
//!                   └ borders ─► at most 128 bins a column ─ grow ─► a symmetric tree ─ boost ─► Forest
//! ```
//!
//! Symmetric trees ask one question a level (Prokhorenkova et al. 2018, arXiv:1706.09516), so that a tree of
//! depth `d` is `d` comparisons and a table of `2^d` numbers. Statistics of the target come from rows that
//! stand before a row in a shuffled order (section 4.1 there); rows of one unit never see each other's target.

mod boost;
mod borders;
mod columns;
mod grow;
#[cfg(test)]
mod tests;

pub(crate) use boost::{BoostData, Loss, boost};
pub(crate) use columns::Plan;

use std::collections::BTreeMap;

use borders::Borders;
use columns::Columns;
use tabgraft_table::encoded::EncodedTable;

use crate::error::{Error, Result};
use crate::store::Blob;

/// Questions of a tree.
pub(crate) const DEPTH: usize = 6;
const N_LEAVES: usize = 1 << DEPTH;
/// Most trees of one forest.
pub(crate) const MAX_TREES: usize = 1000;

/// One question a level: whether a column's bin is above a border's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Question {
    column: u16,
    /// Rows in bins above this one go right; 255 sends all of them left.
    bin: u8,
}

/// A symmetric tree.
#[derive(Debug, Clone, PartialEq)]
struct Tree {
    questions: [Question; DEPTH],
    /// `[N_LEAVES, n_outputs]`.
    leaves: Vec<f32>,
}

/// A fitted sum of trees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forest {
    plan: Plan,
    /// `[plan.n_statistics()]`.
    statistics: Vec<f32>,
    borders: Borders,
    /// `[n_outputs]`: what is predicted before any tree.
    start: Vec<f32>,
    trees: Vec<Tree>,
}

impl Forest {
    /// Number of trees.
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// Sums of the trees for some rows of a table: log-odds, logits, or a number.
    ///
    /// # Shapes
    /// - returns: `[rows.len(), n_outputs]`
    pub fn margins(&self, table: &EncodedTable, rows: &[usize]) -> Vec<f32> {
        let columns = Columns::of_rows(&self.plan, table, rows, &self.statistics);
        let bins = self.borders.bins(&columns);
        let n_outputs = self.start.len();
        let mut sums: Vec<f32> = rows.iter().flat_map(|_| self.start.iter().copied()).collect();
        for tree in &self.trees {
            tree.add(&bins, &mut sums, n_outputs);
        }
        sums
    }

    /// The forest as tensors, named below `prefix`.
    pub fn to_blobs(&self, prefix: &str, blobs: &mut BTreeMap<String, Blob>) {
        let mut put = |name: &str, shape: Vec<usize>, data: Vec<f32>| {
            blobs.insert(format!("{prefix}.{name}"), Blob { shape, data });
        };
        let n_trees = self.trees.len();
        let questions = self.trees.iter().flat_map(|tree| tree.questions);
        let questions = questions.flat_map(|q| [f32::from(q.column), f32::from(q.bin)]).collect();
        let leaves = self.trees.iter().flat_map(|tree| tree.leaves.iter().copied()).collect();
        let [missing, ends, borders] = self.borders.flat();
        put("statistics", vec![self.statistics.len()], self.statistics.clone());
        put("missing", vec![missing.len()], missing);
        put("border_ends", vec![ends.len()], ends);
        put("borders", vec![borders.len()], borders);
        put("start", vec![self.start.len()], self.start.clone());
        put("questions", vec![n_trees, DEPTH, 2], questions);
        put("leaves", vec![n_trees, N_LEAVES, self.start.len()], leaves);
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
        let mut take = |name: &str| {
            let name = format!("{prefix}.{name}");
            blobs.remove(&name).ok_or_else(|| Error::malformed(format!("there is no tensor `{name}`")))
        };
        let wrong = |name: &str, found: &[usize], wanted: String| {
            Err(Error::malformed(format!("tensor `{prefix}.{name}` has the shape {found:?}, not {wanted}")))
        };
        let statistics = take("statistics")?;
        if statistics.data.len() != plan.n_statistics() {
            return wrong("statistics", &statistics.shape, format!("[{}]", plan.n_statistics()));
        }
        let (missing, ends, edges) = (take("missing")?, take("border_ends")?, take("borders")?);
        let start = take("start")?;
        if start.data.len() != n_outputs {
            return wrong("start", &start.shape, format!("[{n_outputs}]"));
        }
        let borders = Borders::from_flat([&missing.data, &ends.data, &edges.data], plan.n_columns())
            .ok_or_else(|| Error::malformed(format!("the borders of `{prefix}` do not rise")))?;
        let (questions, leaves) = (take("questions")?, take("leaves")?);
        let n_trees = questions.data.len() / (DEPTH * 2);
        if questions.shape != [n_trees, DEPTH, 2] || n_trees > MAX_TREES {
            return wrong("questions", &questions.shape, format!("[at most {MAX_TREES}, {DEPTH}, 2]"));
        }
        if leaves.shape != [n_trees, N_LEAVES, n_outputs] {
            return wrong("leaves", &leaves.shape, format!("[{n_trees}, {N_LEAVES}, {n_outputs}]"));
        }
        let question = |pair: &[f32]| {
            let sane = |value: f32, most: usize| value.fract() == 0.0 && (0.0..most as f32).contains(&value);
            (sane(pair[0], plan.n_columns()) && sane(pair[1], 256))
                .then(|| Question { column: pair[0] as u16, bin: pair[1] as u8 })
        };
        let mut trees = Vec::with_capacity(n_trees);
        for (asked, leaves) in
            questions.data.chunks_exact(DEPTH * 2).zip(leaves.data.chunks_exact(N_LEAVES * n_outputs))
        {
            let asked: Option<Vec<Question>> = asked.chunks_exact(2).map(question).collect();
            let Some(questions) = asked.and_then(|asked| asked.try_into().ok()) else {
                return Err(Error::malformed(format!(
                    "`{prefix}.questions` asks for a column that is not there"
                )));
            };
            trees.push(Tree { questions, leaves: leaves.to_vec() });
        }
        Ok(Forest { plan, statistics: statistics.data, borders, start: start.data, trees })
    }
}

impl Tree {
    /// Which leaf each row reaches, and its numbers added to the row's sums `[n_rows, n_outputs]`.
    fn add(&self, bins: &[Vec<u8>], sums: &mut [f32], n_outputs: usize) {
        let asked = self.questions.map(|q| (&bins[usize::from(q.column)], q.bin));
        for (r, sums) in sums.chunks_exact_mut(n_outputs).enumerate() {
            let leaf = asked.iter().fold(0, |leaf, (bins, bin)| leaf << 1 | usize::from(bins[r] > *bin));
            for (sum, value) in sums.iter_mut().zip(&self.leaves[leaf * n_outputs..]) {
                *sum += value;
            }
        }
    }
}
