//! The family as lines of text, for a terminal.

use std::collections::BTreeSet;

use super::{Lineage, Node, Step};
use crate::ModelKind;
use crate::store::ContentHash;

/// Column names that are written out before the rest is counted.
const MOST_NAMES: usize = 3;

/// One line in four columns.
struct Line {
    name: String,
    how: String,
    id: String,
    files: String,
}

pub(super) fn draw(lineage: &Lineage) -> String {
    let mut lines = Vec::new();
    let mut drawn = BTreeSet::new();
    for root in lineage.nodes.iter().filter(|node| lineage.parents(&node.id).next().is_none()) {
        branch(lineage, root, ["", ""], &mut drawn, &mut lines);
    }
    let width = |cell: fn(&Line) -> &String| lines.iter().map(|l| cell(l).chars().count()).max().unwrap_or(0);
    let widths = [width(|l| &l.name), width(|l| &l.how), width(|l| &l.id)];
    let mut text = String::new();
    for Line { name, how, id, files } in &lines {
        let [w_name, w_how, w_id] = widths;
        let line = format!("{name:w_name$}  {how:w_how$}  {id:w_id$}  {files}");
        text += line.trim_end();
        text.push('\n');
    }
    for file in &lineage.unreadable {
        text += &format!("not read: {}\n", file.reason);
    }
    text
}

/// A version and its children. A version with several parents stands below the first of them; below the
/// others a line says where to look.
fn branch<'l>(
    lineage: &'l Lineage,
    node: &'l Node,
    [first, rest]: [&str; 2],
    drawn: &mut BTreeSet<&'l ContentHash>,
    lines: &mut Vec<Line>,
) {
    drawn.insert(&node.id);
    lines.push(Line {
        name: format!("{first}{}", node.name),
        how: how(lineage, node),
        id: node.id.short().to_owned(),
        files: files(node),
    });
    let children: Vec<&Node> =
        lineage.children(&node.id).filter_map(|edge| lineage.node(&edge.child)).collect();
    for (i, child) in children.iter().enumerate() {
        let is_last = i + 1 == children.len();
        let lead = |end: &str, on: &str| format!("{rest}{}", if is_last { end } else { on });
        let leads = [lead("└─ ", "├─ "), lead("   ", "│  ")];
        let is_here = lineage.parents(&child.id).next().is_some_and(|edge| edge.parent == node.id);
        if is_here && !drawn.contains(&child.id) {
            branch(lineage, child, [&leads[0], &leads[1]], drawn, lines);
        } else {
            lines.push(Line {
                name: format!("{}{}", leads[0], child.name),
                how: format!("another parent's child, see {}", child.id.short()),
                id: String::new(),
                files: String::new(),
            });
        }
    }
}

/// How a version came about, in a line.
fn how(lineage: &Lineage, node: &Node) -> String {
    if let Some(prediction) = &node.prediction {
        let score = prediction.scores.first().map(|s| format!(", {} {:.4}", s.metric.name(), s.value));
        return format!("predictor of `{}`{}", prediction.target, score.unwrap_or_default());
    }
    let mut parents = lineage.parents(&node.id);
    let Some(edge) = parents.next() else {
        return match node.is_absent() && node.created.is_none() {
            true => format!("{} columns", node.n_columns),
            false => format!("first training, {} columns", node.n_columns),
        };
    };
    let mut text = edge.how();
    if edge.step == Step::Merge {
        let others: Vec<&str> =
            parents.filter_map(|edge| lineage.node(&edge.parent)).map(|n| n.name.as_str()).collect();
        text += &format!(", with {}", others.join(", "));
    }
    for (sign, columns) in [('+', &edge.columns_added), ('-', &edge.columns_removed)] {
        if !columns.is_empty() {
            text += &format!(", {sign} {}", few(columns, MOST_NAMES));
        }
    }
    match edge.drift {
        Some(drift) if drift > 0.0 => format!("{text}, drift {drift:.4}"),
        _ => text,
    }
}

/// The first names and the number of the others.
pub(super) fn few(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn files(node: &Node) -> String {
    match &node.paths[..] {
        [] if node.kind == ModelKind::EmbeddingSpace => "(its file is not here)".to_owned(),
        paths => paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "),
    }
}
