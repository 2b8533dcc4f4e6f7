//! Rows to vectors.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tabgraft_model::space::Embedded;

use super::{Route, Running, array, object, of_rows, plain, remarks_schema, rows_of, rows_schema};
use crate::call::{Call, Reply, off_the_loop};
use crate::failure::Failure;
use crate::remarks::Remarks;
use crate::work::Answer;

/// Numbers from which on writing them takes long.
const MANY: usize = 4096;

pub(super) fn routes() -> Vec<Route> {
    let paths = ["/models/{model}/embed", "/models/{model}/versions/{version}/embed"];
    of_rows(paths, "One vector for each row.", || rows_schema(&[]), schema, run)
}

/// What else may be asked: nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmbedOptions {}

#[derive(Debug, Serialize)]
struct EmbedReply<'a> {
    #[serde(flatten)]
    remarks: Remarks<'a>,
    d_model: usize,
    vectors: Vec<&'a [f32]>,
}

fn schema() -> Value {
    let mut members = remarks_schema();
    members.push(("d_model", plain("integer", "Coordinates of a vector.")));
    members.push(("vectors", array(&array(&plain("number", "A coordinate, of 32 bits.")))));
    object(members.len(), &members)
}

fn run(mut call: Call) -> Running {
    Box::pin(async move {
        let version = call.version().await?;
        let (model, d_model) = (call.model()?.name.clone(), d_model(&call, version.space())?);
        let most_rows = call.app.options.limits.rows;
        let rows = rows_of::<EmbedOptions>(&mut call, &version, most_rows).await?;
        let answer = call.app.ask(&model, &version, rows.table, rows.errors).await?;
        let Answer::Embedded(answer) = answer else { return Err(Failure::internal()) };
        let n_rows = answer.remarks.n_rows;
        off_the_loop(answer.values.len() > MANY, move || {
            let Embedded { values, remarks, .. } = &*answer;
            Ok(Reply::json(&EmbedReply {
                remarks: Remarks::new(&model, &version, remarks),
                d_model,
                vectors: values.chunks_exact(d_model.max(1)).collect(),
            })?
            .answered(&model, &version, n_rows))
        })
        .await
    })
}

/// The length of a vector.
///
/// # Errors
/// 404 if it is no space that is asked.
pub(super) fn d_model(call: &Call, space: Option<&tabgraft_model::EmbeddingSpace>) -> Result<usize, Failure> {
    space.map(|space| space.d_model()).ok_or_else(|| {
        let name = call.model.as_deref().unwrap_or_default();
        Failure::not_found(format!("`{name}` is a predictor, which gives no vectors"))
            .with_hint("ask a model that is an embedding space, or this one to predict")
    })
}
