//! What was measured: scores, comparisons, predictions, reasons, features.

use std::fmt::Write;

use tabgraft_feature::Feature;
use tabgraft_model::compare::Comparison;
use tabgraft_model::discover::remember::standing::Standing;
use tabgraft_model::metric::{PairedDifference, Score, metric_words};
use tabgraft_model::predictor::{Explanation, Predictions};
use tabgraft_model::report::escape;
use tabgraft_table::grid::Grid;

use super::{MOST_LISTED, listed, notes, page, table};

/// Widest bar, and the room of an interval, in pixels.
const BAR: f64 = 240.0;
const INTERVAL: f64 = 296.0;

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
        "{}<div>{} of {}: {:.4}, then {:.4}; difference {:+.4}, 95 % interval {:+.4} to {:+.4}, p {:.3}, {} rows</div>",
        interval(d),
        d.metric.words(),
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

/// The interval of a difference in the page's own ink: a dot, its whisker and a line at 0; right of it is better.
fn interval(d: &PairedDifference) -> String {
    if ![d.low, d.difference, d.high].into_iter().all(f64::is_finite) {
        return String::new();
    }
    let (left, right) = (d.low.min(0.0), d.high.max(0.0));
    let x = |value: f64| 12.0 + INTERVAL * (value - left) / (right - left).max(f64::MIN_POSITIVE);
    let [low, dot, high, zero] = [d.low, d.difference, d.high, 0.0].map(x);
    format!(
        r#"<svg width="{:.0}" height="34" role="img" aria-label="{:+.4}, from {:+.4} to {:+.4}" fill="currentColor" stroke="currentColor" style="display:block"><path d="M{zero:.1} 2V22" stroke-dasharray="3 3"/><path d="M{low:.1} 12H{high:.1}M{low:.1} 8v8M{high:.1} 8v8" stroke-width="2"/><circle cx="{dot:.1}" cy="12" r="5"/><text x="{zero:.1}" y="33" font-size="11" stroke="none" text-anchor="middle">0</text></svg>"#,
        INTERVAL + 24.0,
        d.difference,
        d.low,
        d.high
    )
}

/// The first predictions, and what of the table is unlike what training has seen.
pub fn predictions(title: &str, made: &Predictions) -> String {
    let (head, rows, more) = made.preview();
    let mut said: Vec<String> = made.unreadable.iter().map(ToString::to_string).collect();
    said.extend(made.unseen.iter().map(ToString::to_string));
    said.extend(made.differing.iter().map(ToString::to_string));
    let unknown: Vec<&str> =
        made.report.ignored_columns.iter().filter(|c| c.unknown).map(|c| c.name.as_str()).collect();
    let missing: Vec<&str> = made.report.missing_columns.iter().map(String::as_str).collect();
    for (columns, what) in [(missing, "missing, counted as missing cells"), (unknown, "not used")] {
        if !columns.is_empty() {
            said.push(format!("{what}: {}", tabgraft_table::table::quoted(&columns)));
        }
    }
    page(title, &(listed(&head, rows, &more) + &notes(&said)))
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
            format!("{} of {}", metric_words(&s.metric), s.target),
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
    // By their names, which are what a list of scores answers to.
    scores.iter().for_each(|s| grid.add(score_cells(s, s.metric.name())));
    let notes = scores.first().map(Score::notes).unwrap_or_default();
    let notes = notes.iter().map(|note| format!("  {note}\n")).collect::<String>();
    (grid.text() + &notes).trim_end().to_owned()
}

/// Scores by themselves.
pub fn scores_page(scores_: &[Score]) -> String {
    page("Scores", &scores(scores_))
}

const SCORES_HEAD: [&str; 4] = ["metric", "value", "95 % interval", "rows"];

fn score_cells(s: &Score, metric: &str) -> [String; 4] {
    let interval = format!("{:.4} to {:.4}", s.low, s.high);
    [metric.to_owned(), format!("{:.4}", s.value), interval, s.n.to_string()]
}

pub(super) fn scores(scores: &[Score]) -> String {
    let rows = scores.iter().map(|s| score_cells(s, s.metric.words()));
    let notes = scores.first().map(Score::notes).unwrap_or_default();
    let notes = notes.iter().map(|note| format!("<div>{}</div>", escape(note))).collect::<String>();
    table(SCORES_HEAD, rows) + &notes
}
