//! Drift of the last requests: what has changed is named, at an address and on the page; no cell is told, and little
//! is kept.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tabgraft_model::Registry;
use tabgraft_serve::{Event, Handler, ServeOptions, ServedModel, Server};

use crate::client::Client;
use crate::models::{FILES, N_ROWS, row, serve, served, start};

fn watching(rows: usize) -> ServeOptions {
    ServeOptions { watch: Some(rows), ..ServeOptions::default() }
}

/// What is told of a model when so many rows have been looked at: rows are coded behind the answers, and a verdict stands
/// for a moment.
fn drift_of(client: &mut Client, model: &str, n_rows: u64) -> Value {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let reply = client.get(&format!("/models/{model}/drift"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        let told = reply.json();
        if told["found"]["n_rows"].as_u64().unwrap_or(0) == n_rows {
            return told;
        }
        assert!(Instant::now() < until, "{told}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn shifted(i: usize) -> Value {
    let mut row = row(i);
    row["size"] = json!(5000.0 + i as f64);
    row["colour"] = json!("a secret colour");
    row
}

fn has(told: &Value, column: &str, what: &str) -> bool {
    let changes = told["found"]["changes"].as_array().unwrap();
    changes.iter().any(|change| change["column"] == column && change["what"] == what)
}

#[test]
fn what_has_changed_among_the_last_requests_is_named_and_no_cell_is_told() {
    let running = serve(&["yes_no", "how_much", "v1"], watching(N_ROWS));
    let mut client = Client::to(running.address);
    let told = client.get("/models/yes_no/drift").json();
    assert_eq!((&told["found"], &told["verdict"]), (&Value::Null, &json!("no row was answered yet")));
    assert!(client.get("/page/yes_no").text().contains("No row was answered yet"));
    // In requests of any size, by any question.
    let (mut first, mut sizes) = (0, [1, 1, 7, 90].into_iter().cycle());
    while first < N_ROWS {
        let n = sizes.next().unwrap().min(N_ROWS - first);
        let rows: Vec<Value> = (first..first + n).map(row).collect();
        let question = if n == 7 { "explain" } else { "predict" };
        let reply = client.post(&format!("/models/yes_no/{question}"), &json!({ "rows": rows }));
        assert_eq!(reply.status, 200, "{}", reply.text());
        first += n;
    }
    let told = drift_of(&mut client, "yes_no", N_ROWS as u64);
    assert_eq!((&told["found"]["changed"], &told["n_rows_answered"]), (&json!(false), &json!(N_ROWS)));
    assert_eq!((&told["n_rows_passed_over"], &told["most_rows"]), (&json!(0), &json!(N_ROWS)));
    assert_eq!(told["version"], FILES.predictor("yes_no").id().as_str());
    // Its space is served: it tells whether columns still go together.
    assert_eq!(told["hidden_cells_by"], "v1");
    assert!(told["found"]["n_rows_hidden"].as_u64().unwrap() > 0);
    // A row that is tried on the page is no request of a client.
    let form = "application/x-www-form-urlencoded";
    assert_eq!(client.post_as("/page/yes_no", form, b"c:size=99999").status, 200);
    let rows: Vec<Value> = (0..N_ROWS).map(shifted).collect();
    assert_eq!(client.post("/models/yes_no/predict", &json!({ "rows": rows })).status, 200);
    // The last rows alone are looked at.
    let until = Instant::now() + Duration::from_secs(60);
    let told = loop {
        let told = drift_of(&mut client, "yes_no", N_ROWS as u64);
        if told["found"]["changed"] == true {
            break told;
        }
        assert!(Instant::now() < until, "{told}");
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(told["n_rows_answered"], json!(2 * N_ROWS));
    assert!(has(&told, "size", "values") && has(&told, "colour", "unseen"), "{}", told["found"]["changes"]);
    assert!(!has(&told, "count", "values"), "{}", told["found"]["changes"]);
    let page = client.get("/page/yes_no").text();
    for shown in
        ["Drift of the last requests", "have changed", "<th scope=\"row\">size</th><td>values", "PSI"]
    {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    // Another model was asked nothing.
    assert_eq!(client.get("/models/how_much/drift").json()["found"], Value::Null);
    for text in [told.to_string(), page, format!("{:?}", running.told.lock().unwrap())] {
        assert!(!text.contains("secret") && !text.contains("99999"), "{text}");
    }
}

#[test]
fn another_current_version_begins_anew_and_others_are_not_watched() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::create(dir.path()).unwrap();
    for name in ["v1", "v2"] {
        registry.add(&FILES.path(name), "").unwrap();
    }
    registry.promote("v1", "").unwrap();
    let models = vec![ServedModel { name: "space".into(), path: dir.path().to_owned() }];
    let running = start(ServeOptions { models, ..watching(200) });
    let mut client = Client::to(running.address);
    let rows: Vec<Value> = (0..300).map(shifted).collect();
    assert_eq!(client.post("/models/space/embed", &json!({ "rows": rows })).status, 200);
    // Of a table that is longer its end.
    let told = drift_of(&mut client, "space", 200);
    assert_eq!((&told["n_rows_answered"], &told["found"]["changed"]), (&json!(300), &json!(true)));
    assert_eq!(client.post("/models/space/versions/v2/embed", &json!({ "rows": rows })).status, 200);
    assert_eq!(client.get("/models/space/drift").json()["n_rows_answered"], json!(300));
    registry.promote("v2", "").unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let is_second =
        |event: &Event| matches!(event, Event::Serving { before: Some(_), name, .. } if name == "v2");
    while !running.told.lock().unwrap().iter().any(is_second) {
        assert!(Instant::now() < until, "v2 is not served");
        thread::sleep(Duration::from_millis(20));
    }
    let told = client.get("/models/space/drift").json();
    assert_eq!((&told["name"], &told["found"]), (&json!("v2"), &Value::Null));
    let rows: Vec<Value> = (0..60).map(row).collect();
    assert_eq!(client.post("/models/space/embed", &json!({ "rows": rows })).status, 200);
    let told = drift_of(&mut client, "space", 60);
    // The late column is not among what is sent.
    assert!(has(&told, "late", "missing"), "{told}");
    assert_eq!(told["found"]["report"]["missing_columns"], json!(["late"]));
}

#[test]
fn without_the_option_nothing_is_remembered_and_one_out_of_range_is_refused() {
    let running = serve(&["v1"], ServeOptions::default());
    let mut client = Client::to(running.address);
    let reply = client.get("/models/v1/drift");
    assert_eq!((reply.status, reply.text().contains("--watch")), (404, true), "{}", reply.text());
    assert!(!client.get("/page/v1").text().contains("Drift"));
    for rows in [0, 19, 1_000_001] {
        let options = ServeOptions { models: vec![served("v1")], ..watching(rows) };
        let error = Handler::open(options.clone(), std::sync::Arc::new(|_| {})).err().unwrap();
        assert!(error.is_option() && error.to_string().contains(&format!("`watch` is {rows}")), "{error}");
        assert!(Server::start(options, std::sync::Arc::new(|_| {})).is_err());
    }
}
