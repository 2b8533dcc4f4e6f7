//! The family as lines of text, for a terminal.

use tabgraft_table::visible;

use super::{Lineage, Node};

/// Column names that are written out before the rest is counted.
const MOST_NAMES: usize = 3;
/// Widest cell that the others of its column are brought to.
const MOST_WIDTH: usize = 200;

/// One line in four columns.
struct Line {
    name: String,
    how: String,
    id: String,
    files: String,
}

/// A version that waits to be drawn.
struct Waiting<'l> {
    node: &'l Node,
    /// What stands before its name, and before the names below it.
    leads: [String; 2],
    /// Whether it stands below the first of its parents, where it is drawn; elsewhere a line says where.
    is_here: bool,
}

pub(super) fn draw(lineage: &Lineage) -> String {
    let roots = lineage.nodes.iter().rev().filter(|node| lineage.parents(&node.id).next().is_none());
    let mut waiting: Vec<Waiting<'_>> =
        roots.map(|node| Waiting { node, leads: [String::new(), String::new()], is_here: true }).collect();
    let mut lines = Vec::new();
    // A stack and no recursion: a forged file may claim a line that is longer than the program's stack.
    while let Some(next) = waiting.pop() {
        lines.push(line(lineage, &next));
        if next.is_here {
            waiting.extend(children(lineage, &next).into_iter().rev());
        }
    }
    let width = |cell: fn(&Line) -> &String| {
        let widths = lines.iter().map(|l| cell(l).chars().count()).filter(|width| *width <= MOST_WIDTH);
        widths.max().unwrap_or(0)
    };
    let widths = [width(|l| &l.name), width(|l| &l.how), width(|l| &l.id)];
    let mut text = String::new();
    for Line { name, how, id, files } in &lines {
        let cells = [name, how, id].into_iter().zip(widths);
        let line = cells.map(|(cell, width)| padded(cell, width) + "  ").collect::<String>() + files;
        text += line.trim_end();
        text.push('\n');
    }
    for file in &lineage.unreadable {
        text += &format!("not read: {}\n", visible(&file.reason));
    }
    text
}

/// A cell and the spaces behind it. A name may have a million characters: it is written out, and the
/// others do not wait for it.
fn padded(cell: &str, width: usize) -> String {
    cell.to_owned() + &" ".repeat(width.saturating_sub(cell.chars().count()))
}

fn line(lineage: &Lineage, Waiting { node, leads: [first, _], is_here }: &Waiting<'_>) -> Line {
    // A name may hold anything; a terminal must not obey it.
    let name = format!("{first}{}", visible(&node.name));
    if !is_here {
        let how = format!("also its child, see {}", node.id.short());
        return Line { name, how, id: String::new(), files: String::new() };
    }
    let [how, files] = [how(lineage, node), files(node)].map(|cell| visible(&cell).into_owned());
    Line { name, how, id: node.id.short().to_owned(), files }
}

fn children<'l>(lineage: &'l Lineage, parent: &Waiting<'l>) -> Vec<Waiting<'l>> {
    let children: Vec<&Node> =
        lineage.children(&parent.node.id).filter_map(|edge| lineage.node(&edge.child)).collect();
    let n = children.len();
    let waits = |(i, node): (usize, &'l Node)| {
        let leads = if i + 1 == n { ["└─ ", "   "] } else { ["├─ ", "│  "] };
        Waiting {
            node,
            leads: leads.map(|lead| format!("{}{lead}", parent.leads[1])),
            is_here: lineage.parents(&node.id).next().is_some_and(|edge| edge.parent == parent.node.id),
        }
    };
    children.into_iter().enumerate().map(waits).collect()
}

/// How a version came about, in a line.
fn how(lineage: &Lineage, node: &Node) -> String {
    if let Some(prediction) = &node.prediction {
        let score = prediction.scores.first().map(|s| format!(", {} {:.4}", s.metric.words(), s.value));
        return format!("predictor of `{}`{}", prediction.target, score.unwrap_or_default());
    }
    let Some(edge) = lineage.parents(&node.id).next() else {
        return match node.is_absent() && node.created.is_none() {
            true => format!("{} columns", node.n_columns),
            false => format!("first training, {} columns", node.n_columns),
        };
    };
    let drift = edge.drift.filter(|drift| *drift > 0.0).map(|drift| format!("drift {drift:.4}"));
    let words = std::iter::once(edge.how()).chain(lineage.changes(edge, '-', MOST_NAMES)).chain(drift);
    words.collect::<Vec<_>>().join(", ")
}

fn files(node: &Node) -> String {
    match &node.paths[..] {
        [] => "(its file is not here)".to_owned(),
        paths => paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "),
    }
}
