//! Boosted trees over the cells that the codecs make: what networks are worst at, they are best at.
//!
//! ```text
//! EncodedTable ─ columns ─► numbers and statistics of the target per category, one column each
//!                   └ borders ─► at most 128 bins a column ─ learned ─┬ grow ─► a symmetric tree ─ boost ─► Forest
//!                                                                     └ random ─► deep trees ─► RandomForest
//! ```
//!
//! Symmetric trees ask one question a level (Prokhorenkova et al. 2018, arXiv:1706.09516), so that a tree of
//! depth `d` is `d` comparisons and a table of `2^d` numbers. Statistics of the target come from rows that
//! stand before a row in a shuffled order (section 4.1 there); rows of one unit never see each other's target.

mod asked;
mod asking;
mod boost;
mod borders;
mod columns;
mod grow;
mod hidden;
mod learned;
mod random;
#[cfg(test)]
mod tests;

pub(crate) use asked::{AskedColumn, TreeSource};
pub(crate) use boost::{BoostOptions, Loss, boost};
pub(crate) use columns::Plan;
pub(crate) use learned::{Learned, TreeRows};
pub(crate) use random::{AskedForest, AskedNode, N_TREES, RandomForest};

use std::collections::BTreeMap;

use asking::{Asking, Shared, take, wrong_shape};
use tabgraft_table::encoded::EncodedTable;

use crate::error::{Error, Result};
use crate::store::Blob;

/// Questions of a tree.
pub(crate) const DEPTH: usize = 6;
const N_LEAVES: usize = 1 << DEPTH;
/// Rows that a tree is asked about together.
const ROWS_AT_ONCE: usize = 256;
/// Most trees of one forest.
pub(crate) const MAX_TREES: usize = 2000;

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
    /// `[N_LEAVES]`: the weight of the rows learned from that reach each leaf. None in a file that does not say.
    covers: Option<Vec<f32>>,
}

/// A fitted sum of trees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forest {
    asking: Asking,
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
    #[cfg(test)]
    pub fn margins(&self, table: &EncodedTable, rows: &[usize]) -> Vec<f32> {
        Self::margins_of_all(std::slice::from_ref(self), table, rows, None).remove(0)
    }

    /// The sums of each of some forests of one plan. What does not differ between them is made once, and what no tree
    /// asks about is not made. Of rows with hidden cells it is what each tree says on average of the rows that it was
    /// learned from and that give the same answers about the other cells.
    ///
    /// # Shapes
    /// - `hidden`: `[rows.len(), n_columns]` of the table's columns; only where every forest
    ///   [remembers its rows](Forest::has_covers)
    /// - returns: `[forests.len()][rows.len(), n_outputs]`
    pub fn margins_of_all(
        forests: &[Forest],
        table: &EncodedTable,
        rows: &[usize],
        hidden: Option<&[bool]>,
    ) -> Vec<Vec<f32>> {
        let Some(plan) = forests.first().map(|forest| &forest.asking.plan) else { return Vec::new() };
        let mut shared = Shared::new(plan);
        let of_forest = |forest: &Forest| {
            let bins = forest.asking.bins(&forest.asked(), table, rows, &mut shared);
            let n_outputs = forest.start.len();
            let mut sums: Vec<f32> = rows.iter().flat_map(|_| forest.start.iter().copied()).collect();
            match hidden {
                None => forest.trees.iter().for_each(|tree| tree.add(&bins, &mut sums, n_outputs)),
                Some(hidden) => forest.add_seen_in_part(&bins, hidden, table.columns.len(), &mut sums),
            }
            sums
        };
        forests.iter().map(of_forest).collect()
    }

    /// Columns that its trees ask about.
    fn asked(&self) -> Vec<usize> {
        self.asking.asked(self.trees.iter().flat_map(|tree| tree.questions))
    }

    /// The forest as tensors, named below `prefix`.
    pub fn to_blobs(&self, prefix: &str, blobs: &mut BTreeMap<String, Blob>) {
        self.asking.to_blobs(prefix, blobs);
        let mut put = |name: &str, shape: Vec<usize>, data: Vec<f32>| {
            blobs.insert(format!("{prefix}.{name}"), Blob { shape, data });
        };
        let n_trees = self.trees.len();
        let questions = self.trees.iter().flat_map(|tree| tree.questions);
        let questions = questions.flat_map(|q| [f32::from(q.column), f32::from(q.bin)]).collect();
        let leaves = self.trees.iter().flat_map(|tree| tree.leaves.iter().copied()).collect();
        put("start", vec![self.start.len()], self.start.clone());
        put("questions", vec![n_trees, DEPTH, 2], questions);
        put("leaves", vec![n_trees, N_LEAVES, self.start.len()], leaves);
        if self.has_covers() {
            let covers = self.trees.iter().flat_map(|tree| tree.covers.iter().flatten().copied());
            put("covers", vec![n_trees, N_LEAVES], covers.collect());
        }
    }

    /// Whether it remembers how many rows each leaf was learned from.
    pub fn has_covers(&self) -> bool {
        self.trees.iter().all(|tree| tree.covers.is_some())
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
        let wrong = |name: &str, found: &Blob, wanted: String| Err(wrong_shape(prefix, name, found, wanted));
        let start = take(prefix, "start", blobs)?;
        if start.data.len() != n_outputs {
            return wrong("start", &start, format!("[{n_outputs}]"));
        }
        let (questions, leaves) = (take(prefix, "questions", blobs)?, take(prefix, "leaves", blobs)?);
        let n_trees = questions.data.len() / (DEPTH * 2);
        if questions.shape != [n_trees, DEPTH, 2] || n_trees > MAX_TREES {
            return wrong("questions", &questions, format!("[at most {MAX_TREES}, {DEPTH}, 2]"));
        }
        if leaves.shape != [n_trees, N_LEAVES, n_outputs] {
            return wrong("leaves", &leaves, format!("[{n_trees}, {N_LEAVES}, {n_outputs}]"));
        }
        let covers = blobs.remove(&format!("{prefix}.covers"));
        if let Some(covers) = &covers {
            if covers.shape != [n_trees, N_LEAVES] {
                return wrong("covers", covers, format!("[{n_trees}, {N_LEAVES}]"));
            }
            if covers.data.iter().any(|cover| *cover < 0.0) {
                return Err(Error::malformed(format!("`{prefix}.covers` has a leaf of less than no rows")));
            }
        }
        let n_columns = asking.plan.n_columns();
        let question = |pair: &[f32]| {
            let sane = |value: f32, most: usize| value.fract() == 0.0 && (0.0..most as f32).contains(&value);
            (sane(pair[0], n_columns) && sane(pair[1], 256))
                .then(|| Question { column: pair[0] as u16, bin: pair[1] as u8 })
        };
        let mut trees = Vec::with_capacity(n_trees);
        for (i, (asked, leaves)) in questions
            .data
            .chunks_exact(DEPTH * 2)
            .zip(leaves.data.chunks_exact(N_LEAVES * n_outputs))
            .enumerate()
        {
            let asked: Option<Vec<Question>> = asked.chunks_exact(2).map(question).collect();
            let Some(questions) = asked.and_then(|asked| asked.try_into().ok()) else {
                return Err(Error::malformed(format!(
                    "`{prefix}.questions` asks for a column that is not there"
                )));
            };
            let covers = covers.as_ref().map(|covers| covers.data[i * N_LEAVES..][..N_LEAVES].to_vec());
            trees.push(Tree { questions, leaves: leaves.to_vec(), covers });
        }
        Ok(Forest { asking, start: start.data, trees })
    }
}

impl Tree {
    /// Which leaf each row reaches, and its numbers added to the row's sums `[n_rows, n_outputs]`.
    fn add(&self, bins: &[Vec<u8>], sums: &mut [f32], n_outputs: usize) {
        let asked = self.questions.map(|q| (&bins[usize::from(q.column)][..], q.bin));
        let mut leaves = [0u8; ROWS_AT_ONCE];
        for (block, sums) in sums.chunks_mut(ROWS_AT_ONCE * n_outputs).enumerate() {
            let leaves = &mut leaves[..sums.len() / n_outputs];
            leaves.fill(0);
            for (bins, bin) in asked {
                // One question of many rows: a loop that the compiler makes vectors of.
                let bins = &bins[block * ROWS_AT_ONCE..][..leaves.len()];
                leaves.iter_mut().zip(bins).for_each(|(leaf, own)| *leaf = *leaf << 1 | u8::from(*own > bin));
            }
            if n_outputs == 1 {
                sums.iter_mut().zip(&*leaves).for_each(|(sum, leaf)| *sum += self.leaves[usize::from(*leaf)]);
                continue;
            }
            for (sums, leaf) in sums.chunks_exact_mut(n_outputs).zip(&*leaves) {
                let own = &self.leaves[usize::from(*leaf) * n_outputs..][..n_outputs];
                sums.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
            }
        }
    }
}
