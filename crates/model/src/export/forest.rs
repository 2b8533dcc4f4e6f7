//! Symmetric trees: all questions of a forest at once, then one row of numbers per tree. Deep trees are what
//! `ai.onnx.ml` has an operator for.

use super::cells::{Bag, Cells, Part, offset};
use super::onnx::graph::{Attribute, Element, Graph, Value};
use crate::tree::{AskedColumn, AskedForest, AskedNode, Forest, RandomForest, TreeSource};

/// Sums of a forest's trees, 32 bits: `[n_rows, n_outputs]`.
pub(super) fn margins(graph: &mut Graph, forest: &Forest, cells: &Cells) -> Value {
    let g = graph;
    let asked = forest.asked_questions();
    let start = cells.in_every_row(g, asked.start);
    if asked.questions.is_empty() {
        return start;
    }
    let (columns, places) = columns(g, &asked.columns, cells);
    let (n_levels, n_outputs) = (asked.depth, asked.start.len());
    let n_trees = asked.questions.len() / n_levels;
    let wanted: Vec<i64> = asked.questions.iter().map(|(column, _)| places[*column] as i64).collect();
    let least: Vec<f32> = asked.questions.iter().map(|(_, least)| *least).collect();
    let (wanted, least) = (g.ints(&[wanted.len()], &wanted), g.floats(&[1, least.len()], &least));
    let own = g.gather(&columns, &wanted, 1);
    let right = g.at_least(&own, &least);
    let right = g.cast(&right, Element::Float);
    let right = g.reshaped(&right, &[0, n_trees as i64, n_levels as i64]);
    // The first question is the highest digit of the leaf's number.
    let digits: Vec<f32> = (0..n_levels).rev().map(|level| (1u32 << level) as f32).collect();
    let digits = g.floats(&[n_levels, 1], &digits);
    let leaf = g.product(&right, &digits);
    let leaf = g.reshaped(&leaf, &[0, n_trees as i64]);
    let leaf = g.cast(&leaf, Element::Int64);
    let n_leaves = 1 << n_levels;
    let leaf = offset(g, &leaf, &vec![n_leaves; n_trees]);
    let leaves: Vec<f32> = asked.leaves.concat();
    let leaves = g.floats(&[n_trees * n_leaves, n_outputs], &leaves);
    let found = g.gather(&leaves, &leaf, 0);
    let sum = g.sum_along(&found, 1, false);
    g.add(&sum, &start)
}

/// Means of a random forest's leaves, 32 bits: `[n_rows, n_outputs]`.
pub(super) fn means(graph: &mut Graph, forest: &RandomForest, cells: &Cells) -> Value {
    let AskedForest { columns: asked, trees, n_outputs } = forest.asked_questions();
    // A forest without questions is asked about a number of no meaning.
    let (columns, places) = match asked.is_empty() {
        true => (cells.in_every_row(graph, &[0.0]), Vec::new()),
        false => columns(graph, &asked, cells),
    };
    let mut nodes = Nodes::default();
    let share = 1.0 / trees.len().max(1) as f32;
    for (tree, (asked, leaves)) in trees.iter().enumerate() {
        for (i, node) in asked.iter().enumerate() {
            nodes.push(tree, i, *node, &places);
            if let AskedNode::Leaf(leaf) = node {
                for (output, value) in leaves[leaf * n_outputs..(leaf + 1) * n_outputs].iter().enumerate() {
                    nodes.say(tree, i, output, share * value);
                }
            }
        }
    }
    nodes.into_node(graph, &columns, n_outputs)
}

/// Attributes of a `TreeEnsembleRegressor`.
#[derive(Default)]
struct Nodes {
    tree: Vec<i64>,
    id: Vec<i64>,
    column: Vec<i64>,
    mode: Vec<String>,
    least: Vec<f32>,
    right: Vec<i64>,
    left: Vec<i64>,
    said_by_tree: Vec<i64>,
    said_by_node: Vec<i64>,
    output: Vec<i64>,
    value: Vec<f32>,
}

impl Nodes {
    fn push(&mut self, tree: usize, id: usize, node: AskedNode, places: &[usize]) {
        let (mode, column, least, right, left) = match node {
            AskedNode::Ask { column, least, right } => ("BRANCH_GTE", places[column], least, right, id + 1),
            AskedNode::Leaf(_) => ("LEAF", 0, 0.0, 0, 0),
        };
        self.tree.push(tree as i64);
        self.id.push(id as i64);
        self.mode.push(mode.to_owned());
        self.column.push(column as i64);
        self.least.push(least);
        self.right.push(right as i64);
        self.left.push(left as i64);
    }

    fn say(&mut self, tree: usize, node: usize, output: usize, value: f32) {
        self.said_by_tree.push(tree as i64);
        self.said_by_node.push(node as i64);
        self.output.push(output as i64);
        self.value.push(value);
    }

    fn into_node(self, graph: &mut Graph, columns: &Value, n_outputs: usize) -> Value {
        let attributes = [
            ("aggregate_function", Attribute::Text("SUM")),
            ("n_targets", Attribute::Int(n_outputs as i64)),
            ("nodes_treeids", Attribute::Ints(&self.tree)),
            ("nodes_nodeids", Attribute::Ints(&self.id)),
            ("nodes_featureids", Attribute::Ints(&self.column)),
            ("nodes_modes", Attribute::Texts(&self.mode)),
            ("nodes_values", Attribute::Floats(&self.least)),
            ("nodes_truenodeids", Attribute::Ints(&self.right)),
            ("nodes_falsenodeids", Attribute::Ints(&self.left)),
            ("target_treeids", Attribute::Ints(&self.said_by_tree)),
            ("target_nodeids", Attribute::Ints(&self.said_by_node)),
            ("target_ids", Attribute::Ints(&self.output)),
            ("target_weights", Attribute::Floats(&self.value)),
        ];
        graph.ml_node("TreeEnsembleRegressor", &[columns], &attributes)
    }
}

/// The numbers that the trees ask about, 32 bits, side by side, and where each of the columns stands.
fn columns(g: &mut Graph, asked: &[AskedColumn], cells: &Cells) -> (Value, Vec<usize>) {
    let mut places = vec![0; asked.len()];
    let mut blocks: Vec<Value> = Vec::new();
    let mut n = 0;
    let mut take = |places: &mut Vec<usize>, columns: &[usize]| {
        for column in columns {
            places[*column] = n;
            n += 1;
        }
    };
    let part_of = |i: usize| {
        let (column, part) = asked[i].source.part();
        cells.columns[column].parts[part]
    };
    let all = |wanted: &dyn Fn(Part) -> bool| -> Vec<usize> {
        (0..asked.len()).filter(|i| wanted(part_of(*i))).collect()
    };
    let absent: Vec<f32> = asked.iter().map(|column| column.absent).collect();
    let numbers = all(&|part| matches!(part, Part::Piecewise(_)));
    if let (false, Some(bins), Some(positions), Some(missing)) =
        (numbers.is_empty(), &cells.bins, &cells.positions, &cells.absent)
    {
        let wanted: Vec<usize> = numbers
            .iter()
            .filter_map(|i| if let Part::Piecewise(at) = part_of(*i) { Some(at) } else { None })
            .collect();
        let [bins, positions, missing] =
            [bins, positions, missing].map(|matrix| g.columns(matrix, &wanted, cells.n_piecewise));
        let bins = g.cast(&bins, Element::Float);
        let values = g.add(&bins, &positions);
        let own: Vec<f32> = numbers.iter().map(|i| absent[*i]).collect();
        let own = g.floats(&[1, own.len()], &own);
        blocks.push(g.choose(&missing, &own, &values));
        take(&mut places, &numbers);
    }
    let codes = all(&|part| matches!(part, Part::Code(_)));
    if let (false, Some(matrix)) = (codes.is_empty(), &cells.codes) {
        let code_of = |i: usize| if let Part::Code(at) = part_of(i) { at } else { 0 };
        let wanted: Vec<usize> = codes.iter().map(|i| code_of(*i)).collect();
        let matrix = g.columns(matrix, &wanted, cells.n_code);
        // A code is a number of its own, or what a statistic says of it; a missing cell has the row behind.
        let tables: Vec<Vec<f32>> = codes
            .iter()
            .map(|i| match &asked[*i].source {
                TreeSource::Statistic { values, .. } => values.clone(),
                TreeSource::Value { .. } => {
                    (0..cells.n_codes[code_of(*i)]).map(|c| c as f32).chain([absent[*i]]).collect()
                }
                TreeSource::Slot { .. } => vec![absent[*i]],
            })
            .collect();
        let rows = offset(g, &matrix, &tables.iter().map(Vec::len).collect::<Vec<_>>());
        let tables = tables.concat();
        let tables = g.floats(&[tables.len()], &tables);
        blocks.push(g.gather(&tables, &rows, 0));
        take(&mut places, &codes);
    }
    for i in all(&|part| matches!(part, Part::Bag(_))) {
        if let (Part::Bag(bag), TreeSource::Slot { slot, .. }) = (part_of(i), &asked[i].source) {
            let Bag { slots, missing, n_slots } = &cells.bags[bag];
            let own = g.columns(slots, &[*slot], *n_slots);
            let of_missing = g.floats(&[1, 1], &[absent[i]]);
            blocks.push(g.choose(missing, &of_missing, &own));
            take(&mut places, &[i]);
        }
    }
    let nothing = all(&|part| part == Part::Missing);
    if !nothing.is_empty() {
        let own: Vec<f32> = nothing
            .iter()
            .map(|i| match &asked[*i].source {
                TreeSource::Statistic { values, .. } => values.last().copied().unwrap_or(absent[*i]),
                _ => absent[*i],
            })
            .collect();
        blocks.push(cells.in_every_row(g, &own));
        take(&mut places, &nothing);
    }
    (g.concat(&blocks, 1), places)
}
