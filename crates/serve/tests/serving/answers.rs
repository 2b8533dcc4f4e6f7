//! Answers are those of the library, bit for bit, however they are asked for.

use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};
use tabgraft_model::index::SearchOptions;
use tabgraft_model::odd::SurpriseOptions;
use tabgraft_model::predictor::{ExplainOptions, Scale};
use tabgraft_model::train::quiet;
use tabgraft_model::{ModelFile, RowIndex};
use tabgraft_serve::{Handler, ServeOptions};

use crate::client::{Client, Reply};
use crate::models::{FILES, N_ROWS, load, read_like, row, serve, served};

/// The probabilities that a predictor's file gives for rows.
fn probabilities(name: &str, rows: &[Value]) -> Vec<f64> {
    let model = load(&FILES.path(name));
    let table = read_like(&model, rows);
    let ModelFile::Predictor(predictor) = model else { panic!("{name} is no predictor") };
    predictor.predict(&table).unwrap().values
}

fn vectors(name: &str, rows: &[Value]) -> Vec<f32> {
    let space = FILES.space(name);
    let table = read_like(&ModelFile::Space(Box::new(space.clone())), rows);
    space.embed(&table).unwrap().values
}

/// All probabilities of an answer, in the order of the classes.
fn told_probabilities(reply: &Reply) -> Vec<f64> {
    let document = reply.json();
    let predictions = document["predictions"].as_array().unwrap_or_else(|| panic!("{document}"));
    predictions
        .iter()
        .flat_map(|p| p["probabilities"].as_object().unwrap().values().map(|v| v.as_f64().unwrap()))
        .collect()
}

fn told_vectors(document: &Value) -> Vec<f32> {
    let rows = document["vectors"].as_array().unwrap();
    rows.iter().flat_map(|row| row.as_array().unwrap()).map(|v| v.as_f64().unwrap() as f32).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn predictions_are_those_of_the_library() {
    let running = serve(&["yes_no", "how_much"], ServeOptions::default());
    let rows: Vec<Value> = (0..50).map(row).collect();
    let mut client = Client::to(running.address);
    let reply = client.post("/models/yes_no/predict", &json!({ "rows": rows }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(bits(&told_probabilities(&reply)), bits(&probabilities("yes_no", &rows)));
    let document = reply.json();
    assert_eq!(document["model"], "yes_no");
    assert_eq!(document["version"], FILES.predictor("yes_no").id().as_str());
    assert_eq!((&document["target"], &document["n_rows"]), (&json!("outcome"), &json!(50)));
    let sure = document["predictions"][0]["confidence"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&sure));

    let reply = client.post("/models/how_much/predict", &json!({ "rows": rows, "interval": 0.8 }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let document = reply.json();
    let numbers: Vec<f64> = document["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["prediction"].as_f64().unwrap())
        .collect();
    assert_eq!(bits(&numbers), bits(&probabilities("how_much", &rows)));
    let first = &document["predictions"][0];
    let [lower, middle, upper] = ["lower", "prediction", "upper"].map(|end| first[end].as_f64().unwrap());
    assert!(lower <= middle && middle <= upper, "{first}");
}

#[test]
fn a_threshold_decides_and_one_that_is_none_is_refused() {
    let running = serve(&["yes_no", "how_much"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let mut class = |threshold: f64| {
        let reply =
            client.post("/models/yes_no/predict", &json!({ "rows": [row(1)], "threshold": threshold }));
        (reply.status, reply.json()["predictions"][0]["class"].clone())
    };
    let classes = FILES.predictor("yes_no").target().classes().to_vec();
    assert_eq!(class(0.0), (200, json!(classes[1])));
    assert_eq!(class(1.0), (200, json!(classes[0])));
    assert_eq!(class(1.5).0, 422);
    let reply = client.post("/models/how_much/predict", &json!({ "rows": [row(1)], "threshold": 0.5 }));
    assert_eq!(reply.status, 422);
    let reply = client.post("/models/yes_no/predict", &json!({ "rows": [row(1)], "treshold": 0.5 }));
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("treshold"), "{}", reply.text());
}

#[test]
fn vectors_and_neighbours_are_those_of_the_library() {
    let options = ServeOptions { indices: vec![FILES.path("index")], ..ServeOptions::default() };
    let running = serve(&["v1", "v2", "yes_no"], options);
    let mut client = Client::to(running.address);
    let rows: Vec<Value> = (5..25).map(row).collect();
    for name in ["v1", "v2"] {
        let document = client.post(&format!("/models/{name}/embed"), &json!({ "rows": rows })).json();
        assert_eq!(told_vectors(&document), vectors(name, &rows), "{name}");
    }
    // A frozen graft begins with its parent's coordinates: the index goes on.
    let index = RowIndex::load(&FILES.path("index")).unwrap();
    for name in ["v1", "v2"] {
        let body = json!({ "rows": rows, "k": 3, "similarity": "cosine" });
        let document = client.post(&format!("/models/{name}/neighbours"), &body).json();
        let options = SearchOptions { k: 3, ..SearchOptions::default() };
        let found = index.search(&FILES.space(name), &vectors(name, &rows), &options).unwrap();
        for (told, found) in document["neighbours"].as_array().unwrap().iter().zip(&found) {
            for (told, found) in told.as_array().unwrap().iter().zip(found) {
                assert_eq!(told["neighbour"], index.keys()[found.row]);
                assert_eq!(told["similarity"].as_f64().unwrap() as f32, found.similarity);
            }
        }
        assert_eq!(document["n_rows_index"], N_ROWS);
        assert_eq!(document["neighbours"].as_array().unwrap().len(), rows.len());
    }
    assert_eq!(client.post("/models/yes_no/embed", &json!({ "rows": rows })).status, 404);
    assert_eq!(client.post("/models/v1/predict", &json!({ "rows": rows })).status, 404);
    assert_eq!(client.post("/models/v1/neighbours", &json!({ "rows": rows, "k": 0 })).status, 422);
    assert_eq!(client.post("/models/v1/neighbours", &json!({ "rows": rows, "k": 5000 })).status, 422);
}

#[test]
fn reasons_and_odd_cells_are_those_of_the_library() {
    let running = serve(&["v1", "yes_no"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let rows: Vec<Value> = (5..17).map(row).collect();
    let table = read_like(&load(&FILES.path("yes_no")), &rows);

    let reply = client.post("/models/yes_no/explain", &json!({ "rows": rows, "scale": "probability" }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let document = reply.json();
    let options = ExplainOptions { scale: Some(Scale::Probability), ..ExplainOptions::default() };
    let found = FILES.predictor("yes_no").explain(&table, &options, &mut quiet).unwrap();
    assert_eq!(document["rows"], json!(found.reasons(0..rows.len()).unwrap()));
    assert_eq!((&document["base"], &document["outputs"]), (&json!(found.base), &json!(["yes"])));
    // With the base, contributions sum to the prediction.
    for told in document["rows"].as_array().unwrap() {
        let given =
            told["reasons"].as_array().unwrap().iter().map(|r| r["contribution"][0].as_f64().unwrap());
        let sum = found.base[0] + given.sum::<f64>();
        assert!((sum - told["prediction"][0].as_f64().unwrap()).abs() < 1e-9, "{told}");
    }

    let reply = client.post("/models/v1/surprise", &json!({ "rows": rows, "n_reasons": 2 }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let document = reply.json();
    let options = SurpriseOptions { n_reasons: 2, ..SurpriseOptions::default() };
    let (odd, _) = FILES.space("v1").surprise(&table, &options).unwrap();
    for (i, told) in document["rows"].as_array().unwrap().iter().enumerate() {
        assert_eq!(told["surprise"].as_f64().unwrap().to_bits(), odd.scores[i].to_bits());
        assert_eq!(told["share_less_odd"].as_f64(), odd.shares.get(i).copied());
        assert_eq!(told["cells"], json!(odd.reasons[i]));
    }
    assert_eq!(document["n_rows"], json!(rows.len()));
}

#[test]
fn reasons_and_odd_cells_have_their_limits() {
    let running = serve(&["v1", "yes_no", "how_much"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let rows: Vec<Value> = (0..101).map(row).collect();
    for (path, body, status) in [
        ("/models/yes_no/explain", json!({ "rows": rows }), 413),
        ("/models/yes_no/explain", json!({ "rows": rows[..1], "n_evaluations": 100_000 }), 422),
        ("/models/yes_no/explain", json!({ "rows": rows[..1], "class": "maybe" }), 422),
        ("/models/how_much/explain", json!({ "rows": rows[..1], "scale": "log_odds" }), 422),
        ("/models/yes_no/explain", json!({ "rows": rows[..1], "clas": "yes" }), 400),
        ("/models/v1/explain", json!({ "rows": rows[..1] }), 404),
        ("/models/yes_no/surprise", json!({ "rows": rows[..1] }), 404),
        ("/models/v1/surprise", json!({ "rows": rows[..1], "n_reasons": 101 }), 422),
    ] {
        let reply = client.post(path, &body);
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text());
    }
}

#[test]
fn tables_come_as_csv_and_json_lines_too() {
    let running = serve(&["yes_no"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let lines = (0..9).map(|i| format!("{}\n", row(i))).collect::<String>();
    let of_lines = client.post_as("/models/yes_no/predict", "application/x-ndjson", lines.as_bytes());
    assert_eq!(of_lines.status, 200, "{}", of_lines.text());
    let wanted = probabilities("yes_no", &(0..9).map(row).collect::<Vec<_>>());
    assert_eq!(bits(&told_probabilities(&of_lines)), bits(&wanted));
    let csv = "size,count,colour\n3.5,2,red\n,4,blue\n";
    let of_csv = client.post_as("/models/yes_no/predict", "text/csv; charset=utf-8", csv.as_bytes());
    assert_eq!(of_csv.status, 200, "{}", of_csv.text());
    let rows = [json!({"size": 3.5, "count": 2, "colour": "red"}), json!({"count": 4, "colour": "blue"})];
    assert_eq!(bits(&told_probabilities(&of_csv)), bits(&probabilities("yes_no", &rows)));
    assert_eq!(of_csv.json()["columns"]["missing_columns"], json!(["is_new"]));
    let at = |query: &str| {
        let reply = Client::to(running.address).post_as(
            &format!("/models/yes_no/predict?{query}"),
            "text/csv",
            b"size,count\nword,2\n",
        );
        (reply.status, reply.json())
    };
    assert_eq!(at("").0, 422);
    let classes = FILES.predictor("yes_no").target().classes().to_vec();
    let (status, document) = at("errors=missing&threshold=0.0");
    assert_eq!((status, &document["predictions"][0]["class"]), (200, &json!(classes[1])));
    assert_eq!((at("errors=some").0, at("errors=missing&treshold=1").0), (400, 400));
}

#[test]
fn what_there_is_to_say_of_rows_is_said() {
    let running = serve(&["yes_no"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let mut odd = row(1);
    odd["colour"] = json!("octarine");
    odd["size"] = json!(1e9);
    odd["shoe"] = json!(43);
    let document = client.post("/models/yes_no/predict", &json!({ "rows": [row(0), odd] })).json();
    assert_eq!(document["guardrails"]["colour"]["unseen"], 1);
    assert_eq!(document["guardrails"]["size"]["error"], 1);
    assert_eq!(document["predictions"][0].get("guardrails"), None);
    assert_eq!(document["predictions"][1]["guardrails"].as_array().unwrap().len(), 2);
    assert_eq!(document["columns"]["ignored_columns"][0]["name"], "shoe");
    assert_eq!(document["unseen"][0]["name"], "colour");
    let metrics = client.get("/metrics").text();
    assert!(metrics.contains("tabgraft_unseen_cells_total{model=\"yes_no\"} 1\n"), "{metrics}");
    assert!(metrics.contains("tabgraft_rows_total{model=\"yes_no\"} 2\n"), "{metrics}");

    let mut wrong = row(1);
    wrong["size"] = json!("huge");
    let reply = client.post("/models/yes_no/predict", &json!({ "rows": [row(0), wrong] }));
    assert_eq!(reply.status, 422);
    let error = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("`size`") && error.contains("row 1") && error.contains("`huge`"), "{error}");
    let reply =
        client.post("/models/yes_no/predict", &json!({ "rows": [row(0), wrong], "errors": "missing" }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["unreadable"][0]["n_unreadable"], 1);
}

/// Each of many clients sends rows of its own, at the same time, to have them computed together: each gets what it gets
/// alone.
#[test]
fn rows_that_are_computed_together_keep_their_bits_and_their_errors() {
    let running = serve(&["yes_no"], ServeOptions::default());
    let address = running.address;
    let threads: Vec<_> = (0..24)
        .map(|i| {
            thread::spawn(move || {
                let mut client = Client::to(address);
                for round in 0..12 {
                    let first = (i * 31 + round * 7) % N_ROWS;
                    let rows: Vec<Value> = (first..first + 1 + i % 3).map(row).collect();
                    if (i + round) % 5 == 0 {
                        let mut wrong = rows.clone();
                        wrong[0]["count"] = json!(format!("word {i}"));
                        let reply = client.post("/models/yes_no/predict", &json!({ "rows": wrong }));
                        assert_eq!(reply.status, 422);
                        assert!(reply.text().contains(&format!("word {i}")), "{}", reply.text());
                        continue;
                    }
                    let reply = client.post("/models/yes_no/predict", &json!({ "rows": rows }));
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    assert_eq!(bits(&told_probabilities(&reply)), bits(&probabilities("yes_no", &rows)));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let metrics = Client::to(address).get("/metrics").text();
    let figure = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let batches = metrics.lines().find(|line| line.starts_with("tabgraft_batch_rows_count")).unwrap();
    let n_batches: f64 = batches.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(n_batches < figure("tabgraft_batched_requests_total"), "none were computed together");
}

/// A tensor of JSON.
fn tensor(name: &str, datatype: &str, data: Value) -> Value {
    json!({ "name": name, "datatype": datatype, "shape": [data.as_array().unwrap().len()], "data": data })
}

#[test]
fn the_open_inference_protocol_gives_the_same_answers() {
    let running = serve(&["yes_no", "v1"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let server = client.get("/v2").json();
    assert_eq!(server["models"], json!(["yes_no", "v1"]));
    let model = client.get("/v2/models/yes_no").json();
    let inputs: Vec<&str> =
        model["inputs"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["size", "count", "colour", "is_new"]);
    assert_eq!(model["inputs"][0]["datatype"], "FP64");
    let id = model["versions"][0].as_str().unwrap().to_owned();

    let inputs = json!([
        tensor("size", "FP64", json!([1.5, null, 80.0])),
        tensor("count", "INT64", json!([3, 4, null])),
        tensor("colour", "BYTES", json!(["red", "", "plaid"])),
        tensor("is_new", "BOOL", json!([true, false, null])),
    ]);
    let rows = [
        json!({"size": 1.5, "count": 3, "colour": "red", "is_new": true}),
        json!({"size": null, "count": 4, "colour": null, "is_new": false}),
        json!({"size": 80.0, "count": null, "colour": "plaid", "is_new": null}),
    ];
    for path in [
        "/v2/models/yes_no/infer".to_owned(),
        format!("/v2/models/yes_no/versions/{}/infer", &id[..8]),
        "/v2/models/yes_no/versions/yes_no/infer".to_owned(),
    ] {
        let reply = client.post(&path, &json!({ "id": "7", "inputs": inputs }));
        assert_eq!(reply.status, 200, "{}", reply.text());
        let document = reply.json();
        assert_eq!((&document["id"], &document["model_version"]), (&json!("7"), &json!(id)));
        let output = |name: &str| {
            let found = document["outputs"].as_array().unwrap().iter().find(|o| o["name"] == name);
            found.unwrap_or_else(|| panic!("no {name} in {document}")).clone()
        };
        let p = output("probabilities");
        assert_eq!((&p["shape"], &p["datatype"]), (&json!([3, 2]), &json!("FP64")));
        let told: Vec<f64> = p["data"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_eq!(bits(&told), bits(&probabilities("yes_no", &rows)));
        assert_eq!(output("missing")["data"].as_array().unwrap().iter().filter(|m| **m == true).count(), 4);
        let unseen = output("unseen")["data"].clone();
        assert_eq!(unseen.as_array().unwrap().iter().position(|m| *m == true), Some(2 * 4 + 2));
    }

    // As bytes, in and out.
    let text = |texts: &[&str]| -> Vec<u8> {
        texts.iter().flat_map(|t| [&(t.len() as u32).to_le_bytes()[..], t.as_bytes()].concat()).collect()
    };
    let parts: [(&str, &str, Vec<u8>); 3] = [
        ("size", "FP32", [1.5f32, f32::NAN, 80.0].map(f32::to_le_bytes).concat()),
        ("colour", "BYTES", text(&["red", "", "plaid"])),
        ("count", "INT16", [3i16, 4, 5].map(i16::to_le_bytes).concat()),
    ];
    let inputs: Vec<Value> = parts
        .iter()
        .map(|(name, datatype, bytes)| {
            json!({ "name": name, "datatype": datatype, "shape": [3, 1],
                    "parameters": { "binary_data_size": bytes.len() } })
        })
        .collect();
    let head =
        json!({ "inputs": inputs, "outputs": [{ "name": "z", "parameters": { "binary_data": true } }] });
    let mut body = head.to_string().into_bytes();
    let n_head = body.len().to_string();
    parts.iter().for_each(|(.., bytes)| body.extend(bytes));
    let headers = [("inference-header-content-length", n_head.as_str())];
    let reply = client.ask("POST", "/v2/models/v1/infer", &headers, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let n_json: usize = reply.header("inference-header-content-length").unwrap().parse().unwrap();
    let document: Value = serde_json::from_slice(&reply.body[..n_json]).unwrap();
    assert_eq!(document["outputs"][0]["shape"], json!([3, 16]));
    let z: Vec<f32> =
        reply.body[n_json..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let rows = [
        json!({"size": 1.5, "count": 3, "colour": "red"}),
        json!({"count": 4}),
        json!({"size": 80.0, "count": 5, "colour": "plaid"}),
    ];
    assert_eq!(z, vectors("v1", &rows));
}

#[test]
fn tensors_that_contradict_themselves_are_named() {
    let running = serve(&["v1"], ServeOptions::default());
    let mut client = Client::to(running.address);
    for (inputs, status, said) in [
        (json!([]), 400, "no inputs"),
        (json!([tensor("size", "FP64", json!([1, "x"]))]), 400, "`size`: row 1 is no FP64"),
        (json!([tensor("size", "INT8", json!([1, 300]))]), 400, "`size`: row 1 is no INT8"),
        (json!([tensor("size", "FP16", json!([1]))]), 400, "FP16"),
        (json!([tensor("colour", "BYTES", json!([1]))]), 400, "`colour`: row 0 is no BYTES"),
        (json!([tensor("size", "FP64", json!([1])), tensor("count", "FP64", json!([1, 2]))]), 400, "2 rows"),
        (json!([tensor("size", "FP64", json!([1])), tensor("size", "FP64", json!([1]))]), 400, "twice"),
        (json!([{"name": "size", "datatype": "FP64", "shape": [1, 2], "data": [1, 2]}]), 400, "shape"),
        (
            json!([{"name": "size", "datatype": "FP64", "shape": [4_000_000_000_u64], "data": [1]}]),
            413,
            "rows",
        ),
        (json!([{"name": "size", "datatype": "FP64", "shape": [2]}]), 400, "no `data`"),
        (
            json!([{"name": "size", "datatype": "FP64", "shape": [2], "parameters": {"binary_data_size": 16}}]),
            400,
            "16 bytes",
        ),
        (json!([tensor("shoe", "FP64", json!([1]))]), 422, "size"),
    ] {
        let reply = client.post("/v2/models/v1/infer", &json!({ "inputs": inputs }));
        assert_eq!((reply.status, reply.text().contains(said)), (status, true), "{inputs}: {}", reply.text());
    }
    let reply = client.post(
        "/v2/models/v1/infer",
        &json!({ "inputs": [tensor("size", "FP64", json!([1]))], "outputs": [{"name": "y"}] }),
    );
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("`z`"), "{}", reply.text());
}

#[test]
fn every_route_is_described_and_answers() {
    let indices = vec![FILES.path("index")];
    let options = ServeOptions { indices, watch: Some(100), ..ServeOptions::default() };
    let running = serve(&["v1", "yes_no"], options);
    let mut client = Client::to(running.address);
    let document = client.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 25, "{paths:?}");
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let model = if path.ends_with("predict") || path.ends_with("explain") { "yes_no" } else { "v1" };
            let address = path.replace("{model}", model).replace("{version}", model);
            let names: Vec<&str> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            assert_eq!(names.len(), path.matches('{').count(), "{path}");
            let reply = match method.as_str() {
                "get" => client.get(&address),
                _ if path.starts_with("/page/") => {
                    client.post_as(&address, "application/x-www-form-urlencoded", b"c:size=3")
                }
                _ if path.ends_with("infer") => {
                    let inputs = json!([tensor("size", "FP64", json!([1]))]);
                    client.post(&address, &json!({ "inputs": inputs }))
                }
                _ => client.post(&address, &json!({ "rows": [row(0)] })),
            };
            assert_eq!(reply.status, 200, "{method} {address}: {}", reply.text());
            let content = operation["responses"]["200"]["content"].as_object().unwrap();
            let content_type = reply.header("content-type").unwrap().split(';').next().unwrap();
            let schema = &content[content_type]["schema"];
            if content_type != "application/json" {
                continue;
            }
            // What is answered is what is described, and all of it.
            let answer = reply.json();
            for required in schema["required"].as_array().unwrap_or(&Vec::new()) {
                assert!(answer.get(required.as_str().unwrap()).is_some(), "{path} lacks {required}");
            }
            if let Some(properties) = schema["properties"].as_object() {
                for name in answer.as_object().unwrap().keys() {
                    assert!(properties.contains_key(name), "{path} does not describe `{name}`");
                }
            }
            let other = if method == "get" { "POST" } else { "GET" };
            if methods.get(other.to_ascii_lowercase()).is_none() {
                assert_eq!(client.ask(other, &address, &[], b"").status, 405, "{other} {address}");
            }
        }
    }
    assert_eq!(client.get("/v3").status, 404);
}

/// What comes through no socket is answered as what comes through one.
#[test]
fn a_handler_answers_as_a_server_does() {
    let running = serve(&["yes_no", "v1"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let options = ServeOptions {
        models: vec![served("yes_no"), served("v1")],
        indices: Vec::new(),
        ..ServeOptions::default()
    };
    let handler = Handler::open(options, Arc::new(|_| {})).unwrap();
    let rows = json!({ "rows": (0..40).map(row).collect::<Vec<_>>() }).to_string();
    for (address, body) in [
        ("/models/yes_no/predict", rows.as_str()),
        ("/models/v1/embed", &rows),
        ("/models/nobody/embed", &rows),
        ("/models/v1/embed?errors=nonsense", "{"),
        ("/nothing", ""),
    ] {
        let headers = [("content-type", "application/json")];
        let reply = client.ask("POST", address, &headers, body.as_bytes());
        let handled = handler.answer("POST", address, &headers, body.as_bytes()).unwrap();
        assert_eq!((handled.status, handled.body), (reply.status, reply.text().into_bytes()), "{address}");
    }
    assert_eq!(handler.answer("GET", "/v2/health/ready", &[], b"").unwrap().status, 200);
    // A page of a stranger that leads here is told so, and what is no request of HTTP is an error.
    assert_eq!(handler.answer("GET", "/v2", &[("host", "evil.example")], b"").unwrap().status, 421);
    assert!(handler.answer("GET", "/v2 2", &[], b"").unwrap_err().is_option());
}
