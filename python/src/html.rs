//! Small HTML pictures of objects for notebooks: plain tables in the page's own colours, so that
//! they are readable in light and dark.

use std::fmt::Write;

use tabgraft_feature::Feature;
use tabgraft_model::compare::Comparison;
use tabgraft_model::discover::remember::standing::Standing;
use tabgraft_model::metric::Score;
use tabgraft_model::predictor::PredictorCard;
use tabgraft_model::report::escape;
use tabgraft_model::space::SpaceCard;
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn, Schema};

/// Columns that are listed before the rest is counted.
const MOST_LISTED: usize = 60;

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

fn scores(scores: &[Score]) -> String {
    let rows = scores.iter().map(|s| {
        let interval = format!("{:.4} to {:.4}", s.low, s.high);
        [s.metric.name().to_owned(), format!("{:.4}", s.value), interval, s.n.to_string()]
    });
    let notes = scores.first().map(Score::notes).unwrap_or_default();
    let notes = notes.iter().map(|note| format!("<div>{}</div>", escape(note))).collect::<String>();
    table(["metric", "value", "95 % interval", "rows"], rows) + &notes
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
    format!("<div><strong>{}</strong>{body}</div>", escape(title))
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut html = "<table><thead><tr>".to_owned();
    for cell in head {
        let _ = write!(html, "<th>{cell}</th>");
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
