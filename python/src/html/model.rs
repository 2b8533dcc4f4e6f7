//! Spaces, predictors and tables: what they are, which parameters are not the default's, what their columns became.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tabgraft_model::SpaceConfig;
use tabgraft_model::predictor::PredictorCard;
use tabgraft_model::report::escape;
use tabgraft_model::space::SpaceCard;
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn, Schema};

use super::judged::scores;
use super::{MOST_LISTED, notes, page, table};

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
pub fn space(card: &SpaceCard, config: &SpaceConfig, is_trained: bool) -> String {
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
    let columns = columns(&card.columns, &card.excluded);
    page(&title, &(body + &parameters(config) + &columns + &notes(&card.notes)))
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
    let scores = scores(&card.fit_info.scores);
    page(&title, &format!("<div>{state}</div>{scores}{}", parameters(&card.options)))
}

/// Parameters with what they are; those that are not the default's are marked, and stand in the summary too.
fn parameters<O: Serialize + Default>(used: &O) -> String {
    let usual: BTreeMap<String, String> = entries(&O::default()).into_iter().collect();
    let mut rows = Vec::new();
    let mut changed = Vec::new();
    for (name, value) in entries(used) {
        // An option that a file leaves out where it is the default's is not there.
        let usual = usual.get(&name).map_or("-", String::as_str);
        match value == usual {
            true => rows.push([name, value, String::new()]),
            false => {
                changed.push(format!("{name} {value}"));
                rows.push([format!("{name} \u{2022}"), value, format!("not the default, {usual}")]);
            }
        }
    }
    let said = match changed.is_empty() {
        true => "all by default".to_owned(),
        false => changed.join(", "),
    };
    format!(
        "<details><summary>{} parameters: {}</summary>{}</details>",
        rows.len(),
        escape(&said),
        table(["parameter", "value", ""], rows.into_iter())
    )
}

/// Options by the names of their arguments, as they are written; a name is told elsewhere.
fn entries(options: &impl Serialize) -> Vec<(String, String)> {
    // By way of text, in which numbers of 32 bits are as short as they were given.
    let text = serde_json::to_string(options).unwrap_or_default();
    let Ok(Value::Object(found)) = serde_json::from_str(&text) else { return Vec::new() };
    let mut entries = Vec::new();
    for (name, value) in found {
        match value {
            _ if name == "name" => {}
            Value::Object(group) if name == "codec" => {
                entries.extend(group.into_iter().map(|(inner, value)| {
                    let name = match inner.as_str() {
                        "min_category_rows" | "private" => inner,
                        _ => format!("codec_{}", inner.trim_start_matches("n_").trim_start_matches("max_")),
                    };
                    (name, written(&value))
                }))
            }
            value => entries.push((name, written(&value))),
        }
    }
    entries
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
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
