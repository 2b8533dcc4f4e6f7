//! Drift of the last requests: what has changed is named, at an address and on the page; no cell is told, and little
//! is kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Float64Array};
use serde_json::{Value, json};
use tabgraft_model::train::{TrainingOptions, quiet};
use tabgraft_model::{EmbeddingSpace, FitOptions, Registry};
use tabgraft_serve::{Event, Handler, ServeOptions, ServedModel, Server};
use tabgraft_table::Table;

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
    assert!(!client.get("/metrics").text().contains("tabgraft_drift"));
    for rows in [0, 19, 1_000_001] {
        let options = ServeOptions { models: vec![served("v1")], ..watching(rows) };
        let error = Handler::open(options.clone(), Arc::new(|_| {})).err().unwrap();
        assert!(error.is_option() && error.to_string().contains(&format!("`watch` is {rows}")), "{error}");
        assert!(Server::start(options, Arc::new(|_| {})).is_err());
    }
}

type Labels = Vec<(String, String)>;

/// The lines of a text of Prometheus: name, labels, value.
fn gauges(text: &str) -> Vec<(String, Labels, f64)> {
    let told = text.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Vec<_> =
        told.map(|line| gauge(line).unwrap_or_else(|| panic!("{line:?} is no gauge"))).collect();
    let different: HashSet<_> = all.iter().map(|(name, labels, _)| (name, labels)).collect();
    assert_eq!(different.len(), all.len(), "a line is there twice in {text}");
    all
}

fn gauge(line: &str) -> Option<(String, Labels, f64)> {
    let at = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(at);
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let mut labels = Vec::new();
    while let Some(label) = rest.strip_prefix(['{', ',']).filter(|rest| !rest.starts_with('}')) {
        let (key, quoted) = label.split_once("=\"")?;
        let (mut value, mut end, mut chars) = (String::new(), None, quoted.char_indices());
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    end = Some(i);
                    break;
                }
                '\\' => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    escaped @ ('"' | '\\') => escaped,
                    _ => return None,
                }),
                c => value.push(c),
            }
        }
        labels.push((is_name(key).then(|| key.to_owned())?, value));
        rest = &quoted[end? + 1..];
    }
    let rest = rest.strip_prefix("{}").or(rest.strip_prefix('}')).unwrap_or(rest);
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    is_name(name).then(|| (name.to_owned(), labels, value))
}

#[test]
fn prometheus_reads_the_verdict_and_so_many_columns_whatever_their_names_are() {
    let hostile = [
        "a\"} 1\ntabgraft_drift_changed{model=\"other\"} 1",
        "ends in \\",
        "\\n\",column=\"size",
        "\r\n# TYPE tabgraft_drift_psi counter",
        "{} \u{2028}\u{1f600}",
    ];
    let plain: Vec<String> = (0..120).map(|i| format!("c{i}")).collect();
    let names: Vec<&str> = hostile.iter().copied().chain(plain.iter().map(String::as_str)).collect();
    let cell = |row: usize, column: usize| ((row * 7919 + column * 104_729) % 1009) as f64;
    let columns = names.iter().enumerate().map(|(c, name)| {
        let cells = Float64Array::from_iter_values((0..300).map(|row| cell(row, c)));
        (*name, Arc::new(cells) as ArrayRef)
    });
    let table = Table::from_columns(columns).unwrap();
    let mut options = FitOptions { name: "evil".into(), ..FitOptions::default() };
    options.config.training = TrainingOptions::of_epochs(1);
    options.config.d_model = 8;
    let space = EmbeddingSpace::fit(&table, None, &options, &mut quiet).unwrap();
    assert_eq!(space.columns().len(), names.len());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("evil.tabgraft");
    space.save(&path).unwrap();
    let models = vec![ServedModel { name: "evil".into(), path }, served("v1")];
    let running = start(ServeOptions { models, ..watching(300) });
    let mut client = Client::to(running.address);
    let shift = |column: usize| if column < hostile.len() { 5000.0 } else { 0.0 };
    let row = |row: usize| -> Value {
        names
            .iter()
            .enumerate()
            .map(|(c, name)| ((*name).to_owned(), json!(cell(row, c) + shift(c))))
            .collect()
    };
    let rows: Vec<Value> = (0..300).map(row).collect();
    assert_eq!(client.post("/models/evil/embed", &json!({ "rows": rows })).status, 200);
    let until = Instant::now() + Duration::from_secs(60);
    let of = |found: &[(String, Labels, f64)], name: &str, model: &str| {
        let is_one = |l: &Labels| l.iter().any(|(key, value)| key == "model" && value == model);
        let found = found.iter().filter(|(other, labels, _)| other == name && is_one(labels));
        found.cloned().map(|(_, labels, value)| (labels, value)).collect::<Vec<_>>()
    };
    // A scrape tells what was found before it, and asks for more.
    let found = loop {
        let found = gauges(&client.get("/metrics").text());
        if of(&found, "tabgraft_drift_rows", "evil").first().is_some_and(|(_, n)| *n == 300.0) {
            break found;
        }
        assert!(Instant::now() < until, "{found:?}");
        thread::sleep(Duration::from_millis(20));
    };
    for (name, wanted) in [
        ("tabgraft_drift_changed", 1.0),
        ("tabgraft_drift_columns", names.len() as f64),
        ("tabgraft_drift_changed_columns", hostile.len() as f64),
        ("tabgraft_drift_passed_over_rows", 0.0),
    ] {
        let told = of(&found, name, "evil");
        assert_eq!(told, [(vec![("model".to_owned(), "evil".to_owned())], wanted)], "{name}");
    }
    let changed = of(&found, "tabgraft_drift_column_changed", "evil");
    assert_eq!(changed.len(), 100, "so many columns have lines, of {}", names.len());
    let named: HashSet<&str> =
        changed.iter().filter(|(_, is_so)| *is_so == 1.0).map(|(labels, _)| labels[1].1.as_str()).collect();
    assert_eq!(named, HashSet::from(hostile));
    let psi = of(&found, "tabgraft_drift_psi", "evil");
    assert_eq!(psi.len(), 100);
    assert!(psi.iter().all(|(labels, psi)| hostile.contains(&labels[1].1.as_str()) == (*psi > 1.0)));
    // A model that answered no row has no verdict.
    assert!(of(&found, "tabgraft_drift_changed", "v1").is_empty());
    assert_eq!(of(&found, "tabgraft_drift_passed_over_rows", "v1").len(), 1);
}
