//! Pieces of a page: sections, tables, figures. Every text that goes through them is escaped, and cut where it is so
//! long that a page could not hold many of them.

use std::fmt::Write;

use crate::draw::{escape, shorten};
use crate::metric::Verdict;
use crate::report::words::{NOTHING, fixed, grouped, verdict_words};

/// Characters of a text that a page shows; the JSON form has all.
const MOST_CHARS: usize = 400;
/// Rows of a table that a page shows.
const MOST_ROWS: usize = 1000;
/// Characters of all tables together: what keeps a page below 1 MB whatever names hold.
const MOST_TABLE_CHARS: usize = 600_000;
/// Characters of a text that stays on one line where there is room.
const SHORT_CHARS: usize = 28;
/// Characters of a fact beyond which it has a line of its own.
const LONG_FACT: usize = 60;
/// Rows from which on a table has a field to filter it by.
const MANY_ROWS: usize = 9;

/// A page that is being made.
#[derive(Default)]
pub(super) struct Page {
    /// The sections.
    pub body: String,
    /// Their ids and titles.
    pub sections: Vec<(String, String)>,
    n_table_chars: usize,
}

/// One cell of a table.
pub(super) struct Cell {
    html: String,
    sort_by: Option<f64>,
    class: &'static str,
}

/// A table: its first column names the rows.
pub(super) struct HtmlTable {
    pub caption: String,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
}

/// A text for a page: escaped, and cut where it is very long.
pub(super) fn text(text: &str) -> String {
    escape(&shorten(text, MOST_CHARS))
}

/// A name that is escaped already, with places between its words where it may break: on a phone names are longer than
/// their column is wide.
pub fn breaking(escaped: &str) -> String {
    escaped.replace('_', "_<wbr>")
}

/// Sentences as HTML: escaped, cut where they are very long; names between backticks are set apart as code.
pub fn prose(sentences: &str) -> String {
    let sentences = shorten(sentences, MOST_CHARS);
    let parts: Vec<&str> = sentences.split('`').collect();
    // A name that holds a backtick itself leaves an odd number of them: then all stay as they are.
    if parts.len().is_multiple_of(2) {
        return escape(&sentences);
    }
    let part = |(i, part): (usize, &&str)| match i % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    parts.iter().enumerate().map(part).collect()
}

impl Cell {
    /// Sentences: a reason, a note.
    pub fn prose(sentences: impl AsRef<str>) -> Self {
        Cell { html: prose(sentences.as_ref()), class: "prose", ..Cell::text("") }
    }

    /// A date, which stays on one line.
    pub fn date(date: impl AsRef<str>) -> Self {
        Cell { class: "date", ..Cell::text(date) }
    }

    /// A text.
    pub fn text(shown: impl AsRef<str>) -> Self {
        let shown = shown.as_ref();
        let class = if shown.chars().nth(SHORT_CHARS).is_none() { "short" } else { "" };
        Cell { html: breaking(&text(shown)), sort_by: None, class }
    }

    /// A formula or an id.
    pub fn code(shown: impl AsRef<str>) -> Self {
        let shown = shown.as_ref();
        Cell { html: format!("<code>{}</code>", text(shown)), ..Cell::text(shown) }
    }

    /// A number as it is written, and itself to sort by.
    pub fn number(shown: impl AsRef<str>, value: f64) -> Self {
        Cell { html: text(shown.as_ref()), sort_by: Some(value).filter(|v| v.is_finite()), class: "n" }
    }

    /// A text that sorts by its place.
    pub fn ordered(shown: impl AsRef<str>, place: usize) -> Self {
        Cell { sort_by: Some(place as f64), ..Cell::text(shown) }
    }

    /// A number with so many decimals.
    pub fn fixed(value: f64, decimals: usize) -> Self {
        Cell::number(fixed(value, decimals), value)
    }

    /// A whole number.
    pub fn count(n: usize) -> Self {
        Cell::number(grouped(n), n as f64)
    }

    /// A number that may not be known.
    pub fn optional(value: Option<f64>, shown: impl Fn(f64) -> String) -> Self {
        value.map_or_else(Cell::nothing, |value| Cell::number(shown(value), value))
    }

    /// A number and its interval.
    pub fn interval(value: f64, [low, high]: [f64; 2], shown: impl Fn(f64) -> String) -> Self {
        let html = format!(
            "{} <span class=\"ci\">[{}, {}]</span>",
            text(&shown(value)),
            text(&shown(low)),
            text(&shown(high))
        );
        Cell { html, ..Cell::number("", value) }
    }

    /// Nothing is known.
    pub fn nothing() -> Self {
        Cell { class: "n", ..Cell::text(NOTHING) }
    }

    /// A verdict: a word and a sign, so that it does not hang on its colour.
    pub fn verdict(verdict: Verdict) -> Self {
        Cell::word(verdict_class(verdict), verdict_words(verdict))
    }

    /// A word with the looks of a verdict.
    pub fn word(class: &'static str, word: &str) -> Self {
        Cell { html: format!("<span class=\"verdict {class}\">{}</span>", text(word)), ..Cell::text("") }
    }

    /// How rows are spread, as bars, and in words.
    pub fn bars(counts: &[usize], words: &str) -> Self {
        let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let width = 96.0 / counts.len().max(1) as f64;
        let mut path = String::new();
        for (i, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            // A bar that is there can be seen.
            let height = (20.0 * *n as f64 / most).max(1.0);
            let _ =
                write!(path, "M{:.1} 22v{:.1}h{:.1}v{height:.1}z", width * i as f64, -height, width * 0.85);
        }
        let words = if words.is_empty() { String::new() } else { format!(" {}", text(words)) };
        let html = format!(
            "<svg class=\"bars\" viewBox=\"0 0 96 22\" width=\"96\" height=\"22\" aria-hidden=\"true\">\
             <path d=\"{path}\"/></svg>{words}"
        );
        Cell { html, class: "prose", ..Cell::text("") }
    }

    /// A share of a row of counts, shaded by it.
    pub fn shaded(n: usize, share: f64) -> Self {
        const SHADES: [&str; 6] = ["n h0", "n h1", "n h2", "n h3", "n h4", "n h5"];
        let shade = ((share * 6.0) as usize).min(5);
        let html = format!("{} <span class=\"ci\">{:.0} %</span>", grouped(n), 100.0 * share);
        Cell { html, sort_by: Some(n as f64), class: SHADES[shade] }
    }
}

pub(super) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::NoDifference => "same",
        Verdict::Worse => "worse",
    }
}

impl Page {
    /// A section with a place in the page's list of them.
    pub fn section(&mut self, id: &str, title: &str, make: impl FnOnce(&mut Self)) {
        self.sections.push((id.to_owned(), title.to_owned()));
        let _ = write!(
            self.body,
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n",
            text(title),
            id = escape(id)
        );
        make(self);
        self.body += "</section>\n";
    }

    /// A place that links lead to.
    pub fn place(&mut self, id: &str) {
        let _ = writeln!(self.body, "<span id=\"{}\"></span>", escape(id));
    }

    pub fn heading(&mut self, title: &str) {
        let _ = writeln!(self.body, "<h3>{}</h3>", text(title));
    }

    pub fn paragraph(&mut self, shown: impl AsRef<str>) {
        let _ = writeln!(self.body, "<p>{}</p>", text(shown.as_ref()));
    }

    /// Short facts, each with what it is about.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        self.body += "<dl class=\"facts\">\n";
        for (label, value) in facts {
            let class = if value.chars().nth(LONG_FACT).is_some() { " class=\"long\"" } else { "" };
            let _ = writeln!(self.body, "<div{class}><dt>{}</dt><dd>{}</dd></div>", text(label), text(value));
        }
        self.body += "</dl>\n";
    }

    pub fn list(&mut self, items: &[String]) {
        self.body += "<ul>\n";
        for item in items {
            let _ = writeln!(self.body, "<li>{}</li>", prose(item));
        }
        self.body += "</ul>\n";
    }

    /// A drawing, what it says in words, and its figures.
    pub fn figure(&mut self, svg: &str, caption: &str, figures: Option<HtmlTable>) {
        let _ = write!(self.body, "<figure>\n{svg}\n<figcaption>{}</figcaption>\n", text(caption));
        if let Some(table) = figures {
            let summary = format!("The figures: {}", table.caption);
            self.details(&summary, |page| page.table(table));
        }
        self.body += "</figure>\n";
    }

    /// Things that stand beside each other where there is room.
    pub fn beside(&mut self, make: impl FnOnce(&mut Self)) {
        self.body += "<div class=\"beside\">\n";
        make(self);
        self.body += "</div>\n";
    }

    /// A wide drawing, which scrolls in its frame; the style has colours for its classes.
    pub fn drawing(&mut self, svg: &str, label: &str) {
        let _ = writeln!(
            self.body,
            "<div class=\"scroll drawing\" tabindex=\"0\" role=\"group\" aria-label=\"{}\">{svg}</div>",
            text(label)
        );
    }

    /// What is there for those who ask.
    pub fn details(&mut self, summary: &str, make: impl FnOnce(&mut Self)) {
        let _ = writeln!(self.body, "<details><summary>{}</summary>", text(summary));
        make(self);
        self.body += "</details>\n";
    }

    /// A table, as far as a page holds it.
    pub fn table(&mut self, table: HtmlTable) {
        let HtmlTable { caption, head, rows } = table;
        let class = if rows.len() >= MANY_ROWS { "sort filter" } else { "sort" };
        let _ = write!(
            self.body,
            "<div class=\"tabled\">\n<p class=\"caption\">{0}</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" \
             aria-label=\"{0}\">\n<table class=\"{class}\" aria-label=\"{0}\">\n<thead><tr>",
            text(&caption)
        );
        for (i, name) in head.iter().enumerate() {
            let class = rows.first().and_then(|row| row.get(i)).map_or("", |cell| cell.class);
            let class = if class == "n" || class.starts_with("n ") { " class=\"n\"" } else { "" };
            let _ = write!(self.body, "<th scope=\"col\"{class}>{}</th>", text(name));
        }
        self.body += "</tr></thead>\n<tbody>\n";
        let n = rows.len();
        let mut n_shown = 0;
        for row in rows.into_iter().take(MOST_ROWS) {
            let before = self.body.len();
            self.body += "<tr>";
            for (i, cell) in row.into_iter().enumerate() {
                let (tag, scope) = if i == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
                let class =
                    if cell.class.is_empty() { String::new() } else { format!(" class=\"{}\"", cell.class) };
                let sort_by = cell.sort_by.map(|value| format!(" data-v=\"{value}\"")).unwrap_or_default();
                let _ = write!(self.body, "<{tag}{scope}{class}{sort_by}>{}</{tag}>", cell.html);
            }
            self.body += "</tr>\n";
            self.n_table_chars += self.body.len() - before;
            n_shown += 1;
            if self.n_table_chars > MOST_TABLE_CHARS {
                break;
            }
        }
        self.body += "</tbody>\n</table>\n</div>\n";
        if n_shown < n {
            self.paragraph(format!("And {} more: the JSON form has all.", grouped(n - n_shown)));
        }
        self.body += "</div>\n";
    }
}
