//! A report as one HTML page: frame, style and script; sections of a model, of a pair, of a folder, of a search.

mod columns;
mod family;
mod features;
mod html;
mod losses;
mod model;
mod pair;
mod scores;
mod steps;
pub(super) mod story;

use std::fmt::Write;

use super::words::{counted, grouped};
use super::{Report, ReportKind};
use html::{Cell, HtmlTable, Page, text};

pub use html::{breaking, prose};

const STYLE: &str = include_str!("style.css");
/// Sorts and filters tables. The page is whole without it.
const SCRIPT: &str = include_str!("script.js");
/// What a browser may do with a page: show it with its own style, and nothing from elsewhere.
const POLICY: &str = include_str!("policy.txt").trim_ascii();
/// SHA-256 of the script: the only one that a browser may run here. A test holds it against the script.
const SCRIPT_HASH: &str = "sha256-9Moo/YmrlPNM2bLQzZeGDWlg2rMOwbmLe5i7gF+CAos=";

/// The page of a report.
pub(super) fn of(report: &Report) -> String {
    let mut page = Page::default();
    match (&report.pair, &report.models[..]) {
        (Some(found), [a, b]) => pair::sections(&mut page, found, a, b),
        (_, [only]) => model::sections(&mut page, only, "", report.table.as_ref()),
        _ => {}
    }
    if let Some(family) = &report.family {
        family::sections(&mut page, family);
    }
    if let Some(found) = &report.searches {
        features::sections(&mut page, found);
    }
    page.section("about", "About this page", |page| about(page, report));
    let verdict = report.pair.as_ref().and_then(|pair| pair.comparison.as_ref());
    let class = match verdict {
        _ if report.has_problems => "worse",
        Some(found) => html::verdict_class(found.difference.verdict),
        None => "plain",
    };
    let what = match report.kind {
        ReportKind::EmbeddingSpace => "Embedding space",
        ReportKind::Predictor => "Predictor",
        ReportKind::Pair => "Before and after",
        ReportKind::Family => "Models of a folder",
        ReportKind::Features => "Discovered features",
    };
    framed(&report.title, what, class, &report.headline, &page)
}

/// A whole page around its sections.
fn framed(title: &str, what: &str, class: &str, headline: &[String], page: &Page) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}; script-src '{SCRIPT_HASH}'\">\n\
         <title>{0} - tabgraft</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">To the content</a>\n\
         <header>\n<p class=\"kind\">{1}</p>\n<h1>{0}</h1>\n</header>\n<main id=\"content\" tabindex=\"-1\">\n",
        text(title),
        text(what)
    );
    let _ = writeln!(html, "<div class=\"headline {class}\">");
    for (i, sentence) in headline.iter().enumerate() {
        let class = if i == 0 { " class=\"first\"" } else { "" };
        let _ = writeln!(html, "<p{class}>{}</p>", text(sentence));
    }
    html += "</div>\n<nav aria-label=\"Sections\">\n<ul>\n";
    for (id, title) in &page.sections {
        let _ = writeln!(html, "<li><a href=\"#{}\">{}</a></li>", text(id), text(title));
    }
    html += "</ul>\n</nav>\n";
    html += &page.body;
    let _ = write!(html, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
    html
}

/// How the page came about, and what is not on it.
fn about(page: &mut Page, report: &Report) {
    page.paragraph(format!(
        "Made by tabgraft {}. Everything on it comes out of the files that were given{}; nothing was asked of any other \
         place. Intervals hold 95 %.",
        report.software,
        if report.table.is_some() { " and of the table" } else { "" }
    ));
    if let Some(table) = &report.table {
        page.paragraph(format!(
            "Of the table ({} of {}) {}.",
            counted(table.n_rows, "row"),
            counted(table.n_columns, "column"),
            table.explanation
        ));
        if !table.unreadable.is_empty() {
            let rows = table.unreadable.iter().map(|column| {
                vec![
                    Cell::text(&column.name),
                    Cell::text(column.kind.word()),
                    Cell::number(
                        format!("{} of {}", grouped(column.n_unreadable), grouped(column.n_rows)),
                        column.n_unreadable as f64,
                    ),
                    Cell::code(&column.example),
                ]
            });
            page.table(HtmlTable {
                caption: "Cells that cannot be read and count as missing".to_owned(),
                head: vec!["column", "should be", "cells", "the first one"],
                rows: rows.collect(),
            });
        }
    }
    if !report.notes.is_empty() {
        page.heading("Notes");
        page.list(&report.notes);
    }
}
