//! Tensors in, tensors out: inference as the Open Inference Protocol has it.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tabgraft_model::metric::Task;
use tabgraft_table::unreadable::CellErrors;

use super::{Route, Running, array, object, of_rows, plain};
use crate::call::{Call, Reply, is_long, off_the_loop};
use crate::failure::Failure;
use crate::rows::parse;
use crate::served::Version;
use crate::tensor::{InputTensor, OutputTensor, Parameters, Values, table_of};
use crate::work::Answer;

/// Where the JSON ends, if bytes follow it.
const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
/// Rows from which on writing them takes long.
const MANY: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    let paths = ["/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"];
    of_rows(paths, "Vectors or predictions of columns that come as tensors.", asks, gives, run)
}

/// What is asked.
#[derive(Debug, Deserialize)]
struct InferBody<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: Parameters,
    #[serde(borrow)]
    inputs: Vec<InputTensor<'a>>,
    #[serde(default)]
    outputs: Vec<WantedOutput>,
}

/// An output that is asked for.
#[derive(Debug, Clone, Deserialize)]
struct WantedOutput {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// What a request says besides its inputs.
#[derive(Debug)]
struct Wanted {
    id: Option<String>,
    outputs: Vec<WantedOutput>,
    is_binary: bool,
}

#[derive(Debug, Serialize)]
struct InferReply<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    parameters: Value,
    outputs: Vec<OutputTensor<'a>>,
}

fn asks() -> Value {
    let input = object(
        4,
        &[
            ("name", plain("string", "A column's name.")),
            ("shape", array(&plain("integer", "The number of rows; a 1 may follow."))),
            ("datatype", plain("string", "BYTES, BOOL, FP32, FP64, INT8 to INT64, UINT8 to UINT64")),
            ("data", array(&json!({ "description": "null, NaN or an empty text is a missing cell" }))),
            ("parameters", plain("object", "binary_data_size: bytes behind the JSON, in place of data")),
        ],
    );
    let output = object(
        1,
        &[
            ("name", plain("string", "An output's name.")),
            ("parameters", plain("object", "binary_data: whether it is wanted as bytes")),
        ],
    );
    object(
        1,
        &[
            ("inputs", array(&input)),
            ("id", plain("string", "Comes back with the answer.")),
            ("outputs", array(&output)),
            ("parameters", plain("object", "binary_data_output: whether all are wanted as bytes")),
        ],
    )
}

fn gives() -> Value {
    let output = object(
        3,
        &[
            (
                "name",
                plain(
                    "string",
                    "z; or probabilities, class, class_idx and confidence; or prediction; missing, unseen",
                ),
            ),
            ("datatype", plain("string", "FP32, FP64, INT64, BOOL or BYTES")),
            ("shape", array(&plain("integer", "Rows first."))),
            ("data", array(&json!({}))),
        ],
    );
    object(
        4,
        &[
            ("model_name", plain("string", "The model's name.")),
            ("model_version", plain("string", "Id of the version that answered all rows.")),
            ("outputs", array(&output)),
            (
                "parameters",
                plain("object", "columns, unseen, differing and guardrails, each as JSON in a text."),
            ),
            ("id", plain("string", "That of the request.")),
        ],
    )
}

fn run(mut call: Call) -> Running {
    Box::pin(async move {
        let version = call.version().await?;
        let model = call.model()?.name.clone();
        let header_length = header_length(&call)?;
        let (body, most_rows) = (call.body().await?, call.app.options.limits.rows);
        let read = version.clone();
        let asked =
            off_the_loop(is_long(body.len()), move || read_body(&body, header_length, &read, most_rows));
        let (wanted, table) = asked.await?;
        let answer = call.app.ask(&model, &version, table, CellErrors::Error).await?;
        let n_rows = answer.counts().rows as usize;
        off_the_loop(n_rows > MANY, move || {
            Ok(reply(wanted, &answer, &model, &version)?.answered(&model, &version, n_rows))
        })
        .await
    })
}

/// Bytes of the JSON in front of others; none if there are no others.
fn header_length(call: &Call) -> Result<Option<usize>, Failure> {
    let Some(length) = call.headers.get(&HEADER_LENGTH) else { return Ok(None) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    length.map(Some).ok_or_else(|| Failure::bad_request(format!("the header `{HEADER_LENGTH}` is no number")))
}

fn read_body(
    body: &Bytes,
    header_length: Option<usize>,
    version: &Version,
    most_rows: usize,
) -> Result<(Wanted, tabgraft_table::Table), Failure> {
    let length = header_length.unwrap_or(body.len());
    let Some((json, bytes)) = body.split_at_checked(length) else {
        return Err(Failure::bad_request(format!(
            "the JSON is said to have {length} bytes, the body has {}",
            body.len()
        )));
    };
    let InferBody { id, parameters, inputs, outputs } = parse(json)?;
    let table = table_of(&inputs, bytes, version, most_rows)?;
    Ok((Wanted { id, outputs, is_binary: parameters.binary_data_output.unwrap_or(false) }, table))
}

fn reply(wanted: Wanted, answer: &Answer, model: &str, version: &Version) -> Result<Reply, Failure> {
    let (cells, remarks) = match answer {
        Answer::Embedded(answer) => (&answer.cells, &answer.remarks),
        Answer::Predicted(answer) => (&answer.cells, &answer.remarks),
    };
    let (n, n_columns) = (remarks.n_rows, version.columns().len());
    let mut all: Vec<(&'static str, Vec<usize>, Values<'_>)> = Vec::new();
    let mut guardrails = json!([]);
    match answer {
        Answer::Embedded(answer) => {
            all.push(("z", vec![n, answer.values.len() / n.max(1)], Values::Fp32(&answer.values)));
        }
        Answer::Predicted(answer) => {
            let predictions = &answer.predictions;
            guardrails = answer
                .guardrails
                .iter()
                .map(|g| json!({ "row_idx": g.row_idx, "column": g.column, "word": g.word }))
                .collect();
            if predictions.task == Task::Regression {
                all.push(("prediction", vec![n], Values::Fp64(&predictions.values)));
            } else {
                let classes =
                    predictions.class_idx.iter().map(|i| predictions.classes[*i].as_str()).collect();
                let class_idx = predictions.class_idx.iter().map(|i| *i as i64).collect();
                let shape = vec![n, predictions.n_outputs];
                all.push(("probabilities", shape, Values::Fp64(&predictions.values)));
                all.push(("class", vec![n], Values::Bytes(classes)));
                all.push(("class_idx", vec![n], Values::Int64(class_idx)));
                all.push(("confidence", vec![n], Values::Fp64(&predictions.confidence)));
            }
        }
    }
    all.push(("missing", vec![n, n_columns], Values::Bool(&cells.missing)));
    all.push(("unseen", vec![n, n_columns], Values::Bool(&cells.unseen)));
    let mut binary = Vec::new();
    let mut outputs = Vec::new();
    if wanted.outputs.is_empty() {
        for (name, shape, values) in all {
            outputs.push(OutputTensor::new(name, shape, values, wanted.is_binary, &mut binary));
        }
    } else {
        for output in &wanted.outputs {
            let Some((name, shape, values)) = all.iter().find(|(name, ..)| *name == output.name) else {
                let names: Vec<&str> = all.iter().map(|(name, ..)| *name).collect();
                return Err(Failure::bad_request(format!("there is no output `{}`", output.name))
                    .with_hint(format!("the outputs are {}", tabgraft_table::table::quoted(&names))));
            };
            let is_binary = output.parameters.binary_data.unwrap_or(wanted.is_binary);
            outputs.push(OutputTensor::new(name, shape.clone(), values.clone(), is_binary, &mut binary));
        }
    }
    // A parameter is a text, a number or a boolean: what has parts is JSON within.
    let parameters = json!({
        "name": version.name,
        "columns": text(&remarks.report)?,
        "unseen": text(&remarks.unseen)?,
        "differing": text(&remarks.differing)?,
        "guardrails": text(&guardrails)?
    });
    let reply =
        InferReply { model_name: model, model_version: &version.id, id: wanted.id, parameters, outputs };
    if binary.is_empty() {
        return Reply::json(&reply);
    }
    let mut bytes = serde_json::to_vec(&reply).map_err(|_| Failure::internal())?;
    let length = HeaderValue::from(bytes.len());
    bytes.append(&mut binary);
    let mut reply = Reply::of("application/octet-stream", Body::from(bytes));
    reply.response.headers_mut().insert(HEADER_LENGTH, length);
    Ok(reply)
}

fn text(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|_| Failure::internal())
}
