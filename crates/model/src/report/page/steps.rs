//! Where a model comes from: its lineage as a drawing, and what each step brought and cost.

use super::html::{Cell, HtmlTable, Page};
use crate::compare::ColumnEffect;
use crate::metric::Drift;
use crate::report::words::{difference_words, percent, seconds, signed};
use crate::report::{ModelReport, StepReport};

/// Versions from which on a lineage is no drawing but a table.
const MOST_BOXES: usize = 200;

/// How old rows moved, in cells: mean distance, share of neighbours kept.
pub(super) fn drift_cells(drift: Option<&Drift>) -> [Cell; 2] {
    match drift {
        None => [Cell::nothing(), Cell::nothing()],
        Some(d) => [
            Cell::fixed(d.mean_cosine_distance, 4),
            Cell::number(percent(d.neighbour_overlap_at_10, 0), d.neighbour_overlap_at_10),
        ],
    }
}

pub(super) fn lineage(page: &mut Page, prefix: &str, model: &ModelReport) {
    if model.steps.is_empty() {
        let what = if model.card.task.is_some() { "Its space" } else { "It" };
        page.paragraph(format!("{what} is a first training: nothing was grafted onto it."));
    }
    if model.lineage.nodes.len() <= MOST_BOXES {
        let step_of = |id: &str| model.steps.iter().position(|step| step.id == id);
        let link = |node: &crate::lineage::Node| {
            Some(format!("#{prefix}step-{}", step_of(node.id.as_str())?))
                .filter(|_| node.prediction.is_none())
        };
        page.drawing(&model.lineage.svg_with_links(&link), "Drawing of the lineage");
    }
    steps(page, &model.steps);
    for (i, step) in model.steps.iter().enumerate() {
        step_details(page, &format!("{prefix}step-{i}"), i + 1, step);
    }
    if !model.refused.is_empty() {
        page.heading("Grafts that were refused");
        page.paragraph("They were judged worse than this space, so that it was kept as it is.");
        let rows = model.refused.iter().map(|refused| {
            let judged = refused.step.judgement.as_ref();
            vec![
                Cell::text(&refused.name),
                Cell::text(refused.step.columns_added.join(", ")),
                judged.map_or_else(Cell::nothing, |j| Cell::text(difference_words(&j.difference))),
                Cell::text(judged.map(|j| hurting(j.culprits())).unwrap_or_default()),
            ]
        });
        page.table(HtmlTable {
            caption: "Refused grafts".to_owned(),
            head: vec!["graft", "columns", "difference [95 %]", "columns that hurt"],
            rows: rows.collect(),
        });
    }
}

fn hurting(culprits: Vec<&ColumnEffect>) -> String {
    culprits.into_iter().map(|effect| effect.column.as_str()).collect::<Vec<_>>().join(", ")
}

fn steps(page: &mut Page, steps: &[StepReport]) {
    if steps.is_empty() {
        return;
    }
    let rows = steps.iter().enumerate().map(|(i, step)| {
        let came = step.columns_added.iter().map(|name| format!("+ {name}"));
        let left = step.columns_removed.iter().map(|name| format!("\u{2212} {name}"));
        let [moved, kept] = drift_cells(step.drift.as_ref());
        vec![
            Cell::ordered(format!("{}. {} ({})", i + 1, step.operation, step.mode), i),
            Cell::text(step.parents.join(", ")),
            Cell::text(came.chain(left).collect::<Vec<_>>().join(", ")),
            Cell::count(step.n_epochs),
            Cell::number(seconds(step.seconds), step.seconds),
            moved,
            kept,
            step.judgement
                .as_ref()
                .map_or_else(|| Cell::text("not judged"), |j| Cell::verdict(j.difference.verdict)),
        ]
    });
    page.table(HtmlTable {
        caption: "What each step brought, cost and did to old vectors (1 \u{2212} cosine; of 10 neighbours)"
            .to_owned(),
        head: vec!["step", "from", "columns", "epochs", "time", "drift", "neighbours kept", "verdict"],
        rows: rows.collect(),
    });
}

fn step_details(page: &mut Page, id: &str, number: usize, step: &StepReport) {
    page.details(&format!("Step {number}: {} ({}), {}", step.operation, step.mode, &step.date), |page| {
        // Browsers open what holds the place that a link leads to.
        page.place(id);
        page.paragraph(step.sentence());
        let facts = [
            ("Columns that came", &step.columns_added),
            ("Columns that left", &step.columns_removed),
            ("Columns without values since", &step.columns_retired),
        ];
        for (what, names) in facts.into_iter().filter(|(_, names)| !names.is_empty()) {
            page.paragraph(format!("{what}: {}.", names.join(", ")));
        }
        if let Some(judgement) = &step.judgement {
            page.paragraph(format!("The verdict rests on {}.", judgement.evidence.explanation()));
            page.table(effects("What each new column does to predictions", &judgement.new_columns));
        }
    });
}

/// What each of some columns does to predictions.
pub(super) fn effects(caption: &str, columns: &[ColumnEffect]) -> HtmlTable {
    let rows = columns.iter().map(|effect| {
        let d = &effect.hiding;
        // Hiding is told as a gain; what the column brings is its opposite.
        vec![
            Cell::text(&effect.column),
            Cell::interval(-d.difference, [-d.high, -d.low], |v| signed(v, 4)),
            Cell::text(if effect.hurts() { "hurts" } else { "does not hurt" }),
        ]
    });
    HtmlTable {
        caption: caption.to_owned(),
        head: vec!["column", "brings [95 %]", "verdict"],
        rows: rows.collect(),
    }
}
