//! The sections of two models, before and after.

use super::html::{Cell, HtmlTable, Page};
use super::{model, scores, steps};
use crate::compare::Comparison;
use crate::draw::{Caption, Interval, intervals};
use crate::metric::Score;
use crate::report::words::{
    axis, counted, difference_words, fixed, grouped, p_value, percent, seconds, signed,
};
use crate::report::{ModelReport, Pair};

pub(super) fn sections(page: &mut Page, pair: &Pair, a: &ModelReport, b: &ModelReport) {
    if let Some(found) = &pair.comparison {
        page.section("verdict", "Which one is better", |page| verdict(page, found));
    }
    page.section("difference", "What changed", |page| changed(page, pair, a, b));
    for (model, prefix, which) in [(a, "first-", "Before"), (b, "second-", "After")] {
        page.section(&format!("{prefix}model"), &format!("{which}: {}", model.card.name), |page| {
            model::what(page, model);
            if !model.card.scores.is_empty() {
                page.details("Scores that the file remembers of its fit", |page| {
                    let id = format!("{prefix}recorded-plot");
                    scores::scores(page, &id, "Scores on rows held out of its fit", &model.card.scores);
                });
            }
        });
    }
    // What the second is made of tells of both: it holds the first one's steps.
    model::records(page, b, "after-", None);
}

fn verdict(page: &mut Page, found: &Comparison) {
    let d = &found.difference;
    page.paragraph(format!(
        "Both were scored on the same {} that neither has learned from, by {}. The difference is paired, which is sharper \
         than two intervals side by side.",
        counted(d.n, "row"),
        d.metric.words()
    ));
    let of = |scores: &[Score]| scores.iter().find(|s| s.metric == d.metric).copied();
    let drawn: Vec<Interval<'_>> = [&found.a, &found.b]
        .into_iter()
        .filter_map(|side| {
            let s = of(&side.scores)?;
            Some(Interval { label: &side.name, value: s.value, low: s.low, high: s.high })
        })
        .collect();
    let caption = Caption {
        id: "verdict-plot",
        title: "Score of both",
        description: "A dot per model with its 95 % interval; the table has the numbers.",
    };
    let rows = found.b.scores.iter().map(|second| {
        let first = found.a.scores.iter().find(|s| s.metric == second.metric);
        vec![
            Cell::text(second.metric.words()),
            first.map_or_else(Cell::nothing, |s| Cell::interval(s.value, [s.low, s.high], |v| fixed(v, 3))),
            Cell::interval(second.value, [second.low, second.high], |v| fixed(v, 3)),
        ]
    });
    let table = HtmlTable {
        caption: format!("Scores of {} (before) and {} (after)", found.a.name, found.b.name),
        head: vec!["metric", "before [95 %]", "after [95 %]"],
        rows: rows.collect(),
    };
    page.beside(|page| {
        let words = format!("{}, p {}.", difference_words(d), p_value(d.p_value));
        page.figure(&intervals(caption, &axis(d.metric), &drawn), &words, None);
        page.table(table);
    });
    page.table(HtmlTable {
        caption: "The paired difference, in favour of the second".to_owned(),
        head: vec!["metric", "difference [95 %]", "p", "rows", "verdict"],
        rows: vec![vec![
            Cell::text(d.metric.words()),
            Cell::interval(d.difference, [d.low, d.high], |v| signed(v, 4)),
            Cell::number(p_value(d.p_value), d.p_value),
            Cell::count(d.n),
            Cell::verdict(d.verdict),
        ]],
    });
    if let Some(note) = d.note() {
        page.paragraph(note);
    }
    let Some(spaces) = &found.spaces else { return };
    page.paragraph(format!("Judged on {}.", spaces.explanation));
    if !spaces.new_columns.is_empty() {
        page.table(steps::effects("What each column that came does to the predictions", &spaces.new_columns));
    }
}

fn changed(page: &mut Page, pair: &Pair, a: &ModelReport, b: &ModelReport) {
    let row = |what: &str, of: &dyn Fn(&ModelReport) -> Cell| vec![Cell::text(what), of(a), of(b)];
    let mut rows = vec![
        row("columns", &|m| Cell::count(m.card.data.n_columns.used)),
        row("coordinates of a vector", &|m| Cell::count(m.card.training.d_model)),
        row("weights of the space", &|m| Cell::count(m.card.training.n_weights)),
        row("epochs of its last training", &|m| Cell::count(m.card.training.n_epochs)),
        row("time of its last training", &|m| {
            Cell::number(seconds(m.card.training.seconds), m.card.training.seconds)
        }),
        row("validation loss of columns that were there before", &|m| {
            Cell::optional(m.card.training.validation_loss, |v| fixed(v, 4))
        }),
    ];
    if let Some(spaces) = pair.comparison.as_ref().and_then(|found| found.spaces.as_ref()) {
        let loss = |loss: Option<f64>| Cell::optional(loss, |v| fixed(v, 4));
        rows.push(vec![
            Cell::text(format!(
                "loss of the {} on these rows",
                counted(spaces.n_common_columns, "common column")
            )),
            loss(spaces.common_loss_a),
            loss(spaces.common_loss_b),
        ]);
        let size = |bytes: usize| Cell::number(format!("{} MB", fixed(bytes as f64 / 1e6, 1)), bytes as f64);
        rows.push(vec![
            Cell::text("size of the file"),
            size(spaces.cost_a.file_bytes),
            size(spaces.cost_b.file_bytes),
        ]);
    }
    page.table(HtmlTable {
        caption: format!("{} (before) and {} (after)", a.card.name, b.card.name),
        head: vec!["what", "before", "after"],
        rows,
    });
    let drift = pair.comparison.as_ref().and_then(|found| found.spaces.as_ref());
    if let Some(spaces) = drift {
        let moved = match (&spaces.drift, pair.keeps_vectors) {
            (_, true) => "Old coordinates keep every bit".to_owned(),
            (Some(drift), _) => format!(
                "Old coordinates moved by a cosine distance of {} on average, at most {}",
                fixed(drift.mean_cosine_distance, 4),
                fixed(drift.max_cosine_distance, 4)
            ),
            (None, _) => "The coordinates of the two are not comparable".to_owned(),
        };
        page.paragraph(format!(
            "{moved}. Of a row's ten nearest neighbours {} are the same, on {}.",
            percent(spaces.neighbour_overlap_at_10, 0),
            counted(pair.comparison.as_ref().map_or(0, |found| found.n_rows), "row")
        ));
    }
    for (what, names) in
        [("Columns that came", &pair.columns_added), ("Columns that left", &pair.columns_removed)]
    {
        if !names.is_empty() {
            page.paragraph(format!("{what} ({}): {}.", grouped(names.len()), names.join(", ")));
        }
    }
}
