//! One deep tree.

use std::ops::Range;

use super::super::Question;

/// Most questions on the way to a leaf.
pub(super) const MAX_DEPTH: usize = 32;

/// Where a row goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Node {
    /// A row whose bin is above the question's goes on at this node, the others at the next one.
    Ask(Question, u32),
    /// The tree's number of this leaf.
    Leaf(u32),
}

/// A node as rows walk over it: a row whose bin is above the question's goes to the right, the others to the left.
/// A leaf is its own left, no bin is above its question's, and its right is its number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    question: Question,
    left: u32,
    right: u32,
}

impl Step {
    fn new(i: usize, node: &Node) -> Self {
        match *node {
            Node::Ask(question, right) => Step { question, left: i as u32 + 1, right },
            Node::Leaf(leaf) => {
                Step { question: Question { column: 0, bin: u8::MAX }, left: i as u32, right: leaf }
            }
        }
    }

    fn node(&self, i: usize) -> Node {
        if self.left == i as u32 { Node::Leaf(self.right) } else { Node::Ask(self.question, self.right) }
    }
}

/// Rows that walk at the same time: what one waits for, others do not.
const WALKERS: usize = 8;

/// A tree whose nodes stand before their children, the left child directly behind its parent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DeepTree {
    steps: Vec<Step>,
    /// `[n_leaves, n_outputs]`.
    leaves: Vec<f32>,
    /// `[n_nodes]`: the weight of the rows learned from that come to each node.
    covers: Vec<f32>,
}

/// A block of rows of which some cells are hidden, in numbers that are compared many at a time.
pub(super) struct SeenRows {
    n_rows: usize,
    /// `[n_columns][n_rows]`: the bin of each cell, of the columns that are asked about.
    bins: Vec<Vec<f32>>,
    /// Likewise: 1 for a cell that is hidden, 0 for one that is seen.
    hidden: Vec<Vec<f32>>,
}

/// Some rows of each column; none of those that are not asked about.
fn numbers<T: Copy>(columns: &[Vec<T>], rows: &Range<usize>, number: impl Fn(T) -> f32) -> Vec<Vec<f32>> {
    let of_rows = |column: &Vec<T>| {
        let own = if column.is_empty() { &column[..] } else { &column[rows.clone()] };
        own.iter().map(|v| number(*v)).collect()
    };
    columns.iter().map(of_rows).collect()
}

impl SeenRows {
    /// Some rows of all.
    ///
    /// # Shapes
    /// - `bins`, `hidden`: `[n_columns][n_rows of all]`, of the columns that are asked about
    pub fn of(bins: &[Vec<u8>], hidden: &[Vec<bool>], rows: Range<usize>) -> Self {
        SeenRows {
            n_rows: rows.len(),
            bins: numbers(bins, &rows, f32::from),
            hidden: numbers(hidden, &rows, |hidden| f32::from(u8::from(hidden))),
        }
    }

    /// Parts the shares of a node's rows by its question: a row goes one way, or where the cell is hidden, both.
    fn part(
        &self,
        question: Question,
        of_left: f32,
        shares: &[f32],
        to_left: &mut [f32],
        to_right: &mut [f32],
    ) {
        let column = usize::from(question.column);
        let (bin, of_right) = (f32::from(question.bin), 1.0 - of_left);
        let cells = self.bins[column].iter().zip(&self.hidden[column]);
        let parted = to_left.iter_mut().zip(to_right);
        for (((left, right), share), (own, hidden)) in parted.zip(shares).zip(cells) {
            let seen = 1.0 - hidden;
            let above = if *own > bin { seen } else { 0.0 };
            *left = share * (hidden * of_left + (seen - above));
            *right = share * (hidden * of_right + above);
        }
    }
}

/// The shares that rows have in nodes, and the nodes that wait; kept from one tree to the next.
#[derive(Default)]
pub(super) struct Shares {
    of_row: Vec<f32>,
    waiting: Vec<(usize, usize)>,
}

/// A node for those who write trees in another language.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AskedNode {
    /// A column of the forest's, the least number that goes right, and the node to the right; left is the next one.
    Ask { column: usize, least: f32, right: usize },
    /// This leaf of the tree.
    Leaf(usize),
}

impl DeepTree {
    /// A tree of its nodes in order; a leaf is none. None where they are no whole tree, or one that is too deep.
    ///
    /// # Shapes
    /// - `leaves`: `[n_leaves, n_outputs]`, in the order of the nodes; `covers`: `[n_leaves]`
    pub fn new(asked: &[Option<Question>], leaves: Vec<f32>, covers: &[f32]) -> Option<Self> {
        let mut nodes = Vec::with_capacity(asked.len());
        // Nodes whose right child has not come yet, with their depths.
        let mut open: Vec<(usize, usize)> = Vec::new();
        let (mut depth, mut n_leaves) = (0, 0);
        let mut is_whole = false;
        for (i, question) in asked.iter().enumerate() {
            if is_whole || depth > MAX_DEPTH {
                return None;
            }
            match question {
                Some(question) => {
                    nodes.push(Node::Ask(*question, 0));
                    open.push((i, depth));
                    depth += 1;
                }
                None => {
                    nodes.push(Node::Leaf(n_leaves));
                    n_leaves += 1;
                    match open.pop() {
                        None => is_whole = true,
                        Some((parent, of_parent)) => {
                            if let Node::Ask(_, right) = &mut nodes[parent] {
                                *right = i as u32 + 1;
                            }
                            depth = of_parent + 1;
                        }
                    }
                }
            }
        }
        if !is_whole || covers.len() != n_leaves as usize {
            return None;
        }
        let mut of_nodes = vec![0.0; nodes.len()];
        for (i, node) in nodes.iter().enumerate().rev() {
            of_nodes[i] = match node {
                Node::Ask(_, right) => of_nodes[i + 1] + of_nodes[*right as usize],
                Node::Leaf(leaf) => covers[*leaf as usize],
            };
        }
        let steps = nodes.iter().enumerate().map(|(i, node)| Step::new(i, node)).collect();
        Some(DeepTree { steps, leaves, covers: of_nodes })
    }

    fn nodes(&self) -> impl Iterator<Item = Node> {
        self.steps.iter().enumerate().map(|(i, step)| step.node(i))
    }

    /// All questions.
    pub fn questions(&self) -> impl Iterator<Item = Question> {
        self.asked().flatten()
    }

    /// The nodes as [`DeepTree::new`] takes them.
    pub fn asked(&self) -> impl Iterator<Item = Option<Question>> {
        self.nodes().map(|node| if let Node::Ask(question, _) = node { Some(question) } else { None })
    }

    /// The nodes with what `column_and_least` makes of their questions.
    pub fn asked_nodes(&self, column_and_least: impl Fn(Question) -> (usize, f32)) -> Vec<AskedNode> {
        let of_node = |node: Node| match node {
            Node::Leaf(leaf) => AskedNode::Leaf(leaf as usize),
            Node::Ask(question, right) => {
                let (column, least) = column_and_least(question);
                AskedNode::Ask { column, least, right: right as usize }
            }
        };
        self.nodes().map(of_node).collect()
    }

    /// `[n_leaves, n_outputs]`.
    pub fn leaves(&self) -> &[f32] {
        &self.leaves
    }

    /// The weight of the rows of each leaf.
    pub fn leaf_covers(&self) -> impl Iterator<Item = f32> {
        let leaves = self.nodes().zip(&self.covers).filter(|(node, _)| matches!(node, Node::Leaf(_)));
        leaves.map(|(_, cover)| *cover)
    }

    /// Adds what the leaf of each row says to its sums.
    ///
    /// # Shapes
    /// - `bins`: `[n_rows, width]`, of as many columns as questions name, at least one; `sums`: `[n_rows, n_outputs]`
    pub fn add(&self, bins: &[u8], width: usize, sums: &mut [f32]) {
        let n_outputs = sums.len() / (bins.len() / width).max(1);
        for (bins, sums) in bins.chunks(WALKERS * width).zip(sums.chunks_mut(WALKERS * n_outputs)) {
            let mut at = [0u32; WALKERS];
            let at = &mut at[..bins.len() / width];
            loop {
                let mut is_going = false;
                for (at, bins) in at.iter_mut().zip(bins.chunks_exact(width)) {
                    let Step { question, left, right } = self.steps[*at as usize];
                    let next = if bins[usize::from(question.column)] > question.bin { right } else { left };
                    is_going |= next != *at;
                    *at = next;
                }
                if !is_going {
                    break;
                }
            }
            for (at, sums) in at.iter().zip(sums.chunks_exact_mut(n_outputs)) {
                self.add_leaf(self.steps[*at as usize].right, 1.0, sums);
            }
        }
    }

    /// As [`DeepTree::add`], of rows of which some cells are hidden: the mean over the leaves that each may come to, by the
    /// rows that did.
    ///
    /// All rows come to every node together, each with its share, of which most are 0: no row waits for another, and a
    /// node below which no row has a share is passed over.
    pub fn add_seen_in_part(&self, rows: &SeenRows, shares: &mut Shares, sums: &mut [f32]) {
        let n_rows = rows.n_rows;
        let n_outputs = sums.len() / n_rows.max(1);
        shares.of_row.resize(n_rows * (2 * MAX_DEPTH + 1), 0.0);
        shares.of_row[..n_rows].fill(1.0);
        // A node, and where its rows' shares stand: those of the two children of a node of depth d at 2 d + 1 and 2 d + 2.
        shares.waiting.push((0, 0));
        while let Some((i, place)) = shares.waiting.pop() {
            let first = place.div_ceil(2) * 2 + 1;
            let (known, next) = shares.of_row.split_at_mut(first * n_rows);
            let own = &known[place * n_rows..][..n_rows];
            match self.steps[i].node(i) {
                // One number for many rows: a loop that the compiler makes vectors of.
                Node::Leaf(leaf) if n_outputs == 1 => {
                    let value = self.leaves[leaf as usize];
                    sums.iter_mut().zip(own).for_each(|(sum, share)| *sum += share * value);
                }
                Node::Leaf(leaf) => {
                    let rows = sums.chunks_exact_mut(n_outputs).zip(own);
                    for (sums, share) in rows.filter(|(_, share)| **share > 0.0) {
                        self.add_leaf(leaf, *share, sums);
                    }
                }
                Node::Ask(question, right) => {
                    let right = right as usize;
                    let [left_cover, right_cover] = [self.covers[i + 1], self.covers[right]];
                    let both = left_cover + right_cover;
                    let of_left = if both > 0.0 { left_cover / both } else { 0.5 };
                    let (to_left, to_right) = next[..2 * n_rows].split_at_mut(n_rows);
                    rows.part(question, of_left, own, to_left, to_right);
                    let is_any =
                        |shares: &[f32]| shares.iter().fold(0, |any, share| any | share.to_bits()) != 0;
                    if is_any(to_right) {
                        shares.waiting.push((right, first + 1));
                    }
                    if is_any(to_left) {
                        shares.waiting.push((i + 1, first));
                    }
                }
            }
        }
    }

    fn add_leaf(&self, leaf: u32, share: f32, sums: &mut [f32]) {
        let own = &self.leaves[leaf as usize * sums.len()..][..sums.len()];
        sums.iter_mut().zip(own).for_each(|(sum, value)| *sum += share * value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(column: u16) -> Option<Question> {
        Some(Question { column, bin: 1 })
    }

    /// Column 0, then on the right column 1: leaves 1, 2 and 4 of 1, 1 and 2 rows.
    fn tree() -> DeepTree {
        DeepTree::new(&[ask(0), None, ask(1), None, None], vec![1.0, 2.0, 4.0], &[1.0, 1.0, 2.0]).unwrap()
    }

    #[test]
    fn a_row_comes_to_its_leaf_and_one_that_is_seen_in_part_to_the_mean_of_those_it_may_come_to() {
        let rows = [[1, 2], [2, 1], [2, 2]];
        // More rows than walk at the same time, whose number they do not divide.
        let many: Vec<u8> = (0..19).flat_map(|i| rows[i % 3]).collect();
        let mut sums = [0.5; 19];
        tree().add(&many, 2, &mut sums);
        assert!(sums.iter().enumerate().all(|(i, sum)| *sum == 0.5 + [1.0, 2.0, 4.0][i % 3]), "{sums:?}");
        let mut sum = [0.0];
        DeepTree::new(&[None], vec![3.0], &[1.0]).unwrap().add(&[9], 1, &mut sum);
        assert_eq!(sum, [3.0], "a leaf alone");
        let seen = |hidden: [bool; 2]| {
            // Beside another row, which is seen whole.
            let bins = [0, 1].map(|column| vec![rows[0][column], rows[1][column]]);
            let rows = SeenRows::of(&bins, &hidden.map(|cell| vec![false, cell]), 0..2);
            let mut sums = [0.0; 2];
            tree().add_seen_in_part(&rows, &mut Shares::default(), &mut sums);
            assert_eq!(sums[0], 1.0);
            sums[1]
        };
        assert_eq!(seen([false, false]), 2.0);
        assert!((seen([false, true]) - 10.0 / 3.0).abs() < 1e-6, "two of three rows are in the leaf of 4");
        assert!((seen([true, false]) - (0.25 + 0.75 * 2.0)).abs() < 1e-6);
        assert!((seen([true, true]) - (1.0 + 2.0 + 2.0 * 4.0) / 4.0).abs() < 1e-6, "the mean of all rows");
    }

    #[test]
    fn nodes_that_are_no_tree_are_none() {
        assert!(DeepTree::new(&[None], vec![1.0], &[1.0]).is_some());
        let short: [&[Option<Question>]; 4] =
            [&[], &[ask(0)], &[ask(0), None], &[ask(0), ask(0), None, None]];
        assert!(short.iter().all(|nodes| DeepTree::new(nodes, vec![1.0; 2], &[1.0; 2]).is_none()));
        assert!(DeepTree::new(&[None, None], vec![1.0; 2], &[1.0; 2]).is_none(), "a node behind the tree");
        assert!(DeepTree::new(&[None], vec![1.0], &[]).is_none(), "a leaf without its rows");
        let chain = |n: usize| [vec![ask(0); n], vec![None; n + 1]].concat();
        let of = |n: usize| DeepTree::new(&chain(n), vec![1.0; n + 1], &vec![1.0; n + 1]);
        assert!(of(MAX_DEPTH).is_some() && of(MAX_DEPTH + 1).is_none());
        let tree = of(9).unwrap();
        assert_eq!(tree.asked().collect::<Vec<_>>(), chain(9));
        assert_eq!(tree.leaf_covers().collect::<Vec<_>>(), [1.0; 10]);
    }
}
