//! The metadata in front of a card, as model hubs read them: YAML between two lines of dashes.
//!
//! Fields: the model card metadata of the Hugging Face Hub (`library_name`, `pipeline_tag`, `tags`, `base_model`,
//! `base_model_relation`, `metrics`, `model-index`).

use std::fmt::Write;

use super::ModelCard;

pub(super) fn of(card: &ModelCard, base_model: &[String]) -> String {
    let mut yaml = "---\nlibrary_name: tabgraft\n".to_owned();
    let pipeline = match &card.task {
        None => "feature-extraction",
        Some(task) if task.task == "regression" => "tabular-regression",
        Some(_) => "tabular-classification",
    };
    let _ = writeln!(yaml, "pipeline_tag: {pipeline}");
    yaml += "tags:\n- tabular\n- tabgraft\n";
    yaml += match card.task {
        None => "- embeddings\n",
        Some(_) => "- predictor\n",
    };
    if let Some(parent) = card.parents.first() {
        yaml += "base_model:\n";
        let own: Vec<&str> = card.parents.iter().map(|parent| parent.name.as_str()).collect();
        let names = if base_model.is_empty() { own } else { base_model.iter().map(String::as_str).collect() };
        for name in names {
            let _ = writeln!(yaml, "- {}", scalar(name));
        }
        let _ = writeln!(yaml, "base_model_relation: {}", parent.relation);
    }
    if let Some(task) = card.task.as_ref().filter(|_| !card.scores.is_empty()) {
        yaml += "metrics:\n";
        for score in &card.scores {
            let _ = writeln!(yaml, "- {}", score.metric.name());
        }
        let _ = writeln!(yaml, "model-index:\n- name: {}\n  results:", scalar(&card.name));
        let _ = writeln!(yaml, "  - task:\n      type: {pipeline}\n      name: {}", scalar(&task.target));
        yaml += "    dataset:\n      type: tabular\n      name: test rows of the training table\n      split: test\n";
        yaml += "    metrics:\n";
        for score in &card.scores {
            let name = score.metric.name();
            let _ = writeln!(yaml, "    - type: {name}\n      name: {name}\n      value: {:.6}", score.value);
            let _ = writeln!(
                yaml,
                "      args:\n        low: {:.6}\n        high: {:.6}\n        n: {}",
                score.low, score.high, score.n
            );
        }
    }
    yaml + "---\n\n"
}

/// Any text as one scalar of YAML, in double quotes: what is not printable is an escape (YAML 1.2.2, section 5.7).
fn scalar(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if tabgraft_table::is_hidden(c) || c.is_control() => {
                let _ = match u32::from(c) {
                    code @ 0..=0xffff => write!(quoted, "\\u{code:04x}"),
                    code => write!(quoted, "\\U{code:08x}"),
                };
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_one_line_in_quotes_whatever_it_holds() {
        assert_eq!(scalar("plain: - # text"), "\"plain: - # text\"");
        assert_eq!(
            scalar("a\"b\\c\nd\u{7f}\u{2028}\u{e0001}é"),
            "\"a\\\"b\\\\c\\u000ad\\u007f\\u2028\\U000e0001é\""
        );
    }
}
