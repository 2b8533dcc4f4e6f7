//! A card for people: headings, tables and lists of Markdown in which no name is more than text.

use std::fmt::Write;

use tabgraft_table::visible;

use super::{ModelCard, ParentCard};

/// Columns of a table that are listed before the others are counted; the JSON form has all of them.
const MOST_LISTED: usize = 200;

pub(super) fn of(card: &ModelCard) -> String {
    let mut out = format!("# {}\n\n", text(&card.name));
    let what = match &card.task {
        None => "An embedding space of tabgraft: one vector per row of a table.".to_owned(),
        Some(task) => format!(
            "A predictor of tabgraft for the column {}{}, fitted on an embedding space.",
            text(&task.target),
            match task.classes.len() {
                0 => ", a number".to_owned(),
                n => format!(", one of {n} classes"),
            }
        ),
    };
    let _ = writeln!(out, "{what}\n");
    let mut facts =
        vec![("id", card.id.clone()), ("made", format!("{} by tabgraft {}", card.created, card.software))];
    facts.extend(card.parents.iter().map(|parent| ("from", from(parent))));
    table(&mut out, ["", ""], facts.into_iter().map(|(name, value)| [name.to_owned(), value]));
    scores(&mut out, card);
    data(&mut out, card);
    training(&mut out, card);
    lineage(&mut out, card);
    list(&mut out, "Guardrails", &card.guardrails);
    list(&mut out, "Limits", &card.limits);
    out
}

fn from(parent: &ParentCard) -> String {
    let how = match parent.relation {
        "adapter" => "all of its weights stay as they are",
        "merge" => "one of those that were merged",
        _ => "its weights were the start",
    };
    format!("{} ({}): {how}", parent.name, parent.id.get(..12).unwrap_or(&parent.id))
}

fn scores(out: &mut String, card: &ModelCard) {
    let Some(task) = &card.task else { return };
    *out += "\n## Predictions\n\n";
    let mut facts = vec![("learners".to_owned(), task.learners.clone())];
    if !task.classes.is_empty() {
        facts.push(("classes".to_owned(), task.classes.join(", ")));
    }
    facts.extend(task.threshold.map(|at| ("threshold".to_owned(), at.to_string())));
    facts.push((
        "rows".to_owned(),
        format!(
            "{} learned from, {} to test, {} left out",
            task.n_rows, task.n_rows_test, task.n_rows_left_out
        ),
    ));
    facts.push(("seconds".to_owned(), format!("{:.1}", task.seconds)));
    table(out, ["", ""], facts.into_iter().map(|(name, value)| [name, value]));
    if card.scores.is_empty() {
        *out += "\nNot scored: no rows were held out.\n";
        return;
    }
    *out += "\nScores on rows that nothing was learned from:\n\n";
    table(
        out,
        ["metric", "value", "95 % interval", "rows"],
        card.scores.iter().map(|s| {
            let interval = format!("{:.4} to {:.4}", s.low, s.high);
            [s.metric.words().to_owned(), format!("{:.4}", s.value), interval, s.n.to_string()]
        }),
    );
    for note in card.scores.first().map(crate::metric::Score::notes).unwrap_or_default() {
        let _ = writeln!(out, "\n{}", text(&note));
    }
}

fn data(out: &mut String, card: &ModelCard) {
    let data = &card.data;
    *out += "\n## Data\n\n";
    let remembered = match data.n_rows_remembered {
        Some(n) => format!("; {n} different ones are remembered, as hashes"),
        None => "; which ones is not remembered".to_owned(),
    };
    let _ = writeln!(
        out,
        "{} rows trained the space last, {} chose its epoch{remembered}.\n",
        data.n_rows_train, data.n_rows_valid
    );
    let n = &data.n_columns;
    let _ = writeln!(
        out,
        "{} columns are used ({} numeric, {} categorical, {} boolean, {} timestamp, {} text), {} left out.\n",
        n.used, n.numeric, n.categorical, n.boolean, n.timestamp, n.text, n.left_out
    );
    let used = data.columns.iter().map(|c| [c.name.clone(), c.kind.word().to_owned(), c.reason.clone()]);
    let left = data.left_out.iter().map(|c| [c.name.clone(), "left out".to_owned(), c.reason.clone()]);
    table(out, ["column", "kind", "because"], used.chain(left).take(MOST_LISTED));
    let more = (data.columns.len() + data.left_out.len()).saturating_sub(MOST_LISTED);
    if more > 0 {
        let _ = writeln!(out, "\nAnd {more} more.");
    }
    if !data.features.is_empty() {
        *out += "\nFeatures that it computes by itself:\n\n";
        let features = data.features.iter();
        let features = features.map(|f| [f.name.clone(), f.definition.clone(), f.reason.clone()]);
        table(out, ["feature", "made by", "because"], features.take(MOST_LISTED));
    }
    if !data.notes.is_empty() {
        *out += "\n";
        items(out, &data.notes);
    }
}

fn training(out: &mut String, card: &ModelCard) {
    let training = &card.training;
    *out += "\n## Training\n\n";
    let mut facts = vec![
        ("coordinates of a vector", training.d_model.to_string()),
        ("weights", training.n_weights.to_string()),
    ];
    match (training.best_epoch, training.stop_reason) {
        (Some(best), Some(reason)) => {
            let reason = reason.replace('_', " ");
            facts.push(("epochs", format!("{}, the best was {best}; ended by: {reason}", training.n_epochs)));
        }
        _ => facts.push(("epochs", "none: nothing was trained in the last step".to_owned())),
    }
    let number = |loss: f64| format!("{loss:.4}");
    facts.extend(training.validation_loss.map(|loss| ("validation loss (1: a uniform guess)", number(loss))));
    facts.extend(training.new_columns_validation_loss.map(|loss| ("of new columns", number(loss))));
    facts.extend(training.device.clone().map(|device| ("computed by", device)));
    facts.push(("seconds", format!("{:.1}", training.seconds)));
    table(out, ["", ""], facts.into_iter().map(|(name, value)| [name.to_owned(), value]));
}

fn lineage(out: &mut String, card: &ModelCard) {
    if card.lineage.is_empty() {
        return;
    }
    *out += "\n## Lineage\n\n";
    let steps = card.lineage.iter().map(|step| {
        let parents: Vec<&str> = step.parents.iter().map(|parent| parent.name.as_str()).collect();
        let came = step.columns_added.iter().map(|name| format!("+ {name}"));
        let left = step.columns_removed.iter().map(|name| format!("- {name}"));
        let moved = step.drift.as_ref();
        [
            format!("{} ({})", step.operation, step.mode),
            parents.join(", "),
            came.chain(left).collect::<Vec<_>>().join(", "),
            step.n_epochs.to_string(),
            moved.map_or_else(|| "not measured".to_owned(), |d| format!("{:.6}", d.mean_cosine_distance)),
        ]
    });
    table(out, ["step", "from", "columns", "epochs", "drift of old vectors"], steps);
}

fn list(out: &mut String, title: &str, texts: &[String]) {
    let _ = writeln!(out, "\n## {title}\n");
    items(out, texts);
}

fn items(out: &mut String, texts: &[String]) {
    for item in texts {
        let _ = writeln!(out, "- {}", text(item));
    }
}

fn table<const N: usize>(out: &mut String, head: [&str; N], rows: impl Iterator<Item = [String; N]>) {
    let line = |cells: [String; N]| format!("| {} |\n", cells.join(" | "));
    *out += &line(head.map(str::to_owned));
    *out += &line([(); N].map(|()| "---".to_owned()));
    rows.for_each(|cells| *out += &line(cells.map(|cell| text(&cell))));
}

/// Text of unknown origin as text of Markdown, on one line: nothing in it is markup, a link, HTML or an entity
/// (CommonMark 0.31 and GitHub's extensions of it).
fn text(of_unknown: &str) -> String {
    let seen = visible(of_unknown);
    let mut out = String::with_capacity(seen.len());
    let is_number = |at: usize| at > 0 && seen[..at].bytes().all(|b| b.is_ascii_digit());
    for (at, c) in seen.char_indices() {
        let rest = &seen[at..];
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            // Bare addresses become links by themselves.
            '@' => out += "&#64;",
            ':' if rest.starts_with("://") => out += "&#58;",
            '.' if seen[..at].to_lowercase().ends_with("www") => out += "&#46;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', c]),
            // What would begin a list or a heading.
            '-' | '+' | '#' | '=' if at == 0 => out.extend(['\\', c]),
            '.' | ')' if is_number(at) && rest[1..].chars().next().is_none_or(char::is_whitespace) => {
                out.extend(['\\', c]);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_whatever_they_hold() {
        let hostile = "a|b\n# c <img src=x onerror=alert(1)> [d](https://e.f) `g` &amp; *h*";
        let shown = text(hostile);
        assert!(!shown.contains('\n') && !shown.contains('<') && !shown.contains("://"), "{shown}");
        assert!(
            shown.contains("a\\|b") && shown.contains("&amp;amp;") && shown.contains("\\`g\\`"),
            "{shown}"
        );
        assert_eq!(text("2024-11-29 (a)"), "2024-11-29 (a)");
        assert_eq!(
            ["- a", "# a", "1. a", "12) a", "www.a.b"].map(text),
            ["\\- a", "\\# a", "1\\. a", "12\\) a", "www&#46;a.b"]
        );
    }
}
