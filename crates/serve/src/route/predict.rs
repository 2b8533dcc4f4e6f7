//! Rows to classes or numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use tabgraft_model::metric::Task;
use tabgraft_model::predictor::{Guardrail, Predicted, Predictions};

use super::{Route, Running, array, object, of_rows, plain, remarks_schema, rows_of, rows_schema};
use crate::call::{Call, Reply, off_the_loop};
use crate::failure::Failure;
use crate::remarks::Remarks;
use crate::served::Version;
use crate::work::Answer;

/// Rows from which on writing them takes long.
const MANY: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    let paths = ["/models/{model}/predict", "/models/{model}/versions/{version}/predict"];
    of_rows(
        paths,
        "A class with its probabilities, or a number, for each row.",
        || rows_schema(&options_schema()),
        schema,
        run,
    )
}

/// What else may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PredictOptions {
    threshold: Option<f64>,
    interval: Option<f64>,
}

#[derive(Debug, Serialize)]
struct PredictReply<'a> {
    #[serde(flatten)]
    remarks: Remarks<'a>,
    target: &'a str,
    task: &'static str,
    threshold: Option<f64>,
    /// Cells by column and word.
    guardrails: BTreeMap<&'a str, BTreeMap<&'static str, usize>>,
    predictions: Vec<RowPrediction<'a>>,
}

/// What is predicted of a row.
#[derive(Debug, Serialize)]
struct RowPrediction<'a> {
    #[serde(flatten)]
    value: RowValue<'a>,
    /// Cells of the row that are unlike the training rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    guardrails: Vec<CellWord<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RowValue<'a> {
    Class {
        class: &'a str,
        confidence: f64,
        probabilities: Probabilities<'a>,
    },
    Number {
        prediction: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        lower: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upper: Option<f64>,
    },
}

/// By class, in the order of the classes.
#[derive(Debug)]
struct Probabilities<'a> {
    classes: &'a [String],
    values: &'a [f64],
}

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.classes.iter().zip(self.values))
    }
}

#[derive(Debug, Serialize)]
struct CellWord<'a> {
    column: &'a str,
    word: &'static str,
}

fn options_schema() -> Vec<(&'static str, Value)> {
    vec![
        ("threshold", plain("number", "From which probability on the second of two classes is predicted.")),
        ("interval", plain("number", "Probability that an interval around each number covers the truth.")),
    ]
}

fn schema() -> Value {
    let guardrail = object(
        2,
        &[
            ("column", plain("string", "The column of the cell.")),
            ("word", plain("string", "unseen, outlier, extrapolation, severe or error")),
        ],
    );
    let prediction = object(
        0,
        &[
            ("class", plain("string", "The class, of a predictor of classes.")),
            ("confidence", plain("number", "How sure the class is, 0 to 1.")),
            ("probabilities", json!({ "type": "object", "additionalProperties": { "type": "number" } })),
            ("prediction", plain("number", "The number, of a predictor of numbers.")),
            ("lower", plain("number", "Lower end of the interval, where one was asked for.")),
            ("upper", plain("number", "Its upper end.")),
            ("guardrails", array(&guardrail)),
        ],
    );
    let mut members = remarks_schema();
    members.extend([
        ("target", plain("string", "The column that is predicted.")),
        ("task", plain("string", "binary, multiclass or regression")),
        ("threshold", json!({ "type": ["number", "null"], "description": "Of two classes." })),
        ("guardrails", plain("object", "Cells unlike the training rows, by column and word.")),
        ("predictions", array(&prediction)),
    ]);
    object(members.len(), &members)
}

fn run(mut call: Call) -> Running {
    Box::pin(async move {
        let version = call.version().await?;
        let model = call.model()?.name.clone();
        check_predicts(&model, &version, "ask a model that is a predictor, or this one to embed")?;
        let most_rows = call.app.options.limits.rows;
        let rows = rows_of::<PredictOptions>(&mut call, &version, most_rows).await?;
        let answer = call.app.ask(&model, &version, rows.table, rows.errors).await?;
        let Answer::Predicted(answer) = answer else { return Err(Failure::internal()) };
        let options = rows.options;
        off_the_loop(answer.remarks.n_rows > MANY, move || {
            let answer = options.applied(*answer, &version)?;
            let n_rows = answer.remarks.n_rows;
            Ok(Reply::json(&reply(&answer, &model, &version))?.answered(&model, &version, n_rows))
        })
        .await
    })
}

/// Whether the version of a model is a predictor.
///
/// # Errors
/// 404 if it is a space.
pub(super) fn check_predicts(model: &str, version: &Version, hint: &str) -> Result<(), Failure> {
    match version.predictor() {
        Some(_) => Ok(()),
        None => Err(Failure::not_found(format!("`{model}` is an embedding space, which predicts nothing"))
            .with_hint(hint)),
    }
}

impl PredictOptions {
    /// The answer as these options want it.
    ///
    /// # Errors
    /// 422 for options that do not go with the target.
    pub fn applied(&self, mut answer: Predicted, version: &Version) -> Result<Predicted, Failure> {
        if let Some(threshold) = self.threshold {
            answer.predictions = answer.predictions.at_threshold(threshold)?;
        }
        if let (Some(level), Some(predictor)) = (self.interval, version.predictor()) {
            answer.predictions = predictor.with_interval(answer.predictions, level)?;
        }
        Ok(answer)
    }
}

fn reply<'a>(answer: &'a Predicted, model: &'a str, version: &'a Version) -> PredictReply<'a> {
    let Predicted { predictions, guardrails, remarks, .. } = answer;
    let mut by_column: BTreeMap<&str, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for Guardrail { column, word, .. } in guardrails {
        *by_column.entry(column).or_default().entry(word).or_default() += 1;
    }
    // They come in the order of the rows.
    let mut rest = &guardrails[..];
    let rows = (0..remarks.n_rows).map(|row| {
        let n_own = rest.iter().take_while(|guardrail| guardrail.row_idx == row).count();
        let (own, others) = rest.split_at(n_own);
        rest = others;
        let words = own.iter().map(|g| CellWord { column: &g.column, word: g.word }).collect();
        RowPrediction { value: value(predictions, row), guardrails: words }
    });
    PredictReply {
        remarks: Remarks::new(model, version, remarks),
        target: version.predictor().map_or("", |predictor| predictor.target().column()),
        task: predictions.task.name(),
        threshold: (predictions.classes.len() == 2).then_some(predictions.threshold),
        guardrails: by_column,
        predictions: rows.collect(),
    }
}

fn value(predictions: &Predictions, row: usize) -> RowValue<'_> {
    let values = &predictions.values[row * predictions.n_outputs..(row + 1) * predictions.n_outputs];
    if predictions.task == Task::Regression {
        let ends = predictions.interval.as_ref();
        return RowValue::Number {
            prediction: values[0],
            lower: ends.map(|ends| ends.lower[row]),
            upper: ends.map(|ends| ends.upper[row]),
        };
    }
    RowValue::Class {
        class: &predictions.classes[predictions.class_idx[row]],
        confidence: predictions.confidence[row],
        probabilities: Probabilities { classes: &predictions.classes, values },
    }
}
