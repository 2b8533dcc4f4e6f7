//! `predict`: classes or numbers for the rows of a table.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use clap::Args;
use serde::Serialize;
use tabgraft_feature::Differing;
use tabgraft_model::Predictor;
use tabgraft_model::predictor::{Guardrail, Predictions};
use tabgraft_model::space::{ColumnReport, UnseenColumn};
use tabgraft_table::unreadable::UnreadableColumn;

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, RowsArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::table_notes;
use crate::report::{Report, line};

/// Predict the target for each row of a table.
///
/// For classes the columns are `class`, `confidence` (0 to 1) and one `p_CLASS` per class; for a
/// number there is one, `prediction`, and with --interval two more, `lower` and `upper`. Rows stay in the table's order.
///
/// Reads PREDICTOR and TABLE; writes CSV to stdout, or CSV or Parquet to --out. On stderr stand the
/// columns that were not used or not there, and how many cells are unlike the rows that were
/// learned from: outlier from 3 standard deviations, extrapolation from 4, severe from 20, error
/// from 100.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft predict credit.tabgraft applications.csv --key application_id > predictions.csv")]
pub struct PredictArgs {
    /// The predictor
    predictor: PathBuf,
    /// Probability from which on the second of two classes is predicted, 0 to 1; default: the predictor's
    #[arg(long, value_name = "P")]
    threshold: Option<f64>,
    /// Probability that an interval around each number covers the truth, above 0 and below 1: adds the columns `lower`
    /// and `upper`
    #[arg(long, value_name = "P")]
    interval: Option<f64>,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

/// What `predict` reports.
#[derive(Debug, Serialize)]
struct PredictReport {
    predictor: String,
    target: String,
    task: &'static str,
    n_rows: usize,
    threshold: Option<f64>,
    columns: ColumnReport,
    /// Columns with cells that cannot be read and count as missing.
    unreadable: Vec<UnreadableColumn>,
    /// Columns whose cells are mostly values that training has not seen.
    unseen: Vec<UnseenColumn>,
    /// Features that the table had, with cells that are not what the feature gives.
    differing: Vec<Differing>,
    /// Cells by column and word.
    guardrails: BTreeMap<String, BTreeMap<&'static str, usize>>,
}

impl PredictArgs {
    /// Predicts, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let predictor = Predictor::load(&self.predictor)?;
        let parts =
            self.rows.parts(&self.predictor, &predictor.read_options(), predictor.needs(), console)?;
        let mut stream = predictor.stream(self.errors.errors());
        let mut counts = BTreeMap::new();
        let (mut task, mut threshold) = ("", None);
        self.rows.write_parts(parts, console, |part| {
            let (mut predictions, guardrails) = stream.predict(part)?;
            if let Some(threshold) = self.threshold {
                predictions = predictions.at_threshold(threshold)?;
            }
            if let Some(level) = self.interval {
                predictions = predictor.with_interval(predictions, level)?;
            }
            count(&guardrails, &mut counts);
            task = predictions.task.name();
            threshold = (predictions.classes.len() == 2).then_some(predictions.threshold);
            Ok(result_columns(&predictions))
        })?;
        let remarks = stream.finish();
        table_notes(&remarks, console);
        console.side_report(&PredictReport {
            predictor: predictor.name().to_owned(),
            target: predictor.target().column().to_owned(),
            task,
            n_rows: remarks.n_rows,
            threshold,
            columns: remarks.report,
            unreadable: remarks.unreadable,
            unseen: remarks.unseen,
            differing: remarks.differing,
            guardrails: counts,
        })?;
        Ok(Answer::Yes)
    }
}

fn result_columns(predictions: &Predictions) -> Vec<(String, ArrayRef)> {
    let output = |i: usize| -> ArrayRef {
        let values = predictions.values.iter().skip(i).step_by(predictions.n_outputs);
        Arc::new(Float64Array::from_iter_values(values.copied()))
    };
    let mut columns: Vec<ArrayRef> = Vec::new();
    if !predictions.classes.is_empty() {
        let class = predictions.class_idx.iter().map(|i| predictions.classes[*i].as_str());
        columns.push(Arc::new(StringArray::from_iter_values(class)));
        columns.push(Arc::new(Float64Array::from(predictions.confidence.clone())));
    }
    columns.extend((0..predictions.n_outputs).map(output));
    if let Some(ends) = &predictions.interval {
        columns.extend(
            [&ends.lower, &ends.upper].map(|ends| -> ArrayRef { Arc::new(Float64Array::from(ends.clone())) }),
        );
    }
    predictions.column_names().into_iter().zip(columns).collect()
}

fn count(guardrails: &[Guardrail], counts: &mut BTreeMap<String, BTreeMap<&'static str, usize>>) {
    for guardrail in guardrails {
        *counts.entry(guardrail.column.clone()).or_default().entry(guardrail.word).or_default() += 1;
    }
}

impl Report for PredictReport {
    fn text(&self) -> String {
        let mut text = line!("{} rows predicted by `{}`: `{}`", self.n_rows, self.predictor, self.target);
        for (column, counts) in &self.guardrails {
            let counts: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
            text += &line!("guardrail: column `{column}`: {} cell(s)", counts.join(", "));
        }
        text
    }
}
