//! The sections of one model.

use super::columns::{columns, distributions};
use super::html::{Cell, HtmlTable, Page};
use super::losses::training;
use super::scores;
use super::steps::lineage;
use crate::draw::{Caption, Dot, Interval, intervals, scatter};
use crate::report::words::{counted, fixed, grouped, percent, seconds, signed};
use crate::report::{ModelReport, Picture, PictureBy, SampledTable, Worth};

/// Columns of a drawing; the table beside it has all.
const MOST_DRAWN: usize = 15;
/// Digits of an id that are shown.
const SHORT: usize = 12;

/// All of them, what people ask first before what they look up; `prefix` makes their ids those of this model where a
/// page has two.
pub(super) fn sections(page: &mut Page, model: &ModelReport, prefix: &str, table: Option<&SampledTable>) {
    let id = |name: &str| format!("{prefix}{name}");
    if model.card.task.is_some() {
        page.section(&id("scores"), "How good it is", |page| predictions(page, prefix, model));
    }
    if let Some(found) = &model.worth {
        page.section(&id("worth"), "What each column is worth", |page| worth(page, prefix, found));
    }
    page.section(&id("what"), "What it is", |page| what(page, model));
    records(page, model, prefix, table);
}

/// The sections that tell how a model came about.
pub(super) fn records(page: &mut Page, model: &ModelReport, prefix: &str, table: Option<&SampledTable>) {
    let id = |name: &str| format!("{prefix}{name}");
    page.section(&id("lineage"), "Where it comes from", |page| lineage(page, prefix, model));
    page.section(&id("columns"), "Columns", |page| columns(page, model, table));
    if let Some(found) = &model.distributions {
        page.section(&id("values"), "How values lie", |page| distributions(page, found));
    }
    let of = if model.card.task.is_some() { "Training of its space" } else { "Training" };
    page.section(&id("training"), of, |page| training(page, prefix, model));
    if let Some(found) = &model.map {
        page.section(&id("map"), "Map of the rows", |page| {
            match found.by {
                PictureBy::Vectors if model.card.task.is_some() => page.paragraph(format!(
                    "Rows as the first network of {} sees them: its copy of the space was tuned to the target, so \
                     that rows lie by what it predicts of them. Rows that it learned from are among them; trees and \
                     the linear model have no part in it.",
                    found.name
                )),
                PictureBy::Vectors => {}
                PictureBy::Contributions => page.paragraph(format!(
                    "{} has no networks, whose vectors would place rows. They lie by what each column gave to their \
                     prediction: rows that are near each other are predicted alike, for like reasons. Rows that it \
                     learned from are among them.",
                    found.name
                )),
            }
            map(page, prefix, found);
        });
    }
    if !model.card.data.features.is_empty() {
        page.section(&id("features"), "Features that it computes", |page| features(page, model));
    }
    page.section(&id("limits"), "Guardrails and limits", |page| limits(page, model));
}

pub(super) fn what(page: &mut Page, model: &ModelReport) {
    let card = &model.card;
    let short = |id: &str| id.get(..SHORT).unwrap_or(id).to_owned();
    let mut facts = Vec::new();
    if let Some(task) = &card.task {
        facts.push(("predicts", task.target.clone()));
        facts.push(match task.classes.len() {
            0 => ("what that is", "a number".to_owned()),
            n => ("what that is", format!("one of {n} classes")),
        });
        facts.push(("predicts by", task.learners.clone()));
        facts.extend(task.threshold.map(|at| ("threshold", fixed(at, 3))));
        facts.push(("rows learned from", grouped(task.n_rows)));
        facts.push(("fitted in", seconds(task.seconds)));
    }
    facts.push(("columns", grouped(card.data.n_columns.used)));
    facts.push(("coordinates of a vector", grouped(card.training.d_model)));
    facts.push(("rows that trained the space", grouped(card.data.n_rows_train)));
    facts.push(("weights of the space", grouped(card.training.n_weights)));
    facts.push(("made", card.created.chars().take(10).collect()));
    facts.push(("by tabgraft", card.software.clone()));
    facts.push(("id", short(&card.id)));
    facts.extend(
        card.parents.iter().map(|parent| ("comes from", format!("{} ({})", parent.name, short(&parent.id)))),
    );
    page.facts(&facts);
    match model.problems.is_empty() {
        true => page.paragraph(
            "Verified: hashes of columns, codecs, split, features, recipe, lineage and claims were computed again from \
             the content and are those that it gives of itself.",
        ),
        false => {
            page.heading("What does not verify");
            page.list(&model.problems);
        }
    }
}

fn predictions(page: &mut Page, prefix: &str, model: &ModelReport) {
    if let Some(found) = &model.evaluation {
        scores::evaluation(page, prefix, found);
    }
    let recorded = &model.card.scores;
    match (recorded.first(), &model.evaluation) {
        (Some(_), None) => {
            scores::scores(
                page,
                &format!("{prefix}recorded-plot"),
                "Scores that the file remembers, on rows held out of its fit",
                recorded,
            );
            page.paragraph(
                "Calibration, thresholds and which class is taken for which need rows: give a table with the target.",
            );
        }
        (Some(_), Some(_)) => page.details("Scores that the file remembers of its fit", |page| {
            let id = format!("{prefix}recorded-plot");
            scores::scores(page, &id, "Scores on rows held out of its fit", recorded);
        }),
        (None, None) => page.paragraph("It was not scored: no rows were held out, and no table was given."),
        (None, Some(_)) => {
            page.paragraph("The file itself remembers no scores: no rows were held out of its fit.")
        }
    }
}

fn worth(page: &mut Page, prefix: &str, found: &Worth) {
    let drawn: Vec<Interval<'_>> = found
        .columns
        .iter()
        .take(MOST_DRAWN)
        .map(|column| {
            let [low, high] = column.interval.unwrap_or([f64::NAN; 2]);
            Interval { label: &column.column, value: column.value, low, high }
        })
        .collect();
    let rows = found.columns.iter().enumerate().map(|(i, column)| {
        let value = match column.interval {
            Some(interval) => Cell::interval(column.value, interval, |v| fixed(v, 4)),
            None => Cell::fixed(column.value, 4),
        };
        vec![Cell::text(&column.column), value, Cell::count(i + 1)]
    });
    let table = HtmlTable {
        caption: "What each column is worth".to_owned(),
        head: vec!["column", "worth [95 %]", "rank"],
        rows: rows.collect(),
    };
    let caption = Caption {
        id: &format!("{prefix}worth-plot"),
        title: "What each column is worth",
        description: "A dot per column, the greatest first; the table has all.",
    };
    let more = found.columns.len().saturating_sub(MOST_DRAWN);
    let words = format!(
        "Measured on {}: {}.{}",
        counted(found.n_rows, "row"),
        found.explanation,
        if more > 0 {
            format!(" Drawn are the first {MOST_DRAWN}; the table has {more} more.")
        } else {
            String::new()
        }
    );
    page.beside(|page| {
        page.figure(&intervals(caption, "worth; 0: none", &drawn), &words, None);
        page.table(table);
    });
}

/// Rows by their vectors.
pub(super) fn map(page: &mut Page, prefix: &str, found: &Picture) {
    let dots: Vec<Dot> =
        found.points.iter().map(|p| Dot { x: p.x, y: p.y, group_idx: p.group_idx }).collect();
    let caption = Caption {
        id: &format!("{prefix}map-plot"),
        title: "Map of the rows",
        description: match found.by {
            PictureBy::Vectors => {
                "Each dot is a row, placed by the two directions in which the vectors differ most."
            }
            PictureBy::Contributions => {
                "Each dot is a row, placed by the two directions in which what the columns gave to its prediction differs most."
            }
        },
    };
    let rows = found.groups.iter().enumerate().map(|(g, name)| {
        let own: Vec<_> = found.points.iter().filter(|p| p.group_idx == g).collect();
        let mean = |of: &dyn Fn(&crate::report::Point) -> f64| {
            own.iter().map(|p| of(p)).sum::<f64>() / own.len().max(1) as f64
        };
        vec![
            Cell::text(name),
            Cell::count(own.len()),
            Cell::number(signed(mean(&|p| p.x), 3), mean(&|p| p.x)),
            Cell::number(signed(mean(&|p| p.y), 3), mean(&|p| p.y)),
        ]
    });
    let table = HtmlTable {
        caption: "Where the groups lie on average".to_owned(),
        head: vec!["group", "rows", "across", "up"],
        rows: rows.collect(),
    };
    let colours = match found.coloured_by.as_str() {
        "" => String::new(),
        column => format!(", coloured by {column}"),
    };
    let of = match found.by {
        PictureBy::Vectors => "the vectors",
        PictureBy::Contributions => "what the columns gave to the predictions",
    };
    let words = format!(
        "{}{colours}. The two axes hold {} and {} of the variance of {of}.",
        counted(found.points.len(), "row"),
        percent(found.explained[0], 0),
        percent(found.explained[1], 0)
    );
    page.figure(&scatter(caption, &found.groups, &dots), &words, Some(table));
}

fn features(page: &mut Page, model: &ModelReport) {
    page.paragraph(
        "They are made from the columns of a raw table, to the same bits wherever the model goes.",
    );
    let rows = model.card.data.features.iter().map(|feature| {
        vec![Cell::text(&feature.name), Cell::code(&feature.definition), Cell::prose(&feature.reason)]
    });
    page.table(HtmlTable {
        caption: "Features".to_owned(),
        head: vec!["feature", "made by", "why it was tried"],
        rows: rows.collect(),
    });
}

fn limits(page: &mut Page, model: &ModelReport) {
    page.heading("What is told with each table");
    page.list(&model.card.guardrails);
    page.heading("What not to expect");
    page.list(&model.card.limits);
    if !model.card.data.notes.is_empty() {
        page.heading("What was noticed in the data");
        page.list(&model.card.data.notes);
    }
}
