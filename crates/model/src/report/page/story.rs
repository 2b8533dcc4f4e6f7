//! The page of the demo: what the late columns brought and cost first, then everything that it rests on.

use super::features;
use super::framed;
use super::html::{Cell, HtmlTable, Page, verdict_class};
use super::losses::{kept_words, losses};
use super::model::map;
use super::steps::drift_cells;
use crate::draw::{Caption, Interval, Priced, intervals, priced};
use crate::metric::{PairedDifference, Verdict};
use crate::report::tree::lineage;
use crate::report::words::{axis, counted, difference_words, few, fixed, p_value, seconds, signed};
use crate::report::{
    EpochLoss, Extension, FeatureSearch, Planted, PlantedEffect, Story, Version, Way, WayKind,
};

/// Names of columns that a sentence gives.
const MOST_NAMED: usize = 4;
/// Digits of a hash that are shown.
const SHORT: usize = 12;

/// The page.
pub(in crate::report) fn of(story: &Story) -> String {
    let mut page = Page::default();
    if !story.versions.is_empty() {
        page.section("scores", "Score of each version", |page| versions(page, story));
    }
    if !story.extensions.is_empty() {
        page.section("cost", "What a graft costs, and what it reaches", |page| ways(page, story));
        page.section("drift", "What old vectors do", |page| drift(page, story));
    }
    if let Some(found) = &story.discovery {
        page.section("features", "Discovered features", |page| features::search(page, found));
    }
    if let Some(planted) = &story.planted {
        page.section("planted", "Where there is something to find", |page| {
            planted.made.iter().for_each(|paragraph| page.paragraph(paragraph));
            page.paragraph(searched(planted));
            features::search(page, &planted.search);
        });
    }
    if !story.versions.is_empty() {
        page.section("losses", "Losses", |page| trainings(page, story));
    }
    if !story.lineage.is_empty() {
        page.section("lineage", "Lineage", |page| family(page, story));
    }
    if !story.pictures.is_empty() {
        page.section("map", "Map of the rows", |page| {
            page.paragraph("Every map has axes of its own.");
            page.beside(|page| {
                for (i, picture) in story.pictures.iter().enumerate() {
                    map(page, &format!("{i}-"), picture);
                }
            });
        });
    }
    if !story.checks.is_empty() {
        page.section("promises", "Promises, tested on this run", |page| promises(page, story));
    }
    page.section("about", "About this run", |page| about(page, story));
    let (headline, class) = headline(story);
    framed(&story.title, "The demo of tabgraft", class, &headline, &page)
}

/// What each graft brought, cost and is worth beside retraining, a sentence each; the first one colours the page.
fn headline(story: &Story) -> (Vec<String>, &'static str) {
    let mut said = Vec::new();
    let mut class = "plain";
    for extension in &story.extensions {
        let version = story.versions.iter().find(|v| v.name == extension.version);
        let Some(difference) = version.and_then(|v| v.difference) else { continue };
        if said.is_empty() {
            class = verdict_class(difference.verdict);
        }
        said.push(brought(extension, &difference));
        said.extend(beside_retraining(extension));
    }
    said.extend(story.discovery.as_ref().map(on_real_data));
    said.extend(story.planted.as_ref().map(searched));
    said.extend(story.story.iter().cloned());
    (said, class)
}

/// What a search on real data could prove.
fn on_real_data(search: &FeatureSearch) -> String {
    let n = search.features.iter().filter(|feature| feature.is_recommended).count();
    let tried = counted(search.n_candidates, "candidate");
    match n {
        0 => format!(
            "Of {tried} for features in its columns not one could be proven on rows that did not choose it, and none is \
             recommended."
        ),
        n => format!(
            "Of {tried} for features in its columns {n} could be proven on rows that did not choose them."
        ),
    }
}

/// What a search made of planted effects.
fn searched(planted: &Planted) -> String {
    let of = |effect: &PlantedEffect| match effect.found.len() {
        0 => format!("nothing that is proven for {}", effect.what),
        _ => format!("{} for {}", few(&effect.found, MOST_NAMED), effect.what),
    };
    let effects: Vec<String> = planted.effects.iter().map(of).collect();
    let others = match planted.others.len() {
        0 => "nothing else".to_owned(),
        n => format!("{} of other columns", counted(n, "feature")),
    };
    format!(
        "On {}, a made-up table of {} whose truth is known, the search recommends {}, and {others}.",
        planted.table,
        counted(planted.n_rows, "row"),
        effects.join(", ")
    )
}

fn brought(extension: &Extension, d: &PairedDifference) -> String {
    let word = match d.verdict {
        Verdict::Better => "is better than",
        Verdict::NoDifference => "cannot be told from",
        Verdict::Worse => "is worse than",
    };
    let cost = extension.ways.first().map(|way| format!(", grafted in {}", seconds(way.seconds)));
    format!(
        "{} has {} ({}) and {word} {}: {} on {}{}.",
        extension.version,
        counted(extension.new_columns.len(), "more column"),
        few(&extension.new_columns, MOST_NAMED),
        extension.parent,
        difference_words(d),
        counted(d.n, "held-out row"),
        cost.unwrap_or_default()
    )
}

/// The graft beside full retraining, if that was tried.
fn beside_retraining(extension: &Extension) -> Option<String> {
    let graft = extension.ways.first()?;
    let full = extension.ways.iter().find(|way| way.kind == WayKind::FullRetraining)?;
    let d = full.difference.as_ref()?;
    let verdict = match d.verdict {
        Verdict::Better => "reaches more",
        Verdict::NoDifference => "reaches nothing that could be told apart",
        Verdict::Worse => "reaches less",
    };
    Some(format!(
        "Full retraining on the same columns takes {}, {} times as long, and {verdict} ({}).",
        seconds(full.seconds),
        fixed(full.seconds / graft.seconds, 1),
        difference_words(d)
    ))
}

fn versions(page: &mut Page, story: &Story) {
    page.paragraph(
        "Every version is scored on the same held-out rows, which no training and no stopping rule has seen. The verdict \
         comes from the paired difference, which is sharper than two intervals side by side.",
    );
    let scored = story.versions.first().map(|v| v.scores.as_slice()).unwrap_or_default();
    if let Some(first) = scored.first() {
        let drawn: Vec<Interval<'_>> = story
            .versions
            .iter()
            .filter_map(|v| Some((v, v.scores.iter().find(|s| s.metric == first.metric)?)))
            .map(|(v, s)| Interval { label: &v.name, value: s.value, low: s.low, high: s.high })
            .collect();
        let caption = Caption {
            id: "score-plot",
            title: "Score of each version",
            description: "A dot per version with its 95 % interval; the table has the numbers.",
        };
        let words = format!("{} of a predictor on each version.", first.metric.words());
        page.beside(|page| {
            page.figure(&intervals(caption, &axis(first.metric), &drawn), &words, None);
            differences(page, story);
        });
    } else {
        differences(page, story);
    }
    let mut head = vec!["version"];
    head.extend(scored.iter().map(|s| s.metric.words()));
    let rows = story.versions.iter().map(|v| {
        let mut cells = vec![Cell::text(&v.name)];
        cells.extend(scored.iter().map(|first| {
            let found = v.scores.iter().find(|s| s.metric == first.metric);
            found.map_or_else(Cell::nothing, |s| Cell::interval(s.value, [s.low, s.high], |v| fixed(v, 3)))
        }));
        cells
    });
    let n = scored.first().map(|s| format!(", {}", counted(s.n, "row"))).unwrap_or_default();
    page.table(HtmlTable { caption: format!("Scores with 95 % intervals{n}"), head, rows: rows.collect() });
}

fn differences(page: &mut Page, story: &Story) {
    let rows = story.versions.iter().map(|v| {
        let [difference, p, verdict] = difference_cells(v.difference.as_ref());
        vec![
            Cell::text(&v.name),
            Cell::prose(&v.what),
            difference,
            p,
            verdict,
            Cell::count(v.n_columns),
            Cell::count(v.d_model),
            Cell::number(seconds(v.training.seconds), v.training.seconds),
            Cell::number(seconds(v.predictor_seconds), v.predictor_seconds),
        ]
    });
    page.table(HtmlTable {
        caption: "Against the version before, on the same rows; seconds of training".to_owned(),
        head: vec![
            "version",
            "what is new",
            "difference",
            "p",
            "verdict",
            "columns",
            "coordinates",
            "space",
            "predictor",
        ],
        rows: rows.collect(),
    });
}

fn difference_cells(d: Option<&PairedDifference>) -> [Cell; 3] {
    match d {
        None => [Cell::nothing(), Cell::nothing(), Cell::nothing()],
        Some(d) => [
            Cell::interval(d.difference, [d.low, d.high], |v| signed(v, 3)),
            Cell::number(p_value(d.p_value), d.p_value),
            Cell::verdict(d.verdict),
        ],
    }
}

fn ways(page: &mut Page, story: &Story) {
    page.paragraph(
        "Each graft beside other ways to a space with the same columns. Seconds are those of the space alone; every way has \
         a predictor of the same kind on top, scored on the same rows. A space trained from scratch for as few epochs as \
         the graft is the baseline that a graft has to beat.",
    );
    for (i, extension) in story.extensions.iter().enumerate() {
        page.heading(&format!(
            "{}: {} with {} ({})",
            extension.version,
            extension.parent,
            counted(extension.new_columns.len(), "more column"),
            few(&extension.new_columns, MOST_NAMED)
        ));
        page.beside(|page| {
            if let Some(first) = extension.ways.first() {
                let drawn: Vec<Priced<'_>> = extension.ways.iter().map(priced_way).collect();
                let caption = Caption {
                    id: &format!("cost-plot-{i}"),
                    title: &format!("Ways to the columns of {}", extension.version),
                    description: "A dot per way: seconds across, score with its 95 % interval up; the table has the numbers.",
                };
                let metric = first.score.metric.words();
                let words = "Time against score: up is better, left is cheaper.";
                page.figure(&priced(caption, ("seconds of training the space", metric), &drawn), words, None);
            }
            way_table(page, extension);
        });
    }
}

fn priced_way(way: &Way) -> Priced<'_> {
    Priced {
        label: way.kind.label(),
        cost: way.seconds,
        value: way.score.value,
        low: way.score.low,
        high: way.score.high,
    }
}

fn way_table(page: &mut Page, extension: &Extension) {
    let first = extension.ways.first().map_or(f64::NAN, |way| way.seconds);
    let rows = extension.ways.iter().map(|way| {
        let ratio = way.seconds / first;
        let [difference, _, verdict] = difference_cells(way.difference.as_ref());
        vec![
            Cell::text(way.kind.label()),
            Cell::count(way.n_epochs),
            Cell::number(seconds(way.seconds), way.seconds),
            match ratio.is_finite() {
                true => Cell::number(format!("{}\u{d7}", fixed(ratio, 1)), ratio),
                false => Cell::nothing(),
            },
            Cell::interval(way.score.value, [way.score.low, way.score.high], |v| fixed(v, 3)),
            difference,
            verdict,
        ]
    });
    page.table(HtmlTable {
        caption: format!(
            "Ways to the columns of {}; differences are against the first way",
            extension.version
        ),
        head: vec!["way", "epochs", "time", "first = 1", "score", "difference", "verdict"],
        rows: rows.collect(),
    });
}

fn drift(page: &mut Page, story: &Story) {
    page.paragraph(
        "How far the vectors of old rows moved: 1 \u{2212} cosine on the coordinates that parent and child share, and how many \
         of a row's ten nearest neighbours stay. A frozen graft leaves the parent's coordinates as they are and adds its \
         own behind them, so that distances are zero, while neighbours may change by what the new columns say.",
    );
    let ways = story.extensions.iter().flat_map(|e| e.ways.iter().map(move |way| (e, way)));
    let rows = ways.filter_map(|(extension, way)| {
        let drift = way.drift.as_ref()?;
        let [moved, kept] = drift_cells(Some(drift));
        Some(vec![
            Cell::text(&extension.version),
            Cell::text(way.kind.label()),
            moved,
            Cell::fixed(drift.max_cosine_distance, 4),
            kept,
            Cell::count(drift.n_rows),
        ])
    });
    page.table(HtmlTable {
        caption: "Drift of old rows against the parent".to_owned(),
        head: vec!["version", "way", "mean distance", "largest distance", "neighbours kept", "rows"],
        rows: rows.collect(),
    });
}

fn trainings(page: &mut Page, story: &Story) {
    page.paragraph(
        "Cross-entropy of guessing hidden cells, divided by that of a uniform guess, per epoch. Both are means over columns \
         in which a graft's new columns count more.",
    );
    page.beside(|page| {
        for (i, version) in story.versions.iter().enumerate() {
            let training = &version.training;
            let epochs = EpochLoss::all(training);
            let loss =
                |epoch: usize| epochs.iter().find(|e| e.epoch == epoch).and_then(|e| e.validation_loss);
            let n = epochs.len();
            let kept = match n {
                0 => "Nothing was trained.".to_owned(),
                _ => kept_words(training.best_epoch, n, [loss(training.best_epoch), loss(n)]),
            };
            let words = format!("{}: {}. {kept}", version.name, seconds(training.seconds));
            losses(page, &format!("loss-plot-{i}"), &format!("Losses of {}", version.name), &words, &epochs);
        }
    });
    let rows = story.versions.iter().map(|v: &Version| {
        let training = &v.training;
        vec![
            Cell::text(&v.name),
            Cell::optional(training.final_validation_loss, |v| fixed(v, 4)),
            Cell::optional(training.new_columns_validation_loss, |v| fixed(v, 4)),
            Cell::number(
                format!("{} of {}", training.best_epoch, training.epochs.len()),
                training.best_epoch as f64,
            ),
            Cell::number(fixed(training.rows_per_second, 0), training.rows_per_second),
        ]
    });
    page.table(HtmlTable {
        caption: "Validation loss of the kept weights".to_owned(),
        head: vec![
            "version",
            "columns that were there before",
            "columns that came",
            "kept epoch",
            "rows per second",
        ],
        rows: rows.collect(),
    });
}

fn family(page: &mut Page, story: &Story) {
    page.paragraph("Parents are known by the hash of their weights, not by their names.");
    let caption = Caption {
        id: "lineage-plot",
        title: "Lineage",
        description: "Every space below the one that it was grafted on.",
    };
    page.figure(&lineage(caption, &story.lineage), "Every space below the one that it was grafted on.", None);
    let short = |hash: &str| hash.get(..SHORT).unwrap_or(hash).to_owned();
    let rows = story.lineage.iter().map(|node| {
        vec![
            Cell::text(&node.name),
            Cell::text(node.mode.map_or("first training", crate::space::Mode::name)),
            Cell::text(node.columns_added.join(", ")),
            Cell::code(short(&node.weights)),
            node.parent_weights.as_deref().map_or_else(Cell::nothing, |hash| Cell::code(short(hash))),
        ]
    });
    page.table(HtmlTable {
        caption: "Every space and its parent".to_owned(),
        head: vec!["space", "mode", "columns added", "weights", "parent's weights"],
        rows: rows.collect(),
    });
}

fn promises(page: &mut Page, story: &Story) {
    let rows = story.checks.iter().map(|check| {
        let (class, word) = if check.holds { ("better", "holds") } else { ("worse", "broken") };
        vec![Cell::text(&check.promise), Cell::word(class, word), Cell::text(&check.found)]
    });
    page.table(HtmlTable {
        caption: "Each was tried on the models of this run".to_owned(),
        head: vec!["promise", "verdict", "what was found"],
        rows: rows.collect(),
    });
}

fn about(page: &mut Page, story: &Story) {
    let facts: Vec<(&str, String)> =
        story.facts.iter().map(|fact| (fact.label.as_str(), fact.value.clone())).collect();
    page.facts(&facts);
    for credit in &story.credits {
        page.paragraph(format!("{}. {}. Licence: {}.", credit.name, credit.source, credit.licence));
    }
}
