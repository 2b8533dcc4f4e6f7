//! The sections of a folder or registry.

use super::html::{Cell, HtmlTable, Page};
use crate::lineage::{Edge, Node};
use crate::report::Family;
use crate::report::words::{fixed, grouped, seconds};

/// Versions from which on a lineage is no drawing but a table.
const MOST_BOXES: usize = 200;

pub(super) fn sections(page: &mut Page, family: &Family) {
    if !family.problems.is_empty() {
        page.section("problems", "What does not verify", |page| page.list(&family.problems));
    }
    page.section("lineage", "Who comes from whom", |page| {
        match family.lineage.nodes.len() <= MOST_BOXES {
            true => page.drawing(&family.lineage.svg_with_links(&|_| None), "Drawing of the lineage"),
            false => page.paragraph("There are too many versions for a drawing; the table has all."),
        }
        versions(page, family);
    });
    page.section("predictors", "Predictors", |page| predictors(page, family));
    if !family.history.is_empty() {
        page.section("history", "What was done", |page| history(page, family));
    }
}

fn versions(page: &mut Page, family: &Family) {
    let rows = family.lineage.nodes.iter().filter(|node| node.prediction.is_none()).map(|node| {
        let mut cells = vec![name(family, node), Cell::code(node.id.short())];
        cells.extend(match family.lineage.parents(&node.id).next() {
            None => [
                Cell::text("first training"),
                Cell::text(""),
                Cell::count(node.n_columns),
                Cell::nothing(),
                Cell::nothing(),
                Cell::nothing(),
            ],
            Some(edge) => made_by(family, node, edge),
        });
        let files: Vec<String> = node.paths.iter().map(|path| path.display().to_string()).collect();
        cells.push(Cell::text(if files.is_empty() { "not here".to_owned() } else { files.join(", ") }));
        cells
    });
    page.table(HtmlTable {
        caption: "Every version of a space: how it came about, what it cost, how far old vectors moved"
            .to_owned(),
        head: vec![
            "version",
            "id",
            "made by",
            "what came and left",
            "columns",
            "epochs",
            "time",
            "drift",
            "file",
        ],
        rows: rows.collect(),
    });
}

fn name(family: &Family, node: &Node) -> Cell {
    match family.current.as_ref() == Some(&node.id) {
        true => Cell::text(format!("{} (current)", node.name)),
        false => Cell::text(&node.name),
    }
}

fn made_by(family: &Family, node: &Node, edge: &Edge) -> [Cell; 6] {
    let came = edge.columns_added.iter().map(|name| format!("+ {name}"));
    let left = edge.columns_removed.iter().map(|name| format!("\u{2212} {name}"));
    let parents: Vec<String> = family
        .lineage
        .parents(&node.id)
        .filter_map(|edge| family.lineage.node(&edge.parent))
        .map(|parent| parent.name.clone())
        .collect();
    let mode = edge.mode.map(|mode| format!(" ({})", mode.name())).unwrap_or_default();
    [
        Cell::text(format!("{}{mode} from {}", edge.step.name(), parents.join(", "))),
        Cell::text(came.chain(left).collect::<Vec<_>>().join(", ")),
        Cell::count(node.n_columns),
        edge.n_epochs.map_or_else(Cell::nothing, Cell::count),
        Cell::number(seconds(edge.seconds), edge.seconds),
        Cell::optional(edge.drift, |v| fixed(v, 4)),
    ]
}

fn predictors(page: &mut Page, family: &Family) {
    let found = family.lineage.predictors();
    if found.is_empty() {
        page.paragraph("There is none here.");
        return;
    }
    let rows = found.iter().map(|row| {
        let is_current = family.current.as_ref() == Some(&row.id);
        let files: Vec<String> = row.paths.iter().map(|path| path.display().to_string()).collect();
        vec![
            Cell::text(format!("{}{}", row.name, if is_current { " (current)" } else { "" })),
            Cell::code(row.id.short()),
            Cell::text(&row.target),
            Cell::text(&row.space),
            Cell::count(row.n_columns),
            Cell::text(row.score.map(|s| s.metric.words().to_owned()).unwrap_or_default()),
            row.score
                .map_or_else(Cell::nothing, |s| Cell::interval(s.value, [s.low, s.high], |v| fixed(v, 3))),
            Cell::text(files.join(", ")),
        ]
    });
    page.table(HtmlTable {
        caption: "Predictors, each with its score on rows held out of its own fit: only the paired comparison of two says \
                  which one is better"
            .to_owned(),
        head: vec!["predictor", "id", "target", "on the space", "columns", "metric", "score [95 %]", "file"],
        rows: rows.collect(),
    });
}

fn history(page: &mut Page, family: &Family) {
    let name = |id: &crate::store::ContentHash| {
        family.lineage.node(id).map_or_else(|| id.short().to_owned(), |node| node.name.clone())
    };
    let rows = family.history.iter().enumerate().rev().map(|(i, event)| {
        vec![
            Cell::number(grouped(i + 1), i as f64),
            Cell::date(&event.date),
            Cell::text(event.action.name()),
            Cell::text(name(&event.to)),
            Cell::prose(&event.note),
        ]
    });
    page.table(HtmlTable {
        caption: "The registry's history, the newest first".to_owned(),
        head: vec!["entry", "date", "action", "version", "note"],
        rows: rows.collect(),
    });
}
