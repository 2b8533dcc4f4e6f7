//! Small HTML pictures of objects for notebooks: plain tables in the page's own colours, so that
//! they are readable in light and dark.

mod judged;
mod model;

use std::fmt::Write;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::Value;
use tabgraft_model::metric::{Metric, Score};
use tabgraft_model::report::{escape, prose};

pub use judged::{comparison, explanation, features, predictions, scores_page, scores_text, standings};
pub use model::{data_set, predictor, space};

/// Columns that are listed before the rest is counted.
const MOST_LISTED: usize = 60;
/// Characters of a cell of a document.
const MOST_CHARS: usize = 120;

/// Rows of text under a title, and a word behind them.
pub fn rows(title: &str, head: &[&str], rows: Vec<Vec<String>>, more: &str) -> String {
    page(title, &listed(head, rows, more))
}

/// A table of rows and a word behind them.
fn listed(head: &[&str], rows: Vec<Vec<String>>, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!("<div>{}</div>", escape(more)) };
    table_of(head, rows.into_iter()) + &more
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

/// Sentences, in which names stand between backticks.
fn notes(notes: &[String]) -> String {
    let items: String = notes.iter().map(|n| format!("<li>{}</li>", prose(n))).collect();
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

/// A metric's name as people write it, and whether a larger value is better.
///
/// >>> from tabgraft._native import _metric_words
/// >>> _metric_words("roc_auc")
/// ('ROC AUC', True)
#[pyfunction]
pub fn _metric_words(name: &str) -> PyResult<(&'static str, bool)> {
    match Metric::of_name(name) {
        Some(metric) => Ok((metric.words(), metric.higher_is_better())),
        None => Err(PyValueError::new_err(format!("metric `{name}` is unknown"))),
    }
}

fn of_json<T: serde::de::DeserializeOwned>(json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|e| PyValueError::new_err(e.to_string()))
}
