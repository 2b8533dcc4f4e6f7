//! The lineage as a drawing: one row per space, grafts below their parents.

use super::Node;
use crate::draw::{Caption, Svg, WIDTH, shorten};

/// Height of a row.
const ROW: f64 = 66.0;
/// Distance between lanes.
const LANE: f64 = 26.0;
/// Most lanes that are drawn apart.
const MOST_LANES: usize = 8;
/// Room that a character takes, of names and of the smaller lines below them.
const LETTER: [f64; 2] = [7.2, 6.2];
/// Characters of a hash that are shown.
const HASH_CHARS: usize = 12;

/// The longest line of descent runs straight down; other children branch off to the right.
pub(super) fn lineage(caption: Caption<'_>, nodes: &[Node]) -> String {
    let parents = parents(nodes);
    let places = places(&parents);
    let mut svg = Svg::new(caption, ROW * nodes.len() as f64 + 8.0);
    let x = |i: usize| 18.0 + LANE * places[i].1.min(MOST_LANES) as f64;
    let y = |i: usize| 24.0 + ROW * places[i].0 as f64;
    for (i, parent) in parents.iter().enumerate() {
        let Some(parent) = *parent else { continue };
        let (from, to, top, bottom) = (x(parent), x(i), y(parent), y(i));
        let path = if from == to {
            format!("M{from:.1} {top:.1}V{bottom:.1}")
        } else {
            format!("M{from:.1} {top:.1}V{:.1}Q{from:.1} {bottom:.1} {to:.1} {bottom:.1}", bottom - 14.0)
        };
        svg.path("edge", &path);
    }
    for (i, node) in nodes.iter().enumerate() {
        let class = if node.parent_weights.is_some() { "dot" } else { "dot root" };
        svg.body.push_str(&format!(r#"<circle class="{class}" cx="{:.1}" cy="{:.1}" r="7"/>"#, x(i), y(i)));
        let left = x(i) + 18.0;
        let [most, most_small] = LETTER.map(|letter| ((WIDTH - left) / letter) as usize);
        let how = match (node.mode, parents[i]) {
            (Some(mode), Some(parent)) => {
                format!("{} graft on {}", mode.name(), shorten(&nodes[parent].name, 16))
            }
            (Some(mode), None) => format!("{} graft", mode.name()),
            (None, _) => "first training".to_owned(),
        };
        svg.text_within(
            (left, y(i) + 5.0),
            "start",
            "strong",
            &format!("{} \u{b7} {how}", shorten(&node.name, 24)),
            most,
        );
        let sign = if node.mode.is_some() { "+ " } else { "" };
        let n = node.columns_added.len();
        let noun = if n == 1 { "column" } else { "columns" };
        let added = format!("{sign}{n} {noun}: {}", node.columns_added.join(", "));
        svg.text_within((left, y(i) + 23.0), "start", "small", &added, most_small);
        let hash: String = node.weights.chars().take(HASH_CHARS).collect();
        let sizes = format!("{} columns, {} coordinates, weights {hash}", node.n_columns, node.d_model);
        svg.text_within((left, y(i) + 40.0), "start", "small dim", &sizes, most_small);
    }
    svg.finish()
}

/// Index of each node's parent: an earlier node with the hash that the child names.
fn parents(nodes: &[Node]) -> Vec<Option<usize>> {
    let find = |(i, node): (usize, &Node)| {
        let hash = node.parent_weights.as_ref()?;
        nodes[..i].iter().rposition(|earlier| earlier.weights == *hash)
    };
    nodes.iter().enumerate().map(find).collect()
}

/// Row and lane of each node.
fn places(parents: &[Option<usize>]) -> Vec<(usize, usize)> {
    let n = parents.len();
    // Parents stand before their children, so that one pass from the end sees children first.
    let mut height = vec![0_usize; n];
    let mut heir = vec![None; n];
    for i in (0..n).rev() {
        let Some(parent) = parents[i] else { continue };
        if heir[parent].is_none() || height[i] + 1 >= height[parent] {
            heir[parent] = Some(i);
            height[parent] = height[i] + 1;
        }
    }
    let mut places = vec![(0, 0); n];
    let mut waiting: Vec<(usize, usize)> =
        (0..n).rev().filter(|i| parents[*i].is_none()).map(|i| (i, 0)).collect();
    let mut row = 0;
    while let Some((i, lane)) = waiting.pop() {
        places[i] = (row, lane);
        row += 1;
        // The heir goes below its siblings: last in, first out.
        waiting.extend(heir[i].map(|h| (h, lane)));
        waiting.extend(
            (0..n).rev().filter(|c| parents[*c] == Some(i) && heir[i] != Some(*c)).map(|c| (c, lane + 1)),
        );
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_line_runs_straight_and_siblings_branch_off_above_it() {
        // 0 -> 1 (a dead end), 0 -> 2 -> 3, 2 -> 4
        let parents = [None, Some(0), Some(0), Some(2), Some(2)];
        assert_eq!(places(&parents), [(0, 0), (1, 1), (2, 0), (4, 0), (3, 1)]);
    }
}
