//! Small HTML pictures of objects for notebooks: plain tables in the page's own colours, so that
//! they are readable in light and dark.

use std::fmt::Write;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::Value;
use tabgraft_feature::Feature;
use tabgraft_model::compare::Comparison;
use tabgraft_model::discover::remember::standing::Standing;
use tabgraft_model::metric::Score;
use tabgraft_model::predictor::{Explanation, PredictorCard};
use tabgraft_model::report::escape;
use tabgraft_model::space::SpaceCard;
use tabgraft_table::grid::Grid;
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn, Schema};

/// Columns that are listed before the rest is counted.
const MOST_LISTED: usize = 60;
/// Characters of a cell of a document.
const MOST_CHARS: usize = 120;

/// A frame and what its columns mean.
pub fn data_set(n_rows: usize, schema: &Schema) -> String {
    let title = format!(
        "FeatrixInputDataSet: {n_rows} rows, {} columns used, {} left out",
        schema.columns.len(),
        schema.excluded.len()
    );
    page(&title, &(columns(&schema.columns, &schema.excluded) + &notes(&schema.notes)))
}

/// A space: columns, losses, lineage.
pub fn space(card: &SpaceCard, is_trained: bool) -> String {
    let info = &card.training_info;
    let loss = info.final_validation_loss.map_or("-".to_owned(), |l| format!("{l:.4}"));
    let state = match is_trained {
        true => format!(
            "validation loss {loss}, best epoch {} of {}, {:.1} s",
            info.best_epoch,
            info.epochs.len(),
            info.seconds
        ),
        false => "not trained yet".to_owned(),
    };
    let title =
        format!("EmbeddingSpace {}: {} columns, {} coordinates", card.name, card.columns.len(), card.d_model);
    let mut body = format!("<div>{}</div>", escape(&state));
    if !card.extensions.is_empty() {
        let rows = card.extensions.iter().map(|e| {
            let drift = e.drift.as_ref().map_or("-".to_owned(), |d| format!("{:.6}", d.mean_cosine_distance));
            [
                e.extended_from_es_name.clone(),
                e.mode.name().to_owned(),
                e.new_columns_added.join(", "),
                e.training_epochs_used.to_string(),
                drift,
            ]
        });
        body += &table(["extended from", "mode", "new columns", "epochs", "drift"], rows);
    }
    page(&title, &(body + &columns(&card.columns, &card.excluded) + &notes(&card.notes)))
}

/// A predictor and its scores.
pub fn predictor(card: &PredictorCard) -> String {
    let title = format!(
        "Predictor {}: {} ({}) on {}",
        card.name,
        card.target.column(),
        card.target.task().name(),
        card.space.name
    );
    let state = format!(
        "{} rows learned from, {} test rows, {:.1} s",
        card.fit_info.n_rows, card.fit_info.n_rows_test, card.fit_info.seconds
    );
    page(&title, &format!("<div>{state}</div>{}", scores(&card.fit_info.scores)))
}

/// Widest bar, in pixels.
const BAR: f64 = 240.0;

/// Contributions as bars: those of the only row, each with its cell, or the importance of columns for many rows.
pub fn explanation(title: &str, made: &Explanation) -> tabgraft_model::Result<String> {
    let only = match made.n_rows() {
        1 => made.reasons(0..1)?.into_iter().next(),
        _ => None,
    };
    let (head, rows): (&[&str], Vec<(Vec<String>, f64)>) = match only {
        Some(row) => {
            let cells = row.reasons.into_iter().map(|reason| {
                let given = reason.contribution[row.output];
                let cell = reason.cell.unwrap_or_else(|| "-".to_owned());
                (vec![reason.column, cell, format!("{given:+.4}")], given)
            });
            (&["column", "cell", "contribution", ""], cells.collect())
        }
        None => {
            let cells = made.order().into_iter().map(|i| {
                let column = &made.importance[i];
                let interval = column.interval.map_or("-".to_owned(), |[a, b]| format!("{a:.4} to {b:.4}"));
                let mean = format!("{:.4}", column.mean_absolute);
                (vec![column.column.clone(), mean, interval], column.mean_absolute)
            });
            (&["column", "mean size of contribution", "95 % interval", ""], cells.collect())
        }
    };
    let widest = rows.iter().map(|(_, given)| given.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let n = rows.len();
    let mut html = "<table><thead><tr>".to_owned();
    for cell in head {
        let _ = write!(html, "<th style=\"text-align:left\">{}</th>", escape(cell));
    }
    html += "</tr></thead><tbody>";
    for (cells, given) in rows.into_iter().take(MOST_LISTED) {
        html += "<tr>";
        for cell in cells {
            let _ = write!(html, "<td style=\"text-align:left\">{}</td>", escape(&cell));
        }
        // The sign stands in words beside it, too.
        let colour = if given < 0.0 { "#3b82c4" } else { "#d1495b" };
        let _ = write!(
            html,
            "<td style=\"text-align:left\"><div style=\"background:{colour};height:0.8em;width:{:.0}px\"></div></td></tr>",
            given.abs() / widest * BAR
        );
    }
    html += "</tbody></table>";
    if n > MOST_LISTED {
        let _ = write!(html, "<div>and {} more</div>", n - MOST_LISTED);
    }
    Ok(page(title, &html))
}

/// A paired comparison.
pub fn comparison(found: &Comparison) -> String {
    let d = &found.difference;
    let verdict = match d.verdict {
        tabgraft_model::metric::Verdict::Better => "better",
        tabgraft_model::metric::Verdict::NoDifference => "no difference",
        tabgraft_model::metric::Verdict::Worse => "worse",
    };
    let title = format!("{} against {}: {verdict}", found.b.name, found.a.name);
    let body = format!(
        "<div>{} of {}: {:.4}, then {:.4}; difference {:+.4}, 95 % interval {:+.4} to {:+.4}, p {:.3}, {} rows</div>",
        d.metric.name(),
        escape(&found.target),
        d.a,
        d.b,
        d.difference,
        d.low,
        d.high,
        d.p_value,
        found.n_rows
    );
    page(&title, &body)
}

/// Features with their definitions.
pub fn features(title: &str, features: &[Feature], recommended: &[String]) -> String {
    let rows = features.iter().map(|f| {
        let proven = if recommended.contains(&f.name) { "yes" } else { "no" };
        [f.name.clone(), f.definition.to_string(), f.reason.clone(), proven.to_owned()]
    });
    page(title, &table(["feature", "definition", "reason", "proven"], rows))
}

/// What features were worth, over all runs.
pub fn standings(title: &str, standings: &[Standing]) -> String {
    let rows = standings.iter().map(|s| {
        let [low, high] = s.interval_points;
        [
            s.name.clone(),
            s.definition.to_string(),
            format!("{} of {}", s.metric, s.target),
            format!("{:+.4}, {low:+.4} to {high:+.4}", s.effect_points),
            s.course(),
            if s.recommended { "yes" } else { "no" }.to_owned(),
        ]
    });
    let head = ["feature", "definition", "metric", "effect, 95 % interval", "runs", "recommended"];
    page(title, &table(head, rows))
}

/// Scores as text.
pub fn scores_text(scores: &[Score]) -> String {
    let mut grid = Grid::of(SCORES_HEAD);
    scores.iter().for_each(|s| grid.add(score_cells(s)));
    let notes = scores.first().map(Score::notes).unwrap_or_default();
    let notes = notes.iter().map(|note| format!("  {note}\n")).collect::<String>();
    (grid.text() + &notes).trim_end().to_owned()
}

/// Scores by themselves.
pub fn scores_page(scores_: &[Score]) -> String {
    page("Scores", &scores(scores_))
}

/// Rows of text under a title, and a word behind them.
pub fn rows(title: &str, head: &[&str], rows: Vec<Vec<String>>, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!("<div>{}</div>", escape(more)) };
    page(title, &(table_of(head, rows.into_iter()) + &more))
}

/// Any document: its entries, and lists of dictionaries as tables of their own.
pub fn document(entries: &serde_json::Map<String, Value>) -> String {
    let is_table = |v: &Value| v.as_array().is_some_and(|a| !a.is_empty() && a.iter().all(Value::is_object));
    let plain = entries.iter().filter(|(_, v)| !is_table(v)).map(|(k, v)| vec![k.clone(), cell(v)]);
    let mut body = table_of(&["entry", "value"], plain);
    for (name, list) in entries.iter().filter(|(_, v)| is_table(v)) {
        let list: Vec<&serde_json::Map<String, Value>> =
            list.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
        let mut head: Vec<&str> = Vec::new();
        for key in list.iter().flat_map(|entry| entry.keys()) {
            if !head.contains(&key.as_str()) {
                head.push(key);
            }
        }
        let n = list.len();
        let rows = list.iter().take(MOST_LISTED);
        let rows = rows.map(|entry| {
            head.iter().map(|key| entry.get(*key).map_or(String::new(), cell)).collect::<Vec<_>>()
        });
        let more = match n.saturating_sub(MOST_LISTED) {
            0 => String::new(),
            more => format!("<div>and {more} more</div>"),
        };
        body += &format!(
            "<details open><summary>{n} {}</summary>{}{more}</details>",
            escape(name),
            table_of(&head, rows)
        );
    }
    page("", &body)
}

/// A value in one cell; what is long is cut.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(n) => match n.as_f64() {
            Some(x) if n.is_f64() => format!("{x:.6}"),
            _ => n.to_string(),
        },
        Value::Array(items) if items.iter().all(|i| !i.is_object() && !i.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    match text.chars().count() > MOST_CHARS {
        true => text.chars().take(MOST_CHARS).chain("...".chars()).collect(),
        false => text,
    }
}

const SCORES_HEAD: [&str; 4] = ["metric", "value", "95 % interval", "rows"];

fn score_cells(s: &Score) -> [String; 4] {
    let interval = format!("{:.4} to {:.4}", s.low, s.high);
    [s.metric.name().to_owned(), format!("{:.4}", s.value), interval, s.n.to_string()]
}

fn scores(scores: &[Score]) -> String {
    let rows = scores.iter().map(score_cells);
    let notes = scores.first().map(Score::notes).unwrap_or_default();
    let notes = notes.iter().map(|note| format!("<div>{}</div>", escape(note))).collect::<String>();
    table(SCORES_HEAD, rows) + &notes
}

fn columns(used: &[ColumnSpec], excluded: &[ExcludedColumn]) -> String {
    let n = used.len() + excluded.len();
    let used = used.iter().map(|c| {
        let kind = serde_json::to_value(c.kind).ok().and_then(|k| k.as_str().map(str::to_owned));
        [c.name.clone(), kind.unwrap_or_default(), c.reason.clone()]
    });
    let excluded = excluded.iter().map(|c| [c.name.clone(), "left out".to_owned(), c.reason.clone()]);
    let listed = table(["column", "kind", "reason"], used.chain(excluded).take(MOST_LISTED));
    match n.saturating_sub(MOST_LISTED) {
        0 => format!("<details><summary>{n} columns</summary>{listed}</details>"),
        more => {
            format!("<details><summary>{n} columns</summary>{listed}<div>and {more} more</div></details>")
        }
    }
}

fn notes(notes: &[String]) -> String {
    let items: String = notes.iter().map(|n| format!("<li>{}</li>", escape(n))).collect();
    if items.is_empty() { String::new() } else { format!("<ul>{items}</ul>") }
}

/// One line.
pub fn line(text: &str) -> String {
    page(text, "")
}

fn page(title: &str, body: &str) -> String {
    if title.is_empty() {
        return format!("<div>{body}</div>");
    }
    format!("<div><strong>{}</strong>{body}</div>", escape(title))
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    table_of(&head, rows)
}

/// The one way to a table: headers stand over their cells, and whatever a cell holds is escaped.
fn table_of<R>(head: &[&str], rows: impl Iterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let mut html = "<table><thead><tr>".to_owned();
    for cell in head {
        let _ = write!(html, "<th style=\"text-align:left\">{}</th>", escape(cell));
    }
    html += "</tr></thead><tbody>";
    for row in rows {
        html += "<tr>";
        for cell in row {
            let _ = write!(html, "<td style=\"text-align:left\">{}</td>", escape(&cell));
        }
        html += "</tr>";
    }
    html + "</tbody></table>"
}

/// Scores, as JSON text, for the eyes.
///
/// >>> from tabgraft._native import _scores_text
/// >>> print(_scores_text("[]"))
///   metric  value  95 % interval  rows
#[pyfunction]
pub fn _scores_text(json: &str) -> PyResult<String> {
    Ok(scores_text(&of_json::<Vec<Score>>(json)?))
}

/// The same for a notebook.
///
/// >>> from tabgraft._native import _scores_html
/// >>> _scores_html("[]").startswith("<div>")
/// True
#[pyfunction]
pub fn _scores_html(json: &str) -> PyResult<String> {
    Ok(scores_page(&of_json::<Vec<Score>>(json)?))
}

/// A dictionary, as JSON text, for a notebook.
///
/// >>> from tabgraft._native import _document_html
/// >>> "<td" in _document_html('{"rows": 3}')
/// True
#[pyfunction]
pub fn _document_html(json: &str) -> PyResult<String> {
    Ok(document(&of_json(json)?))
}

fn of_json<T: serde::de::DeserializeOwned>(json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|e| PyValueError::new_err(e.to_string()))
}
