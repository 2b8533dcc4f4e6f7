//! Columns of a model: which are used, which are not and why, and how their values lie.

use super::html::{Cell, HtmlTable, Page};
use crate::draw::shorten;
use crate::report::words::{counted, fixed, grouped, percent, significant};
use crate::report::{Distributions, ModelReport, SampledTable, Values};

/// Levels of a category that a table names, and characters of a name there.
const LEVELS_NAMED: usize = 3;
const LEVEL: usize = 24;

pub(super) fn columns(page: &mut Page, model: &ModelReport, table: Option<&SampledTable>) {
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

pub(super) fn distributions(page: &mut Page, found: &Distributions) {
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
