//! What a version says of the row that was tried.

use serde::Serialize;
use tabgraft_model::metric::Task;
use tabgraft_model::space::TableRemarks;

use super::reasons::Reasons;
use crate::failure::Failure;
use crate::served::Version;
use crate::work::Answer;

/// Coordinates that are shown of a vector.
const MOST_COORDINATES: usize = 8;

/// An answer as the page shows it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Answered {
    failure: Option<Told>,
    title: String,
    sub: String,
    bars_of: &'static str,
    bars_value: &'static str,
    bars: Vec<Bar>,
    reasons: Option<Reasons>,
    notes: Vec<String>,
    neighbours: Vec<(String, String)>,
    neighbours_by: String,
    n_rows_index: usize,
}

/// Similar rows.
#[derive(Debug)]
pub(crate) struct Similar {
    /// Keys and similarities.
    pub found: Vec<(String, f32)>,
    /// The model whose vectors were compared.
    pub by: String,
    pub n_rows_index: usize,
}

/// A failure in words.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Told {
    error: String,
    hint: Option<String>,
}

/// A share as a bar.
#[derive(Debug, Serialize)]
struct Bar {
    label: String,
    text: String,
    /// 0 to 100.
    width: String,
}

impl From<&Failure> for Told {
    fn from(failure: &Failure) -> Self {
        Told { error: failure.error.clone(), hint: failure.hint.clone() }
    }
}

impl Answered {
    /// That there is none.
    pub fn failed(failure: &Failure) -> Self {
        Answered { failure: Some(failure.into()), ..Answered::default() }
    }

    /// The answer about one row. `reasons` are those of a prediction, or why there are none.
    pub fn of(
        answer: &Answer,
        version: &Version,
        reasons: Option<Result<Reasons, Failure>>,
        similar: Option<Similar>,
    ) -> Self {
        let mut told = match answer {
            Answer::Embedded(answer) => {
                let shown: Vec<String> =
                    answer.values.iter().take(MOST_COORDINATES).map(|v| format!("{v:.4}")).collect();
                Answered {
                    title: format!("A vector of {} coordinates", answer.values.len()),
                    sub: format!("It begins with {}", shown.join(", ")),
                    notes: notes(&answer.remarks),
                    ..Answered::default()
                }
            }
            Answer::Predicted(answer) => {
                let mut told = predicted(answer, version);
                let words = answer.guardrails.iter().map(|guardrail| {
                    format!("Column `{}` is unlike the training rows: {}.", guardrail.column, guardrail.word)
                });
                told.notes = words.chain(notes(&answer.remarks)).collect();
                told
            }
        };
        match reasons {
            Some(Ok(reasons)) => told.reasons = Some(reasons),
            Some(Err(failure)) => told.notes.push(format!("No reasons can be given: {}.", failure.error)),
            None => {}
        }
        if let Some(Similar { found, by, n_rows_index }) = similar {
            told.neighbours = found.into_iter().map(|(key, cosine)| (key, format!("{cosine:.4}"))).collect();
            (told.neighbours_by, told.n_rows_index) = (by, n_rows_index);
        }
        told
    }
}

fn predicted(answer: &tabgraft_model::predictor::Predicted, version: &Version) -> Answered {
    let predictions = &answer.predictions;
    let target = version.predictor().map_or("", |predictor| predictor.target().column());
    if predictions.task == Task::Regression {
        let ends = predictions.interval.as_ref();
        return Answered {
            title: format!("{target}: {}", predictions.values.first().map_or(f64::NAN, |v| *v)),
            sub: ends.map_or_else(String::new, |ends| {
                format!(
                    "80 of 100 such intervals cover the truth: {:.6} to {:.6}",
                    ends.lower[0], ends.upper[0]
                )
            }),
            ..Answered::default()
        };
    }
    let class = predictions.class_idx.first().map_or("", |i| &predictions.classes[*i]);
    let sure = predictions.confidence.first().copied().unwrap_or(0.0);
    let threshold = (predictions.classes.len() == 2).then(|| {
        format!("; `{}` from a probability of {:.4} on", predictions.classes[1], predictions.threshold)
    });
    let bar = |(label, p): (&String, &f64)| Bar {
        label: label.clone(),
        text: format!("{p:.4}"),
        width: format!("{:.2}", 100.0 * p),
    };
    Answered {
        title: format!("{target}: {class}"),
        sub: format!("Confidence {sure:.4}{}", threshold.unwrap_or_default()),
        bars_of: "class",
        bars_value: "probability",
        bars: predictions.classes.iter().zip(&predictions.values).map(bar).collect(),
        ..Answered::default()
    }
}

/// What there is to say of the cells.
fn notes(remarks: &TableRemarks) -> Vec<String> {
    let mut notes = Vec::new();
    let missing = &remarks.report.missing_columns;
    if !missing.is_empty() {
        notes.push(format!("Missing: {}.", tabgraft_table::table::quoted(missing)));
    }
    let ignored = remarks.report.ignored_columns.iter();
    notes.extend(ignored.map(|column| format!("Column `{}` is not used: {}.", column.name, column.reason)));
    notes.extend(remarks.unseen.iter().map(|column| format!("{column}.")));
    notes.extend(remarks.differing.iter().map(|column| format!("{column}.")));
    notes
}
