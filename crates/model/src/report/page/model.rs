//! The sections of one model.

use super::html::{Cell, HtmlTable, Page};
use super::scores;
use crate::compare::ColumnEffect;
use crate::draw::{Caption, Curve, Dot, Interval, Mark, curves, intervals, scatter, shorten};
use crate::metric::Drift;
use crate::report::words::{
    counted, difference_words, fixed, grouped, percent, seconds, signed, significant,
};
use crate::report::{
    Distributions, EpochLoss, ModelReport, Picture, SampledTable, StepReport, Values, Worth,
};

/// Columns of a drawing; the table beside it has all.
const MOST_DRAWN: usize = 15;
/// Versions from which on a lineage is no drawing but a table.
const MOST_BOXES: usize = 200;
/// Levels of a category that a table names, and characters of a name there.
const LEVELS_NAMED: usize = 3;
const LEVEL: usize = 24;
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
            if model.card.task.is_some() {
                page.paragraph(format!(
                    "Rows as the first network of {} sees them: its copy of the space was tuned to the target, so \
                     that rows lie by what it predicts of them. Rows that it learned from are among them; trees and \
                     the linear model have no part in it.",
                    found.name
                ));
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

fn lineage(page: &mut Page, prefix: &str, model: &ModelReport) {
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

fn columns(page: &mut Page, model: &ModelReport, table: Option<&SampledTable>) {
    let data = &model.card.data;
    let n = &data.n_columns;
    let kinds = [
        (n.numeric, "numeric"),
        (n.categorical, "categorical"),
        (n.boolean, "boolean"),
        (n.timestamp, "of time"),
        (n.text, "of text"),
    ];
    let kinds: Vec<String> =
        kinds.iter().filter(|(n, _)| *n > 0).map(|(n, kind)| format!("{n} {kind}")).collect();
    page.paragraph(format!(
        "{} used ({}), {} left out.",
        match n.used {
            1 => "1 column is".to_owned(),
            n => format!("{} columns are", grouped(n)),
        },
        kinds.join(", "),
        grouped(n.left_out)
    ));
    if data.left_out.is_empty() {
        page.paragraph("No column was left out.");
    } else {
        page.heading("Left out");
        let rows = data.left_out.iter().map(|column| {
            let how = serde_json::to_value(column.exclusion).ok();
            let how = how.as_ref().and_then(|how| how.as_str()).unwrap_or_default().replace('_', " ");
            vec![Cell::text(&column.name), Cell::text(how), Cell::prose(&column.reason)]
        });
        page.table(HtmlTable {
            caption: "Columns that are left out, and why".to_owned(),
            head: vec!["column", "how", "why"],
            rows: rows.collect(),
        });
    }
    page.heading("Used");
    let loss =
        |name: &str| model.column_losses.iter().find(|(column, _)| column == name).map(|(_, loss)| *loss);
    let rows = data.columns.iter().map(|column| {
        vec![
            Cell::text(&column.name),
            Cell::text(column.kind.word()),
            Cell::optional(loss(&column.name), |v| fixed(v, 3)),
            Cell::prose(&column.reason),
        ]
    });
    page.table(HtmlTable {
        caption: "Columns that are used; loss: how well the others tell it (1: not at all)".to_owned(),
        head: vec!["column", "kind", "loss", "why"],
        rows: rows.collect(),
    });
    let Some(table) = table else { return };
    if !table.unused.is_empty() {
        page.heading("In the table that was given, and not used");
        let rows = table.unused.iter().map(|(name, reason)| vec![Cell::text(name), Cell::prose(reason)]);
        page.table(HtmlTable {
            caption: "Columns of the given table that are not used, and why".to_owned(),
            head: vec!["column", "why"],
            rows: rows.collect(),
        });
    }
    if !table.missing.is_empty() {
        page.heading("Asked for, and not in the table");
        page.list(&table.missing);
    }
}

/// The most frequent levels by name.
fn levels_words(n_levels: usize, most: &[(String, usize)], n_present: usize) -> String {
    let level = |(level, n): &(String, usize)| {
        format!("{} {}", shorten(level, LEVEL), percent(*n as f64 / n_present.max(1) as f64, 0))
    };
    let named: Vec<String> = most.iter().take(LEVELS_NAMED).map(level).collect();
    match n_levels.saturating_sub(LEVELS_NAMED) {
        0 => named.join(", "),
        more => format!("{}; {more} more", named.join(", ")),
    }
}

fn distributions(page: &mut Page, found: &Distributions) {
    let rows = found.columns.iter().map(|column| {
        let n_present = found.n_rows - column.n_missing;
        let nothing = || [Cell::nothing(), Cell::nothing(), Cell::nothing()];
        let (values, [least, median, greatest]) = match &column.values {
            Values::Numbers { low, median, high, counts } => {
                let ends = [low, median, high].map(|x| Cell::number(significant(*x), *x));
                (Cell::bars(counts, ""), ends)
            }
            Values::Times { low, median, high, counts } => {
                (Cell::bars(counts, ""), [low, median, high].map(Cell::date))
            }
            Values::Levels { n_levels, most } => {
                let counts: Vec<usize> = most.iter().map(|(_, n)| *n).collect();
                (Cell::bars(&counts, &levels_words(*n_levels, most, n_present)), nothing())
            }
            Values::Texts { n_distinct } => {
                (Cell::prose(format!("{} texts", grouped(*n_distinct))), nothing())
            }
            Values::Nothing {} => (Cell::prose("no value at all"), nothing()),
        };
        let share = column.n_missing as f64 / found.n_rows.max(1) as f64;
        let missing = Cell::number(percent(share, 1), share);
        vec![
            Cell::text(&column.column),
            values,
            missing,
            least,
            median,
            greatest,
            Cell::text(column.kind.word()),
        ]
    });
    page.table(HtmlTable {
        caption: format!(
            "Values in {} of the table; bars: rows by value, the outermost ones with the tails, or the most frequent levels",
            counted(found.n_rows, "row")
        ),
        head: vec!["column", "values", "missing", "least", "median", "greatest", "kind"],
        rows: rows.collect(),
    });
    page.heading("Columns that go together");
    if found.associations.is_empty() {
        page.paragraph("None do, as far as groups of their values tell.");
        return;
    }
    let rows = found.associations.iter().map(|pair| {
        let [a, b] = &pair.columns;
        vec![Cell::text(format!("{a} and {b}")), Cell::fixed(pair.value, 2), Cell::count(pair.n)]
    });
    page.table(HtmlTable {
        caption: "The closest pairs: Cram\u{e9}r's V of groups of their values, 0 (chance) to 1 (one tells the other)"
            .to_owned(),
        head: vec!["columns", "V", "rows"],
        rows: rows.collect(),
    });
}

fn training(page: &mut Page, prefix: &str, model: &ModelReport) {
    let card = &model.card.training;
    let Some(best) = card.best_epoch else {
        page.paragraph("Nothing was trained in the last step: its weights are those of its parents.");
        return;
    };
    for sentence in training_words(model, best) {
        page.paragraph(sentence);
    }
    let words = format!(
        "Losses of the last training, {} in {}. 1 is a uniform guess of a hidden cell; lower is better.",
        counted(card.n_epochs, "epoch"),
        seconds(card.seconds)
    );
    losses(page, &format!("{prefix}training-plot"), "Losses", &words, &model.epochs);
}

/// How the training ended and which epoch was kept, in words.
fn training_words(model: &ModelReport, best: usize) -> Vec<String> {
    let card = &model.card.training;
    let loss = |epoch: usize| model.epochs.iter().find(|e| e.epoch == epoch).and_then(|e| e.validation_loss);
    let mut said = vec![kept_words(best, card.n_epochs, [loss(best), loss(card.n_epochs)])];
    said.push(
        match card.stop_reason {
            Some("no_improvement") => "It ended because the validation loss no longer fell.",
            Some("interrupted") => "It was stopped early: these are the best weights until then.",
            _ => "All planned epochs were run.",
        }
        .to_owned(),
    );
    let of_old =
        card.validation_loss.map(|loss| format!("{} for columns that were there before", fixed(loss, 4)));
    let of_new =
        card.new_columns_validation_loss.map(|loss| format!("{} for those that came", fixed(loss, 4)));
    let losses: Vec<String> = of_old.into_iter().chain(of_new).collect();
    if !losses.is_empty() {
        said.push(format!("Validation loss of the kept weights: {}.", losses.join(", ")));
    }
    said
}

/// Which epoch was kept, and why not the last one; with the validation losses of both.
pub(super) fn kept_words(best: usize, n_epochs: usize, [kept, last]: [Option<f64>; 2]) -> String {
    match (kept, last) {
        (Some(kept), Some(last)) if best < n_epochs => format!(
            "The weights of epoch {best} of {n_epochs} were kept: no later epoch had a lower validation loss ({} then, \
             {} at the end).",
            fixed(kept, 4),
            fixed(last, 4)
        ),
        _ if best < n_epochs => format!("The weights of epoch {best} of {n_epochs} were kept."),
        _ => format!("The weights of the last of {} were kept.", counted(n_epochs, "epoch")),
    }
}

/// Losses by epoch, as a drawing with the figures beside it; where a phase begins and what was kept is marked.
pub(super) fn losses(page: &mut Page, id: &str, title: &str, words: &str, epochs: &[EpochLoss]) {
    let lines = [
        Curve {
            label: "training",
            colour: 1,
            dashed: true,
            points: epochs.iter().map(|e| (e.epoch as f64, e.train_loss)).collect(),
        },
        Curve {
            label: "validation",
            colour: 0,
            dashed: false,
            points: epochs.iter().filter_map(|e| Some((e.epoch as f64, e.validation_loss?))).collect(),
        },
    ];
    let mut marks: Vec<Mark<'_>> = epochs
        .windows(2)
        .filter(|pair| pair[0].phase != pair[1].phase)
        .map(|pair| Mark { x: pair[1].epoch as f64, label: &pair[1].phase })
        .collect();
    marks.extend(epochs.iter().filter(|e| e.is_kept).map(|e| Mark { x: e.epoch as f64, label: "kept" }));
    let caption = Caption {
        id,
        title,
        description: "Training and validation loss of each epoch; a mark where weights were kept.",
    };
    let rows = epochs.iter().map(|e| {
        vec![
            Cell::count(e.epoch),
            Cell::text(&e.phase),
            Cell::fixed(e.train_loss, 4),
            Cell::optional(e.validation_loss, |v| fixed(v, 4)),
            Cell::text(if e.is_kept { "kept" } else { "" }),
        ]
    });
    let table = HtmlTable {
        caption: format!("{title}, epoch by epoch"),
        head: vec!["epoch", "phase", "training loss", "validation loss", "weights"],
        rows: rows.collect(),
    };
    page.figure(&curves(caption, ("epoch", "loss, 1 = uniform guess"), &lines, &marks), words, Some(table));
}

/// Rows by their vectors.
pub(super) fn map(page: &mut Page, prefix: &str, found: &Picture) {
    let dots: Vec<Dot> =
        found.points.iter().map(|p| Dot { x: p.x, y: p.y, group_idx: p.group_idx }).collect();
    let caption = Caption {
        id: &format!("{prefix}map-plot"),
        title: "Map of the rows",
        description: "Each dot is a row, placed by the two directions in which the vectors differ most.",
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
    let words = format!(
        "{}{colours}. The two axes hold {} and {} of the variance of the vectors.",
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
