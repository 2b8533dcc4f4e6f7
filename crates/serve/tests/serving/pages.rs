//! The page for a person: what it shows, and that a stranger's names stay text.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::predictor::Effort;
use tabgraft_model::train::quiet;
use tabgraft_model::{EmbeddingSpace, FitOptions, Predictor, PredictorOptions, Registry};
use tabgraft_serve::{ServeOptions, ServedModel};
use tabgraft_table::Table;

use crate::client::{Client, Reply};
use crate::models::{FILES, serve, start};

const FORM: &str = "application/x-www-form-urlencoded";

/// What every page has to be: safe to open, and whole.
fn page(reply: &Reply) -> String {
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    let text = reply.text();
    for never in ["<script", "javascript:", "http://", "https://", " style=", "onload=", "onclick="] {
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains(never), "{never} in {text}");
    }
    assert!(text.trim_end().ends_with("</html>"), "{text}");
    text
}

/// The class that a page says is predicted.
fn class_of(text: &str) -> String {
    text.split("<h3>outcome: ").nth(1).unwrap().split("</h3>").next().unwrap().to_owned()
}

#[test]
fn a_row_is_tried_by_its_cells_or_pasted() {
    let options = ServeOptions { indices: vec![FILES.path("index")], ..ServeOptions::default() };
    let running = serve(&["yes_no", "how_much", "v1"], options);
    let mut client = Client::to(running.address);
    let text = page(&client.get("/"));
    for name in ["yes_no", "how_much", "v1"] {
        assert!(text.contains(&format!("<a href=\"/page/{name}\">{name}</a>")), "{name} in {text}");
    }
    assert_eq!(client.get("/style.css").header("content-type"), Some("text/css; charset=utf-8"));
    let text = page(&client.get("/page/yes_no"));
    for shown in ["A predictor of outcome", "ROC AUC", "<svg", "numeric", "<option>red</option>", "Left out"]
    {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    // By cells.
    let text = page(&client.post_as("/page/yes_no", FORM, b"c:size=3.5&c:colour=octarine&c:count="));
    for shown in [
        "outcome: ",
        "Confidence",
        "probability",
        "is unlike the training rows: unseen",
        "Missing: ",
        "Nearest rows",
        "row ",
    ] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    // What each column gave, as text beside its bar; unseen and missing cells among them.
    let reasons = |text: &str| -> Vec<(String, String, f64)> {
        let table = text.split("<table class=\"reasons\">").nth(1).unwrap().split("</table>").next().unwrap();
        let rows = table.split("<tr><th scope=\"row\">").skip(1);
        let within = |row: &str, from: &str, to: &str| {
            row.split(from).nth(1).unwrap().split(to).next().unwrap().to_owned()
        };
        rows.map(|row| {
            let number = within(row, "<td class=\"number\">", "</td>");
            let column = row.split("</th>").next().unwrap().replace("<wbr>", "");
            (column, within(row, "<td>", "</td>"), number.parse().unwrap())
        })
        .collect()
    };
    let found = reasons(&text);
    assert_eq!(found.len(), 4);
    assert!(found.windows(2).all(|pair| pair[0].2.abs() >= pair[1].2.abs()), "{found:?}");
    let cell = |column: &str| &found.iter().find(|(name, ..)| name == column).unwrap().1;
    assert_eq!((cell("colour").as_str(), cell("size").as_str()), ("octarine", "3.5"));
    assert!(cell("count").contains("(missing)"), "{found:?}");
    let document = client.post(
        "/models/yes_no/explain",
        &serde_json::json!({"rows": [{"size": 3.5, "colour": "octarine"}], "class": class_of(&text)}),
    );
    let document = document.json();
    for (reason, (column, _, gave)) in document["rows"][0]["reasons"].as_array().unwrap().iter().zip(&found) {
        assert_eq!(reason["column"], column.as_str());
        assert!((reason["contribution"][0].as_f64().unwrap() - gave).abs() < 1e-3, "{reason}");
    }
    let sum = format!("they sum to {:.4}", document["rows"][0]["prediction"][0].as_f64().unwrap());
    assert!(text.contains(&sum) && text.contains("0.69 doubles the odds"), "{sum} in {text}");
    assert!(!client.get("/page/v1").text().contains("class=\"reasons\""));
    // As JSON, and as CSV; the same row has the same answer.
    let title = |text: &str| text.split("<h3>").nth(1).unwrap().split("</h3>").next().unwrap().to_owned();
    let of_json =
        page(&client.post_as("/page/how_much", FORM, b"pasted=%7B%22size%22%3A+3.5%2C%22count%22%3A2%7D"));
    let of_csv = page(&client.post_as("/page/how_much", FORM, b"pasted=size%2Ccount%0D%0A3.5%2C2"));
    let of_cells = page(&client.post_as("/page/how_much", FORM, b"c:size=3.5&c:count=2"));
    assert!(title(&of_json).starts_with("amount: "), "{of_json}");
    assert_eq!(title(&of_json), title(&of_csv));
    assert_eq!(title(&of_json), title(&of_cells));
    assert!(of_json.contains("intervals cover the truth"), "{of_json}");
    assert!(of_json.contains("<strong>amount</strong>, in its unit"), "{of_json}");
    // What cannot be answered is told on the page.
    for (body, said) in [
        ("c:size=huge", "is not a number"),
        ("", "no row has a column"),
        ("pasted=%7B", "the body is not as it should be"),
        ("pasted=size%0A1%0A2", "at most 1"),
    ] {
        let text = page(&client.post_as("/page/yes_no", FORM, body.as_bytes()));
        assert!(text.contains("No answer") && text.contains(said), "{body}: {text}");
    }
    let reply = client.get("/page/nothing");
    assert_eq!(reply.status, 404);
    assert!(page(&reply).contains("no model is called"));
    assert_eq!(client.post_as("/page/yes_no", "text/plain", b"c:size=1").status, 415);
}

#[test]
fn versions_of_a_registry_can_be_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::create(dir.path()).unwrap();
    for name in ["v1", "v2", "yes_no"] {
        registry.add(&FILES.path(name), "").unwrap();
    }
    registry.promote("v1", "to <begin> with").unwrap();
    let models = vec![ServedModel { name: "risk".into(), path: dir.path().to_owned() }];
    let running = start(ServeOptions { models, ..ServeOptions::default() });
    let mut client = Client::to(running.address);
    let text = page(&client.get("/page/risk"));
    assert!(text.contains("to &lt;begin&gt; with"), "{text}");
    // Each class of the drawing has its colour, light and dark, from the page's style.
    let style = client.get("/style.css").text();
    for class in ["ink", "dim", "paper", "space", "predictor", "line", "space-edge", "predictor-edge"] {
        assert!(
            text.contains(class) && style.contains(&format!(".lineage .{class} {{")),
            "{class} in {style}"
        );
        assert_eq!(style.matches(&format!("--{class}: ")).count(), 2, "{class} in {style}");
    }
    for name in ["v1", "v2", "yes_no"] {
        let id = registry.find(name).unwrap().id;
        let address = format!("/page/risk/versions/{}", id.as_str());
        // In the drawing and in the list.
        assert_eq!(text.matches(&format!("href=\"{address}\"")).count(), 2, "{name} in {text}");
        let of_version = page(&client.get(&address));
        assert_eq!(of_version.contains("which is not the current one"), name != "v1", "{of_version}");
    }
}

#[test]
fn names_and_levels_of_a_stranger_stay_text() {
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}";
    let level = |i: usize| format!("<b onclick=alert({})>{evil}", i % 3);
    let table = Table::from_columns([
        (evil, Arc::new(Float64Array::from_iter_values((0..90).map(|i| f64::from(i * 7 % 31)))) as ArrayRef),
        ("<i>level</i>", Arc::new(StringArray::from_iter_values((0..90).map(level)))),
        ("</textarea>constant", Arc::new(StringArray::from(vec![evil; 90]))),
        ("<b class>", Arc::new(StringArray::from_iter_values((0..90).map(|i| format!("<i>{}", i * 11 % 2))))),
    ])
    .unwrap();
    let mut options = FitOptions { name: format!("<u>{evil}"), ..FitOptions::default() };
    options.config.d_model = 8;
    options.infer.ignore = vec!["<b class>".to_owned()];
    let space = EmbeddingSpace::untrained(&table, None, &options, &mut quiet).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("evil.tabgraft");
    space.save(&path).unwrap();
    let quick = PredictorOptions { effort: Effort::Quick, n_epochs: 1, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space, &table, "<b class>", &quick, &mut quiet).unwrap();
    predictor.save(&dir.path().join("guess.tabgraft")).unwrap();
    let guess = ServedModel { name: "guess".into(), path: dir.path().join("guess.tabgraft") };
    let models = vec![ServedModel { name: "evil".into(), path }, guess];
    let running = start(ServeOptions { models, watch: Some(50), ..ServeOptions::default() });
    let mut client = Client::to(running.address);
    let safe = |text: &str| {
        for never in ["<script", "<img", "<b ", "<i>", "<u>", "</textarea>constant"] {
            assert!(!text.contains(never), "{never} in {text}");
        }
        assert!(text.contains("&lt;script&gt;") || text.contains("&lt;script>"), "{text}");
    };
    safe(&client.get("/page/evil").text());
    let mut written = String::from("c:%3Ci%3Elevel%3C%2Fi%3E=%3Cscript%3E&c:unknown%3Cscript%3E=1&pasted=");
    safe(&client.post_as("/page/evil", FORM, written.as_bytes()).text());
    written += "%3C%2Ftextarea%3E%3Cscript%3E";
    safe(&client.post_as("/page/evil", FORM, written.as_bytes()).text());
    // Reasons and drift name columns, cells and classes.
    let rows = serde_json::json!({ "rows": [{ evil: 3, "<i>level</i>": level(1) }] });
    assert_eq!(client.post("/models/guess/predict", &rows).status, 200);
    let cell = b"c:%3Ci%3Elevel%3C%2Fi%3E=%3Cscript%3E";
    let answer = client.post_as("/page/guess", FORM, cell).text();
    assert!(answer.contains("<table class=\"reasons\">") && answer.contains("Drift of the last"), "{answer}");
    safe(&answer);
    safe(&client.get("/").text().replace("models", "&lt;script&gt;"));
}
