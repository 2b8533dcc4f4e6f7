//! Symmetric trees: all questions of a forest at once, then one row of numbers per tree.

use super::cells::{Bag, Cells, Part, offset};
use super::onnx::graph::{Element, Graph, Value};
use crate::tree::{Asked, Forest, TreeSource};

/// Sums of a forest's trees, 32 bits: `[n_rows, n_outputs]`.
pub(super) fn margins(graph: &mut Graph, forest: &Forest, cells: &Cells) -> Value {
    let g = graph;
    let asked = forest.asked_questions();
    let start = cells.in_every_row(g, asked.start);
    if asked.questions.is_empty() {
        return start;
    }
    let (columns, places) = columns(g, &asked, cells);
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

/// The numbers that the trees ask about, 32 bits, side by side, and where each of the columns stands.
fn columns(g: &mut Graph, asked: &Asked<'_>, cells: &Cells) -> (Value, Vec<usize>) {
    let mut places = vec![0; asked.columns.len()];
    let mut blocks: Vec<Value> = Vec::new();
    let mut n = 0;
    let mut take = |places: &mut Vec<usize>, columns: &[usize]| {
        for column in columns {
            places[*column] = n;
            n += 1;
        }
    };
    let part_of = |i: usize| {
        let (column, part) = asked.columns[i].source.part();
        cells.columns[column].parts[part]
    };
    let all = |wanted: &dyn Fn(Part) -> bool| -> Vec<usize> {
        (0..asked.columns.len()).filter(|i| wanted(part_of(*i))).collect()
    };
    let absent: Vec<f32> = asked.columns.iter().map(|column| column.absent).collect();
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
            .map(|i| match &asked.columns[*i].source {
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
        if let (Part::Bag(bag), TreeSource::Slot { slot, .. }) = (part_of(i), &asked.columns[i].source) {
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
            .map(|i| match &asked.columns[*i].source {
                TreeSource::Statistic { values, .. } => values.last().copied().unwrap_or(absent[*i]),
                _ => absent[*i],
            })
            .collect();
        blocks.push(cells.in_every_row(g, &own));
        take(&mut places, &nothing);
    }
    (g.concat(&blocks, 1), places)
}
