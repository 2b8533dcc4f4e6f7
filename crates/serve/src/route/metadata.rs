//! The server, its models and their columns, as the Open Inference Protocol describes them.

use serde::Serialize;
use serde_json::{Value, json};
use tabgraft_model::metric::Task;

use super::{Route, Running, Verb, array, object, plain};
use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::served::{Model, Version};
use crate::tensor::{Datatype, datatype_of};

pub(super) fn routes() -> Vec<Route> {
    let route = |path, summary, gives: fn() -> Value, run| Route {
        method: Verb::Get,
        path,
        is_open: false,
        summary,
        asks: None,
        gives: ("application/json", Some(gives)),
        run,
    };
    let of_model = "A model's versions, the columns that it reads, and what it gives.";
    vec![
        route("/v2", "The server, and the models that it serves.", server_schema, server),
        route("/v2/models/{model}", of_model, model_schema, model),
        route("/v2/models/{model}/versions/{version}", of_model, model_schema, model),
    ]
}

/// A tensor that goes in or comes out; -1 stands for the number of rows.
#[derive(Debug, Serialize)]
struct TensorMetadata {
    name: String,
    datatype: Datatype,
    shape: Vec<i64>,
}

fn server_schema() -> Value {
    let text = json!({ "type": "string" });
    object(
        4,
        &[
            ("name", plain("string", "tabgraft")),
            ("version", plain("string", "Of the software.")),
            ("extensions", array(&text)),
            ("models", array(&text)),
        ],
    )
}

fn model_schema() -> Value {
    let tensor = object(
        3,
        &[
            ("name", plain("string", "Of a column or an output.")),
            ("datatype", plain("string", "BYTES, BOOL, INT64, FP32 or FP64.")),
            ("shape", array(&plain("integer", "-1 stands for the number of rows."))),
        ],
    );
    object(
        5,
        &[
            ("name", plain("string", "The model's name.")),
            ("versions", array(&plain("string", "Ids; of a registry those that it holds."))),
            ("platform", plain("string", "tabgraft_embedding_space or tabgraft_predictor")),
            ("inputs", array(&tensor)),
            ("outputs", array(&tensor)),
            ("parameters", plain("object", "Which version this is, and names of classes and columns.")),
        ],
    )
}

fn server(call: Call) -> Running {
    Box::pin(async move {
        let names: Vec<&str> = call.app.served.models.iter().map(|model| model.name.as_str()).collect();
        Reply::json(&json!({
            "name": "tabgraft",
            "version": env!("CARGO_PKG_VERSION"),
            "extensions": ["binary_tensor_data"],
            "models": names
        }))
    })
}

fn model(call: Call) -> Running {
    Box::pin(async move {
        let version = call.version().await?;
        let model = call.model()?;
        let column_names: Vec<&str> = version.columns().iter().map(|column| column.name.as_str()).collect();
        let mut parameters = json!({
            "version": version.id,
            "name": version.name,
            "is_current": model.current().is_some_and(|current| current.id == version.id),
            "columns": column_names
        });
        if let Some(predictor) = version.predictor() {
            parameters["target"] = predictor.target().column().into();
            parameters["classes"] = predictor.target().classes().into();
        }
        Reply::json(&json!({
            "name": model.name,
            "versions": ids(model)?,
            "platform": format!("tabgraft_{}", version.model.kind().name()),
            "inputs": inputs(&version),
            "outputs": outputs(&version),
            "parameters": parameters
        }))
    })
}

/// The ids of a model's versions.
fn ids(model: &Model) -> Result<Vec<String>, Failure> {
    Ok(match model.registry() {
        Some(registry) => registry.versions()?.iter().map(|version| version.id.as_str().to_owned()).collect(),
        None => model.current().iter().map(|version| version.id.clone()).collect(),
    })
}

fn inputs(version: &Version) -> Vec<TensorMetadata> {
    let tensor = |input: &crate::served::Input| TensorMetadata {
        name: input.name.clone(),
        datatype: datatype_of(input.kind),
        shape: vec![-1],
    };
    version.inputs.iter().map(tensor).collect()
}

fn outputs(version: &Version) -> Vec<TensorMetadata> {
    let tensor = |name: &str, datatype, shape: &[usize]| TensorMetadata {
        name: name.to_owned(),
        datatype,
        shape: std::iter::once(-1).chain(shape.iter().map(|n| *n as i64)).collect(),
    };
    let n_columns = version.columns().len();
    let mut outputs = match (version.space(), version.predictor()) {
        (Some(space), _) => vec![tensor("z", Datatype::Fp32, &[space.d_model()])],
        (None, Some(predictor)) if predictor.target().task() == Task::Regression => {
            vec![tensor("prediction", Datatype::Fp64, &[])]
        }
        (None, Some(predictor)) => vec![
            tensor("probabilities", Datatype::Fp64, &[predictor.target().classes().len()]),
            tensor("class", Datatype::Bytes, &[]),
            tensor("class_idx", Datatype::Int64, &[]),
            tensor("confidence", Datatype::Fp64, &[]),
        ],
        (None, None) => Vec::new(),
    };
    outputs.push(tensor("missing", Datatype::Bool, &[n_columns]));
    outputs.push(tensor("unseen", Datatype::Bool, &[n_columns]));
    outputs
}
