//! The sections of searches for features.

use super::html::{Cell, HtmlTable, Page};
use crate::discover::remember::history::FeatureVerdict;
use crate::discover::remember::standing::{Record, Standing};
use crate::metric::metric_words;
use crate::report::words::{counted, grouped, p_value, percent, seconds, signed};
use crate::report::{FeatureSearch, FoundFeature, Searches};

/// Runs that a page shows, the newest ones.
const MOST_RUNS: usize = 20;

pub(super) fn sections(page: &mut Page, found: &Searches) {
    if !found.standings.is_empty() {
        page.section("standings", "Over all runs", |page| standings(page, &found.standings));
    }
    for (i, run) in found.runs.iter().take(MOST_RUNS).enumerate() {
        let title = match i {
            0 => "The newest search".to_owned(),
            _ => format!("A search before, {}", run.date),
        };
        page.section(&format!("run-{i}"), &title, |page| search(page, run));
    }
    if found.runs.len() > MOST_RUNS {
        let older = found.runs.len() - MOST_RUNS;
        page.paragraph(format!("{} before these: the JSON form has them.", counted(older, "search")));
    }
    if !found.listed.is_empty() {
        page.section("listed", "Features of a list", |page| {
            page.paragraph("Nothing is known of them but how they are made.");
            let rows = found.listed.iter().map(|feature| {
                vec![Cell::text(&feature.name), Cell::code(&feature.formula), Cell::prose(&feature.reason)]
            });
            page.table(HtmlTable {
                caption: "Features".to_owned(),
                head: vec!["feature", "made by", "why"],
                rows: rows.collect(),
            });
        });
    }
}

/// What one search tried and found.
pub(super) fn search(page: &mut Page, run: &FeatureSearch) {
    let took = run.seconds.map(|s| format!(" in {}", seconds(s))).unwrap_or_default();
    let target = if run.target.is_empty() { String::new() } else { format!(" for {}", run.target) };
    page.paragraph(format!(
        "{} were tried{target}{took}; {} of the best {} were judged by {} on {} other rows. Suggested are the best few \
         that were not seen to hurt, so that they can be tried: nothing is claimed about them. Recommended are only \
         those that proved themselves on those other rows.",
        counted(run.n_candidates, "candidate"),
        run.features.iter().filter(|f| f.judgement.is_some()).count(),
        grouped(run.features.len()),
        metric_words(&run.metric),
        grouped(run.n_judging_rows)
    ));
    let of = |wanted: &dyn Fn(&FoundFeature) -> bool| -> Vec<&FoundFeature> {
        run.features.iter().filter(|f| wanted(f)).collect()
    };
    let recommended = of(&|f| f.is_recommended);
    let suggested = of(&|f| f.is_suggested);
    let others = of(&|f| !f.is_suggested && !f.is_recommended);
    page.heading(&format!("Recommended: {}", recommended.len()));
    match recommended.is_empty() {
        true => page.paragraph("No feature was proven on this table."),
        false => features(page, "Recommended features: proven on other rows", &recommended),
    }
    page.heading(&format!("Suggested: {}", suggested.len()));
    if !suggested.is_empty() {
        features(page, "Suggested features: worth trying", &suggested);
    }
    if !others.is_empty() {
        let summary = format!("{} more are neither suggested nor recommended", others.len());
        page.details(&summary, |page| {
            features(page, "Features of the search, neither suggested nor recommended", &others);
        });
    }
}

fn features(page: &mut Page, caption: &str, features: &[&FoundFeature]) {
    let rows = features.iter().map(|f| {
        let mut cells = vec![Cell::text(&f.name), Cell::code(&f.formula)];
        cells.extend(match &f.judgement {
            Some(j) => [
                Cell::interval(j.effect, j.interval, |v| signed(v, 4)),
                Cell::number(p_value(j.p_adjusted), j.p_adjusted),
                verdict(j.verdict),
            ],
            None => [Cell::nothing(), Cell::nothing(), Cell::text("not judged")],
        });
        cells.push(Cell::prose(&f.reason));
        cells
    });
    page.table(HtmlTable {
        caption: caption.to_owned(),
        head: vec!["feature", "formula", "effect [95 %]", "p, corrected", "verdict", "why it was tried"],
        rows: rows.collect(),
    });
}

fn verdict(verdict: FeatureVerdict) -> Cell {
    let class = match verdict {
        FeatureVerdict::Proven => "better",
        FeatureVerdict::Harmful => "worse",
        _ => "same",
    };
    Cell::word(class, verdict.word())
}

fn standings(page: &mut Page, standings: &[Standing]) {
    page.paragraph(
        "What each feature was worth in all runs together. Recommended is what some run has proven, none has found \
         harmful, and whose pooled interval lies above 0.",
    );
    let rows = standings.iter().map(|s| {
        let class = match s.record {
            Record::Proven => "better",
            Record::Harmful => "worse",
            _ => "same",
        };
        vec![
            Cell::text(&s.name),
            Cell::text(format!("{} of {}", metric_words(&s.metric), s.target)),
            Cell::interval(s.effect_points, s.interval_points, |v| signed(v, 4)),
            Cell::optional(s.effect_percent, |v| percent(v / 100.0, 2)),
            Cell::word(class, s.record.word()),
            Cell::count(s.verdicts.len()),
            Cell::text(if s.recommended { "yes" } else { "no" }),
            Cell::code(s.definition.to_string()),
        ]
    });
    page.table(HtmlTable {
        caption: "Features over all runs".to_owned(),
        head: vec![
            "feature",
            "metric",
            "effect [95 %]",
            "of the baseline",
            "record",
            "runs",
            "recommended",
            "made by",
        ],
        rows: rows.collect(),
    });
}
